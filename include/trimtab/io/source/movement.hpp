#pragma once
/// \file
/// What moves codes in C: Transpose, Slice, Pad, Tile, Expand, Gather, DepthToSpace, SpaceToDepth, ResizeNearest.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <trimtab/io/source/lookup.hpp>
#include <trimtab/io/source/rules.hpp>
#include <trimtab/net/operators/depth_to_space.hpp>
#include <trimtab/net/operators/expand.hpp>
#include <trimtab/net/operators/gather.hpp>
#include <trimtab/net/operators/pad.hpp>
#include <trimtab/net/operators/resize_nearest.hpp>
#include <trimtab/net/operators/slice.hpp>
#include <trimtab/net/operators/space_to_depth.hpp>
#include <trimtab/net/operators/tile.hpp>
#include <trimtab/net/operators/transpose.hpp>
#include <vector>

namespace trimtab {
namespace detail {

inline constexpr const char* move_text = R"(
/* out[i0, i1, .., k] = in[offset0[i0] + offset1[i1] + .. + k] for k < run, or `fill` where an offset is negative. The offsets of all axes stand
   one after the other. A table, where there is one, has the codes of the output. */
static inline void @move(const uint8_t* in, uint8_t* out, size_t rank, const int32_t* extent, const int32_t* offset, size_t run,
                         uint8_t fill, const uint8_t* table) {
  size_t rows = 1;
  for (size_t axis = 0; axis < rank; ++axis) rows *= (size_t)extent[axis];
  for (size_t row = 0; row < rows; ++row) {
    const int32_t* end = offset; /* behind the offsets of an axis */
    for (size_t axis = 0; axis < rank; ++axis) end += extent[axis];
    size_t from = 0, index = row;
    int outside = 0;
    for (size_t axis = rank; axis-- > 0; index /= (size_t)extent[axis]) {
      end -= extent[axis];
      const int32_t o = end[index % (size_t)extent[axis]];
      if (o < 0)
        outside = 1;
      else
        from += (size_t)o;
    }
    for (size_t k = 0; k < run; ++k, ++out) *out = outside != 0 ? fill : table ? table[in[from + k]] : in[from + k];
  }
}
)";
inline const SourceKernel move_kernel{"move", move_text};

/// Offsets that a Movement has, the innermost axes that lie side by side as one run.
inline void write_movement(SourceWriter& w, const Movement& m, std::uint8_t fill, const std::vector<std::uint8_t>& table) {
  std::size_t run = 1, axes = m.offset.size();
  const auto goes_on = [&](const std::vector<std::size_t>& axis) {
    for (std::size_t i = 0; i < axis.size(); ++i)
      if (axis[i] != i * run) return false;
    return true;
  };
  while (axes > 0 && goes_on(m.offset[axes - 1])) run *= m.offset[--axes].size();
  std::vector<std::int32_t> extent, offset;
  for (std::size_t a = 0; a < axes; ++a) {
    extent.push_back(static_cast<std::int32_t>(m.offset[a].size()));
    for (const std::size_t o : m.offset[a]) {
      if (o != Movement::outside && o > std::size_t{std::numeric_limits<std::int32_t>::max()})
        w.refuse("offsets beyond 2^31 - 1");
      offset.push_back(o == Movement::outside ? -1 : static_cast<std::int32_t>(o));
    }
  }
  const std::string of_extent = w.array_or_null("extent", extent), of_offset = w.array_or_null("offset", offset);
  w.call(move_kernel, w.in(), w.out(), axes, of_extent, of_offset, run, int{fill}, w.array_or_null("table", table));
}

/// The table that holds codes within the node's; empty where the input's are.
inline std::vector<std::uint8_t> holding_table(const SourceWriter& w) {
  const CodeRange &from = w.codes_in(), &to = w.grid().codes;
  std::vector<std::uint8_t> table;
  if (from.qmin >= to.qmin && from.qmax <= to.qmax) return table;
  for (std::int32_t code = 0; code < 256; ++code) table.push_back(static_cast<std::uint8_t>(std::clamp(code, to.qmin, to.qmax)));
  return table;
}

/// Rules of an operator that is a Movement, and puts real 0 where nothing comes from.
template <class L>
struct SourceMovement {
  static void write(SourceWriter& w, const L& l) {
    const std::int32_t zero = std::clamp(w.grid_in().quantize(0.0F), w.grid().codes.qmin, w.grid().codes.qmax);
    write_movement(w, OperatorRules<L>::movement(l, w.extent_in()), static_cast<std::uint8_t>(zero), holding_table(w));
  }
};

}  // namespace detail

template <>
struct SourceRules<Transpose> : detail::SourceMovement<Transpose> {};
template <>
struct SourceRules<Slice> : detail::SourceMovement<Slice> {};
template <>
struct SourceRules<Tile> : detail::SourceMovement<Tile> {};
template <>
struct SourceRules<Expand> : detail::SourceMovement<Expand> {};
template <>
struct SourceRules<Gather> : detail::SourceMovement<Gather> {};
template <>
struct SourceRules<DepthToSpace> : detail::SourceMovement<DepthToSpace> {};
template <>
struct SourceRules<SpaceToDepth> : detail::SourceMovement<SpaceToDepth> {};
template <>
struct SourceRules<ResizeNearest> : detail::SourceMovement<ResizeNearest> {};
/// With a value of its own onto a grid of its own.
template <>
struct SourceRules<Pad> {
  static void write(detail::SourceWriter& w, const Pad& l) {
    if (l.mode != PadMode::constant || l.value == 0) return detail::SourceMovement<Pad>::write(w, l);
    const float step = l.value / w.grid().scale;
    std::uint8_t fill = 0;
    steps_to_bytes(&step, 1, w.grid(), &fill);
    const auto table = detail::regrid_table(w, 0);
    detail::write_movement(w, OperatorRules<Pad>::movement(l, w.extent_in()), fill, table.value_or(std::vector<std::uint8_t>()));
  }
};

}  // namespace trimtab
