#pragma once
/// \file
/// From the network of a quantized ONNX file, whose weights are codes and which has a node for every QuantizeLinear and DequantizeLinear, to
/// one of integers.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <trimtab/io/onnx/codes.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <variant>
#include <vector>

namespace trimtab::detail {

class OnnxLowering {
 public:
  OnnxLowering(const Network& network, const OnnxQuantization& quantization, std::size_t file_size)
      : network_(network), quantization_(quantization), left_(4 * file_size) {
    mark_needed(network.output());
    for (NodeId id = 0; id < network.size(); ++id)
      if (!needed_[id])
        values_.emplace_back(Real{});
      else if (const auto found = quantization.quantize.find(id); found != quantization.quantize.end())
        values_.emplace_back(quantize(id, found->second));
      else if (const auto read = quantization.dequantize.find(id); read != quantization.dequantize.end())
        values_.emplace_back(dequantize(id, read->second));
      else
        values_.push_back(compute(id));
    finish();
  }

  LoweredNetwork take() { return std::move(result_); }

 private:
  /// A lowered node's bytes, held by the file as uint8 or int8.
  struct Codes {
    NodeId node = 0;
    bool is_signed = false;
  };
  /// Those bytes, read on a grid.
  struct Reading {
    LoweredInput input;
    bool is_signed = false;
  };
  /// A float value that waits for its QuantizeLinear: the network's node, what it reads, the clips after it, and the last of the MaxPools and
  /// Flattens after those, which may as well run on its codes. Each value of a chain is one of these, so none holds a list of its own.
  struct Real {
    NodeId node = 0;
    std::shared_ptr<const std::vector<LoweredInput>> inputs;
    Clip clip = no_clip;
    std::optional<NodeId> last = {};
  };
  using Value = std::variant<Codes, Reading, Real>;

  static std::string describe(const Node& node) { return message("node '", node.name, "' (", operator_name(node.op), ")"); }
  const Value& input(NodeId id, std::size_t i = 0) const { return values_[network_[id].inputs[i]]; }
  LoweredNode& lowered(NodeId id) { return result_.nodes[id]; }

  void mark_needed(NodeId output) {
    needed_.assign(network_.size(), false);
    needed_[output] = true;
    for (NodeId id = network_.size(); id-- > 0;)
      if (needed_[id])
        for (const NodeId in : network_[id].inputs) needed_[in] = true;
  }

  static auto share(std::vector<LoweredInput> inputs) { return std::make_shared<const std::vector<LoweredInput>>(std::move(inputs)); }

  /// Each QuantizeLinear of a float value computes it anew; without a bound a small file could ask for any amount of memory.
  void charge(const std::string& name, std::size_t count) {
    if (count > left_) throw unsupported_error(message("node '", name, "' is quantized too many times"));
    left_ -= count;
  }

  NodeId append(LoweredNode node) {
    charge(node.name, 16 + node.name.size() + node.inputs.size());
    result_.nodes.push_back(std::move(node));
    return result_.nodes.size() - 1;
  }

  /// MaxPool and Flatten.
  static bool keeps_values(const Operator& op) { return op->integers() == IntegerRule::moves && op->bounds() == no_clip; }

  /// A MaxPool or Flatten of codes.
  NodeId append_on_codes(NodeId id, NodeId from) {
    const Node& node = network_[id];
    const Affine<float> grid = lowered(from).grid;
    return append({node.name, node.op, std::nullopt, {}, {{from, grid.scale, grid.zero_point}}, node.extent, grid});
  }

  Codes quantize(NodeId id, const OnnxGrid& grid) {
    if (std::holds_alternative<Codes>(input(id))) throw unsupported_error(message(describe(network_[id]), ": QuantizeLinear of codes"));
    const auto* reading = std::get_if<Reading>(&input(id));
    if (reading != nullptr && reading->input.scale == grid.scale && reading->input.zero_point == grid.byte_zero_point())
      return {reading->input.node, grid.is_signed};
    Real real = reading == nullptr ? std::get<Real>(input(id)) : Real{network_[id].inputs[0], share({reading->input})};
    Affine<float> bytes = grid.bytes();
    bytes.codes = {bytes.quantize(real.clip.lo), bytes.quantize(real.clip.hi)};
    NodeId made = append(lower_node(real, grid.scale, bytes));
    std::vector<NodeId> after;
    for (auto at = real.last; at && keeps_values(network_[*at].op); at = network_[*at].inputs[0]) after.push_back(*at);
    std::for_each(after.rbegin(), after.rend(), [&](NodeId at) { made = append_on_codes(at, made); });
    return {made, grid.is_signed};
  }

  Reading dequantize(NodeId id, OnnxGrid grid) const {
    const auto* codes = std::get_if<Codes>(&input(id));
    if (codes != nullptr && grid.sign_of_codes) grid.is_signed = codes->is_signed;
    if (codes == nullptr || codes->is_signed != grid.is_signed)
      throw unsupported_error(message(describe(network_[id]), ": DequantizeLinear of what are no codes of its type"));
    return {{codes->node, grid.scale, grid.byte_zero_point()}, grid.is_signed};
  }

  Value compute(NodeId id) {
    const Node& node = network_[id];
    if (node.op->is_fed()) return Real{id, share({})};
    if (std::holds_alternative<Codes>(input(id))) return compute_codes(id);
    if (keeps_values(node.op)) {
      if (const auto* reading = std::get_if<Reading>(&input(id))) {
        Reading y = *reading;
        y.input.node = append_on_codes(id, y.input.node);
        return y;
      }
      Real y = std::get<Real>(input(id));
      if (network_[y.node].op->is_fed()) throw not_codes(node);
      y.last = id;
      return y;
    }
    if (const auto* clip = node.op.get_if<Clip>()) {
      if (const auto* reading = std::get_if<Reading>(&input(id))) return Real{id, share({reading->input}), *clip};
      Real y = std::get<Real>(input(id));
      if (y.last) throw not_codes(node);
      y.clip = {std::clamp(y.clip.lo, clip->lo, clip->hi), std::clamp(y.clip.hi, clip->lo, clip->hi)};
      return y;
    }
    std::vector<LoweredInput> inputs;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto* reading = std::get_if<Reading>(&input(id, i));
      if (reading == nullptr) throw not_codes(node);
      inputs.push_back(reading->input);
    }
    return Real{id, share(std::move(inputs))};
  }

  static unsupported_error not_codes(const Node& node) {
    return unsupported_error(message(describe(node), " does not read dequantized codes: this part of the network is not quantized"));
  }

  /// Operators that pick, clamp or line up codes.
  Codes compute_codes(NodeId id) {
    const Node& node = network_[id];
    const auto refuse = [&] { return unsupported_error(message(describe(node), " of codes")); };
    std::vector<Codes> inputs;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto* codes = std::get_if<Codes>(&input(id, i));
      if (codes == nullptr || codes->is_signed != inputs.emplace_back(*codes).is_signed || codes->is_signed != inputs[0].is_signed) throw refuse();
    }
    const Codes x = inputs[0];
    const Affine<float> grid = lowered(x.node).grid;
    if (keeps_values(node.op)) return {append_on_codes(id, x.node), x.is_signed};
    if (const auto* clip = node.op.get_if<Clip>()) {
      Affine<float> clamped = grid;
      const float shift = x.is_signed ? 128 : 0;
      const auto bound = [&](float code) { return static_cast<std::int32_t>(std::clamp(code + shift, 0.0F, 255.0F)); };
      const std::int32_t lo = bound(clip->lo), hi = bound(clip->hi);
      clamped.codes = {std::clamp(grid.codes.qmin, lo, hi), std::clamp(grid.codes.qmax, lo, hi)};
      return {append({node.name, Clip{}, std::nullopt, {}, {{x.node, grid.scale, grid.zero_point}}, node.extent, clamped}), x.is_signed};
    }
    if (!node.op.is<Concat>()) throw refuse();
    // Bytes side by side: read and written on one grid, they are copied.
    std::vector<LoweredInput> parts;
    for (const Codes& part : inputs) parts.push_back({part.node, grid.scale, grid.zero_point});
    return {append({node.name, Concat{}, std::nullopt, {}, std::move(parts), node.extent, {grid.scale, grid.zero_point, unsigned_codes()}}), x.is_signed};
  }

  LoweredNode lower_node(const Real& real, float scale_y, const Affine<float>& bytes) {
    const Node& node = network_[real.node];
    LoweredNode lowered{node.name, node.op, std::nullopt, {}, *real.inputs, node.extent, bytes};
    if (node.op->is_fed()) {
      if (std::exchange(has_input_, true)) throw unsupported_error(message(describe(node), ": the input is quantized twice"));
      result_.inputs = {result_.nodes.size()};
    } else if (node.op.is<Clip>()) {
      lowered.op = Concat{};  // a Clip or DequantizeLinear here stands for codes that go onto another grid: a Concat of one
    } else if (node.op->integers() == IntegerRule::folded) {
      throw unsupported_error(message(describe(node), " in a quantized network"));
    } else if (const WeightedLayer* layer = node.op->weighted()) {
      lowered.layer = lower_weights(real, *layer, scale_y);
      lowered.weight_extent = layer->weight().extent;
      lowered.op->weighted()->drop_weights();
    }
    return lowered;
  }

  LoweredLayer lower_weights(const Real& real, const WeightedLayer& l, float scale_y) {
    const Node& node = network_[real.node];
    const std::size_t outputs = l.output_channels();
    const auto found = quantization_.layers.find(real.node);
    if (found == quantization_.layers.end()) throw unsupported_error(message(describe(node), ": the weights are not quantized"));
    const OnnxLayer& numbers = found->second;
    if (numbers.scale.size() != 1 && numbers.scale.size() != outputs)
      throw unsupported_error(message(describe(node), ": ", numbers.scale.size(), " scales for ", outputs, " outputs"));
    const TensorView<const float> weight = l.weight();
    charge(node.name, weight.size());
    LayerCodes codes;
    for (std::size_t i = 0; i < weight.size(); ++i) codes.codes.push_back(static_cast<std::int8_t>(weight.data[i]));
    const auto of = [](const auto& row, std::size_t c) { return row[row.size() == 1 ? 0 : c]; };
    for (std::size_t c = 0; c < outputs; ++c) {
      codes.zero_point.push_back(of(numbers.zero_point, c));
      codes.scale.push_back(of(numbers.scale, c));
    }
    try {
      return lower_codes(std::move(codes), real.inputs->front().scale, scale_y,
                         [&](std::size_t c, double scale_x, double scale_w) { return lower_bias(numbers, l.bias(), c, scale_x, scale_w); });
    } catch (const quantization_range_error& e) {
      throw parse_error(message(describe(node), ": ", e.what()));
    }
  }

  /// The file's own code where its scale is scale_x * scale_w, as it should be; else the real bias, quantized.
  static std::int32_t lower_bias(const OnnxLayer& numbers, std::span<const float> bias, std::size_t c, double scale_x, double scale_w) {
    if (numbers.bias.empty()) return bias.empty() ? 0 : quantize_bias(double(bias[c]), scale_x, scale_w);
    if (numbers.bias_scale.empty()) return numbers.bias[c];
    const double scale = double(numbers.bias_scale[numbers.bias_scale.size() == 1 ? 0 : c]);
    if (std::abs(scale / (scale_x * scale_w) - 1) < 1e-5) return numbers.bias[c];
    return quantize_bias(scale * numbers.bias[c], scale_x, scale_w);
  }

  /// The output is dequantized codes, or codes, which are reals of scale 1.
  void finish() {
    if (!has_input_) throw unsupported_error("the network is not quantized; read_onnx reads it");
    const Value& output = values_[network_.output()];
    if (std::holds_alternative<Real>(output)) throw not_codes(network_[network_.output()]);
    if (const auto* reading = std::get_if<Reading>(&output)) {
      result_.outputs = {reading->input.node};
      result_.output_grids = {reading->input.grid()};
    } else {
      const Codes& codes = std::get<Codes>(output);
      result_.outputs = {codes.node};
      result_.output_grids = {{1, codes.is_signed ? 128 : 0, unsigned_codes()}};
    }
    result_.output_grids[0].codes = lowered(result_.outputs[0]).grid.codes;
  }

  const Network& network_;
  const OnnxQuantization& quantization_;
  std::vector<bool> needed_;
  std::vector<Value> values_;  ///< by node of the network
  LoweredNetwork result_;
  bool has_input_ = false;
  std::size_t left_;  ///< weights, inputs and letters of names that may still go into the result
};

}  // namespace trimtab::detail
