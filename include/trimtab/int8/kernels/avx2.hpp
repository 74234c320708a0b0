#pragma once
/// \file
/// Integer kernels for AVX2 without VNNI, exact all the same: vpmaddubsw only where the weights prove that it cannot saturate.

#include <trimtab/int8/isa.hpp>
#include <trimtab/int8/kernels/tasks.hpp>

#if TRIMTAB_X86_KERNELS
#include <immintrin.h>

#include <cstring>
#include <utility>

#define TRIMTAB_TARGET_AVX2 __attribute__((target("avx2")))
#define TRIMTAB_INLINE_AVX2 TRIMTAB_TARGET_AVX2 __attribute__((always_inline))

namespace trimtab::int8::avx2 {

/// f(0), f(1) .. f(N - 1) with the index a constant: arrays of vectors stay in registers only when the compiler sees constants
/// from the start. Lambdas do not inherit the target of the function around them, so they say TRIMTAB_INLINE_AVX2 themselves.
template <class F, std::size_t... I>
TRIMTAB_INLINE_AVX2 inline void unroll(const F& f, std::index_sequence<I...>) {
  (f(std::integral_constant<std::size_t, I>{}), ...);
}
template <std::size_t N, class F>
TRIMTAB_INLINE_AVX2 inline void unroll(const F& f) {
  avx2::unroll(f, std::make_index_sequence<N>{});
}

/// Requantize on uint8 codes; int8 codes are these with zero point and lo 128 higher and bit 7 flipped.
struct CodeStage {
  __m256 limit;
  __m256i zero_point, lo, flip, order;
  bool plain;
};

TRIMTAB_INLINE_AVX2 inline CodeStage code_stage(const Output& out) {
  const std::int32_t shift = out.is_signed ? 128 : 0;
  // packssdw and packuswb work within 128 bits: bytes of lane 0 are channels 0-3, 8-11 of two rows, of lane 1 the others.
  return {_mm256_set1_ps(static_cast<float>(out.hi - out.zero_point)),
          _mm256_set1_epi16(static_cast<short>(out.zero_point + shift)),
          _mm256_set1_epi8(static_cast<char>(out.lo + shift)),
          _mm256_set1_epi8(static_cast<char>(shift)),
          _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0),
          out.plain};
}

/// round(min(acc * m, hi - zero_point)). Only the upper end needs clamping as a float: below -2^31, and for NaN (minps returns
/// its second operand), the conversion gives -2^31, which the saturating packs then bring to lo. Plain needs no clamping at all.
template <bool Plain>
TRIMTAB_INLINE_AVX2 inline __m256i to_steps(__m256i acc, __m256 multiplier, const CodeStage& s) {
  const __m256 steps = _mm256_mul_ps(_mm256_cvtepi32_ps(acc), multiplier);
  return _mm256_cvtps_epi32(Plain ? steps : _mm256_min_ps(s.limit, steps));
}

/// 32 codes from the accumulators of four vectors, 16-byte lanes apart: lane l holds groups of 4 from lane l of v0, v1, v2, v3.
template <bool Plain>
TRIMTAB_INLINE_AVX2 inline __m256i to_codes(const __m256i* acc, const __m256* multiplier, const CodeStage& s) {
  __m256i low = _mm256_packs_epi32(to_steps<Plain>(acc[0], multiplier[0], s), to_steps<Plain>(acc[1], multiplier[1], s));
  __m256i high = _mm256_packs_epi32(to_steps<Plain>(acc[2], multiplier[2], s), to_steps<Plain>(acc[3], multiplier[3], s));
  if constexpr (Plain) return _mm256_xor_si256(_mm256_packus_epi16(low, high), s.flip);
  low = _mm256_adds_epi16(low, s.zero_point);
  high = _mm256_adds_epi16(high, s.zero_point);
  return _mm256_xor_si256(_mm256_max_epu8(_mm256_packus_epi16(low, high), s.lo), s.flip);
}
TRIMTAB_INLINE_AVX2 inline __m256i to_codes(const __m256i* acc, const __m256* multiplier, const CodeStage& s) {
  return s.plain ? to_codes<true>(acc, multiplier, s) : to_codes<false>(acc, multiplier, s);
}

TRIMTAB_INLINE_AVX2 inline void store_bytes(std::uint8_t* y, __m128i codes, std::size_t width) {
  if (width >= 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y), codes);
  } else {
    alignas(16) std::uint8_t all[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(all), codes);
    std::memcpy(y, all, width);
  }
}

/// Stores the codes of Rows rows, 2 or 1, of one block of which the first `width` channels exist: acc[2 * row + half]. y: the first row's.
template <std::size_t Rows>
TRIMTAB_INLINE_AVX2 inline void store_codes(std::uint8_t* y, std::ptrdiff_t y_row, const CodeStage& s, const float* multiplier,
                                            std::size_t width, const __m256i* acc) {
  constexpr std::size_t second = Rows == 2 ? 2 : 0;
  const __m256 m0 = _mm256_loadu_ps(multiplier), m1 = _mm256_loadu_ps(multiplier + 8);
  const __m256i both[4] = {acc[0], acc[1], acc[second], acc[second + 1]};
  const __m256 m[4] = {m0, m1, m0, m1};
  const __m256i codes = _mm256_permutevar8x32_epi32(to_codes(both, m, s), s.order);
  store_bytes(y, _mm256_castsi256_si128(codes), width);
  if constexpr (Rows == 2) store_bytes(y + y_row, _mm256_extracti128_si256(codes, 1), width);
}

/// The same for any output.
template <std::size_t Rows>
TRIMTAB_INLINE_AVX2 inline void store_rows(const Output& out, const CodeStage& s, std::size_t r, std::size_t c, std::size_t width,
                                           const __m256i* acc) {
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(r) * out.row + static_cast<std::ptrdiff_t>(c);
  if (out.kind == OutputKind::codes) {
    store_codes<Rows>(static_cast<std::uint8_t*>(out.data) + at, out.row, s, out.multiplier + c, width, acc);
    return;
  }
  const __m256 m0 = _mm256_loadu_ps(out.multiplier + c), m1 = _mm256_loadu_ps(out.multiplier + c + 8);
  avx2::unroll<Rows>([&](auto row) TRIMTAB_INLINE_AVX2 {
    __m256i low = acc[2 * row], high = acc[2 * row + 1];
    if (out.kind == OutputKind::floats) {
      low = _mm256_castps_si256(_mm256_mul_ps(_mm256_cvtepi32_ps(low), m0));
      high = _mm256_castps_si256(_mm256_mul_ps(_mm256_cvtepi32_ps(high), m1));
    }
    std::int32_t* y = static_cast<std::int32_t*>(out.data) + at + static_cast<std::ptrdiff_t>(row) * out.row;
    if (width >= 16) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), low);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + 8), high);
    } else {
      alignas(32) std::int32_t all[16];
      _mm256_store_si256(reinterpret_cast<__m256i*>(all), low);
      _mm256_store_si256(reinterpret_cast<__m256i*>(all + 8), high);
      std::memcpy(y, all, width * 4);
    }
  });
}

template <std::size_t M>
TRIMTAB_INLINE_AVX2 inline void start_tile(__m256i low, __m256i high, __m256i* acc) {
  avx2::unroll<M>([&](auto m) TRIMTAB_INLINE_AVX2 {
    acc[2 * m] = low;
    acc[2 * m + 1] = high;
  });
}

/// What weights' zero points add to rows r .. r + M - 1.
template <std::size_t M>
TRIMTAB_INLINE_AVX2 inline void subtract_row_sums(const GemmTask& t, std::size_t r, std::size_t c, __m256i* acc) {
  if (t.zero_point == nullptr) return;
  const __m256i z0 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(t.zero_point + c));
  const __m256i z1 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(t.zero_point + c + 8));
  avx2::unroll<M>([&](auto m) TRIMTAB_INLINE_AVX2 {
    const __m256i sum = _mm256_set1_epi32(t.row_sum[r + m]);
    acc[2 * m] = _mm256_sub_epi32(acc[2 * m], _mm256_mullo_epi32(sum, z0));
    acc[2 * m + 1] = _mm256_sub_epi32(acc[2 * m + 1], _mm256_mullo_epi32(sum, z1));
  });
}

/// Accumulators of rows r .. r + M - 1 before any product.
template <std::size_t M>
TRIMTAB_INLINE_AVX2 inline void start_tile(const GemmTask& t, std::size_t r, std::size_t c, __m256i* acc) {
  start_tile<M>(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(t.bias + c)),
                _mm256_loadu_si256(reinterpret_cast<const __m256i*>(t.bias + c + 8)), acc);
  subtract_row_sums<M>(t, r, c, acc);
}

template <std::size_t M>
TRIMTAB_INLINE_AVX2 inline void finish_tile(const GemmTask& t, const CodeStage& stage, std::size_t r, std::size_t c,
                                            const __m256i* acc) {
  const std::size_t width = t.cols - c < 16 ? t.cols - c : 16;
  avx2::unroll<(M + 1) / 2>([&](auto pair) TRIMTAB_INLINE_AVX2 {
    constexpr std::size_t m = 2 * pair;
    store_rows<(m + 1 < M ? 2 : 1)>(t.out, stage, r + m, c, width, acc + 2 * m);
  });
}

/// Rows from r on, M at a time while they last, by one block of 16 channels in the form of MaddubsWeights. Per pair of steps, row and 8
/// channels: one vpxor, two vpmaddubsw, the sum of their sums in 16 bits, one vpmaddwd by ones, one vpaddd, for 64 products; per step
/// left over a vpxor, vpmaddubsw, vpmaddwd and vpaddd for 32. 2 M accumulators, ones, activations and temporaries: 13 of 16 registers at
/// M = 4, the others for weights. Returns the row after the last.
///
/// Common: 16 channels of codes, weights without zero points; with less to decide between tiles, layers of 16 to 24 inputs are
/// 5 to 8 % faster. Halves = 1: no more than 8 channels, the others are left out.
template <std::size_t M, std::size_t Halves, bool Common>
TRIMTAB_TARGET_AVX2 __attribute__((noinline)) std::size_t gemm_rows(const GemmTask& task, const CodeStage& code_stage,
                                                                    std::size_t r, std::size_t c) {
  const GemmTask t = task;  // copies, since codes that are stored might be parts of what the references are to
  const CodeStage stage = code_stage;
  const std::size_t steps = t.segments * t.steps, b = c / 16, pairs = t.maddubs.pairs[b];
  const auto* block = reinterpret_cast<const __m256i*>(t.maddubs.weights) + b * (2 + 4 * steps);
  const std::int32_t *const offset = t.maddubs.offset + b * steps, *const pairs_end = offset + 2 * pairs, *const end = offset + steps;
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
    if constexpr (!Common) subtract_row_sums<M>(t, r, c, acc);
    const auto four = [&](auto m, std::int32_t at) TRIMTAB_INLINE_AVX2 {
      std::int32_t bytes;
      std::memcpy(&bytes, a[m] + at, 4);
      return _mm256_set1_epi32(bytes);
    };
    const std::int32_t* at = offset;
    for (; at != pairs_end; at += 2, w += 6)
      avx2::unroll<M>([&](auto m) TRIMTAB_INLINE_AVX2 {
        const __m256i x0 = four(m, at[0]), x1 = four(m, at[1]);
        avx2::unroll<Halves>([&](auto half) TRIMTAB_INLINE_AVX2 {
          const __m256i sums = _mm256_add_epi16(_mm256_maddubs_epi16(x0, w[half]),
                                                _mm256_maddubs_epi16(_mm256_xor_si256(x1, w[4 + half]), w[2 + half]));
          acc[2 * m + half] = _mm256_add_epi32(acc[2 * m + half], _mm256_madd_epi16(sums, ones));
        });
      });
    for (; at != end; ++at, w += 4)
      avx2::unroll<M>([&](auto m) TRIMTAB_INLINE_AVX2 {
        const __m256i x = four(m, *at);
        avx2::unroll<Halves>([&](auto half) TRIMTAB_INLINE_AVX2 {
          const __m256i sums = _mm256_maddubs_epi16(_mm256_xor_si256(x, w[2 + half]), w[half]);
          acc[2 * m + half] = _mm256_add_epi32(acc[2 * m + half], _mm256_madd_epi16(sums, ones));
        });
      });
    if constexpr (Common)
      avx2::unroll<M / 2>([&](auto pair) TRIMTAB_INLINE_AVX2 {
        store_codes<2>(y, t.out.row, stage, t.out.multiplier + c, 16, acc + 4 * pair);
        y += 2 * t.out.row;
      });
    else
      finish_tile<M>(t, stage, r, c, acc);
    for (std::size_t m = 0; m < M; ++m) a[m] += static_cast<std::ptrdiff_t>(M) * t.a_row;
  }
  return r;
}

/// The same in the common layout, with even and odd activations by themselves, so that vpmaddubsw has nothing to add: for blocks without
/// a form for it, and for single rows, where reading fewer weights counts for more.
template <std::size_t M>
TRIMTAB_TARGET_AVX2 __attribute__((noinline)) std::size_t parted_rows(const GemmTask& t, const CodeStage& stage, std::size_t r,
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
        avx2::unroll<M>([&](auto m) TRIMTAB_INLINE_AVX2 {
          std::int32_t four;
          std::memcpy(&four, a + static_cast<std::ptrdiff_t>(m) * t.a_row, 4);
          const __m256i x = _mm256_set1_epi32(four);
          const __m256i x_even = _mm256_and_si256(x, even), x_odd = _mm256_andnot_si256(even, x);
          avx2::unroll<2>([&](auto half) TRIMTAB_INLINE_AVX2 {
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

TRIMTAB_TARGET_AVX2 inline void gemm_u8s8(const GemmTask& t) {
  const CodeStage stage = code_stage(t.out);
  for (std::size_t c = 0; c < t.cols; c += block_channels) {
    std::size_t r = 0;
    if (t.maddubs.pairs[c / 16] != MaddubsBlocks::none) {
      if (t.cols - c <= 8)
        r = gemm_rows<8, 1, false>(t, stage, r, c);
      else if (t.out.kind == OutputKind::codes && t.zero_point == nullptr && t.cols - c >= 16)
        r = gemm_rows<4, 2, true>(t, stage, r, c);
      r = gemm_rows<4, 2, false>(t, stage, r, c);
      r = gemm_rows<2, 2, false>(t, stage, r, c);
    }
    r = parted_rows<2>(t, stage, r, c);
    parted_rows<1>(t, stage, r, c);
  }
}

/// The first `width` of 32 bytes, zeros after them.
TRIMTAB_INLINE_AVX2 inline __m256i load_bytes(const std::uint8_t* x, std::size_t width) {
  if (width >= 32) return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
  if (width == 16) return _mm256_zextsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)));
  alignas(32) std::uint8_t all[32] = {};
  std::memcpy(all, x, width);
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(all));
}

/// Interleaves what output columns first .. first + count - 1 of `rows` output rows from p0 on need of 32 channels from c on, in
/// pairs of window rows: per column and pair 4 vectors of 16-bit numbers, the two rows of a channel side by side.
TRIMTAB_TARGET_AVX2 inline void interleave_pairs(const DepthwiseTask& t, std::size_t c, std::size_t p0, std::size_t rows,
                                                 std::size_t first, std::size_t count) {
  const std::size_t window_rows = (rows - 1) * t.stride_h + t.kernel_h, pairs = (window_rows + 1) / 2;
  const std::size_t width = t.channels - c < 32 ? t.channels - c : 32;
  const std::size_t columns = (count - 1) * t.stride_w + (t.kernel_w - 1) * t.dilation_w + 1;
  const __m256i flip = _mm256_set1_epi8(static_cast<char>(t.flip)), zero = _mm256_setzero_si256();
  for (std::size_t q = 0; q < pairs; ++q) {
    const std::uint8_t* const* row = t.row + p0 * t.stride_h + 2 * q * t.dilation_h;
    const std::uint8_t *x0 = row[0] + c, *x1 = row[2 * q + 1 < window_rows ? t.dilation_h : 0] + c;  // no row: weight 0
    auto* to = reinterpret_cast<__m256i*>(t.scratch) + 4 * q;
    for (std::size_t j = 0; j < columns; ++j, to += 4 * pairs) {
      const std::size_t iw = first * t.stride_w + j - t.pad_left;  // wraps left of the picture
      const bool inside = iw < t.w;
      const __m256i a = _mm256_xor_si256(load_bytes(inside ? x0 + iw * t.channels : t.padding + c, width), flip);
      const __m256i b = _mm256_xor_si256(load_bytes(inside ? x1 + iw * t.channels : t.padding + c, width), flip);
      const __m256i low = _mm256_unpacklo_epi8(a, b), high = _mm256_unpackhi_epi8(a, b);
      _mm256_store_si256(to, _mm256_unpacklo_epi8(low, zero));
      _mm256_store_si256(to + 1, _mm256_unpackhi_epi8(low, zero));
      _mm256_store_si256(to + 2, _mm256_unpacklo_epi8(high, zero));
      _mm256_store_si256(to + 3, _mm256_unpackhi_epi8(high, zero));
    }
  }
}

/// Stores one pixel of a block of 32 channels, given in lane order, of which the first `width` exist.
TRIMTAB_INLINE_AVX2 inline void store_pixel(const Output& out, const CodeStage& s, const float* multiplier, std::ptrdiff_t at,
                                            std::size_t width, const __m256i* acc) {
  if (out.kind == OutputKind::codes) {
    __m256 m[4];
    avx2::unroll<4>([&](auto i) TRIMTAB_INLINE_AVX2 { m[i] = _mm256_loadu_ps(multiplier + 8 * i); });
    const __m256i codes = to_codes(acc, m, s);
    std::uint8_t* y = static_cast<std::uint8_t*>(out.data) + at;
    if (width >= 32) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), codes);
    } else {
      store_bytes(y, _mm256_castsi256_si128(codes), width);
      if (width > 16) store_bytes(y + 16, _mm256_extracti128_si256(codes, 1), width - 16);
    }
    return;
  }
  __m256i v[4];
  avx2::unroll<4>([&](auto i) TRIMTAB_INLINE_AVX2 {
    v[i] = out.kind == OutputKind::floats
               ? _mm256_castps_si256(_mm256_mul_ps(_mm256_cvtepi32_ps(acc[i]), _mm256_loadu_ps(multiplier + 8 * i)))
               : acc[i];
  });
  // Lane l of the four vectors is 16 channels in natural order.
  const __m256i natural[4] = {_mm256_permute2x128_si256(v[0], v[1], 0x20), _mm256_permute2x128_si256(v[2], v[3], 0x20),
                              _mm256_permute2x128_si256(v[0], v[1], 0x31), _mm256_permute2x128_si256(v[2], v[3], 0x31)};
  std::int32_t* y = static_cast<std::int32_t*>(out.data) + at;
  if (width >= 32) {
    avx2::unroll<4>([&](auto i) TRIMTAB_INLINE_AVX2 { _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + 8 * i), natural[i]); });
  } else {
    alignas(32) std::int32_t all[32];
    avx2::unroll<4>([&](auto i) TRIMTAB_INLINE_AVX2 { _mm256_store_si256(reinterpret_cast<__m256i*>(all + 8 * i), natural[i]); });
    std::memcpy(y, all, width * 4);
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
TRIMTAB_TARGET_AVX2 __attribute__((noinline)) void depthwise_tile(const DepthwiseTask& t, const CodeStage& stage,
                                                                  const DepthwiseRow& row, std::size_t ow) {
  __m256i acc[C][4];
  avx2::unroll<4>([&](auto v) TRIMTAB_INLINE_AVX2 {
    const __m256i bias = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row.bias + 8 * v));
    avx2::unroll<C>([&](auto i) TRIMTAB_INLINE_AVX2 { acc[i][v] = bias; });
  });
  const std::size_t step = t.stride_w * row.pitch;
  const __m256i *x = row.x + ow * step, *w = row.w;
  for (std::size_t kw = 0; kw < t.kernel_w; ++kw, x += t.dilation_w * row.pitch, w += 4 * (t.kernel_h / 2 + 1))
    for (std::size_t q = 0; q < row.pairs; ++q)
      avx2::unroll<4>([&](auto v) TRIMTAB_INLINE_AVX2 {
        const __m256i weight = _mm256_load_si256(w + 4 * q + v);
        avx2::unroll<C>([&](auto i) TRIMTAB_INLINE_AVX2 {
          acc[i][v] = _mm256_add_epi32(acc[i][v], _mm256_madd_epi16(_mm256_load_si256(x + i * step + 4 * q + v), weight));
        });
      });
  avx2::unroll<C>([&](auto i) TRIMTAB_INLINE_AVX2 {
    store_pixel(t.out, stage, row.multiplier, row.at + static_cast<std::ptrdiff_t>((ow + i) * t.channels), row.width, acc[i]);
  });
}

/// Interleaves pairs of input rows, widened to 16 bits, once for all output rows of the band; a window starts at the first or the
/// second row of a pair, and has weights for either. 16-bit weights have their zero points already taken off.
TRIMTAB_TARGET_AVX2 inline void depthwise_u8s16(const DepthwiseTask& t) {
  const CodeStage stage = code_stage(t.out);
  const std::size_t at_once = t.dilation_h > 1 ? 1 : t.out_rows, weights = 4 * t.kernel_w * (t.kernel_h / 2 + 1);
  const std::size_t columns = t.stride_w > 1 ? depthwise_columns / 2 : depthwise_columns;
  const auto* x = reinterpret_cast<const __m256i*>(t.scratch);
  for (std::size_t p0 = 0; p0 < t.out_rows; p0 += at_once)
    for (std::size_t c = 0; c < t.channels; c += 32)
      for (std::size_t first = 0; first < t.out_w; first += columns) {
        const std::size_t count = t.out_w - first < columns ? t.out_w - first : columns;
        interleave_pairs(t, c, p0, at_once, first, count);
        for (std::size_t p = 0; p < at_once; ++p) {
          const std::size_t top = p * t.stride_h, shift = top % 2;
          DepthwiseRow row;
          row.pitch = ((at_once - 1) * t.stride_h + t.kernel_h + 1) / 2 * 4;
          row.x = x + top / 2 * 4;
          row.pairs = (t.kernel_h + shift + 1) / 2;
          row.w = static_cast<const __m256i*>(t.quads) + (c / 32 * 2 + shift) * weights;
          row.multiplier = t.out.multiplier + c;
          row.bias = t.bias + c;
          row.at = static_cast<std::ptrdiff_t>(((p0 + p) * t.out_w + first) * t.channels + c);
          row.width = t.channels - c < 32 ? t.channels - c : 32;
          std::size_t ow = 0;
          for (; ow + 3 <= count; ow += 3) depthwise_tile<3>(t, stage, row, ow);
          if (ow + 2 <= count)
            depthwise_tile<2>(t, stage, row, ow);
          else if (ow < count)
            depthwise_tile<1>(t, stage, row, ow);
        }
      }
}

/// Products of 8 codes.
TRIMTAB_INLINE_AVX2 inline __m256 add_products(const AddInput& in, std::size_t i) {
  const __m128i codes =
      _mm_xor_si128(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(in.codes + i)), _mm_set1_epi8(static_cast<char>(in.flip)));
  const __m256i shifted = _mm256_sub_epi32(_mm256_cvtepu8_epi32(codes), _mm256_set1_epi32(in.zero_point));
  __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(shifted), _mm256_set1_ps(in.multiplier));
  __asm__("" : "+x"(product));  // else a build with FMA would make one of this and the sum
  return product;
}

/// 8 pairs at a time; what is left over goes through a buffer of 8.
TRIMTAB_TARGET_AVX2 inline void add(const AddTask& t) {
  const __m256 lo = _mm256_set1_ps(static_cast<float>(t.lo - t.zero_point)),
               hi = _mm256_set1_ps(static_cast<float>(t.hi - t.zero_point));
  const __m256i zero_point = _mm256_set1_epi32(t.zero_point);
  const __m128i flip = _mm_set1_epi8(static_cast<char>(t.flip));
  std::size_t i = 0;
  for (; i + 8 <= t.count; i += 8) {
    const __m256 steps = _mm256_add_ps(add_products(t.a, i), add_products(t.b, i));
    if (t.steps != nullptr) {
      _mm256_storeu_ps(t.steps + i, steps);
      continue;
    }
    const __m256i codes = _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(steps, lo), hi)), zero_point);
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(codes), _mm256_extracti128_si256(codes, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(t.codes + i), _mm_xor_si128(_mm_packus_epi16(words, words), flip));
  }
  if (i == t.count) return;
  std::uint8_t a[8] = {}, b[8] = {}, codes[8];
  float steps[8];
  std::memcpy(a, t.a.codes + i, t.count - i);
  std::memcpy(b, t.b.codes + i, t.count - i);
  AddTask rest = t;
  rest.a.codes = a;
  rest.b.codes = b;
  rest.count = 8;
  rest.steps = t.steps != nullptr ? steps : nullptr;
  rest.codes = codes;
  add(rest);
  if (t.steps != nullptr)
    std::memcpy(t.steps + i, steps, (t.count - i) * sizeof(float));
  else
    std::memcpy(t.codes + i, codes, t.count - i);
}

/// to[i] = x[i] xor flip.
TRIMTAB_TARGET_AVX2 inline void copy_flipped(const std::uint8_t* x, std::size_t count, std::uint8_t flip, std::uint8_t* to) {
  const __m256i mask = _mm256_set1_epi8(static_cast<char>(flip));
  std::size_t i = 0;
  for (; i + 32 <= count; i += 32)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i),
                        _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i)), mask));
  for (; i < count; ++i) to[i] = static_cast<std::uint8_t>(x[i] ^ flip);
}

}  // namespace trimtab::int8::avx2

#undef TRIMTAB_TARGET_AVX2
#undef TRIMTAB_INLINE_AVX2
#endif  // TRIMTAB_X86_KERNELS
