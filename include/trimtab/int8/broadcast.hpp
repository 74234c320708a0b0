#pragma once
/// \file
/// Functions of two tensors of codes, with numpy's broadcasting.

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/int8/add.hpp>
#include <trimtab/int8/steps_input.hpp>
#include <trimtab/ops/broadcast.hpp>

namespace trimtab::int8 {
namespace detail {

/// The three factors of steps = F::value(float(a - z_a) * m_a, float(b - z_b) * m_b) * m_y. One function for each F: without it F
/// has no definition on codes.
struct BroadcastFactors {
  float a, b, y;
};
inline BroadcastFactors of_sum(float s_a, float s_b, float s_y) { return {s_a / s_y, s_b / s_y, 1}; }
inline BroadcastFactors factors(binary::Add, float s_a, float s_b, float s_y) { return of_sum(s_a, s_b, s_y); }
inline BroadcastFactors factors(binary::Sub, float s_a, float s_b, float s_y) { return of_sum(s_a, s_b, s_y); }
inline BroadcastFactors factors(binary::Max, float s_a, float s_b, float s_y) { return of_sum(s_a, s_b, s_y); }
inline BroadcastFactors factors(binary::Min, float s_a, float s_b, float s_y) { return of_sum(s_a, s_b, s_y); }
inline BroadcastFactors factors(binary::Mul, float s_a, float s_b, float s_y) { return {1, 1, s_a * s_b / s_y}; }
inline BroadcastFactors factors(binary::Div, float s_a, float s_b, float s_y) { return {1, 1, s_a / s_b / s_y}; }

/// steps[i] *= m.
struct TimesFactor {
  TRIMTAB_LOOP void run(float* steps, std::size_t count, float m) {
    for (std::size_t i = 0; i < count; ++i) steps[i] *= m;
  }
};

/// steps[i] is the largest float with a's sign where b is 0, and 0 where both are.
struct QuotientsByZero {
  TRIMTAB_LOOP void run(const float* a, const float* b, std::size_t count, float* steps) {
    constexpr float largest = std::numeric_limits<float>::max();
    for (std::size_t i = 0; i < count; ++i) steps[i] = b[i] != 0 ? steps[i] : a[i] > 0 ? largest : a[i] < 0 ? -largest : 0.0F;
  }
};

/// A block of outputs, and what belongs to them of one input: gathered code by code, then as floats.
struct BroadcastSide {
  static constexpr std::size_t block = 1024;
  std::array<std::uint8_t, block> codes;
  std::array<float, block> steps;

  void gather(const std::uint8_t* from, std::size_t step, std::size_t at, std::size_t count) {
    if (step == 0)
      std::memset(codes.data() + at, *from, count);
    else
      std::memcpy(codes.data() + at, from, count);
  }
};

}  // namespace detail

/// steps = F(real a, real b) / s_y before clamp and rounding, of codes a and b that are broadcast as in broadcast_forward. In
/// float32, each operation rounded, never an FMA:
///   Add, Sub   float(a - z_a) * m_a +- float(b - z_b) * m_b             m_a = s_a / s_y, m_b = s_b / s_y, as add_steps
///   Max, Min   the larger, the smaller of float(a - z_a) * m_a and float(b - z_b) * m_b
///   Mul        float((a - z_a) * (b - z_b)) * m                         m = (s_a * s_b) / s_y
///   Div        (float(a - z_a) / float(b - z_b)) * m                    m = (s_a / s_b) / s_y
/// Division by b = z_b gives the largest finite float with the sign of a - z_a, which clamps to an end of y's range, and 0 for 0
/// / 0. Throws shape_error when extents do not fit, value_error unless scales are positive and zero points codes of uint8.
template <class F, Tensor A, Tensor B, Tensor Y>
void broadcast_steps(const A& a, const Affine<float>& grid_a, const B& b, const Affine<float>& grid_b, float scale_y, Y&& steps) {
  using ::trimtab::detail::run_loop;
  const auto av = detail::steps_input(a, grid_a, "broadcast_steps: a");
  const auto bv = detail::steps_input(b, grid_b, "broadcast_steps: b");
  const auto yv = detail::steps_output(steps, scale_y, "broadcast_steps");
  ::trimtab::detail::require_extents(yv.extent, broadcast_extents(av.extent, bv.extent, "broadcast_steps"), "broadcast_steps");
  ::trimtab::detail::require_apart("broadcast_steps", yv, av, bv);
  if (yv.size() == 0) return;
  const detail::BroadcastFactors m = detail::factors(F(), grid_a.scale, grid_b.scale, scale_y);
  const auto axes = ::trimtab::detail::broadcast_axes(av.extent, bv.extent, yv.extent);
  const auto step = axes.inner_step();
  parallel_ranges(yv.size(), ::trimtab::detail::strided_grain, [&](std::size_t begin, std::size_t end) {
    detail::BroadcastSide side_a, side_b;
    for (std::size_t first = begin; first < end; first += detail::BroadcastSide::block) {
      const std::size_t count = std::min(detail::BroadcastSide::block, end - first);
      axes.for_each_run(first, first + count, [&](const auto& from, std::size_t at, std::size_t length) {
        side_a.gather(av.data + from[0], step[0], at - first, length);
        side_b.gather(bv.data + from[1], step[1], at - first, length);
      });
      float* const pa = side_a.steps.data();
      float* const pb = side_b.steps.data();
      float* const to = yv.data + first;
      run_loop<detail::CodesTimes>(side_a.codes.data(), count, grid_a.zero_point, m.a, pa);
      run_loop<detail::CodesTimes>(side_b.codes.data(), count, grid_b.zero_point, m.b, pb);
      run_loop<detail::ValueOfTwo<F>>(pa, pb, count, to);
      run_loop<detail::TimesFactor>(to, count, m.y);
      if constexpr (std::is_same_v<F, binary::Div>) run_loop<detail::QuotientsByZero>(pa, pb, count, to);
    }
  });
}

namespace detail {

/// The product of two codes in integers, as TFLite's MUL: clamp(z_y + multiply_twice((a - z_a) * (b - z_b), s_a * s_b / s_y), lo,
/// hi).
class FixedPointOfProduct {
 public:
  FixedPointOfProduct(const Affine<float>& grid_a, const Affine<float>& grid_b, float scale_y)
      : a_(grid_a.zero_point), b_(grid_b.zero_point), m_(fixed_point(double(grid_a.scale * grid_b.scale / scale_y))) {}
  std::int32_t operator()(std::int32_t a, std::int32_t b) const { return (a - a_) * (b - b_); }
  const FixedPointMultiplier& multiplier() const { return m_; }  ///< s_a * s_b / s_y

 private:
  std::int32_t a_, b_;
  FixedPointMultiplier m_;
};

// One function for each F that has a definition in fixed point.
inline FixedPointSum fixed_point_of_two(binary::Add, const Affine<float>& a, const Affine<float>& b, float y) {
  return {a, b, y};
}
inline FixedPointSum fixed_point_of_two(binary::Sub, const Affine<float>& a, const Affine<float>& b, float y) {
  return {a, b, y, -1};
}
inline FixedPointOfProduct fixed_point_of_two(binary::Mul, const Affine<float>& a, const Affine<float>& b, float y) {
  return {a, b, y};
}

}  // namespace detail

/// Whether F has a definition in integers alone.
template <class F>
inline constexpr bool has_fixed_point_of_two = requires(const Affine<float>& grid) {
  detail::fixed_point_of_two(F(), grid, grid, grid.scale);
};

/// y = F of codes a and b that are broadcast as in broadcast_forward, as TFLite's ADD, SUB and MUL: FixedPointSum,
/// FixedPointOfProduct. All of uint8. Throws as broadcast_steps does, and quantization_range_error where a quotient of scales
/// leaves fixed point's range.
template <class F, Tensor A, Tensor B, Tensor Y>
void broadcast_fixed_point(const A& a, const Affine<float>& grid_a, const B& b, const Affine<float>& grid_b,
                           const Affine<float>& grid_y, Y&& y) {
  const auto av = detail::steps_input(a, grid_a, "broadcast_fixed_point: a");
  const auto bv = detail::steps_input(b, grid_b, "broadcast_fixed_point: b");
  const auto yv = detail::codes_output(y, grid_y, "broadcast_fixed_point: y");
  ::trimtab::detail::require_extents(yv.extent, broadcast_extents(av.extent, bv.extent, "broadcast_fixed_point"),
                                     "broadcast_fixed_point");
  ::trimtab::detail::require_apart("broadcast_fixed_point", yv, av, bv);
  const auto of_two = detail::fixed_point_of_two(F(), grid_a, grid_b, grid_y.scale);
  const auto axes = ::trimtab::detail::broadcast_axes(av.extent, bv.extent, yv.extent);
  const auto step = axes.inner_step();
  axes.parallel_runs([&](const auto& from, std::size_t at, std::size_t count) {
    const auto number = [&](std::size_t i) { return of_two(av.data[from[0] + i * step[0]], bv.data[from[1] + i * step[1]]); };
    detail::codes_twice(count, number, of_two.multiplier(), grid_y, yv.data + at);
  });
}

}  // namespace trimtab::int8
