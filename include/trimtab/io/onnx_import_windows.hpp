#pragma once
/// \file
/// ONNX operators that slide a window over the picture, and the Pad before them.

#include <algorithm>
#include <array>
#include <cstdint>
#include <trimtab/io/onnx_import_layer_codes.hpp>
#include <trimtab/io/onnx_import_state.hpp>

namespace trimtab::detail {

/// An attribute of `count` integers in [lowest, 2^24]; `fallback` when absent.
template <std::size_t count>
std::array<std::size_t, count> extents_attribute(const ::onnx::NodeProto& node, const char* name, std::int64_t lowest,
                                                 std::int64_t fallback) {
  std::array<std::size_t, count> result;
  result.fill(static_cast<std::size_t>(fallback));
  const std::vector<std::int64_t> given = integers_attribute(node, name);
  if (given.empty()) return result;
  if (given.size() != count)
    throw unsupported_error(message(describe(node), ": ", name, " has ", given.size(), " numbers, expected ", count));
  for (std::size_t i = 0; i < count; ++i) {
    if (given[i] < lowest || given[i] > (1 << 24))
      throw unsupported_error(message(describe(node), ": ", name, " holds ", given[i]));
    result[i] = static_cast<std::size_t>(given[i]);
  }
  return result;
}

/// Padding of SAME_UPPER or SAME_LOWER along one axis, before and after: with out = ceil(in / stride), in all
/// max((out - 1) * stride + span - in, 0), the odd one after (upper) or before (lower).
inline std::array<std::size_t, 2> same_padding(std::size_t in, std::size_t span, std::size_t stride, bool upper) {
  const std::size_t covered = ((in + stride - 1) / stride - 1) * stride + span;
  const std::size_t total = covered > in ? covered - in : 0;
  return upper ? std::array{total / 2, total - total / 2} : std::array{total - total / 2, total / 2};
}

/// strides, dilations, pads and auto_pad of a window of kernel_h x kernel_w over x. `own` receives the operator's own
/// padding, without what an earlier Pad adds to it in the result.
inline WindowOptions import_window(const OnnxImport& import, const ::onnx::NodeProto& node, const OnnxActivation& x,
                                   std::size_t kernel_h, std::size_t kernel_w, Padding& own) {
  const Extents& in = import.extent(x);
  const auto stride = extents_attribute<2>(node, "strides", 1, 1);
  const auto dilation = extents_attribute<2>(node, "dilations", 1, 1);
  const std::array padded{in[0] + x.padding.top + x.padding.bottom, in[1] + x.padding.left + x.padding.right};
  const std::string mode = text_attribute(node, "auto_pad", "NOTSET");
  if (mode == "NOTSET") {
    const auto pads = extents_attribute<4>(node, "pads", 0, 0);
    own = {pads[0], pads[1], pads[2], pads[3]};
  } else if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    const bool upper = mode == "SAME_UPPER";
    const auto [top, bottom] = same_padding(padded[0], dilation[0] * (kernel_h - 1) + 1, stride[0], upper);
    const auto [left, right] = same_padding(padded[1], dilation[1] * (kernel_w - 1) + 1, stride[1], upper);
    own = {top, left, bottom, right};
  } else if (mode == "VALID") {
    own = {};
  } else {
    throw unsupported_error(message(describe(node), ": auto_pad '", mode, "' is not supported"));
  }
  const Padding both{own.top + x.padding.top, own.left + x.padding.left, own.bottom + x.padding.bottom,
                     own.right + x.padding.right};
  return {stride[0], stride[1], both, dilation[0], dilation[1]};
}

/// O I KH KW to O KH KW I.
inline xt::xtensor<float, 4> filters_to_nhwc(const OnnxFloats& w) {
  const std::size_t o = w.extent[0], i = w.extent[1], pixels = w.extent[2] * w.extent[3];
  auto result = xt::xtensor<float, 4>::from_shape({o, w.extent[2], w.extent[3], i});
  for (std::size_t f = 0; f < o; ++f)
    for (std::size_t c = 0; c < i; ++c)
      for (std::size_t p = 0; p < pixels; ++p) result.data()[(f * pixels + p) * i + c] = w.values[(f * i + c) * pixels + p];
  return result;
}
/// C 1 KH KW to KH KW C.
inline xt::xtensor<float, 3> depthwise_to_nhwc(const OnnxFloats& w) {
  const std::size_t channels = w.extent[0], pixels = w.extent[2] * w.extent[3];
  auto result = xt::xtensor<float, 3>::from_shape({w.extent[2], w.extent[3], channels});
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t p = 0; p < pixels; ++p) result.data()[p * channels + c] = w.values[c * pixels + p];
  return result;
}

/// One filter a channel becomes DepthwiseConv2d; everything else, a depth multiplier above 1 too, stays Conv2d with groups.
inline void import_conv(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"});
  OnnxImport::require_input_count(node, 2, 3);
  const OnnxActivation x = import.padded_picture(node, 0);
  const OnnxFloats w = import.layer_weights(node, 1, 4);
  const auto kernel = extents_attribute<2>(node, "kernel_shape", 1, 0);
  if (kernel[0] != 0 && (kernel[0] != w.extent[2] || kernel[1] != w.extent[3]))
    throw shape_error(message(describe(node), ": kernel_shape differs from the weight's"));
  const std::int64_t group = integer_attribute(node, "group", 1);
  const std::size_t channels = import.extent(x)[2];
  if (group < 1 || static_cast<std::uint64_t>(group) > channels || w.extent[1] != channels / static_cast<std::size_t>(group))
    throw shape_error(message(describe(node), ": ", w.extent[1], " input channels in ", group, " groups do not fit ", channels));
  const auto groups = static_cast<std::size_t>(group);
  Padding own;
  const WindowOptions window = import_window(import, node, x, w.extent[2], w.extent[3], own);
  const xt::xtensor<float, 1> bias = import.layer_bias(node, 2, w.extent[0]);
  const OnnxActivation unpadded{x.node, x.axes, {}, false, {}};
  if (groups > 1 && groups == channels && w.extent[0] == channels)
    import.define(node, unpadded, DepthwiseConv2d{depthwise_to_nhwc(w), bias, window});
  else
    import.define(node, unpadded, Conv2d{filters_to_nhwc(w), bias, window, groups});
  record_layer(import, node);
}

/// kernel_shape, and a window none of whose own padding reaches the kernel's span. Throws unsupported_error when ceil_mode
/// would add windows.
inline WindowOptions import_pool_window(const OnnxImport& import, const ::onnx::NodeProto& node, const OnnxActivation& x,
                                        std::array<std::size_t, 2>& kernel, Padding& own) {
  kernel = extents_attribute<2>(node, "kernel_shape", 1, 0);
  if (kernel[0] == 0) throw parse_error(message(describe(node), " has no kernel_shape"));
  const WindowOptions window = import_window(import, node, x, kernel[0], kernel[1], own);
  const std::size_t span_h = window.dilation_h * (kernel[0] - 1) + 1, span_w = window.dilation_w * (kernel[1] - 1) + 1;
  if (std::max(own.top, own.bottom) >= span_h || std::max(own.left, own.right) >= span_w)
    throw unsupported_error(message(describe(node), ": padding as wide as the kernel"));
  if (integer_attribute(node, "ceil_mode", 0) != 0 && text_attribute(node, "auto_pad", "NOTSET").substr(0, 4) != "SAME") {
    const Extents& in = import.extent(x);
    const std::size_t h = in[0] + window.padding.top + window.padding.bottom,
                      w = in[1] + window.padding.left + window.padding.right;
    if (h < span_h || w < span_w || (h - span_h) % window.stride_h != 0 || (w - span_w) % window.stride_w != 0)
      throw unsupported_error(message(describe(node), ": ceil_mode with strides that do not fit is not supported"));
  }
  return window;
}

inline void import_average_pool(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads", "strides"});
  OnnxImport::require_input_count(node, 1, 1);
  const OnnxActivation x = import.padded_picture(node, 0);
  std::array<std::size_t, 2> kernel{};
  Padding own;
  const WindowOptions window = import_pool_window(import, node, x, kernel, own);
  bool count_include_pad = integer_attribute(node, "count_include_pad", 0) != 0;
  if (x.padding != Padding{}) {  // Pad's zeros are pixels like others: they always count
    if (own != Padding{} && !count_include_pad)
      throw unsupported_error(message(describe(node), " counts the zeros of a Pad but not its own"));
    count_include_pad = true;
  }
  import.define(node, {x.node, x.axes, {}, false, {}}, AveragePool{kernel[0], kernel[1], window, count_include_pad});
}

inline void import_max_pool(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"});
  OnnxImport::require_input_count(node, 1, 1);
  const OnnxActivation x = import.padded_picture(node, 0);
  std::array<std::size_t, 2> kernel{};
  Padding own;
  const WindowOptions window = import_pool_window(import, node, x, kernel, own);
  // The pool's own padding never wins; Pad's zeros may, unless nothing in the picture is below them.
  if (x.padding != Padding{}) {
    const auto* clip = import.network[x.node].op.get_if<Clip>();
    const Padding& p = window.padding;
    if (clip == nullptr || !(clip->lo >= 0) || std::max(p.top, p.bottom) >= kernel[0] || std::max(p.left, p.right) >= kernel[1])
      throw unsupported_error(message(describe(node), " after Pad is supported behind a Relu only"));
  }
  import.define(node, {x.node, x.axes, {}, false, {}}, MaxPool{kernel[0], kernel[1], window});
}

inline void import_global_average_pool(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {});
  OnnxImport::require_input_count(node, 1, 1);
  const OnnxActivation x = import.activation(node, 0);
  if (x.axes != OnnxAxes::nchw) throw shape_error(message(describe(node), ": expected an input of N C H W"));
  import.define(node, x, GlobalAveragePool{});
}

/// Zeros around the picture, kept with the value until a window operator takes them over.
inline void import_pad(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"mode", "pads", "value"});
  OnnxImport::require_input_count(node, 1, import.opset < 11 ? 1 : 4);
  OnnxActivation x = import.any_activation(node, 0);
  if (is_flat(x.axes)) throw unsupported_error(message(describe(node), " of a flattened value is not supported"));
  if (const std::string mode = text_attribute(node, "mode", "constant"); mode != "constant")
    throw unsupported_error(message(describe(node), ": mode '", mode, "' is not supported"));
  if (OnnxImport::has_input(node, 3)) throw unsupported_error(message(describe(node), ": input axes is not supported"));
  std::vector<std::int64_t> pads = integers_attribute(node, "pads");
  float fill = float_attribute(node, "value", 0.0F);
  if (import.opset >= 11) {
    pads = import.require_integers(node, 1).values;
    if (OnnxImport::has_input(node, 2)) {
      const OnnxFloats value = import.floats(node, 2);
      if (value.values.size() != 1) throw parse_error(message(describe(node), ": the pad value is not one number"));
      fill = value.values[0];
    }
  }
  if (pads.size() != 8) throw shape_error(message(describe(node), ": pads has ", pads.size(), " numbers, expected 8"));
  for (const std::int64_t pad : pads)
    if (pad < 0 || pad > (1 << 24)) throw unsupported_error(message(describe(node), ": pads holds ", pad));
  if (fill != 0) throw unsupported_error(message(describe(node), ": pad value ", fill, " is not supported, only 0"));
  const std::size_t channel = x.axes == OnnxAxes::nchw ? 1 : 3, height = x.axes == OnnxAxes::nchw ? 2 : 1, width = height + 1;
  if (pads[0] != 0 || pads[4] != 0 || pads[channel] != 0 || pads[channel + 4] != 0)
    throw unsupported_error(message(describe(node), " of the batch or the channels is not supported"));
  const auto more = [&](std::size_t& side, std::size_t i) {
    side += static_cast<std::size_t>(pads[i]);
    if (side > (1U << 24)) throw unsupported_error(message(describe(node), ": padding of ", side));
  };
  more(x.padding.top, height);
  more(x.padding.left, width);
  more(x.padding.bottom, height + 4);
  more(x.padding.right, width + 4);
  import.define(node, x);
}

}  // namespace trimtab::detail
