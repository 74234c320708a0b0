#pragma once
/// \file
/// The place of the largest element along an axis.

#include <algorithm>
#include <cstdint>
#include <trimtab/net/graph/operator.hpp>
#include <trimtab/ops/softmax.hpp>
#include <vector>

namespace trimtab {

/// The index of the largest element along an axis, of equal ones the first, as a real number.
struct ArgMax {
  std::size_t axis = 0;   ///< batch excluded
  bool keep_axis = true;  ///< with an extent of 1
};

/// An index is no quantity to be rounded: it stays real. No gradient passes.
template <>
struct OperatorRules<ArgMax> : SimpleRules<ArgMax> {
  static constexpr const char* name = "ArgMax";
  static constexpr Arity arity{1, 1};
  static constexpr IntegerRule integers = IntegerRule::none;
  static GridRule grid(const ArgMax&, Requantizer) { return GridRule::own; }
  static SignRule sign(const ArgMax&) { return SignRule::never_negative; }
  static ScalingRule scaling(const ArgMax&) { return ScalingRule::stops; }
  static Clip bounds(const ArgMax&) { return {0.0F, no_clip.hi}; }
  static Extents extent(const ArgMax& l, std::span<const Extents> in, const std::string& node) {
    constexpr std::size_t longest = std::size_t{1} << 24;  // larger indices are no floats
    const Extents& x = in[0];
    if (l.axis >= x.size() || x[l.axis] == 0 || x[l.axis] > longest)
      detail::refuse_extents(node, "axis ", l.axis, " of extents ", x, ": expected 1 to ", longest, " elements to choose from");
    Extents y;
    for (std::size_t axis = 0; axis < x.size(); ++axis)
      if (axis != l.axis)
        y.push_back(x[axis]);
      else if (l.keep_axis)
        y.push_back(1);
    return y;
  }
  static void visit(ArgMax& l, OperatorVisitor& v) {
    v.number("axis", double(l.axis));
    v.number("keep_axis", l.keep_axis ? 1 : 0);
  }
  static void forward(const ArgMax& l, FloatInputs x, const TensorView<float>& y) {
    std::vector<std::int32_t> index(y.size());
    arg_max(x[0], l.axis + 1, TensorView<std::int32_t>(index.data(), y.extent));
    std::transform(index.begin(), index.end(), y.data, [](std::int32_t i) { return static_cast<float>(i); });
  }
  static void backward(const ArgMax&, const FloatBackward&) {}
};

TRIMTAB_OPERATOR_MODEL(ArgMax)

}  // namespace trimtab
