#pragma once
/// \file
/// ONNX operators on codes: taken for what they mean, a float operator between DequantizeLinear and QuantizeLinear.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <trimtab/io/onnx/concat.hpp>
#include <trimtab/io/onnx/conv.hpp>
#include <trimtab/io/onnx/linear.hpp>
#include <trimtab/io/onnx/pools.hpp>
#include <trimtab/io/onnx/quantize_linear.hpp>
#include <trimtab/io/onnx/unary.hpp>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

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
  add_dynamic_quantizer(n.import);
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

}  // namespace detail

/// Operators on codes, of ONNX and of ONNX Runtime.
struct OnnxQuantized {};

template <>
struct OnnxRules<OnnxQuantized> {
  static void read(detail::OnnxReaders& readers) {
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
