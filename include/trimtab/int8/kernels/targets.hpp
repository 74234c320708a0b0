#pragma once
/// \file
/// For which instruction sets the functions of the integer kernels are compiled, whatever flags the program has.

#include <trimtab/int8/isa.hpp>

#if TRIMTAB_X86_KERNELS
#include <immintrin.h>

#include <cstddef>
#include <utility>

#define TRIMTAB_INT8_AVX2 __attribute__((target("avx2")))
#define TRIMTAB_INT8_AVXVNNI __attribute__((target("avx2,avxvnni")))
#define TRIMTAB_INT8_AVX512VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define TRIMTAB_INT8_AMX __attribute__((target("amx-tile,amx-int8,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))

// Lambdas do not inherit the target of the function around them, so they say these themselves.
#define TRIMTAB_INT8_INLINE_AVX2 TRIMTAB_INT8_AVX2 __attribute__((always_inline))
#define TRIMTAB_INT8_INLINE_AVXVNNI TRIMTAB_INT8_AVXVNNI __attribute__((always_inline))
#define TRIMTAB_INT8_INLINE_AVX512VNNI TRIMTAB_INT8_AVX512VNNI __attribute__((always_inline))

// In a namespace: unroll<N>(f) is f(0), f(1) .. f(N - 1) with the index a constant, for one of the targets above. Arrays of
// vectors stay in registers only when the compiler sees constants from the start.
#define TRIMTAB_INT8_UNROLL(inline_target)                                  \
  template <class F, std::size_t... I>                                      \
  inline_target inline void unroll(const F& f, std::index_sequence<I...>) { \
    (f(std::integral_constant<std::size_t, I>{}), ...);                     \
  }                                                                         \
  template <std::size_t N, class F>                                         \
  inline_target inline void unroll(const F& f) {                            \
    (unroll)(f, std::make_index_sequence<N>{});                             \
  }

// GCC's own _mm512_undefined_* reads an uninitialized variable on purpose, and warns about it where the intrinsics are used.
#if defined(__GNUC__) && !defined(__clang__)
#define TRIMTAB_INT8_BEGIN_AVX512                                                      \
  _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wuninitialized\"") \
      _Pragma("GCC diagnostic ignored \"-Wmaybe-uninitialized\"")
#define TRIMTAB_INT8_END_AVX512 _Pragma("GCC diagnostic pop")
#else
#define TRIMTAB_INT8_BEGIN_AVX512
#define TRIMTAB_INT8_END_AVX512
#endif
#endif  // TRIMTAB_X86_KERNELS

#if TRIMTAB_ARM_KERNELS
#include <arm_neon.h>

#if defined(__clang__)
#define TRIMTAB_INT8_NEONDOT __attribute__((target("dotprod")))
#else
#define TRIMTAB_INT8_NEONDOT __attribute__((target("arch=armv8.2-a+dotprod")))
#endif
#endif  // TRIMTAB_ARM_KERNELS

#if TRIMTAB_WASM_KERNELS
#include <wasm_simd128.h>
#endif
