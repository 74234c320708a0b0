#pragma once
/// \file
/// From a float layer and its grids to the integers of the int8 layer: the one place where codes, biases and multipliers are
/// made, for training, deployment and files.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <span>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/weight_axes.hpp>
#include <trimtab/ops/quantize.hpp>
#include <trimtab/quant/byte_grid.hpp>
#include <trimtab/quant/fixed_point.hpp>
#include <trimtab/quant/requantize.hpp>
#include <trimtab/transform/quantize_bias.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// What a layer's weights mean, before its input's and output's grids are known.
struct LayerCodes {
  Extents extent;                        ///< of the weights
  std::vector<std::int8_t> codes;        ///< of the weights, in their order
  std::vector<std::int32_t> zero_point;  ///< of the weights, one for each output channel
  std::vector<float> scale;              ///< of the weights, one for each output channel
};

/// Integers of a layer with weights. Codes lie as the float weights do; the rest has one number for each output channel.
struct LoweredLayer {
  Extents extent;                                 ///< of the weights
  std::vector<std::int8_t> codes;                 ///< of the weights, in their order
  std::vector<std::int32_t> zero_point;           ///< of the weights; empty where all are 0
  std::vector<float> scale;                       ///< of the weights
  std::vector<std::int32_t> bias;                 ///< on the accumulator's grid
  std::vector<float> multiplier;                  ///< accumulator to steps of the output: scale_x * scale_w / scale_y
  std::vector<FixedPointMultiplier> fixed_point;  ///< the same for Requantizer::fixed_point, else empty
  FixedPointRounding rounding = FixedPointRounding::once;

  /// The codes as a tensor, for int8::pack_linear, pack_conv2d and pack_depthwise_conv2d. Looks into this object.
  TensorView<const std::int8_t> weight() const& { return {codes.data(), extent}; }
  TensorView<const std::int8_t> weight() && = delete;  ///< of a temporary nothing would be left to look at
  /// Accumulators to codes of the output: its multipliers, zero point and limits. Looks into this object. grid_y: the layer's,
  /// clipped.
  Requantize requantize(const Affine<float>& grid_y) const& {
    return {multiplier, grid_y.zero_point, grid_y.codes.qmin, grid_y.codes.qmax};
  }
  Requantize requantize(const Affine<float>&) && = delete;  ///< as weight()
};

/// multiplier = scale_x * scale_w / scale_y in float32; bias(channel, scale_x, scale_w) gives the bias codes. Throws
/// quantization_range_error when a multiplier leaves the normal numbers.
template <class Bias>
LoweredLayer lower_codes(LayerCodes codes, float scale_x, float scale_y, const Bias& bias) {
  LoweredLayer lowered;
  lowered.extent = codes.extent;
  lowered.codes = std::move(codes.codes);
  for (std::size_t c = 0; c < codes.scale.size(); ++c) {
    lowered.bias.push_back(bias(c, double(scale_x), double(codes.scale[c])));
    lowered.multiplier.push_back(scale_x * codes.scale[c] / scale_y);
    if (!std::isnormal(lowered.multiplier.back()))
      throw quantization_range_error(detail::message("lower: channel ", c, ": scales ", scale_x, " * ", codes.scale[c], " / ",
                                                     scale_y, " leave float32's normal numbers"));
  }
  lowered.scale = std::move(codes.scale);
  if (std::any_of(codes.zero_point.begin(), codes.zero_point.end(), [](std::int32_t z) { return z != 0; }))
    lowered.zero_point = std::move(codes.zero_point);
  return lowered;
}

namespace detail {

/// lower() for weights whose output channels lie along `axis`.
template <Quantizer Q>
LoweredLayer lower(const TensorView<const float>& weight, std::size_t axis, std::span<const float> bias, float scale_x,
                   const Q& quantizer, float scale_y) {
  const std::size_t outputs = weight.extent[axis];
  const Granularity granularity = quantizer.granularity();
  if (granularity != per_tensor && granularity != per_channel(axis))
    throw shape_error(message("lower: a grid for each index along axis ", granularity.axis, " of weights with extents ",
                              weight.extent, "; their output channels lie along axis ", axis));
  if (!bias.empty() && bias.size() != outputs)
    throw shape_error(message("lower: ", bias.size(), " biases for ", outputs, " output channels"));
  LayerCodes made;
  made.extent = weight.extent;
  made.codes.resize(weight.size());
  quantize(weight, quantizer, TensorView<std::int8_t>(made.codes.data(), weight.extent));
  for (std::size_t c = 0; c < outputs; ++c) {
    const Affine<float> grid = quantizer.grid(quantizer.channels() == 1 ? 0 : c);
    made.zero_point.push_back(grid.zero_point);
    made.scale.push_back(grid.scale);
  }
  return lower_codes(std::move(made), scale_x, scale_y, [&](std::size_t c, double s_x, double s_w) {
    return quantize_bias(double(bias.empty() ? 0.0F : bias[c]), s_x, s_w);
  });
}

}  // namespace detail

/// The integers with which int8 kernels compute y = weight * x + bias from codes of x into codes of y:
///   codes = quantize(weight),   bias = clamp(round(b / (s_x * s_w)))  (eq. 20),   multiplier = s_x * s_w / s_y
/// weight: O I, O KH KW I or depthwise KH KW C, float, dense, row-major; bias: one number for each output channel, or no_bias.
/// Throws shape_error when extents do not fit, or the quantizer's channels are not the output channels; value_error when codes of
/// weights do not fit into int8; quantization_range_error when a multiplier leaves float32's normal numbers, or a bias int32:
/// weights near 0, of a filter that died in training, beside a bias that did not (least_weight_threshold).
template <Tensor W, Tensor B, Quantizer Q>
LoweredLayer lower(const W& weight, const B& bias, const Affine<float>& grid_x, const Q& quantizer, const Affine<float>& grid_y) {
  static_assert(std::is_same_v<value_t<const W>, float> && std::is_same_v<value_t<const B>, float>,
                "trimtab: lower takes float weights and biases");
  const auto w = view(weight);
  const std::size_t axis = output_axis(w, "lower").index;
  const float* b = detail::optional_vector_data(bias, w.extent[axis], "lower: bias");
  LoweredLayer lowered = detail::lower(detail::dense_view(weight, w.rank(), "lower: weight"), axis,
                                       b == nullptr ? std::span<const float>() : std::span(b, w.extent[axis]), grid_x.scale,
                                       quantizer, grid_y.scale);
  for (std::size_t c = 0; c < lowered.bias.size(); ++c)
    if (std::abs(lowered.bias[c]) == std::numeric_limits<std::int32_t>::max())
      throw quantization_range_error(detail::message("lower: channel ", c, ": bias ", b[c], " is beyond 2^31 steps of ",
                                                     grid_x.scale, " * ", lowered.scale[c],
                                                     "; its weights need a threshold of least_weight_threshold or more"));
  return lowered;
}

}  // namespace trimtab
