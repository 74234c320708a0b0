#pragma once
/// \file
/// An ELU with two parameters.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// gamma * x, or gamma * alpha * (e^x - 1) where x is negative.
struct Selu {
  float alpha = 1.67326324F, gamma = 1.05070102F;  ///< those that keep mean 0 and variance 1
};

/// A table of codes.
template <>
struct OperatorRules<Selu> : Elementwise<Selu> {
  static constexpr const char* name = "Selu";
  static SignRule sign(const Selu& l) { return l.gamma >= 0 ? SignRule::of_inputs : SignRule::any; }
  static Clip bounds(const Selu&) { return no_clip; }
  static void visit(Selu& l, OperatorVisitor& v) {
    v.number("alpha", double(l.alpha));
    v.number("gamma", double(l.gamma));
  }
  template <class Real>
  TRIMTAB_LOOP Real value(const Selu& l, Real x) {
    return Real(l.gamma) * Functions::select(x >= 0, x, Real(l.alpha) * Functions::expm1_below(x));
  }
  static double derivative(const Selu& l, double x) { return double(l.gamma) * (x >= 0 ? 1.0 : double(l.alpha) * std::exp(x)); }
};

TRIMTAB_OPERATOR_MODEL(Selu)

}  // namespace trimtab
