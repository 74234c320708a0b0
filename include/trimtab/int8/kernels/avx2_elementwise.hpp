#pragma once
/// \file
/// Additions and changes of sign with AVX2.

#include <trimtab/int8/kernels/targets.hpp>
#include <trimtab/int8/kernels/tasks.hpp>

#if TRIMTAB_X86_KERNELS
#include <cstring>

namespace trimtab::int8::avx2 {

/// One branch of an addition, its numbers in vectors.
struct AddBranch {
  const std::uint8_t* codes;
  __m256i flip, zero_point;
  __m256 multiplier;

  /// Products of the 8 codes from i on.
  TRIMTAB_INT8_INLINE_AVX2 __m256 products(std::size_t i) const {
    const __m256i wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes + i)));
    const __m256i shifted = _mm256_sub_epi32(_mm256_xor_si256(wide, flip), zero_point);
    __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(shifted), multiplier);
    __asm__("" : "+x"(product));  // else a build with FMA would make one of this and the sum
    return product;
  }
};

TRIMTAB_INT8_INLINE_AVX2 inline AddBranch add_branch(const AddInput& in) {
  return {in.codes, _mm256_set1_epi32(in.flip), _mm256_set1_epi32(in.zero_point), _mm256_set1_ps(in.multiplier)};
}

/// 32 pairs at a time; what is left over goes through buffers of 32.
TRIMTAB_INT8_AVX2 inline void add(const AddTask& task) {
  constexpr std::size_t at_once = 32;
  const AddTask t = task;  // a copy, since codes that are stored might be parts of what the reference is to
  const AddBranch a = add_branch(t.a), b = add_branch(t.b);
  const __m256 lo = _mm256_set1_ps(static_cast<float>(t.lo - t.zero_point)),
               hi = _mm256_set1_ps(static_cast<float>(t.hi - t.zero_point));
  const __m256i zero_point = _mm256_set1_epi32(t.zero_point), flip = _mm256_set1_epi8(static_cast<char>(t.flip));
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);  // packs work within 128 bits
  std::size_t i = 0;
  for (; i + at_once <= t.count; i += at_once) {
    const auto steps = [&](std::size_t j)
                           TRIMTAB_INT8_INLINE_AVX2 { return _mm256_add_ps(a.products(i + j), b.products(i + j)); };
    if (t.steps != nullptr) {
      for (std::size_t j = 0; j < at_once; j += 8) _mm256_storeu_ps(t.steps + i + j, steps(j));
      continue;
    }
    const auto codes = [&](std::size_t j) TRIMTAB_INT8_INLINE_AVX2 {
      return _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(steps(j), lo), hi)), zero_point);
    };
    const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(codes(0), codes(8)), _mm256_packs_epi32(codes(16), codes(24)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(t.codes + i),
                        _mm256_xor_si256(_mm256_permutevar8x32_epi32(bytes, order), flip));
  }
  if (i == t.count) return;
  std::uint8_t rest_a[at_once] = {}, rest_b[at_once] = {}, codes[at_once];
  float steps[at_once];
  std::memcpy(rest_a, t.a.codes + i, t.count - i);
  std::memcpy(rest_b, t.b.codes + i, t.count - i);
  AddTask rest = t;
  rest.a.codes = rest_a;
  rest.b.codes = rest_b;
  rest.count = at_once;
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

/// y[i] = table[x[i]]. Each of 16 shuffles looks up the bytes whose upper half is its number, and gives 0 for all others: with
/// that half cleared, these are below 16, and stay so, less than 128, where 112 is added with saturation.
TRIMTAB_INT8_AVX2 inline void look_up(const std::uint8_t* table, const std::uint8_t* x, std::size_t count, std::uint8_t* y) {
  constexpr std::size_t at_once = 64;
  const __m256i more = _mm256_set1_epi8(112);
  const auto part = [&](int k) TRIMTAB_INT8_INLINE_AVX2 {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table + 16 * k)));
  };
  std::size_t i = 0;
  for (; i + at_once <= count; i += at_once) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i)),
                  b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i + 32));
    __m256i of_a = _mm256_setzero_si256(), of_b = of_a;
    for (int k = 0; k < 16; ++k) {
      const __m256i codes = part(k), upper = _mm256_set1_epi8(static_cast<char>(16 * k));
      of_a = _mm256_or_si256(of_a, _mm256_shuffle_epi8(codes, _mm256_adds_epu8(_mm256_xor_si256(a, upper), more)));
      of_b = _mm256_or_si256(of_b, _mm256_shuffle_epi8(codes, _mm256_adds_epu8(_mm256_xor_si256(b, upper), more)));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + i), of_a);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + i + 32), of_b);
  }
  for (; i < count; ++i) y[i] = table[x[i]];
}

}  // namespace trimtab::int8::avx2
#endif  // TRIMTAB_X86_KERNELS
