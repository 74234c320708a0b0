#pragma once
/// \file
/// Runs a quantized network in training: forward on the integers that the int8 network will see, backward straight through to
/// every trained factor. The name is the field's; nothing is faked here, since codes, accumulators and requantization are those
/// of deployment.

#include <algorithm>
#include <any>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <trimtab/core/large_pages.hpp>
#include <trimtab/int8/requantize.hpp>
#include <trimtab/net/execute/quantized_weights.hpp>
#include <trimtab/net/execute/weighted_backward.hpp>
#include <trimtab/net/graph/feed.hpp>
#include <trimtab/net/quantize/factors.hpp>
#include <trimtab/ops/activation.hpp>
#include <trimtab/ops/grid_steps.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// Holds the activations of one batch between forward and backward. Not to be shared by threads, while executors of common
/// weights may run at once; its own work is cut into threads by itself.
class FakeQuantExecutor {
 public:
  /// `q` must outlive the executor, and may change its factors between calls. `products`: what the backward multiplies in.
  explicit FakeQuantExecutor(const QuantizedNetwork& q, BackwardProducts products = BackwardProducts::int16)
      : FakeQuantExecutor(std::make_shared<QuantizedWeights>(q, products)) {}
  /// One more executor of the same weights.
  explicit FakeQuantExecutor(std::shared_ptr<QuantizedWeights> weights)
      : q_(&weights->network()),
        weights_(std::move(weights)),
        nodes_(q_->network.size()),
        fed_(detail::fed_extents(q_->network)) {
    for (NodeId id = 0; id < nodes_.size(); ++id)
      if (q_->in_float[id]) nodes_[id].float_op = network()[id].op;
  }

  FakeQuantExecutor(FakeQuantExecutor&&) = default;  ///< no copies: of the same weights there can be another

  /// What executors of the same weights are made from.
  const std::shared_ptr<QuantizedWeights>& weights() const { return weights_; }

  /// Takes over the factors: requantizes the weights, of all executors that share them. To be called after every change of them.
  void refresh() { weights_->refresh(); }
  /// The same for one node, after a change of its weights.
  void refresh(NodeId id) { weights_->refresh(id); }

  /// Runs x, the batch as first axis, and returns the first output's real values; outputs() has all. Throws shape_error when x
  /// does not fit the network.
  const Array& forward(const Feed& x) {
    forward_up_to(network().size() - 1, x);
    const std::vector<NodeId> wanted = network().outputs();
    outputs_.resize(wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      detail::resize_batch(batch_, network()[wanted[i]].extent, outputs_[i]);
      copy_reals(wanted[i], outputs_[i].data());
    }
    return outputs_[0];
  }
  /// The real values of all outputs of the last forward.
  const std::vector<Array>& outputs() const { return outputs_; }

  /// The nodes 0 .. last of forward alone, for whoever wants steps(last).
  void forward_up_to(NodeId last, const Feed& x) {
    batch_ = x.batch(fed_, "FakeQuantExecutor::forward: x");
    place_steps();
    for (NodeId id = 0; id <= last; ++id) run_node(id, x);
  }

  /// One node of forward, for passes that take many pictures through a network node by node: its inputs have been run on the same
  /// x. Keeps the node's output alone; there is no backward from here.
  void forward_node(NodeId id, const Feed& x) {
    batch_ = x.batch(fed_, "FakeQuantExecutor::forward_node: x");
    for (State& s : nodes_) s.steps = {};  // their places are taken
    nodes_[id].steps = {detail::grown(steps_, steps_count(id)), steps_count(id)};
    run_node(id, x);
    nodes_[id].steps = {};
  }
  /// Frees the output of a node that no later one reads.
  void forget(NodeId id) {
    nodes_[id].bytes = std::vector<std::uint8_t>();  // "= {}" would keep the memory
    nodes_[id].reals = LargeArray();
  }

  /// Adds dloss/dfactor of the last forward to `grad_factors`, in the order of factor_blocks. grad_outputs: dloss/doutput of each
  /// output.
  void backward(std::span<const Array> grad_outputs, std::span<float> grad_factors, TrainedSet trained = {}) {
    if (grad_factors.size() != factor_count(*q_))
      throw shape_error(detail::message("FakeQuantExecutor::backward: ", grad_factors.size(), " gradients for ",
                                        factor_count(*q_), " factors"));
    if (grad_outputs.size() != outputs_.size())
      throw shape_error(
          detail::message("FakeQuantExecutor::backward: ", grad_outputs.size(), " gradients for ", outputs_.size(), " outputs"));
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      detail::require_extents(view(grad_outputs[i]).extent, view(outputs_[i]).extent, "FakeQuantExecutor::backward: grad_output");
    for (State& s : nodes_) s.grad_factors = {};
    for (const FactorBlock& block : factor_blocks(*q_))
      nodes_[block.node].grad_factors[static_cast<std::size_t>(block.kind)] = block.of(grad_factors);

    for (NodeId id = 0; id < network().size(); ++id)
      if (nodes_[id].has_grad) release(id);  // of nodes that the last backward had no use for
    const std::vector<NodeId> wanted = network().outputs();
    for (std::size_t i = 0; i < wanted.size(); ++i)
      detail::add_gradient({grad_outputs[i].data(), batch_extent(wanted[i])}, claim(wanted[i]));
    const NodeId lowest = lowest_trained(trained);
    for (NodeId id = network().size(); id-- > lowest;)
      if (nodes_[id].has_grad) {
        node_backward(id, lowest, trained);
        release(id);
      }
  }
  /// The same of the only output.
  void backward(const Array& grad_output, std::span<float> grad_factors, TrainedSet trained = {}) {
    backward(std::span<const Array>(&grad_output, 1), grad_factors, trained);
  }

  /// The bytes (byte_grid) that node `id` put out in the last forward; of nodes that hold reals, nothing.
  std::span<const std::uint8_t> bytes(NodeId id) const { return nodes_[id].bytes; }
  /// The reals that it put out, where it holds such.
  std::span<const float> reals(NodeId id) const {
    if (q_->holds_codes(id)) return {};
    return nodes_[id].clipped.empty() ? nodes_[id].reals : nodes_[id].clipped;
  }
  /// The output before its clip and rounding, in steps of the grid; of nodes that move codes, nothing.
  std::span<const float> steps(NodeId id) const { return nodes_[id].steps; }
  const Affine<float>& grid(NodeId id) const { return (*weights_)[id].grid; }  ///< what the bytes stand for

 private:
  using Layer = QuantizedWeights::Layer;
  using LargeArray = std::vector<float, LargePages<float>>;
  struct State {
    std::vector<std::uint8_t> bytes;   // the output, where it is codes
    std::span<float> steps;            // the output before clip and rounding, in steps of the grid: a part of steps_
    LargeArray reals, clipped;         // of a node in float: its operator's output, and that after its clip where it has one
    std::optional<Operator> float_op;  // of a node in float
    std::any cache;                    // of its forward
    LargeArray grad;                   // dloss / doutput, while has_grad
    bool has_grad = false;
    std::array<std::span<float>, 4> grad_factors;  // by FactorKind, of the backward under way
  };

  const Network& network() const { return q_->network; }
  const Layer& layer(NodeId id) const { return (*weights_)[id]; }

  /// Extents of node id's output for this batch.
  Extents batch_extent(NodeId id) const { return detail::with_batch(batch_, network()[id].extent); }
  /// How many steps node `id` has for this batch.
  std::size_t steps_count(NodeId id) const {
    const Node& node = network()[id];
    const bool has_steps = q_->holds_codes(id) && (q_->in_float[id] || detail::rounds_output(node));
    return has_steps ? batch_ * element_count(node.extent) : 0;
  }
  /// Gives every node its part of steps_.
  void place_steps() {
    std::size_t size = 0;
    for (NodeId id = 0; id < nodes_.size(); ++id) size += steps_count(id);
    float* steps = detail::grown(steps_, size);
    for (NodeId id = 0; id < nodes_.size(); steps += steps_count(id++)) nodes_[id].steps = {steps, steps_count(id)};
  }
  TensorView<const std::uint8_t> bytes_of(NodeId id) const { return {nodes_[id].bytes.data(), batch_extent(id)}; }
  std::vector<CodeInput> code_inputs(NodeId id) const {
    std::vector<CodeInput> x;
    for (const NodeId in : network()[id].inputs)
      x.push_back({bytes_of(in), {grid(in).scale, grid(in).zero_point, unsigned_codes()}});
    return x;
  }
  void copy_reals(NodeId id, float* to) const {
    if (q_->holds_codes(id)) {
      bytes_to_reals(nodes_[id].bytes.data(), nodes_[id].bytes.size(), grid(id), to);
    } else {
      const std::span<const float> from = reals(id);
      std::copy(from.begin(), from.end(), to);
    }
  }
  /// The inputs of a node in float as reals; those that are codes are dequantized into scratch.
  std::vector<TensorView<const float>> float_inputs(NodeId id) {
    const std::vector<NodeId>& inputs = network()[id].inputs;
    if (dequantized_.size() < inputs.size()) dequantized_.resize(inputs.size());
    std::vector<TensorView<const float>> x;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Extents extent = batch_extent(inputs[i]);
      if (!q_->holds_codes(inputs[i])) {
        x.emplace_back(reals(inputs[i]).data(), extent);
        continue;
      }
      copy_reals(inputs[i], detail::grown(dequantized_[i], element_count(extent)));
      x.emplace_back(dequantized_[i].data(), extent);
    }
    return x;
  }

  /// The output of one node from its inputs'.
  void run_node(NodeId id, const Feed& x) {
    const Node& node = network()[id];
    State& s = nodes_[id];
    if (node.op->is_fed() || q_->in_float[id] || node.op->integers() == IntegerRule::source) {
      run_float(id, x);
      return;
    }
    s.bytes.resize(batch_ * element_count(node.extent));
    const TensorView<std::uint8_t> y(s.bytes.data(), batch_extent(id));
    const std::vector<CodeInput> inputs = code_inputs(id);
    if (node.op->integers() == IntegerRule::moves) {
      node.op->codes(inputs, grid(id), y);
      return;
    }
    const TensorView<float> steps(s.steps.data(), y.extent);
    if (node.op->integers() == IntegerRule::sums)
      run_layer(id, inputs[0], steps);
    else
      node.op->steps(inputs, grid(id), steps);
    if (q_->requantizer == Requantizer::float32)
      steps_to_bytes(s.steps.data(), s.steps.size(), grid(id), s.bytes.data());
    else if (node.op->integers() == IntegerRule::rounds)
      node.op->fixed_point_codes(inputs, grid(id), code_origin(*q_), y);
    else
      int8::requantize(TensorView<const std::int32_t>(accumulators_.data(), y.extent),
                       FixedPointRequantize{layer(id).lowered.fixed_point, layer(id).lowered.rounding, grid(id).zero_point,
                                            grid(id).codes.qmin, grid(id).codes.qmax},
                       y);
  }

  /// A node whose values are real before they become codes, if they do: what is fed, constants, and what runs in float.
  void run_float(NodeId id, const Feed& x) {
    const Node& node = network()[id];
    State& s = nodes_[id];
    const Extents extent = batch_extent(id);
    const std::size_t count = element_count(extent);
    const float* values = nullptr;
    if (node.op->is_fed()) {
      const std::vector<NodeId> inputs = network().inputs();
      values = x[static_cast<std::size_t>(std::find(inputs.begin(), inputs.end(), id) - inputs.begin())].data();
      if (!q_->holds_codes(id)) s.reals.assign(values, values + count);
    } else {
      s.reals.resize(count);
      const TensorView<float> y(s.reals.data(), extent);
      if (s.float_op)
        (*s.float_op)->train_forward(float_inputs(id), y, s.cache, 0.0F);
      else
        node.op->forward({}, y);
      values = s.reals.data();
    }
    if (q_->holds_codes(id)) {
      s.bytes.resize(count);
      for (std::size_t i = 0; i < count; ++i) s.steps[i] = values[i] / grid(id).scale;
      steps_to_bytes(s.steps.data(), count, grid(id), s.bytes.data());
    } else if (node.clip != no_clip) {
      s.clipped.resize(count);
      detail::clip_forward(s.reals.data(), count, node.clip.lo, node.clip.hi, s.clipped.data());
    }
  }

  /// Steps of a layer with weights: by the kernels at once or, where integers alone make the codes, from the accumulators.
  void run_layer(NodeId id, const CodeInput& x, const TensorView<float>& steps) {
    const WeightedLayer& weighted = *network()[id].op->weighted();
    const Layer& own = layer(id);
    const std::span<const float> multiplier = own.lowered.multiplier;
    if (q_->requantizer == Requantizer::float32) {
      weighted.run(own.packed.get(), x, own.lowered.bias, multiplier, steps, workspace_);
      return;
    }
    accumulators_.resize(steps.size());
    const std::size_t channels = steps.extent.back();
    weighted.run(own.packed.get(), x, own.lowered.bias, TensorView<std::int32_t>(accumulators_.data(), steps.extent), workspace_);
    parallel_ranges(accumulators_.size(), std::size_t{1} << 14, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) steps.data[i] = static_cast<float>(accumulators_[i]) * multiplier[i % channels];
    });
  }

  /// The place of node id's gradient, and whether it holds something to be added to already. Buffers go from node to node within
  /// a backward, so that there are few and the last one is still in the cache.
  InputGradients::Claim claim(NodeId id) {
    State& s = nodes_[id];
    const GradientMode mode = s.has_grad ? GradientMode::add : GradientMode::assign;
    if (!s.has_grad) {
      if (!spare_.empty()) {
        s.grad.swap(spare_.back());
        spare_.pop_back();
      }
      s.has_grad = true;
    }
    const Extents extent = batch_extent(id);
    return {TensorView<float>(detail::grown(s.grad, element_count(extent)), extent), mode};
  }
  void release(NodeId id) {
    spare_.emplace_back().swap(nodes_[id].grad);
    nodes_[id].has_grad = false;
  }

  /// The inputs of one node, as its backward sees them.
  class Gradients final : public InputGradients {
   public:
    Gradients(FakeQuantExecutor& executor, NodeId id, NodeId lowest)
        : executor_(&executor), inputs_(&executor.network()[id].inputs), lowest_(lowest) {}
    bool wanted(std::size_t i) const override { return (*inputs_)[i] >= lowest_; }
    Claim claim(std::size_t i) override { return executor_->claim((*inputs_)[i]); }

   private:
    FakeQuantExecutor* executor_;
    const std::vector<NodeId>* inputs_;
    NodeId lowest_;
  };

  /// The first node whose gradient anything asks for.
  NodeId lowest_trained(TrainedSet trained) const {
    for (NodeId id = 0; id < network().size(); ++id)
      if ((trained.activations && q_->holds_codes(id)) || ((trained.weights || trained.pointwise) && q_->weight[id])) return id;
    return network().size();
  }

  void node_backward(NodeId id, NodeId lowest, TrainedSet trained) {
    const Node& node = network()[id];
    State& s = nodes_[id];
    const TensorView<float> grad(s.grad.data(), batch_extent(id));
    if (!s.steps.empty()) {
      const AnyQuantizer& quantizer = *q_->output[q_->grid_of[id]];
      const GridGradient sums = detail::steps_backward(s.steps.data(), s.steps.size(), node.clip, quantizer.grid(0), grad.data);
      if (trained.activations) quantizer.add_gradient(0, sums, nodes_[q_->grid_of[id]].grad_factors[0]);
    } else if (q_->in_float[id] && node.clip != no_clip) {
      for (std::size_t i = 0; i < grad.size(); ++i)
        if (!(s.reals[i] >= node.clip.lo && s.reals[i] <= node.clip.hi)) grad.data[i] = 0;
    }
    Gradients to(*this, id, lowest);
    if (s.float_op && !node.op->is_fed()) {
      const std::vector<TensorView<const float>> x = float_inputs(id);
      if (anything_wanted(to, x.size()))
        (*s.float_op)->backward({x, TensorView<const float>(s.reals.data(), grad.extent), grad, s.cache, to, {}});
      return;
    }
    if (node.op->integers() == IntegerRule::source) return;
    const std::vector<CodeInput> x = code_inputs(id);
    if (const WeightedLayer* weighted = node.op->weighted()) {
      const auto [of_activation, of_weight, of_pointwise, of_bias] = s.grad_factors;
      weighted_.factors(*weighted, *weights_, id, grad, x[0], trained, {of_weight, of_pointwise, of_bias});
      if (to.wanted(0)) detail::WeightedBackward::input(*weighted, *weights_, id, grad, to.claim(0));
    } else if (anything_wanted(to, x.size())) {
      node.op->codes_backward(x, grid(id), grad, to);
    }
  }
  static bool anything_wanted(const InputGradients& to, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      if (to.wanted(i)) return true;
    return false;
  }

  const QuantizedNetwork* q_;
  std::shared_ptr<QuantizedWeights> weights_;
  std::vector<State> nodes_;
  std::vector<Extents> fed_;
  LargeArray steps_;  // one array for all nodes, most of which would not fill a large page
  std::size_t batch_ = 0;
  std::vector<Array> outputs_;
  std::vector<LargeArray> spare_;  // gradients' buffers that no node holds
  std::vector<LargeArray> dequantized_;
  detail::WeightedBackward weighted_;
  std::vector<std::int32_t> accumulators_;  // of the layer under way, in fixed point
  int8::Workspace workspace_;
};

}  // namespace trimtab
