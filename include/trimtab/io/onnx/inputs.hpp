#pragma once
/// \file
/// Graph inputs as Input nodes: their extents, and in which order of axes the network holds them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <trimtab/io/onnx/import.hpp>
#include <trimtab/io/onnx/input_sizes.hpp>
#include <trimtab/net/operators/input.hpp>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace trimtab::detail {

/// The nodes that read a value as soon as its axes matter: behind those that go element by element.
inline std::vector<const ::onnx::NodeProto*> structural_readers(const ::onnx::GraphProto& graph, const std::string& value) {
  static const std::unordered_set<std::string> elementwise{
      "Add", "Cast", "Clip",           "DequantizeLinear", "Div",  "Dropout", "Identity", "Max",  "Min",  "Mul",
      "Neg", "Pow",  "QuantizeLinear", "Sigmoid",          "Relu", "Sub",     "Tanh",     "Sqrt", "Scale"};
  std::unordered_set<std::string_view> seen{value};
  std::vector<const ::onnx::NodeProto*> found;
  for (const auto& node : graph.node()) {
    bool reads = false;
    for (const std::string& input : node.input()) reads = reads || seen.count(input) != 0;
    if (!reads) continue;
    if (elementwise.count(node.op_type()) != 0)
      seen.insert(node.output().begin(), node.output().end());
    else
      found.push_back(&node);
  }
  return found;
}

/// Axis order[j] of the file is axis j of the Input node. N C H W is held as N H W C; what is N H W C already stays as it is: it
/// goes into a Transpose to N C H W, or, with one channel, into a Reshape that comes to the same. N C L goes as N L C into what
/// takes it for that. Everything else is held as in the file.
inline std::vector<std::size_t> input_order(const ::onnx::GraphProto& graph, const ::onnx::ValueInfoProto& input,
                                            const BatchDims& dims) {
  using Integers = std::vector<std::int64_t>;
  const auto is_one_channel = [&](const ::onnx::NodeProto& node) {
    if (node.op_type() != "Reshape" || node.input_size() != 2 || dims[3] != BatchInteger{1, 0}) return false;
    for (const auto& tensor : graph.initializer()) {
      if (tensor.name() != node.input(1) || tensor.data_type() != ::onnx::TensorProto::INT64) continue;
      ExternalData nothing;
      const KnownTensor shape = read_known(tensor, nothing);
      if (shape.count() != 4) return false;
      const Integers wanted = known_integers(shape);
      return wanted[1] == 1 && BatchInteger{wanted[2], 0} == dims[1] && BatchInteger{wanted[3], 0} == dims[2];
    }
    return false;
  };
  static const std::unordered_set<std::string> channels_second{
      "AveragePool",   "BatchNormalization",    "Conv",    "ConvTranspose", "GlobalAveragePool",
      "GlobalMaxPool", "InstanceNormalization", "MaxPool", "ConvInteger",   "QLinearConv"};
  const std::vector<const ::onnx::NodeProto*> readers = structural_readers(graph, input.name());
  if (dims.size() == 4) {
    for (const auto* node : readers)
      if ((node->op_type() == "Transpose" && integers_attribute(*node, "perm") == Integers{0, 3, 1, 2}) || is_one_channel(*node))
        return {0, 1, 2, 3};
    return {0, 2, 3, 1};
  }
  if (dims.size() == 3)
    for (const auto* node : readers)
      if (channels_second.count(node->op_type()) != 0) return {0, 2, 1};
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < dims.size(); ++i) order.push_back(i);
  return order;
}

/// Appends an Input node. All inputs have one batch, their first axis: the number that the file or the user sets, or any.
inline OnnxActivation import_input(OnnxImport& import, const ::onnx::GraphProto& graph, const ::onnx::ValueInfoProto& input,
                                   const OnnxInputSizes& sizes, std::optional<std::int64_t> picture_size, bool first) {
  if (!input.type().has_tensor_type()) throw unsupported_error(message("input '", input.name(), "' is no tensor"));
  const OnnxType type = onnx_type(input.type().tensor_type().elem_type());
  if (is_boolean(type)) throw unsupported_error(message("input '", input.name(), "' is of bool"));
  BatchDims dims = input_extents(input, sizes, picture_size, "--input-shape", import.notes);
  if (dims.empty()) throw unsupported_error(message("input '", input.name(), "' is a scalar; the first axis is the batch"));
  if (const auto given = sizes.find(input.name()); given != sizes.end() && dims[0] == batch_extent)
    dims[0] = {given->second[0], 0};
  if (first) import.batch = dims[0];
  if (dims[0] != import.batch)
    throw unsupported_error(
        message("input '", input.name(), "' has a first axis of ", dims[0], ", the inputs before it ", import.batch));
  const std::vector<std::size_t> order = input_order(graph, input, dims);
  Extents extent;
  for (std::size_t j = 1; j < order.size(); ++j)
    extent.push_back(static_cast<std::size_t>(known_as<std::int64_t>(dims[order[j]])));
  const NodeId id = import.add(input.name(), Input{extent}, {});
  if (is_code_type(type)) import.quantization.code_inputs[id] = type == OnnxType::int8;
  return {id, axes_in_order(order), type};
}

}  // namespace trimtab::detail
