#pragma once
/// \file
/// The length of vectors that lie along axes.

#include <trimtab/net/operators/reduction.hpp>

namespace trimtab {

/// The square root of the sum of the squares of the elements along `axes`.
struct ReduceL2 {
  std::vector<std::size_t> axes;  ///< different ones, batch excluded
  bool keep_axes = true;          ///< with an extent of 1
};

/// The root of the exact sum of squares, rounded once. No gradient passes where it is 0.
template <>
struct OperatorRules<ReduceL2> : ReductionBySums<ReduceL2, reduction::L2> {
  static constexpr const char* name = "ReduceL2";
  static constexpr bool homogeneous = true;
  static SignRule sign(const ReduceL2&) { return SignRule::never_negative; }
};

TRIMTAB_OPERATOR_MODEL(ReduceL2)

}  // namespace trimtab
