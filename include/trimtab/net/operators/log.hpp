#pragma once
/// \file
/// The natural logarithm.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// log(x): no number below 0, which counts as 0 on codes, and -infinity at 0, which becomes the lowest code.
struct Log {};

/// A table of codes.
template <>
struct OperatorRules<Log> : Elementwise<Log> {
  static constexpr const char* name = "Log";
  static SignRule sign(const Log&) { return SignRule::any; }
  static Clip bounds(const Log&) { return no_clip; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Log&, Real x) {
    return std::log(x);
  }
  static double derivative(const Log&, double x) { return 1 / x; }
};

TRIMTAB_OPERATOR_MODEL(Log)

}  // namespace trimtab
