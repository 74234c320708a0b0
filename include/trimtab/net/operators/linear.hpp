#pragma once
/// \file
/// A matrix product with constant weights, over the last axis.

#include <trimtab/int8/conv2d.hpp>
#include <trimtab/net/operators/weighted.hpp>
#include <trimtab/net/operators/windows.hpp>
#include <trimtab/ops/conv2d_int16.hpp>
#include <trimtab/ops/linear.hpp>

namespace trimtab {

/// Weight O I; bias O, or empty. Input N ... I, output N ... O: each row by itself.
struct Linear {
  xt::xtensor<float, 2> weight;  ///< O I
  xt::xtensor<float, 1> bias;    ///< one per output channel, or none
};

namespace detail {

/// A tensor of rank 2 or more as rows of its last axis.
template <class T>
TensorView<T> as_rows(const TensorView<T>& x) {
  return {x.data, {x.size() / std::max<std::size_t>(1, x.extent.back()), x.extent.back()}};
}

}  // namespace detail

/// The facet of its weights.
template <>
struct WeightedRules<Linear> {
  using Packed = int8::PackedConv2d;
  static constexpr std::size_t output_axis = 0, input_axis = 1;
  static constexpr FixedPointProduct fixed_point_product{FixedPointRounding::once, true};
  static std::size_t groups(const Linear&) { return 1; }
  static double reach(const Linear&) { return 1; }
  static Extents extent(const Linear&, const Extents& weight, std::span<const Extents> in, const std::string& node) {
    if (in[0].size() == 0 || in[0].back() != weight[1])
      detail::refuse_extents(node, "expected an input of ", weight[1], " numbers, got ", in[0]);
    Extents out = in[0];
    out[out.size() - 1] = weight[0];
    return out;
  }
  static std::string mixes_channels(const Linear&) { return {}; }
  /// Flatten leaves H W C in this order: O (H W C) is O (H W) C.
  static ChannelWeight by_input_channel(Linear& l, std::size_t channels) {
    return {{l.weight.data(), {l.weight.shape(0), l.weight.shape(1) / channels, channels}}, 2};
  }
  static void pack(const Linear&, const TensorView<const std::int8_t>& codes, std::span<const std::int32_t> zero_point,
                   Packed& packed) {
    int8::repack_linear(codes, packed, zero_point);
  }
  template <class... Out>
  static void run(const Linear&, const Packed& packed, const CodeInput& x, std::span<const std::int32_t> bias,
                  int8::Workspace& workspace, const Out&... out) {
    run_rows(packed, x, bias, workspace, out...);
  }
  static void forward(const Linear& l, const TensorView<const float>& x, const TensorView<float>& y, const LayerRun& run) {
    linear_forward(detail::as_rows(x), l.weight, l.bias, detail::as_rows(y), run);
  }
  static void backward_weight(const Linear&, const TensorView<const float>& grad_y, const TensorView<const float>& x,
                              const TensorView<float>& to) {
    linear_backward_weight(detail::as_rows(grad_y), detail::as_rows(x), to);
  }
  static void backward_input(const Linear&, const TensorView<const float>& grad_y, const TensorView<const float>& weight,
                             const TensorView<float>& to, GradientMode mode) {
    linear_backward_input(detail::as_rows(grad_y), weight, detail::as_rows(to), mode);
  }
  static bool int16_products(const Linear&) { return true; }
  static WindowGeometry int16_geometry(const Linear& l, const Extents& x) {
    return linear_geometry(element_count(x) / x.back(), l.weight.shape(1), l.weight.shape(0));
  }
  static OutputMoments moments(const Linear& l) { return {1, l.weight.shape(1), l.weight.shape(0)}; }
  /// As Conv2d's.
  static void add_products(const Linear&, const TensorView<const float>& x, const TensorView<const float>& y, OutputMoments& m) {
    const auto xr = detail::as_rows(x), yr = detail::as_rows(y);
    std::vector<float> xx(m.xx.size(), 0.0F), yx(m.yx.size(), 0.0F);
    linear_backward_weight(xr, xr, TensorView<float>(xx.data(), {m.inputs, m.inputs}));
    linear_backward_weight(yr, xr, TensorView<float>(yx.data(), {m.outputs, m.inputs}));
    detail::add_sums(xx, m.xx);
    detail::add_sums(yx, m.yx);
    detail::add_column_sums(x.data, x.size(), m.inputs, m.x.data());
  }

 private:
  static void run_rows(const Packed& packed, const CodeInput& x, std::span<const std::int32_t> bias, int8::Workspace& workspace,
                       const auto& first, const auto&... more) {
    if constexpr (sizeof...(more) == 0)
      int8::linear(detail::as_rows(x.codes), x.grid.zero_point, packed, bias, detail::as_rows(first), workspace);
    else
      int8::linear(detail::as_rows(x.codes), x.grid.zero_point, packed, bias, first, detail::as_rows(more...), workspace);
  }
};

/// A layer whose rounding is that of its sums.
template <>
struct OperatorRules<Linear> : LayerRules<Linear> {
  static constexpr const char* name = "Linear";
  static double macs(const Linear& l, std::span<const Extents>, const Extents& out) {
    return double(l.weight.size()) * double(element_count(out)) / double(l.weight.shape(0));
  }
  static void visit(Linear& l, OperatorVisitor& v) { visit_layer(l, v); }
  static void forward(const Linear& l, FloatInputs x, const TensorView<float>& y) {
    linear_forward(detail::as_rows(x[0]), l.weight, l.bias, detail::as_rows(y));
  }
};

TRIMTAB_WEIGHTED_OPERATOR_MODEL(Linear)

}  // namespace trimtab
