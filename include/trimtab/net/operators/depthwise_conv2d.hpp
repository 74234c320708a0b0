#pragma once
/// \file
/// Depthwise convolution: one filter a channel.

#include <trimtab/int8/depthwise_conv2d.hpp>
#include <trimtab/net/operators/weighted.hpp>
#include <trimtab/net/operators/windows.hpp>
#include <trimtab/ops/depthwise_conv2d.hpp>

namespace trimtab {

/// One filter a channel: weight KH KW C; bias C, or empty.
struct DepthwiseConv2d {
  xt::xtensor<float, 3> weight;  ///< KH KW C
  xt::xtensor<float, 1> bias;    ///< one per output channel, or none
  WindowOptions window = {};     ///< strides, padding, dilation
};

/// The facet of its weights.
template <>
struct WeightedRules<DepthwiseConv2d> {
  using Packed = int8::PackedDepthwise;
  static constexpr std::size_t output_axis = 2, input_axis = 2;
  static constexpr FixedPointProduct fixed_point_product{FixedPointRounding::twice, false};
  static std::size_t groups(const DepthwiseConv2d&) { return 1; }
  static double reach(const DepthwiseConv2d&) { return 1; }
  static Extents extent(const DepthwiseConv2d& l, const Extents& weight, std::span<const Extents> in, const std::string& node) {
    const Extents out = detail::windowed_extent(in, weight[0], weight[1], weight[2], l.window, 1, node);
    detail::require_length(weight[2], in[0][2], "last axis of the weight", node);
    return out;
  }
  static std::string mixes_channels(const DepthwiseConv2d&) { return {}; }
  static ChannelWeight by_input_channel(DepthwiseConv2d& l, std::size_t) { return {view(l.weight), 2}; }
  static void pack(const DepthwiseConv2d&, const TensorView<const std::int8_t>& codes, std::span<const std::int32_t> zero_point,
                   Packed& packed) {
    int8::repack_depthwise_conv2d(codes, packed, zero_point);
  }
  template <class... Out>
  static void run(const DepthwiseConv2d& l, const Packed& packed, const CodeInput& x, std::span<const std::int32_t> bias,
                  int8::Workspace& workspace, const Out&... out) {
    int8::depthwise_conv2d(x.codes, x.grid.zero_point, packed, bias, l.window, out..., workspace);
  }
  static void forward(const DepthwiseConv2d& l, const TensorView<const float>& x, const TensorView<float>& y,
                      const LayerRun& run) {
    depthwise_conv2d_forward(x, l.weight, l.bias, l.window, y, run.clip);
  }
  static void backward_weight(const DepthwiseConv2d& l, const TensorView<const float>& grad_y, const TensorView<const float>& x,
                              const TensorView<float>& to) {
    depthwise_conv2d_backward_weight(grad_y, x, l.window, to);
  }
  static void backward_input(const DepthwiseConv2d& l, const TensorView<const float>& grad_y,
                             const TensorView<const float>& weight, const TensorView<float>& to, GradientMode mode) {
    depthwise_conv2d_backward_input(grad_y, weight, l.window, to, mode);
  }
  static bool int16_products(const DepthwiseConv2d&) { return false; }
  static WindowGeometry int16_geometry(const DepthwiseConv2d&, const Extents&) {
    throw value_error("DepthwiseConv2d has no 16-bit products");
  }
  static OutputMoments moments(const DepthwiseConv2d& l) { return {l.weight.shape(2), l.weight.shape(0) * l.weight.shape(1), 1}; }
  /// As Conv2d's, channel by channel.
  static void add_products(const DepthwiseConv2d& l, const TensorView<const float>& x, const TensorView<const float>& y,
                           OutputMoments& m) {
    const std::size_t taps = m.inputs, channels = m.groups;
    const Extents extent = view(l.weight).extent;
    const auto by_channel = [&](const std::vector<float>& from, std::vector<double>& to, std::size_t rows, std::size_t row) {
      for (std::size_t t = 0; t < taps; ++t)
        for (std::size_t c = 0; c < channels; ++c) to[(c * rows + row) * taps + t] += double(from[t * channels + c]);
    };
    std::vector<float> sums(taps * channels);
    const TensorView<float> to(sums.data(), extent);
    depthwise_conv2d_backward_weight(y, x, l.window, to);
    by_channel(sums, m.yx, 1, 0);
    std::vector<float> shifted(y.size());
    const TensorView<float> shifted_view(shifted.data(), y.extent);
    for (std::size_t t = 0; t < taps; ++t) {
      // What tap t sees: the convolution with a filter that is 1 there and 0 elsewhere.
      std::vector<float> one(taps * channels, 0.0F);
      std::fill_n(one.begin() + static_cast<std::ptrdiff_t>(t * channels), channels, 1.0F);
      depthwise_conv2d_forward(x, TensorView<const float>(one.data(), extent), std::span<const float>(), l.window, shifted_view);
      std::fill(sums.begin(), sums.end(), 0.0F);
      depthwise_conv2d_backward_weight(shifted_view, x, l.window, to);
      by_channel(sums, m.xx, taps, t);
      detail::add_column_sums(shifted.data(), shifted.size(), channels, m.x.data() + t, taps);
    }
  }
};

/// A convolution whose rounding is that of its sums.
template <>
struct OperatorRules<DepthwiseConv2d> : LayerRules<DepthwiseConv2d> {
  static constexpr const char* name = "DepthwiseConv2d";
  static double macs(const DepthwiseConv2d& l, std::span<const Extents>, const Extents& out) {
    return double(element_count(out)) * double(l.weight.shape(0) * l.weight.shape(1));
  }
  static void visit(DepthwiseConv2d& l, OperatorVisitor& v) {
    visit_layer(l, v);
    detail::visit_window(l.window, v);
  }
  static void forward(const DepthwiseConv2d& l, FloatInputs x, const TensorView<float>& y) {
    depthwise_conv2d_forward(x[0], l.weight, l.bias, l.window, y);
  }
};

TRIMTAB_WEIGHTED_OPERATOR_MODEL(DepthwiseConv2d)

}  // namespace trimtab
