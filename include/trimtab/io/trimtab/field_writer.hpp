#pragma once
/// \file
/// Writes the fields of a .trimtab file. What a FieldReader has by the same name takes the same arguments, so that one function
/// of an archive is both the writer and the reader.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/core/error.hpp>
#include <trimtab/io/crc32.hpp>
#include <trimtab/io/trimtab/format.hpp>
#include <type_traits>
#include <utility>
#include <vector>

namespace trimtab::detail {

/// The description and the tensors of a file under construction.
class FieldWriter {
 public:
  static constexpr bool reads = false;

  /// A whole number, or a truth as 0 or 1.
  template <class Int>
  requires std::is_integral_v<Int>
  void number(const char* name, Int v) { numbers(name, std::array<Int, 1>{v}); }
  void number(const char* name, float v) {
    begin(FieldKind::reals, name);
    put(std::uint32_t{1});
    put(v);
  }
  /// A list of whole numbers.
  template <class List>
  void numbers(const char* name, const List& list) {
    begin(FieldKind::integers, name);
    put(static_cast<std::uint32_t>(list.size()));
    for (const auto v : list) {
      constexpr WholeRange range = whole_range<std::remove_cvref_t<decltype(v)>>();
      const auto whole = static_cast<std::int64_t>(v);
      if (whole < range.least || whole > range.most)
        refuse(message(name, ": ", whole, " is not within ", range.least, " to ", range.most));
      put(whole);
    }
  }
  /// A length along an axis of the node.
  void length(const char* name, std::size_t v) { number(name, v); }
  void text(const char* name, std::string_view v) {
    begin(FieldKind::text, name);
    put(v);
  }
  /// One of those named.
  template <class Enum, std::size_t N>
  void choice(const char* name, Enum v, const ChoiceNames<Enum, N>& names) {
    for (const ChoiceName<Enum>& one : names)
      if (one.value == v) return text(name, one.name);
    refuse(message(name, ": no name for ", static_cast<int>(v)));
  }
  /// Numbers of given extents.
  template <class T>
  void tensor(const char* name, const Extents& extent, const T* values) {
    begin(FieldKind::tensor, name);
    put(static_cast<std::uint8_t>(number_type<T>()));
    put(static_cast<std::uint8_t>(extent.size()));
    for (const std::size_t length : extent) put(std::uint64_t{length});
    tensors_.resize(aligned(tensors_.size()));
    put(std::uint64_t{tensors_.size()});
    const std::size_t count = element_count(extent);
    if constexpr (std::endian::native == std::endian::little) {
      tensors_.append(reinterpret_cast<const char*>(values), count * sizeof(T));
    } else {
      for (std::size_t i = 0; i < count; ++i) append(tensors_, values[i]);
    }
  }
  template <XtensorLike C>
  void tensor(const char* name, const C& t) {
    tensor(name, view(t).extent, t.data());
  }
  template <class T>
  void tensor(const char* name, const std::vector<T>& row) {
    tensor(name, Extents{row.size()}, row.data());
  }
  /// A record, whose fields f() writes.
  template <class F>
  void record(const char* name, const F& f) {
    begin(FieldKind::record, name);
    whole_record(f);
  }
  /// A list of records, of which f(element) writes one each.
  template <class List, class F>
  void records(const char* name, const List& list, const F& f, const auto&...) {
    begin(FieldKind::records, name);
    put(static_cast<std::uint32_t>(list.size()));
    for (const auto& element : list) whole_record([&] { f(element); });
  }
  template <class F>
  void whole_record(const F& f) {
    f();
    put(static_cast<std::uint8_t>(FieldKind::end));
  }

  /// For readers.
  void set_longest(std::size_t) {}
  /// What messages say of the place.
  void set_place(std::string place) { place_ = std::move(place); }
  [[noreturn]] void refuse(const std::string& why) const {
    throw unsupported_error(message("write_trimtab: ", place_.empty() ? "" : place_ + ": ", why));
  }

  /// The file.
  std::string take() && {
    std::string file(file_magic);
    append(file, trimtab_version);
    append(file, std::uint32_t{0});
    append(file, std::uint64_t{0});
    append(file, std::uint64_t{description_.size()});
    file += description_;
    file.resize(aligned(file.size()));
    file += tensors_;
    seal(file);
    return file;
  }
  /// Puts length and checksum into a file of at least a header.
  static void seal(std::string& file) {
    const auto put_at = [&](std::size_t at, auto v) {
      std::string bytes;
      append(bytes, v);
      file.replace(at, bytes.size(), bytes);
    };
    put_at(file_size_at, std::uint64_t{file.size()});
    put_at(file_sum_at, Crc32().bytes(std::string_view(file).substr(file_size_at)).value());
  }

 private:
  void begin(FieldKind kind, std::string_view name) {
    put(static_cast<std::uint8_t>(kind));
    put(name);
  }
  void put(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    description_ += text;
  }
  template <class T>
  requires std::is_arithmetic_v<T>
  void put(T v) { append(description_, v); }

  template <class T>
  static void append(std::string& to, T v) {
    const auto bits = number_bits(v);
    for (std::size_t byte = 0; byte < sizeof(T); ++byte) to.push_back(static_cast<char>((bits >> (8 * byte)) & 0xFFU));
  }

  std::string place_, description_, tensors_;
};

}  // namespace trimtab::detail
