#pragma once
/// \file
/// The mean over all pixels of a picture.

#include <trimtab/int8/pool.hpp>
#include <trimtab/net/operators/windows.hpp>
#include <trimtab/ops/pool.hpp>

namespace trimtab {

/// H W C to 1 1 C.
struct GlobalAveragePool {};

/// An AveragePool of one window.
template <>
struct OperatorRules<GlobalAveragePool> : SimpleRules<GlobalAveragePool> {
  static constexpr const char* name = "GlobalAveragePool";
  static constexpr bool homogeneous = true;
  static constexpr Arity arity{1, 1};
  static constexpr IntegerRule integers = IntegerRule::rounds;
  static constexpr bool has_fixed_point = true;
  static GridRule grid(const GlobalAveragePool&, Requantizer r) {
    return r == Requantizer::fixed_point ? GridRule::of_input : GridRule::own;
  }
  static SignRule sign(const GlobalAveragePool&) { return SignRule::of_inputs; }
  static ScalingRule scaling(const GlobalAveragePool&) { return ScalingRule::commutes; }
  static Clip bounds(const GlobalAveragePool&) { return no_clip; }
  static Extents extent(const GlobalAveragePool&, std::span<const Extents> in, const std::string& node) {
    return {1, 1, detail::picture_extent(in, node)[2]};
  }
  static void visit(GlobalAveragePool&, OperatorVisitor&) {}
  static void forward(const GlobalAveragePool&, FloatInputs x, const TensorView<float>& y) {
    global_average_pool_forward(x[0], y);
  }
  static void backward(const GlobalAveragePool&, const FloatBackward& b) {
    global_average_pool_backward(b.grad_y, b.grad_x.zeros(0));
  }
  static void steps(const GlobalAveragePool&, CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) {
    int8::global_average_pool_steps(x[0].codes, x[0].grid, grid_y.scale, steps);
  }
  static void codes(const GlobalAveragePool&, CodeInputs x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y) {
    int8::global_average_pool(x[0].codes, x[0].grid, grid_y, y);
  }
  static void fixed_point_codes(const GlobalAveragePool&, CodeInputs x, const Affine<float>& grid_y, std::int32_t code_origin,
                                const TensorView<std::uint8_t>& y) {
    const Extents& e = x[0].codes.extent;
    int8::average_pool_fixed_point(x[0].codes, x[0].grid.zero_point, code_origin, e[1], e[2], {}, true, grid_y.codes, y);
  }
  static void codes_backward(const GlobalAveragePool&, CodeInputs, const Affine<float>&, const TensorView<const float>& grad_y,
                             InputGradients& grad_x) {
    global_average_pool_backward(grad_y, grad_x.zeros(0));
  }
};

TRIMTAB_OPERATOR_MODEL(GlobalAveragePool)

}  // namespace trimtab
