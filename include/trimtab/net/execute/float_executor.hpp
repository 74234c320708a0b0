#pragma once
/// \file
/// Runs a network in float: the teacher of distillation, and what calibration looks at.

#include <span>
#include <trimtab/net/graph/feed.hpp>
#include <trimtab/ops/activation.hpp>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

/// y = clip(op(inputs)) for every operator that is not fed. `y` has its extents already.
inline void run_node(const Node& node, std::span<const Array* const> inputs, Array& y) {
  std::vector<TensorView<const float>> x;
  for (const Array* in : inputs) x.push_back(view(*in));
  const TensorView<float> to = view(y);
  node.op->forward(x, to);
  if (node.clip != no_clip) clip_forward(to, node.clip.lo, node.clip.hi, to);
}

}  // namespace detail

/// Runs `network` on x and calls look(id, output) for each node as soon as its output is there; outputs that no later node reads
/// are freed at once. Returns the network's outputs. Throws shape_error when x does not fit the inputs.
template <class Look>
std::vector<Array> run_outputs(const Network& network, const Feed& x, const Look& look) {
  network.require_extents();
  const std::size_t batch = x.batch(detail::fed_extents(network), "run: x");
  const std::vector<NodeId> wanted = network.outputs();
  std::vector<std::size_t> reads_left(network.size());
  for (const Node& node : network.nodes())
    for (const NodeId id : node.inputs) ++reads_left[id];
  for (const NodeId id : wanted) ++reads_left[id];

  std::vector<Array> outputs(network.size());
  std::size_t fed = 0;
  for (NodeId id = 0; id < network.size(); ++id) {
    const Node& node = network[id];
    if (node.op->is_fed()) {
      outputs[id] = x[fed++];
    } else {
      std::vector<const Array*> inputs;
      for (const NodeId in : node.inputs) inputs.push_back(&outputs[in]);
      detail::resize_batch(batch, node.extent, outputs[id]);
      detail::run_node(node, inputs, outputs[id]);
    }
    look(id, std::as_const(outputs[id]));
    for (const NodeId in : node.inputs)
      if (--reads_left[in] == 0) outputs[in] = Array();
  }
  std::vector<Array> result;
  for (const NodeId id : wanted) result.push_back(--reads_left[id] == 0 ? std::move(outputs[id]) : outputs[id]);
  return result;
}
/// The same without looking.
inline std::vector<Array> run_outputs(const Network& network, const Feed& x) {
  return run_outputs(network, x, [](NodeId, const Array&) {});
}

/// All outputs side by side: N rows, each an element's outputs in order, flattened. What losses and measures look at.
inline Array output_rows(const std::vector<Array>& outputs) {
  const std::size_t n = outputs[0].shape(0);
  std::size_t columns = 0;
  for (const Array& y : outputs) columns += n == 0 ? 0 : y.size() / n;
  Array rows = Array::from_shape({n, columns});
  std::size_t first = 0;
  for (const Array& y : outputs) {
    const std::size_t own = n == 0 ? 0 : y.size() / n;
    for (std::size_t i = 0; i < n; ++i) std::copy_n(y.data() + i * own, own, rows.data() + i * columns + first);
    first += own;
  }
  return rows;
}

/// The only output of a network, as run_outputs: logits N C of a classifier. Throws unsupported_error when there are several.
template <class Look>
Array run(const Network& network, const Feed& x, const Look& look) {
  network.output();
  return std::move(run_outputs(network, x, look)[0]);
}
/// The same without looking.
inline Array run(const Network& network, const Feed& x) {
  return run(network, x, [](NodeId, const Array&) {});
}

}  // namespace trimtab
