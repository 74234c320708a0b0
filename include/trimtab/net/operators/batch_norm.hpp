#pragma once
/// \file
/// Batch norm over the last axis: trained as such, folded into the layer before it, or left as an affine function of each
/// channel.

#include <trimtab/net/operators/channel_affine.hpp>
#include <trimtab/net/operators/windows.hpp>
#include <trimtab/ops/batch_norm.hpp>
#include <trimtab/transform/fold_batch_norm.hpp>

namespace trimtab {

/// gamma * (x - mean) / sqrt(variance + epsilon) + beta over the last axis.
struct BatchNorm {
  xt::xtensor<float, 1> gamma, beta, mean, variance;  ///< one number per channel each
  float epsilon = 1e-3F;                              ///< added to the variance
};

/// In training by the batch's statistics, else by those that it keeps.
template <>
struct OperatorRules<BatchNorm> : SimpleRules<BatchNorm> {
  static constexpr const char* name = "BatchNorm";
  static constexpr Arity arity{1, 1};
  static constexpr IntegerRule integers = IntegerRule::folded;
  static GridRule grid(const BatchNorm&, Requantizer) { return GridRule::own; }
  static SignRule sign(const BatchNorm&) { return SignRule::any; }
  static ScalingRule scaling(const BatchNorm&) { return ScalingRule::stops; }
  static Clip bounds(const BatchNorm&) { return no_clip; }
  static Extents extent(const BatchNorm& l, std::span<const Extents> in, const std::string& node) {
    if (in[0].size() == 0) detail::refuse_extents(node, "expected a last axis of channels");
    for (const auto* v : {&l.gamma, &l.beta, &l.mean, &l.variance})
      detail::require_length(v->size(), in[0].back(), "batch norm", node);
    return in[0];
  }
  static void visit(BatchNorm& l, OperatorVisitor& v) {
    v.tensor("gamma", view(l.gamma), ParameterKind::bias);
    v.tensor("beta", view(l.beta), ParameterKind::bias);
    v.tensor("mean", view(l.mean), ParameterKind::statistic);
    v.tensor("variance", view(l.variance), ParameterKind::statistic);
    v.number("epsilon", double(l.epsilon));
  }
  static void forward(const BatchNorm& l, FloatInputs x, const TensorView<float>& y) {
    batch_norm_forward(x[0], l.gamma, l.beta, l.mean, l.variance, l.epsilon, y);
  }
  static void train_forward(BatchNorm& l, FloatInputs x, const TensorView<float>& y, std::any& cache, float statistics_rate) {
    if (!cache.has_value()) cache = BatchNormCache<float>();
    batch_norm_train_forward(x[0], l.gamma, l.beta, l.epsilon, statistics_rate, l.mean, l.variance, y,
                             std::any_cast<BatchNormCache<float>&>(cache));
  }
  static void backward(const BatchNorm& l, const FloatBackward& b) {
    std::vector<float> unwanted;
    TensorView<float> gamma, beta, x;
    if (b.grad_parameters.empty()) {
      unwanted.resize(2 * l.gamma.size());
      gamma = TensorView<float>(unwanted.data(), {l.gamma.size()}),
      beta = TensorView<float>(unwanted.data() + l.gamma.size(), {l.gamma.size()});
    } else {
      gamma = b.grad_parameters[0], beta = b.grad_parameters[1];
    }
    std::vector<float> nobody;
    if (b.grad_x.wanted(0)) {
      x = b.grad_x.zeros(0);
    } else {
      nobody.resize(b.x[0].size());
      x = TensorView<float>(nobody.data(), b.x[0].extent);
    }
    batch_norm_backward(b.grad_y, b.x[0], l.gamma, std::any_cast<const BatchNormCache<float>&>(b.cache), x, gamma, beta);
  }
  /// Paper 3.1.2, eq. 10 and 11.
  static bool fold_into(const BatchNorm& l, WeightedLayer& before) {
    if (before.output_channels() != l.gamma.size()) return false;
    if (before.bias().empty()) before.set_bias(std::vector<float>(l.gamma.size(), 0.0F));
    const std::span<float> before_bias = before.bias();
    TensorView<float> weight = before.weight(), bias(before_bias.data(), {before_bias.size()});
    fold_batch_norm(weight, ChannelAxis{before.output_axis()}, bias, l.gamma, l.beta, l.mean, l.variance, double(l.epsilon));
    return true;
  }
  static Operator simplified(const BatchNorm& l) {
    ChannelAffine affine{xt::ones_like(l.gamma), xt::zeros_like(l.gamma)};
    fold_batch_norm(affine.scale, ChannelAxis{0}, affine.offset, l.gamma, l.beta, l.mean, l.variance, double(l.epsilon));
    return affine;
  }
};

TRIMTAB_OPERATOR_MODEL(BatchNorm)

}  // namespace trimtab
