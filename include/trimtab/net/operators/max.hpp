#pragma once
/// \file
/// The larger one of two tensors' elements.

#include <trimtab/net/operators/broadcast.hpp>

namespace trimtab {

/// max(a, b), with broadcasting.
struct Max {};

/// Both inputs brought onto the output's grid, the larger one rounded. Of equal ones the first has the gradient. One input that
/// is never negative would be enough for the output; it is not looked for.
template <>
struct OperatorRules<Max> : Broadcast<Max, binary::Max> {
  static constexpr const char* name = "Max";
  static SignRule sign(const Max&) { return SignRule::of_inputs; }
};

TRIMTAB_OPERATOR_MODEL(Max)

}  // namespace trimtab
