#pragma once
/// \file
/// From an int32 accumulator to an 8-bit code: the one definition that every integer layer and every ISA equals.

#include <cstddef>
#include <cstdint>
#include <span>
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
  std::span<const float> multiplier;              ///< 1 number, or one per output channel
  std::int32_t zero_point = 0, lo = 0, hi = 255;  ///< lo and hi are where codes are clamped

  /// The code of accumulator `acc` of channel `c`.
  std::int32_t operator()(std::int32_t acc, std::size_t c) const {
    return StepsToCode{zero_point, lo, hi}(static_cast<float>(acc) * multiplier[multiplier.size() == 1 ? 0 : c]);
  }
};

namespace detail {

/// Throws value_error unless lo <= hi lie inside [lowest, highest], shape_error unless there is 1 multiplier or one per channel.
inline void require_valid(const Requantize& r, std::size_t channels, std::int32_t lowest, std::int32_t highest,
                          const char* what) {
  if (r.lo > r.hi || r.lo < lowest || r.hi > highest || r.zero_point < lowest || r.zero_point > highest)
    throw value_error(message(what, ": codes ", r.lo, " .. ", r.hi, " with zero point ", r.zero_point, " do not fit into ",
                              lowest, " .. ", highest));
  if (r.multiplier.size() != 1 && r.multiplier.size() != channels)
    throw shape_error(message(what, ": ", r.multiplier.size(), " multipliers for ", channels, " channels"));
}

}  // namespace detail
}  // namespace trimtab
