#pragma once
/// \file
/// Row-major layouts of any rank: element counts that cannot overflow, axes counted from the end, broadcasting, and one walk over
/// the elements of several arrays at once.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <trimtab/core/error.hpp>
#include <vector>

namespace trimtab::detail {

/// Extents in the file's order, batch included.
using Dims = std::vector<std::int64_t>;

inline constexpr std::size_t most_axes = 8;

/// Product of the extents. Throws shape_error for a negative extent or a product above 2^31, unsupported_error above 8 axes.
inline std::size_t count_of(const Dims& dims) {
  constexpr std::int64_t limit = std::int64_t{1} << 31;
  if (dims.size() > most_axes) throw unsupported_error(message("a tensor of ", dims.size(), " axes; at most 8 are supported"));
  std::int64_t count = 1;
  for (const std::int64_t d : dims) {
    if (d < 0 || d > limit || (d > 0 && count > limit / d)) throw shape_error(message("impossible extent ", d));
    count *= d;
  }
  return static_cast<std::size_t>(count);
}

/// Axis in 0 .. rank-1; a negative one counts from the end. Throws shape_error when it is beyond the rank.
inline std::size_t axis_of(std::int64_t axis, std::size_t rank) {
  const auto r = static_cast<std::int64_t>(rank);
  if (axis < -r || axis >= r) throw shape_error(message("axis ", axis, " is beyond rank ", rank));
  return static_cast<std::size_t>(axis < 0 ? axis + r : axis);
}
/// The same for several, in the order given. Throws parse_error when one is named twice.
inline std::vector<std::size_t> axes_of(const std::vector<std::int64_t>& axes, std::size_t rank) {
  if (axes.size() > rank) throw shape_error(message(axes.size(), " axes of a tensor of rank ", rank));
  std::vector<std::size_t> result;
  for (const std::int64_t axis : axes) {
    result.push_back(axis_of(axis, rank));
    if (std::count(result.begin(), result.end(), result.back()) > 1) throw parse_error(message("axis ", axis, " is named twice"));
  }
  return result;
}

/// Elements between neighbours along each axis.
inline Dims row_major(const Dims& dims) {
  Dims strides(dims.size());
  std::int64_t step = 1;
  for (std::size_t k = dims.size(); k-- > 0;) {
    strides[k] = step;
    step *= dims[k];
  }
  return strides;
}

/// Extents of the broadcast of both. Throws shape_error where they fit neither way.
inline Dims broadcast(const Dims& a, const Dims& b) {
  Dims result(std::max(a.size(), b.size()));
  for (std::size_t k = 0; k < result.size(); ++k) {
    const std::size_t from_end = result.size() - k;
    const std::int64_t x = from_end <= a.size() ? a[a.size() - from_end] : 1,
                       y = from_end <= b.size() ? b[b.size() - from_end] : 1;
    if (x != y && x != 1 && y != 1) throw shape_error(message("extents ", x, " and ", y, " do not broadcast"));
    result[k] = x == 1 ? y : x;
  }
  return result;
}
/// Strides of an array of extents `dims` seen through its broadcast to `wider`: 0 along the axes it is repeated on.
inline Dims broadcast_strides(const Dims& dims, const Dims& wider) {
  const Dims own = row_major(dims);
  Dims strides(wider.size(), 0);
  for (std::size_t k = 0; k < dims.size(); ++k)
    if (dims[k] != 1) strides[k + wider.size() - dims.size()] = own[k];
  return strides;
}

/// Calls f(at) for every element of `dims` in row-major order, where at[i] = start[i] + index . strides[i].
template <std::size_t K, class F>
void walk(const Dims& dims, const std::array<Dims, K>& strides, std::array<std::int64_t, K> at, F&& f) {
  if (std::find(dims.begin(), dims.end(), 0) != dims.end()) return;
  if (dims.empty()) return f(at);
  Dims index(dims.size(), 0);
  const std::size_t last = dims.size() - 1;
  while (true) {
    std::array<std::int64_t, K> inner = at;
    for (std::int64_t j = 0; j < dims[last]; ++j) {
      f(inner);
      for (std::size_t i = 0; i < K; ++i) inner[i] += strides[i][last];
    }
    std::size_t k = last;
    while (k-- > 0) {
      for (std::size_t i = 0; i < K; ++i) at[i] += strides[i][k];
      if (++index[k] < dims[k]) break;
      for (std::size_t i = 0; i < K; ++i) at[i] -= strides[i][k] * dims[k];
      index[k] = 0;
    }
    if (k == static_cast<std::size_t>(-1)) return;
  }
}

}  // namespace trimtab::detail
