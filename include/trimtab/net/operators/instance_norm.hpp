#pragma once
/// \file
/// Instance norm: each channel by the mean and variance of its own pixels.

#include <trimtab/net/operators/norm.hpp>

namespace trimtab {

/// gamma * (x - mean) / sqrt(variance + epsilon) + beta for each channel (last axis) of each picture.
struct InstanceNorm {
  xt::xtensor<float, 1> gamma, beta;  ///< a number a channel each
  float epsilon = 1e-5F;              ///< added to the variance; positive
};

/// See Norm.
template <>
struct OperatorRules<InstanceNorm> : Norm<InstanceNorm> {
  static constexpr const char* name = "InstanceNorm";
  static NormShape shape(const InstanceNorm&, const Extents& x) { return NormShape::of_channels(x); }
};

TRIMTAB_OPERATOR_MODEL(InstanceNorm)

}  // namespace trimtab
