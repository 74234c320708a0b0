#pragma once
/// \file
/// Rescaling of depthwise-separable pairs, so that one threshold fits every filter, in a way that keeps ReLU6 as it is
/// (paper 3.3.1, eq. 26 and 27).

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <trimtab/core/error.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/transform/scale_channels.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// The upper bound of an activation that has none: ReLU, or no activation.
inline constexpr double no_upper_bound = std::numeric_limits<double>::infinity();

/// What the factors of channels between two layers have to respect, beside the activation's upper bound.
struct RescaleLimits {
  /// A channel whose output before the activation reaches this is locked: its filter stays as it is (step 3). Without an upper
  /// bound no channel is.
  double lock_at = 5.9;
  /// Step 6 with a margin: no factor above 1 brings a channel's calibrated maximum past this share of the upper bound. Other
  /// pictures may reach further than those of the calibration.
  double reach = 1;
  /// Factors lie within [1 / max_factor, max_factor].
  double max_factor = 1024;
  /// The consumer's largest weight may grow at most by this factor. A factor below 1 raises the consumer's weights for that
  /// channel, and one scalar threshold for all of them then costs the others precision.
  double max_consumer_growth = std::numeric_limits<double>::infinity();
};

/// The same with the upper bound, for callers that fill in all of it one by one. It has no default: one that is not set is
/// refused.
struct RescaleOptions : RescaleLimits {
  double upper_bound = std::numeric_limits<double>::quiet_NaN();  ///< where the activation clips: 6 for ReLU6, or no_upper_bound
};

/// What rescaling did to one pair of layers.
struct Rescaling {
  std::vector<std::size_t> locked;  ///< channels that stayed because their output reaches lock_at
  std::vector<std::size_t> dead;    ///< channels that stayed because the filter has no weights to speak of
  std::vector<double> factors;      ///< of each channel; 1 for the locked and the dead
  double control_value = 0;         ///< T_0: the largest |weight| that every filter was to have
  std::vector<double> thresholds_before, thresholds_after;  ///< largest |weight| of each filter of the producer
  double consumer_before = 0, consumer_after = 0;           ///< largest |weight| of the consumer
  /// The largest change of one product weight * activation in the consumer, when every channel puts out its calibrated maximum;
  /// without maxima, when it puts out 1. A check of the arithmetic: step 6 has seen to it that nothing is clipped there, so it is
  /// float rounding, about 2^-24 of the product. What pictures beyond the calibration lose, only such pictures can tell: see
  /// `prepare` in net/recipe.hpp.
  double largest_change = 0;
};

namespace detail {

/// A filter is dead when its largest weight is below this share of the layer's largest: training leaves such dust (1e-23), which
/// no 8-bit grid of the layer shows, and a factor that makes weights of it would make its bias the largest of all numbers.
inline constexpr double dead_filter_share = 1e-6;

/// Stands where an activation's upper bound is missing.
template <class>
inline constexpr bool has_upper_bound = false;

inline void require_limits(double upper_bound, const RescaleLimits& o, const char* what) {
  if (!(upper_bound > 0) || !(o.lock_at > 0) || o.lock_at > upper_bound || !(o.reach > 0) || o.reach > 1 ||
      !(o.max_factor >= 1) || !(o.max_consumer_growth >= 1))
    throw value_error(message(what, ": upper bound ", upper_bound, ", lock at ", o.lock_at, ", reach ", o.reach,
                              ", factors up to ", o.max_factor, ", consumer growth ", o.max_consumer_growth,
                              "; expected 0 < lock_at <= upper_bound, 0 < reach <= 1, and limits of at least 1"));
}

/// exp(mean(log(values[k]))) over the given channels.
inline double geometric_mean(std::span<const double> values, std::span<const std::size_t> channels) {
  double sum = 0;
  for (const std::size_t k : channels) sum += std::log(values[k]);
  return std::exp(sum / double(channels.size()));
}

/// What is known of the channels between two layers before a factor is chosen.
struct PairState {
  std::vector<double> producer, consumer;       ///< largest |weight| of each channel
  std::vector<double> maxima;                   ///< of the outputs before the activation; may be empty where nothing clips
  std::vector<std::size_t> locked, dead, free;  ///< `locked` has dead filters too; `dead` and `free` are not locked
  std::vector<std::size_t> locked_live;
};

template <class P, class C, class M>
PairState pair_state(const TensorView<P>& producer, std::size_t producer_axis, const TensorView<C>& consumer,
                     std::size_t consumer_axis, const TensorView<M>& maxima, double upper_bound, const RescaleLimits& o,
                     const char* what) {
  require_limits(upper_bound, o, what);
  PairState s;
  s.producer = largest_weights(producer, producer_axis, what);
  s.consumer = largest_weights(consumer, consumer_axis, what);
  const std::size_t channels = s.producer.size();
  const bool bounded = std::isfinite(upper_bound);
  if (s.consumer.size() != channels || (maxima.size() != channels && (bounded || maxima.size() != 0)))
    throw shape_error(message(what, ": ", channels, " output channels in the producer, ", s.consumer.size(),
                              " input channels in the consumer, ", maxima.size(), " maxima"));
  for (std::size_t k = 0; k < maxima.size(); ++k) {
    if (!std::isfinite(maxima.data[k])) throw value_error(message(what, ": channel ", k, " has the maximum ", maxima.data[k]));
    s.maxima.push_back(double(maxima.data[k]));
  }
  const double largest = channels == 0 ? 0 : *std::max_element(s.producer.begin(), s.producer.end());
  for (std::size_t k = 0; k < channels; ++k) {
    const bool alive = s.producer[k] > 0 && s.producer[k] >= dead_filter_share * largest;
    if (bounded && s.maxima[k] >= o.lock_at) {
      s.locked.push_back(k);
      if (alive) s.locked_live.push_back(k);
    } else {
      (alive ? s.free : s.dead).push_back(k);
    }
  }
  return s;
}

/// Limits the factors that were wished for (steps 3 and 6), applies them, and reports.
template <class P, class B, class C>
Rescaling apply_factors(PairState s, std::span<const double> wished, TensorView<P> producer, ChannelAxis producer_axis,
                        TensorView<B> bias, TensorView<C> consumer, ChannelAxis consumer_axis, double upper_bound,
                        const RescaleLimits& o) {
  Rescaling r;
  r.factors.assign(s.producer.size(), 1.0);
  r.consumer_before = s.consumer.empty() ? 0 : *std::max_element(s.consumer.begin(), s.consumer.end());
  const bool bounded = std::isfinite(upper_bound);
  for (const std::size_t k : s.free) {
    double f = std::clamp(wished[k], 1 / o.max_factor, o.max_factor);
    f = std::max(f, s.consumer[k] / (o.max_consumer_growth * r.consumer_before));  // NaN, 0 / 0, leaves f
    if (bounded && s.maxima[k] > 0) f = std::min(f, std::max(1.0, o.reach * upper_bound / s.maxima[k]));
    r.factors[k] = f;
  }

  std::vector<C> before(consumer.data, consumer.data + consumer.size());
  scale_channels(producer, producer_axis, bias, consumer, consumer_axis, r.factors);

  std::size_t at = 0;
  for_each_in_channels(consumer, consumer_axis.index, "rescale", [&](auto& w, std::size_t k) {
    const double m = s.maxima.empty() ? 1.0 : std::max(0.0, s.maxima[k]);
    const double y_before = double(before[at++]) * std::min(m, upper_bound);
    const double y_after = double(w) * std::min(m * r.factors[k], upper_bound);
    r.largest_change = std::max(r.largest_change, std::abs(y_after - y_before));
  });
  r.thresholds_after = largest_weights(producer, producer_axis.index, "rescale");
  for (const double t : largest_weights(consumer, consumer_axis.index, "rescale"))
    r.consumer_after = std::max(r.consumer_after, t);
  r.thresholds_before = std::move(s.producer);
  r.locked = std::move(s.locked);
  r.dead = std::move(s.dead);
  return r;
}

}  // namespace detail

/// DWS -> [ReLU | ReLU6] -> Conv: factors on the channels between two layers that bring every filter of the first to one largest
/// weight, in place (paper 3.3.1). The first layer need not be depthwise: expand -> depthwise pairs go by the same rules.
///   1. T_k = max |w| of the producer's filter k.
///   2. maxima[k]: the largest output of channel k before the activation, on calibration data.
///   3. maxima[k] >= lock_at: channel k is locked, factor 1.
///   4. T_0 = mean of T_k over the locked filters.
///   5. factor_k = T_0 / T_k for the others.
///   6. factor_k <= reach * upper_bound / maxima[k], where that is 1 or more: nothing reaches the bound that did not before. The paper's
///      reach is 1.
/// Then, by (26) and (27), ReLU6(factor * x) = factor * ReLU6(x) for every x up to maxima[k].
///
/// Beyond the paper: where no channel is locked (always, without an upper bound) T_0 is the geometric mean of the T_k, so that
/// factors average to 1; a common multiple of them would change nothing but the scales. All locked: nothing changes. A dead
/// filter (all zeros, or below 1e-6 of the layer's largest weight) stays, and does not count in T_0. A channel that was never
/// positive (maxima[k] <= 0) has no limit of step 6, but max_factor. Where limits contradict each other that of step 6 prevails.
///
/// upper_bound: where the activation between the layers clips, 6 for ReLU6, no_upper_bound for ReLU and for none. Layouts and
/// axes as for scale_channels. maxima: one number a channel, or, without an upper bound, none. Throws shape_error when channel
/// counts differ; value_error for maxima that are not finite or impossible limits; quantization_range_error for
/// weights that are not finite. Nothing is changed then.
template <Tensor P, Tensor B, Tensor C, Tensor M>
Rescaling rescale_dws(P& producer, ChannelAxis producer_axis, B& bias, C& consumer, ChannelAxis consumer_axis, const M& maxima,
                      double upper_bound, const RescaleLimits& limits = {}) {
  const auto p = view(producer);
  const auto c = view(consumer);
  detail::PairState s =
      detail::pair_state(p, producer_axis.index, c, consumer_axis.index, view(maxima), upper_bound, limits, "rescale_dws");
  double control = 0;
  if (!s.locked_live.empty()) {
    for (const std::size_t k : s.locked_live) control += s.producer[k];
    control /= double(s.locked_live.size());
  } else if (!s.free.empty()) {
    control = detail::geometric_mean(s.producer, s.free);
  }
  std::vector<double> wished(s.producer.size(), 1.0);
  for (const std::size_t k : s.free) wished[k] = control / s.producer[k];
  Rescaling r = detail::apply_factors(std::move(s), wished, p, producer_axis, view(bias), c, consumer_axis, upper_bound, limits);
  r.control_value = control;
  return r;
}

/// The same, all limits in one.
template <Tensor P, Tensor B, Tensor C, Tensor M>
Rescaling rescale_dws(P& producer, ChannelAxis producer_axis, B& bias, C& consumer, ChannelAxis consumer_axis, const M& maxima,
                      const RescaleOptions& options) {
  return rescale_dws(producer, producer_axis, bias, consumer, consumer_axis, maxima, options.upper_bound, options);
}

/// The same for weights that lie as the library's do: O I, O KH KW I, or depthwise KH KW C.
template <Tensor P, Tensor B, Tensor C, Tensor M>
Rescaling rescale_dws(P& producer, B& bias, C& consumer, const M& maxima, double upper_bound, const RescaleLimits& limits = {}) {
  return rescale_dws(producer, output_axis(view(producer), "rescale_dws"), bias, consumer,
                     input_axis(view(consumer), "rescale_dws"), maxima, upper_bound, limits);
}

/// Without the upper bound there is no telling which channels are locked: does not compile.
template <Tensor P, Tensor B, Tensor C, Tensor M>
Rescaling rescale_dws(P&, B&, C&, const M&) {
  static_assert(detail::has_upper_bound<P>,
                "trimtab: rescale_dws needs to know where the activation clips: 6 for ReLU6, no_upper_bound "
                "for ReLU and for none");
  return {};
}

}  // namespace trimtab
