#pragma once
/// \file
/// Building an ONNX graph: names, tensors, nodes and attributes, and the file's order of axes.

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <trimtab/core/config.hpp>
#include <trimtab/core/error.hpp>
#include <trimtab/io/onnx/checksum.hpp>
#include <trimtab/io/onnx/schema.hpp>
#include <trimtab/net/graph/network.hpp>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

namespace trimtab::detail {

/// A node on its way into a file: its inputs and its output there, and the extents that the network knows.
struct OnnxCall {
  std::string name;                 ///< of the node
  std::vector<std::string> inputs;  ///< the file's values
  std::vector<Extents> in;          ///< of the inputs, batch excluded
  Extents extent;                   ///< of the output, batch excluded
  std::string output;               ///< the file's value
};

/// Axes of the file: extents of H W C are N C H W there, all others have the batch in front.
namespace file_layout {

/// The file's axis for a node's axis, both batch included or both with the batch as axis 0 of `rank` axes in all.
inline std::size_t axis(std::size_t rank, std::size_t node_axis) {
  if (rank != 4 || node_axis == 0) return node_axis;
  return node_axis == 3 ? 1 : node_axis + 1;
}
/// The node's axis for a file's axis.
inline std::size_t node_axis(std::size_t rank, std::size_t file_axis) {
  if (rank != 4 || file_axis == 0) return file_axis;
  return file_axis == 1 ? 3 : file_axis - 1;
}
/// Extents in the file's order, batch excluded.
inline Extents extents(const Extents& e) {
  Extents result;
  for (std::size_t i = 1; i <= e.size(); ++i) result.push_back(e[node_axis(e.size() + 1, i) - 1]);
  return result;
}
/// Numbers of a tensor of extents e in the file's order.
template <class T>
std::vector<T> numbers(const T* values, const Extents& e) {
  const std::size_t count = element_count(e);
  if (e.size() != 3) return {values, values + count};
  std::vector<T> result;
  result.reserve(count);
  for (std::size_t c = 0; c < e[2]; ++c)
    for (std::size_t p = 0; p < e[0] * e[1]; ++p) result.push_back(values[p * e[2] + c]);
  return result;
}

}  // namespace file_layout

/// A graph of opset 13, or as much more as its operators ask for.
class OnnxWriter {
 public:
  OnnxWriter() {
    model_.set_ir_version(7);
    model_.set_producer_name(written_by);
    model_.set_producer_version(TRIMTAB_VERSION);
    model_.add_opset_import()->set_version(13);
    graph().set_name(written_by);
  }

  /// The bytes of the file, with checksums in its metadata. Throws unsupported_error beyond 2 GiB.
  std::string serialize(std::map<std::string, std::string> metadata) {
    metadata.erase(checksum_key);
    const auto add = [&](const std::string& key, const std::string& value) {
      auto& entry = *model_.add_metadata_props();
      entry.set_key(key);
      entry.set_value(value);
    };
    for (const auto& [key, value] : metadata) add(key, value);
    add(checksum_key, checksums(model_, {}));
    const QuietProtobuf quiet;
    std::string bytes;
    if (model_.ByteSizeLong() > 0x7FFFFFFFU || !model_.SerializeToString(&bytes))
      throw unsupported_error("write_onnx: the network is beyond 2 GiB, the most that protobuf writes");
    return bytes;
  }

  /// At least this version of ONNX's own operators, up to 17: reductions have other forms from 18 on.
  void require_opset(std::int64_t version) {
    auto& own = *model_.mutable_opset_import(0);
    if (own.version() < version) own.set_version(version);
    if (version > 14) model_.set_ir_version(8);
  }
  /// ONNX Runtime's own operators.
  void require_microsoft() {
    if (model_.opset_import_size() > 1) return;
    auto& opset = *model_.add_opset_import();
    opset.set_domain("com.microsoft");
    opset.set_version(1);
  }

  std::string unique(const std::string& name) { return unique_in(values_taken_, name); }
  /// A new value of a node that is written with several.
  std::string value(const OnnxCall& n, std::string_view part) { return unique(message(n.name, '/', part)); }

  /// A float input or output of the graph. One alone is called by its customary name.
  std::string declare_input(const std::string& name, const Extents& extent) {
    return declare(*graph().add_input(), name, extent);
  }
  std::string declare_output(const std::string& name, const Extents& extent) {
    return declare(*graph().add_output(), name, extent);
  }

  /// An initializer of float, int8, uint8, int16, uint16, int32 or int64 numbers, little-endian. Returns its name.
  template <class T>
  std::string tensor(const std::string& name, const Extents& extent, const std::vector<T>& values) {
    using Proto = ::onnx::TensorProto;
    auto& t = *graph().add_initializer();
    t.set_name(unique(name));
    t.set_data_type(std::is_same_v<T, float>           ? Proto::FLOAT
                    : std::is_same_v<T, std::int8_t>   ? Proto::INT8
                    : std::is_same_v<T, std::uint8_t>  ? Proto::UINT8
                    : std::is_same_v<T, std::int16_t>  ? Proto::INT16
                    : std::is_same_v<T, std::uint16_t> ? Proto::UINT16
                    : std::is_same_v<T, std::int64_t>  ? Proto::INT64
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
  /// A row of floats.
  template <class Vector>
  std::string row(const std::string& name, const Vector& values) {
    return tensor<float>(name, {values.size()}, {values.data(), values.data() + values.size()});
  }
  /// One float.
  std::string number(const std::string& name, float value) { return tensor<float>(name, {}, {value}); }
  /// A row of integers.
  template <class Integers>
  std::string integers(const std::string& name, const Integers& values) {
    std::vector<std::int64_t> row;
    for (const auto v : values) row.push_back(static_cast<std::int64_t>(v));
    return tensor(name, {row.size()}, row);
  }
  /// Numbers along the last axis of a node of such extents, one for all or one a channel, so that they broadcast in the file.
  template <class T>
  std::string channels(const std::string& name, const std::vector<T>& values, const Extents& extent) {
    return extent.size() == 3 ? tensor<T>(name, {values.size(), 1, 1}, values) : tensor<T>(name, {values.size()}, values);
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
  /// The node itself as one of the file's operators.
  ::onnx::NodeProto& add(const char* op, const OnnxCall& n) { return add(op, n.name, n.inputs, n.output); }
  /// A part of a node: an operator that gives a new value, whose name is returned.
  std::string part(const char* op, const OnnxCall& n, std::string_view what, const std::vector<std::string>& inputs) {
    const std::string y = value(n, what);
    add(op, y, inputs, y);
    return y;
  }

  static void attribute(::onnx::NodeProto& node, const char* name, std::int64_t value) {
    auto& a = *node.add_attribute();
    a.set_name(name);
    a.set_type(::onnx::AttributeProto::INT);
    a.set_i(value);
  }
  static void attribute(::onnx::NodeProto& node, const char* name, const Extents& values) {
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
  static void text(::onnx::NodeProto& node, const char* name, const char* value) {
    auto& a = *node.add_attribute();
    a.set_name(name);
    a.set_type(::onnx::AttributeProto::STRING);
    a.set_s(value);
  }

  /// The value with file axis i being its axis perm[i], batch included; itself where nothing moves.
  std::string transposed(const OnnxCall& n, std::string_view what, const std::string& value, const Extents& perm) {
    if (is_identity(perm)) return value;
    const std::string y = this->value(n, what);
    attribute(add("Transpose", y, {value}, y), "perm", perm);
    return y;
  }
  static bool is_identity(const Extents& perm) {
    for (std::size_t i = 0; i < perm.size(); ++i)
      if (perm[i] != i) return false;
    return true;
  }
  /// Input i in the node's order of axes.
  std::string in_node_order(const OnnxCall& n, std::size_t i = 0) {
    if (n.in[i].size() != 3) return n.inputs[i];
    return transposed(n, i == 0 ? "nhwc" : message("nhwc_", i), n.inputs[i], {0, 2, 3, 1});
  }
  /// Writes the output with `write(value)`, which gives it in the node's order.
  template <class Write>
  void from_node_order(const OnnxCall& n, const Write& write) {
    if (n.extent.size() != 3) return write(n.output);
    const std::string y = value(n, "nhwc_output");
    write(y);
    attribute(add("Transpose", message(n.name, "/nchw"), {y}, n.output), "perm", Extents{0, 3, 1, 2});
  }
  /// The value with other extents, in the file's order and batch excluded.
  std::string reshaped(const OnnxCall& n, std::string_view what, const std::string& from, const Extents& extents) {
    std::vector<std::size_t> shape{0};
    shape.insert(shape.end(), extents.begin(), extents.end());
    const std::string y = value(n, what);
    add("Reshape", y, {from, integers(y + ".shape", shape)}, y);
    return y;
  }
  /// Input i with axes of 1 behind the batch, so that its rank is the output's and it broadcasts in the file as in the network.
  std::string aligned(const OnnxCall& n, std::size_t i) {
    const Extents &x = n.in[i], &y = n.extent;
    if (x.size() >= y.size()) return n.inputs[i];
    Extents wide;
    while (wide.size() + x.size() < y.size()) wide.push_back(1);
    for (const std::size_t length : x) wide.push_back(length);
    const std::string tag = message("aligned_", i);
    if (y.size() != 3 || wide[0] * wide[1] == 1 || wide[2] == 1) return reshaped(n, tag, n.inputs[i], file_layout::extents(wide));
    return transposed(n, tag + "_nchw", reshaped(n, tag, n.inputs[i], wide), {0, 3, 1, 2});
  }
  /// Whether the channels, the node's last axis, are axis 1 of the file.
  static bool channels_second(const Extents& e) { return e.size() == 1 || e.size() == 3; }
  /// Writes an operator over channels: `write(input, output)`, both with the channels as axis 1.
  template <class Write>
  void over_channels(const OnnxCall& n, const Write& write) {
    if (channels_second(n.extent)) return write(n.inputs[0], n.output);
    const std::size_t rank = n.extent.size() + 1;
    Extents to{0, rank - 1}, back{0};
    for (std::size_t i = 1; i + 1 < rank; ++i) to.push_back(i);
    for (std::size_t i = 2; i < rank; ++i) back.push_back(i);
    back.push_back(1);
    const std::string x = transposed(n, "channels_second", n.inputs[0], to), y = value(n, "channels_second_output");
    write(x, y);
    attribute(add("Transpose", message(n.name, "/channels_last"), {y}, n.output), "perm", back);
  }

 protected:
  ::onnx::GraphProto& graph() { return *model_.mutable_graph(); }

 private:
  template <class T>
  using UnsignedOf = std::conditional_t<
      sizeof(T) == 1, std::uint8_t,
      std::conditional_t<sizeof(T) == 2, std::uint16_t, std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>>;

  std::string declare(::onnx::ValueInfoProto& value, const std::string& name, const Extents& extent) {
    value.set_name(unique(name));
    auto& type = *value.mutable_type()->mutable_tensor_type();
    type.set_elem_type(::onnx::TensorProto::FLOAT);
    type.mutable_shape()->add_dim()->set_dim_param("N");
    for (const std::size_t length : file_layout::extents(extent))
      type.mutable_shape()->add_dim()->set_dim_value(static_cast<std::int64_t>(length));
    return value.name();
  }
  static std::string unique_in(std::unordered_set<std::string>& taken, std::string name) {
    while (!taken.insert(name).second) name += "_";
    return name;
  }

  ::onnx::ModelProto model_;
  // ONNX Runtime refuses nodes of equal names; a Network does not.
  std::unordered_set<std::string> values_taken_{""}, nodes_taken_{""};
};

}  // namespace trimtab::detail
