#pragma once
/// \file
/// Which nodes of a network share memory, and how long each piece of it is needed.

#include <span>
#include <trimtab/net/execute/arena.hpp>
#include <trimtab/net/operators/clip.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <vector>

namespace trimtab {

/// The buffers that nodes write, of one picture.
struct NodeBuffers {
  std::vector<std::size_t> of;      ///< by node: its place in `lifetimes`
  std::vector<Lifetime> lifetimes;  ///< the network's outputs live until step n.nodes.size()
};

namespace detail {

/// Whether a node's output is its input, in values and in memory.
inline bool keeps_memory(const LoweredNetwork& n, const LoweredNode& node) {
  if (node.op->integers() != IntegerRule::moves || node.inputs.size() != 1) return false;
  if (node.in_float && node.holds_codes) return false;  // codes of a grid of its own
  const LoweredNode& in = n.nodes[node.inputs[0].node];
  const bool clips = node.in_float ? node.clip != no_clip
                                   : in.grid.codes.qmin < node.grid.codes.qmin || in.grid.codes.qmax > node.grid.codes.qmax;
  const bool keeps_order = node.op->keeps_order(std::span<const Extents>(&in.extent, 1));
  return !clips && node.holds_codes == in.holds_codes && (keeps_order || (node.op.is<Clip>() && !node.in_float));
}

/// Whether the output of a node in float is its input, in values and in memory.
inline bool keeps_memory(const Network& n, const Node& node) {
  return node.op->integers() == IntegerRule::moves && node.inputs.size() == 1 && node.clip == no_clip &&
         node.op->keeps_order(std::span<const Extents>(&n[node.inputs[0]].extent, 1));
}

/// A buffer of bytes(id) for each node, but none of its own for one that keeps(id) its first input's.
template <class Inputs, class Bytes, class Keeps>
NodeBuffers node_buffers(std::size_t nodes, std::span<const NodeId> outputs, const Inputs& inputs_of, const Bytes& bytes,
                         const Keeps& keeps) {
  NodeBuffers buffers;
  for (NodeId id = 0; id < nodes; ++id) {
    const std::vector<NodeId> inputs = inputs_of(id);
    if (keeps(id)) {
      buffers.of.push_back(buffers.of[inputs[0]]);
    } else {
      buffers.of.push_back(buffers.lifetimes.size());
      buffers.lifetimes.push_back({bytes(id), id, id});
    }
    for (const NodeId in : inputs) buffers.lifetimes[buffers.of[in]].last = id;
  }
  for (const NodeId out : outputs) buffers.lifetimes[buffers.of[out]].last = nodes;
  return buffers;
}

}  // namespace detail

/// A buffer for each node, but none of its own for one whose output is its input.
inline NodeBuffers node_buffers(const LoweredNetwork& n) {
  const auto inputs = [&](NodeId id) {
    std::vector<NodeId> all;
    for (const LoweredInput& in : n.nodes[id].inputs) all.push_back(in.node);
    return all;
  };
  const auto bytes = [&](NodeId id) { return element_count(n.nodes[id].extent) * (n.nodes[id].holds_codes ? 1 : sizeof(float)); };
  return detail::node_buffers(n.nodes.size(), n.outputs, inputs, bytes,
                              [&](NodeId id) { return detail::keeps_memory(n, n.nodes[id]); });
}

/// The same of a network in float, whose inputs stay where the caller has them and take none.
inline NodeBuffers node_buffers(const Network& n) {
  return detail::node_buffers(
      n.size(), n.outputs(), [&](NodeId id) { return n[id].inputs; },
      [&](NodeId id) { return n[id].op->is_fed() ? 0 : element_count(n[id].extent) * sizeof(float); },
      [&](NodeId id) { return detail::keeps_memory(n, n[id]); });
}

}  // namespace trimtab
