#pragma once
/// \file
/// Products of 16-bit integers and what makes such integers of floats: the loops that define them, and the same for AVX2.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <trimtab/core/bit_cast.hpp>
#include <trimtab/core/isa.hpp>
#include <trimtab/ops/kernels/tasks.hpp>
#include <trimtab/quant/params.hpp>
#include <type_traits>

namespace trimtab::kernels {

/// The scale of a row of Int16RoundTask from the bits of its largest magnitude, and what its numbers are multiplied by: 0 for
/// zeros. Of floats without their signs the bits have the floats' order, with infinity and then NaN at the top.
struct Int16RowScale {
  float scale, inverse;
  Int16RowScale(std::int32_t largest_bits, float limit) {
    const float largest = bit_cast<float>(largest_bits);
    const bool finite = largest <= std::numeric_limits<float>::max(), some = finite && largest >= 0x1p-100F;
    scale = some ? largest / limit : finite ? 0.0F : std::numeric_limits<float>::quiet_NaN();
    inverse = some ? limit / largest : 0.0F;
  }
};

namespace portable {

inline void int16_round(const Int16RoundTask& t) {
  for (std::size_t m = 0; m < t.rows; ++m) {
    const float* x = t.x + m * t.cols;
    std::int32_t bits = 0;
    for (std::size_t n = 0; n < t.cols; ++n) bits = std::max(bits, bit_cast<std::int32_t>(x[n] * t.factor[n]) & 0x7fffffff);
    const Int16RowScale row(bits, t.limit);
    t.scale[m] = row.scale;
    std::int16_t* to = t.to + m * t.cols;
    if (row.inverse == 0)
      std::fill_n(to, t.cols, std::int16_t(0));
    else
      for (std::size_t n = 0; n < t.cols; ++n)
        to[n] = static_cast<std::int16_t>(static_cast<std::int32_t>(round_half_even(x[n] * t.factor[n] * row.inverse)));
  }
}

/// Calls each(m, n, sum) for all sums, row by row.
template <class Each>
void int16_sums(const Int16Product& t, const Each& each) {
  for (std::size_t m = 0; m < t.rows; ++m) {
    const std::int16_t* a = t.a + static_cast<std::ptrdiff_t>(m) * t.a_row;
    for (std::size_t col = 0; col < t.cols; col += int16_panel) {
      const Int16Step* b = t.b + col / int16_panel * t.pairs;
      std::int32_t sum[int16_panel] = {};
      for (std::size_t p = 0; p < t.pairs; ++p)
        for (std::size_t n = 0; n < int16_panel; ++n) sum[n] += a[2 * p] * b[p].column[n][0] + a[2 * p + 1] * b[p].column[n][1];
      for (std::size_t n = 0; n < int16_panel && col + n < t.cols; ++n) each(m, col + n, sum[n]);
    }
  }
}

inline void int16_scaled(const Int16ScaledTask& t) {
  int16_sums(t.product, [&](std::size_t m, std::size_t n, std::int32_t sum) {
    float& to = t.c[static_cast<std::ptrdiff_t>(m) * t.c_row + static_cast<std::ptrdiff_t>(n)];
    const float scaled = t.scale[m] * static_cast<float>(sum);
    to = t.add ? to + scaled : scaled;
  });
}

inline void int16_dot(const Int16DotTask& t) {
  int16_sums(t.product, [&](std::size_t m, std::size_t n, std::int32_t sum) {
    t.to[n] += t.g[static_cast<std::ptrdiff_t>(m) * t.g_row + static_cast<std::ptrdiff_t>(n)] * static_cast<float>(sum);
  });
}

}  // namespace portable
}  // namespace trimtab::kernels

#if TRIMTAB_X86_KERNELS
#include <immintrin.h>

// Without FMA: what follows the integers rounds as the portable loop does.
#define TRIMTAB_TARGET_AVX2 __attribute__((target("avx2")))

namespace trimtab::kernels::avx2 {

/// The first `count` of 8 lanes.
TRIMTAB_TARGET_AVX2 inline __m256i int16_lanes(std::size_t count) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count < 8 ? count : 8)), lane);
}

/// Twice over a row, which then is in the first-level cache: its largest magnitude, then the numbers, 8 a step.
TRIMTAB_TARGET_AVX2 inline void int16_round(const Int16RoundTask& t) {
  const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  const std::size_t whole = t.cols / 8 * 8;
  for (std::size_t m = 0; m < t.rows; ++m) {
    const float* x = t.x + m * t.cols;
    std::int16_t* to = t.to + m * t.cols;
    __m256i largest = _mm256_setzero_si256();
    for (std::size_t n = 0; n < whole; n += 8) {
      const __m256 v = _mm256_mul_ps(_mm256_loadu_ps(x + n), _mm256_loadu_ps(t.factor + n));
      largest = _mm256_max_epi32(largest, _mm256_castps_si256(_mm256_and_ps(v, magnitude)));
    }
    __m128i half = _mm_max_epi32(_mm256_castsi256_si128(largest), _mm256_extracti128_si256(largest, 1));
    half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0xb1));
    std::int32_t bits = _mm_cvtsi128_si32(half);
    for (std::size_t n = whole; n < t.cols; ++n) bits = std::max(bits, bit_cast<std::int32_t>(x[n] * t.factor[n]) & 0x7fffffff);
    const Int16RowScale row(bits, t.limit);
    t.scale[m] = row.scale;
    if (row.inverse == 0) {
      std::memset(to, 0, t.cols * sizeof *to);
      continue;
    }
    const __m256 inverse = _mm256_set1_ps(row.inverse);
    for (std::size_t n = 0; n < whole; n += 8) {
      const __m256 v = _mm256_mul_ps(_mm256_loadu_ps(x + n), _mm256_loadu_ps(t.factor + n));
      const __m256i rounded = _mm256_cvtps_epi32(_mm256_mul_ps(v, inverse));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + n),
                       _mm_packs_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1)));
    }
    for (std::size_t n = whole; n < t.cols; ++n)
      to[n] = static_cast<std::int16_t>(_mm_cvtss_si32(_mm_set_ss(x[n] * t.factor[n] * row.inverse)));
  }
}

/// Eight floats, or the `left` that there are: a masked store takes ten times as long as a whole one.
TRIMTAB_TARGET_AVX2 inline __m256 int16_load(const float* from, std::size_t left, __m256i lanes) {
  return left >= 8 ? _mm256_loadu_ps(from) : _mm256_maskload_ps(from, lanes);
}
TRIMTAB_TARGET_AVX2 inline void int16_store(float* to, std::size_t left, __m256i lanes, __m256 value) {
  if (left >= 8)
    _mm256_storeu_ps(to, value);
  else
    _mm256_maskstore_ps(to, lanes, value);
}

/// M rows by V vectors of 8 columns: at 6 x 2 there are 12 accumulators, two vectors of b, a broadcast pair and its products, 16
/// registers. A pair of the depth is 64 bytes of b, 6 broadcasts, and 12 times vpmaddwd and vpaddd, which keep four ports busy
/// for 6 cycles. vpmaddwd adds two products of 16 bits into 32: at -32768 * -32768 twice it would wrap, which no caller's numbers
/// reach.
template <std::size_t M, std::size_t V, class Task>
TRIMTAB_TARGET_AVX2 inline void int16_tile(const Task& t, std::size_t row, std::size_t col) {
  const Int16Product& product = t.product;
  const std::ptrdiff_t step = product.a_row;
  const Int16Step* b = product.b + col / int16_panel * product.pairs;
  constexpr std::size_t bases = (M + 2) / 3;
  const std::int16_t* base[bases];
  TRIMTAB_UNROLL
  for (std::size_t i = 0; i < bases; ++i) base[i] = product.a + static_cast<std::ptrdiff_t>(row + 3 * i) * step;
  __m256i sum[M * V];
  TRIMTAB_UNROLL
  for (std::size_t i = 0; i < M * V; ++i) sum[i] = _mm256_setzero_si256();
  for (std::size_t k = product.pairs; k > 0; --k, ++b) {
    __m256i right[V];
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < V; ++v) right[v] = _mm256_load_si256(reinterpret_cast<const __m256i*>(b->column[8 * v]));
    TRIMTAB_UNROLL
    for (std::size_t m = 0; m < M; ++m) {
      std::int32_t pair;
      std::memcpy(&pair, base[m / 3] + static_cast<std::ptrdiff_t>(m % 3) * step, sizeof pair);
      __m256i left = _mm256_set1_epi32(pair);
      __asm__ volatile("" : "+x"(left));  // row by row: GCC 12 would do all six at once, and spill
      TRIMTAB_UNROLL
      for (std::size_t v = 0; v < V; ++v) {
        sum[m * V + v] = _mm256_add_epi32(sum[m * V + v], _mm256_madd_epi16(left, right[v]));
        __asm__ volatile("" : "+x"(sum[m * V + v]));
      }
    }
    TRIMTAB_UNROLL
    for (std::size_t i = 0; i < bases; ++i) base[i] += 2;
  }
  TRIMTAB_UNROLL
  for (std::size_t v = 0; v < V; ++v) {
    const std::size_t at = col + 8 * v, left = product.cols - at;
    const __m256i lanes = int16_lanes(left);
    if constexpr (std::is_same_v<Task, Int16ScaledTask>) {
      TRIMTAB_UNROLL
      for (std::size_t m = 0; m < M; ++m) {
        float* to = t.c + static_cast<std::ptrdiff_t>(row + m) * t.c_row + at;
        __m256 scaled = _mm256_mul_ps(_mm256_set1_ps(t.scale[row + m]), _mm256_cvtepi32_ps(sum[m * V + v]));
        if (t.add) scaled = _mm256_add_ps(int16_load(to, left, lanes), scaled);
        int16_store(to, left, lanes, scaled);
      }
    } else {
      __m256 total = int16_load(t.to + at, left, lanes);
      TRIMTAB_UNROLL
      for (std::size_t m = 0; m < M; ++m) {
        const __m256 g = int16_load(t.g + static_cast<std::ptrdiff_t>(row + m) * t.g_row + at, left, lanes);
        total = _mm256_add_ps(total, _mm256_mul_ps(g, _mm256_cvtepi32_ps(sum[m * V + v])));
      }
      int16_store(t.to + at, left, lanes, total);
    }
  }
}

/// A panel of b stays in the first-level cache while the rows of a pass by.
template <std::size_t V, class Task>
TRIMTAB_TARGET_AVX2 inline void int16_columns(const Task& t, std::size_t col) {
  std::size_t row = 0;
  for (; row + 6 <= t.product.rows; row += 6) int16_tile<6, V>(t, row, col);
  const std::size_t rest = t.product.rows - row;
  if (rest & 4) int16_tile<4, V>(t, row, col), row += 4;
  if (rest & 2) int16_tile<2, V>(t, row, col), row += 2;
  if (rest & 1) int16_tile<1, V>(t, row, col);
}

template <class Task>
TRIMTAB_TARGET_AVX2 inline void int16_product(const Task& t) {
  for (std::size_t col = 0; col < t.product.cols; col += int16_panel) {
    if (t.product.cols - col > 8)
      int16_columns<2>(t, col);
    else
      int16_columns<1>(t, col);
  }
}

TRIMTAB_TARGET_AVX2 inline void int16_scaled(const Int16ScaledTask& t) { int16_product(t); }
TRIMTAB_TARGET_AVX2 inline void int16_dot(const Int16DotTask& t) { int16_product(t); }

}  // namespace trimtab::kernels::avx2

#undef TRIMTAB_TARGET_AVX2
#endif
