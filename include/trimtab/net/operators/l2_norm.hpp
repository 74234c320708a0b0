#pragma once
/// \file
/// Division by the length of the vectors along an axis.

#include <trimtab/int8/normalize.hpp>
#include <trimtab/net/graph/operator.hpp>
#include <trimtab/ops/normalize.hpp>

namespace trimtab {

/// x / |x| along an axis, 0 where |x| is 0.
struct L2Norm {
  std::size_t axis = 0;                  ///< batch excluded
  float epsilon = 0;                     ///< 0 or more
  L2Epsilon rule = L2Epsilon::at_least;  ///< what epsilon does to |x|
};

/// Exact sums of squares, rounded once: int8::l2_normalize_steps.
template <>
struct OperatorRules<L2Norm> : SimpleRules<L2Norm>, RoundsSteps<L2Norm>, BackwardOfReals<L2Norm, false> {
  static constexpr const char* name = "L2Norm";
  static constexpr Arity arity{1, 1};
  static constexpr bool has_fixed_point = false;
  static GridRule grid(const L2Norm&, Requantizer) { return GridRule::own; }
  static SignRule sign(const L2Norm&) { return SignRule::of_inputs; }
  static ScalingRule scaling(const L2Norm&) { return ScalingRule::stops; }
  static Clip bounds(const L2Norm&) { return {-1.0F, 1.0F}; }
  static Extents extent(const L2Norm& l, std::span<const Extents> in, const std::string& node) {
    if (l.axis >= in[0].size()) detail::refuse_extents(node, "axis ", l.axis, " of extents ", in[0]);
    detail::require_l2_epsilon(l.epsilon, detail::message("Network::add: node ", node).c_str());
    return in[0];
  }
  static void visit(L2Norm& l, OperatorVisitor& v) {
    v.number("axis", double(l.axis));
    v.number("epsilon", double(l.epsilon));
    v.number("rule", double(static_cast<int>(l.rule)));
  }
  static void forward(const L2Norm& l, FloatInputs x, const TensorView<float>& y) {
    l2_normalize_forward(x[0], l.axis + 1, l.epsilon, l.rule, y);
  }
  static void backward(const L2Norm& l, const FloatBackward& b) {
    if (b.grad_x.wanted(0)) l2_normalize_backward(b.grad_y, b.x[0], l.axis + 1, l.epsilon, l.rule, b.grad_x.zeros(0));
  }
  static void steps(const L2Norm& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) {
    int8::l2_normalize_steps(x[0].codes, x[0].grid, l.axis + 1, l.epsilon, l.rule, grid_y.scale, steps);
  }
};

TRIMTAB_OPERATOR_MODEL(L2Norm)

}  // namespace trimtab
