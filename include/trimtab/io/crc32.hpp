#pragma once
/// \file
/// The checksum of files that trimtab writes: CRC-32 as zlib, PNG and Ethernet have it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>

namespace trimtab::detail {

/// Polynomial 0x04C11DB7, bits reflected, ones before and after: "123456789" has 0xCBF43926. Any change within 32 bits in a row
/// gives another sum, so that every changed byte is found, and of other changes all but one in 2^32.
class Crc32 {
 public:
  Crc32& bytes(std::string_view bytes) {
    const char* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 8; left -= 8, at += 8) {
      std::uint32_t next = 0;
      for (unsigned i = 0; i < 8; ++i) {
        const std::uint32_t met = i < 4 ? state_ >> (8 * i) : 0U;
        next ^= tables[7 - i][(met ^ static_cast<std::uint8_t>(at[i])) & 0xFFU];
      }
      state_ = next;
    }
    for (; left > 0; --left, ++at) state_ = tables[0][(state_ ^ static_cast<std::uint8_t>(*at)) & 0xFFU] ^ (state_ >> 8);
    return *this;
  }
  /// Eight bytes, the lowest first.
  Crc32& number(std::uint64_t n) {
    std::array<char, 8> low_first{};
    for (char& c : low_first) {
      c = static_cast<char>(n & 0xFFU);
      n >>= 8;
    }
    return bytes({low_first.data(), low_first.size()});
  }
  Crc32& integer(std::int64_t n) { return number(static_cast<std::uint64_t>(n)); }
  /// How many letters, then those.
  Crc32& text(std::string_view letters) { return number(letters.size()).bytes(letters); }
  /// The sum.
  std::uint32_t value() const { return ~state_; }
  /// The same as eight hexadecimal digits.
  std::string digits() const {
    std::string text;
    for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[(value() >> shift) & 15U];
    return text;
  }

 private:
  /// tables[n][b]: what byte b does to the sum of n bytes behind it, so that eight bytes are looked up side by side.
  static constexpr auto tables = [] {
    std::array<std::array<std::uint32_t, 256>, 8> made{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      std::uint32_t rest = byte;
      for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1U) != 0 ? 0xEDB88320U : 0U);
      made[0][byte] = rest;
    }
    for (std::size_t n = 1; n < made.size(); ++n)
      for (std::size_t byte = 0; byte < 256; ++byte)
        made[n][byte] = made[0][made[n - 1][byte] & 0xFFU] ^ (made[n - 1][byte] >> 8);
    return made;
  }();
  std::uint32_t state_ = 0xFFFFFFFFU;
};

/// The key of the sums in a file's metadata. The value is eight digits for the file's graph, then eight for each of its tensors.
inline constexpr const char* checksum_key = "trimtab.checksum";

/// Whether a metadata entry of such a key holds the sums. Throws parse_error for a key that differs in one byte, since the sums
/// would be passed over.
inline bool is_checksum(std::string_view key) {
  const std::string_view wanted = checksum_key;
  if (key.size() != wanted.size()) return false;
  std::size_t different = 0;
  for (std::size_t i = 0; i < key.size(); ++i) different += key[i] != wanted[i];
  if (different == 1) throw parse_error(message("checksum: a byte of the metadata entry ", checksum_key, " was changed"));
  return different == 0;
}

/// What a reader notes of a file of trimtab's that lacks the sums.
inline constexpr const char* unchecked_note =
    "trimtab wrote this file, but its metadata entry trimtab.checksum is gone: it was changed or damaged, and its numbers are "
    "not checked";

/// The digits that a file holds against those of what is there: `graph`, then those of tensors in the file's order. Throws
/// parse_error that says which differs; name(i) is what tensor i is called.
template <class Name>
void require_checksums(std::string_view held, std::string_view there, const Name& name) {
  constexpr const char* advice =
      "; the file was damaged, or changed by a program that left its metadata entry trimtab.checksum: without that it is read as "
      "it is";
  if (held.size() != there.size())
    throw parse_error(message("checksum: ", held.size() / 8, " sums for a graph and ", there.size() / 8 - 1, " tensors", advice));
  for (std::size_t at = 0; at < there.size(); at += 8) {
    if (held.substr(at, 8) == there.substr(at, 8)) continue;
    const std::string what = at == 0 ? std::string("the graph") : message("tensor '", name(at / 8 - 1), "'");
    throw parse_error(message("checksum: ", what, " is not what was written", advice));
  }
}

}  // namespace trimtab::detail
