#include <catch.hpp>
#include <limits>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/quant/byte_grid.hpp>
#include <trimtab/quant/fit.hpp>
#include <trimtab/quant/observer.hpp>
#include <vector>

using namespace trimtab;

TEST_CASE("fit_threshold: the largest absolute value, of the tensor or of each channel", "[quant]") {
  const xt::xtensor<float, 2> w{{1, -3}, {0.5F, 0.25F}};
  const auto whole = fit_threshold(w, signed_codes(4));
  CHECK(whole.calibrated() == std::vector<float>{3});
  CHECK(whole.codes() == signed_codes(4));
  CHECK(whole.granularity() == per_tensor);
  CHECK(fit_threshold(w, signed_codes(), per_channel(0)).calibrated() == std::vector<float>{3, 0.5F});
  CHECK(fit_threshold(w, signed_codes(), per_channel(1)).calibrated() == std::vector<float>{1, 3});
  CHECK(fit_threshold(w, signed_codes(), per_tensor, {0.5F, 1.3F}).bounds(0) == Bounds<float>{0.5F, 1.3F});
  CHECK(fit_threshold(xt::xtensor<double, 1>{-2.0, 1.0}, signed_codes()).calibrated() == std::vector<double>{2});
}

TEST_CASE("fit_range: from the least to the largest value, 0 included", "[quant]") {
  const xt::xtensor<float, 2> x{{1, 3}, {0.5F, -0.25F}};
  const auto range = fit_range(x, unsigned_codes());
  CHECK(range.left(0) == -0.25F);
  CHECK(range.width(0) == 3.25F);
  const auto rows = fit_range(x, unsigned_codes(4), per_channel(0));
  CHECK(rows.left(0) == 0);
  CHECK(rows.width(0) == 3);
  CHECK(rows.width(1) == 0.75F);
}

TEST_CASE("thresholds: those of an observer's ranges", "[quant]") {
  MinMaxObserver<float> observer(per_channel(0));
  observer.observe(xt::xtensor<float, 2>{{1, -3}, {0.5F, 0.25F}});
  observer.observe(xt::xtensor<float, 2>{{2, 2}, {-0.75F, 0}});
  CHECK(thresholds(observer.ranges()) == std::vector<float>{3, 0.75F});
}

TEST_CASE(
    "fit_threshold, fit_range: nothing to fit to, numbers that are none, and codes that would lose half of them are refused",
    "[quant]") {
  const std::vector<float> none, nan{1, std::numeric_limits<float>::quiet_NaN()}, both_signs{2, -1};
  CHECK_THROWS_AS(fit_threshold(none, signed_codes()), quantization_range_error);
  CHECK_THROWS_AS(fit_range(none, unsigned_codes()), quantization_range_error);
  CHECK_THROWS_AS(fit_threshold(nan, signed_codes()), quantization_range_error);
  CHECK_THROWS_AS(fit_threshold(both_signs, signed_codes(), per_channel(1)), shape_error);
  CHECK_THROWS_WITH(fit_threshold(both_signs, unsigned_codes()),
                    ContainsSubstring("goes down to -1") && ContainsSubstring("fit_range"));
  CHECK(fit_threshold(std::vector<float>{2, 0}, unsigned_codes()).threshold(0) == 2);
}

TEST_CASE("clipped, byte_grid: codes narrowed to an activation's, and held in bytes", "[quant]") {
  const float infinity = std::numeric_limits<float>::infinity();
  const Affine<float> symmetric{0.5F, 0, signed_codes()}, affine{0.25F, 10, unsigned_codes()};
  CHECK(clipped(symmetric, relu6) == Affine<float>{0.5F, 0, {0, 12}});
  CHECK(clipped(affine, {0, infinity}) == Affine<float>{0.25F, 10, {10, 255}});
  CHECK(clipped(affine, no_clip) == affine);
  CHECK(byte_grid(symmetric) == Affine<float>{0.5F, 128, {1, 255}});
  CHECK(byte_grid(symmetric, relu6) == Affine<float>{0.5F, 128, {128, 140}});
  CHECK(byte_grid(affine, relu6) == clipped(affine, relu6));
}
