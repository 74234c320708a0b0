#pragma once
/// \file
/// The sum of two branches.

#include <trimtab/int8/add.hpp>
#include <trimtab/net/graph/operator.hpp>
#include <trimtab/ops/add.hpp>

namespace trimtab {

/// Sum of two inputs of equal extents.
struct Add {};

/// Both inputs brought onto the output's grid, added, rounded once.
template <>
struct OperatorRules<Add> : SimpleRules<Add> {
  static constexpr const char* name = "Add";
  static constexpr Arity arity{2, 2};
  static constexpr IntegerRule integers = IntegerRule::rounds;
  static constexpr bool has_fixed_point = true;
  static GridRule grid(const Add&, Requantizer) { return GridRule::own; }
  static SignRule sign(const Add&) { return SignRule::of_inputs; }
  static ScalingRule scaling(const Add&) { return ScalingRule::stops; }
  static Clip bounds(const Add&) { return no_clip; }
  static Extents extent(const Add&, std::span<const Extents> in, const std::string& node) {
    detail::require_extents(in[1], in[0], node.c_str());
    return in[0];
  }
  static void visit(Add&, OperatorVisitor&) {}
  static void forward(const Add&, FloatInputs x, const TensorView<float>& y) { add_forward(x[0], x[1], y); }
  static void backward(const Add&, const FloatBackward& b) { pass_on(b.grad_y, b.grad_x); }
  static void steps(const Add&, CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) {
    int8::add_steps(x[0].codes, x[0].grid, x[1].codes, x[1].grid, grid_y.scale, steps);
  }
  static void codes(const Add&, CodeInputs x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y) {
    int8::add(x[0].codes, x[0].grid, x[1].codes, x[1].grid, grid_y, y);
  }
  static void fixed_point_codes(const Add&, CodeInputs x, const Affine<float>& grid_y, std::int32_t, const TensorView<std::uint8_t>& y) {
    int8::add_fixed_point(x[0].codes, x[0].grid, x[1].codes, x[1].grid, grid_y, y);
  }
  static void codes_backward(const Add&, CodeInputs, const Affine<float>&, const TensorView<const float>& grad_y, InputGradients& grad_x) {
    pass_on(grad_y, grad_x);
  }

 private:
  static void pass_on(const TensorView<const float>& grad_y, InputGradients& grad_x) {
    for (std::size_t i = 0; i < 2; ++i)
      if (grad_x.wanted(i)) detail::add_gradient(grad_y, grad_x.claim(i));
  }
};

}  // namespace trimtab
