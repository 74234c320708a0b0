#include <catch.hpp>
#include <cmath>
#include <random>
#include <trimtab/quant/fixed_point.hpp>

using namespace trimtab;

namespace {

__extension__ using Int128 = __int128;
constexpr std::int32_t int32_min = std::numeric_limits<std::int32_t>::min(), int32_max = std::numeric_limits<std::int32_t>::max();

std::int32_t held(Int128 x) { return x < int32_min ? int32_min : x > int32_max ? int32_max : static_cast<std::int32_t>(x); }

/// floor(numerator / 2^shift), without shifting a negative number.
Int128 floor_divide(Int128 numerator, int shift) {
  const Int128 divisor = Int128{1} << shift;
  const Int128 quotient = numerator / divisor;
  return quotient * divisor > numerator ? quotient - 1 : quotient;
}

/// floor(x * m + 1/2) as a fraction of integers: (2 x mantissa + 2^shift) / 2^(shift + 1).
std::int32_t exact_once(std::int32_t x, FixedPointMultiplier m) {
  const int shift = 31 - m.exponent;
  return held(floor_divide(2 * Int128{x} * m.mantissa + (Int128{1} << shift), shift + 1));
}

/// First to the nearest 2^-31 x mantissa (ties up), then to the nearest integer (ties away from zero).
std::int32_t exact_twice(std::int32_t x, FixedPointMultiplier m) {
  const Int128 shifted = held(Int128{x} * (Int128{1} << std::max(m.exponent, 0)));
  const Int128 high = floor_divide(shifted * m.mantissa + (Int128{1} << 30), 31);
  const int right = std::max(-m.exponent, 0);
  const Int128 magnitude = floor_divide(2 * (high < 0 ? -high : high) + (Int128{1} << right), right + 1);
  return static_cast<std::int32_t>(high < 0 ? -magnitude : magnitude);
}

}  // namespace

TEST_CASE("fixed_point: mantissa and exponent, worked by hand", "[quant]") {
  CHECK(fixed_point(1.0) == FixedPointMultiplier{1 << 30, 1});
  CHECK(fixed_point(0.5) == FixedPointMultiplier{1 << 30, 0});
  CHECK(fixed_point(0.75) == FixedPointMultiplier{3 << 29, 0});
  CHECK(fixed_point(0.001) == FixedPointMultiplier{1099511628, -9});    // 0.001 * 2^40 = 1099511627.776
  CHECK(fixed_point(1 - 0x1p-53) == FixedPointMultiplier{1 << 30, 1});  // the mantissa rounds to 2^31
  CHECK(fixed_point(0x1p30 - 1) == FixedPointMultiplier{int32_max - 1, 30});
  CHECK(fixed_point(0.0) == FixedPointMultiplier{});
  CHECK(fixed_point(0x1p-32) == FixedPointMultiplier{1 << 30, -31});
  CHECK(fixed_point(0x1.fffffep-33) == FixedPointMultiplier{});
  for (const double bad : {-0.5, 0x1p30, std::nan(""), HUGE_VAL}) CHECK_THROWS_AS(fixed_point(bad), quantization_range_error);
}

TEST_CASE("multiply: ties and double rounding, worked by hand", "[quant]") {
  const FixedPointMultiplier half = fixed_point(0.5), quarter = fixed_point(0.25), one = fixed_point(1.0),
                             three = fixed_point(3.0);
  // x / 2: 1.5, 2.5, -1.5, -2.5. Twice rounds in its first step already, since the exponent is 0: ties up there, too.
  for (const auto& [x, once] : std::vector<std::pair<std::int32_t, std::int32_t>>{{3, 2}, {5, 3}, {-3, -1}, {-5, -2}, {4, 2}}) {
    CHECK(multiply_once(x, half) == once);
    CHECK(multiply_twice(x, half) == once);
  }
  // x / 4: the first step gives x / 2 with its tie up, the second rounds away from zero.
  CHECK(multiply_once(2, quarter) == 1);  // 0.5
  CHECK(multiply_twice(2, quarter) == 1);
  CHECK(multiply_once(-2, quarter) == 0);    // -0.5 up
  CHECK(multiply_twice(-2, quarter) == -1);  // -0.5 away from zero
  CHECK(multiply_once(1, quarter) == 0);     // 0.25
  CHECK(multiply_twice(1, quarter) == 1);    // 0.5 becomes 1, then 1 / 2 becomes 1: what one rounding would not do
  CHECK(multiply_twice(-1, quarter) == 0);   // -0.5 becomes 0
  for (const std::int32_t x : {0, 1, -1, 77, int32_max / 2, int32_min / 2}) CHECK(multiply_once(x, one) == x);
  for (const std::int32_t x : {0, 1, -1, 77, int32_max / 2, int32_min / 2}) CHECK(multiply_twice(x, one) == x);
  CHECK(multiply_once(7, three) == 21);
  CHECK(multiply_twice(-7, three) == -21);
  CHECK(multiply_once(int32_max, three) == int32_max);  // held
  CHECK(multiply_once(int32_min, three) == int32_min);
  CHECK(multiply_once(12345, fixed_point(0)) == 0);
  CHECK(multiply_twice(12345, fixed_point(0)) == 0);
}

TEST_CASE("multiply equals 128-bit arithmetic, at the ends of int32, at ties and at random", "[quant]") {
  std::mt19937_64 random(7);
  std::vector<std::int32_t> xs{0, 1, -1, 2, -2, int32_max, int32_min, int32_max - 1, int32_min + 1, 1 << 30, -(1 << 30)};
  for (int i = 0; i < 500; ++i) xs.push_back(static_cast<std::int32_t>(random() >> 32) >> (random() % 31));
  std::vector<FixedPointMultiplier> ms;
  for (int exponent = -31; exponent <= 30; ++exponent)
    for (const std::int32_t mantissa :
         {1 << 30, int32_max, (1 << 30) + 1, 3 << 29, static_cast<std::int32_t>((1U << 30) + random() % (1U << 30))})
      ms.push_back({mantissa, exponent});
  ms.push_back({});
  std::size_t wrong = 0, differ = 0, ties = 0;
  for (const FixedPointMultiplier m : ms)
    for (const std::int32_t x : xs) {
      wrong += multiply_once(x, m) != exact_once(x, m);
      wrong += multiply_twice(x, m) != exact_twice(x, m);
      differ += multiply_once(x, m) != multiply_twice(x, m);
      ties +=
          m.exponent <= 0 && m.mantissa == 1 << 30 && x % (std::int64_t{2} << -m.exponent) == (std::int64_t{1} << -m.exponent);
    }
  CHECK(wrong == 0);
  CHECK(differ > 0);
  CHECK(ties > 0);
}

TEST_CASE("FixedPointRequantize: zero point, the ends of the range, one multiplier or one per channel", "[quant]") {
  const std::vector<FixedPointMultiplier> m{fixed_point(0.5), fixed_point(0.001)};
  const FixedPointRequantize r{m, FixedPointRounding::once, 10, 3, 250};
  CHECK(r(21, 0) == 21);  // 10.5 rounds up to 11
  CHECK(r(-14, 0) == 3);
  CHECK(r(-100000, 0) == 3);
  CHECK(r(480, 0) == 250);
  CHECK(r(int32_max, 0) == 250);
  CHECK(r(int32_min, 0) == 3);
  CHECK(r(12345, 1) == 22);
  CHECK(FixedPointRequantize{std::span(m).first(1), FixedPointRounding::twice, 0, -128, 127}(9, 5) == 5);
}
