#pragma once
/// \file
/// Every operator that is read from TFLite, a line each.

#include <trimtab/io/tflite/arrange.hpp>
#include <trimtab/io/tflite/binary.hpp>
#include <trimtab/io/tflite/conv.hpp>
#include <trimtab/io/tflite/fully_connected.hpp>
#include <trimtab/io/tflite/pools.hpp>
#include <trimtab/io/tflite/quantize.hpp>
#include <trimtab/io/tflite/reduce.hpp>
#include <trimtab/io/tflite/resize.hpp>
#include <trimtab/io/tflite/slice.hpp>
#include <trimtab/io/tflite/softmax.hpp>
#include <trimtab/io/tflite/unary.hpp>
#include <trimtab/io/tflite/views.hpp>
#include <tuple>

namespace trimtab {

/// All of them.
using TfliteOperators =
    std::tuple<Abs, Add, ArgMax, AveragePool, Ceil, ChannelAffine, Clip, Concat, Conv2d, ConvTranspose2d, Cos, DepthToSpace,
               DepthwiseConv2d, Div, Elu, Exp, Expand, Floor, Gather, Gelu, GlobalAveragePool, HardSwish, L2Norm, LeakyRelu,
               Linear, Log, LogSoftmax, MatMul, Max, MaxPool, Min, Mul, Neg, Pad, PRelu, Reciprocal, ReduceMax, ReduceMean,
               ReduceMin, ReduceSum, Reshape, ResizeLinear, ResizeNearest, Round, Sigmoid, Sin, Slice, Softmax, SpaceToDepth,
               Sqrt, Sub, Tanh, TfliteQuantizers, Tile, Transpose>;

namespace detail {

/// The readers of all of them.
inline const TfliteReaders& tflite_readers() {
  static const TfliteReaders readers = [] {
    TfliteReaders r;
    [&]<class... L>(std::tuple<L...>*) { (TfliteRules<L>::read(r), ...); }(static_cast<TfliteOperators*>(nullptr));
    return r;
  }();
  return readers;
}

}  // namespace detail
}  // namespace trimtab
