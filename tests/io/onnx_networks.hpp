#pragma once
// A network with every operator that can be written, weights drawn by a seeded generator.

#include <array>
#include <random>
#include <trimtab/net/graph/network.hpp>
#include <trimtab/net/operators.hpp>
#include <utility>
#include <vector>

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

/// The other operators, on pictures, rows and sequences, most of them outputs of their own.
inline trimtab::Network further_operators_network() {
  using namespace trimtab;
  std::mt19937 generator(9);
  const auto fill = [&](auto tensor) {
    for (float& v : tensor) v = static_cast<float>(generator() >> 8) / 16777216.0F - 0.5F;
    return tensor;
  };
  const auto row = [&](std::size_t n) { return fill(xt::xtensor<float, 1>::from_shape({n})); };
  Network n;
  std::vector<NodeId> outputs;
  const auto give = [&](Operator op, std::vector<NodeId> in, const char* name) {
    outputs.push_back(n.add(std::move(op), std::move(in), name));
    return outputs.back();
  };
  const NodeId x = n.add(Input{{4, 6, 8}}, {}, "input");
  const NodeId y = n.add(Conv2d{fill(xt::xtensor<float, 4>::from_shape({8, 1, 1, 8})), row(8), {}}, {x}, "y");
  // functions
  const NodeId gate = give(Sigmoid{}, {y}, "sigmoid");
  give(Silu{}, {y}, "silu");
  give(HardSwish{}, {y}, "hard_swish");
  give(Gelu{}, {y}, "gelu");
  give(Tanh{}, {y}, "tanh");
  give(LeakyRelu{0.2F}, {y}, "leaky");
  give(PRelu{row(8)}, {y}, "prelu");
  give(ChannelAffine{row(8), row(8)}, {y}, "affine");
  // two inputs
  const NodeId product = give(Mul{}, {y, gate}, "product");
  give(Sub{}, {y, product}, "difference");
  give(Max{}, {y, gate}, "larger");
  give(Min{}, {y, gate}, "smaller");
  give(Div{}, {y, n.add(ChannelAffine{xt::ones<float>({1}), xt::xtensor<float, 1>{2.0F}}, {gate}, "shifted")}, "quotient");
  const NodeId mean = give(GlobalAveragePool{}, {y}, "mean");
  const NodeId scaled = give(Mul{}, {y, mean}, "excited");
  const NodeId offsets = n.add(Constant{fill(xt::xarray<float>::from_shape({8}))}, {}, "offsets");
  give(Add{}, {scaled, offsets}, "offset");
  // movements
  give(Slice{{{1, 2, 1}, {5, 3, -2}, {0, 8, 1}}}, {y}, "slice");
  give(Pad{{1, 0, 0}, {0, 2, 0}, PadMode::constant, 0.0F}, {y}, "pad");
  give(Pad{{0, 1, 0}, {1, 0, 0}, PadMode::constant, 0.75F}, {y}, "pad_value");
  give(Pad{{1, 1, 0}, {1, 1, 0}, PadMode::reflect, 0.0F}, {y}, "reflect");
  give(Pad{{1, 1, 0}, {0, 1, 0}, PadMode::wrap, 0.0F}, {y}, "wrap");
  give(Tile{{1, 2, 1}}, {y}, "tile");
  give(Gather{2, {7, 0, 3}}, {y}, "gather");
  give(Expand{{4, 6, 8}}, {mean}, "expand");
  give(DepthToSpace{2, DepthOrder::dcr}, {y}, "depth_to_space");
  give(DepthToSpace{2, DepthOrder::crd}, {y}, "depth_to_space_crd");
  give(SpaceToDepth{2, DepthOrder::dcr}, {y}, "space_to_depth");
  give(SpaceToDepth{2, DepthOrder::crd}, {y}, "space_to_depth_crd");
  give(Concat{0}, {y, gate}, "rows");
  ResizeOptions nearest;
  nearest.coordinates = ResizeCoordinates::asymmetric;
  nearest.nearest_rounding = NearestRounding::floor;
  give(ResizeNearest{{ResizeAxis::by_scale(4, 2), ResizeAxis::by_scale(6, 2), {8, 8, 1}}, nearest}, {y}, "nearest");
  give(ResizeLinear{{ResizeAxis::to_extent(4, 7), ResizeAxis::to_extent(6, 9), {8, 8, 1}}, {}}, {y}, "linear");
  ResizeOptions crop;
  crop.coordinates = ResizeCoordinates::tf_crop_and_resize;
  crop.crop = {{0.25F, 0.75F}, {1, -0.25F}, {}};
  give(ResizeNearest{{ResizeAxis::to_extent(4, 7), ResizeAxis::to_extent(6, 3), {8, 8, 1}}, crop}, {y}, "crop");
  give(ResizeLinear{{ResizeAxis::to_extent(4, 1), ResizeAxis::to_extent(6, 9), {8, 8, 1}}, crop}, {y}, "crop_linear");
  // reductions
  give(ReduceMean{{2}, true}, {y}, "mean_of_channels");
  give(ReduceSum{{0}, false}, {y}, "sum_of_rows");
  give(ReduceMax{{1, 2}, false}, {y}, "largest");
  give(ReduceL2{{2}, true}, {y}, "length");
  give(Softmax{2}, {y}, "softmax");
  // norms
  give(InstanceNorm{row(8), row(8), 1e-3F}, {y}, "instance_norm");
  give(GroupNorm{row(8), row(8), 1e-3F, 2}, {y}, "group_norm");
  give(L2Norm{2, 0, L2Epsilon::at_least}, {y}, "l2_norm");
  give(LocalResponseNorm{}, {y}, "lrn");
  // sequences
  const NodeId tokens = n.add(Reshape{{24, 8}}, {y}, "tokens");
  const NodeId mixed = give(Linear{fill(xt::xtensor<float, 2>::from_shape({12, 8})), row(12)}, {tokens}, "mixed");
  give(LayerNorm{fill(xt::xarray<float>::from_shape({12})), fill(xt::xarray<float>::from_shape({12})), 1e-3F}, {mixed},
       "layer_norm");
  const NodeId heads = n.add(Transpose{{1, 0, 2}}, {n.add(Reshape{{24, 3, 4}}, {mixed}, "split")}, "heads");
  const NodeId scores = give(MatMul{false, true}, {heads, heads}, "scores");
  give(MatMul{}, {n.add(Softmax{2}, {scores}, "attention"), heads}, "attended");
  // a layer that grows
  give(ConvTranspose2d{fill(xt::xtensor<float, 4>::from_shape({6, 3, 3, 8})), row(6), {2, 2, {1, 1, 1, 1}}, 1, 1, 1}, {y},
       "grown");
  n.set_outputs(outputs);
  return n;
}
