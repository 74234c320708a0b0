#pragma once
/// \file
/// A network of one's own for int8_bench: an ONNX file, float or quantized, and its layers with weights.

#include <cstdio>
#include <filesystem>
#include <string>
#include <trimtab/core/random_source.hpp>
#include <trimtab/io/onnx/read.hpp>
#include <trimtab/io/onnx/read_quantized.hpp>
#include <trimtab/net/operators/conv2d.hpp>
#include <trimtab/net/operators/depthwise_conv2d.hpp>
#include <trimtab/net/operators/linear.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/passes/simplify.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <vector>

#include "int8_layers.hpp"

namespace bench {

struct NetworkFile {
  std::string name;  ///< the file's, without its ending
  LoweredNetwork network;
  std::vector<Shape> layers;  ///< in order
};

/// A float network is quantized at 8 bits, a threshold a filter, with the ranges of one drawn input: good for speed alone.
inline LoweredNetwork read_integers(const std::string& path) {
  try {
    const Network network = simplify(read_onnx(path).network);
    RandomSource random(1);
    std::vector<Array> x;
    for (const NodeId id : network.inputs()) {
      detail::resize_batch(1, network[id].extent, x.emplace_back());
      for (float& v : x.back()) v = random.uniform(-1.0F, 1.0F);
    }
    const auto drawn = [&](std::span<const std::size_t>) { return x; };
    return lower(quantize(network, calibrate(network, drawn, 1, MinMaxObserver<float>{}), {}));
  } catch (const unsupported_error&) {
    return read_quantized_onnx(path).network;  // which says what is wrong with a file that is neither
  }
}

/// Throws as read_onnx and read_quantized_onnx do. Says on standard error how many layers have no row: those with weights that
/// are no convolution, and those in float.
inline NetworkFile read_network_file(const std::string& path) {
  NetworkFile file{std::filesystem::path(path).stem().string(), read_integers(path), {}};
  std::size_t left_out = 0;
  for (const LoweredNode& node : file.network.nodes) {
    if (!node.layer) {
      left_out += node.op->weighted() != nullptr;
      continue;
    }
    const TensorView<const std::int8_t> weight = node.layer->weight();
    const Extents& x = file.network.nodes[node.inputs[0].node].extent;
    const Extents& e = weight.extent;
    if (const auto* conv = node.op.get_if<Conv2d>()) {
      const WindowGeometry g = window_geometry({1, x[0], x[1], x[2]}, e[1], e[2], e[0], conv->window, conv->groups, "int8_bench");
      file.layers.push_back(shape_of(g, {weight.data, weight.data + weight.size()}));
    } else if (const auto* depthwise = node.op.get_if<DepthwiseConv2d>()) {
      const WindowGeometry g = window_geometry({1, x[0], x[1], x[2]}, e[0], e[1], e[2], depthwise->window, e[2], "int8_bench");
      std::vector<std::int8_t> by_channel(weight.size());
      const std::size_t taps = e[0] * e[1];
      for (std::size_t c = 0; c < e[2]; ++c)
        for (std::size_t t = 0; t < taps; ++t) by_channel[c * taps + t] = weight.data[t * e[2] + c];
      file.layers.push_back(shape_of(g, std::move(by_channel)));
    } else if (node.op.is<Linear>()) {
      const std::size_t rows = element_count(x) / x.back();
      file.layers.push_back(shape_of(window_geometry({1, 1, rows, e[1]}, 1, 1, e[0], {}, 1, "int8_bench"),
                                     {weight.data, weight.data + weight.size()}));
    } else {
      ++left_out;
    }
  }
  if (left_out > 0)
    std::fprintf(stderr, "int8_bench: %zu layers of %s have no row: in float, or no convolution\n", left_out, path.c_str());
  return file;
}

}  // namespace bench
