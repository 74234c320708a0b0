#pragma once
/// \file
/// Clips on codes, which files have behind nodes, made part of those nodes.

#include <algorithm>
#include <cstddef>
#include <trimtab/net/operators/clip.hpp>
#include <trimtab/net/operators/lookup_table.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// The network without the Clips of nodes that they alone read: such a node holds its codes within both ranges itself. The codes of all nodes
/// that are left stay as they were, but for those that were clipped.
inline LoweredNetwork fuse_code_clips(const LoweredNetwork& n) {
  std::vector<std::size_t> uses(n.nodes.size(), 0);
  for (const LoweredNode& node : n.nodes)
    for (const LoweredInput& in : node.inputs) ++uses[in.node];
  for (const NodeId id : n.outputs) ++uses[id];

  LoweredNetwork result{{}, n.inputs, n.outputs, n.output_grids, n.requantizer, n.code_origin};
  std::vector<NodeId> moved(n.nodes.size());
  for (NodeId id = 0; id < n.nodes.size(); ++id) {
    const LoweredNode& node = n.nodes[id];
    if (node.op.is<Clip>() && node.holds_codes && !node.in_float && uses[node.inputs[0].node] == 1) {
      LoweredNode& before = result.nodes[moved[node.inputs[0].node]];
      const CodeRange both{std::max(before.grid.codes.qmin, node.grid.codes.qmin),
                           std::min(before.grid.codes.qmax, node.grid.codes.qmax)};
      // Inputs come as the caller has them, and floats are clipped as reals.
      if (before.holds_codes && !before.in_float && !before.op->is_fed() && both.qmin <= both.qmax) {
        before.grid.codes = both;
        if (LookupTable* table = before.op.get_if<LookupTable>())
          for (std::uint8_t& code : table->codes)
            code = static_cast<std::uint8_t>(std::clamp(std::int32_t{code}, both.qmin, both.qmax));
        moved[id] = moved[node.inputs[0].node];
        continue;
      }
    }
    moved[id] = result.nodes.size();
    result.nodes.push_back(node);
    for (LoweredInput& in : result.nodes.back().inputs) in.node = moved[in.node];
  }
  for (std::vector<NodeId>* ports : {&result.inputs, &result.outputs})
    for (NodeId& id : *ports) id = moved[id];
  return result;
}

}  // namespace trimtab
