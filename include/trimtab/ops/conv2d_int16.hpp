#pragma once
/// \file
/// Gradients of convolutions and linear layers whose inputs and weights lie on grids, as products of 16-bit integers. All sums
/// are exact, so that nothing is lost but by the rounding of the incoming gradient, to 32767 steps of a pixel's largest or as
/// many as keep sums in 32 bits, and by the last multiplication with a scale.

#include <algorithm>
#include <cstdint>
#include <span>
#include <trimtab/core/conv_geometry.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/wide_loop.hpp>
#include <trimtab/ops/conv2d.hpp>
#include <trimtab/ops/matmul_int16.hpp>
#include <vector>

namespace trimtab {

/// A linear layer as a convolution of one pixel. x N I, y N O.
inline WindowGeometry linear_geometry(std::size_t n, std::size_t in, std::size_t out) {
  return {n, 1, 1, in, 1, 1, out, 1, 1, {}, 1};
}

namespace detail {

/// Windows a piece of work: their 16-bit numbers, `size` a window, take 128 KB at most where that is not too few for the kernels.
inline std::size_t int16_windows(std::size_t size) {
  return std::clamp<std::size_t>((std::size_t{1} << 16) / std::max<std::size_t>(1, size), 48, 240) / 6 * 6;
}

struct CodesToInt16 {
  TRIMTAB_LOOP void run(const std::uint8_t* codes, std::size_t count, std::int32_t zero_point, std::int16_t* to) {
    TRIMTAB_NO_ALIAS
    for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<std::int16_t>(codes[i] - zero_point);
  }
};

/// The windows [m0, m1) as rows of code - zero_point, 0 in the padding, and one number more, in the thread's scratch.
inline const std::int16_t* unroll_int16(const WindowGeometry& g, std::size_t m0, std::size_t m1, const std::uint8_t* x,
                                        std::int32_t zero_point) {
  const std::size_t size = window_size(g), count = (m1 - m0) * size;
  std::int16_t* to = ThreadScratch<std::int16_t>::of(ScratchUse::unrolled, count + 1);
  to[count] = 0;
  if (is_pointwise(g)) {
    run_loop<CodesToInt16>(x + m0 * size, count, zero_point, to);
    return to;
  }
  for_each_stretch(
      g, 0, m0, m1, 0, g.h,
      [=](std::size_t row, std::size_t from, std::size_t n) { CodesToInt16::run(x + from, n, zero_point, to + row); },
      [=](std::size_t row, std::size_t n) { std::fill_n(to + row, n, std::int16_t(0)); });
  return to;
}

}  // namespace detail

/// conv2d_backward_input of a convolution of one group with weight[o][k] = scale[o] * codes(o, k), k running over the window:
///     grad_x[k of window m] += row_scale[m] * sum over o of g[m][o] * codes(o, k),    or = where `mode` says so,
/// where g[m] * row_scale[m] is grad_y[m] * scale rounded to codes.limit() steps of its largest (kernels::Int16RoundTask, which
/// also tells what comes of infinities and NaN). codes: depth O, a column for each k. The same bits on any number of threads.
inline void conv2d_backward_input_int16(const WindowGeometry& g, const float* grad_y, const Int16Columns& codes,
                                        std::span<const float> scale, float* grad_x, GradientMode mode) {
  const kernels::Int16Table& table = kernels::int16_table(active_isa());
  const std::size_t windows = g.n * g.out_h * g.out_w, size = detail::window_size(g), most = detail::int16_windows(g.out_c);
  const auto gradients = [&](std::size_t m0, std::size_t m1, float* to, bool add) {
    for (std::size_t begin = m0; begin < m1; begin += most) {
      const std::size_t rows = std::min(most, m1 - begin);
      std::int16_t* rounded = detail::ThreadScratch<std::int16_t>::of(detail::ScratchUse::packed, rows * g.out_c + 1);
      float* row_scale = detail::ThreadScratch<float>::of(detail::ScratchUse::partial, rows);
      rounded[rows * g.out_c] = 0;
      table.round({grad_y + begin * g.out_c, scale.data(), rows, g.out_c, static_cast<float>(codes.limit()), rounded, row_scale});
      table.scaled(
          {codes.product(rounded, rows, g.out_c), row_scale, to + (begin - m0) * size, static_cast<std::ptrdiff_t>(size), add});
    }
  };
  if (detail::is_pointwise(g))
    parallel_ranges(windows, most,
                    [&](std::size_t m0, std::size_t m1) { gradients(m0, m1, grad_x + m0 * size, mode == GradientMode::add); });
  else
    detail::conv2d_backward_input_bands(g, mode, grad_x, [&](std::size_t, std::size_t m0, std::size_t m1, float* unrolled) {
      gradients(m0, m1, unrolled, false);
    });
}

/// sums[o] += sum over all windows m of grad_y[m][o] * conv(m, o),    conv(m, o) = sum over k of (x[k of window m] - zero_point)
/// * r(k, o) the first sum in float over some hundred windows and in double over these, the second exact. With r the derivative
/// of the weights by something, sums is the loss's derivative by it, and no gradient of single weights is ever made. r: a column
/// for each o, of limit() 255 or more. The same bits on any number of threads.
inline void conv2d_backward_derivative_int16(const WindowGeometry& g, const float* grad_y, const std::uint8_t* x,
                                             std::int32_t zero_point, const Int16Columns& r, std::span<double> sums) {
  const kernels::Int16Table& table = kernels::int16_table(active_isa());
  const std::size_t windows = g.n * g.out_h * g.out_w, size = detail::window_size(g), most = detail::int16_windows(size);
  std::vector<float> partial((windows + most - 1) / most * g.out_c);
  parallel_ranges(windows, most, [&](std::size_t m0, std::size_t m1) {
    const std::int16_t* codes = detail::unroll_int16(g, m0, m1, x, zero_point);
    table.dot({r.product(codes, m1 - m0, size), grad_y + m0 * g.out_c, static_cast<std::ptrdiff_t>(g.out_c),
               partial.data() + m0 / most * g.out_c});
  });
  for (std::size_t i = 0; i < partial.size(); ++i) sums[i % g.out_c] += double(partial[i]);
}

}  // namespace trimtab
