#pragma once
/// \file
/// The geometry of convolution and pooling windows over NHWC tensors, shared by float and int8 layers.

#include <cstdint>
#include <limits>
#include <trimtab/core/error.hpp>
#include <trimtab/core/tensor_view.hpp>

namespace trimtab {

/// Pixels of padding on each side; the sides may differ.
struct Padding {
  std::size_t top = 0, left = 0, bottom = 0, right = 0;  ///< pixels
  friend bool operator==(const Padding&, const Padding&) = default;
};

/// How a window walks over a picture. Strides and dilations are 1 or more.
struct WindowOptions {
  std::size_t stride_h = 1, stride_w = 1;      ///< pixels between windows
  Padding padding = {};                        ///< around the input
  std::size_t dilation_h = 1, dilation_w = 1;  ///< pixels between neighbours in a window
  friend bool operator==(const WindowOptions&, const WindowOptions&) = default;
};

/// Every extent of a window operation. Input N H W C, output N OH OW O, window KH KW.
struct WindowGeometry {
  std::size_t n, h, w, c;           ///< of the input
  std::size_t out_h, out_w, out_c;  ///< of the output
  std::size_t kernel_h, kernel_w;   ///< of the window
  WindowOptions options;            ///< strides, padding, dilation
  std::size_t groups = 1;           ///< input and output channels fall into this many independent groups

  std::size_t group_in() const { return c / groups; }          ///< input channels of a group
  std::size_t group_out() const { return out_c / groups; }     ///< output channels of a group
  Extents input() const { return {n, h, w, c}; }               ///< N H W C
  Extents output() const { return {n, out_h, out_w, out_c}; }  ///< N OH OW O
  /// Multiplications and additions, pairs counted once, padding included.
  double macs() const {
    return double(n) * double(out_h) * double(out_w) * double(out_c) * double(kernel_h) * double(kernel_w) * double(group_in());
  }
};

namespace detail {

/// Output length of one axis: floor((in + before + after - dilated kernel) / stride) + 1.
inline std::size_t window_positions(std::size_t in, std::size_t before, std::size_t after, std::size_t kernel,
                                    std::size_t dilation, std::size_t stride, const char* what) {
  // Far above any real layer; keeps every product of extents below clear of overflow.
  constexpr std::size_t limit = std::size_t{1} << 24;
  if (kernel < 1 || dilation < 1 || stride < 1)
    throw shape_error(message(what, ": kernel, dilation and stride are 1 or more, got ", kernel, ", ", dilation, ", ", stride));
  if (in > limit || before > limit || after > limit || kernel > limit || dilation > limit || stride > limit)
    throw shape_error(message(what, ": an extent is beyond ", limit));
  const std::size_t span = dilation * (kernel - 1) + 1;
  if (in + before + after < span)
    throw shape_error(message(what, ": a window of ", span, " does not fit into ", in, " + padding ", before, " + ", after));
  return (in + before + after - span) / stride + 1;
}

}  // namespace detail

/// Geometry of a window of kernel_h x kernel_w over an input of extents N H W C that gives out_c channels.
/// Throws shape_error when the window does not fit, or groups do not divide the channels; `what` names the caller.
inline WindowGeometry window_geometry(const Extents& input, std::size_t kernel_h, std::size_t kernel_w, std::size_t out_c,
                                      const WindowOptions& options, std::size_t groups, const char* what) {
  if (input.size() != 4) throw shape_error(detail::message(what, ": expected input extents N H W C, got ", input));
  if (groups < 1 || input[3] % groups != 0 || out_c % groups != 0)
    throw shape_error(
        detail::message(what, ": ", groups, " groups do not divide ", input[3], " input and ", out_c, " output channels"));
  const Padding& p = options.padding;
  return {input[0],
          input[1],
          input[2],
          input[3],
          detail::window_positions(input[1], p.top, p.bottom, kernel_h, options.dilation_h, options.stride_h, what),
          detail::window_positions(input[2], p.left, p.right, kernel_w, options.dilation_w, options.stride_w, what),
          out_c,
          kernel_h,
          kernel_w,
          options,
          groups};
}

}  // namespace trimtab
