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
inline xt::xtensor<float, 4> filters_to_nhwc(std::span<const float> w, std::size_t o, std::size_t i, std::size_t kh, std::size_t kw) {
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
  Operator op = f.groups > 1 && f.groups == channels && outputs == channels
                    ? Operator(DepthwiseConv2d{depthwise_to_nhwc(f.w.values, channels, f.kernel_h, f.kernel_w), bias, window.options})
                    : Operator(Conv2d{filters_to_nhwc(f.w.values, outputs, f.extent(1), f.kernel_h, f.kernel_w), bias, window.options, f.groups});
  n.define(OnnxActivation{n.add(std::move(op), {x.node}), picture_axes(f.rank)});
  record_layer(n, 0);
}

}  // namespace detail

/// 2-D, or 1-D as pictures of height 1.
template <>
struct OnnxRules<Conv2d> {
  static void read(detail::OnnxReaders& readers) { readers.add("Conv", detail::read_conv); }
};

}  // namespace trimtab
