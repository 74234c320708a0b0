#pragma once
/// \file
/// Bias correction: quantized weights and clipped activations shift the mean of a layer's outputs, and its bias takes the shift
/// back (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, 4.2).

#include <cmath>
#include <cstddef>
#include <trimtab/core/error.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/transform/scale_channels.hpp>
#include <vector>

namespace trimtab {

/// The shift of each output channel's mean that quantization of the weights causes: sum over the channel's weights of
/// (quantized - weight) * E[x of the input channel it multiplies].
/// weight, quantized: dense, equal layouts, outputs along `output_axis` (0 for O KH KW I/groups and O I, 2 for KH KW C), inputs
/// along `input_axis` (3, 1, 2; the same axis for depthwise filters); input_means: one number for each input channel of all
/// groups. Borders count as if the padding had the mean of x. Throws shape_error when extents do not fit together.
template <Tensor W, Tensor Q, Tensor M>
std::vector<double> mean_shift(const W& weight, const Q& quantized, std::size_t output_axis, std::size_t input_axis,
                               const M& input_means, std::size_t groups = 1) {
  const auto w = view(weight);
  const auto q = view(quantized);
  const auto mean = detail::dense_view(input_means, 1, "mean_shift: input_means");
  if (w.rank() <= output_axis || w.rank() <= input_axis || !detail::is_row_major(w) || !detail::is_row_major(q))
    throw shape_error(detail::message("mean_shift: axes ", output_axis, " and ", input_axis, " of a weight with extents ",
                                      w.extent, ", strides ", w.stride));
  detail::require_extents(q.extent, w.extent, "mean_shift: quantized");
  const std::size_t outputs = w.extent[output_axis], inputs = w.extent[input_axis];
  if (groups == 0 || outputs % groups != 0 || mean.size() != inputs * groups)
    throw shape_error(detail::message("mean_shift: ", mean.size(), " means for weights ", w.extent, " in ", groups, " groups"));

  const auto index = [&](std::size_t at, std::size_t axis) {
    return at / static_cast<std::size_t>(w.stride[axis]) % w.extent[axis];
  };
  std::vector<double> shift(outputs, 0.0);
  for (std::size_t at = 0; at < w.size(); ++at) {
    const std::size_t o = index(at, output_axis), group = o / (outputs / groups);
    const double x = double(mean.data[group * inputs + index(at, input_axis)]);
    shift[o] += (double(q.data[at]) - double(w.data[at])) * x;
  }
  return shift;
}

/// bias -= shift, one number a channel: shifts of mean_shift, or measured as mean(quantized output) - mean(float output) before
/// the activation. Throws shape_error when lengths differ, value_error for a shift that is not finite; nothing is changed then.
template <Tensor B, Tensor S>
void correct_bias(B& bias, const S& shift) {
  auto b = detail::dense_view(bias, 1, "correct_bias: bias");
  const auto s = detail::dense_view(shift, 1, "correct_bias: shift");
  detail::require_extents(s.extent, b.extent, "correct_bias: shift");
  for (std::size_t c = 0; c < b.size(); ++c)
    if (!std::isfinite(s.data[c])) throw value_error(detail::message("correct_bias: channel ", c, " has the shift ", s.data[c]));
  for (std::size_t c = 0; c < b.size(); ++c) b.data[c] = static_cast<value_t<B>>(double(b.data[c]) - double(s.data[c]));
}

}  // namespace trimtab
