#pragma once
/// \file
/// Parameters of operators that move elements, or make more of them.

#include <trimtab/io/trimtab/rules.hpp>
#include <trimtab/net/operators.hpp>

namespace trimtab {
namespace detail {

inline constexpr ChoiceNames<PadMode, 4> pad_mode_names{
    {{PadMode::constant, "constant"}, {PadMode::reflect, "reflect"}, {PadMode::edge, "edge"}, {PadMode::wrap, "wrap"}}};
inline constexpr ChoiceNames<DepthOrder, 2> depth_order_names{{{DepthOrder::dcr, "dcr"}, {DepthOrder::crd, "crd"}}};
inline constexpr ChoiceNames<ResizeCoordinates, 7> coordinates_names{
    {{ResizeCoordinates::half_pixel, "half_pixel"},
     {ResizeCoordinates::half_pixel_symmetric, "half_pixel_symmetric"},
     {ResizeCoordinates::pytorch_half_pixel, "pytorch_half_pixel"},
     {ResizeCoordinates::align_corners, "align_corners"},
     {ResizeCoordinates::asymmetric, "asymmetric"},
     {ResizeCoordinates::tf_half_pixel_for_nn, "tf_half_pixel_for_nn"},
     {ResizeCoordinates::tf_crop_and_resize, "tf_crop_and_resize"}}};
inline constexpr ChoiceNames<ResizeArithmetic, 2> resize_arithmetic_names{
    {{ResizeArithmetic::onnx, "onnx"}, {ResizeArithmetic::tflite, "tflite"}}};
inline constexpr ChoiceNames<NearestRounding, 5> nearest_rounding_names{
    {{NearestRounding::round_prefer_floor, "round_prefer_floor"},
     {NearestRounding::round_prefer_ceil, "round_prefer_ceil"},
     {NearestRounding::floor, "floor"},
     {NearestRounding::ceil, "ceil"},
     {NearestRounding::floor_or_ceil, "floor_or_ceil"}}};
inline constexpr ChoiceNames<Interpolation, 2> interpolation_names{
    {{Interpolation::linear, "linear"}, {Interpolation::cubic, "cubic"}}};

void resize_fields(auto& a, auto& l) {
  a.records("axes", l.axes, [&](auto& axis) {
    a.number("in", axis.in);
    a.length("out", axis.out);
    a.number("scale", axis.scale);
  });
  a.choice("coordinates", l.options.coordinates, coordinates_names);
  if (l.options.coordinates == ResizeCoordinates::tf_crop_and_resize)
    a.records("crop", l.options.crop, [&](auto& crop) {
      a.number("start", crop.start);
      a.number("end", crop.end);
    });
  a.choice("arithmetic", l.options.arithmetic, resize_arithmetic_names);
}
void block_fields(auto& a, auto& l) {
  a.number("block", l.block);
  a.choice("order", l.order, depth_order_names);
}

}  // namespace detail

template <>
struct FileRules<Concat> {
  static void fields(auto& a, auto& l) { a.number("axis", l.axis); }
};
template <>
struct FileRules<DepthToSpace> {
  static void fields(auto& a, auto& l) { detail::block_fields(a, l); }
};
template <>
struct FileRules<Expand> {
  static void fields(auto& a, auto& l) { a.numbers("extent", l.extent); }
};
template <>
struct FileRules<Gather> {
  static void fields(auto& a, auto& l) {
    a.number("axis", l.axis);
    a.numbers("indices", l.indices);
  }
};
template <>
struct FileRules<Pad> {
  static void fields(auto& a, auto& l) {
    a.numbers("before", l.before);
    a.numbers("after", l.after);
    a.choice("mode", l.mode, detail::pad_mode_names);
    a.number("value", l.value);
  }
};
template <>
struct FileRules<Reshape> {
  static void fields(auto& a, auto& l) { a.numbers("extent", l.extent); }
};
template <>
struct FileRules<ResizeLinear> {
  static void fields(auto& a, auto& l) {
    detail::resize_fields(a, l);
    a.choice("interpolation", l.options.interpolation, detail::interpolation_names);
    a.number("cubic_coeff_a", l.options.cubic_coeff_a);
    a.number("exclude_outside", l.options.exclude_outside);
  }
};
template <>
struct FileRules<ResizeNearest> {
  static void fields(auto& a, auto& l) {
    detail::resize_fields(a, l);
    a.choice("nearest_rounding", l.options.nearest_rounding, detail::nearest_rounding_names);
  }
};
template <>
struct FileRules<Slice> {
  static void fields(auto& a, auto& l) {
    a.records("axes", l.axes, [&](auto& axis) {
      a.number("start", axis.start);
      a.number("count", axis.count);
      a.number("step", axis.step);
    });
  }
};
template <>
struct FileRules<SpaceToDepth> {
  static void fields(auto& a, auto& l) { detail::block_fields(a, l); }
};
template <>
struct FileRules<Tile> {
  static void fields(auto& a, auto& l) { a.numbers("repeats", l.repeats); }
};
template <>
struct FileRules<Transpose> {
  static void fields(auto& a, auto& l) { a.numbers("order", l.order); }
};

}  // namespace trimtab
