#pragma once
/// \file
/// Depthwise convolution (one filter a channel) in floating point and its gradients, vectorised over the channels.

#include <algorithm>
#include <cstddef>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/config.hpp>
#include <trimtab/core/conv_geometry.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/matrix_product.hpp>
#include <trimtab/core/window_taps.hpp>
#include <trimtab/ops/kernels/depthwise_driver.hpp>
#include <trimtab/quant/params.hpp>
#include <vector>

namespace trimtab {

namespace detail {

/// Calls body(std::integral_constant<std::size_t, lanes>, c) so that blocks of 16, 4 and 1 lanes cover the channels.
template <class Body>
void for_each_lanes(std::size_t channels, const Body& body) {
  std::size_t c = 0;
  for (; c + 16 <= channels; c += 16) body(std::integral_constant<std::size_t, 16>(), c);
  for (; c + 4 <= channels; c += 4) body(std::integral_constant<std::size_t, 4>(), c);
  for (; c < channels; ++c) body(std::integral_constant<std::size_t, 1>(), c);
}

/// The picture that taps read and the filters they apply; C channels side by side in both.
template <class Real>
struct DepthwiseSource {
  const Real* data;
  std::size_t width, channels;
  const Real* weight;
  std::size_t kernel_w;
};

/// to[c] = start[c] + sum over the taps of weight[tap, c] * x[tap, c], for a block of lanes from channel c on; start may be null
/// (zero).
template <std::size_t lanes, class Real>
void depthwise_pixel(const DepthwiseSource<Real>& x, std::span<const Tap> rows, std::span<const Tap> cols, std::size_t c,
                     const Real* start, Real* to) {
  Real sum[lanes] = {};
  if (start)
    for (std::size_t l = 0; l < lanes; ++l) sum[l] = start[l];
  for (const Tap& row : rows)
    for (const Tap& col : cols) {
      const Real* from = x.data + (row.from * x.width + col.from) * x.channels + c;
      const Real* w = x.weight + (row.kernel * x.kernel_w + col.kernel) * x.channels + c;
      for (std::size_t l = 0; l < lanes; ++l) sum[l] += w[l] * from[l];
    }
  for (std::size_t l = 0; l < lanes; ++l) to[l] = sum[l];
}

/// Rows of pictures to work on at a time: some 10^5 multiplications.
inline std::size_t depthwise_row_grain(const WindowGeometry& g, std::size_t row_width) {
  const std::size_t row = std::max<std::size_t>(1, row_width * g.c * g.kernel_h * g.kernel_w);
  return std::max<std::size_t>(1, (std::size_t{1} << 17) / row);
}

/// Each pixel of `to` (N x rows x cols x C) from the pixels of `from` (N x from_h x from_w x C) that its taps name: added to what
/// is there, or to the bias (zero where that is null). Channels are the inner loop, so that a pixel's neighbours stay in the
/// first-level cache. Then clips.
template <class Real>
void depthwise_gather(const WindowGeometry& g, const WindowTaps& taps, const ColumnRuns& runs, std::size_t from_h,
                      std::size_t from_w, const Real* from, const Real* weight, const Real* bias, bool add, Real* to,
                      const Clip& clip = no_clip) {
  const std::size_t rows = taps.rows.size(), cols = taps.cols.size();
  if constexpr (std::is_same_v<Real, float>)
    if (const kernels::KernelTable* table = kernels::table(active_isa())) {
      const DepthwiseGather gather{*table, taps.rows, runs,   cols, g.c, g.kernel_w, from_h,
                                   from_w, from,      weight, bias, add, clip,       to};
      parallel_ranges(g.n * rows, depthwise_row_grain(g, cols), [&](std::size_t begin, std::size_t end) {
        std::vector<const float*> x, w;
        for (std::size_t r = begin; r < end; ++r) gather.row(r, x, w);
      });
      return;
    }
  parallel_ranges(g.n * rows, depthwise_row_grain(g, cols), [&](std::size_t begin, std::size_t end) {
    for (std::size_t r = begin; r < end; ++r) {
      const DepthwiseSource<Real> source{from + r / rows * from_h * from_w * g.c, from_w, g.c, weight, g.kernel_w};
      const std::span<const Tap> row_taps = taps.rows[r % rows];
      for (std::size_t col = 0; col < cols; ++col) {
        const std::span<const Tap> col_taps = taps.cols[col];
        Real* pixel = to + (r * cols + col) * g.c;
        const Real* start = add ? pixel : bias;
        for_each_lanes(g.c, [&](auto lanes, std::size_t c) {
          depthwise_pixel<lanes>(source, row_taps, col_taps, c, start ? start + c : nullptr, pixel + c);
        });
        if (clip != no_clip)
          for (std::size_t c = 0; c < g.c; ++c) pixel[c] = clamp_to(pixel[c], Real(clip.lo), Real(clip.hi));
      }
    }
  });
}

/// partial[kh, kw, c] += sum over output row r (n, oh) of grad_y * x.
template <class Real>
void depthwise_weight_row(const WindowGeometry& g, const WindowTaps& taps, std::size_t r, const Real* grad_y, const Real* x,
                          Real* partial) {
  const Real* grad_row = grad_y + r * g.out_w * g.c;
  for_each_lanes(g.c, [&](auto lanes, std::size_t c) {
    for (const Tap& row : taps.rows[r % g.out_h]) {
      const Real* x_row = x + (r / g.out_h * g.h + row.from) * g.w * g.c;
      for (std::size_t kw = 0; kw < g.kernel_w; ++kw) {
        const WindowOptions& o = g.options;
        const std::size_t shift = kw * o.dilation_w, left = o.padding.left;
        const std::size_t first = shift < left ? (left - shift + o.stride_w - 1) / o.stride_w : 0;
        const std::size_t last = g.w + left > shift ? std::min(g.out_w, (g.w + left - shift - 1) / o.stride_w + 1) : 0;
        Real sum[lanes] = {};
        for (std::size_t ow = first; ow < last; ++ow) {
          const Real* from = x_row + (ow * o.stride_w + shift - left) * g.c + c;
          const Real* grad = grad_row + ow * g.c + c;
          for (std::size_t l = 0; l < lanes; ++l) sum[l] += grad[l] * from[l];
        }
        Real* to = partial + (row.kernel * g.kernel_w + kw) * g.c + c;
        for (std::size_t l = 0; l < lanes; ++l) to[l] += sum[l];
      }
    }
  });
}

template <class Real>
void depthwise_conv2d_backward_weight(const WindowGeometry& g, const Real* grad_y, const Real* x, Real* grad_weight) {
  const WindowTaps taps = WindowTaps::of_outputs(g);
  const std::size_t rows = g.n * g.out_h, pieces = std::min<std::size_t>(rows, 32),
                    step = pieces == 0 ? 0 : (rows + pieces - 1) / pieces;
  if constexpr (std::is_same_v<Real, float>)
    if (const kernels::KernelTable* table = kernels::table(active_isa())) {
      const std::vector<ColumnRange> ranges = column_ranges(g);
      sum_partials(pieces, g.kernel_h * g.kernel_w * g.c, grad_weight, [&](std::size_t p, float* partial) {
        for (std::size_t r = p * step; r < std::min(rows, (p + 1) * step); ++r)
          depthwise_weight_row(*table, g, taps.rows, ranges, r, grad_y, x, partial);
      });
      return;
    }
  sum_partials(pieces, g.kernel_h * g.kernel_w * g.c, grad_weight, [&](std::size_t p, Real* partial) {
    for (std::size_t r = p * step; r < std::min(rows, (p + 1) * step); ++r) depthwise_weight_row(g, taps, r, grad_y, x, partial);
  });
}

/// The geometry of a depthwise convolution whose input and weight have these extents.
inline WindowGeometry depthwise_geometry(const Extents& x, const Extents& weight, const WindowOptions& options,
                                         const char* what) {
  const WindowGeometry g = window_geometry(x, weight[0], weight[1], x[3], options, 1, what);
  require_extents(weight, {g.kernel_h, g.kernel_w, g.c}, what);
  return g;
}

}  // namespace detail

/// y[n, oh, ow, c] = bias[c] + sum over kh, kw of
///     weight[kh, kw, c] * x[n, oh * stride_h + kh * dilation_h - top, ow * stride_w + kw * dilation_w - left, c],
/// zero outside the picture, clipped then. x N H W C, weight KH KW C, bias C or empty, y N OH OW C. Throws shape_error when extents
/// do not fit.
template <Tensor X, Tensor W, Tensor B, Tensor Y>
void depthwise_conv2d_forward(const X& x, const W& weight, const B& bias, const WindowOptions& options, Y&& y,
                              const Clip& clip = no_clip) {
  using Real = detail::shared_real<const X, const W, const B, Y>;
  const auto xv = detail::dense_view(x, 4, "depthwise_conv2d_forward: x");
  const auto wv = detail::dense_view(weight, 3, "depthwise_conv2d_forward: weight");
  const WindowGeometry g = detail::depthwise_geometry(xv.extent, wv.extent, options, "depthwise_conv2d_forward: weight");
  const Real* b = detail::optional_vector_data(bias, g.c, "depthwise_conv2d_forward: bias");
  const auto yv = detail::dense_view(y, 4, "depthwise_conv2d_forward: y");
  detail::require_extents(yv.extent, g.output(), "depthwise_conv2d_forward: y");
  detail::require_apart("depthwise_conv2d_forward", yv, xv, wv, view(bias));
  const detail::WindowTaps taps = detail::WindowTaps::of_outputs(g);
  detail::depthwise_gather<Real>(g, taps, {taps.cols, 1, options.stride_w}, g.h, g.w, xv.data, wv.data, b, false, yv.data, clip);
}

/// grad_x[ih, iw, c] += sum of grad_y[oh, ow, c] * weight[kh, kw, c] over all that depthwise_conv2d_forward joins, or = where
/// `mode` says so.
template <Tensor G, Tensor W, Tensor GX>
void depthwise_conv2d_backward_input(const G& grad_y, const W& weight, const WindowOptions& options, GX&& grad_x,
                                     GradientMode mode = GradientMode::add) {
  using Real = detail::shared_real<const G, const W, GX>;
  const auto xv = detail::dense_view(grad_x, 4, "depthwise_conv2d_backward_input: grad_x");
  const auto wv = detail::dense_view(weight, 3, "depthwise_conv2d_backward_input: weight");
  const auto gv = detail::dense_view(grad_y, 4, "depthwise_conv2d_backward_input: grad_y");
  const WindowGeometry g = detail::depthwise_geometry(xv.extent, wv.extent, options, "depthwise_conv2d_backward_input: weight");
  detail::require_extents(gv.extent, g.output(), "depthwise_conv2d_backward_input: grad_y");
  detail::require_apart("depthwise_conv2d_backward_input", xv, gv, wv);
  const detail::WindowTaps taps = detail::WindowTaps::of_inputs(g);
  detail::depthwise_gather<Real>(g, taps, {taps.cols, options.stride_w, 1}, g.out_h, g.out_w, gv.data, wv.data, nullptr,
                                 mode == GradientMode::add, xv.data);
}

/// grad_weight[kh, kw, c] += sum of grad_y[oh, ow, c] * x[ih, iw, c] over all that depthwise_conv2d_forward joins. The gradient
/// of the bias is bias_backward.
template <Tensor G, Tensor X, Tensor GW>
void depthwise_conv2d_backward_weight(const G& grad_y, const X& x, const WindowOptions& options, GW&& grad_weight) {
  using Real = detail::shared_real<const G, const X, GW>;
  const auto xv = detail::dense_view(x, 4, "depthwise_conv2d_backward_weight: x");
  const auto wv = detail::dense_view(grad_weight, 3, "depthwise_conv2d_backward_weight: grad_weight");
  const auto gv = detail::dense_view(grad_y, 4, "depthwise_conv2d_backward_weight: grad_y");
  const WindowGeometry g =
      detail::depthwise_geometry(xv.extent, wv.extent, options, "depthwise_conv2d_backward_weight: grad_weight");
  detail::require_extents(gv.extent, g.output(), "depthwise_conv2d_backward_weight: grad_y");
  detail::require_apart("depthwise_conv2d_backward_weight", wv, gv, xv);
  detail::depthwise_conv2d_backward_weight<Real>(g, gv.data, xv.data, wv.data);
}

}  // namespace trimtab
