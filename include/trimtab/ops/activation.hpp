#pragma once
/// \file
/// Clipping, which is every activation of the networks at hand: ReLU is clip(0, infinity), ReLU6 is clip(0, 6).

#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/channel_runs.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/quant/params.hpp>

namespace trimtab {

namespace detail {

/// Throws value_error, naming `function`, unless lo <= hi.
template <class Real>
void require_interval(Real lo, Real hi, const char* function) {
  if (!(lo <= hi)) throw value_error(message(function, ": expected lo <= hi, got ", lo, " and ", hi));
}

template <class Real>
void clip_forward(const Real* x, std::size_t count, Real lo, Real hi, Real* y) {
  parallel_ranges(count, run_grain, [=](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) y[i] = clamp_to(x[i], lo, hi);
  });
}

template <class Real>
void clip_backward(const Real* grad_y, const Real* x, std::size_t count, Real lo, Real hi, Real* grad_x) {
  parallel_ranges(count, run_grain, [=](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) grad_x[i] += x[i] >= lo && x[i] <= hi ? grad_y[i] : Real(0);
  });
}

}  // namespace detail

/// y = min(max(x, lo), hi), with lo for NaN. x and y of one dense layout; they may be the same tensor. Throws shape_error when
/// the layouts differ, value_error unless lo <= hi.
template <Tensor X, Tensor Y>
void clip_forward(const X& x, value_t<const X> lo, value_t<const X> hi, Y&& y) {
  using Real = detail::shared_real<const X, Y>;
  const auto xv = view(x);
  const auto yv = view(y);
  require_same_layout(xv, yv, "clip_forward: x and y");
  channel_runs(xv, no_axis, "clip_forward: x");
  detail::require_apart_or_same("clip_forward", yv, xv);
  detail::require_interval(lo, hi, "clip_forward");
  detail::clip_forward<Real>(xv.data, xv.size(), lo, hi, yv.data);
}

/// grad_x += grad_y where x lies in [lo, hi], both ends included, so that a ReLU lets the gradient of an exact 0 pass.
template <Tensor G, Tensor X, Tensor GX>
void clip_backward(const G& grad_y, const X& x, value_t<const X> lo, value_t<const X> hi, GX&& grad_x) {
  using Real = detail::shared_real<const X, const G, GX>;
  const auto gv = view(grad_y);
  const auto xv = view(x);
  const auto gxv = view(grad_x);
  require_same_layout(xv, gv, "clip_backward: x and grad_y");
  require_same_layout(xv, gxv, "clip_backward: x and grad_x");
  channel_runs(xv, no_axis, "clip_backward: x");
  detail::require_apart("clip_backward", gxv, gv, xv);
  detail::require_interval(lo, hi, "clip_backward");
  detail::clip_backward<Real>(gv.data, xv.data, xv.size(), lo, hi, gxv.data);
}

}  // namespace trimtab
