#pragma once
/// \file
/// Residual addition of 8-bit codes.

#include <algorithm>
#include <array>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/int8/code_map.hpp>
#include <trimtab/int8/kernel_table.hpp>
#include <trimtab/int8/requantize.hpp>
#include <trimtab/int8/workspace.hpp>
#include <trimtab/quant/fixed_point.hpp>

namespace trimtab::int8 {

namespace detail {

/// One branch, its codes as unsigned ones.
template <class T>
AddInput add_input(const T* codes, const Affine<float>& grid, float scale_y) {
  constexpr bool is_signed = std::is_same_v<T, std::int8_t>;
  static_assert(is_signed || std::is_same_v<T, std::uint8_t>, "trimtab: codes are uint8 or int8");
  return {reinterpret_cast<const std::uint8_t*>(codes), is_signed ? std::uint8_t{0x80} : std::uint8_t{0},
          grid.zero_point + (is_signed ? 128 : 0), grid.scale / scale_y};
}

inline void run_add(const AddTask& task) {
  const KernelTable& table = kernels();
  const std::size_t grain = round_up(task.count / even_pieces(task.count, map_grain) + 1, cache_line);
  parallel_ranges(task.count, grain, [&](std::size_t begin, std::size_t end) { table.add(task.part(begin, end)); });
}

}  // namespace detail

/// steps[i] = float(a[i] - z_a) * m_a + float(b[i] - z_b) * m_b, m_a = s_a / s_y, m_b = s_b / s_y: the sum in steps of the
/// output's grid, before clamp and rounding. Two multiplications, each rounded to float32, then one addition; never an FMA.
/// Throws shape_error when extents differ or a tensor is not dense row-major.
template <Tensor A, Tensor B, Tensor Y>
void add_steps(const A& a, const Affine<float>& grid_a, const B& b, const Affine<float>& grid_b, float scale_y, Y&& steps) {
  static_assert(std::is_same_v<value_t<Y>, float>, "trimtab: steps are float");
  const auto [count, from_a, from_b, to] = detail::same_extents(a, b, steps, "add_steps");
  detail::run_add(
      {detail::add_input(from_a, grid_a, scale_y), detail::add_input(from_b, grid_b, scale_y), count, to, nullptr, 0, 0, 0, 0});
}

/// y[i] = z_y + round_half_even(clamp(steps[i], lo - z_y, hi - z_y)) with the steps of add_steps; lo and hi are grid_y.codes.
/// a, b and y may be of uint8 or int8 each. Throws as add_steps does, and value_error when the grid does not fit y's type.
template <Tensor A, Tensor B, Tensor Y>
void add(const A& a, const Affine<float>& grid_a, const B& b, const Affine<float>& grid_b, const Affine<float>& grid_y, Y&& y) {
  using Code = value_t<Y>;
  const auto [count, from_a, from_b, to] = detail::same_extents(a, b, y, "add");
  detail::steps_to_code<Code>(grid_y, "add");  // throws for a grid that Code cannot hold
  const std::int32_t shift = std::is_same_v<Code, std::int8_t> ? 128 : 0;
  detail::run_add({detail::add_input(from_a, grid_a, grid_y.scale), detail::add_input(from_b, grid_b, grid_y.scale), count,
                   nullptr, reinterpret_cast<std::uint8_t*>(to), static_cast<std::uint8_t>(shift), grid_y.zero_point + shift,
                   grid_y.codes.qmin + shift, grid_y.codes.qmax + shift});
}

/// The sum, or with sign -1 the difference, of two codes in integers, as TFLite's ADD and SUB. With t = 2 * max(s_a, s_b) and
/// every product rounded by multiply_twice:
///   y = clamp(z_y + ((a - z_a) * 2^20 * (s_a / t) +- (b - z_b) * 2^20 * (s_b / t)) * (t / (2^20 * s_y)), lo, hi)
/// The inputs' 20 more bits keep what a common scale would lose; both terms stay below 2^28.
class FixedPointSum {
 public:
  /// Throws quantization_range_error where a quotient of scales leaves fixed point's range.
  FixedPointSum(const Affine<float>& grid_a, const Affine<float>& grid_b, float scale_y, std::int32_t sign = 1) {
    const auto [scale_a, scale_b, to_y] = multipliers(grid_a.scale, grid_b.scale, scale_y);
    m_ = to_y;
    for (std::int32_t q = -128; q < 256; ++q) {
      a_[static_cast<std::size_t>(q + 128)] = multiply_twice((q - grid_a.zero_point) * (1 << 20), scale_a);
      b_[static_cast<std::size_t>(q + 128)] = sign * multiply_twice((q - grid_b.zero_point) * (1 << 20), scale_b);
    }
  }
  /// The sum in brackets, of codes of either type.
  std::int32_t operator()(std::int32_t a, std::int32_t b) const {
    return a_[static_cast<std::size_t>(a + 128)] + b_[static_cast<std::size_t>(b + 128)];
  }
  const FixedPointMultiplier& multiplier() const { return m_; }  ///< t / (2^20 * s_y)
  /// s_a / t, s_b / t and t / (2^20 * s_y).
  static std::array<FixedPointMultiplier, 3> multipliers(float s_a, float s_b, float s_y) {
    const double t = 2 * double(std::max(s_a, s_b));
    return {fixed_point(double(s_a) / t), fixed_point(double(s_b) / t), fixed_point(t / (0x1p20 * double(s_y)))};
  }

 private:
  std::array<std::int32_t, 384> a_, b_;  // of codes -128 .. 255
  FixedPointMultiplier m_;
};

/// y[i] = FixedPointSum of a[i] and b[i]. Throws as add does.
template <Tensor A, Tensor B, Tensor Y>
void add_fixed_point(const A& a, const Affine<float>& grid_a, const B& b, const Affine<float>& grid_b,
                     const Affine<float>& grid_y, Y&& y) {
  using Code = value_t<Y>;
  const auto [count, from_a, from_b, to] = detail::same_extents(a, b, y, "add_fixed_point");
  detail::steps_to_code<Code>(grid_y, "add_fixed_point");  // checks the grid
  const FixedPointSum sum(grid_a, grid_b, grid_y.scale);
  const auto* const pa = from_a;
  const auto* const pb = from_b;
  auto* const py = to;
  parallel_ranges(count, detail::map_grain, [&](std::size_t begin, std::size_t end) {
    const auto sum_of = [&](std::size_t i) { return sum(pa[begin + i], pb[begin + i]); };
    detail::codes_twice(end - begin, sum_of, sum.multiplier(), grid_y, py + begin);
  });
}

}  // namespace trimtab::int8
