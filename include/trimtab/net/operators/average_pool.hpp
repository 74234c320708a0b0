#pragma once
/// \file
/// The mean over windows of pixels.

#include <trimtab/int8/pool.hpp>
#include <trimtab/net/operators/windows.hpp>
#include <trimtab/ops/pool.hpp>

namespace trimtab {

/// The mean over windows of KH x KW pixels.
struct AveragePool {
  std::size_t kernel_h = 1, kernel_w = 1;  ///< of the window
  WindowOptions window = {};               ///< strides, padding, dilation
  bool count_include_pad = false;          ///< padding counts as pixels of value 0
};

/// An exact sum of codes, divided and rounded once. In fixed point it stays on its input's grid, as TFLite's.
template <>
struct OperatorRules<AveragePool> : SimpleRules<AveragePool> {
  static constexpr const char* name = "AveragePool";
  static constexpr Arity arity{1, 1};
  static constexpr IntegerRule integers = IntegerRule::rounds;
  static constexpr bool has_fixed_point = true;
  static GridRule grid(const AveragePool&, Requantizer r) {
    return r == Requantizer::fixed_point ? GridRule::of_input : GridRule::own;
  }
  static SignRule sign(const AveragePool&) { return SignRule::of_inputs; }
  static ScalingRule scaling(const AveragePool&) { return ScalingRule::commutes; }
  static Clip bounds(const AveragePool&) { return no_clip; }
  static Extents extent(const AveragePool& l, std::span<const Extents> in, const std::string& node) {
    return detail::pooled_extent(in, l.kernel_h, l.kernel_w, l.window, node);
  }
  static void visit(AveragePool& l, OperatorVisitor& v) {
    v.number("kernel_h", double(l.kernel_h));
    v.number("kernel_w", double(l.kernel_w));
    detail::visit_window(l.window, v);
    v.number("count_include_pad", l.count_include_pad ? 1 : 0);
  }
  static void forward(const AveragePool& l, FloatInputs x, const TensorView<float>& y) {
    average_pool_forward(x[0], l.kernel_h, l.kernel_w, l.window, l.count_include_pad, y);
  }
  static void backward(const AveragePool& l, const FloatBackward& b) {
    average_pool_backward(b.grad_y, l.kernel_h, l.kernel_w, l.window, l.count_include_pad, b.grad_x.zeros(0));
  }
  static void steps(const AveragePool& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) {
    int8::average_pool_steps(x[0].codes, x[0].grid, l.kernel_h, l.kernel_w, l.window, l.count_include_pad, grid_y.scale, steps);
  }
  static void codes(const AveragePool& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y) {
    int8::average_pool(x[0].codes, x[0].grid, l.kernel_h, l.kernel_w, l.window, l.count_include_pad, grid_y, y);
  }
  static void fixed_point_codes(const AveragePool& l, CodeInputs x, const Affine<float>& grid_y, std::int32_t code_origin,
                                const TensorView<std::uint8_t>& y) {
    int8::average_pool_fixed_point(x[0].codes, x[0].grid.zero_point, code_origin, l.kernel_h, l.kernel_w, l.window,
                                   l.count_include_pad, grid_y.codes, y);
  }
  static void codes_backward(const AveragePool& l, CodeInputs, const Affine<float>&, const TensorView<const float>& grad_y,
                             InputGradients& grad_x) {
    average_pool_backward(grad_y, l.kernel_h, l.kernel_w, l.window, l.count_include_pad, grad_x.zeros(0));
  }
};

TRIMTAB_OPERATOR_MODEL(AveragePool)

}  // namespace trimtab
