#pragma once
/// \file
/// A smooth ReLU.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// log(1 + e^x).
struct Softplus {};

/// A table of codes.
template <>
struct OperatorRules<Softplus> : Elementwise<Softplus> {
  static constexpr const char* name = "Softplus";
  static SignRule sign(const Softplus&) { return SignRule::never_negative; }
  static Clip bounds(const Softplus&) { return {0.0F, std::numeric_limits<float>::infinity()}; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Softplus&, Real x) {
    return Functions::softplus(x);
  }
  static double derivative(const Softplus&, double x) { return Functions::sigmoid(x); }
};

TRIMTAB_OPERATOR_MODEL(Softplus)

}  // namespace trimtab
