#pragma once
/// \file
/// Transposed convolution over N H W C, in groups or not: the layer that makes pictures larger.

#include <trimtab/int8/conv_transpose2d.hpp>
#include <trimtab/net/operators/weighted.hpp>
#include <trimtab/net/operators/windows.hpp>
#include <trimtab/ops/conv_transpose2d.hpp>

namespace trimtab {

/// Weight O KH KW I/groups with O output channels; bias O, or empty. See conv_transpose2d_forward for the formula and OH, OW.
struct ConvTranspose2d {
  xt::xtensor<float, 4> weight;                            ///< O KH KW C/groups
  xt::xtensor<float, 1> bias;                              ///< one per output channel, or none
  WindowOptions window = {};                               ///< strides and dilation; padding is cut off the output
  std::size_t groups = 1;                                  ///< of channels
  std::size_t output_padding_h = 0, output_padding_w = 0;  ///< rows and columns more, below and on the right

  OutputPadding more() const { return {output_padding_h, output_padding_w}; }  ///< both
};

/// The facet of its weights. TFLite's kernels of TRANSPOSE_CONV, reference and optimized, multiply accumulators channel by
/// channel with MultiplyByQuantizedMultiplier, the function of DEPTHWISE_CONV_2D and QUANTIZE: it rounds twice.
template <>
struct WeightedRules<ConvTranspose2d> {
  using Packed = int8::PackedConvTranspose2d;
  static constexpr std::size_t output_axis = 0, input_axis = 3;
  static constexpr FixedPointProduct fixed_point_product{FixedPointRounding::twice, false};
  static std::size_t groups(const ConvTranspose2d& l) { return l.groups; }
  /// An input pixel's product with a weight falls on one pixel of stride_h * stride_w.
  static double reach(const ConvTranspose2d& l) { return 1 / double(l.window.stride_h * l.window.stride_w); }
  static Extents extent(const ConvTranspose2d& l, const Extents& weight, std::span<const Extents> in, const std::string& node) {
    const Extents& x = detail::picture_extent(in, node);
    const WindowGeometry g = conv_transpose2d_geometry({1, x[0], x[1], x[2]}, weight, l.window, l.more(), l.groups, node.c_str());
    return {g.h, g.w, g.c};
  }
  static std::string mixes_channels(const ConvTranspose2d& l) {
    return l.groups == 1 ? std::string() : detail::message("a transposed convolution in ", l.groups, " groups");
  }
  static ChannelWeight by_input_channel(ConvTranspose2d& l, std::size_t) { return {view(l.weight), 3}; }
  static void pack(const ConvTranspose2d& l, const TensorView<const std::int8_t>& codes, std::span<const std::int32_t> zero_point,
                   Packed& packed) {
    int8::repack_conv_transpose2d(codes, l.window, packed, l.groups, zero_point);
  }
  template <class... Out>
  static void run(const ConvTranspose2d& l, const Packed& packed, const CodeInput& x, std::span<const std::int32_t> bias,
                  int8::Workspace& workspace, const Out&... out) {
    int8::conv_transpose2d(x.codes, x.grid.zero_point, packed, bias, l.window, l.more(), out..., workspace, workspace.inner());
  }
  static void backward_weight(const ConvTranspose2d& l, const TensorView<const float>& grad_y, const TensorView<const float>& x,
                              const TensorView<float>& to) {
    conv_transpose2d_backward_weight(grad_y, x, l.window, l.more(), l.groups, to);
  }
  static void backward_input(const ConvTranspose2d& l, const TensorView<const float>& grad_y,
                             const TensorView<const float>& weight, const TensorView<float>& to, GradientMode mode) {
    conv_transpose2d_backward_input(grad_y, weight, l.window, l.more(), l.groups, to, mode);
  }
  static bool int16_products(const ConvTranspose2d&) { return false; }
  static WindowGeometry int16_geometry(const ConvTranspose2d&, const Extents&) {
    throw value_error("ConvTranspose2d has no 16-bit products");
  }
  static OutputMoments moments(const ConvTranspose2d& l) {
    return {l.groups, l.weight.size() / l.weight.shape(0), l.weight.shape(0) / l.groups};
  }
  /// As Conv2d's. An output pixel's window holds the inputs that its weights multiply, 0 for those between the strides: it is
  /// what a layer of as many outputs puts out, each with a weight that is 1 at its own place. Picture by picture, since windows
  /// take the memory.
  static void add_products(const ConvTranspose2d& l, const TensorView<const float>& x, const TensorView<const float>& y,
                           OutputMoments& m) {
    const std::size_t all = m.groups * m.inputs, x_size = x.size() / x.extent[0], y_size = y.size() / y.extent[0];
    Extents of_windows = view(l.weight).extent, of_x = x.extent, of_y = y.extent;
    of_windows[0] = all, of_x[0] = of_y[0] = 1;
    std::vector<float> ones(all * m.inputs, 0.0F), windows(y_size / y.extent[3] * all), xx(m.xx.size()), yx(m.yx.size());
    for (std::size_t row = 0; row < all; ++row) ones[row * m.inputs + row % m.inputs] = 1;
    const TensorView<float> seen(windows.data(), {1, y.extent[1], y.extent[2], all});
    for (std::size_t n = 0; n < x.extent[0]; ++n) {
      const TensorView<const float> one_x(x.data + n * x_size, of_x), one_y(y.data + n * y_size, of_y);
      conv_transpose2d_forward(one_x, TensorView<const float>(ones.data(), of_windows), std::span<const float>(), l.window,
                               l.more(), l.groups, seen);
      std::fill(xx.begin(), xx.end(), 0.0F), std::fill(yx.begin(), yx.end(), 0.0F);
      conv_transpose2d_backward_weight(seen, one_x, l.window, l.more(), l.groups, TensorView<float>(xx.data(), of_windows));
      conv_transpose2d_backward_weight(one_y, one_x, l.window, l.more(), l.groups,
                                       TensorView<float>(yx.data(), view(l.weight).extent));
      detail::add_sums(xx, m.xx);
      detail::add_sums(yx, m.yx);
      detail::add_column_sums(windows.data(), windows.size(), all, m.x.data());
    }
  }
};

/// A layer whose rounding is that of its sums.
template <>
struct OperatorRules<ConvTranspose2d> : LayerRules<ConvTranspose2d> {
  static constexpr const char* name = "ConvTranspose2d";
  static double macs(const ConvTranspose2d& l, std::span<const Extents> in, const Extents&) {
    return double(in[0][0] * in[0][1]) * double(l.weight.size());
  }
  static void visit(ConvTranspose2d& l, OperatorVisitor& v) {
    visit_layer(l, v);
    detail::visit_window(l.window, v);
    v.number("groups", double(l.groups));
    v.number("output_padding_h", double(l.output_padding_h));
    v.number("output_padding_w", double(l.output_padding_w));
  }
  static void forward(const ConvTranspose2d& l, FloatInputs x, const TensorView<float>& y) {
    conv_transpose2d_forward(x[0], l.weight, l.bias, l.window, l.more(), l.groups, y);
  }
};

TRIMTAB_WEIGHTED_OPERATOR_MODEL(ConvTranspose2d)

}  // namespace trimtab
