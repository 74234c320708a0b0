#pragma once
/// \file
/// What passes have in common that make one operator of several nodes.

#include <cmath>
#include <trimtab/net/graph/network.hpp>
#include <utility>
#include <vector>

namespace trimtab::detail {

/// The nodes of a network while they are rewritten in place. A node becomes another operator of earlier nodes; what it read
/// before falls away when nothing else reads it.
class NodeRewriter {
 protected:
  explicit NodeRewriter(const Network& network) : nodes_(network.nodes()), outputs_(network.outputs()) { count_readers(); }

  /// The network after rewrite(id) has been called for each node until it returns false: one step, or nothing left to do. Nodes
  /// that nothing needs any more are gone, but for Inputs.
  template <class Rewrite>
  Network rewritten(const Rewrite& rewrite) {
    for (NodeId id = 0; id < nodes_.size(); ++id)
      while (reads_[id] > 0 && rewrite(id)) count_readers();
    Network result;
    std::vector<NodeId> moved(nodes_.size());
    for (NodeId id = 0; id < nodes_.size(); ++id) {
      Node& node = nodes_[id];
      if (reads_[id] == 0 && !node.op->is_fed()) continue;
      std::vector<NodeId> inputs;
      for (const NodeId in : node.inputs) inputs.push_back(moved[in]);
      moved[id] = result.add(std::move(node.op), std::move(inputs), std::move(node.name), node.clip);
    }
    for (NodeId& out : outputs_) out = moved[out];
    result.set_outputs(outputs_);
    return result;
  }

  /// Exporters write constants as floats, and products of them.
  static bool near(double a, double b) { return std::abs(a - b) <= 1e-5 * std::abs(b); }
  const Node& node(NodeId id) const { return nodes_[id]; }
  template <class L>
  const L* get_if(NodeId id) const {
    return std::as_const(nodes_[id].op).template get_if<L>();
  }
  template <class L>
  bool is(NodeId id) const {
    return get_if<L>(id) != nullptr;
  }
  NodeId input(NodeId id, std::size_t i = 0) const { return nodes_[id].inputs[i]; }
  /// How often a node is read; an output counts as read once more than any part may be.
  std::size_t reads(NodeId id) const { return reads_[id]; }
  /// Whether a node falls away when its reader does without it, and nothing clips it on the way there.
  bool is_part(NodeId id) const { return reads_[id] == 1 && nodes_[id].clip == no_clip; }

  /// Makes node `id` op(x), unless the extents would change.
  bool become(NodeId id, Operator op, NodeId x) {
    if (nodes_[x].extent != nodes_[id].extent) return false;
    nodes_[id].op = std::move(op);
    nodes_[id].inputs = {x};
    return true;
  }
  /// Makes a node another operator of the same inputs.
  void become(NodeId id, Operator op) { nodes_[id].op = std::move(op); }

 private:
  /// Readers of each node among those that the outputs need.
  void count_readers() {
    reads_.assign(nodes_.size(), 0);
    for (const NodeId out : outputs_) reads_[out] += 2;
    for (NodeId id = nodes_.size(); id-- > 0;)
      if (reads_[id] > 0)
        for (const NodeId in : nodes_[id].inputs) ++reads_[in];
  }

  std::vector<Node> nodes_;
  std::vector<NodeId> outputs_;
  std::vector<std::size_t> reads_;
};

}  // namespace trimtab::detail
