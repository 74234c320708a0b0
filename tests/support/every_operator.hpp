#pragma once
// A network that has every operator of the library in it, each as an output of its own.

#include <set>
#include <small_network.hpp>
#include <string>
#include <trimtab/net/operators.hpp>

namespace trimtab::test {

/// Names of the list net/operators.hpp.
inline std::set<std::string> all_operator_names() {
  std::set<std::string> names;
  [&]<class... L>(std::tuple<L...>*) { (names.insert(OperatorRules<L>::name), ...); }(static_cast<Operators*>(nullptr));
  return names;
}

/// Input 6 x 6 x 8, a layer, and every operator over it. Batch norm is left out, since it is folded before quantization, and so
/// are the tables that only networks of integers have.
inline Network every_operator(unsigned seed = 1) {
  std::mt19937 random(seed);
  Network n;
  std::vector<NodeId> outputs;
  const NodeId input = n.add(Input{{6, 6, 8}}, {});
  const NodeId x = n.add(Conv2d{random_tensor<4>({8, 1, 1, 8}, random, 0.5F), random_tensor<1>({8}, random), {}}, {input}, "x");
  const NodeId gate = n.add(Sigmoid{}, {x}),
               half = n.add(ChannelAffine{xt::ones<float>({1}), 0.5F * xt::ones<float>({1})}, {gate});  // 0.5 to 1.5
  const NodeId means = n.add(GlobalAveragePool{}, {x});
  const auto give = [&](Operator op, std::vector<NodeId> in) { outputs.push_back(n.add(std::move(op), std::move(in))); };
  const xt::xtensor<float, 1> row = random_tensor<1>({8}, random);
  WindowOptions window;
  window.stride_h = 2;
  window.padding = {1, 0, 0, 1};

  give(Abs{}, {x}), give(Ceil{}, {x}), give(Celu{}, {x}), give(Cos{}, {x}), give(Elu{}, {x}), give(Erf{}, {x}), give(Exp{}, {x}),
      give(Floor{}, {x});
  give(Gelu{}, {x}), give(HardSigmoid{}, {x}), give(HardSwish{}, {x}), give(LeakyRelu{}, {x}), give(Log{}, {half}),
      give(Mish{}, {x}), give(Neg{}, {x});
  give(Pow{3}, {half}), give(PRelu{row}, {x}), give(Reciprocal{}, {half}), give(Round{}, {x}), give(Selu{}, {x}),
      give(Sign{}, {x}), give(Silu{}, {x});
  give(FakeQuantize{{0.25F, 3, {0, 65535}}}, {x});
  give(Sin{}, {x}), give(Softplus{}, {x}), give(Softsign{}, {x}), give(Sqrt{}, {half}), give(Tanh{}, {x}),
      give(Clip{-1, 0.5F}, {x});

  give(Add{}, {x, means}), give(Sub{}, {means, x}), give(Mul{}, {x, means}), give(Div{}, {x, half}), give(Max{}, {x, gate}),
      give(Min{}, {x, x});
  Constant mask{xt::ones<float>({6, 6, 1})};
  mask.value(0, 0, 0) = -0.5F;
  give(Mul{}, {x, n.add(std::move(mask), {})});
  give(MatMul{false, true}, {x, gate});

  give(Flatten{}, {x}), give(Reshape{{4, 9, 8}}, {x}), give(Transpose{{2, 0, 1}}, {x}),
      give(Slice{{{1, 3, 1}, {5, 2, -3}, {0, 8, 1}}}, {x});
  give(Pad{{1, 0, 0}, {0, 2, 0}, PadMode::reflect, 0}, {x}), give(Tile{{1, 2, 1}}, {x}), give(Expand{{6, 6, 8}}, {means}),
      give(Gather{2, {7, 0, 3, 3}}, {x});
  give(DepthToSpace{2, DepthOrder::crd}, {x}), give(SpaceToDepth{2, DepthOrder::dcr}, {x}), give(Concat{0}, {x, gate});
  const std::vector<ResizeAxis> twice{ResizeAxis::to_extent(6, 12), ResizeAxis::to_extent(6, 9), ResizeAxis::to_extent(8, 8)};
  give(ResizeNearest{twice}, {x}), give(ResizeLinear{twice}, {x});

  give(AveragePool{2, 3, window}, {x}), give(MaxPool{2, 3, window}, {x}), give(ReduceMean{{0}}, {x}),
      give(ReduceSum{{0, 1}}, {x});
  give(ReduceMax{{2}}, {x}), give(ReduceMin{{1}}, {x}), give(ReduceL2{{2}}, {x});
  give(InstanceNorm{row, row}, {x}), give(GroupNorm{row, row, 1e-5F, 4}, {x}), give(LayerNorm{row, row}, {x}),
      give(L2Norm{2, 1e-6F}, {x}), give(LocalResponseNorm{3}, {x});
  give(Softmax{2}, {x}), give(LogSoftmax{2}, {x}), give(ArgMax{2}, {x});

  give(DepthwiseConv2d{random_tensor<3>({3, 3, 8}, random, 0.4F), row, window}, {x});
  give(ConvTranspose2d{random_tensor<4>({4, 3, 3, 8}, random, 0.3F), random_tensor<1>({4}, random), window, 1, 1, 0}, {x});
  give(Linear{random_tensor<2>({5, 8}, random, 0.4F), random_tensor<1>({5}, random)}, {x});
  n.set_outputs(std::move(outputs));
  return n;
}

}  // namespace trimtab::test
