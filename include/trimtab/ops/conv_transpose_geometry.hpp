#pragma once
/// \file
/// The extents of a transposed convolution, shared by float and int8 layers.

#include <trimtab/core/conv_geometry.hpp>

namespace trimtab {

/// Rows and columns that a transposed convolution has more below and on the right, where several extents would lead back to its
/// input's.
struct OutputPadding {
  std::size_t h = 0, w = 0;  ///< pixels
  friend bool operator==(const OutputPadding&, const OutputPadding&) = default;
};

namespace detail {

/// Output length of one axis: (in - 1) * stride + dilation * (kernel - 1) + 1 + more - before - after.
inline std::size_t transposed_positions(std::size_t in, std::size_t before, std::size_t after, std::size_t kernel,
                                        std::size_t dilation, std::size_t stride, std::size_t more, const char* what) {
  constexpr std::size_t limit = std::size_t{1} << 24;  // see window_positions
  if (in < 1 || kernel < 1 || dilation < 1 || stride < 1)
    throw shape_error(message(what, ": input, kernel, dilation and stride are 1 or more, got ", in, ", ", kernel, ", ", dilation,
                              ", ", stride));
  for (const std::size_t extent : {in, before, after, kernel, dilation, stride, more})
    if (extent > limit) throw shape_error(message(what, ": an extent is beyond ", limit));
  const std::size_t whole = (in - 1) * stride + dilation * (kernel - 1) + 1 + more;
  if (whole <= before + after) throw shape_error(message(what, ": padding ", before, " + ", after, " leaves nothing of ", whole));
  if (whole - before - after > limit) throw shape_error(message(what, ": an extent is beyond ", limit));
  return whole - before - after;
}

}  // namespace detail

/// The geometry of the convolution whose gradient a transposed one is: its input N H W C is y, its output N OH OW O is x. x is N
/// H W I, the weight O KH KW I/groups with O output channels. Throws shape_error when padding leaves nothing, or groups do not
/// divide the channels; `what` names the caller.
inline WindowGeometry conv_transpose2d_geometry(const Extents& x, const Extents& weight, const WindowOptions& options,
                                                const OutputPadding& more, std::size_t groups, const char* what) {
  if (x.size() != 4) throw shape_error(detail::message(what, ": expected input extents N H W C, got ", x));
  if (weight.size() != 4) throw shape_error(detail::message(what, ": expected weight extents O KH KW I/groups, got ", weight));
  if (groups < 1 || x[3] % groups != 0 || weight[0] % groups != 0)
    throw shape_error(
        detail::message(what, ": ", groups, " groups do not divide ", x[3], " input and ", weight[0], " output channels"));
  detail::require_extents(weight, {weight[0], weight[1], weight[2], x[3] / groups}, what);
  const Padding& p = options.padding;
  return {x[0],
          detail::transposed_positions(x[1], p.top, p.bottom, weight[1], options.dilation_h, options.stride_h, more.h, what),
          detail::transposed_positions(x[2], p.left, p.right, weight[2], options.dilation_w, options.stride_w, more.w, what),
          weight[0],
          x[1],
          x[2],
          x[3],
          weight[1],
          weight[2],
          options,
          groups};
}

}  // namespace trimtab
