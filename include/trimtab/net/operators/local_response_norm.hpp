#pragma once
/// \file
/// Local response normalization, of AlexNet and its time.

#include <trimtab/net/graph/operator.hpp>
#include <trimtab/ops/normalize.hpp>

namespace trimtab {

/// x[c] / (bias + alpha / size * sum of x[j]^2)^beta, j = c - (size - 1) / 2 .. c + size / 2 among the channels, the last axis.
struct LocalResponseNorm {
  std::size_t size = 5;                            ///< channels in a window
  float alpha = 1e-4F, beta = 0.75F, bias = 1.0F;  ///< alpha >= 0, bias > 0
};

/// In float: a power of sums has no integers worth the name.
template <>
struct OperatorRules<LocalResponseNorm> : SimpleRules<LocalResponseNorm> {
  static constexpr const char* name = "LocalResponseNorm";
  static constexpr Arity arity{1, 1};
  static constexpr IntegerRule integers = IntegerRule::none;
  static GridRule grid(const LocalResponseNorm&, Requantizer) { return GridRule::own; }
  static SignRule sign(const LocalResponseNorm&) { return SignRule::of_inputs; }
  static ScalingRule scaling(const LocalResponseNorm&) { return ScalingRule::stops; }
  static Clip bounds(const LocalResponseNorm&) { return no_clip; }
  static Extents extent(const LocalResponseNorm& l, std::span<const Extents> in, const std::string& node) {
    if (in[0].size() == 0) detail::refuse_extents(node, "expected a last axis of channels");
    detail::require_local_response(of(l), detail::message("Network::add: node ", node).c_str());
    return in[0];
  }
  static void visit(LocalResponseNorm& l, OperatorVisitor& v) {
    v.number("size", double(l.size));
    v.number("alpha", double(l.alpha));
    v.number("beta", double(l.beta));
    v.number("bias", double(l.bias));
  }
  static void forward(const LocalResponseNorm& l, FloatInputs x, const TensorView<float>& y) {
    local_response_forward(x[0], of(l), y);
  }
  static void backward(const LocalResponseNorm& l, const FloatBackward& b) {
    if (b.grad_x.wanted(0)) local_response_backward(b.grad_y, b.x[0], of(l), b.grad_x.zeros(0));
  }

 private:
  static LocalResponse<float> of(const LocalResponseNorm& l) { return {l.size, l.alpha, l.beta, l.bias}; }
};

TRIMTAB_OPERATOR_MODEL(LocalResponseNorm)

}  // namespace trimtab
