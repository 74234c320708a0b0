#pragma once
/// \file
/// A layer's weights as its backward in 16-bit integers reads them: codes for the input's gradient, and the weights' derivatives
/// by the factors of their thresholds.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <trimtab/net/quantize/lower_layer.hpp>
#include <trimtab/ops/conv2d_int16.hpp>
#include <trimtab/ops/fake_quantize.hpp>
#include <vector>

namespace trimtab {

namespace detail {

/// What a weight's derivative by a factor is made of: a number for each of the sums of GridGradient.
struct DerivativeTerms {
  float residue, below, above;
};

/// r = d(quantized w) / d(factor) for n weights of one filter.
struct DerivativeRow {
  TRIMTAB_LOOP void run(const float* w, std::size_t n, SameGrid<float> grid, DerivativeTerms d, float* r) {
    TRIMTAB_NO_ALIAS
    for (std::size_t i = 0; i < n; ++i) {
      const BackwardTerms<float> t(1.0F, w[i], grid, i);
      r[i] = d.residue * t.residue + d.below * t.below + d.above * t.above;
    }
  }
};

}  // namespace detail

/// The weights of a Conv2d of one group or a Linear.
class Int16Weights {
 public:
  /// d(quantized weight of filter o) / d(o's factor) = step[o] * r, for one factor of each threshold.
  struct Derivative {
    Int16Columns r;  ///< depth: the window; a column a filter. Of limit() 255 or more, so that codes of inputs are its partners
    std::vector<float> step;  ///< by filter; empty where all derivatives are 0, as of asymmetric limits while nothing is clipped
  };

  /// weight: O filters side by side, as they were before they became `lowered`.
  void assign(std::span<const float> weight, const LoweredLayer& lowered, const AnyQuantizer& quantizer) {
    const std::size_t filters = lowered.scale.size(), size = weight.size() / filters;
    scale_ = lowered.scale;
    std::vector<std::int16_t> rounded(weight.size());
    for (std::size_t o = 0; o < filters; ++o) {
      const std::int32_t zero_point = lowered.zero_point.empty() ? 0 : lowered.zero_point[o];
      const std::int8_t* codes = lowered.codes.data() + o * size;
      for (std::size_t k = 0; k < size; ++k) rounded[o * size + k] = static_cast<std::int16_t>(codes[k] - zero_point);
    }
    codes_.assign_rows(rounded.data(), filters, size);
    derivatives_.resize(quantizer.factors().size() / quantizer.channels());
    for (std::size_t i = 0; i < derivatives_.size(); ++i) {
      Derivative& d = derivatives_[i];
      d.step.assign(filters, 0.0F);
      const std::size_t first_factor = i * quantizer.channels();
      parallel_ranges(filters, 1 + (std::size_t{1} << 14) / std::max<std::size_t>(1, size),
                      [&](std::size_t begin, std::size_t end) {
                        std::vector<float> r(size);
                        const std::vector<float> ones(size, 1.0F);
                        std::vector<float> grad_factors(quantizer.factors().size());
                        for (std::size_t o = begin; o < end; ++o) {
                          const std::size_t c = quantizer.channels() == 1 ? 0 : o;
                          const auto term = [&](const GridGradient& unit) {
                            float& grad = grad_factors[first_factor + c] = 0.0F;
                            quantizer.add_gradient(c, unit, grad_factors);
                            return grad;
                          };
                          const detail::DerivativeTerms terms{term({1, 0, 0}), term({0, 1, 0}), term({0, 0, 1})};
                          detail::run_loop<detail::DerivativeRow>(weight.data() + o * size, size,
                                                                  detail::SameGrid<float>(quantizer.grid(c)), terms, r.data());
                          d.step[o] = round_column(r, ones, rounded.data() + o * size);
                        }
                      });
      if (std::all_of(d.step.begin(), d.step.end(), [](float step) { return step == 0; }))
        d.step.clear();
      else
        d.r.assign_columns(rounded.data(), size, filters);
    }
  }

  const Int16Columns& codes() const { return codes_; }     ///< code - zero point: depth O, a column for each place of the window
  std::span<const float> scale() const { return scale_; }  ///< by filter
  std::span<const Derivative> derivatives() const { return derivatives_; }  ///< alpha; or alpha_T, alpha_R

 private:
  /// Rounds a column to 2^15 - 1 steps, or to fewer until its products with codes of inputs stay in 32 bits: sum of |to| <= 2^23,
  /// and 255 * 2^23 < 2^31. Returns the step.
  static float round_column(const std::vector<float>& r, const std::vector<float>& ones, std::int16_t* to) {
    float step = 0;
    const auto round = [&](double limit) {
      kernels::int16_table(active_isa())
          .round({r.data(), ones.data(), 1, r.size(), static_cast<float>(std::floor(limit)), to, &step});
    };
    round(32767);
    std::int64_t sum = 0;
    for (std::size_t k = 0; k < r.size(); ++k) sum += std::abs(std::int32_t{to[k]});
    const auto room =
        (std::int64_t{1} << 23) - static_cast<std::int64_t>(r.size());  // either rounding moves a number by half at most
    if (sum > room) round(32767.0 * double(room) / double(sum));
    return step;
  }

  Int16Columns codes_;
  std::vector<float> scale_;
  std::vector<Derivative> derivatives_;
};

}  // namespace trimtab
