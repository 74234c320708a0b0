#pragma once
/// \file
/// Runs a quantized network in training: forward on the integers that the int8 network will see, backward straight through to every
/// trained factor. The name is the field's; nothing is faked here, since codes, accumulators and requantization are those of deployment.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <trimtab/core/large_pages.hpp>
#include <trimtab/int8/add.hpp>
#include <trimtab/int8/concat.hpp>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/int8/depthwise_conv2d.hpp>
#include <trimtab/int8/pool.hpp>
#include <trimtab/int8/requantize.hpp>
#include <trimtab/net/factors.hpp>
#include <trimtab/net/float_executor.hpp>
#include <trimtab/net/lower.hpp>
#include <trimtab/net/quantized_weights.hpp>
#include <trimtab/net/weighted_backward.hpp>
#include <trimtab/ops/grid_steps.hpp>

namespace trimtab {

/// Holds the activations of one batch between forward and backward. Not to be shared by threads, while executors of common weights may run
/// at once; its own work is cut into threads by itself.
class FakeQuantExecutor {
 public:
  /// `q` must outlive the executor, and may change its factors between calls. `products`: what the backward multiplies in.
  explicit FakeQuantExecutor(const QuantizedNetwork& q, BackwardProducts products = BackwardProducts::int16)
      : FakeQuantExecutor(std::make_shared<QuantizedWeights>(q, products)) {}
  /// One more executor of the same weights.
  explicit FakeQuantExecutor(std::shared_ptr<QuantizedWeights> weights)
      : q_(&weights->network()), weights_(std::move(weights)), nodes_(q_->network.size()) {}

  FakeQuantExecutor(FakeQuantExecutor&&) = default;  ///< no copies: of the same weights there can be another

  /// What executors of the same weights are made from.
  const std::shared_ptr<QuantizedWeights>& weights() const { return weights_; }

  /// Takes over the factors: requantizes the weights, of all executors that share them. To be called after every change of them.
  void refresh() { weights_->refresh(); }
  /// The same for one node, after a change of its weights.
  void refresh(NodeId id) { weights_->refresh(id); }

  /// Runs x (N H W C) and returns the dequantized output, N C. Throws shape_error when x does not fit the network.
  const Array& forward(const Array& x) {
    forward_up_to(network().size() - 1, x);
    const NodeId out = network().output();
    detail::resize_for(network()[out], batch_, output_);
    bytes_to_reals(nodes_[out].bytes.data(), nodes_[out].bytes.size(), grid(out), output_.data());
    return output_;
  }

  /// The nodes 0 .. last of forward alone, for whoever wants steps(last).
  void forward_up_to(NodeId last, const Array& x) {
    Extents expected{x.dimension() == 0 ? 0 : x.shape(0)};
    for (const std::size_t e : network()[network().input()].extent) expected.push_back(e);
    detail::require_extents(view(x).extent, expected, "FakeQuantExecutor::forward: x");
    batch_ = x.shape(0);
    place_steps();
    for (NodeId id = 0; id <= last; ++id) run_node(id, x);
  }

  /// One node of forward, for passes that take many pictures through a network node by node: its inputs have been run on the same
  /// x. Keeps the node's bytes alone; there is no backward from here.
  void forward_node(NodeId id, const Array& x) {
    batch_ = x.shape(0);
    for (State& s : nodes_) s.steps = {};  // their places are taken
    nodes_[id].steps = {detail::grown(steps_, steps_count(id)), steps_count(id)};
    run_node(id, x);
    nodes_[id].steps = {};
  }
  /// Frees the bytes of a node that no later one reads.
  void forget(NodeId id) { nodes_[id].bytes = std::vector<std::uint8_t>(); }  // "= {}" would keep the memory

  /// Adds dloss/dfactor of the last forward to `grad_factors`, in the order of factor_blocks. grad_output: dloss/doutput, N C.
  void backward(const Array& grad_output, std::span<float> grad_factors, TrainedSet trained = {}) {
    if (grad_factors.size() != factor_count(*q_))
      throw shape_error(detail::message("FakeQuantExecutor::backward: ", grad_factors.size(), " gradients for ", factor_count(*q_), " factors"));
    detail::require_extents(view(grad_output).extent, view(output_).extent, "FakeQuantExecutor::backward: grad_output");
    for (State& s : nodes_) s.grad_factors = {};
    for (const FactorBlock& block : factor_blocks(*q_))
      nodes_[block.node].grad_factors[static_cast<std::size_t>(block.kind)] = block.of(grad_factors);

    for (NodeId id = 0; id < network().size(); ++id)
      if (nodes_[id].has_grad) release(id);  // of nodes that the last backward had no use for
    const NodeId out = network().output();
    std::copy_n(grad_output.data(), grad_output.size(), claim(out).grad.data);
    const NodeId lowest = lowest_trained(trained);
    for (NodeId id = network().size(); id-- > lowest;)
      if (nodes_[id].has_grad) {
        node_backward(id, lowest, trained);
        release(id);
      }
  }

  /// The bytes (byte_grid) that node `id` put out in the last forward.
  std::span<const std::uint8_t> bytes(NodeId id) const { return nodes_[id].bytes; }
  /// The same output before its clip and rounding, in steps of the grid; of nodes that keep their input's codes, nothing.
  std::span<const float> steps(NodeId id) const { return nodes_[id].steps; }
  const Affine<float>& grid(NodeId id) const { return (*weights_)[id].grid; }  ///< what they stand for

 private:
  using Layer = QuantizedWeights::Layer;
  using LargeArray = std::vector<float, LargePages<float>>;
  struct State {
    std::vector<std::uint8_t> bytes;  // the output
    std::span<float> steps;           // the output before clip and rounding, in steps of the grid: a part of steps_
    LargeArray grad;                  // dloss / doutput, while has_grad
    bool has_grad = false;
    std::array<std::span<float>, 4> grad_factors;  // by FactorKind, of the backward under way
  };

  const Network& network() const { return q_->network; }
  const Layer& layer(NodeId id) const { return (*weights_)[id]; }

  /// Extents of node id's output for this batch.
  Extents batch_extent(NodeId id) const {
    Extents e{batch_};
    for (const std::size_t n : network()[id].extent) e.push_back(n);
    return e;
  }
  /// How many steps node `id` has for this batch.
  std::size_t steps_count(NodeId id) const {
    const Node& node = network()[id];
    return detail::keeps_codes(node.op) ? 0 : batch_ * element_count(node.extent);
  }
  /// Gives every node its part of steps_.
  void place_steps() {
    std::size_t size = 0;
    for (NodeId id = 0; id < nodes_.size(); ++id) size += steps_count(id);
    float* steps = detail::grown(steps_, size);
    for (NodeId id = 0; id < nodes_.size(); steps += steps_count(id++)) nodes_[id].steps = {steps, steps_count(id)};
  }
  Extents input_extent(NodeId id) const { return batch_extent(network()[id].inputs[0]); }
  TensorView<const std::uint8_t> bytes_of(NodeId id) const { return {nodes_[id].bytes.data(), batch_extent(id)}; }

  /// Bytes and steps of one node from its inputs' bytes.
  void run_node(NodeId id, const Array& x) {
    const Node& node = network()[id];
    State& s = nodes_[id];
    const Layer& own = layer(id);
    s.bytes.resize(batch_ * element_count(node.extent));
    if (detail::keeps_codes(node.op)) {
      keep_codes(id);
      return;
    }
    const TensorView<float> steps(s.steps.data(), batch_extent(id));
    const auto in = [&](std::size_t i = 0) { return node.inputs[i]; };
    std::visit(detail::Overload{
                   [&](const Input&) {
                     for (std::size_t i = 0; i < s.steps.size(); ++i) s.steps[i] = x.data()[i] / own.grid.scale;
                   },
                   [&](const Conv2d& l) {
                     run_layer(id, [&](const auto&... out) {
                       int8::conv2d(bytes_of(in()), grid(in()).zero_point, own.packed, own.lowered.bias, l.window, out..., workspace_);
                     });
                   },
                   [&](const DepthwiseConv2d& l) {
                     run_layer(id, [&](const auto&... out) {
                       int8::depthwise_conv2d(bytes_of(in()), grid(in()).zero_point, own.packed_depthwise, own.lowered.bias, l.window, out...,
                                              workspace_);
                     });
                   },
                   [&](const Linear&) {
                     run_layer(id, [&](const auto&... out) {
                       int8::linear(bytes_of(in()), grid(in()).zero_point, own.packed, own.lowered.bias, out..., workspace_);
                     });
                   },
                   [&](const Add&) { int8::add_steps(bytes_of(in()), grid(in()), bytes_of(in(1)), grid(in(1)), own.grid.scale, steps); },
                   [&](const Concat&) {
                     float* to = s.steps.data();
                     for (const NodeId part : node.inputs) {
                       rescale_rows(nodes_[part].bytes, grid(part), network()[part].extent.back(), own.grid.scale, to, node.extent.back());
                       to += network()[part].extent.back();
                     }
                   },
                   [&](const AveragePool& l) {
                     int8::average_pool_steps(bytes_of(in()), grid(in()), l.kernel_h, l.kernel_w, l.window, l.count_include_pad,
                                              own.grid.scale, steps);
                   },
                   [&](const GlobalAveragePool&) { int8::global_average_pool_steps(bytes_of(in()), grid(in()), own.grid.scale, steps); },
                   [](const auto&) {}},
               node.op);
    if (q_->requantizer == Requantizer::fixed_point && !std::holds_alternative<Input>(node.op))
      fixed_point_codes(id);
    else
      steps_to_bytes(s.steps.data(), s.steps.size(), own.grid, s.bytes.data());
  }

  /// Steps of a layer with weights: run(multiplier, steps) or, where integers alone make the codes, run(accumulators) and from these both.
  template <class Run>
  void run_layer(NodeId id, const Run& run) {
    State& s = nodes_[id];
    const Extents extent = batch_extent(id);
    const TensorView<float> steps(s.steps.data(), extent);
    const std::span<const float> multiplier = layer(id).lowered.multiplier;
    if (q_->requantizer == Requantizer::float32) {
      run(multiplier, steps);
      return;
    }
    accumulators_.resize(s.steps.size());
    const std::size_t channels = extent.back();
    run(TensorView<std::int32_t>(accumulators_.data(), extent));
    parallel_ranges(accumulators_.size(), std::size_t{1} << 14, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) s.steps[i] = static_cast<float>(accumulators_[i]) * multiplier[i % channels];
    });
  }

  /// A node's bytes as integers alone give them, from its accumulators or its inputs' bytes; its steps are there already.
  void fixed_point_codes(NodeId id) {
    const Node& node = network()[id];
    const Layer& own = layer(id);
    const TensorView<std::uint8_t> y(nodes_[id].bytes.data(), batch_extent(id));
    const auto x = [&](std::size_t i = 0) { return bytes_of(node.inputs[i]); };
    const auto grid_in = [&](std::size_t i = 0) -> const Affine<float>& { return grid(node.inputs[i]); };
    const auto average_pool = [&](std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& window, bool count_include_pad) {
      int8::average_pool_fixed_point(x(), grid_in().zero_point, code_origin(*q_), kernel_h, kernel_w, window, count_include_pad, own.grid.codes, y);
    };
    std::visit(detail::Overload{[&](const Add&) { int8::add_fixed_point(x(0), grid_in(0), x(1), grid_in(1), own.grid, y); },
                                [&](const Concat&) {
                                  std::vector<int8::ConcatInput<std::uint8_t>> parts;
                                  for (std::size_t i = 0; i < node.inputs.size(); ++i) parts.push_back({x(i), grid_in(i)});
                                  int8::concat_fixed_point(std::span<const int8::ConcatInput<std::uint8_t>>(parts), own.grid, y);
                                },
                                [&](const AveragePool& l) { average_pool(l.kernel_h, l.kernel_w, l.window, l.count_include_pad); },
                                [&](const GlobalAveragePool&) { average_pool(x().extent[1], x().extent[2], {}, true); },
                                [&](const auto&) {
                                  const TensorView<const std::int32_t> accumulators(accumulators_.data(), y.extent);
                                  int8::requantize(accumulators,
                                                   FixedPointRequantize{own.lowered.fixed_point, own.lowered.rounding, own.grid.zero_point,
                                                                        own.grid.codes.qmin, own.grid.codes.qmax},
                                                   y);
                                }},
               node.op);
  }

  /// steps = float(x - zero_point) * (scale / scale_y), rows of `columns` written `stride` apart: one input of a Concat.
  static void rescale_rows(std::span<const std::uint8_t> x, const Affine<float>& grid, std::size_t columns, float scale_y, float* steps,
                           std::size_t stride) {
    const float m = grid.scale / scale_y;
    for (std::size_t i = 0; i < x.size(); ++i)
      steps[i / columns * stride + i % columns] = static_cast<float>(std::int32_t{x[i]} - grid.zero_point) * m;
  }

  /// MaxPool, Clip and Flatten: bytes to bytes on one grid.
  void keep_codes(NodeId id) {
    State& s = nodes_[id];
    const NodeId in = network()[id].inputs[0];
    if (const MaxPool* pool = std::get_if<MaxPool>(&network()[id].op))
      int8::max_pool(bytes_of(in), pool->kernel_h, pool->kernel_w, pool->window, TensorView<std::uint8_t>(s.bytes.data(), batch_extent(id)));
    else
      s.bytes = nodes_[in].bytes;
    for (std::uint8_t& byte : s.bytes)
      byte = static_cast<std::uint8_t>(std::clamp<std::int32_t>(byte, grid(id).codes.qmin, grid(id).codes.qmax));
  }

  /// grad_x += grad at the first of each window's largest bytes.
  void max_pool_backward(NodeId id, const MaxPool& pool, const TensorView<float>& grad_x) const {
    const Extents e = input_extent(id);
    const WindowGeometry g = window_geometry(e, pool.kernel_h, pool.kernel_w, e[3], pool.window, 1, network()[id].name.c_str());
    const WindowOptions& o = g.options;
    const std::vector<std::uint8_t>& x = nodes_[network()[id].inputs[0]].bytes;
    parallel_for(g.n, [&](std::size_t n) {  // windows of one picture may overlap
      for (std::size_t i = 0; i < g.out_h * g.out_w * g.c; ++i) {
        const std::size_t oh = i / g.c / g.out_w, ow = i / g.c % g.out_w;
        std::size_t best = 0;
        int largest = -1;
        for (std::size_t k = 0; k < g.kernel_h * g.kernel_w; ++k) {
          const std::size_t ih = oh * o.stride_h + k / g.kernel_w * o.dilation_h - o.padding.top;  // wraps outside the picture
          const std::size_t iw = ow * o.stride_w + k % g.kernel_w * o.dilation_w - o.padding.left;
          if (ih >= g.h || iw >= g.w) continue;
          const std::size_t at = ((n * g.h + ih) * g.w + iw) * g.c + i % g.c;
          if (x[at] > largest) {
            largest = x[at];
            best = at;
          }
        }
        if (largest >= 0) grad_x.data[best] += nodes_[id].grad[n * g.out_h * g.out_w * g.c + i];
      }
    });
  }

  /// The place of node id's gradient, and whether it holds something to be added to already.
  struct Claim {
    TensorView<float> grad;
    GradientMode mode;
  };
  /// Buffers go from node to node within a backward, so that there are few and the last one is still in the cache.
  Claim claim(NodeId id) {
    State& s = nodes_[id];
    const GradientMode mode = s.has_grad ? GradientMode::add : GradientMode::assign;
    if (!s.has_grad) {
      if (!spare_.empty()) {
        s.grad.swap(spare_.back());
        spare_.pop_back();
      }
      s.has_grad = true;
    }
    return {TensorView<float>(detail::grown(s.grad, s.bytes.size()), batch_extent(id)), mode};
  }
  /// The same for those that can only add: zeros at first use.
  TensorView<float> claim_zeros(NodeId id) {
    const Claim c = claim(id);
    if (c.mode == GradientMode::assign) std::fill_n(c.grad.data, c.grad.size(), 0.0F);
    return c.grad;
  }
  void release(NodeId id) {
    spare_.emplace_back().swap(nodes_[id].grad);
    nodes_[id].has_grad = false;
  }

  /// The first node whose gradient anything asks for.
  NodeId lowest_trained(TrainedSet trained) const {
    for (NodeId id = 0; id < network().size(); ++id)
      if ((trained.activations && q_->output[q_->grid_of[id]]) || ((trained.weights || trained.pointwise) && q_->weight[id])) return id;
    return network().size();
  }

  void node_backward(NodeId id, NodeId lowest, TrainedSet trained) {
    const Node& node = network()[id];
    State& s = nodes_[id];
    const Layer& own = layer(id);
    const TensorView<float> grad(s.grad.data(), batch_extent(id));
    if (!detail::keeps_codes(node.op)) {
      const AnyQuantizer& quantizer = *q_->output[q_->grid_of[id]];
      const Affine<float> g = quantizer.grid(0);
      const GridGradient sums = steps_backward(s.steps.data(), s.steps.size(), {node.clip.lo / g.scale, node.clip.hi / g.scale}, {g.lowest(), g.highest()},
                                               grad.data);
      if (trained.activations) quantizer.add_gradient(0, sums, nodes_[q_->grid_of[id]].grad_factors[0]);
    }
    const auto wanted = [&](std::size_t i = 0) { return node.inputs[i] >= lowest; };
    const auto zeros_in = [&](std::size_t i = 0) { return claim_zeros(node.inputs[i]); };
    const auto with_weights = [&](const auto& l) {
      const auto [of_activation, of_weight, of_pointwise, of_bias] = s.grad_factors;
      const NodeId input = node.inputs[0];
      weighted_.factors(l, *weights_, id, grad, bytes_of(input), grid(input), trained, {of_weight, of_pointwise, of_bias});
      if (!wanted()) return;
      const Claim in = claim(input);
      weighted_.input(l, *weights_, id, grad, in.grad, in.mode);
    };
    std::visit(
        detail::Overload{
            [&](const Conv2d& l) { with_weights(l); }, [&](const DepthwiseConv2d& l) { with_weights(l); },
            [&](const Linear& l) { with_weights(l); },
            [&](const Add&) {
              for (std::size_t i = 0; i < 2; ++i)
                if (wanted(i)) add_into(grad, claim(node.inputs[i]));
            },
            [&](const Concat&) {
              std::vector<TensorView<float>> parts;
              for (std::size_t i = 0; i < node.inputs.size(); ++i) parts.push_back(zeros_in(i));
              concat_backward(grad, std::span<const TensorView<float>>(parts));
            },
            [&](const AveragePool& l) { average_pool_backward(grad, l.kernel_h, l.kernel_w, l.window, l.count_include_pad, zeros_in()); },
            [&](const GlobalAveragePool&) { global_average_pool_backward(grad, zeros_in()); },
            [&](const MaxPool& l) { max_pool_backward(id, l, zeros_in()); },
            [&](const Clip&) {
              const std::vector<std::uint8_t>& in = nodes_[node.inputs[0]].bytes;
              const TensorView<float> g = zeros_in();
              for (std::size_t i = 0; i < in.size(); ++i)
                if (in[i] >= own.grid.codes.qmin && in[i] <= own.grid.codes.qmax) g.data[i] += grad.data[i];
            },
            [&](const Flatten&) { add_into(grad, claim(node.inputs[0])); }, [](const auto&) {}},
        node.op);
  }

  static void add_into(const TensorView<float>& from, const Claim& to) {
    parallel_ranges(from.size(), std::size_t{1} << 16, [&](std::size_t begin, std::size_t end) {
      if (to.mode == GradientMode::assign)
        std::copy(from.data + begin, from.data + end, to.grad.data + begin);
      else
        for (std::size_t i = begin; i < end; ++i) to.grad.data[i] += from.data[i];
    });
  }

  const QuantizedNetwork* q_;
  std::shared_ptr<QuantizedWeights> weights_;
  std::vector<State> nodes_;
  LargeArray steps_;  // one array for all nodes, most of which would not fill a large page
  std::size_t batch_ = 0;
  Array output_;
  std::vector<LargeArray> spare_;  // gradients' buffers that no node holds
  detail::WeightedBackward weighted_;
  std::vector<std::int32_t> accumulators_;  // of the layer under way, in fixed point
  int8::Workspace workspace_;
};

}  // namespace trimtab
