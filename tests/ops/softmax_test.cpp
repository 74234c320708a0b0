#include <catch.hpp>
#include <cmath>
#include <cstdint>
#include <gradient_check.hpp>
#include <limits>
#include <trimtab/core/parallel.hpp>
#include <trimtab/ops/softmax.hpp>

using namespace trimtab;

TEST_CASE("softmax and log_softmax: values and gradients along any axis", "[ops]") {
  const std::size_t axis = GENERATE(0U, 1U, 2U, 3U);
  const Extents e = GENERATE(values<Extents>({{2, 3, 5, 7}, {1, 1, 1, 1}, {2, 1, 3, 1}, {0, 2, 3, 4}}));
  CAPTURE(axis, e);
  auto x = gradient::random_values(element_count(e), 1);
  const auto w = gradient::random_values(x.size(), 2);
  std::size_t inner = 1;
  for (std::size_t a = axis + 1; a < 4; ++a) inner *= e[a];
  std::vector<double> y(x.size()), log_y(x.size()), gx(x.size(), 1.0), log_gx(x.size(), 2.0);
  const TensorView<double> xv(x.data(), e), yv(y.data(), e), lv(log_y.data(), e);
  const TensorView<const double> wv(w.data(), e);
  const auto loss = [&] { return softmax_forward(xv, axis, yv), gradient::dot(y, w); };
  const auto log_loss = [&] { return log_softmax_forward(xv, axis, lv), gradient::dot(log_y, w); };
  loss(), log_loss();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t first = i / (inner * e[axis]) * inner * e[axis] + i % inner;
    double sum = 0;
    for (std::size_t k = 0; k < e[axis]; ++k) sum += std::exp(x[first + k * inner]);
    REQUIRE(y[i] == Approx(std::exp(x[i]) / sum));
    REQUIRE(log_y[i] == Approx(x[i] - std::log(sum)).margin(1e-12));
  }
  softmax_backward(wv, yv, axis, TensorView<double>(gx.data(), e));
  log_softmax_backward(wv, lv, axis, TensorView<double>(log_gx.data(), e));
  for (double& v : gx) v -= 1;
  for (double& v : log_gx) v -= 2;
  gradient::check(x, gx, loss);
  gradient::check(x, log_gx, log_loss);
}

TEST_CASE("softmax: large logits do not overflow; in place; the same bits on 1 and 3 threads", "[ops]") {
  std::vector<float> x{1000, 1000, -1000, 3e38F};
  softmax_forward(x, 0, x);
  CHECK(x == std::vector<float>{0, 0, 0, 1});
  const auto many = gradient::random_values<float>(3000 * 17, 1);
  std::vector<float> y[2];
  for (int t = 0; t < 2; ++t) {
    const ScopedThreads scope(t == 0 ? 1 : 3);
    y[t].resize(many.size());
    softmax_forward(TensorView<const float>(many.data(), {3000, 17}), 1, TensorView<float>(y[t].data(), {3000, 17}));
  }
  CHECK(y[0] == y[1]);
}

TEST_CASE("arg_max: the first of the largest, along any axis, of floats and of codes", "[ops]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x{1, 3, 3, nan, 2, nan, -5, -5, -5};
  std::vector<std::int64_t> y(3);
  arg_max(TensorView<const float>(x.data(), {3, 3}), 1, y);
  CHECK(y == std::vector<std::int64_t>{1, 0, 0});
  const std::vector<std::uint8_t> codes{5, 200, 5, 7, 200, 9};
  std::vector<std::int32_t> z(2);
  arg_max(TensorView<const std::uint8_t>(codes.data(), {1, 3, 2}), 1, TensorView<std::int32_t>(z.data(), {1, 1, 2}));
  CHECK(z == std::vector<std::int32_t>{2, 0});
  CHECK_THROWS_AS(arg_max(TensorView<const std::uint8_t>(codes.data(), {2, 3}), 1, TensorView<std::int32_t>(z.data(), {1, 2})),
                  shape_error);
  CHECK_THROWS_AS(arg_max(TensorView<const std::uint8_t>(codes.data(), {2, 0}), 1, z), shape_error);
  CHECK_NOTHROW(arg_max(TensorView<const std::uint8_t>(codes.data(), {0, 3}), 1, TensorView<std::int32_t>(z.data(), {0})));
}

TEST_CASE("softmax: what does not fit is named", "[ops]") {
  std::vector<float> x(4), y(5);
  CHECK_THROWS_WITH(softmax_forward(x, 1, x), "softmax_forward: axis 1 is beyond the rank of extents [4]");
  CHECK_THROWS_AS(softmax_forward(x, 0, y), shape_error);
  CHECK_THROWS_AS(softmax_backward(y, x, 0, x), shape_error);
  CHECK_THROWS_AS(log_softmax_forward(x, 0, y), shape_error);
  CHECK_THROWS_AS(log_softmax_backward(x, x, 0, y), shape_error);
}
