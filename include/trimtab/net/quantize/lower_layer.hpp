#pragma once
/// \file
/// A network's layers lowered to integers (transform/lower.hpp), with what networks have beside: point-wise factors, clips, fixed
/// point.

#include <algorithm>
#include <cstdint>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <trimtab/transform/lower.hpp>
#include <utility>
#include <vector>

namespace trimtab {

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

/// The byte that stands for TFLite's code 0: 128 in a network of int8 codes, 0 in one of uint8 codes, as asymmetric weights want
/// them.
inline std::int32_t code_origin(const QuantizedNetwork& q) {
  for (const std::optional<AnyQuantizer>& weight : q.weight)
    if (weight && !weight->is_symmetric()) return 0;
  return 128;
}

/// The layer with its weights and biases multiplied by their point-wise factors (paper 4.2), or as it is where there are none.
inline Operator effective_layer(const Operator& layer, const PointwiseFactors& factors) {
  Operator result = layer;
  WeightedLayer& l = *result->weighted();
  for (std::size_t i = 0; i < factors.weight.size(); ++i) l.weight().data[i] *= factors.bounds.clip(factors.weight[i]);
  for (std::size_t i = 0; i < factors.bias.size(); ++i) l.bias()[i] *= factors.bounds.clip(factors.bias[i]);
  return result;
}

/// Makes a layer's point-wise factors part of it, and 1 themselves.
inline void fold_pointwise(Operator& layer, PointwiseFactors& factors) {
  layer = effective_layer(layer, factors);
  for (auto* list : {&factors.weight, &factors.bias}) std::fill(list->begin(), list->end(), 1.0F);
}

/// Adds what Requantizer::fixed_point multiplies by: scale_x * scale_w / scale_y in double; where TFLite knows but one weight
/// scale (uint8 weights, and layers that say so) the product is a float32 as there. Its kernels round twice for uint8 weights,
/// else as `product` says. Throws quantization_range_error when a multiplier leaves fixed point's range.
inline void multiply_in_fixed_point(LoweredLayer& lowered, const FixedPointProduct& product, bool uint8_weights, bool one_scale,
                                    float scale_x, float scale_y) {
  const bool in_float = uint8_weights || (product.one_scale_in_float && one_scale);
  for (const float scale_w : lowered.scale)
    lowered.fixed_point.push_back(
        fixed_point((in_float ? double(scale_x * scale_w) : double(scale_x) * double(scale_w)) / double(scale_y)));
  lowered.rounding = uint8_weights ? FixedPointRounding::twice : product.rounding;
}

/// The integers of a layer, as transform/lower.hpp has them. In fixed point multiply_in_fixed_point; the weights of asymmetric
/// quantizers are TFLite's uint8. Throws quantization_range_error when a multiplier leaves the normal numbers, or fixed point's
/// range.
inline LoweredLayer lower_layer(const WeightedLayer& layer, const AnyQuantizer& quantizer, float scale_x, float scale_y,
                                Requantizer requantizer = Requantizer::float32) {
  LoweredLayer lowered = detail::lower(layer.weight(), layer.output_axis(), layer.bias(), scale_x, quantizer, scale_y);
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
