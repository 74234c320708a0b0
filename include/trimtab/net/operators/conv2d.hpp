#pragma once
/// \file
/// Convolution over N H W C, in groups or not.

#include <trimtab/int8/conv2d.hpp>
#include <trimtab/net/operators/weighted.hpp>
#include <trimtab/net/operators/windows.hpp>
#include <trimtab/ops/conv2d.hpp>

namespace trimtab {

/// Weight O KH KW I/groups; bias O, or empty.
struct Conv2d {
  xt::xtensor<float, 4> weight;  ///< O KH KW C/groups
  xt::xtensor<float, 1> bias;    ///< one per output channel, or none
  WindowOptions window = {};     ///< strides, padding, dilation
  std::size_t groups = 1;        ///< of channels
};

/// The facet of its weights.
template <>
struct WeightedRules<Conv2d> {
  using Packed = int8::PackedConv2d;
  static constexpr std::size_t output_axis = 0, input_axis = 3;
  static constexpr FixedPointProduct fixed_point_product{FixedPointRounding::once, false};
  static std::size_t groups(const Conv2d& l) { return l.groups; }
  static double reach(const Conv2d&) { return 1; }
  static Extents extent(const Conv2d& l, const Extents& weight, std::span<const Extents> in, const std::string& node) {
    const Extents out = detail::windowed_extent(in, weight[1], weight[2], weight[0], l.window, l.groups, node);
    detail::require_length(weight[3], in[0][2] / l.groups, "last axis of the weight", node);
    return out;
  }
  static std::string mixes_channels(const Conv2d& l) {
    return l.groups == 1 ? std::string() : detail::message("a convolution in ", l.groups, " groups");
  }
  static ChannelWeight by_input_channel(Conv2d& l, std::size_t) { return {view(l.weight), 3}; }
  static void pack(const Conv2d& l, const TensorView<const std::int8_t>& codes, std::span<const std::int32_t> zero_point,
                   Packed& packed) {
    int8::repack_conv2d(codes, packed, l.groups, zero_point);
  }
  template <class... Out>
  static void run(const Conv2d& l, const Packed& packed, const CodeInput& x, std::span<const std::int32_t> bias,
                  int8::Workspace& workspace, const Out&... out) {
    int8::conv2d(x.codes, x.grid.zero_point, packed, bias, l.window, out..., workspace);
  }
  static void forward(const Conv2d& l, const TensorView<const float>& x, const TensorView<float>& y, const LayerRun& run) {
    conv2d_forward(x, l.weight, l.bias, l.window, l.groups, y, run);
  }
  static void backward_weight(const Conv2d& l, const TensorView<const float>& grad_y, const TensorView<const float>& x,
                              const TensorView<float>& to) {
    conv2d_backward_weight(grad_y, x, l.window, l.groups, to);
  }
  static void backward_input(const Conv2d& l, const TensorView<const float>& grad_y, const TensorView<const float>& weight,
                             const TensorView<float>& to, GradientMode mode) {
    conv2d_backward_input(grad_y, weight, l.window, l.groups, to, mode);
  }
  static bool int16_products(const Conv2d& l) { return l.groups == 1; }
  static WindowGeometry int16_geometry(const Conv2d& l, const Extents& x) {
    return detail::conv2d_geometry(x, view(l.weight).extent, l.window, l.groups, "Conv2d");
  }
  static OutputMoments moments(const Conv2d& l) {
    return {l.groups, l.weight.size() / l.weight.shape(0), l.weight.shape(0) / l.groups};
  }
  /// The layer's own gradient with respect to its weights, asked for with x, or y, in place of grad_y.
  static void add_products(const Conv2d& l, const TensorView<const float>& x, const TensorView<const float>& y,
                           OutputMoments& m) {
    const WindowGeometry g = int16_geometry(l, x.extent);
    const std::size_t kh = g.kernel_h, kw = g.kernel_w, in = g.group_in(), all = m.groups * m.inputs,
                      rows = g.n * g.out_h * g.out_w;
    std::vector<float> unrolled;
    TensorView<const float> windows = x;
    if (!detail::is_pointwise(g)) {
      unrolled.resize(rows * all);
      for (std::size_t group = 0; group < m.groups; ++group)
        for (std::size_t row = 0; row < rows; ++row)
          std::copy_n(detail::unroll(g, group, row, row + 1, x.data).data, m.inputs,
                      unrolled.data() + row * all + group * m.inputs);
      windows = TensorView<const float>(unrolled.data(), {g.n, g.out_h, g.out_w, all});
    }
    std::vector<float> xx(m.xx.size(), 0.0F), yx(m.yx.size(), 0.0F);
    conv2d_backward_weight(windows, x, l.window, l.groups, TensorView<float>(xx.data(), {all, kh, kw, in}));
    conv2d_backward_weight(y, x, l.window, l.groups, TensorView<float>(yx.data(), {g.out_c, kh, kw, in}));
    detail::add_sums(xx, m.xx);
    detail::add_sums(yx, m.yx);
    detail::add_column_sums(windows.data, windows.size(), all, m.x.data());
  }
};

/// A convolution whose rounding is that of its sums.
template <>
struct OperatorRules<Conv2d> : LayerRules<Conv2d> {
  static constexpr const char* name = "Conv2d";
  static double macs(const Conv2d& l, std::span<const Extents>, const Extents& out) {
    return double(element_count(out)) * double(l.weight.size()) / double(l.weight.shape(0));
  }
  static void visit(Conv2d& l, OperatorVisitor& v) {
    visit_layer(l, v);
    detail::visit_window(l.window, v);
    v.number("groups", double(l.groups));
  }
  static void forward(const Conv2d& l, FloatInputs x, const TensorView<float>& y) {
    conv2d_forward(x[0], l.weight, l.bias, l.window, l.groups, y);
  }
};

TRIMTAB_WEIGHTED_OPERATOR_MODEL(Conv2d)

}  // namespace trimtab
