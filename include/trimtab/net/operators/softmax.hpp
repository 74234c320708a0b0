#pragma once
/// \file
/// Softmax along an axis, and the table of exponentials that it becomes in a network of integers.

#include <algorithm>
#include <trimtab/int8/softmax.hpp>
#include <trimtab/net/graph/operator.hpp>
#include <trimtab/ops/softmax.hpp>
#include <vector>

namespace trimtab {

/// exp(x) / sum of exp(x) along an axis.
struct Softmax {
  std::size_t axis = 0;  ///< batch excluded
};

/// Softmax of codes whose differences d have the exponentials table[d]. In networks of integers only.
struct SoftmaxTable {
  std::size_t axis = 0;      ///< batch excluded
  std::vector<float> table;  ///< 256 numbers, 1 first, none larger than the one before
};

namespace detail {

/// What an operator along one axis keeps: x's extents.
inline const Extents& extent_with_axis(const Extents& x, std::size_t axis, const std::string& node) {
  if (axis >= x.size()) refuse_extents(node, "axis ", axis, " of extents ", x);
  return x;
}

/// Base of the rules of both: what a softmax is, whoever has the table. L's rules add name, visit and `table(l, grid_x)`.
template <class L>
struct SoftmaxRules : SimpleRules<L>, RoundsSteps<L> {
  static constexpr Arity arity{1, 1};
  static constexpr bool has_fixed_point = true;
  static GridRule grid(const L&, Requantizer) { return GridRule::own; }
  static SignRule sign(const L&) { return SignRule::never_negative; }
  static ScalingRule scaling(const L&) { return ScalingRule::stops; }
  static Clip bounds(const L&) { return {0.0F, 1.0F}; }
  static void steps(const L& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) {
    int8::softmax_steps(x[0].codes, l.axis + 1, OperatorRules<L>::table(l, x[0].grid), grid_y.scale, steps);
  }
  static void fixed_point_codes(const L& l, CodeInputs x, const Affine<float>& grid_y, std::int32_t,
                                const TensorView<std::uint8_t>& y) {
    int8::softmax_fixed_point(x[0].codes, l.axis + 1, OperatorRules<L>::table(l, x[0].grid), grid_y, y);
  }
};

}  // namespace detail

/// Exponentials of differences of codes, summed in float32 in one order, divided and rounded once.
template <>
struct OperatorRules<Softmax> : detail::SoftmaxRules<Softmax>, BackwardOfReals<Softmax, true> {
  static constexpr const char* name = "Softmax";
  static Extents extent(const Softmax& l, std::span<const Extents> in, const std::string& node) {
    return detail::extent_with_axis(in[0], l.axis, node);
  }
  static void visit(Softmax& l, OperatorVisitor& v) { v.number("axis", double(l.axis)); }
  static void forward(const Softmax& l, FloatInputs x, const TensorView<float>& y) { softmax_forward(x[0], l.axis + 1, y); }
  static void backward(const Softmax& l, const FloatBackward& b) {
    if (b.grad_x.wanted(0)) softmax_backward(b.grad_y, b.y, l.axis + 1, b.grad_x.zeros(0));
  }
  static int8::SoftmaxTable table(const Softmax&, const Affine<float>& grid_x) { return int8::softmax_table(grid_x.scale); }
  /// The table travels with the network, so that another C library's exp cannot change a code.
  static Operator lowered(const Softmax& l, std::span<const Affine<float>> grids_x, const Affine<float>&) {
    const int8::SoftmaxTable t = table(l, grids_x[0]);
    return SoftmaxTable{l.axis, {t.begin(), t.end()}};
  }
};

/// The same integers from a given table; it has no float counterpart.
template <>
struct OperatorRules<SoftmaxTable> : detail::SoftmaxRules<SoftmaxTable> {
  static constexpr const char* name = "SoftmaxTable";
  static Extents extent(const SoftmaxTable& l, std::span<const Extents> in, const std::string& node) {
    if (l.table.size() != std::tuple_size_v<int8::SoftmaxTable>)
      detail::refuse_extents(node, "a table of ", l.table.size(), " numbers, expected ", std::tuple_size_v<int8::SoftmaxTable>);
    if (l.table[0] != 1.0F || !std::is_sorted(l.table.rbegin(), l.table.rend()) || !(l.table.back() >= 0))
      detail::refuse_extents(node, "a table that does not fall from 1 to 0 or more");
    return detail::extent_with_axis(in[0], l.axis, node);
  }
  static void visit(SoftmaxTable& l, OperatorVisitor& v) {
    v.number("axis", double(l.axis));
    v.numbers("table", l.table);
  }
  static int8::SoftmaxTable table(const SoftmaxTable& l, const Affine<float>&) {
    int8::SoftmaxTable t;
    std::copy_n(l.table.begin(), t.size(), t.begin());
    return t;
  }
  static void forward(const SoftmaxTable&, FloatInputs, const TensorView<float>&) { refuse(); }
  static void backward(const SoftmaxTable&, const FloatBackward&) { refuse(); }
  static void codes_backward(const SoftmaxTable&, CodeInputs, const Affine<float>&, const TensorView<const float>&,
                             InputGradients&) {
    refuse();
  }

 private:
  [[noreturn]] static void refuse() { throw value_error("SoftmaxTable: a table for codes has no float counterpart"); }
};

TRIMTAB_OPERATOR_MODEL(Softmax)
TRIMTAB_OPERATOR_MODEL(SoftmaxTable)

}  // namespace trimtab
