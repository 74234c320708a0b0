#pragma once
/// \file
/// How the channels of a dense tensor lie in memory, whatever the order of its axes, and how work on them is cut into pieces
/// that do not depend on the number of threads.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/tensor_view.hpp>

namespace trimtab {

/// The axis of a tensor that is one channel as a whole.
inline constexpr std::size_t no_axis = std::numeric_limits<std::size_t>::max();

/// Memory as outer x channels x inner: the element at offset (o * channels + c) * inner + i belongs to channel c. Filters
/// O KH KW I by axis 0 are 1 x O x (KH KW I); depthwise filters KH KW C by axis 2 are (KH KW) x C x 1.
struct ChannelRuns {
  std::size_t outer = 1, channels = 1, inner = 0;  ///< outer, slowest in memory

  std::size_t size() const { return outer * channels * inner; }  ///< number of elements
  friend bool operator==(const ChannelRuns&, const ChannelRuns&) = default;
};

/// Splits a dense tensor by `axis`, or into one channel for no_axis. Throws shape_error, naming `what`, when the axis is
/// beyond the rank or there are gaps between the elements.
template <class T>
ChannelRuns channel_runs(const TensorView<T>& v, std::size_t axis, const char* what) {
  if (axis != no_axis && axis >= v.rank())
    throw shape_error(detail::message(what, ": axis ", axis, " is beyond the rank of extents ", v.extent));
  if (!detail::is_dense(v))
    throw shape_error(detail::message(what, ": expected a dense tensor, got extents ", v.extent, ", strides ", v.stride));
  if (axis == no_axis || v.extent[axis] == 1) return {1, 1, v.size()};
  if (v.size() == 0) return {1, v.extent[axis], 0};
  const std::size_t channels = v.extent[axis], inner = static_cast<std::size_t>(v.stride[axis]);
  return {v.size() / (channels * inner), channels, inner};
}

/// Throws shape_error, naming `what`, unless two tensors have equal extents and strides.
template <class A, class B>
void require_same_layout(const TensorView<A>& a, const TensorView<B>& b, const char* what) {
  if (a.extent != b.extent || a.stride != b.stride)
    throw shape_error(detail::message(what, ": extents ", a.extent, ", strides ", a.stride, " differ from extents ", b.extent,
                                      ", strides ", b.stride));
}

namespace detail {

/// Elements in one piece of work: long enough to pay for a thread's waking, short enough for the second-level cache.
inline constexpr std::size_t run_grain = std::size_t{1} << 14;

/// Runs too short for a loop of their own; such tensors are walked by rows that hold every channel.
inline bool has_short_runs(const ChannelRuns& r) { return r.channels > 1 && r.inner > 0 && r.inner < 16; }

/// Long runs: each is cut into fragments of at most run_grain elements, numbered in the order of memory.
struct Fragments {
  explicit Fragments(const ChannelRuns& r) : runs(r), per_run((r.inner + run_grain - 1) / run_grain) {}
  std::size_t count() const { return runs.outer * runs.channels * per_run; }
  std::size_t channel(std::size_t fragment) const { return fragment / per_run % runs.channels; }

  /// body(fragment, channel, begin, end) for each fragment, begin and end being offsets in memory; on several threads.
  template <class Body>
  void for_each(const Body& body) const {
    const std::size_t together = std::max<std::size_t>(1, run_grain / std::max<std::size_t>(1, runs.inner));
    parallel_ranges(count(), together, [&](std::size_t first, std::size_t last) {
      for (std::size_t f = first; f < last; ++f) {
        const std::size_t run = f / per_run, begin = run * runs.inner + f % per_run * run_grain;
        body(f, channel(f), begin, std::min((run + 1) * runs.inner, begin + run_grain));
      }
    });
  }

  ChannelRuns runs;
  std::size_t per_run;
};

/// Short runs: a row is a stretch of memory after which the channels repeat, a few hundred elements or more; a block is
/// some rows. The last row and the last block may be shorter.
struct Rows {
  explicit Rows(const ChannelRuns& r) : runs(r) {
    const std::size_t period = r.channels * r.inner;
    width =
        std::max<std::size_t>(1, std::min(period * std::max<std::size_t>(1, 512 / std::max<std::size_t>(1, period)), r.size()));
    block = width * std::max<std::size_t>(16, run_grain / width);
  }
  std::size_t blocks() const { return (runs.size() + block - 1) / block; }

  /// body(place, channel) for each place of a row.
  template <class Body>
  void for_each_place(const Body& body) const {
    for (std::size_t i = 0; i < width;)
      for (std::size_t c = 0; c < runs.channels && i < width; ++c)
        for (const std::size_t end = std::min(i + runs.inner, width); i < end; ++i) body(i, c);
  }

  /// body(block, begin, width of the row) for each row; blocks run on several threads, the rows of a block in order on one.
  template <class Body>
  void for_each(const Body& body) const {
    parallel_ranges(runs.size(), block, [&](std::size_t first, std::size_t last) {
      for (std::size_t begin = first; begin < last; begin += width) body(first / block, begin, std::min(width, last - begin));
    });
  }

  ChannelRuns runs;
  std::size_t width, block;
};

}  // namespace detail
}  // namespace trimtab
