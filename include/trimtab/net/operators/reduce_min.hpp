#pragma once
/// \file
/// The smallest element along axes.

#include <trimtab/net/operators/reduction.hpp>

namespace trimtab {

/// The smallest of the elements along `axes`.
struct ReduceMin {
  std::vector<std::size_t> axes;  ///< different ones, batch excluded
  bool keep_axes = true;          ///< with an extent of 1
};

/// The first of equal ones has the gradient.
template <>
struct OperatorRules<ReduceMin> : ReductionByOrder<ReduceMin, reduction::Min> {
  static constexpr const char* name = "ReduceMin";
};

TRIMTAB_OPERATOR_MODEL(ReduceMin)

}  // namespace trimtab
