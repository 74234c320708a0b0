#pragma once
/// \file
/// Float kernels for AVX2 with FMA.

#include <trimtab/core/isa.hpp>
#include <trimtab/ops/kernels/tasks.hpp>

#if TRIMTAB_X86_KERNELS
#include <immintrin.h>

#define TRIMTAB_TARGET_AVX2 __attribute__((target("avx2,fma")))

namespace trimtab::kernels::avx2 {

constexpr std::size_t gemm_strip = 6, gemm_panel = 16;

/// The first `count` of 8 lanes.
TRIMTAB_TARGET_AVX2 inline __m256i first_lanes(std::size_t count) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count < 8 ? count : 8)), lane);
}

/// M rows by V vectors: at 6 x 2 there are 12 accumulators, two vectors of b and a broadcast, 15 registers of 16. Rows are
/// addressed as base + {0, 1, 2} * a_row.
/// Where the depth runs across memory, a step is a row of a and of b, too far apart for the hardware to foresee: they are fetched
/// 48 steps ahead.
template <std::size_t M, std::size_t V>
TRIMTAB_TARGET_AVX2 inline void gemm_tile(const GemmTask& t, const float* a, const float* b, float* c, std::size_t col) {
  constexpr std::size_t bases = (M + 2) / 3;
  const std::ptrdiff_t row = t.a_row, step = t.a_depth;
  const float* base[bases];
  TRIMTAB_UNROLL
  for (std::size_t i = 0; i < bases; ++i) base[i] = a + static_cast<std::ptrdiff_t>(3 * i) * row;
  __m256 sum[M * V];
  TRIMTAB_UNROLL
  for (std::size_t i = 0; i < M * V; ++i) sum[i] = _mm256_setzero_ps();
  const std::size_t tail = t.cols - col - 8 * (V - 1);
  const __m256i last = first_lanes(tail);
  const bool ahead = t.a_depth != 1;
  for (std::size_t k = t.depth; k > 0; --k) {
    if (ahead) {
      _mm_prefetch(base[0] + 48 * step, _MM_HINT_T0);
      TRIMTAB_UNROLL
      for (std::size_t v = 0; v < V; v += 2) _mm_prefetch(b + 48 * t.b_depth + 8 * v, _MM_HINT_T0);
    }
    __m256 right[V];
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < V; ++v)
      right[v] = v + 1 < V || tail >= 8 ? _mm256_loadu_ps(b + 8 * v) : _mm256_maskload_ps(b + 8 * v, last);
    TRIMTAB_UNROLL
    for (std::size_t m = 0; m < M; ++m) {
      const __m256 left = _mm256_set1_ps(base[m / 3][static_cast<std::ptrdiff_t>(m % 3) * row]);
      TRIMTAB_UNROLL
      for (std::size_t v = 0; v < V; ++v) sum[m * V + v] = _mm256_fmadd_ps(left, right[v], sum[m * V + v]);
    }
    TRIMTAB_UNROLL
    for (std::size_t i = 0; i < bases; ++i) base[i] += step;
    b += t.b_depth;
  }
  TRIMTAB_UNROLL
  for (std::size_t v = 0; v < V; ++v) {
    const bool part = v + 1 == V && tail < 8;
    __m256 start = _mm256_setzero_ps();
    if (!t.add && t.start)
      start = part ? _mm256_maskload_ps(t.start + col + 8 * v, last) : _mm256_loadu_ps(t.start + col + 8 * v);
    TRIMTAB_UNROLL
    for (std::size_t m = 0; m < M; ++m) {
      float* to = c + static_cast<std::ptrdiff_t>(m) * t.c_row + 8 * v;
      if (t.add) start = part ? _mm256_maskload_ps(to, last) : _mm256_loadu_ps(to);
      const __m256 total = _mm256_add_ps(start, sum[m * V + v]);
      if (part)
        _mm256_maskstore_ps(to, last, total);
      else
        _mm256_storeu_ps(to, total);
    }
  }
}

/// M rows by all columns; their part of a stays in the first-level cache while the panels of b pass by.
template <std::size_t M>
TRIMTAB_TARGET_AVX2 inline void gemm_rows(const GemmTask& t, const float* a, float* c) {
  for (std::size_t col = 0; col < t.cols; col += gemm_panel) {
    const float* b = t.b + static_cast<std::ptrdiff_t>(col / gemm_panel) * t.b_panel;
    if (t.cols - col > 8)
      gemm_tile<M, 2>(t, a, b, c + col, col);
    else
      gemm_tile<M, 1>(t, a, b, c + col, col);
  }
}

TRIMTAB_TARGET_AVX2 inline void gemm(const GemmTask& t) {
  for (std::size_t m = 0; m < t.rows; m += gemm_strip) {
    const float* a = t.a + static_cast<std::ptrdiff_t>(m) * t.a_row;
    float* c = t.c + static_cast<std::ptrdiff_t>(m) * t.c_row;
    const std::size_t rows = t.rows - m;
    if (rows >= 6) {
      gemm_rows<6>(t, a, c);
      continue;
    }
    std::ptrdiff_t r = 0;
    if (rows & 4) gemm_rows<4>(t, a, c), r += 4;
    if (rows & 2) gemm_rows<2>(t, a + r * t.a_row, c + r * t.c_row), r += 2;
    if (rows & 1) gemm_rows<1>(t, a + r * t.a_row, c + r * t.c_row);
  }
}

/// Reads memory along the lines, one step of the depth after the other.
TRIMTAB_TARGET_AVX2 inline void pack_rows(const PackTask& t) {
  for (std::size_t k = 0; k < t.depth; ++k) {
    const float* from = t.from + static_cast<std::ptrdiff_t>(k) * t.depth_step;
    for (std::size_t line = 0; line < t.lines; line += gemm_panel) {
      const std::size_t count = t.lines - line;
      float* to = t.to + line * t.depth + k * gemm_panel;
      _mm256_storeu_ps(to, _mm256_maskload_ps(from + line, first_lanes(count)));
      _mm256_storeu_ps(to + 8, _mm256_maskload_ps(from + line + 8, first_lanes(count > 8 ? count - 8 : 0)));
    }
  }
}

/// P pixels by V vectors of channels, the last of them in part when `whole` is false. The taps' weights are loaded once for all P
/// pixels: P * V accumulators, and P + 1 loads for P multiply-adds.
template <std::size_t P, std::size_t V, bool whole>
TRIMTAB_TARGET_AVX2 inline void depthwise_block(const DepthwiseTask& t, std::ptrdiff_t pixel, std::size_t channel,
                                                __m256i lanes) {
  __m256 sum[P * V];
  const auto c = static_cast<std::ptrdiff_t>(channel);
  float* y = t.y + pixel * t.y_step + c;
  TRIMTAB_UNROLL
  for (std::size_t p = 0; p < P; ++p) TRIMTAB_UNROLL
  for (std::size_t v = 0; v < V; ++v) {
    const float* start = t.add ? y + static_cast<std::ptrdiff_t>(p) * t.y_step : t.start ? t.start + c : nullptr;
    if (start == nullptr)
      sum[p * V + v] = _mm256_setzero_ps();
    else
      sum[p * V + v] = whole ? _mm256_loadu_ps(start + 8 * v) : _mm256_maskload_ps(start + 8 * v, lanes);
  }
  for (std::size_t tap = 0; tap < t.taps; ++tap) {
    const float* x = t.x[tap] + pixel * t.x_step + c;
    const float* w = t.w[tap] + c;
    __m256 weight[V];
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < V; ++v) weight[v] = whole ? _mm256_loadu_ps(w + 8 * v) : _mm256_maskload_ps(w + 8 * v, lanes);
    TRIMTAB_UNROLL
    for (std::size_t p = 0; p < P; ++p) {
      TRIMTAB_UNROLL
      for (std::size_t v = 0; v < V; ++v) {
        const __m256 in = whole ? _mm256_loadu_ps(x + 8 * v) : _mm256_maskload_ps(x + 8 * v, lanes);
        sum[p * V + v] = _mm256_fmadd_ps(weight[v], in, sum[p * V + v]);
      }
      x += t.x_step;
    }
  }
  TRIMTAB_UNROLL
  for (std::size_t p = 0; p < P; ++p, y += t.y_step) TRIMTAB_UNROLL
  for (std::size_t v = 0; v < V; ++v) {
    if (whole)
      _mm256_storeu_ps(y + 8 * v, sum[p * V + v]);
    else
      _mm256_maskstore_ps(y + 8 * v, lanes, sum[p * V + v]);
  }
}

template <std::size_t P>
TRIMTAB_TARGET_AVX2 inline void depthwise_pixels(const DepthwiseTask& t, std::size_t pixel) {
  const auto at = static_cast<std::ptrdiff_t>(pixel);
  std::size_t c = 0;
  for (; c + 16 <= t.channels; c += 16) depthwise_block<P, 2, true>(t, at, c, first_lanes(8));
  for (; c + 8 <= t.channels; c += 8) depthwise_block<P, 1, true>(t, at, c, first_lanes(8));
  if (c < t.channels) depthwise_block<P, 1, false>(t, at, c, first_lanes(t.channels - c));
}

TRIMTAB_TARGET_AVX2 inline void depthwise(const DepthwiseTask& t) {
  std::size_t p = 0;
  for (; p + 4 <= t.pixels; p += 4) depthwise_pixels<4>(t, p);
  for (; p < t.pixels; ++p) depthwise_pixels<1>(t, p);
}

/// N taps by V vectors of channels, summed over the pixels in registers.
template <std::size_t N, std::size_t V, bool whole>
TRIMTAB_TARGET_AVX2 inline void depthwise_weight_block(const DepthwiseWeightTask& t, std::size_t tap, std::size_t channel,
                                                       __m256i lanes) {
  __m256 sum[N * V];
  TRIMTAB_UNROLL
  for (std::size_t i = 0; i < N * V; ++i) sum[i] = _mm256_setzero_ps();
  const auto c = static_cast<std::ptrdiff_t>(channel), first = static_cast<std::ptrdiff_t>(tap);
  const float* grad = t.grad + c;
  const float* x = t.x + c + first * t.tap_step;
  for (std::size_t p = 0; p < t.pixels; ++p, grad += t.grad_step, x += t.x_step) {
    __m256 g[V];
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < V; ++v) g[v] = whole ? _mm256_loadu_ps(grad + 8 * v) : _mm256_maskload_ps(grad + 8 * v, lanes);
    TRIMTAB_UNROLL
    for (std::size_t n = 0; n < N; ++n) {
      const float* from = x + static_cast<std::ptrdiff_t>(n) * t.tap_step;
      TRIMTAB_UNROLL
      for (std::size_t v = 0; v < V; ++v) {
        const __m256 in = whole ? _mm256_loadu_ps(from + 8 * v) : _mm256_maskload_ps(from + 8 * v, lanes);
        sum[n * V + v] = _mm256_fmadd_ps(g[v], in, sum[n * V + v]);
      }
    }
  }
  TRIMTAB_UNROLL
  for (std::size_t n = 0; n < N; ++n) {
    float* to = t.to + c + (first + static_cast<std::ptrdiff_t>(n)) * t.to_step;
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < V; ++v) {
      if (whole)
        _mm256_storeu_ps(to + 8 * v, _mm256_add_ps(_mm256_loadu_ps(to + 8 * v), sum[n * V + v]));
      else
        _mm256_maskstore_ps(to + 8 * v, lanes, _mm256_add_ps(_mm256_maskload_ps(to + 8 * v, lanes), sum[n * V + v]));
    }
  }
}

template <std::size_t N>
TRIMTAB_TARGET_AVX2 inline void depthwise_weight_taps(const DepthwiseWeightTask& t, std::size_t tap) {
  constexpr std::size_t V = N == 3 ? 3 : 2;
  std::size_t c = 0;
  for (; c + 8 * V <= t.channels; c += 8 * V) depthwise_weight_block<N, V, true>(t, tap, c, first_lanes(8));
  for (; c + 8 <= t.channels; c += 8) depthwise_weight_block<N, 1, true>(t, tap, c, first_lanes(8));
  if (c < t.channels) depthwise_weight_block<N, 1, false>(t, tap, c, first_lanes(t.channels - c));
}

TRIMTAB_TARGET_AVX2 inline void depthwise_weight(const DepthwiseWeightTask& t) {
  std::size_t tap = 0;
  if (t.taps == 5) {
    depthwise_weight_taps<5>(t, 0);
    return;
  }
  for (; tap + 3 <= t.taps; tap += 3) depthwise_weight_taps<3>(t, tap);
  for (; tap < t.taps; ++tap) depthwise_weight_taps<1>(t, tap);
}

}  // namespace trimtab::kernels::avx2

#undef TRIMTAB_TARGET_AVX2
#endif
