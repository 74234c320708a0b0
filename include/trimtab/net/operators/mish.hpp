#pragma once
/// \file
/// A smooth activation between ReLU and Swish.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// x * tanh(log(1 + e^x)) = x * n / (n + 2), n = e^x (e^x + 2); its least value is -0.30884.., near -1.19.
struct Mish {};

/// A table of codes.
template <>
struct OperatorRules<Mish> : Elementwise<Mish> {
  static constexpr const char* name = "Mish";
  static SignRule sign(const Mish&) { return SignRule::of_inputs; }
  static Clip bounds(const Mish&) { return {-0.3089F, std::numeric_limits<float>::infinity()}; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Mish&, Real x) {
    return x * tanh_softplus(x);
  }
  static double derivative(const Mish&, double x) {
    const double t = tanh_softplus(x);
    return t + x * (1 - t * t) * Functions::sigmoid(x);
  }

 private:
  template <class Real>
  TRIMTAB_LOOP Real tanh_softplus(Real x) {
    const Real e = Functions::exp(Functions::select(x > 20, Real(20), x)), n = e * (e + 2);  // at 20 it is 1
    return n / (n + 2);
  }
};

TRIMTAB_OPERATOR_MODEL(Mish)

}  // namespace trimtab
