#pragma once
/// \file
/// Every operator that has rules for ONNX, a line each.

#include <trimtab/io/onnx/batch_norm.hpp>
#include <trimtab/io/onnx/binary.hpp>
#include <trimtab/io/onnx/brevitas_quant.hpp>
#include <trimtab/io/onnx/clip.hpp>
#include <trimtab/io/onnx/concat.hpp>
#include <trimtab/io/onnx/conv.hpp>
#include <trimtab/io/onnx/conv_transpose.hpp>
#include <trimtab/io/onnx/depth.hpp>
#include <trimtab/io/onnx/dynamic.hpp>
#include <trimtab/io/onnx/fake_quantize.hpp>
#include <trimtab/io/onnx/linear.hpp>
#include <trimtab/io/onnx/lookup_table.hpp>
#include <trimtab/io/onnx/mat_mul.hpp>
#include <trimtab/io/onnx/normalize.hpp>
#include <trimtab/io/onnx/pad.hpp>
#include <trimtab/io/onnx/pools.hpp>
#include <trimtab/io/onnx/quantize_linear.hpp>
#include <trimtab/io/onnx/quantized.hpp>
#include <trimtab/io/onnx/reduce.hpp>
#include <trimtab/io/onnx/removed.hpp>
#include <trimtab/io/onnx/repeat.hpp>
#include <trimtab/io/onnx/resize.hpp>
#include <trimtab/io/onnx/slice.hpp>
#include <trimtab/io/onnx/softmax.hpp>
#include <trimtab/io/onnx/unary.hpp>
#include <trimtab/io/onnx/views.hpp>
#include <tuple>
#include <typeindex>
#include <unordered_map>

namespace trimtab {

/// All of them.
using OnnxOperators =
    std::tuple<Abs, Add, ArgMax, AveragePool, BatchNorm, Ceil, Celu, ChannelAffine, Clip, Concat, Conv2d, ConvTranspose2d, Cos,
               DepthToSpace, DepthwiseConv2d, Div, Elu, Erf, Exp, Expand, FakeQuantize, Flatten, Floor, Gather, Gelu,
               GlobalAveragePool, GroupNorm, HardSigmoid, HardSwish, InstanceNorm, L2Norm, LayerNorm, LeakyRelu, Linear,
               LocalResponseNorm, Log, LogSoftmax, LookupTable, MatMul, Max, MaxPool, Min, Mish, Mul, Neg, OnnxBrevitasQuant,
               OnnxDynamicQuantization, OnnxQuantizeLinear, OnnxQuantized, OnnxRemoved, OnnxViews, Pad, Pow, PRelu, Reciprocal,
               ReduceL2, ReduceMax, ReduceMean, ReduceMin, ReduceSum, Reshape, ResizeLinear, ResizeNearest, Round, Selu, Sigmoid,
               Sign, Silu, Sin, Slice, Softmax, SoftmaxTable, Softplus, Softsign, SpaceToDepth, Sqrt, Sub, Tanh, Tile, Transpose>;

namespace detail {

/// The readers of all of them.
inline const OnnxReaders& onnx_readers() {
  static const OnnxReaders readers = [] {
    OnnxReaders r;
    const auto add = [&]<class L>(L*) {
      if constexpr (requires { OnnxRules<L>::read(r); }) OnnxRules<L>::read(r);
    };
    [&]<class... L>(std::tuple<L...>*) { (add(static_cast<L*>(nullptr)), ...); }(static_cast<OnnxOperators*>(nullptr));
    return r;
  }();
  return readers;
}

/// The functions that write an operator; null where it has no such form.
struct OnnxWriting {
  void (*write)(OnnxWriter&, const Operator&, const OnnxCall&) = nullptr;
  void (*write_codes)(OnnxCodesWriter&, const Operator&) = nullptr;
};

template <class L>
OnnxWriting onnx_writing_of() {
  static_assert(sizeof(OnnxRules<L>) > 0, "trimtab: an operator of OnnxOperators needs a specialisation of trimtab::OnnxRules");
  OnnxWriting result;
  if constexpr (requires(OnnxWriter & w, const L& l, const OnnxCall& n) { OnnxRules<L>::write(w, l, n); })
    result.write = [](OnnxWriter& w, const Operator& op, const OnnxCall& n) { OnnxRules<L>::write(w, op.get<L>(), n); };
  if constexpr (requires(OnnxCodesWriter & w, const L& l) { OnnxRules<L>::write_codes(w, l); })
    result.write_codes = [](OnnxCodesWriter& w, const Operator& op) { OnnxRules<L>::write_codes(w, op.get<L>()); };
  return result;
}

/// Those of an operator.
inline OnnxWriting onnx_writing(const Operator& op) {
  static const std::unordered_map<std::type_index, OnnxWriting> all = []<class... L>(std::tuple<L...>*) {
    return std::unordered_map<std::type_index, OnnxWriting>{{typeid(L), onnx_writing_of<L>()}...};
  }(static_cast<OnnxOperators*>(nullptr));
  const auto found = all.find(op->type());
  return found == all.end() ? OnnxWriting{} : found->second;
}
/// Writes a node in operators on reals. Throws unsupported_error, naming it, where there is no such form.
inline void write_node(OnnxWriter& w, const Operator& op, const OnnxCall& n, const std::string& node) {
  const OnnxWriting writing = onnx_writing(op);
  if (writing.write == nullptr)
    throw unsupported_error(message("write_onnx: node ", node, " (", operator_name(op), ") has no ONNX form"));
  writing.write(w, op, n);
}

}  // namespace detail
}  // namespace trimtab
