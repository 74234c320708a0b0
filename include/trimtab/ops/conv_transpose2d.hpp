#pragma once
/// \file
/// Transposed convolution in floating point and its gradients: the gradients and the forward of a convolution, with the channels
/// of its weights changed over.

#include <cstddef>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/ops/conv2d.hpp>
#include <trimtab/ops/conv_transpose_geometry.hpp>
#include <trimtab/ops/movement.hpp>
#include <vector>

namespace trimtab {

namespace detail {

/// The convolution's weights I KH KW O/groups from the transposed one's O KH KW I/groups.
inline Movement transposed_weight(const WindowGeometry& g) {
  const std::size_t in = g.group_out(), out = g.group_in(), filter = g.kernel_h * g.kernel_w * in;  // of x and y of a group
  const auto axis = [](std::size_t size, std::size_t step) {
    std::vector<std::size_t> offset(size);
    for (std::size_t i = 0; i < size; ++i) offset[i] = i * step;
    return offset;
  };
  return {{g.out_c, g.kernel_h, g.kernel_w, out},
          {axis(g.groups, out * filter), axis(in, 1), axis(g.kernel_h * g.kernel_w, in), axis(out, filter)}};
}

template <class Real>
std::vector<Real> transpose_weight(const WindowGeometry& g, const Real* weight) {
  std::vector<Real> to(g.c * g.kernel_h * g.kernel_w * g.group_out());
  move_forward<Real>(transposed_weight(g), weight, 1, to.size(), Real(0), to.data());
  return to;
}

/// The geometry as conv2d's loops want it: they take a 1 x 1 window of stride 1 without padding for pixels that are the same in x
/// and y, which is wrong where y has more of them. They do not read the padding below.
inline WindowGeometry loop_geometry(WindowGeometry g) {
  if (g.h != g.out_h || g.w != g.out_w) ++g.options.padding.bottom;
  return g;
}

}  // namespace detail

/// y[n, ih * stride_h + kh * dilation_h - top, iw * stride_w + kw * dilation_w - left, o] gets
///     weight[o, kh, kw, i] * x[n, ih, iw, first(o) + i]
/// from all ih, iw, kh, kw, i whose place lies inside y, and bias[o]; first(o) is the first input channel of o's group. x N H W
/// I, weight O KH KW I/groups, bias O or empty, y N OH OW O with OH = (H - 1) * stride_h + dilation_h * (KH - 1) + 1 + more.h -
/// top - bottom. Throws shape_error when extents do not fit.
template <Tensor X, Tensor W, Tensor B, Tensor Y>
void conv_transpose2d_forward(const X& x, const W& weight, const B& bias, const WindowOptions& options, const OutputPadding& more,
                              std::size_t groups, Y&& y) {
  using Real = detail::shared_real<const X, const W, const B, Y>;
  const auto xv = detail::dense_view(x, 4, "conv_transpose2d_forward: x");
  const auto wv = detail::dense_view(weight, 4, "conv_transpose2d_forward: weight");
  const WindowGeometry g =
      conv_transpose2d_geometry(xv.extent, wv.extent, options, more, groups, "conv_transpose2d_forward: weight");
  const Real* b = detail::optional_vector_data(bias, g.c, "conv_transpose2d_forward: bias");
  const auto yv = detail::dense_view(y, 4, "conv_transpose2d_forward: y");
  detail::require_extents(yv.extent, g.input(), "conv_transpose2d_forward: y");
  detail::require_apart("conv_transpose2d_forward", yv, xv, wv, view(bias));
  const std::vector<Real> filters = detail::transpose_weight(g, static_cast<const Real*>(wv.data));
  detail::conv2d_backward_input<Real>(detail::loop_geometry(g), xv.data, filters.data(), yv.data, GradientMode::assign);
  if (!b || g.c == 0) return;
  parallel_ranges(yv.size() / g.c, (std::size_t{1} << 14) / g.c + 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row)
      for (std::size_t c = 0; c < g.c; ++c) yv.data[row * g.c + c] += b[c];
  });
}

/// grad_x[ih, iw, i] += sum of grad_y[oh, ow, o] * weight[o, kh, kw, i] over all that conv_transpose2d_forward joins, or = where
/// `mode` says so.
template <Tensor G, Tensor W, Tensor GX>
void conv_transpose2d_backward_input(const G& grad_y, const W& weight, const WindowOptions& options, const OutputPadding& more,
                                     std::size_t groups, GX&& grad_x, GradientMode mode = GradientMode::add) {
  using Real = detail::shared_real<const G, const W, GX>;
  const char* what = "conv_transpose2d_backward_input: weight";
  const auto xv = detail::dense_view(grad_x, 4, "conv_transpose2d_backward_input: grad_x");
  const auto wv = detail::dense_view(weight, 4, what);
  const auto gv = detail::dense_view(grad_y, 4, "conv_transpose2d_backward_input: grad_y");
  const WindowGeometry g = conv_transpose2d_geometry(xv.extent, wv.extent, options, more, groups, what);
  detail::require_extents(gv.extent, g.input(), "conv_transpose2d_backward_input: grad_y");
  detail::require_apart("conv_transpose2d_backward_input", xv, gv, wv);
  const std::vector<Real> filters = detail::transpose_weight(g, static_cast<const Real*>(wv.data));
  std::vector<Real> added(mode == GradientMode::add ? xv.size() : 0);
  Real* to = mode == GradientMode::add ? added.data() : xv.data;
  detail::conv2d_forward<Real>(detail::loop_geometry(g), gv.data, filters.data(), nullptr, to);
  parallel_ranges(added.size(), std::size_t{1} << 14, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) xv.data[i] += added[i];
  });
}

/// grad_weight[o, kh, kw, i] += sum of grad_y[oh, ow, o] * x[ih, iw, i] over all that conv_transpose2d_forward joins. The
/// gradient of the bias is bias_backward.
template <Tensor G, Tensor X, Tensor GW>
void conv_transpose2d_backward_weight(const G& grad_y, const X& x, const WindowOptions& options, const OutputPadding& more,
                                      std::size_t groups, GW&& grad_weight) {
  using Real = detail::shared_real<const G, const X, GW>;
  const char* what = "conv_transpose2d_backward_weight: grad_weight";
  const auto xv = detail::dense_view(x, 4, "conv_transpose2d_backward_weight: x");
  const auto wv = detail::dense_view(grad_weight, 4, what);
  const auto gv = detail::dense_view(grad_y, 4, "conv_transpose2d_backward_weight: grad_y");
  const WindowGeometry g = conv_transpose2d_geometry(xv.extent, wv.extent, options, more, groups, what);
  detail::require_extents(gv.extent, g.input(), "conv_transpose2d_backward_weight: grad_y");
  detail::require_apart("conv_transpose2d_backward_weight", wv, gv, xv);
  std::vector<Real> filters(wv.size());
  detail::conv2d_backward_weight<Real>(detail::loop_geometry(g), xv.data, gv.data, filters.data());
  move_backward<Real>(detail::transposed_weight(g), filters.data(), 1, filters.size(), wv.data);
}

}  // namespace trimtab
