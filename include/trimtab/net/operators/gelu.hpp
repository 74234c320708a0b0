#pragma once
/// \file
/// The Gaussian error linear unit.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// x * (1 + erf(x / sqrt 2)) / 2, or in its tanh form x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2, with
/// (1 + tanh u) / 2 taken as sigmoid(2 u). Its least value is -0.16997.. or -0.17004.., near -0.75.
struct Gelu {
  bool tanh_form = false;  ///< which
};

/// A table of codes.
template <>
struct OperatorRules<Gelu> : Elementwise<Gelu> {
  static constexpr const char* name = "Gelu";
  static SignRule sign(const Gelu&) { return SignRule::of_inputs; }
  static Clip bounds(const Gelu&) { return {-0.1701F, std::numeric_limits<float>::infinity()}; }
  static void visit(Gelu& l, OperatorVisitor& v) { v.number("tanh_form", double(l.tanh_form)); }
  template <class Real>
  TRIMTAB_LOOP Real value(const Gelu& l, Real x) {
    return l.tanh_form ? TanhForm::value(l, x) : ErfForm::value(l, x);
  }
  static void forward(const Gelu& l, FloatInputs x, const TensorView<float>& y) {
    l.tanh_form ? run<TanhForm>(l, x, y) : run<ErfForm>(l, x, y);
  }
  static double derivative(const Gelu& l, double x) {
    if (!l.tanh_form) return Functions::normal_below(x) + x * std::exp(-0.5 * x * x) * 0.39894228040143267794;
    const double u = twice_sqrt_2_over_pi * (x + cubic * x * x * x), s = Functions::sigmoid(u);
    return s + x * s * Functions::sigmoid(-u) * twice_sqrt_2_over_pi * (1 + 3 * cubic * x * x);
  }

 private:
  static constexpr double cubic = 0.044715, twice_sqrt_2_over_pi = 1.5957691216057307117;
  struct ErfForm {
    template <class Real>
    TRIMTAB_LOOP Real value(const Gelu&, Real x) {
      return x * Functions::normal_below(x);
    }
  };
  struct TanhForm {
    template <class Real>
    TRIMTAB_LOOP Real value(const Gelu&, Real x) {
      return x * Functions::sigmoid(Real(twice_sqrt_2_over_pi) * (x + Real(cubic) * x * x * x));
    }
  };
};

TRIMTAB_OPERATOR_MODEL(Gelu)

}  // namespace trimtab
