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

/* v / 2^shift to the nearest integer, of two the even one; v / 2^shift is below 2^31. */
static inline uint32_t @half_even(uint64_t v, unsigned shift) {
  if (shift == 0) return (uint32_t)v;
  const uint32_t halves = (uint32_t)(v >> (shift - 1)), up = halves / 2 + halves % 2;
  const int tie = halves % 2 != 0 && (uint64_t)halves << (shift - 1) == v;
  return tie ? up & ~(uint32_t)1 : up;
}

/* The bits of v beyond the 24 that float32 keeps; v is below 2^55. */
static inline unsigned @excess(uint64_t v) {
  uint32_t top = (uint32_t)(v >> 24);
  unsigned bits = 0;
  for (unsigned half = 16; half > 0; half /= 2)
    if (top >> half != 0) {
      top >>= half;
      bits += half;
    }
  return bits + (unsigned)top;
}

/* v as float32 keeps it. */
static inline uint64_t @as_float(uint64_t v) {
  const unsigned drop = @excess(v);
  return (uint64_t)@half_even(v, drop) << drop;
}

/* v / 2^shift, as float32 keeps v, to the nearest integer; or 2^24, which is beyond every code, where it is 2^23 or more. shift is 1 to 62. */
static inline int32_t @rounded(uint64_t v, unsigned shift) {
  const unsigned drop = @excess(v);
  const uint32_t kept = @half_even(v, drop);
  return drop >= shift ? (int32_t)1 << 24 : (int32_t)@half_even(kept, shift - drop);
}

static inline uint32_t @mantissa(uint32_t m) { return (m & 0x7fffffU) | 0x800000U; }
static inline unsigned @shift(uint32_t m) { return 150U - (unsigned)(m >> 23); }

/* The integer next to x * m. */
static inline int32_t @times(int32_t x, uint32_t m) {
  const uint32_t size = x < 0 ? 0 - (uint32_t)x : (uint32_t)x;
  const uint64_t kept = size >> 24 == 0 ? size : @as_float(size);
  const int32_t steps = @rounded(kept * @mantissa(m), @shift(m));
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
