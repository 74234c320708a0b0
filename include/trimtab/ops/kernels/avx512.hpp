#pragma once
/// \file
/// Float kernels for AVX-512.

#include <array>
#include <trimtab/core/isa.hpp>
#include <trimtab/ops/kernels/tasks.hpp>
#include <utility>

#if TRIMTAB_X86_KERNELS
#include <immintrin.h>

#define TRIMTAB_VECTOR_TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,fma")))
#define TRIMTAB_VECTOR_INLINE TRIMTAB_VECTOR_TARGET __attribute__((always_inline)) static inline

namespace trimtab::kernels::avx512 {

struct Vector {
  using Type = __m512;
  using Lanes = __mmask16;  ///< a bit for each lane that takes part
  /// At 12 rows by 2 vectors there are 24 accumulators, two vectors of b and a broadcast, 27 registers of 32; a step of the depth
  /// is 14 loads and 24 multiply-adds, so two load ports and two FMA ports are busy for 12 cycles.
  static constexpr std::size_t width = 16, gemm_strip = 12;
  static constexpr std::size_t depthwise_vectors(std::size_t) { return 2; }
  static constexpr std::size_t depthwise_weight_vectors(std::size_t) { return 4; }

  /// The first `count` of 16 lanes.
  TRIMTAB_VECTOR_INLINE Lanes first_lanes(std::size_t count) {
    return count >= 16 ? __mmask16(0xFFFF) : static_cast<__mmask16>((1U << count) - 1U);
  }
  TRIMTAB_VECTOR_INLINE Type zero() { return _mm512_setzero_ps(); }
  TRIMTAB_VECTOR_INLINE Type all(float f) { return _mm512_set1_ps(f); }
  TRIMTAB_VECTOR_INLINE Type fma(Type a, Type b, Type c) { return _mm512_fmadd_ps(a, b, c); }
  TRIMTAB_VECTOR_INLINE Type add(Type a, Type b) { return _mm512_add_ps(a, b); }
  /// clamp_to: lo for NaN. By masks of all lanes, since GCC 12 warns of what the functions without masks leave undefined.
  TRIMTAB_VECTOR_INLINE Type clamp(Type x, Type lo, Type hi) {
    return _mm512_maskz_min_ps(first_lanes(width), _mm512_maskz_max_ps(first_lanes(width), x, lo), hi);
  }
  TRIMTAB_VECTOR_INLINE Type load(const float* from) { return _mm512_loadu_ps(from); }
  TRIMTAB_VECTOR_INLINE void store(float* to, Type v) { _mm512_storeu_ps(to, v); }
  TRIMTAB_VECTOR_INLINE Type load_part(const float* from, Lanes lanes) { return _mm512_maskz_loadu_ps(lanes, from); }
  TRIMTAB_VECTOR_INLINE void store_part(float* to, Lanes lanes, Type v) { _mm512_mask_storeu_ps(to, lanes, v); }
  /// first_lanes(count), which may be all: masks cost nothing.
  TRIMTAB_VECTOR_INLINE Type load_up_to(const float* from, Lanes lanes, std::size_t) { return load_part(from, lanes); }
  TRIMTAB_VECTOR_INLINE void store_up_to(float* to, Lanes lanes, std::size_t, Type v) { store_part(to, lanes, v); }
};

#include <trimtab/ops/kernels/vector_kernels.hpp>

}  // namespace trimtab::kernels::avx512

#undef TRIMTAB_VECTOR_INLINE
#undef TRIMTAB_VECTOR_TARGET
#endif
