#pragma once
/// \file
/// What the caller feeds: pictures, features, anything.

#include <trimtab/net/graph/operator.hpp>

namespace trimtab {

/// Values of the given extents, batch excluded: H W C for pictures.
struct Input {
  Extents extent;  ///< batch excluded
};

/// Its codes are the caller's reals on the grid of the node.
template <>
struct OperatorRules<Input> : SimpleRules<Input> {
  static constexpr const char* name = "Input";
  static constexpr Arity arity{0, 0};
  static constexpr IntegerRule integers = IntegerRule::source;
  static bool is_fed(const Input&) { return true; }
  static GridRule grid(const Input&, Requantizer) { return GridRule::own; }
  static SignRule sign(const Input&) { return SignRule::any; }
  static ScalingRule scaling(const Input&) { return ScalingRule::stops; }
  static Clip bounds(const Input&) { return no_clip; }
  static Extents extent(const Input& l, std::span<const Extents>, const std::string&) { return l.extent; }
  static void visit(Input& l, OperatorVisitor& v) { v.numbers("extent", l.extent); }
  static void forward(const Input&, FloatInputs, const TensorView<float>&) {
    throw value_error("Input: the caller feeds it; there is nothing to compute");
  }
  static void backward(const Input&, const FloatBackward&) {}
};

TRIMTAB_OPERATOR_MODEL(Input)

}  // namespace trimtab
