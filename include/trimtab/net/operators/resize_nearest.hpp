#pragma once
/// \file
/// A picture of other extents, each element the nearest of the input.

#include <trimtab/net/operators/moves_elements.hpp>
#include <trimtab/net/operators/resized_axes.hpp>

namespace trimtab {

/// y[o0, o1, ...] = x[nearest(o0), nearest(o1), ...]; see ops/resize_taps.hpp.
struct ResizeNearest {
  std::vector<ResizeAxis> axes;  ///< for every axis, batch excluded
  ResizeOptions options = {};    ///< coordinates, arithmetic and nearest_rounding
};

/// A movement: elements may be repeated or left out.
template <>
struct OperatorRules<ResizeNearest> : MovesElements<ResizeNearest> {
  static constexpr const char* name = "ResizeNearest";
  static ScalingRule scaling(const ResizeNearest& l) { return detail::resized_scaling(l.axes); }
  static Movement movement(const ResizeNearest& l, const Extents& x) {
    detail::require_resized(l.axes, x);
    return nearest_resize_movement(l.axes, l.options);
  }
  static void visit(ResizeNearest& l, OperatorVisitor& v) {
    detail::visit_axes(l.axes, l.options, v);
    v.number("nearest_rounding", double(l.options.nearest_rounding));
  }
};

TRIMTAB_OPERATOR_MODEL(ResizeNearest)

}  // namespace trimtab
