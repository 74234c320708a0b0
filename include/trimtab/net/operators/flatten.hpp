#pragma once
/// \file
/// A picture as one row of numbers.

#include <trimtab/net/operators/moves_elements.hpp>

namespace trimtab {

/// H W C to H*W*C in that order.
struct Flatten {};

/// The same bytes.
template <>
struct OperatorRules<Flatten> : KeepsElements<Flatten> {
  static constexpr const char* name = "Flatten";
  static ScalingRule scaling(const Flatten&) { return ScalingRule::commutes; }
  static Extents extent(const Flatten&, std::span<const Extents> in, const std::string&) { return {element_count(in[0])}; }
  static void visit(Flatten&, OperatorVisitor&) {}
};

TRIMTAB_OPERATOR_MODEL(Flatten)

}  // namespace trimtab
