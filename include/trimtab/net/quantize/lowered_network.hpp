#pragma once
/// \file
/// A network of integers: what lies between a QuantizedNetwork and the Int8Network that runs it, and what files of quantized
/// networks hold.

#include <cstdint>
#include <optional>
#include <string>
#include <trimtab/net/quantize/lower_layer.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// Where a node finds an input, and how it reads the bytes: real = scale * (byte - zero_point). Of reals, nothing but the node
/// counts.
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
  Operator op;                        ///< of a layer on codes the geometry alone: its numbers are in `layer`
  std::optional<LoweredLayer> layer;  ///< integers of a layer on codes
  std::vector<LoweredInput> inputs;
  Extents extent;           ///< of the output, batch excluded
  Affine<float> grid;       ///< of the output
  Clip clip = no_clip;      ///< of a node in float; others have it in the range of their codes
  bool in_float = false;    ///< computed in float, from its inputs' real values
  bool holds_codes = true;  ///< else the output is reals
};

/// Each node stands after its inputs. Only ratios of scales matter inside, so a node may read its input at another scale than
/// that at which it was written; to the outside an output's bytes mean output_grids.
struct LoweredNetwork {
  std::vector<LoweredNode> nodes;
  std::vector<NodeId> inputs, outputs;      ///< in order
  std::vector<Affine<float>> output_grids;  ///< of each output; of no meaning where it holds reals
  Requantizer requantizer = Requantizer::float32;
  std::int32_t code_origin = 0;  ///< the byte that stands for TFLite's code 0, which its average pools round away from
};

/// Packs a layer's codes for the kernels. Throws as int8::pack_conv2d does.
inline std::shared_ptr<void> pack(const LoweredNode& node) {
  std::shared_ptr<void> packed;
  node.op->weighted()->pack(node.layer->weight(), node.layer->zero_point, packed);
  return packed;
}

/// Lowers every layer (lower_layer), its point-wise factors multiplied in. Throws quantization_range_error and value_error as
/// that does.
inline LoweredNetwork lower(const QuantizedNetwork& q) {
  const Network& n = q.network;
  LoweredNetwork result;
  for (NodeId id = 0; id < n.size(); ++id) {
    const Node& node = n[id];
    LoweredNode lowered{node.name, node.op, std::nullopt, {}, node.extent, {}, no_clip, q.in_float[id], q.holds_codes(id)};
    if (lowered.holds_codes) lowered.grid = byte_grid(q, id);
    std::vector<Affine<float>> grids;
    for (const NodeId in : node.inputs) {
      const Affine<float>& grid = result.nodes[in].grid;
      lowered.inputs.push_back({in, grid.scale, grid.zero_point});
      grids.push_back(lowered.inputs.back().grid());
    }
    if (lowered.in_float) {
      lowered.clip = node.clip;
    } else if (q.weight[id]) {
      const Operator effective = effective_layer(node.op, q.pointwise[id]);
      lowered.layer = lower_layer(effective, *q.weight[id], grids[0].scale, lowered.grid.scale, q.requantizer);
      lowered.op->weighted()->drop_weights();
    } else {
      lowered.op = node.op->lowered(grids, lowered.grid);
    }
    result.nodes.push_back(std::move(lowered));
  }
  result.requantizer = q.requantizer;
  result.code_origin = code_origin(q);
  result.inputs = n.inputs();
  result.outputs = n.outputs();
  for (const NodeId out : result.outputs) result.output_grids.push_back(result.nodes[out].grid);
  return result;
}

}  // namespace trimtab
