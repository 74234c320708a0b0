#pragma once
/// \file
/// Batch-norm re-estimation: the mean and variance that normalize a channel are those it takes in the quantized network, not
/// those of the float one (Finkelstein et al., "Fighting Quantization Bias With Bias", 2019, mends the mean; Sun et al., "Hybrid
/// 8-bit Floating Point (HFP8)", NeurIPS 2019, both). With the batch norm folded away, what is left of it are the channel's
/// weights and bias.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <trimtab/core/error.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/transform/scale_channels.hpp>
#include <vector>

namespace trimtab {

/// What channels take over examples, before the activation: one number a channel.
struct ChannelMoments {
  std::vector<double> mean, variance;
};

/// For each output channel, with g = sqrt(wanted.variance / got.variance), within [1/2, 2], and 1 where got has none:
///   weight *= g,  bias = g (bias - got.mean) + wanted.mean.
/// weight: dense, outputs along `axis`; bias: one number a channel. Throws shape_error when lengths differ, value_error for
/// moments that are not finite; nothing is changed then.
template <Tensor W, Tensor B>
void reestimate_batch_norm(W& weight, std::size_t axis, B& bias, const ChannelMoments& got, const ChannelMoments& wanted) {
  auto b = detail::dense_view(bias, 1, "reestimate_batch_norm: bias");
  const std::size_t channels = b.size();
  for (const auto* list : {&got.mean, &got.variance, &wanted.mean, &wanted.variance}) {
    if (list->size() != channels)
      throw shape_error(detail::message("reestimate_batch_norm: ", list->size(), " moments for ", channels, " channels"));
    for (const double v : *list)
      if (!std::isfinite(v)) throw value_error(detail::message("reestimate_batch_norm: a moment is ", v));
  }
  const auto w = view(weight);
  if (const std::size_t outputs = channel_runs(w, axis, "reestimate_batch_norm").channels; outputs != channels)
    throw shape_error(detail::message("reestimate_batch_norm: ", channels, " biases for ", outputs, " channels"));
  std::vector<double> gain;
  for (std::size_t c = 0; c < channels; ++c)
    gain.push_back(got.variance[c] > 0 ? std::clamp(std::sqrt(wanted.variance[c] / got.variance[c]), 0.5, 2.0) : 1.0);
  detail::for_each_in_channels(w, axis, "reestimate_batch_norm",
                               [&](auto& v, std::size_t c) { v = static_cast<value_t<W>>(double(v) * gain[c]); });
  for (std::size_t c = 0; c < channels; ++c)
    b.data[c] = static_cast<value_t<B>>(gain[c] * (double(b.data[c]) - got.mean[c]) + wanted.mean[c]);
}

}  // namespace trimtab
