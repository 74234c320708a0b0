#pragma once
/// \file
/// The same numbers, seen with other extents.

#include <trimtab/net/operators/moves_elements.hpp>

namespace trimtab {

/// All elements in row-major order, with other extents of as many elements.
struct Reshape {
  Extents extent;  ///< of the output, batch excluded
};

/// The same bytes. The last axis may count anything afterwards, so factors on channels end here.
template <>
struct OperatorRules<Reshape> : KeepsElements<Reshape> {
  static constexpr const char* name = "Reshape";
  static ScalingRule scaling(const Reshape&) { return ScalingRule::stops; }
  static Extents extent(const Reshape& l, std::span<const Extents> in, const std::string& node) {
    if (element_count(in[0]) != element_count(l.extent))
      detail::refuse_extents(node, "extents ", in[0], " cannot become ", l.extent);
    return l.extent;
  }
  static void visit(Reshape& l, OperatorVisitor& v) { v.numbers("extent", l.extent); }
};

TRIMTAB_OPERATOR_MODEL(Reshape)

}  // namespace trimtab
