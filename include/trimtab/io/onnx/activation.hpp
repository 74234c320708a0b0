#pragma once
/// \file
/// A value that a network computes, as an ONNX file sees it: with other axes than the node that holds it.

#include <cstddef>
#include <memory>
#include <string>
#include <trimtab/core/conv_geometry.hpp>
#include <trimtab/io/onnx/element_type.hpp>
#include <trimtab/net/graph/network.hpp>
#include <vector>

namespace trimtab::detail {

/// The axes of a node that together are one axis of the file's tensor, the slowest first; none for an extent of 1. Axis 0 is the
/// batch, axis k is extent k - 1.
using NodeAxes = std::vector<std::size_t>;

/// What Pad put around the pixels of a node of H W C, before a window takes it over.
struct OnnxPadding {
  Padding pixels;
  float value = 0;                          ///< 0, or less than any number
  std::shared_ptr<const std::string> name;  ///< of the Pad
};

/// A node and how the file sees it. Transposing, flattening and what takes flattening back change `axes` alone:
///   N C H W held as N H W C     axes {0} {3} {1} {2}
///   flattened to N (C H W)      axes {0} {3 1 2}
/// Every axis of the node whose extent is not 1 stands in one place of `axes`, others in at most one. The batch may be missing
/// where the file sets it to 1.
struct OnnxActivation {
  NodeId node = 0;
  std::vector<NodeAxes> axes;
  OnnxType type = OnnxType::float32;              ///< in the file
  OnnxPadding padding = {};                       ///< around the node's axes 1 and 2
  std::shared_ptr<const std::string> maker = {};  ///< name of the operator that gave it its axes

  bool padded() const { return padding.pixels != Padding{}; }
  std::size_t rank() const { return axes.size(); }
};

/// Place of the batch among the file's axes; the rank where it is missing.
inline std::size_t batch_axis(const OnnxActivation& x) {
  for (std::size_t i = 0; i < x.axes.size(); ++i)
    for (const std::size_t axis : x.axes[i])
      if (axis == 0) return i;
  return x.axes.size();
}

/// One axis of the node for each of the file's, of which `order` tells the places: axis order[j] of the file is axis j of the
/// node.
inline std::vector<NodeAxes> axes_in_order(const std::vector<std::size_t>& order) {
  std::vector<NodeAxes> axes(order.size());
  for (std::size_t j = 0; j < order.size(); ++j) axes[order[j]] = {j};
  return axes;
}

}  // namespace trimtab::detail
