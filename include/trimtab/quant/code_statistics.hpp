#pragma once
/// \file
/// What quantization did to a tensor's values: the squared error by its cause, how many were clipped, which codes were taken.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <trimtab/quant/params.hpp>
#include <trimtab/quant/sqnr.hpp>

namespace trimtab {

/// Sums over values that one code range took in. A value counts as clipped when value / scale lies beyond the grid's ends, the
/// ends themselves excluded: where the straight-through gradient is 0.
class CodeStatistics {
 public:
  /// At most 256 codes, as 8 bits have.
  explicit CodeStatistics(CodeRange codes) : codes_(codes) {}

  /// `steps`: the value / scale that was rounded, zero point not added; `code`: what it became; `meant`: the value it stands for,
  /// in the tensor's units. grid: of the same code range.
  void add(float steps, std::int32_t code, double meant, const Affine<float>& grid) {
    const double error = meant - double(grid.scale) * double(code - grid.zero_point);
    const bool below = !(steps >= grid.lowest()), above = steps > grid.highest();
    ++count_;
    below_ += std::uint64_t{below};
    above_ += std::uint64_t{above};
    signal_ += meant * meant;
    (below || above ? clipping_ : rounding_) += error * error;
    ++taken_[static_cast<std::size_t>(code - codes_.qmin)];
  }
  /// Adds the values of another part of the tensor, of the same code range.
  CodeStatistics& operator+=(const CodeStatistics& o) {
    count_ += o.count_;
    below_ += o.below_;
    above_ += o.above_;
    signal_ += o.signal_;
    rounding_ += o.rounding_;
    clipping_ += o.clipping_;
    for (std::size_t i = 0; i < taken_.size(); ++i) taken_[i] += o.taken_[i];
    return *this;
  }

  std::uint64_t count() const { return count_; }  ///< values
  std::uint64_t below() const { return below_; }  ///< values clipped at the lower end
  std::uint64_t above() const { return above_; }  ///< values clipped at the upper end
  /// Mean square of meant - scale * (code - zero_point) over all values: the part that values within the grid add.
  double rounding_error() const { return mean(rounding_); }
  /// The part that clipped values add.
  double clipping_error() const { return mean(clipping_); }
  /// In decibels, of both errors together.
  double sqnr() const { return sqnr_db(signal_, rounding_ + clipping_); }
  /// Share of the values that were clipped, 0 to 1.
  double saturated() const { return mean(static_cast<double>(below_ + above_)); }
  /// Share of the range's codes that no value took, 0 to 1.
  double unused_codes() const {
    const auto codes = static_cast<std::ptrdiff_t>(codes_.qmax - codes_.qmin + 1);
    return static_cast<double>(std::count(taken_.begin(), taken_.begin() + codes, std::uint64_t{0})) / static_cast<double>(codes);
  }

 private:
  double mean(double sum) const { return count_ == 0 ? 0.0 : sum / static_cast<double>(count_); }

  CodeRange codes_;
  std::uint64_t count_ = 0, below_ = 0, above_ = 0;
  double signal_ = 0, rounding_ = 0, clipping_ = 0;
  std::array<std::uint64_t, 256> taken_{};
};

}  // namespace trimtab
