#pragma once
/// \file
/// ONNX operators on codes. QuantizeLinear and DequantizeLinear become nodes that compute nothing; the QLinear operators are taken
/// for what they mean, a float operator between those two.

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <trimtab/io/onnx/batch_norm.hpp>
#include <trimtab/io/onnx/binary.hpp>
#include <trimtab/io/onnx/concat.hpp>
#include <trimtab/io/onnx/conv.hpp>
#include <trimtab/io/onnx/layer_codes.hpp>
#include <trimtab/io/onnx/linear.hpp>
#include <trimtab/io/onnx/pools.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

/// Scales: finite and positive.
inline std::vector<float> read_scales(const OnnxNode& n, int i) {
  const OnnxFloats scale = n.floats(i);
  if (scale.dims.size() > 1 || scale.values.empty()) throw unsupported_error(message("'", n.proto.input(i), "' is neither one scale nor a row of them"));
  for (const float s : scale.values)
    if (!(s > 0) || !std::isfinite(s)) throw parse_error(message("scale ", s, " is not positive and finite"));
  return {scale.values.begin(), scale.values.end()};
}

/// Zero points and their type; 0 of type `fallback` where they are left out.
inline std::pair<std::vector<std::int32_t>, OnnxType> read_zero_points(const OnnxNode& n, int i, OnnxType fallback) {
  if (!n.has(i)) return {{0}, fallback};
  const KnownTensor& zero = n.known(i);
  n.import.charge(zero.count());
  if (zero.dims.size() > 1 || zero.count() == 0)
    throw unsupported_error(message("'", n.proto.input(i), "' is neither one zero point nor a row of them"));
  const std::span<const std::int32_t> held = zero.codes();
  return {{held.begin(), held.end()}, zero.type};
}

/// The grid in inputs 1 and 2 of an activation.
inline OnnxGrid read_grid(const OnnxNode& n) {
  const std::vector<float> scale = read_scales(n, 1);
  const auto [zero_point, type] = read_zero_points(n, 2, OnnxType::uint8);
  if (scale.size() != 1 || zero_point.size() != 1)
    throw unsupported_error(message("an activation with ", scale.size(), " scales; only weights may have several"));
  if (!is_code_type(type)) throw unsupported_error(message("activations of ", type_name(type), ", expected uint8 or int8"));
  return {scale[0], zero_point[0], type == OnnxType::int8};
}

/// Scales, zero points and axis of constant codes of the given type.
inline OnnxCodes read_code_constant(const OnnxNode& n, const KnownTensor& tensor, OnnxType type) {
  OnnxCodes codes{tensor, type, read_scales(n, 1), {}, n.integer("axis", 1), false};
  auto [zero_point, zero_type] = read_zero_points(n, 2, type);
  if (zero_type != type) throw parse_error(message("zero points of ", type_name(zero_type), " for codes of ", type_name(type)));
  codes.zero_point = std::move(zero_point);
  if (type == OnnxType::uint8)
    for (std::int32_t& z : codes.zero_point) z -= 128;
  const auto rank = static_cast<std::int64_t>(tensor.dims.size());
  if (codes.axis < 0) codes.axis += rank;
  const std::size_t several = std::max(codes.scale.size(), codes.zero_point.size());
  for (const std::size_t count : {codes.scale.size(), codes.zero_point.size()})
    if (count != 1 && count != several)
      throw shape_error(message(codes.scale.size(), " scales with ", codes.zero_point.size(), " zero points"));
  if (several == 1) {
    codes.axis = 0;
  } else if (codes.axis < 0 || codes.axis >= rank || tensor.dims[static_cast<std::size_t>(codes.axis)] != static_cast<std::int64_t>(several)) {
    throw shape_error(message(several, " scales along axis ", codes.axis, " do not fit the codes"));
  }
  return codes;
}

inline void read_quantize(const OnnxNode& n) {
  n.require({"axis", "saturate"});
  n.require_inputs(2, 3);
  if (n.is_known(0)) {
    const OnnxType type = read_zero_points(n, 2, OnnxType::uint8).second;
    if (!is_code_type(type)) throw unsupported_error(message("codes of ", type_name(type)));
    return n.define(read_code_constant(n, n.known(0), type));
  }
  const OnnxGrid grid = read_grid(n);
  OnnxActivation x = n.activation(0);
  x.type = grid.is_signed ? OnnxType::int8 : OnnxType::uint8;
  x.node = n.add(Clip{}, {x.node});
  n.import.quantization.quantize[x.node] = grid;
  n.define(std::move(x));
}

inline void read_dequantize(const OnnxNode& n) {
  n.require({"axis"});
  n.require_inputs(2, 3);
  if (n.is_known(0)) {
    OnnxCodes codes = read_code_constant(n, n.known(0), n.known(0).type);
    codes.real = true;
    return n.define(std::move(codes));
  }
  if (n.is_codes(0)) {
    const OnnxCodes quantized = std::get<OnnxCodes>(n.value(0));
    OnnxCodes codes = read_code_constant(n, quantized.tensor, quantized.type);
    if (quantized.real || codes.scale != quantized.scale || codes.zero_point != quantized.zero_point || codes.axis != quantized.axis)
      throw unsupported_error("reads constants by other numbers than they were quantized by");
    codes.real = true;
    return n.define(std::move(codes));
  }
  OnnxGrid grid = read_grid(n);
  grid.sign_of_codes = !n.has(2);
  OnnxActivation x = n.activation(0);
  x.type = OnnxType::float32;
  x.node = n.add(Clip{}, {x.node});
  n.import.quantization.dequantize[x.node] = grid;
  n.define(std::move(x));
}

/// Nodes that stand for one of the file's; their values are named after its output.
class OnnxExpansion {
 public:
  explicit OnnxExpansion(const OnnxNode& node) : node_(node) {}

  /// scale * (input i - zero_point); inputs are named by their numbers. Scale 1 where `scale` is -1.
  std::string real(int i, int scale, int zero_point, std::int64_t axis = 0) {
    auto made = make("DequantizeLinear", message("in", i), {input(i), scale < 0 ? one() : input(scale), optional(zero_point)});
    attribute(made, "axis", axis);
    read_dequantize({node_.import, made});
    return made.output(0);
  }
  /// Input i as int32 biases on the accumulator's grid; nothing where it is left out.
  std::string bias(int i) {
    if (!node_.has(i)) return "";
    const KnownTensor& tensor = node_.known(i);
    if (tensor.type != OnnxType::int32) throw unsupported_error(message("the bias is of ", type_name(tensor.type), ", expected int32"));
    const std::string name = fresh("bias");
    node_.import.define(name, OnnxCodes{tensor, tensor.type, {}, {0}, 0, true});
    return name;
  }
  /// A float operator and its reader, with the file's attributes but those named.
  std::string apply(const char* op, OnnxReader reader, const std::vector<std::string>& inputs, std::initializer_list<std::string_view> without = {}) {
    auto made = make(op, "y", inputs);
    made.set_name(node_.name());
    for (const auto& a : node_.proto.attribute())
      if (std::find(without.begin(), without.end(), a.name()) == without.end()) *made.add_attribute() = a;
    reader({node_.import, made});
    return made.output(0);
  }
  /// Gives the file's node the value of a float one: its codes, or itself where there is no scale.
  void finish(const std::string& y, int scale, int zero_point) {
    if (!node_.has(scale)) return finish(y);
    if (!node_.has(zero_point)) throw unsupported_error("leaves out the output's zero point, which tells the codes' type");
    auto made = make("QuantizeLinear", "quantize", {y, input(scale), input(zero_point)});
    made.set_output(0, node_.proto.output(0));
    read_quantize({node_.import, made});
  }
  void finish(const std::string& y) { node_.define(*node_.import.find(y)); }

 private:
  const std::string& input(int i) const {
    static_cast<void>(node_.value(i));
    return node_.proto.input(i);
  }
  std::string optional(int i) const { return node_.has(i) ? node_.proto.input(i) : ""; }
  std::string fresh(const std::string& what) const {
    std::string name = message(node_.proto.output(0), '\n', what);
    node_.import.charge_name(name);
    return name;
  }
  std::string one() {
    const std::string name = fresh("one");
    node_.import.define(name, make_known(OnnxType::float32, {}, [] { return 1.0; }));
    return name;
  }
  ::onnx::NodeProto make(const char* op, const std::string& what, const std::vector<std::string>& inputs) const {
    ::onnx::NodeProto made;
    made.set_op_type(op);
    made.set_name(node_.name() + "/" + what);
    for (const std::string& i : inputs) made.add_input(i);
    while (made.input_size() > 0 && made.input(made.input_size() - 1).empty()) made.mutable_input()->RemoveLast();
    made.add_output(fresh(what));
    return made;
  }
  static void attribute(::onnx::NodeProto& made, const char* name, std::int64_t value) {
    auto& a = *made.add_attribute();
    a.set_name(name);
    a.set_type(::onnx::AttributeProto::INT);
    a.set_i(value);
  }

  const OnnxNode& node_;
};

inline void read_qlinear_conv(const OnnxNode& n) {
  n.require_inputs(8, 9);
  OnnxExpansion e(n);
  e.finish(e.apply("Conv", read_conv, {e.real(0, 1, 2), e.real(3, 4, 5), e.bias(8)}), 6, 7);
}
inline void read_qlinear_matmul(const OnnxNode& n) {
  n.require_inputs(8, 8);
  OnnxExpansion e(n);
  e.finish(e.apply("MatMul", read_matmul, {e.real(0, 1, 2), e.real(3, 4, 5, 1)}), 6, 7);
}
inline void read_qgemm(const OnnxNode& n) {
  n.require_inputs(6, 9);
  OnnxExpansion e(n);
  const std::int64_t axis = n.integer("transB", 0) != 0 ? 0 : 1;
  e.finish(e.apply("Gemm", read_gemm, {e.real(0, 1, 2), e.real(3, 4, 5, axis), e.bias(6)}), 7, 8);
}
/// Sums of products in int32 are reals of scale 1.
inline void read_conv_integer(const OnnxNode& n) {
  n.require_inputs(2, 4);
  OnnxExpansion e(n);
  e.finish(e.apply("Conv", read_conv, {e.real(0, -1, 2), e.real(1, -1, 3)}));
}
inline void read_matmul_integer(const OnnxNode& n) {
  n.require_inputs(2, 4);
  OnnxExpansion e(n);
  e.finish(e.apply("MatMul", read_matmul, {e.real(0, -1, 2), e.real(1, -1, 3, 1)}));
}
inline void read_qlinear_add(const OnnxNode& n) {
  n.require_inputs(7, 8);
  OnnxExpansion e(n);
  const std::string a = e.real(0, 1, 2), b = e.real(3, 4, 5);
  if (!std::holds_alternative<OnnxActivation>(*n.import.find(a)) || !std::holds_alternative<OnnxActivation>(*n.import.find(b)))
    throw unsupported_error("is supported of two activations only");
  e.finish(e.apply("Add", read_binary<OnnxBinary::add>, {a, b}), 6, 7);
}
inline void read_qlinear_concat(const OnnxNode& n) {
  if (n.inputs() < 5 || n.inputs() % 3 != 2) throw parse_error(message("has ", n.inputs(), " inputs"));
  OnnxExpansion e(n);
  std::vector<std::string> parts;
  for (int i = 2; i < n.inputs(); i += 3) parts.push_back(e.real(i, i + 1, i + 2));
  e.finish(e.apply("Concat", read_concat, parts), 0, 1);
}
inline void read_qlinear_global_average_pool(const OnnxNode& n) {
  n.require_inputs(5, 5);
  require_integer_attribute(n.proto, "channels_last", 0);
  OnnxExpansion e(n);
  e.finish(e.apply("GlobalAveragePool", read_global_average_pool, {e.real(0, 1, 2)}, {"channels_last"}), 3, 4);
}
inline void read_qlinear_average_pool(const OnnxNode& n) {
  n.require_inputs(4, 5);
  require_integer_attribute(n.proto, "channels_last", 0);
  OnnxExpansion e(n);
  e.finish(e.apply("AveragePool", read_average_pool, {e.real(0, 1, 2)}, {"channels_last"}), 3, 4);
}

/// The sums of ConvInteger or MatMulInteger that input i alone reads, or null: only those may be changed in place. They are a layer of
/// codes without real biases.
inline OnnxLayer* sole_sums(const OnnxNode& n, int i) {
  if (!n.is_activation(i) || n.sole_producer(i) == nullptr) return nullptr;
  const NodeId id = n.padded(i).node;
  const auto found = n.import.quantization.layers.find(id);
  const WeightedLayer* made = n.import.network[id].op->weighted();
  const bool real_bias = made != nullptr && !made->bias().empty();
  if (found == n.import.quantization.layers.end() || real_bias || !found->second.bias_scale.empty()) return nullptr;
  return &found->second;
}

/// Input i, constant floats or int32 numbers: one, or one for each channel of x along the axis the file has them on.
template <class Number>
std::vector<Number> layer_constants(const OnnxNode& n, int i, const OnnxActivation& x) {
  const KnownTensor& tensor = n.known(i);
  const std::size_t rank = x.rank();
  for (std::size_t k = 0; k < tensor.dims.size(); ++k)
    if (tensor.dims[k] != 1 && rank + k != tensor.dims.size() + 1)
      throw unsupported_error(message("'", n.proto.input(i), "' is not one number a channel"));
  if (tensor.dims.size() > rank || tensor.count() == 0) throw unsupported_error(message("'", n.proto.input(i), "' is not one number a channel"));
  n.import.charge(tensor.count());
  if constexpr (std::is_same_v<Number, float>) {
    const OnnxFloats values(tensor);
    return {values.values.begin(), values.values.end()};
  } else {
    const std::span<const std::int32_t> held = tensor.codes();
    return {held.begin(), held.end()};
  }
}

/// The sum of int32 constants and an integer layer (ConvInteger or MatMulInteger) is that layer with a bias.
inline bool add_code_bias(const OnnxNode& n) {
  if (n.inputs() != 2) return false;
  for (const int constant : {1, 0}) {
    const int variable = 1 - constant;
    OnnxLayer* layer = sole_sums(n, variable);
    if (!n.is_known(constant) || n.known(constant).type != OnnxType::int32 || layer == nullptr) continue;
    const OnnxActivation x = n.activation(variable);
    std::vector<std::int32_t> bias = layer_constants<std::int32_t>(n, constant, x);
    const std::size_t outputs = n.import.extent(x).back();
    if (!layer->bias.empty() || layer->scale != std::vector<float>{1} || (bias.size() != 1 && bias.size() != outputs))
      throw unsupported_error("of integers is supported once, right after ConvInteger or MatMulInteger");
    bias.resize(outputs, bias[0]);
    layer->bias = std::move(bias);
    n.define(x);
    return true;
  }
  return false;
}

/// An integer layer times constants: its scales. Dequantized codes at scale 1 times one constant: codes dequantized at that scale.
inline bool scale_codes(const OnnxNode& n) {
  if (n.inputs() != 2 || n.is_activation(0) == n.is_activation(1)) return false;
  const int variable = n.is_activation(0) ? 0 : 1;
  if (!n.is_known(1 - variable)) return false;
  OnnxActivation x = n.activation(variable);
  const auto found = n.import.quantization.dequantize.find(x.node);
  if (found != n.import.quantization.dequantize.end() && found->second.scale == 1) {
    OnnxGrid grid = found->second;
    const std::vector<float> factor = layer_constants<float>(n, 1 - variable, x);
    grid.scale = factor[0];
    if (factor.size() != 1 || !(grid.scale > 0) || !std::isfinite(grid.scale))
      throw unsupported_error("of codes by anything but one positive number");
    x.node = n.add(Clip{}, {n.import.network[x.node].inputs[0]});
    n.import.quantization.dequantize[x.node] = grid;
    n.define(std::move(x));
    return true;
  }
  OnnxLayer* layer = sole_sums(n, variable);
  if (layer == nullptr || layer->scale != std::vector<float>{1}) return false;
  const std::size_t outputs = n.import.extent(x).back();
  std::vector<float> factor = layer_constants<float>(n, 1 - variable, x);
  if (factor.size() != 1 && outputs != 1 && factor.size() != outputs) throw shape_error(message(factor.size(), " factors for ", outputs, " outputs"));
  for (const float f : factor)
    if (!std::isfinite(f)) throw parse_error(message("factor ", f));
  layer->scale = std::move(factor);
  n.define(std::move(x));
  return true;
}

/// sum (x - z_x) w[o] - z[o] * sum (x - z_x), the second sum an integer layer of ones over the same input: zero points of the first
/// one's weights.
inline bool subtract_code_sums(const OnnxNode& n) {
  if (n.inputs() != 2) return false;
  OnnxLayer* sum = sole_sums(n, 0);
  OnnxLayer* ones = sole_sums(n, 1);
  if (sum == nullptr || ones == nullptr || sum == ones) return false;
  const OnnxActivation x = n.activation(0);
  const Node &a = n.import.network[x.node], &b = n.import.network[n.activation(1).node];
  const auto all_ones = [&](const auto& w) {
    for (const float v : w)
      for (const std::int32_t z : ones->zero_point)
        if (v - static_cast<float>(z) != 1) return false;
    return true;
  };
  const auto same_reading = [&](NodeId p, NodeId q) {
    const auto& reads = n.import.quantization.dequantize;
    const auto of_p = reads.find(p), of_q = reads.find(q);
    return p == q || (of_p != reads.end() && of_q != reads.end() && of_p->second == of_q->second &&
                      n.import.network[p].inputs == n.import.network[q].inputs);
  };
  bool fits = sum->bias.empty() && ones->bias.empty() && same_reading(a.inputs[0], b.inputs[0]) && sum->scale == std::vector<float>{1} &&
              sum->zero_point.size() == 1 && ones->zero_point.size() == 1 && a.extent.back() % b.extent.back() == 0;
  if (const auto *l = a.op.get_if<Conv2d>(), *r = b.op.get_if<Conv2d>(); l != nullptr && r != nullptr)
    fits = fits && l->window == r->window && l->groups == r->groups && l->weight.shape(1) == r->weight.shape(1) &&
           l->weight.shape(2) == r->weight.shape(2) && (l->groups == 1 ? b.extent.back() == 1 : b.extent.back() == a.extent.back()) &&
           all_ones(r->weight);
  else if (const auto *d = a.op.get_if<DepthwiseConv2d>(), *e = b.op.get_if<DepthwiseConv2d>(); d != nullptr && e != nullptr)
    fits = fits && d->window == e->window && d->weight.shape() == e->weight.shape() && all_ones(e->weight);
  else
    fits = false;
  const auto refuse = [] { return unsupported_error("of two integer layers is supported where the second one is of ones"); };
  const std::size_t outputs = a.extent.back();
  if (!fits || (ones->scale.size() != 1 && ones->scale.size() != outputs)) throw refuse();
  std::vector<std::int32_t> zero_point;
  for (std::size_t c = 0; c < outputs; ++c) {
    const float z = ones->scale[ones->scale.size() == 1 ? 0 : c];
    if (z != std::nearbyint(z) || std::abs(z) > 255) throw refuse();
    zero_point.push_back(sum->zero_point[0] + static_cast<std::int32_t>(z));
    if (zero_point.back() < -128 || zero_point.back() > 127) throw refuse();
  }
  sum->zero_point = std::move(zero_point);
  n.define(x);
  return true;
}

}  // namespace detail

/// Operators on codes.
struct OnnxCodeOperators {};

template <>
struct OnnxRules<OnnxCodeOperators> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("ConvInteger", detail::read_conv_integer);
    readers.add("DequantizeLinear", detail::read_dequantize);
    readers.add("MatMulInteger", detail::read_matmul_integer);
    readers.add("QLinearConv", detail::read_qlinear_conv);
    readers.add("QLinearMatMul", detail::read_qlinear_matmul);
    readers.add("QuantizeLinear", detail::read_quantize);
    readers.add("QGemm", detail::read_qgemm, "com.microsoft");
    readers.add("QLinearAdd", detail::read_qlinear_add, "com.microsoft");
    readers.add("QLinearAveragePool", detail::read_qlinear_average_pool, "com.microsoft");
    readers.add("QLinearConcat", detail::read_qlinear_concat, "com.microsoft");
    readers.add("QLinearGlobalAveragePool", detail::read_qlinear_global_average_pool, "com.microsoft");
    readers.add_special("Add", detail::add_code_bias);
    readers.add_special("Mul", detail::scale_codes);
    readers.add_special("Sub", detail::subtract_code_sums);
  }
};

}  // namespace trimtab
