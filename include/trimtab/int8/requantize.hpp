#pragma once
/// \file
/// From the int32 accumulators of a layer to its codes, in integers.

#include <algorithm>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/int8/code_map.hpp>
#include <trimtab/int8/kernel_table.hpp>
#include <trimtab/quant/fixed_point.hpp>

namespace trimtab::int8 {

/// y[.., c] = requantize(acc[.., c], c): the stage after a layer's accumulators, channels last, into codes of uint8 or int8 of
/// the same extents. Throws shape_error when extents differ or there is neither 1 multiplier nor one per channel, value_error
/// when the codes do not fit y's type.
template <Tensor A, Tensor Y>
void requantize(const A& acc, const FixedPointRequantize& requantize, Y&& y) {
  static_assert(std::is_same_v<value_t<const A>, std::int32_t>, "trimtab: accumulators are int32");
  using Code = value_t<Y>;
  const auto av = ::trimtab::detail::dense_view(acc, view(acc).rank(), "requantize");
  const auto yv = ::trimtab::detail::dense_view(y, av.rank(), "requantize");
  ::trimtab::detail::require_extents(yv.extent, av.extent, "requantize");
  ::trimtab::detail::require_apart("requantize", yv, av);
  detail::steps_to_code<Code>({1.0F, requantize.zero_point, {requantize.lo, requantize.hi}}, "requantize");  // checks the grid
  const std::size_t channels = av.extent.back();
  if (requantize.multiplier.size() != 1 && requantize.multiplier.size() != channels)
    throw shape_error(
        ::trimtab::detail::message("requantize: ", requantize.multiplier.size(), " multipliers for ", channels, " channels"));
  if (av.size() == 0) return;
  const bool one = requantize.multiplier.size() == 1;
  const KernelTable& kernel = kernels();
  parallel_ranges(av.size() / channels, detail::map_grain / channels + 1, [&](std::size_t begin, std::size_t end) {
    kernel.requantize({av.data + begin * channels, end - begin, channels, requantize.multiplier.data(), one, requantize.rounding,
                       requantize.zero_point, requantize.lo, requantize.hi,
                       reinterpret_cast<std::uint8_t*>(yv.data) + begin * channels});
  });
}

namespace detail {

/// to[i] = code_twice(number(i), m, grid) for i from 0 to count, by the kernels of requantize.
template <class Number, class Code>
void codes_twice(std::size_t count, const Number& number, const FixedPointMultiplier& m, const Affine<float>& grid, Code* to) {
  constexpr std::size_t at_once = 4096;
  std::int32_t numbers[at_once];
  const KernelTable& kernel = kernels();
  for (std::size_t begin = 0; begin < count; begin += at_once) {
    const std::size_t n = std::min(at_once, count - begin);
    for (std::size_t i = 0; i < n; ++i) numbers[i] = number(begin + i);
    kernel.requantize({numbers, 1, n, &m, true, FixedPointRounding::twice, grid.zero_point, grid.codes.qmin, grid.codes.qmax,
                       reinterpret_cast<std::uint8_t*>(to + begin)});
  }
}

}  // namespace detail

}  // namespace trimtab::int8
