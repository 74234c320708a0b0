#pragma once
/// \file
/// Down to a whole number.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// The greatest whole number that is not above x. A staircase: its derivative is 0.
struct Floor {};

/// A table of codes.
template <>
struct OperatorRules<Floor> : Elementwise<Floor> {
  static constexpr const char* name = "Floor";
  static SignRule sign(const Floor&) { return SignRule::of_inputs; }
  static Clip bounds(const Floor&) { return no_clip; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Floor&, Real x) {
    return std::floor(x);
  }
  static double derivative(const Floor&, double) { return 0; }
};

TRIMTAB_OPERATOR_MODEL(Floor)

}  // namespace trimtab
