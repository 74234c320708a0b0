#pragma once
/// \file
/// Scale and zero point, both trained, and safe whatever training does to them.

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <trimtab/quant/params.hpp>
#include <trimtab/quant/threshold.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// A learned zero point beside a learned scale (after Bhalgat et al., "LSQ+", CVPR Workshops 2020). With n = qmax - qmin:
///   scale      = clip(a) * R / n
///   zero_point = round_half_even(qmin + clip(z) * n)
/// a, the scale over the calibrated one, starts at 1; z, where 0 lies between the grid's ends, starts where it lay in the range,
/// at
/// -T_l / R. LSQ+ trains scale and offset in the tensor's units, and nothing keeps its scale above 0 or 0 on its grid. Here
/// neither factor can leave its bounds, so the scale stays positive and real 0 a code; and since the bounds of one do not depend
/// on the other, no combination of them is without a gradient: AdjustableRange's left limit and width can meet such, these
/// cannot. factors() holds every a, then every z. With a zero point that should stay 0, AdjustableThreshold with wide bounds is
/// LSQ.
template <std::floating_point Real>
class LearnedGrid {
 public:
  using value_type = Real;                                              ///< of tensors and factors
  static constexpr Bounds<Real> default_scale_bounds{Real(1) / 16, 2};  ///< of a
  static constexpr Bounds<Real> default_zero_bounds{0, 1};              ///< of z: all there are

  /// `ranges`: one for each channel, widened to hold 0, those of dust as AdjustableRange takes them; throws as it does, and
  /// value_error for bounds of z outside [0, 1]. For tensors that cannot be negative, zero_bounds {0, 0} leave the zero point at
  /// qmin.
  explicit LearnedGrid(CodeRange codes, std::vector<Range<Real>> ranges, Granularity granularity = per_tensor,
                       Bounds<Real> scale_bounds = default_scale_bounds, Bounds<Real> zero_bounds = default_zero_bounds)
      : codes_(codes), granularity_(granularity), scale_bounds_(scale_bounds), zero_bounds_(zero_bounds) {
    detail::require_two_codes(codes, "LearnedGrid");
    detail::require_channels(ranges.size(), granularity, "ranges", "LearnedGrid");
    detail::require_bounds(scale_bounds, detail::least_factor, detail::largest_factor, "LearnedGrid");
    detail::require_bounds(zero_bounds, 0, 1, "LearnedGrid");
    for (std::size_t c = 0; c < ranges.size(); ++c) {
      const auto [left, width] = detail::usable_range(ranges[c], "LearnedGrid", c);
      left_.push_back(left);
      width_.push_back(width);
    }
    for (std::size_t i = 0; i < 2 * ranges.size(); ++i) factors_.push_back(start(i));
  }

  std::size_t channels() const { return left_.size(); }     ///< grids
  Granularity granularity() const { return granularity_; }  ///< what a channel is
  CodeRange codes() const { return codes_; }                ///< of all channels

  /// T_l of channel c, as calibrated.
  Real left(std::size_t c) const { return left_[c]; }
  /// R = T_r - T_l of channel c, as calibrated.
  Real width(std::size_t c) const { return width_[c]; }

  /// The grid of channel c, which holds real 0.
  Affine<Real> grid(std::size_t c) const {
    const std::int32_t steps = codes_.qmax - codes_.qmin;
    const Real z = zero_bounds_.clip(factors_[channels() + c]);
    // Fused, as in AdjustableRange: one bit decides a tie.
    const Real zero_point = std::fma(z, static_cast<Real>(steps), static_cast<Real>(codes_.qmin));
    return {detail::covering_scale(scale_bounds_.clip(factors_[c]) * width_[c], steps),
            static_cast<std::int32_t>(round_half_even(zero_point)), codes_};
  }

  /// a of every channel, then z of every channel.
  std::span<Real> factors() { return factors_; }
  std::span<const Real> factors() const { return factors_; }  ///< the same, to read
  Bounds<Real> bounds(std::size_t factor) const { return factor < channels() ? scale_bounds_ : zero_bounds_; }  ///< of a factor
  /// Where training begins: a at 1, z where 0 lay in the range, or their nearest bounds.
  Real start(std::size_t factor) const {
    return bounds(factor).clip(factor < channels() ? Real(1)
                                                   : Real(0) - left_[factor - channels()] / width_[factor - channels()]);
  }
  /// What was calibrated: T_l of every channel, then R of every channel.
  std::vector<Real> calibrated() const {
    std::vector<Real> numbers = left_;
    numbers.insert(numbers.end(), width_.begin(), width_.end());
    return numbers;
  }
  /// The zero point may be other than 0.
  static constexpr bool is_symmetric() { return false; }

  /// Adds dloss/da and dloss/dz. y is s * round(x / s) inside the grid, whatever z, s * (qmin - zero_point) below, s * (qmax -
  /// zero_point) above; so dy/ds is (y - x) / s, qmin - zero_point, qmax - zero_point, ds/da = R / n; and with the zero point's
  /// rounding straight through dy/dz is 0 inside and -s * n below and above. A factor beyond its bounds has no gradient; on them
  /// it has.
  void add_gradient(std::size_t c, const GridGradient& g, std::span<Real> grad_factors) const {
    const std::size_t a = c, z = channels() + c;
    const double steps = codes_.qmax - codes_.qmin;
    const Affine<Real> at = grid(c);
    if (detail::is_free(scale_bounds_, factors_[a]))
      grad_factors[a] += static_cast<Real>(double(width_[c]) / steps *
                                           (g.residue + g.below * double(at.lowest()) + g.above * double(at.highest())));
    if (detail::is_free(zero_bounds_, factors_[z]))
      grad_factors[z] -= static_cast<Real>(double(at.scale) * steps * (g.below + g.above));
  }

 private:
  CodeRange codes_;
  Granularity granularity_;
  Bounds<Real> scale_bounds_, zero_bounds_;
  std::vector<Real> left_, width_, factors_;
};

static_assert(Quantizer<LearnedGrid<float>>);

}  // namespace trimtab
