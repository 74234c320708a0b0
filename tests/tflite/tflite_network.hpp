#pragma once
// Networks of operators that TFLite has words for, small enough to look at.

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

/// A transposed convolution padded as SAME, pixels into channels and back, and a pool that is spread over the picture again.
inline Network tflite_upsampling_network(unsigned seed = 1) {
  std::mt19937 random(seed);
  Network n;
  WindowOptions twice;
  twice.stride_h = twice.stride_w = 2;
  twice.padding = {0, 0, 1, 1};
  const NodeId x = n.add(Input{{8, 8, 4}}, {}, "pictures");
  const NodeId a =
      n.add(ConvTranspose2d{random_tensor<4>({3, 3, 3, 4}, random, 0.4F), random_tensor<1>({3}, random), twice}, {x}, "up", relu);
  const NodeId b = n.add(SpaceToDepth{2}, {a}, "deep");
  const NodeId c =
      n.add(Conv2d{random_tensor<4>({8, 1, 1, 12}, random, 0.4F), random_tensor<1>({8}, random), {}}, {b}, "project");
  const NodeId d = n.add(DepthToSpace{2}, {c}, "wide");
  const NodeId e = n.add(GlobalAveragePool{}, {d}, "pool");
  const NodeId f = n.add(Expand{{16, 16, 2}}, {e}, "spread");
  n.add(Add{}, {d, f}, "sum");
  return n;
}

/// Transposed convolutions of any padding: neither SAME nor VALID, VALID with rows cut off behind, rows more.
inline Network tflite_transposed_network(unsigned seed = 1) {
  std::mt19937 random(seed);
  Network n;
  const NodeId x = n.add(Input{{4, 5, 4}}, {}, "pictures");
  std::vector<NodeId> parts;
  const auto give = [&](std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& window, const OutputPadding& more,
                        std::size_t groups) {
    const std::string name = "up" + std::to_string(parts.size());
    ConvTranspose2d l{random_tensor<4>({4, kernel_h, kernel_w, 4 / groups}, random, 0.4F),
                      random_tensor<1>({4}, random),
                      window,
                      groups,
                      more.h,
                      more.w};
    parts.push_back(n.add(Flatten{}, {n.add(std::move(l), {x}, name)}, name + "_row"));
  };
  give(3, 3, {2, 2, {2, 0, 1, 3}}, {}, 1);
  give(3, 3, {2, 2, {0, 0, 2, 1}}, {}, 1);
  give(3, 3, {2, 2, {1, 1, 1, 1}}, {1, 1}, 1);
  give(3, 3, {2, 2, {1, 1, 1, 1}}, {}, 1);
  give(2, 4, {3, 1, {0, 3, 0, 0}}, {2, 0}, 1);
  give(4, 2, {2, 3, {1, 0, 1, 1}}, {}, 2);
  give(1, 1, {2, 2, {}}, {1, 0}, 1);
  n.add(Concat{0}, parts, "all");
  return n;
}

/// Two convolutions, the larger and the smaller of them, their product, and sums of it.
inline Network tflite_arithmetic_network(unsigned seed = 1) {
  std::mt19937 random(seed);
  Network n;
  const auto layer = [&] { return Conv2d{random_tensor<4>({4, 1, 1, 4}, random, 0.4F), random_tensor<1>({4}, random), {}}; };
  const NodeId x = n.add(Input{{8, 8, 4}}, {}, "pictures");
  const NodeId a = n.add(layer(), {x}, "a");
  const NodeId b = n.add(layer(), {x}, "b");
  const NodeId c = n.add(Max{}, {a, b}, "max");
  const NodeId d = n.add(Min{}, {a, b}, "min");
  const NodeId e = n.add(MatMul{false, true}, {c, d}, "product");
  n.add(ReduceSum{{1}, true}, {e}, "sums");
  return n;
}

/// What TFLite has no operator for on codes, or none at all, beside one another: groups, padding that is neither SAME nor VALID,
/// norms, quotients, other coordinates and orders than TFLite's.
inline Network tflite_other_network(unsigned seed = 1) {
  std::mt19937 random(seed);
  Network n;
  const NodeId y = n.add(Input{{8, 8, 8}}, {}, "pictures");
  const NodeId positive = n.add(Clip{0.5F, 1.0F}, {y}, "positive");
  std::vector<NodeId> parts;
  const auto give = [&](Operator op, std::vector<NodeId> from, const std::string& name, const Clip& clip = no_clip) {
    parts.push_back(n.add(Flatten{}, {n.add(std::move(op), std::move(from), name, clip)}, name + "_row"));
  };
  const auto row = [&](std::size_t count) { return random_tensor<1>({count}, random); };
  WindowOptions twice;
  twice.stride_h = twice.stride_w = 2;
  twice.padding = {1, 1, 1, 1};
  give(Conv2d{random_tensor<4>({6, 3, 3, 4}, random, 0.3F), row(6), twice, 2}, {y}, "groups", relu);
  give(ConvTranspose2d{random_tensor<4>({4, 3, 3, 4}, random, 0.3F), row(4), twice, 2}, {y}, "up_groups", relu6);
  WindowOptions cut = twice;
  cut.padding = {2, 0, 1, 3};  // neither SAME nor VALID
  give(ConvTranspose2d{random_tensor<4>({4, 3, 3, 8}, random, 0.3F), row(4), cut}, {y}, "up_cut");
  give(AveragePool{3, 3, {}, true}, {y}, "average");
  give(Div{}, {y, positive}, "quotient");
  give(Sub{}, {y, n.add(Reshape{{8}}, {n.add(ReduceMean{{0, 1}, false}, {y}, "means")}, "mean_row")}, "fewer_axes");
  give(InstanceNorm{row(8), row(8), 1e-3F}, {y}, "instance_norm");
  give(GroupNorm{row(8), row(8), 1e-3F, 2}, {y}, "group_norm");
  give(LayerNorm{row(8), row(8), 1e-3F}, {y}, "layer_norm");
  give(L2Norm{2, 1e-3F, L2Epsilon::at_least}, {y}, "unit");
  give(L2Norm{0, 1e-3F, L2Epsilon::added}, {y}, "unit_columns");
  give(ReduceL2{{2}, false}, {y}, "length");
  give(LocalResponseNorm{}, {y}, "lrn");
  give(LogSoftmax{2}, {y}, "log_softmax");
  give(Pad{{1, 0, 0}, {0, 2, 0}, PadMode::reflect, 0.0F}, {y}, "reflect");
  give(Pad{{1, 2, 0}, {0, -1, 0}, PadMode::edge, 0.0F}, {y}, "edge");
  give(Pad{{1, 0, 0}, {0, 2, 0}, PadMode::constant, 0.75F}, {y}, "value");
  give(DepthToSpace{2, DepthOrder::crd}, {y}, "crd");
  give(SpaceToDepth{2, DepthOrder::crd}, {y}, "crd_back");
  const std::vector<ResizeAxis> axes{ResizeAxis::to_extent(8, 5), ResizeAxis::to_extent(8, 13), {8, 8, 1}};
  give(ResizeNearest{axes, {}}, {y}, "nearest");
  give(ResizeLinear{axes, {}}, {y}, "linear");
  n.add(Concat{0}, parts, "all");
  return n;
}

/// Operators that all stay in float: keep_float is `names`.
struct TfliteFloatNetwork {
  Network network;
  std::vector<std::string> names;
};
inline TfliteFloatNetwork tflite_float_network(unsigned seed = 1) {
  std::mt19937 random(seed);
  TfliteFloatNetwork n;
  const NodeId x = n.network.add(Input{{6, 6, 4}}, {}, "pictures");
  const NodeId positive = n.network.add(Clip{0.5F, 1.0F}, {x}, "positive");
  const auto row = [&] { return random_tensor<1>({4}, random); };
  std::vector<NodeId> parts;
  const auto give = [&](Operator op, std::vector<NodeId> from, const std::string& name, const Clip& clip = no_clip) {
    parts.push_back(n.network.add(Flatten{}, {n.network.add(std::move(op), std::move(from), name, clip)}, name + "_row"));
    n.names.push_back(name);
  };
  give(Sigmoid{}, {x}, "sigmoid"), give(Tanh{}, {x}, "tanh"), give(HardSwish{}, {x}, "hard_swish");
  give(LeakyRelu{0.3F}, {x}, "leaky_relu"), give(Elu{}, {x}, "elu"), give(Gelu{}, {x}, "gelu"), give(Exp{}, {x}, "exp");
  give(Log{}, {positive}, "log"), give(Sqrt{}, {positive}, "sqrt"), give(Reciprocal{}, {positive}, "reciprocal");
  give(Abs{}, {x}, "abs"), give(Neg{}, {x}, "neg"), give(Sin{}, {x}, "sin"), give(Cos{}, {x}, "cos");
  give(Pow{2.0F}, {x}, "pow"), give(PRelu{row()}, {x}, "prelu"), give(ChannelAffine{row(), row()}, {x}, "affine");
  give(Softmax{2}, {x}, "softmax"), give(Clip{-0.25F, 0.5F}, {x}, "clip");
  give(Add{}, {x, positive}, "add", relu6), give(Mul{}, {x, positive}, "mul", {-0.5F, 0.25F}), give(Max{}, {x, positive}, "max");
  give(ReduceMean{{0, 1}, true}, {x}, "mean"), give(ReduceSum{{2}, false}, {x}, "sum"), give(ReduceMax{{1}, true}, {x}, "most");
  give(ArgMax{2, true}, {x}, "arg_max"), give(ArgMax{0, false}, {x}, "arg_max_dropped");
  give(MatMul{false, true}, {x, positive}, "product"), give(Slice{{{1, 2, 1}, {5, 3, -2}, {0, 4, 1}}}, {x}, "slice");
  give(Linear{random_tensor<2>({3, 4}, random), random_tensor<1>({3}, random)}, {x}, "linear");
  give(DepthwiseConv2d{random_tensor<3>({3, 3, 4}, random), row()}, {x}, "depthwise", relu);
  give(Conv2d{random_tensor<4>({8, 2, 2, 1}, random), random_tensor<1>({8}, random), {}, 4}, {x}, "multiplier");
  give(Conv2d{random_tensor<4>({4, 2, 2, 2}, random), row(), {}, 2}, {x}, "groups");
  n.network.add(Concat{0}, parts, "all");
  return n;
}

}  // namespace trimtab::test
