#pragma once
/// \file
/// Tensors side by side along the last axis.

#include <span>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/parallel.hpp>

namespace trimtab {

namespace detail {

/// Throws shape_error, naming `function`, unless the parts are dense, agree with y in all axes but the last, and fill y's last
/// axis.
template <class T, class U>
void require_parts(std::span<const TensorView<T>> parts, const TensorView<U>& y, const char* function) {
  std::size_t channels = 0;
  for (const TensorView<T>& part : parts) {
    channels_last_view(part, function);
    Extents widened = part.extent;
    widened[widened.size() - 1] = y.extent.back();
    require_extents(widened, y.extent, function);
    channels += part.extent.back();
  }
  if (channels != y.extent.back())
    throw shape_error(message(function, ": ", channels, " channels side by side for extents ", y.extent));
}

/// Calls body(part, whole, count) with offsets into one part and into the whole for each stretch of channels.
template <class Body>
void for_each_part_row(std::size_t rows, std::size_t part_channels, std::size_t channels, std::size_t first, const Body& body) {
  const std::size_t grain = (std::size_t{1} << 14) / std::max<std::size_t>(1, part_channels) + 1;
  parallel_ranges(rows, grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) body(row * part_channels, row * channels + first, part_channels);
  });
}

}  // namespace detail

/// y[..., first(p) + c] = parts[p][..., c], where first(p) is the number of channels of the parts before. Throws shape_error when
/// extents do not fit.
template <class Real, Tensor Y>
void concat_forward(std::span<const TensorView<const Real>> parts, Y&& y) {
  static_assert(std::is_same_v<Real, value_t<Y>>, "trimtab: concat takes tensors of one element type");
  const auto yv = detail::channels_last_view(y, "concat_forward: y");
  detail::require_parts(parts, yv, "concat_forward: parts");
  for (const TensorView<const Real>& part : parts) detail::require_apart("concat_forward", yv, part);
  if (yv.size() == 0) return;
  const std::size_t channels = yv.extent.back(), rows = yv.size() / channels;
  std::size_t first = 0;
  for (const TensorView<const Real>& part : parts) {
    detail::for_each_part_row(rows, part.extent.back(), channels, first,
                              [&](std::size_t from, std::size_t to, std::size_t count) {
                                for (std::size_t c = 0; c < count; ++c) yv.data[to + c] = part.data[from + c];
                              });
    first += part.extent.back();
  }
}

/// grad_parts[p][..., c] += grad_y[..., first(p) + c]; a part whose data is null is not wanted.
template <class Real, Tensor G>
void concat_backward(const G& grad_y, std::span<const TensorView<Real>> grad_parts) {
  static_assert(std::is_same_v<Real, value_t<const G>>, "trimtab: concat takes tensors of one element type");
  const auto gv = detail::channels_last_view(grad_y, "concat_backward: grad_y");
  detail::require_parts(grad_parts, gv, "concat_backward: grad_parts");
  for (const TensorView<Real>& part : grad_parts) detail::require_apart("concat_backward", part, gv);
  if (gv.size() == 0) return;
  const std::size_t channels = gv.extent.back(), rows = gv.size() / channels;
  std::size_t first = 0;
  for (const TensorView<Real>& part : grad_parts) {
    if (part.data)
      detail::for_each_part_row(rows, part.extent.back(), channels, first,
                                [&](std::size_t to, std::size_t from, std::size_t count) {
                                  for (std::size_t c = 0; c < count; ++c) part.data[to + c] += gv.data[from + c];
                                });
    first += part.extent.back();
  }
}

}  // namespace trimtab
