#pragma once
/// \file
/// ONNX operators on codes. QuantizeLinear and DequantizeLinear become nodes that compute nothing; the QLinear operators are taken
/// for what they mean, a float operator between those two.

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <trimtab/io/onnx_import_layer_codes.hpp>
#include <trimtab/io/onnx_import_layers.hpp>
#include <trimtab/io/onnx_import_state.hpp>
#include <trimtab/io/onnx_import_windows.hpp>
#include <utility>

namespace trimtab::detail {

/// Scales: finite and positive.
inline std::vector<float> import_scales(OnnxImport& import, const ::onnx::NodeProto& node, int i) {
  const ::onnx::TensorProto& tensor = import.constant(node, i);
  import.charge(node, tensor);
  std::vector<float> scale = read_floats(tensor).values;
  if (tensor.dims_size() > 1 || scale.empty())
    throw unsupported_error(message(describe(node), ": '", node.input(i), "' is neither one scale nor a row of them"));
  for (const float s : scale)
    if (!(s > 0) || !std::isfinite(s)) throw parse_error(message(describe(node), ": scale ", s, " is not positive and finite"));
  return scale;
}

/// Zero points and their type; 0 of type `fallback` where they are left out.
inline std::pair<std::vector<std::int32_t>, std::int32_t> import_zero_points(OnnxImport& import, const ::onnx::NodeProto& node, int i,
                                                                            std::int32_t fallback) {
  if (!OnnxImport::has_input(node, i)) return {{0}, fallback};
  const ::onnx::TensorProto& tensor = import.constant(node, i);
  import.charge(node, tensor);
  std::vector<std::int32_t> zero_point = read_codes(tensor);
  if (tensor.dims_size() > 1 || zero_point.empty())
    throw unsupported_error(message(describe(node), ": '", node.input(i), "' is neither one zero point nor a row of them"));
  return {std::move(zero_point), tensor.data_type()};
}

/// The grid in inputs 1 and 2 of an activation.
inline OnnxGrid import_grid(OnnxImport& import, const ::onnx::NodeProto& node) {
  const std::vector<float> scale = import_scales(import, node, 1);
  const auto [zero_point, type] = import_zero_points(import, node, 2, ::onnx::TensorProto::UINT8);
  if (scale.size() != 1 || zero_point.size() != 1)
    throw unsupported_error(message(describe(node), ": an activation with ", scale.size(), " scales; only weights may have several"));
  if (!is_code_type(type)) throw unsupported_error(message(describe(node), ": activations of ONNX type ", type, ", expected uint8 or int8"));
  return {scale[0], zero_point[0], type == ::onnx::TensorProto::INT8};
}

/// Scales, zero points and axis of constant codes of the given type.
inline OnnxCodes import_codes(OnnxImport& import, const ::onnx::NodeProto& node, const ::onnx::TensorProto& tensor, std::int32_t type) {
  OnnxCodes codes{&tensor, type, import_scales(import, node, 1), {}, integer_attribute(node, "axis", 1), false};
  auto [zero_point, zero_type] = import_zero_points(import, node, 2, type);
  if (zero_type != type)
    throw parse_error(message(describe(node), ": zero points of ONNX type ", zero_type, " for codes of type ", type));
  codes.zero_point = std::move(zero_point);
  if (type == ::onnx::TensorProto::UINT8)
    for (std::int32_t& z : codes.zero_point) z -= 128;
  if (codes.axis < 0) codes.axis += tensor.dims_size();
  const std::size_t several = std::max(codes.scale.size(), codes.zero_point.size());
  for (const std::size_t count : {codes.scale.size(), codes.zero_point.size()})
    if (count != 1 && count != several)
      throw shape_error(message(describe(node), ": ", codes.scale.size(), " scales with ", codes.zero_point.size(), " zero points"));
  if (several == 1) {
    codes.axis = 0;
  } else if (codes.axis < 0 || codes.axis >= tensor.dims_size() || tensor.dims(static_cast<int>(codes.axis)) != static_cast<std::int64_t>(several)) {
    throw shape_error(message(describe(node), ": ", several, " scales along axis ", codes.axis, " do not fit the codes"));
  }
  return codes;
}

inline void import_quantize(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"axis", "saturate"});
  OnnxImport::require_input_count(node, 2, 3);
  if (const auto* floats = std::get_if<OnnxConstant>(&import.value(node, 0))) {
    const auto type = import_zero_points(import, node, 2, ::onnx::TensorProto::UINT8).second;
    if (!is_code_type(type)) throw unsupported_error(message(describe(node), ": codes of ONNX type ", type));
    return import.define(node, import_codes(import, node, **floats, type));
  }
  const OnnxGrid grid = import_grid(import, node);
  const OnnxActivation x = import.activation(node, 0);
  import.define(node, x, Clip{});
  import.quantization.quantize[std::get<OnnxActivation>(import.values.at(node.output(0))).node] = grid;
}

inline void import_dequantize(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"axis"});
  OnnxImport::require_input_count(node, 2, 3);
  if (const auto* tensor = std::get_if<OnnxConstant>(&import.value(node, 0))) {
    OnnxCodes codes = import_codes(import, node, **tensor, (*tensor)->data_type());
    codes.real = true;
    return import.define(node, std::move(codes));
  }
  if (const auto* quantized = std::get_if<OnnxCodes>(&import.value(node, 0))) {
    OnnxCodes codes = import_codes(import, node, *quantized->tensor, quantized->type);
    if (quantized->real || codes.scale != quantized->scale || codes.zero_point != quantized->zero_point || codes.axis != quantized->axis)
      throw unsupported_error(message(describe(node), " reads constants by other numbers than they were quantized by"));
    codes.real = true;
    return import.define(node, std::move(codes));
  }
  OnnxGrid grid = import_grid(import, node);
  grid.sign_of_codes = !OnnxImport::has_input(node, 2);
  const OnnxActivation x = import.activation(node, 0);
  import.define(node, x, Clip{});
  import.quantization.dequantize[std::get<OnnxActivation>(import.values.at(node.output(0))).node] = grid;
}

/// Nodes that stand for one of the file's; their values are named after its output.
class OnnxExpansion {
 public:
  OnnxExpansion(OnnxImport& import, const ::onnx::NodeProto& node) : import_(import), node_(node) {}

  /// scale * (input i - zero_point); inputs are named by their numbers. Scale 1 where `scale` is -1.
  std::string real(int i, int scale, int zero_point, std::int64_t axis = 0) {
    auto made = make("DequantizeLinear", message("in", i), {input(i), scale < 0 ? one() : input(scale), optional(zero_point)});
    attribute(made, "axis", axis);
    import_dequantize(import_, made);
    return made.output(0);
  }
  /// Input i as int32 biases on the accumulator's grid; nothing where it is left out.
  std::string bias(int i) {
    if (!OnnxImport::has_input(node_, i)) return "";
    const ::onnx::TensorProto& tensor = import_.constant(node_, i);
    if (tensor.data_type() != ::onnx::TensorProto::INT32)
      throw unsupported_error(message(describe(node_), ": the bias is of ONNX type ", tensor.data_type(), ", expected int32"));
    const std::string name = fresh("bias");
    import_.values[name] = OnnxCodes{&tensor, tensor.data_type(), {}, {0}, 0, true};
    return name;
  }
  /// A float operator and its importer, with the file's attributes but those named.
  std::string apply(const char* op, void (*importer)(OnnxImport&, const ::onnx::NodeProto&), const std::vector<std::string>& inputs,
                    std::initializer_list<std::string_view> without = {}) {
    auto made = make(op, "y", inputs);
    made.set_name(node_.name().empty() ? node_.output(0) : node_.name());
    for (const auto& a : node_.attribute())
      if (std::find(without.begin(), without.end(), a.name()) == without.end()) *made.add_attribute() = a;
    importer(import_, made);
    return made.output(0);
  }
  /// Gives the file's node the value of a float one: its codes, or itself where there is no scale.
  void finish(const std::string& y, int scale, int zero_point) {
    if (!OnnxImport::has_input(node_, scale)) return import_.define(node_, import_.values.at(y));
    if (!OnnxImport::has_input(node_, zero_point))
      throw unsupported_error(message(describe(node_), " leaves out the output's zero point, which tells the codes' type"));
    auto made = make("QuantizeLinear", "quantize", {y, input(scale), input(zero_point)});
    made.set_output(0, node_.output(0));
    import_quantize(import_, made);
  }
  void finish(const std::string& y) { import_.define(node_, import_.values.at(y)); }

 private:
  const std::string& input(int i) const {
    import_.value(node_, i);
    return node_.input(i);
  }
  std::string optional(int i) const { return OnnxImport::has_input(node_, i) ? node_.input(i) : ""; }
  std::string fresh(const std::string& what) const {
    std::string name = message(node_.output(0), '\n', what);
    import_.charge_name(name);
    return name;
  }
  std::string one() {
    auto& tensor = import_.own_tensors.emplace_back();
    tensor.set_data_type(::onnx::TensorProto::FLOAT);
    tensor.add_float_data(1);
    const std::string name = fresh("one");
    import_.values[name] = &tensor;
    ++import_.numbers_left;
    return name;
  }
  ::onnx::NodeProto make(const char* op, const std::string& what, const std::vector<std::string>& inputs) const {
    ::onnx::NodeProto made;
    made.set_op_type(op);
    made.set_name((node_.name().empty() ? node_.output(0) : node_.name()) + "/" + what);
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

  OnnxImport& import_;
  const ::onnx::NodeProto& node_;
};

inline void import_qlinear_conv(OnnxImport& import, const ::onnx::NodeProto& node) {
  OnnxImport::require_input_count(node, 8, 9);
  OnnxExpansion e(import, node);
  e.finish(e.apply("Conv", import_conv, {e.real(0, 1, 2), e.real(3, 4, 5), e.bias(8)}), 6, 7);
}
inline void import_qlinear_matmul(OnnxImport& import, const ::onnx::NodeProto& node) {
  OnnxImport::require_input_count(node, 8, 8);
  OnnxExpansion e(import, node);
  e.finish(e.apply("MatMul", import_matmul, {e.real(0, 1, 2), e.real(3, 4, 5, 1)}), 6, 7);
}
inline void import_qgemm(OnnxImport& import, const ::onnx::NodeProto& node) {
  OnnxImport::require_input_count(node, 6, 9);
  OnnxExpansion e(import, node);
  const std::int64_t axis = integer_attribute(node, "transB", 0) != 0 ? 0 : 1;
  e.finish(e.apply("Gemm", import_gemm, {e.real(0, 1, 2), e.real(3, 4, 5, axis), e.bias(6)}), 7, 8);
}
/// Sums of products in int32 are reals of scale 1.
inline void import_conv_integer(OnnxImport& import, const ::onnx::NodeProto& node) {
  OnnxImport::require_input_count(node, 2, 4);
  OnnxExpansion e(import, node);
  e.finish(e.apply("Conv", import_conv, {e.real(0, -1, 2), e.real(1, -1, 3)}));
}
inline void import_matmul_integer(OnnxImport& import, const ::onnx::NodeProto& node) {
  OnnxImport::require_input_count(node, 2, 4);
  OnnxExpansion e(import, node);
  e.finish(e.apply("MatMul", import_matmul, {e.real(0, -1, 2), e.real(1, -1, 3, 1)}));
}
inline void import_qlinear_add(OnnxImport& import, const ::onnx::NodeProto& node) {
  OnnxImport::require_input_count(node, 7, 8);
  OnnxExpansion e(import, node);
  e.finish(e.apply("Add", import_add, {e.real(0, 1, 2), e.real(3, 4, 5)}), 6, 7);
}
inline void import_qlinear_concat(OnnxImport& import, const ::onnx::NodeProto& node) {
  if (node.input_size() < 5 || node.input_size() % 3 != 2)
    throw parse_error(message(describe(node), " has ", node.input_size(), " inputs"));
  OnnxExpansion e(import, node);
  std::vector<std::string> parts;
  for (int i = 2; i < node.input_size(); i += 3) parts.push_back(e.real(i, i + 1, i + 2));
  e.finish(e.apply("Concat", import_concat, parts), 0, 1);
}
inline void import_qlinear_global_average_pool(OnnxImport& import, const ::onnx::NodeProto& node) {
  OnnxImport::require_input_count(node, 5, 5);
  require_integer_attribute(node, "channels_last", 0);
  OnnxExpansion e(import, node);
  e.finish(e.apply("GlobalAveragePool", import_global_average_pool, {e.real(0, 1, 2)}, {"channels_last"}), 3, 4);
}
inline void import_qlinear_average_pool(OnnxImport& import, const ::onnx::NodeProto& node) {
  OnnxImport::require_input_count(node, 4, 5);
  require_integer_attribute(node, "channels_last", 0);
  OnnxExpansion e(import, node);
  e.finish(e.apply("AveragePool", import_average_pool, {e.real(0, 1, 2)}, {"channels_last"}), 3, 4);
}

/// Of the int32 sums of an integer layer to floats: the same number.
inline void import_cast(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"to", "saturate"});
  OnnxImport::require_input_count(node, 1, 1);
  require_integer_attribute(node, "to", ::onnx::TensorProto::FLOAT);
  import.define(node, import.activation(node, 0));
}

/// An integer layer times constants: its scales. Dequantized codes at scale 1 times one constant: codes dequantized at that scale.
inline void import_mul(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {});
  OnnxImport::require_input_count(node, 2, 2);
  const int variable = import.is_activation(node, 0) ? 0 : 1;
  if (import.is_activation(node, variable) && !import.is_activation(node, 1 - variable)) {
    OnnxActivation x = import.activation(node, variable);
    const auto found = import.quantization.dequantize.find(x.node);
    if (found != import.quantization.dequantize.end() && found->second.scale == 1) {
      OnnxGrid grid = found->second;
      const std::vector<float> factor = layer_constants<float>(import, node, 1 - variable, x);
      grid.scale = factor[0];
      if (factor.size() != 1 || !(grid.scale > 0) || !std::isfinite(grid.scale))
        throw unsupported_error(message(describe(node), " of codes by anything but one positive number"));
      x.node = import.network[x.node].inputs[0];
      import.define(node, x, Clip{});
      import.quantization.dequantize[std::get<OnnxActivation>(import.values.at(node.output(0))).node] = grid;
      return;
    }
  }
  OnnxLayer* layer = sole_sums(import, node, variable);
  if (layer == nullptr || import.is_activation(node, 1 - variable) || layer->scale != std::vector<float>{1})
    throw unsupported_error(message(describe(node), " is supported once, of a ConvInteger or MatMulInteger and constants"));
  const OnnxActivation x = import.activation(node, variable);
  const std::size_t outputs = import.extent(x).back();
  std::vector<float> factor = layer_constants<float>(import, node, 1 - variable, x);
  if (factor.size() != 1 && outputs != 1 && factor.size() != outputs)
    throw shape_error(message(describe(node), ": ", factor.size(), " factors for ", outputs, " outputs"));
  for (const float f : factor)
    if (!std::isfinite(f)) throw parse_error(message(describe(node), ": factor ", f));
  layer->scale = std::move(factor);
  import.define(node, x);
}

/// sum (x - z_x) w[o] - z[o] * sum (x - z_x), the second sum an integer layer of ones over the same input: zero points of the first one's
/// weights.
inline void import_sub(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {});
  OnnxImport::require_input_count(node, 2, 2);
  const auto refuse = [&] { return unsupported_error(message(describe(node), " is supported of two integer layers only, the second one of ones")); };
  OnnxLayer* sum = sole_sums(import, node, 0);
  OnnxLayer* ones = sole_sums(import, node, 1);
  if (sum == nullptr || ones == nullptr || sum == ones || !sum->bias.empty() || !ones->bias.empty()) throw refuse();
  const OnnxActivation x = import.activation(node, 0);
  const Node &a = import.network[x.node], &b = import.network[import.activation(node, 1).node];
  const auto all_ones = [&](const auto& w) {
    for (const float v : w)
      for (const std::int32_t z : ones->zero_point)
        if (v - static_cast<float>(z) != 1) return false;
    return true;
  };
  const auto same_reading = [&](NodeId p, NodeId q) {
    const auto& reads = import.quantization.dequantize;
    const auto of_p = reads.find(p), of_q = reads.find(q);
    return p == q || (of_p != reads.end() && of_q != reads.end() && of_p->second == of_q->second && import.network[p].inputs == import.network[q].inputs);
  };
  bool fits = same_reading(a.inputs[0], b.inputs[0]) && sum->scale == std::vector<float>{1} && sum->zero_point.size() == 1 &&
              ones->zero_point.size() == 1 && a.extent.back() % b.extent.back() == 0;
  if (const auto *l = a.op.get_if<Conv2d>(), *r = b.op.get_if<Conv2d>(); l != nullptr && r != nullptr)
    fits = fits && l->window == r->window && l->groups == r->groups && l->weight.shape(1) == r->weight.shape(1) && l->weight.shape(2) == r->weight.shape(2) &&
           (l->groups == 1 ? b.extent.back() == 1 : b.extent.back() == a.extent.back()) && all_ones(r->weight);
  else if (const auto *d = a.op.get_if<DepthwiseConv2d>(), *e = b.op.get_if<DepthwiseConv2d>(); d != nullptr && e != nullptr)
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
  import.define(node, x);
}

}  // namespace trimtab::detail
