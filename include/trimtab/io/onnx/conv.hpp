#pragma once
/// \file
/// Conv: one filter a channel is a DepthwiseConv2d, everything else a Conv2d.

#include <algorithm>
#include <cstdint>
#include <trimtab/io/onnx/layer_codes.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/io/onnx/windows.hpp>
#include <trimtab/net/operators/conv2d.hpp>
#include <trimtab/net/operators/depthwise_conv2d.hpp>

namespace trimtab {
namespace detail {

/// O I KH KW to O KH KW I.
inline xt::xtensor<float, 4> filters_to_nhwc(std::span<const float> w, std::size_t o, std::size_t i, std::size_t kh,
                                             std::size_t kw) {
  auto result = xt::xtensor<float, 4>::from_shape({o, kh, kw, i});
  const std::size_t pixels = kh * kw;
  for (std::size_t f = 0; f < o; ++f)
    for (std::size_t c = 0; c < i; ++c)
      for (std::size_t p = 0; p < pixels; ++p) result.data()[(f * pixels + p) * i + c] = w[(f * i + c) * pixels + p];
  return result;
}
/// C 1 KH KW to KH KW C.
inline xt::xtensor<float, 3> depthwise_to_nhwc(std::span<const float> w, std::size_t channels, std::size_t kh, std::size_t kw) {
  auto result = xt::xtensor<float, 3>::from_shape({kh, kw, channels});
  const std::size_t pixels = kh * kw;
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t p = 0; p < pixels; ++p) result.data()[p * channels + c] = w[c * pixels + p];
  return result;
}

/// What Conv and ConvTranspose have in common: the picture, the weight, and the kernel's extents in it.
struct OnnxFilters {
  OnnxActivation x;
  std::size_t rank;  ///< of the file's tensors: 4, or 3 with kernels of height 1
  OnnxFloats w;
  std::size_t kernel_h, kernel_w, groups;

  std::size_t extent(std::size_t axis) const { return static_cast<std::size_t>(w.dims[axis]); }
};
inline OnnxFilters read_filters(const OnnxNode& n) {
  const std::size_t rank = n.padded(0).rank();
  if (!is_real(n.padded(0).type) && !n.is_codes(1)) throw unsupported_error("reads integers");
  OnnxActivation x = picture(n.import, n.padded(0));
  OnnxFilters f{std::move(x), rank, n.layer_weights(1, rank), 1, 1, 1};
  f.kernel_w = f.extent(rank - 1);
  if (rank == 4) f.kernel_h = f.extent(2);
  const auto kernel = window_numbers(n, "kernel_shape", rank - 2, 1, 1, 0);
  if (kernel[1] != 0 && ((rank == 4 && kernel[0] != f.kernel_h) || kernel[1] != f.kernel_w))
    throw shape_error("kernel_shape differs from the weight's");
  const std::int64_t group = n.integer("group", 1);
  if (group < 1 || static_cast<std::uint64_t>(group) > n.import.extent(f.x)[2])
    throw shape_error(message(group, " groups of ", n.import.extent(f.x)[2], " channels"));
  f.groups = static_cast<std::size_t>(group);
  return f;
}

/// O KH KW I to O I KH KW.
template <class T>
std::vector<T> filters_to_nchw(const T* w, std::size_t o, std::size_t pixels, std::size_t i) {
  std::vector<T> result(o * pixels * i);
  for (std::size_t f = 0; f < o; ++f)
    for (std::size_t p = 0; p < pixels; ++p)
      for (std::size_t c = 0; c < i; ++c) result[(f * i + c) * pixels + p] = w[(f * pixels + p) * i + c];
  return result;
}
/// What Conv, QLinearConv and ConvInteger say of their window.
struct OnnxConvWindow {
  std::size_t kernel_h, kernel_w;
  WindowOptions window;
  std::size_t groups;

  void describe(::onnx::NodeProto& node) const {
    write_window(node, kernel_h, kernel_w, window);
    OnnxWriter::attribute(node, "dilations", Extents{window.dilation_h, window.dilation_w});
    OnnxWriter::attribute(node, "group", static_cast<std::int64_t>(groups));
  }
};
inline void write_float_conv(OnnxWriter& w, const OnnxCall& n, const Extents& weight, const std::vector<float>& filters,
                             const xt::xtensor<float, 1>& bias, const OnnxConvWindow& window) {
  std::vector<std::string> inputs{n.inputs[0], w.tensor(n.name + ".weight", weight, filters)};
  if (bias.size() != 0) inputs.push_back(w.row(n.name + ".bias", bias));
  window.describe(w.add("Conv", n.name, inputs, n.output));
}

/// A convolution of codes. `weight`: O I/groups KH KW.
inline void write_conv_codes(OnnxCodesWriter& w, const Extents& weight, const OnnxLayerCodes& l, const OnnxConvWindow& window) {
  const std::string codes = w.tensor(w.name() + ".weight", weight, l.codes);
  const std::size_t outputs = weight[0];
  const auto conv = [&](const char* op, const std::string& name, const std::vector<std::string>& inputs,
                        const std::string& output) { window.describe(w.add(op, name, inputs, output)); };
  if (w.form() == OnnxForm::qdq) {
    const std::string y = w.value("real");
    conv("Conv", w.name(), {w.real(), w.real_weight(l, codes, 0), w.real_bias(l)}, y);
    return w.quantize(y);
  }
  if (l.one_zero_point()) {
    const std::vector<std::string> inputs{w.codes(),
                                          w.scale(w.in().scale),
                                          w.zero_point(w.in().zero_point),
                                          codes,
                                          w.numbers(".weight_scale", l.numbers->scale),
                                          w.numbers(".weight_zero_point", l.zero_point()),
                                          w.scale(w.node().grid.scale),
                                          w.zero_point(w.node().grid.zero_point),
                                          w.tensor(w.name() + ".bias", {outputs}, l.bias)};
    w.give(w.unique(w.name()));
    return conv("QLinearConv", w.name(), inputs, w.given());
  }
  // ONNX Runtime takes one zero point a layer only, so with several:
  // sum (x - z_x) (w - z_w[o]) = sum (x - z_x) (w - 128) - (z_w[o] - 128) sum (x - z_x).
  const std::string sum = w.value("sum"), inputs_sum = w.value("inputs_sum"), product = w.value("zero_point_sum"),
                    difference = w.value("difference");
  conv("ConvInteger", w.name(), {w.codes(), codes, w.zero_point(w.in().zero_point), w.zero_point(128)}, sum);
  Extents one = weight;
  if (window.groups == 1) one[0] = 1;
  const std::string ones = w.tensor(w.name() + ".ones", one, std::vector<std::uint8_t>(element_count(one), 1));
  conv("ConvInteger", inputs_sum, {w.codes(), ones, w.zero_point(w.in().zero_point), w.zero_point(0)}, inputs_sum);
  const auto channels = [&](const char* what, const auto& values) {
    return w.tensor(w.name() + what, {values.size(), 1, 1}, values);
  };
  w.add("Mul", product, {inputs_sum, channels(".weight_zero_point", l.numbers->zero_point)}, product);
  w.add("Sub", difference, {sum, product}, difference);
  w.requantize(difference, channels(".bias", l.bias), channels(".multiplier", l.numbers->multiplier));
}

inline void read_conv(const OnnxNode& n) {
  n.require({"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"});
  n.require_inputs(2, 3);
  const OnnxFilters f = read_filters(n);
  const std::size_t channels = n.import.extent(f.x)[2], outputs = f.extent(0);
  if (channels % f.groups != 0 || f.extent(1) != channels / f.groups || outputs % f.groups != 0)
    throw shape_error(message(f.extent(1), " input channels in ", f.groups, " groups do not fit ", channels));
  OnnxActivation x = f.x;
  if (x.padded() && x.padding.value != 0) x = settled(n.import, x);
  OnnxWindow window = read_window(n, f.rank - 2, f.kernel_h, f.kernel_w, padded_size(n.import, x));
  window.options.padding = sum_of(window.options.padding, x.padding.pixels);
  const xt::xtensor<float, 1> bias = n.layer_bias(2, outputs);
  Operator op =
      f.groups > 1 && f.groups == channels && outputs == channels
          ? Operator(DepthwiseConv2d{depthwise_to_nhwc(f.w.values, channels, f.kernel_h, f.kernel_w), bias, window.options})
          : Operator(Conv2d{filters_to_nhwc(f.w.values, outputs, f.extent(1), f.kernel_h, f.kernel_w), bias, window.options,
                            f.groups});
  n.define(OnnxActivation{n.add(std::move(op), {x.node}), picture_axes(f.rank)});
  record_layer(n, 0);
}

}  // namespace detail

/// 2-D, or 1-D as pictures of height 1.
template <>
struct OnnxRules<Conv2d> {
  static void read(detail::OnnxReaders& readers) { readers.add("Conv", detail::read_conv); }
  static void write(detail::OnnxWriter& w, const Conv2d& l, const detail::OnnxCall& n) {
    const std::size_t o = l.weight.shape(0), kh = l.weight.shape(1), kw = l.weight.shape(2), i = l.weight.shape(3);
    detail::write_float_conv(w, n, {o, i, kh, kw}, detail::filters_to_nchw(l.weight.data(), o, kh * kw, i), l.bias,
                             {kh, kw, l.window, l.groups});
  }
  static void write_codes(detail::OnnxCodesWriter& w, const Conv2d& l) {
    const Extents& e = w.node().layer->extent;
    detail::OnnxLayerCodes codes = w.layer_codes();
    codes.codes = detail::filters_to_nchw(codes.codes.data(), e[0], e[1] * e[2], e[3]);
    detail::write_conv_codes(w, {e[0], e[3], e[1], e[2]}, codes, {e[1], e[2], l.window, l.groups});
  }
};

template <>
struct OnnxRules<DepthwiseConv2d> {
  static void write(detail::OnnxWriter& w, const DepthwiseConv2d& l, const detail::OnnxCall& n) {
    const std::size_t kh = l.weight.shape(0), kw = l.weight.shape(1), channels = l.weight.shape(2);
    detail::write_float_conv(w, n, {channels, 1, kh, kw}, detail::filters_to_nchw(l.weight.data(), 1, kh * kw, channels), l.bias,
                             {kh, kw, l.window, channels});
  }
  static void write_codes(detail::OnnxCodesWriter& w, const DepthwiseConv2d& l) {
    const Extents& e = w.node().layer->extent;
    detail::OnnxLayerCodes codes = w.layer_codes();
    codes.codes = detail::filters_to_nchw(codes.codes.data(), 1, e[0] * e[1], e[2]);
    detail::write_conv_codes(w, {e[2], 1, e[0], e[1]}, codes, {e[0], e[1], l.window, e[2]});
  }
};

}  // namespace trimtab
