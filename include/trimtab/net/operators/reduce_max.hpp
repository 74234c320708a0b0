#pragma once
/// \file
/// The largest element along axes.

#include <trimtab/net/operators/reduction.hpp>

namespace trimtab {

/// The largest of the elements along `axes`.
struct ReduceMax {
  std::vector<std::size_t> axes;  ///< different ones, batch excluded
  bool keep_axes = true;          ///< with an extent of 1
};

/// The first of equal ones has the gradient.
template <>
struct OperatorRules<ReduceMax> : ReductionByOrder<ReduceMax, reduction::Max> {
  static constexpr const char* name = "ReduceMax";
};

TRIMTAB_OPERATOR_MODEL(ReduceMax)

}  // namespace trimtab
