#pragma once
/// \file
/// Functions of two tensors, element by element: what Add, Sub, Mul, Div, Max and Min have in common.

#include <trimtab/int8/broadcast.hpp>
#include <trimtab/net/graph/operator.hpp>
#include <trimtab/ops/broadcast.hpp>

namespace trimtab {
namespace detail {

/// With axes of extent 1 behind the batch, so that it has `rank` axes.
template <class T>
TensorView<T> aligned(const TensorView<T>& x, std::size_t rank) {
  Extents extent{x.extent[0]};
  while (extent.size() + x.rank() <= rank) extent.push_back(1);
  for (std::size_t axis = 1; axis < x.rank(); ++axis) extent.push_back(x.extent[axis]);
  return {x.data, extent};
}

}  // namespace detail

/// Base of OperatorRules<L> for F of ops/broadcast.hpp, with a grid of its own. L's rules add
///   static constexpr const char* name;
///   static SignRule sign(const L&);
/// Inputs are broadcast as in numpy, the batch with the batch and the axes behind it aligned at the last one: a number a channel
/// ([C] or 1 1 C), a number a pixel (H W 1), one for all. Both inputs may be the same node.
template <class L, class F>
struct Broadcast : SimpleRules<L>, RoundsSteps<L>, BackwardOfReals<L, false> {
  static constexpr Arity arity{2, 2};
  static constexpr bool has_fixed_point = int8::has_fixed_point_of_two<F>;
  static GridRule grid(const L&, Requantizer) { return GridRule::own; }
  static ScalingRule scaling(const L&) { return ScalingRule::stops; }
  static Clip bounds(const L&) { return no_clip; }
  static Extents extent(const L&, std::span<const Extents> in, const std::string& node) {
    return broadcast_extents(in[0], in[1], detail::message("Network::add: node ", node).c_str());
  }
  static void visit(L&, OperatorVisitor&) {}
  static void forward(const L&, FloatInputs x, const TensorView<float>& y) {
    broadcast_forward<F>(detail::aligned(x[0], y.rank()), detail::aligned(x[1], y.rank()), y);
  }
  static void backward(const L&, const FloatBackward& b) {
    const std::size_t rank = b.grad_y.rank();
    const TensorView<const float> x0 = detail::aligned(b.x[0], rank), x1 = detail::aligned(b.x[1], rank);
    if (b.grad_x.wanted(0)) broadcast_backward_a<F>(b.grad_y, x0, x1, detail::aligned(b.grad_x.zeros(0), rank));
    if (b.grad_x.wanted(1)) broadcast_backward_b<F>(b.grad_y, x0, x1, detail::aligned(b.grad_x.zeros(1), rank));
  }
  static void steps(const L&, CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) {
    int8::broadcast_steps<F>(detail::aligned(x[0].codes, steps.rank()), x[0].grid, detail::aligned(x[1].codes, steps.rank()),
                             x[1].grid, grid_y.scale, steps);
  }
  static void fixed_point_codes(const L&, CodeInputs x, const Affine<float>& grid_y, std::int32_t,
                                const TensorView<std::uint8_t>& y) requires(has_fixed_point) {
    int8::broadcast_fixed_point<F>(detail::aligned(x[0].codes, y.rank()), x[0].grid, detail::aligned(x[1].codes, y.rank()),
                                   x[1].grid, grid_y, y);
  }
};

}  // namespace trimtab
