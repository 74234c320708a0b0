#pragma once
/// \file
/// The sum over axes.

#include <trimtab/net/operators/reduction.hpp>

namespace trimtab {

/// The sum of the elements along `axes`.
struct ReduceSum {
  std::vector<std::size_t> axes;  ///< different ones, batch excluded
  bool keep_axes = true;          ///< with an extent of 1
};

/// The exact sum of codes, rounded once.
template <>
struct OperatorRules<ReduceSum> : ReductionBySums<ReduceSum, reduction::Sum> {
  static constexpr const char* name = "ReduceSum";
  static constexpr bool homogeneous = true;
  static SignRule sign(const ReduceSum&) { return SignRule::of_inputs; }
};

TRIMTAB_OPERATOR_MODEL(ReduceSum)

}  // namespace trimtab
