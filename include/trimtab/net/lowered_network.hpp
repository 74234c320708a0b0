#pragma once
/// \file
/// A network of integers: what lies between a QuantizedNetwork and the Int8Network that runs it, and what files of quantized networks hold.

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <trimtab/int8/depthwise_conv2d.hpp>
#include <trimtab/int8/packed_conv2d.hpp>
#include <trimtab/net/lower.hpp>

namespace trimtab {

/// A convolution; `extent` is that of its weights, O KH KW I/groups.
struct LoweredConv2d {
  LoweredLayer layer;
  Extents extent;
  WindowOptions window = {};
  std::size_t groups = 1;
};
/// See LoweredConv2d.
/// A depthwise convolution; `extent` is that of its weights, KH KW C.
struct LoweredDepthwiseConv2d {
  LoweredLayer layer;
  Extents extent;
  WindowOptions window = {};
};
/// See LoweredConv2d.
/// A linear layer; `extent` is that of its weights, O I.
struct LoweredLinear {
  LoweredLayer layer;
  Extents extent;
};

/// Clip clamps to the node's codes, whatever its real bounds.
using LoweredOperator = std::variant<Input, LoweredConv2d, LoweredDepthwiseConv2d, LoweredLinear, Add, Concat, AveragePool, MaxPool,
                                     GlobalAveragePool, Clip, Flatten>;

/// Where a node finds an input, and how it reads the bytes: real = scale * (byte - zero_point).
struct LoweredInput {
  NodeId node = 0;
  float scale = 1;
  std::int32_t zero_point = 0;

  /// The same as a grid of all bytes.
  Affine<float> grid() const { return {scale, zero_point, unsigned_codes()}; }
};

/// A node whose codes are held in bytes (byte_grid). Its results are multiples of grid.scale, clamped to grid.codes.
struct LoweredNode {
  std::string name;
  LoweredOperator op;
  std::vector<LoweredInput> inputs;
  Extents extent;  ///< of the output, batch excluded
  Affine<float> grid;
};

/// Each node stands after its inputs. Only ratios of scales matter inside, so a node may read its input at another scale than that at
/// which it was written; to the outside the output's bytes mean output_grid.
struct LoweredNetwork {
  std::vector<LoweredNode> nodes;
  NodeId input = 0, output = 0;
  Affine<float> output_grid;
  Requantizer requantizer = Requantizer::float32;
  std::int32_t code_origin = 0;  ///< the byte that stands for TFLite's code 0, which its average pools round away from
};

/// Packs a layer's codes for the kernels. Throws as pack_conv2d does.
inline int8::PackedConv2d pack(const LoweredConv2d& l) {
  return int8::pack_conv2d(TensorView<const std::int8_t>(l.layer.codes.data(), l.extent), l.groups, l.layer.zero_point);
}
/// The same of a depthwise convolution.
/// The same for a depthwise convolution. Throws as pack_depthwise_conv2d does.
inline int8::PackedDepthwise pack(const LoweredDepthwiseConv2d& l) {
  return int8::pack_depthwise_conv2d(TensorView<const std::int8_t>(l.layer.codes.data(), l.extent), l.layer.zero_point);
}
/// The same of a linear layer.
/// The same for a linear layer. Throws as pack_linear does.
inline int8::PackedConv2d pack(const LoweredLinear& l) {
  return int8::pack_linear(TensorView<const std::int8_t>(l.layer.codes.data(), l.extent), l.layer.zero_point);
}

/// Lowers every layer (lower_layer), its point-wise factors multiplied in. Throws quantization_range_error and value_error as that does, and
/// unsupported_error for a batch norm.
inline LoweredNetwork lower(const QuantizedNetwork& q) {
  const Network& n = q.network;
  LoweredNetwork result;
  for (NodeId id = 0; id < n.size(); ++id) {
    const Node& node = n[id];
    const auto lowered = [&](const auto& l) {
      return lower_layer(effective_layer(l, q.pointwise[id]), *q.weight[id], q.output_grid(node.inputs[0]).scale, q.output_grid(id).scale,
                         q.requantizer);
    };
    LoweredOperator op = std::visit(
        detail::Overload{
            [&](const Conv2d& l) -> LoweredOperator { return LoweredConv2d{lowered(l), view(l.weight).extent, l.window, l.groups}; },
            [&](const DepthwiseConv2d& l) -> LoweredOperator { return LoweredDepthwiseConv2d{lowered(l), view(l.weight).extent, l.window}; },
            [&](const Linear& l) -> LoweredOperator { return LoweredLinear{lowered(l), view(l.weight).extent}; },
            [](const BatchNorm&) -> LoweredOperator { throw unsupported_error("lower: a batch norm was not folded"); },
            [](const auto& other) -> LoweredOperator { return other; }},
        node.op);
    std::vector<LoweredInput> inputs;
    for (const NodeId in : node.inputs) inputs.push_back({in, result.nodes[in].grid.scale, result.nodes[in].grid.zero_point});
    result.nodes.push_back({node.name, std::move(op), std::move(inputs), node.extent, byte_grid(q, id)});
  }
  result.requantizer = q.requantizer;
  result.code_origin = code_origin(q);
  result.input = n.input();
  result.output = n.output();
  result.output_grid = result.nodes[result.output].grid;
  return result;
}

}  // namespace trimtab
