#pragma once
/// \file
/// Networks that quantize their inputs and dequantize their outputs themselves, fed and read in codes.

#include <algorithm>
#include <cstddef>
#include <trimtab/net/operators/clip.hpp>
#include <trimtab/net/operators/input.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

/// Whether the node hands on real values as they are: all that it does is to quantize or to dequantize them.
inline bool only_converts(const LoweredNode& node) {
  const Clip* clip = node.op.get_if<Clip>();
  return clip != nullptr && *clip == no_clip && node.clip == no_clip && node.in_float && node.inputs.size() == 1;
}

}  // namespace detail

/// The network between its quantizations: an input of reals that one node alone reads, and does nothing but quantize, is that node's codes; an
/// output that is nothing but a node's codes as reals is those codes.
inline LoweredNetwork codes_at_ports(const LoweredNetwork& n) {
  std::vector<std::size_t> readers(n.nodes.size(), 0);
  for (const LoweredNode& node : n.nodes)
    for (const LoweredInput& in : node.inputs) ++readers[in.node];
  const auto is_one_of = [](const std::vector<NodeId>& list, NodeId id) {
    return std::find(list.begin(), list.end(), id) != list.end();
  };
  const auto quantizes_input = [&](const LoweredNode& node) {
    if (!detail::only_converts(node) || !node.holds_codes) return false;
    const NodeId in = node.inputs[0].node;
    return n.nodes[in].op->is_fed() && !n.nodes[in].holds_codes && readers[in] == 1 && !is_one_of(n.outputs, in);
  };
  const auto gives_reals = [&](NodeId id) {
    const LoweredNode& node = n.nodes[id];
    return detail::only_converts(node) && !node.holds_codes && n.nodes[node.inputs[0].node].holds_codes;
  };
  std::vector<bool> dropped(n.nodes.size(), false);
  for (const LoweredNode& node : n.nodes)
    if (quantizes_input(node)) dropped[node.inputs[0].node] = true;
  for (const NodeId id : n.outputs)
    if (gives_reals(id) && readers[id] == 0) dropped[id] = true;

  LoweredNetwork result{{}, {}, {}, {}, n.requantizer, n.code_origin};
  std::vector<NodeId> moved(n.nodes.size());
  for (NodeId id = 0; id < n.nodes.size(); ++id) {
    if (dropped[id]) continue;
    moved[id] = result.nodes.size();
    LoweredNode node = n.nodes[id];
    if (quantizes_input(node)) {
      moved[node.inputs[0].node] = moved[id];
      node.op = Input{node.extent};
      node.inputs.clear();
      node.in_float = false;
    }
    for (LoweredInput& in : node.inputs) in.node = moved[in.node];
    result.nodes.push_back(std::move(node));
  }
  for (const NodeId id : n.inputs) result.inputs.push_back(moved[id]);
  for (std::size_t i = 0; i < n.outputs.size(); ++i) {
    const LoweredNode& output = n.nodes[n.outputs[i]];
    const bool reals = gives_reals(n.outputs[i]);
    result.outputs.push_back(moved[reals ? output.inputs[0].node : n.outputs[i]]);
    result.output_grids.push_back(reals ? output.inputs[0].grid() : n.output_grids[i]);
  }
  return result;
}

}  // namespace trimtab
