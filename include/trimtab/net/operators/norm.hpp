#pragma once
/// \file
/// Normalization by a picture's own statistics: what InstanceNorm, GroupNorm and LayerNorm have in common.

#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/int8/normalize.hpp>
#include <trimtab/net/graph/operator.hpp>
#include <trimtab/ops/normalize.hpp>
#include <vector>

namespace trimtab {

/// Base of OperatorRules<L> for y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, mean and variance being those of
/// groups of x's own elements; L has gamma, beta and a positive epsilon. L's rules add
///   static constexpr const char* name;
///   static NormShape shape(const L&, const Extents& x);  // groups of x, batch included; throws shape_error without any
/// On codes the sums are exact and the result is rounded once: see int8::norm_steps, which has no groups of 2^23 elements or
/// more.
template <class L>
struct Norm : SimpleRules<L>, RoundsSteps<L>, BackwardOfReals<L, true> {
  using R = OperatorRules<L>;
  static constexpr Arity arity{1, 1};
  static constexpr bool has_fixed_point = false;
  static GridRule grid(const L&, Requantizer) { return GridRule::own; }
  static SignRule sign(const L&) { return SignRule::any; }
  static ScalingRule scaling(const L&) { return ScalingRule::stops; }
  static Clip bounds(const L&) { return no_clip; }
  static Extents extent(const L& l, std::span<const Extents> in, const std::string& node) {
    if (!(l.epsilon > 0))
      throw value_error(detail::message("Network::add: node ", node, ": epsilon is ", l.epsilon, ", not positive"));
    NormShape shape;
    try {
      shape = R::shape(l, detail::with_batch(1, in[0]));
    } catch (const shape_error& e) {
      detail::refuse_extents(node, e.what());
    }
    for (const std::size_t numbers : {l.gamma.size(), l.beta.size()})
      if (numbers != shape.channels())
        detail::refuse_extents(node, "gamma has ", l.gamma.size(), " numbers and beta ", l.beta.size(), ", expected ",
                               shape.channels());
    return in[0];
  }
  static void visit(L& l, OperatorVisitor& v) {
    v.tensor("gamma", view(l.gamma), ParameterKind::bias);
    v.tensor("beta", view(l.beta), ParameterKind::bias);
    v.number("epsilon", double(l.epsilon));
  }
  static void forward(const L& l, FloatInputs x, const TensorView<float>& y) {
    NormCache<float> cache;
    norm_forward(x[0], R::shape(l, y.extent), l.gamma, l.beta, l.epsilon, y, cache);
  }
  static void train_forward(L& l, FloatInputs x, const TensorView<float>& y, std::any& cache, float) {
    if (!cache.has_value()) cache = NormCache<float>();
    norm_forward(x[0], R::shape(l, y.extent), l.gamma, l.beta, l.epsilon, y, std::any_cast<NormCache<float>&>(cache));
  }
  static void backward(const L& l, const FloatBackward& b) {
    std::vector<float> nobody_x, nobody_gamma, nobody_beta;
    const auto unwanted = [](std::vector<float>& memory, std::size_t count) {
      memory.resize(count);
      return TensorView<float>(memory.data(), {count});
    };
    const bool trains = !b.grad_parameters.empty();
    norm_backward(b.grad_y, b.x[0], R::shape(l, b.x[0].extent), l.gamma, std::any_cast<const NormCache<float>&>(b.cache),
                  b.grad_x.wanted(0) ? b.grad_x.zeros(0) : unwanted(nobody_x, b.x[0].size()),
                  trains ? b.grad_parameters[0] : unwanted(nobody_gamma, l.gamma.size()),
                  trains ? b.grad_parameters[1] : unwanted(nobody_beta, l.beta.size()));
  }
  static void steps(const L& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) {
    int8::norm_steps(x[0].codes, x[0].grid, R::shape(l, steps.extent), l.gamma, l.beta, l.epsilon, grid_y.scale, steps);
  }
};

}  // namespace trimtab
