#pragma once
/// \file
/// Numbers that are the same for every element of a batch: anchors, masks, what is joined or added.

#include <algorithm>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/net/graph/operator.hpp>

namespace trimtab {

/// The same values for each element of the batch.
struct Constant {
  xt::xarray<float> value;  ///< batch excluded
};

/// Its codes are its reals on the grid of the node.
template <>
struct OperatorRules<Constant> : SimpleRules<Constant> {
  static constexpr const char* name = "Constant";
  static constexpr Arity arity{0, 0};
  static constexpr IntegerRule integers = IntegerRule::source;
  static bool is_fed(const Constant&) { return false; }
  static GridRule grid(const Constant&, Requantizer) { return GridRule::own; }
  static SignRule sign(const Constant& l) {
    return std::all_of(l.value.data(), l.value.data() + l.value.size(), [](float v) { return v >= 0; }) ? SignRule::never_negative
                                                                                                        : SignRule::any;
  }
  static ScalingRule scaling(const Constant&) { return ScalingRule::stops; }
  static Clip bounds(const Constant&) { return no_clip; }
  static Extents extent(const Constant& l, std::span<const Extents>, const std::string&) { return view(l.value).extent; }
  static void visit(Constant& l, OperatorVisitor& v) { v.tensor("value", view(l.value), ParameterKind::statistic); }
  static void forward(const Constant& l, FloatInputs, const TensorView<float>& y) {
    for (std::size_t n = 0; n < y.extent[0]; ++n) std::copy_n(l.value.data(), l.value.size(), y.data + n * l.value.size());
  }
  static void backward(const Constant&, const FloatBackward&) {}
};

TRIMTAB_OPERATOR_MODEL(Constant)

}  // namespace trimtab
