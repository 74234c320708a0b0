#pragma once
// A network with every operator that can be written, weights drawn by a seeded generator.

#include <array>
#include <random>
#include <trimtab/net/graph/network.hpp>

inline trimtab::Network every_operator_network() {
  using namespace trimtab;
  std::mt19937 generator(7);
  const auto fill = [&](auto tensor) {
    for (float& v : tensor) v = static_cast<float>(generator() >> 8) / 16777216.0F - 0.5F;
    return tensor;
  };
  const auto vector = [&](std::size_t n) { return fill(xt::xtensor<float, 1>::from_shape({n})); };
  const auto filters = [&](std::array<std::size_t, 4> shape) { return fill(xt::xtensor<float, 4>::from_shape(shape)); };

  Network network;
  const NodeId input = network.add(Input{{9, 8, 3}}, {}, "input");
  NodeId x = network.add(Conv2d{filters({6, 3, 2, 3}), {}, {2, 1, {0, 1, 1, 0}, 1, 2}}, {input}, "conv");
  x = network.add(BatchNorm{vector(6), vector(6), vector(6), xt::abs(vector(6)), 0.25F}, {x}, "norm", relu6);
  const NodeId shortcut = x;
  x = network.add(DepthwiseConv2d{fill(xt::xtensor<float, 3>::from_shape({3, 3, 6})), vector(6), {1, 1, {1, 1, 1, 1}}}, {x},
                  "depthwise", Clip{-0.5F, 0.75F});
  x = network.add(Conv2d{filters({6, 1, 1, 3}), vector(6), {}, 2}, {x}, "groups");
  x = network.add(Add{}, {x, shortcut}, "add", relu);
  const NodeId average = network.add(AveragePool{2, 3, {2, 1, {1, 1, 0, 1}}, true}, {x}, "average");
  const NodeId largest = network.add(MaxPool{2, 3, {2, 1, {1, 1, 0, 1}}}, {x}, "largest");
  x = network.add(Concat{}, {average, largest}, "concat", Clip{no_clip.lo, 2.0F});
  const NodeId mean = network.add(GlobalAveragePool{}, {x}, "mean");
  const NodeId row = network.add(Flatten{}, {x}, "row");
  const std::size_t columns = network[row].extent[0];
  const NodeId a = network.add(Linear{fill(xt::xtensor<float, 2>::from_shape({5, columns})), vector(5)}, {row}, "a");
  const NodeId mean_row = network.add(Flatten{}, {mean}, "mean row");
  const NodeId b = network.add(Linear{fill(xt::xtensor<float, 2>::from_shape({5, 12})), {}}, {mean_row}, "b", relu);
  network.add(Concat{}, {a, b}, "both");
  return network;
}
