#pragma once
/// \file
/// The mean over axes.

#include <trimtab/net/operators/reduction.hpp>

namespace trimtab {

/// The mean of the elements along `axes`.
struct ReduceMean {
  std::vector<std::size_t> axes;  ///< different ones, batch excluded
  bool keep_axes = true;          ///< with an extent of 1
};

/// The exact sum of codes, divided and rounded once, as GlobalAveragePool's.
template <>
struct OperatorRules<ReduceMean> : ReductionBySums<ReduceMean, reduction::Mean> {
  static constexpr const char* name = "ReduceMean";
  static SignRule sign(const ReduceMean&) { return SignRule::of_inputs; }
};

}  // namespace trimtab
