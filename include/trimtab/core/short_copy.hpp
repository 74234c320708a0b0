#pragma once
/// \file
/// Copies of a few bytes, for which a call of memcpy takes longer than the copy.

#include <cstddef>
#include <cstring>

namespace trimtab::detail {

/// Copies `count` bytes in two halves of `half` bytes, which may have some in common.
template <std::size_t half>
inline void copy_halves(const void* from, std::size_t count, void* to) {
  unsigned char first[half], last[half];
  std::memcpy(first, from, half);
  std::memcpy(last, static_cast<const unsigned char*>(from) + (count - half), half);
  std::memcpy(to, first, half);
  std::memcpy(static_cast<unsigned char*>(to) + (count - half), last, half);
}

/// Copies `count` bytes; the two places must not overlap.
inline void copy_short(const void* from, std::size_t count, void* to) {
  if (count > 32)
    std::memcpy(to, from, count);
  else if (count >= 16)
    copy_halves<16>(from, count, to);
  else if (count >= 8)
    copy_halves<8>(from, count, to);
  else if (count >= 4)
    copy_halves<4>(from, count, to);
  else if (count >= 2)
    copy_halves<2>(from, count, to);
  else if (count == 1)
    *static_cast<unsigned char*>(to) = *static_cast<const unsigned char*>(from);
}

}  // namespace trimtab::detail
