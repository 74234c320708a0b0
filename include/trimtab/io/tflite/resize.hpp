#pragma once
/// \file
/// RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR.

#include <trimtab/io/tflite/gathers.hpp>
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

inline std::int32_t write_resized(TfliteWriter& w, tflite::OperatorCode code, tflite::Options options) {
  const Extents& y = w.node().extent;
  return w.moved(code, 2, {{static_cast<std::int32_t>(y[0]), static_cast<std::int32_t>(y[1])}}, std::move(options));
}

/// By the taps along each axis: what each tap takes, by its weights, and the sum of that.
inline std::int32_t write_taps(TfliteWriter& w, const ResizeLinear& l) {
  using Code = tflite::OperatorCode;
  Extents extent = w.extent_in();
  std::int32_t x = w.tensor_in();
  const std::vector<ResizeTaps> all = resize_taps(l.axes, l.options);
  for (std::size_t a = 0; a < all.size(); ++a) {
    const ResizeTaps& t = all[a];
    if (t.taps == 0) continue;
    extent[a] = t.out;
    std::vector<std::int32_t> shape(extent.size() + 1, 1);
    shape[a + 1] = static_cast<std::int32_t>(t.out);
    std::int32_t sum = x;
    for (std::size_t tap = 0; tap < t.taps; ++tap) {
      std::vector<std::int32_t> from;
      std::vector<float> weight;
      for (std::size_t i = tap; i < t.from.size(); i += t.taps) {
        from.push_back(static_cast<std::int32_t>(t.from[i]));
        weight.push_back(t.weight[i]);
      }
      const std::string part = message("/axis", a, "/tap", tap);
      const std::int32_t taken = write_gather(w, x, a, from, part, w.activations(w.node().name + part, extent, {}));
      const std::int32_t weights = w.reals(w.node().name + part + "/weights", shape, weight);
      const std::int32_t share = w.on_way(Code::mul, (part + "/share").c_str(), {taken, weights}, extent, {21});
      sum = tap == 0 ? share : w.on_way(Code::add, (part + "/sum").c_str(), {sum, share}, extent, {11});
    }
    x = sum;
  }
  return x;
}

}  // namespace detail

template <>
struct TfliteRules<ResizeLinear> {
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::resize_bilinear, detail::read_resize_bilinear);
  }
  /// RESIZE_BILINEAR keeps its input's grid; with a grid of its own, or other coordinates than TFLite's, it is one of reals.
  static TfliteForm form(const detail::TfliteWriter& w, const ResizeLinear& l) {
    const bool same = w.grid().scale == w.grid_in().scale && w.grid().zero_point == w.grid_in().zero_point;
    return same && OperatorRules<ResizeLinear>::has_fixed_point(l, {}) ? TfliteForm::both : TfliteForm::reals;
  }
  static std::int32_t write(detail::TfliteWriter& w, const ResizeLinear& l) {
    if (!OperatorRules<ResizeLinear>::has_fixed_point(l, {})) return detail::write_taps(w, l);
    tflite::Options options{15};
    options.byte(2, l.options.coordinates == ResizeCoordinates::align_corners)
        .byte(3, l.options.coordinates == ResizeCoordinates::half_pixel);
    return detail::write_resized(w, tflite::OperatorCode::resize_bilinear, std::move(options));
  }
};
/// By other coordinates than TFLite's, GATHER along each axis.
template <>
struct TfliteRules<ResizeNearest> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::resize_nearest_neighbor, detail::read_resize_nearest);
  }
  static std::int32_t write(detail::TfliteWriter& w, const ResizeNearest& l) {
    const ResizeOptions& o = l.options;
    const bool corners = o.coordinates == ResizeCoordinates::align_corners,
               half = o.coordinates == ResizeCoordinates::tf_half_pixel_for_nn;
    const Extents& y = w.node().extent;
    if (o.arithmetic != ResizeArithmetic::tflite || !(corners || half || o.coordinates == ResizeCoordinates::asymmetric) ||
        o.nearest_rounding != (corners ? NearestRounding::round_prefer_ceil : NearestRounding::floor) || y.size() != 3 ||
        y[2] != w.extent_in()[2])
      return detail::write_gathers(w, OperatorRules<ResizeNearest>::movement(l, w.extent_in()));
    return detail::write_resized(w, tflite::OperatorCode::resize_nearest_neighbor,
                                 tflite::Options{74}.byte(0, corners).byte(1, half));
  }
};

}  // namespace trimtab
