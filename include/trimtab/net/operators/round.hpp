#pragma once
/// \file
/// To the nearest whole number.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// The nearest whole number, of two the even one. A staircase: its derivative is 0.
struct Round {};

/// A table of codes.
template <>
struct OperatorRules<Round> : Elementwise<Round> {
  static constexpr const char* name = "Round";
  static SignRule sign(const Round&) { return SignRule::of_inputs; }
  static Clip bounds(const Round&) { return no_clip; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Round&, Real x) {
    return std::nearbyint(x);
  }
  static double derivative(const Round&, double) { return 0; }
};

TRIMTAB_OPERATOR_MODEL(Round)

}  // namespace trimtab
