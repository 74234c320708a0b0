#pragma once
/// \file
/// Every operator of the library, a line each. Tests, the page docs/operators.md and file formats go through this list; networks
/// take any type with OperatorRules, in the list or not.

#include <trimtab/core/config.hpp>
#include <trimtab/net/operators/abs.hpp>
#include <trimtab/net/operators/add.hpp>
#include <trimtab/net/operators/arg_max.hpp>
#include <trimtab/net/operators/average_pool.hpp>
#include <trimtab/net/operators/batch_norm.hpp>
#include <trimtab/net/operators/ceil.hpp>
#include <trimtab/net/operators/celu.hpp>
#include <trimtab/net/operators/channel_affine.hpp>
#include <trimtab/net/operators/clip.hpp>
#include <trimtab/net/operators/concat.hpp>
#include <trimtab/net/operators/constant.hpp>
#include <trimtab/net/operators/conv2d.hpp>
#include <trimtab/net/operators/conv_transpose2d.hpp>
#include <trimtab/net/operators/cos.hpp>
#include <trimtab/net/operators/depth_to_space.hpp>
#include <trimtab/net/operators/depthwise_conv2d.hpp>
#include <trimtab/net/operators/div.hpp>
#include <trimtab/net/operators/elu.hpp>
#include <trimtab/net/operators/erf.hpp>
#include <trimtab/net/operators/exp.hpp>
#include <trimtab/net/operators/expand.hpp>
#include <trimtab/net/operators/fake_quantize.hpp>
#include <trimtab/net/operators/flatten.hpp>
#include <trimtab/net/operators/floor.hpp>
#include <trimtab/net/operators/gather.hpp>
#include <trimtab/net/operators/gelu.hpp>
#include <trimtab/net/operators/global_average_pool.hpp>
#include <trimtab/net/operators/group_norm.hpp>
#include <trimtab/net/operators/hard_sigmoid.hpp>
#include <trimtab/net/operators/hard_swish.hpp>
#include <trimtab/net/operators/input.hpp>
#include <trimtab/net/operators/instance_norm.hpp>
#include <trimtab/net/operators/l2_norm.hpp>
#include <trimtab/net/operators/layer_norm.hpp>
#include <trimtab/net/operators/leaky_relu.hpp>
#include <trimtab/net/operators/linear.hpp>
#include <trimtab/net/operators/local_response_norm.hpp>
#include <trimtab/net/operators/log.hpp>
#include <trimtab/net/operators/log_softmax.hpp>
#include <trimtab/net/operators/lookup_table.hpp>
#include <trimtab/net/operators/mat_mul.hpp>
#include <trimtab/net/operators/max.hpp>
#include <trimtab/net/operators/max_pool.hpp>
#include <trimtab/net/operators/min.hpp>
#include <trimtab/net/operators/mish.hpp>
#include <trimtab/net/operators/mul.hpp>
#include <trimtab/net/operators/neg.hpp>
#include <trimtab/net/operators/p_relu.hpp>
#include <trimtab/net/operators/pad.hpp>
#include <trimtab/net/operators/pow.hpp>
#include <trimtab/net/operators/reciprocal.hpp>
#include <trimtab/net/operators/reduce_l2.hpp>
#include <trimtab/net/operators/reduce_max.hpp>
#include <trimtab/net/operators/reduce_mean.hpp>
#include <trimtab/net/operators/reduce_min.hpp>
#include <trimtab/net/operators/reduce_sum.hpp>
#include <trimtab/net/operators/reshape.hpp>
#include <trimtab/net/operators/resize_linear.hpp>
#include <trimtab/net/operators/resize_nearest.hpp>
#include <trimtab/net/operators/round.hpp>
#include <trimtab/net/operators/selu.hpp>
#include <trimtab/net/operators/sigmoid.hpp>
#include <trimtab/net/operators/sign.hpp>
#include <trimtab/net/operators/silu.hpp>
#include <trimtab/net/operators/sin.hpp>
#include <trimtab/net/operators/slice.hpp>
#include <trimtab/net/operators/softmax.hpp>
#include <trimtab/net/operators/softplus.hpp>
#include <trimtab/net/operators/softsign.hpp>
#include <trimtab/net/operators/space_to_depth.hpp>
#include <trimtab/net/operators/sqrt.hpp>
#include <trimtab/net/operators/sub.hpp>
#include <trimtab/net/operators/tanh.hpp>
#include <trimtab/net/operators/tile.hpp>
#include <trimtab/net/operators/transpose.hpp>
#include <tuple>
#include <utility>

/// The list: calls DO(L) for every operator L.
// clang-format off
#define TRIMTAB_OPERATORS(DO) \
  DO(Abs) \
  DO(Add) \
  DO(ArgMax) \
  DO(AveragePool) \
  DO(BatchNorm) \
  DO(Ceil) \
  DO(Celu) \
  DO(ChannelAffine) \
  DO(Clip) \
  DO(Concat) \
  DO(Constant) \
  DO(Conv2d) \
  DO(ConvTranspose2d) \
  DO(Cos) \
  DO(DepthToSpace) \
  DO(DepthwiseConv2d) \
  DO(Div) \
  DO(Elu) \
  DO(Erf) \
  DO(Exp) \
  DO(Expand) \
  DO(FakeQuantize) \
  DO(Flatten) \
  DO(Floor) \
  DO(Gather) \
  DO(Gelu) \
  DO(GlobalAveragePool) \
  DO(GroupNorm) \
  DO(HardSigmoid) \
  DO(HardSwish) \
  DO(Input) \
  DO(InstanceNorm) \
  DO(L2Norm) \
  DO(LayerNorm) \
  DO(LeakyRelu) \
  DO(Linear) \
  DO(LocalResponseNorm) \
  DO(Log) \
  DO(LogSoftmax) \
  DO(LookupTable) \
  DO(MatMul) \
  DO(Max) \
  DO(MaxPool) \
  DO(Min) \
  DO(Mish) \
  DO(Mul) \
  DO(Neg) \
  DO(Pad) \
  DO(Pow) \
  DO(PRelu) \
  DO(Reciprocal) \
  DO(ReduceL2) \
  DO(ReduceMax) \
  DO(ReduceMean) \
  DO(ReduceMin) \
  DO(ReduceSum) \
  DO(Reshape) \
  DO(ResizeLinear) \
  DO(ResizeNearest) \
  DO(Round) \
  DO(Selu) \
  DO(Sigmoid) \
  DO(Sign) \
  DO(Silu) \
  DO(Sin) \
  DO(Slice) \
  DO(Softmax) \
  DO(SoftmaxTable) \
  DO(Softplus) \
  DO(Softsign) \
  DO(SpaceToDepth) \
  DO(Sqrt) \
  DO(Sub) \
  DO(Tanh) \
  DO(Tile) \
  DO(Transpose)
// clang-format on

namespace trimtab {
namespace detail {

template <class Head, class... L>
std::tuple<L...> behind_head(std::tuple<Head, L...>);

}  // namespace detail

#define TRIMTAB_ONE_MORE(L) , L
/// All of them.
using Operators = decltype(detail::behind_head(std::declval<std::tuple<void * TRIMTAB_OPERATORS(TRIMTAB_ONE_MORE)>>()));
#undef TRIMTAB_ONE_MORE

}  // namespace trimtab
