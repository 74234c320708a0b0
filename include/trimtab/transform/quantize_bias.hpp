#pragma once
/// \file
/// Biases as int32 on the accumulator's grid (paper eq. 20), and the weight scale that they need to fit it.

#include <cmath>
#include <cstdint>
#include <trimtab/core/error.hpp>

namespace trimtab {

/// clamp(round_half_even(bias / (scale_x * scale_w)), -(2^31 - 1), 2^31 - 1) (eq. 20, whose S are reciprocal scales), in double.
/// Throws value_error unless the scales are positive and the bias is finite.
inline std::int32_t quantize_bias(double bias, double scale_x, double scale_w) {
  if (!(scale_x > 0) || !(scale_w > 0) || !std::isfinite(bias))
    throw value_error(detail::message("quantize_bias: bias ", bias, " on scales ", scale_x, " and ", scale_w));
  constexpr double limit = 2147483647.0;
  const double code = bias / (scale_x * scale_w);
  return static_cast<std::int32_t>(std::nearbyint(code > limit ? limit : (code < -limit ? -limit : code)));
}

/// The smallest weight threshold with which |bias| stays within 2^28 steps of the accumulator. A filter that died in training
/// (weights near 1e-23) has a bias all the same; on a grid fit to its weights that bias would overflow and be lost. Factors of
/// 0.5 on both scales still leave it below 2^30. scale_x: of the layer's input; qmax: of the weight codes.
inline double least_weight_threshold(double bias, double scale_x, double qmax) {
  return std::abs(bias) * qmax / (scale_x * 0x1p28);
}

}  // namespace trimtab
