#pragma once
/// \file
/// What a driver asks of a kernel: plain structs, the same for every ISA.

#include <cstddef>
#include <cstdint>
#include <span>
#include <trimtab/quant/fixed_point.hpp>
#include <trimtab/quant/requantize.hpp>

namespace trimtab::int8 {

/// Output channels per block of packed weights.
inline constexpr std::size_t block_channels = 16;

/// What becomes of the accumulators of a tile.
enum class OutputKind { accumulators, floats, codes };

/// Where accumulators go and how. Channel arrays start at the task's first channel and are padded to whole blocks of 16.
struct Output {
  OutputKind kind = OutputKind::accumulators;     ///< accumulators, floats or codes
  void* data = nullptr;                           ///< first element of the first row: int32, float, or 8-bit codes
  std::ptrdiff_t row = 0;                         ///< elements between rows
  const float* multiplier = nullptr;              ///< floats: y = float(acc) * multiplier; codes: Requantize's, one per channel
  std::int32_t zero_point = 0, lo = 0, hi = 255;  ///< codes: Requantize's
  bool is_signed = false;                         ///< codes are int8, not uint8
  bool plain = false;  ///< codes fill their type, the lowest stands for 0, all |multiplier| < 1: saturating packs do all clamping

  /// Stores accumulator `acc` of channel c in row r: the definition that vector code equals.
  void store(std::size_t r, std::size_t c, std::int32_t acc) const {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(r) * row + static_cast<std::ptrdiff_t>(c);
    switch (kind) {
      case OutputKind::accumulators:
        static_cast<std::int32_t*>(data)[at] = acc;
        break;
      case OutputKind::floats:
        static_cast<float*>(data)[at] = static_cast<float>(acc) * multiplier[c];
        break;
      case OutputKind::codes: {
        const Requantize requantize{std::span<const float>(multiplier + c, 1), zero_point, lo, hi};
        static_cast<std::uint8_t*>(data)[at] = static_cast<std::uint8_t>(requantize(acc, 0));
        break;
      }
    }
  }
};

/// A form of convolution weights that a kernel set wants beside the common layout, and alone reads. Null where it wants none.
struct GemmForm {
  std::size_t (*bytes)(std::size_t steps);  ///< of a block of so many steps: whole cache lines
  void (*prepare)(const std::int8_t* block, std::size_t steps, std::byte* form);  ///< from [steps][16][4]
  /// For windows whose segments are no neighbours in memory, what the kernel has to know of where they begin: its bytes, a
  /// block's, and what writes them.
  std::size_t (*place_bytes)(std::size_t steps);
  void (*place)(const std::byte* form, const std::ptrdiff_t* segment, std::size_t segments, std::size_t steps, std::byte* place);
};

/// rows x cols accumulators: acc[r][c] = bias[c] - zero_point[c] * row_sum[r] + sum_k a[r][k] * w[c][k].
/// A row's activations are `segments` runs of 4 * `steps` bytes: run s of row r starts at a + r * a_row + segment[s].
struct GemmTask {
  const std::uint8_t* a;           ///< activations
  std::ptrdiff_t a_row;            ///< bytes between rows
  const std::ptrdiff_t* segment;   ///< where each run begins in a row
  std::size_t segments, steps;     ///< runs in a row, steps of 4 bytes in a run
  const std::int8_t* b;            ///< [cols / 16][segments * steps][16][4]
  const std::byte* form;           ///< of the same weights: what GemmForm::prepare wrote, block by block
  const std::byte* place;          ///< what GemmForm::place wrote, block by block; null where segments are neighbours
  std::size_t rows, cols;          ///< output pixels and channels
  const std::int32_t* bias;        ///< padded to whole blocks
  const std::int32_t* zero_point;  ///< of the weights, padded to whole blocks; null when all are 0
  const std::int32_t* row_sum;     ///< of the activations, per row; null when zero_point is
  Output out;                      ///< where the results go
};

/// What kernels for depthwise convolutions are chosen by.
struct DepthwiseShape {
  std::size_t channels;
  std::size_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;  ///< as in WindowGeometry
  bool zero_points;  ///< weights less their zero points need 9 bits and a sign; without, they are int8

  std::size_t padded() const { return (channels + block_channels - 1) / block_channels * block_channels; }  ///< to blocks of 16
};

/// `out_rows` x `out_w` x `channels` accumulators of a depthwise convolution:
///   acc[p][ow][c] = bias[c] + sum over kh, kw of (x xor flip)[kh of p][ow * stride_w + kw * dilation_w - pad_left][c] *
///   w[kh][kw][c]
/// Window row kh of output row p is row[p * stride_h + kh * dilation_h]; columns outside [0, w) are `padding`.
struct DepthwiseTask : DepthwiseShape {
  const std::uint8_t* const* row;  ///< first pixel of each input row; rows outside the picture consist of padding as well
  const std::uint8_t* padding;     ///< one pixel of codes that stand for 0
  std::uint8_t flip;               ///< 0x80 turns int8 codes into uint8 codes
  std::size_t w;                   ///< pixels in an input row
  std::size_t out_rows, out_w, pad_left;
  const std::int16_t* weight;  ///< less their zero points, [KH][KW][channels padded to whole blocks of 16]
  const std::byte* form;       ///< what DepthwiseKernel::prepare made of them
  const std::int32_t* bias;    ///< one per channel, in the order of DepthwiseKernel::order, as are the multipliers
  Output out;                  ///< pixels are rows
  std::byte* scratch;          ///< depthwise_scratch_bytes of it
};

/// A kernel for depthwise convolutions, and what it wants made of the weights, which it alone reads. All but `run` are null where
/// it reads the common layout, and channels in their natural order.
struct DepthwiseKernel {
  void (*run)(const DepthwiseTask&);
  std::size_t (*bytes)(const DepthwiseShape&);  ///< of its form; depends on channels and window alone
  void (*prepare)(const std::int16_t* weight, const DepthwiseShape&, std::byte* form);
  /// Brings bias or multipliers, 4 bytes a channel and zeros up to a multiple of 64, into the kernel's order.
  void (*order)(const void* natural, std::size_t channels, void* ordered);
};

/// One of the two branches of an addition. Codes are unsigned after `flip`, and zero_point and scale are those of unsigned codes;
/// multiplier = scale / scale_y.
struct AddInput {
  const std::uint8_t* codes;
  std::uint8_t flip;
  std::int32_t zero_point;
  float multiplier;
};

/// steps = float(a - zero_point) * multiplier, each product rounded, plus the same of b, for `count` pairs; or the codes they
/// give.
struct AddTask {
  AddInput a, b;
  std::size_t count;
  float* steps;  ///< null where codes are wanted
  std::uint8_t* codes;
  std::uint8_t flip;                ///< of the codes written
  std::int32_t zero_point, lo, hi;  ///< of the codes before it

  /// The same from pair `begin` to pair `end`.
  AddTask part(std::size_t begin, std::size_t end) const {
    AddTask t = *this;
    t.a.codes += begin;
    t.b.codes += begin;
    t.count = end - begin;
    if (steps != nullptr)
      t.steps += begin;
    else
      t.codes += begin;
    return t;
  }
};

/// Output columns that one pass of a depthwise kernel takes, so that its interleaved inputs stay in L1.
inline constexpr std::size_t depthwise_columns = 28;

/// Output rows of a task at most.
inline constexpr std::size_t depthwise_band = 4;

/// Interleaved inputs of one pass: columns x rows x 64 bytes, which are 64 channels, or 32 of 16 bits.
inline std::size_t depthwise_scratch_bytes(std::size_t kernel_h, std::size_t kernel_w, std::size_t stride_h, std::size_t stride_w,
                                           std::size_t dilation_w) {
  const std::size_t rows = ((depthwise_band - 1) * stride_h + kernel_h + 3) / 4 * 4;
  return ((depthwise_columns - 1) * stride_w + (kernel_w - 1) * dilation_w + 1) * rows * 64;
}

/// Codes of `rows` x `channels` accumulators in fixed point, as FixedPointRequantize defines them: all multipliers, or one.
struct RequantizeTask {
  const std::int32_t* accumulators;
  std::size_t rows, channels;
  const FixedPointMultiplier* multiplier;
  bool one_multiplier;  ///< else one a channel
  FixedPointRounding rounding;
  std::int32_t zero_point, lo, hi;
  std::uint8_t* codes;  ///< or int8, as bytes
};

}  // namespace trimtab::int8
