#pragma once
/// \file
/// Layers whose weights are codes in an ONNX file: their scales, zero points and biases.

#include <algorithm>
#include <cstdint>
#include <trimtab/io/onnx/node.hpp>
#include <vector>

namespace trimtab::detail {

/// After a node has become a layer with weights from input 1, whose output channels lie along `axis` there: takes the numbers of
/// its codes, where it has any.
inline void record_layer(const OnnxNode& n, std::int64_t axis) {
  if (!n.is_codes(1)) {
    if (n.is_codes(2)) throw unsupported_error("has a bias of codes and weights of floats");
    return;
  }
  const OnnxCodes codes = std::get<OnnxCodes>(n.value(1));
  const NodeId id = std::get<OnnxActivation>(*n.import.find(n.proto.output(0))).node;
  const std::size_t outputs = n.import.network[id].op->weighted()->output_channels();
  for (const std::size_t count : {codes.scale.size(), codes.zero_point.size()})
    if (count != 1 && (count != outputs || codes.axis != axis))
      throw unsupported_error(
          message("weights have ", count, " scales or zero points along axis ", codes.axis, " for ", outputs, " outputs"));
  OnnxLayer layer{codes.scale, codes.zero_point, {}, {}};
  if (n.is_codes(2)) {
    const OnnxCodes& bias = std::get<OnnxCodes>(n.value(2));
    n.import.charge(bias.tensor.count());
    if (bias.type != OnnxType::int32 || bias.zero_point != std::vector<std::int32_t>{0})
      throw unsupported_error("the bias is not of int32 codes without zero point");
    const std::span<const std::int32_t> held = bias.tensor.codes();
    layer.bias.assign(held.begin(), held.end());
    layer.bias_scale = bias.scale;
    if (layer.bias.size() != outputs || (layer.bias_scale.size() > 1 && layer.bias_scale.size() != outputs))
      throw shape_error(
          message(layer.bias.size(), " biases of ", layer.bias_scale.size(), " scales for ", outputs, " outputs"));
  }
  n.import.quantization.layers[id] = std::move(layer);
}

}  // namespace trimtab::detail
