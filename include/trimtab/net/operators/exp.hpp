#pragma once
/// \file
/// The exponential function.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// e^x.
struct Exp {};

/// A table of codes.
template <>
struct OperatorRules<Exp> : Elementwise<Exp> {
  static constexpr const char* name = "Exp";
  static SignRule sign(const Exp&) { return SignRule::never_negative; }
  static Clip bounds(const Exp&) { return {0.0F, std::numeric_limits<float>::infinity()}; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Exp&, Real x) {
    return Functions::exp(x);
  }
  static double derivative(const Exp&, double x) { return std::exp(x); }
};

TRIMTAB_OPERATOR_MODEL(Exp)

}  // namespace trimtab
