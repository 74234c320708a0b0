#pragma once
/// \file
/// A histogram whose bins are fixed beforehand, so that counts do not depend on the order, the batches or the threads in which
/// the values come.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <trimtab/core/bit_cast.hpp>
#include <trimtab/quant/extremes.hpp>
#include <vector>

namespace trimtab {

/// Counts of values by sign, power of two from 2^-40 to 2^40 and the mantissa's first 8 bits: a bin is 1/256 to 1/512 of its
/// value wide. What is smaller than 2^-40 is counted as zero. Also holds the exact ends of the values. 320 KiB.
class Histogram {
  static constexpr std::uint32_t smallest = bit_cast<std::uint32_t>(0x1p-40F);

 public:
  /// Bins in the order of their values: a value x of at least 2^-40 lies `bin_of(x) - zero_bin` bins right of zero's.
  static constexpr std::uint32_t mantissa_bits = 8, shift = 23 - mantissa_bits;    ///< of the bin numbers
  static constexpr std::size_t zero_bin = (std::size_t{80} << mantissa_bits) + 1;  ///< bins of positive numbers lie above it
  static constexpr std::size_t bins = 2 * zero_bin + 1;                            ///< in all

  /// The bin of x, |x| <= 2^40: the leading bits of the float, less those of 2^-40.
  static std::size_t bin_of(float x) {
    // No branches: behind a ReLU, half of all values are zeros that no predictor foresees.
    constexpr std::int32_t below = static_cast<std::int32_t>(smallest) - (1 << shift);
    const std::int32_t bits = bit_cast<std::int32_t>(x), negative = bits >> 31;
    const std::int32_t above = (bits & 0x7fffffff) - below, k = (above & ~(above >> 31)) >> shift;
    return zero_bin + static_cast<std::size_t>(std::ptrdiff_t{(k ^ negative) - negative});
  }
  /// The ends of the magnitudes in the bin that is k > 0 bins away from zero's.
  static double near_end(std::size_t k) {
    return double(bit_cast<float>(smallest + (static_cast<std::uint32_t>(k - 1) << shift)));
  }
  static double far_end(std::size_t k) { return near_end(k + 1); }  ///< away from 0

  /// Adds every value of a dense tensor of float or double. Throws quantization_range_error for NaN, infinity and values
  /// beyond 2^40, naming `what`, and then has added nothing.
  template <Tensor X>
  void observe(const X& x, const char* what = "Histogram::observe") {
    const auto v = view(x);
    const auto seen = detail::channel_extremes(v, no_axis, what)[0];
    if (seen.empty()) return;
    ends_ += {double(seen.lo), double(seen.hi)};
    add_counts(v.data, v.size());
  }

  /// Adds the other's counts.
  void merge(const Histogram& other) {
    ends_ += other.ends_;
    add(other.counts_);
  }

  /// The same as a list of numbers: both ends, then bin and count of each bin that holds something; exact up to counts of 2^53.
  /// Empty before the first value.
  std::vector<double> summary() const {
    if (ends_.empty()) return {};
    std::vector<double> numbers{ends_.lo, ends_.hi};
    for (std::size_t b = 0; b < counts_.size(); ++b)
      if (counts_[b] != 0) numbers.insert(numbers.end(), {static_cast<double>(b), static_cast<double>(counts_[b])});
    return numbers;
  }
  /// Merges such a list. Throws value_error for one that no histogram gives.
  void merge(std::span<const double> summary) {
    if (summary.empty()) return;
    std::vector<std::uint64_t> counts(bins);
    bool good = summary.size() % 2 == 0 && summary[0] <= summary[1];
    for (std::size_t i = 2; good && i < summary.size(); i += 2) {
      good = summary[i] >= 0 && summary[i] < static_cast<double>(bins) && summary[i + 1] >= 0 && summary[i + 1] <= 0x1p53;
      if (good) counts[static_cast<std::size_t>(summary[i])] = static_cast<std::uint64_t>(summary[i + 1]);
    }
    if (!good) throw value_error(detail::message("Histogram::merge: ", summary.size(), " numbers that are no histogram's"));
    ends_ += {summary[0], summary[1]};
    add(counts);
  }

  /// Number of values seen.
  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t c : counts_) sum += c;
    return sum;
  }
  /// Counts of all bins; none before the first value.
  const std::vector<std::uint64_t>& counts() const { return counts_; }
  /// The smallest and the largest value; lo > hi before the first.
  const detail::Extremes<double>& ends() const { return ends_; }

  /// A stretch of values and how many lie in it.
  struct Stretch {
    double begin, end;    ///< of the values in it
    std::uint64_t count;  ///< how many
  };
  /// The bins that hold something, in rising order, cut off at the exact ends; zero's bin as the point 0.
  std::vector<Stretch> stretches() const {
    std::vector<Stretch> all;
    for (std::size_t b = 0; b < counts_.size(); ++b) {
      if (counts_[b] == 0) continue;
      double begin = 0, end = 0;
      if (b > zero_bin) begin = near_end(b - zero_bin), end = far_end(b - zero_bin);
      if (b < zero_bin) begin = -far_end(zero_bin - b), end = -near_end(zero_bin - b);
      if (b != zero_bin) begin = std::max(begin, ends_.lo), end = std::min(end, ends_.hi);
      all.push_back({begin, std::max(begin, end), counts_[b]});
    }
    return all;
  }

 private:
  template <class Count>
  void add(const std::vector<Count>& counts) {
    if (counts_.empty() && !counts.empty()) counts_.resize(bins);
    for (std::size_t b = 0; b < counts.size(); ++b) counts_[b] += counts[b];
  }

  template <class Real>
  void add_counts(const Real* x, std::size_t size) {
    // Each piece counts for itself; sums of integers have one right answer. 2^31 values cannot overflow a piece's counters.
    const std::size_t share = (size + static_cast<std::size_t>(threads()) - 1) / static_cast<std::size_t>(threads());
    const std::size_t piece = std::clamp(share, std::size_t{1} << 17, std::size_t{1} << 31);
    std::vector<std::vector<std::uint32_t>> parts((size + piece - 1) / piece);
    parallel_ranges(size, piece, [&](std::size_t begin, std::size_t end) {
      std::vector<std::uint32_t>& counts = parts[begin / piece];
      counts.resize(bins);
      for (std::size_t i = begin; i < end; ++i) ++counts[bin_of(static_cast<float>(x[i]))];
    });
    for (const auto& p : parts) add(p);
  }

  detail::Extremes<double> ends_;
  std::vector<std::uint64_t> counts_;
};

}  // namespace trimtab
