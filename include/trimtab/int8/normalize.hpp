#pragma once
/// \file
/// Instance, group and layer norm of codes, and their division by the L2 norm along an axis, from exact integer sums.

#include <cmath>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/int8/reduce.hpp>
#include <trimtab/ops/normalize.hpp>

namespace trimtab::int8 {
namespace detail {

/// to[i] = float(count * q[i] - sum[i]) * factor[i] * gamma[i], for a step of 1 of the statistics, of the channels; with 0 their
/// first.
template <std::size_t Statistic, std::size_t Channel>
struct NormProducts {
  TRIMTAB_LOOP void run(const std::uint8_t* q, std::size_t length, std::int32_t count, const std::int32_t* sum,
                        const float* factor, const float* gamma, float* to) {
    TRIMTAB_NO_ALIAS
    for (std::size_t i = 0; i < length; ++i)
      to[i] = static_cast<float>(count * q[i] - sum[i * Statistic]) * factor[i * Statistic] * gamma[i * Channel];
  }
};

/// to[i] += beta[i].
template <std::size_t Channel>
struct NormSums {
  TRIMTAB_LOOP void run(const float* beta, std::size_t length, float* to) {
    TRIMTAB_NO_ALIAS
    for (std::size_t i = 0; i < length; ++i) to[i] += beta[i * Channel];
  }
};

/// to[i] = float(q[i] - zero_point) * m[i].
template <std::size_t Step>
struct CodesTimesEach {
  TRIMTAB_LOOP void run(const std::uint8_t* q, std::size_t length, std::int32_t zero_point, const float* m, float* to) {
    TRIMTAB_NO_ALIAS
    for (std::size_t i = 0; i < length; ++i) to[i] = static_cast<float>(std::int32_t{q[i]} - zero_point) * m[i * Step];
  }
};

}  // namespace detail

/// The largest number of elements that norm_steps takes into one mean: 255 times as many stay in int32.
inline constexpr std::size_t largest_norm_group = (std::size_t{1} << 23) - 1;

/// steps = (gamma * (real x - mean) / sqrt(variance + epsilon) + beta) / s_y before clamp and rounding, of codes x and as in
/// norm_forward; the zero point of x drops out. With S the sum of a group's n codes and Q that of their squares, both exact, in
/// double
///   v = (n * Q - S * S) / (n * n)       the integer n * Q - S * S exact, the variance in steps of x
///   f = 1 / sqrt(v + epsilon / (s_x * s_x)) / (n * s_y)
/// and in float32, each operation rounded, never an FMA
///   steps = (float(n * q - S) * float(f)) * gamma + beta / s_y
/// gamma and beta are float. Throws shape_error when extents do not fit, value_error unless scales and epsilon / s_x^2 are
/// positive and groups have largest_norm_group elements or fewer.
template <Tensor X, Tensor P, Tensor Y>
void norm_steps(const X& x, const Affine<float>& grid_x, const NormShape& shape, const P& gamma, const P& beta, float epsilon,
                float scale_y, Y&& steps) {
  using ::trimtab::detail::run_loop;
  static_assert(std::is_same_v<value_t<const P>, float>, "trimtab: gamma and beta are float");
  const auto xv = detail::steps_input(x, grid_x, "norm_steps");
  const auto yv = detail::steps_output(steps, scale_y, "norm_steps");
  ::trimtab::detail::norm_tensor(xv, shape, "norm_steps: x");
  ::trimtab::detail::require_extents(yv.extent, xv.extent, "norm_steps");
  ::trimtab::detail::require_apart("norm_steps", yv, xv);
  const float* const g = ::trimtab::detail::norm_parameter(gamma, shape, "norm_steps: gamma");
  const float* const b = ::trimtab::detail::norm_parameter(beta, shape, "norm_steps: beta");
  const double relative = static_cast<double>(epsilon) / (static_cast<double>(grid_x.scale) * static_cast<double>(grid_x.scale));
  if (!(relative > 0)) throw value_error(::trimtab::detail::message("norm_steps: expected a positive epsilon, got ", epsilon));
  if (shape.group_size() > largest_norm_group)
    throw value_error(
        ::trimtab::detail::message("norm_steps: groups of ", shape.group_size(), " elements, more than ", largest_norm_group));
  if (shape.pictures == 0) return;

  const auto axes = ::trimtab::detail::norm_sums(shape, false);
  const std::vector<std::int32_t> sums = detail::code_sums<reduction::Sum, std::int32_t>(axes, xv.data, 0);
  const std::vector<std::int64_t> squares = detail::code_sums<reduction::SumSquare, std::int64_t>(axes, xv.data, 0);
  const auto count = static_cast<std::int32_t>(shape.group_size());
  const double n = count;
  std::vector<float> factor(sums.size()), beta_steps(shape.channels());
  for (std::size_t s = 0; s < sums.size(); ++s) {
    const double variance = static_cast<double>(count * squares[s] - std::int64_t{sums[s]} * sums[s]) / (n * n);
    factor[s] = static_cast<float>(1 / std::sqrt(variance + relative) / (n * static_cast<double>(scale_y)));
  }
  for (std::size_t c = 0; c < beta_steps.size(); ++c) beta_steps[c] = b[c] / scale_y;
  const auto walk = ::trimtab::detail::norm_walk(shape);
  ::trimtab::detail::with_steps(walk.inner_step()[1], walk.inner_step()[2], [&](auto statistic, auto channel) {
    walk.parallel_runs([&](const auto& from, std::size_t at, std::size_t length) {
      float* const to = yv.data + at;
      run_loop<detail::NormProducts<statistic.value, channel.value>>(xv.data + at, length, count, sums.data() + from[1],
                                                                     factor.data() + from[1], g + from[2], to);
      run_loop<detail::NormSums<channel.value>>(beta_steps.data() + from[2], length, to);
    });
  });
}

/// steps = (real x / |x|) / s_y before clamp and rounding, of codes x and as in l2_normalize_forward. With Q the exact sum of (q
/// - z)^2 along `axis`, in double
///   at_least   r = max(sqrt(Q), epsilon / s_x)              added   r = sqrt(Q + epsilon / (s_x * s_x))
/// and in float32 steps = float(q - z) * float(1 / (r * s_y)), 0 where r is 0. Throws shape_error when extents do not fit,
/// value_error unless scales are positive and epsilon >= 0.
template <Tensor X, Tensor Y>
void l2_normalize_steps(const X& x, const Affine<float>& grid_x, std::size_t axis, float epsilon, L2Epsilon kind, float scale_y,
                        Y&& steps) {
  using ::trimtab::detail::run_loop;
  const auto xv = detail::steps_input(x, grid_x, "l2_normalize_steps");
  const auto yv = detail::steps_output(steps, scale_y, "l2_normalize_steps");
  ::trimtab::detail::require_extents(yv.extent, xv.extent, "l2_normalize_steps");
  ::trimtab::detail::require_apart("l2_normalize_steps", yv, xv);
  const ::trimtab::detail::L2Shape shape(xv.extent, axis, "l2_normalize_steps");
  ::trimtab::detail::require_l2_epsilon(epsilon, "l2_normalize_steps");
  if (xv.size() == 0) return;
  const std::vector<std::int64_t> squares =
      detail::code_sums<reduction::SumSquare, std::int64_t>(shape.sums(), xv.data, grid_x.zero_point);
  const double e = double(epsilon), s_x = double(grid_x.scale);
  std::vector<float> factor(squares.size());
  for (std::size_t s = 0; s < squares.size(); ++s) {
    const auto q = static_cast<double>(squares[s]);
    const double r = kind == L2Epsilon::added ? std::sqrt(q + e / (s_x * s_x)) : std::max(std::sqrt(q), e / s_x);
    factor[s] = r > 0 ? static_cast<float>(1 / (r * static_cast<double>(scale_y))) : 0.0F;
  }
  const auto walk = shape.walk();
  ::trimtab::detail::with_steps(walk.inner_step()[1], 1, [&](auto step, auto) {
    walk.parallel_runs([&](const auto& from, std::size_t at, std::size_t length) {
      run_loop<detail::CodesTimesEach<step.value>>(xv.data + at, length, grid_x.zero_point, factor.data() + from[1],
                                                   yv.data + at);
    });
  });
}

}  // namespace trimtab::int8
