#pragma once
/// \file
/// A factor for each channel between two layers: what the first layer multiplies its output by, the second divides its weights
/// by.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <trimtab/core/channel_runs.hpp>
#include <trimtab/core/error.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/core/weight_axes.hpp>
#include <vector>

namespace trimtab {
namespace detail {

/// Calls f(element, channel) for every element of a dense tensor.
template <class T, class F>
void for_each_in_channels(const TensorView<T>& v, std::size_t axis, const char* what, const F& f) {
  const ChannelRuns runs = channel_runs(v, axis, what);
  for (std::size_t o = 0, at = 0; o < runs.outer; ++o)
    for (std::size_t c = 0; c < runs.channels; ++c)
      for (std::size_t i = 0; i < runs.inner; ++i) f(v.data[at++], c);
}

template <class T>
std::vector<double> largest_weights(const TensorView<T>& weight, std::size_t axis, const char* what) {
  std::vector<double> largest(channel_runs(weight, axis, what).channels, 0.0);
  for_each_in_channels(weight, axis, what, [&](T w, std::size_t c) {
    if (!std::isfinite(w)) throw quantization_range_error(message(what, ": channel ", c, " has a weight of ", w));
    largest[c] = std::max(largest[c], std::abs(double(w)));
  });
  return largest;
}

}  // namespace detail

/// The largest |weight| of each channel along `axis`: the thresholds of vector quantization. `weight`: dense. Throws shape_error
/// when it is not, or lacks the axis; quantization_range_error for a weight that is NaN or infinite.
template <Tensor W>
std::vector<double> channel_thresholds(const W& weight, std::size_t axis) {
  return detail::largest_weights(view(weight), axis, "channel_thresholds");
}

/// In place, for each channel c with factor f: producer weights and bias times f, consumer weights divided by f. The consumer
/// then computes what it did before, up to the rounding of the weights (2^-24 each in float), if what lies between multiplies by
/// f too: nothing, ReLU, average pooling and max pooling do; ReLU6 does while outputs stay below 6. producer: dense, its output
/// channels along `producer_axis`; bias: one number a channel, or none; consumer: dense, its input channels along
/// `consumer_axis`. Throws shape_error when channel counts differ; value_error unless every factor is positive and finite and so
/// is every weight it gives. Nothing is changed then.
template <Tensor P, Tensor B, Tensor C>
void scale_channels(P& producer, ChannelAxis producer_axis, B& bias, C& consumer, ChannelAxis consumer_axis,
                    std::span<const double> factors) {
  constexpr const char* what = "scale_channels";
  const auto p = view(producer);
  const auto b = detail::dense_view(bias, 1, "scale_channels: bias");
  const auto c = view(consumer);
  const std::vector<double> largest_p = detail::largest_weights(p, producer_axis.index, what),
                            largest_c = detail::largest_weights(c, consumer_axis.index, what);
  const std::size_t biases = b.size() == 0 ? factors.size() : b.size();
  for (const std::size_t channels : {largest_c.size(), biases, factors.size()})
    if (channels != largest_p.size())
      throw shape_error(detail::message(what, ": ", largest_p.size(), " output channels in the producer, ", largest_c.size(),
                                        " input channels in the consumer, ", b.size(), " biases, ", factors.size(), " factors"));
  for (std::size_t k = 0; k < factors.size(); ++k) {
    const double f = factors[k];
    if (!(f > 0) || !std::isfinite(f)) throw value_error(detail::message(what, ": channel ", k, " has the factor ", f));
    const double largest = std::max({largest_p[k] * f, b.size() == 0 ? 0.0 : std::abs(double(b.data[k])) * f, largest_c[k] / f});
    if (!(largest <= double(std::numeric_limits<value_t<P>>::max())))
      throw value_error(detail::message(what, ": channel ", k, " with the factor ", f, " has weights up to ", largest));
  }
  detail::for_each_in_channels(p, producer_axis.index, what,
                               [&](auto& w, std::size_t k) { w = static_cast<value_t<P>>(double(w) * factors[k]); });
  for (std::size_t k = 0; k < b.size(); ++k) b.data[k] = static_cast<value_t<B>>(double(b.data[k]) * factors[k]);
  detail::for_each_in_channels(c, consumer_axis.index, what,
                               [&](auto& w, std::size_t k) { w = static_cast<value_t<C>>(double(w) / factors[k]); });
}

/// The same for weights that lie as the library's do: O I, O KH KW I, or depthwise KH KW C.
template <Tensor P, Tensor B, Tensor C>
void scale_channels(P& producer, B& bias, C& consumer, std::span<const double> factors) {
  scale_channels(producer, output_axis(view(producer), "scale_channels"), bias, consumer,
                 input_axis(view(consumer), "scale_channels"), factors);
}

}  // namespace trimtab
