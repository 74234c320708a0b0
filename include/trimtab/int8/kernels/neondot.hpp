#pragma once
/// \file
/// Matrix products with SDOT, four signed products a lane, of Armv8.2 and later.

#include <trimtab/int8/kernels/neon.hpp>

#if TRIMTAB_ARM_KERNELS
namespace trimtab::int8::neondot {

/// One step of 4 values of K for M rows: the activations' lane Step by 64 bytes of weights.
template <int Step, std::size_t M>
TRIMTAB_INT8_NEONDOT __attribute__((always_inline)) inline void take_step(int32x4_t (&acc)[M][4], const std::int8_t* b,
                                                                          const int8x16_t* x) {
  TRIMTAB_UNROLL
  for (std::size_t v = 0; v < 4; ++v) {
    int8x16_t w = vld1q_s8(b + 16 * v);
    __asm__ volatile("" : "+w"(w));  // in this order: GCC 12 would load all weights of four steps first, and spill
    TRIMTAB_UNROLL
    for (std::size_t m = 0; m < M; ++m) acc[m][v] = vdotq_laneq_s32(acc[m][v], w, x[m], Step);
  }
}

/// M rows by one block of 16 channels: 4 M accumulators, M vectors of activations, two of weights and the flip, 23 of 32
/// registers at M = 4. Per 4 steps and row one load, one eor and 16 sdot; activations less 128 are signed, and `start` makes up
/// for it.
template <std::size_t M>
TRIMTAB_INT8_NEONDOT TRIMTAB_NOINLINE void gemm_tile(const GemmTask& t, const neon::CodeStage& stage, const int32x4_t* start,
                                                     std::size_t r, std::size_t c) {
  const uint8x16_t flip = vdupq_n_u8(0x80);
  int32x4_t acc[M][4];
  TRIMTAB_UNROLL
  for (std::size_t m = 0; m < M; ++m) {
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < 4; ++v)
      acc[m][v] =
          t.zero_point == nullptr ? start[v] : vmlsq_n_s32(start[v], vld1q_s32(t.zero_point + c + 4 * v), t.row_sum[r + m]);
  }
  const std::int8_t* b = t.b + c * t.segments * t.steps * 4;
  for (std::size_t s = 0; s < t.segments; ++s) {
    const std::uint8_t* a[M];
    TRIMTAB_UNROLL
    for (std::size_t m = 0; m < M; ++m) a[m] = t.a + static_cast<std::ptrdiff_t>(r + m) * t.a_row + t.segment[s];
    std::size_t k = 0;
    for (; k + 4 <= t.steps; k += 4) {
      int8x16_t x[M];
      TRIMTAB_UNROLL
      for (std::size_t m = 0; m < M; ++m) x[m] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(a[m] + 4 * k), flip));
      take_step<0>(acc, b, x);
      take_step<1>(acc, b + 64, x);
      take_step<2>(acc, b + 128, x);
      take_step<3>(acc, b + 192, x);
      b += 256;
    }
    for (; k < t.steps; ++k, b += 64) {
      TRIMTAB_UNROLL
      for (std::size_t m = 0; m < M; ++m) {
        std::int32_t four;
        std::memcpy(&four, a[m] + 4 * k, 4);
        const int8x16_t x = vreinterpretq_s8_u8(veorq_u8(vreinterpretq_u8_s32(vdupq_n_s32(four)), flip));
        TRIMTAB_UNROLL
        for (std::size_t v = 0; v < 4; ++v) acc[m][v] = vdotq_s32(acc[m][v], vld1q_s8(b + 16 * v), x);
      }
    }
  }
  const std::size_t width = t.cols - c < block_channels ? t.cols - c : block_channels;
  TRIMTAB_UNROLL
  for (std::size_t m = 0; m < M; ++m) neon::store_row(t.out, stage, r + m, c, width, acc[m]);
}

/// sum x w = sum (x - 128) w + 128 sum w: the last goes into the bias, once for all rows of a block of channels.
TRIMTAB_INT8_NEONDOT inline void gemm_u8s8(const GemmTask& t) {
  const neon::CodeStage stage(t.out.zero_point, t.out.lo, t.out.hi);
  const std::size_t steps = t.segments * t.steps;
  const int8x16_t minus_128 = vdupq_n_s8(-128);
  for (std::size_t c = 0; c < t.cols; c += block_channels) {
    int32x4_t start[4];
    const std::int8_t* b = t.b + c * steps * 4;
    for (std::size_t v = 0; v < 4; ++v) {
      int32x4_t sum = vdupq_n_s32(0);
      for (std::size_t k = 0; k < steps; ++k) sum = vdotq_s32(sum, vld1q_s8(b + 64 * k + 16 * v), minus_128);
      start[v] = vsubq_s32(vld1q_s32(t.bias + c + 4 * v), sum);
    }
    std::size_t r = 0;
    for (; r + 4 <= t.rows; r += 4) gemm_tile<4>(t, stage, start, r, c);
    if (r + 2 <= t.rows) {
      gemm_tile<2>(t, stage, start, r, c);
      r += 2;
    }
    if (r < t.rows) gemm_tile<1>(t, stage, start, r, c);
  }
}

}  // namespace trimtab::int8::neondot
#endif  // TRIMTAB_ARM_KERNELS
