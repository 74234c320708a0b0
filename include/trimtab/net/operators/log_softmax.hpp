#pragma once
/// \file
/// The logarithm of softmax along an axis.

#include <trimtab/net/operators/softmax.hpp>

namespace trimtab {

/// x - log(sum of exp(x)) along an axis.
struct LogSoftmax {
  std::size_t axis = 0;  ///< batch excluded
};

/// In float: codes of logarithms of small probabilities would say little.
template <>
struct OperatorRules<LogSoftmax> : SimpleRules<LogSoftmax> {
  static constexpr const char* name = "LogSoftmax";
  static constexpr Arity arity{1, 1};
  static constexpr IntegerRule integers = IntegerRule::none;
  static GridRule grid(const LogSoftmax&, Requantizer) { return GridRule::own; }
  static SignRule sign(const LogSoftmax&) { return SignRule::any; }
  static ScalingRule scaling(const LogSoftmax&) { return ScalingRule::stops; }
  static Clip bounds(const LogSoftmax&) { return {no_clip.lo, 0.0F}; }
  static Extents extent(const LogSoftmax& l, std::span<const Extents> in, const std::string& node) {
    return detail::extent_with_axis(in[0], l.axis, node);
  }
  static void visit(LogSoftmax& l, OperatorVisitor& v) { v.number("axis", double(l.axis)); }
  static void forward(const LogSoftmax& l, FloatInputs x, const TensorView<float>& y) {
    log_softmax_forward(x[0], l.axis + 1, y);
  }
  static void backward(const LogSoftmax& l, const FloatBackward& b) {
    if (b.grad_x.wanted(0)) log_softmax_backward(b.grad_y, b.y, l.axis + 1, b.grad_x.zeros(0));
  }
};

TRIMTAB_OPERATOR_MODEL(LogSoftmax)

}  // namespace trimtab
