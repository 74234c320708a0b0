#pragma once
/// \file
/// Group norm: neighbouring channels by the mean and variance of all their pixels.

#include <trimtab/net/operators/norm.hpp>

namespace trimtab {

/// gamma * (x - mean) / sqrt(variance + epsilon) + beta, with a mean and a variance for each group of channels / groups
/// channels of each picture.
struct GroupNorm {
  xt::xtensor<float, 1> gamma, beta;  ///< a number a channel each
  float epsilon = 1e-5F;              ///< added to the variance; positive
  std::size_t groups = 1;             ///< divides the channels
};

/// See Norm.
template <>
struct OperatorRules<GroupNorm> : Norm<GroupNorm> {
  static constexpr const char* name = "GroupNorm";
  static NormShape shape(const GroupNorm& l, const Extents& x) { return NormShape::of_groups(x, l.groups); }
  static void visit(GroupNorm& l, OperatorVisitor& v) {
    Norm<GroupNorm>::visit(l, v);
    v.number("groups", double(l.groups));
  }
};

TRIMTAB_OPERATOR_MODEL(GroupNorm)

}  // namespace trimtab
