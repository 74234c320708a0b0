#pragma once
/// \file
/// The logistic function.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// 1 / (1 + e^-x).
struct Sigmoid {};

/// A table of codes.
template <>
struct OperatorRules<Sigmoid> : Elementwise<Sigmoid> {
  static constexpr const char* name = "Sigmoid";
  /// Where integers alone make the codes, the grid 0, 1 / 256 .. 255 / 256, as in TFLite.
  static GridRule grid(const Sigmoid&, Requantizer r) { return r == Requantizer::fixed_point ? GridRule::fixed : GridRule::own; }
  static Affine<float> fixed_grid(const Sigmoid&) { return {1.0F / 256, 0, unsigned_codes()}; }
  static SignRule sign(const Sigmoid&) { return SignRule::never_negative; }
  static Clip bounds(const Sigmoid&) { return {0.0F, 1.0F}; }
  template <class Real>
  TRIMTAB_LOOP Real value(const Sigmoid&, Real x) {
    return Functions::sigmoid(x);
  }
  static double derivative(const Sigmoid&, double x) {
    const double y = Functions::sigmoid(x);
    return y * Functions::sigmoid(-x);
  }
};

TRIMTAB_OPERATOR_MODEL(Sigmoid)

}  // namespace trimtab
