#pragma once
/// \file
/// Integer depthwise convolution over 8-bit codes, exact on every instruction set.

#include <limits>
#include <trimtab/core/parallel.hpp>
#include <trimtab/int8/kernel_table.hpp>
#include <trimtab/int8/layer_io.hpp>
#include <vector>

namespace trimtab::int8 {

/// Weights of a depthwise convolution of multiplier 1, packed by pack_depthwise_conv2d.
///
/// Natural order: KH KW C less their zero points, as int16, C padded by zeros to a multiple of 16.
///
/// For vectors: input rows go in quads, four bytes side by side per channel, so the window's rows do too. Q = ceil(KH / 4) quads
/// have room for S = 4 Q - KH + 1 positions of the window; shift s puts its row kh into place kh + s, and zeros elsewhere, so
/// that one quad of input rows serves several output rows. Layout [C / block][KW][Q][S][4 vectors][block / 4 channels][4 rows],
/// channels in lane order (see DepthwiseTask), once for blocks of 64 channels and once for 32.
///
/// As int16, for blocks of 32: in pairs of rows, in which the window stands at the first row or the second. Layout
/// [C / 32][2 shifts][KW][KH / 2 + 1 pairs][4 vectors][8 channels][2 rows].
///
/// As bytes in two parts, w = depthwise_radix * high + low, for windows of 3 x 3 and blocks of 32: in pairs of places, rows 0 and
/// 1 of columns 0, 1 and 2, then row 2 of columns 0 and 1, then a zero and row 2 of column 2. Layout
/// [C / 32][5 pairs][high and low][2 halves][2 lanes][8 channels][2 places]: element i of lane l of half h is channel
/// 16 l + 8 h + i of its block.
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
  std::size_t quad_count() const { return detail::div_up(kernel_h_, 4); }                      ///< Q
  std::size_t shifts() const { return 4 * quad_count() - kernel_h_ + 1; }                      ///< S
  /// What the kernel of vectors of `lanes` lanes reads: quads of bytes, or pairs of int16.
  const std::byte* quads(std::size_t lanes, bool pairs) const {
    return lanes == 4 ? quads64_.data() : pairs ? pairs32_.data() : quads32_.data();
  }
  const std::byte* parts() const { return parts32_.data(); }  ///< of 3 x 3 weights, for DepthwiseTask

  /// Packs `weight`, KH KW C, anew into the memory already held. See pack_depthwise_conv2d.
  void assign(const std::int8_t* weight, std::size_t kernel_h, std::size_t kernel_w, std::size_t channels,
              std::span<const std::int32_t> zero_point);

 private:
  /// Calls put(vector, element, row of the quad, weight) for each place of the layout for `lanes` lanes that holds a weight.
  template <class Put>
  void for_each_place(std::size_t lanes, const Put& put) const;

  /// Fill in the pairs and the parts from the natural order.
  void pack_pairs();
  void pack_parts();

  std::size_t channels_ = 0, kernel_h_ = 1, kernel_w_ = 1;
  bool has_zero_points_ = false;
  std::vector<std::int16_t> weight_;
  detail::AlignedBytes quads64_, quads32_, pairs32_, parts32_;
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
  const std::size_t places = kernel_w * quad_count() * shifts() * 4, blocks64 = detail::round_up(channels, 64);
  quads64_.reserve(places * blocks64);
  quads32_.reserve(places * blocks64);
  auto* q64 = reinterpret_cast<std::int8_t*>(quads64_.data());
  auto* q32 = reinterpret_cast<std::int8_t*>(quads32_.data());
  std::fill_n(q64, places * blocks64, std::int8_t{0});
  std::fill_n(q32, places * blocks64, std::int8_t{0});
  if (!has_zero_points_) {
    for_each_place(4, [&](std::size_t vector, std::size_t element, std::size_t row, std::int16_t w) {
      q64[vector * 64 + 4 * element + row] = static_cast<std::int8_t>(w);
    });
    for_each_place(2, [&](std::size_t vector, std::size_t element, std::size_t row, std::int16_t w) {
      q32[vector * 32 + 4 * element + row] = static_cast<std::int8_t>(w);
    });
  }
  pack_pairs();
  if (kernel_h == 3 && kernel_w == 3) pack_parts();
}

inline void PackedDepthwise::pack_pairs() {
  const std::size_t pairs = kernel_h_ / 2 + 1, count = detail::div_up(channels_, 32) * 2 * kernel_w_ * pairs * 64;
  pairs32_.reserve(count * sizeof(std::int16_t));
  auto* to = reinterpret_cast<std::int16_t*>(pairs32_.data());
  std::fill_n(to, count, std::int16_t{0});
  for (std::size_t c = 0; c < channels_; ++c) {
    const std::size_t v = c % 16 / 4, element = c % 32 / 16 * 4 + c % 4;  // as in for_each_place
    for (std::size_t shift = 0; shift < 2; ++shift)
      for (std::size_t kw = 0; kw < kernel_w_; ++kw)
        for (std::size_t kh = 0; kh < kernel_h_; ++kh) {
          const std::size_t place = kh + shift;
          to[((((c / 32 * 2 + shift) * kernel_w_ + kw) * pairs + place / 2) * 4 + v) * 16 + 2 * element + place % 2] =
              weight_[(kh * kernel_w_ + kw) * padded_channels() + c];
        }
  }
}

inline void PackedDepthwise::pack_parts() {
  const std::size_t count = detail::div_up(channels_, 32) * 5 * 128;
  parts32_.reserve(count);
  auto* to = reinterpret_cast<std::int8_t*>(parts32_.data());
  std::fill_n(to, count, std::int8_t{0});
  for (std::size_t c = 0; c < channels_; ++c)
    for (std::size_t kh = 0; kh < 3; ++kh)
      for (std::size_t kw = 0; kw < 3; ++kw) {
        const int w = weight_[(kh * 3 + kw) * padded_channels() + c], half = depthwise_radix / 2;
        const int high = (w < 0 ? w - half : w + half) / depthwise_radix;
        // The last place is the second of the last pair: row 2 of columns 1 and 2, of which only the latter counts.
        const std::size_t place = kh < 2 ? 2 * kw + kh : kw < 2 ? 6 + kw : 9;
        std::int8_t* at = to + (c / 32 * 5 + place / 2) * 128 + c % 16 / 8 * 32 + c % 32 / 16 * 16 + c % 8 * 2 + place % 2;
        at[0] = static_cast<std::int8_t>(high);
        at[64] = static_cast<std::int8_t>(w - depthwise_radix * high);
      }
}

template <class Put>
void PackedDepthwise::for_each_place(std::size_t lanes, const Put& put) const {
  const std::size_t quads = quad_count(), block = 16 * lanes;
  for (std::size_t c = 0; c < channels_; ++c) {
    // Channel 16 l + 4 v + i of its block is element 4 l + i of vector v.
    const std::size_t v = c % 16 / 4, element = c % block / 16 * 4 + c % 4;
    const std::size_t runs = depthwise_runs(channels_ - c / block * block, lanes);
    for (std::size_t kw = 0; kw < kernel_w_; ++kw)
      for (std::size_t s = 0; s < shifts(); ++s)
        for (std::size_t kh = 0; kh < kernel_h_; ++kh) {
          const std::size_t q = (kh + s) / 4;
          for (std::size_t run = 0; run < runs; ++run)
            put((((c / block * kernel_w_ + kw) * quads + q) * shifts() + s) * 4 + v, element + run * (4 * lanes / runs),
                (kh + s) % 4, weight_[(kh * kernel_w_ + kw) * padded_channels() + c]);
        }
  }
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

/// The four channels 16 l + 4 v .. + 3 of a block move to place 4 (lanes v + l), see DepthwiseTask; `count` is a multiple of 64.
template <class T>
void to_lane_order(const T* natural, std::size_t count, std::size_t lanes, T* ordered) {
  for (std::size_t block = 0; block < count; block += 16 * lanes)
    for (std::size_t v = 0; v < 4; ++v)
      for (std::size_t l = 0; l < lanes; ++l)
        std::memcpy(ordered + block + 4 * (lanes * v + l), natural + block + 16 * l + 4 * v, 4 * sizeof(T));
}

/// The driver of depthwise convolutions: one piece is a band of output rows.
inline void run_depthwise_conv2d(const Codes& x, const PackedDepthwise& w, std::span<const std::int32_t> bias,
                                 const WindowGeometry& g, const LayerOutput& y, Workspace& workspace) {
  if (element_count(g.output()) == 0) return;
  const KernelTable& table = kernels();
  const DepthwiseKernel& kernel = w.has_zero_points() ? table.depthwise_u8s16 : table.depthwise_u8s8;
  const WindowOptions& o = g.options;
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
    if (kernel.lanes == 0) return;
    const std::size_t tail = g.c / 64 * 64, runs = depthwise_runs(g.c - tail, kernel.lanes);
    for (std::size_t run = 1; run < runs && tail < g.c; ++run) {
      std::copy_n(own_bias + tail, 64 / runs, own_bias + tail + run * (64 / runs));
      std::copy_n(own_multiplier + tail, 64 / runs, own_multiplier + tail + run * (64 / runs));
    }
    to_lane_order(own_bias, padded, kernel.lanes, ordered_bias + worker * padded);
    to_lane_order(own_multiplier, padded, kernel.lanes, ordered_multiplier + worker * padded);
  };
  parallel_for_workers(g.n * bands, start, [&](std::size_t worker, std::size_t i) {
    const std::size_t n = i / bands, first = i % bands * g.out_h / bands, end = (i % bands + 1) * g.out_h / bands;
    const std::uint8_t** row = rows + worker * pointers;
    const std::uint8_t* picture = static_cast<const std::uint8_t*>(x.data) + n * g.h * g.w * g.c;
    for (std::size_t r = 0; r < band_rows; ++r) {
      const std::size_t ih = first * o.stride_h + r - o.padding.top;  // wraps above the picture
      row[r] = ih < g.h ? picture + ih * g.w * g.c : padding + worker * padding_bytes;
    }
    DepthwiseTask t;
    t.row = row;
    t.padding = padding + worker * padding_bytes;
    t.flip = x.flip();
    t.w = g.w, t.channels = g.c;
    t.out_rows = end - first, t.out_w = g.out_w;
    t.kernel_h = g.kernel_h, t.kernel_w = g.kernel_w;
    t.stride_h = o.stride_h, t.stride_w = o.stride_w, t.dilation_h = o.dilation_h, t.dilation_w = o.dilation_w;
    t.pad_left = o.padding.left;
    t.shifts = w.shifts();
    t.weight = w.weight();
    t.quads = w.quads(kernel.lanes, kernel.pairs);
    t.parts = w.parts();
    t.scratch = scratch + worker * scratch_bytes;
    t.bias = (kernel.lanes > 0 ? ordered_bias : natural_bias) + worker * padded;
    t.out = y.tile((n * g.out_h + first) * g.out_w, g.c, 0,
                   (kernel.lanes > 0 ? ordered_multiplier : natural_multiplier) + worker * padded);
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
