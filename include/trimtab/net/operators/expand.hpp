#pragma once
/// \file
/// Axes of one element as long as others want them.

#include <trimtab/net/operators/moves_elements.hpp>

namespace trimtab {

/// x and `extent` broadcast against each other by numpy's rule, batch excluded: axes of one element are repeated, axes in front
/// are added.
struct Expand {
  Extents extent;  ///< 1 where x's own extent is to stay
};

/// One channel may become many, which is known not to be so where `extent` ends in 1.
template <>
struct OperatorRules<Expand> : MovesElements<Expand> {
  static constexpr const char* name = "Expand";
  static ScalingRule scaling(const Expand& l) {
    return l.extent.size() == 0 || l.extent.back() == 1 ? ScalingRule::commutes : ScalingRule::stops;
  }
  static Movement movement(const Expand& l, const Extents& x) { return expand_movement(x, l.extent); }
  static void visit(Expand& l, OperatorVisitor& v) { v.numbers("extent", l.extent); }
};

TRIMTAB_OPERATOR_MODEL(Expand)

}  // namespace trimtab
