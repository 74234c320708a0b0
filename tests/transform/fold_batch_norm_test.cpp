#include <catch.hpp>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/transform/fold_batch_norm.hpp>
#include <trimtab/transform/quantize_bias.hpp>
#include <vector>

using namespace trimtab;

TEST_CASE("fold_batch_norm: equations 10 and 11 by hand, channels first", "[transform]") {
  xt::xtensor<double, 2> w{{1.0, 2.0}, {3.0, 4.0}};
  std::vector<double> b{1.0, 0.0}, gamma{2.0, -1.0}, beta{0.5, 0.25}, mean{3.0, 1.0}, var{3.0, 0.0};
  fold_batch_norm(w, b, gamma, beta, mean, var, 1.0);
  CHECK((w == xt::xtensor<double, 2>{{1.0, 2.0}, {-3.0, -4.0}}));  // factors 2 / 2 and -1 / 1
  CHECK(b == std::vector<double>{0.5 + (1.0 - 3.0) * 1.0, 0.25 + (0.0 - 1.0) * -1.0});
}

TEST_CASE("fold_batch_norm: a depthwise weight has its channels last", "[transform]") {
  xt::xtensor<float, 3> w{{{1.0F, 10.0F}, {2.0F, 20.0F}}};  // KH 1, KW 2, C 2
  std::vector<float> b{0, 0}, gamma{1, 3}, beta{0, 0}, mean{0, 0}, var{1, 9};
  fold_batch_norm(w, b, gamma, beta, mean, var, 0.0);
  CHECK((w == xt::xtensor<float, 3>{{{1.0F, 10.0F}, {2.0F, 20.0F}}}));
  CHECK_THROWS_AS(fold_batch_norm(w, ChannelAxis{3}, b, gamma, beta, mean, var, 0.0), shape_error);
  CHECK_THROWS_AS(fold_batch_norm(w, ChannelAxis{1}, b, gamma, beta, mean, std::vector<float>{1}, 0.0), shape_error);
  CHECK_THROWS_AS(fold_batch_norm(w, b, gamma, beta, mean, std::vector<float>{0, 0}, 0.0), value_error);
}

TEST_CASE("quantize_bias: ties to even, clamped to +-(2^31 - 1)", "[transform]") {
  CHECK(quantize_bias(2.5, 0.5, 2.0) == 2);
  CHECK(quantize_bias(3.5, 0.5, 2.0) == 4);
  CHECK(quantize_bias(-2.5, 0.5, 2.0) == -2);
  CHECK(quantize_bias(1e30, 1.0, 1.0) == 2147483647);
  CHECK(quantize_bias(-1e30, 1.0, 1.0) == -2147483647);
  CHECK(quantize_bias(1.0, 1e-30, 1e-30) == 2147483647);
  CHECK_THROWS_AS(quantize_bias(1.0, 0.0, 1.0), value_error);
  CHECK_THROWS_AS(quantize_bias(std::numeric_limits<double>::infinity(), 1.0, 1.0), value_error);
}

TEST_CASE("least_weight_threshold: with it the bias takes 2^28 steps", "[transform]") {
  const double scale_x = 0.02, qmax = 127, bias = -5.0;
  const double threshold = least_weight_threshold(bias, scale_x, qmax);
  CHECK(quantize_bias(bias, scale_x, threshold / qmax) == -(1 << 28));
}
