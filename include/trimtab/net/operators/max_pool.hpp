#pragma once
/// \file
/// The largest value of windows of pixels.

#include <trimtab/int8/pool.hpp>
#include <trimtab/net/operators/windows.hpp>
#include <trimtab/ops/pool.hpp>

namespace trimtab {

/// The largest value of windows of KH x KW pixels; padding never wins.
struct MaxPool {
  std::size_t kernel_h = 1, kernel_w = 1;  ///< of the window
  WindowOptions window = {};               ///< strides, padding, dilation
};

/// The largest value has the largest code: codes are picked as they are. The gradient goes to the first of the largest.
template <>
struct OperatorRules<MaxPool> : SimpleRules<MaxPool> {
  static constexpr const char* name = "MaxPool";
  static constexpr Arity arity{1, 1};
  static constexpr IntegerRule integers = IntegerRule::moves;
  static GridRule grid(const MaxPool&, Requantizer) { return GridRule::of_input; }
  static SignRule sign(const MaxPool&) { return SignRule::of_inputs; }
  static ScalingRule scaling(const MaxPool&) { return ScalingRule::commutes; }
  static Clip bounds(const MaxPool&) { return no_clip; }
  static bool keeps_order(const MaxPool&, std::span<const Extents>) { return false; }
  /// Where a window lies in the padding altogether.
  static std::optional<float> fill(const MaxPool& l, std::span<const Extents>) {
    return l.window.padding != Padding{} ? std::optional(-std::numeric_limits<float>::infinity()) : std::nullopt;
  }
  static Extents extent(const MaxPool& l, std::span<const Extents> in, const std::string& node) {
    return detail::pooled_extent(in, l.kernel_h, l.kernel_w, l.window, node);
  }
  static void visit(MaxPool& l, OperatorVisitor& v) {
    v.number("kernel_h", double(l.kernel_h));
    v.number("kernel_w", double(l.kernel_w));
    detail::visit_window(l.window, v);
  }
  static void forward(const MaxPool& l, FloatInputs x, const TensorView<float>& y) {
    max_pool_forward(x[0], l.kernel_h, l.kernel_w, l.window, y);
  }
  static void train_forward(MaxPool& l, FloatInputs x, const TensorView<float>& y, std::any& cache, float) {
    if (!cache.has_value()) cache = MaxPoolCache();
    max_pool_forward(x[0], l.kernel_h, l.kernel_w, l.window, y, std::any_cast<MaxPoolCache&>(cache));
  }
  static void backward(const MaxPool& l, const FloatBackward& b) {
    max_pool_backward(b.grad_y, l.kernel_h, l.kernel_w, l.window, std::any_cast<const MaxPoolCache&>(b.cache), b.grad_x.zeros(0));
  }
  static void codes(const MaxPool& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y) {
    int8::max_pool(x[0].codes, l.kernel_h, l.kernel_w, l.window, y);
    detail::clamp_bytes(y, grid_y.codes);
  }
  static void codes_backward(const MaxPool& l, CodeInputs x, const Affine<float>&, const TensorView<const float>& grad_y,
                             InputGradients& grad_x) {
    const detail::PoolWindows windows(x[0].codes.extent, l.kernel_h, l.kernel_w, l.window, "MaxPool");
    std::vector<std::uint8_t> largest(grad_y.size());
    std::vector<std::uint32_t> pixels(grad_y.size());
    detail::max_pool_forward(windows, x[0].codes.data, largest.data(), pixels.data());
    detail::max_pool_backward(windows.g, grad_y.data, pixels.data(), grad_x.zeros(0).data);
  }
};

TRIMTAB_OPERATOR_MODEL(MaxPool)

}  // namespace trimtab
