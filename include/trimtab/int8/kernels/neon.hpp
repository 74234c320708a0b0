#pragma once
/// \file
/// What every AArch64 CPU has instructions for: outputs, depthwise convolutions, additions and changes of sign.

#include <trimtab/int8/kernels/portable.hpp>
#include <trimtab/int8/kernels/targets.hpp>

#if TRIMTAB_ARM_KERNELS
#include <cstring>

namespace trimtab::int8::neon {

/// StepsToCode, four at a time; maxnm and minnm give their other operand for NaN.
struct CodeStage {
  float32x4_t lo, hi;  ///< less the zero point
  int32x4_t zero_point;

  CodeStage(std::int32_t zero, std::int32_t lowest, std::int32_t highest)
      : lo(vdupq_n_f32(static_cast<float>(lowest - zero))),
        hi(vdupq_n_f32(static_cast<float>(highest - zero))),
        zero_point(vdupq_n_s32(zero)) {}

  int32x4_t operator()(float32x4_t steps) const {
    return vaddq_s32(vcvtnq_s32_f32(vminnmq_f32(vmaxnmq_f32(steps, lo), hi)), zero_point);
  }
};

/// Stores one row of a block of 16 channels from channel c on, of which the first `width` exist: acc, four vectors.
inline void store_row(const Output& out, const CodeStage& stage, std::size_t r, std::size_t c, std::size_t width,
                      const int32x4_t* acc) {
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(r) * out.row + static_cast<std::ptrdiff_t>(c);
  if (out.kind == OutputKind::codes) {
    int32x4_t codes[4];
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < 4; ++v) codes[v] = stage(vmulq_f32(vcvtq_f32_s32(acc[v]), vld1q_f32(out.multiplier + c + 4 * v)));
    // Within -128 .. 255, and the low byte is the code, signed or not.
    const uint16x8_t low = vreinterpretq_u16_s16(vcombine_s16(vmovn_s32(codes[0]), vmovn_s32(codes[1]))),
                     high = vreinterpretq_u16_s16(vcombine_s16(vmovn_s32(codes[2]), vmovn_s32(codes[3])));
    const uint8x16_t bytes = vcombine_u8(vmovn_u16(low), vmovn_u16(high));
    std::uint8_t* y = static_cast<std::uint8_t*>(out.data) + at;
    if (width >= 16) {
      vst1q_u8(y, bytes);
    } else {
      std::uint8_t all[16];
      vst1q_u8(all, bytes);
      std::memcpy(y, all, width);
    }
    return;
  }
  std::int32_t* y = static_cast<std::int32_t*>(out.data) + at;
  std::int32_t all[16];
  std::int32_t* to = width >= 16 ? y : all;
  TRIMTAB_UNROLL
  for (std::size_t v = 0; v < 4; ++v) {
    int32x4_t bits = acc[v];
    if (out.kind == OutputKind::floats)
      bits = vreinterpretq_s32_f32(vmulq_f32(vcvtq_f32_s32(acc[v]), vld1q_f32(out.multiplier + c + 4 * v)));
    vst1q_s32(to + 4 * v, bits);
  }
  if (width < 16) std::memcpy(y, all, width * 4);
}

/// C neighbouring pixels of output row p by 16 channels, so that a tap's 16 weights are read once for all of them. Whole: all 16
/// channels exist, and the windows lie inside the picture's columns.
template <std::size_t C, bool Whole>
TRIMTAB_NOINLINE void depthwise_tile(const DepthwiseTask& t, const CodeStage& stage, std::size_t p, std::size_t ow,
                                     std::size_t c) {
  const std::size_t width = t.channels - c < block_channels ? t.channels - c : block_channels;
  const std::size_t padded = t.padded();
  const uint8x16_t flip = vdupq_n_u8(t.flip);
  int32x4_t acc[C][4];
  TRIMTAB_UNROLL
  for (std::size_t i = 0; i < C; ++i) {
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < 4; ++v) acc[i][v] = vld1q_s32(t.bias + c + 4 * v);
  }
  const std::int16_t* w = t.weight + c;
  for (std::size_t kh = 0; kh < t.kernel_h; ++kh) {
    const std::uint8_t* row = t.row[p * t.stride_h + kh * t.dilation_h];
    for (std::size_t kw = 0; kw < t.kernel_w; ++kw, w += padded) {
      const int16x8_t w0 = vld1q_s16(w), w1 = vld1q_s16(w + 8);
      const std::size_t iw = ow * t.stride_w + kw * t.dilation_w - t.pad_left;  // wraps left of the picture
      const std::uint8_t* x = (Whole || iw < t.w ? row + iw * t.channels : t.padding) + c;
      TRIMTAB_UNROLL
      for (std::size_t i = 0; i < C; ++i, x += t.stride_w * t.channels) {
        std::uint8_t part[block_channels] = {};
        if constexpr (!Whole) std::memcpy(part, x, width);
        const uint8x16_t codes = veorq_u8(vld1q_u8(Whole ? x : part), flip);
        const int16x8_t x0 = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(codes))),
                        x1 = vreinterpretq_s16_u16(vmovl_high_u8(codes));
        acc[i][0] = vmlal_s16(acc[i][0], vget_low_s16(x0), vget_low_s16(w0));
        acc[i][1] = vmlal_high_s16(acc[i][1], x0, w0);
        acc[i][2] = vmlal_s16(acc[i][2], vget_low_s16(x1), vget_low_s16(w1));
        acc[i][3] = vmlal_high_s16(acc[i][3], x1, w1);
      }
    }
  }
  TRIMTAB_UNROLL
  for (std::size_t i = 0; i < C; ++i) store_row(t.out, stage, p * t.out_w + ow + i, c, width, acc[i]);
}

/// Products of 16 bits with sums of 32, 16 channels at a time, and 4 pixels where all is whole.
inline void depthwise_u8s16(const DepthwiseTask& t) {
  const CodeStage stage(t.out.zero_point, t.out.lo, t.out.hi);
  const auto inside = [&](std::size_t ow) {  // whether the window of this pixel is
    const std::size_t left = ow * t.stride_w, right = left + (t.kernel_w - 1) * t.dilation_w;
    return left >= t.pad_left && right < t.pad_left + t.w;
  };
  for (std::size_t p = 0; p < t.out_rows; ++p)
    for (std::size_t c = 0; c < t.channels; c += block_channels)
      for (std::size_t ow = 0; ow < t.out_w;)
        if (ow + 4 <= t.out_w && t.channels - c >= block_channels && inside(ow) && inside(ow + 3)) {
          depthwise_tile<4, true>(t, stage, p, ow, c);
          ow += 4;
        } else {
          depthwise_tile<1, false>(t, stage, p, ow, c);
          ++ow;
        }
}

inline const DepthwiseKernel& depthwise(const DepthwiseShape&) {
  static constexpr DepthwiseKernel kernel{depthwise_u8s16, nullptr, nullptr, nullptr};
  return kernel;
}

/// Products of 4 codes.
inline float32x4_t add_products(const AddInput& in, uint16x4_t codes) {
  const int32x4_t shifted = vsubq_s32(vreinterpretq_s32_u32(vmovl_u16(codes)), vdupq_n_s32(in.zero_point));
  float32x4_t product = vmulq_f32(vcvtq_f32_s32(shifted), vdupq_n_f32(in.multiplier));
  __asm__("" : "+w"(product));  // else the compiler would make one fused operation of this and the sum
  return product;
}

/// 8 pairs at a time.
inline void add(const AddTask& task) {
  const AddTask t = task;  // a copy, since codes that are stored might be parts of what the reference is to
  const CodeStage stage(t.zero_point, t.lo, t.hi);
  const uint8x8_t flip_a = vdup_n_u8(t.a.flip), flip_b = vdup_n_u8(t.b.flip), flip = vdup_n_u8(t.flip);
  std::size_t i = 0;
  for (; i + 8 <= t.count; i += 8) {
    const uint16x8_t a = vmovl_u8(veor_u8(vld1_u8(t.a.codes + i), flip_a)), b = vmovl_u8(veor_u8(vld1_u8(t.b.codes + i), flip_b));
    const float32x4_t low = vaddq_f32(add_products(t.a, vget_low_u16(a)), add_products(t.b, vget_low_u16(b))),
                      high = vaddq_f32(add_products(t.a, vget_high_u16(a)), add_products(t.b, vget_high_u16(b)));
    if (t.steps != nullptr) {
      vst1q_f32(t.steps + i, low);
      vst1q_f32(t.steps + i + 4, high);
    } else {
      const int16x8_t codes = vcombine_s16(vmovn_s32(stage(low)), vmovn_s32(stage(high)));
      vst1_u8(t.codes + i, veor_u8(vmovn_u16(vreinterpretq_u16_s16(codes)), flip));
    }
  }
  if (i < t.count) portable::add(t.part(i, t.count));
}

/// to[i] = x[i] xor flip.
inline void copy_flipped(const std::uint8_t* x, std::size_t count, std::uint8_t flip, std::uint8_t* to) {
  const uint8x16_t mask = vdupq_n_u8(flip);
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) vst1q_u8(to + i, veorq_u8(vld1q_u8(x + i), mask));
  for (; i < count; ++i) to[i] = static_cast<std::uint8_t>(x[i] ^ flip);
}

/// y[i] = table[x[i]]: four tables of 64 bytes, each of which leaves bytes beyond it as they are.
inline void look_up(const std::uint8_t* table, const std::uint8_t* x, std::size_t count, std::uint8_t* y) {
  const uint8x16x4_t a = vld1q_u8_x4(table), b = vld1q_u8_x4(table + 64), c = vld1q_u8_x4(table + 128),
                     d = vld1q_u8_x4(table + 192);
  const uint8x16_t next = vdupq_n_u8(64);
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    uint8x16_t at = vld1q_u8(x + i);
    uint8x16_t codes = vqtbl4q_u8(a, at);
    codes = vqtbx4q_u8(codes, b, at = vsubq_u8(at, next));
    codes = vqtbx4q_u8(codes, c, at = vsubq_u8(at, next));
    codes = vqtbx4q_u8(codes, d, vsubq_u8(at, next));
    vst1q_u8(y + i, codes);
  }
  for (; i < count; ++i) y[i] = table[x[i]];
}

}  // namespace trimtab::int8::neon
#endif  // TRIMTAB_ARM_KERNELS
