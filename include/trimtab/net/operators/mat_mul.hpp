#pragma once
/// \file
/// Matrix products of two activations, as in attention.

#include <trimtab/int8/batch_matmul.hpp>
#include <trimtab/net/operators/broadcast.hpp>
#include <trimtab/ops/batch_matmul.hpp>

namespace trimtab {

/// y[.., i, j] = sum over k of a[.., i, k] * b[.., k, j]; the axes before the last two are broadcast, the batch with the batch.
/// Of transposed operands the last two axes are swapped. Both inputs may be the same node.
struct MatMul {
  bool transpose_a = false, transpose_b = false;  ///< a is .. K I, b is .. J K
};

/// Exact sums of products of codes, rounded once.
template <>
struct OperatorRules<MatMul> : SimpleRules<MatMul>, RoundsSteps<MatMul>, BackwardOfReals<MatMul, false> {
  static constexpr const char* name = "MatMul";
  static constexpr bool homogeneous = true;
  static constexpr Arity arity{2, 2};
  static constexpr bool has_fixed_point = false;
  static GridRule grid(const MatMul&, Requantizer) { return GridRule::own; }
  static SignRule sign(const MatMul&) { return SignRule::of_inputs; }
  static ScalingRule scaling(const MatMul&) { return ScalingRule::stops; }
  static Clip bounds(const MatMul&) { return no_clip; }
  static Extents extent(const MatMul& l, std::span<const Extents> in, const std::string& node) {
    return detail::BatchMatmulShape(in[0], in[1], of(l), detail::message("Network::add: node ", node).c_str()).output();
  }
  static double macs(const MatMul& l, std::span<const Extents> in, const Extents& out) {
    return static_cast<double>(element_count(out)) * static_cast<double>(in[0][in[0].size() - (l.transpose_a ? 2 : 1)]);
  }
  static void visit(MatMul& l, OperatorVisitor& v) {
    v.number("transpose_a", l.transpose_a ? 1 : 0);
    v.number("transpose_b", l.transpose_b ? 1 : 0);
  }
  static void forward(const MatMul& l, FloatInputs x, const TensorView<float>& y) {
    batch_matmul_forward(detail::aligned(x[0], y.rank()), detail::aligned(x[1], y.rank()), of(l), y);
  }
  static void backward(const MatMul& l, const FloatBackward& b) {
    const std::size_t rank = b.grad_y.rank();
    if (b.grad_x.wanted(0))
      batch_matmul_backward_a(b.grad_y, detail::aligned(b.x[1], rank), of(l), detail::aligned(b.grad_x.zeros(0), rank));
    if (b.grad_x.wanted(1))
      batch_matmul_backward_b(b.grad_y, detail::aligned(b.x[0], rank), of(l), detail::aligned(b.grad_x.zeros(1), rank));
  }
  static void steps(const MatMul& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) {
    int8::batch_matmul_steps(detail::aligned(x[0].codes, steps.rank()), x[0].grid, detail::aligned(x[1].codes, steps.rank()),
                             x[1].grid, of(l), grid_y.scale, steps);
  }

 private:
  static MatmulTransposes of(const MatMul& l) { return {l.transpose_a, l.transpose_b}; }
};

TRIMTAB_OPERATOR_MODEL(MatMul)

}  // namespace trimtab
