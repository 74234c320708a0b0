#pragma once
/// \file
/// The square root.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// sqrt(x): no number below 0, which counts as 0 on codes.
struct Sqrt {};

/// A table of codes.
template <>
struct OperatorRules<Sqrt> : Elementwise<Sqrt> {
  static constexpr const char* name = "Sqrt";
  static SignRule sign(const Sqrt&) { return SignRule::never_negative; }
  static Clip bounds(const Sqrt&) { return {0.0F, std::numeric_limits<float>::infinity()}; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Sqrt&, Real x) {
    return std::sqrt(x);
  }
  static double derivative(const Sqrt&, double x) { return 0.5 / std::sqrt(x); }
};

TRIMTAB_OPERATOR_MODEL(Sqrt)

}  // namespace trimtab
