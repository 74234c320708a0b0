#pragma once
/// \file
/// Integer convolution and linear layers over 8-bit codes, exact on every instruction set.

#include <trimtab/core/aliasing.hpp>
#include <trimtab/int8/conv2d_run.hpp>

namespace trimtab::int8 {
namespace detail {

template <Tensor X, Tensor Y>
void conv2d(const X& x, std::int32_t x_zero_point, const PackedConv2d& w, std::span<const std::int32_t> bias,
            const WindowOptions& window, Y& y, const Requantize* requantize, std::span<const float> scale, Workspace& workspace) {
  const char* what = "conv2d";
  const auto xv = ::trimtab::detail::dense_view(x, 4, what);
  const auto yv = ::trimtab::detail::dense_view(y, 4, what);
  const WindowGeometry g = window_geometry(xv.extent, w.kernel_h(), w.kernel_w(), w.out_channels(), window, w.groups(), what);
  check_layer(g.group_in(), w.group_in(), bias.size(), g.out_c, what);
  ::trimtab::detail::require_extents(yv.extent, g.output(), what);
  ::trimtab::detail::require_apart(what, yv, xv);
  Conv2dRun(codes(xv.data, x_zero_point, what), w, g, layer_output(yv.data, g.out_c, requantize, scale, what))
      .run(bias, workspace);
}

template <Tensor X, Tensor Y>
void linear(const X& x, std::int32_t x_zero_point, const PackedConv2d& w, std::span<const std::int32_t> bias, Y& y,
            const Requantize* requantize, std::span<const float> scale, Workspace& workspace) {
  const char* what = "linear";
  const auto xv = ::trimtab::detail::dense_view(x, 2, what);
  const auto yv = ::trimtab::detail::dense_view(y, 2, what);
  const WindowGeometry g =
      window_geometry({xv.extent[0], 1, 1, xv.extent[1]}, w.kernel_h(), w.kernel_w(), w.out_channels(), {}, 1, what);
  check_layer(g.c, w.group_in(), bias.size(), g.out_c, what);
  ::trimtab::detail::require_extents(yv.extent, {g.n, g.out_c}, what);
  ::trimtab::detail::require_apart(what, yv, xv);
  Conv2dRun(codes(xv.data, x_zero_point, what), w, g, layer_output(yv.data, g.out_c, requantize, scale, what))
      .run(bias, workspace);
}

}  // namespace detail

/// Convolution of codes x, N H W C of uint8 or int8, into raw int32 accumulators y, N OH OW O:
///   acc[n,oh,ow,o] = bias[o] + sum over kh, kw, i of (x[n,ih,iw,i] - x_zero_point) * (w[o,kh,kw,i] - w_zero_point[o])
/// Padding pixels hold x_zero_point. `bias` has O numbers or none; one beyond w.bias_limit(o) counts as that limit, so no sum
/// leaves int32. Signed activations cost no more than unsigned ones.
/// Results are equal on every ISA and number of threads. Allocates only while `workspace` grows, and where an instruction
/// set first meets these weights and wants a form of its own.
/// Throws shape_error when extents do not fit, value_error when x_zero_point is no code of x's type.
template <Tensor X, Tensor Y>
void conv2d(const X& x, std::int32_t x_zero_point, const PackedConv2d& w, std::span<const std::int32_t> bias,
            const WindowOptions& window, Y&& y, Workspace& workspace) {
  static_assert(std::is_same_v<value_t<Y>, std::int32_t>, "trimtab: raw accumulators are int32; pass a Requantize for codes");
  detail::conv2d(x, x_zero_point, w, bias, window, y, nullptr, {}, workspace);
}
/// The same with y = float(acc) * scale[o], one rounding; `scale` is 1 number, s_x * s_w, or one per output channel.
template <Tensor X, Tensor Y>
void conv2d(const X& x, std::int32_t x_zero_point, const PackedConv2d& w, std::span<const std::int32_t> bias,
            const WindowOptions& window, std::span<const float> scale, Y&& y, Workspace& workspace) {
  static_assert(std::is_same_v<value_t<Y>, float>, "trimtab: scaled accumulators are float");
  detail::conv2d(x, x_zero_point, w, bias, window, y, nullptr, scale, workspace);
}
/// The same with y = requantize(acc, o): codes of uint8 or int8.
template <Tensor X, Tensor Y>
void conv2d(const X& x, std::int32_t x_zero_point, const PackedConv2d& w, std::span<const std::int32_t> bias,
            const WindowOptions& window, const Requantize& requantize, Y&& y, Workspace& workspace) {
  static_assert(sizeof(value_t<Y>) == 1, "trimtab: requantized codes are uint8 or int8");
  detail::conv2d(x, x_zero_point, w, bias, window, y, &requantize, {}, workspace);
}

/// y[n,o] = bias[o] + sum over i of (x[n,i] - x_zero_point) * (w[o,i] - w_zero_point[o]), weights packed by pack_linear; see
/// conv2d.
template <Tensor X, Tensor Y>
void linear(const X& x, std::int32_t x_zero_point, const PackedConv2d& w, std::span<const std::int32_t> bias, Y&& y,
            Workspace& workspace) {
  static_assert(std::is_same_v<value_t<Y>, std::int32_t>, "trimtab: raw accumulators are int32; pass a Requantize for codes");
  detail::linear(x, x_zero_point, w, bias, y, nullptr, {}, workspace);
}
/// The same with y = float(acc) * scale[o]; see conv2d.
template <Tensor X, Tensor Y>
void linear(const X& x, std::int32_t x_zero_point, const PackedConv2d& w, std::span<const std::int32_t> bias,
            std::span<const float> scale, Y&& y, Workspace& workspace) {
  static_assert(std::is_same_v<value_t<Y>, float>, "trimtab: scaled accumulators are float");
  detail::linear(x, x_zero_point, w, bias, y, nullptr, scale, workspace);
}
/// The same with y = requantize(acc, o); see conv2d.
template <Tensor X, Tensor Y>
void linear(const X& x, std::int32_t x_zero_point, const PackedConv2d& w, std::span<const std::int32_t> bias,
            const Requantize& requantize, Y&& y, Workspace& workspace) {
  static_assert(sizeof(value_t<Y>) == 1, "trimtab: requantized codes are uint8 or int8");
  detail::linear(x, x_zero_point, w, bias, y, &requantize, {}, workspace);
}

}  // namespace trimtab::int8
