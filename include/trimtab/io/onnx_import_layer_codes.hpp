#pragma once
/// \file
/// Layers whose weights are codes in an ONNX file: their scales, zero points and biases, and what integer operators after them add.

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <trimtab/io/onnx_import_state.hpp>

namespace trimtab::detail {

/// Output axis of the weights of a Conv, Gemm or MatMul.
inline std::int64_t output_axis(const ::onnx::NodeProto& node) {
  return node.op_type() == "Conv" || (node.op_type() == "Gemm" && integer_attribute(node, "transB", 0) != 0) ? 0 : 1;
}

/// After a Conv, Gemm or MatMul has become a layer: takes the numbers of its codes.
inline void record_layer(OnnxImport& import, const ::onnx::NodeProto& node) {
  if (!import.is_codes(node, 1)) {
    if (import.is_codes(node, 2)) throw unsupported_error(message(describe(node), " has a bias of codes and weights of floats"));
    return;
  }
  const OnnxCodes codes = std::get<OnnxCodes>(import.value(node, 1));
  const NodeId id = std::get<OnnxActivation>(import.values.at(node.output(0))).node;
  const WeightedLayer& made = *import.network[id].op->weighted();
  const std::size_t outputs = made.output_channels();
  for (const std::size_t count : {codes.scale.size(), codes.zero_point.size()})
    if (count != 1 && (count != outputs || codes.axis != output_axis(node)))
      throw unsupported_error(message(describe(node), ": weights have ", count, " scales or zero points along axis ", codes.axis, " for ", outputs, " outputs"));
  OnnxLayer layer{codes.scale, codes.zero_point, {}, {}};
  if (import.is_codes(node, 2)) {
    const OnnxCodes& bias = std::get<OnnxCodes>(import.value(node, 2));
    import.charge(node, *bias.tensor);
    layer.bias = read_codes(*bias.tensor);
    layer.bias_scale = bias.scale;
    if (bias.type != ::onnx::TensorProto::INT32 || bias.zero_point != std::vector<std::int32_t>{0})
      throw unsupported_error(message(describe(node), ": the bias is not of int32 codes without zero point"));
    if (layer.bias.size() != outputs || (layer.bias_scale.size() > 1 && layer.bias_scale.size() != outputs))
      throw shape_error(message(describe(node), ": ", layer.bias.size(), " biases of ", layer.bias_scale.size(), " scales for ", outputs, " outputs"));
  }
  import.quantization.layers[id] = std::move(layer);
}

/// The sums of ConvInteger or MatMulInteger that input i alone reads, or null: only those may be changed in place. They are a layer of codes
/// without real biases.
inline OnnxLayer* sole_sums(OnnxImport& import, const ::onnx::NodeProto& node, int i) {
  if (!import.is_activation(node, i) || import.sole_producer(node, i) == nullptr) return nullptr;
  const NodeId id = import.any_activation(node, i).node;
  const auto found = import.quantization.layers.find(id);
  const WeightedLayer* made = import.network[id].op->weighted();
  const bool real_bias = made != nullptr && !made->bias().empty();
  if (found == import.quantization.layers.end() || real_bias || !found->second.bias_scale.empty()) return nullptr;
  return &found->second;
}

/// Input i, constant floats or int32 numbers: one, or one for each channel of x along the axis the file has them on.
template <class Number>
std::vector<Number> layer_constants(OnnxImport& import, const ::onnx::NodeProto& node, int i, const OnnxActivation& x) {
  const ::onnx::TensorProto& tensor = import.constant(node, i);
  const std::int64_t rank = is_flat(x.axes) ? 2 : 4;
  for (int k = 0; k < tensor.dims_size(); ++k)
    if (tensor.dims(k) != 1 && rank - tensor.dims_size() + k != 1)
      throw unsupported_error(message(describe(node), ": '", node.input(i), "' is not one number a channel"));
  if (tensor.dims_size() > rank || declared_count(tensor) == 0)
    throw unsupported_error(message(describe(node), ": '", node.input(i), "' is not one number a channel"));
  import.charge(node, tensor);
  if constexpr (std::is_same_v<Number, float>) {
    std::vector<float> values = tensor.data_type() == ::onnx::TensorProto::INT32 ? std::vector<float>{} : read_floats(tensor).values;
    if (values.empty())
      for (const std::int32_t v : read_codes(tensor)) values.push_back(static_cast<float>(v));
    return values;
  } else {
    return read_codes(tensor);
  }
}

/// The sum of int32 constants and an integer layer (ConvInteger or MatMulInteger) is that layer with a bias. False where it is none.
inline bool add_code_bias(OnnxImport& import, const ::onnx::NodeProto& node, int variable, int constant) {
  const auto* tensor = std::get_if<OnnxConstant>(&import.value(node, constant));
  OnnxLayer* layer = sole_sums(import, node, variable);
  if (tensor == nullptr || (*tensor)->data_type() != ::onnx::TensorProto::INT32 || layer == nullptr) return false;
  const OnnxActivation x = import.activation(node, variable);
  std::vector<std::int32_t> bias = layer_constants<std::int32_t>(import, node, constant, x);
  const std::size_t outputs = import.extent(x).back();
  if (!layer->bias.empty() || layer->scale != std::vector<float>{1} || (bias.size() != 1 && bias.size() != outputs))
    throw unsupported_error(message(describe(node), " of integers is supported once, right after ConvInteger or MatMulInteger"));
  bias.resize(outputs, bias[0]);
  layer->bias = std::move(bias);
  import.define(node, x);
  return true;
}

}  // namespace trimtab::detail
