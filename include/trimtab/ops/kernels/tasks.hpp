#pragma once
/// \file
/// What the kernels are given. Leaf functions: plain structs in, no threads, no memory of their own.

#include <cstddef>
#include <cstdint>
#include <trimtab/quant/clip.hpp>

namespace trimtab::kernels {

/// c = clip(start + a * b) over one block of the depth. a is read in place, b in place or from packed panels of W columns, W the
/// kernel's own (KernelTable::panel).
///     a element (m, k) at a[m * a_row + k * a_depth]
///     b element (k, n) at b[n / W * b_panel + k * b_depth + n % W]
struct GemmTask {
  const float* a;
  std::ptrdiff_t a_row, a_depth;
  const float* b;
  std::ptrdiff_t b_panel, b_depth;
  float* c;
  std::ptrdiff_t c_row;
  std::size_t rows, cols, depth;
  bool add;            ///< start is c itself
  const float* start;  ///< otherwise one value a column; null for zero
  Clip clip;           ///< no_clip, by which NaN stays, in all blocks but the last
};

/// to [lines / W][depth][W] from element (k, line) at from[k * depth_step + line]; whatever is beyond the last line is not read
/// later.
struct PackTask {
  const float* from;
  std::ptrdiff_t depth_step;
  std::size_t depth, lines;
  float* to;
};

/// A run of pixels that see the same taps: for pixel p < pixels and every channel
///     y[p * y_step] = clip(start + sum over taps of w[tap] * x[tap][p * x_step])
struct DepthwiseTask {
  const float* const* x;  ///< the first pixel's, one a tap
  const float* const* w;
  std::size_t taps, pixels, channels;
  std::ptrdiff_t x_step, y_step;
  float* y;
  bool add;            ///< start is y itself
  const float* start;  ///< otherwise one value a channel; null for zero
  Clip clip;           ///< by no_clip NaN stays
};

/// One row of kernel columns: for every tap t < taps and every channel
///     to[t * to_step] += sum over pixels p of grad[p * grad_step] * x[p * x_step + t * tap_step]
struct DepthwiseWeightTask {
  const float* grad;
  const float* x;
  float* to;
  std::size_t taps, pixels, channels;
  std::ptrdiff_t grad_step, x_step, tap_step, to_step;
};

/// Columns of a panel of packed 16-bit numbers.
inline constexpr std::size_t int16_panel = 16;
/// Two steps of the depth of one panel, side by side for each column, as vpmaddwd wants them.
struct alignas(64) Int16Step {
  std::int16_t column[int16_panel][2];
};

/// sum[m][n] = sum over k of a[m][k] * b[k][n] in int32, all partial sums of which fit, by the caller's choice of a and b. The
/// depth runs in pairs; where it is odd, the last of b is 0, and a may be anything there.
///     a element (m, k) at a[m * a_row + k]
///     b element (k, n) at b[n / 16 * pairs + k / 2].column[n % 16][k % 2]
struct Int16Product {
  const std::int16_t* a;
  std::ptrdiff_t a_row;
  const Int16Step* b;
  std::size_t rows, cols, pairs;
};

/// Rows of `cols` floats, side by side, to integers with a scale each: with v[m][n] = x[m * cols + n] * factor[n]
///     scale[m] = max over n of |v[m][n]| / limit,    to[m * cols + n] = round_half_even(v[m][n] * (limit / max over n of
///     |v[m][n]|))
/// A row whose largest magnitude is below 2^-100 becomes zeros, with scale 0; one that holds an infinity or NaN zeros with scale
/// NaN.
struct Int16RoundTask {
  const float* x;
  const float* factor;
  std::size_t rows, cols;
  float limit;  ///< a whole number, 1 to 32767
  std::int16_t* to;
  float* scale;
};

/// c[m * c_row + n] = scale[m] * float(sum[m][n]), or += where `add` says so.
struct Int16ScaledTask {
  Int16Product product;
  const float* scale;
  float* c;
  std::ptrdiff_t c_row;
  bool add;
};

/// to[n] += g[m * g_row + n] * float(sum[m][n]) for all rows m, one after the other.
struct Int16DotTask {
  Int16Product product;
  const float* g;
  std::ptrdiff_t g_row;
  float* to;
};

}  // namespace trimtab::kernels
