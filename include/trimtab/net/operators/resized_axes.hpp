#pragma once
/// \file
/// What both resizing operators have in common: their axes and options.

#include <trimtab/net/graph/operator.hpp>
#include <trimtab/ops/resize_taps.hpp>
#include <vector>

namespace trimtab::detail {

/// Throws unless the axes are made for extents x.
inline void require_resized(const std::vector<ResizeAxis>& axes, const Extents& x) {
  Extents in;
  for (const ResizeAxis& axis : axes) in.push_back(axis.in);
  if (in != x) throw shape_error(message("axes of ", in, " elements for extents ", x));
}

/// Channels stay channels where their axis stays.
inline ScalingRule resized_scaling(const std::vector<ResizeAxis>& axes) {
  return !axes.empty() && axes.back().scale == 1.0F ? ScalingRule::commutes : ScalingRule::stops;
}

inline void visit_axes(const std::vector<ResizeAxis>& axes, const ResizeOptions& o, OperatorVisitor& v) {
  for (const ResizeAxis& axis : axes) {
    v.number("in", double(axis.in));
    v.number("out", double(axis.out));
    v.number("scale", double(axis.scale));
  }
  for (const ResizeCrop& crop : o.crop) {
    v.number("crop_start", double(crop.start));
    v.number("crop_end", double(crop.end));
  }
  v.number("coordinates", double(o.coordinates));
  v.number("arithmetic", double(o.arithmetic));
}

}  // namespace trimtab::detail
