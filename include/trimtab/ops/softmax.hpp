#pragma once
/// \file
/// Softmax and its logarithm along any axis, and the place of the largest element.

#include <cmath>
#include <concepts>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/strided_axes.hpp>
#include <vector>

namespace trimtab {

namespace detail {

/// Elements as outer x length x inner around one axis: a line is `length` elements, `inner` apart.
struct AxisLines {
  std::size_t outer = 1, length = 1, inner = 1;

  /// Throws shape_error, naming `what`, unless the axis is one of x.
  AxisLines(const Extents& x, std::size_t axis, const char* what) {
    if (axis >= x.size()) throw shape_error(message(what, ": axis ", axis, " is beyond the rank of extents ", x));
    for (std::size_t a = 0; a < x.size(); ++a) (a < axis ? outer : a == axis ? length : inner) *= x[a];
  }

  /// Calls body(first, line) for each line: the place of its first element, and its number; on several threads.
  template <class Body>
  void for_each(const Body& body) const {
    parallel_ranges(outer * inner, (std::size_t{1} << 13) / std::max<std::size_t>(1, length) + 1,
                    [&](std::size_t begin, std::size_t end) {
                      for (std::size_t line = begin; line < end; ++line) body(line / inner * length * inner + line % inner, line);
                    });
  }
};

/// Two or three dense tensors of the same extents.
template <class X, class... Others>
void require_like(const TensorView<X>& x, const char* what, const TensorView<Others>&... others) {
  (require_extents(others.extent, x.extent, what), ...);
}

/// The largest of a line of one or more elements.
template <class T>
T line_maximum(const T* x, const AxisLines& lines) {
  T largest = x[0];
  for (std::size_t k = 1; k < lines.length; ++k) largest = x[k * lines.inner] > largest ? x[k * lines.inner] : largest;
  return largest;
}

}  // namespace detail

/// y[k] = exp(x[k] - max x) / sum of exp(x[j] - max x) along `axis`. x and y of the same extents, and they may be the same
/// tensor. Throws shape_error when extents do not fit.
template <Tensor X, Tensor Y>
void softmax_forward(const X& x, std::size_t axis, Y&& y) {
  using Real = detail::shared_real<const X, Y>;
  const auto xv = detail::any_dense_view(x, "softmax_forward: x");
  const auto yv = detail::dense_view(y, xv.rank(), "softmax_forward: y");
  detail::require_like(xv, "softmax_forward: y", yv);
  detail::require_apart_or_same("softmax_forward", yv, xv);
  const detail::AxisLines lines(xv.extent, axis, "softmax_forward");
  if (xv.size() == 0) return;
  lines.for_each([&](std::size_t first, std::size_t) {
    const Real largest = detail::line_maximum(xv.data + first, lines);
    Real sum = 0;
    for (std::size_t k = 0, i = first; k < lines.length; ++k, i += lines.inner) {
      const Real e = std::exp(xv.data[i] - largest);
      sum += e;
      yv.data[i] = e;
    }
    for (std::size_t k = 0, i = first; k < lines.length; ++k, i += lines.inner) yv.data[i] /= sum;
  });
}

/// grad_x[k] += y[k] * (grad_y[k] - sum of grad_y[j] * y[j]), y being the result of softmax_forward. Throws as that does.
template <Tensor G, Tensor Y, Tensor GX>
void softmax_backward(const G& grad_y, const Y& y, std::size_t axis, GX&& grad_x) {
  using Real = detail::shared_real<const G, const Y, GX>;
  const auto yv = detail::any_dense_view(y, "softmax_backward: y");
  const auto gv = detail::dense_view(grad_y, yv.rank(), "softmax_backward: grad_y");
  const auto to = detail::dense_view(grad_x, yv.rank(), "softmax_backward: grad_x");
  detail::require_like(yv, "softmax_backward: grad_y and grad_x", gv, to);
  detail::require_apart("softmax_backward", to, gv, yv);
  const detail::AxisLines lines(yv.extent, axis, "softmax_backward");
  if (yv.size() == 0) return;
  lines.for_each([&](std::size_t first, std::size_t) {
    Real sum = 0;
    for (std::size_t k = 0, i = first; k < lines.length; ++k, i += lines.inner) sum += gv.data[i] * yv.data[i];
    for (std::size_t k = 0, i = first; k < lines.length; ++k, i += lines.inner) to.data[i] += yv.data[i] * (gv.data[i] - sum);
  });
}

/// y[k] = x[k] - max x - log(sum of exp(x[j] - max x)) along `axis`. Shapes, errors and y = x as in softmax_forward.
template <Tensor X, Tensor Y>
void log_softmax_forward(const X& x, std::size_t axis, Y&& y) {
  using Real = detail::shared_real<const X, Y>;
  const auto xv = detail::any_dense_view(x, "log_softmax_forward: x");
  const auto yv = detail::dense_view(y, xv.rank(), "log_softmax_forward: y");
  detail::require_like(xv, "log_softmax_forward: y", yv);
  detail::require_apart_or_same("log_softmax_forward", yv, xv);
  const detail::AxisLines lines(xv.extent, axis, "log_softmax_forward");
  if (xv.size() == 0) return;
  lines.for_each([&](std::size_t first, std::size_t) {
    const Real largest = detail::line_maximum(xv.data + first, lines);
    Real sum = 0;
    for (std::size_t k = 0, i = first; k < lines.length; ++k, i += lines.inner) sum += std::exp(xv.data[i] - largest);
    const Real log_sum = std::log(sum);
    for (std::size_t k = 0, i = first; k < lines.length; ++k, i += lines.inner) yv.data[i] = xv.data[i] - largest - log_sum;
  });
}

/// grad_x[k] += grad_y[k] - exp(y[k]) * sum of grad_y[j], y being the result of log_softmax_forward. Throws as that does.
template <Tensor G, Tensor Y, Tensor GX>
void log_softmax_backward(const G& grad_y, const Y& y, std::size_t axis, GX&& grad_x) {
  using Real = detail::shared_real<const G, const Y, GX>;
  const auto yv = detail::any_dense_view(y, "log_softmax_backward: y");
  const auto gv = detail::dense_view(grad_y, yv.rank(), "log_softmax_backward: grad_y");
  const auto to = detail::dense_view(grad_x, yv.rank(), "log_softmax_backward: grad_x");
  detail::require_like(yv, "log_softmax_backward: grad_y and grad_x", gv, to);
  detail::require_apart("log_softmax_backward", to, gv, yv);
  const detail::AxisLines lines(yv.extent, axis, "log_softmax_backward");
  if (yv.size() == 0) return;
  lines.for_each([&](std::size_t first, std::size_t) {
    Real sum = 0;
    for (std::size_t k = 0, i = first; k < lines.length; ++k, i += lines.inner) sum += gv.data[i];
    for (std::size_t k = 0, i = first; k < lines.length; ++k, i += lines.inner)
      to.data[i] += gv.data[i] - std::exp(yv.data[i]) * sum;
  });
}

/// y = the place along `axis` of the largest element of x, floats or codes; of equal ones the first. y holds integers and has x's
/// extents with that of the axis 1, or without it. A NaN is the largest, the first of them. Throws shape_error when extents do
/// not fit or there is nothing to choose from.
template <Tensor X, Tensor Y>
void arg_max(const X& x, std::size_t axis, Y&& y) {
  using Index = value_t<Y>;
  static_assert(std::integral<Index> && sizeof(Index) >= 4, "trimtab: arg_max gives integers of 32 bits or more");
  const auto xv = detail::any_dense_view(x, "arg_max: x");
  const auto yv = detail::any_dense_view(y, "arg_max: y");
  const detail::AxisLines lines(xv.extent, axis, "arg_max");
  Extents kept = xv.extent, dropped;
  kept[axis] = 1;
  for (std::size_t a = 0; a < xv.rank(); ++a)
    if (a != axis) dropped.push_back(xv.extent[a]);
  if (yv.extent != kept && yv.extent != dropped)
    throw shape_error(detail::message("arg_max: expected extents ", kept, " or ", dropped, ", got ", yv.extent));
  if (yv.size() > 0 && lines.length == 0)
    throw shape_error(detail::message("arg_max: nothing to choose from: axis ", axis, " of extents ", xv.extent));
  if (yv.size() == 0) return;
  lines.for_each([&](std::size_t first, std::size_t line) {
    const auto* const from = xv.data + first;
    std::size_t best = 0;
    for (std::size_t k = 1; k < lines.length; ++k) {
      const auto v = from[k * lines.inner], b = from[best * lines.inner];
      if (v > b || (v != v && b == b)) best = k;
    }
    yv.data[line] = static_cast<Index>(best);
  });
}

}  // namespace trimtab
