#pragma once
/// \file
/// Bilinear resizing of codes as TFLite's kernels do it.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/ops/resize_taps.hpp>
#include <vector>

namespace trimtab::int8 {
namespace detail {

/// Whether TFLite's RESIZE_BILINEAR is such an interpolation: over rows and columns of H W C, in its own coordinates.
inline bool is_tflite_bilinear(std::span<const ResizeAxis> axes, const ResizeOptions& o) {
  return axes.size() == 3 && axes[2].in == axes[2].out && axes[0].in > 0 && axes[1].in > 0 &&
         o.arithmetic == ResizeArithmetic::tflite && o.interpolation == Interpolation::linear &&
         (o.coordinates == ResizeCoordinates::half_pixel || o.coordinates == ResizeCoordinates::align_corners ||
          o.coordinates == ResizeCoordinates::asymmetric);
}

/// The two neighbours of an output, and how far it is from the first one.
template <class Number>
struct Neighbours {
  std::size_t lower, upper;
  Number distance;
};

/// In steps of 2^-10, with r = 2^10 in / out rounded, or of the extents less 1 for corners on corners:
///   t = r i, or for half pixels r i + r / 2 - 2^9;   max(t / 2^10, 0) and min((t + 2^10 - 1) / 2^10, in - 1)
inline std::vector<Neighbours<std::int32_t>> integer_neighbours(const ResizeAxis& axis, ResizeCoordinates coordinates) {
  const bool corners = coordinates == ResizeCoordinates::align_corners && axis.out > 1;
  const auto in = static_cast<std::int32_t>(axis.in), out = static_cast<std::int32_t>(axis.out), less = corners ? 1 : 0;
  const std::int32_t ratio = (1024 * (in - less) + (out - less) / 2) / (out - less);
  std::vector<Neighbours<std::int32_t>> all;
  for (std::int32_t i = 0; i < out; ++i) {
    const std::int32_t at = i * ratio + (coordinates == ResizeCoordinates::half_pixel ? ratio / 2 - 512 : 0);
    const std::int32_t lower = std::max(at / 1024, 0), upper = std::min((at + 1023) / 1024, in - 1);
    all.push_back(
        {static_cast<std::size_t>(std::min(lower, in - 1)), static_cast<std::size_t>(std::max(upper, 0)), at - 1024 * lower});
  }
  return all;
}
/// The same in float32.
inline std::vector<Neighbours<float>> float_neighbours(const ResizeAxis& axis, const ResizeOptions& options) {
  std::vector<Neighbours<float>> all;
  const float last = static_cast<float>(axis.in - 1);
  for (std::size_t i = 0; i < axis.out; ++i) {
    const float at = ::trimtab::detail::resize_coordinate(i, axis, options, {}), lower = std::clamp(std::floor(at), 0.0F, last);
    all.push_back({static_cast<std::size_t>(lower), static_cast<std::size_t>(std::clamp(std::ceil(at), 0.0F, last)), at - lower});
  }
  return all;
}

/// y[n, i, j, c] = value(four neighbours, distance in rows, distance in columns), the neighbours being lower lower, lower upper,
/// upper lower, upper upper in rows and columns.
template <class Number, class Value>
void resize_by(const TensorView<const std::uint8_t>& x, const std::vector<Neighbours<Number>>& rows,
               const std::vector<Neighbours<Number>>& columns, const TensorView<std::uint8_t>& y, const Value& value) {
  const std::size_t width = x.extent[2], channels = x.extent[3];
  parallel_ranges(x.extent[0] * rows.size(), 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      const Neighbours<Number>& v = rows[row % rows.size()];
      const std::uint8_t* const picture = x.data + row / rows.size() * x.extent[1] * width * channels;
      const std::uint8_t *const above = picture + v.lower * width * channels, *const below = picture + v.upper * width * channels;
      std::uint8_t* to = y.data + row * columns.size() * channels;
      for (const Neighbours<Number>& h : columns)
        for (std::size_t c = 0; c < channels; ++c)
          *to++ = value(above[h.lower * channels + c], above[h.upper * channels + c], below[h.lower * channels + c],
                        below[h.upper * channels + c], v.distance, h.distance);
    }
  });
}

}  // namespace detail

/// TFLite's RESIZE_BILINEAR of N H W C, whose codes q are bytes less `origin`. Of int8, 128, in integers with distances of 10
/// bits: the sum of q (2^10 - dy) (2^10 - dx) and so on, divided by 2^20 to the nearest, ties away from zero. Of uint8, 0, in
/// float32: the sum of q ((1 - dy) (1 - dx)) and so on in that order, plus 1/2, without its fraction. Throws value_error for
/// another interpolation (is_tflite_bilinear), shape_error where extents do not fit.
inline void resize_bilinear_fixed_point(const TensorView<const std::uint8_t>& x, std::span<const ResizeAxis> axes,
                                        const ResizeOptions& options, std::int32_t origin, const TensorView<std::uint8_t>& y) {
  if (!detail::is_tflite_bilinear(axes, options))
    throw value_error("resize_bilinear_fixed_point: no interpolation of TFLite's RESIZE_BILINEAR");
  const std::size_t n = x.rank() == 0 ? 0 : x.extent[0];
  ::trimtab::detail::require_extents(x.extent, Extents{n, axes[0].in, axes[1].in, axes[2].in}, "resize_bilinear_fixed_point: x");
  ::trimtab::detail::require_extents(y.extent, Extents{n, axes[0].out, axes[1].out, axes[2].out},
                                     "resize_bilinear_fixed_point: y");
  ::trimtab::detail::require_apart("resize_bilinear_fixed_point", y, x);
  for (const ResizeAxis& axis : axes.first(2))
    if (std::max(axis.in, axis.out) >= (std::size_t{1} << 20))
      throw value_error(::trimtab::detail::message("resize_bilinear_fixed_point: an extent of ", std::max(axis.in, axis.out)));
  if (origin != 0) {
    const auto interpolated = [origin](std::int32_t a, std::int32_t b, std::int32_t c, std::int32_t d, std::int32_t dy,
                                       std::int32_t dx) {
      const auto part = [](std::int32_t q, std::int32_t v, std::int32_t h) { return std::int64_t{q} * v * h; };
      const std::int64_t sum = part(a - origin, 1024 - dy, 1024 - dx) + part(b - origin, 1024 - dy, dx) +
                               part(c - origin, dy, 1024 - dx) + part(d - origin, dy, dx);
      return static_cast<std::uint8_t>((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20) + origin);
    };
    detail::resize_by(x, detail::integer_neighbours(axes[0], options.coordinates),
                      detail::integer_neighbours(axes[1], options.coordinates), y, interpolated);
    return;
  }
  const auto interpolated = [](std::int32_t a, std::int32_t b, std::int32_t c, std::int32_t d, float dy, float dx) {
    using ::trimtab::detail::rounded_product;
    const auto part = [](std::int32_t q, float v, float h) {
      return rounded_product(static_cast<float>(q), rounded_product(v, h));
    };
    const float sum = part(a, 1 - dy, 1 - dx) + part(b, 1 - dy, dx) + part(c, dy, 1 - dx) + part(d, dy, dx) + 0.5F;
    return static_cast<std::uint8_t>(std::clamp(sum, 0.0F, 255.0F));
  };
  detail::resize_by(x, detail::float_neighbours(axes[0], options), detail::float_neighbours(axes[1], options), y, interpolated);
}

}  // namespace trimtab::int8
