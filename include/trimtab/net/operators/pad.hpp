#pragma once
/// \file
/// A picture with a frame around it, or without one that it had.

#include <trimtab/int8/concat.hpp>
#include <trimtab/net/operators/moves_elements.hpp>

namespace trimtab {

/// before[a] and after[a] elements more on axis a; negative numbers crop. See pad_movement.
struct Pad {
  std::vector<std::ptrdiff_t> before, after;  ///< for every axis, batch excluded
  PadMode mode = PadMode::constant;           ///< what is put there
  float value = 0;                            ///< of PadMode::constant
};

/// A movement where what is put there is an element of the input, or real 0. Another value may lie outside the input's grid,
/// where its code would be another number: such a pad has a grid of its own, whose calibration sees the value. The input's codes
/// are brought there as Concat's are, the value is value / s_y steps.
template <>
struct OperatorRules<Pad> : MovesElements<Pad> {
  static constexpr const char* name = "Pad";
  static constexpr bool has_fixed_point = true;
  static IntegerRule integers(const Pad& l) { return puts_value(l) ? IntegerRule::rounds : IntegerRule::moves; }
  static GridRule grid(const Pad& l, Requantizer) { return puts_value(l) ? GridRule::own : GridRule::of_input; }
  static SignRule sign(const Pad& l) { return puts_value(l) && !(l.value >= 0) ? SignRule::any : SignRule::of_inputs; }
  static ScalingRule scaling(const Pad& l) {
    const bool channels_stay = !l.before.empty() && !l.after.empty() && l.before.back() == 0 && l.after.back() == 0;
    return channels_stay && !puts_value(l) ? ScalingRule::commutes : ScalingRule::stops;
  }
  static std::optional<float> fill(const Pad& l, std::span<const Extents> in) {
    return puts_value(l) || MovesElements<Pad>::fill(l, in) ? std::optional(l.value) : std::nullopt;
  }
  static Movement movement(const Pad& l, const Extents& x) { return pad_movement(x, l.before, l.after, l.mode); }
  static void visit(Pad& l, OperatorVisitor& v) {
    v.numbers("before", l.before);
    v.numbers("after", l.after);
    v.number("mode", double(l.mode));
    v.number("value", double(l.value));
  }
  static void forward(const Pad& l, FloatInputs x, const TensorView<float>& y) { move(l, x[0], l.value, y.data); }
  static void steps(const Pad& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) {
    const std::vector<float> moved =
        on_grid<float>(x[0], [&](const auto& in, const auto& to) { int8::concat_steps(in, grid_y.scale, to); });
    move(l, TensorView<const float>(moved.data(), x[0].codes.extent), l.value / grid_y.scale, steps.data);
  }
  static void codes(const Pad& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y) {
    if (!puts_value(l)) return MovesElements<Pad>::codes(l, x, grid_y, y);
    frame(l, x[0], grid_y, y, [&](const auto& in, const auto& to) { int8::concat(in, grid_y, to); });
  }
  static void fixed_point_codes(const Pad& l, CodeInputs x, const Affine<float>& grid_y, std::int32_t,
                                const TensorView<std::uint8_t>& y) {
    frame(l, x[0], grid_y, y, [&](const auto& in, const auto& to) { int8::concat_fixed_point(in, grid_y, to); });
  }
  static void codes_backward(const Pad& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<const float>& grad_y,
                             InputGradients& grad_x) {
    if (!puts_value(l)) return MovesElements<Pad>::codes_backward(l, x, grid_y, grad_y, grad_x);
    move_back(l, x[0].codes.extent, grad_y, grad_x);
  }

 private:
  static bool puts_value(const Pad& l) { return l.mode == PadMode::constant && l.value != 0; }
  /// The input's codes as `to_grid` gives them.
  template <class T, class ToGrid>
  static std::vector<T> on_grid(const CodeInput& x, const ToGrid& to_grid) {
    std::vector<T> values(x.codes.size());
    const int8::ConcatInput<std::uint8_t> row{{x.codes.data, {x.codes.size()}}, x.grid};
    to_grid(std::span<const int8::ConcatInput<std::uint8_t>>(&row, 1), TensorView<T>(values.data(), {values.size()}));
    return values;
  }
  template <class ToGrid>
  static void frame(const Pad& l, const CodeInput& x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y,
                    const ToGrid& to_grid) {
    const float step = l.value / grid_y.scale;
    std::uint8_t fill = 0;
    steps_to_bytes(&step, 1, grid_y, &fill);
    const std::vector<std::uint8_t> moved = on_grid<std::uint8_t>(x, to_grid);
    move(l, TensorView<const std::uint8_t>(moved.data(), x.codes.extent), fill, y.data);
  }
};

TRIMTAB_OPERATOR_MODEL(Pad)

}  // namespace trimtab
