#pragma once
/// \file
/// Walking through several dense tensors together where some have one element for a whole axis, and sums over such axes.

#include <algorithm>
#include <array>
#include <cstddef>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <type_traits>
#include <vector>

namespace trimtab {

/// The extents of a function of two tensors: axes are aligned at the last one, those that are missing in front count as 1, and on
/// each axis the extents are equal or one of them is 1. Throws shape_error, naming `what`, for others.
inline Extents broadcast_extents(const Extents& a, const Extents& b, const char* what) {
  Extents y = a.size() < b.size() ? b : a;
  const auto of = [&](const Extents& e, std::size_t axis) {
    const std::size_t missing = y.size() - e.size();
    return axis < missing ? std::size_t{1} : e[axis - missing];
  };
  for (std::size_t axis = 0; axis < y.size(); ++axis) {
    const std::size_t of_a = of(a, axis), of_b = of(b, axis);
    if (of_a != of_b && of_a != 1 && of_b != 1)
      throw shape_error(
          detail::message(what, ": extents ", a, " and ", b, " cannot be broadcast: ", of_a, " and ", of_b, " on axis ", axis));
    y[axis] = of_a == 1 ? of_b : of_a;
  }
  return y;
}

namespace detail {

/// A dense tensor of whatever rank.
template <Tensor C>
auto any_dense_view(C& c, const char* what) {
  return dense_view(c, view(c).rank(), what);
}

/// Elements in one piece of work on strided axes.
inline constexpr std::size_t strided_grain = std::size_t{1} << 14;

/// Axes through which K tensors are walked together, the last one fastest. Neighbours that every tensor walks as one axis are
/// merged; axes of extent 1 are left out. A step is the distance in elements between neighbours, 0 for a tensor that stands
/// still.
template <std::size_t K>
class StridedAxes {
 public:
  /// One number for each of the tensors.
  using Each = std::array<std::size_t, K>;

  /// One more axis, inside those before.
  void push_back(std::size_t extent, const Each& step) {
    if (extent == 1) return;
    if (rank_ > 0) {
      bool merges = true;
      for (std::size_t k = 0; k < K; ++k) merges = merges && step_[rank_ - 1][k] == step[k] * extent;
      if (merges) {
        extent_[rank_ - 1] *= extent;
        step_[rank_ - 1] = step;
        return;
      }
    }
    extent_[rank_] = extent;
    step_[rank_] = step;
    ++rank_;
  }

  /// The number of positions.
  std::size_t size() const {
    std::size_t count = 1;
    for (std::size_t axis = 0; axis < rank_; ++axis) count *= extent_[axis];
    return count;
  }
  /// Steps along the last axis. Where there is no axis a run has one element, and any step is right.
  Each inner_step() const {
    if (rank_ > 0) return step_[rank_ - 1];
    Each ones;
    ones.fill(1);
    return ones;
  }

  /// Calls body(offsets, position, count) for the runs along the last axis that make up positions [begin, end), in their order;
  /// offsets are those of a run's first element.
  template <class Body>
  void for_each_run(std::size_t begin, std::size_t end, const Body& body) const {
    std::array<std::size_t, max_rank> at{};
    Each from{};
    for (std::size_t axis = rank_, rest = begin; axis-- > 0; rest /= extent_[axis]) {
      at[axis] = rest % extent_[axis];
      for (std::size_t k = 0; k < K; ++k) from[k] += at[axis] * step_[axis][k];
    }
    while (begin < end) {
      const std::size_t count = rank_ == 0 ? 1 : std::min(end - begin, extent_[rank_ - 1] - at[rank_ - 1]);
      body(from, begin, count);
      begin += count;
      for (std::size_t axis = rank_, moved = count; axis-- > 0; moved = 1) {
        at[axis] += moved;
        for (std::size_t k = 0; k < K; ++k) from[k] += moved * step_[axis][k];
        if (at[axis] < extent_[axis]) break;
        for (std::size_t k = 0; k < K; ++k) from[k] -= at[axis] * step_[axis][k];
        at[axis] = 0;
      }
    }
  }

  /// The same over all positions, on several threads.
  template <class Body>
  void parallel_runs(const Body& body) const {
    parallel_ranges(size(), strided_grain, [&](std::size_t begin, std::size_t end) { for_each_run(begin, end, body); });
  }

 private:
  std::array<std::size_t, max_rank> extent_{};
  std::array<Each, max_rank> step_{};
  std::size_t rank_ = 0;
};

/// Steps of a dense tensor of `extent` along `rank` axes of which its own are the last: 0 where its extent is 1 or it has no
/// axis.
inline std::array<std::size_t, max_rank> broadcast_steps_of(const Extents& extent, std::size_t rank) {
  std::array<std::size_t, max_rank> step{};
  std::size_t count = 1;
  for (std::size_t axis = extent.size(); axis-- > 0; count *= extent[axis])
    step[rank - extent.size() + axis] = extent[axis] == 1 ? 0 : count;
  return step;
}

/// The axes of K tensors, split into those that a result keeps and those that it is reduced over. The result is dense over the
/// axes kept, in their order.
template <std::size_t K>
class ReducedAxes {
 public:
  using Each = typename StridedAxes<K>::Each;

  /// One more axis, inside those before.
  void push_back(std::size_t extent, const Each& step, bool keep) {
    (keep ? kept_ : reduced_).push_back(extent, step);
    if (extent != 1) columns_ = keep;
  }

  const StridedAxes<K>& kept() const { return kept_; }
  const StridedAxes<K>& reduced() const { return reduced_; }
  /// True when the innermost axis is kept.
  bool columns() const { return columns_; }
  /// Steps along the axis that `add` of reduce_axes runs along.
  Each inner_step() const { return columns_ ? kept_.inner_step() : reduced_.inner_step(); }

 private:
  StridedAxes<K> kept_, reduced_;
  bool columns_ = true;
};

/// For each element of the result all that it is reduced from, in the order of memory, taken together. Calls
///   add(std::true_type, sums, offsets, count)    sums[i] takes up element i of the run
///   add(std::false_type, sum, offsets, count)    *sum takes up all elements of the run
/// and merge(sum, later) for partial results. Every sum begins as `start`. Where the result is small its elements are cut into
/// pieces, which depend on the extents alone: the same bits on any number of threads.
template <class Sum, std::size_t K, class Add, class Merge>
std::vector<Sum> reduce_axes(const ReducedAxes<K>& axes, const Sum& start, const Add& add, const Merge& merge) {
  const std::size_t results = axes.kept().size(), depth = axes.reduced().size();
  const std::size_t grain = std::max<std::size_t>(axes.columns() ? 64 : 1, strided_grain / std::max<std::size_t>(1, depth));
  const std::size_t wanted = results <= 8 * grain ? std::min<std::size_t>(16, results * depth / (4 * strided_grain)) : 1;
  const std::size_t pieces = std::clamp<std::size_t>(wanted, 1, std::max<std::size_t>(1, depth));
  const std::size_t ranges = (results + grain - 1) / grain;
  std::vector<Sum> sums(pieces * results, start);
  parallel_for(pieces * ranges, LoopTime{results * depth / 4}, [&](std::size_t unit) {
    const std::size_t piece = unit / ranges, begin = unit % ranges * grain, end = std::min(results, begin + grain);
    const std::size_t first = piece * depth / pieces, last = (piece + 1) * depth / pieces;
    Sum* const to = sums.data() + piece * results;
    const auto moved = [](typename StridedAxes<K>::Each from, const typename StridedAxes<K>::Each& step, std::size_t times) {
      for (std::size_t k = 0; k < K; ++k) from[k] += times * step[k];
      return from;
    };
    axes.kept().for_each_run(begin, end, [&](const auto& from, std::size_t result, std::size_t count) {
      if (axes.columns()) {
        axes.reduced().for_each_run(first, last, [&](const auto& inside, std::size_t, std::size_t times) {
          for (std::size_t t = 0; t < times; ++t)
            add(std::true_type(), to + result, moved(moved(from, inside, 1), axes.reduced().inner_step(), t), count);
        });
        return;
      }
      for (std::size_t r = 0; r < count; ++r)
        axes.reduced().for_each_run(first, last, [&](const auto& inside, std::size_t, std::size_t length) {
          add(std::false_type(), to + result + r, moved(moved(from, axes.kept().inner_step(), r), inside, 1), length);
        });
    });
  });
  for (std::size_t piece = 1; piece < pieces; ++piece)
    for (std::size_t r = 0; r < results; ++r) merge(sums[r], sums[piece * results + r]);
  sums.resize(results);
  return sums;
}

/// value(0) + .. + value(count - 1) in double, in eight lanes.
template <class Value>
double lane_sum(std::size_t count, const Value& value) {
  constexpr std::size_t lanes = 8;
  std::array<double, lanes> sum{};
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane) sum[lane] += static_cast<double>(value(i + lane));
  for (; i < count; ++i) sum[i % lanes] += static_cast<double>(value(i));
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/// reduce_axes of the sum in double of value(offsets, i), element i of the run that starts at `offsets`.
template <std::size_t K, class Value>
std::vector<double> sum_axes(const ReducedAxes<K>& axes, const Value& value) {
  return reduce_axes(
      axes, 0.0,
      [&](auto columns, double* sum, const auto& from, std::size_t count) {
        if constexpr (columns.value)
          for (std::size_t i = 0; i < count; ++i) sum[i] += static_cast<double>(value(from, i));
        else
          *sum += lane_sum(count, [&](std::size_t i) { return value(from, i); });
      },
      [](double& sum, double later) { sum += later; });
}

/// Calls body with a constant 0 or 1 for each of the steps, which are 0 or 1, so that loops know them.
template <class Body>
void with_steps(std::size_t a, std::size_t b, const Body& body) {
  using Still = std::integral_constant<std::size_t, 0>;
  using Moves = std::integral_constant<std::size_t, 1>;
  if (a == 0 && b == 0)
    body(Still(), Still());
  else if (a == 0)
    body(Still(), Moves());
  else if (b == 0)
    body(Moves(), Still());
  else
    body(Moves(), Moves());
}

}  // namespace detail
}  // namespace trimtab
