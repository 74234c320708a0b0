#pragma once
/// \file
/// From the int32 accumulators of a layer to its codes, in integers.

#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/int8/code_map.hpp>
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
  parallel_ranges(av.size() / channels, detail::map_grain / channels + 1, [&](std::size_t begin, std::size_t end) {
    const FixedPointRequantize to_code = requantize;  // a copy of its own, which no store of a byte can change
    const std::int32_t* const from = av.data;
    Code* const to = yv.data;
    for (std::size_t row = begin; row < end; ++row)
      for (std::size_t c = 0; c < channels; ++c) to[row * channels + c] = static_cast<Code>(to_code(from[row * channels + c], c));
  });
}

}  // namespace trimtab::int8
