#pragma once
/// \file
/// The rules for one number: rounding, code ranges, quantization and dequantization. Every fast path equals these.

#include <cmath>
#include <concepts>
#include <cstdint>
#include <trimtab/core/bit_cast.hpp>
#include <trimtab/core/config.hpp>
#include <trimtab/core/error.hpp>
#include <type_traits>

namespace trimtab {

namespace detail {
/// 1.5 * 2^23 (2^52): added to a number of less than a third of it, it leaves no bits for a fraction.
template <std::floating_point Real>
inline constexpr Real rounding = std::is_same_v<Real, float> ? Real(12582912.0) : Real(6755399441055744.0);
}  // namespace detail

/// The nearest integer, ties to the even one, for |x| below 2^22 (float) or 2^51 (double): 1.5 rounds to 2, 2.5 to 2. Unlike
/// nearbyint it vectorises on any CPU.
template <std::floating_point Real>
inline Real round_half_even(Real x) {
  return (x + detail::rounding<Real>)-detail::rounding<Real>;
}
/// The same as an integer, which is in the sum's low bits: there is nothing to convert.
inline std::int32_t round_half_even_to_int(float x) {
  constexpr float rounding = detail::rounding<float>;
  return bit_cast<std::int32_t>(x + rounding) - bit_cast<std::int32_t>(rounding);
}

/// min(max(x, lo), hi), with lo for NaN: what maxps and minps give in this operand order.
template <class Real>
constexpr Real clamp_to(Real x, Real lo, Real hi) {
  x = x > lo ? x : lo;
  return x < hi ? x : hi;
}

/// The integers a tensor's codes may be.
struct CodeRange {
  std::int32_t qmin = 0, qmax = 255;  ///< both belong to it
  friend constexpr bool operator==(const CodeRange&, const CodeRange&) = default;
};

namespace detail {

/// x where the condition holds, else 0: a mask, since compilers leave a conditional addition as a branch.
template <class Real>
Real keep_if(bool condition, Real x) {
  using Bits = std::conditional_t<sizeof(Real) == 4, std::int32_t, std::int64_t>;
  return bit_cast<Real>(bit_cast<Bits>(x) & -static_cast<Bits>(condition));
}

constexpr int checked_bits(int bits) {
  if (bits < 2 || bits > 8) throw value_error(message("trimtab: codes have 2 to 8 bits, not ", bits));
  return bits;
}
}  // namespace detail

/// -(2^(n-1) - 1) .. 2^(n-1) - 1 (paper eq. 4 and 8): symmetric signed codes. Throws value_error unless 2 <= bits <= 8.
constexpr CodeRange signed_codes(int bits = 8) {
  const std::int32_t top = (1 << (detail::checked_bits(bits) - 1)) - 1;
  return {-top, top};
}
/// 0 .. 2^n - 1 (paper eq. 9): codes of non-negative values, or asymmetric codes with a zero point.
constexpr CodeRange unsigned_codes(int bits = 8) { return {0, (1 << detail::checked_bits(bits)) - 1}; }
/// -2^(n-1) .. 2^(n-1) - 1: asymmetric codes held in signed integers.
constexpr CodeRange full_signed_codes(int bits = 8) {
  const std::int32_t half = 1 << (detail::checked_bits(bits) - 1);
  return {-half, half - 1};
}

/// One affine grid: real = scale * (code - zero_point), code in [qmin, qmax]. The paper's S is 1 / scale.
template <std::floating_point Real>
struct Affine {
  Real scale = 1;               ///< positive
  std::int32_t zero_point = 0;  ///< the code of real 0
  CodeRange codes;              ///< what codes may be

  /// Smallest and largest representable values divided by scale: x / scale inside them is not clipped.
  Real lowest() const { return static_cast<Real>(codes.qmin - zero_point); }
  Real highest() const { return static_cast<Real>(codes.qmax - zero_point); }  ///< see lowest

  /// round_half_even(clamp(x / scale)): the code less the zero point. NaN gives qmin. Divides, since multiplying by
  /// 1 / scale gives other codes near ties.
  Real steps(Real x) const { return round_half_even(clamp_to(x / scale, lowest(), highest())); }
  /// clamp(round_half_even(x / scale) + zero_point, qmin, qmax) (paper eq. 3, 4, 7 to 9).
  std::int32_t quantize(Real x) const { return static_cast<std::int32_t>(steps(x)) + zero_point; }
  /// scale * (code - zero_point).
  Real dequantize(std::int32_t code) const { return scale * static_cast<Real>(code - zero_point); }
  /// dequantize(quantize(x)), staying in floating point.
  Real fake_quantize(Real x) const { return scale * steps(x); }

  friend bool operator==(const Affine&, const Affine&) = default;
};

}  // namespace trimtab
