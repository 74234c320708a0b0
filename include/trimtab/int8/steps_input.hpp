#pragma once
/// \file
/// What functions from codes to steps have in common: codes of uint8, checked grids, and loops whose products are rounded before
/// anything is added to them.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <trimtab/core/config.hpp>
#include <trimtab/core/strided_axes.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/core/wide_loop.hpp>
#include <trimtab/int8/code_map.hpp>
#include <trimtab/quant/params.hpp>

namespace trimtab::int8::detail {

/// Throws value_error, naming `what`, unless the scale is positive and the zero point a code of uint8: |q - z| <= 255.
inline void require_grid(const Affine<float>& grid, const char* what) {
  if (!(grid.scale > 0) || !std::isfinite(grid.scale))
    throw value_error(::trimtab::detail::message(what, ": expected a positive scale, got ", grid.scale));
  if (grid.zero_point < 0 || grid.zero_point > 255)
    throw value_error(::trimtab::detail::message(what, ": zero point ", grid.zero_point, " is no code of uint8"));
}

/// Dense codes of uint8, of whatever rank, on a grid as above. Throws shape_error or value_error, naming `what`.
template <Tensor X>
TensorView<const std::uint8_t> steps_input(const X& x, const Affine<float>& grid, const char* what) {
  static_assert(std::is_same_v<value_t<const X>, std::uint8_t>, "trimtab: steps are made of codes of uint8");
  const auto v = ::trimtab::detail::any_dense_view(x, what);
  require_grid(grid, what);
  return v;
}

/// The same, to be written. Throws value_error, too, for a range of codes that uint8 does not hold.
template <Tensor Y>
TensorView<std::uint8_t> codes_output(Y& y, const Affine<float>& grid, const char* what) {
  static_assert(std::is_same_v<value_t<Y>, std::uint8_t>, "trimtab: codes are uint8");
  require_grid(grid, what);
  steps_to_code<std::uint8_t>(grid, what);  // checks the range
  return ::trimtab::detail::any_dense_view(y, what);
}

/// Dense steps, of whatever rank, and the scale that they are counted in. Throws as above.
template <Tensor Y>
TensorView<float> steps_output(Y& steps, float scale_y, const char* what) {
  static_assert(std::is_same_v<value_t<Y>, float>, "trimtab: steps are float");
  if (!(scale_y > 0) || !std::isfinite(scale_y))
    throw value_error(::trimtab::detail::message(what, ": expected a positive scale of y, got ", scale_y));
  return ::trimtab::detail::any_dense_view(steps, what);
}

// Each of these is a function of its own, never inlined (run_loop sees to it): a compiler that may contract finds no product
// beside a sum.

/// to[i] = float(q[i] - zero_point) * m.
struct CodesTimes {
  TRIMTAB_LOOP void run(const std::uint8_t* q, std::size_t count, std::int32_t zero_point, float m, float* to) {
    TRIMTAB_NO_ALIAS
    for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<float>(std::int32_t{q[i]} - zero_point) * m;
  }
};

/// to[i] = F::value(a[i], b[i]); to may be a or b.
template <class F>
struct ValueOfTwo {
  TRIMTAB_LOOP void run(const float* a, const float* b, std::size_t count, float* to) {
    TRIMTAB_NO_ALIAS
    for (std::size_t i = 0; i < count; ++i) to[i] = F::value(a[i], b[i]);
  }
};

}  // namespace trimtab::int8::detail
