#pragma once
/// \file
/// Attributes of ONNX operators that slide a window: over N C H W, or over N C L as pictures of height 1.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <trimtab/io/onnx/writer.hpp>
#include <trimtab/io/onnx/node.hpp>

namespace trimtab::detail {

/// Two numbers for each of `axes` spatial axes of an attribute, or one: those of H and W. `fallback` where it is absent. Throws
/// unsupported_error for numbers outside [lowest, 2^24].
inline std::vector<std::size_t> window_numbers(const OnnxNode& n, const char* attribute, std::size_t axes, std::size_t each,
                                               std::int64_t lowest, std::size_t fallback) {
  std::vector<std::size_t> result(2 * each, fallback);
  const std::vector<std::int64_t> given = n.integers(attribute);
  if (given.empty()) return result;
  if (given.size() != axes * each)
    throw unsupported_error(message(attribute, " has ", given.size(), " numbers, expected ", axes * each));
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i] < lowest || given[i] > (1 << 24)) throw unsupported_error(message(attribute, " holds ", given[i]));
    result[axes == 2 ? i : 2 * i + 1] = static_cast<std::size_t>(given[i]);
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

/// A window of an operator and the picture that it walks over.
struct OnnxWindow {
  std::size_t kernel_h = 1, kernel_w = 1;
  WindowOptions options;  ///< with the operator's own padding
  bool same = false;      ///< auto_pad SAME: the output has ceil(in / stride) pixels
  std::size_t span_h() const { return options.dilation_h * (kernel_h - 1) + 1; }
  std::size_t span_w() const { return options.dilation_w * (kernel_w - 1) + 1; }
};

/// strides, dilations, pads and auto_pad, over a picture whose height and width, with what an earlier Pad put there, are `in`.
inline OnnxWindow read_window(const OnnxNode& n, std::size_t axes, std::size_t kernel_h, std::size_t kernel_w,
                              const std::array<std::size_t, 2>& in) {
  const auto stride = window_numbers(n, "strides", axes, 1, 1, 1);
  const auto dilation = window_numbers(n, "dilations", axes, 1, 1, 1);
  OnnxWindow w{kernel_h, kernel_w, {stride[0], stride[1], {}, dilation[0], dilation[1]}};
  const std::string mode = n.text("auto_pad", "NOTSET");
  Padding& own = w.options.padding;
  if (mode == "NOTSET") {
    const std::vector<std::int64_t> given = n.integers("pads");
    if (!given.empty()) {
      if (given.size() != 2 * axes) throw unsupported_error(message("pads has ", given.size(), " numbers, expected ", 2 * axes));
      for (const std::int64_t pad : given)
        if (pad < 0 || pad > (1 << 24)) throw unsupported_error(message("pads holds ", pad));
      const auto at = [&](std::size_t i) { return static_cast<std::size_t>(given[i]); };
      own = axes == 2 ? Padding{at(0), at(1), at(2), at(3)} : Padding{0, at(0), 0, at(1)};
    }
  } else if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    const bool upper = mode == "SAME_UPPER";
    const auto [top, bottom] = same_padding(in[0], w.span_h(), stride[0], upper);
    const auto [left, right] = same_padding(in[1], w.span_w(), stride[1], upper);
    own = {top, left, bottom, right};
    w.same = true;
  } else if (mode != "VALID") {
    throw unsupported_error(message("auto_pad '", mode, "' is not supported"));
  }
  return w;
}

/// Height and width of a picture with the padding that waits around it.
inline std::array<std::size_t, 2> padded_size(const OnnxImport& import, const OnnxActivation& x) {
  const Padding& p = x.padding.pixels;
  return {import.extent(x)[0] + p.top + p.bottom, import.extent(x)[1] + p.left + p.right};
}
/// Pixels on both sides of each other.
inline Padding sum_of(const Padding& a, const Padding& b) {
  return {a.top + b.top, a.left + b.left, a.bottom + b.bottom, a.right + b.right};
}

inline void write_window(::onnx::NodeProto& node, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& w) {
  OnnxWriter::attribute(node, "kernel_shape", Extents{kernel_h, kernel_w});
  OnnxWriter::attribute(node, "strides", Extents{w.stride_h, w.stride_w});
  OnnxWriter::attribute(node, "pads", Extents{w.padding.top, w.padding.left, w.padding.bottom, w.padding.right});
}

}  // namespace trimtab::detail
