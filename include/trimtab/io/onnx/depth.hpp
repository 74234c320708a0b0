#pragma once
/// \file
/// DepthToSpace and SpaceToDepth.

#include <string>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/net/operators/depth_to_space.hpp>
#include <trimtab/net/operators/space_to_depth.hpp>

namespace trimtab {
namespace detail {

inline std::size_t block_size(const OnnxNode& n) {
  n.require_inputs(1, 1);
  const std::int64_t block = n.integer("blocksize", 0);
  if (block < 1 || block > 4096) throw parse_error(message("blocksize ", block));
  return static_cast<std::size_t>(block);
}
/// N C H W as a node of H W C.
inline OnnxActivation whole_picture(const OnnxNode& n) {
  const OnnxActivation x = n.activation(0);
  if (x.rank() != 4) throw shape_error(message("expected an input of N C H W, got rank ", x.rank()));
  return picture(n.import, x);
}

inline void read_depth_to_space(const OnnxNode& n) {
  n.require({"blocksize", "mode"});
  const std::string mode = n.text("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") throw unsupported_error(message("mode '", mode, "' is not supported"));
  if (n.opset() < 11 && n.has_attribute("mode")) throw unsupported_error("mode came with opset 11");
  n.apply(whole_picture(n), DepthToSpace{block_size(n), mode == "DCR" ? DepthOrder::dcr : DepthOrder::crd});
}
inline void read_space_to_depth(const OnnxNode& n) {
  n.require({"blocksize"});
  n.apply(whole_picture(n), SpaceToDepth{block_size(n), DepthOrder::dcr});
}

}  // namespace detail

template <>
struct OnnxRules<DepthToSpace> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("DepthToSpace", detail::read_depth_to_space, detail::OnnxElements::picked);
  }
  static void write(detail::OnnxWriter& w, const DepthToSpace& l, const detail::OnnxCall& n) {
    auto& node = w.add("DepthToSpace", n);
    w.attribute(node, "blocksize", static_cast<std::int64_t>(l.block));
    w.text(node, "mode", l.order == DepthOrder::dcr ? "DCR" : "CRD");
  }
};
template <>
struct OnnxRules<SpaceToDepth> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("SpaceToDepth", detail::read_space_to_depth, detail::OnnxElements::picked);
  }
  /// ONNX has the order dcr; the other one is a Transpose between two Reshapes.
  static void write(detail::OnnxWriter& w, const SpaceToDepth& l, const detail::OnnxCall& n) {
    if (l.order == DepthOrder::dcr) {
      w.attribute(w.add("SpaceToDepth", n), "blocksize", static_cast<std::int64_t>(l.block));
      return;
    }
    const Extents &x = n.in[0], &y = n.extent;
    const std::string squares = w.reshaped(n, "squares", n.inputs[0], {x[2], y[0], l.block, y[1], l.block});
    const std::string blocks = w.transposed(n, "blocks", squares, {0, 1, 3, 5, 2, 4});
    w.add("Reshape", n.name, {blocks, w.integers(n.name + ".shape", Extents{0, y[2], y[0], y[1]})}, n.output);
  }
};

}  // namespace trimtab
