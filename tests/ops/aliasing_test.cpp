#include <catch.hpp>
#include <numeric>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/ops/activation.hpp>
#include <trimtab/ops/add.hpp>
#include <trimtab/ops/batch_matmul.hpp>
#include <trimtab/ops/batch_norm.hpp>
#include <trimtab/ops/broadcast.hpp>
#include <trimtab/ops/concat.hpp>
#include <trimtab/ops/conv2d.hpp>
#include <trimtab/ops/conv_transpose2d.hpp>
#include <trimtab/ops/depthwise_conv2d.hpp>
#include <trimtab/ops/fake_quantize.hpp>
#include <trimtab/ops/linear.hpp>
#include <trimtab/ops/normalize.hpp>
#include <trimtab/ops/pool.hpp>
#include <trimtab/ops/quantize.hpp>
#include <trimtab/ops/reduce.hpp>
#include <trimtab/ops/softmax.hpp>
#include <vector>

using namespace trimtab;

namespace {

/// 0, 1, 2, ... in memory, seen as tensors.
struct Memory {
  std::vector<float> values = std::vector<float>(64);
  Memory() { std::iota(values.begin(), values.end(), 1.0F); }
  TensorView<float> at(std::size_t first, const Extents& extent) { return {values.data() + first, extent}; }
};

}  // namespace

TEST_CASE("aliasing: ranges of memory, gaps and negative strides included", "[ops]") {
  std::vector<float> v(32);
  const TensorView<float> low(v.data(), {8}), high(v.data() + 8, {8}), backward(v.data() + 8, {8}, {-1}),
      spread(v.data(), {4}, {3});
  CHECK_NOTHROW(detail::require_apart("f", low, high));
  CHECK_THROWS_AS(detail::require_apart("f", low, backward), value_error);
  CHECK_THROWS_AS(detail::require_apart("f", high, spread), value_error);  // its last element is at 9
  CHECK_NOTHROW(detail::require_apart("f", low, TensorView<float>(v.data(), {0})));
  CHECK_NOTHROW(detail::require_apart_or_same("f", low, low));
  CHECK_THROWS_AS(detail::require_apart_or_same("f", low, TensorView<float>(v.data() + 1, {8})), value_error);
  CHECK_THROWS_AS(
      detail::require_apart_or_same("f", TensorView<float>(v.data(), {4, 4}), TensorView<float>(v.data(), {4, 4}, {1, 4})),
      value_error);
}

TEST_CASE("aliasing: layers and their gradients refuse an output that is an input", "[ops]") {
  Memory m;
  const auto x = m.at(0, {2, 3}), w = m.at(16, {3, 3}), apart = m.at(32, {2, 3});
  const std::vector<float> before = m.values;
  CHECK_THROWS_WITH(linear_forward(x, w, no_bias, x),
                    "linear_forward: the output shares memory with an input, which is still read while "
                    "the output is written; give it memory of its own");
  CHECK_THROWS_AS(linear_forward(x, w, no_bias, m.at(5, {2, 3})), value_error);
  CHECK_THROWS_AS(linear_forward(x, w, m.at(32, {3}), apart), value_error);
  CHECK_THROWS_AS(linear_backward_input(x, w, x), value_error);
  CHECK_THROWS_AS(linear_backward_weight(x, apart, m.at(0, {3, 3})), value_error);
  CHECK_THROWS_AS(batch_matmul_forward(w, w, {}, w), value_error);
  const auto image = m.at(0, {1, 2, 2, 3});
  const auto pointwise = m.at(16, {3, 1, 1, 3});
  const auto depthwise = m.at(16, {1, 1, 3});
  CHECK_THROWS_AS(conv2d_forward(image, pointwise, no_bias, {}, image), value_error);
  CHECK_THROWS_AS(conv2d_backward_input(image, pointwise, {}, image), value_error);
  CHECK_THROWS_AS(conv2d_backward_weight(image, image, {}, m.at(0, {3, 1, 1, 3})), value_error);
  CHECK_THROWS_AS(depthwise_conv2d_forward(image, depthwise, no_bias, {}, image), value_error);
  CHECK_THROWS_AS(depthwise_conv2d_backward_input(image, depthwise, {}, image), value_error);
  CHECK_THROWS_AS(conv_transpose2d_forward(image, pointwise, no_bias, {}, {}, 1, image), value_error);
  CHECK_THROWS_AS(average_pool_forward(image, 1, 1, {}, true, image), value_error);
  CHECK_THROWS_AS(max_pool_forward(image, 1, 1, {}, image), value_error);
  CHECK_THROWS_AS(reduce_forward<reduction::Sum>(image, AxisList{1}, m.at(0, {1, 2, 3})), value_error);
  const TensorView<const float> parts[] = {TensorView<const float>(x), TensorView<const float>(apart)};
  CHECK_THROWS_AS(concat_forward(std::span<const TensorView<const float>>(parts), m.at(0, {2, 6})), value_error);
  CHECK_THROWS_AS(clip_backward(x, apart, 0, 6, x), value_error);
  CHECK_THROWS_AS(softmax_backward(x, apart, 1, x), value_error);
  CHECK_THROWS_AS(batch_norm_forward(x, m.at(33, {3}), m.at(16, {3}), m.at(16, {3}), m.at(16, {3}), 0.0F, apart), value_error);
  CHECK(m.values == before);
}

TEST_CASE("aliasing: functions of single elements, and lines, may run in place, and shifted in place they are refused", "[ops]") {
  const auto in_place = [](const auto& f) {
    Memory same, other;
    const auto x = same.at(0, {2, 3});
    f(x, x);
    f(other.at(0, {2, 3}), other.at(32, {2, 3}));
    CHECK(std::equal(same.values.begin(), same.values.begin() + 6, other.values.begin() + 32));
    CHECK_THROWS_AS(f(other.at(0, {2, 3}), other.at(1, {2, 3})), value_error);
  };
  const std::vector<float> ones(3, 1.0F), zeros(3);
  in_place([](auto x, auto y) { clip_forward(x, 2.0F, 4.0F, y); });
  in_place([](auto x, auto y) { add_forward(x, x, y); });
  in_place([](auto x, auto y) { softmax_forward(x, 1, y); });
  in_place([](auto x, auto y) { log_softmax_forward(x, 1, y); });
  in_place([](auto x, auto y) { broadcast_forward<binary::Mul>(x, x, y); });
  in_place([](auto x, auto y) { l2_normalize_forward(x, 1, 0.0F, L2Epsilon::added, y); });
  in_place([](auto x, auto y) { local_response_forward(x, {3, 1, 0.5F, 1}, y); });
  in_place([&](auto x, auto y) { batch_norm_forward(x, ones, zeros, ones, ones, 0.0F, y); });
  in_place([](auto x, auto y) { fake_quantize_forward(x, AdjustableThreshold<float>(signed_codes(3), {6}), y); });
  in_place([](auto x, auto y) { fake_quantize_forward(x, Identity{}, y); });
  Memory m;  // an operand that is broadcast is read again
  CHECK_THROWS_AS(broadcast_forward<binary::Mul>(m.at(0, {3}), m.at(16, {2, 3}), m.at(0, {2, 3})), value_error);
}
