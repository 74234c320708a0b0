#pragma once
/// \file
/// A network as a list of nodes, each after its inputs. It holds the float weights and knows every extent; the executors
/// (float, fake-quantized, int8) and the passes over it are functions of their own.

#include <cstddef>
#include <limits>
#include <string>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/core/error.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/net/graph/operator.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// Values of a batch, the batch as first axis: pictures N H W C, or N C after Flatten and Linear. Row-major.
using Array = xt::xarray<float>;

/// Index of a node in its network.
using NodeId = std::size_t;

/// One operator of a network: what it computes, from which nodes, and the clip that its output goes through.
struct Node {
  std::string name;            ///< for messages and reports
  Operator op;                 ///< what it computes
  std::vector<NodeId> inputs;  ///< earlier nodes
  Clip clip = no_clip;         ///< applied to the operator's output: an activation fused into it
  Extents extent;              ///< of the output, batch excluded
};

/// A network as a list of nodes, each after the ones that it reads.
class Network {
 public:
  /// Appends a node and returns its id. An empty name becomes the operator's with the id. Throws shape_error, naming the node,
  /// when extents do not fit, and value_error when an input is not an earlier node or there are too few or too many of them.
  NodeId add(Operator op, std::vector<NodeId> inputs, std::string name = {}, Clip clip = no_clip) {
    if (name.empty()) name = detail::message(operator_name(op), "_", nodes_.size());
    std::vector<Extents> in;
    for (const NodeId input : inputs) {
      if (input >= nodes_.size())
        throw value_error(detail::message("Network::add: node ", name, " reads node ", input, " of ", nodes_.size()));
      in.push_back(nodes_[input].extent);
    }
    const Arity arity = op->arity();
    if (in.size() < arity.least || in.size() > arity.most)
      throw value_error(
          arity.least == arity.most
              ? detail::message("Network::add: node ", name, " takes ", arity.least, " inputs, got ", in.size())
              : detail::message("Network::add: node ", name, " takes ", arity.least, " or more inputs, got ", in.size()));
    const Extents extent = op->extent(in, name);
    nodes_.push_back({std::move(name), std::move(op), std::move(inputs), clip, extent});
    return nodes_.size() - 1;
  }

  const std::vector<Node>& nodes() const { return nodes_; }       ///< by NodeId
  const Node& operator[](NodeId id) const { return nodes_[id]; }  ///< unchecked
  /// For passes that change weights in place; extents must stay as they are (require_extents).
  Node& operator[](NodeId id) { return nodes_[id]; }
  /// Throws shape_error, naming the node, when one that was changed in place no longer gives the extents that the nodes behind it
  /// were added for. quantize and run ask.
  void require_extents() const {
    for (NodeId id = 0; id < nodes_.size(); ++id)
      if (const Extents now = nodes_[id].op->extent(input_extents(id), nodes_[id].name); now != nodes_[id].extent)
        throw shape_error(detail::message("Network: node ", nodes_[id].name, " was changed in place and gives extents ", now,
                                          ", not ", nodes_[id].extent, " as when it was added; build the network anew"));
  }
  std::size_t size() const { return nodes_.size(); }  ///< number of nodes

  /// What the network gives, in order: the last node alone, unless set otherwise. For a classifier the pre-softmax output.
  std::vector<NodeId> outputs() const { return outputs_.empty() ? std::vector<NodeId>{nodes_.size() - 1} : outputs_; }
  /// The only output. Throws unsupported_error when there are several.
  NodeId output() const {
    if (outputs_.size() > 1)
      throw unsupported_error(detail::message("Network: ", outputs_.size(), " outputs, where one is expected"));
    return outputs_.empty() ? nodes_.size() - 1 : outputs_[0];
  }
  /// Makes a node the network's only output.
  void set_output(NodeId id) { set_outputs({id}); }
  /// Makes nodes the network's outputs. Throws value_error for none or one that is no node.
  void set_outputs(std::vector<NodeId> ids) {
    if (ids.empty()) throw value_error("Network::set_outputs: a network has at least one output");
    for (const NodeId id : ids)
      if (id >= nodes_.size()) throw value_error(detail::message("Network::set_outputs: node ", id, " of ", nodes_.size()));
    outputs_ = std::move(ids);
  }
  /// Whether a node is one of the outputs.
  bool is_output(NodeId id) const {
    for (const NodeId out : outputs())
      if (out == id) return true;
    return false;
  }

  /// The nodes that are fed by the caller, in order.
  std::vector<NodeId> inputs() const {
    std::vector<NodeId> found;
    for (NodeId id = 0; id < nodes_.size(); ++id)
      if (nodes_[id].op->is_fed()) found.push_back(id);
    return found;
  }
  /// The only one of them. Throws unsupported_error when there is none or more than one.
  NodeId input() const {
    const std::vector<NodeId> found = inputs();
    if (found.size() != 1)
      throw unsupported_error(found.empty() ? "Network: no Input node" : "Network: more than one Input node");
    return found[0];
  }

  /// Which nodes read each node.
  std::vector<std::vector<NodeId>> readers() const {
    std::vector<std::vector<NodeId>> result(nodes_.size());
    for (NodeId id = 0; id < nodes_.size(); ++id)
      for (const NodeId input : nodes_[id].inputs) result[input].push_back(id);
    return result;
  }

  /// Extents of a node's inputs.
  std::vector<Extents> input_extents(NodeId id) const {
    std::vector<Extents> in;
    for (const NodeId input : nodes_[id].inputs) in.push_back(nodes_[input].extent);
    return in;
  }

  /// Numbers in all weights, biases and batch-norm parameters; batch-norm statistics are not parameters.
  std::size_t parameter_count() const;

  /// Multiply-accumulates of one picture in convolutions, linear layers and matrix products.
  double macs() const {
    double total = 0;
    for (NodeId id = 0; id < nodes_.size(); ++id) total += nodes_[id].op->macs(input_extents(id), nodes_[id].extent);
    return total;
  }

 private:
  std::vector<Node> nodes_;
  std::vector<NodeId> outputs_;
};

namespace detail {

/// Calls f(name, values, kind) for every tensor among an operator's parameters.
template <class F>
void for_each_parameter(Operator& op, const F& f) {
  struct Visitor final : OperatorVisitor {
    const F* f;
    void tensor(std::string_view name, const TensorView<float>& values, ParameterKind kind) override { (*f)(name, values, kind); }
    void number(std::string_view, double) override {}
  } visitor;
  visitor.f = &f;
  op->visit(visitor);
}
/// The same, to look at.
template <class F>
void for_each_parameter(const Operator& op, const F& f) {
  for_each_parameter(const_cast<Operator&>(op), [&](std::string_view name, const TensorView<float>& values, ParameterKind kind) {
    f(name, TensorView<const float>(values), kind);
  });
}

/// Whether the operator has weights.
inline bool has_weights(const Operator& op) { return op->weighted() != nullptr; }

}  // namespace detail

inline std::size_t Network::parameter_count() const {
  std::size_t count = 0;
  for (const Node& node : nodes_)
    detail::for_each_parameter(node.op, [&](std::string_view, const TensorView<const float>& values, ParameterKind kind) {
      if (kind != ParameterKind::statistic) count += values.size();
    });
  return count;
}

}  // namespace trimtab
