#pragma once
/// \file
/// A picture of other extents, each element interpolated between neighbours of the input.

#include <trimtab/int8/resize.hpp>
#include <trimtab/net/operators/resized_axes.hpp>
#include <trimtab/ops/resize.hpp>

namespace trimtab {

/// A polynomial through 2 or 4 neighbours along each axis in turn; see ops/resize.hpp.
struct ResizeLinear {
  std::vector<ResizeAxis> axes;  ///< for every axis, batch excluded
  ResizeOptions options = {};    ///< coordinates, arithmetic, interpolation and what belongs to cubic
};

/// steps = resize_forward(float(q - z)) * (s_x / s_y), rounded once. Linear stays between its neighbours, cubic does not: it may
/// be negative where no input is. In fixed point int8::resize_bilinear_fixed_point, of TFLite's coordinates.
template <>
struct OperatorRules<ResizeLinear> : SimpleRules<ResizeLinear>, RoundsSteps<ResizeLinear> {
  static constexpr const char* name = "ResizeLinear";
  static constexpr Arity arity{1, 1};
  static bool has_fixed_point(const ResizeLinear& l, std::span<const Extents>) {
    return int8::detail::is_tflite_bilinear(l.axes, l.options);
  }
  static GridRule grid(const ResizeLinear&, Requantizer r) {
    return r == Requantizer::fixed_point ? GridRule::of_input : GridRule::own;
  }
  static SignRule sign(const ResizeLinear& l) {
    return l.options.interpolation == Interpolation::linear ? SignRule::of_inputs : SignRule::any;
  }
  static ScalingRule scaling(const ResizeLinear& l) { return detail::resized_scaling(l.axes); }
  static Clip bounds(const ResizeLinear&) { return no_clip; }
  static Extents extent(const ResizeLinear& l, std::span<const Extents> in, const std::string& node) {
    try {
      detail::require_resized(l.axes, in[0]);
      resize_taps(l.axes, l.options);
    } catch (const error& e) {
      detail::refuse_extents(node, e.what());
    }
    Extents out;
    for (const ResizeAxis& axis : l.axes) out.push_back(axis.out);
    return out;
  }
  static void visit(ResizeLinear& l, OperatorVisitor& v) {
    detail::visit_axes(l.axes, l.options, v);
    v.number("interpolation", double(l.options.interpolation));
    v.number("cubic_coeff_a", double(l.options.cubic_coeff_a));
    v.number("exclude_outside", l.options.exclude_outside ? 1 : 0);
  }
  static void forward(const ResizeLinear& l, FloatInputs x, const TensorView<float>& y) {
    resize_forward<float>(resize_taps(l.axes, l.options), x[0].data, x[0].extent[0], y.data);
  }
  static void backward(const ResizeLinear& l, const FloatBackward& b) { pass_on(l, b.grad_y, b.grad_x); }
  static void steps(const ResizeLinear& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) {
    resize_steps(x[0].codes, x[0].grid, resize_taps(l.axes, l.options), grid_y.scale, steps.data);
  }
  /// On the input's grid.
  static void fixed_point_codes(const ResizeLinear& l, CodeInputs x, const Affine<float>& grid_y, std::int32_t code_origin,
                                const TensorView<std::uint8_t>& y) {
    int8::resize_bilinear_fixed_point(x[0].codes, l.axes, l.options, code_origin, y);
    detail::clamp_bytes(y, grid_y.codes);
  }
  static void codes_backward(const ResizeLinear& l, CodeInputs, const Affine<float>&, const TensorView<const float>& grad_y,
                             InputGradients& grad_x) {
    pass_on(l, grad_y, grad_x);
  }

 private:
  static void pass_on(const ResizeLinear& l, const TensorView<const float>& grad_y, InputGradients& grad_x) {
    resize_backward<float>(resize_taps(l.axes, l.options), grad_y.data, grad_y.extent[0], grad_x.zeros(0).data);
  }
};

TRIMTAB_OPERATOR_MODEL(ResizeLinear)

}  // namespace trimtab
