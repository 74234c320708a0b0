#pragma once
/// \file
/// The product of two tensors, element by element.

#include <trimtab/net/operators/broadcast.hpp>

namespace trimtab {

/// a * b, with broadcasting: gates, masks, factors a channel.
struct Mul {};

/// The exact product of two codes, rounded once.
template <>
struct OperatorRules<Mul> : Broadcast<Mul, binary::Mul> {
  static constexpr const char* name = "Mul";
  static constexpr bool homogeneous = true;
  static SignRule sign(const Mul&) { return SignRule::of_inputs; }
};

TRIMTAB_OPERATOR_MODEL(Mul)

}  // namespace trimtab
