#pragma once
/// \file
/// What an ONNX file computes with, as sums that its metadata hold: every changed byte of a weight, a scale or an attribute is
/// found.

#include <bit>
#include <cstdint>
#include <string>
#include <trimtab/io/crc32.hpp>
#include <trimtab/io/onnx/read_tensor.hpp>
#include <trimtab/io/onnx/schema.hpp>
#include <vector>

namespace trimtab::detail {

/// A tensor's numbers as packed little-endian bytes, wherever and in whichever field they are stored.
inline std::string packed_numbers(const ::onnx::TensorProto& tensor, ExternalData& external) {
  if (tensor.has_raw_data()) return tensor.raw_data();
  const OnnxTypeInfo& type = type_info(onnx_type(tensor.data_type()));
  const Dims dims(tensor.dims().begin(), tensor.dims().end());
  if (tensor.data_location() == ::onnx::TensorProto::EXTERNAL)
    return external.read(tensor, (count_of(dims) * static_cast<std::size_t>(type.bits) + 7) / 8);
  std::string bytes;
  const auto add = [&](std::uint64_t bits, int width) {
    for (int shift = 0; shift < width; shift += 8) bytes.push_back(static_cast<char>((bits >> shift) & 0xFFU));
  };
  // Of the fields one holds numbers.
  for (const float v : tensor.float_data()) add(std::bit_cast<std::uint32_t>(v), 32);
  for (const double v : tensor.double_data()) add(std::bit_cast<std::uint64_t>(v), 64);
  for (const std::int64_t v : tensor.int64_data()) add(static_cast<std::uint64_t>(v), 64);
  for (const std::uint64_t v : tensor.uint64_data()) add(v, type.bits);
  for (const std::int32_t v : tensor.int32_data())
    add(static_cast<std::uint64_t>(std::int64_t{v}), type.bits < 8 ? 8 : type.bits);
  return bytes;
}

/// Name, type, extents, numbers.
inline Crc32 checksum(const ::onnx::TensorProto& tensor, ExternalData& external) {
  Crc32 sum;
  sum.text(tensor.name()).integer(tensor.data_type()).number(static_cast<std::uint64_t>(tensor.dims_size()));
  for (const std::int64_t length : tensor.dims()) sum.integer(length);
  sum.text(packed_numbers(tensor, external));
  return sum;
}

inline void add_to(Crc32& sum, const ::onnx::ValueInfoProto& value) {
  const auto& type = value.type().tensor_type();
  sum.text(value.name()).integer(type.elem_type()).number(static_cast<std::uint64_t>(type.shape().dim_size()));
  for (const auto& dim : type.shape().dim()) sum.integer(dim.dim_value()).text(dim.dim_param());
}
/// A list: how many there are, then each.
template <class List, class Add>
void add_list(Crc32& sum, const List& list, const Add& add) {
  sum.number(static_cast<std::uint64_t>(list.size()));
  for (const auto& one : list) add(one);
}
inline void add_to(Crc32& sum, const ::onnx::AttributeProto& a) {
  const auto real = [&](float v) { sum.number(std::bit_cast<std::uint32_t>(v)); };
  const auto integer = [&](std::int64_t v) { sum.integer(v); };
  const auto text = [&](const std::string& v) { sum.text(v); };
  sum.text(a.name()).integer(a.type()).integer(a.i()).text(a.s());
  real(a.f());
  add_list(sum, a.ints(), integer);
  add_list(sum, a.floats(), real);
  add_list(sum, a.strings(), text);
}

/// The digits for a model: its graph's, which are of opsets, inputs, outputs, nodes with their attributes, and how bytes of
/// pictures become inputs; then each initializer's. Independent of how protobuf encodes them.
inline std::string checksums(const ::onnx::ModelProto& model, ExternalData external) {
  const ::onnx::GraphProto& graph = model.graph();
  Crc32 sum;
  const auto text = [&](const std::string& v) { sum.text(v); };
  add_list(sum, model.opset_import(), [&](const auto& opset) { sum.text(opset.domain()).integer(opset.version()); });
  add_list(sum, graph.input(), [&](const auto& value) { add_to(sum, value); });
  add_list(sum, graph.output(), [&](const auto& value) { add_to(sum, value); });
  add_list(sum, graph.node(), [&](const ::onnx::NodeProto& node) {
    sum.text(node.name()).text(node.op_type()).text(node.domain());
    add_list(sum, node.input(), text);
    add_list(sum, node.output(), text);
    add_list(sum, node.attribute(), [&](const auto& a) { add_to(sum, a); });
  });
  for (const auto& entry : model.metadata_props())
    if (entry.key() == "preprocessing") sum.text(entry.value());
  std::string digits = sum.digits();
  for (const auto& tensor : graph.initializer()) digits += checksum(tensor, external).digits();
  return digits;
}

/// What write_onnx calls itself as a file's producer, and the graph.
inline constexpr const char* written_by = "trimtab";

/// Throws parse_error, naming the tensor, where a model that holds checksums is not what they were taken of. One that write_onnx
/// made and that holds none gets a note; two names tell, of which a changed byte leaves one.
inline void require_checksums(const ::onnx::ModelProto& model, const ExternalData& external, std::vector<std::string>& notes) {
  bool checked = false;
  for (const auto& entry : model.metadata_props()) {
    if (!is_checksum(entry.key())) continue;
    checked = true;
    require_checksums(entry.value(), checksums(model, external),
                      [&](std::size_t i) { return model.graph().initializer(static_cast<int>(i)).name(); });
  }
  if (!checked && (model.producer_name() == written_by || model.graph().name() == written_by)) notes.push_back(unchecked_note);
}

}  // namespace trimtab::detail
