#pragma once
/// \file
/// Thresholds that training moves: a calibrated range end times a clipped factor (paper 3.1.3, 3.1.4). Valid by
/// construction: whatever value a factor takes, NaN included, the grid it gives has a positive, finite scale.

#include <algorithm>
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

/// Which grids values lie on, and what training moves of them.
enum class Scheme {
  symmetric,     ///< thresholds on both sides of 0 (paper 3.1.3)
  asymmetric,    ///< a left limit and a width (paper 3.1.4)
  power_of_two,  ///< symmetric thresholds whose scales are powers of two, before training and after it (quant/power_of_two.hpp)
  learned        ///< activations: a scale and a zero point (quant/learned_grid.hpp); weights: a scale
};

/// Whether a scheme has no zero points other than 0.
constexpr bool is_symmetric(Scheme scheme) { return scheme == Scheme::symmetric || scheme == Scheme::power_of_two; }

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

/// Whether a factor has a gradient: within its bounds, on them too, unless they leave it one value.
template <std::floating_point Real>
bool is_free(const Bounds<Real>& b, Real factor) {
  return b.clip(factor) == factor && b.lo < b.hi;
}

/// Factors of thresholds and widths are kept within [2^-10, 2^10], shifts within [-2^10, 2^10].
inline constexpr double least_factor = 0x1p-10, largest_factor = 0x1p10;

/// Throws value_error unless lowest <= lo <= hi <= highest.
template <std::floating_point Real>
void require_bounds(const Bounds<Real>& b, double lowest, double highest, const char* what) {
  if (!(b.lo <= b.hi) || !(double(b.lo) >= lowest) || !(double(b.hi) <= highest))
    throw value_error(
        message(what, ": bounds [", b.lo, ", ", b.hi, "] of a factor; expected ordered, within [", lowest, ", ", highest, "]"));
}

/// Throws value_error unless there is one number for per_tensor, at least one for per_channel.
inline void require_channels(std::size_t count, Granularity granularity, const char* numbers, const char* what) {
  if (count == 0 || (granularity == per_tensor && count != 1))
    throw value_error(message(what, ": ", count, " ", numbers, " for this granularity"));
}

/// Throws value_error unless the codes hold 0 and 1.
inline void require_top_code(CodeRange codes, const char* what) {
  if (codes.qmax < 1 || codes.qmin > 0)
    throw value_error(message(what, ": codes ", codes.qmin, " .. ", codes.qmax, " do not hold 0 and 1"));
}

/// Throws value_error unless the codes hold 0 and another.
inline void require_two_codes(CodeRange codes, const char* what) {
  if (codes.qmax <= codes.qmin || codes.qmin > 0 || codes.qmax < 0)
    throw value_error(message(what, ": codes ", codes.qmin, " .. ", codes.qmax, " do not hold 0 and another"));
}

/// Left end and width of a range, widened to hold 0. A width below 2^-40 becomes 1, which 0 divides as it divided the range:
/// dust of both signs keeps codes for both. Throws as usable_width does.
template <std::floating_point Real>
std::pair<Real, Real> usable_range(Range<Real> r, const char* what, std::size_t channel) {
  // NaN passes through both comparisons, and is refused below.
  const Real left = r.left > 0 ? Real(0) : r.left, right = r.right < 0 ? Real(0) : r.right, seen = right - left;
  const Real width = usable_width(seen, what, channel);
  return {seen == width || seen == 0 ? left : left / seen, width};
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
    detail::require_top_code(codes, "AdjustableThreshold");
    detail::require_channels(threshold_.size(), granularity, "thresholds", "AdjustableThreshold");
    detail::require_bounds(bounds, detail::least_factor, detail::largest_factor, "AdjustableThreshold");
    for (std::size_t c = 0; c < threshold_.size(); ++c)
      threshold_[c] = detail::usable_width(threshold_[c], "AdjustableThreshold", c);
    alpha_.assign(threshold_.size(), start(0));
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
  std::span<const Real> factors() const { return alpha_; }            ///< the same, to read
  Bounds<Real> bounds(std::size_t) const { return bounds_; }          ///< of a factor
  Real start(std::size_t) const { return bounds_.clip(Real(1)); }     ///< where training begins
  const std::vector<Real>& calibrated() const { return threshold_; }  ///< T of every channel
  static constexpr bool is_symmetric() { return true; }               ///< the zero point is always 0

  /// grad_alpha[c] += dloss/dalpha. Inside the grid y = s * round(x / s), so dy/dalpha = (y - x) / s * T / qmax; clipped, y is
  /// qmin or qmax times s, so dy/dalpha = qmin * T / qmax or T. alpha beyond its bounds has no gradient; on them it has.
  void add_gradient(std::size_t c, const GridGradient& g, std::span<Real> grad_factors) const {
    if (!detail::is_free(bounds_, alpha_[c])) return;
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
/// scale = W / (qmax - qmin), zero_point = round_half_even(clamp(qmin - L / scale, qmin, qmax)), so that real 0 is a code even
/// where L would move past it. factors() holds every alpha_T (start 0), then every alpha_R (start min(1, upper bound)).
///
/// Because 0 stays a code, alpha_T changes nothing past z = -T_l / R, where L is 0, nor below z - max_R, where even the widest
/// grid ends at 0. Its bounds end there in each channel, lest training leaves it where no gradient can bring it back. A tensor
/// that begins at 0 and may not be shifted down (T_l = 0, lower bound 0) leaves alpha_T one value, 0: the factor is dead, see
/// is_dead.
template <std::floating_point Real>
class AdjustableRange {
 public:
  using value_type = Real;                                                           ///< of tensors and factors
  static constexpr Bounds<Real> default_shift_bounds{Real(-0.2), Real(0.4)};         ///< of alpha_T
  static constexpr Bounds<Real> default_shift_bounds_one_sided{Real(0), Real(0.4)};  ///< of alpha_T where nothing is negative
  static constexpr Bounds<Real> default_width_bounds{Real(0.5), Real(1)};            ///< of alpha_R

  /// `ranges`: one for each channel, widened to hold 0. A width below 2^-40 becomes 1, divided by 0 in the ratio in which the
  /// range was. Throws as AdjustableThreshold does.
  explicit AdjustableRange(CodeRange codes, std::vector<Range<Real>> ranges, Granularity granularity = per_tensor,
                           Bounds<Real> shift_bounds = default_shift_bounds, Bounds<Real> width_bounds = default_width_bounds)
      : codes_(codes), granularity_(granularity), shift_bounds_(shift_bounds), width_bounds_(width_bounds) {
    detail::require_two_codes(codes, "AdjustableRange");
    detail::require_channels(ranges.size(), granularity, "ranges", "AdjustableRange");
    detail::require_bounds(shift_bounds, -detail::largest_factor, detail::largest_factor, "AdjustableRange");
    detail::require_bounds(width_bounds, detail::least_factor, detail::largest_factor, "AdjustableRange");
    for (std::size_t c = 0; c < ranges.size(); ++c) {
      const auto [left, width] = detail::usable_range(ranges[c], "AdjustableRange", c);
      left_.push_back(left);
      width_.push_back(width);
    }
    for (std::size_t i = 0; i < 2 * ranges.size(); ++i) factors_.push_back(start(i));
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
  Real adjusted_left(std::size_t c) const { return std::fma(bounds(c).clip(factors_[c]), width_[c], left_[c]); }
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
  /// Of a factor: alpha_T's are the shift bounds without what would change nothing, [z - max_R, z] of its channel; a single value
  /// where nothing else is left.
  Bounds<Real> bounds(std::size_t factor) const {
    if (factor >= channels()) return width_bounds_;
    const Bounds<Real> felt{zero_place(factor) - width_bounds_.hi, zero_place(factor)}, b = shift_bounds_;
    return {std::max(b.lo, std::min(b.hi, felt.lo)), std::min(b.hi, std::max(b.lo, felt.hi))};
  }
  /// Where training begins: alpha_T at 0, alpha_R at 1, or their nearest bounds.
  Real start(std::size_t factor) const { return bounds(factor).clip(factor < channels() ? Real(0) : Real(1)); }
  /// What was calibrated: T_l of every channel, then R of every channel.
  std::vector<Real> calibrated() const {
    std::vector<Real> numbers = left_;
    numbers.insert(numbers.end(), width_.begin(), width_.end());
    return numbers;
  }
  /// The zero point may be other than 0.
  static constexpr bool is_symmetric() { return false; }

  /// Adds dloss/dalpha_T and dloss/dalpha_R. With n = qmax - qmin, p = qmin - L / s the zero point before rounding, z_p after it,
  /// and rounding straight through: inside the grid y is s * round(x / s), whatever L; below it y = s * (qmin - z_p), above it
  /// y = s * (qmax - z_p), so that
  ///   dy/dL = 0 inside, 1 below and above,     dy/dW = (y - x) / s / n inside, (p - z_p) / n below, 1 + (p - z_p) / n above.
  /// dL/dalpha_T = dW/dalpha_R = R. Where L + W <= 0 the zero point stays at qmax and the grid is [-W, 0]: dy/dW is -1 below, 0
  /// above, and alpha_T keeps the gradient of what is clipped at 0, which alone asks for a right end, so that it can return. A
  /// factor beyond its bounds has no gradient; on them it has. A dead one has none.
  void add_gradient(std::size_t c, const GridGradient& g, std::span<Real> grad_factors) const {
    const std::size_t shift = c, width = channels() + c;
    const double steps = codes_.qmax - codes_.qmin;
    const Affine<Real> grid_c = grid(c);
    const Bounds<Real> shift_bounds = bounds(shift);
    const bool ends_at_zero = shift_bounds.clip(factors_[shift]) + width_bounds_.clip(factors_[width]) <= zero_place(c);
    const double lost = ends_at_zero ? 0.0 : double(exact_zero_point(c, grid_c.scale)) - double(grid_c.zero_point);
    const double grad_left = (ends_at_zero ? 0.0 : g.below) + g.above;
    const double grad_width = g.residue / steps + (ends_at_zero ? -g.below : g.above) + (g.below + g.above) * lost / steps;
    if (detail::is_free(shift_bounds, factors_[shift])) grad_factors[shift] += static_cast<Real>(double(width_[c]) * grad_left);
    if (detail::is_free(width_bounds_, factors_[width])) grad_factors[width] += static_cast<Real>(double(width_[c]) * grad_width);
  }

 private:
  /// z = -T_l / R: where 0 lies in the range as calibrated, 0 at its left end and 1 at its right.
  Real zero_place(std::size_t c) const { return Real(0) - left_[c] / width_[c]; }
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

/// True of a factor whose bounds leave it one value: it has no gradient, and nothing to train or to count. So is alpha_T of
/// tensors that begin at 0, and any factor that somebody has held by equal bounds.
template <Quantizer Q>
bool is_dead(const Q& quantizer, std::size_t factor) {
  const Bounds<typename Q::value_type> b = quantizer.bounds(factor);
  return !(b.lo < b.hi);
}

/// How many factors training can move: those that are not dead.
template <Quantizer Q>
std::size_t live_factors(const Q& quantizer) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < quantizer.factors().size(); ++i) count += std::size_t{!is_dead(quantizer, i)};
  return count;
}

static_assert(Quantizer<AdjustableThreshold<float>> && Quantizer<AdjustableRange<double>>);

}  // namespace trimtab
