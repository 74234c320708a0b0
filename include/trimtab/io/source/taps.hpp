#pragma once
/// \file
/// Which taps of a window lie inside the picture, in C.

#include <trimtab/io/source/kernel.hpp>

namespace trimtab::detail {

inline constexpr const char* taps_text = R"(
/* Of a window's taps along one axis those inside the picture: first .. end - 1, and where the first one lies. */
typedef struct {
  size_t first, end, at;
} @taps;

/* start: of the window, in the picture with `before` pixels of padding; size: of the picture. */
static inline @taps @taps_inside(size_t start, size_t before, size_t dilation, size_t kernel, size_t size) {
  @taps t;
  t.first = start >= before ? 0 : (before - start + dilation - 1) / dilation;
  t.at = start + t.first * dilation - before;
  for (t.end = t.first; t.end < kernel && t.at + (t.end - t.first) * dilation < size; ++t.end) {
  }
  return t;
}
)";
inline const SourceKernel taps_kernel{"taps_inside", taps_text};

}  // namespace trimtab::detail
