#pragma once
/// \file
/// exp and its relatives for one number, with the same name for double and for float. In double they are the C library's. In
/// float they are additions, multiplications and one division, without branches and calls, so that loops over them vectorise;
/// they stay within 4 units in the last place and give the same bits on every instruction set. NaN stays NaN.

#include <cmath>
#include <cstdint>
#include <trimtab/core/bit_cast.hpp>
#include <trimtab/core/config.hpp>

namespace trimtab {

/// A class of static functions, since TRIMTAB_LOOP marks members.
struct Functions {
  /// a where the condition holds, else b. Of floats by a mask: of a conditional expression GCC makes a branch, and no vectors.
  static double select(bool condition, double a, double b) { return condition ? a : b; }
  TRIMTAB_LOOP float select(bool condition, float a, float b) {
    const auto bits_a = bit_cast<std::uint32_t>(a), bits_b = bit_cast<std::uint32_t>(b);
    return bit_cast<float>(bits_b ^ ((bits_a ^ bits_b) & (0U - static_cast<std::uint32_t>(condition))));
  }
  /// e^x, with its underflow and overflow.
  static double exp(double x) { return std::exp(x); }
  TRIMTAB_LOOP float exp(float x) {
    const Reduced e = reduce(x);
    return (1.0F + e.expm1) * e.half * e.other_half;
  }
  /// e^x - 1 for x <= 0; for greater x, that of 0.
  static double expm1_below(double x) { return std::expm1(x > 0 ? 0.0 : x); }
  TRIMTAB_LOOP float expm1_below(float x) {
    const Reduced e = reduce(select(x > 0.0F, 0.0F, x));
    const float power = e.half * e.other_half;  // 2^n <= 1
    return power * e.expm1 + (power - 1.0F);
  }
  /// 1 / (1 + e^-x), by e^-|x|, which cannot overflow.
  static double sigmoid(double x) { return sigmoid_by(x, std::exp(-std::abs(x))); }
  TRIMTAB_LOOP float sigmoid(float x) { return sigmoid_by(x, exp(-std::abs(x))); }
  /// tanh |x| = -m / (2 + m), m = e^(-2 |x|) - 1.
  static double tanh(double x) { return std::tanh(x); }
  TRIMTAB_LOOP float tanh(float x) {
    const float m = expm1_below(-2.0F * std::abs(x));
    return std::copysign(-m / (2.0F + m), x);
  }
  /// log(1 + e^x) = max(x, 0) + log(1 + e), e = e^-|x|.
  static double softplus(double x) { return (x > 0 ? x : 0.0) + std::log1p(std::exp(-std::abs(x))); }
  /// log(1 + e) = 2 artanh(z), z = e / (2 + e) <= 1/3: the series z + z^3 / 3 + .. + z^15 / 15.
  TRIMTAB_LOOP float softplus(float x) {
    const float e = exp(-std::abs(x)), z = e / (2.0F + e), w = z * z;
    float series = 1.0F / 15;
    series = series * w + 1.0F / 13;
    series = series * w + 1.0F / 11;
    series = series * w + 1.0F / 9;
    series = series * w + 1.0F / 7;
    series = series * w + 1.0F / 5;
    series = series * w + 1.0F / 3;
    return select(x > 0.0F, x, 0.0F) + (2.0F * z + 2.0F * z * (w * series));
  }
  /// The share of a normal distribution below x: erfc(-x / sqrt 2) / 2.
  static double normal_below(double x) { return 0.5 * std::erfc(-x * 0.70710678118654752440); }
  /// Of |x| what is above is e^(-x^2 / 2) * t * P(2 t - 1), t = 1 / (1 + 0.4 |x| / sqrt 2): P interpolates it at Chebyshev's 11
  /// points, within 1e-8 of itself. Far from 0, where little is left, the rounding of x^2 / 2 costs some digits.
  TRIMTAB_LOOP float normal_below(float x) {
    const float t = 1.0F / (1.0F + 0.282842712F * std::abs(x)), s = 2.0F * t - 1.0F;
    float p = -1.45842913e-05F;
    p = p * s - 5.37311834e-06F;
    p = p * s + 0.000133244159F;
    p = p * s + 8.272076e-05F;
    p = p * s - 0.000960691022F;
    p = p * s - 0.00167657764F;
    p = p * s + 0.00567177342F;
    p = p * s + 0.0342498837F;
    p = p * s + 0.0907828499F;
    p = p * s + 0.160930387F;
    p = p * s + 0.210806364F;
    const float above = exp(-0.5F * x * x) * t * p;
    return select(x > 0.0F, 1.0F - above, above);
  }
  /// x held between 0 and 1.
  template <class Real>
  TRIMTAB_LOOP Real unit(Real x) {
    return select(x < 0, Real(0), select(x > 1, Real(1), x));
  }

 private:
  /// e^x = (1 + expm1) * half * other_half, the halves powers of two whose product may be subnormal or infinite.
  struct Reduced {
    float expm1, half, other_half;
  };
  /// x = n * ln 2 + r, |r| <= ln 2 / 2; e^r - 1 by its series up to r^7 / 7!, whose rest is below 2^-27.
  TRIMTAB_LOOP Reduced reduce(float x) {
    constexpr float magic = 0x1.8p23F;  // x + magic has no digits behind the point
    constexpr float ln2_high = 355.0F / 512, ln2_low = -2.12194440e-4F;
    x = select(x > 89.0F, 89.0F, x);
    x = select(x < -104.0F, -104.0F, x);
    const float shifted = x * 1.44269504F + magic, n = shifted - magic;
    const float r = (x - n * ln2_high) - n * ln2_low;
    float p = 1.0F / 5040;
    p = p * r + 1.0F / 720;
    p = p * r + 1.0F / 120;
    p = p * r + 1.0F / 24;
    p = p * r + 1.0F / 6;
    p = p * r + 1.0F / 2;
    p = p * r * r + r;
    const auto exponent = static_cast<std::int32_t>(bit_cast<std::uint32_t>(shifted) - bit_cast<std::uint32_t>(magic));
    const std::int32_t half = exponent >> 1;
    return {p, power_of_two(half), power_of_two(exponent - half)};
  }
  TRIMTAB_LOOP float power_of_two(std::int32_t n) { return bit_cast<float>(static_cast<std::uint32_t>(n + 127) << 23); }
  template <class Real>
  TRIMTAB_LOOP Real sigmoid_by(Real x, Real e) {
    return select(x >= 0, Real(1), e) / (Real(1) + e);
  }
};

}  // namespace trimtab
