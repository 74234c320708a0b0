#pragma once
/// \file
/// What all operators that only move elements have in common: their codes are their input's, on their input's grid.

#include <algorithm>
#include <optional>
#include <trimtab/net/graph/operator.hpp>
#include <trimtab/ops/movement_makers.hpp>
#include <vector>

namespace trimtab {
namespace detail {

/// Extents without the batch in front.
inline Extents without_batch(const Extents& e) { return Extents(e.begin() + 1, e.end()); }

/// Whether a movement hands on all elements of x in their order.
inline bool is_identity(const Movement& m, std::size_t x_size) {
  if (element_count(m.output) != x_size) return false;
  std::size_t step = 1;
  for (std::size_t a = m.offset.size(); a-- > 0; step *= m.offset[a].size())
    for (std::size_t i = 0; i < m.offset[a].size(); ++i)
      if (m.offset[a][i] != i * step) return false;
  return true;
}

/// Whether a movement has elements that come from nowhere.
inline bool has_outside(const Movement& m) {
  return std::any_of(m.offset.begin(), m.offset.end(), [](const std::vector<std::size_t>& axis) {
    return std::find(axis.begin(), axis.end(), Movement::outside) != axis.end();
  });
}

/// grad_y, with 0 where the node's own clip changed the code that came there. `move` gives the codes before the clip; `held`
/// keeps what is returned.
template <class Move>
TensorView<const float> unclipped_gradient(const TensorView<const std::uint8_t>& x, const CodeRange& codes,
                                           const TensorView<const float>& grad_y, const Move& move, std::vector<float>& held) {
  const auto inside = [&](std::int32_t code) { return code >= codes.qmin && code <= codes.qmax; };
  bool cut = false;
  for (std::size_t i = 0; i < x.size(); ++i) cut |= !inside(x.data[i]);
  if (!cut) return grad_y;
  std::vector<std::uint8_t> y(grad_y.size());
  move(y.data());
  held.assign(grad_y.data, grad_y.data + grad_y.size());
  for (std::size_t i = 0; i < y.size(); ++i)
    if (!inside(y[i])) held[i] = 0;
  return {held.data(), grad_y.extent};
}

}  // namespace detail

/// Base of OperatorRules<L> for operators that move elements, or put real 0 where none comes from. L's rules add
///   static Movement movement(const L&, const Extents& x);  // of one picture; throws shape_error or value_error
///   name, scaling, visit
/// The code of real 0 is the zero point, which lies on every grid: nothing is rounded. The gradient of an element is the sum over
/// all places that it went to.
template <class L>
struct MovesElements : SimpleRules<L> {
  using R = OperatorRules<L>;
  static constexpr Arity arity{1, 1};
  static constexpr IntegerRule integers = IntegerRule::moves;
  static GridRule grid(const L&, Requantizer) { return GridRule::of_input; }
  static SignRule sign(const L&) { return SignRule::of_inputs; }
  static Clip bounds(const L&) { return no_clip; }
  static bool keeps_order(const L& l, std::span<const Extents> in) {
    return detail::is_identity(R::movement(l, in[0]), element_count(in[0]));
  }
  static std::optional<float> fill(const L& l, std::span<const Extents> in) {
    return detail::has_outside(R::movement(l, in[0])) ? std::optional(0.0F) : std::nullopt;
  }
  static Extents extent(const L& l, std::span<const Extents> in, const std::string& node) {
    try {
      return R::movement(l, in[0]).output;
    } catch (const error& e) {
      detail::refuse_extents(node, e.what());
    }
  }
  static void forward(const L& l, FloatInputs x, const TensorView<float>& y) { move(l, x[0], 0.0F, y.data); }
  static void backward(const L& l, const FloatBackward& b) { move_back(l, b.x[0].extent, b.grad_y, b.grad_x); }
  static void codes(const L& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y) {
    move(l, x[0].codes, zero_code(x[0]), y.data);
    detail::clamp_bytes(y, grid_y.codes);
  }
  static void codes_backward(const L& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<const float>& grad_y,
                             InputGradients& grad_x) {
    std::vector<float> held;
    const auto again = [&](std::uint8_t* y) { move(l, x[0].codes, zero_code(x[0]), y); };
    move_back(l, x[0].codes.extent, detail::unclipped_gradient(x[0].codes, grid_y.codes, grad_y, again, held), grad_x);
  }

 protected:
  /// y = x moved, `fill` where nothing comes from.
  template <class T>
  static void move(const L& l, const TensorView<const T>& x, std::type_identity_t<T> fill, T* y) {
    const Extents picture = detail::without_batch(x.extent);
    move_forward<T>(R::movement(l, picture), x.data, x.extent[0], element_count(picture), fill, y);
  }
  static void move_back(const L& l, const Extents& x, const TensorView<const float>& grad_y, InputGradients& grad_x) {
    const Extents picture = detail::without_batch(x);
    move_backward<float>(R::movement(l, picture), grad_y.data, x[0], element_count(picture), grad_x.zeros(0).data);
  }

 private:
  static std::uint8_t zero_code(const CodeInput& x) { return static_cast<std::uint8_t>(x.grid.quantize(0.0F)); }
};

/// Base of OperatorRules<L> for operators that hand on all elements in their order, seen with other extents. L's rules add
///   name, scaling, extent, visit
template <class L>
struct KeepsElements : SimpleRules<L> {
  static constexpr Arity arity{1, 1};
  static constexpr IntegerRule integers = IntegerRule::moves;
  static GridRule grid(const L&, Requantizer) { return GridRule::of_input; }
  static SignRule sign(const L&) { return SignRule::of_inputs; }
  static Clip bounds(const L&) { return no_clip; }
  static bool keeps_order(const L&, std::span<const Extents>) { return true; }
  static std::optional<float> fill(const L&, std::span<const Extents>) { return std::nullopt; }
  static void forward(const L&, FloatInputs x, const TensorView<float>& y) { std::copy_n(x[0].data, y.size(), y.data); }
  static void backward(const L&, const FloatBackward& b) { detail::add_gradient(b.grad_y, b.grad_x.claim(0)); }
  static void codes(const L&, CodeInputs x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y) {
    std::copy_n(x[0].codes.data, y.size(), y.data);
    detail::clamp_bytes(y, grid_y.codes);
  }
  static void codes_backward(const L&, CodeInputs x, const Affine<float>& grid_y, const TensorView<const float>& grad_y,
                             InputGradients& grad_x) {
    std::vector<float> held;
    const auto again = [&](std::uint8_t* y) { std::copy_n(x[0].codes.data, grad_y.size(), y); };
    detail::add_gradient(detail::unclipped_gradient(x[0].codes, grid_y.codes, grad_y, again, held), grad_x.claim(0));
  }
};

}  // namespace trimtab
