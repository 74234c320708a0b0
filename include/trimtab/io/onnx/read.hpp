#pragma once
/// \file
/// Reads a float network from an ONNX file.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <trimtab/io/onnx/input_sizes.hpp>
#include <trimtab/io/onnx/layout.hpp>
#include <trimtab/net/graph/network.hpp>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>
#if TRIMTAB_FILES_HERE
#include <trimtab/io/onnx/checksum.hpp>
#include <trimtab/io/onnx/fold.hpp>
#include <trimtab/io/onnx/inputs.hpp>
#include <trimtab/io/onnx/operators.hpp>
#include <trimtab/io/onnx/schema.hpp>
#endif

namespace trimtab {

/// What the file leaves open, and where the network ends.
struct OnnxReadOptions {
  OnnxInputSizes input_sizes = {};  ///< extents of inputs by name; see parse_input_size
  /// Values, or nodes for their first output, that the network gives in place of the file's outputs.
  std::vector<std::string> cut = {};
  /// Height and width of pictures whose file leaves both open, where input_sizes has none; a note says so. Nothing: refused.
  std::optional<std::int64_t> picture_size = {};
};

/// An input or an output of the file.
struct OnnxPort {
  std::string name;                ///< in the file
  std::vector<std::size_t> order;  ///< axis i of the file's tensor is axis order[i] of the network's, the batch being 0
};

/// What an ONNX file holds.
struct OnnxModel {
  Network network;                              ///< pictures N H W C
  std::vector<OnnxPort> inputs, outputs;        ///< in the order of Network::inputs() and Network::outputs()
  std::map<std::string, std::string> metadata;  ///< metadata_props, but for the checksum, which has been checked
  std::vector<std::string> notes;               ///< what was left out or assumed, a sentence each
};

namespace detail {

/// y's axis j is x's axis order[j].
inline Array transposed(const Array& x, const std::vector<std::size_t>& order, const char* what) {
  std::vector<std::size_t> sorted = order, shape;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t k = 0; k < sorted.size(); ++k)
    if (sorted[k] != k) throw value_error(message(what, ": the order does not name each axis once"));
  if (x.dimension() != order.size())
    throw shape_error(message(what, ": an array of ", x.dimension(), " axes and an order of ", order.size()));
  Dims lengths, own;
  for (std::size_t k = 0; k < order.size(); ++k) own.push_back(static_cast<std::int64_t>(x.shape(k)));
  const Dims strides = row_major(own);
  Dims steps;
  for (const std::size_t k : order) {
    shape.push_back(x.shape(k));
    lengths.push_back(own[k]);
    steps.push_back(strides[k]);
  }
  Array y = Array::from_shape(shape);
  std::size_t i = 0;
  walk<1>(lengths, {steps}, {0}, [&](const auto& at) { y.data()[i++] = x.data()[at[0]]; });
  return y;
}

}  // namespace detail

/// What the network gives for an output, with the file's order of axes. Throws shape_error for another rank than the order's.
inline Array to_file_layout(const Array& x, const std::vector<std::size_t>& order) {
  return detail::transposed(x, order, "to_file_layout");
}
/// What the network takes for an input that has the file's order of axes. Throws as above.
inline Array from_file_layout(const Array& x, const std::vector<std::size_t>& order) {
  std::vector<std::size_t> inverse(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    if (order[i] < order.size()) inverse[order[i]] = i;
  return detail::transposed(x, inverse, "from_file_layout");
}

#if TRIMTAB_FILES_HERE
namespace detail {

/// A way out for what is not read: the network may end with what goes into the node.
inline std::string way_out(const OnnxNode& n) {
  std::string names;
  for (int i = 0; i < n.inputs(); ++i)
    if (n.is_activation(i)) names += (names.empty() ? "'" : ", '") + n.proto.input(i).substr(0, 100) + "'";
  return names.empty() ? names : message("; the network can be cut off before it, at ", names);
}

/// Whether a node gives all elements of its first input, perhaps with other axes.
inline bool hands_on(const ::onnx::NodeProto& node) {
  const OnnxElements elements = onnx_readers().elements(node);
  return elements == OnnxElements::moved || elements == OnnxElements::same;
}

/// Moves the elements of what is held as reals. False where input 0 is not held so, or the node computes.
inline bool move_stand_in(const OnnxNode& n, OnnxReader reader) {
  const OnnxElements elements = onnx_readers().elements(n.proto);
  if (elements != OnnxElements::picked && elements != OnnxElements::moved) return false;
  const auto move = [&](auto held) {
    const std::string name = message(n.proto.output(0), "\nreal");
    n.import.charge_name(name);
    n.import.define(name, held.real);
    ::onnx::NodeProto moved = n.proto;
    moved.set_input(0, name);
    reader({n.import, moved});
    for (int i = 0; i < n.proto.output_size(); ++i) {
      if (n.proto.output(i).empty()) continue;
      held.real = std::get<OnnxActivation>(*n.import.find(n.proto.output(i)));
      n.define(held, i);
    }
    return true;
  };
  if (const OnnxWideCodes* codes = n.wide_codes(0)) return move(*codes);
  const OnnxDynamic* dynamic = n.dynamic(0);
  const bool numbers =
      dynamic != nullptr && (dynamic->kind == OnnxDynamic::Kind::codes || dynamic->kind == OnnxDynamic::Kind::products);
  return numbers && move(*dynamic);
}

inline void import_node(OnnxImport& import, const ::onnx::NodeProto& proto) {
  naming_node(proto, [&] {
    const OnnxNode n{import, proto};
    std::vector<const KnownTensor*> known;
    bool all_known = true;
    for (int i = 0; i < n.inputs(); ++i) {
      const auto* found = n.has(i) ? std::get_if<KnownTensor>(&n.value(i)) : nullptr;
      all_known = all_known && (found != nullptr || !n.has(i));
      known.push_back(found);
    }
    const bool over_batch =
        proto.op_type() == "Expand" && all_known && known.size() == 2 && known[1] != nullptr && known[1]->depends_on_batch();
    if (all_known && fold_rule(proto) != nullptr && !over_batch) {
      const Folded outputs = fold(proto, known, import.context);
      for (std::size_t i = 0; i < outputs.size(); ++i) n.define(outputs[i], static_cast<int>(i));
      return;
    }
    const OnnxReader reader = onnx_readers().find(proto);
    if (reader == nullptr) {
      const std::string domain = proto.domain().empty() ? "" : message(", domain ", proto.domain());
      throw unsupported_error(message("this operator is not supported", domain, way_out(n)));
    }
    if (proto.domain() == "com.microsoft" && !import.imports_microsoft)
      throw parse_error(message("the model does not import the domain ", proto.domain()));
    if (!move_stand_in(n, reader)) reader(n);
  });
}

/// The version of ONNX's own operators that the file asks for.
inline std::int64_t opset_of(const ::onnx::ModelProto& model) {
  std::int64_t version = 0;
  for (const auto& opset : model.opset_import())
    if (opset.domain().empty() || opset.domain() == "ai.onnx") version = opset.version();
  if (version < 7 || version > 25) throw unsupported_error(message("opset ", version, " is not supported, only 7 to 25"));
  return version;
}

/// Names of the values that the network gives. Labels and maps of classes, of the domain ai.onnx.ml, are left out with a note.
inline std::vector<std::string_view> wanted_outputs(const ::onnx::GraphProto& graph, const std::vector<std::string>& cut,
                                                    std::vector<std::string>& notes) {
  std::unordered_map<std::string_view, const ::onnx::NodeProto*> givers;
  std::unordered_map<std::string_view, std::string_view> nodes;
  std::unordered_set<std::string_view> values;
  for (const auto& input : graph.input()) values.insert(input.name());
  for (const auto& node : graph.node()) {
    for (const std::string& output : node.output()) givers[output] = &node;
    nodes.try_emplace(node.name(), node.output(0));
  }
  std::vector<std::string_view> outputs;
  const auto take = [&](std::string_view name) {
    if (std::find(outputs.begin(), outputs.end(), name) == outputs.end()) outputs.push_back(name);
  };
  for (const std::string& name : cut) {
    if (!name.empty() && (givers.count(name) != 0 || values.count(name) != 0))
      take(name);
    else if (const auto found = nodes.find(name); !name.empty() && found != nodes.end())
      take(found->second);
    else
      throw value_error(message("no node or value is called '", name.substr(0, 100), "', where the network is to be cut off"));
  }
  if (!cut.empty()) return outputs;
  for (const auto& output : graph.output()) {
    std::string_view name = output.name();
    for (auto giver = givers.find(name); giver != givers.end() && giver->second->domain() == "ai.onnx.ml";
         giver = givers.find(name)) {
      const ::onnx::NodeProto& node = *giver->second;
      const int from = node.op_type() == "ZipMap" ? 0 : node.op_type() == "ArrayFeatureExtractor" ? 1 : -1;
      if (from < 0 || node.input_size() <= from || node.input(from).empty()) break;
      notes.push_back(message(describe(node), " at the end is left out: the network gives what goes into it"));
      name = node.input(from);
    }
    take(name);
  }
  return outputs;
}

/// An output that is known before the network runs, of floats, as a node.
inline OnnxActivation constant_output(OnnxImport& import, const std::string& name) {
  try {
    ::onnx::NodeProto reader;
    reader.add_input(name);
    const OnnxFloats c = OnnxNode{import, reader}.floats(0);
    if (c.values.empty()) throw unsupported_error("an empty constant");
    const Dims dims = c.dims.empty() ? Dims{1} : c.dims;
    OnnxActivation x{constant_node(import, name, dims, {c.values.begin(), c.values.end()}), {}};
    for (std::size_t k = 1; k <= c.dims.size(); ++k) x.axes.push_back({k});
    return x;
  } catch (const unsupported_error& e) {
    throw unsupported_error(message("output '", name, "', a constant: ", e.what()));
  }
}

/// The value as an output of the network: one axis of the node for each of the file's, the batch among them.
inline OnnxPort import_output(OnnxImport& import, const std::string& name, NodeId& id) {
  const OnnxValue* value = import.find(name);
  if (value == nullptr) throw unsupported_error(message("output '", name, "' is not supported"));
  const bool constant = std::holds_alternative<KnownTensor>(*value) || std::holds_alternative<OnnxCodes>(*value);
  const auto* found = std::get_if<OnnxActivation>(value);
  if (found == nullptr && !constant) throw unsupported_error(message("output '", name, "' ", no_activation(*value)));
  OnnxActivation x = constant ? constant_output(import, name) : settled(import, *found);
  if (batch_axis(x) == x.rank()) {
    if (x.rank() != 0 && import.dims(x)[0] == BatchInteger{1, 0}) {
      x.axes[0] = {0};
    } else {
      x.axes.insert(x.axes.begin(), NodeAxes{0});
      import.notes.push_back(message("output '", name, "' has an axis more in front, for the batch"));
    }
  }
  try {
    x = plain(import, std::move(x));
  } catch (const unsupported_error& e) {
    throw unsupported_error(message("output '", name, "': ", e.what()));
  }
  id = x.node;
  OnnxPort port{name, {}};
  for (const NodeAxes& group : x.axes) port.order.push_back(group.at(0));
  return port;
}

/// The network of a file, and what it says of codes.
inline OnnxModel import_model(const ::onnx::ModelProto& model, std::size_t file_size, const OnnxReadOptions& options,
                              ExternalData external, OnnxQuantization& quantization) {
  const ::onnx::GraphProto& graph = model.graph();
  if (!model.has_graph() || graph.node_size() == 0) throw parse_error("no graph, or one without nodes");
  if (graph.output_size() == 0) throw parse_error("the graph has no output");
  std::vector<std::string> notes;
  require_checksums(model, external, notes);
  OnnxImport import(graph, opset_of(model), file_size, std::move(external));
  import.notes = std::move(notes);
  for (const auto& opset : model.opset_import()) import.imports_microsoft |= opset.domain() == "com.microsoft";
  check_names(graph);
  import.use = analyse_graph(graph, wanted_outputs(graph, options.cut, import.notes), hands_on);
  OnnxModel result;
  for (const auto* input : real_inputs(model, options.input_sizes, import.notes)) {
    const OnnxActivation x =
        import_input(import, graph, *input, options.input_sizes, options.picture_size, result.inputs.empty());
    OnnxPort port{input->name(), {}};
    for (const NodeAxes& group : x.axes) port.order.push_back(group[0]);
    result.inputs.push_back(std::move(port));
    import.define(input->name(), x);
  }
  if (result.inputs.empty()) throw unsupported_error("no graph input");
  for (int i = 0; i < graph.node_size(); ++i) {
    if (import.use.needed[static_cast<std::size_t>(i)])
      import_node(import, graph.node(i));
    else
      import.notes.push_back(message(describe(graph.node(i)), " is left out: the output does not depend on it"));
  }
  std::vector<NodeId> outputs;
  for (const std::string_view name : import.use.outputs) {
    NodeId id = 0;
    OnnxPort port = import_output(import, std::string(name), id);
    if (std::find(outputs.begin(), outputs.end(), id) != outputs.end()) {
      // A node is an output once.
      id = import.add(port.name, Clip{}, {id});
    }
    outputs.push_back(id);
    result.outputs.push_back(std::move(port));
  }
  import.network.set_outputs(std::move(outputs));
  result.network = std::move(import.network);
  for (const auto& entry : model.metadata_props())
    if (entry.key() != checksum_key) result.metadata[entry.key()] = entry.value();
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
  } catch (const io_error& e) {
    throw io_error(where(e));
  } catch (const value_error& e) {
    throw value_error(where(e));
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
/// The folder that holds a model's tensors of other files.
inline ExternalData beside(const std::filesystem::path& path) {
  return ExternalData(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

inline OnnxModel parse_float_model(std::string_view bytes, const std::string& name, const OnnxReadOptions& options,
                                   ExternalData external) {
  return parse_model(bytes, name, [&](const ::onnx::ModelProto& model) {
    OnnxQuantization quantization;
    OnnxModel result = import_model(model, bytes.size(), options, std::move(external), quantization);
    if (!quantization.empty()) throw unsupported_error("this network is quantized; read_quantized_onnx reads it");
    return result;
  });
}

}  // namespace detail
#endif

/// The network in the bytes of an ONNX file; `name` is what messages call it. See read_onnx.
TRIMTAB_FILES_INLINE OnnxModel parse_onnx(std::string_view bytes, const std::string& name = "model",
                                          const OnnxReadOptions& options = {});

/// Reads a float network, opset 7 to 25 and any IR version, with any number of inputs and outputs. The first axis of every input
/// is the batch: whatever number the file sets there, the network takes any. Pictures N C H W are held as N H W C, and N C L as N
/// L C: OnnxModel::inputs and outputs tell how axes lie, to_file_layout and from_file_layout bring arrays there. Weights may be
/// float, double, float16 or bfloat16, inside the file or beside it; what a file computes from constants and shapes is computed
/// here. Nodes are called as in the file. Clips stay nodes of their own; `fuse_clips` of net/passes/fold.hpp joins them. Where a
/// file quantizes activations anew for each input (DynamicQuantizeLinear), they are float here, and so are those of 16 bits; a
/// note says so.
///
/// The operators are those of io/onnx/operators.hpp. At the end of a classifier Softmax, LogSoftmax, and the labels of ai.onnx.ml
/// are left out with a note.
///
/// Throws io_error when the file cannot be read; parse_error when it is malformed, or is not what a checksum in its metadata
/// says; unsupported_error for an operator or a variant that is not read, naming node and operator, and for an axis that is
/// left open; shape_error when extents do not fit; value_error for a cut at what is not there. Memory stays within a small
/// multiple of the file's size and 256 MiB: protobuf holds it once, up to 100 bytes for each empty message in a hostile file.
TRIMTAB_FILES_INLINE OnnxModel read_onnx(const std::filesystem::path& path, const OnnxReadOptions& options = {});

#if TRIMTAB_FILES_HERE
TRIMTAB_FILES_INLINE OnnxModel parse_onnx(std::string_view bytes, const std::string& name, const OnnxReadOptions& options) {
  return detail::parse_float_model(bytes, name, options, {});
}
TRIMTAB_FILES_INLINE OnnxModel read_onnx(const std::filesystem::path& path, const OnnxReadOptions& options) {
  return detail::parse_float_model(detail::read_model_bytes(path), path.string(), options, detail::beside(path));
}
#endif

}  // namespace trimtab
