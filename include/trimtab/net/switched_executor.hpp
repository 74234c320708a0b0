#pragma once
/// \file
/// Runs a network in float with some of its quantizers switched on: which of them costs how much?

#include <algorithm>
#include <cstddef>
#include <trimtab/net/float_executor.hpp>
#include <trimtab/net/lower.hpp>
#include <trimtab/net/quantized_network.hpp>
#include <trimtab/ops/fake_quantize.hpp>
#include <vector>

namespace trimtab {

/// Which quantizers are on, by node: of its weights (and bias), and of its output.
struct Switches {
  std::vector<bool> weight, output;
};

namespace detail {

/// True where a node rounds its output. Pools that pick, Flatten and Clip hand on their input's codes, so they have no switch.
inline bool rounds_output(const Node& node) { return !keeps_codes(node.op); }

}  // namespace detail

/// All weights on or off, all outputs on or off.
inline Switches switches(const Network& network, bool weights, bool outputs) {
  Switches s;
  for (const Node& node : network.nodes()) {
    s.weight.push_back(weights && detail::has_weights(node.op));
    s.output.push_back(outputs && detail::rounds_output(node));
  }
  return s;
}

/// The mixture of a float network and its quantized counterpart that `Switches` tell, in float arithmetic:
///   weight on:  the layer has the weights scale * (code - zero_point) and the bias scale_x * scale_w * bias code of the int8
///   network, with
///               the scale of its input's grid whether that is on or not
///   weight off: the layer of the float network
///   output on:  the node's output, after its activation, is moved to its grid: scale * round(clamp(y / scale))
///   output off: the output stays as it is. Flatten, Clip and MaxPool do as their input does.
/// With all off this is the float network, bit for bit. With all on, sums are rounded as floats where the int8 network adds
/// integers, so a value near a tie may take a neighbouring code: near the int8 network, not equal to it. Mixtures have no integer
/// counterpart at all.
class SwitchedExecutor {
 public:
  /// `reference`: the float network that `q` was made of, after rescaling and the like, so that its nodes' outputs are what q's
  /// are to be. Both must outlive the executor. Throws shape_error when their nodes differ.
  SwitchedExecutor(const Network& reference, const QuantizedNetwork& q) : reference_(&reference), q_(&q), quantized_(q.network) {
    if (reference.size() != quantized_.size() || reference.output() != quantized_.output())
      throw shape_error(detail::message("SwitchedExecutor: a float network of ", reference.size(), " nodes, a quantized one of ",
                                        quantized_.size()));
    for (NodeId id = 0; id < reference.size(); ++id) {
      const Node &a = reference[id], &b = quantized_[id];
      if (a.op.index() != b.op.index() || a.inputs != b.inputs || a.extent != b.extent || a.clip != b.clip)
        throw shape_error(detail::message("SwitchedExecutor: node ", a.name, " of the float network is not node ", b.name));
      detail::with_weights(quantized_[id].op, [&](auto& layer) { dequantize_layer(id, layer); });
    }
    for (NodeId id = 0; id < reference.size(); ++id)
      rounder_.push_back(detail::rounds_output(reference[id]) ? id : rounder_[reference[id].inputs[0]]);
    scratch_.resize(reference.size());
  }

  /// The outputs of all nodes for x (N H W C). Throws shape_error when x does not fit the Input node.
  std::vector<Array> run(const Array& x, const Switches& on) const {
    Extents expected{x.dimension() == 0 ? 0 : x.shape(0)};
    for (const std::size_t e : (*reference_)[reference_->input()].extent) expected.push_back(e);
    detail::require_extents(view(x).extent, expected, "SwitchedExecutor::run: x");
    std::vector<Array> outputs(reference_->size());
    std::vector<const Array*> known(outputs.size());
    for (NodeId id = 0; id < outputs.size(); ++id) {
      run_node(id, x, on, known, outputs[id]);
      known[id] = &outputs[id];
    }
    return outputs;
  }

  /// The network's output under the switches `after`, when run(x, before) gave `outputs`: runs only what the difference reaches.
  /// The result lives until the next call.
  const Array& rerun(const Array& x, const std::vector<Array>& outputs, const Switches& before, const Switches& after) {
    std::vector<const Array*> known(outputs.size());
    std::vector<bool> changed(outputs.size());
    for (NodeId id = 0; id < outputs.size(); ++id) {
      const std::vector<NodeId>& inputs = (*reference_)[id].inputs;
      changed[id] = before.weight[id] != after.weight[id] || before.output[id] != after.output[id] ||
                    std::any_of(inputs.begin(), inputs.end(), [&](NodeId in) { return changed[in]; });
      if (changed[id]) run_node(id, x, after, known, scratch_[id]);
      known[id] = changed[id] ? &scratch_[id] : &outputs[id];
    }
    return *known[reference_->output()];
  }

 private:
  template <class L>
  void dequantize_layer(NodeId id, L& layer) const {
    const float scale_x = q_->output_grid(q_->network[id].inputs[0]).scale;
    const LoweredLayer lowered =
        lower_layer(effective_layer(layer, q_->pointwise[id]), *q_->weight[id], scale_x, q_->output_grid(id).scale);
    dequantize(TensorView<const std::int8_t>(lowered.codes.data(), view(layer.weight).extent), *q_->weight[id], layer.weight);
    for (std::size_t c = 0; c < layer.bias.size(); ++c)
      layer.bias(c) = static_cast<float>(double(lowered.bias[c]) * double(scale_x) * double(lowered.scale[c]));
  }

  void run_node(NodeId id, const Array& x, const Switches& on, const std::vector<const Array*>& known, Array& y) const {
    const Node& node = on.weight[id] ? quantized_[id] : (*reference_)[id];
    if (std::holds_alternative<Input>(node.op)) {
      y = x;
    } else {
      std::vector<const Array*> inputs;
      for (const NodeId in : node.inputs) inputs.push_back(known[in]);
      detail::resize_for(node, x.shape(0), y);
      detail::run_node(node, inputs, y);
    }
    // A Clip's bounds are rounded, too, where what it clips is on a grid; other outputs that lie on it already stay.
    if (on.output[rounder_[id]]) fake_quantize_forward(y, *q_->output[q_->grid_of[id]], y);
  }

  const Network* reference_;
  const QuantizedNetwork* q_;
  Network quantized_;  // with dequantized weights and biases
  std::vector<NodeId> rounder_;
  std::vector<Array> scratch_;
};

}  // namespace trimtab
