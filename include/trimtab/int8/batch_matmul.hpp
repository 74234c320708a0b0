#pragma once
/// \file
/// Matrix products of two tensors of codes, over leading axes that are broadcast.

#include <algorithm>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/int8/steps_input.hpp>
#include <trimtab/ops/batch_matmul_shape.hpp>
#include <vector>

namespace trimtab::int8 {
namespace detail {

/// Codes less their zero point, a line of `depth` for each of `lines`; a code is at line * line_step + k * depth_step.
inline std::vector<std::int16_t> shifted_lines(const std::uint8_t* q, std::size_t lines, std::size_t line_step, std::size_t depth,
                                               std::size_t depth_step, std::int32_t zero_point) {
  std::vector<std::int16_t> shifted(lines * depth);
  for (std::size_t l = 0; l < lines; ++l)
    for (std::size_t k = 0; k < depth; ++k)
      shifted[l * depth + k] = static_cast<std::int16_t>(q[l * line_step + k * depth_step] - zero_point);
  return shifted;
}

/// Products of up to 255 * 255 that int32 holds the sum of.
inline constexpr std::size_t dot_depth = 33025;

/// steps[j] = float(sum over k of a[k] * b[j * depth + k]) * m for `cols` columns, the sum exact.
struct ShiftedDots {
  TRIMTAB_LOOP void run(const std::int16_t* a, const std::int16_t* b, std::size_t cols, std::size_t depth, float m,
                        float* steps) {
    for (std::size_t j = 0; j < cols; ++j) {
      std::int64_t sum = 0;
      for (std::size_t k0 = 0; k0 < depth; k0 += dot_depth) {
        const std::size_t k1 = std::min(depth, k0 + dot_depth);
        std::int32_t part = 0;
        for (std::size_t k = k0; k < k1; ++k) part += a[k] * b[j * depth + k];
        sum += part;
      }
      steps[j] = static_cast<float>(sum) * m;
    }
  }
};

}  // namespace detail

/// steps[.., i, j] = float(sum over k of (a[.., i, k] - z_a) * (b[.., k, j] - z_b)) * m, m = (s_a * s_b) / s_y in float32, before
/// clamp and rounding; the sum is exact at any depth, 0 at depth 0. Transposes and leading axes as in batch_matmul_forward. a and
/// b of uint8. Throws shape_error when extents do not fit, value_error unless scales are positive and zero points codes of uint8.
template <Tensor A, Tensor B, Tensor Y>
void batch_matmul_steps(const A& a, const Affine<float>& grid_a, const B& b, const Affine<float>& grid_b,
                        MatmulTransposes transpose, float scale_y, Y&& steps) {
  const auto av = detail::steps_input(a, grid_a, "batch_matmul_steps: a");
  const auto bv = detail::steps_input(b, grid_b, "batch_matmul_steps: b");
  const auto yv = detail::steps_output(steps, scale_y, "batch_matmul_steps");
  const ::trimtab::detail::BatchMatmulShape s(av.extent, bv.extent, transpose, "batch_matmul_steps");
  ::trimtab::detail::require_extents(yv.extent, s.output(), "batch_matmul_steps");
  ::trimtab::detail::require_apart("batch_matmul_steps", yv, av, bv);
  if (yv.size() == 0) return;
  const float m = grid_a.scale * grid_b.scale / scale_y;
  const auto walk = s.walk();
  ::trimtab::detail::for_each_product(s.matrices(), s.m * s.n * s.k, [&](std::size_t i) {
    walk.for_each_run(i, i + 1, [&](const auto& from, std::size_t, std::size_t) {
      const auto rows =
          detail::shifted_lines(av.data + from[0], s.m, transpose.a ? 1 : s.k, s.k, transpose.a ? s.m : 1, grid_a.zero_point);
      const auto cols =
          detail::shifted_lines(bv.data + from[1], s.n, transpose.b ? s.k : 1, s.k, transpose.b ? 1 : s.n, grid_b.zero_point);
      parallel_ranges(s.m, ::trimtab::detail::strided_grain / std::max<std::size_t>(1, s.n * s.k) + 1,
                      [&](std::size_t begin, std::size_t end) {
                        for (std::size_t row = begin; row < end; ++row)
                          ::trimtab::detail::run_loop<detail::ShiftedDots>(rows.data() + row * s.k, cols.data(), s.n, s.k, m,
                                                                           yv.data + (i * s.m + row) * s.n);
                      });
    });
  });
}

}  // namespace trimtab::int8
