#pragma once
/// \file
/// Writes a float network as an ONNX file.

#include <bit>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <string>
#include <trimtab/core/config.hpp>
#include <trimtab/core/error.hpp>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/onnx_schema.hpp>
#include <trimtab/net/network.hpp>
#include <unordered_set>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

/// Turns nodes into an N C H W graph of opset 13.
class OnnxExport {
 public:
  explicit OnnxExport(const Network& network) : network_(network) {
    model_.set_ir_version(7);
    model_.set_producer_name("trimtab");
    model_.set_producer_version(TRIMTAB_VERSION);
    model_.add_opset_import()->set_version(13);
    graph().set_name("trimtab");
    const NodeId input = network.input();
    if (network[input].extent.size() != 3)
      throw unsupported_error(message("write_onnx: expected an input of H W C, got ", network[input].extent));
    declare(*graph().add_input(), "input", network[input].extent);
    declare(*graph().add_output(), "logits", network[network.output()].extent);
    for (NodeId id = 0; id < network.size(); ++id) add_node(id);
  }

  ::onnx::ModelProto& model() { return model_; }

 private:
  ::onnx::GraphProto& graph() { return *model_.mutable_graph(); }

  /// H W C as N C H W, C as N C.
  static void declare(::onnx::ValueInfoProto& value, const char* name, const Extents& extent) {
    value.set_name(name);
    auto& type = *value.mutable_type()->mutable_tensor_type();
    type.set_elem_type(::onnx::TensorProto::FLOAT);
    type.mutable_shape()->add_dim()->set_dim_param("N");
    const auto length = [&](std::size_t axis) {
      type.mutable_shape()->add_dim()->set_dim_value(static_cast<std::int64_t>(extent[axis]));
    };
    length(extent.size() - 1);
    for (std::size_t axis = 0; axis + 1 < extent.size(); ++axis) length(axis);
  }

  static std::string unique_in(std::unordered_set<std::string>& taken, std::string name) {
    while (!taken.insert(name).second) name += "_";
    return name;
  }
  std::string unique(const std::string& name) { return unique_in(values_taken_, name); }

  std::string tensor(const std::string& name, std::initializer_list<std::size_t> extent, const std::vector<float>& values) {
    auto& t = *graph().add_initializer();
    t.set_name(unique(name));
    t.set_data_type(::onnx::TensorProto::FLOAT);
    for (const std::size_t length : extent) t.add_dims(static_cast<std::int64_t>(length));
    std::string& raw = *t.mutable_raw_data();
    raw.reserve(values.size() * sizeof(float));
    for (const float v : values) {
      const auto bits = std::bit_cast<std::uint32_t>(v);
      for (const int shift : {0, 8, 16, 24}) raw.push_back(static_cast<char>((bits >> shift) & 0xFFU));
    }
    return t.name();
  }
  template <class Vector>
  std::string vector(const std::string& name, const Vector& values) {
    return tensor(name, {values.size()}, {values.data(), values.data() + values.size()});
  }

  ::onnx::NodeProto& add(const char* op, const std::string& name, const std::vector<std::string>& inputs,
                         const std::string& output) {
    auto& node = *graph().add_node();
    node.set_op_type(op);
    node.set_name(unique_in(nodes_taken_, name));
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }
  static void attribute(::onnx::NodeProto& node, const char* name, std::int64_t value) {
    auto& a = *node.add_attribute();
    a.set_name(name);
    a.set_type(::onnx::AttributeProto::INT);
    a.set_i(value);
  }
  static void attribute(::onnx::NodeProto& node, const char* name, std::initializer_list<std::size_t> values) {
    auto& a = *node.add_attribute();
    a.set_name(name);
    a.set_type(::onnx::AttributeProto::INTS);
    for (const std::size_t value : values) a.add_ints(static_cast<std::int64_t>(value));
  }
  static void window_attributes(::onnx::NodeProto& node, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& w) {
    attribute(node, "kernel_shape", {kernel_h, kernel_w});
    attribute(node, "strides", {w.stride_h, w.stride_w});
    attribute(node, "pads", {w.padding.top, w.padding.left, w.padding.bottom, w.padding.right});
  }

  void conv(const Node& node, const std::vector<std::string>& inputs, const std::string& output, std::size_t kernel_h,
            std::size_t kernel_w, const WindowOptions& window, std::size_t groups) {
    auto& written = add("Conv", node.name, inputs, output);
    window_attributes(written, kernel_h, kernel_w, window);
    attribute(written, "dilations", {window.dilation_h, window.dilation_w});
    attribute(written, "group", static_cast<std::int64_t>(groups));
  }

  void write(const Node&, const Input&, std::vector<std::string>, const std::string&) {}
  void write(const Node& node, const Conv2d& l, std::vector<std::string> inputs, const std::string& output) {
    const std::size_t o = l.weight.shape(0), kh = l.weight.shape(1), kw = l.weight.shape(2), i = l.weight.shape(3);
    std::vector<float> w(l.weight.size());
    for (std::size_t f = 0; f < o; ++f)
      for (std::size_t p = 0; p < kh * kw; ++p)
        for (std::size_t c = 0; c < i; ++c) w[(f * i + c) * kh * kw + p] = l.weight.data()[(f * kh * kw + p) * i + c];
    inputs.push_back(tensor(node.name + ".weight", {o, i, kh, kw}, w));
    if (l.bias.size() != 0) inputs.push_back(vector(node.name + ".bias", l.bias));
    conv(node, inputs, output, kh, kw, l.window, l.groups);
  }
  void write(const Node& node, const DepthwiseConv2d& l, std::vector<std::string> inputs, const std::string& output) {
    const std::size_t kh = l.weight.shape(0), kw = l.weight.shape(1), channels = l.weight.shape(2);
    std::vector<float> w(l.weight.size());
    for (std::size_t p = 0; p < kh * kw; ++p)
      for (std::size_t c = 0; c < channels; ++c) w[c * kh * kw + p] = l.weight.data()[p * channels + c];
    inputs.push_back(tensor(node.name + ".weight", {channels, 1, kh, kw}, w));
    if (l.bias.size() != 0) inputs.push_back(vector(node.name + ".bias", l.bias));
    conv(node, inputs, output, kh, kw, l.window, channels);
  }
  void write(const Node& node, const Linear& l, std::vector<std::string> inputs, const std::string& output) {
    inputs.push_back(tensor(node.name + ".weight", {l.weight.shape(0), l.weight.shape(1)},
                            {l.weight.data(), l.weight.data() + l.weight.size()}));
    if (l.bias.size() != 0) inputs.push_back(vector(node.name + ".bias", l.bias));
    attribute(add("Gemm", node.name, inputs, output), "transB", 1);
  }
  void write(const Node& node, const BatchNorm& l, std::vector<std::string> inputs, const std::string& output) {
    inputs.push_back(vector(node.name + ".gamma", l.gamma));
    inputs.push_back(vector(node.name + ".beta", l.beta));
    inputs.push_back(vector(node.name + ".mean", l.mean));
    inputs.push_back(vector(node.name + ".variance", l.variance));
    auto& epsilon = *add("BatchNormalization", node.name, inputs, output).add_attribute();
    epsilon.set_name("epsilon");
    epsilon.set_type(::onnx::AttributeProto::FLOAT);
    epsilon.set_f(l.epsilon);
  }
  void write(const Node& node, const Clip& clip, std::vector<std::string> inputs, const std::string& output) {
    write_clip(node.name, clip, inputs[0], output);
  }
  void write(const Node& node, const Add&, std::vector<std::string> inputs, const std::string& output) {
    add("Add", node.name, inputs, output);
  }
  void write(const Node& node, const Concat&, std::vector<std::string> inputs, const std::string& output) {
    attribute(add("Concat", node.name, inputs, output), "axis", 1);
  }
  void write(const Node& node, const AveragePool& l, std::vector<std::string> inputs, const std::string& output) {
    require_undilated(node, l.window);
    auto& written = add("AveragePool", node.name, inputs, output);
    window_attributes(written, l.kernel_h, l.kernel_w, l.window);
    attribute(written, "count_include_pad", l.count_include_pad ? 1 : 0);
  }
  void write(const Node& node, const MaxPool& l, std::vector<std::string> inputs, const std::string& output) {
    auto& written = add("MaxPool", node.name, inputs, output);
    window_attributes(written, l.kernel_h, l.kernel_w, l.window);
    attribute(written, "dilations", {l.window.dilation_h, l.window.dilation_w});
  }
  void write(const Node& node, const GlobalAveragePool&, std::vector<std::string> inputs, const std::string& output) {
    add("GlobalAveragePool", node.name, inputs, output);
  }
  /// A network flattens H W C, so the picture is transposed first where that is not C H W.
  void write(const Node& node, const Flatten&, std::vector<std::string> inputs, const std::string& output) {
    const Extents& in = network_[node.inputs[0]].extent;
    if (in.size() == 1) {
      add("Identity", node.name, inputs, output);
      return;
    }
    if (in[0] * in[1] != 1 && in[2] != 1) {
      const std::string transposed = unique(node.name + "/nhwc");
      attribute(add("Transpose", transposed, inputs, transposed), "perm", {0, 2, 3, 1});
      inputs = {transposed};
    }
    attribute(add("Flatten", node.name, inputs, output), "axis", 1);
  }

  static void require_undilated(const Node& node, const WindowOptions& w) {
    if (w.dilation_h != 1 || w.dilation_w != 1)
      throw unsupported_error(message("write_onnx: node ", node.name, ": AveragePool has no dilations in opset 13"));
  }

  void write_clip(const std::string& name, const Clip& clip, const std::string& input, const std::string& output) {
    if (clip == relu) {
      add("Relu", name, {input}, output);
      return;
    }
    std::vector<std::string> inputs{input, "", ""};
    if (clip.lo != no_clip.lo) inputs[1] = tensor(name + ".min", {}, {clip.lo});
    if (clip.hi != no_clip.hi) inputs[2] = tensor(name + ".max", {}, {clip.hi});
    while (inputs.back().empty()) inputs.pop_back();
    add("Clip", name, inputs, output);
  }

  void add_node(NodeId id) {
    const Node& node = network_[id];
    std::vector<std::string> inputs;
    for (const NodeId input : node.inputs) inputs.push_back(values_[input]);
    const bool is_input = std::holds_alternative<Input>(node.op), clipped = node.clip != no_clip;
    const std::string last = id == network_.output() ? "logits" : (is_input && !clipped ? "input" : unique(node.name));
    const std::string first = is_input ? "input" : (clipped ? unique(node.name + "/unclipped") : last);
    std::visit([&](const auto& op) { write(node, op, inputs, first); }, node.op);
    if (clipped)
      write_clip(node.name + "/clip", node.clip, first, last);
    else if (first != last)
      add("Identity", node.name + "/output", {first}, last);
    values_.push_back(last);
  }

  const Network& network_;
  ::onnx::ModelProto model_;
  std::vector<std::string> values_;  ///< by node: the value it gives
  // ONNX Runtime refuses nodes of equal names; a Network does not.
  std::unordered_set<std::string> values_taken_{"", "input", "logits"}, nodes_taken_{""};
};

}  // namespace detail

/// The bytes of write_onnx's file.
inline std::string serialize_onnx(const Network& network, const std::map<std::string, std::string>& metadata = {}) {
  detail::OnnxExport exported(network);
  for (const auto& [key, value] : metadata) {
    auto& entry = *exported.model().add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  const detail::QuietProtobuf quiet;
  std::string bytes;
  if (exported.model().ByteSizeLong() > 0x7FFFFFFFU || !exported.model().SerializeToString(&bytes))
    throw unsupported_error("write_onnx: the network is beyond 2 GiB, the most that protobuf writes");
  return bytes;
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
