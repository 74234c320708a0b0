#pragma once
/// \file
/// A part of each axis.

#include <trimtab/net/operators/moves_elements.hpp>

namespace trimtab {

/// The elements of one axis that stay.
using SliceAxis = AxisSlice;

/// y[i0, i1, ...] = x[start0 + i0 * step0, start1 + i1 * step1, ...].
struct Slice {
  std::vector<SliceAxis> axes;  ///< for every axis, batch excluded
};

/// The rule of channels does not know how many there are, so factors end here, whichever axes are cut.
template <>
struct OperatorRules<Slice> : MovesElements<Slice> {
  static constexpr const char* name = "Slice";
  static ScalingRule scaling(const Slice&) { return ScalingRule::stops; }
  static Movement movement(const Slice& l, const Extents& x) { return slice_movement(x, l.axes); }
  static void visit(Slice& l, OperatorVisitor& v) {
    for (const SliceAxis& axis : l.axes) {
      v.number("start", double(axis.start));
      v.number("count", double(axis.count));
      v.number("step", double(axis.step));
    }
  }
};

TRIMTAB_OPERATOR_MODEL(Slice)

}  // namespace trimtab
