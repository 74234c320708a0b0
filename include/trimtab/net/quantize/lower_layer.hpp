#pragma once
/// \file
/// From a float layer and its quantizers to the integers of the int8 layer: the one place where codes, biases and multipliers are made, for
/// training and for deployment.

#include <algorithm>
#include <cstdint>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <trimtab/ops/quantize.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// The grid of a quantizer with its codes held in bytes, narrowed to a clip of the real values. Signed codes are held 128 higher, so that
/// kernels see unsigned ones only.
inline Affine<float> byte_grid(const Affine<float>& grid, const Clip& clip = no_clip) {
  const std::int32_t shift = grid.codes.qmin < 0 ? 128 : 0;
  return {grid.scale, grid.zero_point + shift, {grid.quantize(clip.lo) + shift, grid.quantize(clip.hi) + shift}};
}

/// The grid that node `id` writes, its clip and its operator's bounds included.
inline Affine<float> byte_grid(const QuantizedNetwork& q, NodeId id) {
  const Node& node = q.network[id];
  Affine<float> grid = byte_grid(q.output_grid(id), node.clip);
  if (const Clip bounds = node.op->bounds(); bounds != no_clip) {
    const CodeRange own = byte_grid(q.output_grid(id), bounds).codes;
    grid.codes = {std::clamp(own.qmin, grid.codes.qmin, grid.codes.qmax), std::clamp(own.qmax, grid.codes.qmin, grid.codes.qmax)};
  }
  return grid;
}

/// Integers of a layer with weights. Codes lie as the float weights do; the rest has one number for each output channel.
struct LoweredLayer {
  std::vector<std::int8_t> codes;                 ///< of the weights, in their order
  std::vector<std::int32_t> zero_point;           ///< of the weights; empty where all are 0
  std::vector<float> scale;                       ///< of the weights
  std::vector<std::int32_t> bias;                 ///< on the accumulator's grid
  std::vector<float> multiplier;                  ///< accumulator to steps of the output
  std::vector<FixedPointMultiplier> fixed_point;  ///< the same for Requantizer::fixed_point, else empty
  FixedPointRounding rounding = FixedPointRounding::once;
};

/// The byte that stands for TFLite's code 0: 128 in a network of int8 codes, 0 in one of uint8 codes, as asymmetric weights want them.
inline std::int32_t code_origin(const QuantizedNetwork& q) {
  for (const std::optional<AnyQuantizer>& weight : q.weight)
    if (weight && !weight->is_symmetric()) return 0;
  return 128;
}

/// The layer with its weights and biases multiplied by their point-wise factors (paper 4.2), or as it is where there are none.
inline Operator effective_layer(const Operator& layer, const PointwiseFactors& factors) {
  Operator result = layer;
  WeightedLayer& l = *result->weighted();
  for (std::size_t i = 0; i < factors.weight.size(); ++i) l.weight().data[i] *= PointwiseFactors::bounds.clip(factors.weight[i]);
  for (std::size_t i = 0; i < factors.bias.size(); ++i) l.bias()[i] *= PointwiseFactors::bounds.clip(factors.bias[i]);
  return result;
}

/// Makes a layer's point-wise factors part of it, and 1 themselves.
inline void fold_pointwise(Operator& layer, PointwiseFactors& factors) {
  layer = effective_layer(layer, factors);
  for (auto* list : {&factors.weight, &factors.bias}) std::fill(list->begin(), list->end(), 1.0F);
}

/// What a layer's integers mean, before its input's and output's grids are known: codes of its weights, their grids, its real biases.
struct LayerCodes {
  std::vector<std::int8_t> codes;        ///< of the weights, in their order
  std::vector<std::int32_t> zero_point;  ///< of the weights, one for each output channel
  std::vector<float> scale;              ///< of the weights, one for each output channel
};

/// The one place where biases and multipliers are made, for training, deployment and files: multiplier = scale_x * scale_w / scale_y in float32.
/// bias(channel, scale_x, scale_w) gives the bias codes. Throws quantization_range_error when a multiplier leaves the normal numbers.
template <class Bias>
LoweredLayer lower_codes(LayerCodes codes, float scale_x, float scale_y, const Bias& bias) {
  LoweredLayer lowered;
  lowered.codes = std::move(codes.codes);
  for (std::size_t c = 0; c < codes.scale.size(); ++c) {
    lowered.bias.push_back(bias(c, double(scale_x), double(codes.scale[c])));
    lowered.multiplier.push_back(scale_x * codes.scale[c] / scale_y);
    if (!std::isnormal(lowered.multiplier.back()))
      throw quantization_range_error(detail::message("lower_layer: channel ", c, ": scales ", scale_x, " * ", codes.scale[c],
                                                     " / ", scale_y, " leave float32's normal numbers"));
  }
  lowered.scale = std::move(codes.scale);
  if (std::any_of(codes.zero_point.begin(), codes.zero_point.end(), [](std::int32_t z) { return z != 0; }))
    lowered.zero_point = std::move(codes.zero_point);
  return lowered;
}

/// Adds what Requantizer::fixed_point multiplies by: scale_x * scale_w / scale_y in double; where TFLite knows but one weight scale (uint8
/// weights, and layers that say so) the product is a float32 as there. Its kernels round twice for uint8 weights, else as `product` says.
/// Throws quantization_range_error when a multiplier leaves fixed point's range.
inline void multiply_in_fixed_point(LoweredLayer& lowered, const FixedPointProduct& product, bool uint8_weights, bool one_scale,
                                    float scale_x, float scale_y) {
  const bool in_float = uint8_weights || (product.one_scale_in_float && one_scale);
  for (const float scale_w : lowered.scale)
    lowered.fixed_point.push_back(
        fixed_point((in_float ? double(scale_x * scale_w) : double(scale_x) * double(scale_w)) / double(scale_y)));
  lowered.rounding = uint8_weights ? FixedPointRounding::twice : product.rounding;
}

/// codes = quantize(weight), bias = quantize_bias(bias, scale_x, scale_w) (eq. 20), multiplier as lower_codes.
/// In fixed point multiply_in_fixed_point; the weights of asymmetric quantizers are TFLite's uint8.
/// Throws quantization_range_error when a multiplier leaves the normal numbers, or fixed point's range.
inline LoweredLayer lower_layer(const WeightedLayer& layer, const AnyQuantizer& quantizer, float scale_x, float scale_y,
                                Requantizer requantizer = Requantizer::float32) {
  const std::span<const float> bias = layer.bias();
  const TensorView<const float> weight = layer.weight();
  LayerCodes made;
  made.codes.resize(weight.size());
  TensorView<std::int8_t> codes(made.codes.data(), weight.extent);
  quantize(weight, quantizer, codes);
  for (std::size_t c = 0; c < layer.output_channels(); ++c) {
    const Affine<float> grid = quantizer.grid(quantizer.channels() == 1 ? 0 : c);
    made.zero_point.push_back(grid.zero_point);
    made.scale.push_back(grid.scale);
  }
  LoweredLayer lowered = lower_codes(std::move(made), scale_x, scale_y, [&](std::size_t c, double s_x, double s_w) {
    return quantize_bias(double(bias.empty() ? 0.0F : bias[c]), s_x, s_w);
  });
  if (requantizer == Requantizer::fixed_point)
    multiply_in_fixed_point(lowered, layer.fixed_point_product(), !quantizer.is_symmetric(), quantizer.channels() == 1, scale_x,
                            scale_y);
  return lowered;
}
/// The same of an operator with weights.
inline LoweredLayer lower_layer(const Operator& layer, const AnyQuantizer& quantizer, float scale_x, float scale_y,
                                Requantizer requantizer = Requantizer::float32) {
  return lower_layer(*layer->weighted(), quantizer, scale_x, scale_y, requantizer);
}

}  // namespace trimtab
