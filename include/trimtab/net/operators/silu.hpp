#pragma once
/// \file
/// Swish.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// x / (1 + e^-x); its least value is -0.27846.., at -1.278..
struct Silu {};

/// A table of codes.
template <>
struct OperatorRules<Silu> : Elementwise<Silu> {
  static constexpr const char* name = "Silu";
  static SignRule sign(const Silu&) { return SignRule::of_inputs; }
  static Clip bounds(const Silu&) { return {-0.2785F, std::numeric_limits<float>::infinity()}; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Silu&, Real x) {
    return x * Functions::sigmoid(x);
  }
  static double derivative(const Silu&, double x) {
    const double s = Functions::sigmoid(x);
    return s + x * s * Functions::sigmoid(-x);
  }
};

TRIMTAB_OPERATOR_MODEL(Silu)

}  // namespace trimtab
