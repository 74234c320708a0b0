#pragma once
/// \file
/// Additions and changes of sign with AVX2.

#include <trimtab/int8/kernels/targets.hpp>
#include <trimtab/int8/kernels/tasks.hpp>

#if TRIMTAB_X86_KERNELS
#include <cstring>

namespace trimtab::int8::avx2 {

/// Products of 8 codes.
TRIMTAB_INT8_INLINE_AVX2 inline __m256 add_products(const AddInput& in, std::size_t i) {
  const __m128i codes =
      _mm_xor_si128(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(in.codes + i)), _mm_set1_epi8(static_cast<char>(in.flip)));
  const __m256i shifted = _mm256_sub_epi32(_mm256_cvtepu8_epi32(codes), _mm256_set1_epi32(in.zero_point));
  __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(shifted), _mm256_set1_ps(in.multiplier));
  __asm__("" : "+x"(product));  // else a build with FMA would make one of this and the sum
  return product;
}

/// 8 pairs at a time; what is left over goes through a buffer of 8.
TRIMTAB_INT8_AVX2 inline void add(const AddTask& t) {
  const __m256 lo = _mm256_set1_ps(static_cast<float>(t.lo - t.zero_point)),
               hi = _mm256_set1_ps(static_cast<float>(t.hi - t.zero_point));
  const __m256i zero_point = _mm256_set1_epi32(t.zero_point);
  const __m128i flip = _mm_set1_epi8(static_cast<char>(t.flip));
  std::size_t i = 0;
  for (; i + 8 <= t.count; i += 8) {
    const __m256 steps = _mm256_add_ps(add_products(t.a, i), add_products(t.b, i));
    if (t.steps != nullptr) {
      _mm256_storeu_ps(t.steps + i, steps);
      continue;
    }
    const __m256i codes = _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(steps, lo), hi)), zero_point);
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(codes), _mm256_extracti128_si256(codes, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(t.codes + i), _mm_xor_si128(_mm_packus_epi16(words, words), flip));
  }
  if (i == t.count) return;
  std::uint8_t a[8] = {}, b[8] = {}, codes[8];
  float steps[8];
  std::memcpy(a, t.a.codes + i, t.count - i);
  std::memcpy(b, t.b.codes + i, t.count - i);
  AddTask rest = t;
  rest.a.codes = a;
  rest.b.codes = b;
  rest.count = 8;
  rest.steps = t.steps != nullptr ? steps : nullptr;
  rest.codes = codes;
  add(rest);
  if (t.steps != nullptr)
    std::memcpy(t.steps + i, steps, (t.count - i) * sizeof(float));
  else
    std::memcpy(t.codes + i, codes, t.count - i);
}

/// to[i] = x[i] xor flip.
TRIMTAB_INT8_AVX2 inline void copy_flipped(const std::uint8_t* x, std::size_t count, std::uint8_t flip, std::uint8_t* to) {
  const __m256i mask = _mm256_set1_epi8(static_cast<char>(flip));
  std::size_t i = 0;
  for (; i + 32 <= count; i += 32)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i),
                        _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i)), mask));
  for (; i < count; ++i) to[i] = static_cast<std::uint8_t>(x[i] ^ flip);
}

}  // namespace trimtab::int8::avx2
#endif  // TRIMTAB_X86_KERNELS
