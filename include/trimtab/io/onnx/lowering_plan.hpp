#pragma once
/// \file
/// What the values of a quantized ONNX network are: codes, readings of codes, or reals; which of them are wanted, and how each
/// QuantizeLinear comes to its codes.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <trimtab/io/onnx/codes.hpp>
#include <trimtab/net/operators.hpp>
#include <utility>
#include <vector>

namespace trimtab::detail {

/// Each value is one of three: codes; a reading, codes of another value on a grid; a real. A real that a QuantizeLinear takes is
/// computed from codes onto its grid where every input is a reading and its operator has integers; all other reals that anything
/// asks for are computed in float.
class OnnxLoweringPlan {
 public:
  OnnxLoweringPlan(const Network& network, const OnnxQuantization& quantization, std::size_t file_size)
      : network_(network), quantization_(quantization), values_(network.size()), left_(32 * file_size) {
    if (quantization.empty() && !quantization.rounds) throw unsupported_error("the network is not quantized; read_onnx reads it");
    for (NodeId id = 0; id < network.size(); ++id) values_[id] = classify(id);
    for (const NodeId id : network.outputs()) want(id);
    for (NodeId id = network.size(); id-- > 0;)
      if (values_[id].wanted) want_inputs(id);
  }

 protected:
  enum class Kind { codes, reading, real };
  struct Value {
    Kind kind = Kind::real;
    bool is_signed = false;                 ///< codes: the file holds them as int8
    NodeId of = 0;                          ///< reading: the node whose bytes are read
    float scale = 1;                        ///< reading
    std::int32_t zero_point = 0;            ///< reading, of bytes
    bool wanted = false;                    ///< by what is made: as codes, or a real as reals
    std::vector<Affine<float>> grids = {};  ///< of an input: those it is quantized to
  };

  static std::string describe(const Node& node) { return message("node '", node.name, "' (", operator_name(node.op), ")"); }
  static std::int32_t shift(bool is_signed) { return is_signed ? 128 : 0; }
  const Value& input(NodeId id, std::size_t i = 0) const { return values_[network_[id].inputs[i]]; }
  const OnnxGrid* quantizes(NodeId id) const {
    const auto found = quantization_.quantize.find(id);
    return found == quantization_.quantize.end() ? nullptr : &found->second;
  }
  /// Hands on elements, or the least of some: as well on codes as before them.
  bool moves(NodeId id) const {
    const Node& node = network_[id];
    return node.op->integers() == IntegerRule::moves && node.op->bounds() == no_clip && node.inputs.size() == 1;
  }
  bool is_clip(NodeId id) const { return network_[id].op.is<Clip>(); }

  /// A value that is read as reals: itself, or codes that were cast, which are reals of scale 1.
  std::optional<Value> reading(NodeId id) const {
    const Value& v = values_[id];
    if (v.kind == Kind::reading) return v;
    if (v.kind == Kind::codes) return Value{Kind::reading, v.is_signed, id, 1, shift(v.is_signed)};
    return std::nullopt;
  }
  bool reads_codes(NodeId id) const {
    return std::all_of(network_[id].inputs.begin(), network_[id].inputs.end(),
                       [&](NodeId in) { return values_[in].kind != Kind::real; });
  }

  // ---- what a value is
  Value classify(NodeId id) const {
    const Node& node = network_[id];
    if (node.op->is_fed()) {
      const auto found = quantization_.code_inputs.find(id);
      return found == quantization_.code_inputs.end() ? Value{} : Value{Kind::codes, found->second};
    }
    if (const OnnxGrid* grid = quantizes(id)) return {Kind::codes, grid->is_signed};
    if (const auto found = quantization_.dequantize.find(id); found != quantization_.dequantize.end()) {
      const OnnxGrid& grid = found->second;
      if (input(id).kind != Kind::codes)
        throw unsupported_error(message(describe(node), ": DequantizeLinear of what are no codes"));
      return {Kind::reading, grid.is_signed, node.inputs[0], grid.scale, grid.byte_zero_point()};
    }
    if (node.inputs.empty()) return {};
    if (node.op->reads_bytes()) {
      if (input(id).kind != Kind::codes || input(id).is_signed)
        throw unsupported_error(message(describe(node), ": a table of what are no uint8 codes"));
      return {Kind::codes, false};
    }
    if (is_movement_of_codes(id)) {
      for (const NodeId in : node.inputs)
        if (values_[in].is_signed != input(id).is_signed)
          throw unsupported_error(message(describe(node), " of codes of both signs"));
      return {Kind::codes, input(id).is_signed};
    }
    if (const auto affine = node.op->affine())
      if (const auto x = reading(node.inputs[0]); x && affine->scale.size() == 1 && affine->offset.size() == 1 &&
                                                  affine->offset[0] == 0 && affine->scale[0] > 0 &&
                                                  std::isnormal(affine->scale[0] * x->scale)) {
        Value y = *x;
        y.scale *= affine->scale[0];
        return y;
      }
    if (input(id).kind == Kind::reading && moves(id)) {
      Value y = input(id);
      y.of = id;
      return y;
    }
    return {};
  }
  /// An operator on codes that are read as nothing but codes.
  bool is_movement_of_codes(NodeId id) const {
    const Node& node = network_[id];
    const bool movement =
        node.op->integers() == IntegerRule::moves || node.op->fill(network_.input_extents(id)) || joins_inputs(node.op);
    return movement &&
           std::all_of(node.inputs.begin(), node.inputs.end(), [&](NodeId in) { return values_[in].kind == Kind::codes; });
  }

  // ---- what is wanted
  void want(NodeId id) {
    const Value& v = values_[id];
    values_[v.kind == Kind::reading ? v.of : id].wanted = true;
  }
  void want_inputs(NodeId id) {
    if (const OnnxGrid* grid = quantizes(id)) {
      const Plan p = plan(id);
      charge(network_[id].name, p.after.size());
      if (p.fed) {
        const Affine<float> own = narrowed(grid->bytes(), p.clip);
        std::vector<Affine<float>>& grids = values_[p.base].grids;
        if (std::find(grids.begin(), grids.end(), own) == grids.end()) grids.push_back(own);
      } else if (p.reads) {
        want(p.base);
      } else {
        for (const NodeId in : network_[p.base].inputs) want(in);
      }
      return;
    }
    for (const NodeId in : network_[id].inputs) want(in);
  }

  /// How a QuantizeLinear comes to its codes: from a base onto its grid, then by movements and clips of codes, in order.
  struct Plan {
    NodeId base = 0;                    ///< a reading, or a real that is computed
    bool reads = false;                 ///< the base is a reading
    bool fed = false;                   ///< the base is an input
    bool integer = false;               ///< the base is computed from codes
    Clip clip = no_clip;                ///< right behind the base
    std::vector<double> scale, offset;  ///< in between: one of each, or one a channel
    std::vector<NodeId> after;          ///< the rest
  };
  Plan plan(NodeId quantizer) const {
    Plan p;
    p.base = network_[quantizer].inputs[0];
    std::vector<NodeId> chain;
    while (values_[p.base].kind == Kind::real && (is_clip(p.base) || moves(p.base))) {
      chain.push_back(p.base);
      p.base = network_[p.base].inputs[0];
    }
    p.reads = values_[p.base].kind != Kind::real;
    std::reverse(chain.begin(), chain.end());
    std::size_t clips = 0;
    if (!p.reads)
      for (; clips < chain.size() && is_clip(chain[clips]); ++clips) {
        const Clip& c = network_[chain[clips]].op.get<Clip>();
        p.clip = {std::clamp(p.clip.lo, c.lo, c.hi), std::clamp(p.clip.hi, c.lo, c.hi)};
      }
    p.after.assign(chain.begin() + static_cast<std::ptrdiff_t>(clips), chain.end());
    if (p.reads) return p;
    p.fed = network_[p.base].op->is_fed();
    if (!p.fed) take_factors(p);
    p.integer = !p.fed && has_integers(p.base);
    return p;
  }
  /// Whether the real can be computed from codes.
  bool has_integers(NodeId id) const {
    const Node& node = network_[id];
    if (!reads_codes(id)) return false;
    if (node.op->weighted() != nullptr) return quantization_.layers.count(id) != 0;
    const IntegerRule rule = node.op->integers();
    return rule == IntegerRule::moves || rule == IntegerRule::rounds || rule == IntegerRule::folded ||
           rule == IntegerRule::source;
  }
  /// An affine function of channels, or a batch norm as one.
  static std::optional<ChannelFactors> affine_of(const Operator& op) { return op->simplified()->affine(); }
  /// Affine functions of channels become part of what computes before them, as far as it can take them.
  void take_factors(Plan& p) const {
    NodeId at = p.base;
    std::vector<double> scale{1}, offset{0};
    while (const std::optional<ChannelFactors> affine = affine_of(network_[at].op)) {
      if (values_[network_[at].inputs[0]].kind != Kind::real || network_[network_[at].inputs[0]].op->is_fed()) return;
      const std::size_t count = std::max({scale.size(), affine->scale.size(), affine->offset.size()});
      const auto of = [](const auto& row, std::size_t c) { return double(row[row.size() == 1 ? 0 : c]); };
      std::vector<double> s(count), o(count);
      for (std::size_t c = 0; c < count; ++c) {
        s[c] = of(scale, c) * of(affine->scale, c);
        o[c] = of(offset, c) + of(scale, c) * of(affine->offset, c);
      }
      scale = std::move(s);
      offset = std::move(o);
      at = network_[at].inputs[0];
    }
    if (at == p.base || !has_integers(at)) return;
    const Node& node = network_[at];
    if (const WeightedLayer* layer = node.op->weighted()) {
      if (layer->output_channels() != node.extent.back()) return;
      for (const double s : scale)
        if (!(s > 0) || !std::isfinite(s)) return;
    } else {
      if (!node.op->homogeneous() || scale.size() != 1 || !(scale[0] > 0) || offset[0] != 0) return;
    }
    p.base = at;
    p.scale = std::move(scale);
    p.offset = std::move(offset);
  }

  /// Each QuantizeLinear of a float value computes it anew; without a bound a small file could ask for any amount of memory.
  void charge(const std::string& name, std::size_t count) {
    if (count > left_) throw unsupported_error(message("node '", name, "' is quantized too many times"));
    left_ -= count;
  }
  static Affine<float> narrowed(Affine<float> bytes, const Clip& clip) {
    bytes.codes = {bytes.quantize(clip.lo), bytes.quantize(clip.hi)};
    return bytes;
  }

  const Network& network_;
  const OnnxQuantization& quantization_;
  std::vector<Value> values_;  ///< by node of the network
  std::size_t left_;           ///< weights, inputs and letters of names that may still go into the result
};

}  // namespace trimtab::detail
