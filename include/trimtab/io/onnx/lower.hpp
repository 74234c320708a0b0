#pragma once
/// \file
/// From the network of a quantized ONNX file, whose weights are codes and which has a node for every QuantizeLinear and
/// DequantizeLinear, to one of integers where codes go in and come out, and of floats elsewhere.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <trimtab/io/onnx/codes.hpp>
#include <trimtab/net/operators.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>

namespace trimtab::detail {

/// Each value is one of three: codes; a reading, codes of another value on a grid; a real. A real that a QuantizeLinear takes is
/// computed from codes onto its grid where every input is a reading and its operator has integers; all other reals that anything
/// asks for are computed in float.
class OnnxLowering {
 public:
  OnnxLowering(const Network& network, const OnnxQuantization& quantization, std::size_t file_size)
      : network_(network), quantization_(quantization), values_(network.size()), lowered_(network.size()), left_(32 * file_size) {
    if (quantization.empty() && !quantization.rounds) throw unsupported_error("the network is not quantized; read_onnx reads it");
    for (NodeId id = 0; id < network.size(); ++id) values_[id] = classify(id);
    for (const NodeId id : network.outputs()) want(id);
    for (NodeId id = network.size(); id-- > 0;)
      if (values_[id].wanted) want_inputs(id);
    for (NodeId id = 0; id < network.size(); ++id)
      if (network[id].op->is_fed())
        make_input(id);
      else if (values_[id].wanted)
        make(id);
    finish();
  }

  LoweredNetwork take() { return std::move(result_); }

 private:
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
  LoweredInput lowered_input(const Value& reading) const { return {lowered_[reading.of], reading.scale, reading.zero_point}; }

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
    if (node.op.is<LookupTable>()) {
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
    if (const auto* affine = node.op.get_if<ChannelAffine>())
      if (const auto x = reading(node.inputs[0]); x && affine->scale.size() == 1 && affine->offset.size() == 1 &&
                                                  affine->offset(0) == 0 && affine->scale(0) > 0 &&
                                                  std::isnormal(affine->scale(0) * x->scale)) {
        Value y = *x;
        y.scale *= affine->scale(0);
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
    const bool movement = node.op->integers() == IntegerRule::moves || node.op.is<Pad>() || node.op.is<Concat>();
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
  /// A ChannelAffine, or a batch norm as one.
  static std::optional<ChannelAffine> affine_of(const Operator& op) {
    if (const auto* affine = op.get_if<ChannelAffine>()) return *affine;
    if (op.is<BatchNorm>()) return op->simplified().get<ChannelAffine>();
    return std::nullopt;
  }
  /// Affine functions of channels become part of what computes before them, as far as it can take them.
  void take_factors(Plan& p) const {
    NodeId at = p.base;
    std::vector<double> scale{1}, offset{0};
    while (const std::optional<ChannelAffine> affine = affine_of(network_[at].op)) {
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
      const bool linear = node.op.is<Mul>() || node.op.is<Div>() || node.op.is<MatMul>() || node.op.is<ReduceSum>() ||
                          node.op.is<ReduceMean>() || node.op.is<ReduceL2>() || node.op.is<GlobalAveragePool>();
      if (!linear || scale.size() != 1 || !(scale[0] > 0) || offset[0] != 0) return;
    }
    p.base = at;
    p.scale = std::move(scale);
    p.offset = std::move(offset);
  }

  // ---- making
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
  static Affine<float> narrowed(Affine<float> bytes, const Clip& clip) {
    bytes.codes = {bytes.quantize(clip.lo), bytes.quantize(clip.hi)};
    return bytes;
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
    if (node.op.is<Pad>()) grid.codes = {std::min(grid.codes.qmin, grid.zero_point), std::max(grid.codes.qmax, grid.zero_point)};
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
    if (node.op.is<LookupTable>())
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
    if (node.inputs.size() == 1 && !node.op.is<Concat>()) lowered.grid.codes = grid.codes;
    if (auto* pad = lowered.op.get_if<Pad>()) {
      lowered.inputs[0] = {first, 1, zero};
      lowered.grid = {1, zero, unsigned_codes()};
      pad->value = std::clamp(pad->value, -static_cast<float>(zero), static_cast<float>(255 - zero));
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

  const Network& network_;
  const OnnxQuantization& quantization_;
  std::vector<Value> values_;    ///< by node of the network
  std::vector<NodeId> lowered_;  ///< by node of the network: its bytes or reals, where it is made
  LoweredNetwork result_;
  std::size_t left_;  ///< weights, inputs and letters of names that may still go into the result
};

}  // namespace trimtab::detail
