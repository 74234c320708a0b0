#pragma once
/// \file
/// From a float layer and its quantizers to the integers of the int8 layer: the one place where codes, biases and multipliers are made, for
/// training and for deployment.

#include <algorithm>
#include <cstdint>
#include <vector>

#include <trimtab/net/quantized_network.hpp>
#include <trimtab/ops/quantize.hpp>

namespace trimtab {

/// The grid of a quantizer with its codes held in bytes, narrowed to a clip of the real values. Signed codes are held 128 higher, so that
/// kernels see unsigned ones only.
inline Affine<float> byte_grid(const Affine<float>& grid, const Clip& clip = no_clip) {
  const std::int32_t shift = grid.codes.qmin < 0 ? 128 : 0;
  return {grid.scale, grid.zero_point + shift, {grid.quantize(clip.lo) + shift, grid.quantize(clip.hi) + shift}};
}

/// The grid that node `id` writes, its clip included.
inline Affine<float> byte_grid(const QuantizedNetwork& q, NodeId id) {
  const Node& node = q.network[id];
  Affine<float> grid = byte_grid(q.output_grid(id), node.clip);
  if (const Clip* clip = std::get_if<Clip>(&node.op)) {
    const CodeRange own = byte_grid(q.output_grid(id), *clip).codes;
    grid.codes = {std::clamp(own.qmin, grid.codes.qmin, grid.codes.qmax), std::clamp(own.qmax, grid.codes.qmin, grid.codes.qmax)};
  }
  return grid;
}

/// Integers of a layer with weights. Codes lie as the float weights do; the rest has one number for each output channel.
struct LoweredLayer {
  std::vector<std::int8_t> codes;  ///< of the weights, in their order
  std::vector<std::int32_t> zero_point;  ///< of the weights; empty where all are 0
  std::vector<float> scale;              ///< of the weights
  std::vector<std::int32_t> bias;        ///< on the accumulator's grid
  std::vector<float> multiplier;         ///< accumulator to steps of the output
  std::vector<FixedPointMultiplier> fixed_point;  ///< the same for Requantizer::fixed_point, else empty
  FixedPointRounding rounding = FixedPointRounding::once;
};

namespace detail {

inline bool is_asymmetric(const AnyQuantizer& quantizer) { return std::holds_alternative<AdjustableRange<float>>(quantizer.get()); }

}  // namespace detail

/// The byte that stands for TFLite's code 0: 128 in a network of int8 codes, 0 in one of uint8 codes, as asymmetric weights want them.
inline std::int32_t code_origin(const QuantizedNetwork& q) {
  for (const std::optional<AnyQuantizer>& weight : q.weight)
    if (weight && detail::is_asymmetric(*weight)) return 0;
  return 128;
}

/// The layer with its weights and biases multiplied by their point-wise factors (paper 4.2), or as it is where there are none.
template <detail::WeightedLayer L>
L effective_layer(const L& layer, const PointwiseFactors& factors) {
  L result = layer;
  for (std::size_t i = 0; i < factors.weight.size(); ++i) result.weight.data()[i] *= PointwiseFactors::bounds.clip(factors.weight[i]);
  for (std::size_t i = 0; i < factors.bias.size(); ++i) result.bias.data()[i] *= PointwiseFactors::bounds.clip(factors.bias[i]);
  return result;
}

/// Makes a layer's point-wise factors part of it, and 1 themselves.
template <detail::WeightedLayer L>
void fold_pointwise(L& layer, PointwiseFactors& factors) {
  layer = effective_layer(layer, factors);
  for (auto* list : {&factors.weight, &factors.bias}) std::fill(list->begin(), list->end(), 1.0F);
}

/// codes = quantize(weight), bias = quantize_bias(bias, scale_x, scale_w) (eq. 20), multiplier = scale_x * scale_w / scale_y in float32.
/// In fixed point scale_x * scale_w / scale_y is taken in double; where TFLite knows but one weight scale (asymmetric weights, Linear with one
/// scale) the product is a float32 as there. Its kernels round once in convolutions and linear layers of int8 codes, twice elsewhere.
/// Throws quantization_range_error when a multiplier leaves the normal numbers, or fixed point's range.
template <detail::WeightedLayer L>
LoweredLayer lower_layer(const L& layer, const AnyQuantizer& quantizer, float scale_x, float scale_y,
                         Requantizer requantizer = Requantizer::float32) {
  const std::size_t channels = layer.weight.shape(detail::channel_axis(layer));
  LoweredLayer lowered;
  lowered.codes.resize(layer.weight.size());
  TensorView<std::int8_t> codes(lowered.codes.data(), view(layer.weight).extent);
  quantize(layer.weight, quantizer, codes);
  bool any_zero_point = false;
  for (std::size_t c = 0; c < channels; ++c) {
    const Affine<float> grid = quantizer.grid(quantizer.channels() == 1 ? 0 : c);
    any_zero_point |= grid.zero_point != 0;
    lowered.zero_point.push_back(grid.zero_point);
    lowered.scale.push_back(grid.scale);
    lowered.bias.push_back(quantize_bias(double(layer.bias.size() ? layer.bias(c) : 0.0F), double(scale_x), double(grid.scale)));
    lowered.multiplier.push_back(scale_x * grid.scale / scale_y);
    if (!std::isnormal(lowered.multiplier.back()))
      throw quantization_range_error(detail::message("lower_layer: channel ", c, ": scales ", scale_x, " * ", grid.scale, " / ", scale_y,
                                                     " leave float32's normal numbers"));
  }
  if (!any_zero_point) lowered.zero_point.clear();
  if (requantizer == Requantizer::fixed_point) {
    const bool asymmetric = detail::is_asymmetric(quantizer), one_scale = asymmetric || (std::is_same_v<L, Linear> && quantizer.channels() == 1);
    for (const float scale_w : lowered.scale)
      lowered.fixed_point.push_back(fixed_point((one_scale ? double(scale_x * scale_w) : double(scale_x) * double(scale_w)) / double(scale_y)));
    if (asymmetric || std::is_same_v<L, DepthwiseConv2d>) lowered.rounding = FixedPointRounding::twice;
  }
  return lowered;
}

}  // namespace trimtab
