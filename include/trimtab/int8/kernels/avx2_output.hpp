#pragma once
/// \file
/// From accumulators to what a layer puts out, with AVX2.

#include <trimtab/int8/kernels/targets.hpp>
#include <trimtab/int8/kernels/tasks.hpp>

#if TRIMTAB_X86_KERNELS
#include <cstring>

namespace trimtab::int8::avx2 {

TRIMTAB_INT8_UNROLL(TRIMTAB_INT8_INLINE_AVX2)

/// Requantize on uint8 codes; int8 codes are these with zero point and lo 128 higher and bit 7 flipped.
struct CodeStage {
  __m256 limit;
  __m256i zero_point, lo, flip, order;
  bool plain;
};

TRIMTAB_INT8_INLINE_AVX2 inline CodeStage code_stage(const Output& out) {
  const std::int32_t shift = out.is_signed ? 128 : 0;
  // packssdw and packuswb work within 128 bits: bytes of lane 0 are channels 0-3, 8-11 of two rows, of lane 1 the others.
  return {_mm256_set1_ps(static_cast<float>(out.hi - out.zero_point)),
          _mm256_set1_epi16(static_cast<short>(out.zero_point + shift)),
          _mm256_set1_epi8(static_cast<char>(out.lo + shift)),
          _mm256_set1_epi8(static_cast<char>(shift)),
          _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0),
          out.plain};
}

/// round(min(acc * m, hi - zero_point)). Only the upper end needs clamping as a float: below -2^31, and for NaN (minps returns
/// its second operand), the conversion gives -2^31, which the saturating packs then bring to lo. Plain needs no clamping at all.
template <bool Plain>
TRIMTAB_INT8_INLINE_AVX2 inline __m256i to_steps(__m256i acc, __m256 multiplier, const CodeStage& s) {
  const __m256 steps = _mm256_mul_ps(_mm256_cvtepi32_ps(acc), multiplier);
  return _mm256_cvtps_epi32(Plain ? steps : _mm256_min_ps(s.limit, steps));
}

/// 32 codes from the accumulators of four vectors, 16-byte lanes apart: lane l holds groups of 4 from lane l of v0, v1, v2, v3.
template <bool Plain, bool Unsigned = false>
TRIMTAB_INT8_INLINE_AVX2 inline __m256i to_codes(const __m256i* acc, const __m256* multiplier, const CodeStage& s) {
  __m256i low = _mm256_packs_epi32(to_steps<Plain>(acc[0], multiplier[0], s), to_steps<Plain>(acc[1], multiplier[1], s));
  __m256i high = _mm256_packs_epi32(to_steps<Plain>(acc[2], multiplier[2], s), to_steps<Plain>(acc[3], multiplier[3], s));
  if constexpr (Plain && Unsigned) return _mm256_packus_epi16(low, high);
  if constexpr (Plain) return _mm256_xor_si256(_mm256_packus_epi16(low, high), s.flip);
  low = _mm256_adds_epi16(low, s.zero_point);
  high = _mm256_adds_epi16(high, s.zero_point);
  return _mm256_xor_si256(_mm256_max_epu8(_mm256_packus_epi16(low, high), s.lo), s.flip);
}
TRIMTAB_INT8_INLINE_AVX2 inline __m256i to_codes(const __m256i* acc, const __m256* multiplier, const CodeStage& s) {
  return s.plain ? to_codes<true>(acc, multiplier, s) : to_codes<false>(acc, multiplier, s);
}

TRIMTAB_INT8_INLINE_AVX2 inline void store_bytes(std::uint8_t* y, __m128i codes, std::size_t width) {
  if (width >= 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y), codes);
  } else {
    alignas(16) std::uint8_t all[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(all), codes);
    std::memcpy(y, all, width);
  }
}

/// Stores the codes of Rows rows, 2 or 1, of one block of which the first `width` channels exist: acc[2 * row + half]. y: the
/// first row's. Bytes: the codes are plain and unsigned.
template <std::size_t Rows, bool Bytes = false>
TRIMTAB_INT8_INLINE_AVX2 inline void store_codes(std::uint8_t* y, std::ptrdiff_t y_row, const CodeStage& s,
                                                 const float* multiplier, std::size_t width, const __m256i* acc) {
  constexpr std::size_t second = Rows == 2 ? 2 : 0;
  const __m256 m0 = _mm256_loadu_ps(multiplier), m1 = _mm256_loadu_ps(multiplier + 8);
  const __m256i both[4] = {acc[0], acc[1], acc[second], acc[second + 1]};
  const __m256 m[4] = {m0, m1, m0, m1};
  const __m256i codes = _mm256_permutevar8x32_epi32(Bytes ? to_codes<true, true>(both, m, s) : to_codes(both, m, s), s.order);
  store_bytes(y, _mm256_castsi256_si128(codes), width);
  if constexpr (Rows == 2) store_bytes(y + y_row, _mm256_extracti128_si256(codes, 1), width);
}

/// The same for any output.
template <std::size_t Rows>
TRIMTAB_INT8_INLINE_AVX2 inline void store_rows(const Output& out, const CodeStage& s, std::size_t r, std::size_t c,
                                                std::size_t width, const __m256i* acc) {
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(r) * out.row + static_cast<std::ptrdiff_t>(c);
  if (out.kind == OutputKind::codes) {
    store_codes<Rows>(static_cast<std::uint8_t*>(out.data) + at, out.row, s, out.multiplier + c, width, acc);
    return;
  }
  const __m256 m0 = _mm256_loadu_ps(out.multiplier + c), m1 = _mm256_loadu_ps(out.multiplier + c + 8);
  avx2::unroll<Rows>([&](auto row) TRIMTAB_INT8_INLINE_AVX2 {
    __m256i low = acc[2 * row], high = acc[2 * row + 1];
    if (out.kind == OutputKind::floats) {
      low = _mm256_castps_si256(_mm256_mul_ps(_mm256_cvtepi32_ps(low), m0));
      high = _mm256_castps_si256(_mm256_mul_ps(_mm256_cvtepi32_ps(high), m1));
    }
    std::int32_t* y = static_cast<std::int32_t*>(out.data) + at + static_cast<std::ptrdiff_t>(row) * out.row;
    if (width >= 16) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), low);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + 8), high);
    } else {
      alignas(32) std::int32_t all[16];
      _mm256_store_si256(reinterpret_cast<__m256i*>(all), low);
      _mm256_store_si256(reinterpret_cast<__m256i*>(all + 8), high);
      std::memcpy(y, all, width * 4);
    }
  });
}

}  // namespace trimtab::int8::avx2
#endif  // TRIMTAB_X86_KERNELS
