#pragma once
/// \file
/// The fully connected layer and its gradients.

#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/matrix_product.hpp>
#include <trimtab/ops/matmul.hpp>

namespace trimtab {

namespace detail {

/// A dense tensor of rank 2.
template <Tensor C>
auto matrix(C& c, const char* what) {
  const auto v = dense_view(c, 2, what);
  return Matrix<std::remove_pointer_t<decltype(v.data)>>{v.data, v.extent[0], v.extent[1], v.extent[1]};
}

/// Throws shape_error, naming `function`, unless x is N I, weight O I and y N O.
inline void require_linear(const Extents& x, const Extents& weight, const Extents& y, const char* function) {
  if (x[1] != weight[1] || y[0] != x[0] || y[1] != weight[0])
    throw shape_error(message(function, ": expected N I, O I and N O, got ", x, ", ", weight, " and ", y));
}

}  // namespace detail

/// y[n, o] = bias[o] + sum over i of weight[o, i] * x[n, i], clipped as `run` says. x N I, weight O I, bias O or empty, y N O.
/// Throws shape_error when extents do not fit.
template <Tensor X, Tensor W, Tensor B, Tensor Y>
void linear_forward(const X& x, const W& weight, const B& bias, Y&& y, const LayerRun& run = {}) {
  using Real = detail::shared_real<const X, const W, const B, Y>;
  const auto xm = detail::matrix(x, "linear_forward: x");
  const auto wm = detail::matrix(weight, "linear_forward: weight");
  const auto ym = detail::matrix(y, "linear_forward: y");
  detail::require_linear(view(x).extent, view(weight).extent, view(y).extent, "linear_forward");
  const Real* b = detail::optional_vector_data(bias, wm.rows, "linear_forward: bias");
  detail::require_apart("linear_forward", view(y), view(x), view(weight), view(bias));
  detail::matmul_nt<Real>(xm, wm, ym, {false, b, run.clip}, detail::ready_groups<Real>(wm, 1, run.packed));
}

/// grad_x[n, i] += sum over o of grad_y[n, o] * weight[o, i], or = where `mode` says so.
template <Tensor G, Tensor W, Tensor GX>
void linear_backward_input(const G& grad_y, const W& weight, GX&& grad_x, GradientMode mode = GradientMode::add) {
  using Real = detail::shared_real<const G, const W, GX>;
  const auto gm = detail::matrix(grad_y, "linear_backward_input: grad_y");
  const auto wm = detail::matrix(weight, "linear_backward_input: weight");
  const auto xm = detail::matrix(grad_x, "linear_backward_input: grad_x");
  detail::require_linear(view(grad_x).extent, view(weight).extent, view(grad_y).extent, "linear_backward_input");
  detail::require_apart("linear_backward_input", view(grad_x), view(grad_y), view(weight));
  detail::matmul<Real>(gm, wm, xm, {mode == GradientMode::add});
}

/// grad_weight[o, i] += sum over n of grad_y[n, o] * x[n, i]. The gradient of the bias is bias_backward.
template <Tensor G, Tensor X, Tensor GW>
void linear_backward_weight(const G& grad_y, const X& x, GW&& grad_weight) {
  using Real = detail::shared_real<const G, const X, GW>;
  const auto gm = detail::matrix(grad_y, "linear_backward_weight: grad_y");
  const auto xm = detail::matrix(x, "linear_backward_weight: x");
  const auto wm = detail::matrix(grad_weight, "linear_backward_weight: grad_weight");
  detail::require_linear(view(x).extent, view(grad_weight).extent, view(grad_y).extent, "linear_backward_weight");
  detail::require_apart("linear_backward_weight", view(grad_weight), view(grad_y), view(x));
  detail::matmul_tn<Real>(gm, xm, wm, {true});
}

}  // namespace trimtab
