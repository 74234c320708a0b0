#pragma once
/// \file
/// Weight codes of a real network, for kernels whose speed depends on them.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <trimtab/io/onnx/read.hpp>
#include <trimtab/net/operators/conv2d.hpp>
#include <trimtab/net/operators/depthwise_conv2d.hpp>
#include <trimtab/net/operators/linear.hpp>
#include <trimtab/net/passes/fold.hpp>
#include <vector>

namespace real_weights {

/// O KH KW I/groups codes of the first layer of each shape, these four numbers: a threshold a filter, at its largest weight.
/// Throws as read_onnx does.
inline std::map<std::array<std::size_t, 4>, std::vector<std::int8_t>> read(const std::string& path) {
  using namespace trimtab;
  const Network network = fold_batch_norm(read_onnx(path).network);
  std::map<std::array<std::size_t, 4>, std::vector<std::int8_t>> all;
  const auto add = [&](const std::array<std::size_t, 4>& shape, std::size_t filters, const float* weight, std::size_t depth,
                       std::size_t filter_step, std::size_t step) {
    std::vector<std::int8_t> codes;
    for (std::size_t o = 0; o < filters; ++o) {
      const auto at = [&](std::size_t k) { return weight[o * filter_step + k * step]; };
      float largest = 0;
      for (std::size_t k = 0; k < depth; ++k) largest = std::max(largest, std::abs(at(k)));
      for (std::size_t k = 0; k < depth; ++k)
        codes.push_back(largest > 0 ? static_cast<std::int8_t>(std::lrint(at(k) / largest * 127.0F)) : std::int8_t{0});
    }
    all.emplace(shape, std::move(codes));
  };
  for (NodeId id = 0; id < network.size(); ++id) {
    if (const auto* conv = network[id].op.get_if<Conv2d>()) {
      const Extents e = view(conv->weight).extent;
      add({e[0], e[1], e[2], e[3]}, e[0], conv->weight.data(), e[1] * e[2] * e[3], e[1] * e[2] * e[3], 1);
    } else if (const auto* depthwise = network[id].op.get_if<DepthwiseConv2d>()) {
      const Extents e = view(depthwise->weight).extent;
      add({e[2], e[0], e[1], 1}, e[2], depthwise->weight.data(), e[0] * e[1], 1, e[2]);
    } else if (const auto* linear = network[id].op.get_if<Linear>()) {
      const Extents e = view(linear->weight).extent;
      add({e[0], 1, 1, e[1]}, e[0], linear->weight.data(), e[1], e[1], 1);
    }
  }
  return all;
}

}  // namespace real_weights
