#pragma once
/// \file
/// Operators of two tensors or more that broadcast: Add, Sub, Mul, Div, Max, Min, Sum, Mean. Constants become biases, affine
/// functions of channels or clips where they can, else Constant nodes.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <trimtab/io/onnx/layer_codes.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/net/operators/add.hpp>
#include <trimtab/net/operators/channel_affine.hpp>
#include <trimtab/net/operators/clip.hpp>
#include <trimtab/net/operators/constant.hpp>
#include <trimtab/net/operators/div.hpp>
#include <trimtab/net/operators/max.hpp>
#include <trimtab/net/operators/min.hpp>
#include <trimtab/net/operators/mul.hpp>
#include <trimtab/net/operators/sub.hpp>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

enum class OnnxBinary { add, sub, mul, div, max, min };

inline Operator binary_operator(OnnxBinary kind) {
  switch (kind) {
    case OnnxBinary::add:
      return Add{};
    case OnnxBinary::sub:
      return Sub{};
    case OnnxBinary::mul:
      return Mul{};
    case OnnxBinary::div:
      return Div{};
    case OnnxBinary::max:
      return Max{};
    default:
      return Min{};
  }
}

/// An activation and a constant of one rank, seen through the axes of the node.
struct OnnxPaired {
  OnnxActivation x;
  bool added = false;  ///< an axis in front, for the batch
  Dims lengths;        ///< of the constant, batch excluded: the node's, or 1
  std::vector<float> values;

  bool is_scalar() const { return values.size() == 1; }
  /// Whether it has numbers along the node's last axis alone: one, or one for each channel of a node of these extents.
  bool is_row(const Extents& extent) const {
    return is_scalar() || (!lengths.empty() && lengths.back() == static_cast<std::int64_t>(values.size()) &&
                           lengths.size() == extent.size() && extent.back() == values.size());
  }
};

/// Throws unsupported_error where the constant differs between elements of the batch.
inline OnnxPaired paired(OnnxImport& import, const OnnxActivation& activation, const OnnxFloats& c) {
  if (c.values.empty()) throw unsupported_error("an empty constant");
  const std::size_t rank = std::max(activation.rank(), c.dims.size());
  OnnxAligned aligned_x = aligned(import, {activation}, rank);
  OnnxPaired p{std::move(aligned_x.x[0]), aligned_x.added, {}, {}};
  Dims dims(p.x.rank() - c.dims.size(), 1);
  dims.insert(dims.end(), c.dims.begin(), c.dims.end());
  const BatchDims seen = import.dims(p.x);
  bool grows = false;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) continue;
    if (std::find(p.x.axes[i].begin(), p.x.axes[i].end(), std::size_t{0}) != p.x.axes[i].end()) {
      const OnnxFloats once = once_along(c, i - (dims.size() - c.dims.size()));
      if (once.values.size() == c.values.size()) throw unsupported_error("a constant that differs between elements of the batch");
      return paired(import, activation, once);
    }
    if (seen[i] != BatchInteger{dims[i], 0}) {
      if (seen[i] != BatchInteger{1, 0}) throw shape_error(message("extents ", seen[i], " and ", dims[i], " do not broadcast"));
      grows = true;
    }
  }
  if (grows) p.x = plain(import, p.x);
  // Strides of the constant along the node's axes.
  const Extents& extent = import.extent(p.x);
  p.lengths.assign(extent.size(), 1);
  Dims strides(extent.size(), 0);
  const Dims own = row_major(dims);
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) continue;
    std::int64_t stride = own[i];
    const NodeAxes& group = p.x.axes[i];
    for (std::size_t k = group.size(); k-- > 0;) {
      const std::size_t axis = group[k] - 1;
      p.lengths[axis] = group.size() == 1 ? dims[i] : static_cast<std::int64_t>(extent[axis]);
      strides[axis] = stride;
      stride *= p.lengths[axis];
    }
  }
  import.charge(c.values.size());
  p.values.reserve(c.values.size());
  walk<1>(p.lengths, {strides}, {0}, [&](const auto& at) { p.values.push_back(c.values[static_cast<std::size_t>(at[0])]); });
  return p;
}

/// The constant as a node.
inline NodeId constant_node(OnnxImport& import, const std::string& name, const Dims& lengths, const std::vector<float>& values) {
  import.charge(values.size());
  Constant constant{xt::xarray<float>::from_shape(std::vector<std::size_t>(lengths.begin(), lengths.end()))};
  std::copy(values.begin(), values.end(), constant.value.data());
  return import.add(name, std::move(constant), {});
}

/// The sum with a constant as the bias of the layer that gives x, where it is a layer of floats that nothing else reads.
inline bool add_to_bias(const OnnxNode& n, int i, const OnnxActivation& x, const OnnxPaired& p) {
  Node* producer = n.sole_producer(i);
  WeightedLayer* layer = producer == nullptr || producer->clip != no_clip ? nullptr : producer->op->weighted();
  if (layer == nullptr || p.x.node != x.node || !p.is_row(producer->extent) ||
      layer->output_channels() != producer->extent.back())
    return false;
  const auto codes = n.import.quantization.layers.find(x.node);
  if (codes != n.import.quantization.layers.end() && !codes->second.bias.empty()) return false;
  std::vector<float> more = p.values;
  more.resize(layer->output_channels(), more[0]);
  if (layer->bias().empty())
    layer->set_bias(more);
  else
    for (std::size_t c = 0; c < more.size(); ++c) layer->bias()[c] += more[c];
  return true;
}

/// scale * x + offset.
inline Operator affine(std::vector<float> scale, std::vector<float> offset) {
  scale.resize(std::max(scale.size(), offset.size()), scale[0]);
  offset.resize(scale.size(), offset[0]);
  return ChannelAffine{to_vector(scale), to_vector(offset)};
}

/// Whether a node is codes read on a grid, perhaps moved or multiplied.
inline bool stands_for_codes(const OnnxImport& import, NodeId id) {
  while (import.quantization.dequantize.count(id) == 0) {
    const Node& node = import.network[id];
    if (node.inputs.size() != 1 || import.quantization.quantize.count(id) != 0 ||
        (!node.op.is<ChannelAffine>() && (node.op->integers() != IntegerRule::moves || node.op.is<Clip>())))
      return false;
    id = node.inputs[0];
  }
  return true;
}

/// Constant codes times a number: codes of another scale. False where it is anything else.
inline bool multiply_codes(const OnnxNode& n) {
  const int held = n.is_codes(0) ? 0 : 1, other = 1 - held;
  if (!n.is_codes(held) || !n.is_known(other) || n.known(other).count() != 1) return false;
  OnnxCodes codes = std::get<OnnxCodes>(n.value(held));
  const float factor = n.floats(other).values[0];
  if (!codes.real || !(factor > 0) || !std::isfinite(factor)) return false;
  n.import.charge(codes.scale.size() + codes.zero_point.size());
  for (float& s : codes.scale) s *= factor;
  n.define(std::move(codes));
  return true;
}

/// x with a constant. `first`: x is the first operand. `i`: the node's input that is x, or -1 where x was made on the way.
inline OnnxActivation binary_with_constant(const OnnxNode& n, const std::string& name, OnnxBinary kind, const OnnxActivation& x,
                                           int i, bool first, const OnnxFloats& c, const OnnxCodes* codes = nullptr) {
  OnnxPaired p = paired(n.import, x, c);
  if (kind != OnnxBinary::max && kind != OnnxBinary::min)
    for (const float v : p.values)
      if (!std::isfinite(v)) throw parse_error("a constant that is not finite");
  OnnxActivation y = p.x;
  y.maker = x.maker;
  if (codes != nullptr && is_code_type(codes->type) && codes->scale.size() == 1 && stands_for_codes(n.import, x.node)) {
    // Codes on both sides: the constant stays on its grid.
    const OnnxGrid grid{codes->scale[0], codes->zero_point[0] + (codes->type == OnnxType::uint8 ? 128 : 0),
                        codes->type == OnnxType::int8};
    const NodeId constant = constant_node(n.import, name + "/constant", p.lengths, p.values);
    const NodeId quantized = n.import.add(name + "/constant/codes", Clip{}, {constant});
    const NodeId real = n.import.add(name + "/constant/real", Clip{}, {quantized});
    n.import.quantization.quantize[quantized] = n.import.quantization.dequantize[real] = grid;
    y.node =
        n.import.add(name, binary_operator(kind), first ? std::vector<NodeId>{y.node, real} : std::vector<NodeId>{real, y.node});
    if (p.added && y.axes.size() > x.rank()) y.axes.erase(y.axes.begin());
    return y;
  }
  const bool row = p.is_row(n.import.extent(y));
  const auto each = [&](auto f) {
    std::vector<float> made(p.values.size());
    std::transform(p.values.begin(), p.values.end(), made.begin(), f);
    return made;
  };
  const auto finite = [](const std::vector<float>& values) {
    return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
  };
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> reciprocal =
      kind == OnnxBinary::div && first ? each([](float v) { return 1.0F / v; }) : std::vector<float>{};
  if (kind == OnnxBinary::add && i >= 0 && add_to_bias(n, i, x, p)) {
    y = x;
  } else if (row && kind == OnnxBinary::add) {
    y.node = n.import.add(name, affine({1}, p.values), {y.node});
  } else if (row && kind == OnnxBinary::sub) {
    y.node = n.import.add(name, first ? affine({1}, each([](float v) { return -v; })) : affine({-1}, p.values), {y.node});
  } else if (row && kind == OnnxBinary::mul) {
    y.node = n.import.add(name, affine(p.values, {0}), {y.node});
  } else if (row && kind == OnnxBinary::div && first && finite(reciprocal)) {
    y.node = n.import.add(name, affine(reciprocal, {0}), {y.node});
  } else if (p.is_scalar() && kind == OnnxBinary::max && !std::isnan(p.values[0])) {
    y.node = n.import.add(name, Clip{p.values[0], infinity}, {y.node});
  } else if (p.is_scalar() && kind == OnnxBinary::min && !std::isnan(p.values[0])) {
    y.node = n.import.add(name, Clip{-infinity, p.values[0]}, {y.node});
  } else {
    const NodeId constant = constant_node(n.import, name + "/constant", p.lengths, p.values);
    y.node = n.import.add(name, binary_operator(kind),
                          first ? std::vector<NodeId>{y.node, constant} : std::vector<NodeId>{constant, y.node});
  }
  if (p.added && y.axes.size() > x.rank()) y.axes.erase(y.axes.begin());
  return y;
}

/// Two activations, whichever axes they have.
inline OnnxActivation binary_of_two(const OnnxNode& n, const std::string& name, OnnxBinary kind, const OnnxActivation& a,
                                    const OnnxActivation& b) {
  const Operator op = binary_operator(kind);
  if (a.axes == b.axes && n.import.extent(a) == n.import.extent(b)) {
    OnnxActivation y = a;
    y.node = n.import.add(name, op, {a.node, b.node});
    return y;
  }
  OnnxAligned both = aligned(n.import, {a, b}, std::max(a.rank(), b.rank()));
  const auto elements = [&](const OnnxActivation& x) { return element_count(n.import.extent(x)); };
  const std::size_t lead = elements(both.x[1]) > elements(both.x[0]) ? 1 : 0;
  both.x[lead] = plain(n.import, both.x[lead]);
  const std::vector<std::size_t> order = node_order(both.x[lead]);
  both.x[1 - lead] = arranged(n.import, both.x[1 - lead], order);
  OnnxActivation y = both.x[lead];
  y.node = n.import.add(name, op, {both.x[0].node, both.x[1].node});
  if (both.added) y.axes.erase(y.axes.begin());
  return y;
}

/// Of any number of operands, the activations first: for two as the file has them.
inline OnnxActivation read_chain(const OnnxNode& n, OnnxBinary kind) {
  n.require({});
  n.require_inputs(1, std::numeric_limits<int>::max());
  std::vector<int> computed, known;
  for (int i = 0; i < n.inputs(); ++i) (n.is_known(i) || n.is_codes(i) ? known : computed).push_back(i);
  if (computed.empty()) throw unsupported_error("on constants alone");
  OnnxActivation y = n.real(computed[0]);
  std::size_t left = static_cast<std::size_t>(n.inputs()) - 1;
  const auto name = [&] { return --left == 0 ? n.name() : message(n.name(), "/", left); };
  for (std::size_t k = 1; k < computed.size(); ++k) y = binary_of_two(n, name(), kind, y, n.real(computed[k]));
  for (const int i : known)
    y = binary_with_constant(n, name(), kind, y, computed.size() == 1 ? computed[0] : -1, computed[0] < i, n.floats(i),
                             n.is_codes(i) ? &std::get<OnnxCodes>(n.value(i)) : nullptr);
  return y;
}
/// sum (x - z_x) w[o] - z[o] * sum (x - z_x), the second sum an integer layer of ones over the same input: zero points of the
/// first one's weights.
void subtract_integers(const OnnxNode& n);
/// What is quantized anew for each input times its scale. False where no input is.
bool multiply_dynamic(const OnnxNode& n);

template <OnnxBinary kind>
void read_binary(const OnnxNode& n) {
  n.require_inputs(2, 2);
  if (reads_integers(n)) {
    if constexpr (kind == OnnxBinary::add) return add_integers(n);
    if constexpr (kind == OnnxBinary::mul) return multiply_integers(n);
    if constexpr (kind == OnnxBinary::sub) return subtract_integers(n);
  }
  if constexpr (kind == OnnxBinary::mul)
    if (multiply_codes(n) || multiply_dynamic(n)) return;
  n.define(read_chain(n, kind));
}
template <OnnxBinary kind>
void read_variadic(const OnnxNode& n) {
  n.define(read_chain(n, kind));
}
inline void read_mean(const OnnxNode& n) {
  OnnxActivation y = read_chain(n, OnnxBinary::add);
  if (n.inputs() > 1) y.node = n.add("mean", affine({1.0F / static_cast<float>(n.inputs())}, {0}), {y.node});
  n.define(std::move(y));
}

inline void write_binary(OnnxWriter& w, const char* op, const OnnxCall& n) {
  w.add(op, n.name, {w.aligned(n, 0), w.aligned(n, 1)}, n.output);
}
/// In steps of the output's grid: op(float(a - z_a) * m_a, float(b - z_b) * m_b), m = scale / scale_y.
inline void write_binary_of_steps(OnnxCodesWriter& w, const char* op) {
  const bool qdq = w.form() == OnnxForm::qdq;
  const std::string a = qdq ? w.real(0) : w.steps(0), b = qdq ? w.real(1) : w.steps(1), y = w.value("sum");
  write_binary(w, op, w.call(w.name(), {a, b}, y));
  w.quantize(y, qdq ? w.node().grid.scale : 1);
}
/// The operator on float(a - z_a) and float(b - z_b), times m: a product or quotient that is rounded once.
inline void write_binary_of_codes(OnnxCodesWriter& w, const char* op, float m) {
  if (w.form() == OnnxForm::qdq) return w.write_in_float(write_binary, op);
  const std::string a = w.real(0, 1), b = w.real(1, 1), y = w.value("product");
  write_binary(w, op, w.call(w.name(), {a, b}, y));
  w.quantize_steps(y, m);
}

}  // namespace detail

template <>
struct OnnxRules<Add> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("Add", detail::read_binary<detail::OnnxBinary::add>);
    readers.add("Sum", detail::read_variadic<detail::OnnxBinary::add>);
    readers.add("Mean", detail::read_mean);
  }
  static void write(detail::OnnxWriter& w, const Add&, const detail::OnnxCall& n) { detail::write_binary(w, "Add", n); }
  static void write_codes(detail::OnnxCodesWriter& w, const Add&) { detail::write_binary_of_steps(w, "Add"); }
};
template <>
struct OnnxRules<Sub> {
  static void read(detail::OnnxReaders& readers) { readers.add("Sub", detail::read_binary<detail::OnnxBinary::sub>); }
  static void write(detail::OnnxWriter& w, const Sub&, const detail::OnnxCall& n) { detail::write_binary(w, "Sub", n); }
  static void write_codes(detail::OnnxCodesWriter& w, const Sub&) { detail::write_binary_of_steps(w, "Sub"); }
};
template <>
struct OnnxRules<Mul> {
  static void read(detail::OnnxReaders& readers) { readers.add("Mul", detail::read_binary<detail::OnnxBinary::mul>); }
  static void write(detail::OnnxWriter& w, const Mul&, const detail::OnnxCall& n) { detail::write_binary(w, "Mul", n); }
  static void write_codes(detail::OnnxCodesWriter& w, const Mul&) {
    detail::write_binary_of_codes(w, "Mul", w.in(0).scale * w.in(1).scale / w.node().grid.scale);
  }
};
template <>
struct OnnxRules<Div> {
  static void read(detail::OnnxReaders& readers) { readers.add("Div", detail::read_binary<detail::OnnxBinary::div>); }
  static void write(detail::OnnxWriter& w, const Div&, const detail::OnnxCall& n) { detail::write_binary(w, "Div", n); }
  static void write_codes(detail::OnnxCodesWriter& w, const Div&) {
    detail::write_binary_of_codes(w, "Div", w.in(0).scale / w.in(1).scale / w.node().grid.scale);
  }
};
template <>
struct OnnxRules<Max> {
  static void read(detail::OnnxReaders& readers) { readers.add("Max", detail::read_variadic<detail::OnnxBinary::max>); }
  static void write(detail::OnnxWriter& w, const Max&, const detail::OnnxCall& n) { detail::write_binary(w, "Max", n); }
  static void write_codes(detail::OnnxCodesWriter& w, const Max&) { detail::write_binary_of_steps(w, "Max"); }
};
template <>
struct OnnxRules<Min> {
  static void read(detail::OnnxReaders& readers) { readers.add("Min", detail::read_variadic<detail::OnnxBinary::min>); }
  static void write(detail::OnnxWriter& w, const Min&, const detail::OnnxCall& n) { detail::write_binary(w, "Min", n); }
  static void write_codes(detail::OnnxCodesWriter& w, const Min&) { detail::write_binary_of_steps(w, "Min"); }
};

/// Mul, Add or both, by numbers of the channels.
template <>
struct OnnxRules<ChannelAffine> {
  static void write(detail::OnnxWriter& w, const ChannelAffine& l, const detail::OnnxCall& n) {
    const std::vector<float> scale(l.scale.begin(), l.scale.end()), offset(l.offset.begin(), l.offset.end());
    const auto all = [](const std::vector<float>& row, float value) {
      return std::all_of(row.begin(), row.end(), [&](float v) { return v == value; });
    };
    const bool adds = !all(offset, 0), multiplies = !adds || !all(scale, 1);
    const std::string product = multiplies && adds ? w.value(n, "scaled") : n.output;
    if (multiplies) w.add("Mul", adds ? product : n.name, {n.inputs[0], w.channels(n.name + ".scale", scale, n.extent)}, product);
    if (adds)
      w.add("Add", n.name, {multiplies ? product : n.inputs[0], w.channels(n.name + ".offset", offset, n.extent)}, n.output);
  }
};

}  // namespace trimtab
