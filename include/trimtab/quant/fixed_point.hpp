#pragma once
/// \file
/// From an int32 accumulator to an 8-bit code without floating point, as TFLite defines it (Jacob et al., CVPR 2018, section
/// 2.2): the second requantizer, for integer-only targets. See docs/tflite.md for which operator rounds how.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <trimtab/core/error.hpp>
#include <trimtab/quant/borrowed_span.hpp>

namespace trimtab {

/// What brings accumulators to codes: one float32 multiplication (Requantize), or integers only (FixedPointRequantize).
enum class Requantizer { float32, fixed_point };

/// mantissa * 2^(exponent - 31), mantissa in [2^30, 2^31) or 0.
struct FixedPointMultiplier {
  std::int32_t mantissa = 0;
  std::int32_t exponent = 0;
  friend bool operator==(const FixedPointMultiplier&, const FixedPointMultiplier&) = default;
};

/// The nearest fixed-point number to `m`, ties away from zero: a relative error of at most 2^-31. 0 for m below 2^-32. Throws
/// quantization_range_error unless 0 <= m < 2^30.
inline FixedPointMultiplier fixed_point(double m) {
  if (!(m >= 0 && m < 0x1p30))
    throw quantization_range_error(detail::message("fixed_point: a multiplier of ", m, "; expected 0 to 2^30"));
  int exponent = 0;
  const double fraction = std::frexp(m, &exponent);  // m = fraction * 2^exponent, 0.5 <= fraction < 1
  auto mantissa = static_cast<std::int64_t>(std::round(fraction * 0x1p31));
  if (mantissa == std::int64_t{1} << 31) {
    mantissa /= 2;
    ++exponent;
  }
  if (exponent < -31) return {};
  return {static_cast<std::int32_t>(mantissa), exponent};
}

/// A product is rounded to an integer in one step or in two; of TFLite's kernels some do the one, some the other.
enum class FixedPointRounding {
  once,  ///< floor(x * m + 1/2): one rounding of the 64-bit product, ties up
  twice  ///< first to 32 bits, then to the integer, each to the nearest (multiply_twice); so 0.4999.. may become 1
};

namespace detail {

inline std::int32_t saturate_int32(std::int64_t x) {
  return static_cast<std::int32_t>(
      std::clamp<std::int64_t>(x, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()));
}

/// x / 2^shift to the nearest integer, ties away from zero; shift 0 to 62.
inline std::int64_t divide_by_power_of_two(std::int64_t x, int shift) {
  const std::int64_t half = (std::int64_t{1} << shift) >> 1;
  return x < 0 ? -((-x + half) >> shift) : (x + half) >> shift;
}

}  // namespace detail

/// x * m as `once` rounds it, held within int32.
inline std::int32_t multiply_once(std::int32_t x, FixedPointMultiplier m) {
  const int shift = 31 - m.exponent;  // 1 to 62, and |x * mantissa| < 2^62
  return detail::saturate_int32((std::int64_t{x} * m.mantissa + (std::int64_t{1} << (shift - 1))) >> shift);
}

/// x * m as `twice` rounds it, with e the exponent:
///   high = round((x * 2^max(e, 0)) * mantissa / 2^31),   round(high / 2^max(-e, 0))
/// The first rounding takes ties up (a truncating division after a nudge does so for negative products too), the second away from
/// zero. The shifted x is held within int32, where TFLite lets it overflow; either way the code is an end of its range.
inline std::int32_t multiply_twice(std::int32_t x, FixedPointMultiplier m) {
  const std::int64_t shifted = detail::saturate_int32(std::int64_t{x} * (std::int64_t{1} << std::max(m.exponent, 0)));
  const std::int64_t product = shifted * m.mantissa, nudge = product >= 0 ? std::int64_t{1} << 30 : 1 - (std::int64_t{1} << 30);
  const std::int64_t high = (product + nudge) / (std::int64_t{1} << 31);
  return static_cast<std::int32_t>(detail::divide_by_power_of_two(high, std::max(-m.exponent, 0)));
}

/// x * m, rounded as `rounding` says.
inline std::int32_t multiply(std::int32_t x, FixedPointMultiplier m, FixedPointRounding rounding) {
  return rounding == FixedPointRounding::once ? multiply_once(x, m) : multiply_twice(x, m);
}

/// code = clamp(zero_point + round(acc * multiplier), lo, hi). lo and hi are the code range narrowed by ReLU or ReLU6.
struct FixedPointRequantize {
  BorrowedSpan<FixedPointMultiplier> multiplier;  ///< 1, or one per output channel: s_x * s_w / s_y
  FixedPointRounding rounding = FixedPointRounding::once;
  std::int32_t zero_point = 0, lo = 0, hi = 255;

  /// The code of accumulator `acc` of channel `c`.
  std::int32_t operator()(std::int32_t acc, std::size_t c) const {
    const std::int64_t steps = multiply(acc, multiplier[multiplier.size() == 1 ? 0 : c], rounding);
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(zero_point + steps, lo, hi));
  }
};

}  // namespace trimtab
