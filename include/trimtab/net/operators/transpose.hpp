#pragma once
/// \file
/// Axes in another order.

#include <trimtab/net/operators/moves_elements.hpp>

namespace trimtab {

/// Axis i of y is axis order[i] of x.
struct Transpose {
  std::vector<std::size_t> order;  ///< each axis once, batch excluded
};

/// The same bytes where only axes of one element change places. Channels stay channels where the last axis stays.
template <>
struct OperatorRules<Transpose> : MovesElements<Transpose> {
  static constexpr const char* name = "Transpose";
  static ScalingRule scaling(const Transpose& l) {
    return !l.order.empty() && l.order.back() + 1 == l.order.size() ? ScalingRule::commutes : ScalingRule::stops;
  }
  static Movement movement(const Transpose& l, const Extents& x) { return transpose_movement(x, l.order); }
  static void visit(Transpose& l, OperatorVisitor& v) { v.numbers("order", l.order); }
};

TRIMTAB_OPERATOR_MODEL(Transpose)

}  // namespace trimtab
