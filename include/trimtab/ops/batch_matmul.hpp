#pragma once
/// \file
/// Matrix products over leading axes that are broadcast: the products of attention, of two tensors neither of which is a weight.

#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/strided_axes.hpp>
#include <trimtab/ops/batch_matmul_shape.hpp>
#include <trimtab/ops/matmul.hpp>
#include <vector>

namespace trimtab {

namespace detail {

/// A matrix, or its transpose: rows and cols are those of the product's operand.
template <class Real>
struct MatmulOperand {
  const Real* data;
  std::size_t rows, cols;
  bool transposed;

  Matrix<const Real> stored() const {
    return transposed ? Matrix<const Real>{data, cols, rows, rows} : Matrix<const Real>{data, rows, cols, cols};
  }
  MatmulOperand swapped() const { return {data, cols, rows, !transposed}; }
};

/// c = a * b, added to what is there for `add`.
template <class Real>
void matmul_of(const MatmulOperand<Real>& a, const MatmulOperand<Real>& b, Real* c, bool add) {
  const Matrix<Real> to{c, a.rows, b.cols, b.cols};
  const ProductStart<Real> start{add};
  if (a.transposed && b.transposed) {  // of two transposes one is written out
    std::vector<Real> straight(a.rows * a.cols);
    for (std::size_t r = 0; r < a.rows; ++r)
      for (std::size_t col = 0; col < a.cols; ++col) straight[r * a.cols + col] = a.data[col * a.rows + r];
    matmul_nt<Real>({straight.data(), a.rows, a.cols, a.cols}, b.stored(), to, start);
  } else if (a.transposed) {
    matmul_tn<Real>(a.stored(), b.stored(), to, start);
  } else if (b.transposed) {
    matmul_nt<Real>(a.stored(), b.stored(), to, start);
  } else {
    matmul<Real>(a.stored(), b.stored(), to, start);
  }
}

/// grad[own matrix] += first * second of every matrix of y that it went into, in their order; product(place in y, place in the
/// other operand, grad's matrix).
template <class Real, class Product>
void batch_matmul_backward(const BatchMatmulShape& s, const ReducedAxes<2>& axes, std::size_t own_size, Real* grad,
                           const Product& product) {
  for_each_product(axes.kept().size(), axes.reduced().size() * s.m * s.n * s.k, [&](std::size_t i) {
    axes.kept().for_each_run(i, i + 1, [&](const auto& from, std::size_t, std::size_t) {
      axes.reduced().for_each_run(0, axes.reduced().size(), [&](const auto& inside, std::size_t, std::size_t count) {
        const auto step = axes.reduced().inner_step();
        for (std::size_t r = 0; r < count; ++r)
          product(from[0] + inside[0] + r * step[0], from[1] + inside[1] + r * step[1], grad + i * own_size);
      });
    });
  });
}

}  // namespace detail

/// y[.., i, j] = sum over k of a[.., i, k] * b[.., k, j]. Leading axes, the batch first, are broadcast as in broadcast_forward; a
/// matrix alone counts for all of them. With transpose.a a is [.., k, i], with transpose.b b is [.., j, k]. A depth of 0 gives 0.
/// Throws shape_error when extents do not fit.
template <Tensor A, Tensor B, Tensor Y>
void batch_matmul_forward(const A& a, const B& b, MatmulTransposes transpose, Y&& y) {
  using Real = detail::shared_real<const A, const B, Y>;
  const auto av = detail::any_dense_view(a, "batch_matmul_forward: a");
  const auto bv = detail::any_dense_view(b, "batch_matmul_forward: b");
  const auto yv = detail::any_dense_view(y, "batch_matmul_forward: y");
  const detail::BatchMatmulShape s(av.extent, bv.extent, transpose, "batch_matmul_forward");
  detail::require_extents(yv.extent, s.output(), "batch_matmul_forward: y");
  detail::require_apart("batch_matmul_forward", yv, av, bv);
  if (yv.size() == 0) return;
  const auto walk = s.walk();
  detail::for_each_product(s.matrices(), s.m * s.n * s.k, [&](std::size_t i) {
    walk.for_each_run(i, i + 1, [&](const auto& from, std::size_t, std::size_t) {
      detail::matmul_of<Real>({av.data + from[0], s.m, s.k, transpose.a}, {bv.data + from[1], s.k, s.n, transpose.b},
                              yv.data + i * s.m * s.n, false);
    });
  });
}

/// grad_a += grad_y * transpose(b), transposed as a is, summed in the order of y's matrices over those that a matrix of a went
/// into. Throws as batch_matmul_forward does.
template <Tensor G, Tensor B, Tensor GA>
void batch_matmul_backward_a(const G& grad_y, const B& b, MatmulTransposes transpose, GA&& grad_a) {
  using Real = detail::shared_real<const G, const B, GA>;
  const auto gv = detail::any_dense_view(grad_y, "batch_matmul_backward_a: grad_y");
  const auto bv = detail::any_dense_view(b, "batch_matmul_backward_a: b");
  const auto to = detail::any_dense_view(grad_a, "batch_matmul_backward_a: grad_a");
  const detail::BatchMatmulShape s(to.extent, bv.extent, transpose, "batch_matmul_backward_a");
  detail::require_extents(gv.extent, s.output(), "batch_matmul_backward_a: grad_y");
  detail::require_apart("batch_matmul_backward_a", to, gv, bv);
  if (gv.size() == 0 || s.k == 0) return;
  detail::batch_matmul_backward<Real>(s, s.reduced(s.lead_a, s.lead_b, s.k * s.n), s.m * s.k, to.data,
                                      [&](std::size_t at_y, std::size_t at_b, Real* grad) {
                                        const detail::MatmulOperand<Real> g{gv.data + at_y, s.m, s.n, false};
                                        const detail::MatmulOperand<Real> right{bv.data + at_b, s.k, s.n, transpose.b};
                                        if (transpose.a)
                                          detail::matmul_of<Real>(right, g.swapped(), grad, true);
                                        else
                                          detail::matmul_of<Real>(g, right.swapped(), grad, true);
                                      });
}

/// grad_b += transpose(a) * grad_y, transposed as b is; see batch_matmul_backward_a.
template <Tensor G, Tensor A, Tensor GB>
void batch_matmul_backward_b(const G& grad_y, const A& a, MatmulTransposes transpose, GB&& grad_b) {
  using Real = detail::shared_real<const G, const A, GB>;
  const auto gv = detail::any_dense_view(grad_y, "batch_matmul_backward_b: grad_y");
  const auto av = detail::any_dense_view(a, "batch_matmul_backward_b: a");
  const auto to = detail::any_dense_view(grad_b, "batch_matmul_backward_b: grad_b");
  const detail::BatchMatmulShape s(av.extent, to.extent, transpose, "batch_matmul_backward_b");
  detail::require_extents(gv.extent, s.output(), "batch_matmul_backward_b: grad_y");
  detail::require_apart("batch_matmul_backward_b", to, gv, av);
  if (gv.size() == 0 || s.k == 0) return;
  detail::batch_matmul_backward<Real>(s, s.reduced(s.lead_b, s.lead_a, s.m * s.k), s.k * s.n, to.data,
                                      [&](std::size_t at_y, std::size_t at_a, Real* grad) {
                                        const detail::MatmulOperand<Real> g{gv.data + at_y, s.m, s.n, false};
                                        const detail::MatmulOperand<Real> left{av.data + at_a, s.m, s.k, transpose.a};
                                        if (transpose.b)
                                          detail::matmul_of<Real>(g.swapped(), left, grad, true);
                                        else
                                          detail::matmul_of<Real>(left.swapped(), g, grad, true);
                                      });
}

}  // namespace trimtab
