#pragma once
/// \file
/// Average, maximum and global average pooling and their gradients, vectorised over the channels.

#include <cstddef>
#include <cstdint>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/conv_geometry.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/window_taps.hpp>
#include <vector>

namespace trimtab {

/// For each output of max_pool_forward the pixel of its maximum, ih * W + iw within its picture.
struct MaxPoolCache {
  std::vector<std::uint32_t> pixel;  ///< of each output element: its pixel in the picture
};

namespace detail {

/// Geometry and taps of a pooling layer over x of extents N H W C. Throws shape_error when a window may lie in the padding as a
/// whole.
struct PoolWindows {
  WindowGeometry g;
  WindowTaps taps;

  PoolWindows(const Extents& x, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& options, const char* what)
      : g(window_geometry(x, kernel_h, kernel_w, x[3], options, 1, what)), taps(WindowTaps::of_outputs(g)) {
    for (const AxisTaps* axis : {&taps.rows, &taps.cols})
      for (std::size_t out = 0; out < axis->size(); ++out)
        if ((*axis)[out].empty())
          throw shape_error(message(what, ": window ", out, " of kernel ", kernel_h, " x ", kernel_w, " over extents ", x,
                                    " lies in the padding as a whole"));
  }

  /// 1 / what an average divides by.
  template <class Real>
  Real weight(std::size_t oh, std::size_t ow, bool count_include_pad) const {
    return Real(1) / static_cast<Real>(count_include_pad ? g.kernel_h * g.kernel_w : taps.rows[oh].size() * taps.cols[ow].size());
  }
};

/// Calls body(n, row, col) for each pixel of n pictures of rows x cols, rows on several threads.
template <class Body>
void for_each_pixel(std::size_t n, std::size_t rows, std::size_t cols, std::size_t work_per_pixel, const Body& body) {
  const std::size_t grain = (std::size_t{1} << 16) / std::max<std::size_t>(1, cols * work_per_pixel) + 1;
  parallel_ranges(n * rows, grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t r = begin; r < end; ++r)
      for (std::size_t col = 0; col < cols; ++col) body(r / rows, r % rows, col);
  });
}

template <class Real>
void average_pool_forward(const PoolWindows& p, bool count_include_pad, const Real* x, Real* y) {
  const WindowGeometry& g = p.g;
  for_each_pixel(g.n, g.out_h, g.out_w, g.c * g.kernel_h * g.kernel_w, [&](std::size_t n, std::size_t oh, std::size_t ow) {
    Real* to = y + ((n * g.out_h + oh) * g.out_w + ow) * g.c;
    std::fill_n(to, g.c, Real(0));
    for (const Tap& row : p.taps.rows[oh])
      for (const Tap& col : p.taps.cols[ow]) {
        const Real* from = x + ((n * g.h + row.from) * g.w + col.from) * g.c;
        for (std::size_t c = 0; c < g.c; ++c) to[c] += from[c];
      }
    const Real weight = p.weight<Real>(oh, ow, count_include_pad);
    for (std::size_t c = 0; c < g.c; ++c) to[c] *= weight;
  });
}

template <class Real>
void average_pool_backward(const PoolWindows& p, bool count_include_pad, const Real* grad_y, Real* grad_x) {
  const WindowGeometry& g = p.g;
  const WindowTaps seen_by = WindowTaps::of_inputs(g);
  for_each_pixel(g.n, g.h, g.w, g.c * g.kernel_h * g.kernel_w, [&](std::size_t n, std::size_t ih, std::size_t iw) {
    Real* to = grad_x + ((n * g.h + ih) * g.w + iw) * g.c;
    for (const Tap& row : seen_by.rows[ih])
      for (const Tap& col : seen_by.cols[iw]) {
        const Real* from = grad_y + ((n * g.out_h + row.from) * g.out_w + col.from) * g.c;
        const Real weight = p.weight<Real>(row.from, col.from, count_include_pad);
        for (std::size_t c = 0; c < g.c; ++c) to[c] += from[c] * weight;
      }
  });
}

/// `pixels` may be null.
template <class Real>
void max_pool_forward(const PoolWindows& p, const Real* x, Real* y, std::uint32_t* pixels) {
  const WindowGeometry& g = p.g;
  for_each_pixel(g.n, g.out_h, g.out_w, g.c * g.kernel_h * g.kernel_w, [&](std::size_t n, std::size_t oh, std::size_t ow) {
    const std::size_t out = ((n * g.out_h + oh) * g.out_w + ow) * g.c;
    Real* to = y + out;
    bool first = true;
    for (const Tap& row : p.taps.rows[oh])
      for (const Tap& col : p.taps.cols[ow]) {
        const std::size_t pixel = row.from * g.w + col.from;
        const Real* from = x + (n * g.h * g.w + pixel) * g.c;
        for (std::size_t c = 0; c < g.c; ++c) {
          const bool larger = first || from[c] > to[c];
          to[c] = larger ? from[c] : to[c];
          if (pixels && larger) pixels[out + c] = static_cast<std::uint32_t>(pixel);
        }
        first = false;
      }
  });
}

template <class Real>
void max_pool_backward(const WindowGeometry& g, const Real* grad_y, const std::uint32_t* pixels, Real* grad_x) {
  const WindowTaps seen_by = WindowTaps::of_inputs(g);
  for_each_pixel(g.n, g.h, g.w, g.c * g.kernel_h * g.kernel_w, [&](std::size_t n, std::size_t ih, std::size_t iw) {
    Real* to = grad_x + ((n * g.h + ih) * g.w + iw) * g.c;
    for (const Tap& row : seen_by.rows[ih])
      for (const Tap& col : seen_by.cols[iw]) {
        const std::size_t out = ((n * g.out_h + row.from) * g.out_w + col.from) * g.c;
        for (std::size_t c = 0; c < g.c; ++c) to[c] += pixels[out + c] == ih * g.w + iw ? grad_y[out + c] : Real(0);
      }
  });
}

/// Throws shape_error, naming `what`, unless the tensor is dense with extents N C or N 1 1 C.
template <class T>
void require_pooled(const TensorView<T>& y, std::size_t n, std::size_t c, const char* what) {
  if (!is_row_major(y)) throw shape_error(message(what, ": expected a dense row-major tensor, got strides ", y.stride));
  if (y.extent != Extents{n, c} && y.extent != Extents{n, 1, 1, c})
    throw shape_error(message(what, ": expected extents ", Extents{n, 1, 1, c}, " or ", Extents{n, c}, ", got ", y.extent));
}

}  // namespace detail

/// y[n, oh, ow, c] = mean of x over the window; padding counts as zeros with count_include_pad, and not at all without. x N H W
/// C, y N OH OW C. Throws shape_error when extents do not fit or a window lies in the padding as a whole.
template <Tensor X, Tensor Y>
void average_pool_forward(const X& x, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& options,
                          bool count_include_pad, Y&& y) {
  using Real = detail::shared_real<const X, Y>;
  const auto xv = detail::dense_view(x, 4, "average_pool_forward: x");
  const auto yv = detail::dense_view(y, 4, "average_pool_forward: y");
  const detail::PoolWindows p(xv.extent, kernel_h, kernel_w, options, "average_pool_forward: x");
  detail::require_extents(yv.extent, p.g.output(), "average_pool_forward: y");
  detail::require_apart("average_pool_forward", yv, xv);
  detail::average_pool_forward<Real>(p, count_include_pad, xv.data, yv.data);
}

/// grad_x += grad_y / (what its average divided by), over all windows that a pixel is in.
template <Tensor G, Tensor GX>
void average_pool_backward(const G& grad_y, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& options,
                           bool count_include_pad, GX&& grad_x) {
  using Real = detail::shared_real<const G, GX>;
  const auto xv = detail::dense_view(grad_x, 4, "average_pool_backward: grad_x");
  const auto gv = detail::dense_view(grad_y, 4, "average_pool_backward: grad_y");
  const detail::PoolWindows p(xv.extent, kernel_h, kernel_w, options, "average_pool_backward: grad_x");
  detail::require_extents(gv.extent, p.g.output(), "average_pool_backward: grad_y");
  detail::require_apart("average_pool_backward", xv, gv);
  detail::average_pool_backward<Real>(p, count_include_pad, gv.data, xv.data);
}

/// y[n, oh, ow, c] = maximum of x over the window, padding left out; of equal ones the first, by rows. A NaN counts only as the
/// first of its window. Shapes and errors as in average_pool_forward.
template <Tensor X, Tensor Y>
void max_pool_forward(const X& x, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& options, Y&& y) {
  using Real = detail::shared_real<const X, Y>;
  const auto xv = detail::dense_view(x, 4, "max_pool_forward: x");
  const auto yv = detail::dense_view(y, 4, "max_pool_forward: y");
  const detail::PoolWindows p(xv.extent, kernel_h, kernel_w, options, "max_pool_forward: x");
  detail::require_extents(yv.extent, p.g.output(), "max_pool_forward: y");
  detail::require_apart("max_pool_forward", yv, xv);
  detail::max_pool_forward<Real>(p, xv.data, yv.data, nullptr);
}

/// The same, and keeps where each maximum was.
template <Tensor X, Tensor Y>
void max_pool_forward(const X& x, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& options, Y&& y,
                      MaxPoolCache& cache) {
  using Real = detail::shared_real<const X, Y>;
  const auto xv = detail::dense_view(x, 4, "max_pool_forward: x");
  const auto yv = detail::dense_view(y, 4, "max_pool_forward: y");
  const detail::PoolWindows p(xv.extent, kernel_h, kernel_w, options, "max_pool_forward: x");
  detail::require_extents(yv.extent, p.g.output(), "max_pool_forward: y");
  detail::require_apart("max_pool_forward", yv, xv);
  if (p.g.h * p.g.w > std::size_t{UINT32_MAX})
    throw shape_error(detail::message("max_pool_forward: x: the cache holds no pictures of ", p.g.h, " x ", p.g.w));
  cache.pixel.resize(yv.size());
  detail::max_pool_forward<Real>(p, xv.data, yv.data, cache.pixel.data());
}

/// grad_x += grad_y at the pixel that was the maximum.
template <Tensor G, Tensor GX>
void max_pool_backward(const G& grad_y, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& options,
                       const MaxPoolCache& cache, GX&& grad_x) {
  using Real = detail::shared_real<const G, GX>;
  const auto xv = detail::dense_view(grad_x, 4, "max_pool_backward: grad_x");
  const auto gv = detail::dense_view(grad_y, 4, "max_pool_backward: grad_y");
  const detail::PoolWindows p(xv.extent, kernel_h, kernel_w, options, "max_pool_backward: grad_x");
  detail::require_extents(gv.extent, p.g.output(), "max_pool_backward: grad_y");
  if (cache.pixel.size() != gv.size())
    throw shape_error(detail::message("max_pool_backward: a cache of ", cache.pixel.size(), " maxima for extents ", gv.extent));
  detail::require_apart("max_pool_backward", xv, gv);
  detail::max_pool_backward<Real>(p.g, gv.data, cache.pixel.data(), xv.data);
}

/// y[n, c] = mean of x[n, h, w, c] over h and w. x N H W C, y N C or N 1 1 C. Throws shape_error when extents do not fit or a
/// picture has no pixels.
template <Tensor X, Tensor Y>
void global_average_pool_forward(const X& x, Y&& y) {
  using Real = detail::shared_real<const X, Y>;
  const auto xv = detail::dense_view(x, 4, "global_average_pool_forward: x");
  const auto yv = view(y);
  detail::require_pooled(yv, xv.extent[0], xv.extent[3], "global_average_pool_forward: y");
  detail::require_apart("global_average_pool_forward", yv, xv);
  const std::size_t pixels = xv.extent[1] * xv.extent[2], channels = xv.extent[3];
  if (pixels == 0) throw shape_error(detail::message("global_average_pool_forward: x: no pixels in extents ", xv.extent));
  detail::for_each_pixel(xv.extent[0], 1, 1, pixels * channels, [&](std::size_t n, std::size_t, std::size_t) {
    Real* to = yv.data + n * channels;
    std::fill_n(to, channels, Real(0));
    for (std::size_t p = 0; p < pixels; ++p)
      for (std::size_t c = 0; c < channels; ++c) to[c] += xv.data[(n * pixels + p) * channels + c];
    for (std::size_t c = 0; c < channels; ++c) to[c] /= static_cast<Real>(pixels);
  });
}

/// grad_x[n, h, w, c] += grad_y[n, c] / (H * W).
template <Tensor G, Tensor GX>
void global_average_pool_backward(const G& grad_y, GX&& grad_x) {
  using Real = detail::shared_real<const G, GX>;
  const auto xv = detail::dense_view(grad_x, 4, "global_average_pool_backward: grad_x");
  const auto gv = view(grad_y);
  detail::require_pooled(gv, xv.extent[0], xv.extent[3], "global_average_pool_backward: grad_y");
  detail::require_apart("global_average_pool_backward", xv, gv);
  const std::size_t pixels = xv.extent[1] * xv.extent[2], channels = xv.extent[3];
  detail::for_each_pixel(xv.extent[0], 1, pixels, channels, [&](std::size_t n, std::size_t, std::size_t p) {
    for (std::size_t c = 0; c < channels; ++c)
      xv.data[(n * pixels + p) * channels + c] += gv.data[n * channels + c] / static_cast<Real>(pixels);
  });
}

}  // namespace trimtab
