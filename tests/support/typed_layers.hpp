#pragma once
// Layers with weights as what they are, for tests that look at every one of them.

#include <trimtab/net/operators.hpp>
#include <trimtab/net/quantize/lower_layer.hpp>

namespace trimtab::test {

/// f(layer) when the operator is one of the library's layers with weights.
template <class Op, class F>
void with_layer(Op& op, const F& f) {
  if (auto* conv = op.template get_if<Conv2d>()) f(*conv);
  if (auto* depthwise = op.template get_if<DepthwiseConv2d>()) f(*depthwise);
  if (auto* linear = op.template get_if<Linear>()) f(*linear);
}

/// The layer with its point-wise factors multiplied in.
template <class L>
L effective(const L& layer, const PointwiseFactors& factors) {
  return effective_layer(Operator(layer), factors).template get<L>();
}

}  // namespace trimtab::test
