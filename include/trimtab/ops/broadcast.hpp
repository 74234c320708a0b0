#pragma once
/// \file
/// Functions of two tensors, element by element, with numpy's broadcasting: sum, difference, product, quotient, maximum, minimum.

#include <concepts>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/strided_axes.hpp>

/// Functions of two numbers, with their derivatives, for broadcast_forward and those beside it.
namespace trimtab::binary {

/// a + b.
struct Add {
  template <class Real>
  static Real value(Real a, Real b) {
    return a + b;
  }  ///< the function
  template <class Real>
  static Real da(Real, Real) {
    return 1;
  }  ///< its derivative by a
  template <class Real>
  static Real db(Real, Real) {
    return 1;
  }  ///< its derivative by b
};

/// a - b.
struct Sub {
  template <class Real>
  static Real value(Real a, Real b) {
    return a - b;
  }  ///< the function
  template <class Real>
  static Real da(Real, Real) {
    return 1;
  }  ///< its derivative by a
  template <class Real>
  static Real db(Real, Real) {
    return -1;
  }  ///< its derivative by b
};

/// a * b.
struct Mul {
  template <class Real>
  static Real value(Real a, Real b) {
    return a * b;
  }  ///< the function
  template <class Real>
  static Real da(Real, Real b) {
    return b;
  }  ///< its derivative by a
  template <class Real>
  static Real db(Real a, Real) {
    return a;
  }  ///< its derivative by b
};

/// a / b, infinite or NaN where b is 0; no gradient passes there, so that an infinite one cannot spoil those that are summed with
/// it.
struct Div {
  template <class Real>
  static Real value(Real a, Real b) {
    return a / b;
  }  ///< the function
  template <class Real>
  static Real da(Real, Real b) {
    return b == 0 ? Real(0) : 1 / b;
  }  ///< its derivative by a
  template <class Real>
  static Real db(Real a, Real b) {
    return b == 0 ? Real(0) : -(a / b) / b;
  }  ///< its derivative by b
};

/// max(a, b), with b where one of them is NaN; of equal ones a has the gradient.
struct Max {
  template <class Real>
  static Real value(Real a, Real b) {
    return a >= b ? a : b;
  }  ///< the function
  template <class Real>
  static Real da(Real a, Real b) {
    return a >= b ? Real(1) : Real(0);
  }  ///< its derivative by a
  template <class Real>
  static Real db(Real a, Real b) {
    return a >= b ? Real(0) : Real(1);
  }  ///< its derivative by b
};

/// min(a, b), with b where one of them is NaN; of equal ones a has the gradient.
struct Min {
  template <class Real>
  static Real value(Real a, Real b) {
    return a <= b ? a : b;
  }  ///< the function
  template <class Real>
  static Real da(Real a, Real b) {
    return a <= b ? Real(1) : Real(0);
  }  ///< its derivative by a
  template <class Real>
  static Real db(Real a, Real b) {
    return a <= b ? Real(0) : Real(1);
  }  ///< its derivative by b
};

}  // namespace trimtab::binary

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

/// The walk through y together with what is broadcast to it.
inline StridedAxes<2> broadcast_axes(const Extents& a, const Extents& b, const Extents& y) {
  const auto step_a = broadcast_steps_of(a, y.size()), step_b = broadcast_steps_of(b, y.size());
  StridedAxes<2> axes;
  for (std::size_t axis = 0; axis < y.size(); ++axis) axes.push_back(y[axis], {step_a[axis], step_b[axis]});
  return axes;
}

/// grad += grad_y * derivative(a, b), summed over the axes that `own`, the extents of grad, do not have.
template <class Real, class Derivative>
void broadcast_backward(const TensorView<const Real>& grad_y, const TensorView<const Real>& a, const TensorView<const Real>& b,
                        const Extents& own, const Derivative& derivative, Real* grad) {
  const Extents& y = grad_y.extent;
  if (element_count(own) == grad_y.size()) {
    const StridedAxes<2> axes = broadcast_axes(a.extent, b.extent, y);
    with_steps(axes.inner_step()[0], axes.inner_step()[1], [&](auto step_a, auto step_b) {
      axes.parallel_runs([&](const auto& from, std::size_t at, std::size_t count) {
        const Real* const pa = a.data + from[0];
        const Real* const pb = b.data + from[1];
        const Real* const pg = grad_y.data + at;
        for (std::size_t i = 0; i < count; ++i) grad[at + i] += pg[i] * derivative(pa[i * step_a.value], pb[i * step_b.value]);
      });
    });
    return;
  }
  const auto step_a = broadcast_steps_of(a.extent, y.size()), step_b = broadcast_steps_of(b.extent, y.size()),
             step_y = broadcast_steps_of(y, y.size()), step_own = broadcast_steps_of(own, y.size());
  ReducedAxes<3> axes;
  for (std::size_t axis = 0; axis < y.size(); ++axis)
    axes.push_back(y[axis], {step_y[axis], step_a[axis], step_b[axis]}, step_own[axis] != 0);
  with_steps(axes.inner_step()[1], axes.inner_step()[2], [&](auto inner_a, auto inner_b) {
    const std::vector<double> sums = sum_axes(axes, [&](const auto& from, std::size_t i) {
      return grad_y.data[from[0] + i] * derivative(a.data[from[1] + i * inner_a.value], b.data[from[2] + i * inner_b.value]);
    });
    for (std::size_t i = 0; i < sums.size(); ++i) grad[i] += static_cast<Real>(sums[i]);
  });
}

}  // namespace detail

/// y = F::value(a, b), each broadcast to y's extents, which are those of broadcast_extents: equal extents, a number a channel
/// ([C] or N 1 1 C), a number a pixel (N H W 1), a scalar, on either side. Throws shape_error when extents do not fit or a tensor
/// is not dense row-major.
template <class F, Tensor A, Tensor B, Tensor Y>
void broadcast_forward(const A& a, const B& b, Y&& y) {
  using Real = detail::shared_real<const A, const B, Y>;
  const auto av = detail::any_dense_view(a, "broadcast_forward: a");
  const auto bv = detail::any_dense_view(b, "broadcast_forward: b");
  const auto yv = detail::any_dense_view(y, "broadcast_forward: y");
  detail::require_extents(yv.extent, broadcast_extents(av.extent, bv.extent, "broadcast_forward"), "broadcast_forward: y");
  if (yv.size() == 0) return;
  const auto axes = detail::broadcast_axes(av.extent, bv.extent, yv.extent);
  detail::with_steps(axes.inner_step()[0], axes.inner_step()[1], [&](auto step_a, auto step_b) {
    axes.parallel_runs([&](const auto& from, std::size_t at, std::size_t count) {
      const Real* const pa = av.data + from[0];
      const Real* const pb = bv.data + from[1];
      Real* const py = yv.data + at;
      for (std::size_t i = 0; i < count; ++i) py[i] = F::value(pa[i * step_a.value], pb[i * step_b.value]);
    });
  });
}

/// grad_a += grad_y * F::da(a, b), summed over the axes along which a was broadcast; the sums are taken in double, in an order
/// that the extents alone set. Throws as broadcast_forward does.
template <class F, Tensor G, Tensor A, Tensor B, Tensor GA>
void broadcast_backward_a(const G& grad_y, const A& a, const B& b, GA&& grad_a) {
  using Real = detail::shared_real<const G, const A, const B, GA>;
  const TensorView<const Real> gv = detail::any_dense_view(grad_y, "broadcast_backward_a: grad_y");
  const TensorView<const Real> av = detail::any_dense_view(a, "broadcast_backward_a: a");
  const TensorView<const Real> bv = detail::any_dense_view(b, "broadcast_backward_a: b");
  const auto to = detail::any_dense_view(grad_a, "broadcast_backward_a: grad_a");
  detail::require_extents(gv.extent, broadcast_extents(av.extent, bv.extent, "broadcast_backward_a"),
                          "broadcast_backward_a: grad_y");
  detail::require_extents(to.extent, av.extent, "broadcast_backward_a: grad_a");
  if (gv.size() == 0) return;
  detail::broadcast_backward<Real>(
      gv, av, bv, av.extent, [](Real p, Real q) { return F::da(p, q); }, to.data);
}

/// grad_b += grad_y * F::db(a, b), summed over the axes along which b was broadcast; see broadcast_backward_a.
template <class F, Tensor G, Tensor A, Tensor B, Tensor GB>
void broadcast_backward_b(const G& grad_y, const A& a, const B& b, GB&& grad_b) {
  using Real = detail::shared_real<const G, const A, const B, GB>;
  const TensorView<const Real> gv = detail::any_dense_view(grad_y, "broadcast_backward_b: grad_y");
  const TensorView<const Real> av = detail::any_dense_view(a, "broadcast_backward_b: a");
  const TensorView<const Real> bv = detail::any_dense_view(b, "broadcast_backward_b: b");
  const auto to = detail::any_dense_view(grad_b, "broadcast_backward_b: grad_b");
  detail::require_extents(gv.extent, broadcast_extents(av.extent, bv.extent, "broadcast_backward_b"),
                          "broadcast_backward_b: grad_y");
  detail::require_extents(to.extent, bv.extent, "broadcast_backward_b: grad_b");
  if (gv.size() == 0) return;
  detail::broadcast_backward<Real>(
      gv, av, bv, bv.extent, [](Real p, Real q) { return F::db(p, q); }, to.data);
}

}  // namespace trimtab
