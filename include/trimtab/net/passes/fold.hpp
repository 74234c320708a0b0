#pragma once
/// \file
/// Rewriting of networks before quantization. Each pass returns a new network that computes the same function.

#include <trimtab/net/graph/network.hpp>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

/// Copies a network node by node; `absorb(node, new id of its input)` returns true when the node became part of that input.
template <class Absorb>
Network rewrite(const Network& network, const Absorb& absorb) {
  const auto readers = network.readers();
  Network result;
  std::vector<NodeId> moved(network.size());
  for (NodeId id = 0; id < network.size(); ++id) {
    const Node& node = network[id];
    std::vector<NodeId> inputs;
    for (const NodeId input : node.inputs) inputs.push_back(moved[input]);
    const bool sole_reader = node.inputs.size() == 1 && readers[node.inputs[0]].size() == 1 && !network.is_output(node.inputs[0]);
    if (sole_reader && absorb(node, result[inputs[0]]))
      moved[id] = inputs[0];
    else
      moved[id] = result.add(node.op, std::move(inputs), node.name, node.clip);
  }
  std::vector<NodeId> outputs;
  for (const NodeId out : network.outputs()) outputs.push_back(moved[out]);
  result.set_outputs(std::move(outputs));
  return result;
}

}  // namespace detail

/// Folds every batch norm, and other operators that are an affine function of each channel, into the layer before it (paper
/// 3.1.2, eq. 10 and 11). A batch norm that follows anything else, or a layer with further readers, becomes an affine function of
/// its own. Every layer with weights has a bias afterwards.
inline Network fold_batch_norm(const Network& network) {
  Network folded = detail::rewrite(network, [](const Node& node, Node& before) {
    WeightedLayer* layer = before.op->weighted();
    if (layer == nullptr || before.clip != no_clip || !node.op->fold_into(*layer)) return false;
    before.clip = node.clip;
    return true;
  });

  Network result;
  for (const Node& node : folded.nodes()) {
    Operator op = node.op->simplified();
    if (WeightedLayer* layer = op->weighted(); layer != nullptr && layer->bias().empty())
      layer->set_bias(std::vector<float>(layer->output_channels(), 0.0F));
    result.add(std::move(op), node.inputs, node.name, node.clip);
  }
  result.set_outputs(folded.outputs());
  return result;
}

/// Makes ReLU, ReLU6 and other clips part of the node before them, where nothing else reads that node and it rounds its output:
/// of codes that are only moved the clip stays a node.
inline Network fuse_clips(const Network& network) {
  return detail::rewrite(network, [](const Node& node, Node& before) {
    const Clip* clip = node.op.get_if<Clip>();
    const IntegerRule integers = before.op->integers();
    if (clip == nullptr || integers == IntegerRule::moves || integers == IntegerRule::source) return false;
    before.clip = clip_after(clip_after(before.clip, *clip), node.clip);
    return true;
  });
}

}  // namespace trimtab
