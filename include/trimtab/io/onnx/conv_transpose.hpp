#pragma once
/// \file
/// ConvTranspose.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <trimtab/io/onnx/conv.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/net/operators/conv_transpose2d.hpp>

namespace trimtab {
namespace detail {

/// I O/groups KH KW to O KH KW I/groups.
inline xt::xtensor<float, 4> transposed_filters_to_nhwc(std::span<const float> w, std::size_t inputs, std::size_t group_outputs,
                                                        std::size_t kh, std::size_t kw, std::size_t groups) {
  const std::size_t group_inputs = inputs / groups, pixels = kh * kw;
  auto result = xt::xtensor<float, 4>::from_shape({group_outputs * groups, kh, kw, group_inputs});
  for (std::size_t i = 0; i < inputs; ++i)
    for (std::size_t o = 0; o < group_outputs; ++o)
      for (std::size_t p = 0; p < pixels; ++p)
        result.data()[((i / group_inputs * group_outputs + o) * pixels + p) * group_inputs + i % group_inputs] =
            w[(i * group_outputs + o) * pixels + p];
  return result;
}

/// What is cut off one axis before and behind, and what it has more.
struct OnnxCut {
  std::size_t before, after, more;
};

/// auto_pad or output_shape: what is too much is cut off on both sides. `upper`: of an odd number the greater part behind.
inline OnnxCut cut_to(std::size_t in, std::size_t stride, std::size_t span, std::size_t more, std::int64_t wanted, bool upper) {
  const auto whole = static_cast<std::int64_t>((in - 1) * stride + span + more);
  const std::int64_t total = whole - wanted;
  if (total < 0) return {0, 0, more + static_cast<std::size_t>(-total)};
  const auto half = static_cast<std::size_t>(total / 2), rest = static_cast<std::size_t>(total) - half;
  return upper ? OnnxCut{half, rest, more} : OnnxCut{rest, half, more};
}

/// O KH KW I/groups to I O/groups KH KW.
template <class T>
std::vector<T> transposed_filters_to_nchw(const T* w, const Extents& e, std::size_t groups) {
  const std::size_t pixels = e[1] * e[2], group_inputs = e[3], group_outputs = e[0] / groups;
  std::vector<T> result(element_count(e));
  for (std::size_t o = 0; o < e[0]; ++o)
    for (std::size_t p = 0; p < pixels; ++p)
      for (std::size_t i = 0; i < group_inputs; ++i)
        result[((o / group_outputs * group_inputs + i) * group_outputs + o % group_outputs) * pixels + p] =
            w[(o * pixels + p) * group_inputs + i];
  return result;
}
inline void describe_conv_transpose(::onnx::NodeProto& node, const ConvTranspose2d& l, const Extents& weight) {
  OnnxConvWindow{weight[1], weight[2], l.window, l.groups}.describe(node);
  if (l.output_padding_h + l.output_padding_w > 0)
    OnnxWriter::attribute(node, "output_padding", Extents{l.output_padding_h, l.output_padding_w});
}

inline void read_conv_transpose(const OnnxNode& n) {
  n.require({"auto_pad", "dilations", "group", "kernel_shape", "output_padding", "output_shape", "pads", "strides"});
  n.require_inputs(2, 3);
  OnnxFilters f = read_filters(n);
  f.x = settled(n.import, f.x);
  const Extents in = n.import.extent(f.x);
  const std::size_t axes = f.rank - 2, inputs = f.extent(0), outputs = f.extent(1) * f.groups;
  if (inputs != in[2] || inputs % f.groups != 0)
    throw shape_error(message(inputs, " input channels in ", f.groups, " groups do not fit ", in[2]));
  const auto more = window_numbers(n, "output_padding", axes, 1, 0, 0);
  const std::vector<std::int64_t> shape = n.integers("output_shape");
  if (!shape.empty() && shape.size() != axes)
    throw unsupported_error(message("output_shape has ", shape.size(), " numbers, expected ", axes));
  const std::string mode = n.text("auto_pad", "NOTSET");
  // Its own padding as for a window; SAME means something else here.
  OnnxWindow window;
  const auto stride = window_numbers(n, "strides", axes, 1, 1, 1), dilation = window_numbers(n, "dilations", axes, 1, 1, 1);
  window = {f.kernel_h, f.kernel_w, {stride[0], stride[1], {}, dilation[0], dilation[1]}};
  const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  std::array<OnnxCut, 2> cut{{{0, 0, more[0]}, {0, 0, more[1]}}};
  if (same || !shape.empty()) {
    const std::array<std::size_t, 2> span{window.span_h(), window.span_w()};
    for (std::size_t k = axes == 2 ? 0 : 1; k < 2; ++k) {
      const std::int64_t wanted = shape.empty() ? static_cast<std::int64_t>(in[k] * stride[k]) : shape[axes == 2 ? k : 0];
      if (wanted < 1 || wanted > (1 << 24)) throw unsupported_error(message("output_shape holds ", wanted));
      cut[k] = cut_to(in[k], stride[k], span[k], more[k], wanted, mode == "SAME_UPPER");
    }
  } else {
    const Padding pads = read_window(n, axes, f.kernel_h, f.kernel_w, {in[0], in[1]}).options.padding;
    cut = {{{pads.top, pads.bottom, more[0]}, {pads.left, pads.right, more[1]}}};
  }
  window.options.padding = {cut[0].before, cut[1].before, cut[0].after, cut[1].after};
  ConvTranspose2d layer{transposed_filters_to_nhwc(f.w.values, inputs, f.extent(1), f.kernel_h, f.kernel_w, f.groups),
                        n.layer_bias(2, outputs),
                        window.options,
                        f.groups,
                        cut[0].more,
                        cut[1].more};
  n.define(OnnxActivation{n.add(std::move(layer), {f.x.node}), picture_axes(f.rank)});
  record_layer(n, 1);
}

}  // namespace detail

/// 2-D, or 1-D as pictures of height 1.
template <>
struct OnnxRules<ConvTranspose2d> {
  static void read(detail::OnnxReaders& readers) { readers.add("ConvTranspose", detail::read_conv_transpose); }
  static void write(detail::OnnxWriter& w, const ConvTranspose2d& l, const detail::OnnxCall& n) {
    const Extents e{l.weight.shape(0), l.weight.shape(1), l.weight.shape(2), l.weight.shape(3)};
    std::vector<std::string> inputs{n.inputs[0], w.tensor(n.name + ".weight", {e[3] * l.groups, e[0] / l.groups, e[1], e[2]},
                                                          detail::transposed_filters_to_nchw(l.weight.data(), e, l.groups))};
    if (l.bias.size() != 0) inputs.push_back(w.row(n.name + ".bias", l.bias));
    detail::describe_conv_transpose(w.add("ConvTranspose", n.name, inputs, n.output), l, e);
  }
  /// No operator of ONNX's transposes a convolution of codes. In float its sums are exact below 2^24.
  static void write_codes(detail::OnnxCodesWriter& w, const ConvTranspose2d& l) {
    const Extents& e = w.node().layer->extent;
    detail::OnnxLayerCodes codes = w.layer_codes();
    codes.codes = detail::transposed_filters_to_nchw(codes.codes.data(), e, l.groups);
    const std::string weight = w.tensor(w.name() + ".weight", {e[3] * l.groups, e[0] / l.groups, e[1], e[2]}, codes.codes);
    const bool qdq = w.form() == OnnxForm::qdq;
    // DequantizeLinear has one row of scales along an axis, and of the weight's axes none counts the outputs of several groups.
    const bool exact = !qdq || (l.groups > 1 && !codes.one_grid());
    if (exact && l.groups > 1 && !codes.one_zero_point())
      throw unsupported_error(detail::message("write_onnx: node ", w.name(), ": a ConvTranspose of ", l.groups,
                                              " groups with several zero points; symmetric weights have none"));
    const std::string y = w.value(exact ? "sum" : "real");
    const std::vector<std::string> inputs =
        exact ? std::vector<std::string>{w.real(0, 1), w.weight_steps(codes, weight, 1), w.bias_steps(codes)}
              : std::vector<std::string>{w.real(), w.real_weight(codes, weight, 1), w.real_bias(codes)};
    detail::describe_conv_transpose(w.add("ConvTranspose", w.name(), inputs, y), l, e);
    if (!exact) return w.quantize(y);
    const std::vector<float>& m = codes.numbers->multiplier;
    const std::string steps = w.value("steps");
    w.add("Mul", steps, {y, w.tensor(w.name() + ".multiplier", {m.size(), 1, 1}, m)}, steps);
    w.quantize(steps, 1);
  }
};

}  // namespace trimtab
