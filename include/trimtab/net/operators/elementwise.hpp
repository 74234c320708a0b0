#pragma once
/// \file
/// Functions of one number, the same for all elements: what most activations are. A new one is a struct and a handful of lines.

#include <trimtab/core/wide_loop.hpp>
#include <trimtab/net/operators/tabulated.hpp>
#include <trimtab/ops/float_functions.hpp>

namespace trimtab {

/// Base of OperatorRules<L> for such a function, with a grid of its own. L's rules add
///   static constexpr const char* name;
///   static SignRule sign(const L&);
///   static Clip bounds(const L&);                   // an interval that no value leaves; no_clip where there is none
///   static Real value(const L&, Real x);            // for double; or a template for double and float
///   static double derivative(const L&, double x);   // dy / dx; one-sided where there are two
/// and, where L has parameters, visit; where factors pass through it, scaling; where some parameters make no sense, check.
/// Codes are made in double, see Tabulated. The float forward is value() of a float: a template that says TRIMTAB_LOOP and calls
/// what is in ops/float_functions.hpp becomes a vectorised loop with the same bits on every instruction set; one for double alone
/// is rounded to float.
template <class L>
struct Elementwise : Tabulated<L> {
  using R = OperatorRules<L>;
  static std::size_t channels(const L&) { return 1; }
  static void check(const L&, const Extents&, const std::string&) {}
  static GridRule grid(const L&, Requantizer) { return GridRule::own; }
  static ScalingRule scaling(const L&) { return ScalingRule::stops; }
  static bool fold_into(const L&, WeightedLayer&) { return false; }
  static void visit(L&, OperatorVisitor&) {
    static_assert(std::is_empty_v<L>, "trimtab: OperatorRules<L> of an L with parameters needs `visit`, which shows them");
  }
  static void forward(const L& l, FloatInputs x, const TensorView<float>& y) { run<R>(l, x, y); }

 protected:
  /// y = Formula::value(l, x). An operator of several forms calls this for each, since a choice within the loop keeps it from
  /// being vectorised.
  template <class Formula>
  static void run(const L& l, FloatInputs x, const TensorView<float>& y) {
    parallel_ranges(y.size(), detail::run_grain, [&, from = x[0].data](std::size_t begin, std::size_t end) {
      detail::run_loop<Loop<Formula>>(&l, from + begin, end - begin, y.data + begin);
    });
  }

 private:
  template <class Formula>
  struct Loop {
    TRIMTAB_LOOP void run(const L* function, const float* x, std::size_t count, float* y) {
      const L l = *function;  // a copy: y cannot overwrite it
      TRIMTAB_NO_ALIAS
      for (std::size_t i = 0; i < count; ++i) y[i] = of(l, x[i]);
    }
    TRIMTAB_LOOP float of(const L& l, float x) {
      if constexpr (std::is_same_v<decltype(Formula::value(l, x)), float>)
        return Formula::value(l, x);
      else
        return static_cast<float>(Formula::value(l, double(x)));
    }
  };
};

}  // namespace trimtab
