#pragma once
/// \file
/// Functions of two tensors, element by element, with numpy's broadcasting: sum, difference, product, quotient, maximum, minimum.

#include <concepts>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/strided_axes.hpp>

/// Functions of two numbers, with their derivatives, for broadcast_forward and those beside it.
namespace trimtab::binary {

/// a + b.
struct Add {
  /// The function.
  template <class Real>
  static Real value(Real a, Real b) {
    return a + b;
  }
  /// Its derivative by a.
  template <class Real>
  static Real da(Real, Real) {
    return 1;
  }
  /// Its derivative by b.
  template <class Real>
  static Real db(Real, Real) {
    return 1;
  }
};

/// a - b.
struct Sub {
  /// The function.
  template <class Real>
  static Real value(Real a, Real b) {
    return a - b;
  }
  /// Its derivative by a.
  template <class Real>
  static Real da(Real, Real) {
    return 1;
  }
  /// Its derivative by b.
  template <class Real>
  static Real db(Real, Real) {
    return -1;
  }
};

/// a * b.
struct Mul {
  /// The function.
  template <class Real>
  static Real value(Real a, Real b) {
    return a * b;
  }
  /// Its derivative by a.
  template <class Real>
  static Real da(Real, Real b) {
    return b;
  }
  /// Its derivative by b.
  template <class Real>
  static Real db(Real a, Real) {
    return a;
  }
};

/// a / b, infinite or NaN where b is 0; no gradient passes there, so that an infinite one cannot spoil those that are summed with
/// it.
struct Div {
  /// The function.
  template <class Real>
  static Real value(Real a, Real b) {
    return a / b;
  }
  /// Its derivative by a.
  template <class Real>
  static Real da(Real, Real b) {
    return b == 0 ? Real(0) : 1 / b;
  }
  /// Its derivative by b.
  template <class Real>
  static Real db(Real a, Real b) {
    return b == 0 ? Real(0) : -(a / b) / b;
  }
};

/// max(a, b), with b where one of them is NaN; of equal ones a has the gradient.
struct Max {
  /// The function.
  template <class Real>
  static Real value(Real a, Real b) {
    return a >= b ? a : b;
  }
  /// Its derivative by a.
  template <class Real>
  static Real da(Real a, Real b) {
    return a >= b ? Real(1) : Real(0);
  }
  /// Its derivative by b.
  template <class Real>
  static Real db(Real a, Real b) {
    return a >= b ? Real(0) : Real(1);
  }
};

/// min(a, b), with b where one of them is NaN; of equal ones a has the gradient.
struct Min {
  /// The function.
  template <class Real>
  static Real value(Real a, Real b) {
    return a <= b ? a : b;
  }
  /// Its derivative by a.
  template <class Real>
  static Real da(Real a, Real b) {
    return a <= b ? Real(1) : Real(0);
  }
  /// Its derivative by b.
  template <class Real>
  static Real db(Real a, Real b) {
    return a <= b ? Real(0) : Real(1);
  }
};

}  // namespace trimtab::binary

namespace trimtab {

namespace detail {

/// The walk through y together with what is broadcast to it.
inline StridedAxes<2> broadcast_axes(const Extents& a, const Extents& b, const Extents& y) {
  const auto step_a = broadcast_steps_of(a, y.size()), step_b = broadcast_steps_of(b, y.size());
  StridedAxes<2> axes;
  for (std::size_t axis = 0; axis < y.size(); ++axis) axes.push_back(y[axis], {step_a[axis], step_b[axis]});
  return axes;
}

/// grad += grad_y * derivative(a, b), summed over the axes that `operand`, a or b, does not have.
template <Tensor G, Tensor A, Tensor B, Tensor GO, Tensor O, class Derivative>
void broadcast_backward(const G& grad_of_y, const A& of_a, const B& of_b, GO& grad_of_operand, const O& operand,
                        const Derivative& derivative, const char* what) {
  using Real = shared_real<const G, const A, const B, GO>;
  const auto grad_y = any_dense_view(grad_of_y, what);
  const auto a = any_dense_view(of_a, what);
  const auto b = any_dense_view(of_b, what);
  const auto to = any_dense_view(grad_of_operand, what);
  const Extents own = view(operand).extent;
  require_extents(grad_y.extent, broadcast_extents(a.extent, b.extent, what), what);
  require_extents(to.extent, own, what);
  require_apart(what, to, grad_y, a, b);
  if (grad_y.size() == 0) return;
  Real* const grad = to.data;
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
/// ([C] or N 1 1 C), a number a pixel (N H W 1), a scalar, on either side. y may be an operand of its own extents. Throws
/// shape_error when extents do not fit or a tensor is not dense row-major.
template <class F, Tensor A, Tensor B, Tensor Y>
void broadcast_forward(const A& a, const B& b, Y&& y) {
  using Real = detail::shared_real<const A, const B, Y>;
  const auto av = detail::any_dense_view(a, "broadcast_forward: a");
  const auto bv = detail::any_dense_view(b, "broadcast_forward: b");
  const auto yv = detail::any_dense_view(y, "broadcast_forward: y");
  detail::require_extents(yv.extent, broadcast_extents(av.extent, bv.extent, "broadcast_forward"), "broadcast_forward: y");
  detail::require_apart_or_same("broadcast_forward", yv, av, bv);
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
  detail::broadcast_backward(
      grad_y, a, b, grad_a, a, [](auto p, auto q) { return F::da(p, q); }, "broadcast_backward_a");
}

/// grad_b += grad_y * F::db(a, b), summed over the axes along which b was broadcast; see broadcast_backward_a.
template <class F, Tensor G, Tensor A, Tensor B, Tensor GB>
void broadcast_backward_b(const G& grad_y, const A& a, const B& b, GB&& grad_b) {
  detail::broadcast_backward(
      grad_y, a, b, grad_b, b, [](auto p, auto q) { return F::db(p, q); }, "broadcast_backward_b");
}

}  // namespace trimtab
