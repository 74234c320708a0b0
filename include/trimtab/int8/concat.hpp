#pragma once
/// \file
/// Concatenation of 8-bit codes along the channels, each input brought onto the output's grid.

#include <array>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/int8/code_map.hpp>
#include <trimtab/int8/look_up.hpp>
#include <trimtab/quant/fixed_point.hpp>

namespace trimtab::int8 {

/// One input of concat: codes T of any rank, and the grid they lie on.
template <class T>
struct ConcatInput {
  TensorView<const T> codes;  ///< of one input
  Affine<float> grid;         ///< what they stand for
};

namespace detail {

/// The inputs' codes side by side, each through a table by byte: value_of(grid) gives the function from an input's code to an
/// element of y.
template <class T, Tensor Y, class ValueOf>
void concat(std::span<const ConcatInput<T>> inputs, Y& y, const ValueOf& value_of, const char* what) {
  using Value = value_t<Y>;
  using ::trimtab::detail::message;
  const auto yv = ::trimtab::detail::dense_view(y, view(y).rank(), what);
  if (yv.rank() == 0) throw shape_error(message(what, ": expected rank 1 or more"));
  std::size_t channels = 0;
  for (const ConcatInput<T>& in : inputs) {
    Extents expected = yv.extent;
    const auto v = ::trimtab::detail::dense_view(in.codes, yv.rank(), what);
    expected[expected.size() - 1] = v.extent.back();
    ::trimtab::detail::require_extents(v.extent, expected, what);
    ::trimtab::detail::require_apart(what, yv, v);
    channels += v.extent.back();
  }
  if (channels != yv.extent.back())
    throw shape_error(message(what, ": inputs have ", channels, " channels, the output has ", yv.extent.back()));
  if (yv.size() == 0) return;

  const std::size_t pixels = yv.size() / channels;
  std::size_t begin = 0;
  for (const ConcatInput<T>& in : inputs) {
    const std::size_t width = in.codes.extent.back();
    const auto to_value = value_of(in.grid);
    std::array<Value, 256> value;  // by byte
    for (std::size_t byte = 0; byte < 256; ++byte) value[byte] = static_cast<Value>(to_value(static_cast<T>(byte)));
    if constexpr (sizeof(Value) == 1) {
      std::array<std::uint8_t, 256> bytes;
      for (std::size_t byte = 0; byte < 256; ++byte) bytes[byte] = static_cast<std::uint8_t>(value[byte]);
      look_up_rows(bytes, reinterpret_cast<const std::uint8_t*>(in.codes.data), pixels, width,
                   reinterpret_cast<std::uint8_t*>(yv.data) + begin, channels);
    } else {
      parallel_ranges(pixels, map_grain / channels + 1, [&](std::size_t first, std::size_t last) {
        for (std::size_t p = first; p < last; ++p)
          for (std::size_t c = 0; c < width; ++c)
            yv.data[p * channels + begin + c] = value[static_cast<std::uint8_t>(in.codes.data[p * width + c])];
      });
    }
    begin += width;
  }
}

/// steps(q) = float(q - z) * m, m = s / s_y: an input's code in steps of the output's grid.
inline auto concat_step(const Affine<float>& grid, float scale_y) {
  return
      [zero_point = grid.zero_point, m = grid.scale / scale_y](std::int32_t q) { return static_cast<float>(q - zero_point) * m; };
}

}  // namespace detail

/// steps[.., c] = float(q - z) * m, m = s / s_y, of the inputs' codes q side by side along the last axis: what concat rounds.
/// Throws shape_error as concat does.
template <class T, Tensor Y>
void concat_steps(std::span<const ConcatInput<T>> inputs, float scale_y, Y&& steps) {
  static_assert(std::is_same_v<value_t<Y>, float>, "trimtab: steps are float");
  detail::concat(
      inputs, steps, [&](const Affine<float>& grid) { return detail::concat_step(grid, scale_y); }, "concat_steps");
}

/// y[.., c] = z_y + round_half_even(clamp(float(q - z) * m, lo - z_y, hi - z_y)), m = s / s_y, of the inputs' codes q side by
/// side along the last axis. Where an input's grid is the output's, its codes are copied unless y clamps them.
/// Throws shape_error when other axes differ or the channels do not add up, value_error when the grid does not fit y's type.
template <class T, Tensor Y>
void concat(std::span<const ConcatInput<T>> inputs, const Affine<float>& grid_y, Y&& y) {
  const StepsToCode to_code = detail::steps_to_code<value_t<Y>>(grid_y, "concat");
  const auto code_of = [&](const Affine<float>& grid) {
    return [=, step = detail::concat_step(grid, grid_y.scale)](std::int32_t q) { return to_code(step(q)); };
  };
  detail::concat(inputs, y, code_of, "concat");
}

/// The same in integers, as TFLite's QUANTIZE followed by CONCATENATION: y[.., c] = clamp(z_y + multiply_twice(q - z, m), lo,
/// hi), m = s / s_y in fixed point. Throws as concat does.
template <class T, Tensor Y>
void concat_fixed_point(std::span<const ConcatInput<T>> inputs, const Affine<float>& grid_y, Y&& y) {
  detail::steps_to_code<value_t<Y>>(grid_y, "concat_fixed_point");  // checks the grid
  const auto code_of = [&](const Affine<float>& grid) {
    return [m = fixed_point(double(grid.scale) / double(grid_y.scale)), zero_point = grid.zero_point,
            to = grid_y](std::int32_t q) { return detail::code_twice(q - zero_point, m, to); };
  };
  detail::concat(inputs, y, code_of, "concat_fixed_point");
}

}  // namespace trimtab::int8
