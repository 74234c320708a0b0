#pragma once
/// \file
/// Reads a float network from an ONNX file.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <trimtab/io/onnx_import_layers.hpp>
#include <trimtab/io/onnx_import_quantized.hpp>
#include <trimtab/io/onnx_import_shapes.hpp>
#include <trimtab/io/onnx_import_state.hpp>
#include <trimtab/io/onnx_import_windows.hpp>
#include <trimtab/io/onnx/schema.hpp>
#include <trimtab/net/graph/network.hpp>
#include <vector>

namespace trimtab {

/// What an ONNX file holds.
struct OnnxModel {
  Network network;                              ///< in N H W C
  std::map<std::string, std::string> metadata;  ///< metadata_props
  std::vector<std::string> notes;               ///< what was left out, a sentence each
};

namespace detail {

inline void import_node(OnnxImport& import, const ::onnx::NodeProto& node) {
  using Importer = void (*)(OnnxImport&, const ::onnx::NodeProto&);
  static const std::unordered_map<std::string, Importer> microsoft{
      {"QGemm", import_qgemm},
      {"QLinearAdd", import_qlinear_add},
      {"QLinearAveragePool", import_qlinear_average_pool},
      {"QLinearConcat", import_qlinear_concat},
      {"QLinearGlobalAveragePool", import_qlinear_global_average_pool},
  };
  static const std::unordered_map<std::string, Importer> importers{
      {"Add", import_add},
      {"AveragePool", import_average_pool},
      {"BatchNormalization", import_batch_norm},
      {"Cast", import_cast},
      {"Clip", import_clip},
      {"Concat", import_concat},
      {"Constant", import_constant},
      {"Conv", import_conv},
      {"ConvInteger", import_conv_integer},
      {"DequantizeLinear", import_dequantize},
      {"Dropout", import_identity},
      {"Flatten", import_flatten},
      {"Gather", import_gather},
      {"Gemm", import_gemm},
      {"GlobalAveragePool", import_global_average_pool},
      {"Identity", import_identity},
      {"LogSoftmax", import_softmax},
      {"MatMul", import_matmul},
      {"MatMulInteger", import_matmul_integer},
      {"MaxPool", import_max_pool},
      {"Mul", import_mul},
      {"Pad", import_pad},
      {"QLinearConv", import_qlinear_conv},
      {"QLinearMatMul", import_qlinear_matmul},
      {"QuantizeLinear", import_quantize},
      {"ReduceMean", import_reduce_mean},
      {"Relu", import_relu},
      {"Reshape", import_reshape},
      {"Shape", import_shape},
      {"Softmax", import_softmax},
      {"Squeeze", import_squeeze},
      {"Sub", import_sub},
      {"Transpose", import_transpose},
      {"Unsqueeze", import_unsqueeze},
  };
  const bool standard = node.domain().empty() || node.domain() == "ai.onnx";
  const auto& known = standard ? importers : microsoft;
  const auto found = known.find(node.op_type());
  if (found == known.end() || (!standard && node.domain() != "com.microsoft"))
    throw unsupported_error(
        message(describe(node), ": this operator is not supported", node.domain().empty() ? "" : ", domain ", node.domain()));
  if (!standard && !import.imports_microsoft)
    throw parse_error(message(describe(node), ": the model does not import the domain ", node.domain()));
  found->second(import, node);
}

/// The version of ONNX's own operators that the file asks for.
inline std::int64_t opset_of(const ::onnx::ModelProto& model) {
  std::int64_t version = 0;
  for (const auto& opset : model.opset_import())
    if (opset.domain().empty() || opset.domain() == "ai.onnx") version = opset.version();
  if (version < 7 || version > 21) throw unsupported_error(message("opset ", version, " is not supported, only 7 to 21"));
  return version;
}

/// The one graph input that is no initializer becomes the Input node.
inline void import_input(OnnxImport& import, const ::onnx::GraphProto& graph) {
  std::unordered_set<std::string> initializers;
  for (const auto& tensor : graph.initializer()) initializers.insert(tensor.name());
  const ::onnx::ValueInfoProto* input = nullptr;
  for (const auto& candidate : graph.input()) {
    if (initializers.count(candidate.name()) != 0) continue;
    if (input != nullptr) throw unsupported_error(message("two inputs, '", input->name(), "' and '", candidate.name(), "'"));
    input = &candidate;
  }
  if (input == nullptr) throw unsupported_error("no graph input");
  const auto& type = input->type().tensor_type();
  const int rank = type.shape().dim_size();
  if (type.elem_type() != ::onnx::TensorProto::FLOAT && !is_code_type(type.elem_type()))
    throw unsupported_error(message("input '", input->name(), "' is of ONNX type ", type.elem_type(), ", expected float, uint8 or int8"));
  if (rank != 4 && rank != 2)
    throw unsupported_error(message("input '", input->name(), "' has rank ", rank, ", expected N C H W or N C"));
  std::size_t extent[4] = {};
  for (int i = 1; i < rank; ++i) {
    const std::int64_t length = type.shape().dim(i).dim_value();
    if (length < 1 || length > (1 << 24))
      throw unsupported_error(message("input '", input->name(), "': axis ", i, " has no fixed length in 1 to 2^24"));
    extent[i] = static_cast<std::size_t>(length);
  }
  const std::int64_t batch = type.shape().dim(0).dim_value();
  import.declared_batch = batch > 0 ? batch : 0;
  // An input that goes straight into a transpose to N C H W is N H W C.
  OnnxAxes axes = OnnxAxes::nchw;
  for (const auto& node : graph.node())
    if (node.op_type() == "Transpose" && node.input_size() == 1 && node.input(0) == input->name() &&
        integers_attribute(node, "perm") == std::vector<std::int64_t>{0, 3, 1, 2})
      axes = OnnxAxes::nhwc;
  Extents hwc = axes == OnnxAxes::nhwc ? Extents{extent[1], extent[2], extent[3]} : Extents{extent[2], extent[3], extent[1]};
  if (rank == 2) axes = OnnxAxes::flat_hwc, hwc = Extents{extent[1]};
  OnnxActivation x{import.add(input->name(), Input{hwc}, {}), axes, {}, false, {}};
  // Codes at the entrance are reals of scale 1, quantized.
  if (is_code_type(type.elem_type())) {
    x.node = import.add(input->name() + "/codes", Clip{}, {x.node});
    import.quantization.quantize[x.node] = {1, 0, type.elem_type() == ::onnx::TensorProto::INT8};
  }
  import.values[input->name()] = x;
}

/// The network of a file, and what it says of codes.
inline OnnxModel import_model(const ::onnx::ModelProto& model, std::size_t file_size, OnnxQuantization& quantization) {
  const ::onnx::GraphProto& graph = model.graph();
  if (!model.has_graph() || graph.node_size() == 0) throw parse_error("no graph, or one without nodes");
  if (graph.sparse_initializer_size() != 0) throw unsupported_error("sparse initializers are not supported");
  if (graph.output_size() != 1) throw unsupported_error(message("the graph has ", graph.output_size(), " outputs, expected 1"));
  OnnxImport import;
  import.opset = opset_of(model);
  for (const auto& opset : model.opset_import()) import.imports_microsoft |= opset.domain() == "com.microsoft";
  import.use = analyse_graph(graph);
  import.numbers_left = file_size;
  import.letters_left = 16 * file_size;
  for (const auto& tensor : graph.initializer()) import.values[tensor.name()] = &tensor;
  import_input(import, graph);
  for (int i = 0; i < graph.node_size(); ++i) {
    if (import.use.needed[static_cast<std::size_t>(i)])
      import_node(import, graph.node(i));
    else
      import.notes.push_back(message(describe(graph.node(i)), " is left out: the output does not depend on it"));
  }
  const auto* output = std::get_if<OnnxActivation>(&import.values.at(graph.output(0).name()));
  if (output == nullptr || output->padding != Padding{})
    throw unsupported_error(message("graph output '", graph.output(0).name(), "' is a constant, or ends with Pad"));
  ::onnx::NodeProto end;
  end.set_op_type("graph output");
  end.set_name(graph.output(0).name());
  OnnxModel result;
  const NodeId id = is_flat(output->axes) ? import.ordered_flat_node(end, *output) : output->node;
  import.network.set_output(id);
  result.network = std::move(import.network);
  for (const auto& entry : model.metadata_props()) result.metadata[entry.key()] = entry.value();
  result.notes = std::move(import.notes);
  quantization = std::move(import.quantization);
  return result;
}

/// Parses the bytes of a file and hands body the message; exceptions name the file.
template <class Body>
auto parse_model(std::string_view bytes, const std::string& name, const Body& body) {
  const auto where = [&](const std::exception& e) { return message("read_onnx: ", name, ": ", e.what()); };
  try {
    if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
      throw unsupported_error("beyond 2 GiB, the most that protobuf reads");
    const QuietProtobuf quiet;
    ::onnx::ModelProto model;
    if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
      throw parse_error("this is no ONNX file, or it is cut off");
    return body(model);
  } catch (const parse_error& e) {
    throw parse_error(where(e));
  } catch (const shape_error& e) {
    throw shape_error(where(e));
  } catch (const unsupported_error& e) {
    throw unsupported_error(where(e));
  }
}

/// The bytes of a file of up to 2 GiB.
inline std::string read_model_bytes(const std::filesystem::path& path) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed)) throw io_error(message("read_onnx: no file ", path.string()));
  const std::uintmax_t size = std::filesystem::file_size(path, failed);
  if (failed) throw io_error(message("read_onnx: ", path.string(), ": ", failed.message()));
  if (size > static_cast<std::uintmax_t>(std::numeric_limits<int>::max()))
    throw unsupported_error(message("read_onnx: ", path.string(), " is beyond 2 GiB, the most that protobuf reads"));
  std::string bytes(static_cast<std::size_t>(size), '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
    throw io_error(message("read_onnx: cannot read ", path.string()));
  return bytes;
}

}  // namespace detail

/// The network in the bytes of an ONNX file; `name` is what messages call it. See read_onnx.
inline OnnxModel parse_onnx(std::string_view bytes, const std::string& name = "model") {
  return detail::parse_model(bytes, name, [&](const ::onnx::ModelProto& model) {
    detail::OnnxQuantization quantization;
    OnnxModel result = detail::import_model(model, bytes.size(), quantization);
    if (!quantization.empty()) throw unsupported_error("this network is quantized; read_quantized_onnx reads it");
    return result;
  });
}

/// Reads a float network, opset 7 to 21 and any IR version, as exporters write classifiers: one float input N C H W (or
/// N H W C that is transposed at once, or N C) with fixed C, H and W, one output, weights inside the file as float, double or
/// float16. Layouts become NHWC here, once. Clips stay nodes of their own; `fuse_clips` of net/passes/fold.hpp joins them. A Flatten
/// stands right before its first reader.
///
/// Operators: Conv, BatchNormalization, Relu, Clip, Add (a constant after a layer becomes its bias), Concat,
/// GlobalAveragePool, AveragePool, MaxPool, ReduceMean over H and W, Gemm, MatMul with constant weights, Pad with zeros before
/// a window, Dropout, Identity, Constant; Flatten, Reshape, Squeeze, Unsqueeze, Transpose and integers from Shape, Gather and
/// Concat as far as they flatten or have no effect; Softmax and LogSoftmax at the end, left out with a note.
///
/// Throws io_error when the file cannot be read; parse_error when it is malformed; unsupported_error for anything else than the
/// above, naming node and operator; shape_error when extents do not fit. Memory stays within a small multiple of the
/// file's size: protobuf holds it once, up to 100 bytes for each empty message in a hostile file.
inline OnnxModel read_onnx(const std::filesystem::path& path) { return parse_onnx(detail::read_model_bytes(path), path.string()); }

}  // namespace trimtab
