#pragma once
/// \file
/// Float kernels for AVX-512.

#include <trimtab/core/isa.hpp>
#include <trimtab/ops/kernels/tasks.hpp>

#if TRIMTAB_X86_KERNELS
#include <immintrin.h>

#define TRIMTAB_TARGET_AVX512 __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,fma")))

namespace trimtab::kernels::avx512 {

constexpr std::size_t gemm_strip = 12, gemm_panel = 32;

/// The first `count` of 16 lanes.
TRIMTAB_TARGET_AVX512 inline __mmask16 first_lanes(std::size_t count) {
  return count >= 16 ? __mmask16(0xFFFF) : static_cast<__mmask16>((1U << count) - 1U);
}

/// M rows by V vectors: at 12 x 2 there are 24 accumulators, two vectors of b and a broadcast, 27 registers of 32; a step of the
/// depth is 14 loads and 24 multiply-adds, so two load ports and two FMA ports are busy for 12 cycles. Rows are addressed as base
/// + {0, 1, 2} * a_row: four running pointers instead of twelve.
/// Where the depth runs across memory, a step is a row of a and of b, too far apart for the hardware to foresee: they are fetched
/// 48 steps ahead.
template <std::size_t M, std::size_t V>
TRIMTAB_TARGET_AVX512 inline void gemm_tile(const GemmTask& t, const float* a, const float* b, float* c, std::size_t col) {
  constexpr std::size_t bases = (M + 2) / 3;
  const std::ptrdiff_t row = t.a_row, step = t.a_depth;
  const float* base[bases];
  TRIMTAB_UNROLL
  for (std::size_t i = 0; i < bases; ++i) base[i] = a + static_cast<std::ptrdiff_t>(3 * i) * row;
  __m512 sum[M * V];
  TRIMTAB_UNROLL
  for (std::size_t i = 0; i < M * V; ++i) sum[i] = _mm512_setzero_ps();
  const __mmask16 last = first_lanes(t.cols - col - 16 * (V - 1));
  const bool ahead = t.a_depth != 1;
  for (std::size_t k = t.depth; k > 0; --k) {
    if (ahead) {
      _mm_prefetch(base[0] + 48 * step, _MM_HINT_T0);
      TRIMTAB_UNROLL
      for (std::size_t v = 0; v < V; v += 1) _mm_prefetch(b + 48 * t.b_depth + 16 * v, _MM_HINT_T0);
    }
    __m512 right[V];
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < V; ++v)
      right[v] = v + 1 < V ? _mm512_loadu_ps(b + 16 * v) : _mm512_maskz_loadu_ps(last, b + 16 * v);
    TRIMTAB_UNROLL
    for (std::size_t m = 0; m < M; ++m) {
      const __m512 left = _mm512_set1_ps(base[m / 3][static_cast<std::ptrdiff_t>(m % 3) * row]);
      TRIMTAB_UNROLL
      for (std::size_t v = 0; v < V; ++v) sum[m * V + v] = _mm512_fmadd_ps(left, right[v], sum[m * V + v]);
    }
    TRIMTAB_UNROLL
    for (std::size_t i = 0; i < bases; ++i) base[i] += step;
    b += t.b_depth;
  }
  __m512 start[V];
  TRIMTAB_UNROLL
  for (std::size_t v = 0; v < V; ++v) {
    const __mmask16 lanes = v + 1 < V ? __mmask16(0xFFFF) : last;
    start[v] = t.start ? _mm512_maskz_loadu_ps(lanes, t.start + col + 16 * v) : _mm512_setzero_ps();
  }
  TRIMTAB_UNROLL
  for (std::size_t m = 0; m < M; ++m) {
    float* to = c + static_cast<std::ptrdiff_t>(m) * t.c_row;
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < V; ++v) {
      const __mmask16 lanes = v + 1 < V ? __mmask16(0xFFFF) : last;
      const __m512 before = t.add ? _mm512_maskz_loadu_ps(lanes, to + 16 * v) : start[v];
      _mm512_mask_storeu_ps(to + 16 * v, lanes, _mm512_add_ps(before, sum[m * V + v]));
    }
  }
}

/// M rows by all columns; their part of a stays in the first-level cache while the panels of b pass by.
template <std::size_t M>
TRIMTAB_TARGET_AVX512 inline void gemm_rows(const GemmTask& t, const float* a, float* c) {
  for (std::size_t col = 0; col < t.cols; col += gemm_panel) {
    const float* b = t.b + static_cast<std::ptrdiff_t>(col / gemm_panel) * t.b_panel;
    if (t.cols - col > 16)
      gemm_tile<M, 2>(t, a, b, c + col, col);
    else
      gemm_tile<M, 1>(t, a, b, c + col, col);
  }
}

TRIMTAB_TARGET_AVX512 inline void gemm(const GemmTask& t) {
  for (std::size_t m = 0; m < t.rows; m += gemm_strip) {
    const float* a = t.a + static_cast<std::ptrdiff_t>(m) * t.a_row;
    float* c = t.c + static_cast<std::ptrdiff_t>(m) * t.c_row;
    const std::size_t rows = t.rows - m;
    if (rows >= 12) {
      gemm_rows<12>(t, a, c);
      continue;
    }
    std::ptrdiff_t r = 0;
    if (rows & 8) gemm_rows<8>(t, a, c), r += 8;
    if (rows & 4) gemm_rows<4>(t, a + r * t.a_row, c + r * t.c_row), r += 4;
    if (rows & 2) gemm_rows<2>(t, a + r * t.a_row, c + r * t.c_row), r += 2;
    if (rows & 1) gemm_rows<1>(t, a + r * t.a_row, c + r * t.c_row);
  }
}

/// Reads memory along the lines, one step of the depth after the other.
TRIMTAB_TARGET_AVX512 inline void pack_rows(const PackTask& t) {
  for (std::size_t k = 0; k < t.depth; ++k) {
    const float* from = t.from + static_cast<std::ptrdiff_t>(k) * t.depth_step;
    for (std::size_t line = 0; line < t.lines; line += gemm_panel) {
      const std::size_t count = t.lines - line;
      float* to = t.to + line * t.depth + k * gemm_panel;
      _mm512_storeu_ps(to, _mm512_maskz_loadu_ps(first_lanes(count), from + line));
      _mm512_storeu_ps(to + 16, _mm512_maskz_loadu_ps(first_lanes(count > 16 ? count - 16 : 0), from + line + 16));
    }
  }
}

/// P pixels by V vectors of channels, the last of them in part when `whole` is false. The taps' weights are loaded once for all P
/// pixels: P * V accumulators, and P + 1 loads for P multiply-adds.
template <std::size_t P, std::size_t V, bool whole>
TRIMTAB_TARGET_AVX512 inline void depthwise_block(const DepthwiseTask& t, std::ptrdiff_t pixel, std::size_t channel,
                                                  __mmask16 lanes) {
  __m512 sum[P * V];
  const auto c = static_cast<std::ptrdiff_t>(channel);
  float* y = t.y + pixel * t.y_step + c;
  TRIMTAB_UNROLL
  for (std::size_t p = 0; p < P; ++p) TRIMTAB_UNROLL
  for (std::size_t v = 0; v < V; ++v) {
    const float* start = t.add ? y + static_cast<std::ptrdiff_t>(p) * t.y_step : t.start ? t.start + c : nullptr;
    if (start == nullptr)
      sum[p * V + v] = _mm512_setzero_ps();
    else
      sum[p * V + v] = whole ? _mm512_loadu_ps(start + 16 * v) : _mm512_maskz_loadu_ps(lanes, start + 16 * v);
  }
  for (std::size_t tap = 0; tap < t.taps; ++tap) {
    const float* x = t.x[tap] + pixel * t.x_step + c;
    const float* w = t.w[tap] + c;
    __m512 weight[V];
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < V; ++v)
      weight[v] = whole ? _mm512_loadu_ps(w + 16 * v) : _mm512_maskz_loadu_ps(lanes, w + 16 * v);
    TRIMTAB_UNROLL
    for (std::size_t p = 0; p < P; ++p) {
      TRIMTAB_UNROLL
      for (std::size_t v = 0; v < V; ++v) {
        const __m512 in = whole ? _mm512_loadu_ps(x + 16 * v) : _mm512_maskz_loadu_ps(lanes, x + 16 * v);
        sum[p * V + v] = _mm512_fmadd_ps(weight[v], in, sum[p * V + v]);
      }
      x += t.x_step;
    }
  }
  TRIMTAB_UNROLL
  for (std::size_t p = 0; p < P; ++p, y += t.y_step) TRIMTAB_UNROLL
  for (std::size_t v = 0; v < V; ++v) {
    if (whole)
      _mm512_storeu_ps(y + 16 * v, sum[p * V + v]);
    else
      _mm512_mask_storeu_ps(y + 16 * v, lanes, sum[p * V + v]);
  }
}

template <std::size_t P>
TRIMTAB_TARGET_AVX512 inline void depthwise_pixels(const DepthwiseTask& t, std::size_t pixel) {
  const auto at = static_cast<std::ptrdiff_t>(pixel);
  std::size_t c = 0;
  for (; c + 32 <= t.channels; c += 32) depthwise_block<P, 2, true>(t, at, c, first_lanes(16));
  for (; c + 16 <= t.channels; c += 16) depthwise_block<P, 1, true>(t, at, c, first_lanes(16));
  if (c < t.channels) depthwise_block<P, 1, false>(t, at, c, first_lanes(t.channels - c));
}

TRIMTAB_TARGET_AVX512 inline void depthwise(const DepthwiseTask& t) {
  std::size_t p = 0;
  for (; p + 4 <= t.pixels; p += 4) depthwise_pixels<4>(t, p);
  for (; p < t.pixels; ++p) depthwise_pixels<1>(t, p);
}

/// N taps by V vectors of channels, summed over the pixels in registers.
template <std::size_t N, std::size_t V, bool whole>
TRIMTAB_TARGET_AVX512 inline void depthwise_weight_block(const DepthwiseWeightTask& t, std::size_t tap, std::size_t channel,
                                                         __mmask16 lanes) {
  __m512 sum[N * V];
  TRIMTAB_UNROLL
  for (std::size_t i = 0; i < N * V; ++i) sum[i] = _mm512_setzero_ps();
  const auto c = static_cast<std::ptrdiff_t>(channel), first = static_cast<std::ptrdiff_t>(tap);
  const float* grad = t.grad + c;
  const float* x = t.x + c + first * t.tap_step;
  for (std::size_t p = 0; p < t.pixels; ++p, grad += t.grad_step, x += t.x_step) {
    __m512 g[V];
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < V; ++v)
      g[v] = whole ? _mm512_loadu_ps(grad + 16 * v) : _mm512_maskz_loadu_ps(lanes, grad + 16 * v);
    TRIMTAB_UNROLL
    for (std::size_t n = 0; n < N; ++n) {
      const float* from = x + static_cast<std::ptrdiff_t>(n) * t.tap_step;
      TRIMTAB_UNROLL
      for (std::size_t v = 0; v < V; ++v) {
        const __m512 in = whole ? _mm512_loadu_ps(from + 16 * v) : _mm512_maskz_loadu_ps(lanes, from + 16 * v);
        sum[n * V + v] = _mm512_fmadd_ps(g[v], in, sum[n * V + v]);
      }
    }
  }
  TRIMTAB_UNROLL
  for (std::size_t n = 0; n < N; ++n) {
    float* to = t.to + c + (first + static_cast<std::ptrdiff_t>(n)) * t.to_step;
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < V; ++v) {
      if (whole)
        _mm512_storeu_ps(to + 16 * v, _mm512_add_ps(_mm512_loadu_ps(to + 16 * v), sum[n * V + v]));
      else
        _mm512_mask_storeu_ps(to + 16 * v, lanes, _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, to + 16 * v), sum[n * V + v]));
    }
  }
}

template <std::size_t N>
TRIMTAB_TARGET_AVX512 inline void depthwise_weight_taps(const DepthwiseWeightTask& t, std::size_t tap) {
  constexpr std::size_t V = 4;
  std::size_t c = 0;
  for (; c + 16 * V <= t.channels; c += 16 * V) depthwise_weight_block<N, V, true>(t, tap, c, first_lanes(16));
  for (; c + 16 <= t.channels; c += 16) depthwise_weight_block<N, 1, true>(t, tap, c, first_lanes(16));
  if (c < t.channels) depthwise_weight_block<N, 1, false>(t, tap, c, first_lanes(t.channels - c));
}

TRIMTAB_TARGET_AVX512 inline void depthwise_weight(const DepthwiseWeightTask& t) {
  std::size_t tap = 0;
  if (t.taps == 5) {
    depthwise_weight_taps<5>(t, 0);
    return;
  }
  for (; tap + 3 <= t.taps; tap += 3) depthwise_weight_taps<3>(t, tap);
  for (; tap < t.taps; ++tap) depthwise_weight_taps<1>(t, tap);
}

}  // namespace trimtab::kernels::avx512

#undef TRIMTAB_TARGET_AVX512
#endif
