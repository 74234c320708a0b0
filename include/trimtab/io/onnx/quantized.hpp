#pragma once
/// \file
/// ONNX operators on codes. QuantizeLinear and DequantizeLinear become nodes that compute nothing; the QLinear operators are
/// taken for what they mean, a float operator between those two.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <trimtab/io/onnx/concat.hpp>
#include <trimtab/io/onnx/conv.hpp>
#include <trimtab/io/onnx/dynamic.hpp>
#include <trimtab/io/onnx/fake_quantize.hpp>
#include <trimtab/io/onnx/linear.hpp>
#include <trimtab/io/onnx/pools.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/io/onnx/unary.hpp>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

/// Scales: finite and positive. Those of weights may be 0, where a filter is.
inline std::vector<float> read_scales(const OnnxNode& n, int i, bool of_constant) {
  const KnownTensor& tensor = n.known(i);
  if (tensor.dims.size() > 1 || tensor.count() == 0)
    throw unsupported_error(message("'", n.proto.input(i), "' is neither one scale nor a row of them"));
  const OnnxFloats scale = n.floats(i);
  for (const float s : scale.values)
    if (!(s > 0 || (of_constant && s == 0)) || !std::isfinite(s))
      throw parse_error(message("scale ", s, " is not positive and finite"));
  return {scale.values.begin(), scale.values.end()};
}

/// Zero points and their type; 0 of type `fallback` where they are left out.
inline std::pair<std::vector<std::int32_t>, OnnxType> read_zero_points(const OnnxNode& n, int i, OnnxType fallback) {
  if (!n.has(i)) return {{0}, fallback};
  const KnownTensor& tensor = n.known(i);
  if (is_real(tensor.type)) throw unsupported_error(message("codes of ", type_name(tensor.type)));
  if (tensor.dims.size() > 1 || tensor.count() == 0)
    throw unsupported_error(message("'", n.proto.input(i), "' is neither one zero point nor a row of them"));
  n.import.charge(tensor.count());
  const std::span<const std::int32_t> codes = tensor.codes();
  return {{codes.begin(), codes.end()}, tensor.type};
}

/// What QuantizeLinear and DequantizeLinear have since opset 21, at the values that change nothing.
inline void require_plain_quantization(const OnnxNode& n) {
  n.require({"axis", "block_size", "output_dtype", "precision", "saturate"});
  if (const std::int64_t block = n.integer("block_size", 0); block != 0)
    throw unsupported_error(message("a scale for each block of ", block, " elements"));
  if (const std::int64_t precision = n.integer("precision", 0); precision != 0 && precision != 1)
    throw unsupported_error(message("precision ", precision));
}
/// The type of the codes that QuantizeLinear gives.
inline OnnxType code_type(const OnnxNode& n) {
  const std::int64_t named = n.integer("output_dtype", 0);
  const OnnxType fallback = named == 0 ? OnnxType::uint8 : onnx_type(static_cast<std::int32_t>(named));
  const OnnxType type = n.has(2) ? n.known(2).type : fallback;
  if (named != 0 && type != fallback)
    throw parse_error(message("output_dtype is ", type_name(fallback), ", the zero point of ", type_name(type)));
  return type;
}

/// The scale and the zero point in inputs 1 and 2 of an activation, and the type of its codes.
struct OnnxActivationGrid {
  float scale;
  std::int32_t zero_point;
  OnnxType type;
};
inline OnnxActivationGrid read_activation_grid(const OnnxNode& n, OnnxType fallback) {
  const std::vector<float> scale = read_scales(n, 1, false);
  const auto [zero_point, type] = read_zero_points(n, 2, fallback);
  if (scale.size() != 1 || zero_point.size() != 1)
    throw unsupported_error(message("an activation with ", scale.size(), " scales; only weights may have several"));
  return {scale[0], zero_point[0], type};
}
/// The same of 8 bits.
inline OnnxGrid read_grid(const OnnxNode& n, OnnxType fallback) {
  const OnnxActivationGrid grid = read_activation_grid(n, fallback);
  if (!is_code_type(grid.type))
    throw unsupported_error(message("activations of ", type_name(grid.type), ", expected 8 or 16 bits"));
  return {grid.scale, grid.zero_point, grid.type == OnnxType::int8};
}

/// Codes of 16 bits, as the reals that they stand for.
inline void read_wide_quantize(const OnnxNode& n, OnnxType type) {
  const OnnxActivationGrid grid = read_activation_grid(n, type);
  n.define(OnnxWideCodes{fake_quantized(n, n.real(0), {grid.scale, grid.zero_point, code_range(type)}), type, grid.scale,
                         grid.zero_point});
}
inline void read_wide_dequantize(const OnnxNode& n, const OnnxWideCodes& codes) {
  const OnnxActivationGrid grid = read_activation_grid(n, codes.type);
  if (grid.type != codes.type)
    throw parse_error(message("zero points of ", type_name(grid.type), " for codes of ", type_name(codes.type)));
  if (grid.scale != codes.scale || grid.zero_point != codes.zero_point)
    throw unsupported_error("16-bit codes that are read on another grid than they were made on");
  n.define(codes.real);
}
/// An input of the network that is codes of 16 bits: scale * (code - zero_point).
inline void read_wide_input(const OnnxNode& n, OnnxActivation x) {
  const OnnxActivationGrid grid = read_activation_grid(n, x.type);
  if (grid.type != x.type)
    throw parse_error(message("zero points of ", type_name(grid.type), " for codes of ", type_name(x.type)));
  x.node = n.add("steps", affine({1}, {-static_cast<float>(grid.zero_point)}), {x.node});
  x.type = OnnxType::float32;
  n.apply(std::move(x), affine({grid.scale}, {0}));
}

/// Scales, zero points and axis of constant codes of the given type.
inline OnnxCodes read_constant_codes(const OnnxNode& n, const KnownTensor& tensor, OnnxType type) {
  OnnxCodes codes{tensor, type, read_scales(n, 1, true), {}, n.integer("axis", 1), false};
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
  if (several == 1)
    codes.axis = 0;
  else if (codes.axis < 0 || codes.axis >= rank ||
           tensor.dims[static_cast<std::size_t>(codes.axis)] != static_cast<std::int64_t>(several))
    throw shape_error(message(several, " scales along axis ", codes.axis, " do not fit the codes"));
  return codes;
}

/// A node that computes nothing, where codes are made of x or read.
inline NodeId mark_grid(const OnnxNode& n, OnnxActivation x, OnnxType type, std::unordered_map<NodeId, OnnxGrid>& grids,
                        const OnnxGrid& grid) {
  x.node = n.add(Clip{}, {x.node});
  x.type = type;
  grids[x.node] = grid;
  n.define(x);
  return x.node;
}

inline void read_quantize(const OnnxNode& n) {
  require_plain_quantization(n);
  n.require_inputs(2, 3);
  const OnnxType type = code_type(n);
  if (n.is_known(0)) {
    if (!is_code_type(type) && !is_wide_type(type)) throw unsupported_error(message("constant codes of ", type_name(type)));
    return n.define(read_constant_codes(n, n.known(0), type));
  }
  if (is_wide_type(type)) return read_wide_quantize(n, type);
  const OnnxGrid grid = read_grid(n, type);
  mark_grid(n, n.real(0), type, n.import.quantization.quantize, grid);
}

/// Constant codes as what reads them takes them: codes, or, of 16 bits, the reals that they stand for.
inline void define_dequantized(const OnnxNode& n, OnnxCodes codes) {
  codes.real = true;
  if (!is_wide_type(codes.type)) return n.define(std::move(codes));
  n.define(n.known_reals(codes));
}

inline void read_dequantize(const OnnxNode& n) {
  require_plain_quantization(n);
  n.require_inputs(2, 3);
  if (const std::int64_t to = n.integer("output_dtype", 0); to != 0 && !is_real(onnx_type(static_cast<std::int32_t>(to))))
    throw parse_error(message("output_dtype is ", to));
  if (n.is_known(0)) {
    OnnxCodes codes = read_constant_codes(n, n.known(0), n.known(0).type);
    // Codes of 4 bits are codes of 8.
    const auto fits = [&](OnnxType small, OnnxType held, std::int32_t shift) {
      if (codes.type != small) return;
      codes.type = codes.tensor.type = held;
      for (std::int32_t& z : codes.zero_point) z -= shift;
    };
    fits(OnnxType::int4, OnnxType::int8, 0);
    fits(OnnxType::uint4, OnnxType::uint8, 128);
    return define_dequantized(n, std::move(codes));
  }
  if (n.is_codes(0)) {
    const OnnxCodes quantized = std::get<OnnxCodes>(n.value(0));
    if (quantized.real) throw unsupported_error("reads reals");
    OnnxCodes codes = read_constant_codes(n, quantized.tensor, quantized.type);
    // By other numbers than they were quantized by: they have to be codes first.
    if (codes.scale != quantized.scale || codes.zero_point != quantized.zero_point || codes.axis != quantized.axis)
      codes.tensor = n.codes_as_integers(quantized);
    return define_dequantized(n, std::move(codes));
  }
  if (const OnnxWideCodes* codes = n.wide_codes(0)) return read_wide_dequantize(n, *codes);
  if (n.dynamic(0) != nullptr) return n.define(dynamic_codes(n, 0, 1, 2).real);
  const OnnxActivation x = n.activation(0);
  if (is_wide_type(x.type)) return read_wide_input(n, x);
  OnnxGrid grid = read_grid(n, x.type);
  if (!is_code_type(x.type) || grid.is_signed != (x.type == OnnxType::int8))
    throw unsupported_error(message("reads ", type_name(x.type), ", which are no codes of its type"));
  mark_grid(n, x, OnnxType::float32, n.import.quantization.dequantize, grid);
}

/// Nodes that stand for one of the file's; their values are named after its output.
class OnnxExpansion {
 public:
  explicit OnnxExpansion(const OnnxNode& n) : n_(n) {}

  /// scale * (input i - zero_point); inputs are named by their numbers. Scale 1 where `scale` is -1.
  std::string real(int i, int scale, int zero_point, std::int64_t axis = 0) {
    auto made = make("DequantizeLinear", message("in", i), {input(i), scale < 0 ? one() : input(scale), optional(zero_point)});
    OnnxWriter::attribute(made, "axis", axis);
    read_dequantize({n_.import, made});
    return made.output(0);
  }
  /// The same in float: of what is quantized anew for each input, or of constant codes.
  std::string floats(int i, int scale, int zero_point, std::int64_t axis = 0) {
    if (n_.dynamic(i) != nullptr) {
      const std::string name = fresh(message("in", i));
      n_.import.define(name, dynamic_codes(n_, i, scale, zero_point).real);
      return name;
    }
    const std::string name = real(i, scale, zero_point, axis);
    if (const auto* codes = std::get_if<OnnxCodes>(n_.import.find(name))) n_.import.define(name, n_.known_reals(*codes));
    return name;
  }
  /// Input i as int32 biases on the accumulator's grid; nothing where it is left out.
  std::string bias(int i) {
    if (!n_.has(i)) return "";
    const KnownTensor& tensor = n_.known(i);
    if (tensor.type != OnnxType::int32)
      throw unsupported_error(message("the bias is of ", type_name(tensor.type), ", expected int32"));
    const std::string name = fresh("bias");
    n_.import.define(name, OnnxCodes{tensor, tensor.type, {}, {0}, 0, true});
    return name;
  }
  /// A float operator and its reader, with the file's attributes but those named.
  std::string apply(const char* op, OnnxReader reader, const std::vector<std::string>& inputs,
                    std::initializer_list<std::string_view> without = {}) {
    auto made = make(op, "y", inputs);
    made.set_name(n_.name());
    for (const auto& a : n_.proto.attribute())
      if (std::find(without.begin(), without.end(), a.name()) == without.end()) *made.add_attribute() = a;
    reader({n_.import, made});
    return made.output(0);
  }
  /// Gives the file's node the value of a float one: its codes, or itself where there is no scale.
  void finish(const std::string& y, int scale, int zero_point) {
    if (!n_.has(scale)) return n_.define(*n_.import.find(y));
    if (!n_.has(zero_point)) throw unsupported_error("leaves out the output's zero point, which tells the codes' type");
    auto made = make("QuantizeLinear", "quantize", {y, input(scale), input(zero_point)});
    made.set_output(0, n_.proto.output(0));
    read_quantize({n_.import, made});
  }
  /// The same of sums in int32.
  void finish_sums(const std::string& y) {
    OnnxActivation sums = std::get<OnnxActivation>(*n_.import.find(y));
    sums.type = OnnxType::int32;
    n_.define(std::move(sums));
  }

 private:
  const std::string& input(int i) const {
    static_cast<void>(n_.value(i));
    return n_.proto.input(i);
  }
  std::string optional(int i) const { return n_.has(i) ? n_.proto.input(i) : ""; }
  std::string fresh(const std::string& what) const {
    std::string name = message(n_.proto.output(0), '\n', what);
    n_.import.charge_name(name);
    return name;
  }
  std::string one() {
    const std::string name = fresh("one");
    n_.import.define(name, KnownTensor{OnnxType::float32, {}, std::make_shared<const KnownNumbers>(std::vector<float>{1})});
    return name;
  }
  ::onnx::NodeProto make(const char* op, const std::string& what, const std::vector<std::string>& inputs) const {
    ::onnx::NodeProto made;
    made.set_op_type(op);
    made.set_name(n_.name() + "/" + what);
    for (const std::string& i : inputs) made.add_input(i);
    while (made.input_size() > 0 && made.input(made.input_size() - 1).empty()) made.mutable_input()->RemoveLast();
    made.add_output(fresh(what));
    return made;
  }

  const OnnxNode& n_;
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
/// Sums of products in int32 are reals of scale 1; of what is quantized anew for each input they are reals up to its scale.
inline void read_integer_products(const OnnxNode& n, const char* op, OnnxReader reader, std::int64_t axis) {
  n.require_inputs(2, 4);
  OnnxExpansion e(n);
  if (n.dynamic(0) == nullptr && n.dynamic(1) == nullptr)
    return e.finish_sums(e.apply(op, reader, {e.real(0, -1, 2), e.real(1, -1, 3, axis)}));
  const std::string y = e.apply(op, reader, {e.floats(0, -1, 2), e.floats(1, -1, 3, axis)});
  std::vector<std::size_t> quantizers;
  for (const int i : {0, 1})
    if (n.dynamic(i) != nullptr) quantizers.push_back(n.dynamic(i)->quantizers[0]);
  std::sort(quantizers.begin(), quantizers.end());
  n.define(OnnxDynamic{OnnxDynamic::Kind::products, quantizers, std::get<OnnxActivation>(*n.import.find(y)), {}});
}
inline void read_conv_integer(const OnnxNode& n) { read_integer_products(n, "Conv", read_conv, 0); }
inline void read_matmul_integer(const OnnxNode& n) { read_integer_products(n, "MatMul", read_matmul, 1); }
/// ONNX Runtime's fused forms. The last input is a bias, perhaps.
inline void finish_fused(const OnnxNode& n, OnnxExpansion& e, const std::string& product, int bias) {
  n.define(*n.import.find(n.has(bias) ? e.apply("Add", read_binary<OnnxBinary::add>, {product, n.proto.input(bias)}) : product));
}
/// a as floats, b, its scale and zero point: a is quantized anew for each input.
inline void read_dynamic_quantize_matmul(const OnnxNode& n) {
  n.require_inputs(3, 5);
  note_dynamic_quantization(n.import);
  OnnxExpansion e(n);
  finish_fused(n, e, e.apply("MatMul", read_matmul, {n.proto.input(0), e.floats(1, 2, 3, 1)}), 4);
}
/// a, b, the scales of both, the zero points of both.
inline void read_matmul_integer_to_float(const OnnxNode& n) {
  n.require_inputs(4, 7);
  OnnxExpansion e(n);
  const std::string a = n.dynamic(0) != nullptr ? e.floats(0, 2, 4) : e.real(0, 2, 4),
                    b = n.dynamic(0) != nullptr ? e.floats(1, 3, 5, 1) : e.real(1, 3, 5, 1);
  finish_fused(n, e, e.apply("MatMul", read_matmul, {a, b}), 6);
}
/// a, its scale and zero point, b, its, and the output's.
template <OnnxReader reader>
void read_qlinear_binary(const OnnxNode& n) {
  n.require_inputs(7, 8);
  OnnxExpansion e(n);
  e.finish(e.apply(n.proto.op_type().c_str() + std::string_view("QLinear").size(), reader, {e.real(0, 1, 2), e.real(3, 4, 5)}), 6,
           7);
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

/// A function of one number.
template <OnnxReader reader>
void read_qlinear_function(const OnnxNode& n) {
  n.require_inputs(4, 5);
  OnnxExpansion e(n);
  const char* op = n.proto.op_type().c_str() + std::string_view("QLinear").size();
  e.finish(e.apply(op, reader, {e.real(0, 1, 2)}), 3, 4);
}

inline void subtract_integers(const OnnxNode& n) {
  n.require({});
  const auto refuse = [] {
    return unsupported_error("of integers is supported of two integer layers only, the second one of ones");
  };
  OnnxLayer* sum = sole_sums(n, 0);
  OnnxLayer* ones = sole_sums(n, 1);
  if (sum == nullptr || ones == nullptr || sum == ones || !sum->bias.empty() || !ones->bias.empty()) throw refuse();
  const OnnxActivation x = n.activation(0);
  const Node &a = n.import.network[x.node], &b = n.import.network[n.activation(1).node];
  const auto all_ones = [&](const auto& w) {
    for (const float v : w)
      for (const std::int32_t z : ones->zero_point)
        if (v - static_cast<float>(z) != 1) return false;
    return true;
  };
  // The same codes read alike, each with its axes brought into the layer's order.
  const auto same_reading = [&](NodeId p, NodeId q) {
    const auto& reads = n.import.quantization.dequantize;
    const auto arranged_alike = [](const Node& one, const Node& other) {
      const auto *s = one.op.get_if<Transpose>(), *t = other.op.get_if<Transpose>();
      if (s != nullptr && t != nullptr) return s->order == t->order;
      return one.op.is<Reshape>() && other.op.is<Reshape>() && one.extent == other.extent;
    };
    while (p != q && arranged_alike(n.import.network[p], n.import.network[q])) {
      p = n.import.network[p].inputs[0];
      q = n.import.network[q].inputs[0];
    }
    const auto of_p = reads.find(p), of_q = reads.find(q);
    return p == q || (of_p != reads.end() && of_q != reads.end() && of_p->second == of_q->second &&
                      n.import.network[p].inputs == n.import.network[q].inputs);
  };
  bool fits = same_reading(a.inputs[0], b.inputs[0]) && sum->scale == std::vector<float>{1} && sum->zero_point.size() == 1 &&
              ones->zero_point.size() == 1 && a.extent.back() % b.extent.back() == 0;
  if (const auto* l = a.op.get_if<Conv2d>(), *r = b.op.get_if<Conv2d>(); l != nullptr && r != nullptr)
    fits = fits && l->window == r->window && l->groups == r->groups && l->weight.shape(1) == r->weight.shape(1) &&
           l->weight.shape(2) == r->weight.shape(2) &&
           (l->groups == 1 ? b.extent.back() == 1 : b.extent.back() == a.extent.back()) && all_ones(r->weight);
  else if (const auto* d = a.op.get_if<DepthwiseConv2d>(), *e = b.op.get_if<DepthwiseConv2d>(); d != nullptr && e != nullptr)
    fits = fits && d->window == e->window && d->weight.shape() == e->weight.shape() && all_ones(e->weight);
  else
    fits = false;
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
}

/// Quant of Brevitas and QONNX: scale * (clamp(round(x / scale) + zero_point, lowest, highest) - zero_point) with 2 to 16 bits,
/// or of constants up to 32.
inline void read_brevitas_quant(const OnnxNode& n) {
  n.require({"narrow", "rounding_mode", "signed"});
  n.require_inputs(4, 4);
  if (const std::string mode = n.text("rounding_mode", "ROUND"); mode != "ROUND")
    throw unsupported_error(message("rounding_mode '", mode, "'"));
  const bool is_signed = n.integer("signed", 1) != 0, narrow = n.integer("narrow", 0) != 0;
  const double bits = n.number(3), zero = n.number(2);
  if (bits != std::nearbyint(bits) || bits < 2 || bits > (n.is_known(0) ? 32 : 16))
    throw unsupported_error(message(bits, " bits"));
  if (zero != std::nearbyint(zero) || std::abs(zero) > 255) throw unsupported_error(message("zero point ", zero));
  const double span = std::exp2(bits), lo = is_signed ? -span / 2 + (narrow ? 1 : 0) : 0,
               hi = is_signed ? span / 2 - 1 : span - 1 - (narrow ? 1 : 0);
  const OnnxFloats scale = n.floats(1);
  for (const float s : scale.values)
    if (!(s > 0) || !std::isfinite(s)) throw parse_error(message("scale ", s, " is not positive and finite"));
  const OnnxType type = bits > 8 ? OnnxType::int32 : is_signed ? OnnxType::int8 : OnnxType::uint8;
  if (n.is_known(0)) {
    if (bits > 8 && (!is_signed || zero != 0)) throw unsupported_error(message(bits, " bits with a zero point, or unsigned"));
    const OnnxFloats x = n.floats(0);
    std::int64_t axis = 0;  // the one along which there are several scales, of a tensor of the same rank
    for (std::size_t i = 0; i < scale.dims.size(); ++i)
      if (scale.dims[i] != 1) axis = static_cast<std::int64_t>(i);
    const auto at = static_cast<std::size_t>(axis);
    if (scale.values.size() != 1 &&
        (scale.dims.size() != x.dims.size() || scale.dims[at] != static_cast<std::int64_t>(scale.values.size()) ||
         x.dims[at] != scale.dims[at]))
      throw unsupported_error(message(scale.values.size(), " scales along several axes"));
    std::size_t inner = 1;
    for (std::size_t i = at + 1; i < x.dims.size(); ++i) inner *= static_cast<std::size_t>(x.dims[i]);
    std::vector<std::int32_t> codes;
    for (std::size_t i = 0; i < x.values.size(); ++i) {
      const float s = scale.values[scale.values.size() == 1 ? 0 : i / inner % scale.values.size()];
      codes.push_back(static_cast<std::int32_t>(std::clamp(std::nearbyint(double(x.values[i] / s)) + zero, lo, hi)));
    }
    const auto zero_code = static_cast<std::int32_t>(zero) - (type == OnnxType::uint8 ? 128 : 0);
    return n.define(OnnxCodes{{type, x.dims, std::make_shared<const KnownNumbers>(std::move(codes))},
                              type,
                              {scale.values.begin(), scale.values.end()},
                              {zero_code},
                              axis,
                              true});
  }
  if (scale.values.size() != 1)
    throw unsupported_error(message("an activation with ", scale.values.size(), " scales; only weights may have several"));
  if (bits > 8)
    return n.define(fake_quantized(
        n, n.real(0),
        {scale.values[0], static_cast<std::int32_t>(zero), {static_cast<std::int32_t>(lo), static_cast<std::int32_t>(hi)}}));
  const OnnxGrid grid{scale.values[0], static_cast<std::int32_t>(zero), is_signed};
  OnnxActivation x = n.real(0);
  x.node = n.add("codes", Clip{}, {x.node});
  n.import.quantization.quantize[x.node] = grid;
  if (hi - lo < 255) x.node = n.add("clamped", Clip{static_cast<float>(lo), static_cast<float>(hi)}, {x.node});
  mark_grid(n, x, OnnxType::float32, n.import.quantization.dequantize, grid);
}

}  // namespace detail

/// Operators on codes, of ONNX, of ONNX Runtime and of Brevitas.
struct OnnxQuantized {};

template <>
struct OnnxRules<OnnxQuantized> {
  static void read(detail::OnnxReaders& readers) {
    for (const char* domain : {"", "com.microsoft"}) {
      readers.add("QuantizeLinear", detail::read_quantize, domain);
      readers.add("DequantizeLinear", detail::read_dequantize, domain);
    }
    for (const char* domain : {"onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general"})
      readers.add("Quant", detail::read_brevitas_quant, domain);
    readers.add("QLinearConv", detail::read_qlinear_conv);
    readers.add("QLinearMatMul", detail::read_qlinear_matmul);
    readers.add("ConvInteger", detail::read_conv_integer);
    readers.add("MatMulInteger", detail::read_matmul_integer);
    readers.add("QGemm", detail::read_qgemm, "com.microsoft");
    readers.add("DynamicQuantizeMatMul", detail::read_dynamic_quantize_matmul, "com.microsoft");
    readers.add("MatMulIntegerToFloat", detail::read_matmul_integer_to_float, "com.microsoft");
    readers.add("QLinearAdd", detail::read_qlinear_binary<detail::read_binary<detail::OnnxBinary::add>>, "com.microsoft");
    readers.add("QLinearMul", detail::read_qlinear_binary<detail::read_binary<detail::OnnxBinary::mul>>, "com.microsoft");
    readers.add("QLinearLeakyRelu", detail::read_qlinear_function<detail::read_leaky_relu>, "com.microsoft");
    readers.add("QLinearSigmoid", detail::read_qlinear_function<detail::read_function<Sigmoid>>, "com.microsoft");
    readers.add("QLinearConcat", detail::read_qlinear_concat, "com.microsoft");
    readers.add("QLinearAveragePool", detail::read_qlinear_average_pool, "com.microsoft");
    readers.add("QLinearGlobalAveragePool", detail::read_qlinear_global_average_pool, "com.microsoft");
  }
};

}  // namespace trimtab
