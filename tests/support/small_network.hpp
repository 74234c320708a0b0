#pragma once
// A network with every kind of node that quantization knows, small enough for naive loops.

#include <random>
#include <trimtab/net/graph/network.hpp>
#include <trimtab/net/operators.hpp>

namespace trimtab::test {

template <std::size_t N>
xt::xtensor<float, N> random_tensor(const std::array<std::size_t, N>& shape, std::mt19937& random, float spread = 1.0F) {
  std::normal_distribution<float> normal(0.0F, spread);
  auto t = xt::xtensor<float, N>::from_shape(shape);
  for (float& v : t) v = normal(random);
  return t;
}

inline Array random_pictures(const Network& network, std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  const Extents& e = network[network.input()].extent;
  Array x = Array::from_shape({n, e[0], e[1], e[2]});
  for (float& v : x) v = uniform(random);
  return x;
}

/// conv stride 2 with lopsided padding -> relu6 -> depthwise -> relu6 -> 1x1, added to a 1x1 of the first -> average pool, max
/// pool, concat -> grouped conv -> relu -> global pool -> linear.
inline Network small_network(unsigned seed = 1) {
  std::mt19937 random(seed);
  Network n;
  WindowOptions stem;
  stem.stride_h = stem.stride_w = 2;
  stem.padding = {0, 0, 1, 1};
  WindowOptions same;
  same.padding = {1, 1, 1, 1};
  const NodeId x = n.add(Input{{9, 10, 3}}, {});
  const NodeId a =
      n.add(Conv2d{random_tensor<4>({8, 3, 3, 3}, random, 0.5F), random_tensor<1>({8}, random), stem}, {x}, "stem", relu6);
  const NodeId b =
      n.add(DepthwiseConv2d{random_tensor<3>({3, 3, 8}, random, 0.5F), random_tensor<1>({8}, random), same}, {a}, "dw", relu6);
  const NodeId c = n.add(Conv2d{random_tensor<4>({6, 1, 1, 8}, random, 0.4F), random_tensor<1>({6}, random), {}}, {b}, "project");
  const NodeId d = n.add(Conv2d{random_tensor<4>({6, 1, 1, 8}, random, 0.4F), random_tensor<1>({6}, random), {}}, {a}, "side");
  const NodeId e = n.add(Add{}, {c, d}, "sum");
  WindowOptions pool;
  pool.stride_h = 2;
  pool.padding = {1, 0, 0, 1};
  const NodeId f = n.add(AveragePool{2, 2, pool, false}, {e}, "average");
  const NodeId g = n.add(MaxPool{2, 2, pool}, {e}, "max");
  const NodeId h = n.add(Concat{}, {f, g}, "concat");
  const NodeId i =
      n.add(Conv2d{random_tensor<4>({8, 2, 2, 6}, random, 0.3F), random_tensor<1>({8}, random), {}, 2}, {h}, "grouped", relu);
  const NodeId j = n.add(GlobalAveragePool{}, {i}, "pool");
  const NodeId k = n.add(Flatten{}, {j}, "flatten");
  n.add(Linear{random_tensor<2>({5, 8}, random), random_tensor<1>({5}, random)}, {k}, "logits");
  return n;
}

}  // namespace trimtab::test
