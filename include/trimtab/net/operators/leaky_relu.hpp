#pragma once
/// \file
/// A ReLU that lets some of the negative through.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// x, or slope * x where x is negative.
struct LeakyRelu {
  float slope = 0.01F;  ///< of the negative side
};

/// A table of codes.
template <>
struct OperatorRules<LeakyRelu> : Elementwise<LeakyRelu> {
  static constexpr const char* name = "LeakyRelu";
  static SignRule sign(const LeakyRelu&) { return SignRule::of_inputs; }
  static ScalingRule scaling(const LeakyRelu&) { return ScalingRule::commutes; }
  static Clip bounds(const LeakyRelu&) { return no_clip; }
  static void visit(LeakyRelu& l, OperatorVisitor& v) { v.number("slope", double(l.slope)); }
  template <class Real>
  TRIMTAB_LOOP Real value(const LeakyRelu& l, Real x) {
    return Functions::select(x >= 0, x, Real(l.slope) * x);
  }
  static double derivative(const LeakyRelu& l, double x) { return x >= 0 ? 1.0 : double(l.slope); }
};

TRIMTAB_OPERATOR_MODEL(LeakyRelu)

}  // namespace trimtab
