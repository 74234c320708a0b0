#pragma once
/// \file
/// Integer transposed convolution over 8-bit codes, exact on every instruction set: one convolution for each phase of the stride.

#include <algorithm>
#include <cstring>
#include <limits>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/ops/conv_transpose_geometry.hpp>
#include <vector>

namespace trimtab::int8 {

namespace detail {

/// One axis of a phase. Outputs o with o + before = stride * m + phase see the inputs
///   ih = m - shift - t * dilation     through kernel row rows[t], t = 0, 1, ...
/// which is a convolution of stride 1 with the rows in reverse.
struct PhaseAxis {
  std::size_t phase, shift = 0, dilation = 1;
  std::vector<std::size_t> rows;

  PhaseAxis(std::size_t phase_, std::size_t kernel, std::size_t stride, std::size_t kernel_dilation) : phase(phase_) {
    for (std::size_t k = 0; k < kernel; ++k)
      if (k * kernel_dilation % stride == phase) rows.push_back(k);
    if (!rows.empty()) shift = (rows[0] * kernel_dilation - phase) / stride;
    if (rows.size() > 1) dilation = (rows[1] - rows[0]) * kernel_dilation / stride;
  }
};

/// Where a phase's outputs lie on one axis of y, and the convolution that gives them: its output skip + j is output first +
/// stride * j.
struct PhaseRows {
  std::size_t first = 0, count = 0;                       // outputs of y
  std::size_t before = 0, after = 0, skip = 0, rows = 0;  // padding and outputs of the convolution

  PhaseRows(const PhaseAxis& a, std::size_t in, std::size_t out, std::size_t stride, std::size_t padding) {
    const std::size_t from = padding > a.phase ? div_up(padding - a.phase, stride) : 0;
    const std::size_t to = out + padding > a.phase ? div_up(out + padding - a.phase, stride) : 0;
    first = stride * from + a.phase - padding;
    count = to > from ? to - from : 0;
    if (a.rows.empty()) return;
    // Output j of the convolution reads input j + r * dilation - before through its row r, the phase's row rows.size() - 1 - r.
    const std::size_t span = (a.rows.size() - 1) * a.dilation, reach = a.shift + span;
    before = reach > from ? reach - from : 0;
    skip = from > reach ? from - reach : 0;
    const std::size_t wanted = skip + count + span;
    after = wanted > in + before ? wanted - in - before : 0;
    rows = in + before + after - span;
  }
};

}  // namespace detail

/// Weights of a transposed convolution, packed by pack_conv_transpose2d: for each phase of the strides a convolution of stride 1.
class PackedConvTranspose2d {
 public:
  std::size_t out_channels() const { return out_channels_; }       ///< O
  std::size_t kernel_h() const { return kernel_h_; }               ///< KH
  std::size_t kernel_w() const { return kernel_w_; }               ///< KW
  std::size_t group_in() const { return group_in_; }               ///< input channels per group
  std::size_t groups() const { return groups_; }                   ///< of channels
  const WindowOptions& packed_for() const { return packed_for_; }  ///< its strides and dilations
  /// The largest |bias| of output channel o with which no sum leaves int32: the least bias_limit of the phases. A larger bias
  /// counts as this one.
  std::int32_t bias_limit(std::size_t o) const { return bias_limit_[o]; }

  /// One phase, for drivers; its convolution is empty where no kernel row or no column belongs to it.
  struct Phase {
    detail::PhaseAxis h, w;                                          ///< its rows and columns
    PackedConv2d conv;                                               ///< of stride 1
    bool empty() const { return h.rows.empty() || w.rows.empty(); }  ///< its outputs are the bias
  };
  const std::vector<Phase>& phases() const { return phases_; }  ///< rows of phases, stride_h * stride_w of them

  /// Packs `weight`, O KH KW I/groups, anew into the memory already held. See pack_conv_transpose2d.
  void assign(const std::int8_t* weight, const Extents& extents, const WindowOptions& window, std::size_t groups,
              std::span<const std::int32_t> zero_point);

 private:
  std::size_t out_channels_ = 0, kernel_h_ = 1, kernel_w_ = 1, group_in_ = 0, groups_ = 1;
  WindowOptions packed_for_;
  std::vector<Phase> phases_;
  std::vector<std::int32_t> bias_limit_;
  std::vector<std::int8_t> filters_;  // of one phase
};

inline void PackedConvTranspose2d::assign(const std::int8_t* weight, const Extents& extents, const WindowOptions& window,
                                          std::size_t groups, std::span<const std::int32_t> zero_point) {
  using ::trimtab::detail::message;
  // As many phases as that would be a mistake; each is a convolution.
  constexpr std::size_t most = 4096;
  const std::size_t sh = window.stride_h, sw = window.stride_w;
  if (sh < 1 || sw < 1 || window.dilation_h < 1 || window.dilation_w < 1)
    throw shape_error(message("pack_conv_transpose2d: strides and dilations are 1 or more, got ", sh, ", ", sw, ", ",
                              window.dilation_h, ", ", window.dilation_w));
  if (sh > most || sw > most || sh * sw > most)
    throw shape_error(message("pack_conv_transpose2d: strides of ", sh, " x ", sw, " are beyond ", most, " phases"));
  const bool same_phases = window.stride_h == packed_for_.stride_h && window.stride_w == packed_for_.stride_w &&
                           window.dilation_h == packed_for_.dilation_h && window.dilation_w == packed_for_.dilation_w &&
                           extents[1] == kernel_h_ && extents[2] == kernel_w_ && !phases_.empty();
  out_channels_ = 0;  // should packing throw, nothing fits what is left
  kernel_h_ = extents[1], kernel_w_ = extents[2];
  packed_for_ = window;
  packed_for_.padding = {};
  if (!same_phases) {
    phases_.clear();
    for (std::size_t h = 0; h < sh; ++h)
      for (std::size_t w = 0; w < sw; ++w)
        phases_.push_back({{h, kernel_h_, sh, window.dilation_h}, {w, kernel_w_, sw, window.dilation_w}, {}});
  }
  bias_limit_.assign(extents[0], std::numeric_limits<std::int32_t>::max());
  for (Phase& phase : phases_) {
    if (phase.empty()) continue;
    filters_.clear();
    for (std::size_t o = 0; o < extents[0]; ++o)
      for (std::size_t kh = phase.h.rows.size(); kh-- > 0;)
        for (std::size_t kw = phase.w.rows.size(); kw-- > 0;) {
          const std::int8_t* from = weight + ((o * kernel_h_ + phase.h.rows[kh]) * kernel_w_ + phase.w.rows[kw]) * extents[3];
          filters_.insert(filters_.end(), from, from + extents[3]);
        }
    phase.conv.assign(filters_.data(), extents[0], phase.h.rows.size(), phase.w.rows.size(), extents[3], groups, zero_point);
    for (std::size_t o = 0; o < extents[0]; ++o) bias_limit_[o] = std::min(bias_limit_[o], phase.conv.bias_limit(o));
  }
  out_channels_ = extents[0], group_in_ = extents[3], groups_ = groups;
}

/// Packs `weight` into `packed`, reusing its memory: for training, where weights change from step to step.
/// Throws as pack_conv_transpose2d does.
template <Tensor W>
void repack_conv_transpose2d(const W& weight, const WindowOptions& window, PackedConvTranspose2d& packed, std::size_t groups = 1,
                             std::span<const std::int32_t> weight_zero_point = {}) {
  static_assert(std::is_same_v<value_t<const W>, std::int8_t>, "trimtab: packed weights are int8 codes");
  const auto w = ::trimtab::detail::dense_view(weight, 4, "pack_conv_transpose2d");
  packed.assign(w.data, w.extent, window, groups, weight_zero_point);
}

/// Packs weight codes of extents O KH KW I/groups, O output channels, for the strides and dilations of `window`.
/// `weight_zero_point` as for pack_conv2d. Throws as that does for the kernel rows and columns of each phase, and shape_error for
/// strides or dilations of 0 and for more than 4096 phases.
template <Tensor W>
PackedConvTranspose2d pack_conv_transpose2d(const W& weight, const WindowOptions& window, std::size_t groups = 1,
                                            std::span<const std::int32_t> weight_zero_point = {}) {
  PackedConvTranspose2d packed;
  repack_conv_transpose2d(weight, window, packed, groups, weight_zero_point);
  return packed;
}

namespace detail {

/// One transposed convolution into y of element type T.
template <class T>
class ConvTransposeRun {
 public:
  /// `y` is N OH OW O; the last stage is that of layer_output.
  ConvTransposeRun(const Codes& x, const PackedConvTranspose2d& w, const WindowGeometry& g, const Requantize* requantize,
                   std::span<const float> scale, T* y)
      : x_(x), w_(w), g_(g), requantize_(requantize), scale_(scale), y_(y) {}

  void run(std::span<const std::int32_t> bias, Workspace& workspace, Workspace& phases) {
    layer_output(y_, g_.c, requantize_, scale_, what);  // checks the stage
    if (element_count(g_.input()) == 0) return;
    std::size_t largest = g_.c;
    for (const PackedConvTranspose2d::Phase& phase : w_.phases()) {
      const PhaseRows h = rows(phase), w = columns(phase);
      if (!phase.empty()) largest = std::max(largest, g_.n * h.rows * w.rows * g_.c);
    }
    phases.begin(round_up(largest * sizeof(T), cache_line) + round_up(g_.c * sizeof(std::int32_t), cache_line));
    T* const outputs = phases.take<T>(largest);
    std::int32_t* const clamped = phases.take<std::int32_t>(g_.c);
    for (std::size_t o = 0; o < g_.c; ++o)
      clamped[o] = bias.empty() ? 0 : std::clamp(bias[o], -w_.bias_limit(o), w_.bias_limit(o));
    for (const PackedConvTranspose2d::Phase& phase : w_.phases()) run_phase(phase, {clamped, g_.c}, outputs, workspace);
  }

 private:
  static constexpr const char* what = "conv_transpose2d";

  // In g_, the convolution whose gradient this is, x is the output and y the input.
  PhaseRows rows(const PackedConvTranspose2d::Phase& p) const {
    return {p.h, g_.out_h, g_.h, g_.options.stride_h, g_.options.padding.top};
  }
  PhaseRows columns(const PackedConvTranspose2d::Phase& p) const {
    return {p.w, g_.out_w, g_.w, g_.options.stride_w, g_.options.padding.left};
  }

  void run_phase(const PackedConvTranspose2d::Phase& phase, std::span<const std::int32_t> bias, T* outputs,
                 Workspace& workspace) const {
    const PhaseRows h = rows(phase), w = columns(phase);
    if (h.count == 0 || w.count == 0) return;
    if (phase.empty()) {
      for (std::size_t o = 0; o < g_.c; ++o) outputs[o] = of_accumulator(bias[o], o);
      spread(h, w, [&](std::size_t, std::size_t, std::size_t) { return outputs; });
      return;
    }
    const WindowOptions window{1, 1, {h.before, w.before, h.after, w.after}, phase.h.dilation, phase.w.dilation};
    const WindowGeometry conv =
        window_geometry(g_.output(), phase.h.rows.size(), phase.w.rows.size(), g_.c, window, g_.groups, what);
    // With strides of 1 the phase is all of y. Of others it may have as many rows as y, of which y takes some.
    const bool whole = h.count == g_.h && w.count == g_.w && conv.output() == g_.input() && h.skip == 0 && w.skip == 0;
    Conv2dRun(x_, phase.conv, conv, layer_output(whole ? y_ : outputs, g_.c, requantize_, scale_, what)).run(bias, workspace);
    if (whole) return;
    spread(h, w, [&](std::size_t n, std::size_t row, std::size_t col) {
      return outputs + ((n * h.rows + h.skip + row) * w.rows + w.skip + col) * g_.c;
    });
  }

  /// Puts the phase's pixel (n, row, col), at from(n, row, col), where it belongs in y.
  template <class From>
  void spread(const PhaseRows& h, const PhaseRows& w, const From& from) const {
    const std::size_t grain = (std::size_t{1} << 14) / (w.count * g_.c) + 1;
    parallel_ranges(g_.n * h.count, grain, [&](std::size_t begin, std::size_t end) {
      for (std::size_t r = begin; r < end; ++r) {
        const std::size_t n = r / h.count, row = r % h.count;
        T* to = y_ + ((n * g_.h + h.first + row * g_.options.stride_h) * g_.w + w.first) * g_.c;
        for (std::size_t col = 0; col < w.count; ++col, to += g_.options.stride_w * g_.c)
          std::memcpy(to, from(n, row, col), g_.c * sizeof(T));
      }
    });
  }

  /// What the kernels make of an accumulator of output channel o.
  T of_accumulator(std::int32_t acc, std::size_t o) const {
    if constexpr (std::is_same_v<T, std::int32_t>)
      return acc;
    else if constexpr (std::is_same_v<T, float>)
      return static_cast<float>(acc) * scale_[scale_.size() == 1 ? 0 : o];
    else
      return static_cast<T>((*requantize_)(acc, o));
  }

  Codes x_;
  const PackedConvTranspose2d& w_;
  WindowGeometry g_;
  const Requantize* requantize_;
  std::span<const float> scale_;
  T* y_;
};

template <Tensor X, Tensor Y>
void conv_transpose2d(const X& x, std::int32_t x_zero_point, const PackedConvTranspose2d& w, std::span<const std::int32_t> bias,
                      const WindowOptions& window, const OutputPadding& more, Y& y, const Requantize* requantize,
                      std::span<const float> scale, Workspace& workspace, Workspace& phases) {
  const char* what = "conv_transpose2d";
  const auto xv = ::trimtab::detail::dense_view(x, 4, what);
  const auto yv = ::trimtab::detail::dense_view(y, 4, what);
  const WindowOptions& packed = w.packed_for();
  if (window.stride_h != packed.stride_h || window.stride_w != packed.stride_w || window.dilation_h != packed.dilation_h ||
      window.dilation_w != packed.dilation_w)
    throw value_error(::trimtab::detail::message(what, ": the weights are packed for strides ", packed.stride_h, " x ",
                                                 packed.stride_w, " and dilations ", packed.dilation_h, " x ", packed.dilation_w,
                                                 ", got ", window.stride_h, " x ", window.stride_w, " and ", window.dilation_h,
                                                 " x ", window.dilation_w));
  if (&workspace == &phases) throw value_error(::trimtab::detail::message(what, ": workspace and phases are one object"));
  check_layer(xv.extent[3] / w.groups(), w.group_in(), bias.size(), w.out_channels(), what);
  const WindowGeometry g = conv_transpose2d_geometry(xv.extent, {w.out_channels(), w.kernel_h(), w.kernel_w(), w.group_in()},
                                                     window, more, w.groups(), what);
  ::trimtab::detail::require_extents(yv.extent, g.input(), what);
  ::trimtab::detail::require_apart(what, yv, xv);
  ConvTransposeRun(codes(xv.data, x_zero_point, what), w, g, requantize, scale, yv.data).run(bias, workspace, phases);
}

}  // namespace detail

/// Transposed convolution of codes x, N H W I of uint8 or int8, into raw int32 accumulators y, N OH OW O: y[n, oh, ow, o] is
/// bias[o] and
///   (x[n, ih, iw, first(o) + i] - x_zero_point) * (w[o, kh, kw, i] - w_zero_point[o])
/// over all ih, kh, i with oh = ih * stride_h + kh * dilation_h - top, and iw, kw likewise; OH as in conv_transpose2d_forward.
/// `bias` has O numbers or none; one beyond w.bias_limit(o) counts as that limit, so no sum leaves int32. Results are equal on
/// every ISA and number of threads. Allocates only while the workspaces grow; `phases` holds the outputs of one phase and is
/// another object than `workspace`. Throws shape_error when extents do not fit, value_error when x_zero_point is no code of x's
/// type, or `w` is packed for other strides or dilations.
template <Tensor X, Tensor Y>
void conv_transpose2d(const X& x, std::int32_t x_zero_point, const PackedConvTranspose2d& w, std::span<const std::int32_t> bias,
                      const WindowOptions& window, const OutputPadding& more, Y&& y, Workspace& workspace, Workspace& phases) {
  static_assert(std::is_same_v<value_t<Y>, std::int32_t>, "trimtab: raw accumulators are int32; pass a Requantize for codes");
  detail::conv_transpose2d(x, x_zero_point, w, bias, window, more, y, nullptr, {}, workspace, phases);
}
/// The same with y = float(acc) * scale[o], one rounding; `scale` is 1 number, s_x * s_w, or one per output channel.
template <Tensor X, Tensor Y>
void conv_transpose2d(const X& x, std::int32_t x_zero_point, const PackedConvTranspose2d& w, std::span<const std::int32_t> bias,
                      const WindowOptions& window, const OutputPadding& more, std::span<const float> scale, Y&& y,
                      Workspace& workspace, Workspace& phases) {
  static_assert(std::is_same_v<value_t<Y>, float>, "trimtab: scaled accumulators are float");
  detail::conv_transpose2d(x, x_zero_point, w, bias, window, more, y, nullptr, scale, workspace, phases);
}
/// The same with y = requantize(acc, o): codes of uint8 or int8.
template <Tensor X, Tensor Y>
void conv_transpose2d(const X& x, std::int32_t x_zero_point, const PackedConvTranspose2d& w, std::span<const std::int32_t> bias,
                      const WindowOptions& window, const OutputPadding& more, const Requantize& requantize, Y&& y,
                      Workspace& workspace, Workspace& phases) {
  static_assert(sizeof(value_t<Y>) == 1, "trimtab: requantized codes are uint8 or int8");
  detail::conv_transpose2d(x, x_zero_point, w, bias, window, more, y, &requantize, {}, workspace, phases);
}

}  // namespace trimtab::int8
