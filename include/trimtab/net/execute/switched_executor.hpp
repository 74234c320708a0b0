#pragma once
/// \file
/// Runs a network in float with some of its quantizers switched on: which of them costs how much?

#include <algorithm>
#include <cstddef>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/quantize/lower_layer.hpp>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <trimtab/ops/fake_quantize.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// Which quantizers are on, by node: of its weights (and bias), and of its output.
struct Switches {
  std::vector<bool> weight, output;
};

namespace detail {

/// True where a node's output is rounded onto a grid: operators that move codes hand on their input's, and reals stay reals.
inline bool has_output_switch(const QuantizedNetwork& q, NodeId id) {
  return q.holds_codes(id) && (q.in_float[id] || rounds_output(q.network[id]));
}

}  // namespace detail

/// All weights on or off, all outputs on or off.
inline Switches switches(const QuantizedNetwork& q, bool weights, bool outputs) {
  Switches s;
  for (NodeId id = 0; id < q.network.size(); ++id) {
    s.weight.push_back(weights && q.weight[id].has_value());
    s.output.push_back(outputs && detail::has_output_switch(q, id));
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
  SwitchedExecutor(const Network& reference, const QuantizedNetwork& q)
      : reference_(&reference),
        q_(&q),
        quantized_(q.network),
        packed_reference_(reference.size()),
        packed_quantized_(quantized_.size()) {
    if (reference.size() != quantized_.size() || reference.outputs() != quantized_.outputs())
      throw shape_error(detail::message("SwitchedExecutor: a float network of ", reference.size(), " nodes, a quantized one of ",
                                        quantized_.size()));
    for (NodeId id = 0; id < reference.size(); ++id) {
      const Node &a = reference[id], &b = quantized_[id];
      if (!a.op.same_type(b.op) || a.inputs != b.inputs || a.extent != b.extent || a.clip != b.clip)
        throw shape_error(detail::message("SwitchedExecutor: node ", a.name, " of the float network is not node ", b.name));
      if (q.weight[id]) dequantize_layer(id, *quantized_[id].op->weighted());
    }
    for (NodeId id = 0; id < reference.size(); ++id) {
      const bool moves = q.holds_codes(id) && !q.in_float[id] && !detail::rounds_output(reference[id]);
      rounder_.push_back(moves ? rounder_[reference[id].inputs[0]] : id);
    }
    const NodeBuffers buffers = detail::node_buffers(
        reference.size(), reference.outputs(), [&](NodeId id) { return reference[id].inputs; },
        [&](NodeId id) { return element_count(reference[id].extent) * sizeof(float); }, [](NodeId) { return false; });
    plan_ = plan_arena(buffers.lifetimes);  // a buffer for each node, in their order
  }

  /// The outputs of all nodes for x. Throws shape_error when x does not fit the network.
  std::vector<Array> run(const Feed& x, const Switches& on) {
    const std::size_t batch = x.batch(detail::fed_extents(*reference_), "SwitchedExecutor::run: x");
    std::vector<Array> outputs(reference_->size());
    std::vector<TensorView<const float>> known(outputs.size());
    for (NodeId id = 0; id < outputs.size(); ++id) {
      detail::resize_batch(batch, (*reference_)[id].extent, outputs[id]);
      run_node(id, x, on, known, view(outputs[id]));
      known[id] = view(std::as_const(outputs[id]));
    }
    return outputs;
  }
  /// The network's outputs among those of all nodes, side by side (output_rows).
  Array rows(const std::vector<Array>& outputs) const {
    std::vector<Array> wanted;
    for (const NodeId id : reference_->outputs()) wanted.push_back(outputs[id]);
    return output_rows(wanted);
  }

  /// The network's outputs, side by side, under the switches `after`, when run(x, before) gave `outputs`: runs only what the
  /// difference reaches.
  Array rerun(const Feed& x, const std::vector<Array>& outputs, const Switches& before, const Switches& after) {
    const std::size_t batch = x[0].shape(0);
    float* arena = detail::grown(arena_, batch * plan_.bytes / sizeof(float));
    std::vector<TensorView<const float>> known(outputs.size());
    std::vector<bool> changed(outputs.size());
    for (NodeId id = 0; id < outputs.size(); ++id) {
      const std::vector<NodeId>& inputs = (*reference_)[id].inputs;
      changed[id] = before.weight[id] != after.weight[id] || before.output[id] != after.output[id] ||
                    std::any_of(inputs.begin(), inputs.end(), [&](NodeId in) { return changed[in]; });
      known[id] = view(outputs[id]);
      if (!changed[id]) continue;
      const TensorView<float> y(arena + batch * plan_.offset[id] / sizeof(float), known[id].extent);
      run_node(id, x, after, known, y);
      known[id] = y;
    }
    std::vector<Array> wanted;
    for (const NodeId id : reference_->outputs()) {
      detail::resize_batch(batch, (*reference_)[id].extent, wanted.emplace_back());
      std::copy_n(known[id].data, known[id].size(), wanted.back().data());
    }
    return output_rows(wanted);
  }

 private:
  void dequantize_layer(NodeId id, WeightedLayer& layer) const {
    const float scale_x = q_->output_grid(q_->network[id].inputs[0]).scale;
    const Operator effective = effective_layer(q_->network[id].op, q_->pointwise[id]);
    const LoweredLayer lowered = lower_layer(effective, *q_->weight[id], scale_x, q_->output_grid(id).scale);
    TensorView<float> weight = layer.weight();
    dequantize(TensorView<const std::int8_t>(lowered.codes.data(), weight.extent), *q_->weight[id], weight);
    const std::span<float> bias = layer.bias();
    for (std::size_t c = 0; c < bias.size(); ++c)
      bias[c] = static_cast<float>(double(lowered.bias[c]) * double(scale_x) * double(lowered.scale[c]));
  }

  void run_node(NodeId id, const Feed& x, const Switches& on, const std::vector<TensorView<const float>>& known,
                TensorView<float> y) {
    const Node& node = on.weight[id] ? quantized_[id] : (*reference_)[id];
    if (node.op->is_fed()) {
      const std::vector<NodeId> fed = reference_->inputs();
      std::copy_n(x[static_cast<std::size_t>(std::find(fed.begin(), fed.end(), id) - fed.begin())].data(), y.size(), y.data);
    } else {
      std::vector<TensorView<const float>> inputs;
      for (const NodeId in : node.inputs) inputs.push_back(known[in]);
      detail::run_node(node, inputs, y, (on.weight[id] ? packed_quantized_ : packed_reference_)[id]);
    }
    // A Clip's bounds are rounded, too, where what it clips is on a grid; other outputs that lie on it already stay.
    if (on.output[rounder_[id]]) fake_quantize_forward(y, *q_->output[q_->grid_of[id]], y);
  }

  const Network* reference_;
  const QuantizedNetwork* q_;
  Network quantized_;                                              // with dequantized weights and biases
  std::vector<PackedWeight> packed_reference_, packed_quantized_;  // by node
  std::vector<NodeId> rounder_;
  ArenaPlan plan_;  // of one picture, for what a rerun changes
  std::vector<float, LargePages<float>> arena_;
};

}  // namespace trimtab
