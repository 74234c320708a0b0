#pragma once
/// \file
/// A quantizer fit to what a tensor holds, or to what an observer has seen, in one call.

#include <span>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/quant/extremes.hpp>
#include <trimtab/quant/threshold.hpp>
#include <vector>

namespace trimtab {

/// The threshold of each range: `AdjustableThreshold<float> q(signed_codes(4), thresholds(observer.ranges()), per_channel(0))`.
template <std::floating_point Real>
std::vector<Real> thresholds(const std::vector<Range<Real>>& ranges) {
  std::vector<Real> largest;
  for (const Range<Real>& r : ranges) largest.push_back(r.threshold());
  return largest;
}

namespace detail {

template <Tensor X>
std::vector<Range<value_t<const X>>> ranges_of(const X& x, Granularity granularity, const char* what) {
  std::vector<Range<value_t<const X>>> ranges;
  for (const auto& e : channel_extremes(view(x), granularity.axis, what)) {
    if (e.empty()) throw quantization_range_error(message(what, ": a tensor of extents ", view(x).extent, " holds no value"));
    ranges.push_back(e.range());
  }
  return ranges;
}

}  // namespace detail

/// Symmetric thresholds at the largest |x|, of the whole tensor or of each channel: `fit_threshold(weight, signed_codes(4),
/// per_channel(0))`. x: dense, floating point. Throws quantization_range_error for a tensor without elements, NaN, infinity or
/// beyond 2^40; shape_error when x is not dense or lacks the axis; value_error for impossible codes or bounds, and for unsigned
/// codes where x has negative values: all of these would become 0. A channel of zeros gets the threshold 1, as in
/// AdjustableThreshold.
template <Tensor X>
AdjustableThreshold<value_t<const X>> fit_threshold(
    const X& x, CodeRange codes, Granularity granularity = per_tensor,
    Bounds<value_t<const X>> bounds = AdjustableThreshold<value_t<const X>>::default_bounds) {
  const auto ranges = detail::ranges_of(x, granularity, "fit_threshold");
  for (std::size_t c = 0; c < ranges.size(); ++c)
    if (codes.qmin == 0 && ranges[c].left < 0)
      throw value_error(detail::message("fit_threshold: channel ", c, " goes down to ", ranges[c].left, ", and the codes ",
                                        codes.qmin, " .. ", codes.qmax, " begin at 0; use signed codes, or fit_range"));
  return AdjustableThreshold<value_t<const X>>(codes, thresholds(ranges), granularity, bounds);
}

/// The asymmetric grid from the least to the largest x, 0 included. Everything else as in fit_threshold.
template <Tensor X>
AdjustableRange<value_t<const X>> fit_range(const X& x, CodeRange codes, Granularity granularity = per_tensor) {
  return AdjustableRange<value_t<const X>>(codes, detail::ranges_of(x, granularity, "fit_range"), granularity);
}

}  // namespace trimtab
