#pragma once
/// \file
/// The bytes of a TFLite file as what they say. flatbuffers' verifier checks every place before it is read.

#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/io/tflite/schema.hpp>
#include <vector>

namespace trimtab::tflite {

/// A table of a file: its fields by their numbers. Every function throws parse_error where the file ends too early.
class FileTable {
 public:
  /// Throws parse_error where no table is.
  FileTable(flatbuffers::Verifier& verifier, const std::uint8_t* file, std::size_t at)
      : verifier_(&verifier), file_(file), table_(file + at) {
    require(verifier.VerifyTableStart(table_));
    verifier.EndTable();
  }

  /// A number; `fallback` where it is left out.
  template <class T>
  T number(std::int32_t field, T fallback) const {
    const std::size_t at = place(field);
    if (at == 0) return fallback;
    require(verifier_->Verify<T>(at));
    return flatbuffers::ReadScalar<T>(file_ + at);
  }
  /// A row of numbers; empty where it is left out.
  template <class T>
  std::span<const T> row(std::int32_t field) const {
    const std::size_t at = target(field);
    if (at == 0) return {};
    require(verifier_->VerifyVectorOrString(file_ + at, sizeof(T)));
    const std::size_t first = at + sizeof(flatbuffers::uoffset_t);
    require(verifier_->VerifyAlignment(first, sizeof(T)));
    return {reinterpret_cast<const T*>(file_ + first), flatbuffers::ReadScalar<flatbuffers::uoffset_t>(file_ + at)};
  }
  /// Letters; empty where they are left out.
  std::string_view text(std::int32_t field) const {
    const std::span<const std::uint8_t> letters = row<std::uint8_t>(field);
    return {reinterpret_cast<const char*>(letters.data()), letters.size()};
  }
  /// The bytes of number 0, 1 and so on where they are there, up to what follows, without the zeros at their end, which may be
  /// padding.
  std::vector<std::optional<std::string_view>> fields() const {
    const auto* offsets = reinterpret_cast<const flatbuffers::Table*>(table_)->GetVTable();
    const auto number_at = [&](std::size_t at) { return flatbuffers::ReadScalar<flatbuffers::voffset_t>(offsets + at); };
    constexpr std::size_t wide = sizeof(flatbuffers::voffset_t);
    require(number_at(0) >= 2 * wide);
    const std::size_t size = number_at(wide), start = static_cast<std::size_t>(table_ - file_);
    require(verifier_->Verify(start, size));
    if (number_at(0) > 2 * wide + 64 * wide) throw parse_error("a table of more fields than the format has");
    std::vector<std::size_t> places;  // by field
    for (std::size_t at = 2 * wide; at + wide <= number_at(0); at += wide) places.push_back(number_at(at));
    std::vector<std::optional<std::string_view>> result;
    for (const std::size_t from : places) {
      result.emplace_back();
      if (from == 0) continue;
      require(from < size);
      std::size_t end = std::min(size, from + sizeof(std::int64_t));
      for (const std::size_t other : places)
        if (other > from) end = std::min(end, other);
      while (end > from && file_[start + end - 1] == 0) --end;
      result.back() = std::string_view(reinterpret_cast<const char*>(table_) + from, end - from);
    }
    while (!result.empty() && !result.back()) result.pop_back();
    return result;
  }
  /// Another table; none where it is left out.
  std::optional<FileTable> table(std::int32_t field) const {
    const std::size_t at = target(field);
    if (at == 0) return std::nullopt;
    return FileTable(*verifier_, file_, at);
  }
  /// Calls f with each table of a row.
  template <class F>
  void for_each(std::int32_t field, const F& f) const {
    const std::span<const flatbuffers::uoffset_t> offsets = row<flatbuffers::uoffset_t>(field);
    for (const flatbuffers::uoffset_t& offset : offsets)
      f(FileTable(*verifier_, file_, followed(static_cast<std::size_t>(reinterpret_cast<const std::uint8_t*>(&offset) - file_))));
  }

 private:
  static void require(bool good) {
    if (!good) throw parse_error("it is damaged or cut off: a table or a row reaches beyond its end");
  }
  /// Where a field is, or 0.
  std::size_t place(std::int32_t field) const {
    const auto offset = reinterpret_cast<const flatbuffers::Table*>(table_)->GetOptionalFieldOffset(detail::slot(field));
    return offset == 0 ? 0 : static_cast<std::size_t>(table_ - file_) + offset;
  }
  std::size_t followed(std::size_t at) const {
    require(verifier_->Verify<flatbuffers::uoffset_t>(at));
    const std::size_t to = at + flatbuffers::ReadScalar<flatbuffers::uoffset_t>(file_ + at);
    require(to != at && verifier_->Verify<flatbuffers::uoffset_t>(to));
    return to;
  }
  /// Where what a field refers to is, or 0.
  std::size_t target(std::int32_t field) const {
    const std::size_t at = place(field);
    return at == 0 ? 0 : followed(at);
  }

  flatbuffers::Verifier* verifier_;
  const std::uint8_t* file_;
  const std::uint8_t* table_;
};

/// A tensor of the file. `scale` and `zero_point` are empty where it is not quantized.
struct FileTensor {
  std::string name;
  std::span<const std::int32_t> shape;
  std::int8_t type = 0;  ///< a TensorType, if it is one that is read
  std::span<const float> scale;
  std::span<const std::int64_t> zero_point;
  std::int32_t axis = 0;               ///< of several scales
  std::span<const std::uint8_t> data;  ///< of a constant, little-endian
};

/// An operator of the file. A tensor's number is -1 where an optional input is left out.
struct FileOperation {
  std::int32_t code = 0;  ///< an OperatorCode, if it is one that is read
  std::string custom;     ///< name of an operator outside the format
  std::span<const std::int32_t> inputs, outputs;
  std::optional<FileTable> options;              ///< its own table
  std::span<const std::uint8_t> custom_options;  ///< of an operator outside the format
};

/// A file of one graph. It holds the bytes that its parts refer to.
class File {
 public:
  /// Throws parse_error for what is no TFLite file or a damaged one, unsupported_error for another version or several graphs.
  explicit File(std::string_view bytes) : bytes_((bytes.size() + 15) / 16), size_(bytes.size()) {
    if (size_ < 16 || bytes.substr(4, 4) != "TFL3") throw parse_error("this is no TFLite file");
    std::memcpy(bytes_.data(), bytes.data(), bytes.size());
    const auto* file = reinterpret_cast<const std::uint8_t*>(bytes_.data());
    if (size_ >= FLATBUFFERS_MAX_BUFFER_SIZE) throw unsupported_error("beyond 2 GiB, the most that flatbuffers reads");
    verifier_ = std::make_unique<flatbuffers::Verifier>(file, size_, 64, max_tables);
    const FileTable model(*verifier_, file, flatbuffers::ReadScalar<flatbuffers::uoffset_t>(file));
    if (const auto version = model.number<std::uint32_t>(0, 0); version != 3)
      throw unsupported_error(::trimtab::detail::message("version ", version, " of the format, only 3 is supported"));
    description = model.text(3);
    read_graph(model);
  }
  File(const File&) = delete;             ///< its parts refer to it
  File& operator=(const File&) = delete;  ///< the same

  std::string description;                           ///< the file's own
  std::vector<FileTensor> tensors;                   ///< by their numbers
  std::vector<FileOperation> operations;             ///< in the order of execution
  std::vector<std::int32_t> inputs;                  ///< numbers of tensors
  std::vector<std::int32_t> outputs;                 ///< likewise
  std::map<std::string, std::string_view> metadata;  ///< by name: bytes of the file
  std::size_t size() const { return size_; }         ///< in bytes

 private:
  struct alignas(16) Block {
    std::uint8_t bytes[16];
  };

  /// Several to a tensor and an operator; a small file can name one table many times.
  static constexpr flatbuffers::uoffset_t max_tables = 1 << 18;

  void read_graph(const FileTable& model) {
    std::vector<std::pair<std::int32_t, std::string>> codes;
    model.for_each(1, [&](const FileTable& t) {
      // Numbers beyond 127 stand in the newer field alone.
      codes.emplace_back(std::max<std::int32_t>(t.number<std::int8_t>(0, 0), t.number<std::int32_t>(3, 0)), charged(t.text(1)));
    });
    std::vector<std::span<const std::uint8_t>> buffers;
    model.for_each(4, [&](const FileTable& t) { buffers.push_back(t.row<std::uint8_t>(0)); });
    std::size_t graphs = 0;
    model.for_each(2, [&](const FileTable& graph) {
      if (++graphs > 1) throw unsupported_error("several graphs; a network has one, without IF, WHILE and CALL_ONCE");
      graph.for_each(0, [&](const FileTable& t) { tensors.push_back(read_tensor(t, buffers)); });
      for (const auto& [to, field] : {std::pair(&inputs, 1), std::pair(&outputs, 2)})
        for (const std::int32_t i : graph.row<std::int32_t>(field)) to->push_back(checked(i));
      graph.for_each(3, [&](const FileTable& t) { operations.push_back(read_operation(t, codes)); });
    });
    if (graphs == 0) throw parse_error("there is no graph in it");
    model.for_each(6, [&](const FileTable& t) {
      const auto buffer = t.number<std::uint32_t>(1, 0);
      if (buffer >= buffers.size())
        throw parse_error(::trimtab::detail::message("metadata in buffer ", buffer, " of ", buffers.size()));
      metadata[charged(t.text(0))] = {reinterpret_cast<const char*>(buffers[buffer].data()), buffers[buffer].size()};
    });
  }
  FileTensor read_tensor(const FileTable& t, const std::vector<std::span<const std::uint8_t>>& buffers) {
    FileTensor tensor;
    tensor.name = charged(t.text(3));
    tensor.shape = t.row<std::int32_t>(0);
    tensor.type = t.number<std::int8_t>(1, 0);
    const auto buffer = t.number<std::uint32_t>(2, 0);
    if (buffer >= buffers.size() && buffer != 0)
      throw parse_error(::trimtab::detail::message("tensor '", tensor.name, "' has buffer ", buffer, " of ", buffers.size()));
    if (buffer != 0) tensor.data = buffers[buffer];
    if (const auto q = t.table(4)) {
      tensor.scale = q->row<float>(2);
      tensor.zero_point = q->row<std::int64_t>(3);
      tensor.axis = q->number<std::int32_t>(6, 0);
    }
    return tensor;
  }
  FileOperation read_operation(const FileTable& t, const std::vector<std::pair<std::int32_t, std::string>>& codes) {
    const auto code = t.number<std::uint32_t>(0, 0);
    if (code >= codes.size()) throw parse_error(::trimtab::detail::message("an operator of kind ", code, " of ", codes.size()));
    FileOperation o{codes[code].first, charged(codes[code].second), t.row<std::int32_t>(1), t.row<std::int32_t>(2), {}, {}};
    for (const std::int32_t i : o.inputs)
      if (i != -1) checked(i);
    for (const std::int32_t i : o.outputs) checked(i);
    o.options = t.table(4);
    o.custom_options = t.row<std::uint8_t>(5);
    return o;
  }
  std::int32_t checked(std::int32_t tensor) const {
    if (tensor < 0 || static_cast<std::size_t>(tensor) >= tensors.size())
      throw parse_error(::trimtab::detail::message("tensor ", tensor, " of ", tensors.size()));
    return tensor;
  }
  /// Many tables may share a name, each of which gets a copy.
  std::string charged(std::string_view name) {
    letters_ += name.size();
    if (letters_ > (std::size_t{1} << 20) + size_) throw unsupported_error("its names are longer than the file");
    return std::string(name);
  }

  std::vector<Block> bytes_;
  std::size_t size_;
  std::size_t letters_ = 0;
  std::unique_ptr<flatbuffers::Verifier> verifier_;
};

}  // namespace trimtab::tflite
