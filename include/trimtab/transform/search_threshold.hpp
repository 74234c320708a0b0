#pragma once
/// \file
/// Where thresholds start, other than at the largest value seen: at the fraction of it with the least squared error, or where the
/// scale is a power of two.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <trimtab/core/channel_runs.hpp>
#include <trimtab/core/error.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/quant/learned_grid.hpp>
#include <trimtab/quant/params.hpp>
#include <trimtab/quant/power_of_two.hpp>
#include <trimtab/quant/threshold.hpp>
#include <trimtab/transform/scale_channels.hpp>
#include <vector>

namespace trimtab {

/// The least threshold of at least `threshold` whose scale, threshold / top code, is a power of two: products of scales are
/// shifts then (Jain et al., "Trained Quantization Thresholds", MLSys 2020, with the top code in place of a power of two). 127 or
/// 255 as top code: 1.2 gives 127 / 64, or 255 / 128. Throws quantization_range_error unless the threshold is positive and
/// finite.
template <std::floating_point Real>
Real power_of_two_threshold(Real threshold, std::int32_t top_code) {
  if (!(threshold > 0) || !std::isfinite(threshold))
    throw quantization_range_error(detail::message("power_of_two_threshold: threshold ", threshold));
  const Real top = static_cast<Real>(top_code);
  int exponent = 0;
  std::frexp(threshold / top, &exponent);  // threshold / top is in [2^(exponent - 1), 2^exponent)
  const Real lower = std::ldexp(top, exponent - 1);
  return lower < threshold ? std::ldexp(top, exponent) : lower;
}

namespace detail {

/// Of `candidates` values of `share`, evenly spread over what bounds(c) allows, both ends included, finds each channel's with the
/// least sum of (w - fake_quantize(w))^2, the larger of equals. set(c, share) gives the quantizer's channel c one of them.
template <Tensor W, Quantizer Q, class BoundsOf, class Set>
void search_shares(const W& weight, Q& quantizer, std::size_t candidates, const BoundsOf& bounds, const Set& set) {
  using Real = typename Q::value_type;
  const auto w = view(weight);
  const ChannelRuns runs = channel_runs(w, quantizer.granularity().axis, "search_threshold");
  const std::size_t channels = quantizer.channels();
  if (candidates < 2) throw value_error(message("search_threshold: ", candidates, " candidates"));
  if (runs.channels != channels)
    throw shape_error(message("search_threshold: ", channels, " thresholds for a weight with extents ", w.extent));
  std::vector<double> least(channels);
  std::vector<Real> best(channels), share(channels);
  for (std::size_t i = 0; i < candidates; ++i) {
    std::vector<Affine<Real>> grids;
    for (std::size_t c = 0; c < channels; ++c) {
      const Bounds<Real> b = bounds(c);
      share[c] = b.hi - (b.hi - b.lo) * static_cast<Real>(i) / static_cast<Real>(candidates - 1);
      set(c, share[c]);
      grids.push_back(quantizer.grid(c));
    }
    std::vector<double> error(channels, 0.0);
    for_each_in_channels(w, quantizer.granularity().axis, "search_threshold", [&](Real value, std::size_t c) {
      const double d = double(value) - double(grids[c].fake_quantize(value));
      error[c] += d * d;
    });
    for (std::size_t c = 0; c < channels; ++c)
      if (i == 0 || error[c] < least[c]) {
        least[c] = error[c];
        best[c] = share[c];
      }
  }
  for (std::size_t c = 0; c < channels; ++c) set(c, best[c]);
}

/// The same where factor c is what channel c's scale depends on.
template <class W, Quantizer Q>
void search_first_factors(const W& weight, Q& quantizer, std::size_t candidates) {
  search_shares(
      weight, quantizer, candidates, [&](std::size_t c) { return quantizer.bounds(c); },
      [&](std::size_t c, typename Q::value_type share) { quantizer.factors()[c] = share; });
}

}  // namespace detail

/// Sets the factor of each threshold to the candidate with the least sum of (w - fake_quantize(w))^2 over its weights, the larger
/// of equals. Candidates: `candidates` factors evenly spread over the threshold's bounds, both ends included. weight: dense.
/// Throws shape_error when the quantizer has not as many channels as the weight; value_error for less than 2 candidates.
template <Tensor W, std::floating_point Real>
void search_threshold(const W& weight, AdjustableThreshold<Real>& quantizer, std::size_t candidates = 51) {
  detail::search_first_factors(weight, quantizer, candidates);
}

/// The same for scales that are powers of two: every one within the bounds is among 51 candidates of the default bounds.
template <Tensor W, std::floating_point Real>
void search_threshold(const W& weight, PowerOfTwoThreshold<Real>& quantizer, std::size_t candidates = 51) {
  detail::search_first_factors(weight, quantizer, candidates);
}

/// The same for learned grids: their scales; zero points stay.
template <Tensor W, std::floating_point Real>
void search_threshold(const W& weight, LearnedGrid<Real>& quantizer, std::size_t candidates = 51) {
  detail::search_first_factors(weight, quantizer, candidates);
}

/// The same for ranges: a candidate is a share of the range as calibrated, both of whose ends move towards 0, from the bounds of
/// the width.
template <Tensor W, std::floating_point Real>
void search_threshold(const W& weight, AdjustableRange<Real>& quantizer, std::size_t candidates = 51) {
  const std::size_t channels = quantizer.channels();
  detail::search_shares(
      weight, quantizer, candidates, [&](std::size_t c) { return quantizer.bounds(channels + c); },
      [&](std::size_t c, Real share) {
        quantizer.factors()[c] = quantizer.bounds(c).clip((share - 1) * quantizer.left(c) / quantizer.width(c));
        quantizer.factors()[channels + c] = share;
      });
}

}  // namespace trimtab
