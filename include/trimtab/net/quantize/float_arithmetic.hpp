#pragma once
/// \file
/// A network of integers with float arithmetic in place of integers: what its quantizers say, read literally.

#include <cstdint>
#include <trimtab/net/operators/code_tables.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

/// scale_w * (code - zero_point), and scale_x * scale_w * bias.
inline void dequantize_layer(const LoweredLayer& l, float scale_x, WeightedLayer& layer) {
  const TensorView<const std::int8_t> codes = l.weight();
  const std::size_t outputs = l.scale.size(), inner = static_cast<std::size_t>(codes.stride[layer.output_axis()]);
  std::vector<float> weight, bias;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::size_t c = i / inner % outputs;
    weight.push_back(l.scale[c] * static_cast<float>(codes.data[i] - (l.zero_point.empty() ? 0 : l.zero_point[c])));
  }
  for (std::size_t c = 0; c < outputs; ++c)
    bias.push_back(static_cast<float>(double(scale_x) * double(l.scale[c]) * double(l.bias[c])));
  layer.set_weight({weight.data(), codes.extent});
  layer.set_bias(bias);
}

}  // namespace detail

/// The same network whose layers and operators that round compute in float32, from what codes stand for, and whose results are
/// rounded once to their grids: LoweredNode::in_float for each of them. Movements and tables of codes stay as they are.
/// Int8Network of it gives the codes of the integers, but where a sum lies so near to the middle between two codes that
/// float32's rounding decides.
inline LoweredNetwork with_float_arithmetic(LoweredNetwork network) {
  for (LoweredNode& node : network.nodes) {
    if (node.in_float) continue;
    if (node.layer) {
      detail::dequantize_layer(*node.layer, node.inputs[0].scale, *node.op->weighted());
      node.layer.reset();
      node.in_float = true;
    } else if (node.op->integers() == IntegerRule::rounds) {
      node.in_float = !is_code_table(node.op);
    }
  }
  return network;
}

}  // namespace trimtab
