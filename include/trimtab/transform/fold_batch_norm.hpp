#pragma once
/// \file
/// Batch norm folded into the weights and bias before it (paper eq. 10 and 11; Jacob et al., CVPR 2018).

#include <cmath>
#include <cstddef>
#include <trimtab/core/error.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/core/weight_axes.hpp>

namespace trimtab {

/// Changes weight and bias so that conv(x) becomes batch_norm(conv(x)), in place, for output channel c along `channel_axis`:
///   weight *= gamma / sqrt(variance + epsilon)                      (10)
///   bias    = beta + (bias - mean) * gamma / sqrt(variance + epsilon)  (11, with the convolution's own bias kept)
/// weight: dense, row-major; the others have one number a channel. Computed in double. Throws shape_error when lengths differ;
/// value_error when variance + epsilon is not positive.
template <Tensor W, Tensor B, Tensor P>
void fold_batch_norm(W& weight, ChannelAxis channel_axis, B& bias, const P& gamma, const P& beta, const P& mean,
                     const P& variance, double epsilon) {
  auto w = view(weight);
  auto b = view(bias);
  const auto g = view(gamma), bt = view(beta), mu = view(mean), var = view(variance);
  if (channel_axis.index >= w.rank() || !detail::is_row_major(w))
    throw shape_error(detail::message("fold_batch_norm: axis ", channel_axis.index, " of a weight with extents ", w.extent,
                                      ", strides ", w.stride));
  const std::size_t channels = w.extent[channel_axis.index];
  for (const std::size_t length : {b.size(), g.size(), bt.size(), mu.size(), var.size()})
    if (length != channels)
      throw shape_error(detail::message("fold_batch_norm: ", channels, " channels, but a parameter has ", length, " numbers"));

  using Real = value_t<W>;
  const auto inner = static_cast<std::size_t>(w.stride[channel_axis.index]);
  const std::size_t outer = channels == 0 ? 0 : w.size() / (channels * inner);
  for (std::size_t c = 0; c < channels; ++c) {
    const double spread = double(var.data[c]) + epsilon;
    if (!(spread > 0)) throw value_error(detail::message("fold_batch_norm: channel ", c, ": variance + epsilon is ", spread));
    const double factor = double(g.data[c]) / std::sqrt(spread);
    b.data[c] = static_cast<value_t<B>>(double(bt.data[c]) + (double(b.data[c]) - double(mu.data[c])) * factor);
    for (std::size_t o = 0; o < outer; ++o)
      for (std::size_t i = 0; i < inner; ++i) {
        Real& value = w.data[(o * channels + c) * inner + i];
        value = static_cast<Real>(double(value) * factor);
      }
  }
}

/// The same for weights that lie as the library's do: O I, O KH KW I, or depthwise KH KW C.
template <Tensor W, Tensor B, Tensor P>
void fold_batch_norm(W& weight, B& bias, const P& gamma, const P& beta, const P& mean, const P& variance, double epsilon) {
  fold_batch_norm(weight, output_axis(view(weight), "fold_batch_norm"), bias, gamma, beta, mean, variance, epsilon);
}

}  // namespace trimtab
