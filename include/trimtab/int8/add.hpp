#pragma once
/// \file
/// Residual addition of 8-bit codes.

#include <array>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/int8/code_map.hpp>

namespace trimtab::int8 {

/// steps[i] = float(a[i] - z_a) * m_a + float(b[i] - z_b) * m_b, m_a = s_a / s_y, m_b = s_b / s_y: the sum in steps of the
/// output's grid, before clamp and rounding. Two multiplications, each rounded to float32, then one addition; never an FMA,
/// since the products come out of tables of 256 numbers.
/// Throws shape_error when extents differ or a tensor is not dense row-major.
template <Tensor A, Tensor B, Tensor Y>
void add_steps(const A& a, const Affine<float>& grid_a, const B& b, const Affine<float>& grid_b, float scale_y, Y&& steps) {
  static_assert(std::is_same_v<value_t<Y>, float>, "trimtab: steps are float");
  const auto [count, from_a, from_b, to] = detail::same_extents(a, b, steps, "add_steps");
  const detail::CodeMap map_a(grid_a, scale_y), map_b(grid_b, scale_y);
  const auto* const pa = from_a;
  const auto* const pb = from_b;
  auto* const py = to;
  parallel_ranges(count, detail::map_grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) py[i] = map_a[pa[i]] + map_b[pb[i]];
  });
}

/// y[i] = z_y + round_half_even(clamp(steps[i], lo - z_y, hi - z_y)) with the steps of add_steps; lo and hi are grid_y.codes.
/// a, b and y may be of uint8 or int8 each. Throws as add_steps does, and value_error when the grid does not fit y's type.
template <Tensor A, Tensor B, Tensor Y>
void add(const A& a, const Affine<float>& grid_a, const B& b, const Affine<float>& grid_b, const Affine<float>& grid_y, Y&& y) {
  using Code = value_t<Y>;
  const auto [count, from_a, from_b, to] = detail::same_extents(a, b, y, "add");
  const StepsToCode to_code = detail::steps_to_code<Code>(grid_y, "add");
  const detail::CodeMap map_a(grid_a, grid_y.scale), map_b(grid_b, grid_y.scale);
  const auto* const pa = from_a;
  const auto* const pb = from_b;
  auto* const py = to;
  parallel_ranges(count, detail::map_grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) py[i] = static_cast<Code>(to_code(map_a[pa[i]] + map_b[pb[i]]));
  });
}

}  // namespace trimtab::int8
