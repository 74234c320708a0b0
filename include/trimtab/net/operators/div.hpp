#pragma once
/// \file
/// The quotient of two tensors, element by element.

#include <trimtab/net/operators/broadcast.hpp>

namespace trimtab {

/// a / b, with broadcasting.
struct Div {};

/// The quotient of two codes, rounded once. On codes a / 0 is the last code in the direction of a, and 0 / 0 is 0; no gradient
/// passes there.
template <>
struct OperatorRules<Div> : Broadcast<Div, binary::Div> {
  static constexpr const char* name = "Div";
  static constexpr bool homogeneous = true;
  static SignRule sign(const Div&) { return SignRule::of_inputs; }
};

TRIMTAB_OPERATOR_MODEL(Div)

}  // namespace trimtab
