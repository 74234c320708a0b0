#pragma once
/// \file
/// A ReLU with an exponential below 0.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// x, or alpha * (e^x - 1) where x is negative.
struct Elu {
  float alpha = 1.0F;  ///< -alpha is where it goes
};

/// A table of codes.
template <>
struct OperatorRules<Elu> : Elementwise<Elu> {
  static constexpr const char* name = "Elu";
  static SignRule sign(const Elu&) { return SignRule::of_inputs; }
  static Clip bounds(const Elu& l) { return l.alpha >= 0 ? Clip{-l.alpha, std::numeric_limits<float>::infinity()} : no_clip; }
  static void visit(Elu& l, OperatorVisitor& v) { v.number("alpha", double(l.alpha)); }
  template <class Real>
  TRIMTAB_LOOP Real value(const Elu& l, Real x) {
    return Functions::select(x >= 0, x, Real(l.alpha) * Functions::expm1_below(x));
  }
  static double derivative(const Elu& l, double x) { return x >= 0 ? 1.0 : double(l.alpha) * std::exp(x); }
};

TRIMTAB_OPERATOR_MODEL(Elu)

}  // namespace trimtab
