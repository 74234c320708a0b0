#pragma once
/// \file
/// One loop for every operator that only moves elements: transposes, slices, padding, tiles, gathers, nearest resizing.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/config.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/short_copy.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <type_traits>
#include <vector>

namespace trimtab {

/// Where each element of an output comes from, for one picture of a batch:
///   y[i0, i1, ...] = x[offset[0][i0] + offset[1][i1] + ...], or the fill value where one of the offsets is `outside`.
/// Offsets count elements of one picture of x. The axes of `offset` may be finer than those of `output`: they have the same
/// number of elements in the same row-major order.
struct Movement {
  static constexpr std::size_t outside = std::numeric_limits<std::size_t>::max();  ///< the offset that stands for the fill value

  Extents output;                                ///< of one picture of y, the batch left out
  std::vector<std::vector<std::size_t>> offset;  ///< one vector per axis
};

namespace detail {

/// A movement as rows of y, each a list of copies. Neighbouring axes go into one row while it stays short; pieces that lie side
/// by side in x become one.
struct MovementPlan {
  /// `count` elements of y that are neighbours in x too, from `from` on, or are all outside.
  struct Piece {
    std::size_t from, count;
  };
  /// An axis that is walked over row by row.
  struct Axis {
    std::vector<std::size_t> offset;
    std::size_t y_step;
  };

  std::vector<Piece> row;
  std::vector<Axis> axes;  // the last one has the shortest way in x, so that rows that follow one another share cache lines
  std::size_t row_size = 1, rows = 1;
  /// Where each element of a row comes from, where pieces are a few elements each and none is outside; else none.
  std::vector<std::uint32_t> elements;

  /// Throws unless the axes have the elements of y and every offset lies inside the x_size elements of x.
  MovementPlan(const Movement& m, std::size_t x_size, const char* what) {
    std::size_t count = 1, last = 0;
    for (const std::vector<std::size_t>& axis : m.offset) count *= axis.size();
    if (count != element_count(m.output))
      throw shape_error(message(what, ": axes of ", count, " elements for output extents ", m.output));
    rows = count;
    if (count == 0) return;
    for (const std::vector<std::size_t>& axis : m.offset) last += furthest(axis, x_size, what);
    if (last >= x_size && anything_inside(m))
      throw value_error(message(what, ": offset ", last, " is beyond the ", x_size, " elements of a picture"));

    row.push_back({0, 1});
    std::size_t axis = m.offset.size();
    while (axis > 0 && fits_into_row(m.offset[axis - 1].size())) put_into_row(m.offset[--axis]);
    list_elements();
    rows = count / row_size;
    axes.resize(axis);
    for (std::size_t step = row_size; axis-- > 0; step *= m.offset[axis].size()) axes[axis] = {m.offset[axis], step};
    std::stable_sort(axes.begin(), axes.end(), [&](const Axis& a, const Axis& b) {
      return furthest(a.offset, x_size, what) > furthest(b.offset, x_size, what);
    });
  }

  /// The largest offset of an axis.
  static std::size_t furthest(const std::vector<std::size_t>& axis, std::size_t x_size, const char* what) {
    std::size_t last = 0;
    for (const std::size_t o : axis)
      if (o != Movement::outside) last = std::max(last, o);
    if (last > 0 && last >= x_size)
      throw value_error(message(what, ": offset ", last, " is beyond the ", x_size, " elements of a picture"));
    return last;
  }

 private:
  void list_elements() {
    constexpr std::size_t few = 8;
    if (row_size > few * row.size()) return;
    for (const Piece& p : row)
      if (p.from > std::numeric_limits<std::uint32_t>::max() - p.count) return;  // outside is as well
    elements.reserve(row_size);
    for (const Piece& p : row)
      for (std::size_t i = 0; i < p.count; ++i) elements.push_back(static_cast<std::uint32_t>(p.from + i));
  }
  static bool anything_inside(const Movement& m) {
    return std::all_of(m.offset.begin(), m.offset.end(), [](const std::vector<std::size_t>& axis) {
      return std::any_of(axis.begin(), axis.end(), [](std::size_t o) { return o != Movement::outside; });
    });
  }
  /// Rows are long enough for a copy to pay, and short enough for threads to share the picture; a list also for making it to
  /// take little beside the copies.
  bool fits_into_row(std::size_t axis_size) const {
    constexpr std::size_t enough = 4096, longest_list = 1024;
    return row.size() == 1 ? row_size < enough : row.size() * axis_size <= longest_list;
  }
  void put_into_row(const std::vector<std::size_t>& axis) {
    std::vector<Piece> longer;
    for (const std::size_t o : axis)
      for (const Piece& p : row) {
        const std::size_t from = o == Movement::outside || p.from == Movement::outside ? Movement::outside : o + p.from;
        const bool next =
            !longer.empty() && (longer.back().from == Movement::outside ? from == Movement::outside
                                                                        : from == longer.back().from + longer.back().count);
        if (next)
          longer.back().count += p.count;
        else
          longer.push_back({from, p.count});
      }
    row = std::move(longer);
    row_size *= axis.size();
  }
};

/// Elements of y that are worth a thread's while.
inline constexpr std::size_t movement_grain = std::size_t{1} << 14;

/// One row of y whose pieces start at `from`; null where the row is outside.
template <class T>
void move_row(const MovementPlan& plan, const T* from, T fill, T* to) {
  if (!from) {
    std::fill_n(to, plan.row_size, fill);
  } else if (!plan.elements.empty()) {
    const std::uint32_t* const element = plan.elements.data();
    TRIMTAB_NO_ALIAS
    for (std::size_t i = 0; i < plan.row_size; ++i) to[i] = from[element[i]];
  } else {
    for (const MovementPlan::Piece& p : plan.row) {
      if (p.from == Movement::outside)
        std::fill_n(to, p.count, fill);
      else if constexpr (std::is_trivially_copyable_v<T>)
        copy_short(from + p.from, p.count * sizeof(T), to);
      else
        std::copy_n(from + p.from, p.count, to);
      to += p.count;
    }
  }
}

/// The inverse: adds a row of gradients to where its elements came from.
template <class Real>
void move_row_back(const MovementPlan& plan, const Real* grad_y, Real* to) {
  for (const MovementPlan::Piece& p : plan.row) {
    if (p.from != Movement::outside)
      for (std::size_t i = 0; i < p.count; ++i) to[p.from + i] += grad_y[i];
    grad_y += p.count;
  }
}

/// One axis cut into parts whose elements of x are apart, whatever the other axes add: part p is the indices
/// order[first[p]] .. order[first[p + 1]), rising within a part. So threads may add to several parts at a time.
struct MovementParts {
  std::size_t axis = 0;  // of the plan; plan.axes.size() where there is only one part, everything
  std::vector<std::size_t> order, first{0};

  std::size_t size() const { return order.empty() ? 1 : first.size() - 1; }

  /// The axis with the most parts.
  MovementParts(const MovementPlan& plan, std::size_t x_size, const char* what) : axis(plan.axes.size()) {
    std::size_t reach = 0;  // of all axes and the row
    for (const MovementPlan::Axis& a : plan.axes) reach += MovementPlan::furthest(a.offset, x_size, what);
    std::size_t row_reach = 0;
    for (const MovementPlan::Piece& p : plan.row)
      if (p.from != Movement::outside) row_reach = std::max(row_reach, p.from + p.count - 1);
    reach += row_reach;
    for (std::size_t a = 0; a < plan.axes.size(); ++a) {
      MovementParts parts = of_axis(plan.axes[a].offset, reach - MovementPlan::furthest(plan.axes[a].offset, x_size, what));
      if (parts.size() <= size()) continue;
      *this = std::move(parts);
      axis = a;
    }
  }

 private:
  MovementParts() = default;
  static MovementParts of_axis(const std::vector<std::size_t>& offset, std::size_t others) {
    MovementParts parts;
    for (std::size_t i = 0; i < offset.size(); ++i)
      if (offset[i] != Movement::outside) parts.order.push_back(i);
    std::stable_sort(parts.order.begin(), parts.order.end(), [&](std::size_t a, std::size_t b) { return offset[a] < offset[b]; });
    for (std::size_t i = 1; i < parts.order.size(); ++i)
      if (offset[parts.order[i]] - offset[parts.order[i - 1]] > others) parts.first.push_back(i);
    parts.first.push_back(parts.order.size());
    for (std::size_t p = 0; p + 1 < parts.first.size(); ++p)
      std::sort(parts.order.begin() + static_cast<std::ptrdiff_t>(parts.first[p]),
                parts.order.begin() + static_cast<std::ptrdiff_t>(parts.first[p + 1]));
    return parts;
  }
};

}  // namespace detail

/// y of `batch` pictures from x of `batch` pictures of x_size elements, elements outside set to `fill`. T is any type that can be
/// copied. y must not overlap x. Throws shape_error when the axes of `m` do not have the elements of its output, value_error when
/// an offset is beyond x_size.
template <class T>
void move_forward(const Movement& m, const T* x, std::size_t batch, std::size_t x_size, std::type_identity_t<T> fill, T* y) {
  const detail::MovementPlan plan(m, x_size, "move_forward");
  detail::require_apart("move_forward", y, batch * plan.rows * plan.row_size, x, batch * x_size);
  if (plan.rows == 0) return;
  const std::size_t y_size = plan.rows * plan.row_size;
  parallel_ranges(batch * plan.rows, detail::movement_grain / plan.row_size + 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t r = begin; r < end; ++r) {
      const std::size_t n = r / plan.rows;
      std::size_t index = r % plan.rows, from = n * x_size, to = n * y_size;
      bool outside = false;
      for (std::size_t a = plan.axes.size(); a-- > 0;) {
        const detail::MovementPlan::Axis& axis = plan.axes[a];
        const std::size_t i = index % axis.offset.size(), offset = axis.offset[i];
        index /= axis.offset.size();
        to += i * axis.y_step;
        outside = outside || offset == Movement::outside;
        from += outside ? 0 : offset;
      }
      detail::move_row<T>(plan, outside ? nullptr : x + from, fill, y + to);
    }
  });
}

/// grad_x[offset[0][i0] + offset[1][i1] + ...] += grad_y[i0, i1, ...]. Several elements of y may have come from one of x; what
/// they give it is added in an order that only the movement sets, so the result has the same bits on any number of threads.
/// Throws as move_forward does.
template <class Real>
void move_backward(const Movement& m, const Real* grad_y, std::size_t batch, std::size_t x_size, Real* grad_x) {
  const char* what = "move_backward";
  const detail::MovementPlan plan(m, x_size, what);
  detail::require_apart(what, grad_x, batch * x_size, grad_y, batch * plan.rows * plan.row_size);
  if (plan.rows == 0) return;
  const detail::MovementParts parts(plan, x_size, what);
  const std::size_t y_size = plan.rows * plan.row_size;
  const bool cut = parts.axis < plan.axes.size();
  // The rows that share one index of the axis cut into parts, or all rows.
  const std::size_t rows = cut ? plan.rows / plan.axes[parts.axis].offset.size() : plan.rows;
  const auto add_rows = [&](std::size_t n, std::size_t part_from, std::size_t part_to) {
    for (std::size_t r = 0; r < rows; ++r) {
      std::size_t index = r, to = n * x_size + part_from, from = n * y_size + part_to;
      bool outside = false;
      for (std::size_t a = plan.axes.size(); a-- > 0 && !outside;) {
        if (a == parts.axis) continue;
        const detail::MovementPlan::Axis& axis = plan.axes[a];
        const std::size_t i = index % axis.offset.size();
        index /= axis.offset.size();
        outside = axis.offset[i] == Movement::outside;
        from += i * axis.y_step;
        to += outside ? 0 : axis.offset[i];
      }
      if (!outside) detail::move_row_back(plan, grad_y + from, grad_x + to);
    }
  };
  const std::size_t grain = detail::movement_grain / (y_size / parts.size() + 1) + 1;
  parallel_ranges(batch * parts.size(), grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t n = i / parts.size(), part = i % parts.size();
      if (!cut) {
        add_rows(n, 0, 0);
        continue;
      }
      const detail::MovementPlan::Axis& axis = plan.axes[parts.axis];
      for (std::size_t k = parts.first[part]; k < parts.first[part + 1]; ++k)
        add_rows(n, axis.offset[parts.order[k]], parts.order[k] * axis.y_step);
    }
  });
}

}  // namespace trimtab
