#pragma once
/// \file
/// Codes through tables in C: LookupTable, Clip, Concat, and the views Flatten and Reshape where they clip.

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <trimtab/int8/concat.hpp>
#include <trimtab/io/source/rules.hpp>
#include <trimtab/net/operators/clip.hpp>
#include <trimtab/net/operators/concat.hpp>
#include <trimtab/net/operators/flatten.hpp>
#include <trimtab/net/operators/lookup_table.hpp>
#include <trimtab/net/operators/reshape.hpp>
#include <vector>

namespace trimtab {
namespace detail {

inline constexpr const char* look_up_text = R"(
/* One table of 256 codes for all, or one for each channel, the last axis. */
static inline void @look_up(const uint8_t* in, uint8_t* out, size_t count, size_t channels, const uint8_t* table) {
  for (size_t i = 0; i < count; ++i) out[i] = table[256 * (i % channels) + in[i]];
}
)";
inline const SourceKernel look_up_kernel{"look_up", look_up_text};

inline constexpr const char* clip_text = R"(
static inline void @clip(const uint8_t* in, uint8_t* out, size_t count, int32_t least, int32_t most) {
  for (size_t i = 0; i < count; ++i) out[i] = @held(in[i], least, most);
}
)";
inline const SourceKernel clip_kernel{"clip", clip_text, {&clamp_kernel}};

inline constexpr const char* place_text = R"(
/* Rows of `width` codes into rows of `step`: one input of those that lie side by side. A table, where there is one, has the codes on the
   output's grid. */
static inline void @place(const uint8_t* in, uint8_t* out, size_t rows, size_t width, size_t step, const uint8_t* table) {
  for (size_t row = 0; row < rows; ++row, in += width, out += step)
    for (size_t i = 0; i < width; ++i) out[i] = table ? table[in[i]] : in[i];
}
)";
inline const SourceKernel place_kernel{"place", place_text};

/// What concat makes of each code of one grid on another; nothing where all codes that there may be stay as they are.
inline std::optional<std::vector<std::uint8_t>> regrid_table(const SourceWriter& w, std::size_t i) {
  std::array<std::uint8_t, 256> all;
  for (std::size_t byte = 0; byte < all.size(); ++byte) all[byte] = static_cast<std::uint8_t>(byte);
  std::vector<std::uint8_t> table(all.size());
  const int8::ConcatInput<std::uint8_t> input{{all.data(), {1, all.size()}}, w.grid_in(i)};
  const TensorView<std::uint8_t> to(table.data(), {1, table.size()});
  if (w.fixed_point())
    int8::concat_fixed_point(std::span(&input, 1), w.grid(), to);
  else
    int8::concat(std::span(&input, 1), w.grid(), to);
  for (std::int32_t code = w.codes_in(i).qmin; code <= w.codes_in(i).qmax; ++code)
    if (table[static_cast<std::size_t>(code)] != code) return table;
  return std::nullopt;
}

inline void write_clip(SourceWriter& w) {
  w.call(clip_kernel, w.in(), w.out(), element_count(w.node().extent), w.grid().codes.qmin, w.grid().codes.qmax);
}

}  // namespace detail

template <>
struct SourceRules<LookupTable> {
  static void write(detail::SourceWriter& w, const LookupTable& l) {
    w.call(detail::look_up_kernel, w.in(), w.out(), element_count(w.node().extent), l.channels(), w.array("table", l.codes));
  }
};
template <>
struct SourceRules<Clip> {
  static void write(detail::SourceWriter& w, const Clip&) { detail::write_clip(w); }
};
template <>
struct SourceRules<Flatten> {
  static void write(detail::SourceWriter& w, const Flatten&) { detail::write_clip(w); }
};
template <>
struct SourceRules<Reshape> {
  static void write(detail::SourceWriter& w, const Reshape&) { detail::write_clip(w); }
};
template <>
struct SourceRules<Concat> {
  static void write(detail::SourceWriter& w, const Concat& l) {
    const Extents& y = w.node().extent;
    const auto axis = static_cast<std::size_t>(l.axis < 0 ? l.axis + static_cast<std::ptrdiff_t>(y.size()) : l.axis);
    std::size_t rows = 1, inner = 1, first = 0;
    for (std::size_t a = 0; a < y.size(); ++a) (a < axis ? rows : inner) *= a == axis ? 1 : y[a];
    for (std::size_t i = 0; i < w.node().inputs.size(); ++i) {
      const std::size_t width = w.extent_in(i)[axis] * inner;
      const auto table = detail::regrid_table(w, i);
      w.call(detail::place_kernel, w.in(i), w.out() + " + " + std::to_string(first), rows, width, y[axis] * inner,
             table ? w.array(("table_" + std::to_string(i)).c_str(), *table) : "0");
      first += width;
    }
  }
};

}  // namespace trimtab
