#pragma once
/// \file
/// Rounding to a grid that stays in floating point: of more than 8 bits, for which there are no kernels.

#include <trimtab/net/operators/elementwise.hpp>

namespace trimtab {

/// scale * (clamp(round_half_even(x / scale) + zero_point, qmin, qmax) - zero_point): QuantizeLinear, then DequantizeLinear. NaN
/// gives the lowest code.
struct FakeQuantize {
  Affine<float> grid;  ///< scale positive; codes of at most 16 bits that have the zero point among them
};

/// A table of codes. The gradient is straight-through: rounding has derivative 1, clipping 1 on the closed interval.
template <>
struct OperatorRules<FakeQuantize> : Elementwise<FakeQuantize> {
  static constexpr const char* name = "FakeQuantize";
  static void check(const FakeQuantize& l, const Extents&, const std::string& node) {
    const Affine<float>& g = l.grid;
    if (!(g.scale > 0) || !std::isfinite(g.scale) || g.codes.qmin > g.zero_point || g.codes.qmax < g.zero_point ||
        g.codes.qmin < -32768 || g.codes.qmax > 65535)
      throw value_error(detail::message("Network::add: node ", node, ": FakeQuantize with scale ", g.scale, ", zero point ",
                                        g.zero_point, " and codes ", g.codes.qmin, " to ", g.codes.qmax));
  }
  static SignRule sign(const FakeQuantize&) { return SignRule::of_inputs; }
  static Clip bounds(const FakeQuantize& l) { return {l.grid.scale * l.grid.lowest(), l.grid.scale * l.grid.highest()}; }
  static void visit(FakeQuantize& l, OperatorVisitor& v) {
    v.number("scale", double(l.grid.scale));
    v.number("zero_point", l.grid.zero_point);
    v.number("qmin", l.grid.codes.qmin);
    v.number("qmax", l.grid.codes.qmax);
  }
  /// In float32 whatever Real is: the codes are those of a float.
  template <class Real>
  TRIMTAB_LOOP Real value(const FakeQuantize& l, Real x) {
    return Real(l.grid.fake_quantize(static_cast<float>(x)));
  }
  static double derivative(const FakeQuantize& l, double x) {
    const float steps = static_cast<float>(x) / l.grid.scale;
    return steps >= l.grid.lowest() && steps <= l.grid.highest() ? 1 : 0;
  }
};

TRIMTAB_OPERATOR_MODEL(FakeQuantize)

}  // namespace trimtab
