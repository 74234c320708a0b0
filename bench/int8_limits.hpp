#pragma once
/// \file
/// What the cores can do at most, per instruction set: multiply-accumulates of bytes per second with all operands in registers.

#include <algorithm>
#include <trimtab/core/parallel.hpp>
#include <trimtab/int8/isa.hpp>

#include "timing.hpp"

#if TRIMTAB_X86_KERNELS
#include <immintrin.h>
#endif

namespace limits {

#if TRIMTAB_X86_KERNELS
// Twelve independent chains hide the latency of any of these; the empty asm keeps the compiler from folding them.
__attribute__((target("avx512f,avx512vnni"))) inline void avx512vnni(long rounds) {
  __m512i acc[12] = {}, x = _mm512_set1_epi32(0x01020304);
  for (long i = 0; i < rounds; ++i) {
    TRIMTAB_UNROLL
    for (int j = 0; j < 12; ++j) {
      acc[j] = _mm512_dpbusd_epi32(acc[j], x, x);
      __asm__ volatile("" : "+v"(acc[j]));
    }
  }
}
__attribute__((target("avx2,avxvnni"))) inline void avxvnni(long rounds) {
  __m256i acc[12] = {}, x = _mm256_set1_epi32(0x01020304);
  for (long i = 0; i < rounds; ++i) {
    TRIMTAB_UNROLL
    for (int j = 0; j < 12; ++j) {
      acc[j] = _mm256_dpbusd_avx_epi32(acc[j], x, x);
      __asm__ volatile("" : "+x"(acc[j]));
    }
  }
}
// For 64 products two vpmaddubsw, a complement, and one vpmaddwd for the sum of both: the cheapest exact way (docs/kernels.md).
__attribute__((target("avx2"))) inline void avx2(long rounds) {
  __m256i acc[12] = {}, x = _mm256_set1_epi32(0x01020304), mask = x, ones = _mm256_set1_epi16(1);
  for (long i = 0; i < rounds; ++i) {
    TRIMTAB_UNROLL
    for (int j = 0; j < 12; ++j) {
      __asm__ volatile("" : "+x"(x), "+x"(mask));
      const __m256i sums = _mm256_add_epi16(_mm256_maddubs_epi16(x, mask), _mm256_maddubs_epi16(_mm256_xor_si256(x, mask), mask));
      acc[j] = _mm256_add_epi32(acc[j], _mm256_madd_epi16(sums, ones));
      __asm__ volatile("" : "+x"(acc[j]));
    }
  }
}
#endif

/// MAC/s of so many cores at work at once; 0 where there is no measure (portable).
inline double macs_per_second(trimtab::int8::Isa isa, int thread_count) {
#if TRIMTAB_X86_KERNELS
  using trimtab::int8::Isa;
  void (*run)(long) = isa == Isa::avx512vnni ? avx512vnni : isa == Isa::avxvnni ? avxvnni : isa == Isa::avx2 ? avx2 : nullptr;
  if (run == nullptr) return 0;
  const trimtab::ScopedThreads scope(thread_count);
  const double per_round = 12.0 * (isa == Isa::avxvnni ? 32 : 64) * thread_count;
  double best = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    constexpr long rounds = 1000000;
    const auto all = [&] { trimtab::parallel_for(static_cast<std::size_t>(thread_count), [&](std::size_t) { run(rounds); }); };
    best = std::max(best, per_round * static_cast<double>(rounds) / timing::seconds(thread_count, 1, all));
  }
  return best;
#else
  static_cast<void>(isa), static_cast<void>(thread_count);
  return 0;
#endif
}

}  // namespace limits
