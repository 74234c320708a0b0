#pragma once
/// \file
/// Blocks of channels as squares of pixels.

#include <trimtab/net/operators/moves_elements.hpp>

namespace trimtab {

/// H W C to H*b W*b C/(b*b); the formula stands at depth_to_space_movement.
struct DepthToSpace {
  std::size_t block = 1;               ///< b: pixels on a side of a square
  DepthOrder order = DepthOrder::dcr;  ///< of channels
};

/// A channel of the output is not a channel of the input.
template <>
struct OperatorRules<DepthToSpace> : MovesElements<DepthToSpace> {
  static constexpr const char* name = "DepthToSpace";
  static ScalingRule scaling(const DepthToSpace&) { return ScalingRule::stops; }
  static Movement movement(const DepthToSpace& l, const Extents& x) { return depth_to_space_movement(x, l.block, l.order); }
  static void visit(DepthToSpace& l, OperatorVisitor& v) {
    v.number("block", double(l.block));
    v.number("order", double(l.order));
  }
};

TRIMTAB_OPERATOR_MODEL(DepthToSpace)

}  // namespace trimtab
