#pragma once
/// \file
/// Reads a float network from a TFLite file.

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <trimtab/io/file_bytes.hpp>
#include <trimtab/net/graph/network.hpp>
#include <utility>
#include <vector>
#if TRIMTAB_FILES_HERE
#include <trimtab/io/tflite/checksum.hpp>
#include <trimtab/io/tflite/operators.hpp>
#include <trimtab/net/operators/input.hpp>
#endif

namespace trimtab {

/// Where the network ends.
struct TfliteReadOptions {
  std::vector<std::string> cut = {};  ///< tensors that the network gives in place of the file's outputs
};

/// An input or an output of the file. Its axes are those of the network.
struct TflitePort {
  std::string name;  ///< in the file
};

/// What a TFLite file holds.
struct TfliteModel {
  Network network;                          ///< pictures N H W C
  std::vector<TflitePort> inputs, outputs;  ///< in the order of Network::inputs() and Network::outputs()
  std::string description;                  ///< the file's own
  std::vector<std::string> notes;           ///< what was left out or assumed, a sentence each
};

#if TRIMTAB_FILES_HERE
namespace detail {

/// How messages call an operator.
inline std::string describe(const TfliteNode& n) {
  const std::string name = n.operation.outputs.empty() ? "" : n.name().substr(0, 100);
  return message("node '", name, "' (", n.kind(), ")");
}
/// Exceptions of body name the operator.
template <class Body>
void naming(const TfliteNode& n, const Body& body) {
  const auto where = [&](const std::exception& e) { return message(describe(n), ": ", e.what()); };
  try {
    body();
  } catch (const parse_error& e) {
    throw parse_error(where(e));
  } catch (const shape_error& e) {
    throw shape_error(where(e));
  } catch (const value_error& e) {
    throw parse_error(where(e));
  } catch (const unsupported_error& e) {
    throw unsupported_error(where(e));
  }
}

/// Which operators the outputs depend on. Constants that only tell how do not count.
inline std::vector<bool> needed_operations(const tflite::File& file, const std::vector<std::int32_t>& outputs) {
  std::vector<bool> tensor(file.tensors.size()), needed(file.operations.size());
  for (const std::int32_t t : outputs) tensor[static_cast<std::size_t>(t)] = true;
  for (std::size_t i = file.operations.size(); i-- > 0;) {
    const tflite::FileOperation& o = file.operations[i];
    for (const std::int32_t t : o.outputs) needed[i] = needed[i] || tensor[static_cast<std::size_t>(t)];
    if (!needed[i]) continue;
    const TfliteReaders::Entry entry = tflite_readers().find(o);
    for (std::size_t k = 0; k < o.inputs.size(); ++k)
      if (o.inputs[k] != -1 && (entry.reader == nullptr || k < entry.data)) tensor[static_cast<std::size_t>(o.inputs[k])] = true;
  }
  return needed;
}

/// A way out for what is not read: the network may end with what goes into the operator.
inline std::string way_out(const TfliteNode& n) {
  std::string names;
  for (const std::int32_t t : n.operation.inputs)
    if (t != -1 && n.import.value[static_cast<std::size_t>(t)].node && !n.import.is_known(t))
      names += message(names.empty() ? "'" : ", '", n.import.tensor(t).name.substr(0, 100), "'");
  return names.empty() ? names : message("; the network can be cut off before it, at ", names);
}

inline void import_operation(TfliteImport& import, const tflite::FileOperation& operation) {
  const TfliteNode n{import, operation};
  naming(n, [&] {
    for (const std::int32_t t : operation.outputs)
      if (import.value[static_cast<std::size_t>(t)].node || import.is_known(t))
        throw parse_error(message("gives '", import.tensor(t).name, "', which is there already"));
    const TfliteReader reader = tflite_readers().find(operation).reader;
    if (reader == nullptr) throw unsupported_error(message("this operator is not supported", way_out(n)));
    try {
      reader(n);
    } catch (const unsupported_error& e) {
      throw unsupported_error(message(e.what(), way_out(n)));
    }
  });
}

/// The tensors that the network gives.
inline std::vector<std::int32_t> wanted_outputs(const tflite::File& file, const std::vector<std::string>& cut) {
  std::vector<std::int32_t> outputs;
  for (const std::string& name : cut) {
    const auto found = std::find_if(file.tensors.begin(), file.tensors.end(), [&](const auto& t) { return t.name == name; });
    if (found == file.tensors.end() || name.empty())
      throw value_error(message("no tensor is called '", name.substr(0, 100), "', where the network is to be cut off"));
    outputs.push_back(static_cast<std::int32_t>(found - file.tensors.begin()));
  }
  return cut.empty() ? file.outputs : outputs;
}

inline void import_inputs(TfliteImport& import) {
  for (const std::int32_t t : import.file.inputs) {
    const Extents shape = import.shape(t);
    if (shape.size() == 0 || shape[0] == 0)
      throw unsupported_error(message("input '", import.tensor(t).name, "' has extents ", shape, ", expected a batch in front"));
    if (import.batch == 0) import.batch = shape[0];
    TfliteImport::Value& value = import.value[static_cast<std::size_t>(t)];
    if (value.node || import.is_known(t)) throw parse_error(message("input '", import.tensor(t).name, "' is there already"));
    const NodeId id = import.add(Input{import.extent(t)}, {}, import.tensor(t).name);
    import.codes[id] = import.grid(t);
    value.node = id;
  }
  if (import.batch == 0) throw unsupported_error("the graph has no input");
}

/// The network of a file; what the file says of codes is left in `import`.
inline TfliteModel import_graph(TfliteImport& import, const TfliteReadOptions& options) {
  const tflite::File& file = import.file;
  require_checksums(file, import.notes);
  if (file.outputs.empty()) throw parse_error("the graph has no output");
  const std::vector<std::int32_t> wanted = wanted_outputs(file, options.cut);
  const std::vector<bool> needed = needed_operations(file, wanted);
  import_inputs(import);
  for (std::size_t i = 0; i < file.operations.size(); ++i)
    if (needed[i]) import_operation(import, file.operations[i]);
  TfliteModel result;
  std::vector<NodeId> outputs;
  for (const std::int32_t t : wanted) {
    const auto& node = import.value[static_cast<std::size_t>(t)].node;
    if (!node || import.is_known(t))
      throw unsupported_error(message("output '", import.tensor(t).name, "' is computed by nothing"));
    // A node is an output once.
    if (std::find(outputs.begin(), outputs.end(), *node) != outputs.end())
      throw unsupported_error(message("output '", import.tensor(t).name, "' is there twice"));
    outputs.push_back(*node);
    result.outputs.push_back({import.tensor(t).name});
  }
  import.network.set_outputs(std::move(outputs));
  for (const std::int32_t t : file.inputs) result.inputs.push_back({import.tensor(t).name});
  result.network = std::move(import.network);
  result.description = file.description;
  result.notes = std::move(import.notes);
  return result;
}

/// Hands body the file in the bytes; exceptions name it.
template <class Body>
auto parse_tflite_file(std::string_view bytes, const std::string& name, const Body& body) {
  const auto where = [&](const std::exception& e) { return message("read_tflite: ", name, ": ", e.what()); };
  try {
    const tflite::File file(bytes);
    return body(file);
  } catch (const parse_error& e) {
    throw parse_error(where(e));
  } catch (const shape_error& e) {
    throw shape_error(where(e));
  } catch (const value_error& e) {
    throw value_error(where(e));
  } catch (const quantization_range_error& e) {
    throw parse_error(where(e));
  } catch (const unsupported_error& e) {
    throw unsupported_error(where(e));
  }
}

}  // namespace detail
#endif

namespace detail {

/// The bytes of a file of up to 2 GiB.
inline std::string read_tflite_bytes(const std::filesystem::path& path) {
  const std::vector<unsigned char> bytes = read_bytes(path, std::uintmax_t{1} << 31, "read_tflite");
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace detail

/// The network in the bytes of a TFLite file; `name` is what messages call it. See read_tflite.
TRIMTAB_FILES_INLINE TfliteModel parse_tflite(std::string_view bytes, const std::string& name = "model",
                                              const TfliteReadOptions& options = {});
#if TRIMTAB_FILES_HERE
TRIMTAB_FILES_INLINE TfliteModel parse_tflite(std::string_view bytes, const std::string& name, const TfliteReadOptions& options) {
  return detail::parse_tflite_file(bytes, name, [&](const tflite::File& file) {
    detail::TfliteImport import(file);
    TfliteModel model = detail::import_graph(import, options);
    for (const detail::TfliteCodes& codes : import.codes)
      if (codes.grid) throw unsupported_error("this network is quantized; read_quantized_tflite reads it");
    return model;
  });
}
#endif

/// Reads a float network of one graph, with any number of inputs and outputs. The first axis of every tensor is the batch:
/// whatever number the file sets there, the network takes any. Axes lie as in the file. Weights may be float32, float16, or
/// codes, which are read as what they stand for. Nodes are called as the tensors that they give. Operators that the outputs do
/// not depend on are left out.
///
/// The operators are those of io/tflite/operators.hpp; docs/tflite.md lists them.
///
/// Throws io_error when the file cannot be read; parse_error when it is malformed, or is not what a checksum in its metadata
/// says; unsupported_error for an operator or a variant that is not read, naming node and operator; shape_error when extents do
/// not fit; value_error for a cut at what is not there. Memory stays within a small multiple of the file's size and 256 MiB.
inline TfliteModel read_tflite(const std::filesystem::path& path, const TfliteReadOptions& options = {}) {
  return parse_tflite(detail::read_tflite_bytes(path), path.string(), options);
}

}  // namespace trimtab
