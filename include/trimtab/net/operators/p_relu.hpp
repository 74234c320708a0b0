#pragma once
/// \file
/// A leaky ReLU with a trained slope for each channel.

#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/net/operators/tabulated.hpp>
#include <trimtab/net/operators/windows.hpp>

namespace trimtab {

/// x, or slope[c] * x where x is negative, c the index of the last axis.
struct PRelu {
  xt::xtensor<float, 1> slope;  ///< one number per channel, or one for all
};

/// A table of codes a channel.
template <>
struct OperatorRules<PRelu> : Tabulated<PRelu> {
  static constexpr const char* name = "PRelu";
  static GridRule grid(const PRelu&, Requantizer) { return GridRule::own; }
  static SignRule sign(const PRelu&) { return SignRule::of_inputs; }
  static ScalingRule scaling(const PRelu&) { return ScalingRule::commutes; }
  static Clip bounds(const PRelu&) { return no_clip; }
  static std::size_t channels(const PRelu& l) { return l.slope.size(); }
  static void check(const PRelu& l, const Extents& x, const std::string& node) {
    if (l.slope.size() != 1) detail::require_length(l.slope.size(), x.size() == 0 ? 1 : x.back(), "slope", node);
  }
  static bool fold_into(const PRelu&, WeightedLayer&) { return false; }
  static void visit(PRelu& l, OperatorVisitor& v) { v.tensor("slope", view(l.slope), ParameterKind::bias); }
  static double value(const PRelu& l, std::size_t c, double x) { return x >= 0 ? x : double(l.slope(c)) * x; }
  static double derivative(const PRelu& l, std::size_t c, double x) { return x >= 0 ? 1.0 : double(l.slope(c)); }
  static std::array<double, 1> parameter_derivatives(const PRelu&, std::size_t, double x) { return {x >= 0 ? 0.0 : x}; }
};

TRIMTAB_OPERATOR_MODEL(PRelu)

}  // namespace trimtab
