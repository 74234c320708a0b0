#pragma once
/// \file
/// Which nodes of a network of integers share memory, and how long each piece of it is needed.

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

}  // namespace detail

/// A buffer for each node, but none of its own for one whose output is its input.
inline NodeBuffers node_buffers(const LoweredNetwork& n) {
  NodeBuffers buffers;
  for (NodeId id = 0; id < n.nodes.size(); ++id) {
    const LoweredNode& node = n.nodes[id];
    if (detail::keeps_memory(n, node)) {
      buffers.of.push_back(buffers.of[node.inputs[0].node]);
    } else {
      buffers.of.push_back(buffers.lifetimes.size());
      buffers.lifetimes.push_back({element_count(node.extent) * (node.holds_codes ? 1 : sizeof(float)), id, id});
    }
    for (const LoweredInput& in : node.inputs) buffers.lifetimes[buffers.of[in.node]].last = id;
  }
  for (const NodeId out : n.outputs) buffers.lifetimes[buffers.of[out]].last = n.nodes.size();
  return buffers;
}

}  // namespace trimtab
