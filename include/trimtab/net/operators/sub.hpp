#pragma once
/// \file
/// The difference of two tensors.

#include <trimtab/net/operators/broadcast.hpp>

namespace trimtab {

/// a - b, with broadcasting.
struct Sub {};

/// Both inputs brought onto the output's grid, subtracted, rounded once.
template <>
struct OperatorRules<Sub> : Broadcast<Sub, binary::Sub> {
  static constexpr const char* name = "Sub";
  static SignRule sign(const Sub&) { return SignRule::any; }
};

TRIMTAB_OPERATOR_MODEL(Sub)

}  // namespace trimtab
