#pragma once
/// \file
/// A picture as one row of numbers.

#include <trimtab/net/graph/operator.hpp>

namespace trimtab {

/// H W C to H*W*C in that order.
struct Flatten {};

/// The same bytes.
template <>
struct OperatorRules<Flatten> : SimpleRules<Flatten> {
  static constexpr const char* name = "Flatten";
  static constexpr Arity arity{1, 1};
  static constexpr IntegerRule integers = IntegerRule::moves;
  static GridRule grid(const Flatten&, Requantizer) { return GridRule::of_input; }
  static SignRule sign(const Flatten&) { return SignRule::of_inputs; }
  static ScalingRule scaling(const Flatten&) { return ScalingRule::commutes; }
  static Clip bounds(const Flatten&) { return no_clip; }
  static bool keeps_order(const Flatten&) { return true; }
  static Extents extent(const Flatten&, std::span<const Extents> in, const std::string&) { return {element_count(in[0])}; }
  static void visit(Flatten&, OperatorVisitor&) {}
  static void forward(const Flatten&, FloatInputs x, const TensorView<float>& y) { std::copy_n(x[0].data, y.size(), y.data); }
  static void backward(const Flatten&, const FloatBackward& b) { detail::add_gradient(b.grad_y, b.grad_x.claim(0)); }
  static void codes(const Flatten&, CodeInputs x, const Affine<float>&, const TensorView<std::uint8_t>& y) { std::copy_n(x[0].codes.data, y.size(), y.data); }
  static void codes_backward(const Flatten&, CodeInputs, const Affine<float>&, const TensorView<const float>& grad_y, InputGradients& grad_x) {
    detail::add_gradient(grad_y, grad_x.claim(0));
  }
};

}  // namespace trimtab
