#pragma once
/// \file
/// Thresholds whose scale is a power of two, trained: multipliers are shifts, before training and after it.

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <trimtab/core/error.hpp>
#include <trimtab/quant/params.hpp>
#include <trimtab/quant/threshold.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// Symmetric thresholds with
///   scale = 2^k,   k = ceil(log2(T / qmax) + clip(tau))
/// and zero point 0, one trained tau for each channel (Jain et al., "Trained Quantization Thresholds", MLSys 2020, with the top
/// code in place of a power of two): tau is the logarithm of the adjusted threshold over the calibrated one, T_adj = 2^tau T, and
/// starts at 0, where the grid is that of power_of_two_threshold(T), the finest that holds T. ceil counts as identity in the
/// gradient.
///
/// Between two powers one gradient points up and the other down, so training often ends at their border: on which side is chance,
/// and the loss of both tells which is better.
template <std::floating_point Real>
class PowerOfTwoThreshold {
 public:
  using value_type = Real;                                    ///< of tensors and factors
  static constexpr Bounds<Real> default_bounds{Real(-4), 1};  ///< of tau: T / 16 to 2 T
  static constexpr double largest_shift = 20;                 ///< of tau, either way

  /// `thresholds`: one for each channel, as AdjustableThreshold takes them; throws as it does, and value_error for bounds outside
  /// [-20, 20].
  explicit PowerOfTwoThreshold(CodeRange codes, std::vector<Real> thresholds, Granularity granularity = per_tensor,
                               Bounds<Real> bounds = default_bounds)
      : codes_(codes), granularity_(granularity), bounds_(bounds), threshold_(std::move(thresholds)) {
    detail::require_top_code(codes, "PowerOfTwoThreshold");
    detail::require_channels(threshold_.size(), granularity, "thresholds", "PowerOfTwoThreshold");
    detail::require_bounds(bounds, -largest_shift, largest_shift, "PowerOfTwoThreshold");
    for (std::size_t c = 0; c < threshold_.size(); ++c)
      threshold_[c] = detail::usable_width(threshold_[c], "PowerOfTwoThreshold", c);
    tau_.assign(threshold_.size(), start(0));
  }

  std::size_t channels() const { return threshold_.size(); }  ///< thresholds
  Granularity granularity() const { return granularity_; }    ///< what a channel is
  CodeRange codes() const { return codes_; }                  ///< of all channels

  /// T of channel c, as calibrated.
  Real threshold(std::size_t c) const { return threshold_[c]; }
  /// k of channel c.
  int exponent(std::size_t c) const {
    int whole = 0;  // T / qmax = part * 2^whole, part in [1/2, 1); apart, so that a tau of 0 cannot lose part's last bits
    const double part = std::frexp(double(detail::covering_scale(threshold_[c], codes_.qmax)), &whole);
    return whole + static_cast<int>(std::ceil(std::log2(part) + double(bounds_.clip(tau_[c]))));
  }
  /// The grid of channel c.
  Affine<Real> grid(std::size_t c) const { return {std::ldexp(Real(1), exponent(c)), 0, codes_}; }

  /// The trained factors: tau of each channel.
  std::span<Real> factors() { return tau_; }
  std::span<const Real> factors() const { return tau_; }              ///< the same, to read
  Bounds<Real> bounds(std::size_t) const { return bounds_; }          ///< of a factor
  Real start(std::size_t) const { return bounds_.clip(Real(0)); }     ///< where training begins
  const std::vector<Real>& calibrated() const { return threshold_; }  ///< T of every channel
  static constexpr bool is_symmetric() { return true; }               ///< the zero point is always 0

  /// grad_tau[c] += dloss/dtau. With ceil straight through, ds/dtau = ln(2) s; dy/ds is (y - x) / s inside, qmin below, qmax
  /// above. tau beyond its bounds has no gradient; on them it has.
  void add_gradient(std::size_t c, const GridGradient& g, std::span<Real> grad_factors) const {
    if (!detail::is_free(bounds_, tau_[c])) return;
    const double scale = std::ldexp(1.0, exponent(c));
    grad_factors[c] += static_cast<Real>(std::numbers::ln2 * scale * (g.residue + g.below * codes_.qmin + g.above * codes_.qmax));
  }

 private:
  CodeRange codes_;
  Granularity granularity_;
  Bounds<Real> bounds_;
  std::vector<Real> threshold_, tau_;
};

static_assert(Quantizer<PowerOfTwoThreshold<float>>);

}  // namespace trimtab
