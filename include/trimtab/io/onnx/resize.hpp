#pragma once
/// \file
/// Resize and Upsample.

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/io/onnx/slice.hpp>
#include <trimtab/net/operators/pad.hpp>
#include <trimtab/net/operators/resize_linear.hpp>
#include <trimtab/net/operators/resize_nearest.hpp>
#include <vector>

namespace trimtab {
namespace detail {

/// What becomes of one of the file's axes: a scale, or an extent.
struct OnnxResized {
  std::optional<float> scale;
  std::optional<BatchInteger> extent;
  ResizeCrop crop = {};
};

/// The nodes of a resize to `axes`. What a crop has beside its input is 0; another extrapolation_value is put around what is left.
inline void apply_resize(const OnnxNode& n, OnnxActivation x, const std::vector<ResizeAxis>& axes, bool nearest,
                         const ResizeOptions& options) {
  const Operator resize = nearest ? Operator(ResizeNearest{axes, options}) : Operator(ResizeLinear{axes, options});
  std::vector<SliceAxis> kept;
  Pad around{{}, {}, PadMode::constant, n.real("extrapolation_value", 0)};
  bool beside = false;
  for (std::size_t a = 0; a < options.crop.size(); ++a) {
    const auto [begin, end] =
        axes[a].scale == 1 ? OutputsInside{0, axes[a].out} : outputs_inside(axes[a], options, options.crop[a]);
    if (begin == end) throw unsupported_error(message("roi leaves nothing of axis ", a));
    kept.push_back({begin, end - begin, 1});
    around.before.push_back(static_cast<std::ptrdiff_t>(begin));
    around.after.push_back(static_cast<std::ptrdiff_t>(axes[a].out - end));
    beside = beside || begin > 0 || end < axes[a].out;
  }
  if (beside && !is_real(x.type)) throw unsupported_error("roi of codes reaches beyond them");
  if (!beside || around.value == 0) return n.apply(std::move(x), resize);
  if (!std::isfinite(around.value)) throw unsupported_error(message("extrapolation_value ", around.value));
  x.node = n.add("whole", resize, {x.node});
  x.node = n.add("inside", Slice{kept}, {x.node});
  n.apply(std::move(x), std::move(around));
}

/// Resizes the axes; those left out stay.
inline void resize_axes(const OnnxNode& n, const std::map<std::size_t, OnnxResized>& axes, bool nearest, ResizeOptions options) {
  const bool crops = options.coordinates == ResizeCoordinates::tf_crop_and_resize;
  OnnxActivation x = n.activation(0);
  const BatchDims dims = n.import.dims(x);
  const auto stays = [&](std::size_t i) {
    const auto found = axes.find(i);
    return found == axes.end() || (found->second.scale ? *found->second.scale == 1 : *found->second.extent == dims[i]);
  };
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; i < x.rank(); ++i)
    if (!stays(i)) changed.push_back(i);
  // The specification crops axes that keep their extent, and multiplies extents by the crop's; ONNX Runtime does neither.
  for (const auto& [i, wanted] : axes)
    if ((wanted.crop.start != 0 || wanted.crop.end != 1) && (stays(i) || wanted.scale))
      throw unsupported_error(message("roi ", wanted.crop.start, " .. ", wanted.crop.end, " of axis ", i,
                                      stays(i) ? ", which keeps its extent" : " with scales; write sizes",
                                      ": runtimes do not agree on it"));
  if (changed.empty()) return n.define(std::move(x));
  x = with_single_axes(n.import, std::move(x), changed);
  std::vector<ResizeAxis> resized;
  for (const std::size_t length : n.import.extent(x)) resized.push_back({length, length, 1.0F});
  if (crops) options.crop.resize(resized.size());
  for (const std::size_t i : changed) {
    ResizeAxis& axis = resized[node_axis(x, i)];
    const OnnxResized& wanted = axes.at(i);
    if (crops) options.crop[node_axis(x, i)] = wanted.crop;
    if (wanted.scale) {
      if (!(*wanted.scale >= 0x1p-20F && *wanted.scale <= 0x1p20F)) throw unsupported_error(message("scale ", *wanted.scale));
      axis = ResizeAxis::by_scale(axis.in, *wanted.scale);
    } else {
      const std::int64_t extent = known_as<std::int64_t>(*wanted.extent);
      if (extent < 1 || extent > (1 << 24)) throw unsupported_error(message("extent ", extent));
      axis = ResizeAxis::to_extent(axis.in, static_cast<std::size_t>(extent));
    }
    if (axis.out == 0) throw unsupported_error("nothing is left");
  }
  std::vector<std::size_t> extents;
  for (const ResizeAxis& axis : resized) extents.push_back(axis.out);
  n.import.charge_extents(extents);
  apply_resize(n, std::move(x), resized, nearest, options);
}

/// nearest, linear or cubic. True for nearest.
inline bool resize_mode(const OnnxNode& n, ResizeOptions& options) {
  const std::string mode = n.text("mode", "nearest");
  if (mode == "nearest") return true;
  if (mode != "linear" && mode != "bilinear" && mode != "cubic")
    throw unsupported_error(message("mode '", mode, "' is not supported"));
  options.interpolation = mode == "cubic" ? Interpolation::cubic : Interpolation::linear;
  return false;
}

/// A scale for each of the file's axes.
inline std::map<std::size_t, OnnxResized> axis_scales(std::span<const float> scales, const std::vector<std::size_t>& axes) {
  if (scales.size() != axes.size()) throw shape_error(message(scales.size(), " scales for ", axes.size(), " axes"));
  std::map<std::size_t, OnnxResized> result;
  for (std::size_t k = 0; k < axes.size(); ++k) result[axes[k]] = {scales[k], {}};
  return result;
}
/// Gives each axis its part of roi: where the crop starts for every one, then where it ends.
inline void set_crops(const OnnxNode& n, std::map<std::size_t, OnnxResized>& wanted, const std::vector<std::size_t>& axes) {
  if (!n.has(1)) throw parse_error("tf_crop_and_resize lacks roi");
  const OnnxFloats given = n.floats(1);
  const std::span<const float> roi = given.values;
  if (roi.size() != 2 * axes.size()) throw shape_error(message("roi has ", roi.size(), " numbers for ", axes.size(), " axes"));
  for (std::size_t k = 0; k < axes.size(); ++k) wanted[axes[k]].crop = {roi[k], roi[k + axes.size()]};
}
inline std::vector<std::size_t> all_axes(const OnnxNode& n) {
  std::vector<std::size_t> axes;
  for (std::size_t i = 0; i < n.padded(0).rank(); ++i) axes.push_back(i);
  return axes;
}

/// Upsample, and Resize of opset 10: coordinates are i / scale.
inline void read_upsample(const OnnxNode& n) {
  n.require({"mode", "scales"});
  const bool attribute = n.proto.op_type() == "Upsample" && n.opset() < 9;
  n.require_inputs(attribute ? 1 : 2, attribute ? 1 : 2);
  if (n.opset() > 10) throw unsupported_error("Upsample went with opset 10");
  ResizeOptions options;
  options.coordinates = ResizeCoordinates::asymmetric;
  options.nearest_rounding = NearestRounding::floor_or_ceil;
  const bool nearest = resize_mode(n, options);
  if (attribute) {
    const auto* scales = find_attribute(n.proto, "scales", ::onnx::AttributeProto::FLOATS);
    if (scales == nullptr) throw parse_error("lacks scales");
    const std::vector<float> values(scales->floats().begin(), scales->floats().end());
    return resize_axes(n, axis_scales(values, all_axes(n)), nearest, options);
  }
  resize_axes(n, axis_scales(n.floats(1).values, all_axes(n)), nearest, options);
}

inline void read_resize(const OnnxNode& n) {
  if (n.opset() == 10) return read_upsample(n);
  n.require({"antialias", "axes", "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside", "extrapolation_value",
             "keep_aspect_ratio_policy", "mode", "nearest_mode"});
  n.require_inputs(1, 4);
  ResizeOptions options;
  const std::string coordinates = n.text("coordinate_transformation_mode", "half_pixel");
  const std::map<std::string, ResizeCoordinates> known{{"half_pixel", ResizeCoordinates::half_pixel},
                                                       {"half_pixel_symmetric", ResizeCoordinates::half_pixel_symmetric},
                                                       {"pytorch_half_pixel", ResizeCoordinates::pytorch_half_pixel},
                                                       {"align_corners", ResizeCoordinates::align_corners},
                                                       {"asymmetric", ResizeCoordinates::asymmetric},
                                                       {"tf_half_pixel_for_nn", ResizeCoordinates::tf_half_pixel_for_nn},
                                                       {"tf_crop_and_resize", ResizeCoordinates::tf_crop_and_resize}};
  if (known.count(coordinates) == 0)
    throw unsupported_error(message("coordinate_transformation_mode '", coordinates, "' is not supported"));
  options.coordinates = known.at(coordinates);
  const std::string rounding = n.text("nearest_mode", "round_prefer_floor");
  const std::map<std::string, NearestRounding> roundings{{"round_prefer_floor", NearestRounding::round_prefer_floor},
                                                         {"round_prefer_ceil", NearestRounding::round_prefer_ceil},
                                                         {"floor", NearestRounding::floor},
                                                         {"ceil", NearestRounding::ceil}};
  if (roundings.count(rounding) == 0) throw unsupported_error(message("nearest_mode '", rounding, "' is not supported"));
  options.nearest_rounding = roundings.at(rounding);
  options.cubic_coeff_a = n.real("cubic_coeff_a", -0.75F);
  if (!std::isfinite(options.cubic_coeff_a)) throw parse_error(message("cubic_coeff_a is ", options.cubic_coeff_a));
  options.exclude_outside = n.integer("exclude_outside", 0) != 0;
  const bool nearest = resize_mode(n, options);
  if (const std::string policy = n.text("keep_aspect_ratio_policy", "stretch"); policy != "stretch")
    throw unsupported_error(message("keep_aspect_ratio_policy '", policy, "' is not supported"));
  if (n.integer("antialias", 0) != 0 && !nearest) throw unsupported_error("antialias is not supported");
  if (options.exclude_outside && !nearest && options.interpolation != Interpolation::cubic)
    throw unsupported_error("exclude_outside is supported for cubic alone");
  const std::vector<std::size_t> axes = n.has_attribute("axes") ? axes_of(n.integers("axes"), n.padded(0).rank()) : all_axes(n);
  const bool crops = options.coordinates == ResizeCoordinates::tf_crop_and_resize;
  const bool by_scales = n.has(2) && !(n.is_known(2) && n.known(2).count() == 0);
  if (by_scales) {
    std::map<std::size_t, OnnxResized> wanted = axis_scales(n.floats(2).values, axes);
    if (crops) set_crops(n, wanted, axes);
    return resize_axes(n, wanted, nearest, options);
  }
  if (!n.has(3)) throw parse_error("has neither scales nor sizes");
  const BatchDims sizes = known_integers<BatchInteger>(n.known(3));
  if (sizes.size() != axes.size()) throw shape_error(message(sizes.size(), " sizes for ", axes.size(), " axes"));
  std::map<std::size_t, OnnxResized> wanted;
  const std::size_t batch = batch_axis(n.padded(0));
  for (std::size_t k = 0; k < axes.size(); ++k) {
    // A shape that begins with 1 where the batch is open was written for one element of it.
    const bool any_batch = axes[k] == batch && n.import.batch == batch_extent && sizes[k] == BatchInteger{1, 0};
    wanted[axes[k]] = {{}, any_batch ? batch_extent : sizes[k]};
  }
  if (crops) set_crops(n, wanted, axes);
  resize_axes(n, wanted, nearest, options);
}

/// By scales, or where they do not give the extents by sizes, the batch being whatever it is.
inline ::onnx::NodeProto& write_resize(OnnxWriter& w, const std::vector<ResizeAxis>& axes, const ResizeOptions& o,
                                       const OnnxCall& n) {
  const char* const coordinates[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                                     "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
  if (o.arithmetic != ResizeArithmetic::onnx)
    throw unsupported_error(message("write_onnx: node ", n.name, ": coordinates in TFLite's arithmetic"));
  if (o.coordinates == ResizeCoordinates::half_pixel_symmetric)
    throw unsupported_error(message("write_onnx: node ", n.name, ": half_pixel_symmetric came with opset 19"));
  const std::size_t rank = axes.size() + 1;
  bool by_scale = true, by_extent = true;
  for (const ResizeAxis& a : axes) {
    // Readers multiply in float or in double.
    by_scale = by_scale && (a.scale == 1 ? a.in == a.out
                                         : ResizeAxis::by_scale(a.in, a.scale).out == a.out &&
                                               static_cast<std::size_t>(double(a.in) * double(a.scale)) == a.out);
    by_extent = by_extent && ResizeAxis::to_extent(a.in, a.out).scale == a.scale;
  }
  std::vector<std::string> inputs{n.inputs[0], ""};
  if (!o.crop.empty()) {
    by_scale = false;  // readers do not agree whether a crop is a factor, too
    std::vector<float> roi(2 * rank);
    for (std::size_t i = 0; i < rank; ++i) {
      const ResizeCrop crop = i == 0 ? ResizeCrop{} : o.crop[file_layout::node_axis(rank, i) - 1];
      roi[i] = crop.start;
      roi[i + rank] = crop.end;
    }
    inputs[1] = w.row(n.name + ".roi", roi);
  }
  if (by_scale) {
    std::vector<float> scales{1};
    for (std::size_t i = 1; i < rank; ++i) scales.push_back(axes[file_layout::node_axis(rank, i) - 1].scale);
    inputs.push_back(w.row(n.name + ".scales", scales));
  } else if (by_extent) {
    const std::string batch = w.part("Slice", n, "batch",
                                     {w.part("Shape", n, "shape", n.inputs), w.integers(n.name + ".first", Extents{0}),
                                      w.integers(n.name + ".second", Extents{1})});
    const std::string sizes = w.value(n, "sizes");
    w.attribute(w.add("Concat", sizes, {batch, w.integers(n.name + ".extents", file_layout::extents(n.extent))}, sizes), "axis",
                std::int64_t{0});
    inputs.insert(inputs.end(), {"", sizes});
  } else {
    throw unsupported_error(
        message("write_onnx: node ", n.name, ": extents that follow neither from scales nor from sizes alone"));
  }
  auto& node = w.add("Resize", n.name, inputs, n.output);
  w.text(node, "coordinate_transformation_mode", coordinates[static_cast<std::size_t>(o.coordinates)]);
  return node;
}

}  // namespace detail

template <>
struct OnnxRules<ResizeNearest> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("Resize", detail::read_resize);
    readers.add("Upsample", detail::read_upsample);
  }
  static void write(detail::OnnxWriter& w, const ResizeNearest& l, const detail::OnnxCall& n) {
    const auto& o = l.options;
    const auto grows = [](const ResizeAxis& a) { return a.scale >= 1; };
    const auto shrinks = [](const ResizeAxis& a) { return a.scale <= 1; };
    const char* rounding = o.nearest_rounding == NearestRounding::round_prefer_floor  ? "round_prefer_floor"
                           : o.nearest_rounding == NearestRounding::round_prefer_ceil ? "round_prefer_ceil"
                           : o.nearest_rounding == NearestRounding::floor             ? "floor"
                           : o.nearest_rounding == NearestRounding::ceil              ? "ceil"
                           : std::all_of(l.axes.begin(), l.axes.end(), grows)         ? "floor"
                           : std::all_of(l.axes.begin(), l.axes.end(), shrinks)       ? "ceil"
                                                                                      : nullptr;
    if (rounding == nullptr)
      throw unsupported_error(
          detail::message("write_onnx: node ", n.name, ": one axis grows and one shrinks, by the rounding of opset 10"));
    auto& node = detail::write_resize(w, l.axes, o, n);
    w.text(node, "mode", "nearest");
    w.text(node, "nearest_mode", rounding);
  }
  /// What a crop has beside its input is real 0, which in Resize is code 0.
  static void write_codes(detail::OnnxCodesWriter& w, const ResizeNearest& l) {
    if (w.form() == OnnxForm::qdq || !l.options.crop.empty()) return w.write_in_float(write, l);
    w.write_on_codes(write, l, {w.codes()});
  }
};

template <>
struct OnnxRules<ResizeLinear> {
  static void write(detail::OnnxWriter& w, const ResizeLinear& l, const detail::OnnxCall& n) {
    auto& node = detail::write_resize(w, l.axes, l.options, n);
    const bool cubic = l.options.interpolation == Interpolation::cubic;
    w.text(node, "mode", cubic ? "cubic" : "linear");
    if (!cubic) return;
    w.attribute(node, "cubic_coeff_a", l.options.cubic_coeff_a);
    w.attribute(node, "exclude_outside", std::int64_t{l.options.exclude_outside});
  }
};

}  // namespace trimtab
