#pragma once
/// \file
/// Writes a float network as an ONNX file.

#include <filesystem>
#include <map>
#include <string>
#include <trimtab/core/error.hpp>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/net/graph/network.hpp>
#include <utility>
#include <vector>
#if TRIMTAB_FILES_HERE
#include <trimtab/io/onnx/operators.hpp>
#include <trimtab/net/operators/constant.hpp>
#endif

namespace trimtab {

#if TRIMTAB_FILES_HERE
namespace detail {

/// Turns float nodes into a graph.
class OnnxExport : public OnnxWriter {
 public:
  explicit OnnxExport(const Network& network) : network_(network), extents_(network.size()), outputs_(network.size()) {
    const std::vector<NodeId> inputs = network.inputs(), outputs = network.outputs();
    std::map<NodeId, std::string> fed;
    for (const NodeId id : inputs) fed[id] = declare_input(inputs.size() == 1 ? "input" : network[id].name, network[id].extent);
    for (const NodeId id : outputs)
      outputs_[id] = declare_output(outputs.size() == 1 ? "logits" : network[id].name, network[id].extent);
    for (NodeId id = 0; id < network.size(); ++id) {
      extents_[id] = network[id].extent;
      add_node(id, network[id].op->is_fed() ? fed[id] : std::string());
    }
  }

 private:
  void add_node(NodeId id, const std::string& fed) {
    const Node& node = network_[id];
    const bool clipped = node.clip != no_clip, is_output = !outputs_[id].empty();
    OnnxCall n{node.name, {}, {}, node.extent, {}};
    for (const NodeId input : node.inputs) {
      n.inputs.push_back(values_[input]);
      n.in.push_back(extents_[input]);
    }
    if (is_constant(node.op)) n.output = write_constant(id);
    if (!fed.empty()) n.output = fed;
    const bool made = !n.output.empty();
    const std::string last = is_output ? outputs_[id] : made && !clipped ? n.output : unique(node.name);
    if (!made) {
      n.output = clipped ? unique(node.name + "/unclipped") : last;
      for (const NodeId input : node.inputs)
        if (joins_inputs(node.op) && is_constant(network_[input].op))
          throw unsupported_error(message("write_onnx: node ", node.name, " (", node.op->name(),
                                          ") of a Constant: a file has no constants for any number of pictures"));
      write_node(*this, node.op, n, node.name);
    }
    if (clipped)
      OnnxRules<Clip>::write(*this, node.clip, {node.name + "/clip", {n.output}, {node.extent}, node.extent, last});
    else if (n.output != last)
      add("Identity", node.name + "/output", {n.output}, last);
    values_.push_back(last);
  }
  std::string write_constant(NodeId id) {
    extents_[id] = constant_extent(
        network_.nodes(), id, [&](const Node& r) { return std::find(r.inputs.begin(), r.inputs.end(), id) != r.inputs.end(); });
    Extents extent{1};
    for (const std::size_t length : file_layout::extents(extents_[id])) extent.push_back(length);
    const std::vector<float> values = constant_values(network_[id].op, network_[id].extent);
    return tensor(network_[id].name, extent, file_layout::numbers(values.data(), extents_[id]));
  }

  const Network& network_;
  std::vector<Extents> extents_;      ///< by node: as the file holds it
  std::vector<std::string> outputs_;  ///< by node: the output that it is
  std::vector<std::string> values_;   ///< by node: the value it gives
};

}  // namespace detail
#endif

/// The bytes of write_onnx's file.
TRIMTAB_FILES_INLINE std::string serialize_onnx(const Network& network, const std::map<std::string, std::string>& metadata = {});
#if TRIMTAB_FILES_HERE
TRIMTAB_FILES_INLINE std::string serialize_onnx(const Network& network, const std::map<std::string, std::string>& metadata) {
  return detail::OnnxExport(network).serialize(metadata);
}
#endif

/// Writes the network as float32 ONNX, opset 13 (14 with HardSwish, 17 with LayerNorm): input `input`, output `logits`, or where
/// there are several all under their nodes' names; pictures N C H W, everything else with the batch in front of the node's axes.
/// Nodes keep their names, a node's clip is a Relu or Clip after it. read_onnx gives the same nodes back, but clips as nodes of
/// their own, and in place of a Silu, Mish, Gelu, GroupNorm, wrapping Pad or L2Norm with epsilon the operators that they are
/// written in. The file is there whole or not at all. Throws io_error when it cannot be written; unsupported_error for an
/// operator without a form, named with its node: AveragePool with dilation, a Concat of constants, resizing by TFLite's
/// arithmetic; and for more than 2 GiB.
inline void write_onnx(const Network& network, const std::filesystem::path& path,
                       const std::map<std::string, std::string>& metadata = {}) {
  write_file_atomically(path, serialize_onnx(network, metadata));
}

}  // namespace trimtab
