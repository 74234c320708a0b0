#pragma once
/// \file
/// Extents of operators that slide a window over H W C.

#include <string>
#include <trimtab/core/conv_geometry.hpp>
#include <trimtab/net/graph/operator.hpp>

namespace trimtab::detail {

/// H W C of the only input, or a shape_error.
inline const Extents& picture_extent(std::span<const Extents> in, const std::string& node) {
  if (in[0].size() != 3) refuse_extents(node, "expected an input of H W C, got ", in[0]);
  return in[0];
}

/// OH OW O of a window over H W C.
inline Extents windowed_extent(std::span<const Extents> in, std::size_t kernel_h, std::size_t kernel_w, std::size_t out_c,
                               const WindowOptions& window, std::size_t groups, const std::string& node) {
  const Extents& x = picture_extent(in, node);
  const WindowGeometry g = window_geometry({1, x[0], x[1], x[2]}, kernel_h, kernel_w, out_c, window, groups, node.c_str());
  return {g.out_h, g.out_w, g.out_c};
}

/// Throws shape_error, naming the node, where one of `windows` along an axis of `length` pixels sees padding alone.
inline void require_pixels(std::size_t length, std::size_t kernel, std::size_t stride, std::size_t dilation, std::size_t before,
                           std::size_t windows, const std::string& node) {
  const auto sees = [&](std::size_t window) {
    const std::size_t from = window * stride, tap = from >= before ? 0 : (before - from + dilation - 1) / dilation;
    return tap < kernel && from + tap * dilation - before < length;
  };
  bool all = sees(windows - 1);
  for (std::size_t window = 0; window < windows && window * stride < before && all; ++window) all = sees(window);
  if (!all) refuse_extents(node, "a window lies in the padding as a whole, over ", length, " pixels");
}
/// windowed_extent of a pool, whose windows all see a pixel.
inline Extents pooled_extent(std::span<const Extents> in, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& window,
                             const std::string& node) {
  const Extents& x = picture_extent(in, node);
  const Extents y = windowed_extent(in, kernel_h, kernel_w, x[2], window, 1, node);
  require_pixels(x[0], kernel_h, window.stride_h, window.dilation_h, window.padding.top, y[0], node);
  require_pixels(x[1], kernel_w, window.stride_w, window.dilation_w, window.padding.left, y[1], node);
  return y;
}

/// `what` has to have `wanted` numbers.
inline void require_length(std::size_t got, std::size_t wanted, const char* what, const std::string& node) {
  if (got != wanted) refuse_extents(node, what, " has ", got, " numbers, expected ", wanted);
}
/// A bias has one number for each output channel, or none.
inline void require_bias(std::size_t got, std::size_t outputs, const std::string& node) {
  if (got != 0) require_length(got, outputs, "bias", node);
}

inline void visit_window(const WindowOptions& w, OperatorVisitor& v) {
  v.numbers("window", std::initializer_list<std::size_t>{w.stride_h, w.stride_w, w.padding.top, w.padding.left, w.padding.bottom,
                                                         w.padding.right, w.dilation_h, w.dilation_w});
}

}  // namespace trimtab::detail
