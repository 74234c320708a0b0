#pragma once
/// \file
/// What all 256 codes of one grid are in steps of another: the common part of addition and concatenation.

#include <array>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/quant/fixed_point.hpp>
#include <trimtab/quant/requantize.hpp>
#include <tuple>

namespace trimtab::int8::detail {

/// Elements per piece of work for loops that do little with each.
inline constexpr std::size_t map_grain = 16384;

/// map[q] = float(q - zero_point) * m with m = scale / scale_y, for q a uint8 or int8 code.
class CodeMap {
 public:
  CodeMap(const Affine<float>& grid, float scale_y) {
    const float m = grid.scale / scale_y;
    for (std::int32_t q = -128; q < 256; ++q) {
      // -128 .. -1 are int8 codes only; their bytes are 128 .. 255.
      steps_[static_cast<std::size_t>(q + 128)] = static_cast<float>(q - grid.zero_point) * m;
    }
  }
  float operator[](std::int32_t q) const { return steps_[static_cast<std::size_t>(q + 128)]; }

 private:
  std::array<float, 384> steps_;
};

/// The rounding onto a grid whose codes have type T. Throws value_error when T cannot hold them.
template <class T>
StepsToCode steps_to_code(const Affine<float>& grid, const char* what) {
  static_assert(std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::int8_t>, "trimtab: codes are uint8 or int8");
  constexpr bool is_signed = std::is_same_v<T, std::int8_t>;
  const float one = 1;
  ::trimtab::detail::require_valid(Requantize{std::span(&one, 1), grid.zero_point, grid.codes.qmin, grid.codes.qmax}, 1,
                                   is_signed ? -128 : 0, is_signed ? 127 : 255, what);
  return {grid.zero_point, grid.codes.qmin, grid.codes.qmax};
}

/// clamp(z + multiply_twice(x, m), lo, hi): steps of a grid as its code.
inline std::int32_t code_twice(std::int32_t x, const FixedPointMultiplier& m, const Affine<float>& grid) {
  const CodeRange& codes = grid.codes;
  return FixedPointRequantize{std::span(&m, 1), FixedPointRounding::twice, grid.zero_point, codes.qmin, codes.qmax}(x, 0);
}

/// Number of elements and the three pointers of dense tensors of the same extents; throws shape_error for others.
template <Tensor A, Tensor B, Tensor Y>
auto same_extents(const A& a, const B& b, Y& y, const char* what) {
  const auto av = view(a);
  const auto bv = ::trimtab::detail::dense_view(b, av.rank(), what);
  const auto yv = ::trimtab::detail::dense_view(y, av.rank(), what);
  ::trimtab::detail::dense_view(a, av.rank(), what);
  ::trimtab::detail::require_extents(bv.extent, av.extent, what);
  ::trimtab::detail::require_extents(yv.extent, av.extent, what);
  ::trimtab::detail::require_apart(what, yv, av, bv);
  return std::tuple(av.size(), av.data, bv.data, yv.data);
}

}  // namespace trimtab::int8::detail
