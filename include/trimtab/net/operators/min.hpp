#pragma once
/// \file
/// The smaller one of two tensors' elements.

#include <trimtab/net/operators/broadcast.hpp>

namespace trimtab {

/// min(a, b), with broadcasting.
struct Min {};

/// Both inputs brought onto the output's grid, the smaller one rounded. Of equal ones the first has the gradient.
template <>
struct OperatorRules<Min> : Broadcast<Min, binary::Min> {
  static constexpr const char* name = "Min";
  static SignRule sign(const Min&) { return SignRule::of_inputs; }
};

TRIMTAB_OPERATOR_MODEL(Min)

}  // namespace trimtab
