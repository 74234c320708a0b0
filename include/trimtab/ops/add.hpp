#pragma once
/// \file
/// The sum of two branches.

#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/channel_runs.hpp>
#include <trimtab/core/layer_views.hpp>

namespace trimtab {

namespace detail {

template <class Real>
void add_forward(const Real* a, const Real* b, std::size_t count, Real* y) {
  parallel_ranges(count, run_grain, [=](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) y[i] = a[i] + b[i];
  });
}

}  // namespace detail

/// y = a + b, all of one dense layout; y may be a or b. Throws shape_error when the layouts differ.
template <Tensor A, Tensor B, Tensor Y>
void add_forward(const A& a, const B& b, Y&& y) {
  using Real = detail::shared_real<const A, const B, Y>;
  const auto av = view(a);
  const auto bv = view(b);
  const auto yv = view(y);
  require_same_layout(av, bv, "add_forward: a and b");
  require_same_layout(av, yv, "add_forward: a and y");
  channel_runs(av, no_axis, "add_forward: a");
  detail::require_apart_or_same("add_forward", yv, av, bv);
  detail::add_forward<Real>(av.data, bv.data, av.size(), yv.data);
}

/// grad_input += grad_y, for each of the two inputs whose gradient is wanted.
template <Tensor G, Tensor GI>
void add_backward(const G& grad_y, GI&& grad_input) {
  using Real = detail::shared_real<const G, GI>;
  const auto gv = view(grad_y);
  const auto iv = view(grad_input);
  require_same_layout(gv, iv, "add_backward: grad_y and grad_input");
  channel_runs(gv, no_axis, "add_backward: grad_y");
  detail::require_apart("add_backward", iv, gv);
  detail::add_forward<Real>(iv.data, gv.data, gv.size(), iv.data);
}

}  // namespace trimtab
