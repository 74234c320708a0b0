#pragma once
/// \file
/// Clips on codes, which files have behind nodes, made part of those nodes.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <trimtab/net/operators/clip.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>

namespace trimtab {

namespace detail {

/// How many nodes and outputs read each node.
inline std::vector<std::size_t> uses_of(const LoweredNetwork& n) {
  std::vector<std::size_t> uses(n.nodes.size(), 0);
  for (const LoweredNode& node : n.nodes)
    for (const LoweredInput& in : node.inputs) ++uses[in.node];
  for (const NodeId id : n.outputs) ++uses[id];
  return uses;
}

/// The codes of both ranges; none where they do not meet, or the node is no Clip on codes.
inline std::optional<CodeRange> clipped_codes(const LoweredNode& before, const LoweredNode& node) {
  const CodeRange both{std::max(before.grid.codes.qmin, node.grid.codes.qmin),
                       std::min(before.grid.codes.qmax, node.grid.codes.qmax)};
  const bool clips = node.op.is<Clip>() && node.holds_codes && !node.in_float && before.holds_codes && !before.in_float;
  return clips && both.qmin <= both.qmax ? std::optional(both) : std::nullopt;
}

}  // namespace detail

/// An input that a Clip alone reads is held within its codes where reals are put on the input's grid: nothing is left for the
/// Clip to do.
inline LoweredNetwork narrow_inputs(LoweredNetwork n) {
  const std::vector<std::size_t> uses = detail::uses_of(n);
  for (const LoweredNode& node : n.nodes) {
    if (node.inputs.size() != 1 || uses[node.inputs[0].node] != 1) continue;
    LoweredNode& before = n.nodes[node.inputs[0].node];
    if (const auto both = detail::clipped_codes(before, node); both && before.op->is_fed()) before.grid.codes = *both;
  }
  return n;
}

/// The network without the Clips of nodes that they alone read: such a node holds its codes within both ranges itself. The codes
/// of all nodes that are left stay as they were, but for those that were clipped. Clips of inputs stay: codes may be fed as they
/// are. A file that `lower(q)` was written to becomes the nodes of `lower(q)` again.
inline LoweredNetwork fuse_code_clips(LoweredNetwork n) {
  const std::vector<std::size_t> uses = detail::uses_of(n);
  std::vector<LoweredNode> kept;
  std::vector<NodeId> moved(n.nodes.size());
  for (NodeId id = 0; id < n.nodes.size(); ++id) {
    LoweredNode& node = n.nodes[id];
    if (node.inputs.size() == 1 && uses[node.inputs[0].node] == 1) {
      LoweredNode& before = kept[moved[node.inputs[0].node]];
      if (const auto both = detail::clipped_codes(before, node); both && !before.op->is_fed()) {
        before.grid.codes = *both;
        std::vector<Affine<float>> grids;
        for (const LoweredInput& in : before.inputs) grids.push_back(in.grid());
        if (!before.layer) before.op = before.op->lowered(grids, before.grid);
        moved[id] = moved[node.inputs[0].node];
        continue;
      }
    }
    for (LoweredInput& in : node.inputs) in.node = moved[in.node];
    moved[id] = kept.size();
    kept.push_back(std::move(node));
  }
  n.nodes = std::move(kept);
  for (std::vector<NodeId>* ports : {&n.inputs, &n.outputs})
    for (NodeId& id : *ports) id = moved[id];
  return n;
}

}  // namespace trimtab
