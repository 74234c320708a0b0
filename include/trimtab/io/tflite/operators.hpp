#pragma once
/// \file
/// Every operator that is read from TFLite or written to it, a line each.

#include <optional>
#include <trimtab/io/tflite/arrange.hpp>
#include <trimtab/io/tflite/binary.hpp>
#include <trimtab/io/tflite/constant.hpp>
#include <trimtab/io/tflite/conv.hpp>
#include <trimtab/io/tflite/fully_connected.hpp>
#include <trimtab/io/tflite/norms.hpp>
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

/// All of them. Input is the writer's own.
using TfliteOperators =
    std::tuple<Abs, Add, ArgMax, AveragePool, Ceil, ChannelAffine, Clip, Concat, Constant, Conv2d, ConvTranspose2d, Cos,
               DepthToSpace, DepthwiseConv2d, Div, Elu, Exp, Expand, Flatten, Floor, Gather, Gelu, GlobalAveragePool, GroupNorm,
               HardSwish, InstanceNorm, L2Norm, LayerNorm, LeakyRelu, Linear, LocalResponseNorm, Log, LogSoftmax, LookupTable,
               MatMul, Max, MaxPool, Min, Mul, Neg, Pad, PRelu, Pow, Reciprocal, ReduceL2, ReduceMax, ReduceMean, ReduceMin,
               ReduceSum, Reshape, ResizeLinear, ResizeNearest, Round, Sigmoid, Sin, Slice, Softmax, SoftmaxTable, SpaceToDepth,
               Sqrt, Sub, Tanh, TfliteQuantizers, Tile, Transpose>;

namespace detail {

/// The readers of all of them.
inline const TfliteReaders& tflite_readers() {
  static const TfliteReaders readers = [] {
    TfliteReaders r;
    const auto add = [&]<class L>(L*) {
      if constexpr (requires { TfliteRules<L>::read(r); }) TfliteRules<L>::read(r);
    };
    [&]<class... L>(std::tuple<L...>*) { (add(static_cast<L*>(nullptr)), ...); }(static_cast<TfliteOperators*>(nullptr));
    return r;
  }();
  return readers;
}

template <class L>
TfliteForm tflite_form(const TfliteWriter& w, const L& l) {
  if constexpr (requires { TfliteRules<L>::form(w, l); })
    return TfliteRules<L>::form(w, l);
  else
    return TfliteRules<L>::form;
}

/// Writes the writer's node; its tensor. Throws unsupported_error, naming it, where its operator has no such rules.
inline std::int32_t write_tflite_node(TfliteWriter& w) {
  const Operator& op = w.node().op;
  std::optional<std::int32_t> tensor;
  const auto one = [&]<class L>(L*) {
    if constexpr (requires(const L& l) { TfliteRules<L>::write(w, l); })
      if (const L* l = op.get_if<L>()) {
        const TfliteForm form = tflite_form(w, *l);
        if (w.node().in_float && form == TfliteForm::codes) return false;
        w.on_reals = w.node().in_float || form == TfliteForm::reals;
        tensor = TfliteRules<L>::write(w, *l);
        if (w.on_reals) tensor = w.from_reals(*tensor);
      }
    return tensor.has_value();
  };
  [&]<class... L>(std::tuple<L...>*) { return (one(static_cast<L*>(nullptr)) || ...); }(static_cast<TfliteOperators*>(nullptr));
  if (!tensor) w.refuse(message("no TFLite form of ", operator_name(op), w.node().in_float ? " in float" : ""));
  return *tensor;
}

}  // namespace detail
}  // namespace trimtab
