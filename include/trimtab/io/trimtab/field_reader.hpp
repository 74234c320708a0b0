#pragma once
/// \file
/// Reads the fields of a .trimtab file: a FieldWriter the other way round. Nothing is believed before it is checked, and no
/// memory is taken that the file's own bytes do not account for.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/core/bit_cast.hpp>
#include <trimtab/core/error.hpp>
#include <trimtab/io/crc32.hpp>
#include <trimtab/io/trimtab/format.hpp>
#include <type_traits>
#include <utility>
#include <vector>

namespace trimtab::detail {

/// Walks through a file's description in the order in which it was written. Throws parse_error for what is malformed,
/// unsupported_error for what this version does not know; both name the file, the place and the field.
class FieldReader {
 public:
  static constexpr bool reads = true;

  /// `bytes` has to live as long; `file` is what messages call it.
  FieldReader(std::string_view bytes, const std::string& file) : file_(file) {
    if (bytes.substr(0, file_magic.size()) != file_magic) refuse("it does not begin as a .trimtab file does");
    if (bytes.size() < file_header) refuse(message("it ends after ", bytes.size(), " bytes, in its header"));
    const auto version = number_at<std::uint32_t>(bytes, file_version_at);
    if (version < 1 || version > trimtab_version)
      refuse_unknown(message("it is of version ", version, " of the format, and this library reads up to ", trimtab_version,
                             "; a newer one may read it"));
    if (const auto size = number_at<std::uint64_t>(bytes, file_size_at); size != bytes.size())
      refuse(message("it has ", bytes.size(), " bytes and says ", size, ": it was cut off, or something follows it"));
    if (number_at<std::uint32_t>(bytes, file_sum_at) != Crc32().bytes(bytes.substr(file_size_at)).value())
      refuse("its bytes are not those that were written: the checksum differs");
    const auto description = number_at<std::uint64_t>(bytes, file_description_at);
    if (description > bytes.size() - file_header) refuse("its description is longer than the file");
    left_ = bytes.substr(file_header, static_cast<std::size_t>(description));
    const std::size_t tensors = aligned(file_header + left_.size());
    if (tensors > bytes.size()) refuse("it ends in its description");
    tensors_ = bytes.substr(tensors);
  }

  template <class Int>
  requires std::is_integral_v<Int>
  void number(const char* name, Int& v) {
    if (const std::size_t count = begin_numbers(name); count != 1) refuse(message("field ", name, " has ", count, " numbers"));
    v = whole<Int>(name);
  }
  void number(const char* name, float& v) {
    begin(FieldKind::reals, name);
    if (const auto count = take<std::uint32_t>(); count != 1) refuse(message("field ", name, " has ", count, " numbers"));
    v = take<float>();
  }
  template <class Int>
  void numbers(const char* name, std::vector<Int>& list) {
    list.resize(begin_numbers(name));
    for (Int& v : list) v = whole<Int>(name);
  }
  void numbers(const char* name, Extents& extent) {
    std::vector<std::size_t> list;
    numbers(name, list);
    require_rank(name, list.size());
    extent = Extents(list.begin(), list.end());
  }
  template <class Int, std::size_t N>
  void numbers(const char* name, std::array<Int, N>& list) {
    if (const std::size_t count = begin_numbers(name); count != N)
      refuse(message("field ", name, " has ", count, " numbers, expected ", N));
    for (Int& v : list) v = whole<Int>(name);
  }
  /// A length along an axis of the node, for which tables may be made: no longer than the node's longest axis.
  void length(const char* name, std::size_t& v) {
    number(name, v);
    if (v > longest_) refuse(message("field ", name, ": ", v, " elements, and the node's longest axis has ", longest_));
  }
  void text(const char* name, std::string& v) {
    begin(FieldKind::text, name);
    v = std::string(take_text());
  }
  template <class Enum, std::size_t N>
  void choice(const char* name, Enum& v, const ChoiceNames<Enum, N>& names) {
    begin(FieldKind::text, name);
    const std::string_view found = take_text();
    for (const ChoiceName<Enum>& one : names)
      if (one.name == found) {
        v = one.value;
        return;
      }
    refuse_unknown(message("field ", name, " is '", shown(found), "', which this version does not know"));
  }
  /// Any extents and their numbers.
  template <class T>
  void tensor(const char* name, Extents& extent, std::vector<T>& values) {
    const std::string_view bytes = tensor_bytes<T>(name, extent);
    values.resize(bytes.size() / sizeof(T));
    copy(bytes, values.data());
  }
  template <class T, std::size_t N, xt::layout_type layout>
  void tensor(const char* name, xt::xtensor<T, N, layout>& t) {
    Extents extent;
    const std::string_view bytes = tensor_bytes<T>(name, extent);
    if (extent.size() != N) refuse(message("tensor ", name, " has extents ", extent, ", expected ", N, " axes"));
    std::array<std::size_t, N> shape;
    std::copy(extent.begin(), extent.end(), shape.begin());
    t = xt::xtensor<T, N, layout>::from_shape(shape);
    copy(bytes, t.data());
  }
  template <class T>
  void tensor(const char* name, xt::xarray<T>& t) {
    Extents extent;
    const std::string_view bytes = tensor_bytes<T>(name, extent);
    t = xt::xarray<T>::from_shape(std::vector<std::size_t>(extent.begin(), extent.end()));
    copy(bytes, t.data());
  }
  template <class T>
  void tensor(const char* name, std::vector<T>& row) {
    Extents extent;
    tensor(name, extent, row);
    if (extent.size() != 1) refuse(message("tensor ", name, " has extents ", extent, ", expected one axis"));
  }
  template <class F>
  void record(const char* name, const F& f) {
    begin(FieldKind::record, name);
    whole_record(f);
  }
  /// `blank` is what each is before f(element) reads its fields.
  template <class T, class F>
  void records(const char* name, std::vector<T>& list, const F& f, const T& blank = T()) {
    begin(FieldKind::records, name);
    for (auto left = take<std::uint32_t>(); left > 0; --left) {
      list.push_back(blank);
      whole_record([&] { f(list.back()); });
    }
  }
  template <class F>
  void whole_record(const F& f) {
    f();
    if (take<std::uint8_t>() != static_cast<std::uint8_t>(FieldKind::end))
      refuse_unknown(message("field ", shown(take_text()), " is not one that this version knows there"));
  }

  /// Throws unless all of the description and of the tensors has been read.
  void require_end() const {
    if (!left_.empty()) refuse(message(left_.size(), " bytes of the description are behind its end"));
    if (tensor_end_ != tensors_.size()) refuse(message(tensors_.size() - tensor_end_, " bytes are behind the last tensor"));
  }

  /// What messages say of the place.
  void set_place(std::string place) { place_ = std::move(place); }
  /// The longest axis of the node whose parameters are next.
  void set_longest(std::size_t length) { longest_ = length; }
  [[noreturn]] void refuse(const std::string& why) const { throw parse_error(complaint(why)); }
  [[noreturn]] void refuse_unknown(const std::string& why) const { throw unsupported_error(complaint(why)); }

 private:
  std::string complaint(const std::string& why) const {
    return message("read_trimtab: ", file_, ": ", place_.empty() ? "" : place_ + ": ", why);
  }
  template <class T>
  static T number_at(std::string_view bytes, std::size_t at) {
    using Bits = decltype(number_bits(T{}));
    std::uint64_t bits = 0;
    for (std::size_t byte = 0; byte < sizeof(T); ++byte)
      bits |= std::uint64_t{static_cast<std::uint8_t>(bytes[at + byte])} << (8 * byte);
    return bit_cast<T>(static_cast<Bits>(bits));
  }
  template <class T>
  T take() {
    if (left_.size() < sizeof(T)) refuse("the description ends too early");
    const T v = number_at<T>(left_, 0);
    left_.remove_prefix(sizeof(T));
    return v;
  }
  std::string_view take_text() {
    const auto size = take<std::uint32_t>();
    if (size > left_.size()) refuse(message("a text of ", size, " letters is longer than the description"));
    const std::string_view text = left_.substr(0, size);
    left_.remove_prefix(size);
    return text;
  }
  void begin(FieldKind kind, std::string_view name) {
    const auto found_kind = take<std::uint8_t>();
    if (found_kind == static_cast<std::uint8_t>(FieldKind::end)) refuse(message("field ", std::string(name), " is missing"));
    const std::string_view found = take_text();
    if (found != name) refuse_unknown(message("field ", shown(found), " stands where this version knows ", std::string(name)));
    if (found_kind != static_cast<std::uint8_t>(kind))
      refuse(message("field ", std::string(name), " has a value of kind ", int(found_kind), ", expected ", int(kind)));
  }
  std::size_t begin_numbers(const char* name) {
    begin(FieldKind::integers, name);
    const auto count = take<std::uint32_t>();
    if (count > left_.size() / sizeof(std::int64_t))
      refuse(message("field ", name, " has ", count, " numbers, more than the description"));
    return count;
  }
  template <class Int>
  Int whole(const char* name) {
    constexpr WholeRange range = whole_range<Int>();
    const auto v = take<std::int64_t>();
    if (v < range.least || v > range.most)
      refuse(message("field ", name, ": ", v, " is not within ", range.least, " to ", range.most));
    return static_cast<Int>(v);
  }
  void require_rank(const char* name, std::size_t rank) const {
    if (rank > max_rank) refuse(message("field ", name, " has ", rank, " axes, more than ", max_rank));
  }
  /// Tensors follow one another, so that none is used twice and no byte between them is unaccounted for.
  template <class T>
  std::string_view tensor_bytes(const char* name, Extents& extent) {
    begin(FieldKind::tensor, name);
    if (const auto type = take<std::uint8_t>(); type != static_cast<std::uint8_t>(number_type<T>()))
      refuse(message("tensor ", name, " has numbers of type ", int(type), ", expected ", int(number_type<T>())));
    const std::size_t rank = take<std::uint8_t>();
    require_rank(name, rank);
    extent = {};
    const std::size_t from = aligned(tensor_end_), room = from > tensors_.size() ? 0 : (tensors_.size() - from) / sizeof(T);
    std::size_t count = 1;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      const auto length = take<std::uint64_t>();
      if (length > tensors_.size() || (length != 0 && count > room / length))
        refuse(message("tensor ", name, " is longer than the file"));
      count *= static_cast<std::size_t>(length);
      extent.push_back(static_cast<std::size_t>(length));
    }
    if (count > room) refuse(message("tensor ", name, " is longer than the file"));
    if (const auto offset = take<std::uint64_t>(); offset != from)
      refuse(message("tensor ", name, " begins at ", offset, ", expected ", from, ", behind the one before it"));
    tensor_end_ = from + count * sizeof(T);
    return count == 0 ? std::string_view() : tensors_.substr(from, count * sizeof(T));
  }
  template <class T>
  static void copy(std::string_view bytes, T* to) {
    if constexpr (std::endian::native == std::endian::little) {
      if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    } else {
      for (std::size_t i = 0; i < bytes.size() / sizeof(T); ++i) to[i] = number_at<T>(bytes, i * sizeof(T));
    }
  }

  std::string file_, place_;
  std::string_view left_, tensors_;
  std::size_t tensor_end_ = 0, longest_ = 0;
};

}  // namespace trimtab::detail
