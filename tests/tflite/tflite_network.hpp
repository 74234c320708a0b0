#pragma once
// A network with every operator that TFLite has a word for, small enough to look at.

#include <small_network.hpp>

namespace trimtab::test {

/// conv padded as SAME -> relu6 -> depthwise -> relu6 -> 1x1, added to a 1x1 of the first -> average pool, max pool, concat ->
/// conv padded as SAME is not -> relu -> global pool -> linear.
inline Network tflite_network(unsigned seed = 1) {
  std::mt19937 random(seed);
  Network n;
  WindowOptions stem, same, half, odd;
  stem.stride_h = stem.stride_w = 2;
  stem.padding = {0, 0, 1, 1};
  same.padding = {1, 1, 1, 1};
  half.stride_h = half.stride_w = 2;
  odd = stem;
  odd.padding = {1, 1, 1, 1};
  const auto layer = [&](std::size_t out, std::size_t k, std::size_t in, const WindowOptions& window) {
    return Conv2d{random_tensor<4>({out, k, k, in}, random, 0.4F), random_tensor<1>({out}, random), window};
  };
  const NodeId x = n.add(Input{{16, 16, 3}}, {}, "pictures");
  const NodeId a = n.add(layer(8, 3, 3, stem), {x}, "stem", relu6);
  const NodeId b =
      n.add(DepthwiseConv2d{random_tensor<3>({3, 3, 8}, random, 0.5F), random_tensor<1>({8}, random), same}, {a}, "dw", relu6);
  const NodeId c = n.add(layer(6, 1, 8, {}), {b}, "project");
  const NodeId d = n.add(layer(6, 1, 8, {}), {a}, "side");
  const NodeId e = n.add(Add{}, {c, d}, "sum");
  const NodeId f = n.add(AveragePool{2, 2, half, false}, {e}, "average");
  const NodeId g = n.add(MaxPool{2, 2, half}, {e}, "max");
  const NodeId h = n.add(Concat{}, {f, g}, "concat");
  const NodeId i = n.add(layer(8, 3, 12, odd), {h}, "odd", relu);
  const NodeId j = n.add(GlobalAveragePool{}, {i}, "pool");
  const NodeId k = n.add(Flatten{}, {j}, "flatten");
  n.add(Linear{random_tensor<2>({5, 8}, random), random_tensor<1>({5}, random)}, {k}, "logits");
  return n;
}

}  // namespace trimtab::test
