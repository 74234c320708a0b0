#pragma once
/// \file
/// Where thresholds of weights start: at the fraction of the largest weight with the least squared error, or at a power of two.

#include <cmath>
#include <cstddef>
#include <trimtab/core/channel_runs.hpp>
#include <trimtab/core/error.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/quant/params.hpp>
#include <trimtab/quant/threshold.hpp>
#include <trimtab/transform/scale_channels.hpp>
#include <vector>

namespace trimtab {

/// The least power of two that is not below `threshold`, so that scales become shifts: 0.3 gives 0.5, 0.5 stays. Throws
/// quantization_range_error unless the threshold is positive and finite.
template <std::floating_point Real>
Real power_of_two_threshold(Real threshold) {
  if (!(threshold > 0) || !std::isfinite(threshold))
    throw quantization_range_error(detail::message("power_of_two_threshold: threshold ", threshold));
  int exponent = 0;
  const Real mantissa = std::frexp(threshold, &exponent);  // in [0.5, 1)
  return std::ldexp(Real(1), mantissa == Real(0.5) ? exponent - 1 : exponent);
}

/// Sets the factor of each threshold to the candidate with the least sum of (w - fake_quantize(w))^2 over its weights, the larger
/// of equals. Candidates: `candidates` factors evenly spread over the threshold's bounds, both ends included. weight: dense.
/// Throws shape_error when the quantizer has not as many channels as the weight; value_error for less than 2 candidates.
template <Tensor W, std::floating_point Real>
void search_threshold(const W& weight, AdjustableThreshold<Real>& quantizer, std::size_t candidates = 51) {
  const auto w = view(weight);
  const ChannelRuns runs = channel_runs(w, quantizer.granularity().axis, "search_threshold");
  const std::size_t channels = quantizer.channels();
  if (candidates < 2) throw value_error(detail::message("search_threshold: ", candidates, " candidates"));
  if (runs.channels != channels)
    throw shape_error(detail::message("search_threshold: ", channels, " thresholds for a weight with extents ", w.extent));
  std::vector<double> least(channels);
  std::vector<Real> best(channels);
  for (std::size_t i = 0; i < candidates; ++i) {
    for (std::size_t c = 0; c < channels; ++c) {
      const Bounds<Real> b = quantizer.bounds(c);
      quantizer.factors()[c] = b.hi - (b.hi - b.lo) * static_cast<Real>(i) / static_cast<Real>(candidates - 1);
    }
    std::vector<double> error(channels, 0.0);
    std::vector<Affine<Real>> grids;
    for (std::size_t c = 0; c < channels; ++c) grids.push_back(quantizer.grid(c));
    detail::for_each_in_channels(w, quantizer.granularity().axis, "search_threshold", [&](Real value, std::size_t c) {
      const double d = double(value) - double(grids[c].fake_quantize(value));
      error[c] += d * d;
    });
    for (std::size_t c = 0; c < channels; ++c)
      if (i == 0 || error[c] < least[c]) {
        least[c] = error[c];
        best[c] = quantizer.factors()[c];
      }
  }
  for (std::size_t c = 0; c < channels; ++c) quantizer.factors()[c] = best[c];
}

}  // namespace trimtab
