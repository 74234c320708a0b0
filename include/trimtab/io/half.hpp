#pragma once
/// \file
/// Numbers of 16 bits in files.

#include <cmath>
#include <cstdint>
#include <trimtab/core/bit_cast.hpp>

namespace trimtab::detail {

/// A half-precision number from its bits.
inline float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = std::uint32_t{half & 0x8000U} << 16, exponent = (half >> 10) & 31U, fraction = half & 1023U;
  if (exponent == 0) return std::copysign(static_cast<float>(fraction) * 0x1p-24F, bit_cast<float>(sign | 0x3F800000U));
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return bit_cast<float>(sign | wide << 23 | fraction << 13);
}

}  // namespace trimtab::detail
