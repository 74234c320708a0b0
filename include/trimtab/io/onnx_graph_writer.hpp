#pragma once
/// \file
/// Building an ONNX graph: names, tensors, nodes and attributes, and the operators that the float and the quantized writer share.

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <trimtab/core/config.hpp>
#include <trimtab/core/error.hpp>
#include <trimtab/io/onnx/schema.hpp>
#include <trimtab/net/graph/network.hpp>
#include <trimtab/net/operators.hpp>
#include <type_traits>
#include <unordered_set>
#include <vector>

namespace trimtab::detail {

/// An N C H W graph of opset 13 with the input `input` and the output `logits`.
class OnnxGraphWriter {
 public:
  OnnxGraphWriter(const Extents& input, const Extents& output) {
    model_.set_ir_version(7);
    model_.set_producer_name("trimtab");
    model_.set_producer_version(TRIMTAB_VERSION);
    model_.add_opset_import()->set_version(13);
    graph().set_name("trimtab");
    if (input.size() != 3) throw unsupported_error(message("write_onnx: expected an input of H W C, got ", input));
    declare(*graph().add_input(), "input", input);
    declare(*graph().add_output(), "logits", output);
  }

  /// The bytes of the file. Throws unsupported_error beyond 2 GiB.
  std::string serialize(const std::map<std::string, std::string>& metadata) {
    for (const auto& [key, value] : metadata) {
      auto& entry = *model_.add_metadata_props();
      entry.set_key(key);
      entry.set_value(value);
    }
    const QuietProtobuf quiet;
    std::string bytes;
    if (model_.ByteSizeLong() > 0x7FFFFFFFU || !model_.SerializeToString(&bytes))
      throw unsupported_error("write_onnx: the network is beyond 2 GiB, the most that protobuf writes");
    return bytes;
  }

 protected:
  ::onnx::ModelProto& model() { return model_; }
  ::onnx::GraphProto& graph() { return *model_.mutable_graph(); }

  std::string unique(const std::string& name) { return unique_in(values_taken_, name); }

  /// An initializer of float, int8, uint8 or int32 numbers, little-endian. Returns its name.
  template <class T>
  std::string tensor(const std::string& name, std::initializer_list<std::size_t> extent, const std::vector<T>& values) {
    using Proto = ::onnx::TensorProto;
    auto& t = *graph().add_initializer();
    t.set_name(unique(name));
    t.set_data_type(std::is_same_v<T, float>          ? Proto::FLOAT
                    : std::is_same_v<T, std::int8_t>  ? Proto::INT8
                    : std::is_same_v<T, std::uint8_t> ? Proto::UINT8
                    : std::is_same_v<T, std::int64_t> ? Proto::INT64
                                                      : Proto::INT32);
    for (const std::size_t length : extent) t.add_dims(static_cast<std::int64_t>(length));
    std::string& raw = *t.mutable_raw_data();
    raw.reserve(values.size() * sizeof(T));
    for (const T v : values) {
      const auto bits = std::bit_cast<UnsignedOf<T>>(v);
      for (std::size_t i = 0; i < sizeof(T); ++i) raw.push_back(static_cast<char>((bits >> (8 * i)) & 0xFFU));
    }
    return t.name();
  }

  ::onnx::NodeProto& add(const char* op, const std::string& name, const std::vector<std::string>& inputs, const std::string& output) {
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
  static void attribute(::onnx::NodeProto& node, const char* name, float value) {
    auto& a = *node.add_attribute();
    a.set_name(name);
    a.set_type(::onnx::AttributeProto::FLOAT);
    a.set_f(value);
  }

  static void window_attributes(::onnx::NodeProto& node, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& w) {
    attribute(node, "kernel_shape", {kernel_h, kernel_w});
    attribute(node, "strides", {w.stride_h, w.stride_w});
    attribute(node, "pads", {w.padding.top, w.padding.left, w.padding.bottom, w.padding.right});
  }
  /// Conv, QLinearConv or ConvInteger.
  void add_conv(const char* op, const std::string& name, const std::vector<std::string>& inputs, const std::string& output,
                std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& window, std::size_t groups) {
    auto& written = add(op, name, inputs, output);
    window_attributes(written, kernel_h, kernel_w, window);
    attribute(written, "dilations", {window.dilation_h, window.dilation_w});
    attribute(written, "group", static_cast<std::int64_t>(groups));
  }
  void add_pool(const std::string& name, const AveragePool& l, const std::string& input, const std::string& output) {
    if (l.window.dilation_h != 1 || l.window.dilation_w != 1)
      throw unsupported_error(message("write_onnx: node ", name, ": AveragePool has no dilations in opset 13"));
    auto& written = add("AveragePool", name, {input}, output);
    window_attributes(written, l.kernel_h, l.kernel_w, l.window);
    attribute(written, "count_include_pad", std::int64_t{l.count_include_pad});
  }
  void add_pool(const std::string& name, const MaxPool& l, const std::string& input, const std::string& output) {
    auto& written = add("MaxPool", name, {input}, output);
    window_attributes(written, l.kernel_h, l.kernel_w, l.window);
    attribute(written, "dilations", {l.window.dilation_h, l.window.dilation_w});
  }
  /// `extent` is the input's. A network flattens H W C, so the picture is transposed first where that is not C H W.
  void add_flatten(const std::string& name, const Extents& extent, std::string input, const std::string& output) {
    if (extent.size() == 1) {
      add("Identity", name, {input}, output);
      return;
    }
    if (extent[0] * extent[1] != 1 && extent[2] != 1) {
      const std::string transposed = unique(name + "/nhwc");
      auto& perm = *add("Transpose", transposed, {input}, transposed).add_attribute();
      perm.set_name("perm");
      perm.set_type(::onnx::AttributeProto::INTS);
      for (const std::int64_t axis : {0, 2, 3, 1}) perm.add_ints(axis);
      input = transposed;
    }
    attribute(add("Flatten", name, {input}, output), "axis", std::int64_t{1});
  }

  /// O KH KW I to O I KH KW.
  template <class T>
  static std::vector<T> filters_to_nchw(const T* w, std::size_t o, std::size_t pixels, std::size_t i) {
    std::vector<T> result(o * pixels * i);
    for (std::size_t f = 0; f < o; ++f)
      for (std::size_t p = 0; p < pixels; ++p)
        for (std::size_t c = 0; c < i; ++c) result[(f * i + c) * pixels + p] = w[(f * pixels + p) * i + c];
    return result;
  }

 private:
  template <class T>
  using UnsignedOf = std::conditional_t<sizeof(T) == 1, std::uint8_t, std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;

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

  ::onnx::ModelProto model_;
  // ONNX Runtime refuses nodes of equal names; a Network does not.
  std::unordered_set<std::string> values_taken_{"", "input", "logits"}, nodes_taken_{""};
};

}  // namespace trimtab::detail
