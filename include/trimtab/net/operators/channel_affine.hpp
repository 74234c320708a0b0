#pragma once
/// \file
/// An affine function of each channel: a batch norm or constants that no layer could take in.

#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/net/operators/tabulated.hpp>
#include <trimtab/net/operators/windows.hpp>
#include <trimtab/transform/scale_channels.hpp>

namespace trimtab {

/// y[..., c] = scale[c] * x[..., c] + offset[c] over the last axis.
struct ChannelAffine {
  xt::xtensor<float, 1> scale, offset;  ///< one number per channel each, or one for all
};

/// A table of codes a channel.
template <>
struct OperatorRules<ChannelAffine> : Tabulated<ChannelAffine> {
  static constexpr const char* name = "ChannelAffine";
  static GridRule grid(const ChannelAffine&, Requantizer) { return GridRule::own; }
  static SignRule sign(const ChannelAffine& l) {
    bool keeps = true;
    for (std::size_t c = 0; c < l.scale.size(); ++c) keeps = keeps && l.scale(c) >= 0 && l.offset(c) >= 0;
    return keeps ? SignRule::of_inputs : SignRule::any;
  }
  static ScalingRule scaling(const ChannelAffine&) { return ScalingRule::stops; }
  static Clip bounds(const ChannelAffine&) { return no_clip; }
  static std::size_t channels(const ChannelAffine& l) { return l.scale.size(); }
  static void check(const ChannelAffine& l, const Extents& x, const std::string& node) {
    detail::require_length(l.offset.size(), l.scale.size(), "offset", node);
    if (l.scale.size() != 1) detail::require_length(l.scale.size(), x.size() == 0 ? 1 : x.back(), "scale", node);
  }
  static void visit(ChannelAffine& l, OperatorVisitor& v) {
    v.tensor("scale", view(l.scale), ParameterKind::bias);
    v.tensor("offset", view(l.offset), ParameterKind::bias);
  }
  static ChannelFactors affine(const ChannelAffine& l) {
    return {{l.scale.begin(), l.scale.end()}, {l.offset.begin(), l.offset.end()}};
  }
  static double value(const ChannelAffine& l, std::size_t c, double x) { return double(l.scale(c)) * x + double(l.offset(c)); }
  static double derivative(const ChannelAffine& l, std::size_t c, double) { return double(l.scale(c)); }
  static std::array<double, 2> parameter_derivatives(const ChannelAffine&, std::size_t, double x) { return {x, 1.0}; }
  static bool fold_into(const ChannelAffine& l, WeightedLayer& before) {
    const std::size_t outputs = before.output_channels();
    if (l.scale.size() != 1 && l.scale.size() != outputs) return false;
    if (before.bias().empty()) before.set_bias(std::vector<float>(outputs, 0.0F));
    detail::for_each_in_channels(before.weight(), before.output_axis(), "ChannelAffine", [&](float& w, std::size_t c) {
      w = static_cast<float>(double(w) * double(l.scale(l.scale.size() == 1 ? 0 : c)));
    });
    for (std::size_t c = 0; c < outputs; ++c) {
      const std::size_t of = l.scale.size() == 1 ? 0 : c;
      before.bias()[c] = static_cast<float>(double(before.bias()[c]) * double(l.scale(of)) + double(l.offset(of)));
    }
    return true;
  }
};

TRIMTAB_OPERATOR_MODEL(ChannelAffine)

}  // namespace trimtab
