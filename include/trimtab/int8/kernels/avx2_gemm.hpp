#pragma once
/// \file
/// Convolutions with AVX2 without VNNI, exact all the same: vpmaddubsw only on weights with which it cannot saturate.

#include <trimtab/int8/kernels/avx2_output.hpp>

#if TRIMTAB_X86_KERNELS
namespace trimtab::int8::avx2 {

template <std::size_t M>
TRIMTAB_INT8_INLINE_AVX2 inline void start_tile(__m256i low, __m256i high, __m256i* acc) {
  avx2::unroll<M>([&](auto m) TRIMTAB_INT8_INLINE_AVX2 {
    acc[2 * m] = low;
    acc[2 * m + 1] = high;
  });
}

/// What weights' zero points add to rows r .. r + M - 1.
template <std::size_t M>
TRIMTAB_INT8_INLINE_AVX2 inline void subtract_row_sums(const GemmTask& t, std::size_t r, std::size_t c, __m256i* acc) {
  if (t.zero_point == nullptr) return;
  const __m256i z0 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(t.zero_point + c));
  const __m256i z1 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(t.zero_point + c + 8));
  avx2::unroll<M>([&](auto m) TRIMTAB_INT8_INLINE_AVX2 {
    const __m256i sum = _mm256_set1_epi32(t.row_sum[r + m]);
    acc[2 * m] = _mm256_sub_epi32(acc[2 * m], _mm256_mullo_epi32(sum, z0));
    acc[2 * m + 1] = _mm256_sub_epi32(acc[2 * m + 1], _mm256_mullo_epi32(sum, z1));
  });
}

/// Accumulators of rows r .. r + M - 1 before any product.
template <std::size_t M>
TRIMTAB_INT8_INLINE_AVX2 inline void start_tile(const GemmTask& t, std::size_t r, std::size_t c, __m256i* acc) {
  start_tile<M>(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(t.bias + c)),
                _mm256_loadu_si256(reinterpret_cast<const __m256i*>(t.bias + c + 8)), acc);
  subtract_row_sums<M>(t, r, c, acc);
}

template <std::size_t M>
TRIMTAB_INT8_INLINE_AVX2 inline void finish_tile(const GemmTask& t, const CodeStage& stage, std::size_t r, std::size_t c,
                                                 const __m256i* acc) {
  const std::size_t width = t.cols - c < 16 ? t.cols - c : 16;
  avx2::unroll<(M + 1) / 2>([&](auto pair) TRIMTAB_INT8_INLINE_AVX2 {
    constexpr std::size_t m = 2 * pair;
    store_rows<(m + 1 < M ? 2 : 1)>(t.out, stage, r + m, c, width, acc + 2 * m);
  });
}

/// What tiles of gemm_rows may be; with less to decide between them, layers of 16 to 24 inputs are 5 to 15 % faster.
enum class Tiles {
  any,
  codes,  ///< 16 channels of codes, weights without zero points
  bytes,  ///< the same, and codes are plain and unsigned
};

/// Rows from r on, M at a time while they last, by one block of 16 channels in the form of MaddubsWeights. Per pair of steps, row
/// and 8 channels: one vpxor, two vpmaddubsw, the sum of their sums in 16 bits, one vpmaddwd by ones, one vpaddd, for 64
/// products; per step left over a vpxor, vpmaddubsw, vpmaddwd and vpaddd for 32. 2 M accumulators, ones, activations and
/// temporaries: 13 of 16 registers at M = 4, the others for weights. Returns the row after the last.
///
/// Halves = 1: no more than 8 channels, the others are left out.
template <std::size_t M, std::size_t Halves, Tiles Kind>
TRIMTAB_INT8_AVX2 __attribute__((noinline)) std::size_t gemm_rows(const GemmTask& task, const CodeStage& code_stage,
                                                                  std::size_t r, std::size_t c) {
  const GemmTask t = task;  // copies, since codes that are stored might be parts of what the references are to
  const CodeStage stage = code_stage;
  const std::size_t steps = t.segments * t.steps, b = c / 16, pairs = t.maddubs.pairs[b];
  const auto* block = reinterpret_cast<const __m256i*>(t.maddubs.weights) + b * (2 + 4 * steps);
  const std::ptrdiff_t *const offset = t.maddubs.offset + b * steps, *const pairs_end = offset + 2 * pairs,
                              *const end = offset + steps;
  const auto* bias = reinterpret_cast<const __m256i*>(t.bias + c);
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256i start[2] = {_mm256_add_epi32(_mm256_loadu_si256(bias), _mm256_load_si256(block)),
                            _mm256_add_epi32(_mm256_loadu_si256(bias + 1), _mm256_load_si256(block + 1))};
  const auto first_row = static_cast<std::ptrdiff_t>(r);
  const std::uint8_t* a[M];
  for (std::size_t m = 0; m < M; ++m) a[m] = t.a + (first_row + static_cast<std::ptrdiff_t>(m)) * t.a_row;
  auto* y = static_cast<std::uint8_t*>(t.out.data) + first_row * t.out.row + static_cast<std::ptrdiff_t>(c);
  for (; r + M <= t.rows; r += M) {
    const auto* w = block + 2;
    __m256i acc[2 * M];
    start_tile<M>(start[0], start[1], acc);
    if constexpr (Kind == Tiles::any) subtract_row_sums<M>(t, r, c, acc);
    const auto four = [&](auto m, std::ptrdiff_t at) TRIMTAB_INT8_INLINE_AVX2 {
      std::int32_t bytes;
      std::memcpy(&bytes, a[m] + at, 4);
      return _mm256_set1_epi32(bytes);
    };
    const std::ptrdiff_t* at = offset;
    for (; at != pairs_end; at += 2, w += 6)
      avx2::unroll<M>([&](auto m) TRIMTAB_INT8_INLINE_AVX2 {
        const __m256i x0 = four(m, at[0]), x1 = four(m, at[1]);
        avx2::unroll<Halves>([&](auto half) TRIMTAB_INT8_INLINE_AVX2 {
          const __m256i sums = _mm256_add_epi16(_mm256_maddubs_epi16(x0, w[half]),
                                                _mm256_maddubs_epi16(_mm256_xor_si256(x1, w[4 + half]), w[2 + half]));
          acc[2 * m + half] = _mm256_add_epi32(acc[2 * m + half], _mm256_madd_epi16(sums, ones));
        });
      });
    for (; at != end; ++at, w += 4)
      avx2::unroll<M>([&](auto m) TRIMTAB_INT8_INLINE_AVX2 {
        const __m256i x = four(m, *at);
        avx2::unroll<Halves>([&](auto half) TRIMTAB_INT8_INLINE_AVX2 {
          const __m256i sums = _mm256_maddubs_epi16(_mm256_xor_si256(x, w[2 + half]), w[half]);
          acc[2 * m + half] = _mm256_add_epi32(acc[2 * m + half], _mm256_madd_epi16(sums, ones));
        });
      });
    if constexpr (Kind != Tiles::any)
      avx2::unroll<M / 2>([&](auto pair) TRIMTAB_INT8_INLINE_AVX2 {
        store_codes<2, Kind == Tiles::bytes>(y, t.out.row, stage, t.out.multiplier + c, 16, acc + 4 * pair);
        y += 2 * t.out.row;
      });
    else
      finish_tile<M>(t, stage, r, c, acc);
    for (std::size_t m = 0; m < M; ++m) a[m] += static_cast<std::ptrdiff_t>(M) * t.a_row;
  }
  return r;
}

/// The same in the common layout, with even and odd activations by themselves, so that vpmaddubsw has nothing to add: for blocks
/// without a form for it, and for single rows, where reading fewer weights counts for more.
template <std::size_t M>
TRIMTAB_INT8_AVX2 __attribute__((noinline)) std::size_t parted_rows(const GemmTask& t, const CodeStage& stage, std::size_t r,
                                                                    std::size_t c) {
  const __m256i ones = _mm256_set1_epi16(1), even = _mm256_set1_epi16(0xFF);
  for (; r + M <= t.rows; r += M) {
    __m256i acc[2 * M];
    start_tile<M>(t, r, c, acc);
    const auto* w = reinterpret_cast<const __m256i*>(t.b + c * t.segments * t.steps * 4);
    for (std::size_t s = 0; s < t.segments; ++s) {
      const std::uint8_t* a = t.a + static_cast<std::ptrdiff_t>(r) * t.a_row + t.segment[s];
      for (std::size_t k = 0; k < t.steps; ++k, w += 2, a += 4) {
        _mm_prefetch(reinterpret_cast<const char*>(w) + 2048, _MM_HINT_T0);
        avx2::unroll<M>([&](auto m) TRIMTAB_INT8_INLINE_AVX2 {
          std::int32_t four;
          std::memcpy(&four, a + static_cast<std::ptrdiff_t>(m) * t.a_row, 4);
          const __m256i x = _mm256_set1_epi32(four);
          const __m256i x_even = _mm256_and_si256(x, even), x_odd = _mm256_andnot_si256(even, x);
          avx2::unroll<2>([&](auto half) TRIMTAB_INT8_INLINE_AVX2 {
            const __m256i sum = _mm256_add_epi32(_mm256_madd_epi16(_mm256_maddubs_epi16(x_even, w[half]), ones),
                                                 _mm256_madd_epi16(_mm256_maddubs_epi16(x_odd, w[half]), ones));
            acc[2 * m + half] = _mm256_add_epi32(acc[2 * m + half], sum);
          });
        });
      }
    }
    finish_tile<M>(t, stage, r, c, acc);
  }
  return r;
}

/// Rows from r on in tiles of 4; those that are left over are computed again with rows before them, while the weights are in the
/// cache. The task has 4 rows at least.
template <Tiles Kind>
TRIMTAB_INT8_AVX2 inline void gemm_block(const GemmTask& t, const CodeStage& stage, std::size_t r, std::size_t c) {
  if (gemm_rows<4, 2, Kind>(t, stage, r, c) < t.rows) gemm_rows<4, 2, Kind>(t, stage, t.rows - 4, c);
}

TRIMTAB_INT8_AVX2 inline void gemm_u8s8(const GemmTask& t) {
  const CodeStage stage = code_stage(t.out);
  const bool codes = t.out.kind == OutputKind::codes && t.zero_point == nullptr, bytes = t.out.plain && !t.out.is_signed;
  for (std::size_t c = 0; c < t.cols; c += block_channels) {
    const std::size_t width = t.cols - c;
    if (t.maddubs.pairs[c / block_channels] == MaddubsBlocks::none || t.rows < 2) {
      parted_rows<1>(t, stage, parted_rows<2>(t, stage, 0, c), c);
    } else if (t.rows < 4) {
      if (t.rows == 3) gemm_rows<2, 2, Tiles::any>(t, stage, 0, c);
      gemm_rows<2, 2, Tiles::any>(t, stage, t.rows - 2, c);
    } else if (codes && width >= block_channels) {
      bytes ? gemm_block<Tiles::bytes>(t, stage, 0, c) : gemm_block<Tiles::codes>(t, stage, 0, c);
    } else {
      gemm_block<Tiles::any>(t, stage, width <= 8 ? gemm_rows<8, 1, Tiles::any>(t, stage, 0, c) : 0, c);
    }
  }
}

}  // namespace trimtab::int8::avx2
#endif  // TRIMTAB_X86_KERNELS
