#pragma once
/// \file
/// Sums, means, norms, maxima and minima over any set of axes but the batch.

#include <cmath>
#include <limits>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/strided_axes.hpp>

/// What a tensor is reduced to, for reduce_forward and reduce_backward. Sums have the term of one element, what becomes of the
/// sum of `count` terms, and y's derivative by one element.
namespace trimtab::reduction {

/// Sum of x.
struct Sum {
  /// What is summed.
  template <class Real>
  static constexpr Real term(Real x) {
    return x;
  }
  static double result(double sum, std::size_t) { return sum; }  ///< y of the sum
  /// The derivative of y by one x, given x, y and count.
  template <class Real>
  static Real derivative(Real, Real, std::size_t) {
    return 1;
  }
};

/// Sum of x / count.
struct Mean {
  /// What is summed.
  template <class Real>
  static constexpr Real term(Real x) {
    return x;
  }
  static double result(double sum, std::size_t count) { return sum / static_cast<double>(count); }  ///< y of the sum
  /// The derivative of y by one x, given x, y and count.
  template <class Real>
  static Real derivative(Real, Real, std::size_t count) {
    return 1 / static_cast<Real>(count);
  }
};

/// Sum of x * x.
struct SumSquare {
  /// What is summed.
  template <class Real>
  static constexpr Real term(Real x) {
    return x * x;
  }
  static double result(double sum, std::size_t) { return sum; }  ///< y of the sum
  /// The derivative of y by one x, given x, y and count.
  template <class Real>
  static Real derivative(Real x, Real, std::size_t) {
    return 2 * x;
  }
};

/// sqrt(sum of x * x); its gradient at 0 counts as 0.
struct L2 {
  /// What is summed.
  template <class Real>
  static constexpr Real term(Real x) {
    return x * x;
  }
  static double result(double sum, std::size_t) { return std::sqrt(sum); }  ///< y of the sum
  /// The derivative of y by one x, given x, y and count.
  template <class Real>
  static Real derivative(Real x, Real y, std::size_t) {
    return y > 0 ? x / y : Real(0);
  }
};

/// The largest x, NaN if one of them is; the first of equal ones has the gradient.
struct Max {
  /// Over the best so far.
  template <class T>
  static bool wins(T x, T best) {
    return x > best;
  }
};

/// The smallest x, NaN if one of them is; the first of equal ones has the gradient.
struct Min {
  /// Over the best so far.
  template <class T>
  static bool wins(T x, T best) {
    return x < best;
  }
};

/// Max and Min.
template <class F>
concept Extreme = std::is_same_v<F, Max> || std::is_same_v<F, Min>;

}  // namespace trimtab::reduction

namespace trimtab {

/// Axes of a tensor, in any order.
using AxisList = PerAxis<std::size_t>;

namespace detail {

/// x's axes with those in `axes` reduced; offsets[0] is a place in x. `count` is how many elements go into one of the result.
struct Reduced {
  ReducedAxes<1> axes;
  std::array<std::size_t, max_rank> result_step{};  // along x's axes, 0 along reduced ones
  std::size_t count = 1;

  /// Throws shape_error, naming `what`, unless the axes are different ones of x and not the batch, each element of the result
  /// comes of at least one, and y has x's extents with those of the axes 1 or left out.
  Reduced(const Extents& x, const AxisList& list, const Extents& y, const char* what) {
    std::array<bool, max_rank> reduced{};
    for (const std::size_t axis : list) {
      if (axis == 0 || axis >= x.size())
        throw shape_error(message(what, ": axis ", axis, " of extents ", x, " cannot be reduced: expected 1 .. rank - 1"));
      if (reduced[axis]) throw shape_error(message(what, ": axis ", axis, " is given twice"));
      reduced[axis] = true;
      count *= x[axis];
    }
    Extents kept = x, dropped;
    for (std::size_t axis = 0; axis < x.size(); ++axis) {
      if (reduced[axis])
        kept[axis] = 1;
      else
        dropped.push_back(x[axis]);
    }
    if (y != kept && y != dropped)
      throw shape_error(message(what, ": expected extents ", kept, " or ", dropped, " for axes ", list, " of ", x, ", got ", y));
    if (count == 0 && element_count(kept) > 0)
      throw shape_error(message(what, ": nothing to reduce: axes ", list, " of extents ", x));
    const auto step = broadcast_steps_of(x, x.size());
    result_step = broadcast_steps_of(kept, x.size());
    for (std::size_t axis = 0; axis < x.size(); ++axis) axes.push_back(x[axis], {step[axis]}, !reduced[axis]);
  }
};

/// The best value so far. A NaN wins over all others.
template <class F, class T>
void take_best(T& best, T x) {
  best = F::wins(x, best) || x != x ? x : best;
}

/// What every value but the worst of all wins over.
template <class F, class T>
constexpr T worst() {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_same_v<F, reduction::Max>)
    return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  else
    return Limits::has_infinity ? Limits::infinity() : Limits::max();
}

/// The best of each result's elements, floats or codes.
template <class F, class T>
std::vector<T> reduce_extreme(const Reduced& r, const T* x) {
  return reduce_axes(
      r.axes, worst<F, T>(),
      [&](auto columns, T* best, const auto& from, std::size_t count) {
        const T* const px = x + from[0];
        if constexpr (columns.value) {
          for (std::size_t i = 0; i < count; ++i) take_best<F>(best[i], px[i]);
        } else {
          for (std::size_t i = 0; i < count; ++i) take_best<F>(*best, px[i]);
        }
      },
      [](T& best, T later) { take_best<F>(best, later); });
}

/// grad_x += grad_y at the first of each result's elements that has the result's value.
template <class F, class Real>
void reduce_extreme_backward(const Reduced& r, const Real* grad_y, const Real* x, Real* grad_x) {
  constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  struct Place {
    Real value;
    std::size_t at;
  };
  const auto take = [](Place& best, const Place& later) {
    if (later.at != none &&
        (best.at == none || F::wins(later.value, best.value) || (later.value != later.value && best.value == best.value)))
      best = later;
  };
  const std::vector<Place> best = reduce_axes(
      r.axes, Place{Real(0), none},
      [&](auto columns, Place* to, const auto& from, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) take(to[columns.value ? i : 0], {x[from[0] + i], from[0] + i});
      },
      take);
  for (std::size_t i = 0; i < best.size(); ++i) grad_x[best[i].at] += grad_y[i];
}

}  // namespace detail

/// y = F over the elements of x along `axes`, F one of Sum, Mean, SumSquare, L2, Max and Min of namespace reduction. Sums are
/// taken in double, in an order that the extents alone set. `axes` never has 0, the batch; without any y is F of each element
/// alone. y has x's extents with those of the axes 1, or without them. Throws shape_error when axes or extents do not fit, a
/// tensor is not dense row-major or there is nothing to reduce.
template <class F, Tensor X, Tensor Y>
void reduce_forward(const X& x, const AxisList& axes, Y&& y) {
  using Real = detail::shared_real<const X, Y>;
  const auto xv = detail::any_dense_view(x, "reduce_forward: x");
  const auto yv = detail::any_dense_view(y, "reduce_forward: y");
  const detail::Reduced r(xv.extent, axes, yv.extent, "reduce_forward");
  detail::require_apart("reduce_forward", yv, xv);
  if (xv.size() == 0) return;
  if constexpr (reduction::Extreme<F>) {
    const std::vector<Real> best = detail::reduce_extreme<F, Real>(r, xv.data);
    std::copy(best.begin(), best.end(), yv.data);
  } else {
    const std::vector<double> sums = detail::sum_axes(
        r.axes, [&](const auto& from, std::size_t i) { return F::term(static_cast<double>(xv.data[from[0] + i])); });
    for (std::size_t i = 0; i < sums.size(); ++i) yv.data[i] = static_cast<Real>(F::result(sums[i], r.count));
  }
}

/// grad_x += grad_y * F::derivative(x, y, count), y being the result of reduce_forward; of Max and Min the first of the equal
/// elements has grad_y. Throws as reduce_forward does.
template <class F, Tensor G, Tensor X, Tensor Y, Tensor GX>
void reduce_backward(const G& grad_y, const X& x, const Y& y, const AxisList& axes, GX&& grad_x) {
  using Real = detail::shared_real<const G, const X, const Y, GX>;
  const auto gv = detail::any_dense_view(grad_y, "reduce_backward: grad_y");
  const auto xv = detail::any_dense_view(x, "reduce_backward: x");
  const auto yv = detail::any_dense_view(y, "reduce_backward: y");
  const auto to = detail::dense_view(grad_x, xv.rank(), "reduce_backward: grad_x");
  const detail::Reduced r(xv.extent, axes, gv.extent, "reduce_backward: grad_y");
  detail::require_extents(yv.extent, gv.extent, "reduce_backward: y");
  detail::require_extents(to.extent, xv.extent, "reduce_backward: grad_x");
  detail::require_apart("reduce_backward", to, gv, xv, yv);
  if (xv.size() == 0) return;
  if constexpr (reduction::Extreme<F>) {
    detail::reduce_extreme_backward<F, Real>(r, gv.data, xv.data, to.data);
  } else {
    detail::StridedAxes<1> walk;
    for (std::size_t axis = 0; axis < xv.rank(); ++axis) walk.push_back(xv.extent[axis], {r.result_step[axis]});
    detail::with_steps(walk.inner_step()[0], 1, [&](auto step, auto) {
      walk.parallel_runs([&](const auto& from, std::size_t at, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
          const std::size_t result = from[0] + i * step.value;
          to.data[at + i] += gv.data[result] * F::derivative(xv.data[at + i], yv.data[result], r.count);
        }
      });
    });
  }
}

}  // namespace trimtab
