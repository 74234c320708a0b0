#pragma once
/// \file
/// What the float kernels are given. Leaf functions: plain structs in, no threads, no memory of their own.

#include <cstddef>

namespace trimtab::kernels {

/// c = start + a * b over one block of the depth. a is read in place, b in place or from packed panels of W columns, W the
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
///     y[p * y_step] = start + sum over taps of w[tap] * x[tap][p * x_step]
struct DepthwiseTask {
  const float* const* x;  ///< the first pixel's, one a tap
  const float* const* w;
  std::size_t taps, pixels, channels;
  std::ptrdiff_t x_step, y_step;
  float* y;
  bool add;            ///< start is y itself
  const float* start;  ///< otherwise one value a channel; null for zero
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

}  // namespace trimtab::kernels
