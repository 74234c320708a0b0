#pragma once
/// \file
/// A power with a constant exponent.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// x^exponent. Of negative numbers with a broken exponent it is no number, which counts as 0 on codes; 0 to a negative
/// one is infinite, which becomes the highest code.
struct Pow {
  float exponent = 1.0F;  ///< any
};

/// A table of codes.
template <>
struct OperatorRules<Pow> : Elementwise<Pow> {
  static constexpr const char* name = "Pow";
  static SignRule sign(const Pow& l) {
    return std::fmod(l.exponent, 2.0F) == 0 || std::floor(l.exponent) != l.exponent ? SignRule::never_negative
                                                                                    : SignRule::of_inputs;
  }
  static Clip bounds(const Pow&) { return no_clip; }
  static void visit(Pow& l, OperatorVisitor& v) { v.number("exponent", double(l.exponent)); }
  template <class Real>
  TRIMTAB_LOOP Real value(const Pow& l, Real x) {
    if (l.exponent == 2) return x * x;
    return std::pow(x, Real(l.exponent));
  }
  static double derivative(const Pow& l, double x) {
    const auto e = double(l.exponent);
    return e == 0 ? 0.0 : e * std::pow(x, e - 1);
  }
};

TRIMTAB_OPERATOR_MODEL(Pow)

}  // namespace trimtab
