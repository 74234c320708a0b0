#pragma once
/// \file
/// A network as a list of nodes, each after its inputs. It holds the float weights and knows every extent; the executors
/// (float, fake-quantized, int8) and the passes over it are functions of their own.

#include <cstddef>
#include <limits>
#include <string>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/core/conv_geometry.hpp>
#include <trimtab/core/error.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <utility>
#include <variant>
#include <vector>

namespace trimtab {

/// Activations of a batch: N H W C, or N C after Flatten and Linear. Row-major.
using Array = xt::xarray<float>;

/// The pictures: extents H W C.
struct Input {
  Extents extent;  ///< H W C
};
/// Weight O KH KW I/groups; bias O, or empty.
struct Conv2d {
  xt::xtensor<float, 4> weight;  ///< O KH KW C/groups
  xt::xtensor<float, 1> bias;    ///< one per output channel, or none
  WindowOptions window = {};     ///< strides, padding, dilation
  std::size_t groups = 1;        ///< of channels
};
/// One filter a channel: weight KH KW C; bias C, or empty.
struct DepthwiseConv2d {
  xt::xtensor<float, 3> weight;  ///< KH KW C
  xt::xtensor<float, 1> bias;    ///< one per output channel, or none
  WindowOptions window = {};     ///< strides, padding, dilation
};
/// Weight O I; bias O, or empty. Input N I.
struct Linear {
  xt::xtensor<float, 2> weight;  ///< O I
  xt::xtensor<float, 1> bias;    ///< one per output channel, or none
};
/// gamma * (x - mean) / sqrt(variance + epsilon) + beta over the last axis.
struct BatchNorm {
  xt::xtensor<float, 1> gamma, beta, mean, variance;  ///< one number per channel each
  float epsilon = 1e-3F;                              ///< added to the variance
};
/// min(max(x, lo), hi). ReLU is {0, infinity}, ReLU6 {0, 6}.
struct Clip {
  float lo = -std::numeric_limits<float>::infinity();  ///< smaller values become lo
  float hi = std::numeric_limits<float>::infinity();   ///< larger ones hi
  friend bool operator==(const Clip&, const Clip&) = default;
};
/// Everything.
inline constexpr Clip no_clip{};
/// 0 and above.
inline constexpr Clip relu{0.0F, std::numeric_limits<float>::infinity()};
/// 0 to 6.
inline constexpr Clip relu6{0.0F, 6.0F};
/// Sum of two inputs of equal extents.
struct Add {};
/// Inputs side by side along the last axis.
struct Concat {};
/// The mean over windows of KH x KW pixels.
struct AveragePool {
  std::size_t kernel_h = 1, kernel_w = 1;  ///< of the window
  WindowOptions window = {};               ///< strides, padding, dilation
  bool count_include_pad = false;          ///< padding counts as pixels of value 0
};
/// The largest value of windows of KH x KW pixels; padding never wins.
struct MaxPool {
  std::size_t kernel_h = 1, kernel_w = 1;  ///< of the window
  WindowOptions window = {};               ///< strides, padding, dilation
};
/// H W C to 1 1 C.
struct GlobalAveragePool {};
/// H W C to H*W*C in that order.
struct Flatten {};

/// What a node computes.
using Operator = std::variant<Input, Conv2d, DepthwiseConv2d, Linear, BatchNorm, Clip, Add, Concat, AveragePool, MaxPool,
                              GlobalAveragePool, Flatten>;

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

/// The operator's name, as messages and reports print it.
inline const char* operator_name(const Operator& op) {
  constexpr const char* names[] = {"Input", "Conv2d", "DepthwiseConv2d", "Linear",  "BatchNorm",         "Clip",
                                   "Add",   "Concat", "AveragePool",     "MaxPool", "GlobalAveragePool", "Flatten"};
  static_assert(std::size(names) == std::variant_size_v<Operator>);
  return names[op.index()];
}

namespace detail {

/// Calls one of several lambdas by the alternative a variant holds.
template <class... Lambdas>
struct Overload : Lambdas... {
  using Lambdas::operator()...;
};
template <class... Lambdas>
Overload(Lambdas...) -> Overload<Lambdas...>;

}  // namespace detail

/// A network as a list of nodes, each after the ones that it reads.
class Network {
 public:
  /// Appends a node and returns its id. An empty name becomes the operator's with the id. Throws shape_error, naming the node,
  /// when extents do not fit, and value_error when an input is not an earlier node.
  NodeId add(Operator op, std::vector<NodeId> inputs, std::string name = {}, Clip clip = no_clip) {
    if (name.empty()) name = detail::message(operator_name(op), "_", nodes_.size());
    for (const NodeId input : inputs)
      if (input >= nodes_.size())
        throw value_error(detail::message("Network::add: node ", name, " reads node ", input, " of ", nodes_.size()));
    Extents extent = output_extent(op, inputs, name);
    nodes_.push_back({std::move(name), std::move(op), std::move(inputs), clip, extent});
    return nodes_.size() - 1;
  }

  const std::vector<Node>& nodes() const { return nodes_; }       ///< by NodeId
  const Node& operator[](NodeId id) const { return nodes_[id]; }  ///< unchecked
  /// For passes that change weights in place; extents must stay as they are.
  Node& operator[](NodeId id) { return nodes_[id]; }
  std::size_t size() const { return nodes_.size(); }  ///< number of nodes

  /// The last node, unless set otherwise: the pre-softmax output.
  NodeId output() const { return output_ == unset ? nodes_.size() - 1 : output_; }
  /// Makes a node the network's output; without a call it is the last one.
  void set_output(NodeId id) { output_ = id; }

  /// The only Input node. Throws unsupported_error when there is none or more than one.
  NodeId input() const {
    NodeId found = unset;
    for (NodeId id = 0; id < nodes_.size(); ++id)
      if (std::holds_alternative<Input>(nodes_[id].op)) {
        if (found != unset) throw unsupported_error("Network: more than one Input node");
        found = id;
      }
    if (found == unset) throw unsupported_error("Network: no Input node");
    return found;
  }

  /// Which nodes read each node.
  std::vector<std::vector<NodeId>> readers() const {
    std::vector<std::vector<NodeId>> result(nodes_.size());
    for (NodeId id = 0; id < nodes_.size(); ++id)
      for (const NodeId input : nodes_[id].inputs) result[input].push_back(id);
    return result;
  }

  /// Numbers in all weights, biases and batch-norm parameters; batch-norm statistics are not parameters.
  std::size_t parameter_count() const {
    std::size_t count = 0;
    for (const Node& node : nodes_)
      std::visit(
          [&](const auto& layer) {
            if constexpr (requires { layer.weight; }) count += layer.weight.size() + layer.bias.size();
            if constexpr (requires { layer.gamma; }) count += layer.gamma.size() + layer.beta.size();
          },
          node.op);
    return count;
  }

  /// Multiply-accumulates of one picture in convolutions and linear layers.
  double macs() const {
    double total = 0;
    for (const Node& node : nodes_)
      std::visit(detail::Overload{[&](const Conv2d& l) {
                                    total +=
                                        double(element_count(node.extent)) * double(l.weight.size()) / double(l.weight.shape(0));
                                  },
                                  [&](const DepthwiseConv2d& l) {
                                    total += double(element_count(node.extent)) * double(l.weight.shape(0) * l.weight.shape(1));
                                  },
                                  [&](const Linear& l) { total += double(l.weight.size()); }, [](const auto&) {}},
                 node.op);
    return total;
  }

 private:
  static constexpr NodeId unset = std::numeric_limits<NodeId>::max();

  void require_inputs(std::size_t got, std::size_t wanted, const std::string& name) const {
    if (got != wanted) throw value_error(detail::message("Network::add: node ", name, " takes ", wanted, " inputs, got ", got));
  }
  Extents windowed(const Extents& x, std::size_t kernel_h, std::size_t kernel_w, std::size_t out_c, const WindowOptions& window,
                   std::size_t groups, const std::string& name) const {
    if (x.size() != 3) throw shape_error(detail::message("Network::add: node ", name, ": expected an input of H W C, got ", x));
    const WindowGeometry g = window_geometry({1, x[0], x[1], x[2]}, kernel_h, kernel_w, out_c, window, groups, name.c_str());
    return {g.out_h, g.out_w, g.out_c};
  }
  void require_length(std::size_t got, std::size_t wanted, const char* what, const std::string& name) const {
    if (got != wanted)
      throw shape_error(detail::message("Network::add: node ", name, ": ", what, " has ", got, " numbers, expected ", wanted));
  }
  void require_bias(std::size_t got, std::size_t wanted, const std::string& name) const {
    if (got != 0) require_length(got, wanted, "bias", name);
  }

  Extents output_extent(const Operator& op, const std::vector<NodeId>& inputs, const std::string& name) const {
    const auto in = [&](std::size_t i = 0) -> const Extents& { return nodes_[inputs[i]].extent; };
    return std::visit(
        detail::Overload{[&](const Input& input) {
                           require_inputs(inputs.size(), 0, name);
                           return input.extent;
                         },
                         [&](const Conv2d& l) {
                           require_inputs(inputs.size(), 1, name);
                           require_bias(l.bias.size(), l.weight.shape(0), name);
                           const Extents out =
                               windowed(in(), l.weight.shape(1), l.weight.shape(2), l.weight.shape(0), l.window, l.groups, name);
                           require_length(l.weight.shape(3), in()[2] / l.groups, "last axis of the weight", name);
                           return out;
                         },
                         [&](const DepthwiseConv2d& l) {
                           require_inputs(inputs.size(), 1, name);
                           require_bias(l.bias.size(), l.weight.shape(2), name);
                           const Extents out =
                               windowed(in(), l.weight.shape(0), l.weight.shape(1), l.weight.shape(2), l.window, 1, name);
                           require_length(l.weight.shape(2), in()[2], "last axis of the weight", name);
                           return out;
                         },
                         [&](const Linear& l) {
                           require_inputs(inputs.size(), 1, name);
                           require_bias(l.bias.size(), l.weight.shape(0), name);
                           if (in().size() != 1 || in()[0] != l.weight.shape(1))
                             throw shape_error(detail::message("Network::add: node ", name, ": expected an input of ",
                                                               l.weight.shape(1), " numbers, got ", in()));
                           return Extents{l.weight.shape(0)};
                         },
                         [&](const BatchNorm& l) {
                           require_inputs(inputs.size(), 1, name);
                           for (const auto* v : {&l.gamma, &l.beta, &l.mean, &l.variance})
                             require_length(v->size(), in().back(), "batch norm", name);
                           return in();
                         },
                         [&](const Clip&) {
                           require_inputs(inputs.size(), 1, name);
                           return in();
                         },
                         [&](const Add&) {
                           require_inputs(inputs.size(), 2, name);
                           detail::require_extents(in(1), in(0), name.c_str());
                           return in();
                         },
                         [&](const Concat&) {
                           if (inputs.empty())
                             throw value_error(detail::message("Network::add: node ", name, " takes 1 or more inputs"));
                           Extents out = in();
                           for (std::size_t i = 1; i < inputs.size(); ++i) {
                             Extents with_same_last = in(i);
                             if (with_same_last.size() == out.size()) with_same_last[out.size() - 1] = out.back();
                             detail::require_extents(with_same_last, out, name.c_str());
                             out[out.size() - 1] += in(i).back();
                           }
                           return out;
                         },
                         [&](const GlobalAveragePool&) {
                           require_inputs(inputs.size(), 1, name);
                           if (in().size() != 3)
                             throw shape_error(detail::message("Network::add: node ", name, ": expected H W C, got ", in()));
                           return Extents{1, 1, in()[2]};
                         },
                         [&](const Flatten&) {
                           require_inputs(inputs.size(), 1, name);
                           return Extents{element_count(in())};
                         },
                         [&](const auto& pool) {
                           require_inputs(inputs.size(), 1, name);
                           if (in().size() != 3)
                             throw shape_error(detail::message("Network::add: node ", name, ": expected H W C, got ", in()));
                           return windowed(in(), pool.kernel_h, pool.kernel_w, in()[2], pool.window, 1, name);
                         }},
        op);
  }

  std::vector<Node> nodes_;
  NodeId output_ = unset;
};

}  // namespace trimtab
