#pragma once
/// \file
/// The network as it is deployed: packed weights, integers from the first layer to the last, and one block of memory for all activations.

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <trimtab/int8/add.hpp>
#include <trimtab/int8/concat.hpp>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/int8/depthwise_conv2d.hpp>
#include <trimtab/int8/pool.hpp>
#include <trimtab/int8/requantize.hpp>
#include <trimtab/net/arena.hpp>
#include <trimtab/net/lowered_network.hpp>

namespace trimtab {

/// A lowered network, packed. It does not change after construction, and holds nothing of the float network: any number of threads may run it,
/// each with a Workspace of its own. Codes are held in bytes (byte_grid). They equal those of FakeQuantExecutor, all of them; see verify.
class Int8Network {
 public:
  /// Memory of one caller: the activations and the kernels' scratch. Grown by the first run of a batch size, then reused.
  class Workspace {
    friend class Int8Network;
    std::vector<std::uint8_t> arena_;
    std::vector<std::int32_t> accumulators_;  // of one layer, in fixed point
    int8::Workspace kernels_;
  };

  /// Lowers every layer and packs it. Throws as `lower` and `pack` do.
  explicit Int8Network(const QuantizedNetwork& q) : Int8Network(lower(q)) {}

  /// Packs every layer. Throws as `pack` does.
  explicit Int8Network(const LoweredNetwork& n)
      : requantizer_(n.requantizer), code_origin_(n.code_origin), input_(n.input), output_(n.output), output_grid_(n.output_grid) {
    std::vector<std::size_t> buffer_of(n.nodes.size());
    std::vector<Lifetime> lifetimes;
    for (NodeId id = 0; id < n.nodes.size(); ++id) {
      const LoweredNode& node = n.nodes[id];
      Step step{node.name, make_kernel(node.op), node.inputs, 0, node.extent, node.grid};
      // Flatten reads its input's bytes where they are.
      if (std::holds_alternative<Flatten>(node.op)) {
        buffer_of[id] = buffer_of[node.inputs[0].node];
      } else {
        buffer_of[id] = lifetimes.size();
        lifetimes.push_back({element_count(node.extent), id, id});
      }
      step.buffer = buffer_of[id];
      for (const LoweredInput& in : node.inputs) lifetimes[buffer_of[in.node]].last = id;
      steps_.push_back(std::move(step));
    }
    lifetimes[buffer_of[output_]].last = n.nodes.size();
    plan_ = plan_arena(lifetimes);
  }

  /// Runs x, N H W C floats, and returns the output's codes, N C in bytes, which live in `workspace` until its next use. Calls
  /// look(node, bytes) after each node. Throws shape_error when x does not fit.
  template <Tensor X, class Look>
  std::span<const std::uint8_t> run(const X& x, Workspace& workspace, const Look& look) const {
    const auto xv = detail::dense_view(x, steps_[input_].extent.size() + 1, "Int8Network::run: x");
    const std::size_t batch = xv.extent[0];
    detail::require_extents(xv.extent, with_batch(batch, steps_[input_].extent), "Int8Network::run: x");
    if (workspace.arena_.size() < batch * plan_.bytes) workspace.arena_.resize(batch * plan_.bytes);
    for (NodeId id = 0; id < steps_.size(); ++id) {
      if (id == input_)
        quantize_input(xv.data, xv.size(), workspace);
      else
        run_step(steps_[id], batch, workspace);
      look(id, std::span<const std::uint8_t>(bytes(id, batch, workspace).data, batch * element_count(steps_[id].extent)));
    }
    return {bytes(output_, batch, workspace).data, batch * element_count(steps_[output_].extent)};
  }
  /// The same without looking.
  template <Tensor X>
  std::span<const std::uint8_t> run(const X& x, Workspace& workspace) const {
    return run(x, workspace, [](NodeId, std::span<const std::uint8_t>) {});
  }

  /// The grid of the output's codes: real = scale * (code - zero_point).
  const Affine<float>& output_grid() const { return output_grid_; }
  /// Extents of the input (H W C) and of the output (C) of one picture.
  const Extents& input_extent() const { return steps_[input_].extent; }
  const Extents& output_extent() const { return steps_[output_].extent; }  ///< see input_extent
  const std::string& name(NodeId id) const { return steps_[id].name; }  ///< of a node
  std::size_t size() const { return steps_.size(); }  ///< number of nodes
  /// Bytes of activations that one picture needs.
  std::size_t arena_bytes() const { return plan_.bytes; }

 private:
  /// What a layer has beside its weights.
  struct Scaling {
    std::vector<std::int32_t> bias;
    std::vector<float> multiplier;
    std::vector<FixedPointMultiplier> fixed_point;
    FixedPointRounding rounding;
    explicit Scaling(const LoweredLayer& l) : bias(l.bias), multiplier(l.multiplier), fixed_point(l.fixed_point), rounding(l.rounding) {}
  };
  struct Convolution {
    int8::PackedConv2d weight;
    WindowOptions window;
    Scaling scaling;
  };
  struct Depthwise {
    int8::PackedDepthwise weight;
    WindowOptions window;
    Scaling scaling;
  };
  struct FullyConnected {
    int8::PackedConv2d weight;
    Scaling scaling;
  };
  using Kernel = std::variant<Input, Convolution, Depthwise, FullyConnected, Add, Concat, AveragePool, MaxPool, GlobalAveragePool, Clip, Flatten>;
  struct Step {
    std::string name;
    Kernel kernel;
    std::vector<LoweredInput> inputs;
    std::size_t buffer;
    Extents extent;
    Affine<float> grid;
  };

  static Extents with_batch(std::size_t batch, const Extents& extent) {
    Extents e{batch};
    for (const std::size_t n : extent) e.push_back(n);
    return e;
  }

  static Kernel make_kernel(const LoweredOperator& op) {
    return std::visit(detail::Overload{[](const LoweredConv2d& l) -> Kernel { return Convolution{pack(l), l.window, Scaling(l.layer)}; },
                                       [](const LoweredDepthwiseConv2d& l) -> Kernel { return Depthwise{pack(l), l.window, Scaling(l.layer)}; },
                                       [](const LoweredLinear& l) -> Kernel { return FullyConnected{pack(l), Scaling(l.layer)}; },
                                       [](const auto& other) -> Kernel { return other; }},
                      op);
  }

  TensorView<std::uint8_t> bytes(NodeId id, std::size_t batch, Workspace& workspace) const {
    return {workspace.arena_.data() + batch * plan_.offset[steps_[id].buffer], with_batch(batch, steps_[id].extent)};
  }

  void quantize_input(const float* x, std::size_t count, Workspace& workspace) const {
    const Affine<float>& grid = steps_[input_].grid;
    std::uint8_t* to = workspace.arena_.data() + count / element_count(steps_[input_].extent) * plan_.offset[steps_[input_].buffer];
    parallel_ranges(count, std::size_t{1} << 14, [=](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) to[i] = static_cast<std::uint8_t>(grid.quantize(x[i]));
    });
  }

  void run_step(const Step& step, std::size_t batch, Workspace& workspace) const {
    const auto x = [&](std::size_t i = 0) { return TensorView<const std::uint8_t>(bytes(step.inputs[i].node, batch, workspace)); };
    const auto grid = [&](std::size_t i = 0) { return step.inputs[i].grid(); };
    const TensorView<std::uint8_t> y(workspace.arena_.data() + batch * plan_.offset[step.buffer], with_batch(batch, step.extent));
    const CodeRange codes = step.grid.codes;
    const bool fixed_point = requantizer_ == Requantizer::fixed_point;
    // layer(requantize, y) has the kernel make the codes, layer(accumulators) leaves that to the stage after it.
    const auto run_layer = [&](const Scaling& s, const auto& layer) {
      if (!fixed_point) {
        layer(Requantize{s.multiplier, step.grid.zero_point, codes.qmin, codes.qmax}, y);
        return;
      }
      if (workspace.accumulators_.size() < y.size()) workspace.accumulators_.resize(y.size());
      const TensorView<std::int32_t> accumulators(workspace.accumulators_.data(), y.extent);
      layer(accumulators);
      int8::requantize(accumulators, FixedPointRequantize{s.fixed_point, s.rounding, step.grid.zero_point, codes.qmin, codes.qmax}, y);
    };
    const auto average_pool = [&](std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& window, bool count_include_pad) {
      if (fixed_point)
        int8::average_pool_fixed_point(x(), grid().zero_point, code_origin_, kernel_h, kernel_w, window, count_include_pad, codes, y);
      else
        int8::average_pool(x(), grid(), kernel_h, kernel_w, window, count_include_pad, step.grid, y);
    };
    const auto clamp_codes = [&](const std::uint8_t* from, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i)
        y.data[i] = static_cast<std::uint8_t>(std::clamp<std::int32_t>(from[i], step.grid.codes.qmin, step.grid.codes.qmax));
    };
    std::visit(
        detail::Overload{
            [&](const Convolution& l) {
              run_layer(l.scaling, [&](const auto&... out) {
                int8::conv2d(x(), grid().zero_point, l.weight, l.scaling.bias, l.window, out..., workspace.kernels_);
              });
            },
            [&](const Depthwise& l) {
              run_layer(l.scaling, [&](const auto&... out) {
                int8::depthwise_conv2d(x(), grid().zero_point, l.weight, l.scaling.bias, l.window, out..., workspace.kernels_);
              });
            },
            [&](const FullyConnected& l) {
              run_layer(l.scaling,
                        [&](const auto&... out) { int8::linear(x(), grid().zero_point, l.weight, l.scaling.bias, out..., workspace.kernels_); });
            },
            [&](const Add&) {
              if (fixed_point)
                int8::add_fixed_point(x(0), grid(0), x(1), grid(1), step.grid, y);
              else
                int8::add(x(0), grid(0), x(1), grid(1), step.grid, y);
            },
            [&](const Concat&) {
              std::vector<int8::ConcatInput<std::uint8_t>> parts;
              for (std::size_t i = 0; i < step.inputs.size(); ++i) parts.push_back({x(i), grid(i)});
              const std::span<const int8::ConcatInput<std::uint8_t>> all(parts);
              if (fixed_point)
                int8::concat_fixed_point(all, step.grid, y);
              else
                int8::concat(all, step.grid, y);
            },
            [&](const AveragePool& l) { average_pool(l.kernel_h, l.kernel_w, l.window, l.count_include_pad); },
            [&](const GlobalAveragePool&) { average_pool(x().extent[1], x().extent[2], {}, true); },
            [&](const MaxPool& l) {
              int8::max_pool(x(), l.kernel_h, l.kernel_w, l.window, y);
              clamp_codes(y.data, y.size());
            },
            [&](const Clip&) { clamp_codes(x().data, y.size()); }, [](const Flatten&) {}, [](const Input&) {}},
        step.kernel);
  }

  Requantizer requantizer_;
  std::int32_t code_origin_;
  std::vector<Step> steps_;
  NodeId input_ = 0, output_ = 0;
  Affine<float> output_grid_;
  ArenaPlan plan_;
};

}  // namespace trimtab
