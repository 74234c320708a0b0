#pragma once
/// \file
/// What all operators with weights have in common.

#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/net/graph/operator.hpp>
#include <trimtab/net/operators/windows.hpp>
#include <trimtab/ops/bias.hpp>

namespace trimtab {

/// Base of OperatorRules<L> for layers: exact sums of products, rounded once onto a grid of the output's own.
template <class L>
struct LayerRules {
  static constexpr Arity arity{1, 1};
  static constexpr IntegerRule integers = IntegerRule::sums;
  static GridRule grid(const L&, Requantizer) { return GridRule::own; }
  static SignRule sign(const L&) { return SignRule::any; }
  static ScalingRule scaling(const L&) { return ScalingRule::stops; }  // layers are where factors go, not what they pass through
  static Clip bounds(const L&) { return no_clip; }
  static bool fold_into(const L&, WeightedLayer&) { return false; }
  static Extents extent(const L& l, std::span<const Extents> in, const std::string& node) {
    const Extents weight = view(l.weight).extent;
    detail::require_bias(l.bias.size(), weight[WeightedRules<L>::output_axis], node);
    return WeightedRules<L>::extent(l, weight, in, node);
  }
  static void visit_layer(L& l, OperatorVisitor& v) {
    v.tensor("weight", view(l.weight), ParameterKind::weight);
    v.tensor("bias", view(l.bias), ParameterKind::bias);
  }
  static void train_forward(L& l, FloatInputs x, const TensorView<float>& y, std::any&, float) {
    OperatorRules<L>::forward(l, x, y);
  }
  static void backward(const L& l, const FloatBackward& b) {
    using W = WeightedRules<L>;
    if (!b.grad_parameters.empty()) {
      if (b.grad_parameters[1].size() != 0) bias_backward(b.grad_y, b.grad_parameters[1]);
      W::backward_weight(l, b.grad_y, b.x[0], b.grad_parameters[0]);
    }
    if (!b.grad_x.wanted(0)) return;
    const InputGradients::Claim to = b.grad_x.claim(0);
    W::backward_input(l, b.grad_y, view(l.weight), to.grad, to.mode);
  }
};

}  // namespace trimtab
