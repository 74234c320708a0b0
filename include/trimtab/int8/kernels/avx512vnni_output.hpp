#pragma once
/// \file
/// From accumulators to what a layer puts out, with AVX-512.

#include <trimtab/int8/kernels/targets.hpp>
#include <trimtab/int8/kernels/tasks.hpp>

#if TRIMTAB_X86_KERNELS
#include <cstring>

TRIMTAB_INT8_BEGIN_AVX512

namespace trimtab::int8::avx512vnni {

TRIMTAB_INT8_UNROLL(TRIMTAB_INT8_INLINE_AVX512VNNI)

/// Requantize for four vectors at a time, on uint8 codes; int8 codes are these with zero point and lo 128 higher and bit 7
/// flipped.
struct CodeStage {
  __m512 limit;
  __m512i zero_point, lo, flip, order;
};

TRIMTAB_INT8_INLINE_AVX512VNNI inline CodeStage code_stage(const Output& out) {
  const std::int32_t shift = out.is_signed ? 128 : 0;
  // packssdw and packuswb work within 128 bits: byte group 4 * lane + q belongs at 4 * q + lane.
  return {_mm512_set1_ps(static_cast<float>(out.hi - out.zero_point)),
          _mm512_set1_epi16(static_cast<short>(out.zero_point + shift)), _mm512_set1_epi8(static_cast<char>(out.lo + shift)),
          _mm512_set1_epi8(static_cast<char>(shift)), _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0)};
}

/// round(min(acc * m, hi - zero_point)). Only the upper end needs clamping as a float: below -2^31, and for NaN (minps returns
/// its second operand), the conversion gives -2^31, which the saturating packs then bring to lo. Plain needs no clamping at all.
template <bool Plain>
TRIMTAB_INT8_INLINE_AVX512VNNI inline __m512i to_steps(__m512i acc, __m512 multiplier, const CodeStage& s) {
  const __m512 steps = _mm512_mul_ps(_mm512_cvtepi32_ps(acc), multiplier);
  return _mm512_cvtps_epi32(Plain ? steps : _mm512_min_ps(s.limit, steps));
}

/// 64 codes, lane by lane: bytes 16 l + 4 q .. + 3 come from lane l of vector q.
template <bool Plain>
TRIMTAB_INT8_INLINE_AVX512VNNI inline __m512i to_codes(__m512i v0, __m512i v1, __m512i v2, __m512i v3, const CodeStage& s) {
  __m512i low = _mm512_packs_epi32(v0, v1), high = _mm512_packs_epi32(v2, v3);
  if constexpr (Plain) return _mm512_xor_si512(_mm512_packus_epi16(low, high), s.flip);
  low = _mm512_adds_epi16(low, s.zero_point);
  high = _mm512_adds_epi16(high, s.zero_point);
  return _mm512_xor_si512(_mm512_max_epu8(_mm512_packus_epi16(low, high), s.lo), s.flip);
}

/// Stores the codes of 4 / N rows (or as many as exist) of N blocks, of which the first `width` channels exist.
template <std::size_t N, std::size_t Rows, bool Plain>
TRIMTAB_INT8_INLINE_AVX512VNNI inline void store_codes(const Output& out, const CodeStage& s, std::size_t r, std::size_t c,
                                                       std::size_t width, const __m512i (*acc)[N]) {
  __m512i steps[4];
  avx512vnni::unroll<4>([&](auto i) TRIMTAB_INT8_INLINE_AVX512VNNI {
    constexpr std::size_t row = i / N < Rows ? i / N : 0;
    steps[i] = i / N < Rows ? to_steps<Plain>(acc[row][i % N], _mm512_loadu_ps(out.multiplier + c + 16 * (i % N)), s) : steps[0];
  });
  const __m512i codes = _mm512_permutexvar_epi32(s.order, to_codes<Plain>(steps[0], steps[1], steps[2], steps[3], s));
  std::uint8_t* y =
      static_cast<std::uint8_t*>(out.data) + static_cast<std::ptrdiff_t>(r) * out.row + static_cast<std::ptrdiff_t>(c);
  if (Rows * N == 4 && width >= 16 * N && (N == 4 || out.row == 16 * N)) {
    _mm512_storeu_si512(y, codes);
  } else if constexpr (N == 4) {
    _mm512_mask_storeu_epi8(y, (std::uint64_t{1} << width) - 1, codes);
  } else if constexpr (N == 2) {
    const auto mask = static_cast<__mmask32>(width >= 32 ? 0xFFFFFFFFU : (1U << width) - 1U);
    _mm256_mask_storeu_epi8(y, mask, _mm512_castsi512_si256(codes));
    if constexpr (Rows > 1) _mm256_mask_storeu_epi8(y + out.row, mask, _mm512_extracti64x4_epi64(codes, 1));
  } else {
    const auto mask = static_cast<__mmask16>(width >= 16 ? 0xFFFFU : (1U << width) - 1U);
    avx512vnni::unroll<Rows>([&](auto i) TRIMTAB_INT8_INLINE_AVX512VNNI {
      constexpr int lane = i;  // without optimisation GCC takes nothing else for an immediate
      _mm_mask_storeu_epi8(y + lane * out.row, mask, _mm512_extracti32x4_epi32(codes, lane));
    });
  }
}

/// Stores M rows of N blocks.
template <std::size_t M, std::size_t N, bool Plain>
TRIMTAB_INT8_INLINE_AVX512VNNI inline void store_all_codes(const Output& out, const CodeStage& s, std::size_t r, std::size_t c,
                                                           std::size_t width, const __m512i (*acc)[N]) {
  constexpr std::size_t at_once = 4 / N;
  avx512vnni::unroll<M / at_once>([&](auto i) TRIMTAB_INT8_INLINE_AVX512VNNI {
    store_codes<N, at_once, Plain>(out, s, r + i * at_once, c, width, acc + i * at_once);
  });
  if constexpr (M % at_once > 0) {
    constexpr std::size_t done = M / at_once * at_once;
    store_codes<N, M - done, Plain>(out, s, r + done, c, width, acc + done);
  }
}

/// Stores one row of N blocks as accumulators or floats.
template <std::size_t N>
TRIMTAB_INT8_INLINE_AVX512VNNI inline void store_words(const Output& out, std::size_t r, std::size_t c, std::size_t width,
                                                       const __m512i* acc) {
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(r) * out.row + static_cast<std::ptrdiff_t>(c);
  avx512vnni::unroll<N>([&](auto n) TRIMTAB_INT8_INLINE_AVX512VNNI {
    const std::size_t begin = 16 * n;
    const auto mask = static_cast<__mmask16>(width >= begin + 16 ? 0xFFFFU : (1U << (width - begin)) - 1U);
    __m512i v = acc[n];
    if (out.kind == OutputKind::floats)
      v = _mm512_castps_si512(_mm512_mul_ps(_mm512_cvtepi32_ps(v), _mm512_loadu_ps(out.multiplier + c + begin)));
    _mm512_mask_storeu_epi32(static_cast<std::int32_t*>(out.data) + at + begin, mask, v);
  });
}

}  // namespace trimtab::int8::avx512vnni

TRIMTAB_INT8_END_AVX512
#endif  // TRIMTAB_X86_KERNELS
