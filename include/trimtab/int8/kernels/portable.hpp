#pragma once
/// \file
/// The integer kernels in plain C++: the definition that every other ISA equals, and what runs where there is none.

#include <trimtab/int8/kernels/tasks.hpp>

namespace trimtab::int8::portable {

/// One row against one block of 16 channels at a time; the 16 accumulators are independent, so compilers vectorise over them.
inline void gemm_u8s8(const GemmTask& t) {
  const std::size_t depth = t.segments * t.steps;
  for (std::size_t c0 = 0; c0 < t.cols; c0 += block_channels) {
    const std::size_t width = t.cols - c0 < block_channels ? t.cols - c0 : block_channels;
    for (std::size_t r = 0; r < t.rows; ++r) {
      std::int32_t acc[block_channels];
      for (std::size_t c = 0; c < block_channels; ++c) {
        // Modulo 2^32: only the whole sum has to fit.
        const auto shift = t.zero_point == nullptr
                               ? 0U
                               : static_cast<std::uint32_t>(t.zero_point[c0 + c]) * static_cast<std::uint32_t>(t.row_sum[r]);
        acc[c] = static_cast<std::int32_t>(static_cast<std::uint32_t>(t.bias[c0 + c]) - shift);
      }
      const std::int8_t* b = t.b + c0 * depth * 4;
      for (std::size_t s = 0; s < t.segments; ++s) {
        const std::uint8_t* a = t.a + static_cast<std::ptrdiff_t>(r) * t.a_row + t.segment[s];
        for (std::size_t k = 0; k < t.steps; ++k, a += 4, b += 4 * block_channels)
          for (std::size_t c = 0; c < block_channels; ++c) {
            const int products = a[0] * b[4 * c] + a[1] * b[4 * c + 1] + a[2] * b[4 * c + 2] + a[3] * b[4 * c + 3];
            acc[c] = static_cast<std::int32_t>(static_cast<std::uint32_t>(acc[c]) + static_cast<std::uint32_t>(products));
          }
      }
      for (std::size_t c = 0; c < width; ++c) t.out.store(r, c0 + c, acc[c]);
    }
  }
}

/// One output pixel and one block of 16 channels at a time.
inline void depthwise_u8s16(const DepthwiseTask& t) {
  const std::size_t padded = t.padded();
  for (std::size_t p = 0; p < t.out_rows; ++p)
    for (std::size_t ow = 0; ow < t.out_w; ++ow)
      for (std::size_t c0 = 0; c0 < t.channels; c0 += block_channels) {
        const std::size_t width = t.channels - c0 < block_channels ? t.channels - c0 : block_channels;
        std::int32_t acc[block_channels];
        for (std::size_t c = 0; c < block_channels; ++c) acc[c] = t.bias[c0 + c];
        const std::int16_t* weight = t.weight + c0;
        for (std::size_t kh = 0; kh < t.kernel_h; ++kh)
          for (std::size_t kw = 0; kw < t.kernel_w; ++kw, weight += padded) {
            const std::size_t iw = ow * t.stride_w + kw * t.dilation_w - t.pad_left;  // wraps left of the picture
            const std::uint8_t* x = (iw < t.w ? t.row[p * t.stride_h + kh * t.dilation_h] + iw * t.channels : t.padding) + c0;
            for (std::size_t c = 0; c < width; ++c)
              acc[c] = static_cast<std::int32_t>(static_cast<std::uint32_t>(acc[c]) +
                                                 static_cast<std::uint32_t>((x[c] ^ t.flip) * weight[c]));
          }
        for (std::size_t c = 0; c < width; ++c) t.out.store(p * t.out_w + ow, c0 + c, acc[c]);
      }
}

inline const DepthwiseKernel& depthwise(const DepthwiseShape&) {
  static constexpr DepthwiseKernel kernel{depthwise_u8s16, nullptr, nullptr, nullptr};
  return kernel;
}

/// Products come out of tables of 256 numbers, so that no compiler makes one FMA of a product and the sum.
inline void add(const AddTask& t) {
  float a[256], b[256];
  for (std::int32_t q = 0; q < 256; ++q) {
    a[q ^ t.a.flip] = static_cast<float>(q - t.a.zero_point) * t.a.multiplier;
    b[q ^ t.b.flip] = static_cast<float>(q - t.b.zero_point) * t.b.multiplier;
  }
  const StepsToCode to_code{t.zero_point, t.lo, t.hi};
  for (std::size_t i = 0; i < t.count; ++i) {
    const float steps = a[t.a.codes[i]] + b[t.b.codes[i]];
    if (t.steps != nullptr)
      t.steps[i] = steps;
    else
      t.codes[i] = static_cast<std::uint8_t>(to_code(steps) ^ t.flip);
  }
}

/// to[i] = x[i] xor flip.
inline void copy_flipped(const std::uint8_t* x, std::size_t count, std::uint8_t flip, std::uint8_t* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<std::uint8_t>(x[i] ^ flip);
}

/// y[i] = table[x[i]].
inline void look_up(const std::uint8_t* table, const std::uint8_t* x, std::size_t count, std::uint8_t* y) {
  for (std::size_t i = 0; i < count; ++i) y[i] = table[x[i]];
}

inline void requantize(const RequantizeTask& t) {
  const FixedPointRequantize to_code{std::span(t.multiplier, t.one_multiplier ? 1 : t.channels), t.rounding, t.zero_point, t.lo,
                                     t.hi};
  for (std::size_t row = 0; row < t.rows; ++row)
    for (std::size_t c = 0, i = row * t.channels; c < t.channels; ++c, ++i)
      t.codes[i] = static_cast<std::uint8_t>(to_code(t.accumulators[i], c));
}

}  // namespace trimtab::int8::portable
