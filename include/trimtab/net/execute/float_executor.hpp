#pragma once
/// \file
/// Runs a network in float: the teacher of distillation, and what calibration looks at.

#include <algorithm>
#include <span>
#include <trimtab/core/large_pages.hpp>
#include <trimtab/net/execute/node_buffers.hpp>
#include <trimtab/net/graph/feed.hpp>
#include <trimtab/ops/activation.hpp>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

/// y = clip(op(x)) for every operator that is not fed. `packed`: of the node's weights, if it has any.
inline void run_node(const Node& node, FloatInputs x, const TensorView<float>& y, PackedWeight& packed) {
  if (const WeightedLayer* layer = node.op->weighted()) {
    layer->forward(x[0], y, {node.clip, &packed});
    return;
  }
  node.op->forward(x, y);
  if (node.clip != no_clip) clip_forward(y, node.clip.lo, node.clip.hi, y);
}

}  // namespace detail

/// Runs one network many times: all activations in one block of memory, planned once, and weights packed once. Not to be shared
/// by threads; its own work is cut into threads by itself. Outputs do not depend on what ran before, nor on the number of threads.
class FloatExecutor {
 public:
  /// `network` must outlive the executor and stay as it is; see refresh. Throws shape_error when a node was changed in place so
  /// that extents no longer fit.
  explicit FloatExecutor(const Network& network)
      : network_(&network), fed_(detail::fed_extents(network)), packed_(network.size()), values_(network.size()) {
    network.require_extents();
    NodeBuffers buffers = node_buffers(network);
    plan_ = plan_arena(buffers.lifetimes);
    buffer_of_ = std::move(buffers.of);
  }

  /// Takes over weights that were changed in place.
  void refresh() {
    for (PackedWeight& p : packed_) p.clear();
  }

  /// Runs x and calls look(id, TensorView<const float>) for each node as soon as its output is there, where it stays until look
  /// returns. Returns the network's outputs. Throws shape_error when x does not fit the inputs.
  template <class Look>
  std::vector<Array> run_outputs(const Feed& x, const Look& look) {
    const std::size_t batch = x.batch(fed_, "run: x");
    float* arena = detail::grown(arena_, batch * plan_.bytes / sizeof(float));
    std::vector<TensorView<const float>> inputs;
    std::size_t fed = 0;
    for (NodeId id = 0; id < network_->size(); ++id) {
      const Node& node = (*network_)[id];
      const Extents extent = detail::with_batch(batch, node.extent);
      if (node.op->is_fed()) {
        values_[id] = {x[fed++].data(), extent};
      } else if (!node.inputs.empty() && buffer_of_[id] == buffer_of_[node.inputs[0]]) {
        values_[id] = {values_[node.inputs[0]].data, extent};
      } else {
        inputs.clear();
        for (const NodeId in : node.inputs) inputs.push_back(values_[in]);
        const TensorView<float> y(arena + batch * plan_.offset[buffer_of_[id]] / sizeof(float), extent);
        detail::run_node(node, inputs, y, packed_[id]);
        values_[id] = y;
      }
      look(id, std::as_const(values_[id]));
    }
    std::vector<Array> outputs;
    for (const NodeId id : network_->outputs()) {
      detail::resize_batch(batch, (*network_)[id].extent, outputs.emplace_back());
      std::copy_n(values_[id].data, values_[id].size(), outputs.back().data());
    }
    return outputs;
  }
  /// The same without looking.
  std::vector<Array> run_outputs(const Feed& x) {
    return run_outputs(x, [](NodeId, const TensorView<const float>&) {});
  }

  /// Bytes of activations that one picture needs.
  std::size_t arena_bytes() const { return plan_.bytes; }

 private:
  const Network* network_;
  std::vector<Extents> fed_;
  std::vector<PackedWeight> packed_;             // by node
  std::vector<TensorView<const float>> values_;  // by node, of the run under way
  std::vector<std::size_t> buffer_of_;           // by node
  ArenaPlan plan_;                               // of one picture
  std::vector<float, LargePages<float>> arena_;
};

/// Runs `network` once on x and calls look(id, const Array&) for each node with a copy of its output. Returns the network's
/// outputs. Whoever runs a network several times keeps a FloatExecutor. Throws shape_error when x does not fit the inputs.
template <class Look>
std::vector<Array> run_outputs(const Network& network, const Feed& x, const Look& look) {
  return FloatExecutor(network).run_outputs(x, [&](NodeId id, const TensorView<const float>& y) {
    Array copy;
    detail::resize_batch(y.extent[0], network[id].extent, copy);
    std::copy_n(y.data, y.size(), copy.data());
    look(id, std::as_const(copy));
  });
}
/// The same without looking.
inline std::vector<Array> run_outputs(const Network& network, const Feed& x) { return FloatExecutor(network).run_outputs(x); }

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
