#pragma once
/// \file
/// From the operators of a quantized TFLite file to a network of integers in fixed point.

#include <trimtab/io/tflite/import.hpp>
#include <trimtab/net/operators/concat.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>

namespace trimtab::detail {

/// Makes the LoweredNetwork: nodes between codes run in TFLite's own arithmetic where they have it, others in float between them.
class TfliteLowering {
 public:
  TfliteLowering(const Network& network, std::vector<TfliteCodes> codes) : network_(network), codes_(std::move(codes)) {}

  LoweredNetwork take() {
    result_.requantizer = Requantizer::fixed_point;
    for (NodeId id = 0; id < network_.size(); ++id) result_.nodes.push_back(lowered(id));
    result_.code_origin = is_int8_.value_or(true) ? 128 : 0;
    result_.inputs = network_.inputs();
    result_.outputs = network_.outputs();
    for (const NodeId out : result_.outputs) result_.output_grids.push_back(result_.nodes[out].grid);
    return std::move(result_);
  }

 private:
  LoweredNode lowered(NodeId id) {
    const Node& node = network_[id];
    TfliteCodes& c = codes_[id];
    LoweredNode made{node.name, node.op, std::nullopt,      {}, node.extent, c.grid.value_or(Affine<float>{}),
                     no_clip,   false,   c.grid.has_value()};
    bool on_codes = made.holds_codes;
    std::vector<Affine<float>> grids;
    for (const NodeId in : node.inputs) {
      const Affine<float>& grid = result_.nodes[in].grid;
      made.inputs.push_back({in, grid.scale, grid.zero_point});
      grids.push_back(made.inputs.back().grid());
      on_codes = on_codes && result_.nodes[in].holds_codes;
    }
    const IntegerRule rule = node.op->integers();
    if (rule == IntegerRule::source) {
      made.in_float = !made.holds_codes;
    } else if (on_codes && rule == IntegerRule::moves) {
      move_codes(id, made);
    } else if (on_codes && c.layer) {
      set_type(id);
      set_layer(id, made, std::move(*c.layer));
    } else if (on_codes && rule == IntegerRule::rounds && node.op->has_fixed_point(network_.input_extents(id))) {
      if (!is_requantized(node)) set_type(id);
      made.op = c.op ? std::move(*c.op) : node.op->lowered(grids, made.grid);
    } else {
      made.in_float = true;
      made.clip = node.clip;
    }
    return made;
  }
  /// Codes of one type become codes of another by it.
  static bool is_requantized(const Node& node) { return joins_inputs(node.op) && node.inputs.size() == 1; }

  /// TFLite copies codes, whatever the file says of their grids.
  void move_codes(NodeId id, LoweredNode& made) {
    for (LoweredInput& in : made.inputs) {
      if (codes_[in.node].is_int8 != codes_[id].is_int8)
        throw unsupported_error(message("node '", made.name, "' moves int8 codes to uint8 ones"));
      in.scale = made.grid.scale;
      in.zero_point = made.grid.zero_point;
    }
  }
  /// Average pools of the whole network round away from one byte, and so on: it computes on codes of one type.
  void set_type(NodeId id) {
    if (is_int8_.value_or(codes_[id].is_int8) != codes_[id].is_int8)
      throw unsupported_error(message("node '", network_[id].name, "' computes on codes of another type than nodes before it"));
    is_int8_ = codes_[id].is_int8;
  }
  void set_layer(NodeId id, LoweredNode& made, TfliteLayer layer) const {
    const WeightedLayer& weighted = *network_[id].op->weighted();
    const float scale_x = made.inputs[0].scale;
    layer.codes.extent = weighted.weight().extent;
    made.layer = lower_codes(std::move(layer.codes), scale_x, made.grid.scale,
                             [&](std::size_t channel, double, double) { return layer.bias.empty() ? 0 : layer.bias[channel]; });
    FixedPointProduct product = weighted.fixed_point_product();
    if (codes_[id].rounding) product.rounding = *codes_[id].rounding;
    multiply_in_fixed_point(*made.layer, product, layer.is_uint8, layer.one_scale, scale_x, made.grid.scale);
    made.op->weighted()->drop_weights();
  }

  const Network& network_;
  std::vector<TfliteCodes> codes_;
  LoweredNetwork result_;
  std::optional<bool> is_int8_;
};

}  // namespace trimtab::detail
