#pragma once
/// \file
/// The part of the TFLite file format that trimtab writes: a model of one graph as plain structs, and its bytes as a flatbuffer
/// of the format's version 3. Numbers of tables' fields, of operators and of types are those of the format.

#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <trimtab/io/tflite/operator_codes.hpp>
#include <utility>
#include <vector>

/// The TFLite file format.
namespace trimtab::tflite {

/// What a tensor's elements are.
enum class TensorType : std::int8_t { float32 = 0, float16 = 1, int32 = 2, uint8 = 3, int64 = 4, int8 = 9 };
/// Where zeros surround a picture: `same` as many as keep ceil(extent / stride), the odd one behind; `valid` none.
enum class Padding : std::int8_t { same = 0, valid = 1 };
/// What `same` puts before and behind an axis: half of what is missing before, rounded down.
inline std::pair<std::size_t, std::size_t> same_padding(std::size_t in, std::size_t kernel, std::size_t stride,
                                                        std::size_t dilation) {
  const std::size_t out = (in + stride - 1) / stride, span = (out - 1) * stride + (kernel - 1) * dilation + 1;
  const std::size_t missing = in == 0 || span < in ? 0 : span - in;
  return {missing / 2, missing - missing / 2};
}
/// A clip fused into an operator.
enum class Activation : std::int8_t { none = 0, relu = 1, relu_n1_to_1 = 2, relu6 = 3 };

/// real = scale * (code - zero_point), one of each, or one for each index of `axis`.
struct Quantization {
  std::vector<float> scale;
  std::vector<std::int64_t> zero_point;
  std::int32_t axis = 0;
};

/// `data` are the bytes of a constant, little-endian; none for what the graph computes.
struct Tensor {
  std::string name;
  std::vector<std::int32_t> shape;
  TensorType type = TensorType::int8;
  Quantization quantization = {};
  std::vector<std::uint8_t> data = {};
};

/// An operator's own table: its place in the format's list of them, and its fields.
struct Options {
  /// A number of 32 bits, or of 8; not written where it is the fallback, which readers assume.
  struct Field {
    std::int32_t number, value, fallback;
    bool is_byte;
  };
  std::uint8_t table = 0;
  std::vector<Field> fields = {};

  /// Adds a field of 32 bits.
  Options& number(std::int32_t field, std::size_t value, std::int32_t fallback = 0) {
    fields.push_back({field, static_cast<std::int32_t>(value), fallback, false});
    return *this;
  }
  /// Adds a float, whose fallback is 0.
  Options& real(std::int32_t field, float value) {
    fields.push_back({field, std::bit_cast<std::int32_t>(value), 0, false});
    return *this;
  }
  /// Adds a field of 8 bits: an enumerator, or 0 or 1.
  template <class Byte>
  Options& byte(std::int32_t field, Byte value) {
    fields.push_back({field, static_cast<std::int32_t>(value), 0, true});
    return *this;
  }
};

/// Inputs and outputs are numbers of tensors.
struct Operation {
  OperatorCode code = OperatorCode::add;
  std::int32_t version = 1;
  std::vector<std::int32_t> inputs, outputs;
  Options options = {};
};

/// A file of one graph.
struct Model {
  std::vector<Tensor> tensors;
  std::vector<Operation> operations;  ///< in the order of execution
  std::vector<std::int32_t> inputs, outputs;
  std::string description;
  std::vector<std::pair<std::string, std::string>> metadata = {};  ///< names and what they stand for
};

namespace detail {

using Offset = flatbuffers::Offset<flatbuffers::Table>;

/// Where a table's list of fields has the field of this number.
constexpr flatbuffers::voffset_t slot(std::int32_t field) { return static_cast<flatbuffers::voffset_t>(4 + 2 * field); }

/// A table whose fields add() sets; all that they refer to is written before.
template <class Add>
Offset table(flatbuffers::FlatBufferBuilder& builder, const Add& add) {
  const auto start = builder.StartTable();
  add();
  return Offset(builder.EndTable(start));
}

/// Table Buffer { 0 data }, at 16 bytes, which kernels may rely on.
inline Offset write_buffer(flatbuffers::FlatBufferBuilder& builder, const std::vector<std::uint8_t>& data) {
  flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> bytes = 0;
  if (!data.empty()) {
    builder.ForceVectorAlignment(data.size(), 1, 16);
    bytes = builder.CreateVector(data);
  }
  return table(builder, [&] {
    if (!data.empty()) builder.AddOffset(slot(0), bytes);
  });
}

/// Table Tensor { 0 shape, 1 type, 2 buffer, 3 name, 4 QuantizationParameters { 2 scale, 3 zero_point, 6 quantized_dimension } }.
inline Offset write_tensor(flatbuffers::FlatBufferBuilder& builder, const Tensor& t, std::uint32_t buffer) {
  const auto shape = builder.CreateVector(t.shape);
  const auto name = builder.CreateString(t.name);
  Offset quantization = 0;
  if (!t.quantization.scale.empty()) {
    const auto scale = builder.CreateVector(t.quantization.scale);
    const auto zero_point = builder.CreateVector(t.quantization.zero_point);
    quantization = table(builder, [&] {
      builder.AddOffset(slot(2), scale);
      builder.AddOffset(slot(3), zero_point);
      builder.AddElement(slot(6), t.quantization.axis, 0);
    });
  }
  return table(builder, [&] {
    builder.AddOffset(slot(0), shape);
    builder.AddElement(slot(1), static_cast<std::int8_t>(t.type), std::int8_t{0});
    builder.AddElement(slot(2), buffer, 0U);
    builder.AddOffset(slot(3), name);
    if (!quantization.IsNull()) builder.AddOffset(slot(4), quantization);
  });
}

/// Table Operator { 0 opcode_index, 1 inputs, 2 outputs, 3 type of the options, 4 options }.
inline Offset write_operation(flatbuffers::FlatBufferBuilder& builder, const Operation& o, std::uint32_t opcode) {
  const auto inputs = builder.CreateVector(o.inputs);
  const auto outputs = builder.CreateVector(o.outputs);
  const Offset options = table(builder, [&] {
    for (const Options::Field& f : o.options.fields)
      if (f.is_byte)
        builder.AddElement(slot(f.number), static_cast<std::int8_t>(f.value), static_cast<std::int8_t>(f.fallback));
      else
        builder.AddElement(slot(f.number), f.value, f.fallback);
  });
  return table(builder, [&] {
    builder.AddElement(slot(0), opcode, 0U);
    builder.AddOffset(slot(1), inputs);
    builder.AddOffset(slot(2), outputs);
    if (o.options.table == 0) return;
    builder.AddElement(slot(3), o.options.table, std::uint8_t{0});
    builder.AddOffset(slot(4), options);
  });
}

/// Table OperatorCode { 0 code in a byte, for old readers, 2 version, 3 code }.
inline Offset write_operator_code(flatbuffers::FlatBufferBuilder& builder, OperatorCode code, std::int32_t version) {
  const auto number = static_cast<std::int32_t>(code);
  return table(builder, [&] {
    builder.AddElement(slot(0), static_cast<std::int8_t>(std::min(number, 127)), std::int8_t{0});
    builder.AddElement(slot(2), version, 1);
    builder.AddElement(slot(3), number, 0);
  });
}

}  // namespace detail

/// The bytes of the file: table Model { 0 version, 1 operator_codes, 2 subgraphs, 3 description, 4 buffers, 6 metadata } with one
/// SubGraph { 0 tensors, 1 inputs, 2 outputs, 3 operators, 4 name } and Metadata { 0 name, 1 buffer }. Buffer 0 is empty, as the
/// format wants it.
inline std::string serialize(const Model& model) {
  using detail::slot;
  flatbuffers::FlatBufferBuilder builder(1024);
  std::vector<detail::Offset> buffers{detail::write_buffer(builder, {})}, tensors, operations, codes;
  for (const Tensor& t : model.tensors) {
    if (!t.data.empty()) buffers.push_back(detail::write_buffer(builder, t.data));
    tensors.push_back(detail::write_tensor(builder, t, t.data.empty() ? 0U : static_cast<std::uint32_t>(buffers.size() - 1)));
  }
  std::vector<std::pair<OperatorCode, std::int32_t>> used;
  for (const Operation& o : model.operations) {
    const std::pair code(o.code, o.version);
    const auto at = std::find(used.begin(), used.end(), code);
    operations.push_back(detail::write_operation(builder, o, static_cast<std::uint32_t>(at - used.begin())));
    if (at == used.end()) used.push_back(code);
  }
  for (const auto& [code, version] : used) codes.push_back(detail::write_operator_code(builder, code, version));
  std::vector<detail::Offset> metadata;
  for (const auto& [key, value] : model.metadata) {
    buffers.push_back(detail::write_buffer(builder, {value.begin(), value.end()}));
    const auto name = builder.CreateString(key);
    metadata.push_back(detail::table(builder, [&] {
      builder.AddOffset(slot(0), name);
      builder.AddElement(slot(1), static_cast<std::uint32_t>(buffers.size() - 1), 0U);
    }));
  }

  const auto all_tensors = builder.CreateVector(tensors);
  const auto inputs = builder.CreateVector(model.inputs), outputs = builder.CreateVector(model.outputs);
  const auto all_operations = builder.CreateVector(operations);
  const auto name = builder.CreateString("main");
  const detail::Offset graph = detail::table(builder, [&] {
    builder.AddOffset(slot(0), all_tensors);
    builder.AddOffset(slot(1), inputs);
    builder.AddOffset(slot(2), outputs);
    builder.AddOffset(slot(3), all_operations);
    builder.AddOffset(slot(4), name);
  });
  const auto all_codes = builder.CreateVector(codes);
  const auto graphs = builder.CreateVector(std::vector<detail::Offset>{graph});
  const auto description = builder.CreateString(model.description);
  const auto all_buffers = builder.CreateVector(buffers);
  const auto all_metadata = metadata.empty() ? 0 : builder.CreateVector(metadata);
  builder.Finish(detail::table(builder,
                               [&] {
                                 builder.AddElement(slot(0), 3U, 0U);
                                 builder.AddOffset(slot(1), all_codes);
                                 builder.AddOffset(slot(2), graphs);
                                 builder.AddOffset(slot(3), description);
                                 builder.AddOffset(slot(4), all_buffers);
                                 if (!metadata.empty()) builder.AddOffset(slot(6), all_metadata);
                               }),
                 "TFL3");
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

}  // namespace trimtab::tflite
