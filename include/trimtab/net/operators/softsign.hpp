#pragma once
/// \file
/// A sigmoid by one division.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// x / (1 + |x|).
struct Softsign {};

/// A table of codes.
template <>
struct OperatorRules<Softsign> : Elementwise<Softsign> {
  static constexpr const char* name = "Softsign";
  static SignRule sign(const Softsign&) { return SignRule::of_inputs; }
  static Clip bounds(const Softsign&) { return {-1.0F, 1.0F}; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Softsign&, Real x) {
    return x / (1 + std::abs(x));
  }
  static double derivative(const Softsign&, double x) {
    const double d = 1 + std::abs(x);
    return 1 / (d * d);
  }
};

TRIMTAB_OPERATOR_MODEL(Softsign)

}  // namespace trimtab
