#pragma once
/// \file
/// Cross-layer equalization (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV
/// 2019, 4.1), with the limits that keep ReLU6 as it is.

#include <cmath>
#include <cstddef>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/transform/rescale_dws.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// Factors that give both layers the same largest weight in each channel, in place. With r1_k = max |producer filter k| and r2_k
/// = max |consumer weights that read channel k|, the paper's s_k = sqrt(r1_k r2_k) / r2_k divides the producer:
///   factor_k = T_0 / s_k = T_0 * sqrt(r2_k / r1_k),
/// after which both are T_0^(+-1) sqrt(r1_k r2_k). T_0 is 1 without an upper bound, as in the paper. With one it is the geometric
/// mean of s_k over the locked channels, which have to stay where they are, and 1 where there are none. Locked and dead channels,
/// the limit of an activation's upper bound, layouts, errors: as for rescale_dws. A channel that the consumer ignores (r2_k = 0)
/// keeps factor 1.
template <Tensor P, Tensor B, Tensor C, Tensor M>
Rescaling equalize(P& producer, ChannelAxis producer_axis, B& bias, C& consumer, ChannelAxis consumer_axis, const M& maxima,
                   double upper_bound, const RescaleLimits& limits = {}) {
  const auto p = view(producer);
  const auto c = view(consumer);
  detail::PairState s =
      detail::pair_state(p, producer_axis.index, c, consumer_axis.index, view(maxima), upper_bound, limits, "equalize");
  std::vector<double> divisor(s.producer.size(), 1.0);
  for (std::size_t k = 0; k < divisor.size(); ++k)
    if (s.producer[k] > 0 && s.consumer[k] > 0) divisor[k] = std::sqrt(s.producer[k] / s.consumer[k]);
  const double control = s.locked_live.empty() ? 1 : detail::geometric_mean(divisor, s.locked_live);
  std::vector<double> wished(s.producer.size(), 1.0);
  for (const std::size_t k : s.free)
    if (s.consumer[k] > 0) wished[k] = control / divisor[k];
  Rescaling r = detail::apply_factors(std::move(s), wished, p, producer_axis, view(bias), c, consumer_axis, upper_bound, limits);
  r.control_value = control;
  return r;
}

/// The same, all limits in one.
template <Tensor P, Tensor B, Tensor C, Tensor M>
Rescaling equalize(P& producer, ChannelAxis producer_axis, B& bias, C& consumer, ChannelAxis consumer_axis, const M& maxima,
                   const RescaleOptions& options) {
  return equalize(producer, producer_axis, bias, consumer, consumer_axis, maxima, options.upper_bound, options);
}

/// The same for weights that lie as the library's do: O I, O KH KW I, or depthwise KH KW C.
template <Tensor P, Tensor B, Tensor C, Tensor M>
Rescaling equalize(P& producer, B& bias, C& consumer, const M& maxima, double upper_bound, const RescaleLimits& limits = {}) {
  return equalize(producer, output_axis(view(producer), "equalize"), bias, consumer, input_axis(view(consumer), "equalize"),
                  maxima, upper_bound, limits);
}

/// Without the upper bound there is no telling which channels are locked: does not compile.
template <Tensor P, Tensor B, Tensor C, Tensor M>
Rescaling equalize(P&, B&, C&, const M&) {
  static_assert(detail::has_upper_bound<P>,
                "trimtab: equalize needs to know where the activation clips: 6 for ReLU6, no_upper_bound for "
                "ReLU and for none");
  return {};
}

}  // namespace trimtab
