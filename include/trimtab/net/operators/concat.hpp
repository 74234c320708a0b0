#pragma once
/// \file
/// Tensors side by side along one axis.

#include <trimtab/int8/concat.hpp>
#include <trimtab/net/graph/operator.hpp>
#include <trimtab/ops/concat.hpp>

namespace trimtab {

/// Inputs side by side along an axis, batch excluded; negative ones count from the end, so that -1 is the last.
struct Concat {
  std::ptrdiff_t axis = -1;  ///< of one picture
};

/// Codes that lie on the output's grid are copied, others brought there.
template <>
struct OperatorRules<Concat> : SimpleRules<Concat> {
  static constexpr const char* name = "Concat";
  static constexpr Arity arity{1, Arity::any};
  static constexpr IntegerRule integers = IntegerRule::rounds;
  static constexpr bool has_fixed_point = true;
  static GridRule grid(const Concat&, Requantizer) { return GridRule::shared_by_inputs; }
  static SignRule sign(const Concat&) { return SignRule::of_inputs; }
  static ScalingRule scaling(const Concat&) { return ScalingRule::stops; }
  static Clip bounds(const Concat&) { return no_clip; }
  static Extents extent(const Concat& l, std::span<const Extents> in, const std::string& node) {
    Extents out = in[0];
    const auto rank = static_cast<std::ptrdiff_t>(out.size());
    if (l.axis < -rank || l.axis >= rank) detail::refuse_extents(node, "axis ", l.axis, " of extents ", out);
    const std::size_t axis = axis_of(l, out.size());
    for (std::size_t i = 1; i < in.size(); ++i) {
      Extents alike = in[i];
      if (alike.size() == out.size()) alike[axis] = out[axis];
      detail::require_extents(alike, out, node.c_str());
      out[axis] += in[i][axis];
    }
    return out;
  }
  static void visit(Concat& l, OperatorVisitor& v) { v.number("axis", double(l.axis)); }
  static void forward(const Concat& l, FloatInputs x, const TensorView<float>& y) {
    std::vector<TensorView<const float>> parts;
    for (const TensorView<const float>& part : x) parts.push_back(rows(l, part));
    concat_forward(std::span<const TensorView<const float>>(parts), rows(l, y));
  }
  static void backward(const Concat& l, const FloatBackward& b) { pass_on(l, b.x.size(), b.grad_y, b.grad_x); }
  static void steps(const Concat& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) {
    const auto parts = code_rows(l, x);
    int8::concat_steps(std::span<const int8::ConcatInput<std::uint8_t>>(parts), grid_y.scale, rows(l, steps));
  }
  static void codes(const Concat& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y) {
    const auto parts = code_rows(l, x);
    int8::concat(std::span<const int8::ConcatInput<std::uint8_t>>(parts), grid_y, rows(l, y));
  }
  static void fixed_point_codes(const Concat& l, CodeInputs x, const Affine<float>& grid_y, std::int32_t,
                                const TensorView<std::uint8_t>& y) {
    const auto parts = code_rows(l, x);
    int8::concat_fixed_point(std::span<const int8::ConcatInput<std::uint8_t>>(parts), grid_y, rows(l, y));
  }
  static void codes_backward(const Concat& l, CodeInputs x, const Affine<float>&, const TensorView<const float>& grad_y,
                             InputGradients& grad_x) {
    pass_on(l, x.size(), grad_y, grad_x);
  }

 private:
  static std::size_t axis_of(const Concat& l, std::size_t rank) {
    return static_cast<std::size_t>(l.axis < 0 ? l.axis + static_cast<std::ptrdiff_t>(rank) : l.axis);
  }
  /// With the axes before the joined one as rows, and those from it on as one axis.
  template <class T>
  static TensorView<T> rows(const Concat& l, const TensorView<T>& x) {
    const std::size_t axis = 1 + axis_of(l, x.rank() - 1);
    std::size_t before = 1, behind = 1;
    for (std::size_t k = 0; k < x.rank(); ++k) (k < axis ? before : behind) *= x.extent[k];
    return {x.data, {before, behind}};
  }
  static std::vector<int8::ConcatInput<std::uint8_t>> code_rows(const Concat& l, CodeInputs x) {
    std::vector<int8::ConcatInput<std::uint8_t>> parts;
    for (const CodeInput& part : x) parts.push_back({rows(l, part.codes), part.grid});
    return parts;
  }
  static void pass_on(const Concat& l, std::size_t count, const TensorView<const float>& grad_y, InputGradients& grad_x) {
    std::vector<TensorView<float>> parts;
    for (std::size_t i = 0; i < count; ++i) parts.push_back(rows(l, grad_x.zeros(i)));
    concat_backward(rows(l, grad_y), std::span<const TensorView<float>>(parts));
  }
};

TRIMTAB_OPERATOR_MODEL(Concat)

}  // namespace trimtab
