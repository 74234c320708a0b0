#pragma once
/// \file
/// Which input elements an output element of a resized axis comes from, and with what weights: the coordinates of ONNX's Resize
/// and Upsample and of TFLite's RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <trimtab/core/error.hpp>
#include <trimtab/ops/movement_makers.hpp>
#include <vector>

namespace trimtab {

/// Where output element i lies on the input's axis, with s = scale: x(i) is, in ONNX's words,
enum class ResizeCoordinates {
  half_pixel,            ///< (i + 0.5) / s - 0.5
  half_pixel_symmetric,  ///< the same, moved by (in / 2) * (1 - out / (s * in)), so that what rounding the extent cut off is cut
                         ///< on both sides
  pytorch_half_pixel,    ///< half_pixel, but 0 where out is 1
  align_corners,         ///< i * (in - 1) / (out - 1), and 0 where out is 1
  asymmetric,            ///< i / s
  tf_half_pixel_for_nn,  ///< (i + 0.5) / s
  tf_crop_and_resize     ///< crop.start * (in - 1) + i * (crop.end - crop.start) * (in - 1) / (out - 1), and the crop's middle
                         ///< where out is 1
};

/// How those formulas are computed in float32; near ties it decides which element is the nearest one.
enum class ResizeArithmetic {
  onnx,   ///< as written, as ONNX Runtime does
  tflite  ///< with products by in / out, or (in - 1) / (out - 1), in place of the divisions; the scale is out / in
};

/// The element at x that nearest takes. The first two count x as half-way where it is so within 1e-6, as ONNX Runtime does
/// since 1.30.
enum class NearestRounding {
  round_prefer_floor,  ///< the nearest, of two the lower one
  round_prefer_ceil,   ///< the nearest, of two the upper one
  floor,               ///< the one below
  ceil,                ///< the one above
  floor_or_ceil        ///< Upsample, and Resize of opset 10: below, but above where the axis shrinks
};

/// A polynomial through 2 neighbours or 4.
enum class Interpolation { linear, cubic };

/// The part of an axis that tf_crop_and_resize stretches: 0 is its first element and 1 its last one. It may reach beyond them, or
/// run backwards.
struct ResizeCrop {
  float start = 0, end = 1;
};

/// Everything but the extents.
struct ResizeOptions {
  ResizeCoordinates coordinates = ResizeCoordinates::half_pixel;           ///< see there
  ResizeArithmetic arithmetic = ResizeArithmetic::onnx;                    ///< see there
  NearestRounding nearest_rounding = NearestRounding::round_prefer_floor;  ///< of nearest alone
  Interpolation interpolation = Interpolation::linear;                     ///< of what is not nearest
  float cubic_coeff_a = -0.75F;                                            ///< of cubic
  bool exclude_outside =
      false;  ///< of cubic: elements outside weigh nothing and the others share it; else the edge goes on outside
  std::vector<ResizeCrop> crop = {};  ///< of tf_crop_and_resize, one for every axis; of all others none
};

/// An axis of one picture. Its scale is what coordinates are computed with.
struct ResizeAxis {
  std::size_t in, out;  ///< extents
  float scale;          ///< 1 leaves the axis as it is

  /// `out` is in * scale, a product in float32, without its fraction. Throws value_error unless 2^-28 <= scale <= 2^28.
  static ResizeAxis by_scale(std::size_t in, float scale) {
    if (!(scale >= 0x1p-28F && scale <= 0x1p28F))
      throw value_error(detail::message("ResizeAxis: scale ", scale, " is beyond 2^-28 .. 2^28"));
    return {in, static_cast<std::size_t>(std::min(static_cast<float>(in) * scale, 0x1p60F)), scale};
  }
  /// The scale is out / in in float32. Throws shape_error for something from nothing.
  static ResizeAxis to_extent(std::size_t in, std::size_t out) {
    if (in == 0 && out > 0) throw shape_error(detail::message("ResizeAxis: no element to make ", out, " of"));
    return {in, out, in == 0 ? 1.0F : static_cast<float>(out) / static_cast<float>(in)};
  }
};

/// The taps of one axis: y[o] = sum over t < taps of weight[o * taps + t] * x[from[o * taps + t]]. No weights: y is x.
struct ResizeTaps {
  std::size_t in, out;            ///< extents
  std::size_t taps = 0;           ///< per output: 2 or 4; 0 where the axis stays as it is
  std::vector<std::size_t> from;  ///< elements of the input's axis
  std::vector<float> weight;      ///< of each
};

namespace detail {

/// True where ONNX Runtime copies: the axis has scale 1, or no axis changes its extent.
inline bool stays(std::span<const ResizeAxis> axes, std::size_t axis) {
  return axes[axis].scale == 1.0F || std::all_of(axes.begin(), axes.end(), [](const ResizeAxis& a) { return a.in == a.out; });
}

/// The whole axis where nothing is cropped.
inline ResizeCrop crop_of(const ResizeOptions& options, std::size_t axis) {
  return options.crop.empty() ? ResizeCrop{} : options.crop[axis];
}

/// Throws unless every axis can be resized.
inline void require_resizable(std::span<const ResizeAxis> axes, const ResizeOptions& options, const char* what) {
  constexpr std::size_t longest = std::size_t{1} << 28;
  if (options.crop.size() != (options.coordinates == ResizeCoordinates::tf_crop_and_resize ? axes.size() : 0))
    throw value_error(message(what, ": ", options.crop.size(), " crops for ", axes.size(),
                              " axes; tf_crop_and_resize has one for each, other coordinates have none"));
  for (std::size_t a = 0; a < axes.size(); ++a) {
    const ResizeAxis& axis = axes[a];
    if ((axis.in == 0) != (axis.out == 0) || axis.in > longest || axis.out > longest)
      throw shape_error(message(what, ": axis ", a, " of ", axis.in, " elements cannot have ", axis.out));
    if (!(axis.scale >= 0x1p-28F && axis.scale <= 0x1p28F))
      throw value_error(message(what, ": scale ", axis.scale, " of axis ", a, " is beyond 2^-28 .. 2^28"));
    if (axis.in > 0 && axis.scale == 1.0F && axis.in != axis.out)
      throw value_error(message(what, ": axis ", a, " with scale 1 has ", axis.in, " elements and would have ", axis.out));
    if (axis.in > 0 && options.arithmetic == ResizeArithmetic::tflite &&
        axis.scale != static_cast<float>(axis.out) / static_cast<float>(axis.in))
      throw value_error(
          message(what, ": scale ", axis.scale, " of axis ", a, " is not ", axis.out, " / ", axis.in, ", as TFLite's is"));
    const ResizeCrop crop = crop_of(options, a);
    if (!(std::abs(crop.start) <= 0x1p20F && std::abs(crop.end) <= 0x1p20F))
      throw value_error(message(what, ": crop ", crop.start, " .. ", crop.end, " of axis ", a, " is beyond 2^20"));
    if (stays(axes, a) && (crop.start != 0 || crop.end != 1))
      throw value_error(message(what, ": crop ", crop.start, " .. ", crop.end, " of axis ", a, ", which is copied as it is"));
  }
}

/// The product of two floats, rounded once. It goes through double, where it is exact, so that no compiler makes one FMA of it
/// and a sum.
inline float rounded_product(float a, float b) { return static_cast<float>(double(a) * double(b)); }

/// x(i) of an axis whose scale is not 1.
inline float resize_coordinate(std::size_t index, const ResizeAxis& axis, const ResizeOptions& options, const ResizeCrop& crop) {
  const auto i = static_cast<float>(index), in = static_cast<float>(axis.in), out = static_cast<float>(axis.out);
  const bool divides = options.arithmetic == ResizeArithmetic::onnx;
  const float ratio = in / out;
  const auto scaled = [&](float v) { return divides ? v / axis.scale : rounded_product(v, ratio); };
  switch (options.coordinates) {
    case ResizeCoordinates::half_pixel:
      return scaled(i + 0.5F) - 0.5F;
    case ResizeCoordinates::half_pixel_symmetric: {
      const float adjustment = out / (axis.scale * in), offset = (in / 2) * (1 - adjustment);
      return static_cast<float>(double(offset) + (double(i) + 0.5) / double(axis.scale) - 0.5);
    }
    case ResizeCoordinates::pytorch_half_pixel:
      return axis.out > 1 ? scaled(i + 0.5F) - 0.5F : 0.0F;
    case ResizeCoordinates::align_corners:
      if (axis.out == 1) return 0.0F;
      return divides ? i * (in - 1) / (out - 1) : rounded_product(i, (in - 1) / (out - 1));
    case ResizeCoordinates::asymmetric:
      return scaled(i);
    case ResizeCoordinates::tf_half_pixel_for_nn:
      return scaled(i + 0.5F);
    case ResizeCoordinates::tf_crop_and_resize:
      if (axis.out == 1) return static_cast<float>(0.5 * double(crop.start + crop.end) * double(in - 1));
      return rounded_product(crop.start, in - 1) + i * (crop.end - crop.start) * (in - 1) / (out - 1);
  }
  throw value_error(message("resize: no coordinates ", static_cast<int>(options.coordinates)));
}

/// True where a crop looks beside its axis, where everything is 0.
inline bool beside_axis(float x, const ResizeAxis& axis, const ResizeOptions& options) {
  return options.coordinates == ResizeCoordinates::tf_crop_and_resize && !(x >= 0 && x <= static_cast<float>(axis.in - 1));
}

/// The outputs of an axis that do not look beside it, from one to before another.
struct OutputsInside {
  std::size_t begin = 0, end = 0;
};
inline OutputsInside outputs_inside(const ResizeAxis& axis, const ResizeOptions& options, const ResizeCrop& crop) {
  const auto beside = [&](std::size_t i) { return beside_axis(resize_coordinate(i, axis, options, crop), axis, options); };
  OutputsInside found;
  while (found.begin < axis.out && beside(found.begin)) ++found.begin;
  found.end = found.begin;
  while (found.end < axis.out && !beside(found.end)) ++found.end;
  return found;
}

/// The element of an axis that nearest takes for coordinate x.
inline std::size_t nearest_element(float x, const ResizeAxis& axis, NearestRounding rounding) {
  const bool tie = std::abs(x - std::floor(x) - 0.5F) <= 1e-6F;
  const auto round = [&] {
    switch (rounding) {
      case NearestRounding::round_prefer_floor:
        return tie ? std::floor(x) : std::round(x);
      case NearestRounding::round_prefer_ceil:
        return tie ? std::ceil(x) : std::round(x);
      case NearestRounding::floor:
        return std::floor(x);
      case NearestRounding::ceil:
        return std::ceil(x);
      case NearestRounding::floor_or_ceil:
        return axis.scale < 1 ? std::ceil(x) : std::trunc(x);
    }
    throw value_error(message("resize: no rounding ", static_cast<int>(rounding)));
  };
  const float element = round();
  return element > 0 ? std::min(static_cast<std::size_t>(element), axis.in - 1) : 0;  // below 2^57, see require_resizable
}

/// The two neighbours of x, which is held inside the axis.
inline void add_linear_taps(float x, const ResizeAxis& axis, ResizeTaps& t) {
  const float held = std::max(0.0F, std::min(x, static_cast<float>(axis.in - 1)));
  const std::size_t lower = std::min(static_cast<std::size_t>(held), axis.in - 1), upper = std::min(lower + 1, axis.in - 1);
  const bool one = lower == upper;
  t.from.insert(t.from.end(), {lower, upper});
  t.weight.insert(t.weight.end(), {one ? 0.5F : std::abs(held - static_cast<float>(upper)),
                                   one ? 0.5F : std::abs(held - static_cast<float>(lower))});
}

/// Keys' cubic through the four neighbours of x, with r its distance from the second:
///   |d| <= 1  (a + 2) |d|^3 - (a + 3) |d|^2 + 1,     |d| < 2  a |d|^3 - 5 a |d|^2 + 8 a |d| - 4 a
/// in double by FMAs that are written out, so that every compiler gives the same weights; each is rounded to float32 once.
inline void add_cubic_taps(float x, const ResizeAxis& axis, const ResizeOptions& options, ResizeTaps& t) {
  const double a = double(options.cubic_coeff_a), below = std::floor(double(x)), r = double(x - static_cast<float>(below));
  const auto near = [a](double d) { return std::fma(std::fma(a + 2, d, -(a + 3)) * d, d, 1.0); };
  const auto far = [a](double d) { return std::fma(std::fma(std::fma(a, d, -5 * a), d, 8 * a), d, -4 * a); };
  std::array<double, 4> weight{far(r + 1), near(r), near(1 - r), far(2 - r)};
  const auto last = static_cast<double>(axis.in - 1);
  double sum = 1;
  if (options.exclude_outside) {
    sum = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const double at = below - 1 + double(k);
      if (at < 0 || at > last) weight[k] = 0;
      sum += weight[k];
    }
    if (sum == 0) throw value_error(message("resize: no element of an axis of ", axis.in, " has a weight at ", x));
  }
  for (std::size_t k = 0; k < 4; ++k) {
    t.from.push_back(static_cast<std::size_t>(std::clamp(below - 1 + double(k), 0.0, last)));
    t.weight.push_back(static_cast<float>(weight[k] / sum));
  }
}

}  // namespace detail

/// Nearest along every axis of a picture whose extents are those of the axes. Where an axis has scale 1, or no axis changes its
/// extent, elements are copied. Throws shape_error when an axis cannot have its extents, value_error for a scale that is not
/// finite and positive, is 1 for another extent, or with TFLite's arithmetic is not out / in, and for crops that are not one an
/// axis, are beyond 2^20, or are of an axis that is copied.
inline Movement nearest_resize_movement(std::span<const ResizeAxis> axes, const ResizeOptions& options) {
  const char* what = "nearest_resize_movement";
  detail::require_resizable(axes, options, what);
  Extents x;
  for (const ResizeAxis& axis : axes) x.push_back(axis.in);
  const std::vector<std::size_t> step = detail::element_steps(x);
  Movement m;
  for (std::size_t a = 0; a < axes.size(); ++a) {
    const bool stays = detail::stays(axes, a);
    const ResizeCrop crop = detail::crop_of(options, a);
    std::vector<std::size_t>& offset = detail::add_movement_axis(m, axes[a].out, what);
    for (std::size_t i = 0; i < offset.size(); ++i) {
      const float at = stays ? 0.0F : detail::resize_coordinate(i, axes[a], options, crop);
      if (!stays && detail::beside_axis(at, axes[a], options))
        offset[i] = Movement::outside;
      else
        offset[i] = step[a] * (stays ? i : detail::nearest_element(at, axes[a], options.nearest_rounding));
    }
  }
  return m;
}

/// The taps of linear or cubic interpolation along every axis. Throws as nearest_resize_movement does, and value_error when
/// exclude_outside leaves an output nothing.
inline std::vector<ResizeTaps> resize_taps(std::span<const ResizeAxis> axes, const ResizeOptions& options) {
  detail::require_resizable(axes, options, "resize_taps");
  std::vector<ResizeTaps> all;
  for (std::size_t a = 0; a < axes.size(); ++a) {
    const ResizeAxis& axis = axes[a];
    ResizeTaps& t = all.emplace_back(ResizeTaps{axis.in, axis.out, 0, {}, {}});
    if (detail::stays(axes, a)) continue;
    const ResizeCrop crop = detail::crop_of(options, a);
    t.taps = options.interpolation == Interpolation::linear ? 2 : 4;
    t.from.reserve(axis.out * t.taps);
    t.weight.reserve(axis.out * t.taps);
    for (std::size_t i = 0; i < axis.out; ++i) {
      const float x = detail::resize_coordinate(i, axis, options, crop);
      if (detail::beside_axis(x, axis, options)) {
        t.from.insert(t.from.end(), t.taps, 0);
        t.weight.insert(t.weight.end(), t.taps, 0.0F);
      } else if (options.interpolation == Interpolation::linear) {
        detail::add_linear_taps(x, axis, t);
      } else {
        detail::add_cubic_taps(x, axis, options, t);
      }
    }
  }
  return all;
}

}  // namespace trimtab
