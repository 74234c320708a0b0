#pragma once
/// \file
/// Thresholds that training moves: a calibrated range end times a clipped factor (paper 3.1.3, 3.1.4). Valid by
/// construction: whatever value a factor takes, NaN included, the grid it gives has a positive, finite scale.

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <trimtab/core/error.hpp>
#include <trimtab/quant/params.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// Which axis of a tensor has a threshold for each index; `per_tensor` is one threshold for all (the paper's scalar mode),
/// `per_channel(axis)` its vector mode.
struct Granularity {
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();  ///< no axis: one threshold
  std::size_t axis = none;                                                      ///< whose indices have a threshold each
  friend bool operator==(const Granularity&, const Granularity&) = default;
};
/// One threshold for the whole tensor.
inline constexpr Granularity per_tensor{};
/// One threshold for each index along `axis`.
constexpr Granularity per_channel(std::size_t axis) { return {axis}; }

/// The closed interval a trained factor is clipped to.
template <std::floating_point Real>
struct Bounds {
  Real lo, hi;                                                       ///< both belong to it
  Real clip(Real factor) const { return clamp_to(factor, lo, hi); }  ///< the nearest number inside; lo for NaN
  friend bool operator==(const Bounds&, const Bounds&) = default;
};

/// The two ends of what a tensor was seen to hold; 0 always lies between them.
template <std::floating_point Real>
struct Range {
  Real left = 0, right = 0;  ///< left <= 0 <= right
  /// The largest absolute value.
  Real threshold() const { return right > -left ? right : -left; }
  friend bool operator==(const Range&, const Range&) = default;
};

/// Sums over the elements of one channel, from which a quantizer takes its factors' gradients. With g = dloss/dy, y the
/// quantized x and s the scale: over the elements inside the grid, and over those clipped at its ends.
struct GridGradient {
  double residue = 0;  ///< sum of g * (y - x) / s inside: what the rounding did (eq. 16, 17)
  double below = 0;    ///< sum of g where x / s < qmin - zero_point
  double above = 0;    ///< sum of g where x / s > qmax - zero_point
  /// Sums of two parts of a channel.
  GridGradient& operator+=(const GridGradient& o) {
    residue += o.residue;
    below += o.below;
    above += o.above;
    return *this;
  }
};

/// Range ends are kept within [2^-40, 2^40], so that no scale, product of scales or quotient overflows or loses bits.
inline constexpr double min_threshold = 0x1p-40;
inline constexpr double max_threshold = 0x1p40;  ///< the upper end

namespace detail {

/// `width` when it can be quantized; 1 when it is below 2^-40, since then nothing but zeros (or a dead filter's dust) was seen,
/// and every grid holds zero exactly. Throws quantization_range_error for NaN, infinity, negative, or above 2^40.
template <std::floating_point Real>
Real usable_width(Real width, const char* what, std::size_t channel) {
  if (!(width >= 0) || width > Real(max_threshold))
    throw quantization_range_error(message(what, ": channel ", channel, " has range width ", width, "; expected 0 to 2^40"));
  return width < Real(min_threshold) ? Real(1) : width;
}

/// width / steps, or the next larger number where width / (width / steps) rounds past steps: `width` itself has to count as
/// inside the grid, since the largest value of a tensor sits there.
template <std::floating_point Real>
Real covering_scale(Real width, std::int32_t steps) {
  const Real n = static_cast<Real>(steps), scale = width / n;
  return width / scale > n ? std::nextafter(scale, std::numeric_limits<Real>::max()) : scale;
}

template <std::floating_point Real>
void require_bounds(const Bounds<Real>& b, bool positive, const char* what) {
  if (!(b.lo <= b.hi) || !std::isfinite(b.lo) || !std::isfinite(b.hi) || (positive && !(b.lo > Real(0x1p-10))) ||
      b.hi > Real(0x1p10))
    throw value_error(message(what, ": bounds [", b.lo, ", ", b.hi, "] of a factor; expected finite, ordered, at most 2^10",
                              positive ? ", at least 2^-10" : ""));
}

}  // namespace detail

/// Symmetric thresholds (eq. 12 to 15): T_adj = clip(alpha) * T, one alpha for each channel; scale = T_adj / qmax and the zero
/// point is 0. The paper prints S = (2^n - 1) / T for every case; with the signed clip of eq. 4 that would saturate half of all
/// values, so signed codes use S = (2^(n-1) - 1) / T here. alpha starts at min(1, upper bound).
template <std::floating_point Real>
class AdjustableThreshold {
 public:
  using value_type = Real;                                           ///< of tensors and factors
  static constexpr Bounds<Real> default_bounds{Real(0.5), Real(1)};  ///< of alpha

  /// `thresholds`: one for each channel (one in all for per_tensor), in the units of the tensor. A threshold below 2^-40 counts
  /// as nothing seen and becomes 1. Throws quantization_range_error for NaN, negative, infinite or above 2^40; value_error
  /// for impossible bounds, code ranges or an empty list.
  explicit AdjustableThreshold(CodeRange codes, std::vector<Real> thresholds, Granularity granularity = per_tensor,
                               Bounds<Real> bounds = default_bounds)
      : codes_(codes), granularity_(granularity), bounds_(bounds), threshold_(std::move(thresholds)) {
    if (codes.qmax < 1 || codes.qmin > 0)
      throw value_error(detail::message("AdjustableThreshold: codes ", codes.qmin, " .. ", codes.qmax, " do not hold 0 and 1"));
    if (threshold_.empty() || (granularity == per_tensor && threshold_.size() != 1))
      throw value_error(detail::message("AdjustableThreshold: ", threshold_.size(), " thresholds for this granularity"));
    detail::require_bounds(bounds, true, "AdjustableThreshold");
    for (std::size_t c = 0; c < threshold_.size(); ++c)
      threshold_[c] = detail::usable_width(threshold_[c], "AdjustableThreshold", c);
    alpha_.assign(threshold_.size(), bounds.clip(Real(1)));
  }

  std::size_t channels() const { return threshold_.size(); }  ///< thresholds
  Granularity granularity() const { return granularity_; }    ///< what a channel is
  CodeRange codes() const { return codes_; }                  ///< of all channels

  /// T of channel c, as calibrated.
  Real threshold(std::size_t c) const { return threshold_[c]; }
  /// T_adj of channel c.
  Real adjusted_threshold(std::size_t c) const { return bounds_.clip(alpha_[c]) * threshold_[c]; }
  /// The grid of channel c, whose top code stands for T_adj.
  Affine<Real> grid(std::size_t c) const { return {detail::covering_scale(adjusted_threshold(c), codes_.qmax), 0, codes_}; }

  /// The trained factors: alpha of each channel.
  std::span<Real> factors() { return alpha_; }
  std::span<const Real> factors() const { return alpha_; }    ///< the same, to read
  Bounds<Real> bounds(std::size_t) const { return bounds_; }  ///< of a factor
  Real start(std::size_t) const { return bounds_.clip(Real(1)); }  ///< where a factor begins
  std::vector<Real> calibration() const { return threshold_; }     ///< T of each channel
  static constexpr bool is_asymmetric = false;                     ///< the zero point is 0

  /// grad_alpha[c] += dloss/dalpha. Inside the grid y = s * round(x / s), so dy/dalpha = (y - x) / s * T / qmax; clipped, y is
  /// qmin or qmax times s, so dy/dalpha = qmin * T / qmax or T. alpha beyond its bounds has no gradient; on them it has.
  void add_gradient(std::size_t c, const GridGradient& g, std::span<Real> grad_factors) const {
    if (bounds_.clip(alpha_[c]) != alpha_[c]) return;
    const double qmin = codes_.qmin, qmax = codes_.qmax;
    grad_factors[c] += static_cast<Real>(double(threshold_[c]) * ((g.residue + g.below * qmin) / qmax + g.above));
  }

 private:
  CodeRange codes_;
  Granularity granularity_;
  Bounds<Real> bounds_;
  std::vector<Real> threshold_, alpha_;
};

/// Asymmetric thresholds (eq. 21 to 23): R = T_r - T_l, left limit L = T_l + clip(alpha_T) * R, width W = clip(alpha_R) * R;
/// scale = W / (qmax - qmin), zero_point = clamp(qmin - round_half_even(L / scale), qmin, qmax), so that real 0 is a code even
/// where L would move past it. factors() holds every alpha_T (start 0), then every alpha_R (start min(1, upper bound)).
template <std::floating_point Real>
class AdjustableRange {
 public:
  using value_type = Real;                                                           ///< of tensors and factors
  static constexpr Bounds<Real> default_shift_bounds{Real(-0.2), Real(0.4)};         ///< of alpha_T
  static constexpr Bounds<Real> default_shift_bounds_one_sided{Real(0), Real(0.4)};  ///< of alpha_T where nothing is negative
  static constexpr Bounds<Real> default_width_bounds{Real(0.5), Real(1)};            ///< of alpha_R

  /// `ranges`: one for each channel, widened to hold 0. A width below 2^-40 becomes 1, split as the range was one-sided or not.
  /// Throws as AdjustableThreshold does.
  explicit AdjustableRange(CodeRange codes, std::vector<Range<Real>> ranges, Granularity granularity = per_tensor,
                           Bounds<Real> shift_bounds = default_shift_bounds, Bounds<Real> width_bounds = default_width_bounds)
      : codes_(codes), granularity_(granularity), shift_bounds_(shift_bounds), width_bounds_(width_bounds) {
    if (codes.qmax <= codes.qmin || codes.qmin > 0 || codes.qmax < 0)
      throw value_error(detail::message("AdjustableRange: codes ", codes.qmin, " .. ", codes.qmax, " do not hold 0 and another"));
    if (ranges.empty() || (granularity == per_tensor && ranges.size() != 1))
      throw value_error(detail::message("AdjustableRange: ", ranges.size(), " ranges for this granularity"));
    detail::require_bounds(shift_bounds, false, "AdjustableRange");
    detail::require_bounds(width_bounds, true, "AdjustableRange");
    for (std::size_t c = 0; c < ranges.size(); ++c) {
      // NaN passes through min and max in this order, and is refused below.
      const Real left = ranges[c].left > 0 ? Real(0) : ranges[c].left, right = ranges[c].right < 0 ? Real(0) : ranges[c].right;
      width_.push_back(detail::usable_width(right - left, "AdjustableRange", c));
      left_.push_back(right - left == width_.back() ? left : Real(0));
    }
    factors_.assign(ranges.size(), shift_bounds.clip(Real(0)));
    factors_.insert(factors_.end(), ranges.size(), width_bounds.clip(Real(1)));
  }

  std::size_t channels() const { return left_.size(); }     ///< thresholds
  Granularity granularity() const { return granularity_; }  ///< what a channel is
  CodeRange codes() const { return codes_; }                ///< of all channels

  /// T_l of channel c, as calibrated.
  Real left(std::size_t c) const { return left_[c]; }
  /// R = T_r - T_l of channel c, as calibrated.
  Real width(std::size_t c) const { return width_[c]; }
  /// Adjusted left limit and width of channel c (eq. 22, 23), before the zero point is rounded.
  /// Fused: on some instruction sets and with some flags compilers fuse a sum of products anyway, and one bit decides a tie.
  Real adjusted_left(std::size_t c) const { return std::fma(shift_bounds_.clip(factors_[c]), width_[c], left_[c]); }
  /// See adjusted_left.
  Real adjusted_width(std::size_t c) const { return width_bounds_.clip(factors_[channels() + c]) * width_[c]; }

  /// The grid of channel c, which holds real 0.
  Affine<Real> grid(std::size_t c) const {
    const Real scale = detail::covering_scale(adjusted_width(c), codes_.qmax - codes_.qmin);
    return {scale, static_cast<std::int32_t>(round_half_even(exact_zero_point(c, scale))), codes_};
  }

  /// alpha_T of every channel, then alpha_R of every channel.
  std::span<Real> factors() { return factors_; }
  std::span<const Real> factors() const { return factors_; }  ///< the same, to read
  Bounds<Real> bounds(std::size_t factor) const { return factor < channels() ? shift_bounds_ : width_bounds_; }  ///< of a factor
  Real start(std::size_t factor) const { return bounds(factor).clip(Real(factor < channels() ? 0 : 1)); }        ///< where a factor begins
  std::vector<Real> calibration() const {  ///< T_l and R of each channel
    std::vector<Real> numbers;
    for (std::size_t c = 0; c < channels(); ++c) numbers.insert(numbers.end(), {left_[c], width_[c]});
    return numbers;
  }
  static constexpr bool is_asymmetric = true;  ///< zero points are where they have to be

  /// Adds dloss/dalpha_T and dloss/dalpha_R. Inside the grid moving the left limit changes nothing and dy/dW = (y - x) / W;
  /// clipped below y = L, above y = L + W. Where the zero point stands at an end of the codes, that end is 0 and the other is
  /// W away from it. dL/dalpha_T = dW/dalpha_R = R. A factor beyond its bounds has no gradient; on them it has.
  void add_gradient(std::size_t c, const GridGradient& g, std::span<Real> grad_factors) const {
    const double steps = codes_.qmax - codes_.qmin;
    const std::int32_t zero_point = grid(c).zero_point;
    const bool zero_is_left = zero_point == codes_.qmin, zero_is_right = zero_point == codes_.qmax;
    const double grad_left = zero_is_left || zero_is_right ? 0.0 : g.below + g.above;
    const double grad_width = g.residue / steps + (zero_is_right ? -g.below : g.above);
    const std::size_t shift = c, width = channels() + c;
    if (shift_bounds_.clip(factors_[shift]) == factors_[shift]) grad_factors[shift] += static_cast<Real>(double(width_[c]) * grad_left);
    if (width_bounds_.clip(factors_[width]) == factors_[width]) grad_factors[width] += static_cast<Real>(double(width_[c]) * grad_width);
  }

 private:
  /// The zero point before it is rounded.
  Real exact_zero_point(std::size_t c, Real scale) const {
    const Real qmin = static_cast<Real>(codes_.qmin), qmax = static_cast<Real>(codes_.qmax);
    return clamp_to(qmin - adjusted_left(c) / scale, qmin, qmax);
  }

  CodeRange codes_;
  Granularity granularity_;
  Bounds<Real> shift_bounds_, width_bounds_;
  std::vector<Real> left_, width_, factors_;
};

/// What the loops over tensors need of a quantizer; write one to bring a scheme of your own.
template <class Q>
concept Quantizer = requires(const Q& q, Q& m, std::size_t c, std::span<typename Q::value_type> grad) {
  { q.channels() } -> std::convertible_to<std::size_t>;
  { q.factors() } -> std::convertible_to<std::span<const typename Q::value_type>>;
  { q.granularity() } -> std::convertible_to<Granularity>;
  { q.grid(c) } -> std::convertible_to<Affine<typename Q::value_type>>;
  q.add_gradient(c, GridGradient(), grad);
  { m.factors() } -> std::convertible_to<std::span<typename Q::value_type>>;
  { q.bounds(c) } -> std::convertible_to<Bounds<typename Q::value_type>>;
};

/// Puts every factor back into its bounds, as training does after each optimizer step, so that a saturated one can return.
template <Quantizer Q>
void project(Q& quantizer) {
  const std::span<typename Q::value_type> factors = quantizer.factors();
  for (std::size_t i = 0; i < factors.size(); ++i) factors[i] = quantizer.bounds(i).clip(factors[i]);
}

static_assert(Quantizer<AdjustableThreshold<float>> && Quantizer<AdjustableRange<double>>);

}  // namespace trimtab
