#pragma once
/// \file
/// Pooling of 8-bit codes.

#include <algorithm>
#include <limits>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/conv_geometry.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/wide_loop.hpp>
#include <trimtab/int8/code_map.hpp>
#include <utility>
#include <vector>

namespace trimtab::int8 {
namespace detail {

/// What pooling takes, roughly: compilers make vectors of the channels.
inline LoopTime pool_time(const WindowGeometry& g) { return {element_count(g.output()) * g.kernel_h * g.kernel_w / 4}; }

/// Calls body(pixel, sums, count) for each output pixel: per channel the sum of the codes less zero_point over the window's
/// `count` pixels inside the picture.
template <class T, class Body>
void for_each_window_sum(const TensorView<const T>& x, std::int32_t zero_point, const WindowGeometry& g, const Body& body) {
  const WindowOptions& o = g.options;
  parallel_for(g.n * g.out_h, pool_time(g), [&](std::size_t row) {
    std::vector<std::int32_t> sum(g.c);
    const std::size_t n = row / g.out_h, oh = row % g.out_h;
    for (std::size_t ow = 0; ow < g.out_w; ++ow) {
      std::fill(sum.begin(), sum.end(), 0);
      std::int32_t count = 0;
      for (std::size_t kh = 0; kh < g.kernel_h; ++kh)
        for (std::size_t kw = 0; kw < g.kernel_w; ++kw) {
          const std::size_t ih = oh * o.stride_h + kh * o.dilation_h - o.padding.top;  // wraps outside the picture
          const std::size_t iw = ow * o.stride_w + kw * o.dilation_w - o.padding.left;
          if (ih >= g.h || iw >= g.w) continue;
          const T* pixel = x.data + ((n * g.h + ih) * g.w + iw) * g.c;
          for (std::size_t c = 0; c < g.c; ++c) sum[c] += pixel[c];
          ++count;
        }
      for (std::size_t c = 0; c < g.c; ++c) sum[c] -= count * zero_point;
      body(row * g.out_w + ow, sum.data(), count);
    }
  });
}

/// m = s_x / (s_y * count), in float32.
inline float mean_multiplier(float scale_x, float scale_y, std::int32_t count) {
  return scale_x / (scale_y * static_cast<float>(count));
}

template <Tensor X, Tensor Y>
auto pool_views(const X& x, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& window, Y& y, const char* what) {
  const auto xv = ::trimtab::detail::dense_view(x, 4, what);
  const auto yv = ::trimtab::detail::dense_view(y, 4, what);
  const WindowGeometry g = window_geometry(xv.extent, kernel_h, kernel_w, xv.extent[3], window, 1, what);
  ::trimtab::detail::require_extents(yv.extent, g.output(), what);
  ::trimtab::detail::require_apart(what, yv, xv);
  if (static_cast<std::int64_t>(kernel_h) * static_cast<std::int64_t>(kernel_w) > std::numeric_limits<std::int32_t>::max() / 255)
    throw value_error(::trimtab::detail::message(what, ": a window of ", kernel_h, " x ", kernel_w, " may leave the int32 sum"));
  return std::tuple(TensorView<const value_t<X>>(xv), yv, g);
}

/// Stores store(float(sum) * m) for every output element of an average pool.
template <Tensor X, Tensor Y, class Store>
void average_pool(const X& x, const Affine<float>& grid_x, std::size_t kernel_h, std::size_t kernel_w,
                  const WindowOptions& window, bool count_include_pad, float scale_y, Y& y, const Store& store,
                  const char* what) {
  const auto views = pool_views(x, kernel_h, kernel_w, window, y, what);
  const WindowGeometry& g = std::get<2>(views);
  auto* const out = std::get<1>(views).data;
  const auto all = static_cast<std::int32_t>(kernel_h * kernel_w);
  for_each_window_sum(std::get<0>(views), grid_x.zero_point, g,
                      [&](std::size_t pixel, const std::int32_t* sum, std::int32_t count) {
                        const float m = mean_multiplier(grid_x.scale, scale_y, count_include_pad || count == 0 ? all : count);
                        for (std::size_t c = 0; c < g.c; ++c) out[pixel * g.c + c] = store(static_cast<float>(sum[c]) * m);
                      });
}

}  // namespace detail

/// steps = float(sum of (x - z_x) over the window's pixels inside the picture) * m, m = s_x / (s_y * count) in float32: the
/// mean in steps of the output's grid, before clamp and rounding. `count` is KH * KW with count_include_pad, else the number of
/// pixels inside the picture. x is N H W C of uint8 or int8, steps N OH OW C. Throws shape_error when extents do not fit.
template <Tensor X, Tensor Y>
void average_pool_steps(const X& x, const Affine<float>& grid_x, std::size_t kernel_h, std::size_t kernel_w,
                        const WindowOptions& window, bool count_include_pad, float scale_y, Y&& steps) {
  static_assert(std::is_same_v<value_t<Y>, float>, "trimtab: steps are float");
  detail::average_pool(
      x, grid_x, kernel_h, kernel_w, window, count_include_pad, scale_y, steps, [](float v) { return v; }, "average_pool_steps");
}

/// y = z_y + round_half_even(clamp(steps, lo - z_y, hi - z_y)) with the steps of average_pool_steps; lo and hi are grid_y.codes.
/// Throws as average_pool_steps does, and value_error when the grid does not fit y's type.
template <Tensor X, Tensor Y>
void average_pool(const X& x, const Affine<float>& grid_x, std::size_t kernel_h, std::size_t kernel_w,
                  const WindowOptions& window, bool count_include_pad, const Affine<float>& grid_y, Y&& y) {
  using Code = value_t<Y>;
  const StepsToCode to_code = detail::steps_to_code<Code>(grid_y, "average_pool");
  detail::average_pool(
      x, grid_x, kernel_h, kernel_w, window, count_include_pad, grid_y.scale, y,
      [&](float v) { return static_cast<Code>(to_code(v)); }, "average_pool");
}

/// average_pool_steps over the whole picture: x is N H W C, steps N C (or N 1 1 C).
template <Tensor X, Tensor Y>
void global_average_pool_steps(const X& x, const Affine<float>& grid_x, float scale_y, Y&& steps) {
  const auto xv = ::trimtab::detail::dense_view(x, 4, "global_average_pool_steps");
  const auto yv = ::trimtab::detail::dense_view(steps, view(steps).rank() == 2 ? 2 : 4, "global_average_pool_steps");
  if (yv.rank() == 2) ::trimtab::detail::require_extents(yv.extent, {xv.extent[0], xv.extent[3]}, "global_average_pool_steps");
  const TensorView picture(yv.data, Extents{xv.extent[0], 1, 1, xv.extent[3]});
  if (yv.rank() == 4) ::trimtab::detail::require_extents(yv.extent, picture.extent, "global_average_pool_steps");
  average_pool_steps(xv, grid_x, xv.extent[1], xv.extent[2], {}, true, scale_y, picture);
}

/// average_pool over the whole picture: x is N H W C, y N C (or N 1 1 C).
template <Tensor X, Tensor Y>
void global_average_pool(const X& x, const Affine<float>& grid_x, const Affine<float>& grid_y, Y&& y) {
  const auto xv = ::trimtab::detail::dense_view(x, 4, "global_average_pool");
  const auto yv = ::trimtab::detail::dense_view(y, view(y).rank() == 2 ? 2 : 4, "global_average_pool");
  if (yv.rank() == 2) ::trimtab::detail::require_extents(yv.extent, {xv.extent[0], xv.extent[3]}, "global_average_pool");
  const TensorView picture(yv.data, Extents{xv.extent[0], 1, 1, xv.extent[3]});
  if (yv.rank() == 4) ::trimtab::detail::require_extents(yv.extent, picture.extent, "global_average_pool");
  average_pool(xv, grid_x, xv.extent[1], xv.extent[2], {}, true, grid_y, picture);
}

/// The mean of each window's codes on x's own grid, in integers, as TFLite's AVERAGE_POOL_2D: with n the number of pixels,
///   y = clamp(origin + round(sum of (x - origin) / n), codes), ties away from origin.
/// `origin` is the code that TFLite has as 0. n counts the pixels inside the picture; with count_include_pad those outside too,
/// which hold zero_point. x is N H W C of uint8 or int8, y N OH OW C of the same type. Throws shape_error when extents do not
/// fit.
template <Tensor X, Tensor Y>
void average_pool_fixed_point(const X& x, std::int32_t zero_point, std::int32_t origin, std::size_t kernel_h,
                              std::size_t kernel_w, const WindowOptions& window, bool count_include_pad, const CodeRange& codes,
                              Y&& y) {
  using Code = value_t<Y>;
  static_assert(std::is_same_v<value_t<const X>, Code>, "trimtab: average_pool_fixed_point keeps the type of the codes");
  const auto views = detail::pool_views(x, kernel_h, kernel_w, window, y, "average_pool_fixed_point");
  const WindowGeometry& g = std::get<2>(views);
  Code* const to = std::get<1>(views).data;
  const auto all = static_cast<std::int32_t>(kernel_h * kernel_w);
  detail::for_each_window_sum(
      std::get<0>(views), origin, g, [&](std::size_t pixel, const std::int32_t* sum, std::int32_t inside) {
        const std::int32_t outside = count_include_pad || inside == 0 ? all - inside : 0, n = inside + outside;
        for (std::size_t c = 0; c < g.c; ++c) {
          const std::int32_t total = sum[c] + outside * (zero_point - origin);
          const std::int32_t mean = (total > 0 ? total + n / 2 : total - n / 2) / n;
          to[pixel * g.c + c] = static_cast<Code>(std::clamp(origin + mean, codes.qmin, codes.qmax));
        }
      });
}

namespace detail {

/// best[i] = the larger of best[i] and x[i].
struct LargerCodes {
  template <class Code>
  TRIMTAB_LOOP void run(const Code* x, std::size_t count, Code* best) {
    TRIMTAB_NO_ALIAS
    for (std::size_t i = 0; i < count; ++i) best[i] = x[i] > best[i] ? x[i] : best[i];
  }
};

/// The largest of each window of one row of columns.
struct LargestColumns {
  template <class Code>
  TRIMTAB_LOOP void run(const Code* columns, const WindowGeometry* g, Code* best) {
    const std::size_t channels = g->c;
    for (std::size_t ow = 0; ow < g->out_w; ++ow, best += channels) {
      for (std::size_t c = 0; c < channels; ++c) best[c] = std::numeric_limits<Code>::lowest();
      for (std::size_t kw = 0; kw < g->kernel_w; ++kw) {
        const std::size_t iw = ow * g->options.stride_w + kw * g->options.dilation_w - g->options.padding.left;  // wraps outside
        if (iw < g->w) LargerCodes::run(columns + iw * channels, channels, best);
      }
    }
  }
};

}  // namespace detail

/// The largest code of each window's pixels inside the picture, on x's own grid; a window that lies in the padding altogether
/// gives the type's lowest code. x is N H W C of uint8 or int8, y N OH OW C of the same type. Columns first, then rows of their
/// largest, so that a window takes KH + KW steps.
template <Tensor X, Tensor Y>
void max_pool(const X& x, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& window, Y&& y) {
  using Code = value_t<Y>;
  using ::trimtab::detail::run_loop;
  static_assert(std::is_same_v<value_t<const X>, Code>, "trimtab: max_pool keeps the type of the codes");
  const auto views = detail::pool_views(x, kernel_h, kernel_w, window, y, "max_pool");
  const WindowGeometry& g = std::get<2>(views);
  const Code* const from = std::get<0>(views).data;
  Code* const to = std::get<1>(views).data;
  const WindowOptions& o = g.options;
  const std::size_t rows = g.n * g.out_h, width = g.w * g.c;
  const std::size_t work = (g.w * g.kernel_h + g.out_w * g.kernel_w) * g.c;  // of a row; 16 bytes a nanosecond and more
  parallel_ranges(rows, detail::map_grain * 16 / std::max<std::size_t>(work, 1) + 1, [&](std::size_t begin, std::size_t end) {
    std::vector<Code> columns(width);
    for (std::size_t row = begin; row < end; ++row) {
      const std::size_t n = row / g.out_h, oh = row % g.out_h;
      std::fill(columns.begin(), columns.end(), std::numeric_limits<Code>::lowest());
      for (std::size_t kh = 0; kh < g.kernel_h; ++kh) {
        const std::size_t ih = oh * o.stride_h + kh * o.dilation_h - o.padding.top;  // wraps outside the picture
        if (ih < g.h) run_loop<detail::LargerCodes>(from + (n * g.h + ih) * width, width, columns.data());
      }
      run_loop<detail::LargestColumns>(std::as_const(columns).data(), &g, to + row * g.out_w * g.c);
    }
  });
}

}  // namespace trimtab::int8
