#pragma once
/// \file
/// What a TFLite file computes with, as sums that its metadata hold: every changed byte of a weight, a scale or an option is
/// found.

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <trimtab/io/crc32.hpp>
#include <trimtab/io/tflite/file.hpp>
#include <vector>

namespace trimtab::detail {

/// The digits for a file: its graph's, which are of inputs, outputs and operators with their options; then each tensor's name,
/// type, extents, grid and numbers. Independent of where the flatbuffer has them.
inline std::string checksums(const tflite::File& file) {
  const auto add_row = [](Crc32& sum, const auto& row, const auto& bits) {
    sum.number(row.size());
    for (const auto v : row) bits(v);
  };
  const auto text = [](std::span<const std::uint8_t> bytes) {
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  Crc32 graph;
  const auto tensors = [&](const auto& numbers) { add_row(graph, numbers, [&](std::int32_t t) { graph.integer(t); }); };
  tensors(file.inputs);
  tensors(file.outputs);
  for (const tflite::FileOperation& o : file.operations) {
    graph.integer(o.code).text(o.custom).text(text(o.custom_options));
    tensors(o.inputs);
    tensors(o.outputs);
    if (!o.options) continue;
    for (const std::optional<std::string_view>& field : o.options->fields())
      graph.number(field ? 1 : 0).text(field.value_or(std::string_view()));
  }
  std::string digits = graph.digits();
  for (const tflite::FileTensor& t : file.tensors) {
    Crc32 sum;
    sum.text(t.name).integer(t.type).integer(t.axis);
    add_row(sum, t.shape, [&](std::int32_t length) { sum.integer(length); });
    add_row(sum, t.scale, [&](float v) { sum.number(std::bit_cast<std::uint32_t>(v)); });
    add_row(sum, t.zero_point, [&](std::int64_t v) { sum.integer(v); });
    digits += sum.text(text(t.data)).digits();
  }
  return digits;
}

/// What the description of a written file begins with.
inline constexpr std::string_view description_start = "trimtab ";

/// Throws parse_error, naming the tensor, where a file that holds checksums is not what they were taken of. One that write_tflite
/// made and that holds none gets a note.
inline void require_checksums(const tflite::File& file, std::vector<std::string>& notes) {
  bool checked = false;
  for (const auto& [key, sums] : file.metadata) {
    if (!is_checksum(key)) continue;
    checked = true;
    require_checksums(sums, checksums(file), [&](std::size_t i) { return file.tensors[i].name; });
  }
  if (!checked && file.description.starts_with(description_start)) notes.push_back(unchecked_note);
}

}  // namespace trimtab::detail
