#pragma once
/// \file
/// From the network of a quantized ONNX file, whose weights are codes and which has a node for every QuantizeLinear and
/// DequantizeLinear, to one of integers where codes go in and come out, and of floats elsewhere.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <trimtab/io/onnx/lowering_plan.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>

namespace trimtab::detail {

/// Makes the nodes of an OnnxLoweringPlan.
class OnnxLowering : private OnnxLoweringPlan {
 public:
  OnnxLowering(const Network& network, const OnnxQuantization& quantization, std::size_t file_size)
      : OnnxLoweringPlan(network, quantization, file_size), lowered_(network.size()) {
    for (NodeId id = 0; id < network.size(); ++id)
      if (network[id].op->is_fed())
        make_input(id);
      else if (values_[id].wanted)
        make(id);
    finish();
  }

  LoweredNetwork take() { return std::move(result_); }

 private:
  LoweredInput lowered_input(const Value& reading) const { return {lowered_[reading.of], reading.scale, reading.zero_point}; }

  NodeId append(LoweredNode node) {
    charge(node.name, 16 + node.name.size() + node.inputs.size());
    result_.nodes.push_back(std::move(node));
    return result_.nodes.size() - 1;
  }

  void make_input(NodeId id) {
    const Node& node = network_[id];
    const Value& v = values_[id];
    LoweredNode lowered{node.name, node.op, std::nullopt, {}, node.extent, {}};
    if (v.kind == Kind::codes) {
      lowered.grid = {1, shift(v.is_signed), unsigned_codes()};
    } else if (v.grids.size() == 1 && !v.wanted) {
      lowered.grid = v.grids[0];
    } else {
      lowered.in_float = true;
      lowered.holds_codes = false;
    }
    lowered_[id] = append(std::move(lowered));
    result_.inputs.push_back(lowered_[id]);
  }
  void make(NodeId id) {
    if (quantizes(id) != nullptr)
      lowered_[id] = make_codes(id);
    else if (values_[id].kind == Kind::real)
      lowered_[id] = make_float(id);
    else if (values_[id].kind == Kind::codes)
      lowered_[id] = make_movement_of_codes(id);
    else
      lowered_[id] = make_movement(id, lowered_input(input(id)));
  }

  /// A movement of codes that are read so, on their grid.
  NodeId make_movement(NodeId id, const LoweredInput& x) {
    const Node& node = network_[id];
    Affine<float> grid = x.grid();
    grid.codes = result_.nodes[x.node].grid.codes;
    if (const auto fill = node.op->fill(network_.input_extents(id)); fill && std::isfinite(*fill))
      grid.codes = {std::min(grid.codes.qmin, grid.zero_point), std::max(grid.codes.qmax, grid.zero_point)};
    return append({node.name, node.op, std::nullopt, {x}, node.extent, grid});
  }
  NodeId clipped(NodeId id, NodeId from, const Affine<float>& grid, const CodeRange& bounds) {
    const CodeRange& have = result_.nodes[from].grid.codes;
    Affine<float> own = grid;
    own.codes = {std::clamp(have.qmin, bounds.qmin, bounds.qmax), std::clamp(have.qmax, bounds.qmin, bounds.qmax)};
    return append({network_[id].name, Clip{}, std::nullopt, {{from, grid.scale, grid.zero_point}}, network_[id].extent, own});
  }
  /// x on another grid: a Concat of one.
  NodeId requantized(NodeId id, const LoweredInput& x, const Affine<float>& grid) {
    return append({network_[id].name, Concat{}, std::nullopt, {x}, network_[id].extent, grid});
  }

  /// Operators that pick, clamp or line up codes, whatever they stand for.
  NodeId make_movement_of_codes(NodeId id) {
    const Node& node = network_[id];
    const NodeId first = lowered_[node.inputs[0]];
    const Affine<float> grid = result_.nodes[first].grid;
    const std::int32_t zero = shift(values_[id].is_signed);
    if (node.op->reads_bytes())
      return append(
          {node.name, node.op, std::nullopt, {{first, grid.scale, grid.zero_point}}, node.extent, {1, 0, unsigned_codes()}});
    if (const auto* clip = node.op.get_if<Clip>()) {
      const auto bound = [&](float code) {
        return static_cast<std::int32_t>(std::clamp(std::nearbyint(code) + static_cast<float>(zero), 0.0F, 255.0F));
      };
      return clipped(id, first, grid, {bound(clip->lo), bound(clip->hi)});
    }
    // Bytes as numbers: what is put between them is a code, too.
    LoweredNode lowered{node.name, node.op, std::nullopt, {}, node.extent, {grid.scale, grid.zero_point, unsigned_codes()}};
    for (const NodeId in : node.inputs) lowered.inputs.push_back({lowered_[in], grid.scale, grid.zero_point});
    if (node.inputs.size() == 1 && !joins_inputs(node.op)) lowered.grid.codes = grid.codes;
    if (const auto fill = node.op->fill(network_.input_extents(id)); fill && std::isfinite(*fill)) {
      lowered.inputs[0] = {first, 1, zero};
      lowered.grid = {1, zero, unsigned_codes()};
    }
    return append(std::move(lowered));
  }

  NodeId make_codes(NodeId id) {
    const OnnxGrid& quantizer = *quantizes(id);
    const Affine<float> grid = quantizer.bytes();
    const Plan p = plan(id);
    charge(network_[id].name, p.after.size());
    std::optional<LoweredInput> waits;  // a reading that is not on the grid yet
    NodeId made = 0;
    if (p.reads)
      waits = lowered_input(*reading(p.base));
    else if (p.fed)
      made = make_codes_of_input(p, grid);
    else if (p.integer)
      made = make_integers(p, grid);
    else
      made = append(float_node(p.base, narrowed(grid, p.clip)));
    const auto same_grid = [&] { return waits->scale == grid.scale && waits->zero_point == grid.zero_point; };
    for (const NodeId at : p.after) {
      if (is_clip(at)) {
        const Clip& c = network_[at].op.get<Clip>();
        if (waits) {
          made = requantized(at, *waits, narrowed(grid, c));
          waits.reset();
        } else {
          made = clipped(at, made, grid, narrowed(grid, c).codes);
        }
      } else if (waits) {
        waits->node = make_movement(at, *waits);
      } else {
        made = make_movement(at, {made, grid.scale, grid.zero_point});
      }
    }
    if (!waits) return made;
    return same_grid() ? waits->node : requantized(network_[id].inputs[0], *waits, grid);
  }
  NodeId make_codes_of_input(const Plan& p, const Affine<float>& grid) {
    const NodeId input = lowered_[p.base];
    if (result_.nodes[input].holds_codes) return input;
    LoweredNode lowered{
        network_[p.base].name + "/codes", Clip{}, std::nullopt, {{input, 1, 0}}, network_[p.base].extent, narrowed(grid, p.clip)};
    lowered.in_float = true;
    return append(std::move(lowered));
  }

  /// The base computed from codes onto the grid.
  NodeId make_integers(const Plan& p, const Affine<float>& grid) {
    const Node& node = network_[p.base];
    LoweredNode lowered{node.name, node.op, std::nullopt, {}, node.extent, narrowed(grid, p.clip)};
    std::vector<Affine<float>> grids;
    for (const NodeId in : node.inputs) {
      lowered.inputs.push_back(lowered_input(*reading(in)));
      if (lowered.inputs.size() == 1 && node.op->weighted() == nullptr && !p.scale.empty())
        lowered.inputs[0].scale *= static_cast<float>(p.scale[0]);
      grids.push_back(lowered.inputs.back().grid());
    }
    if (const WeightedLayer* layer = node.op->weighted()) {
      lowered.layer = lower_weights(p, *layer, lowered.inputs[0].scale, grid.scale);
      lowered.op->weighted()->drop_weights();
    } else if (node.op->integers() != IntegerRule::source) {
      lowered.op = node.op->integers() == IntegerRule::folded ? node.op->simplified() : node.op;
      lowered.op = lowered.op->lowered(grids, lowered.grid);
    }
    return append(std::move(lowered));
  }

  LoweredLayer lower_weights(const Plan& p, const WeightedLayer& l, float scale_x, float scale_y) {
    const Node& node = network_[p.base];
    const OnnxLayer& numbers = quantization_.layers.at(p.base);
    const std::size_t outputs = l.output_channels();
    const auto of = [](const auto& row, std::size_t c) { return row[row.size() == 1 ? 0 : c]; };
    const auto factor = [&](std::size_t c) { return p.scale.empty() ? 1.0 : of(p.scale, c); };
    const auto added = [&](std::size_t c) { return p.offset.empty() ? 0.0 : of(p.offset, c); };
    const TensorView<const float> weight = l.weight();
    charge(node.name, weight.size());
    const auto inner = static_cast<std::size_t>(weight.stride[l.output_axis()]);
    LayerCodes codes;
    codes.extent = weight.extent;
    for (std::size_t c = 0; c < outputs; ++c) {
      codes.zero_point.push_back(of(numbers.zero_point, c));
      const float own = of(numbers.scale, c);
      // A filter of scale 0 is one of zeros, on whatever grid its bias can do with.
      codes.scale.push_back(own == 0 ? scale_y / scale_x / 4096 : static_cast<float>(double(own) * factor(c)));
    }
    for (std::size_t i = 0; i < weight.size(); ++i) {
      const std::size_t c = i / inner % outputs;
      codes.codes.push_back(of(numbers.scale, c) == 0 ? static_cast<std::int8_t>(codes.zero_point[c])
                                                      : static_cast<std::int8_t>(weight.data[i]));
    }
    try {
      return lower_codes(std::move(codes), scale_x, scale_y, [&](std::size_t c, double s_x, double s_w) {
        const double own = double(of(numbers.scale, c));
        if (own != 0 && !numbers.bias.empty()) {
          const std::int64_t sum =
              std::int64_t{bias_code(numbers, c, s_x, own)} + (added(c) == 0 ? 0 : quantize_bias(added(c), s_x, s_w));
          return static_cast<std::int32_t>(
              std::clamp<std::int64_t>(sum, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()));
        }
        const double real = factor(c) * real_bias(numbers, l.bias(), c, s_x * own) + added(c);
        return real == 0 ? 0 : quantize_bias(real, s_x, s_w);
      });
    } catch (const quantization_range_error& e) {
      throw parse_error(message(describe(node), ": ", e.what()));
    }
  }
  /// The file's own code where its scale is scale_x * scale_w, as it should be; else the real bias, quantized.
  static std::int32_t bias_code(const OnnxLayer& numbers, std::size_t c, double scale_x, double scale_w) {
    if (numbers.bias_scale.empty()) return numbers.bias[c];
    const double scale = double(numbers.bias_scale[numbers.bias_scale.size() == 1 ? 0 : c]);
    if (std::abs(scale / (scale_x * scale_w) - 1) < 1e-5) return numbers.bias[c];
    return scale == 0 ? 0 : quantize_bias(scale * numbers.bias[c], scale_x, scale_w);
  }
  /// Of a layer whose sums are multiples of `step`.
  static double real_bias(const OnnxLayer& numbers, std::span<const float> bias, std::size_t c, double step) {
    if (numbers.bias.empty()) return bias.empty() ? 0.0 : double(bias[c]);
    if (numbers.bias_scale.empty()) return step * numbers.bias[c];
    return double(numbers.bias_scale[numbers.bias_scale.size() == 1 ? 0 : c]) * numbers.bias[c];
  }

  /// A node in float. Throws unsupported_error where an operator has codes alone.
  LoweredNode float_node(NodeId id, const std::optional<Affine<float>>& grid) {
    const Node& node = network_[id];
    LoweredNode lowered{node.name, node.op, std::nullopt,    {}, node.extent, grid.value_or(Affine<float>{}),
                        no_clip,   true,    grid.has_value()};
    for (const NodeId in : node.inputs) {
      if (const auto x = reading(in))
        lowered.inputs.push_back(lowered_input(*x));
      else
        lowered.inputs.push_back({lowered_[in], 1, 0});
    }
    const auto found = quantization_.layers.find(id);
    if (found == quantization_.layers.end()) return lowered;
    const OnnxLayer& numbers = found->second;
    WeightedLayer& l = *lowered.op->weighted();
    const TensorView<float> weight = l.weight();
    charge(node.name, weight.size());
    const std::size_t outputs = l.output_channels();
    const auto inner = static_cast<std::size_t>(weight.stride[l.output_axis()]);
    const auto of = [](const auto& row, std::size_t c) { return row[row.size() == 1 ? 0 : c]; };
    for (std::size_t i = 0; i < weight.size(); ++i) {
      const std::size_t c = i / inner % outputs;
      weight.data[i] = of(numbers.scale, c) * (weight.data[i] - static_cast<float>(of(numbers.zero_point, c)));
    }
    if (numbers.bias.empty()) return lowered;
    std::vector<float> bias;
    for (std::size_t c = 0; c < outputs; ++c)
      bias.push_back(
          static_cast<float>(real_bias(numbers, {}, c, double(lowered.inputs[0].scale) * double(of(numbers.scale, c)))));
    l.set_bias(bias);
    return lowered;
  }
  NodeId make_float(NodeId id) { return append(float_node(id, std::nullopt)); }

  /// Dequantized codes, or codes, which are reals of scale 1, or reals.
  void finish() {
    for (const NodeId id : network_.outputs()) {
      const Value& v = values_[id];
      const std::optional<Value> x = reading(id);
      result_.outputs.push_back(lowered_[x ? x->of : id]);
      Affine<float> grid = x ? Affine<float>{x->scale, x->zero_point, unsigned_codes()} : Affine<float>{};
      if (v.kind != Kind::real) grid.codes = result_.nodes[result_.outputs.back()].grid.codes;
      result_.output_grids.push_back(grid);
    }
  }

  std::vector<NodeId> lowered_;  ///< by node of the network: its bytes or reals, where it is made
  LoweredNetwork result_;
};

}  // namespace trimtab::detail
