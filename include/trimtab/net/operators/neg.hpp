#pragma once
/// \file
/// The negative.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// -x.
struct Neg {};

/// A table of codes.
template <>
struct OperatorRules<Neg> : Elementwise<Neg> {
  static constexpr const char* name = "Neg";
  static SignRule sign(const Neg&) { return SignRule::any; }
  static ScalingRule scaling(const Neg&) { return ScalingRule::commutes; }
  static Clip bounds(const Neg&) { return no_clip; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Neg&, Real x) {
    return -x;
  }
  static double derivative(const Neg&, double) { return -1; }
};

TRIMTAB_OPERATOR_MODEL(Neg)

}  // namespace trimtab
