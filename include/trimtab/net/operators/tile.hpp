#pragma once
/// \file
/// A picture several times, side by side.

#include <trimtab/net/operators/moves_elements.hpp>

namespace trimtab {

/// y[i0, i1, ...] = x[i0 mod X0, i1 mod X1, ...]: each axis repeats[a] times.
struct Tile {
  std::vector<std::size_t> repeats;  ///< for every axis, batch excluded
};

/// Channels stay channels where they are not repeated.
template <>
struct OperatorRules<Tile> : MovesElements<Tile> {
  static constexpr const char* name = "Tile";
  static ScalingRule scaling(const Tile& l) {
    return !l.repeats.empty() && l.repeats.back() == 1 ? ScalingRule::commutes : ScalingRule::stops;
  }
  static Movement movement(const Tile& l, const Extents& x) { return tile_movement(x, l.repeats); }
  static void visit(Tile& l, OperatorVisitor& v) { v.numbers("repeats", l.repeats); }
};

TRIMTAB_OPERATOR_MODEL(Tile)

}  // namespace trimtab
