#pragma once
/// \file
/// Observers: they see a tensor batch by batch and say which range to quantize. What comes out does not depend on how the
/// data was split into batches, nor on the number of threads.
///
/// | the tensor held          | range()                        | the quantizer made of it                                 |
/// |--------------------------|--------------------------------|----------------------------------------------------------|
/// | nothing (size 0, or no call) | quantization_range_error   |                                                          |
/// | only zeros               | [0, 0]                         | takes width 1; zeros stay exact                          |
/// | a constant c > 0 (c < 0) | [0, c] ([c, 0])                | c is its largest (smallest) value                        |
/// | one sign only            | 0 is the other end             | asymmetric: the zero point is qmin or qmax               |
/// | only values below 2^-40, denormals | as seen; [0, 0] by histogram | takes width 1; all become 0                      |
/// | NaN, infinity, beyond 2^40 | observe() throws quantization_range_error, the observer stays as it was |                   |

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <trimtab/quant/histogram.hpp>
#include <vector>

namespace trimtab {

/// What calibration needs of an observer; write one to bring a rule of your own.
template <class O>
concept RangeObserver = requires(O& o, const O& other, const std::vector<typename O::value_type>& x) {
  o.observe(x);
  o.merge(other);
  { other.range() } -> std::convertible_to<Range<typename O::value_type>>;
}
&&std::copyable<O>;

/// What it needs, too, where several processes calibrate together: what it has seen as a list of numbers, empty for nothing, and
/// to merge such a list as it would merge the observer.
template <class O>
concept SharedObserver = RangeObserver<O> && requires(O& o, const O& other, std::span<const double> summary) {
  { other.summary() } -> std::same_as<std::vector<double>>;
  o.merge(summary);
};

namespace detail {
template <class X, class Real>
constexpr void require_type() {
  static_assert(std::is_same_v<value_t<const X>, Real>, "trimtab: an observer sees tensors of its own floating-point type");
}

/// Lists of extremes as numbers, lo and hi by turns, and back. Throws value_error for an odd number of them.
template <class Real>
std::vector<double> to_numbers(const std::vector<Extremes<Real>>& list) {
  std::vector<double> numbers;
  for (const Extremes<Real>& e : list) numbers.insert(numbers.end(), {double(e.lo), double(e.hi)});
  return numbers;
}
template <class Real>
std::vector<Extremes<Real>> to_extremes(std::span<const double> numbers, const char* what) {
  if (numbers.size() % 2 != 0) throw value_error(message(what, ": a summary of ", numbers.size(), " numbers"));
  std::vector<Extremes<Real>> list;
  for (std::size_t i = 0; i < numbers.size(); i += 2)
    list.push_back({static_cast<Real>(numbers[i]), static_cast<Real>(numbers[i + 1])});
  return list;
}

[[noreturn]] inline void nothing_observed(const char* what) {
  throw quantization_range_error(message(what, ": no value was observed"));
}
}  // namespace detail

/// Smallest and largest value, of the whole tensor or of each index along an axis.
template <std::floating_point Real>
class MinMaxObserver {
 public:
  using value_type = Real;  ///< the tensors' element type

  /// One range for all, or one for each channel.
  explicit MinMaxObserver(Granularity granularity = per_tensor) : granularity_(granularity) {}

  /// Throws quantization_range_error (see the table above), shape_error when the tensor is not dense, lacks the axis, or has
  /// another extent there than before.
  template <Tensor X>
  void observe(const X& x) {
    detail::require_type<X, Real>();
    add(detail::channel_extremes(view(x), granularity_.axis, "MinMaxObserver::observe"));
  }

  /// Throws shape_error when the other has seen another number of channels, or along another axis.
  void merge(const MinMaxObserver& other) {
    if (granularity_ != other.granularity_) throw shape_error("MinMaxObserver::merge: the granularities differ");
    if (!other.seen_.empty()) add(other.seen_);
  }

  /// What was seen, as a list of numbers (SharedObserver).
  std::vector<double> summary() const { return detail::to_numbers(seen_); }
  /// Merges such a list; throws value_error for one that is none.
  void merge(std::span<const double> summary) {
    if (!summary.empty()) add(detail::to_extremes<Real>(summary, "MinMaxObserver::merge"));
  }

  /// One range for each channel. Throws quantization_range_error when there is none, or a channel has seen no value.
  std::vector<Range<Real>> ranges() const {
    if (seen_.empty()) detail::nothing_observed("MinMaxObserver::ranges");
    std::vector<Range<Real>> r;
    for (const auto& e : seen_) {
      if (e.empty()) detail::nothing_observed("MinMaxObserver::ranges");
      r.push_back(e.range());
    }
    return r;
  }

  /// The range of all channels together.
  Range<Real> range() const {
    detail::Extremes<Real> all;
    for (const auto& e : seen_) all += e;
    if (all.empty()) detail::nothing_observed("MinMaxObserver::range");
    return all.range();
  }

 private:
  void add(const std::vector<detail::Extremes<Real>>& seen) {
    if (seen_.empty()) seen_.resize(seen.size());
    if (seen_.size() != seen.size())
      throw shape_error(detail::message("MinMaxObserver: ", seen.size(), " channels after ", seen_.size()));
    for (std::size_t c = 0; c < seen.size(); ++c) seen_[c] += seen[c];
  }

  Granularity granularity_;
  std::vector<detail::Extremes<Real>> seen_;
};

/// Exponential moving average of the smallest and the largest value of each picture (each index along axis 0), in the pictures'
/// order: m_t = momentum * m_(t-1) + (1 - momentum) * x_t, m_0 = 0, divided by 1 - momentum^t (the bias correction of
/// Kingma and Ba, arXiv 1412.6980), so that the first pictures count no less than their share. Keeps two numbers a picture,
/// by which merge, too, gives the same bits as one pass.
template <std::floating_point Real>
class MovingAverageObserver {
 public:
  using value_type = Real;  ///< the tensors' element type

  /// Throws value_error unless 0 <= momentum < 1.
  explicit MovingAverageObserver(double momentum = 0.9) : momentum_(momentum) {
    if (!(momentum >= 0 && momentum < 1))
      throw value_error(detail::message("MovingAverageObserver: momentum ", momentum, "; expected 0 <= momentum < 1"));
  }

  /// Pictures without elements do not count. Throws as MinMaxObserver does.
  template <Tensor X>
  void observe(const X& x) {
    detail::require_type<X, Real>();
    for (const auto& e : detail::channel_extremes(view(x), 0, "MovingAverageObserver::observe"))
      if (!e.empty()) pictures_.push_back(e);
  }

  /// The other's pictures come after this one's. Throws value_error when the momenta differ.
  void merge(const MovingAverageObserver& other) {
    if (momentum_ != other.momentum_)
      throw value_error(detail::message("MovingAverageObserver::merge: momentum ", momentum_, " and ", other.momentum_));
    // By index: the other may be this one.
    const std::size_t count = other.pictures_.size();
    for (std::size_t i = 0; i < count; ++i) pictures_.push_back(detail::Extremes<Real>(other.pictures_[i]));
  }

  /// What was seen, as a list of numbers (SharedObserver).
  std::vector<double> summary() const { return detail::to_numbers(pictures_); }
  /// Merges such a list; throws value_error for one that is none.
  void merge(std::span<const double> summary) {
    for (const auto& e : detail::to_extremes<Real>(summary, "MovingAverageObserver::merge")) pictures_.push_back(e);
  }

  /// Averages of both ends. Throws quantization_range_error when nothing was observed.
  Range<Real> range() const {
    if (pictures_.empty()) detail::nothing_observed("MovingAverageObserver::range");
    double lo = 0, hi = 0, weight = 0;
    for (const auto& e : pictures_) {  // fused here, so that no compiler's choice to fuse can change a bit
      lo = std::fma(momentum_, lo, (1 - momentum_) * double(e.lo));
      hi = std::fma(momentum_, hi, (1 - momentum_) * double(e.hi));
      weight = std::fma(momentum_, weight, 1 - momentum_);
    }
    return detail::Extremes<Real>{static_cast<Real>(lo / weight), static_cast<Real>(hi / weight)}.range();
  }

 private:
  double momentum_;
  std::vector<detail::Extremes<Real>> pictures_;
};

/// The range that leaves out at most (100 - percentile) percent of all values at either end. Ends fall on the outer edges of the
/// histogram's bins, within 0.4 percent of the exact order statistic and never beyond the data.
template <std::floating_point Real>
class PercentileObserver {
 public:
  using value_type = Real;  ///< the tensors' element type

  /// Throws value_error unless 50 < percentile <= 100.
  explicit PercentileObserver(double percentile = 99.99) : percentile_(percentile) {
    if (!(percentile > 50 && percentile <= 100))
      throw value_error(detail::message("PercentileObserver: percentile ", percentile, "; expected 50 < percentile <= 100"));
  }

  /// Throws as MinMaxObserver does.
  template <Tensor X>
  void observe(const X& x) {
    detail::require_type<X, Real>();
    histogram_.observe(x, "PercentileObserver::observe");
  }

  /// Throws value_error when the percentiles differ.
  void merge(const PercentileObserver& other) {
    if (percentile_ != other.percentile_)
      throw value_error(detail::message("PercentileObserver::merge: percentile ", percentile_, " and ", other.percentile_));
    histogram_.merge(other.histogram_);
  }

  /// What was seen, as a list of numbers (SharedObserver).
  std::vector<double> summary() const { return histogram_.summary(); }
  /// Merges such a list; throws value_error for one that is none.
  void merge(std::span<const double> summary) { histogram_.merge(summary); }

  /// Throws quantization_range_error when nothing was observed.
  Range<Real> range() const {
    const auto stretches = histogram_.stretches();
    if (stretches.empty()) detail::nothing_observed("PercentileObserver::range");
    // A hair more than the product, so that 0.1 percent of 1000 is 1 in spite of 100 - 99.9 being a little less than 0.1.
    const double left_out = (100 - percentile_) / 100 * static_cast<double>(histogram_.total()) * (1 + 1e-9);
    double seen = 0;
    auto left = stretches.begin();
    while ((seen += static_cast<double>(left->count)) <= left_out) ++left;
    seen = 0;
    auto right = stretches.rbegin();
    while ((seen += static_cast<double>(right->count)) <= left_out) ++right;
    return detail::Extremes<Real>{static_cast<Real>(left->begin), static_cast<Real>(right->end)}.range();
  }

 private:
  double percentile_;
  Histogram histogram_;
};

/// The range with the least sum of (x - fake_quantize(x))^2, values being spread evenly within their histogram bins. Candidates
/// are the largest range times 100 fractions from 1 down to 0.2 in equal ratios. Symmetric: fractions of the threshold.
/// Asymmetric: of both ends alike, then of the left end, then of the right end. Of equal errors the wider range wins.
template <std::floating_point Real>
class MseObserver {
 public:
  using value_type = Real;                          ///< the tensors' element type
  static constexpr int candidates = 100;            ///< for each end
  static constexpr double smallest_fraction = 0.2;  ///< of the largest range

  /// Powers of two are chosen for as other symmetric thresholds, learned grids as asymmetric ones. Throws value_error when the
  /// codes do not hold 0, or, symmetric, 1.
  explicit MseObserver(CodeRange codes = signed_codes(), Scheme scheme = Scheme::symmetric) : codes_(codes), scheme_(scheme) {
    if (codes.qmin > 0 || codes.qmax < (is_symmetric(scheme) ? 1 : 0) || codes.qmin == codes.qmax)
      throw value_error(detail::message("MseObserver: codes ", codes.qmin, " .. ", codes.qmax, " do not hold 0 and another"));
  }

  /// Throws as MinMaxObserver does.
  template <Tensor X>
  void observe(const X& x) {
    detail::require_type<X, Real>();
    histogram_.observe(x, "MseObserver::observe");
  }

  /// Throws value_error when the observers choose for different quantizers.
  void merge(const MseObserver& other) {
    if (codes_ != other.codes_ || scheme_ != other.scheme_) throw value_error("MseObserver::merge: the quantizers differ");
    histogram_.merge(other.histogram_);
  }

  /// What was seen, as a list of numbers (SharedObserver).
  std::vector<double> summary() const { return histogram_.summary(); }
  /// Merges such a list; throws value_error for one that is none.
  void merge(std::span<const double> summary) { histogram_.merge(summary); }

  /// Symmetric: the threshold T as [-T, T], cut off at the data where that holds less.
  Range<Real> range() const {
    const auto stretches = histogram_.stretches();
    if (stretches.empty()) detail::nothing_observed("MseObserver::range");
    const Range<double> all = histogram_.ends().range();
    const bool both_sides = is_symmetric(scheme_);
    // Unsigned codes see only what is positive.
    const double threshold = both_sides && codes_.qmin == 0 ? all.right : all.threshold();
    if (threshold < min_threshold) return rounded(all);
    if (both_sides) {
      const double t = threshold * best([&](double f) {
                         const double scale = f * threshold / codes_.qmax;
                         return squared_error(stretches, {scale, 0, codes_});
                       });
      return rounded({std::max(all.left, -t), std::min(all.right, t)});
    }
    Range<double> r = all;
    const auto error = [&](double left, double right) { return squared_error(stretches, grid_of({left, right})); };
    const double both = best([&](double f) { return error(f * all.left, f * all.right); });
    r = {both * all.left, both * all.right};
    if (all.left < 0) r.left = all.left * best([&](double f) { return error(f * all.left, r.right); });
    if (all.right > 0) r.right = all.right * best([&](double f) { return error(r.left, f * all.right); });
    return rounded(r);
  }

 private:
  static Range<Real> rounded(const Range<double>& r) { return {static_cast<Real>(r.left), static_cast<Real>(r.right)}; }

  /// The fraction with the least error.
  template <class Error>
  static double best(const Error& error) {
    double least = error(1.0), fraction = 1;
    for (int k = 1; k < candidates; ++k) {
      const double f = std::pow(smallest_fraction, double(k) / (candidates - 1)), e = error(f);
      if (e < least) least = e, fraction = f;
    }
    return fraction;
  }

  /// As AdjustableRange's.
  Affine<double> grid_of(const Range<double>& r) const {
    const double scale = (r.right - r.left) / (codes_.qmax - codes_.qmin), qmin = codes_.qmin, qmax = codes_.qmax;
    return {scale, static_cast<std::int32_t>(round_half_even(clamp_to(qmin - r.left / scale, qmin, qmax))), codes_};
  }

  /// Integral from 0 to u of (t - nearest code to t)^2 dt for u >= 0, codes 0 .. top: every full cell gives 1/12, the rest of the
  /// last one, or what is beyond the top code, d^3 / 3.
  static double integral(double u, double top) {
    const double k = std::min(std::floor(u + 0.5), top), d = u - k;
    return k / 12 + d * d * d / 3;
  }

  static double squared_error(const std::vector<Histogram::Stretch>& stretches, const Affine<double>& grid) {
    double sum = 0;
    for (const Histogram::Stretch& s : stretches) {
      // Mirrored where negative; no stretch has 0 inside.
      const bool negative = s.begin < 0;
      const double a = (negative ? -s.end : s.begin) / grid.scale, b = (negative ? -s.begin : s.end) / grid.scale;
      const double top = negative ? -grid.lowest() : grid.highest();
      const double at_point = b - std::min(std::floor(b + 0.5), top);
      // The difference of two integrals loses what a very short stretch has.
      const double mean = b - a > 1e-4 * b ? (integral(b, top) - integral(a, top)) / (b - a) : at_point * at_point;
      sum += static_cast<double>(s.count) * mean;
    }
    return sum * grid.scale * grid.scale;
  }

  CodeRange codes_;
  Scheme scheme_;
  Histogram histogram_;
};

static_assert(SharedObserver<MinMaxObserver<float>> && SharedObserver<MovingAverageObserver<double>> &&
              SharedObserver<PercentileObserver<float>> && SharedObserver<MseObserver<double>>);

}  // namespace trimtab
