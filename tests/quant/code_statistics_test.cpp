#include <catch.hpp>
#include <trimtab/quant/code_statistics.hpp>

using namespace trimtab;

namespace {

CodeStatistics statistics(const Affine<float>& grid, std::initializer_list<float> values) {
  CodeStatistics s(grid.codes);
  for (const float x : values) s.add(x / grid.scale, grid.quantize(x), double(x), grid);
  return s;
}

}  // namespace

TEST_CASE("CodeStatistics: rounding and clipping, worked by hand", "[quant]") {
  // 3-bit signed codes -3 .. 3, scale 0.5: the grid is -1.5, -1, ..., 1.5.
  const CodeStatistics s = statistics({0.5F, 0, signed_codes(3)}, {0.6F, -1.0F, 1.5F, 2.5F, -1.75F});
  CHECK(s.count() == 5);
  // 0.6 becomes 0.5; -1 and the end 1.5 stay; 2.5 becomes 1.5 and -1.75 becomes -1.5, both beyond the ends.
  CHECK(s.rounding_error() == Approx(0.1 * 0.1 / 5).epsilon(1e-5));
  CHECK(s.clipping_error() == Approx((1.0 + 0.25 * 0.25) / 5));
  CHECK(s.below() == 1);
  CHECK(s.above() == 1);
  CHECK(s.saturated() == Approx(0.4));
  CHECK(s.unused_codes() == Approx(3.0 / 7));  // -3, -2, 1 and 3 are taken
  const double signal = 0.36 + 1 + 2.25 + 6.25 + 1.75 * 1.75;
  CHECK(s.sqnr() == Approx(10 * std::log10(signal / (0.01 + 1.0625))).epsilon(1e-5));
}

TEST_CASE("CodeStatistics: a value within half a step beyond the end counts as clipped, as its gradient does", "[quant]") {
  const CodeStatistics s = statistics({1.0F, 0, unsigned_codes(2)}, {3.25F, -0.25F});
  CHECK(s.above() == 1);
  CHECK(s.below() == 1);
  CHECK(s.rounding_error() == 0);
  CHECK(s.clipping_error() == Approx(0.0625));
}

TEST_CASE("CodeStatistics: zero points, sums of parts, and the error from what was meant", "[quant]") {
  const Affine<float> grid{0.25F, 2, unsigned_codes(2)};  // -0.5, -0.25, 0, 0.25
  CodeStatistics a = statistics(grid, {-0.5F, 0.0F});
  CHECK(a.saturated() == 0);
  CHECK(a.unused_codes() == Approx(0.5));
  CHECK(std::isinf(a.sqnr()));
  const CodeStatistics b = statistics(grid, {0.5F});
  a += b;
  CHECK(a.count() == 3);
  CHECK(a.saturated() == Approx(1.0 / 3));
  CHECK(a.unused_codes() == Approx(0.25));
  CHECK(a.clipping_error() == Approx(0.0625 / 3));
  CodeStatistics moved(grid.codes);  // a value that stands for 0.5 but was moved to 0.25 before it was rounded
  moved.add(1.0F, 3, 0.5, grid);
  CHECK(moved.rounding_error() == Approx(0.0625));
  CHECK(moved.clipping_error() == 0);
}

TEST_CASE("CodeStatistics: nothing, only zeros, and noise without signal", "[quant]") {
  const CodeStatistics nothing(signed_codes());
  CHECK(nothing.saturated() == 0);
  CHECK(nothing.rounding_error() == 0);
  CHECK(nothing.unused_codes() == 1);
  CHECK(sqnr_db(0, 0) > 1e300);
  const CodeStatistics zeros = statistics({1e-9F, 0, signed_codes()}, {0.0F, 0.0F});
  CHECK(std::isinf(zeros.sqnr()));
  CHECK(zeros.sqnr() > 0);
  CHECK(zeros.unused_codes() == Approx(254.0 / 255));
  CHECK(sqnr_db(0, 1) == -std::numeric_limits<double>::infinity());
  CHECK(sqnr_db(100, 1) == Approx(20));
}
