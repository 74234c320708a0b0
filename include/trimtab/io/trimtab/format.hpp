#pragma once
/// \file
/// The numbers that a .trimtab file is made of. docs/file.md specifies it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <trimtab/core/bit_cast.hpp>
#include <type_traits>

namespace trimtab {

/// The version of the format that is written. Versions 1 to this are read.
inline constexpr std::uint32_t trimtab_version = 1;

namespace detail {

/// The first eight bytes.
inline constexpr std::string_view file_magic{"trimtab\0", 8};
/// Where the header's numbers are. The sum is that of everything behind it; the description follows the header.
inline constexpr std::size_t file_version_at = 8, file_sum_at = 12, file_size_at = 16, file_description_at = 24, file_header = 32;
/// Tensors begin at multiples of it, counted from the file's first byte.
inline constexpr std::size_t file_alignment = 64;

/// The first byte of a field: what its value is.
enum class FieldKind : std::uint8_t { end = 0, integers = 1, reals = 2, text = 3, tensor = 4, record = 5, records = 6 };

/// What a tensor's numbers are.
enum class NumberType : std::uint8_t { int8 = 1, uint8 = 2, int32 = 3, float32 = 4 };

template <class T>
constexpr NumberType number_type() {
  if constexpr (std::is_same_v<T, std::int8_t>) return NumberType::int8;
  if constexpr (std::is_same_v<T, std::uint8_t>) return NumberType::uint8;
  if constexpr (std::is_same_v<T, std::int32_t>) return NumberType::int32;
  if constexpr (std::is_same_v<T, float>) return NumberType::float32;
}

/// The next place where a tensor may begin.
constexpr std::size_t aligned(std::size_t offset) { return (offset + file_alignment - 1) / file_alignment * file_alignment; }

/// The bits of a number as a file has them.
template <class T>
constexpr auto number_bits(T v) {
  if constexpr (sizeof(T) == 1)
    return bit_cast<std::uint8_t>(v);
  else if constexpr (sizeof(T) == 4)
    return bit_cast<std::uint32_t>(v);
  else
    return bit_cast<std::uint64_t>(v);
}

/// What a whole number of type Int may be: codes anything, what counts elements, pixels or steps at most 2^24, which is far above
/// any real layer and keeps products of extents clear of overflow.
struct WholeRange {
  std::int64_t least, most;
};
template <class Int>
constexpr WholeRange whole_range() {
  constexpr std::int64_t counted = std::int64_t{1} << 24;
  if (std::is_same_v<Int, bool>) return {0, 1};
  if (std::is_same_v<Int, std::int32_t>)
    return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
  return {std::is_signed_v<Int> ? -counted : 0, counted};
}

/// A text of a file's in a message: its beginning, without what a terminal obeys.
inline std::string shown(std::string_view text) {
  std::string result(text.substr(0, 60));
  for (char& c : result)
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
  return result;
}

/// What a choice among several is called in a file.
template <class Enum>
struct ChoiceName {
  Enum value;
  std::string_view name;
};

/// All of them.
template <class Enum, std::size_t N>
using ChoiceNames = std::array<ChoiceName<Enum>, N>;

}  // namespace detail
}  // namespace trimtab
