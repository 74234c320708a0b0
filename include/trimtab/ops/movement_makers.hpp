#pragma once
/// \file
/// The movements of transpose, slice, pad, tile, expand, gather, depth to space and space to depth. All extents and axes are
/// those of one picture, the batch left out.

#include <cstdint>
#include <limits>
#include <span>
#include <trimtab/core/error.hpp>
#include <trimtab/ops/movement.hpp>

namespace trimtab {

/// What a pad puts around a picture, for the axis 1 2 3 with two on each side: constant 0 0 1 2 3 0 0, reflect 3 2 1 2 3 2 1,
/// edge 1 1 1 2 3 3 3, wrap 2 3 1 2 3 1 2.
enum class PadMode { constant, reflect, edge, wrap };

/// The order of channels between depth and space, that of ONNX's mode: dcr has the block's pixel before the channel, crd behind
/// it.
enum class DepthOrder { dcr, crd };

/// The elements start, start + step, ... of an axis, `count` of them; step may be negative.
struct AxisSlice {
  std::size_t start = 0, count = 0;  ///< the first one, and how many
  std::ptrdiff_t step = 1;           ///< not 0
};

namespace detail {

/// A movement's axis of `size` elements, its extent in the output too. Throws shape_error when it is beyond what any real layer
/// has.
inline std::vector<std::size_t>& add_movement_axis(Movement& m, std::size_t size, const char* what) {
  constexpr std::size_t longest = std::size_t{1} << 24;
  constexpr std::size_t most = std::size_t{1} << (std::numeric_limits<std::size_t>::digits == 64 ? 48 : 30);
  std::size_t others = 1;
  for (const std::size_t extent : m.output) others *= std::max<std::size_t>(extent, 1);
  if (size > longest || others > most / std::max<std::size_t>(size, 1))
    throw shape_error(
        message(what, ": an output of extents ", m.output, " times ", size, " is beyond ", longest, " on an axis or ", most));
  m.output.push_back(size);
  return m.offset.emplace_back(size);
}

/// The axis as it is in x, its neighbours `step` elements apart.
inline void add_whole_axis(Movement& m, std::size_t size, std::size_t step, const char* what) {
  std::vector<std::size_t>& axis = add_movement_axis(m, size, what);
  for (std::size_t i = 0; i < size; ++i) axis[i] = i * step;
}

/// Elements between neighbours along each axis.
inline std::vector<std::size_t> element_steps(const Extents& x) {
  std::vector<std::size_t> step(x.size(), 1);
  for (std::size_t axis = x.size(); axis-- > 1;) step[axis - 1] = step[axis] * x[axis];
  return step;
}

inline void require_per_axis(std::size_t count, const Extents& x, const char* numbers, const char* what) {
  if (count != x.size()) throw shape_error(message(what, ": ", count, " ", numbers, " for extents ", x));
}

/// An axis without an extent in the output of its own, of `size` neighbours `step` apart.
inline std::vector<std::size_t> factor(std::size_t size, std::size_t step) {
  std::vector<std::size_t> axis(size);
  for (std::size_t i = 0; i < size; ++i) axis[i] = i * step;
  return axis;
}

}  // namespace detail

/// y's axis a is x's axis perm[a]. Throws shape_error unless perm names each axis once.
inline Movement transpose_movement(const Extents& x, std::span<const std::size_t> perm) {
  const char* what = "transpose_movement";
  detail::require_per_axis(perm.size(), x, "axes", what);
  const std::vector<std::size_t> step = detail::element_steps(x);
  std::vector<bool> seen(x.size());
  Movement m;
  for (const std::size_t axis : perm) {
    if (axis >= x.size() || seen[axis])
      throw shape_error(detail::message(what, ": axis ", axis, " is named twice or is not one of extents ", x));
    seen[axis] = true;
    detail::add_whole_axis(m, x[axis], step[axis], what);
  }
  return m;
}

/// y[i0, i1, ...] = x[start0 + i0 * step0, ...]. Throws shape_error unless there is a slice per axis, value_error when a step is
/// 0 or a slice leaves its axis.
inline Movement slice_movement(const Extents& x, std::span<const AxisSlice> slices) {
  const char* what = "slice_movement";
  detail::require_per_axis(slices.size(), x, "slices", what);
  const std::vector<std::size_t> step = detail::element_steps(x);
  Movement m;
  for (std::size_t axis = 0; axis < x.size(); ++axis) {
    const AxisSlice& s = slices[axis];
    // The furthest element, by division, since count * step may overflow.
    const std::size_t stride = s.step < 0 ? std::size_t{0} - static_cast<std::size_t>(s.step) : static_cast<std::size_t>(s.step);
    const auto leaves = [&] {
      const std::size_t room = s.step < 0 ? s.start : x[axis] - 1 - s.start;
      return s.start >= x[axis] || (s.count - 1) > room / stride;
    };
    if (stride == 0 || (s.count > 0 && leaves()))
      throw value_error(detail::message(what, ": ", s.count, " elements from ", s.start, " by step ", s.step,
                                        " do not lie on axis ", axis, " of extents ", x));
    std::vector<std::size_t>& offset = detail::add_movement_axis(m, s.count, what);
    for (std::size_t i = 0; i < s.count; ++i) offset[i] = (s.step < 0 ? s.start - i * stride : s.start + i * stride) * step[axis];
  }
  return m;
}

/// before[a] and after[a] elements more on axis a, as `mode` says. Negative numbers crop the axis first. A reflection longer than
/// the axis goes on to and fro; one of a single element repeats it. Throws shape_error unless there are two numbers per axis,
/// value_error when an axis is cropped by more than it has, or has nothing that could be repeated.
inline Movement pad_movement(const Extents& x, std::span<const std::ptrdiff_t> before, std::span<const std::ptrdiff_t> after,
                             PadMode mode) {
  const char* what = "pad_movement";
  detail::require_per_axis(before.size(), x, "pads before", what);
  detail::require_per_axis(after.size(), x, "pads after", what);
  const std::vector<std::size_t> step = detail::element_steps(x);
  Movement m;
  for (std::size_t axis = 0; axis < x.size(); ++axis) {
    const auto more = [](std::ptrdiff_t pad) { return pad > 0 ? static_cast<std::size_t>(pad) : std::size_t{0}; };
    const auto less = [](std::ptrdiff_t pad) {
      return pad < 0 ? std::size_t{0} - static_cast<std::size_t>(pad) : std::size_t{0};
    };
    const std::size_t first = less(before[axis]), last = less(after[axis]), left = more(before[axis]), right = more(after[axis]);
    const auto refuse = [&](const char* why) {
      throw value_error(detail::message(what, ": pads ", before[axis], " and ", after[axis], why, axis, " of extents ", x));
    };
    if (first > x[axis] || last > x[axis] - first) refuse(" crop more than there is of axis ");
    const std::size_t n = x[axis] - first - last;
    if (n == 0 && left + right > 0 && mode != PadMode::constant) refuse(" have nothing to repeat on axis ");

    std::vector<std::size_t>& offset = detail::add_movement_axis(m, left + n + right, what);
    const std::size_t period = mode == PadMode::reflect ? std::max<std::size_t>(2 * n, 3) - 2 : n;  // 2 (n - 1), but 1 for n = 1
    for (std::size_t i = 0; i < offset.size(); ++i) {
      std::size_t from = i - left;  // wraps before the first
      const bool inside = i >= left && from < n;
      if (!inside && mode == PadMode::constant) {
        offset[i] = Movement::outside;
        continue;
      }
      if (!inside && mode == PadMode::edge) from = i < left ? 0 : n - 1;
      if (!inside && (mode == PadMode::reflect || mode == PadMode::wrap)) {
        from = i < left ? (period - (left - i) % period) % period : (i - left) % period;
        if (from >= n) from = period - from;
      }
      offset[i] = (first + from) * step[axis];
    }
  }
  return m;
}

/// Each axis repeats[a] times, one whole axis after another. Throws shape_error unless there is a number per axis.
inline Movement tile_movement(const Extents& x, std::span<const std::size_t> repeats) {
  const char* what = "tile_movement";
  detail::require_per_axis(repeats.size(), x, "repeats", what);
  const std::vector<std::size_t> step = detail::element_steps(x);
  Movement m;
  for (std::size_t axis = 0; axis < x.size(); ++axis) {
    if (x[axis] > 0 && repeats[axis] > std::numeric_limits<std::size_t>::max() / x[axis])
      throw shape_error(detail::message(what, ": ", repeats[axis], " repeats of axis ", axis, " of extents ", x));
    std::vector<std::size_t>& offset = detail::add_movement_axis(m, x[axis] * repeats[axis], what);
    for (std::size_t i = 0; i < offset.size(); ++i) offset[i] = i % x[axis] * step[axis];
  }
  return m;
}

/// x and `wanted` broadcast against each other, numpy's and ONNX's rule: axes are aligned at the last one, and of two extents
/// that differ one is 1 and gives way. Throws shape_error for others.
inline Movement expand_movement(const Extents& x, const Extents& wanted) {
  const char* what = "expand_movement";
  const std::vector<std::size_t> step = detail::element_steps(x);
  const std::size_t rank = std::max(x.size(), wanted.size());
  Movement m;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const bool in_x = axis + x.size() >= rank, in_wanted = axis + wanted.size() >= rank;
    const std::size_t from = in_x ? axis + x.size() - rank : 0;
    const std::size_t have = in_x ? x[from] : 1, want = in_wanted ? wanted[axis + wanted.size() - rank] : 1;
    if (have != want && have != 1 && want != 1)
      throw shape_error(detail::message(what, ": extents ", x, " do not broadcast to ", wanted));
    if (have != 1)
      detail::add_whole_axis(m, have, step[from], what);
    else
      detail::add_movement_axis(m, want, what);
  }
  return m;
}

/// y[a.., j.., b..] = x[a.., indices[j..], b..] with j.. the axes of `index_extents`, in place of x's axis `axis`. A negative
/// index counts from the end. Throws shape_error when extents do not fit, value_error for an index that is not on the axis.
inline Movement gather_movement(const Extents& x, std::size_t axis, std::span<const std::int64_t> indices,
                                const Extents& index_extents) {
  const char* what = "gather_movement";
  if (axis >= x.size()) throw shape_error(detail::message(what, ": there is no axis ", axis, " in extents ", x));
  if (element_count(index_extents) != indices.size())
    throw shape_error(detail::message(what, ": ", indices.size(), " indices for extents ", index_extents));
  const std::vector<std::size_t> step = detail::element_steps(x);
  const auto size = static_cast<std::int64_t>(x[axis]);
  Movement m;
  for (std::size_t a = 0; a < axis; ++a) detail::add_whole_axis(m, x[a], step[a], what);
  std::vector<std::size_t> offset;
  for (const std::int64_t index : indices) {
    if (index < -size || index >= size)
      throw value_error(detail::message(what, ": index ", index, " is not on axis ", axis, " of extents ", x));
    offset.push_back(static_cast<std::size_t>(index < 0 ? index + size : index) * step[axis]);
  }
  for (const std::size_t extent : index_extents) m.output.push_back(extent);
  m.offset.push_back(std::move(offset));
  for (std::size_t a = axis + 1; a < x.size(); ++a) detail::add_whole_axis(m, x[a], step[a], what);
  return m;
}

/// H W C to H*b W*b C/(b*b): blocks of channels become squares of b x b pixels,
///   dcr  y[h*b + i, w*b + j, c] = x[h, w, (i*b + j) * C/(b*b) + c]
///   crd  y[h*b + i, w*b + j, c] = x[h, w, c * b*b + i*b + j]
/// what ONNX's DepthToSpace does to the same picture as C H W; TFLite's is dcr. Throws shape_error unless x is H W C with C a
/// multiple of b*b.
inline Movement depth_to_space_movement(const Extents& x, std::size_t block, DepthOrder order) {
  constexpr std::size_t largest = 1 << 12;
  if (x.size() != 3 || block < 1 || block > largest || x[2] % (block * block) != 0)
    throw shape_error(detail::message("depth_to_space_movement: blocks of ", block, " do not fit extents ", x));
  const std::size_t area = block * block, c = x[2] / area, pixel = order == DepthOrder::dcr ? c : 1;
  Movement m;
  m.output = {x[0] * block, x[1] * block, c};
  m.offset = {detail::factor(x[0], x[1] * x[2]), detail::factor(block, block * pixel), detail::factor(x[1], x[2]),
              detail::factor(block, pixel), detail::factor(c, order == DepthOrder::dcr ? 1 : area)};
  return m;
}

/// H W C to H/b W/b C*b*b, the inverse of depth_to_space_movement: squares of b x b pixels become blocks of channels,
///   dcr  y[h, w, (i*b + j) * C + c] = x[h*b + i, w*b + j, c]     ONNX's SpaceToDepth and TFLite's
///   crd  y[h, w, c * b*b + i*b + j] = x[h*b + i, w*b + j, c]
/// Throws shape_error unless x is H W C with H and W multiples of b.
inline Movement space_to_depth_movement(const Extents& x, std::size_t block, DepthOrder order) {
  constexpr std::size_t largest = 1 << 12;
  if (x.size() != 3 || block < 1 || block > largest || x[0] % block != 0 || x[1] % block != 0)
    throw shape_error(detail::message("space_to_depth_movement: blocks of ", block, " do not fit extents ", x));
  const std::size_t row = x[1] * x[2];
  Movement m;
  m.output = {x[0] / block, x[1] / block, x[2] * block * block};
  m.offset = {detail::factor(x[0] / block, block * row), detail::factor(x[1] / block, block * x[2])};
  const std::vector<std::size_t> i = detail::factor(block, row), j = detail::factor(block, x[2]), c = detail::factor(x[2], 1);
  for (const auto* axis :
       {order == DepthOrder::dcr ? &i : &c, order == DepthOrder::dcr ? &j : &i, order == DepthOrder::dcr ? &c : &j})
    m.offset.push_back(*axis);
  return m;
}

}  // namespace trimtab
