#pragma once
/// \file
/// Depthwise convolutions with AVX512-VNNI.

#include <trimtab/int8/kernels/avx2_depthwise.hpp>
#include <trimtab/int8/kernels/avx512vnni_output.hpp>

#if TRIMTAB_X86_KERNELS

TRIMTAB_INT8_BEGIN_AVX512

namespace trimtab::int8::avx512vnni {

/// Up to 64 channels, or G runs of up to 64 / G, `apart` bytes apart, side by side; `inside` has a bit per run that is not
/// padding.
template <std::size_t G>
TRIMTAB_INT8_INLINE_AVX512VNNI inline __m512i load_runs(const std::uint8_t* x, std::ptrdiff_t apart, unsigned inside,
                                                        const std::uint8_t* padding, __mmask64 mask) {
  const auto run = [&](std::ptrdiff_t g)
                       TRIMTAB_INT8_INLINE_AVX512VNNI { return (inside >> g & 1U) != 0 ? x + g * apart : padding; };
  if constexpr (G == 1) {
    return _mm512_maskz_loadu_epi8(mask, run(0));
  } else if constexpr (G == 2) {
    const auto half = static_cast<__mmask32>(mask);
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_maskz_loadu_epi8(half, run(0))),
                              _mm256_maskz_loadu_epi8(half, run(1)), 1);
  } else {
    const auto quarter = static_cast<__mmask16>(mask);
    const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_maskz_loadu_epi8(quarter, run(0))),
                                                _mm_maskz_loadu_epi8(quarter, run(1)), 1);
    const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_maskz_loadu_epi8(quarter, run(2))),
                                                 _mm_maskz_loadu_epi8(quarter, run(3)), 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
}

/// Where the inputs of one pass of a depthwise kernel lie: `columns` input columns from `first` on (before it and from w on there
/// is padding), of `channels` channels a pixel; run g of G runs starts g * run_columns further right.
struct InputColumns {
  const std::uint8_t *rows[4], *padding;
  std::size_t channels, columns, w;
  std::ptrdiff_t first, run_columns;
  std::uint8_t flip;
  __mmask64 mask;
};

/// Interleaves four rows: vector v of a column holds, per channel, the four rows' bytes side by side. The fourth row is not read
/// where only three have weights other than 0. Columns go `step` vectors apart.
template <bool Three, std::size_t G>
TRIMTAB_INT8_AVX512VNNI __attribute__((noinline)) void interleave(const InputColumns& input, std::size_t step, __m512i* to) {
  const InputColumns in = input;  // a copy, which the stores below cannot change
  const __m512i flips = _mm512_set1_epi8(static_cast<char>(in.flip));
  for (std::size_t j = 0; j < in.columns; ++j, to += step) {
    const std::ptrdiff_t column = in.first + static_cast<std::ptrdiff_t>(j), channels = static_cast<std::ptrdiff_t>(in.channels);
    unsigned inside = 0;
    avx512vnni::unroll<G>([&](auto g) TRIMTAB_INT8_INLINE_AVX512VNNI {
      const std::size_t iw =
          static_cast<std::size_t>(column + static_cast<std::ptrdiff_t>(g) * in.run_columns);  // wraps on the left
      inside |= (iw < in.w ? 1U : 0U) << g;
    });
    __m512i x[4];
    avx512vnni::unroll<4>([&](auto i) TRIMTAB_INT8_INLINE_AVX512VNNI {
      if constexpr (Three && i == 3)
        x[i] = _mm512_setzero_si512();
      else
        x[i] = load_runs<G>(in.rows[i] + column * channels, in.run_columns * channels, inside, in.padding, in.mask);
    });
    if (in.flip != 0) avx512vnni::unroll<4>([&](auto i) TRIMTAB_INT8_INLINE_AVX512VNNI { x[i] = _mm512_xor_si512(x[i], flips); });
    const __m512i low01 = _mm512_unpacklo_epi8(x[0], x[1]), high01 = _mm512_unpackhi_epi8(x[0], x[1]);
    const __m512i low23 = _mm512_unpacklo_epi8(x[2], x[3]), high23 = _mm512_unpackhi_epi8(x[2], x[3]);
    _mm512_store_si512(to, _mm512_unpacklo_epi16(low01, low23));
    _mm512_store_si512(to + 1, _mm512_unpackhi_epi16(low01, low23));
    _mm512_store_si512(to + 2, _mm512_unpacklo_epi16(high01, high23));
    _mm512_store_si512(to + 3, _mm512_unpackhi_epi16(high01, high23));
  }
}

/// What a block of 64 places holds: `width` channels, `runs` times over for output columns `run_columns` apart.
struct PixelRuns {
  std::size_t width, runs, run_columns;
};

/// Stores the runs of one block, given in lane order; `at` is the first run's place and `left` the output columns from there on.
template <bool Plain>
TRIMTAB_INT8_INLINE_AVX512VNNI inline void store_pixel(const Output& out, std::size_t channels, const CodeStage& s,
                                                       const __m512* multiplier, std::size_t at, const PixelRuns& runs,
                                                       std::size_t left, const __m512i* acc) {
  const std::size_t apart = runs.run_columns * channels;
  if (out.kind == OutputKind::codes) {
    const __m512i codes =
        to_codes<Plain>(to_steps<Plain>(acc[0], multiplier[0], s), to_steps<Plain>(acc[1], multiplier[1], s),
                        to_steps<Plain>(acc[2], multiplier[2], s), to_steps<Plain>(acc[3], multiplier[3], s), s);
    std::uint8_t* y = static_cast<std::uint8_t*>(out.data) + at;
    if (runs.width == 64) {
      _mm512_storeu_si512(y, codes);
    } else if (runs.runs == 1) {
      _mm512_mask_storeu_epi8(y, (std::uint64_t{1} << runs.width) - 1, codes);
    } else if (runs.runs == 2) {
      const auto mask = static_cast<__mmask32>((std::uint64_t{1} << runs.width) - 1);
      _mm256_mask_storeu_epi8(y, mask, _mm512_castsi512_si256(codes));
      if (left > runs.run_columns) _mm256_mask_storeu_epi8(y + apart, mask, _mm512_extracti64x4_epi64(codes, 1));
    } else {
      const auto mask = static_cast<__mmask16>((1U << runs.width) - 1U);
      avx512vnni::unroll<4>([&](auto g) TRIMTAB_INT8_INLINE_AVX512VNNI {
        constexpr int lane = g;
        if (left > g * runs.run_columns) _mm_mask_storeu_epi8(y + g * apart, mask, _mm512_extracti32x4_epi32(codes, lane));
      });
    }
    return;
  }
  __m512i v[4];
  avx512vnni::unroll<4>([&](auto i) TRIMTAB_INT8_INLINE_AVX512VNNI {
    v[i] =
        out.kind == OutputKind::floats ? _mm512_castps_si512(_mm512_mul_ps(_mm512_cvtepi32_ps(acc[i]), multiplier[i])) : acc[i];
  });
  // Lane l of the four vectors is 16 channels in natural order.
  const __m512i a = _mm512_shuffle_i32x4(v[0], v[1], 0x44), b = _mm512_shuffle_i32x4(v[0], v[1], 0xEE);
  const __m512i c = _mm512_shuffle_i32x4(v[2], v[3], 0x44), d = _mm512_shuffle_i32x4(v[2], v[3], 0xEE);
  const __m512i natural[4] = {_mm512_shuffle_i32x4(a, c, 0x88), _mm512_shuffle_i32x4(a, c, 0xDD),
                              _mm512_shuffle_i32x4(b, d, 0x88), _mm512_shuffle_i32x4(b, d, 0xDD)};
  avx512vnni::unroll<4>([&](auto i) TRIMTAB_INT8_INLINE_AVX512VNNI {
    const std::size_t g = i * runs.runs / 4, channel = 16 * (i - g * 4 / runs.runs);
    if (runs.width > channel && left > g * runs.run_columns) {
      const auto mask = static_cast<__mmask16>(runs.width >= channel + 16 ? 0xFFFFU : (1U << (runs.width - channel)) - 1U);
      _mm512_mask_storeu_epi32(static_cast<std::int32_t*>(out.data) + at + g * apart + channel, mask, natural[i]);
    }
  });
}

/// P output rows by `count` output columns by 64 channels, from interleaved inputs x, X columns at a time: 4 P X accumulators;
/// per quad of rows and window column 4 (P + X) loads for 4 P X vpdpbusd. The window of output row p starts p * stride_h rows
/// down the quads. K and S are the window and stride of a square, undilated one, so that all offsets are constants; 0 for any
/// other. Returns how many columns are done: count rounded down to a multiple of X.
template <std::size_t P, std::size_t X, std::size_t K, std::size_t S>
TRIMTAB_INT8_AVX512VNNI __attribute__((noinline)) std::size_t depthwise_columns_by(const DepthwiseTask& t, const __m512i* x,
                                                                                   const __m512i* w, std::size_t c,
                                                                                   std::size_t p0, std::size_t ow,
                                                                                   std::size_t count, std::size_t left,
                                                                                   const PixelRuns& pixel_runs) {
  const CodeStage stage = code_stage(t.out);
  const std::size_t quads = K > 0 ? (K + 3) / 4 : lane_order::quad_count(t), pixel = 4 * quads;
  const std::size_t shifts = K > 0 ? 4 * ((K + 3) / 4) - K + 1 : lane_order::shifts(t), kernel_w = K > 0 ? K : t.kernel_w;
  const std::size_t stride_w = S > 0 ? S : t.stride_w, stride_h = S > 0 ? S : t.stride_h, dilation_w = S > 0 ? 1 : t.dilation_w;
  const Output out = t.out;  // copies, which the stores below cannot change
  const PixelRuns runs = pixel_runs;
  const std::size_t out_w = t.out_w, channels = t.channels;
  __m512 multiplier[4];
  __m512i bias[4];
  avx512vnni::unroll<4>([&](auto v) TRIMTAB_INT8_INLINE_AVX512VNNI {
    multiplier[v] = _mm512_loadu_ps(t.out.multiplier + c + 16 * v);
    bias[v] = _mm512_loadu_si512(t.bias + c + 16 * v);
  });
  std::size_t done = 0;
  for (; done + X <= count; done += X, x += X * stride_w * pixel) {
    __m512i acc[P][X][4];
    avx512vnni::unroll<4 * P * X>([&](auto i)
                                      TRIMTAB_INT8_INLINE_AVX512VNNI { acc[i / (4 * X)][i / 4 % X][i % 4] = bias[i % 4]; });
    const auto tap = [&](std::size_t kw, std::size_t q) TRIMTAB_INT8_INLINE_AVX512VNNI {
      const __m512i* at = x + kw * dilation_w * pixel + 4 * q;
      const __m512i* weights = w + (kw * quads + q) * shifts * 4;
      avx512vnni::unroll<4>([&](auto v) TRIMTAB_INT8_INLINE_AVX512VNNI {
        __m512i in[X];
        avx512vnni::unroll<X>([&](auto i)
                                  TRIMTAB_INT8_INLINE_AVX512VNNI { in[i] = _mm512_load_si512(at + i * stride_w * pixel + v); });
        avx512vnni::unroll<P>([&](auto p) TRIMTAB_INT8_INLINE_AVX512VNNI {
          const __m512i weight = _mm512_load_si512(weights + 4 * p * stride_h + v);
          avx512vnni::unroll<X>(
              [&](auto i) TRIMTAB_INT8_INLINE_AVX512VNNI { acc[p][i][v] = _mm512_dpbusd_epi32(acc[p][i][v], in[i], weight); });
        });
      });
    };
    if constexpr (K > 0) {
      avx512vnni::unroll<K*((K + 3) / 4)>([&](auto i)
                                              TRIMTAB_INT8_INLINE_AVX512VNNI { tap(i / ((K + 3) / 4), i % ((K + 3) / 4)); });
    } else {
      for (std::size_t kw = 0; kw < kernel_w; ++kw)
        for (std::size_t q = 0; q < quads; ++q) tap(kw, q);
    }
    const auto store = [&](auto plain) TRIMTAB_INT8_INLINE_AVX512VNNI {
      avx512vnni::unroll<P * X>([&](auto i) TRIMTAB_INT8_INLINE_AVX512VNNI {
        const std::size_t at = ((p0 + i / X) * out_w + ow + done + i % X) * channels + c;
        store_pixel<plain>(out, channels, stage, multiplier, at, runs, left - done - i % X, acc[i / X][i % X]);
      });
    };
    if (out.plain)
      store(std::true_type{});
    else
      store(std::false_type{});
  }
  return done;
}

/// P output rows from p0 on, 64 channels from c on, X output columns at a time while they last. The last 32 channels or fewer
/// fill only half a vector or a quarter: then two or four runs of output columns stand side by side in it.
template <std::size_t P, std::size_t X, std::size_t K, std::size_t S>
TRIMTAB_INT8_AVX512VNNI __attribute__((noinline)) void depthwise_pass(const DepthwiseTask& t, std::size_t c, std::size_t p0) {
  const std::size_t quads = lane_order::quad_count(t), window_rows = t.kernel_h + (P - 1) * t.stride_h;
  const std::size_t width = t.channels - c < 64 ? t.channels - c : 64, runs = lane_order::runs(t.channels - c, 4);
  auto* interleaved = reinterpret_cast<__m512i*>(t.scratch);
  const __m512i* w = reinterpret_cast<const __m512i*>(t.form) + c / 64 * t.kernel_w * quads * lane_order::shifts(t) * 4;
  for (std::size_t first = 0; first < t.out_w; first += runs * depthwise_columns) {
    const std::size_t left = t.out_w - first;
    const std::size_t wanted = left < runs * depthwise_columns ? left : runs * depthwise_columns,
                      count = (wanted + runs - 1) / runs;
    InputColumns in;
    in.padding = t.padding + c;
    in.channels = t.channels;
    in.columns = (count - 1) * t.stride_w + (t.kernel_w - 1) * t.dilation_w + 1;
    in.w = t.w;
    in.first = static_cast<std::ptrdiff_t>(first * t.stride_w) - static_cast<std::ptrdiff_t>(t.pad_left);
    in.run_columns = static_cast<std::ptrdiff_t>(count * t.stride_w);
    in.flip = t.flip;
    in.mask = width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
    for (std::size_t q = 0; q < quads; ++q) {
      for (std::size_t j = 0; j < 4; ++j)  // rows that no window reaches have weight 0
        in.rows[j] = t.row[p0 * t.stride_h + (4 * q + j < window_rows ? (4 * q + j) * t.dilation_h : 0)] + c;
      const bool three = 4 * q + 3 >= window_rows;
      const auto run = runs == 1   ? (three ? interleave<true, 1> : interleave<false, 1>)
                       : runs == 2 ? (three ? interleave<true, 2> : interleave<false, 2>)
                                   : (three ? interleave<true, 4> : interleave<false, 4>);
      run(in, 4 * quads, interleaved + 4 * q);
    }
    const PixelRuns pixel_runs{width, runs, count};
    const std::size_t done = depthwise_columns_by<P, X, K, S>(t, interleaved, w, c, p0, first, count, wanted, pixel_runs);
    if (done < count)
      depthwise_columns_by<P, 1, 0, 0>(t, interleaved + 4 * quads * done * t.stride_w, w, c, p0, first + done, count - done,
                                       wanted - done, pixel_runs);
  }
}

/// P output rows from p0 on, all channels: 16 accumulators at a time.
template <std::size_t P>
TRIMTAB_INT8_AVX512VNNI inline void depthwise_rows(const DepthwiseTask& t, std::size_t p0) {
  const bool regular = t.kernel_h == t.kernel_w && t.stride_h == t.stride_w && t.dilation_h == 1 && t.dilation_w == 1;
  const std::size_t k = regular ? t.kernel_h : 0, s = t.stride_w;
  for (std::size_t c = 0; c < t.channels; c += 64) {
    if constexpr (P < 4)
      if (k == 3 && s == 1) {
        depthwise_pass<P, 4 / P, 3, 1>(t, c, p0);
        continue;
      }
    if constexpr (P == 1)
      if (k == 3 && s == 2) {
        depthwise_pass<1, 4, 3, 2>(t, c, p0);
        continue;
      }
    if constexpr (P == 4)
      if (k == 5 && s == 1) {
        depthwise_pass<4, 1, 5, 1>(t, c, p0);
        continue;
      }
    if constexpr (P == 2)
      if (k == 5 && s == 2) {
        depthwise_pass<2, 2, 5, 2>(t, c, p0);
        continue;
      }
    depthwise_pass<P, 4 / P, 0, 0>(t, c, p0);
  }
}

/// 4 rows of input, interleaved byte by byte, feed vpdpbusd with four useful bytes of four; the window slides down within them,
/// so that a 3 x 3 window of stride 1 gives 2 output rows for one interleaving, a 5 x 5 window (8 rows) 4.
TRIMTAB_INT8_AVX512VNNI inline void depthwise_u8s8(const DepthwiseTask& t) {
  const std::size_t rows_at_once = t.dilation_h > 1 ? 1 : (lane_order::shifts(t) - 1) / t.stride_h + 1;
  for (std::size_t p = 0; p < t.out_rows;) {
    const std::size_t left = t.out_rows - p;
    if (rows_at_once >= 4 && left >= 4) {
      depthwise_rows<4>(t, p);
      p += 4;
    } else if (rows_at_once >= 2 && left >= 2) {
      depthwise_rows<2>(t, p);
      p += 2;
    } else {
      depthwise_rows<1>(t, p);
      p += 1;
    }
  }
}

inline const DepthwiseKernel& depthwise(const DepthwiseShape& s) {
  static constexpr DepthwiseKernel quads{depthwise_u8s8, lane_order::quads_bytes<4>, lane_order::prepare_quads<4>,
                                         lane_order::order<4>};
  return s.zero_points ? avx2::depthwise(s) : quads;
}

}  // namespace trimtab::int8::avx512vnni

TRIMTAB_INT8_END_AVX512
#endif  // TRIMTAB_X86_KERNELS
