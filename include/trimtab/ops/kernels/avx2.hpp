#pragma once
/// \file
/// Float kernels for AVX2 with FMA.

#include <array>
#include <trimtab/core/isa.hpp>
#include <trimtab/ops/kernels/tasks.hpp>
#include <utility>

#if TRIMTAB_X86_KERNELS
#include <immintrin.h>

#define TRIMTAB_VECTOR_TARGET __attribute__((target("avx2,fma")))
#define TRIMTAB_VECTOR_INLINE TRIMTAB_VECTOR_TARGET __attribute__((always_inline)) static inline

namespace trimtab::kernels::avx2 {

struct Vector {
  using Type = __m256;
  using Lanes = __m256i;  ///< all bits of a lane that takes part
  /// At 6 rows by 2 vectors there are 12 accumulators, two vectors of b and a broadcast, 15 registers of 16.
  static constexpr std::size_t width = 8, gemm_strip = 6;
  static constexpr std::size_t depthwise_vectors(std::size_t row_taps) { return row_taps == 1 ? 2 : 1; }
  static constexpr std::size_t depthwise_weight_vectors(std::size_t taps) { return taps == 3 ? 3 : 2; }

  /// The first `count` of 8 lanes.
  TRIMTAB_VECTOR_INLINE Lanes first_lanes(std::size_t count) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count < 8 ? count : 8)), lane);
  }
  TRIMTAB_VECTOR_INLINE Type zero() { return _mm256_setzero_ps(); }
  TRIMTAB_VECTOR_INLINE Type all(float f) { return _mm256_set1_ps(f); }
  TRIMTAB_VECTOR_INLINE Type fma(Type a, Type b, Type c) { return _mm256_fmadd_ps(a, b, c); }
  TRIMTAB_VECTOR_INLINE Type add(Type a, Type b) { return _mm256_add_ps(a, b); }
  /// clamp_to: lo for NaN.
  TRIMTAB_VECTOR_INLINE Type clamp(Type x, Type lo, Type hi) { return _mm256_min_ps(_mm256_max_ps(x, lo), hi); }
  TRIMTAB_VECTOR_INLINE Type load(const float* from) { return _mm256_loadu_ps(from); }
  TRIMTAB_VECTOR_INLINE void store(float* to, Type v) { _mm256_storeu_ps(to, v); }
  TRIMTAB_VECTOR_INLINE Type load_part(const float* from, Lanes lanes) { return _mm256_maskload_ps(from, lanes); }
  TRIMTAB_VECTOR_INLINE void store_part(float* to, Lanes lanes, Type v) { _mm256_maskstore_ps(to, lanes, v); }
  /// first_lanes(count), which may be all: a masked store takes ten times as long as a whole one.
  TRIMTAB_VECTOR_INLINE Type load_up_to(const float* from, Lanes lanes, std::size_t count) {
    return count >= width ? load(from) : load_part(from, lanes);
  }
  TRIMTAB_VECTOR_INLINE void store_up_to(float* to, Lanes lanes, std::size_t count, Type v) {
    if (count >= width)
      store(to, v);
    else
      store_part(to, lanes, v);
  }
};

#include <trimtab/ops/kernels/vector_kernels.hpp>

}  // namespace trimtab::kernels::avx2

#undef TRIMTAB_VECTOR_INLINE
#undef TRIMTAB_VECTOR_TARGET
#endif
