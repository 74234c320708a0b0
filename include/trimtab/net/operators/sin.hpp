#pragma once
/// \file
/// The sine.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// sin(x), x in radians.
struct Sin {};

/// A table of codes.
template <>
struct OperatorRules<Sin> : Elementwise<Sin> {
  static constexpr const char* name = "Sin";
  static SignRule sign(const Sin&) { return SignRule::any; }
  static Clip bounds(const Sin&) { return {-1.0F, 1.0F}; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Sin&, Real x) {
    return std::sin(x);
  }
  static double derivative(const Sin&, double x) { return std::cos(x); }
};

TRIMTAB_OPERATOR_MODEL(Sin)

}  // namespace trimtab
