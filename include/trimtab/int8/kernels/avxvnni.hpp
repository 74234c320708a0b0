#pragma once
/// \file
/// Integer kernels for AVX-VNNI: vpdpbusd on 8 int32 lanes. What comes before and after the products is AVX2's.

#include <trimtab/int8/kernels/avx2_depthwise.hpp>
#include <trimtab/int8/kernels/avx2_gemm.hpp>

#if TRIMTAB_X86_KERNELS
#include <cstring>

namespace trimtab::int8::avxvnni {

TRIMTAB_INT8_UNROLL(TRIMTAB_INT8_INLINE_AVXVNNI)

/// M rows by N blocks of 16 channels: 2 M N accumulators, of which 10 or more keep vpdpbusd busy, which adds to one sum every 5
/// cycles; at 6 x 1 with two weight vectors and one broadcast of 4 activations 15 of 16 registers, and 64 bytes of weights and 24
/// of activations a step.
template <std::size_t M, std::size_t N>
TRIMTAB_INT8_AVXVNNI __attribute__((noinline)) void gemm_tile(const GemmTask& t, const avx2::CodeStage& stage, std::size_t r,
                                                              std::size_t c) {
  const std::size_t block = t.segments * t.steps * 64;
  __m256i acc[N][2 * M];
  avxvnni::unroll<N>([&](auto n) TRIMTAB_INT8_INLINE_AVXVNNI { avx2::start_tile<M>(t, r, c + block_channels * n, acc[n]); });
  const std::int8_t* b = t.b + c / block_channels * block;
  const std::ptrdiff_t row = t.a_row;
  for (std::size_t s = 0; s < t.segments; ++s) {
    const std::uint8_t* a[(M + 2) / 3];
    avxvnni::unroll<(M + 2) / 3>([&](auto m_) TRIMTAB_INT8_INLINE_AVXVNNI {
      constexpr std::size_t m = 3 * m_;
      a[m / 3] = t.a + static_cast<std::ptrdiff_t>(r + m) * row + t.segment[s];
    });
    for (std::size_t k = 0; k < t.steps; ++k, b += 64) {
      __m256i w[N][2];
      avxvnni::unroll<2 * N>([&](auto i) TRIMTAB_INT8_INLINE_AVXVNNI {
        w[i / 2][i % 2] = _mm256_load_si256(reinterpret_cast<const __m256i*>(b + i / 2 * block) + i % 2);
      });
      avxvnni::unroll<M>([&](auto m) TRIMTAB_INT8_INLINE_AVXVNNI {
        std::int32_t four;
        std::memcpy(&four, a[m / 3] + static_cast<std::ptrdiff_t>(m % 3) * row, 4);
        const __m256i x = _mm256_set1_epi32(four);
        avxvnni::unroll<N>([&](auto n) TRIMTAB_INT8_INLINE_AVXVNNI {
          acc[n][2 * m] = _mm256_dpbusd_avx_epi32(acc[n][2 * m], x, w[n][0]);
          acc[n][2 * m + 1] = _mm256_dpbusd_avx_epi32(acc[n][2 * m + 1], x, w[n][1]);
        });
      });
      avxvnni::unroll<(M + 2) / 3>([&](auto m_) TRIMTAB_INT8_INLINE_AVXVNNI {
        constexpr std::size_t m = 3 * m_;
        a[m / 3] += 4;
      });
    }
  }
  avxvnni::unroll<N>([&](auto n)
                         TRIMTAB_INT8_INLINE_AVXVNNI { avx2::finish_tile<M>(t, stage, r, c + block_channels * n, acc[n]); });
}

/// Rows r .. r + M - 1 by channels [c, end), N blocks at a time while they last.
template <std::size_t M, std::size_t N>
TRIMTAB_INT8_AVXVNNI inline void gemm_rows(const GemmTask& t, const avx2::CodeStage& stage, std::size_t r, std::size_t c,
                                           std::size_t end) {
  for (; c + block_channels * (N - 1) < end; c += block_channels * N) avxvnni::gemm_tile<M, N>(t, stage, r, c);
  for (; c < end; c += block_channels) avxvnni::gemm_tile<M, 1>(t, stage, r, c);
}

/// Tiles of 6 rows, four blocks at a time; rows that are left over are few, so several blocks of them make a tile.
TRIMTAB_INT8_AVXVNNI inline void gemm_u8s8(const GemmTask& t) {
  const avx2::CodeStage stage = avx2::code_stage(t.out);
  constexpr std::size_t at_once = 4 * block_channels;
  for (std::size_t c = 0; c < t.cols; c += at_once) {
    const std::size_t end = t.cols - c < at_once ? t.cols : c + at_once;
    std::size_t r = t.rows / 6 * 6;
    for (std::size_t block = c; block < end; block += block_channels)
      for (std::size_t row = 0; row < r; row += 6) avxvnni::gemm_tile<6, 1>(t, stage, row, block);
    if (r + 4 <= t.rows) avxvnni::gemm_rows<4, 1>(t, stage, r, c, end), r += 4;
    if (r + 2 <= t.rows) avxvnni::gemm_rows<2, 2>(t, stage, r, c, end), r += 2;
    if (r < t.rows) avxvnni::gemm_rows<1, 4>(t, stage, r, c, end);
  }
}

/// Interleaves four rows of one pixel: vector v holds, per channel, the four rows' bytes side by side.
TRIMTAB_INT8_INLINE_AVXVNNI inline void interleave_rows(const std::uint8_t* const* x, std::size_t at, std::size_t width,
                                                        __m256i flip, __m256i* to) {
  const __m256i x0 = _mm256_xor_si256(avx2::load_bytes(x[0] + at, width), flip),
                x1 = _mm256_xor_si256(avx2::load_bytes(x[1] + at, width), flip);
  const __m256i x2 = _mm256_xor_si256(avx2::load_bytes(x[2] + at, width), flip),
                x3 = _mm256_xor_si256(avx2::load_bytes(x[3] + at, width), flip);
  const __m256i low01 = _mm256_unpacklo_epi8(x0, x1), high01 = _mm256_unpackhi_epi8(x0, x1);
  const __m256i low23 = _mm256_unpacklo_epi8(x2, x3), high23 = _mm256_unpackhi_epi8(x2, x3);
  to[0] = _mm256_unpacklo_epi16(low01, low23);
  to[1] = _mm256_unpackhi_epi16(low01, low23);
  to[2] = _mm256_unpacklo_epi16(high01, high23);
  to[3] = _mm256_unpackhi_epi16(high01, high23);
}

/// Interleaves what output columns first .. first + count - 1 of output rows p0 on need of 32 channels from c on: per column and
/// quad of rows 4 vectors.
TRIMTAB_INT8_AVXVNNI inline void interleave_columns(const DepthwiseTask& t, std::size_t c, std::size_t p0,
                                                    std::size_t window_rows, std::size_t first, std::size_t count) {
  const std::size_t quads = lane_order::quad_count(t), width = t.channels - c < 32 ? t.channels - c : 32;
  const std::size_t columns = (count - 1) * t.stride_w + (t.kernel_w - 1) * t.dilation_w + 1;
  const __m256i flip = _mm256_set1_epi8(static_cast<char>(t.flip));
  auto* interleaved = reinterpret_cast<__m256i*>(t.scratch);
  for (std::size_t q = 0; q < quads; ++q) {
    const std::uint8_t *rows[4], *padding[4];
    for (std::size_t j = 0; j < 4; ++j) {  // rows that no window reaches have weight 0
      rows[j] = t.row[p0 * t.stride_h + (4 * q + j < window_rows ? (4 * q + j) * t.dilation_h : 0)] + c;
      padding[j] = t.padding + c;
    }
    for (std::size_t j = 0; j < columns; ++j) {
      const std::size_t iw = first * t.stride_w + j - t.pad_left;  // wraps left of the picture
      interleave_rows(iw < t.w ? rows : padding, iw < t.w ? iw * t.channels : 0, width, flip, interleaved + 4 * (j * quads + q));
    }
  }
}

/// P output rows of one pixel column by 32 channels: 4 P accumulators; per quad of rows and window column 4 (P + 1) loads for 4 P
/// vpdpbusd. The window of output row p starts p * stride_h rows down the quads.
template <std::size_t P>
TRIMTAB_INT8_AVXVNNI __attribute__((noinline)) void depthwise_tile(const DepthwiseTask& t, const avx2::CodeStage& stage,
                                                                   const __m256i* x, const __m256i* w, std::size_t c,
                                                                   std::size_t p0, std::size_t ow) {
  __m256i acc[P][4];
  avxvnni::unroll<4>([&](auto v) TRIMTAB_INT8_INLINE_AVXVNNI {
    const __m256i bias = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(t.bias + c + 8 * v));
    avxvnni::unroll<P>([&](auto p) TRIMTAB_INT8_INLINE_AVXVNNI { acc[p][v] = bias; });
  });
  const std::size_t quads = lane_order::quad_count(t), shifts = lane_order::shifts(t);
  for (std::size_t kw = 0; kw < t.kernel_w; ++kw) {
    const __m256i* at = x + kw * t.dilation_w * 4 * quads;
    for (std::size_t q = 0; q < quads; ++q, at += 4, w += 4 * shifts) {
      avxvnni::unroll<4>([&](auto v) TRIMTAB_INT8_INLINE_AVXVNNI {
        const __m256i in = _mm256_load_si256(at + v);
        avxvnni::unroll<P>([&](auto p) TRIMTAB_INT8_INLINE_AVXVNNI {
          acc[p][v] = _mm256_dpbusd_avx_epi32(acc[p][v], in, _mm256_load_si256(w + 4 * p * t.stride_h + v));
        });
      });
    }
  }
  const std::size_t width = t.channels - c < 32 ? t.channels - c : 32;
  avxvnni::unroll<P>([&](auto p) TRIMTAB_INT8_INLINE_AVXVNNI {
    avx2::store_pixels(t.out, stage, t.out.multiplier + c,
                       static_cast<std::ptrdiff_t>(((p0 + p) * t.out_w + ow) * t.channels + c), width, 1, acc[p]);
  });
}

/// P output rows from p0 on, 32 channels from c on.
template <std::size_t P>
TRIMTAB_INT8_AVXVNNI __attribute__((noinline)) void depthwise_pass(const DepthwiseTask& t, const avx2::CodeStage& stage,
                                                                   std::size_t c, std::size_t p0) {
  const std::size_t quads = lane_order::quad_count(t);
  const __m256i* w = reinterpret_cast<const __m256i*>(t.form) + c / 32 * t.kernel_w * quads * lane_order::shifts(t) * 4;
  for (std::size_t first = 0; first < t.out_w; first += depthwise_columns) {
    const std::size_t count = t.out_w - first < depthwise_columns ? t.out_w - first : depthwise_columns;
    interleave_columns(t, c, p0, t.kernel_h + (P - 1) * t.stride_h, first, count);
    for (std::size_t ow = 0; ow < count; ++ow)
      avxvnni::depthwise_tile<P>(t, stage, reinterpret_cast<const __m256i*>(t.scratch) + 4 * quads * ow * t.stride_w, w, c, p0,
                                 first + ow);
  }
}

/// 4 rows of input, interleaved byte by byte, feed vpdpbusd with four useful bytes of four; the window slides down within them,
/// so that a 3 x 3 window of stride 1 gives 2 output rows for one interleaving.
TRIMTAB_INT8_AVXVNNI inline void depthwise_u8s8(const DepthwiseTask& t) {
  const avx2::CodeStage stage = avx2::code_stage(t.out);
  const std::size_t rows_at_once = t.dilation_h > 1 ? 1 : (lane_order::shifts(t) - 1) / t.stride_h + 1;
  for (std::size_t p = 0; p < t.out_rows;) {
    const std::size_t rows = rows_at_once >= 2 && t.out_rows - p >= 2 ? 2 : 1;
    for (std::size_t c = 0; c < t.channels; c += 32) {
      if (rows == 2)
        avxvnni::depthwise_pass<2>(t, stage, c, p);
      else
        avxvnni::depthwise_pass<1>(t, stage, c, p);
    }
    p += rows;
  }
}

/// Windows of seven rows and more at stride 1 gain by quads: 7 x 7 takes 0.75 of the time of AVX2's kernels, 9 x 9 0.77. Smaller
/// ones lose more by interleaving than vpdpbusd saves, 2 x 2 to 5 x 5 up to 18 %, and 7 x 7 of stride 2 loses 4 (Zen 5).
inline const DepthwiseKernel& depthwise(const DepthwiseShape& s) {
  static constexpr DepthwiseKernel quads{depthwise_u8s8, lane_order::quads_bytes<2>, lane_order::prepare_quads<2>,
                                         lane_order::order<2>};
  return !s.zero_points && s.kernel_h >= 7 && s.stride_h == 1 ? quads : avx2::depthwise(s);
}

}  // namespace trimtab::int8::avxvnni

#endif  // TRIMTAB_X86_KERNELS
