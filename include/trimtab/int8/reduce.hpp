#pragma once
/// \file
/// Sums, means, norms, maxima and minima of codes over any set of axes but the batch.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/int8/steps_input.hpp>
#include <trimtab/ops/reduce.hpp>
#include <trimtab/quant/fixed_point.hpp>

namespace trimtab::int8 {
namespace detail {

/// One function for each F: m of steps = float(sum) * m, and of L2 of steps = sqrt(float(sum)) * m.
inline float reduce_factor(reduction::Sum, float s_x, float s_y, std::size_t) { return s_x / s_y; }
inline float reduce_factor(reduction::Mean, float s_x, float s_y, std::size_t count) {
  return s_x / (s_y * static_cast<float>(count));
}
inline float reduce_factor(reduction::SumSquare, float s_x, float s_y, std::size_t) { return s_x * s_x / s_y; }
inline float reduce_factor(reduction::L2, float s_x, float s_y, std::size_t) { return s_x / s_y; }

/// sums of F::term(q - zero_point), exact while they stay in Sum.
template <class F, class Sum, std::size_t K>
std::vector<Sum> code_sums(const ::trimtab::detail::ReducedAxes<K>& axes, const std::uint8_t* x, std::int32_t zero_point) {
  return ::trimtab::detail::reduce_axes(
      axes, Sum{0},
      [&](auto columns, Sum* sum, const auto& from, std::size_t count) {
        const std::uint8_t* const q = x + from[0];
        if constexpr (columns.value) {
          for (std::size_t i = 0; i < count; ++i) sum[i] += F::term(q[i] - zero_point);
        } else {
          Sum run = 0;
          for (std::size_t i = 0; i < count; ++i) run += F::term(q[i] - zero_point);
          *sum += run;
        }
      },
      [](Sum& sum, Sum later) { sum += later; });
}

/// What TFLite's MEAN over a picture does with the sum S of `count` codes less origin: offset + multiply_twice(S, multiplier),
/// where
/// offset = z_y - f(z_x s_x / s_y), f and the rest as in mean_fixed_point.
struct MeanOverPicture {
  std::int32_t offset;
  FixedPointMultiplier multiplier;

  MeanOverPicture(const Affine<float>& x, std::int32_t origin, const Affine<float>& y, std::size_t count)
      : multiplier(fixed_point(double(x.scale / (static_cast<float>(count) * y.scale)))) {
    const float zero = static_cast<float>(x.zero_point - origin) * x.scale / y.scale;
    offset = y.zero_point - origin - rounded(zero);
  }
  /// Ties away from zero.
  static std::int32_t rounded(float v) { return static_cast<std::int32_t>(std::round(std::clamp(v, -0x1p30F, 0x1p30F))); }
};

}  // namespace detail

/// steps = F(real x along `axes`) / s_y before clamp and rounding, of codes x. In float32, of exact integer sums:
///   Sum         float(sum of (q - z)) * m         m = s_x / s_y
///   Mean        float(sum of (q - z)) * m         m = s_x / (s_y * float(count)), as global_average_pool_steps
///   SumSquare   float(sum of (q - z)^2) * m       m = (s_x * s_x) / s_y
///   L2          sqrt(float(sum of (q - z)^2)) * m m = s_x / s_y
/// Axes and extents as in reduce_forward. Throws as that does, and value_error unless scales are positive and z is a code of
/// uint8.
template <class F, Tensor X, Tensor Y>
void reduce_steps(const X& x, const Affine<float>& grid_x, const AxisList& axes, float scale_y, Y&& steps) {
  const auto xv = detail::steps_input(x, grid_x, "reduce_steps");
  const auto yv = detail::steps_output(steps, scale_y, "reduce_steps");
  const ::trimtab::detail::Reduced r(xv.extent, axes, yv.extent, "reduce_steps");
  ::trimtab::detail::require_apart("reduce_steps", yv, xv);
  if (xv.size() == 0) return;
  const float m = detail::reduce_factor(F(), grid_x.scale, scale_y, r.count);
  const auto store = [&](const auto& sums) {
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const auto sum = static_cast<float>(sums[i]);
      yv.data[i] = (std::is_same_v<F, reduction::L2> ? std::sqrt(sum) : sum) * m;
    }
  };
  constexpr std::int32_t largest = F::term(std::int32_t{255});
  if (r.count <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max() / largest))
    store(detail::code_sums<F, std::int32_t>(r.axes, xv.data, grid_x.zero_point));
  else
    store(detail::code_sums<F, std::int64_t>(r.axes, xv.data, grid_x.zero_point));
}

/// y = the largest or the smallest code of x along `axes`, F being Max or Min: on x's own grid, whatever that is. x and y of
/// uint8; axes and extents as in reduce_forward, and it throws as that does.
template <reduction::Extreme F, Tensor X, Tensor Y>
void reduce_codes(const X& x, const AxisList& axes, Y&& y) {
  static_assert(std::is_same_v<value_t<const X>, std::uint8_t> && std::is_same_v<value_t<Y>, std::uint8_t>,
                "trimtab: codes are uint8");
  const auto xv = ::trimtab::detail::any_dense_view(x, "reduce_codes: x");
  const auto yv = ::trimtab::detail::any_dense_view(y, "reduce_codes: y");
  const ::trimtab::detail::Reduced r(xv.extent, axes, yv.extent, "reduce_codes");
  ::trimtab::detail::require_apart("reduce_codes", yv, xv);
  if (xv.size() == 0) return;
  const std::vector<std::uint8_t> best = ::trimtab::detail::reduce_extreme<F, std::uint8_t>(r, xv.data);
  std::copy(best.begin(), best.end(), yv.data);
}

/// y = the mean of x along `axes` as TFLite's MEAN of codes q, which are bytes less `origin`: 128 of int8, 0 of uint8. With S the
/// sum of n codes and f the rounding to the nearest, ties away from zero, in float32:
///   over_picture            z_y - f(z_x s_x / s_y) + multiply_twice(S, s_x / (n s_y))     its kernel for axes 1 and 2 of four, kept
///   else, grids are equal   S / n, truncated
///   else                    z_y + f(S / n * (s_x / s_y) - z_x * (s_x / s_y))
/// clamped to y's codes. Axes and extents as in reduce_forward. Throws as reduce_steps does, value_error for sums beyond int32,
/// and quantization_range_error where s_x / (n s_y) leaves fixed point's range.
template <Tensor X, Tensor Y>
void mean_fixed_point(const X& x, const Affine<float>& grid_x, const AxisList& axes, bool over_picture, std::int32_t origin,
                      const Affine<float>& grid_y, Y&& y) {
  const auto xv = detail::steps_input(x, grid_x, "mean_fixed_point");
  const auto yv = detail::codes_output(y, grid_y, "mean_fixed_point: y");
  const ::trimtab::detail::Reduced r(xv.extent, axes, yv.extent, "mean_fixed_point");
  ::trimtab::detail::require_apart("mean_fixed_point", yv, xv);
  if (xv.size() == 0) return;
  if (r.count > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max() / 255))
    throw value_error(::trimtab::detail::message("mean_fixed_point: the sum of ", r.count, " codes may leave int32"));
  const std::vector<std::int32_t> sums = detail::code_sums<reduction::Mean, std::int32_t>(r.axes, xv.data, origin);
  const std::int32_t z_x = grid_x.zero_point - origin, z_y = grid_y.zero_point - origin;
  const auto n = static_cast<float>(r.count);
  const float ratio = grid_x.scale / grid_y.scale;
  std::optional<detail::MeanOverPicture> picture;
  if (over_picture) picture.emplace(grid_x, origin, grid_y, r.count);
  const auto code = [&](std::int32_t sum) -> std::int64_t {
    if (picture) return std::int64_t{picture->offset} + multiply_twice(sum, picture->multiplier);
    if (grid_x.scale == grid_y.scale && z_x == z_y) return sum / static_cast<std::int32_t>(r.count);
    const float bias = static_cast<float>(-z_x) * ratio;
    // Through double, where the product is exact: no compiler makes one FMA of it and the sum.
    return z_y + detail::MeanOverPicture::rounded(static_cast<float>(double(static_cast<float>(sum) / n) * double(ratio)) + bias);
  };
  for (std::size_t i = 0; i < sums.size(); ++i)
    yv.data[i] =
        static_cast<std::uint8_t>(std::clamp<std::int64_t>(code(sums[i]) + origin, grid_y.codes.qmin, grid_y.codes.qmax));
}

}  // namespace trimtab::int8
