#pragma once
/// \file
/// Convolution in floating point and its gradients, as matrix products over windows unrolled into rows (im2col). A 1x1 kernel
/// of stride 1 needs no unrolling: the picture is the matrix.

#include <algorithm>
#include <cstddef>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/conv_geometry.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/matrix_product.hpp>
#include <trimtab/ops/matmul.hpp>

namespace trimtab {

namespace detail {

/// True where row m of the unrolled windows is pixel m of the input.
inline bool is_pointwise(const WindowGeometry& g) {
  return g.kernel_h == 1 && g.kernel_w == 1 && g.options.stride_h == 1 && g.options.stride_w == 1 &&
         g.options.padding == Padding{};
}

/// Length of an unrolled window of one group.
inline std::size_t window_size(const WindowGeometry& g) { return g.kernel_h * g.kernel_w * g.group_in(); }

/// Windows unrolled at a time: about 1 MB of float, 128 at least since each block packs the weights anew.
inline std::size_t windows_per_block(const WindowGeometry& g) {
  return std::clamp<std::size_t>((std::size_t{1} << 18) / std::max<std::size_t>(1, window_size(g)), 128, 1024);
}

/// Walks over the windows [m0, m1), numbered n, oh, ow, and calls inside(row, x, count) for each stretch of `count` neighbours in
/// the input, starting at offset x, and outside(row, count) for padding; row is the offset in the unrolled matrix. Input rows
/// outside [h0, h1) count as padding.
template <class Inside, class Outside>
void for_each_stretch(const WindowGeometry& g, std::size_t group, std::size_t m0, std::size_t m1, std::size_t h0, std::size_t h1,
                      const Inside& inside, const Outside& outside) {
  const std::size_t channels = g.group_in(), first_channel = group * channels;
  const WindowOptions& o = g.options;
  const bool whole_rows = g.groups == 1 && o.dilation_w == 1;
  std::size_t row = 0;
  for (std::size_t m = m0; m < m1; ++m) {
    const std::size_t n = m / (g.out_h * g.out_w), oh = m / g.out_w % g.out_h, ow = m % g.out_w;
    for (std::size_t kh = 0; kh < g.kernel_h; ++kh) {
      const std::size_t ih = oh * o.stride_h + kh * o.dilation_h - o.padding.top;  // wraps far beyond h1 in the padding
      if (ih < h0 || ih >= h1) {
        outside(row, g.kernel_w * channels);
        row += g.kernel_w * channels;
        continue;
      }
      const std::size_t x_row = (n * g.h + ih) * g.w;
      if (whole_rows) {
        const std::size_t first = ow * o.stride_w, left = o.padding.left;  // in padded columns
        const std::size_t k0 = std::min(g.kernel_w, left > first ? left - first : 0);
        const std::size_t k1 = std::clamp(g.w + left > first ? g.w + left - first : 0, k0, g.kernel_w);
        if (k0 > 0) outside(row, k0 * channels);
        if (k1 > k0) inside(row + k0 * channels, (x_row + first + k0 - left) * channels, (k1 - k0) * channels);
        if (k1 < g.kernel_w) outside(row + k1 * channels, (g.kernel_w - k1) * channels);
        row += g.kernel_w * channels;
        continue;
      }
      for (std::size_t kw = 0; kw < g.kernel_w; ++kw, row += channels) {
        const std::size_t iw = ow * o.stride_w + kw * o.dilation_w - o.padding.left;
        if (iw < g.w)
          inside(row, (x_row + iw) * g.c + first_channel, channels);
        else
          outside(row, channels);
      }
    }
  }
}

/// The windows [m0, m1) of one group as rows, in the thread's scratch where they are not the picture itself.
template <class Real>
Matrix<const Real> unroll(const WindowGeometry& g, std::size_t group, std::size_t m0, std::size_t m1, const Real* x) {
  const std::size_t size = window_size(g);
  if (is_pointwise(g)) return {x + m0 * g.c + group * g.group_in(), m1 - m0, size, g.c};
  Real* to = ThreadScratch<Real>::of(ScratchUse::unrolled, (m1 - m0) * size);
  for_each_stretch(
      g, group, m0, m1, 0, g.h,
      [=](std::size_t row, std::size_t from, std::size_t count) { std::copy_n(x + from, count, to + row); },
      [=](std::size_t row, std::size_t count) { std::fill_n(to + row, count, Real(0)); });
  return {to, m1 - m0, size, size};
}

template <class Real>
void conv2d_forward(const WindowGeometry& g, const Real* x, const Real* weight, const Real* bias, Real* y,
                    const LayerRun& run = {}) {
  const std::size_t windows = g.n * g.out_h * g.out_w, size = window_size(g), filters = g.group_out();
  const float* ready = ready_groups<Real>({weight, filters, size, size}, g.groups, run.packed);
  const std::size_t ready_group = ready ? packed_size(*kernels::table(active_isa()), filters, size) : 0;
  const auto rows = [&](std::size_t group, std::size_t m0, std::size_t m1) {
    matmul_nt<Real>(unroll(g, group, m0, m1, x), {weight + group * filters * size, filters, size, size},
                    {y + m0 * g.out_c + group * filters, m1 - m0, filters, g.out_c},
                    {false, bias ? bias + group * filters : nullptr, run.clip}, ready ? ready + group * ready_group : nullptr);
  };
  if (is_pointwise(g)) {
    parallel_for(g.groups, [&](std::size_t group) { rows(group, 0, windows); });
    return;
  }
  const std::size_t block = windows_per_block(g), blocks = (windows + block - 1) / block;
  parallel_for(g.groups * blocks, [&](std::size_t i) {
    const std::size_t m0 = i % blocks * block;
    rows(i / blocks, m0, std::min(windows, m0 + block));
  });
}

/// One group's input rows [h0, h1) of picture n: the gradients of the windows that touch them, which gradients(m0, m1, unrolled)
/// gives for the windows [m0, m1), added back to where they came from.
template <class Real, class Gradients>
void conv2d_backward_input_band(const WindowGeometry& g, std::size_t n, std::size_t group, std::size_t h0, std::size_t h1,
                                const Gradients& gradients, Real* grad_x) {
  if (h0 == h1) return;
  const WindowOptions& o = g.options;
  const std::size_t size = window_size(g), reach = (g.kernel_h - 1) * o.dilation_h;
  const std::size_t first = h0 + o.padding.top > reach ? (h0 + o.padding.top - reach + o.stride_h - 1) / o.stride_h : 0;
  const std::size_t last = std::min(g.out_h, (h1 - 1 + o.padding.top) / o.stride_h + 1);
  const std::size_t begin = (n * g.out_h + first) * g.out_w, end = (n * g.out_h + std::max(first, last)) * g.out_w;
  const std::size_t block = windows_per_block(g);
  Real* unrolled = ThreadScratch<Real>::of(ScratchUse::unrolled, std::min(block, end - begin) * size);
  for (std::size_t m0 = begin; m0 < end; m0 += block) {
    const std::size_t m1 = std::min(end, m0 + block);
    gradients(m0, m1, unrolled);
    const Real* from = unrolled;
    for_each_stretch(
        g, group, m0, m1, h0, h1,
        [=](std::size_t row, std::size_t to, std::size_t count) {
          for (std::size_t i = 0; i < count; ++i) grad_x[to + i] += from[row + i];
        },
        [](std::size_t, std::size_t) {});
  }
}

/// grad_x from the gradients of its unrolled windows: gradients(group, m0, m1, unrolled) writes those of the windows [m0, m1).
template <class Real, class Gradients>
void conv2d_backward_input_bands(const WindowGeometry& g, GradientMode mode, Real* grad_x, const Gradients& gradients) {
  if (mode == GradientMode::assign) std::fill_n(grad_x, element_count(g.input()), Real(0));
  // Bands share the windows across their border, so there are none where pictures and groups give work enough.
  const std::size_t reach = (g.kernel_h - 1) * g.options.dilation_h + 1;
  const std::size_t bands = g.n * g.groups >= 8 ? 1 : std::clamp<std::size_t>(g.h / (4 * reach), 1, 8);
  parallel_for(g.n * g.groups * bands, [&](std::size_t i) {
    const std::size_t band = i % bands, group = i / bands % g.groups;
    conv2d_backward_input_band(
        g, i / (bands * g.groups), group, band * g.h / bands, (band + 1) * g.h / bands,
        [&](std::size_t m0, std::size_t m1, Real* unrolled) { gradients(group, m0, m1, unrolled); }, grad_x);
  });
}

template <class Real>
void conv2d_backward_input(const WindowGeometry& g, const Real* grad_y, const Real* weight, Real* grad_x, GradientMode mode) {
  const std::size_t size = window_size(g), filters = g.group_out();
  if (is_pointwise(g)) {
    const std::size_t pixels = g.n * g.h * g.w;
    parallel_for(g.groups, [&](std::size_t group) {
      matmul<Real>({grad_y + group * filters, pixels, filters, g.out_c}, {weight + group * filters * size, filters, size, size},
                   {grad_x + group * size, pixels, size, g.c}, {mode == GradientMode::add});
    });
    return;
  }
  conv2d_backward_input_bands(g, mode, grad_x, [&](std::size_t group, std::size_t m0, std::size_t m1, Real* unrolled) {
    matmul<Real>({grad_y + m0 * g.out_c + group * filters, m1 - m0, filters, g.out_c},
                 {weight + group * filters * size, filters, size, size}, {unrolled, m1 - m0, size, size}, {false});
  });
}

template <class Real>
void conv2d_backward_weight(const WindowGeometry& g, const Real* grad_y, const Real* x, Real* grad_weight) {
  const std::size_t windows = g.n * g.out_h * g.out_w, size = window_size(g), filters = g.group_out();
  if (is_pointwise(g) && g.groups == 1) {
    matmul_tn<Real>({grad_y, windows, filters, g.out_c}, {x, windows, size, g.c}, {grad_weight, filters, size, size}, {true});
    return;
  }
  const std::size_t pieces = depth_pieces(windows, g.out_c * size), step = pieces == 0 ? 0 : (windows + pieces - 1) / pieces;
  const std::size_t block = windows_per_block(g);
  sum_partials(pieces, g.out_c * size, grad_weight, [&](std::size_t p, Real* partial) {
    const std::size_t end = std::min(windows, (p + 1) * step);
    for (std::size_t m0 = p * step; m0 < end; m0 += block)
      for (std::size_t group = 0; group < g.groups; ++group) {
        const std::size_t m1 = std::min(end, m0 + block);
        matmul_tn<Real>({grad_y + m0 * g.out_c + group * filters, m1 - m0, filters, g.out_c}, unroll(g, group, m0, m1, x),
                        {partial + group * filters * size, filters, size, size}, {true});
      }
  });
}

/// The geometry of a convolution whose input and weight have these extents.
inline WindowGeometry conv2d_geometry(const Extents& x, const Extents& weight, const WindowOptions& options, std::size_t groups,
                                      const char* what) {
  const WindowGeometry g = window_geometry(x, weight[1], weight[2], weight[0], options, groups, what);
  require_extents(weight, {g.out_c, g.kernel_h, g.kernel_w, g.group_in()}, what);
  return g;
}

}  // namespace detail

/// y[n, oh, ow, o] = bias[o] + sum over kh, kw, i of
///     weight[o, kh, kw, i] * x[n, oh * stride_h + kh * dilation_h - top, ow * stride_w + kw * dilation_w - left, first(o) + i],
/// zero outside the picture; first(o) is the first input channel of o's group. x N H W C, weight O KH KW C/groups, bias O or
/// empty, y N OH OW O, clipped as `run` says. Throws shape_error when extents do not fit.
template <Tensor X, Tensor W, Tensor B, Tensor Y>
void conv2d_forward(const X& x, const W& weight, const B& bias, const WindowOptions& options, std::size_t groups, Y&& y,
                    const LayerRun& run = {}) {
  using Real = detail::shared_real<const X, const W, const B, Y>;
  const auto xv = detail::dense_view(x, 4, "conv2d_forward: x");
  const auto wv = detail::dense_view(weight, 4, "conv2d_forward: weight");
  const WindowGeometry g = detail::conv2d_geometry(xv.extent, wv.extent, options, groups, "conv2d_forward: weight");
  const Real* b = detail::optional_vector_data(bias, g.out_c, "conv2d_forward: bias");
  const auto yv = detail::dense_view(y, 4, "conv2d_forward: y");
  detail::require_extents(yv.extent, g.output(), "conv2d_forward: y");
  detail::require_apart("conv2d_forward", yv, xv, wv, view(bias));
  detail::conv2d_forward<Real>(g, xv.data, wv.data, b, yv.data, run);
}

/// grad_x[ih, iw, i] += sum of grad_y[oh, ow, o] * weight[o, kh, kw, i] over all that conv2d_forward joins, or = where `mode`
/// says so.
template <Tensor G, Tensor W, Tensor GX>
void conv2d_backward_input(const G& grad_y, const W& weight, const WindowOptions& options, std::size_t groups, GX&& grad_x,
                           GradientMode mode = GradientMode::add) {
  using Real = detail::shared_real<const G, const W, GX>;
  const auto xv = detail::dense_view(grad_x, 4, "conv2d_backward_input: grad_x");
  const auto wv = detail::dense_view(weight, 4, "conv2d_backward_input: weight");
  const auto gv = detail::dense_view(grad_y, 4, "conv2d_backward_input: grad_y");
  const WindowGeometry g = detail::conv2d_geometry(xv.extent, wv.extent, options, groups, "conv2d_backward_input: weight");
  detail::require_extents(gv.extent, g.output(), "conv2d_backward_input: grad_y");
  detail::require_apart("conv2d_backward_input", xv, gv, wv);
  detail::conv2d_backward_input<Real>(g, gv.data, wv.data, xv.data, mode);
}

/// grad_weight[o, kh, kw, i] += sum of grad_y[oh, ow, o] * x[ih, iw, i] over all that conv2d_forward joins. The gradient of the
/// bias is bias_backward.
template <Tensor G, Tensor X, Tensor GW>
void conv2d_backward_weight(const G& grad_y, const X& x, const WindowOptions& options, std::size_t groups, GW&& grad_weight) {
  using Real = detail::shared_real<const G, const X, GW>;
  const auto xv = detail::dense_view(x, 4, "conv2d_backward_weight: x");
  const auto wv = detail::dense_view(grad_weight, 4, "conv2d_backward_weight: grad_weight");
  const auto gv = detail::dense_view(grad_y, 4, "conv2d_backward_weight: grad_y");
  const WindowGeometry g = detail::conv2d_geometry(xv.extent, wv.extent, options, groups, "conv2d_backward_weight: grad_weight");
  detail::require_extents(gv.extent, g.output(), "conv2d_backward_weight: grad_y");
  detail::require_apart("conv2d_backward_weight", wv, gv, xv);
  detail::conv2d_backward_weight<Real>(g, gv.data, xv.data, wv.data);
}

/// The three for a convolution of one group: each output channel reads all input channels.
template <Tensor X, Tensor W, Tensor B, Tensor Y>
void conv2d_forward(const X& x, const W& weight, const B& bias, const WindowOptions& options, Y&& y) {
  conv2d_forward(x, weight, bias, options, 1, y);
}
/// See above.
template <Tensor G, Tensor W, Tensor GX>
void conv2d_backward_input(const G& grad_y, const W& weight, const WindowOptions& options, GX&& grad_x,
                           GradientMode mode = GradientMode::add) {
  conv2d_backward_input(grad_y, weight, options, 1, grad_x, mode);
}
/// See above.
template <Tensor G, Tensor X, Tensor GW>
void conv2d_backward_weight(const G& grad_y, const X& x, const WindowOptions& options, GW&& grad_weight) {
  conv2d_backward_weight(grad_y, x, options, 1, grad_weight);
}

}  // namespace trimtab
