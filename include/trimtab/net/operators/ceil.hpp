#pragma once
/// \file
/// Up to a whole number.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// The least whole number that is not below x. A staircase: its derivative is 0.
struct Ceil {};

/// A table of codes.
template <>
struct OperatorRules<Ceil> : Elementwise<Ceil> {
  static constexpr const char* name = "Ceil";
  static SignRule sign(const Ceil&) { return SignRule::of_inputs; }
  static Clip bounds(const Ceil&) { return no_clip; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Ceil&, Real x) {
    return std::ceil(x);
  }
  static double derivative(const Ceil&, double) { return 0; }
};

TRIMTAB_OPERATOR_MODEL(Ceil)

}  // namespace trimtab
