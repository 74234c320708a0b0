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
