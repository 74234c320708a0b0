#pragma once
/// \file
/// Integer depthwise convolution over 8-bit codes, exact on every instruction set.

#include <limits>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/int8/kernel_table.hpp>
#include <trimtab/int8/layer_io.hpp>
#include <trimtab/int8/prepared_weights.hpp>
#include <vector>

namespace trimtab::int8 {

/// Weights of a depthwise convolution of multiplier 1, packed by pack_depthwise_conv2d.
///
/// Natural order: KH KW C less their zero points, as int16, C padded by zeros to a multiple of 16.
class PackedDepthwise {
 public:
  std::size_t channels() const { return channels_; }  ///< C
  std::size_t kernel_h() const { return kernel_h_; }  ///< KH
  std::size_t kernel_w() const { return kernel_w_; }  ///< KW
  /// The largest |bias| of channel c with which no sum leaves int32: 2^31 - 1 - 255 * sum |w - zero_point|. A larger bias
  /// counts as this one.
  std::int32_t bias_limit(std::size_t c) const { return bias_limit_[c]; }

  // The layout, for drivers.
  std::size_t padded_channels() const { return detail::round_up(channels_, block_channels); }  ///< C up to whole blocks of 16
  const std::int16_t* weight() const { return weight_.data(); }                                ///< natural order
  const std::int32_t* weight_sums() const { return weight_sum_.data(); }                       ///< per channel, less zero points
  const std::int32_t* bias_limits() const { return bias_limit_.data(); }                       ///< see PackedConv2d
  bool has_zero_points() const { return has_zero_points_; }                                    ///< weights need 9 bits and a sign
  /// The weights in a form of a kernel's own, prepared at its first use; null where it has none. Threads may ask at the same
  /// time.
  const std::byte* prepared(const DepthwiseKernel& kernel, const DepthwiseShape& shape) const {
    if (kernel.prepare == nullptr) return nullptr;
    return prepared_.of(reinterpret_cast<detail::PreparedWeights::Prepare>(kernel.prepare), kernel.bytes(shape),
                        [&](std::byte* to) { kernel.prepare(weight_.data(), shape, to); });
  }
  /// Bytes of weights held at present: the natural order, and what instruction sets that were in use have prepared.
  std::size_t bytes() const { return weight_.size() * sizeof(std::int16_t) + prepared_.bytes(); }

  /// Packs `weight`, KH KW C, anew into the memory already held. See pack_depthwise_conv2d.
  void assign(const std::int8_t* weight, std::size_t kernel_h, std::size_t kernel_w, std::size_t channels,
              std::span<const std::int32_t> zero_point);

 private:
  std::size_t channels_ = 0, kernel_h_ = 1, kernel_w_ = 1;
  bool has_zero_points_ = false;
  std::vector<std::int16_t> weight_;
  detail::PreparedWeights prepared_;
  std::vector<std::int32_t> weight_sum_, bias_limit_;
};

inline void PackedDepthwise::assign(const std::int8_t* weight, std::size_t kernel_h, std::size_t kernel_w, std::size_t channels,
                                    std::span<const std::int32_t> zero_point) {
  using ::trimtab::detail::message;
  constexpr std::int64_t int32_max = std::numeric_limits<std::int32_t>::max();
  const char* what = "pack_depthwise_conv2d";
  if (!zero_point.empty() && zero_point.size() != 1 && zero_point.size() != channels)
    throw shape_error(message(what, ": ", zero_point.size(), " zero points for ", channels, " channels"));
  for (const std::int32_t z : zero_point)
    if (z < -128 || z > 127) throw value_error(message(what, ": weight zero point ", z, " is not an int8 code"));
  const std::size_t taps = kernel_h * kernel_w;
  if (static_cast<std::int64_t>(taps) > int32_max / (255 * 255))
    throw value_error(message(what, ": ", taps, " products of up to 255 * 255 may leave the int32 accumulator"));

  channels_ = channels, kernel_h_ = kernel_h, kernel_w_ = kernel_w;
  weight_.assign(taps * padded_channels(), 0);
  weight_sum_.assign(channels, 0);
  bias_limit_.assign(channels, 0);
  for (std::size_t t = 0; t < taps; ++t)
    for (std::size_t c = 0; c < channels; ++c) {
      const std::int32_t z = zero_point.empty() ? 0 : zero_point[zero_point.size() == 1 ? 0 : c];
      const std::int32_t w = weight[t * channels + c] - z;
      weight_[t * padded_channels() + c] = static_cast<std::int16_t>(w);
      weight_sum_[c] += w;
      bias_limit_[c] += w < 0 ? -w : w;
    }
  for (std::int32_t& b : bias_limit_) b = static_cast<std::int32_t>(int32_max - 255 * std::int64_t{b});

  has_zero_points_ = std::any_of(zero_point.begin(), zero_point.end(), [](std::int32_t z) { return z != 0; });
  prepared_.outdate();
}

/// Packs `weight` into `packed`, reusing its memory: for training. Throws as pack_depthwise_conv2d does.
template <Tensor W>
void repack_depthwise_conv2d(const W& weight, PackedDepthwise& packed, std::span<const std::int32_t> weight_zero_point = {}) {
  static_assert(std::is_same_v<value_t<const W>, std::int8_t>, "trimtab: packed weights are int8 codes");
  const auto w = ::trimtab::detail::dense_view(weight, 3, "pack_depthwise_conv2d");
  packed.assign(w.data, w.extent[0], w.extent[1], w.extent[2], weight_zero_point);
}

/// Packs weight codes of extents KH KW C. `weight_zero_point`: none when all are 0, else 1 number or one per channel, each an
/// int8 code. Throws shape_error when their number does not fit, value_error when they are no codes or KH * KW > 33025.
template <Tensor W>
PackedDepthwise pack_depthwise_conv2d(const W& weight, std::span<const std::int32_t> weight_zero_point = {}) {
  PackedDepthwise packed;
  repack_depthwise_conv2d(weight, packed, weight_zero_point);
  return packed;
}

namespace detail {

/// The driver of depthwise convolutions: one piece is a band of output rows.
inline void run_depthwise_conv2d(const Codes& x, const PackedDepthwise& w, std::span<const std::int32_t> bias,
                                 const WindowGeometry& g, const LayerOutput& y, Workspace& workspace) {
  if (element_count(g.output()) == 0) return;
  const WindowOptions& o = g.options;
  const DepthwiseShape shape{g.c,        g.kernel_h,   g.kernel_w,   o.stride_h,
                             o.stride_w, o.dilation_h, o.dilation_w, w.has_zero_points()};
  const DepthwiseKernel& kernel = kernels().depthwise(shape);
  const std::byte* const form = w.prepared(kernel, shape);
  constexpr std::size_t band = depthwise_band;
  const std::size_t padded = round_up(g.c, 64), workers = static_cast<std::size_t>(threads());
  const std::size_t bands = even_pieces(g.out_h, band);
  const std::size_t band_rows = (band - 1) * o.stride_h + (g.kernel_h - 1) * o.dilation_h + 1;
  const std::size_t pointers = round_up(band_rows, 8);
  const std::size_t scratch_bytes =
      round_up(depthwise_scratch_bytes(g.kernel_h, g.kernel_w, o.stride_h, o.stride_w, o.dilation_w), cache_line);
  const std::size_t padding_bytes = round_up(g.w * g.c, cache_line);
  workspace.begin(workers * (4 * padded * 4 + pointers * sizeof(void*) + padding_bytes + scratch_bytes));
  auto* natural_bias = workspace.take<std::int32_t>(workers * padded);
  auto* ordered_bias = workspace.take<std::int32_t>(workers * padded);
  auto* natural_multiplier = workspace.take<float>(workers * padded);
  auto* ordered_multiplier = workspace.take<float>(workers * padded);
  auto* rows = workspace.take<const std::uint8_t*>(workers * pointers);
  auto* padding = workspace.take<std::uint8_t>(workers * padding_bytes);
  auto* scratch = workspace.take<std::byte>(workers * scratch_bytes);

  const auto start = [&](std::size_t worker) {
    std::int32_t* own_bias = natural_bias + worker * padded;
    float* own_multiplier = natural_multiplier + worker * padded;
    std::memset(padding + worker * padding_bytes, x.padding() ^ x.flip(), g.w * g.c);
    std::fill_n(own_bias + g.c, padded - g.c, 0);
    std::fill_n(own_multiplier + g.c, padded - g.c, 0.0F);
    fold_bias(bias.empty() ? nullptr : bias.data(), w.bias_limits(), w.weight_sums(), x.unsigned_zero_point(), g.c, own_bias);
    y.copy_multipliers(0, g.c, own_multiplier);
    if (kernel.order == nullptr) return;
    kernel.order(own_bias, g.c, ordered_bias + worker * padded);
    kernel.order(own_multiplier, g.c, ordered_multiplier + worker * padded);
  };
  const LoopTime time =
      product_time(kernels().isa, 4 * element_count(g.output()) * g.kernel_h * g.kernel_w);  // a quarter of their rate
  parallel_for_workers(g.n * bands, time, start, [&](std::size_t worker, std::size_t i) {
    const std::size_t n = i / bands, first = i % bands * g.out_h / bands, end = (i % bands + 1) * g.out_h / bands;
    const std::uint8_t** row = rows + worker * pointers;
    const std::uint8_t* picture = static_cast<const std::uint8_t*>(x.data) + n * g.h * g.w * g.c;
    for (std::size_t r = 0; r < band_rows; ++r) {
      const std::size_t ih = first * o.stride_h + r - o.padding.top;  // wraps above the picture
      row[r] = ih < g.h ? picture + ih * g.w * g.c : padding + worker * padding_bytes;
    }
    DepthwiseTask t;
    static_cast<DepthwiseShape&>(t) = shape;
    t.row = row;
    t.padding = padding + worker * padding_bytes;
    t.flip = x.flip();
    t.w = g.w;
    t.out_rows = end - first, t.out_w = g.out_w, t.pad_left = o.padding.left;
    t.weight = w.weight();
    t.form = form;
    t.scratch = scratch + worker * scratch_bytes;
    t.bias = (kernel.order != nullptr ? ordered_bias : natural_bias) + worker * padded;
    t.out = y.tile((n * g.out_h + first) * g.out_w, g.c, 0,
                   (kernel.order != nullptr ? ordered_multiplier : natural_multiplier) + worker * padded);
    kernel.run(t);
  });
}

template <Tensor X, Tensor Y>
void depthwise_conv2d(const X& x, std::int32_t x_zero_point, const PackedDepthwise& w, std::span<const std::int32_t> bias,
                      const WindowOptions& window, Y& y, const Requantize* requantize, std::span<const float> scale,
                      Workspace& workspace) {
  const char* what = "depthwise_conv2d";
  const auto xv = ::trimtab::detail::dense_view(x, 4, what);
  const auto yv = ::trimtab::detail::dense_view(y, 4, what);
  const WindowGeometry g = window_geometry(xv.extent, w.kernel_h(), w.kernel_w(), w.channels(), window, 1, what);
  check_layer(g.c, w.channels(), bias.size(), g.c, what);
  ::trimtab::detail::require_extents(yv.extent, g.output(), what);
  ::trimtab::detail::require_apart(what, yv, xv);
  run_depthwise_conv2d(codes(xv.data, x_zero_point, what), w, bias, g, layer_output(yv.data, g.c, requantize, scale, what),
                       workspace);
}

}  // namespace detail

/// Depthwise convolution of codes x, N H W C of uint8 or int8, into raw int32 accumulators y, N OH OW C:
///   acc[n,oh,ow,c] = bias[c] + sum over kh, kw of (x[n,ih,iw,c] - x_zero_point) * (w[kh,kw,c] - w_zero_point[c])
/// Padding pixels hold x_zero_point. Everything else as in conv2d: bias of C numbers or none, equal results on every ISA and
/// number of threads, shape_error and value_error.
template <Tensor X, Tensor Y>
void depthwise_conv2d(const X& x, std::int32_t x_zero_point, const PackedDepthwise& w, std::span<const std::int32_t> bias,
                      const WindowOptions& window, Y&& y, Workspace& workspace) {
  static_assert(std::is_same_v<value_t<Y>, std::int32_t>, "trimtab: raw accumulators are int32; pass a Requantize for codes");
  detail::depthwise_conv2d(x, x_zero_point, w, bias, window, y, nullptr, {}, workspace);
}
/// The same with y = float(acc) * scale[c].
template <Tensor X, Tensor Y>
void depthwise_conv2d(const X& x, std::int32_t x_zero_point, const PackedDepthwise& w, std::span<const std::int32_t> bias,
                      const WindowOptions& window, std::span<const float> scale, Y&& y, Workspace& workspace) {
  static_assert(std::is_same_v<value_t<Y>, float>, "trimtab: scaled accumulators are float");
  detail::depthwise_conv2d(x, x_zero_point, w, bias, window, y, nullptr, scale, workspace);
}
/// The same with y = requantize(acc, c): codes of uint8 or int8.
template <Tensor X, Tensor Y>
void depthwise_conv2d(const X& x, std::int32_t x_zero_point, const PackedDepthwise& w, std::span<const std::int32_t> bias,
                      const WindowOptions& window, const Requantize& requantize, Y&& y, Workspace& workspace) {
  static_assert(sizeof(value_t<Y>) == 1, "trimtab: requantized codes are uint8 or int8");
  detail::depthwise_conv2d(x, x_zero_point, w, bias, window, y, &requantize, {}, workspace);
}

}  // namespace trimtab::int8
