#pragma once
/// \file
/// What the compiler says of an operator whose rules are incomplete.

#include <any>
#include <optional>
#include <string>
#include <trimtab/net/graph/operator_rules.hpp>
#include <trimtab/net/graph/weighted_rules.hpp>

namespace trimtab {

class Operator;

namespace detail {

/// Whether it can be this rule that makes L's codes. `integers` is a constant, or a function of the parameters that chooses
/// between moves and rounds.
template <class L>
constexpr bool may_be(IntegerRule rule) {
  if constexpr (requires(const L& l) { IntegerRule(OperatorRules<L>::integers(l)); })
    return rule == IntegerRule::moves || rule == IntegerRule::rounds;
  else
    return OperatorRules<L>::integers == rule;
}

/// What every operator has to say, each with the sentence that its author reads otherwise.
template <class L>
constexpr void require_rules() {
  using R = OperatorRules<L>;
  static_assert(
      requires { sizeof(R); }, "trimtab: an operator L needs a specialisation of trimtab::OperatorRules<L>");
  static_assert(
      requires { static_cast<const char*>(R::name); }, "trimtab: OperatorRules<L> needs `static constexpr const char* name`");
  static_assert(
      requires { Arity(R::arity); }, "trimtab: OperatorRules<L> needs `static constexpr Arity arity`, the number of inputs");
  static_assert(
      requires { IntegerRule(R::integers); } || requires(const L& l) { IntegerRule(R::integers(l)); },
      "trimtab: OperatorRules<L> needs `static constexpr IntegerRule integers`: who makes its codes");
  static_assert(
      requires(const L& l) { GridRule(R::grid(l, Requantizer::float32)); },
      "trimtab: OperatorRules<L> needs `static GridRule grid(const L&, Requantizer)`: which grid its codes lie on");
  static_assert(
      requires(const L& l) { SignRule(R::sign(l)); },
      "trimtab: OperatorRules<L> needs `static SignRule sign(const L&)`: what it does to signs");
  static_assert(
      requires(const L& l) { ScalingRule(R::scaling(l)); } ||
          requires(const L& l, std::span<const Extents> in) { ScalingRule(R::scaling(l, in)); },
      "trimtab: OperatorRules<L> needs `static ScalingRule scaling(const L&)`, whether factors on channels pass through it, or a "
      "function of (const L&, std::span<const Extents> in) where the inputs decide");
  static_assert(
      requires(const L& l) { Clip(R::bounds(l)); },
      "trimtab: OperatorRules<L> needs `static Clip bounds(const L&)`; no_clip where outputs have none");
  static_assert(
      requires(const L& l, std::span<const Extents> in, std::string node) { Extents(R::extent(l, in, node)); },
      "trimtab: OperatorRules<L> needs `static Extents extent(const L&, std::span<const Extents> in, const std::string& node)`");
  static_assert(
      requires(const L& l, std::span<const Extents> in, Extents out) { double(R::macs(l, in, out)); },
      "trimtab: OperatorRules<L> needs `static double macs(const L&, std::span<const Extents> in, const Extents& out)`");
  static_assert(
      requires(L & l, OperatorVisitor & v) { R::visit(l, v); },
      "trimtab: OperatorRules<L> needs `static void visit(L&, OperatorVisitor&)`, which shows every parameter");
  static_assert(
      requires(const L& l, FloatInputs x, TensorView<float> y) { R::forward(l, x, y); },
      "trimtab: OperatorRules<L> needs `static void forward(const L&, FloatInputs x, const TensorView<float>& y)`");
  static_assert(
      requires(L & l, FloatInputs x, TensorView<float> y, std::any c) { R::train_forward(l, x, y, c, 0.0F); },
      "trimtab: OperatorRules<L> needs `train_forward(L&, FloatInputs, y, std::any& cache, float rate)`, or the base "
      "SimpleRules<L>");
  static_assert(
      requires(const L& l, const FloatBackward& b) { R::backward(l, b); },
      "trimtab: OperatorRules<L> needs `static void backward(const L&, const FloatBackward&)`");
  static_assert(
      requires(const L& l, WeightedLayer& w) { bool(R::fold_into(l, w)); },
      "trimtab: OperatorRules<L> needs `static bool fold_into(const L&, WeightedLayer& before)`, or the base SimpleRules<L>");
  if constexpr (may_be<L>(IntegerRule::source))
    static_assert(
        requires(const L& l) { bool(R::is_fed(l)); },
        "trimtab: OperatorRules<L> needs `static bool is_fed(const L&)`: whether the caller gives its values");
  if constexpr (may_be<L>(IntegerRule::folded))
    static_assert(
        requires(const L& l) { R::simplified(l); }, "trimtab: OperatorRules<L> needs `static Operator simplified(const L&)`");
  if constexpr (may_be<L>(IntegerRule::moves) || may_be<L>(IntegerRule::rounds)) {
    static_assert(
        requires(const L& l, CodeInputs x, Affine<float> g, TensorView<std::uint8_t> y) { R::codes(l, x, g, y); },
        "trimtab: OperatorRules<L> needs `static void codes(const L&, CodeInputs, const Affine<float>& grid_y, const "
        "TensorView<std::uint8_t>& y)`");
    static_assert(
        requires(const L& l, CodeInputs x, Affine<float> g, TensorView<const float> gy, InputGradients& gx) {
          R::codes_backward(l, x, g, gy, gx);
        },
        "trimtab: OperatorRules<L> needs `codes_backward(const L&, CodeInputs, const Affine<float>& grid_y, grad_y, "
        "InputGradients&)`");
    static_assert(
        requires(const L& l, std::span<const Affine<float>> x, Affine<float> y) { R::lowered(l, x, y); },
        "trimtab: OperatorRules<L> needs `static Operator lowered(const L&, std::span<const Affine<float>> grids_x, const "
        "Affine<float>& grid_y)`, or the base SimpleRules<L>");
  }
  if constexpr (may_be<L>(IntegerRule::moves))
    static_assert(
        requires(const L& l, std::span<const Extents> in) { bool(R::keeps_order(l, in)); },
        "trimtab: OperatorRules<L> needs `static bool keeps_order(const L&, std::span<const Extents> in)`: whether its output "
        "may be its input's memory");
  if constexpr (may_be<L>(IntegerRule::moves))
    static_assert(
        requires(const L& l, std::span<const Extents> in) { std::optional<float>(R::fill(l, in)); },
        "trimtab: OperatorRules<L> needs `static std::optional<float> fill(const L&, std::span<const Extents> in)`: the number "
        "that it puts where no element of its inputs comes from; std::nullopt where all come from there");
  if constexpr (may_be<L>(IntegerRule::rounds)) {
    static_assert(
        requires(const L& l, CodeInputs x, Affine<float> g, TensorView<float> y) { R::steps(l, x, g, y); },
        "trimtab: OperatorRules<L> needs `static void steps(const L&, CodeInputs, const Affine<float>& grid_y, const "
        "TensorView<float>& steps)`");
    static_assert(
        requires(const L& l, std::span<const Extents> in) { bool(R::has_fixed_point(l, in)); } ||
            requires { bool(R::has_fixed_point); },
        "trimtab: OperatorRules<L> needs `static constexpr bool has_fixed_point`, whether Requantizer::fixed_point is defined, "
        "or a "
        "function of (const L&, std::span<const Extents> in) where the inputs decide");
  }
  if constexpr (may_be<L>(IntegerRule::sums))
    static_assert(
        requires { WeightedRules<L>::output_axis; },
        "trimtab: an operator whose rule is IntegerRule::sums needs WeightedRules<L>");
}

}  // namespace detail
}  // namespace trimtab
