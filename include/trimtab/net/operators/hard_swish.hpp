#pragma once
/// \file
/// Swish by a sigmoid made of straight lines.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// x * clamp(x / 6 + 1/2, 0, 1): 0 below -3, x above 3, least at -1.5.
struct HardSwish {};

/// A table of codes.
template <>
struct OperatorRules<HardSwish> : Elementwise<HardSwish> {
  static constexpr const char* name = "HardSwish";
  static SignRule sign(const HardSwish&) { return SignRule::of_inputs; }
  static Clip bounds(const HardSwish&) { return {-0.375F, std::numeric_limits<float>::infinity()}; }
  template <class Real>
  TRIMTAB_LOOP Real value(const HardSwish&, Real x) {
    return x * Functions::unit(x / 6 + Real(0.5));
  }
  static double derivative(const HardSwish&, double x) { return x < -3 ? 0.0 : x > 3 ? 1.0 : x / 3 + 0.5; }
};

TRIMTAB_OPERATOR_MODEL(HardSwish)

}  // namespace trimtab
