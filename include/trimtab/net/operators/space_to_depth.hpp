#pragma once
/// \file
/// Squares of pixels as blocks of channels.

#include <trimtab/net/operators/moves_elements.hpp>

namespace trimtab {

/// H W C to H/b W/b C*b*b; the formula stands at space_to_depth_movement.
struct SpaceToDepth {
  std::size_t block = 1;               ///< b: pixels on a side of a square
  DepthOrder order = DepthOrder::dcr;  ///< of channels
};

/// A channel of the output is not a channel of the input.
template <>
struct OperatorRules<SpaceToDepth> : MovesElements<SpaceToDepth> {
  static constexpr const char* name = "SpaceToDepth";
  static ScalingRule scaling(const SpaceToDepth&) { return ScalingRule::stops; }
  static Movement movement(const SpaceToDepth& l, const Extents& x) { return space_to_depth_movement(x, l.block, l.order); }
  static void visit(SpaceToDepth& l, OperatorVisitor& v) {
    v.number("block", double(l.block));
    v.number("order", double(l.order));
  }
};

TRIMTAB_OPERATOR_MODEL(SpaceToDepth)

}  // namespace trimtab
