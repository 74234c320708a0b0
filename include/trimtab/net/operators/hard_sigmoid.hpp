#pragma once
/// \file
/// A sigmoid made of three straight lines.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// clamp(alpha * x + beta, 0, 1).
struct HardSigmoid {
  float alpha = 0.2F, beta = 0.5F;  ///< slope, and value at 0
};

/// A table of codes.
template <>
struct OperatorRules<HardSigmoid> : Elementwise<HardSigmoid> {
  static constexpr const char* name = "HardSigmoid";
  static SignRule sign(const HardSigmoid&) { return SignRule::never_negative; }
  static Clip bounds(const HardSigmoid&) { return {0.0F, 1.0F}; }
  static void visit(HardSigmoid& l, OperatorVisitor& v) {
    v.number("alpha", double(l.alpha));
    v.number("beta", double(l.beta));
  }
  template <class Real>
  TRIMTAB_LOOP Real value(const HardSigmoid& l, Real x) {
    return Functions::unit(Real(l.alpha) * x + Real(l.beta));
  }
  static double derivative(const HardSigmoid& l, double x) {
    const double y = double(l.alpha) * x + double(l.beta);
    return y >= 0 && y <= 1 ? double(l.alpha) : 0.0;
  }
};

TRIMTAB_OPERATOR_MODEL(HardSigmoid)

}  // namespace trimtab
