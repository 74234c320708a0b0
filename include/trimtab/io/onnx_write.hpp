#pragma once
/// \file
/// Writes a float network as an ONNX file.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <trimtab/core/error.hpp>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/known_operator.hpp>
#include <trimtab/io/onnx_graph_writer.hpp>
#include <trimtab/net/graph/network.hpp>
#include <vector>

namespace trimtab {
namespace detail {

/// Turns float nodes into a graph.
class OnnxExport : public OnnxGraphWriter {
 public:
  explicit OnnxExport(const Network& network)
      : OnnxGraphWriter(network[network.input()].extent, network[network.output()].extent), network_(network) {
    for (NodeId id = 0; id < network.size(); ++id) add_node(id);
  }

 private:
  template <class Vector>
  std::string vector(const std::string& name, const Vector& values) {
    return tensor<float>(name, {values.size()}, {values.data(), values.data() + values.size()});
  }

  void write(const Node&, const Input&, std::vector<std::string>, const std::string&) {}
  void write(const Node& node, const Conv2d& l, std::vector<std::string> inputs, const std::string& output) {
    const std::size_t o = l.weight.shape(0), kh = l.weight.shape(1), kw = l.weight.shape(2), i = l.weight.shape(3);
    inputs.push_back(tensor(node.name + ".weight", {o, i, kh, kw}, filters_to_nchw(l.weight.data(), o, kh * kw, i)));
    if (l.bias.size() != 0) inputs.push_back(vector(node.name + ".bias", l.bias));
    add_conv("Conv", node.name, inputs, output, kh, kw, l.window, l.groups);
  }
  void write(const Node& node, const DepthwiseConv2d& l, std::vector<std::string> inputs, const std::string& output) {
    const std::size_t kh = l.weight.shape(0), kw = l.weight.shape(1), channels = l.weight.shape(2);
    inputs.push_back(tensor(node.name + ".weight", {channels, 1, kh, kw}, filters_to_nchw(l.weight.data(), 1, kh * kw, channels)));
    if (l.bias.size() != 0) inputs.push_back(vector(node.name + ".bias", l.bias));
    add_conv("Conv", node.name, inputs, output, kh, kw, l.window, channels);
  }
  void write(const Node& node, const Linear& l, std::vector<std::string> inputs, const std::string& output) {
    inputs.push_back(tensor<float>(node.name + ".weight", {l.weight.shape(0), l.weight.shape(1)},
                                   {l.weight.data(), l.weight.data() + l.weight.size()}));
    if (l.bias.size() != 0) inputs.push_back(vector(node.name + ".bias", l.bias));
    attribute(add("Gemm", node.name, inputs, output), "transB", std::int64_t{1});
  }
  void write(const Node& node, const BatchNorm& l, std::vector<std::string> inputs, const std::string& output) {
    inputs.push_back(vector(node.name + ".gamma", l.gamma));
    inputs.push_back(vector(node.name + ".beta", l.beta));
    inputs.push_back(vector(node.name + ".mean", l.mean));
    inputs.push_back(vector(node.name + ".variance", l.variance));
    attribute(add("BatchNormalization", node.name, inputs, output), "epsilon", l.epsilon);
  }
  void write(const Node& node, const Clip& clip, std::vector<std::string> inputs, const std::string& output) {
    write_clip(node.name, clip, inputs[0], output);
  }
  void write(const Node& node, const Add&, std::vector<std::string> inputs, const std::string& output) {
    add("Add", node.name, inputs, output);
  }
  void write(const Node& node, const Concat&, std::vector<std::string> inputs, const std::string& output) {
    attribute(add("Concat", node.name, inputs, output), "axis", std::int64_t{1});
  }
  void write(const Node& node, const GlobalAveragePool&, std::vector<std::string> inputs, const std::string& output) {
    add("GlobalAveragePool", node.name, inputs, output);
  }
  void write(const Node& node, const Flatten&, std::vector<std::string> inputs, const std::string& output) {
    add_flatten(node.name, network_[node.inputs[0]].extent, inputs[0], output);
  }
  void write(const Node& node, const AveragePool& pool, std::vector<std::string> inputs, const std::string& output) {
    add_pool(node.name, pool, inputs[0], output);
  }
  void write(const Node& node, const MaxPool& pool, std::vector<std::string> inputs, const std::string& output) {
    add_pool(node.name, pool, inputs[0], output);
  }
  void write(const Node& node, const auto&, const std::vector<std::string>&, const std::string&) { refuse(node); }
  [[noreturn]] static void refuse(const Node& node) {
    throw unsupported_error(message("write_onnx: node ", node.name, " (", operator_name(node.op), ") has no ONNX form yet"));
  }

  void write_clip(const std::string& name, const Clip& clip, const std::string& input, const std::string& output) {
    if (clip == relu) {
      add("Relu", name, {input}, output);
      return;
    }
    std::vector<std::string> inputs{input, "", ""};
    if (clip.lo != no_clip.lo) inputs[1] = tensor<float>(name + ".min", {}, {clip.lo});
    if (clip.hi != no_clip.hi) inputs[2] = tensor<float>(name + ".max", {}, {clip.hi});
    while (inputs.back().empty()) inputs.pop_back();
    add("Clip", name, inputs, output);
  }

  void add_node(NodeId id) {
    const Node& node = network_[id];
    std::vector<std::string> inputs;
    for (const NodeId input : node.inputs) inputs.push_back(values_[input]);
    const bool is_input = node.op->is_fed(), clipped = node.clip != no_clip;
    const std::string last = id == network_.output() ? "logits" : (is_input && !clipped ? "input" : unique(node.name));
    const std::string first = is_input ? "input" : (clipped ? unique(node.name + "/unclipped") : last);
    if (!visit_known(node.op, [&](const auto& op) { write(node, op, inputs, first); })) refuse(node);
    if (clipped)
      write_clip(node.name + "/clip", node.clip, first, last);
    else if (first != last)
      add("Identity", node.name + "/output", {first}, last);
    values_.push_back(last);
  }

  const Network& network_;
  std::vector<std::string> values_;  ///< by node: the value it gives
};

}  // namespace detail

/// The bytes of write_onnx's file.
inline std::string serialize_onnx(const Network& network, const std::map<std::string, std::string>& metadata = {}) {
  return detail::OnnxExport(network).serialize(metadata);
}

/// Writes the network as float32 ONNX, opset 13 and IR version 7: input `input` N C H W, output `logits`, nodes under their
/// names, a node's clip as a Relu or Clip after it. read_onnx gives the same nodes back, clips as nodes of their own.
/// The file is there whole or not at all. Throws io_error when it cannot be written, unsupported_error for an
/// AveragePool with dilation or more than 2 GiB.
inline void write_onnx(const Network& network, const std::filesystem::path& path,
                       const std::map<std::string, std::string>& metadata = {}) {
  write_file_atomically(path, serialize_onnx(network, metadata));
}

}  // namespace trimtab
