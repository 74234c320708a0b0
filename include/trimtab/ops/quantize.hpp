#pragma once
/// \file
/// Real tensors to integer codes and back.

#include <cstdint>
#include <limits>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/quant/grid_runs.hpp>
#include <type_traits>

namespace trimtab {

namespace detail {

template <class Real, class Code>
void quantize(const Real* x, const GridRuns<Real>& grids, Code* codes) {
  grids.for_each([=](auto grid, std::size_t begin, std::size_t n) {
    const Real* from = x + begin;
    Code* to = codes + begin;
    for (std::size_t i = 0; i < n; ++i)
      to[i] = static_cast<Code>(static_cast<std::int32_t>(steps_at(from[i], grid, i)) + grid.zero_point(i));
  });
}

template <class Real, class Code>
void dequantize(const Code* codes, const GridRuns<Real>& grids, Real* y) {
  grids.for_each([=](auto grid, std::size_t begin, std::size_t n) {
    const Code* from = codes + begin;
    Real* to = y + begin;
    for (std::size_t i = 0; i < n; ++i)
      to[i] = grid.scale(i) * static_cast<Real>(static_cast<std::int32_t>(from[i]) - grid.zero_point(i));
  });
}

template <class Code>
inline constexpr bool is_code =
    std::is_same_v<Code, std::int8_t> || std::is_same_v<Code, std::uint8_t> || std::is_same_v<Code, std::int32_t>;

/// Throws value_error, naming `what`, unless every grid's codes fit into Code.
template <class Code, class Real>
void require_code_type(const GridRuns<Real>& grids, const char* what) {
  for (const auto& g : grids.grids)
    if (g.codes.qmin < std::int32_t{std::numeric_limits<Code>::min()} ||
        g.codes.qmax > std::int32_t{std::numeric_limits<Code>::max()})
      throw value_error(message(what, ": codes ", g.codes.qmin, " .. ", g.codes.qmax, " do not fit into ",
                                std::is_signed_v<Code> ? "int" : "uint", 8 * sizeof(Code)));
}

}  // namespace detail

/// codes = clamp(round_half_even(x / scale) + zero_point, qmin, qmax) (paper eq. 3, 4, 7 to 9), NaN gives qmin. `codes` holds
/// int8, uint8 or int32 and lies in memory as x does. Throws shape_error when extents, strides or channels differ or x is not
/// dense, value_error when the code range does not fit into the type of `codes`.
template <Tensor X, Quantizer Q, Tensor Codes>
void quantize(const X& x, const Q& quantizer, Codes&& codes) {
  using Code = value_t<Codes>;
  static_assert(std::is_same_v<value_t<const X>, typename Q::value_type>,
                "trimtab: quantize works in the tensor's own floating-point type; use a quantizer of that type");
  static_assert(detail::is_code<Code>, "trimtab: codes are int8_t, uint8_t or int32_t");
  const auto xv = view(x);
  const auto cv = view(codes);
  require_same_layout(xv, cv, "quantize");
  detail::require_apart("quantize", cv, xv);
  const auto grids = detail::grid_runs(xv, quantizer, "quantize");
  detail::require_code_type<Code>(grids, "quantize");
  detail::quantize(xv.data, grids, cv.data);
}

/// y = scale * (code - zero_point). Throws as quantize does.
template <Tensor Codes, Quantizer Q, Tensor Y>
void dequantize(const Codes& codes, const Q& quantizer, Y&& y) {
  static_assert(std::is_same_v<value_t<Y>, typename Q::value_type>,
                "trimtab: dequantize works in the tensor's own floating-point type; use a quantizer of that type");
  static_assert(detail::is_code<value_t<const Codes>>, "trimtab: codes are int8_t, uint8_t or int32_t");
  const auto cv = view(codes);
  const auto yv = view(y);
  require_same_layout(cv, yv, "dequantize");
  detail::require_apart("dequantize", yv, cv);
  const auto grids = detail::grid_runs(cv, quantizer, "dequantize");
  detail::require_code_type<value_t<const Codes>>(grids, "dequantize");
  detail::dequantize(cv.data, grids, yv.data);
}

}  // namespace trimtab
