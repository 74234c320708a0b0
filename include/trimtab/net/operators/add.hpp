#pragma once
/// \file
/// The sum of two branches.

#include <trimtab/int8/add.hpp>
#include <trimtab/net/operators/broadcast.hpp>
#include <trimtab/ops/add.hpp>

namespace trimtab {

/// a + b, with broadcasting.
struct Add {};

/// Both inputs brought onto the output's grid, added, rounded once. Equal extents, as of residual branches, have the kernels of
/// int8/add.hpp, with the same bits.
template <>
struct OperatorRules<Add> : Broadcast<Add, binary::Add> {
  using General = Broadcast<Add, binary::Add>;
  static constexpr const char* name = "Add";
  static SignRule sign(const Add&) { return SignRule::of_inputs; }
  static void forward(const Add& l, FloatInputs x, const TensorView<float>& y) {
    if (x[0].extent == x[1].extent)
      add_forward(x[0], x[1], y);
    else
      General::forward(l, x, y);
  }
  static void backward(const Add& l, const FloatBackward& b) {
    if (b.x[0].extent == b.x[1].extent)
      pass_on(b.grad_y, b.grad_x);
    else
      General::backward(l, b);
  }
  static void steps(const Add& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) {
    if (x[0].codes.extent == x[1].codes.extent)
      int8::add_steps(x[0].codes, x[0].grid, x[1].codes, x[1].grid, grid_y.scale, steps);
    else
      General::steps(l, x, grid_y, steps);
  }
  static void codes(const Add& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y) {
    if (x[0].codes.extent == x[1].codes.extent)
      int8::add(x[0].codes, x[0].grid, x[1].codes, x[1].grid, grid_y, y);
    else
      General::codes(l, x, grid_y, y);
  }
  static void fixed_point_codes(const Add& l, CodeInputs x, const Affine<float>& grid_y, std::int32_t code_origin,
                                const TensorView<std::uint8_t>& y) {
    if (x[0].codes.extent == x[1].codes.extent)
      int8::add_fixed_point(x[0].codes, x[0].grid, x[1].codes, x[1].grid, grid_y, y);
    else
      General::fixed_point_codes(l, x, grid_y, code_origin, y);
  }
  static void codes_backward(const Add& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<const float>& grad_y,
                             InputGradients& grad_x) {
    if (x[0].codes.extent == x[1].codes.extent)
      pass_on(grad_y, grad_x);
    else
      General::codes_backward(l, x, grid_y, grad_y, grad_x);
  }

 private:
  static void pass_on(const TensorView<const float>& grad_y, InputGradients& grad_x) {
    for (std::size_t i = 0; i < 2; ++i)
      if (grad_x.wanted(i)) detail::add_gradient(grad_y, grad_x.claim(i));
  }
};

TRIMTAB_OPERATOR_MODEL(Add)

}  // namespace trimtab
