#pragma once
/// \file
/// Softmax of 8-bit codes by a table of exponentials.

#include <algorithm>
#include <array>
#include <cmath>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/int8/steps_input.hpp>
#include <trimtab/ops/softmax.hpp>

namespace trimtab::int8 {

/// table[d] = exp(-d * scale) for the differences d of two codes, in float32.
using SoftmaxTable = std::array<float, 256>;

/// The table of codes with a scale, exp(-double(d) * double(scale)) rounded to float32. C libraries' exp may differ in the last
/// bit: make the table once, and let it travel with the network. Throws value_error unless the scale is positive.
inline SoftmaxTable softmax_table(float scale) {
  if (!(scale > 0) || !std::isfinite(scale))
    throw value_error(::trimtab::detail::message("softmax_table: expected a positive scale, got ", scale));
  SoftmaxTable table;
  for (std::size_t d = 0; d < table.size(); ++d)
    table[d] = static_cast<float>(std::exp(-static_cast<double>(d) * static_cast<double>(scale)));
  return table;
}

namespace detail {

/// Throws value_error, naming `what`, unless table[0] is 1 and the table does not rise or leave [0, 1].
inline void require_exponentials(const SoftmaxTable& table, const char* what) {
  for (std::size_t d = 0; d < table.size(); ++d)
    if (!(d == 0 ? table[d] == 1 : table[d] >= 0 && table[d] <= table[d - 1]))
      throw value_error(::trimtab::detail::message(what, ": entry ", d, " of the table is ", table[d], ", no exponential"));
}

}  // namespace detail

/// steps[k] = table[q - x[k]] / (sum * s_y), with q the largest code along `axis` and sum = table[q - x[0]] + table[q - x[1]] +
/// .., in float32 in that order: softmax in steps of the output's grid, before clamp and rounding. x of uint8, steps of the same
/// extents. Throws shape_error when extents do not fit, value_error unless s_y is positive, table[0] is 1 and the table does not
/// rise or leave [0, 1].
template <Tensor X, Tensor Y>
void softmax_steps(const X& x, std::size_t axis, const SoftmaxTable& table, float scale_y, Y&& steps) {
  const auto xv = detail::steps_input(x, Affine<float>{}, "softmax_steps");
  const auto yv = detail::steps_output(steps, scale_y, "softmax_steps");
  ::trimtab::detail::require_extents(yv.extent, xv.extent, "softmax_steps");
  ::trimtab::detail::require_apart("softmax_steps", yv, xv);
  const ::trimtab::detail::AxisLines lines(xv.extent, axis, "softmax_steps");
  detail::require_exponentials(table, "softmax_steps");
  if (xv.size() == 0) return;
  lines.for_each([&](std::size_t first, std::size_t) {
    const std::uint8_t* const from = xv.data + first;
    float* const to = yv.data + first;
    const std::uint8_t largest = ::trimtab::detail::line_maximum(from, lines);
    float sum = 0;
    for (std::size_t k = 0; k < lines.length; ++k) sum += table[static_cast<std::size_t>(largest - from[k * lines.inner])];
    const float divisor = sum * scale_y;
    for (std::size_t k = 0; k < lines.length; ++k)
      to[k * lines.inner] = table[static_cast<std::size_t>(largest - from[k * lines.inner])] / divisor;
  });
}

/// y[k] = z_y + round(table[q - x[k]] * (1 / (sum * s_y))), clamped to y's codes, ties away from zero: TFLite's SOFTMAX of codes,
/// which is in float32. q and sum as in softmax_steps, and it throws as that does.
template <Tensor X, Tensor Y>
void softmax_fixed_point(const X& x, std::size_t axis, const SoftmaxTable& table, const Affine<float>& grid_y, Y&& y) {
  const auto xv = detail::steps_input(x, Affine<float>{}, "softmax_fixed_point");
  const auto yv = detail::codes_output(y, grid_y, "softmax_fixed_point: y");
  ::trimtab::detail::require_extents(yv.extent, xv.extent, "softmax_fixed_point");
  ::trimtab::detail::require_apart("softmax_fixed_point", yv, xv);
  detail::require_exponentials(table, "softmax_fixed_point");
  const ::trimtab::detail::AxisLines lines(xv.extent, axis, "softmax_fixed_point");
  if (xv.size() == 0) return;
  lines.for_each([&](std::size_t first, std::size_t) {
    const std::uint8_t* const from = xv.data + first;
    const std::uint8_t largest = ::trimtab::detail::line_maximum(from, lines);
    float sum = 0;
    for (std::size_t k = 0; k < lines.length; ++k) sum += table[static_cast<std::size_t>(largest - from[k * lines.inner])];
    const float inverse = 1 / (sum * grid_y.scale);
    for (std::size_t k = 0; k < lines.length; ++k) {
      const float step = std::round(table[static_cast<std::size_t>(largest - from[k * lines.inner])] * inverse);
      const auto code = static_cast<std::int32_t>(std::min(step, 512.0F)) + grid_y.zero_point;
      yv.data[first + k * lines.inner] = static_cast<std::uint8_t>(std::clamp(code, grid_y.codes.qmin, grid_y.codes.qmax));
    }
  });
}

}  // namespace trimtab::int8
