#pragma once
/// \file
/// Convolutions with AVX2 without VNNI, exact all the same: vpmaddubsw only on weights with which it cannot saturate.

#include <trimtab/int8/kernels/avx2_output.hpp>
#include <trimtab/int8/kernels/avx2_weights.hpp>

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

/// Four neighbouring bytes, eight times.
TRIMTAB_INT8_INLINE_AVX2 inline __m256i broadcast_four(const std::uint8_t* x) {
  std::int32_t bytes;
  std::memcpy(&bytes, x, 4);
  return _mm256_set1_epi32(bytes);
}

/// What tiles of gemm_rows may be; with less to decide between them, layers of 16 to 24 inputs are 5 to 15 % faster.
enum class Tiles {
  any,
  codes,  ///< 16 channels of codes, weights without zero points
  bytes,  ///< the same, and codes are plain and unsigned
};

/// The weights of the block of 16 channels from c on.
inline MaddubsBlock block_form(const GemmTask& t, std::size_t c) {
  return {t.form + c / block_channels * MaddubsBlock::bytes(t.segments * t.steps)};
}

/// Rows from r on, M at a time while they last, by one block of 16 channels in the form of MaddubsBlock. Per pair of steps, row
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
  const std::size_t steps = t.segments * t.steps;
  const MaddubsBlock form = block_form(t, c);
  const auto* block = reinterpret_cast<const __m256i*>(form.data);
  const std::ptrdiff_t* const offset =
      t.place == nullptr
          ? form.offsets(steps)
          : reinterpret_cast<const std::ptrdiff_t*>(t.place + c / block_channels * MaddubsBlock::offsets_bytes(steps));
  const std::ptrdiff_t *const pairs_end = offset + std::size_t{2} * form.pairs(), *const end = offset + steps;
  const auto* bias = reinterpret_cast<const __m256i*>(t.bias + c);
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256i start[2] = {_mm256_add_epi32(_mm256_loadu_si256(bias), _mm256_load_si256(block)),
                            _mm256_add_epi32(_mm256_loadu_si256(bias + 1), _mm256_load_si256(block + 1))};
  const auto first_row = static_cast<std::ptrdiff_t>(r);
  const std::uint8_t* a[M];
  for (std::size_t m = 0; m < M; ++m) a[m] = t.a + (first_row + static_cast<std::ptrdiff_t>(m)) * t.a_row;
  auto* y = static_cast<std::uint8_t*>(t.out.data) + first_row * t.out.row + static_cast<std::ptrdiff_t>(c);
  for (; r + M <= t.rows; r += M) {
    const auto* w = block + MaddubsBlock::head_bytes / 32;
    __m256i acc[2 * M];
    start_tile<M>(start[0], start[1], acc);
    if constexpr (Kind == Tiles::any) subtract_row_sums<M>(t, r, c, acc);
    const std::ptrdiff_t* at = offset;
    for (; at != pairs_end; at += 2, w += 6)
      avx2::unroll<M>([&](auto m) TRIMTAB_INT8_INLINE_AVX2 {
        const __m256i x0 = broadcast_four(a[m] + at[0]), x1 = broadcast_four(a[m] + at[1]);
        avx2::unroll<Halves>([&](auto half) TRIMTAB_INT8_INLINE_AVX2 {
          const __m256i sums = _mm256_add_epi16(_mm256_maddubs_epi16(x0, w[half]),
                                                _mm256_maddubs_epi16(_mm256_xor_si256(x1, w[4 + half]), w[2 + half]));
          acc[2 * m + half] = _mm256_add_epi32(acc[2 * m + half], _mm256_madd_epi16(sums, ones));
        });
      });
    for (; at != end; ++at, w += 4)
      avx2::unroll<M>([&](auto m) TRIMTAB_INT8_INLINE_AVX2 {
        const __m256i x = broadcast_four(a[m] + *at);
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

/// Row r by `Blocks` blocks of 16 channels in the common layout: for blocks without a form for vpmaddubsw, and for single rows,
/// where reading fewer weights counts for more. An activation is 4 high + low, high <= 63 and low <= 3, so that vpmaddubsw never
/// saturates: the sums of two steps' highs stay in 16 bits, 63 * 4 * 128 at most, and those of 42 steps' lows. Per 8 channels and
/// two steps four vpmaddubsw, three vpaddw, vpmaddwd by 4, vpaddd.
template <std::size_t Blocks>
TRIMTAB_INT8_AVX2 __attribute__((noinline)) void single_row(const GemmTask& t, const CodeStage& stage, std::size_t r,
                                                            std::size_t c) {
  constexpr std::size_t at_once = 40;  // steps: even, no more than 42
  const __m256i fours = _mm256_set1_epi16(4), ones = _mm256_set1_epi16(1);
  const __m256i six_bits = _mm256_set1_epi8(63), two_bits = _mm256_set1_epi8(3);
  const std::size_t steps = t.segments * t.steps;
  const auto* w = reinterpret_cast<const __m256i*>(t.b + c * steps * 4);
  __m256i acc[2 * Blocks];
  avx2::unroll<Blocks>([&](auto b) TRIMTAB_INT8_INLINE_AVX2 { start_tile<1>(t, r, c + 16 * b, acc + 2 * b); });
  for (std::size_t s = 0; s < t.segments; ++s) {
    const std::uint8_t* a = t.a + static_cast<std::ptrdiff_t>(r) * t.a_row + t.segment[s];
    for (std::size_t k = 0; k < t.steps; k += at_once, a += 4 * at_once) {
      const std::size_t count = t.steps - k < at_once ? t.steps - k : at_once;
      alignas(32) std::uint8_t high[4 * at_once] = {}, low[4 * at_once];
      std::memcpy(high, a, 4 * count);
      for (std::size_t i = 0; i < 4 * count; i += 32) {
        const __m256i x = _mm256_load_si256(reinterpret_cast<const __m256i*>(high + i));
        _mm256_store_si256(reinterpret_cast<__m256i*>(low + i), _mm256_and_si256(x, two_bits));
        _mm256_store_si256(reinterpret_cast<__m256i*>(high + i), _mm256_and_si256(_mm256_srli_epi16(x, 2), six_bits));
      }
      __m256i lows[2 * Blocks];
      avx2::unroll<2 * Blocks>([&](auto i) TRIMTAB_INT8_INLINE_AVX2 { lows[i] = _mm256_setzero_si256(); });
      std::size_t i = 0;
      const auto add = [&](auto number) TRIMTAB_INT8_INLINE_AVX2 {  // of steps, 2 or 1
        __m256i h[number], l[number];
        avx2::unroll<number>([&](auto n) TRIMTAB_INT8_INLINE_AVX2 {
          h[n] = broadcast_four(high + 4 * (i + n));
          l[n] = broadcast_four(low + 4 * (i + n));
        });
        avx2::unroll<Blocks>([&](auto b) TRIMTAB_INT8_INLINE_AVX2 {
          avx2::unroll<2>([&](auto half) TRIMTAB_INT8_INLINE_AVX2 {
            const __m256i* const v = w + 2 * b * steps + half;
            __m256i v0 = _mm256_load_si256(v);
            __asm__("" : "+x"(v0));  // loaded once, where GCC 12 would read it from memory for either product
            __m256i high_sum = _mm256_maddubs_epi16(h[0], v0), low_sum = _mm256_maddubs_epi16(l[0], v0);
            if constexpr (number == 2) {
              __m256i v1 = _mm256_load_si256(v + 2);
              __asm__("" : "+x"(v1));
              high_sum = _mm256_add_epi16(high_sum, _mm256_maddubs_epi16(h[1], v1));
              low_sum = _mm256_add_epi16(low_sum, _mm256_maddubs_epi16(l[1], v1));
            }
            acc[2 * b + half] = _mm256_add_epi32(acc[2 * b + half], _mm256_madd_epi16(high_sum, fours));
            lows[2 * b + half] = _mm256_add_epi16(lows[2 * b + half], low_sum);
          });
        });
        i += number;
        w += 2 * number;
      };
      while (i + 2 <= count) add(std::integral_constant<std::size_t, 2>{});
      if (i < count) add(std::integral_constant<std::size_t, 1>{});
      avx2::unroll<2 * Blocks>(
          [&](auto j) TRIMTAB_INT8_INLINE_AVX2 { acc[j] = _mm256_add_epi32(acc[j], _mm256_madd_epi16(lows[j], ones)); });
    }
  }
  avx2::unroll<Blocks>([&](auto b) TRIMTAB_INT8_INLINE_AVX2 { finish_tile<1>(t, stage, r, c + 16 * b, acc + 2 * b); });
}

/// Rows from r on in tiles of 4, those that are left over by themselves.
template <Tiles Kind>
TRIMTAB_INT8_AVX2 inline void gemm_block(const GemmTask& t, const CodeStage& stage, std::size_t r, std::size_t c) {
  gemm_rows<1, 2, Tiles::any>(t, stage, gemm_rows<4, 2, Kind>(t, stage, r, c), c);
}

TRIMTAB_INT8_AVX2 inline void gemm_u8s8(const GemmTask& t) {
  const CodeStage stage = code_stage(t.out);
  const bool codes = t.out.kind == OutputKind::codes && t.zero_point == nullptr, bytes = t.out.plain && !t.out.is_signed;
  std::size_t c = 0;
  if (t.rows == 1)
    for (; c + 2 * block_channels < t.cols; c += 3 * block_channels) single_row<3>(t, stage, 0, c);
  for (; c < t.cols; c += block_channels) {
    const std::size_t width = t.cols - c;
    if (t.rows == 1 || block_form(t, c).pairs() == MaddubsBlock::none) {
      for (std::size_t r = 0; r < t.rows; ++r) single_row<1>(t, stage, r, c);
    } else if (codes && width >= block_channels) {
      bytes ? gemm_block<Tiles::bytes>(t, stage, 0, c) : gemm_block<Tiles::codes>(t, stage, 0, c);
    } else {
      gemm_block<Tiles::any>(t, stage, width <= 8 ? gemm_rows<8, 1, Tiles::any>(t, stage, 0, c) : 0, c);
    }
  }
}

}  // namespace trimtab::int8::avx2
#endif  // TRIMTAB_X86_KERNELS
