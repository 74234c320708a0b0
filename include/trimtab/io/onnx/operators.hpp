#pragma once
/// \file
/// Every operator that has rules for ONNX, a line each.

#include <tuple>
#include <trimtab/io/onnx/batch_norm.hpp>
#include <trimtab/io/onnx/binary.hpp>
#include <trimtab/io/onnx/clip.hpp>
#include <trimtab/io/onnx/concat.hpp>
#include <trimtab/io/onnx/conv.hpp>
#include <trimtab/io/onnx/conv_transpose.hpp>
#include <trimtab/io/onnx/depth.hpp>
#include <trimtab/io/onnx/linear.hpp>
#include <trimtab/io/onnx/normalize.hpp>
#include <trimtab/io/onnx/pad.hpp>
#include <trimtab/io/onnx/pools.hpp>
#include <trimtab/io/onnx/quantized.hpp>
#include <trimtab/io/onnx/reduce.hpp>
#include <trimtab/io/onnx/removed.hpp>
#include <trimtab/io/onnx/repeat.hpp>
#include <trimtab/io/onnx/resize.hpp>
#include <trimtab/io/onnx/slice.hpp>
#include <trimtab/io/onnx/softmax.hpp>
#include <trimtab/io/onnx/unary.hpp>
#include <trimtab/io/onnx/views.hpp>

namespace trimtab {

/// All of them.
using OnnxOperators =
    std::tuple<Abs, Add, ArgMax, AveragePool, BatchNorm, Ceil, Celu, Clip, Concat, Conv2d, ConvTranspose2d, Cos, DepthToSpace, Div, Elu,
               Erf, Exp, Expand, Floor, Gather, Gelu, GlobalAveragePool, GroupNorm, HardSigmoid, HardSwish, InstanceNorm, L2Norm,
               LayerNorm, LeakyRelu, Linear, LocalResponseNorm, Log, LogSoftmax, Max, MaxPool, Min, Mish, Mul, Neg, OnnxCodeOperators,
               OnnxRemoved, OnnxViews, Pad, Pow, PRelu, Reciprocal, ReduceL2, ReduceMax, ReduceMean, ReduceMin, ReduceSum, ResizeNearest, Round, Selu,
               Sigmoid, Sign, Sin, Slice, Softmax, Softplus, Softsign, SpaceToDepth, Sqrt, Sub, Tanh, Tile>;

namespace detail {

/// The readers of all of them.
inline const OnnxReaders& onnx_readers() {
  static const OnnxReaders readers = [] {
    OnnxReaders r;
    [&]<class... L>(std::tuple<L...>*) { (OnnxRules<L>::read(r), ...); }(static_cast<OnnxOperators*>(nullptr));
    return r;
  }();
  return readers;
}

}  // namespace detail
}  // namespace trimtab
