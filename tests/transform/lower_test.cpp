#include <catch.hpp>
#include <random>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/core/isa.hpp>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/int8/depthwise_conv2d.hpp>
#include <trimtab/ops/grid_steps.hpp>
#include <trimtab/quant/fit.hpp>
#include <trimtab/transform/lower.hpp>
#include <vector>

using namespace trimtab;

namespace {

template <class Container>
Container draw(const typename Container::shape_type& shape, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Container values = Container::from_shape(shape);
  for (float& v : values) v = normal(random);
  return values;
}

}  // namespace

TEST_CASE("lower: codes, biases and multipliers by hand, one number for each output channel", "[transform]") {
  const xt::xtensor<float, 2> weight{{1, -2, 0.5F}, {8, 4, -1}};
  const std::vector<float> bias{3, -5};
  const Affine<float> x{0.5F, 7, unsigned_codes()}, y{2, 0, unsigned_codes()};
  const AdjustableThreshold<float> per_row(signed_codes(), {127.0F / 4, 127}, per_channel(0), {1, 1});
  const LoweredLayer l = lower(weight, bias, x, per_row, y);
  CHECK(l.extent == Extents{2, 3});
  CHECK(l.codes == std::vector<std::int8_t>{4, -8, 2, 8, 4, -1});
  CHECK(l.scale == std::vector<float>{0.25F, 1});
  CHECK(l.bias == std::vector<std::int32_t>{24, -10});
  CHECK(l.multiplier == std::vector<float>{0.0625F, 0.25F});
  CHECK(l.zero_point.empty());
  CHECK(l.weight().extent == l.extent);
  CHECK(l.weight().data == l.codes.data());
  const Requantize r = l.requantize(clipped(y, relu6));
  CHECK((r.zero_point == 0 && r.lo == 0 && r.hi == 3));
  CHECK(r.multiplier.data() == l.multiplier.data());

  const AdjustableThreshold<float> one(signed_codes(), {127}, per_tensor, {1, 1});
  const LoweredLayer same = lower(weight, no_bias, x, one, y);
  CHECK(same.bias == std::vector<std::int32_t>{0, 0});
  CHECK(same.multiplier == std::vector<float>{0.25F, 0.25F});
  const AdjustableRange<float> asymmetric(full_signed_codes(), {{-64, 191}}, per_tensor, {0, 0}, {1, 1});
  CHECK(lower(weight, no_bias, x, asymmetric, y).zero_point == std::vector<std::int32_t>{-64, -64});
}

TEST_CASE("lower: by the weights' rank, outputs are the first axis or, depthwise, the last", "[transform]") {
  const Affine<float> grid{1, 0, unsigned_codes()};
  const auto conv = draw<xt::xtensor<float, 4>>({4, 3, 3, 5}, 1);
  const auto depthwise = draw<xt::xtensor<float, 3>>({3, 3, 6}, 2);
  CHECK(lower(conv, no_bias, grid, fit_threshold(conv, signed_codes()), grid).multiplier.size() == 4);
  const LoweredLayer l = lower(depthwise, no_bias, grid, fit_threshold(depthwise, signed_codes(), per_channel(2)), grid);
  CHECK(l.multiplier.size() == 6);
  CHECK(l.multiplier[0] != l.multiplier[5]);
}

TEST_CASE("lower: what would give wrong numbers is refused", "[transform]") {
  const Affine<float> grid{1, 0, unsigned_codes()};
  xt::xtensor<float, 2> weight{{1, 2}, {3, 4}};  // as many inputs as outputs, so that nothing else tells a wrong axis
  CHECK_THROWS_WITH(lower(weight, no_bias, grid, fit_threshold(weight, signed_codes(), per_channel(1)), grid),
                    ContainsSubstring("axis 1") && ContainsSubstring("output channels lie along axis 0"));
  CHECK_THROWS_AS(lower(weight, std::vector<float>{1}, grid, fit_threshold(weight, signed_codes()), grid), shape_error);
  CHECK_THROWS_AS(lower(weight, no_bias, grid, fit_threshold(weight, unsigned_codes()), grid), value_error);  // 255 is no int8
  CHECK_THROWS_AS(lower(std::vector<float>{1, 2}, no_bias, grid, fit_threshold(weight, signed_codes()), grid), shape_error);
  weight(1, 0) = weight(1, 1) = 1e-9F;
  CHECK_THROWS_WITH(lower(weight, std::vector<float>{1, 1}, grid, fit_threshold(weight, signed_codes(), per_channel(0)), grid),
                    ContainsSubstring("channel 1: bias 1 is beyond 2^31 steps") && ContainsSubstring("least_weight_threshold"));
  CHECK_NOTHROW(lower(weight, no_bias, grid, fit_threshold(weight, signed_codes(), per_channel(0)), grid));
}

TEST_CASE("lower: steps rounded are the codes of the same integers, on every instruction set, for uint8 and int8",
          "[transform]") {
  const Isa isa = GENERATE(from_range(available_isas()));
  const ScopedIsa scope(isa);
  CAPTURE(name(isa));
  const auto x = draw<xt::xtensor<float, 4>>({2, 7, 7, 20}, 1), weight = draw<xt::xtensor<float, 4>>({24, 3, 3, 20}, 2);
  const auto depthwise = draw<xt::xtensor<float, 3>>({3, 3, 20}, 3);
  const auto bias = draw<xt::xtensor<float, 1>>({24}, 4), depthwise_bias = draw<xt::xtensor<float, 1>>({20}, 5);
  const AdjustableRange<float> of_x = fit_range(x, unsigned_codes());
  xt::xtensor<std::uint8_t, 4> codes = xt::xtensor<std::uint8_t, 4>::from_shape(x.shape());
  quantize(x, of_x, codes);
  const Affine<float> grid_x = of_x.grid(0);
  int8::Workspace workspace;
  const auto check = [&](auto code, const Affine<float>& grid_y) {
    using Codes = xt::xtensor<decltype(code), 4>;
    const LoweredLayer l = lower(weight, bias, grid_x, fit_threshold(weight, signed_codes(4), per_channel(0)), grid_y);
    xt::xtensor<float, 4> steps = xt::xtensor<float, 4>::from_shape({2, 5, 5, 24});
    Codes rounded = Codes::from_shape(steps.shape()), got = rounded;
    int8::conv2d(codes, grid_x.zero_point, int8::pack_conv2d(l.weight()), l.bias, {}, l.multiplier, steps, workspace);
    steps_to_codes(steps, grid_y, rounded);
    int8::conv2d(codes, grid_x.zero_point, int8::pack_conv2d(l.weight()), l.bias, {}, l.requantize(grid_y), got, workspace);
    CHECK((rounded == got));

    const LoweredLayer d = lower(depthwise, depthwise_bias, grid_x, fit_threshold(depthwise, signed_codes()), grid_y);
    steps = xt::xtensor<float, 4>::from_shape({2, 5, 5, 20});
    rounded = got = Codes::from_shape(steps.shape());
    const int8::PackedDepthwise packed = int8::pack_depthwise_conv2d(d.weight());
    int8::depthwise_conv2d(codes, grid_x.zero_point, packed, d.bias, {}, d.multiplier, steps, workspace);
    steps_to_codes(steps, grid_y, rounded);
    int8::depthwise_conv2d(codes, grid_x.zero_point, packed, d.bias, {}, d.requantize(grid_y), got, workspace);
    CHECK((rounded == got));
  };
  check(std::uint8_t{}, clipped({0.09F, 3, unsigned_codes()}, relu6));
  check(std::int8_t{}, {0.11F, 0, signed_codes()});
}
