#pragma once
/// \file
/// Convolutions with AVX512-VNNI.

#include <trimtab/int8/kernels/avx512vnni_output.hpp>

#if TRIMTAB_X86_KERNELS

TRIMTAB_INT8_BEGIN_AVX512

namespace trimtab::int8::avx512vnni {

/// Bias less zero point times row sum, in all accumulators of a tile.
template <std::size_t M, std::size_t N>
TRIMTAB_INT8_INLINE_AVX512VNNI inline void start_tile(const GemmTask& t, std::size_t r, std::size_t c, __m512i (*acc)[N]) {
  avx512vnni::unroll<N>([&](auto n) TRIMTAB_INT8_INLINE_AVX512VNNI {
    const __m512i bias = _mm512_loadu_si512(t.bias + c + 16 * n);
    avx512vnni::unroll<M>([&](auto m) TRIMTAB_INT8_INLINE_AVX512VNNI { acc[m][n] = bias; });
  });
  if (t.zero_point != nullptr) {
    avx512vnni::unroll<M>([&](auto m) TRIMTAB_INT8_INLINE_AVX512VNNI {
      const __m512i sum = _mm512_set1_epi32(t.row_sum[r + m]);
      avx512vnni::unroll<N>([&](auto n) TRIMTAB_INT8_INLINE_AVX512VNNI {
        acc[m][n] = _mm512_sub_epi32(acc[m][n], _mm512_mullo_epi32(sum, _mm512_loadu_si512(t.zero_point + c + 16 * n)));
      });
    });
  }
}

/// Stores the accumulators of a tile as the task asks.
template <std::size_t M, std::size_t N>
TRIMTAB_INT8_INLINE_AVX512VNNI inline void finish_tile(const GemmTask& t, const CodeStage& stage, std::size_t r, std::size_t c,
                                                       const __m512i (*acc)[N]) {
  const std::size_t width = t.cols - c < 16 * N ? t.cols - c : 16 * N;
  if (t.out.kind != OutputKind::codes)
    avx512vnni::unroll<M>([&](auto m) TRIMTAB_INT8_INLINE_AVX512VNNI { store_words<N>(t.out, r + m, c, width, acc[m]); });
  else if (t.out.plain)
    store_all_codes<M, N, true>(t.out, stage, r, c, width, acc);
  else
    store_all_codes<M, N, false>(t.out, stage, r, c, width, acc);
}

/// M rows by N blocks of 16 channels: M * N accumulators, N weight vectors and one broadcast of 4 activations in registers; 64 N
/// bytes of weights and 4 M of activations per step. Rows are addressed in threes off one pointer, so that few registers serve 12
/// rows.
template <std::size_t M, std::size_t N>
TRIMTAB_INT8_AVX512VNNI __attribute__((noinline)) void gemm_tile(const GemmTask& t, const CodeStage& stage, std::size_t r,
                                                                 std::size_t c) {
  const std::size_t block_bytes = t.segments * t.steps * 64;
  __m512i acc[M][N];
  avx512vnni::start_tile<M, N>(t, r, c, acc);
  const std::int8_t* b = t.b + c / 16 * block_bytes;
  const std::ptrdiff_t row = t.a_row;
  for (std::size_t s = 0; s < t.segments; ++s) {
    const std::uint8_t* a[(M + 2) / 3];
    avx512vnni::unroll<(M + 2) / 3>([&](auto m_) TRIMTAB_INT8_INLINE_AVX512VNNI {
      constexpr std::size_t m = 3 * m_;
      a[m / 3] = t.a + static_cast<std::ptrdiff_t>(r + m) * row + t.segment[s];
    });
    for (std::size_t k = 0; k < t.steps; ++k, b += 64) {
      __m512i w[N];
      avx512vnni::unroll<N>([&](auto n) TRIMTAB_INT8_INLINE_AVX512VNNI { w[n] = _mm512_load_si512(b + n * block_bytes); });
      avx512vnni::unroll<M>([&](auto m) TRIMTAB_INT8_INLINE_AVX512VNNI {
        std::int32_t four;
        std::memcpy(&four, a[m / 3] + static_cast<std::ptrdiff_t>(m % 3) * row, 4);
        const __m512i x = _mm512_set1_epi32(four);
        avx512vnni::unroll<N>([&](auto n)
                                  TRIMTAB_INT8_INLINE_AVX512VNNI { acc[m][n] = _mm512_dpbusd_epi32(acc[m][n], x, w[n]); });
      });
      avx512vnni::unroll<(M + 2) / 3>([&](auto m_) TRIMTAB_INT8_INLINE_AVX512VNNI {
        constexpr std::size_t m = 3 * m_;
        a[m / 3] += 4;
      });
    }
  }
  avx512vnni::finish_tile<M, N>(t, stage, r, c, acc);
}

/// All rows of N blocks, in tiles of M rows while they last, then of fewer.
template <std::size_t N, std::size_t M, std::size_t... Fewer>
TRIMTAB_INT8_AVX512VNNI inline void gemm_panel(const GemmTask& t, const CodeStage& stage, std::size_t r, std::size_t c) {
  for (; r + M <= t.rows; r += M) gemm_tile<M, N>(t, stage, r, c);
  if constexpr (sizeof...(Fewer) > 0)
    if (r < t.rows) gemm_panel<N, Fewer...>(t, stage, r, c);
}

/// Tiles of 6 x 64 keep both multipliers busy with 10 loads for 24 products; narrower panels are taller. The last 7 to 11 rows
/// split evenly: one row alone would wait for its 4 sums.
TRIMTAB_INT8_AVX512VNNI inline void gemm_u8s8(const GemmTask& t) {
  const CodeStage stage = code_stage(t.out);
  std::size_t c = 0;
  for (; c + 48 < t.cols; c += 64) {
    std::size_t r = 0;
    for (; r + 12 <= t.rows; r += 6) gemm_tile<6, 4>(t, stage, r, c);
    switch (t.rows - r) {
      case 7:
        gemm_panel<4, 4, 3>(t, stage, r, c);
        break;
      case 8:
        gemm_panel<4, 4>(t, stage, r, c);
        break;
      case 9:
        gemm_panel<4, 5, 4>(t, stage, r, c);
        break;
      case 10:
        gemm_panel<4, 5>(t, stage, r, c);
        break;
      default:
        gemm_panel<4, 6, 5, 4, 3, 2, 1>(t, stage, r, c);
        break;
    }
  }
  for (; c + 16 < t.cols; c += 32) gemm_panel<2, 12, 6, 4, 2, 1>(t, stage, 0, c);
  if (c < t.cols) gemm_panel<1, 12, 6, 4, 2, 1>(t, stage, 0, c);
}

}  // namespace trimtab::int8::avx512vnni

TRIMTAB_INT8_END_AVX512
#endif  // TRIMTAB_X86_KERNELS
