#pragma once
/// \file
/// The error function.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// erf(x).
struct Erf {};

/// A table of codes.
template <>
struct OperatorRules<Erf> : Elementwise<Erf> {
  static constexpr const char* name = "Erf";
  static SignRule sign(const Erf&) { return SignRule::of_inputs; }
  static Clip bounds(const Erf&) { return {-1.0F, 1.0F}; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Erf&, Real x) {
    return std::erf(x);
  }
  static double derivative(const Erf&, double x) { return 1.12837916709551257390 * std::exp(-x * x); }
};

TRIMTAB_OPERATOR_MODEL(Erf)

}  // namespace trimtab
