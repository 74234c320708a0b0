#pragma once
/// \file
/// Sums, means, norms, maxima and minima over axes: what ReduceSum, ReduceMean, ReduceL2, ReduceMax and ReduceMin have in common.

#include <array>
#include <trimtab/int8/reduce.hpp>
#include <trimtab/net/operators/moves_elements.hpp>
#include <trimtab/ops/reduce.hpp>
#include <vector>

namespace trimtab {

/// Base of OperatorRules<L> for F of ops/reduce.hpp; L has `axes`, batch excluded, and `keep_axes`: whether they stay, with an
/// extent of 1. Without any axes F is that of each element alone. L's rules add
///   static constexpr const char* name;
///   static SignRule sign(const L&);
template <class L, class F>
struct Reduction : SimpleRules<L> {
  static constexpr Arity arity{1, 1};
  /// A factor on a channel is one on all that is summed or compared, unless channels are.
  static ScalingRule scaling(const L& l, std::span<const Extents> in) {
    for (const std::size_t axis : l.axes)
      if (axis + 1 == in[0].size()) return ScalingRule::stops;
    return in[0].size() == 0 ? ScalingRule::stops : ScalingRule::commutes;
  }
  static Clip bounds(const L&) { return no_clip; }
  static Extents extent(const L& l, std::span<const Extents> in, const std::string& node) {
    const Extents& x = in[0];
    std::array<bool, max_rank> reduced{};
    for (const std::size_t axis : l.axes) {
      if (axis >= x.size() || reduced[axis])
        detail::refuse_extents(node, "axis ", axis, axis >= x.size() ? " of extents " : " twice, of extents ", x);
      if (x[axis] == 0) detail::refuse_extents(node, "nothing to reduce along axis ", axis, " of extents ", x);
      reduced[axis] = true;
    }
    Extents y;
    for (std::size_t axis = 0; axis < x.size(); ++axis)
      if (l.keep_axes || !reduced[axis]) y.push_back(reduced[axis] ? 1 : x[axis]);
    return y;
  }
  static void visit(L& l, OperatorVisitor& v) {
    v.numbers("axes", l.axes);
    v.number("keep_axes", l.keep_axes ? 1 : 0);
  }
  static void forward(const L& l, FloatInputs x, const TensorView<float>& y) { reduce_forward<F>(x[0], with_batch(l), y); }
  static void backward(const L& l, const FloatBackward& b) {
    if (b.grad_x.wanted(0)) reduce_backward<F>(b.grad_y, b.x[0], b.y, with_batch(l), b.grad_x.zeros(0));
  }

 protected:
  /// The axes of tensors whose first one is the batch.
  static AxisList with_batch(const L& l) {
    AxisList axes;
    for (const std::size_t axis : l.axes) axes.push_back(axis + 1);
    return axes;
  }
};

/// The same for exact sums of codes, rounded once onto a grid of their own.
template <class L, class F>
struct ReductionBySums : Reduction<L, F>, RoundsSteps<L>, BackwardOfReals<L, true> {
  static constexpr bool has_fixed_point = false;
  static GridRule grid(const L&, Requantizer) { return GridRule::own; }
  static void steps(const L& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) {
    int8::reduce_steps<F>(x[0].codes, x[0].grid, Reduction<L, F>::with_batch(l), grid_y.scale, steps);
  }
};

/// The same for the largest or the smallest value, which has the largest or the smallest code: codes are picked as they are.
template <class L, class F>
struct ReductionByOrder : Reduction<L, F> {
  static constexpr IntegerRule integers = IntegerRule::moves;
  static GridRule grid(const L&, Requantizer) { return GridRule::of_input; }
  static SignRule sign(const L&) { return SignRule::of_inputs; }
  static bool keeps_order(const L&, std::span<const Extents>) { return false; }
  static std::optional<float> fill(const L&, std::span<const Extents>) { return std::nullopt; }
  static void codes(const L& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y) {
    int8::reduce_codes<F>(x[0].codes, Reduction<L, F>::with_batch(l), y);
    detail::clamp_bytes(y, grid_y.codes);
  }
  static void codes_backward(const L& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<const float>& grad_y,
                             InputGradients& grad_x) {
    std::vector<float> held;
    const auto again = [&](std::uint8_t* y) {
      int8::reduce_codes<F>(x[0].codes, Reduction<L, F>::with_batch(l), TensorView<std::uint8_t>(y, grad_y.extent));
    };
    BackwardOfReals<L, true>::codes_backward(l, x, grid_y,
                                             detail::unclipped_gradient(x[0].codes, grid_y.codes, grad_y, again, held), grad_x);
  }
};

}  // namespace trimtab
