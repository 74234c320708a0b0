#pragma once
/// \file
/// Layer norm: the elements of the last axes by their own mean and variance.

#include <trimtab/net/operators/norm.hpp>

namespace trimtab {

/// gamma * (x - mean) / sqrt(variance + epsilon) + beta, with a mean and a variance for all elements along the last axes, as
/// many as gamma has.
struct LayerNorm {
  xt::xarray<float> gamma, beta;  ///< of the extents of the last axes of x each
  float epsilon = 1e-5F;          ///< added to the variance; positive
};

/// See Norm.
template <>
struct OperatorRules<LayerNorm> : Norm<LayerNorm> {
  static constexpr const char* name = "LayerNorm";
  static NormShape shape(const LayerNorm& l, const Extents& x) { return NormShape::of_last(x, l.gamma.dimension()); }
  static Extents extent(const LayerNorm& l, std::span<const Extents> in, const std::string& node) {
    const Extents gamma = view(l.gamma).extent, beta = view(l.beta).extent;
    if (gamma.size() > in[0].size() || gamma != Extents(in[0].end() - gamma.size(), in[0].end()) || beta != gamma)
      detail::refuse_extents(node, "gamma of extents ", gamma, " and beta of ", beta, " are not those of the last axes of ",
                             in[0]);
    return Norm<LayerNorm>::extent(l, in, node);
  }
};

TRIMTAB_OPERATOR_MODEL(LayerNorm)

}  // namespace trimtab
