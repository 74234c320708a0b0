#pragma once
/// \file
/// Depthwise convolutions with AVX2: on 16-bit weights, but for windows of 3 x 3.

#include <trimtab/int8/kernels/avx2_depthwise_3x3.hpp>

#if TRIMTAB_X86_KERNELS
namespace trimtab::int8::avx2 {

/// Weights as int16 in pairs of rows, in which the window stands at the first row or the second. Layout
/// [C / 32][2 shifts][KW][KH / 2 + 1 pairs][4 vectors][8 channels][2 rows], channels in lane order.
inline std::size_t pairs_bytes(const DepthwiseShape& s) {
  return (s.channels + 31) / 32 * 2 * s.kernel_w * (s.kernel_h / 2 + 1) * 64 * sizeof(std::int16_t);
}
inline void prepare_pairs(const std::int16_t* weight, const DepthwiseShape& s, std::byte* form) {
  const std::size_t pairs = s.kernel_h / 2 + 1;
  auto* to = reinterpret_cast<std::int16_t*>(form);
  std::memset(form, 0, pairs_bytes(s));
  for (std::size_t c = 0; c < s.channels; ++c) {
    const std::size_t v = c % 16 / 4, element = c % 32 / 16 * 4 + c % 4;  // of lane order
    for (std::size_t shift = 0; shift < 2; ++shift)
      for (std::size_t kw = 0; kw < s.kernel_w; ++kw)
        for (std::size_t kh = 0; kh < s.kernel_h; ++kh) {
          const std::size_t place = kh + shift;
          to[((((c / 32 * 2 + shift) * s.kernel_w + kw) * pairs + place / 2) * 4 + v) * 16 + 2 * element + place % 2] =
              weight[(kh * s.kernel_w + kw) * s.padded() + c];
        }
  }
}

/// Two bytes of each of up to 32 channels side by side as 16-bit numbers, 4 vectors.
template <bool Whole>
TRIMTAB_INT8_INLINE_AVX2 inline void interleave_pixel(const std::uint8_t* x0, const std::uint8_t* x1, std::size_t width,
                                                      __m256i flip, __m256i* to) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i a = _mm256_xor_si256(load_bytes(x0, Whole ? 32 : width), flip);
  const __m256i b = _mm256_xor_si256(load_bytes(x1, Whole ? 32 : width), flip);
  const __m256i low = _mm256_unpacklo_epi8(a, b), high = _mm256_unpackhi_epi8(a, b);
  _mm256_store_si256(to, _mm256_unpacklo_epi8(low, zero));
  _mm256_store_si256(to + 1, _mm256_unpackhi_epi8(low, zero));
  _mm256_store_si256(to + 2, _mm256_unpacklo_epi8(high, zero));
  _mm256_store_si256(to + 3, _mm256_unpackhi_epi8(high, zero));
}

/// Interleaves what output columns first .. first + count - 1 of `rows` output rows from p0 on need of 32 channels from c on, in
/// pairs of window rows: per column and pair 4 vectors of 16-bit numbers, the two rows of a channel side by side.
template <bool Whole>
TRIMTAB_INT8_AVX2 inline void interleave_pairs(const DepthwiseTask& t, std::size_t c, std::size_t p0, std::size_t rows,
                                               std::size_t first, std::size_t count) {
  const std::size_t window_rows = (rows - 1) * t.stride_h + t.kernel_h, pairs = (window_rows + 1) / 2, pitch = 4 * pairs;
  const std::size_t width = t.channels - c < 32 ? t.channels - c : 32, channels = t.channels;
  const __m256i flip = _mm256_set1_epi8(static_cast<char>(t.flip));
  // Columns left of the picture, in it, and right of it.
  const std::size_t columns = (count - 1) * t.stride_w + (t.kernel_w - 1) * t.dilation_w + 1, begin = first * t.stride_w;
  const auto until = [&](std::size_t padded) {
    return padded > begin ? (padded - begin < columns ? padded - begin : columns) : 0;
  };
  const std::size_t left = until(t.pad_left), right = until(t.pad_left + t.w);
  for (std::size_t q = 0; q < pairs; ++q) {
    const std::uint8_t* const* row = t.row + p0 * t.stride_h + 2 * q * t.dilation_h;
    const std::size_t skipped = (begin + left - t.pad_left) * channels + c;
    const std::uint8_t *x0 = row[0] + skipped,
                       *x1 = row[2 * q + 1 < window_rows ? t.dilation_h : 0] + skipped;  // no row: weight 0
    auto* to = reinterpret_cast<__m256i*>(t.scratch) + 4 * q;
    std::size_t j = 0;
    for (; j < left; ++j, to += pitch) interleave_pixel<Whole>(t.padding + c, t.padding + c, width, flip, to);
    for (; j < right; ++j, to += pitch, x0 += channels, x1 += channels) interleave_pixel<Whole>(x0, x1, width, flip, to);
    for (; j < columns; ++j, to += pitch) interleave_pixel<Whole>(t.padding + c, t.padding + c, width, flip, to);
  }
}

/// Where a row of output pixels finds what it needs.
struct DepthwiseRow {
  const __m256i* x;          ///< first column's first pair
  std::size_t pairs, pitch;  ///< pairs of rows under the window, vectors between columns
  const __m256i* w;          ///< [KW][kernel_h / 2 + 1][4]
  const float* multiplier;   ///< of the 32 channels
  const std::int32_t* bias;  ///< of the 32 channels
  std::ptrdiff_t at;         ///< where in the output the first pixel goes
  std::size_t width;         ///< channels that exist
};

/// C neighbouring output pixels by 32 channels: a vector of weights serves C pixels, 4 C accumulators; 16-bit products of two
/// rows by vpmaddwd.
template <std::size_t C>
TRIMTAB_INT8_AVX2 __attribute__((noinline)) void depthwise_tile(const DepthwiseTask& t, const CodeStage& stage,
                                                                const DepthwiseRow& row, std::size_t ow) {
  __m256i acc[C][4];
  avx2::unroll<4>([&](auto v) TRIMTAB_INT8_INLINE_AVX2 {
    const __m256i bias = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row.bias + 8 * v));
    avx2::unroll<C>([&](auto i) TRIMTAB_INT8_INLINE_AVX2 { acc[i][v] = bias; });
  });
  const std::size_t step = t.stride_w * row.pitch;
  const __m256i *x = row.x + ow * step, *w = row.w;
  for (std::size_t kw = 0; kw < t.kernel_w; ++kw, x += t.dilation_w * row.pitch, w += 4 * (t.kernel_h / 2 + 1))
    for (std::size_t q = 0; q < row.pairs; ++q)
      avx2::unroll<4>([&](auto v) TRIMTAB_INT8_INLINE_AVX2 {
        const __m256i weight = _mm256_load_si256(w + 4 * q + v);
        avx2::unroll<C>([&](auto i) TRIMTAB_INT8_INLINE_AVX2 {
          acc[i][v] = _mm256_add_epi32(acc[i][v], _mm256_madd_epi16(_mm256_load_si256(x + i * step + 4 * q + v), weight));
        });
      });
  __m256i sums[4 * C];
  avx2::unroll<C>([&](auto i) TRIMTAB_INT8_INLINE_AVX2 {
    avx2::unroll<4>([&](auto v) TRIMTAB_INT8_INLINE_AVX2 { sums[4 * i + v] = acc[i][v]; });
  });
  store_pixels(t.out, stage, row.multiplier, row.at + static_cast<std::ptrdiff_t>(ow) * t.out.row, row.width, C, sums);
}

/// A row of `count` output pixels, depthwise_columns at most, with windows of K by K side by side, `Stride` columns apart: 8
/// channels and a pair of rows at a time, so that their K vectors of weights stay in registers, and each column is read once,
/// for all the windows that it is in.
template <std::size_t K, std::size_t Stride>
TRIMTAB_INT8_AVX2 __attribute__((noinline)) void depthwise_row(const DepthwiseTask& t, const CodeStage& stage,
                                                               const DepthwiseRow& row, std::size_t count) {
  __m256i sums[4 * depthwise_columns];
  const std::size_t pitch = row.pitch;
  for (std::size_t v = 0; v < 4; ++v) {
    const auto pass = [&](std::size_t q, auto first) TRIMTAB_INT8_INLINE_AVX2 {
      __m256i w[K];
      avx2::unroll<K>([&](auto kw) TRIMTAB_INT8_INLINE_AVX2 { w[kw] = row.w[4 * (kw * (K / 2 + 1) + q) + v]; });
      const __m256i start =
          first ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row.bias + 8 * v)) : _mm256_setzero_si256();
      constexpr std::size_t open = (K + Stride - 1) / Stride;  // windows that a column may be in
      __m256i acc[open];
      avx2::unroll<open>([&](auto d) TRIMTAB_INT8_INLINE_AVX2 { acc[d] = start; });
      // The next column of x: window d, whose column kw - d Stride it is, takes it in.
      const __m256i* x = row.x + 4 * q + v;
      const auto column = [&](auto kw) TRIMTAB_INT8_INLINE_AVX2 {
        const __m256i in = *x;
        x += pitch;
        avx2::unroll<kw / Stride + 1>([&](auto d) TRIMTAB_INT8_INLINE_AVX2 {
          acc[d] = _mm256_add_epi32(acc[d], _mm256_madd_epi16(in, w[kw - d * Stride]));
        });
      };
      avx2::unroll<K - Stride>(column);
      __m256i* to = sums + v;
#pragma GCC unroll 2
      for (std::size_t i = 0; i < count; ++i, to += 4) {
        avx2::unroll<Stride>([&](auto j)
                                 TRIMTAB_INT8_INLINE_AVX2 { column(std::integral_constant<std::size_t, K - Stride + j>{}); });
        *to = first ? acc[0] : _mm256_add_epi32(*to, acc[0]);
        avx2::unroll<open - 1>([&](auto d) TRIMTAB_INT8_INLINE_AVX2 { acc[d] = acc[d + 1]; });
        acc[open - 1] = start;
      }
    };
    pass(0, std::true_type{});
    for (std::size_t q = 1; q < K / 2 + 1; ++q) pass(q, std::false_type{});
  }
  store_pixels(t.out, stage, row.multiplier, row.at, row.width, count, sums);
}

/// Whether windows are K by K, their columns side by side, and at most 2 columns apart.
inline bool is_plain_window(const DepthwiseShape& s, std::size_t k) {
  return s.kernel_h == k && s.kernel_w == k && s.dilation_w == 1 && s.stride_w <= 2;
}

/// The row by whatever fits its windows.
TRIMTAB_INT8_AVX2 inline void depthwise_row(const DepthwiseTask& t, const CodeStage& stage, const DepthwiseRow& row,
                                            std::size_t count) {
  if (is_plain_window(t, 5))
    t.stride_w == 1 ? depthwise_row<5, 1>(t, stage, row, count) : depthwise_row<5, 2>(t, stage, row, count);
  else {
    std::size_t ow = 0;
    for (; ow + 3 <= count; ow += 3) depthwise_tile<3>(t, stage, row, ow);
    if (ow + 2 <= count)
      depthwise_tile<2>(t, stage, row, ow);
    else if (ow < count)
      depthwise_tile<1>(t, stage, row, ow);
  }
}

/// Interleaves pairs of input rows, widened to 16 bits, once for all output rows of the band; a window starts at the first or the
/// second row of a pair, and has weights for either. 16-bit weights have their zero points already taken off.
TRIMTAB_INT8_AVX2 inline void depthwise_u8s16(const DepthwiseTask& t) {
  const CodeStage stage = code_stage(t.out);
  const std::size_t at_once = t.dilation_h > 1 ? 1 : t.out_rows, weights = 4 * t.kernel_w * (t.kernel_h / 2 + 1);
  const std::size_t columns = t.stride_w > 1 ? depthwise_columns / 2 : depthwise_columns;
  const auto* x = reinterpret_cast<const __m256i*>(t.scratch);
  for (std::size_t p0 = 0; p0 < t.out_rows; p0 += at_once)
    for (std::size_t c = 0; c < t.channels; c += 32)
      for (std::size_t first = 0; first < t.out_w; first += columns) {
        const std::size_t count = t.out_w - first < columns ? t.out_w - first : columns;
        if (t.channels - c >= 32)
          interleave_pairs<true>(t, c, p0, at_once, first, count);
        else
          interleave_pairs<false>(t, c, p0, at_once, first, count);
        for (std::size_t p = 0; p < at_once; ++p) {
          const std::size_t top = p * t.stride_h, shift = top % 2;
          DepthwiseRow row;
          row.pitch = ((at_once - 1) * t.stride_h + t.kernel_h + 1) / 2 * 4;
          row.x = x + top / 2 * 4;
          row.pairs = (t.kernel_h + shift + 1) / 2;
          row.w = reinterpret_cast<const __m256i*>(t.form) + (c / 32 * 2 + shift) * weights;
          row.multiplier = t.out.multiplier + c;
          row.bias = t.bias + c;
          row.at = static_cast<std::ptrdiff_t>(((p0 + p) * t.out_w + first) * t.channels + c);
          row.width = t.channels - c < 32 ? t.channels - c : 32;
          depthwise_row(t, stage, row, count);
        }
      }
}

inline const DepthwiseKernel& depthwise(const DepthwiseShape& s) {
  static constexpr DepthwiseKernel plain_3x3{depthwise_3x3, parts_bytes, prepare_parts, lane_order::order<2>},
      any{depthwise_u8s16, pairs_bytes, prepare_pairs, lane_order::order<2>};
  return is_plain_window(s, 3) ? plain_3x3 : any;
}

}  // namespace trimtab::int8::avx2
#endif  // TRIMTAB_X86_KERNELS
