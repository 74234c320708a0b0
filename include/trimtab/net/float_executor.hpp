#pragma once
/// \file
/// Runs a network in float: the teacher of distillation, and what calibration looks at.

#include <span>
#include <utility>
#include <vector>

#include <trimtab/net/network.hpp>
#include <trimtab/ops/activation.hpp>
#include <trimtab/ops/add.hpp>
#include <trimtab/ops/batch_norm.hpp>
#include <trimtab/ops/concat.hpp>
#include <trimtab/ops/conv2d.hpp>
#include <trimtab/ops/depthwise_conv2d.hpp>
#include <trimtab/ops/linear.hpp>
#include <trimtab/ops/pool.hpp>

namespace trimtab {
namespace detail {

/// Gives `y` the extents of the node's output for a batch of n; keeps its memory where that is large enough.
inline void resize_for(const Node& node, std::size_t n, Array& y) {
  std::vector<std::size_t> shape{n};
  shape.insert(shape.end(), node.extent.begin(), node.extent.end());
  y.resize(shape);
}

/// y = clip(op(inputs)) for every operator but Input. `y` has its extents already.
inline void run_node(const Node& node, std::span<const Array* const> inputs, Array& y) {
  const auto x = [&]() -> const Array& { return *inputs[0]; };
  std::visit(Overload{[](const Input&) { throw value_error("run_node: an Input has nothing to run"); },
                      [&](const Conv2d& l) { trimtab::conv2d_forward(x(), l.weight, l.bias, l.window, l.groups, y); },
                      [&](const DepthwiseConv2d& l) { trimtab::depthwise_conv2d_forward(x(), l.weight, l.bias, l.window, y); },
                      [&](const Linear& l) { trimtab::linear_forward(x(), l.weight, l.bias, y); },
                      [&](const BatchNorm& l) { trimtab::batch_norm_forward(x(), l.gamma, l.beta, l.mean, l.variance, l.epsilon, y); },
                      [&](const Clip& l) { trimtab::clip_forward(x(), l.lo, l.hi, y); },
                      [&](const Add&) { trimtab::add_forward(x(), *inputs[1], y); },
                      [&](const Concat&) {
                        std::vector<TensorView<const float>> parts;
                        for (const Array* part : inputs) parts.push_back(view(*part));
                        trimtab::concat_forward(std::span<const TensorView<const float>>(parts), y);
                      },
                      [&](const AveragePool& l) { trimtab::average_pool_forward(x(), l.kernel_h, l.kernel_w, l.window, l.count_include_pad, y); },
                      [&](const MaxPool& l) { trimtab::max_pool_forward(x(), l.kernel_h, l.kernel_w, l.window, y); },
                      [&](const GlobalAveragePool&) { trimtab::global_average_pool_forward(x(), y); },
                      [&](const Flatten&) { std::copy(x().data(), x().data() + x().size(), y.data()); }},
             node.op);
  if (node.clip != no_clip) trimtab::clip_forward(y, node.clip.lo, node.clip.hi, y);
}

}  // namespace detail

/// Runs `network` on x (N H W C) and calls look(id, output) for each node as soon as its output is there; outputs that no later node reads
/// are freed at once. Returns the network's output. Throws shape_error when x does not fit the Input node.
template <class Look>
Array run(const Network& network, const Array& x, const Look& look) {
  const Node& input = network[network.input()];
  Extents expected{x.dimension() == 0 ? 0 : x.shape(0)};
  for (const std::size_t e : input.extent) expected.push_back(e);
  detail::require_extents(view(x).extent, expected, "run: x");

  std::vector<std::size_t> reads_left(network.size());
  for (const Node& node : network.nodes())
    for (const NodeId id : node.inputs) ++reads_left[id];
  ++reads_left[network.output()];

  std::vector<Array> outputs(network.size());
  for (NodeId id = 0; id < network.size(); ++id) {
    const Node& node = network[id];
    if (std::holds_alternative<Input>(node.op)) {
      outputs[id] = x;
    } else {
      std::vector<const Array*> inputs;
      for (const NodeId in : node.inputs) inputs.push_back(&outputs[in]);
      detail::resize_for(node, x.shape(0), outputs[id]);
      detail::run_node(node, inputs, outputs[id]);
    }
    look(id, std::as_const(outputs[id]));
    for (const NodeId in : node.inputs)
      if (--reads_left[in] == 0) outputs[in] = Array();
  }
  return std::move(outputs[network.output()]);
}

/// The network's output for a batch x (N H W C): logits N C.
inline Array run(const Network& network, const Array& x) {
  return run(network, x, [](NodeId, const Array&) {});
}

}  // namespace trimtab
