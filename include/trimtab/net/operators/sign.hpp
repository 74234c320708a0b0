#pragma once
/// \file
/// The sign.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// -1, 0 or 1; of what is no number itself. A staircase: its derivative is 0.
struct Sign {};

/// A table of codes.
template <>
struct OperatorRules<Sign> : Elementwise<Sign> {
  static constexpr const char* name = "Sign";
  static SignRule sign(const Sign&) { return SignRule::of_inputs; }
  static Clip bounds(const Sign&) { return {-1.0F, 1.0F}; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Sign&, Real x) {
    return Functions::select(x > 0, Real(1), Functions::select(x < 0, Real(-1), x));
  }
  static double derivative(const Sign&, double) { return 0; }
};

TRIMTAB_OPERATOR_MODEL(Sign)

}  // namespace trimtab
