#pragma once
/// \file
/// Functions of two tensors, element by element: what Add, Sub, Mul, Div, Max and Min have in common.

#include <trimtab/int8/broadcast.hpp>
#include <trimtab/net/graph/operator.hpp>
#include <trimtab/ops/broadcast.hpp>
#include <vector>

namespace trimtab {

/// Base of OperatorRules<L> for F of ops/broadcast.hpp, with a grid of its own. L's rules add
///   static constexpr const char* name;
///   static SignRule sign(const L&);
/// Inputs are broadcast as in numpy, the batch with the batch and the axes behind it aligned at the last one: a number a channel
/// ([C] or 1 1 C), a number a pixel (H W 1), one for all. Both inputs may be the same node.
template <class L, class F>
struct Broadcast : SimpleRules<L>, RoundsSteps<L> {
  static constexpr Arity arity{2, 2};
  static constexpr bool has_fixed_point = false;
  static GridRule grid(const L&, Requantizer) { return GridRule::own; }
  static ScalingRule scaling(const L&) { return ScalingRule::stops; }
  static Clip bounds(const L&) { return no_clip; }
  static Extents extent(const L&, std::span<const Extents> in, const std::string& node) {
    return broadcast_extents(in[0], in[1], detail::message("Network::add: node ", node).c_str());
  }
  static void visit(L&, OperatorVisitor&) {}
  static void forward(const L&, FloatInputs x, const TensorView<float>& y) {
    broadcast_forward<F>(aligned(x[0], y.rank()), aligned(x[1], y.rank()), y);
  }
  static void backward(const L&, const FloatBackward& b) { pass_on(b.x[0], b.x[1], b.grad_y, b.grad_x); }
  static void steps(const L&, CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) {
    int8::broadcast_steps<F>(aligned(x[0].codes, steps.rank()), x[0].grid, aligned(x[1].codes, steps.rank()), x[1].grid,
                             grid_y.scale, steps);
  }
  /// The derivatives of F at the inputs' reals.
  static void codes_backward(const L&, CodeInputs x, const Affine<float>&, const TensorView<const float>& grad_y,
                             InputGradients& grad_x) {
    const std::vector<float> a = reals(x[0]), b = reals(x[1]);
    pass_on({a.data(), x[0].codes.extent}, {b.data(), x[1].codes.extent}, grad_y, grad_x);
  }

 private:
  /// With axes of extent 1 behind the batch, so that it has `rank` axes.
  template <class T>
  static TensorView<T> aligned(const TensorView<T>& x, std::size_t rank) {
    Extents extent{x.extent[0]};
    while (extent.size() + x.rank() <= rank) extent.push_back(1);
    for (std::size_t axis = 1; axis < x.rank(); ++axis) extent.push_back(x.extent[axis]);
    return {x.data, extent};
  }
  static std::vector<float> reals(const CodeInput& x) {
    std::vector<float> values(x.codes.size());
    bytes_to_reals(x.codes.data, values.size(), x.grid, values.data());
    return values;
  }
  static void pass_on(const TensorView<const float>& x0, const TensorView<const float>& x1, const TensorView<const float>& grad_y,
                      InputGradients& grad_x) {
    const TensorView<const float> a = aligned(x0, grad_y.rank()), b = aligned(x1, grad_y.rank());
    if (grad_x.wanted(0)) broadcast_backward_a<F>(grad_y, a, b, aligned(grad_x.zeros(0), grad_y.rank()));
    if (grad_x.wanted(1)) broadcast_backward_b<F>(grad_y, a, b, aligned(grad_x.zeros(1), grad_y.rank()));
  }
};

}  // namespace trimtab
