#pragma once
/// \file
/// The reciprocal.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// 1 / x: infinite at 0, which becomes the highest code.
struct Reciprocal {};

/// A table of codes.
template <>
struct OperatorRules<Reciprocal> : Elementwise<Reciprocal> {
  static constexpr const char* name = "Reciprocal";
  static SignRule sign(const Reciprocal&) { return SignRule::of_inputs; }
  static Clip bounds(const Reciprocal&) { return no_clip; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Reciprocal&, Real x) {
    return 1 / x;
  }
  static double derivative(const Reciprocal&, double x) { return -1 / (x * x); }
};

TRIMTAB_OPERATOR_MODEL(Reciprocal)

}  // namespace trimtab
