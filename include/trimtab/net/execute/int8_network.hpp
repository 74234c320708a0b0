#pragma once
/// \file
/// The network as it is deployed: packed weights, integers from the first layer to the last, and one block of memory for all
/// activations.

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <trimtab/int8/requantize.hpp>
#include <trimtab/net/execute/node_buffers.hpp>
#include <trimtab/net/graph/feed.hpp>
#include <trimtab/net/quantize/fuse_code_clips.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <trimtab/ops/activation.hpp>
#include <vector>

namespace trimtab {

/// A lowered network, packed. It does not change after construction, and holds nothing of the float network but what runs in
/// float: any number of threads may run it, each with a Workspace of its own. Codes are held in bytes (byte_grid). They equal
/// those of FakeQuantExecutor, all of them; see verify.
class Int8Network {
 public:
  /// Memory of one caller: the activations and the kernels' scratch. Grown by the first run of a batch size, then reused.
  class Workspace {
    friend class Int8Network;
    int8::Workspace arena_;
    std::vector<std::int32_t> accumulators_;  // of one layer, in fixed point
    std::vector<CodeInput> inputs_;           // of the node under way
    std::vector<std::vector<float>> reals_;   // dequantized inputs of a node in float
    int8::Workspace kernels_;
    std::byte* memory_ = nullptr;
  };

  /// What a node put out: bytes, or reals where it is in float.
  struct Output {
    std::span<const std::uint8_t> bytes;
    std::span<const float> reals;
  };

  /// Lowers every layer and packs it; every node has the codes that it has in training. Throws as `lower` and `pack` do.
  explicit Int8Network(const QuantizedNetwork& q) : Int8Network(lower(q), AsItIs{}) {}

  /// Packs every layer. An input that a Clip alone reads is held within that (narrow_inputs). Throws as `pack` does.
  explicit Int8Network(LoweredNetwork n) : Int8Network(narrow_inputs(std::move(n)), AsItIs{}) {}

  /// Runs x, floats with the batch as first axis, and calls look(node, Output) after each node. Throws shape_error when x does
  /// not fit. Results live in `workspace` until its next use.
  template <class Look>
  void run_nodes(const Feed& x, Workspace& workspace, const Look& look) const {
    const std::size_t batch = x.batch(fed_extents(), "Int8Network::run: x");
    if (batch > 0 && plan_.bytes > std::numeric_limits<std::size_t>::max() / batch)
      throw unsupported_error(detail::message("Int8Network::run: activations of ", plan_.bytes, " bytes for each of ", batch,
                                              " samples are beyond what this machine can address"));
    workspace.arena_.begin(batch * plan_.bytes);
    workspace.memory_ = workspace.arena_.take<std::byte>(batch * plan_.bytes);
    std::size_t fed = 0;
    for (NodeId id = 0; id < n_.nodes.size(); ++id) {
      const LoweredNode& node = n_.nodes[id];
      if (node.op->is_fed())
        take(id, x[fed++].data(), batch, workspace);
      else if (!is_input(node, id))
        node.in_float || node.op->integers() == IntegerRule::source ? run_float(id, batch, workspace)
                                                                    : run_codes(id, batch, workspace);
      look(id, output_of(id, batch, workspace));
    }
  }

  /// Runs x and returns the bytes of the only output. Throws unsupported_error when there are several, or it holds reals.
  template <class Look>
  std::span<const std::uint8_t> run(const Feed& x, Workspace& workspace, const Look& look) const {
    if (n_.outputs.size() != 1 || !n_.nodes[n_.outputs[0]].holds_codes)
      throw unsupported_error(
          detail::message("Int8Network::run: ", n_.outputs.size(), " outputs, or one of reals; see run_outputs"));
    run_nodes(x, workspace, [&](NodeId id, const Output& out) { look(id, out.bytes); });
    return output_of(n_.outputs[0], x[0].shape(0), workspace).bytes;
  }
  /// The same without looking.
  std::span<const std::uint8_t> run(const Feed& x, Workspace& workspace) const {
    return run(x, workspace, [](NodeId, std::span<const std::uint8_t>) {});
  }
  /// Runs x, calls look(node, Output) after each node, and returns every output as reals.
  template <class Look>
  std::vector<Array> run_outputs(const Feed& x, Workspace& workspace, const Look& look) const {
    run_nodes(x, workspace, look);
    std::vector<Array> result(n_.outputs.size());
    for (std::size_t i = 0; i < result.size(); ++i) {
      const NodeId id = n_.outputs[i];
      detail::resize_batch(x[0].shape(0), n_.nodes[id].extent, result[i]);
      const Output out = output_of(id, x[0].shape(0), workspace);
      if (n_.nodes[id].holds_codes)
        bytes_to_reals(out.bytes.data(), out.bytes.size(), n_.output_grids[i], result[i].data());
      else
        std::copy(out.reals.begin(), out.reals.end(), result[i].data());
    }
    return result;
  }
  /// The same without looking.
  std::vector<Array> run_outputs(const Feed& x, Workspace& workspace) const {
    return run_outputs(x, workspace, [](NodeId, const Output&) {});
  }

  /// The grid of an output's codes: real = scale * (code - zero_point).
  const Affine<float>& output_grid(std::size_t i = 0) const { return n_.output_grids[i]; }
  const Extents& input_extent(std::size_t i = 0) const { return n_.nodes[n_.inputs[i]].extent; }    ///< of one picture
  const Extents& output_extent(std::size_t i = 0) const { return n_.nodes[n_.outputs[i]].extent; }  ///< of one picture
  const std::string& name(NodeId id) const { return n_.nodes[id].name; }                            ///< of a node
  std::size_t size() const { return n_.nodes.size(); }                                              ///< number of nodes
  /// Bytes of activations that one picture needs.
  std::size_t arena_bytes() const { return plan_.bytes; }

 private:
  struct AsItIs {};
  Int8Network(LoweredNetwork n, AsItIs) : n_(std::move(n)) {
    NodeBuffers buffers = node_buffers(n_);
    plan_ = plan_arena(buffers.lifetimes);
    buffer_of_ = std::move(buffers.of);
    packed_.resize(n_.nodes.size());
    for (NodeId id = 0; id < n_.nodes.size(); ++id) {
      LoweredNode& node = n_.nodes[id];
      if (!node.layer) continue;
      packed_[id] = pack(node);
      std::vector<std::int8_t>().swap(node.layer->codes);  // `= {}` would keep the memory
    }
  }

  std::vector<Extents> fed_extents() const {
    std::vector<Extents> extents;
    for (const NodeId id : n_.inputs) extents.push_back(n_.nodes[id].extent);
    return extents;
  }
  std::byte* memory(NodeId id, std::size_t batch, Workspace& w) const { return w.memory_ + batch * plan_.offset[buffer_of_[id]]; }
  TensorView<std::uint8_t> bytes(NodeId id, std::size_t batch, Workspace& w) const {
    return {reinterpret_cast<std::uint8_t*>(memory(id, batch, w)), detail::with_batch(batch, n_.nodes[id].extent)};
  }
  TensorView<float> reals(NodeId id, std::size_t batch, Workspace& w) const {
    return {reinterpret_cast<float*>(memory(id, batch, w)), detail::with_batch(batch, n_.nodes[id].extent)};
  }
  Output output_of(NodeId id, std::size_t batch, Workspace& w) const {
    const std::size_t size = batch * element_count(n_.nodes[id].extent);
    if (n_.nodes[id].holds_codes) return {{bytes(id, batch, w).data, size}, {}};
    return {{}, {reals(id, batch, w).data, size}};
  }

  /// Reals that come from outside or were computed become the node's output.
  void take(NodeId id, const float* x, std::size_t batch, Workspace& w) const {
    const LoweredNode& node = n_.nodes[id];
    const std::size_t count = batch * element_count(node.extent);
    if (!node.holds_codes) {
      std::copy_n(x, count, reals(id, batch, w).data);
      return;
    }
    reals_to_bytes(x, count, node.grid, bytes(id, batch, w).data);
  }

  /// Whether a node's output is what its input has in memory.
  bool is_input(const LoweredNode& node, NodeId id) const {
    return !node.inputs.empty() && buffer_of_[id] == buffer_of_[node.inputs[0].node];
  }

  /// A node in float, between a dequantize and, where its output is codes, a quantize.
  void run_float(NodeId id, std::size_t batch, Workspace& w) const {
    const LoweredNode& node = n_.nodes[id];
    if (w.reals_.size() < node.inputs.size() + 1) w.reals_.resize(node.inputs.size() + 1);
    std::vector<TensorView<const float>> x;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const NodeId in = node.inputs[i].node;
      if (!n_.nodes[in].holds_codes) {
        x.push_back(reals(in, batch, w));
        continue;
      }
      const TensorView<std::uint8_t> codes = bytes(in, batch, w);
      w.reals_[i + 1].resize(codes.size());
      bytes_to_reals(codes.data, codes.size(), node.inputs[i].grid(), w.reals_[i + 1].data());
      x.emplace_back(w.reals_[i + 1].data(), codes.extent);
    }
    TensorView<float> y = node.holds_codes ? TensorView<float>() : reals(id, batch, w);
    if (node.holds_codes) {
      w.reals_[0].resize(batch * element_count(node.extent));
      y = TensorView<float>(w.reals_[0].data(), detail::with_batch(batch, node.extent));
    }
    node.op->forward(x, y);
    if (node.holds_codes)
      take(id, y.data, batch, w);  // the clip is in the range of its codes
    else if (node.clip != no_clip)
      clip_forward(y, node.clip.lo, node.clip.hi, y);
  }

  void run_codes(NodeId id, std::size_t batch, Workspace& w) const {
    const LoweredNode& node = n_.nodes[id];
    std::vector<CodeInput>& x = w.inputs_;
    x.clear();
    for (const LoweredInput& in : node.inputs) x.push_back({bytes(in.node, batch, w), in.grid()});
    const TensorView<std::uint8_t> y = bytes(id, batch, w);
    const bool fixed_point = n_.requantizer == Requantizer::fixed_point;
    if (!node.layer) {
      if (fixed_point && node.op->integers() == IntegerRule::rounds)
        node.op->fixed_point_codes(x, node.grid, n_.code_origin, y);
      else
        node.op->codes(x, node.grid, y);
      return;
    }
    const LoweredLayer& l = *node.layer;
    const WeightedLayer& weighted = *node.op->weighted();
    const CodeRange codes = node.grid.codes;
    if (!fixed_point) {
      weighted.run(packed_[id].get(), x[0], l.bias, Requantize{l.multiplier, node.grid.zero_point, codes.qmin, codes.qmax}, y,
                   w.kernels_);
      return;
    }
    if (w.accumulators_.size() < y.size()) w.accumulators_.resize(y.size());
    const TensorView<std::int32_t> accumulators(w.accumulators_.data(), y.extent);
    weighted.run(packed_[id].get(), x[0], l.bias, accumulators, w.kernels_);
    int8::requantize(accumulators, FixedPointRequantize{l.fixed_point, l.rounding, node.grid.zero_point, codes.qmin, codes.qmax},
                     y);
  }

  LoweredNetwork n_;  // without the codes of its weights
  std::vector<std::shared_ptr<void>> packed_;
  std::vector<std::size_t> buffer_of_;
  ArenaPlan plan_;
};

}  // namespace trimtab
