#pragma once
/// \file
/// Depthwise convolutions of 3 x 3 with AVX2: bytes straight from the picture, each weight in two parts.

#include <trimtab/int8/kernels/avx2_channels.hpp>
#include <trimtab/int8/kernels/lane_order.hpp>

#if TRIMTAB_X86_KERNELS
namespace trimtab::int8::avx2 {

/// What a high part of a weight counts for.
inline constexpr int depthwise_radix = 24;

/// Weights of 3 x 3 as bytes in two parts, w = depthwise_radix * high + low: in pairs of places, rows 0 and 1 of columns 0, 1 and
/// 2, then row 2 of columns 0 and 1, then a zero and row 2 of column 2. Layout [C / 32][5 pairs][high and low][2 halves][2
/// lanes][8 channels][2 places]: element i of lane l of half h is channel 16 l + 8 h + i of its block.
inline std::size_t parts_bytes(const DepthwiseShape& s) { return (s.channels + 31) / 32 * 5 * 128; }
inline void prepare_parts(const std::int16_t* weight, const DepthwiseShape& s, std::byte* form) {
  std::memset(form, 0, parts_bytes(s));
  for (std::size_t c = 0; c < s.channels; ++c)
    for (std::size_t kh = 0; kh < 3; ++kh)
      for (std::size_t kw = 0; kw < 3; ++kw) {
        const int w = weight[(kh * 3 + kw) * s.padded() + c], half = depthwise_radix / 2;
        const int high = (w < 0 ? w - half : w + half) / depthwise_radix;
        // The last place is the second of the last pair: row 2 of columns 1 and 2, of which only the latter counts.
        const std::size_t place = kh < 2 ? 2 * kw + kh : kw < 2 ? 6 + kw : 9;
        std::byte* at = form + (c / 32 * 5 + place / 2) * 128 + c % 16 / 8 * 32 + c % 32 / 16 * 16 + c % 8 * 2 + place % 2;
        at[0] = static_cast<std::byte>(high);
        at[64] = static_cast<std::byte>(w - depthwise_radix * high);
      }
}

/// Output columns first .. first + count - 1, depthwise_columns at most, of all rows of the task, for 32 channels from c on; all
/// of them exist where Whole.
///
/// A weight is 24 high + low (depthwise_radix). Nine highs are at most 99 and nine lows at most 108, and 128 would fit, so that
/// vpmaddubsw and the additions of its sums stay in 16 bits whatever the weights; vpmaddwd by 24 and 1 joins both. Two weights
/// a vpmaddubsw: rows 0 and 1 of a column, row 2 of two neighbouring columns. A column is interleaved once, for all the windows
/// of a row that hold it.
template <std::size_t Stride, bool Whole>
TRIMTAB_INT8_AVX2 __attribute__((noinline)) void depthwise_3x3(const DepthwiseTask& task, const CodeStage& code_stage,
                                                               std::size_t c, std::size_t first, std::size_t count) {
  const DepthwiseTask t = task;  // copies, since codes that are stored might be parts of what the references are to
  const CodeStage stage = code_stage;
  const std::size_t width = Whole ? 32 : t.channels - c, channels = t.channels;
  const __m256i flip = _mm256_set1_epi8(static_cast<char>(t.flip)), join = _mm256_set1_epi32(1 << 16 | depthwise_radix);
  const auto* const weight = reinterpret_cast<const __m256i*>(t.form) + c / 32 * 20;
  const auto* const bias = reinterpret_cast<const __m256i*>(t.bias + c);
  const auto* const multiplier = reinterpret_cast<const __m256*>(t.out.multiplier + c);
  const auto load = [&](const std::uint8_t* x) TRIMTAB_INT8_INLINE_AVX2 { return _mm256_xor_si256(load_bytes(x, width), flip); };
  // Pixels before the first whose newest columns may be outside the picture.
  const std::size_t inside = t.pad_left > 3 - Stride || t.w + t.pad_left < 3 ? 0 : (t.w + t.pad_left - 3) / Stride + 1;
  const std::size_t end = first + count, inside_end = inside < first ? first : inside < end ? inside : end;
  for (std::size_t p = 0; p < t.out_rows; ++p) {
    std::size_t column = first * Stride - t.pad_left;  // wraps left of the picture
    const std::uint8_t* x[3];
    for (std::size_t kh = 0; kh < 3; ++kh)
      x[kh] = t.row[p * t.stride_h + kh * t.dilation_h] + static_cast<std::ptrdiff_t>(column * channels + c);
    // Rows 0 and 1 of the window's columns, row 2 of them beside that of the next, each in halves of 16 channels.
    __m256i upper[3][2], lower[2][2], last = flip;
    const auto next = [&](auto known, __m256i* two, __m256i* across) TRIMTAB_INT8_INLINE_AVX2 {
      const bool padding = !known && column >= t.w;
      const __m256i a = load(padding ? t.padding + c : x[0]), b = load(padding ? t.padding + c : x[1]),
                    third = load(padding ? t.padding + c : x[2]);
      two[0] = _mm256_unpacklo_epi8(a, b);
      two[1] = _mm256_unpackhi_epi8(a, b);
      across[0] = _mm256_unpacklo_epi8(last, third);
      across[1] = _mm256_unpackhi_epi8(last, third);
      last = third;
      ++column;
      for (const std::uint8_t*& row : x) row += channels;
    };
    next(std::false_type{}, upper[0], lower[0]);
    if constexpr (Stride == 1) next(std::false_type{}, upper[1], lower[0]);
    const auto pixel = [&](auto known, __m256i* sums) TRIMTAB_INT8_INLINE_AVX2 {
      if constexpr (Stride == 2) next(known, upper[1], lower[0]);
      next(known, upper[2], lower[1]);
      avx2::unroll<2>([&](auto half) TRIMTAB_INT8_INLINE_AVX2 {
        const __m256i in[5] = {upper[0][half], upper[1][half], upper[2][half], lower[0][half], lower[1][half]};
        __m256i part[2];
        avx2::unroll<2>([&](auto high_low) TRIMTAB_INT8_INLINE_AVX2 {
          const __m256i* const w = weight + 2 * high_low + half;
          part[high_low] = _mm256_maddubs_epi16(in[0], w[0]);
          avx2::unroll<4>([&](auto i) TRIMTAB_INT8_INLINE_AVX2 {
            part[high_low] = _mm256_add_epi16(part[high_low], _mm256_maddubs_epi16(in[i + 1], w[4 * (i + 1)]));
          });
        });
        sums[2 * half] = _mm256_add_epi32(bias[2 * half], _mm256_madd_epi16(_mm256_unpacklo_epi16(part[0], part[1]), join));
        sums[2 * half + 1] =
            _mm256_add_epi32(bias[2 * half + 1], _mm256_madd_epi16(_mm256_unpackhi_epi16(part[0], part[1]), join));
        upper[0][half] = upper[Stride][half];
        if constexpr (Stride == 1) upper[1][half] = upper[2][half], lower[0][half] = lower[1][half];
      });
    };
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>((p * t.out_w + first) * channels + c);
    if (Whole && t.out.kind == OutputKind::codes) {
      auto* y = static_cast<std::uint8_t*>(t.out.data) + at;
      const auto row = [&](auto plain) TRIMTAB_INT8_INLINE_AVX2 {
        __m256i sums[4];
        const auto store = [&](auto known) TRIMTAB_INT8_INLINE_AVX2 {
          pixel(known, sums);
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), to_codes<plain>(sums, multiplier, stage));
          y += channels;
        };
        std::size_t i = first;
        for (; i < inside_end; ++i) store(std::true_type{});
        for (; i < end; ++i) store(std::false_type{});
      };
      stage.plain ? row(std::true_type{}) : row(std::false_type{});
    } else {
      __m256i sums[4 * depthwise_columns];
      std::size_t i = 0;
      for (; i < inside_end - first; ++i) pixel(std::true_type{}, sums + 4 * i);
      for (; i < count; ++i) pixel(std::false_type{}, sums + 4 * i);
      store_pixels(t.out, stage, t.out.multiplier + c, at, width, count, sums);
    }
  }
}

TRIMTAB_INT8_AVX2 inline void depthwise_3x3(const DepthwiseTask& t) {
  const CodeStage stage = code_stage(t.out);
  for (std::size_t c = 0; c < t.channels; c += 32)
    for (std::size_t first = 0; first < t.out_w; first += depthwise_columns) {
      const std::size_t count = t.out_w - first < depthwise_columns ? t.out_w - first : depthwise_columns;
      if (t.channels - c >= 32)
        t.stride_w == 1 ? depthwise_3x3<1, true>(t, stage, c, first, count) : depthwise_3x3<2, true>(t, stage, c, first, count);
      else
        t.stride_w == 1 ? depthwise_3x3<1, false>(t, stage, c, first, count) : depthwise_3x3<2, false>(t, stage, c, first, count);
    }
}

}  // namespace trimtab::int8::avx2
#endif  // TRIMTAB_X86_KERNELS
