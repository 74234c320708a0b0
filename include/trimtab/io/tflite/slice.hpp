#pragma once
/// \file
/// Parts of tensors: SLICE, STRIDED_SLICE, SPLIT, SPLIT_V, UNPACK, GATHER.

#include <trimtab/io/tflite/rules.hpp>
#include <trimtab/net/operators/gather.hpp>
#include <trimtab/net/operators/reshape.hpp>
#include <trimtab/net/operators/slice.hpp>

namespace trimtab {
namespace detail {

/// Output i is a part of input `x`, a slice for each axis, with the extents that the file gives it.
inline void become_part(const TfliteNode& n, std::size_t x, const std::vector<SliceAxis>& axes, std::size_t i = 0) {
  if (axes.empty()) throw shape_error("takes a part of a single number");
  const SliceAxis& batch = axes[0];
  if (batch.start != 0 || batch.count != n.import.batch || batch.step != 1) throw unsupported_error("takes a part of the batch");
  Slice l{std::vector<SliceAxis>(axes.begin() + 1, axes.end())};
  Extents extent;
  for (const SliceAxis& axis : l.axes) extent.push_back(axis.count);
  if (extent == n.output_extent(i)) {
    n.become(std::move(l), {n.node(x)}, tflite::Activation::none, i);
    return;
  }
  const NodeId part = n.between(std::move(l), n.node(x), "part");
  n.become(Reshape{n.output_extent(i)}, {part}, tflite::Activation::none, i);
}
/// Every axis as it is.
inline std::vector<SliceAxis> uncut_axes(const Extents& shape) {
  std::vector<SliceAxis> axes;
  for (const std::size_t extent : shape) axes.push_back({0, extent, 1});
  return axes;
}
/// A number for each axis of input 0.
inline std::vector<std::int64_t> one_per_axis(const TfliteNode& n, std::size_t i) {
  std::vector<std::int64_t> values = n.integers(i);
  if (values.size() != n.shape(0).size())
    throw shape_error(message(values.size(), " numbers in input ", i, " for extents ", n.shape(0)));
  return values;
}

/// Inputs: x, begins, sizes; a size of -1 is the rest.
inline void read_slice(const TfliteNode& n) {
  n.require(3, 3);
  const std::vector<std::int64_t> begin = one_per_axis(n, 1), size = one_per_axis(n, 2);
  std::vector<SliceAxis> axes = uncut_axes(n.shape(0));
  for (std::size_t a = 0; a < axes.size(); ++a) {
    const auto extent = static_cast<std::int64_t>(axes[a].count), count = size[a] == -1 ? extent - begin[a] : size[a];
    if (begin[a] < 0 || begin[a] > extent || count < 0 || count > extent - begin[a])
      throw shape_error(message("takes ", size[a], " from ", begin[a], " of ", extent));
    axes[a] = {static_cast<std::size_t>(begin[a]), static_cast<std::size_t>(count), 1};
  }
  become_part(n, 0, axes);
}

/// Inputs: x, begins, ends, steps. Bits of the masks: a begin or an end that counts as left out, an axis of which one element
/// stays and that goes.
inline void read_strided_slice(const TfliteNode& n) {
  n.require(4, 4);
  if (n.number(2) != 0 || n.number(3) != 0) throw unsupported_error("ellipsis_mask or new_axis_mask");
  const std::vector<std::int64_t> begin = one_per_axis(n, 1), end = one_per_axis(n, 2), step = one_per_axis(n, 3);
  std::vector<SliceAxis> axes = uncut_axes(n.shape(0));
  for (std::size_t a = 0; a < axes.size(); ++a) {
    const auto extent = static_cast<std::int64_t>(axes[a].count);
    const bool free_begin = (n.number(0) >> a & 1) != 0, free_end = (n.number(1) >> a & 1) != 0,
               one = (n.number(4) >> a & 1) != 0;
    const std::int64_t s = step[a];
    if (s == 0 || std::abs(double(s)) > 0x1p31) throw parse_error(message("a step of ", s));
    const auto held = [&](std::int64_t at) {
      at = at < 0 ? at + extent : at;
      return s > 0 ? std::clamp<std::int64_t>(at, 0, extent) : std::clamp<std::int64_t>(at, -1, extent - 1);
    };
    const std::int64_t first = free_begin ? (s > 0 ? 0 : extent - 1) : held(begin[a]);
    std::int64_t behind = free_end ? (s > 0 ? extent : -1) : held(end[a]);
    if (one) behind = first + (s > 0 ? 1 : -1);
    const std::int64_t span = s > 0 ? behind - first : first - behind, length = s > 0 ? s : -s;
    const std::int64_t count = span <= 0 ? 0 : (span - 1) / length + 1;
    if (count == 0 || first < 0 || first >= extent) throw unsupported_error(message("takes nothing of axis ", a));
    axes[a] = {static_cast<std::size_t>(first), static_cast<std::size_t>(count), static_cast<std::ptrdiff_t>(count == 1 ? 1 : s)};
  }
  become_part(n, 0, axes);
}

/// Parts of input `x` along an axis, as long as the outputs say.
inline void split(const TfliteNode& n, std::size_t x, std::int64_t along) {
  const Extents shape = n.shape(x);
  const std::size_t axis = TfliteNode::axis(along, shape.size());
  std::size_t start = 0;
  for (std::size_t i = 0; i < n.operation.outputs.size(); ++i) {
    const Extents part = n.output_shape(i);
    if (part.size() != shape.size() || start + part[axis] > shape[axis])
      throw shape_error(message("output ", i, " has extents ", part, ", a part of ", shape));
    std::vector<SliceAxis> axes = uncut_axes(shape);
    axes[axis] = {start, part[axis], 1};
    start += part[axis];
    become_part(n, x, axes, i);
  }
}
inline std::int64_t only_integer(const TfliteNode& n, std::size_t i) {
  const std::vector<std::int64_t> values = n.integers(i);
  if (values.size() != 1) throw parse_error(message("input ", i, " has ", values.size(), " numbers, expected one"));
  return values[0];
}
inline void read_split(const TfliteNode& n) {
  n.require(2, 2, n.operation.outputs.size());
  split(n, 1, only_integer(n, 0));
}
inline void read_split_v(const TfliteNode& n) {
  n.require(3, 3, n.operation.outputs.size());
  split(n, 0, only_integer(n, 2));
}
/// An output for each element of an axis, which goes.
inline void read_unpack(const TfliteNode& n) {
  n.require(1, 1, n.operation.outputs.size());
  const Extents shape = n.shape(0);
  const std::size_t axis = TfliteNode::axis(n.number(1), shape.size());
  if (n.operation.outputs.size() != shape[axis])
    throw shape_error(message(n.operation.outputs.size(), " outputs for an axis of ", shape[axis]));
  for (std::size_t i = 0; i < n.operation.outputs.size(); ++i) {
    std::vector<SliceAxis> axes = uncut_axes(shape);
    axes[axis] = {i, 1, 1};
    become_part(n, 0, axes, i);
  }
}

/// Inputs: x, indices.
inline void read_gather(const TfliteNode& n) {
  n.require(2, 2);
  if (n.number(1) != 0) throw unsupported_error("batch_dims");
  Gather l{TfliteNode::picture_axis(n.number(0), n.shape(0).size()), {}};
  for (const std::int64_t i : n.integers(1)) {
    if (i < 0 || i >= static_cast<std::int64_t>(n.shape(0)[l.axis + 1])) throw parse_error(message("index ", i));
    l.indices.push_back(static_cast<std::size_t>(i));
  }
  if (n.shape(1).size() == 1) {
    n.become(std::move(l), {n.node(0)});
    return;
  }
  const NodeId chosen = n.between(std::move(l), n.node(0), "chosen");
  n.become(Reshape{n.output_extent()}, {chosen});
}

/// The parts `axes` of x, the batch left out, as tensor `to`, which is given back. Ends of axes that run backwards to their first
/// element are left out, by end_mask.
inline std::int32_t write_slice(TfliteWriter& w, std::int32_t x, std::span<const SliceAxis> axes, std::int32_t to) {
  std::vector<std::int32_t> begin{0}, end{1}, step{1};
  std::size_t end_mask = 1;
  for (std::size_t a = 0; a < axes.size(); ++a) {
    const SliceAxis& axis = axes[a];
    const std::ptrdiff_t last = static_cast<std::ptrdiff_t>(axis.start) + static_cast<std::ptrdiff_t>(axis.count) * axis.step;
    begin.push_back(static_cast<std::int32_t>(axis.start));
    end.push_back(static_cast<std::int32_t>(std::max<std::ptrdiff_t>(last, 0)));
    step.push_back(static_cast<std::int32_t>(axis.step));
    if (last < 0) end_mask |= std::size_t{2} << a;
  }
  const std::string called = w.model.tensors[static_cast<std::size_t>(to)].name;
  const std::int32_t from = w.row(called + "/begin", begin), until = w.row(called + "/end", end),
                     by = w.row(called + "/step", step);
  w.operation(tflite::OperatorCode::strided_slice, w.version(2), {x, from, until, by}, to,
              tflite::Options{32}.number(1, end_mask));
  return to;
}

}  // namespace detail

template <>
struct TfliteRules<Slice> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::slice, detail::read_slice);
    readers.add(tflite::OperatorCode::strided_slice, detail::read_strided_slice);
    readers.add(tflite::OperatorCode::split, detail::read_split, 2);
    readers.add(tflite::OperatorCode::split_v, detail::read_split_v);
    readers.add(tflite::OperatorCode::unpack, detail::read_unpack);
  }
  static std::int32_t write(detail::TfliteWriter& w, const Slice& l) {
    return w.clamped(detail::write_slice(w, w.tensor_in(), l.axes, w.result()), w.grid_in().codes);
  }
};
template <>
struct TfliteRules<Gather> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::gather, detail::read_gather); }
  static std::int32_t write(detail::TfliteWriter& w, const Gather& l) {
    std::vector<std::int32_t> indices;
    for (const std::size_t i : l.indices) indices.push_back(static_cast<std::int32_t>(i));
    return w.moved(tflite::OperatorCode::gather, 2, {indices}, tflite::Options{23}.number(0, l.axis + 1));
  }
};

}  // namespace trimtab
