#pragma once
/// \file
/// The absolute value.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// |x|.
struct Abs {};

/// A table of codes.
template <>
struct OperatorRules<Abs> : Elementwise<Abs> {
  static constexpr const char* name = "Abs";
  static SignRule sign(const Abs&) { return SignRule::never_negative; }
  static ScalingRule scaling(const Abs&) { return ScalingRule::commutes; }
  static Clip bounds(const Abs&) { return {0.0F, std::numeric_limits<float>::infinity()}; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Abs&, Real x) {
    return std::abs(x);
  }
  static double derivative(const Abs&, double x) { return x >= 0 ? 1.0 : -1.0; }
};

TRIMTAB_OPERATOR_MODEL(Abs)

}  // namespace trimtab
