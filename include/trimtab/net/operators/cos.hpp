#pragma once
/// \file
/// The cosine.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// cos(x), x in radians.
struct Cos {};

/// A table of codes.
template <>
struct OperatorRules<Cos> : Elementwise<Cos> {
  static constexpr const char* name = "Cos";
  static SignRule sign(const Cos&) { return SignRule::any; }
  static Clip bounds(const Cos&) { return {-1.0F, 1.0F}; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Cos&, Real x) {
    return std::cos(x);
  }
  static double derivative(const Cos&, double x) { return -std::sin(x); }
};

TRIMTAB_OPERATOR_MODEL(Cos)

}  // namespace trimtab
