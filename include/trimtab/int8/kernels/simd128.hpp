#pragma once
/// \file
/// WebAssembly's 128-bit vectors: products of 16 bits with sums of 32, which are exact on every machine. The relaxed dot products
/// of bytes are not.

#include <trimtab/int8/kernels/portable.hpp>
#include <trimtab/int8/kernels/targets.hpp>

#if TRIMTAB_WASM_KERNELS
#include <cstring>

namespace trimtab::int8::simd128 {

/// StepsToCode, four at a time.
struct CodeStage {
  v128_t lo, hi;  ///< less the zero point
  v128_t zero_point;

  CodeStage(std::int32_t zero, std::int32_t lowest, std::int32_t highest)
      : lo(wasm_f32x4_splat(static_cast<float>(lowest - zero))),
        hi(wasm_f32x4_splat(static_cast<float>(highest - zero))),
        zero_point(wasm_i32x4_splat(zero)) {}

  v128_t operator()(v128_t steps) const {
    // pmax(a, b) is a < b ? b : a and pmin(a, b) b < a ? b : a: lo for NaN, as clamp_to.
    const v128_t clamped = wasm_f32x4_pmin(hi, wasm_f32x4_pmax(lo, steps));
    return wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(clamped)), zero_point);
  }
};

inline v128_t scaled(v128_t acc, const float* multiplier) {
  return wasm_f32x4_mul(wasm_f32x4_convert_i32x4(acc), wasm_v128_load(multiplier));
}

/// Stores one row of a block of 16 channels from channel c on, of which the first `width` exist: acc, four vectors.
inline void store_row(const Output& out, const CodeStage& stage, std::size_t r, std::size_t c, std::size_t width,
                      const v128_t* acc) {
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(r) * out.row + static_cast<std::ptrdiff_t>(c);
  if (out.kind == OutputKind::codes) {
    v128_t codes[4];
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < 4; ++v) {
      // Within -128 .. 255, and the low byte is the code, signed or not.
      codes[v] = wasm_v128_and(stage(scaled(acc[v], out.multiplier + c + 4 * v)), wasm_i32x4_splat(255));
    }
    const v128_t bytes =
        wasm_u8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(codes[0], codes[1]), wasm_i16x8_narrow_i32x4(codes[2], codes[3]));
    std::uint8_t* y = static_cast<std::uint8_t*>(out.data) + at;
    if (width >= 16)
      wasm_v128_store(y, bytes);
    else
      std::memcpy(y, &bytes, width);
    return;
  }
  v128_t all[4];
  TRIMTAB_UNROLL
  for (std::size_t v = 0; v < 4; ++v)
    all[v] = out.kind == OutputKind::floats ? scaled(acc[v], out.multiplier + c + 4 * v) : acc[v];
  std::memcpy(static_cast<std::int32_t*>(out.data) + at, all, (width < 16 ? width : 16) * 4);
}

/// 4 bytes twice, as 16 bits.
inline v128_t twice(const std::uint8_t* a) { return wasm_u16x8_extend_low_u8x16(wasm_v128_load32_splat(a)); }

/// M rows by 8 channels: a dot product gives two sums of two products of a channel, so that a vector has two channels, and 4 M
/// are accumulators. Per step, 4 loads of weights that widen, and a row's two instructions, 4 dot products and 4 additions.
template <std::size_t M>
inline void gemm_half(const GemmTask& t, std::size_t r, const std::int8_t* b, v128_t (&sum)[M][2]) {
  v128_t acc[M][4];
  TRIMTAB_UNROLL
  for (std::size_t m = 0; m < M; ++m) {
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < 4; ++v) acc[m][v] = wasm_i32x4_splat(0);
  }
  for (std::size_t s = 0; s < t.segments; ++s) {
    const std::uint8_t* a[M];
    TRIMTAB_UNROLL
    for (std::size_t m = 0; m < M; ++m) a[m] = t.a + static_cast<std::ptrdiff_t>(r + m) * t.a_row + t.segment[s];
    for (std::size_t k = 0; k < t.steps; ++k, b += 4 * block_channels) {
      v128_t w[4];
      TRIMTAB_UNROLL
      for (std::size_t v = 0; v < 4; ++v) w[v] = wasm_i16x8_load8x8(b + 8 * v);
      TRIMTAB_UNROLL
      for (std::size_t m = 0; m < M; ++m) {
        const v128_t x = twice(a[m] + 4 * k);
        TRIMTAB_UNROLL
        for (std::size_t v = 0; v < 4; ++v) acc[m][v] = wasm_i32x4_add(acc[m][v], wasm_i32x4_dot_i16x8(x, w[v]));
      }
    }
  }
  TRIMTAB_UNROLL
  for (std::size_t m = 0; m < M; ++m) {
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < 2; ++v)
      sum[m][v] = wasm_i32x4_add(wasm_i32x4_shuffle(acc[m][2 * v], acc[m][2 * v + 1], 0, 2, 4, 6),
                                 wasm_i32x4_shuffle(acc[m][2 * v], acc[m][2 * v + 1], 1, 3, 5, 7));
  }
}

template <std::size_t M>
TRIMTAB_NOINLINE void gemm_tile(const GemmTask& t, const CodeStage& stage, std::size_t r, std::size_t c) {
  const std::int8_t* b = t.b + c * t.segments * t.steps * 4;
  v128_t low[M][2], high[M][2];
  gemm_half<M>(t, r, b, low);
  gemm_half<M>(t, r, b + 32, high);
  const std::size_t width = t.cols - c < block_channels ? t.cols - c : block_channels;
  TRIMTAB_UNROLL
  for (std::size_t m = 0; m < M; ++m) {
    v128_t acc[4] = {low[m][0], low[m][1], high[m][0], high[m][1]};
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < 4; ++v) {
      acc[v] = wasm_i32x4_add(acc[v], wasm_v128_load(t.bias + c + 4 * v));
      if (t.zero_point != nullptr)
        acc[v] =
            wasm_i32x4_sub(acc[v], wasm_i32x4_mul(wasm_v128_load(t.zero_point + c + 4 * v), wasm_i32x4_splat(t.row_sum[r + m])));
    }
    store_row(t.out, stage, r + m, c, width, acc);
  }
}

inline void gemm_u8s8(const GemmTask& t) {
  const CodeStage stage(t.out.zero_point, t.out.lo, t.out.hi);
  for (std::size_t c = 0; c < t.cols; c += block_channels) {
    std::size_t r = 0;
    for (; r + 2 <= t.rows; r += 2) gemm_tile<2>(t, stage, r, c);
    if (r < t.rows) gemm_tile<1>(t, stage, r, c);
  }
}

/// One output pixel of row p by 16 channels. Whole: all 16 exist.
template <bool Whole>
inline void depthwise_pixel(const DepthwiseTask& t, const CodeStage& stage, std::size_t p, std::size_t ow, std::size_t c) {
  const std::size_t width = t.channels - c < block_channels ? t.channels - c : block_channels, padded = t.padded();
  const v128_t flip = wasm_u8x16_splat(t.flip);
  v128_t acc[4];
  TRIMTAB_UNROLL
  for (std::size_t v = 0; v < 4; ++v) acc[v] = wasm_v128_load(t.bias + c + 4 * v);
  const std::int16_t* w = t.weight + c;
  for (std::size_t kh = 0; kh < t.kernel_h; ++kh) {
    const std::uint8_t* row = t.row[p * t.stride_h + kh * t.dilation_h];
    for (std::size_t kw = 0; kw < t.kernel_w; ++kw, w += padded) {
      const std::size_t iw = ow * t.stride_w + kw * t.dilation_w - t.pad_left;  // wraps left of the picture
      const std::uint8_t* x = (iw < t.w ? row + iw * t.channels : t.padding) + c;
      v128_t part = wasm_i8x16_splat(0);
      if constexpr (Whole)
        part = wasm_v128_load(x);
      else
        std::memcpy(&part, x, width);
      const v128_t codes = wasm_v128_xor(part, flip), w0 = wasm_v128_load(w), w1 = wasm_v128_load(w + 8);
      const v128_t x0 = wasm_u16x8_extend_low_u8x16(codes), x1 = wasm_u16x8_extend_high_u8x16(codes);
      acc[0] = wasm_i32x4_add(acc[0], wasm_i32x4_extmul_low_i16x8(x0, w0));
      acc[1] = wasm_i32x4_add(acc[1], wasm_i32x4_extmul_high_i16x8(x0, w0));
      acc[2] = wasm_i32x4_add(acc[2], wasm_i32x4_extmul_low_i16x8(x1, w1));
      acc[3] = wasm_i32x4_add(acc[3], wasm_i32x4_extmul_high_i16x8(x1, w1));
    }
  }
  store_row(t.out, stage, p * t.out_w + ow, c, width, acc);
}

inline void depthwise_u8s16(const DepthwiseTask& t) {
  const CodeStage stage(t.out.zero_point, t.out.lo, t.out.hi);
  for (std::size_t p = 0; p < t.out_rows; ++p)
    for (std::size_t c = 0; c < t.channels; c += block_channels)
      for (std::size_t ow = 0; ow < t.out_w; ++ow)
        t.channels - c >= block_channels ? depthwise_pixel<true>(t, stage, p, ow, c) : depthwise_pixel<false>(t, stage, p, ow, c);
}

inline const DepthwiseKernel& depthwise(const DepthwiseShape&) {
  static constexpr DepthwiseKernel kernel{depthwise_u8s16, nullptr, nullptr, nullptr};
  return kernel;
}

}  // namespace trimtab::int8::simd128
#endif  // TRIMTAB_WASM_KERNELS
