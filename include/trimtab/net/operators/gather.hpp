#pragma once
/// \file
/// Chosen elements of one axis.

#include <trimtab/net/operators/moves_elements.hpp>

namespace trimtab {

/// y[.., j, ..] = x[.., indices[j], ..] along `axis`.
struct Gather {
  std::size_t axis = 0;              ///< batch excluded
  std::vector<std::size_t> indices;  ///< each less than the axis' extent
};

/// Channels may be what is chosen from, so factors end here.
template <>
struct OperatorRules<Gather> : MovesElements<Gather> {
  static constexpr const char* name = "Gather";
  static ScalingRule scaling(const Gather&) { return ScalingRule::stops; }
  static Movement movement(const Gather& l, const Extents& x) {
    std::vector<std::int64_t> indices;
    for (const std::size_t i : l.indices) {
      if (l.axis < x.size() && i >= x[l.axis])
        throw value_error(detail::message("Gather: index ", i, " is not on axis ", l.axis, " of extents ", x));
      indices.push_back(static_cast<std::int64_t>(i));
    }
    return gather_movement(x, l.axis, indices, {indices.size()});
  }
  static void visit(Gather& l, OperatorVisitor& v) {
    v.number("axis", double(l.axis));
    v.numbers("indices", l.indices);
  }
};

TRIMTAB_OPERATOR_MODEL(Gather)

}  // namespace trimtab
