#pragma once
/// \file
/// From sums to codes in C, in integers: float32's one multiplication, and TFLite's fixed point.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <trimtab/io/source/kernel.hpp>
#include <trimtab/quant/requantize.hpp>

namespace trimtab::detail {

/// A multiplier of Requantize as @times takes it. A code is held within 255 steps of its zero point, so that what multiplies any sum but 0
/// beyond them may as well be 2^9, and what takes the largest int32 below half a step, 2^-39.
inline std::uint32_t multiplier_bits(float m) { return std::bit_cast<std::uint32_t>(std::clamp(m, 0x1p-39F, 0x1p9F)); }

inline constexpr const char* clamp_text = R"(
/* A code held within its range. */
static inline uint8_t @held(int64_t code, int32_t least, int32_t most) {
  return (uint8_t)(code < least ? least : code > most ? most : code);
}
)";
inline const SourceKernel clamp_kernel{"held", clamp_text};

inline constexpr const char* float32_text = R"(
/* The network multiplies its sums by float32 numbers, with one rounding to float32, and rounds the product to the nearest integer. This does
   the same in integers. No compiler's flag can change a code, and no floating point is needed. A multiplier m is given by the bits of the
   float: m = mantissa / 2^shift. */

/* v / 2^shift to the nearest integer, of two the even one; shift is 1 to 63. */
static inline uint64_t @half_even(uint64_t v, unsigned shift) {
  const uint64_t whole = v >> shift, rest = v - (whole << shift), half = (uint64_t)1 << (shift - 1);
  return whole + (rest > half || (rest == half && (whole & 1U) != 0) ? 1U : 0U);
}

/* v as float32 keeps it: the nearest number of 24 significant bits, of two the even one; v is below 2^55. */
static inline uint64_t @as_float(uint64_t v) {
  unsigned drop = 0;
  for (unsigned bits = 16; bits > 0; bits /= 2)
    if (v >> (23U + drop + bits) != 0) drop += bits;
  return drop == 0 ? v : @half_even(v, drop) << drop;
}

static inline uint64_t @mantissa(uint32_t m) { return (m & 0x7fffffU) | 0x800000U; }
static inline unsigned @shift(uint32_t m) { return 150U - (unsigned)(m >> 23); }

/* The integer next to x * m. */
static inline int64_t @times(int32_t x, uint32_t m) {
  const uint64_t size = x < 0 ? (uint64_t)(-(int64_t)x) : (uint64_t)x;
  const int64_t steps = (int64_t)@half_even(@as_float(@as_float(size) * @mantissa(m)), @shift(m));
  return x < 0 ? -steps : steps;
}
)";
inline const SourceKernel float32_kernel{"times", float32_text, {&clamp_kernel}};

inline constexpr const char* float32_code_text = R"(
/* What makes codes of a layer's sums. */
typedef struct {
  const uint32_t* multiplier; /* one for each output channel */
  int32_t zero_point, least, most;
} @codes;

/* The code of a sum of output channel c. */
static inline uint8_t @code(int32_t sum, size_t c, const @codes* o) {
  return @held(o->zero_point + @times(sum, o->multiplier[c]), o->least, o->most);
}
)";
inline const SourceKernel float32_code_kernel{"code", float32_code_text, {&float32_kernel}};

inline constexpr const char* multiply_once_text = R"(
/* x * mantissa * 2^(exponent - 31) to the nearest integer, of two the larger one. */
static inline int64_t @multiply_once(int32_t x, int32_t mantissa, int32_t exponent) {
  const int shift = 31 - (int)exponent;
  const int64_t product = (int64_t)x * mantissa + ((int64_t)1 << (shift - 1));
  return product >= 0 ? product >> shift : ~(~product >> shift);
}
)";
inline const SourceKernel multiply_once_kernel{"multiply_once", multiply_once_text};

inline constexpr const char* multiply_twice_text = R"(
/* x * mantissa * 2^(exponent - 31), rounded twice: the upper 32 bits of the product to the nearest integer, then what is right of the
   point, ties away from zero. */
static inline int32_t @multiply_twice(int32_t x, int32_t mantissa, int32_t exponent) {
  const int left = exponent > 0 ? (int)exponent : 0, right = exponent > 0 ? 0 : -(int)exponent;
  const int64_t wide = (int64_t)x * ((int64_t)1 << left), half = ((int64_t)1 << right) >> 1;
  const int64_t shifted = wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : wide;
  const int64_t product = shifted * mantissa, nudge = product >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30);
  const int64_t high = (product + nudge) / ((int64_t)1 << 31);
  return (int32_t)(high < 0 ? -((half - high) >> right) : (high + half) >> right);
}
)";
inline const SourceKernel multiply_twice_kernel{"multiply_twice", multiply_twice_text};

inline constexpr const char* fixed_point_code_text = R"(
/* What makes codes of a layer's sums. */
typedef struct {
  const int32_t* mantissa; /* one for each output channel */
  const int8_t* exponent;  /* the same */
  int32_t rounds_twice, zero_point, least, most;
} @codes;

/* The code of a sum of output channel c. */
static inline uint8_t @code(int32_t sum, size_t c, const @codes* o) {
  const int64_t steps = o->rounds_twice != 0 ? @multiply_twice(sum, o->mantissa[c], o->exponent[c])
                                             : @multiply_once(sum, o->mantissa[c], o->exponent[c]);
  return @held(o->zero_point + steps, o->least, o->most);
}
)";
inline const SourceKernel fixed_point_code_kernel{
    "code", fixed_point_code_text, {&clamp_kernel, &multiply_once_kernel, &multiply_twice_kernel}};

}  // namespace trimtab::detail
