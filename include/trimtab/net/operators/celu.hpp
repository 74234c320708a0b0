#pragma once
/// \file
/// An ELU whose slope has no step.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// x, or alpha * (e^(x / alpha) - 1) where x is negative; alpha above 0.
struct Celu {
  float alpha = 1.0F;  ///< -alpha is where it goes
};

/// A table of codes.
template <>
struct OperatorRules<Celu> : Elementwise<Celu> {
  static constexpr const char* name = "Celu";
  static SignRule sign(const Celu&) { return SignRule::of_inputs; }
  static Clip bounds(const Celu& l) { return {-l.alpha, std::numeric_limits<float>::infinity()}; }
  static void check(const Celu& l, const Extents&, const std::string& node) {
    if (!(l.alpha > 0))
      throw value_error(detail::message("Network::add: node ", node, ": Celu needs an alpha above 0, got ", l.alpha));
  }
  static void visit(Celu& l, OperatorVisitor& v) { v.number("alpha", double(l.alpha)); }
  template <class Real>
  TRIMTAB_LOOP Real value(const Celu& l, Real x) {
    return Functions::select(x >= 0, x, Real(l.alpha) * Functions::expm1_below(x / Real(l.alpha)));
  }
  static double derivative(const Celu& l, double x) { return x >= 0 ? 1.0 : std::exp(x / double(l.alpha)); }
};

TRIMTAB_OPERATOR_MODEL(Celu)

}  // namespace trimtab
