#pragma once
/// \file
/// From an int32 accumulator to an 8-bit code: the one definition that every integer layer and every ISA equals.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <trimtab/core/bit_cast.hpp>
#include <trimtab/core/error.hpp>
#include <trimtab/quant/borrowed_span.hpp>
#include <trimtab/quant/params.hpp>

namespace trimtab {

/// code = zero_point + round_half_even(clamp(steps, lo - zero_point, hi - zero_point)), steps = real / scale. Clamped while
/// still a float, so that no conversion leaves its range, and zero_point is added after rounding, so that there is nothing
/// an FMA could fuse. lo and hi are the code range narrowed by ReLU or ReLU6; a NaN gives lo.
struct StepsToCode {
  std::int32_t zero_point = 0, lo = 0, hi = 255;  ///< lo and hi are where codes are clamped

  /// The code of a number of steps.
  std::int32_t operator()(float steps) const {
    const float clamped = clamp_to(steps, static_cast<float>(lo - zero_point), static_cast<float>(hi - zero_point));
    return zero_point + round_half_even_to_int(clamped);
  }
};

/// The code of float(acc) * multiplier steps, multiplier = s_x * s_w / s_y: one multiplication, rounded to float32.
struct Requantize {
  BorrowedSpan<float> multiplier;                 ///< 1 number, or one per output channel; positive and finite
  std::int32_t zero_point = 0, lo = 0, hi = 255;  ///< lo and hi are where codes are clamped

  /// The code of accumulator `acc` of channel `c`.
  std::int32_t operator()(std::int32_t acc, std::size_t c) const {
    return StepsToCode{zero_point, lo, hi}(static_cast<float>(acc) * multiplier[multiplier.size() == 1 ? 0 : c]);
  }
};

namespace detail {

/// Throws quantization_range_error, naming `what` and the number's `name`, unless all of them are positive and finite.
inline void require_multipliers(std::span<const float> multiplier, const char* what, const char* name) {
  // As integers, whose extremes compilers find in vectors: bits of positive finite floats lie between those of 0 and of infinity.
  std::int32_t least = std::numeric_limits<std::int32_t>::max(), largest = 0;
  for (const float m : multiplier) {
    least = std::min(least, bit_cast<std::int32_t>(m));
    largest = std::max(largest, bit_cast<std::int32_t>(m));
  }
  if (least > 0 && largest < bit_cast<std::int32_t>(std::numeric_limits<float>::infinity())) return;
  for (std::size_t c = 0; c < multiplier.size(); ++c)
    if (!(multiplier[c] > 0) || !(multiplier[c] <= std::numeric_limits<float>::max()))
      throw quantization_range_error(message(what, ": ", name, " ", c, " is ", multiplier[c], "; expected positive and finite"));
}

/// Throws value_error unless lo <= hi lie inside [lowest, highest], shape_error unless there is 1 multiplier or one per channel,
/// quantization_range_error unless all of them are positive and finite.
inline void require_valid(const Requantize& r, std::size_t channels, std::int32_t lowest, std::int32_t highest,
                          const char* what) {
  if (r.lo > r.hi || r.lo < lowest || r.hi > highest || r.zero_point < lowest || r.zero_point > highest)
    throw value_error(message(what, ": codes ", r.lo, " .. ", r.hi, " with zero point ", r.zero_point, " do not fit into ",
                              lowest, " .. ", highest));
  if (r.multiplier.size() != 1 && r.multiplier.size() != channels)
    throw shape_error(message(what, ": ", r.multiplier.size(), " multipliers for ", channels, " channels"));
  require_multipliers(r.multiplier, what, "multiplier");
}

}  // namespace detail
}  // namespace trimtab
