#pragma once
/// \file
/// What a driver asks of a kernel: plain structs, the same for every ISA.

#include <cstddef>
#include <cstdint>
#include <span>
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

/// Weights for vpmaddubsw; see MaddubsWeights for what is in a block.
struct MaddubsBlocks {
  const std::byte* weights;      ///< blocks of 16 int32 and 128 bytes a step
  const std::ptrdiff_t* offset;  ///< [block][steps]: where in a row the block's next step has its activations
  const std::uint32_t* pairs;    ///< [block]: how many pairs of steps come first
  /// Instead of a number of pairs where a block has no such form: a pair of weights that is -128 twice, and +128 is no weight.
  static constexpr std::uint32_t none = ~std::uint32_t{0};
};

/// rows x cols accumulators: acc[r][c] = bias[c] - zero_point[c] * row_sum[r] + sum_k a[r][k] * w[c][k].
/// A row's activations are `segments` runs of 4 * `steps` bytes: run s of row r starts at a + r * a_row + segment[s].
struct GemmTask {
  const std::uint8_t* a;           ///< activations
  std::ptrdiff_t a_row;            ///< bytes between rows
  const std::ptrdiff_t* segment;   ///< where each run begins in a row
  std::size_t segments, steps;     ///< runs in a row, steps of 4 bytes in a run
  const std::int8_t* b;            ///< [cols / 16][segments * steps][16][4]
  MaddubsBlocks maddubs;           ///< the same for vpmaddubsw
  std::size_t rows, cols;          ///< output pixels and channels
  const std::int32_t* bias;        ///< padded to whole blocks
  const std::int32_t* zero_point;  ///< of the weights, padded to whole blocks; null when all are 0
  const std::int32_t* row_sum;     ///< of the activations, per row; null when zero_point is
  Output out;                      ///< where the results go
};

/// `out_rows` x `out_w` x `channels` accumulators of a depthwise convolution:
///   acc[p][ow][c] = bias[c] + sum over kh, kw of (x xor flip)[kh of p][ow * stride_w + kw * dilation_w - pad_left][c] *
///   w[kh][kw][c]
/// Window row kh of output row p is row[p * stride_h + kh * dilation_h]; columns outside [0, w) are `padding`.
///
/// Kernels with vectors of `lanes` 16-byte lanes take blocks of 16 * lanes channels, four int32 vectors each. Interleaving bytes
/// works within lanes, so element i of lane l of vector v is channel 16 l + 4 v + i of the block: "lane order". The bias, the
/// multipliers and the weights come in lane order then, padded to whole blocks; in natural order where lanes is 0.
struct DepthwiseTask {
  const std::uint8_t* const* row;  ///< first pixel of each input row; rows outside the picture consist of padding as well
  const std::uint8_t* padding;     ///< one pixel of codes that stand for 0
  std::uint8_t flip;               ///< 0x80 turns int8 codes into uint8 codes
  std::size_t w, channels;         ///< pixels in an input row
  /// As in WindowGeometry.
  std::size_t out_rows, out_w, kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_left;
  std::size_t shifts;          ///< of the window within its quads of rows; see PackedDepthwise
  const std::int16_t* weight;  ///< less their zero points, [KH][KW][channels padded to whole blocks of 16]
  const void* quads;           ///< the same for the kernel's vectors, in quads or pairs of rows
  const void* parts;           ///< the same for depthwise_3x3 of AVX2: depthwise_radix * high + low; see PackedDepthwise
  const std::int32_t* bias;    ///< one per channel
  Output out;                  ///< pixels are rows
  std::byte* scratch;          ///< depthwise_scratch_bytes of it

  std::size_t quad_count() const { return (kernel_h + 3) / 4; }  ///< quads of window rows
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

/// How many runs of output columns stand side by side in a block of 64 places of which `left` channels are left: its weights,
/// bias and multipliers are there that many times. Kernels with fewer lanes have one.
inline std::size_t depthwise_runs(std::size_t left, std::size_t lanes) { return lanes < 4 || left > 32 ? 1 : left > 16 ? 2 : 4; }

/// What a high part counts for in DepthwiseTask::parts.
inline constexpr int depthwise_radix = 24;

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

}  // namespace trimtab::int8
