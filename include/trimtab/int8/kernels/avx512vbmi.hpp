#pragma once
/// \file
/// Tables of 256 bytes with AVX-512's byte permutations, which CPUs since Ice Lake and Zen 4 have.

#include <trimtab/int8/kernels/avx2_elementwise.hpp>

#if TRIMTAB_X86_KERNELS

TRIMTAB_INT8_BEGIN_AVX512

namespace trimtab::int8::avx512vbmi {

/// y[i] = table[x[i]]: two permutations look up the lower 7 bits in either half of the table, the top bit chooses. What is left
/// over is loaded and stored with a mask.
__attribute__((target("avx512f,avx512bw,avx512vbmi"))) inline void look_up(const std::uint8_t* table, const std::uint8_t* x,
                                                                           std::size_t count, std::uint8_t* y) {
  const __m512i a = _mm512_loadu_si512(table), b = _mm512_loadu_si512(table + 64), c = _mm512_loadu_si512(table + 128),
                d = _mm512_loadu_si512(table + 192);
  for (std::size_t i = 0; i < count; i += 64) {
    const __mmask64 inside = count - i >= 64 ? ~__mmask64{0} : (__mmask64{1} << (count - i)) - 1;
    const __m512i at = _mm512_maskz_loadu_epi8(inside, x + i);
    const __m512i low = _mm512_permutex2var_epi8(a, at, b), high = _mm512_permutex2var_epi8(c, at, d);
    _mm512_mask_storeu_epi8(y + i, inside, _mm512_mask_blend_epi8(_mm512_movepi8_mask(at), low, high));
  }
}

/// The same where the CPU has them, else by AVX2.
inline void look_up_if_there(const std::uint8_t* table, const std::uint8_t* x, std::size_t count, std::uint8_t* y) {
  static const bool there = __builtin_cpu_supports("avx512vbmi") != 0;
  (there ? look_up : avx2::look_up)(table, x, count, y);
}

}  // namespace trimtab::int8::avx512vbmi

TRIMTAB_INT8_END_AVX512
#endif  // TRIMTAB_X86_KERNELS
