#pragma once
/// \file
/// The hyperbolic tangent.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// tanh(x).
struct Tanh {};

/// A table of codes.
template <>
struct OperatorRules<Tanh> : Elementwise<Tanh> {
  static constexpr const char* name = "Tanh";
  /// Where integers alone make the codes, the grid -128 / 128 .. 127 / 128, as in TFLite.
  static GridRule grid(const Tanh&, Requantizer r) { return r == Requantizer::fixed_point ? GridRule::fixed : GridRule::own; }
  static Affine<float> fixed_grid(const Tanh&) { return {1.0F / 128, 128, unsigned_codes()}; }
  static SignRule sign(const Tanh&) { return SignRule::of_inputs; }
  static Clip bounds(const Tanh&) { return {-1.0F, 1.0F}; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Tanh&, Real x) {
    return Functions::tanh(x);
  }
  static double derivative(const Tanh&, double x) {
    const double y = std::tanh(x);
    return 1 - y * y;
  }
};

TRIMTAB_OPERATOR_MODEL(Tanh)

}  // namespace trimtab
