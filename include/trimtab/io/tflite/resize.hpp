#pragma once
/// \file
/// RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR.

#include <trimtab/io/tflite/rules.hpp>
#include <trimtab/net/operators/resize_linear.hpp>
#include <trimtab/net/operators/resize_nearest.hpp>

namespace trimtab {
namespace detail {

/// From input 0 to the extents that the file gives the output.
inline std::vector<ResizeAxis> resized_axes(const TfliteNode& n) {
  n.require(2, 2);
  const Extents x = n.extent(0), y = n.output_extent();
  if (x.size() != 3 || y.size() != 3 || x[2] != y[2]) throw shape_error(message("extents ", x, " become ", y));
  return {ResizeAxis::to_extent(x[0], y[0]), ResizeAxis::to_extent(x[1], y[1]), ResizeAxis::to_extent(x[2], y[2])};
}
/// Fields of the options that say whether corners lie on corners, and whether pixels have their centres between.
inline ResizeOptions resize_options(const TfliteNode& n, std::int32_t corners, std::int32_t centers,
                                    ResizeCoordinates of_centers) {
  const bool align = n.byte(corners) != 0, half = n.byte(centers) != 0;
  if (align && half) throw unsupported_error("align_corners with half_pixel_centers");
  ResizeOptions o;
  o.arithmetic = ResizeArithmetic::tflite;
  o.coordinates = align ? ResizeCoordinates::align_corners : half ? of_centers : ResizeCoordinates::asymmetric;
  o.nearest_rounding = align ? NearestRounding::round_prefer_ceil : NearestRounding::floor;
  return o;
}
inline void read_resize_bilinear(const TfliteNode& n) {
  n.become(ResizeLinear{resized_axes(n), resize_options(n, 2, 3, ResizeCoordinates::half_pixel)}, {n.node(0)});
}
inline void read_resize_nearest(const TfliteNode& n) {
  n.become(ResizeNearest{resized_axes(n), resize_options(n, 0, 1, ResizeCoordinates::tf_half_pixel_for_nn)}, {n.node(0)});
}

}  // namespace detail

template <>
struct TfliteRules<ResizeLinear> {
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::resize_bilinear, detail::read_resize_bilinear);
  }
};
template <>
struct TfliteRules<ResizeNearest> {
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::resize_nearest_neighbor, detail::read_resize_nearest);
  }
};

}  // namespace trimtab
