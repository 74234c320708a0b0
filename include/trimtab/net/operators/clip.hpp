#pragma once
/// \file
/// A clip that stands by itself: ReLU, ReLU6 and others that are fused into no node.

#include <trimtab/net/graph/operator.hpp>
#include <trimtab/ops/activation.hpp>

namespace trimtab {

/// Its input's codes, clamped.
template <>
struct OperatorRules<Clip> : SimpleRules<Clip> {
  static constexpr const char* name = "Clip";
  static constexpr Arity arity{1, 1};
  static constexpr IntegerRule integers = IntegerRule::moves;
  static GridRule grid(const Clip&, Requantizer) { return GridRule::of_input; }
  static SignRule sign(const Clip& l) { return l.lo >= 0 ? SignRule::never_negative : SignRule::of_inputs; }
  static ScalingRule scaling(const Clip&) { return ScalingRule::clips; }
  static Clip bounds(const Clip& l) { return l; }
  static bool keeps_order(const Clip&, std::span<const Extents>) { return false; }
  static std::optional<float> fill(const Clip&, std::span<const Extents>) { return std::nullopt; }
  static Extents extent(const Clip&, std::span<const Extents> in, const std::string&) { return in[0]; }
  static void visit(Clip& l, OperatorVisitor& v) {
    v.number("lo", double(l.lo));
    v.number("hi", double(l.hi));
  }
  static void forward(const Clip& l, FloatInputs x, const TensorView<float>& y) { clip_forward(x[0], l.lo, l.hi, y); }
  static void backward(const Clip& l, const FloatBackward& b) { clip_backward(b.grad_y, b.x[0], l.lo, l.hi, b.grad_x.zeros(0)); }
  /// grid_y's codes are the input's grid within the bounds.
  static void codes(const Clip&, CodeInputs x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y) {
    std::copy_n(x[0].codes.data, y.size(), y.data);
    detail::clamp_bytes(y, grid_y.codes);
  }
  static void codes_backward(const Clip&, CodeInputs x, const Affine<float>& grid_y, const TensorView<const float>& grad_y,
                             InputGradients& grad_x) {
    const TensorView<float> to = grad_x.zeros(0);
    for (std::size_t i = 0; i < to.size(); ++i) {
      const std::int32_t code = x[0].codes.data[i];
      if (code >= grid_y.codes.qmin && code <= grid_y.codes.qmax) to.data[i] += grad_y.data[i];
    }
  }
};

TRIMTAB_OPERATOR_MODEL(Clip)

}  // namespace trimtab
