#pragma once
/// \file
/// Convolution weights in the common layout. A kernel set that wants another form makes it from this one (prepared_weights.hpp).

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>
#include <trimtab/core/conv_geometry.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/int8/kernels/tasks.hpp>
#include <trimtab/int8/prepared_weights.hpp>
#include <trimtab/int8/workspace.hpp>
#include <vector>

namespace trimtab::int8 {

/// Weights of a convolution or a linear layer, packed by pack_conv2d or pack_linear.
///
/// Layout: [groups][out_c / 16][K / 4][16][4] bytes, so that 64 bytes are one VNNI step: 16 channels times 4 values of K.
/// K runs over kernel rows; within one it runs over KW * C (groups > 1: each of the KH * KW taps is a row of its own, of
/// C / groups values). Each such segment is padded by zeros to a multiple of 4, so that without dilation a segment is one
/// run of bytes in an NHWC picture, whatever C is.
class PackedConv2d {
 public:
  std::size_t out_channels() const { return out_channels_; }  ///< O
  std::size_t kernel_h() const { return kernel_h_; }          ///< KH
  std::size_t kernel_w() const { return kernel_w_; }          ///< KW
  /// Input channels per group, and groups.
  std::size_t group_in() const { return group_in_; }
  std::size_t groups() const { return groups_; }  ///< of channels
  /// Values of K per output channel: KH * KW * C / groups.
  std::size_t depth() const { return kernel_h_ * kernel_w_ * group_in_; }
  /// True when some weight zero point is not 0.
  bool has_zero_points() const { return !zero_point_.empty(); }
  /// The largest |bias| of output channel o with which no sum leaves int32: 2^31 - 1 - 255 * sum |w - zero_point|. A
  /// larger bias counts as this one.
  std::int32_t bias_limit(std::size_t o) const { return bias_limit_[o]; }

  /// Bytes of weights held at present: the common layout, and what instruction sets that were in use have prepared.
  std::size_t bytes() const { return memory_.capacity() + prepared_.bytes(); }

  // The layout, for drivers.
  std::size_t group_out() const { return out_channels_ / groups_; }  ///< output channels per group
  /// Runs of activation bytes in a window.
  std::size_t segments() const { return groups_ == 1 ? kernel_h_ : kernel_h_ * kernel_w_; }
  /// Bytes in such a run, without padding.
  std::size_t segment_bytes() const { return groups_ == 1 ? kernel_w_ * group_in_ : group_in_; }
  std::size_t steps() const { return detail::div_up(segment_bytes(), 4); }            ///< of 4 values in a segment
  std::size_t blocks() const { return detail::div_up(group_out(), block_channels); }  ///< of 16 channels per group
  /// Block b of a group: [segments * steps][16][4] bytes.
  const std::int8_t* block(std::size_t group, std::size_t b) const {
    return reinterpret_cast<const std::int8_t*>(memory_.data()) +
           (group * blocks() + b) * segments() * steps() * 4 * block_channels;
  }
  /// All blocks in a form of a kernel set's own, prepared at its first use; null where it has none. Threads may ask at the same
  /// time.
  const std::byte* prepared(const GemmForm& form) const {
    if (form.prepare == nullptr) return nullptr;
    const std::size_t depth_steps = segments() * steps(), bytes = form.bytes(depth_steps), count = groups_ * blocks();
    return prepared_.of(reinterpret_cast<detail::PreparedWeights::Prepare>(form.prepare), count * bytes, [&](std::byte* to) {
      parallel_for(count, LoopTime{count * bytes / 4},
                   [&](std::size_t i) { form.prepare(block(0, i), depth_steps, to + i * bytes); });
    });
  }
  /// sum (w - zero_point) per output channel.
  const std::int32_t* shifted_sums() const { return shifted_sum_.data(); }
  const std::int32_t* bias_limits() const { return bias_limit_.data(); }                             ///< of all channels
  std::int32_t zero_point(std::size_t o) const { return zero_point_.empty() ? 0 : zero_point_[o]; }  ///< of output channel o

  /// Packs `weight`, O KH KW C/groups, anew into the memory already held. See pack_conv2d.
  void assign(const std::int8_t* weight, std::size_t out_channels, std::size_t kernel_h, std::size_t kernel_w,
              std::size_t group_in, std::size_t groups, std::span<const std::int32_t> zero_point);

 private:
  std::size_t out_channels_ = 0, kernel_h_ = 1, kernel_w_ = 1, group_in_ = 0, groups_ = 1;
  detail::AlignedBytes memory_;
  detail::PreparedWeights prepared_;
  std::vector<std::int32_t> shifted_sum_, zero_point_, bias_limit_;
};

inline void PackedConv2d::assign(const std::int8_t* weight, std::size_t out_channels, std::size_t kernel_h, std::size_t kernel_w,
                                 std::size_t group_in, std::size_t groups, std::span<const std::int32_t> zero_point) {
  using ::trimtab::detail::message;
  constexpr std::int64_t int32_max = std::numeric_limits<std::int32_t>::max();
  if (groups < 1 || out_channels % groups != 0)
    throw shape_error(message("pack_conv2d: ", groups, " groups do not divide ", out_channels, " output channels"));
  if (!zero_point.empty() && zero_point.size() != 1 && zero_point.size() != out_channels)
    throw shape_error(message("pack_conv2d: ", zero_point.size(), " zero points for ", out_channels, " output channels"));
  bool shifted = false;
  for (const std::int32_t z : zero_point) {
    if (z < -128 || z > 127) throw value_error(message("pack_conv2d: weight zero point ", z, " is not an int8 code"));
    shifted = shifted || z != 0;
  }
  const std::size_t k = kernel_h * kernel_w * group_in;
  const std::int64_t largest = shifted ? 255 : 128;
  if (static_cast<std::int64_t>(k) > int32_max / (255 * largest))
    throw value_error(message("pack_conv2d: ", k, " products of up to 255 * ", largest, " may leave the int32 accumulator"));

  out_channels_ = out_channels, kernel_h_ = kernel_h, kernel_w_ = kernel_w, group_in_ = group_in, groups_ = groups;
  const std::size_t run = segment_bytes(), depth_steps = segments() * steps(), block_bytes = depth_steps * 4 * block_channels;
  memory_.reserve(groups * blocks() * block_bytes);
  prepared_.outdate();
  shifted_sum_.resize(out_channels);
  bias_limit_.resize(out_channels);
  zero_point_.clear();
  if (shifted)
    for (std::size_t o = 0; o < out_channels; ++o) zero_point_.push_back(zero_point[zero_point.size() == 1 ? 0 : o]);

  parallel_for(groups * blocks(), LoopTime{groups * blocks() * block_bytes}, [&](std::size_t gb) {
    const std::size_t first = gb / blocks() * group_out() + gb % blocks() * block_channels;
    const std::size_t width = std::min(block_channels, (gb / blocks() + 1) * group_out() - first);
    std::int8_t* packed = reinterpret_cast<std::int8_t*>(memory_.data()) + gb * block_bytes;
    if (width < block_channels || run % 4 != 0) std::memset(packed, 0, block_bytes);
    for (std::size_t c = 0; c < width; ++c) {
      const std::int8_t* w = weight + (first + c) * k;
      const std::int32_t z = shifted ? zero_point_[first + c] : 0;
      std::int32_t sum = 0, magnitude = 0;
      for (std::size_t i = 0; i < k; ++i) sum += w[i] - z, magnitude += std::abs(w[i] - z);
      shifted_sum_[first + c] = sum;
      bias_limit_[first + c] = static_cast<std::int32_t>(int32_max - 255 * std::int64_t{magnitude});
      for (std::size_t s = 0; s < segments(); ++s) {
        std::int8_t* to = packed + s * steps() * 4 * block_channels + 4 * c;
        const std::int8_t* from = w + s * run;
        std::size_t i = 0;
        for (; i + 4 <= run; i += 4, to += 4 * block_channels) std::memcpy(to, from + i, 4);
        if (i < run) std::memcpy(to, from + i, run - i);
      }
    }
  });
}

/// Packs `weight` into `packed`, reusing its memory: for training, where weights change from step to step.
/// Throws as pack_conv2d does.
template <Tensor W>
void repack_conv2d(const W& weight, PackedConv2d& packed, std::size_t groups = 1,
                   std::span<const std::int32_t> weight_zero_point = {}) {
  static_assert(std::is_same_v<value_t<const W>, std::int8_t>, "trimtab: packed weights are int8 codes");
  const auto w = ::trimtab::detail::dense_view(weight, 4, "pack_conv2d");
  packed.assign(w.data, w.extent[0], w.extent[1], w.extent[2], w.extent[3], groups, weight_zero_point);
}

/// Packs weight codes of extents O KH KW C/groups. `weight_zero_point`: none when all are 0, else 1 number or one per output
/// channel, each an int8 code; real = scale * (code - zero_point). Throws shape_error when extents do not fit, value_error when
/// zero points are no int8 codes or KH * KW * C/groups products could leave int32: the limit is 65793 products, with zero points
/// 33025.
template <Tensor W>
PackedConv2d pack_conv2d(const W& weight, std::size_t groups = 1, std::span<const std::int32_t> weight_zero_point = {}) {
  PackedConv2d packed;
  repack_conv2d(weight, packed, groups, weight_zero_point);
  return packed;
}

/// Packs the weight codes of a linear layer, extents O I, into `packed`: a 1x1 convolution. Throws as pack_conv2d does.
template <Tensor W>
void repack_linear(const W& weight, PackedConv2d& packed, std::span<const std::int32_t> weight_zero_point = {}) {
  static_assert(std::is_same_v<value_t<const W>, std::int8_t>, "trimtab: packed weights are int8 codes");
  const auto w = ::trimtab::detail::dense_view(weight, 2, "pack_linear");
  packed.assign(w.data, w.extent[0], 1, 1, w.extent[1], 1, weight_zero_point);
}
/// Packs the weight codes of a linear layer, extents O I. Throws as pack_conv2d does.
template <Tensor W>
PackedConv2d pack_linear(const W& weight, std::span<const std::int32_t> weight_zero_point = {}) {
  PackedConv2d packed;
  repack_linear(weight, packed, weight_zero_point);
  return packed;
}

}  // namespace trimtab::int8
