#pragma once
/// \file
/// Learning rate over the steps of a training run.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <trimtab/core/error.hpp>

namespace trimtab {

/// Cosine annealing with restarts (paper 4.1.2; Loshchilov and Hutter, ICLR 2017): within each period of `period` steps the rate
/// falls from `peak` to `floor` as half a cosine. The first `warmup` steps of a period rise linearly to the peak instead, since
/// the optimizer's state is reset there and its first step would move every factor by the whole rate. They take at most a third
/// of the period, so that two thirds of every period fall: of 9 steps 3 rise, whether 3 were asked for or 8.
class CosineAnnealing {
 public:
  /// Throws value_error unless 0 <= floor <= peak, period >= 1 and warmup < period.
  CosineAnnealing(double peak, std::size_t period, std::size_t warmup = 0, double floor = 0)
      : peak_(peak), floor_(floor), period_(period), warmup_(std::min(warmup, period / 3)) {
    if (!(floor >= 0) || !(peak >= floor) || !std::isfinite(peak) || period < 1 || warmup >= period)
      throw value_error(
          detail::message("CosineAnnealing: peak ", peak, ", floor ", floor, ", period ", period, ", warm-up ", warmup));
  }

  /// How many steps of each period rise: what was asked for, or a third of the period.
  std::size_t warmup() const { return warmup_; }
  /// The rate of a step, counted from 0.
  double rate(std::size_t step) const {
    const std::size_t k = step % period_;
    if (k < warmup_) return peak_ * static_cast<double>(k + 1) / static_cast<double>(warmup_ + 1);
    const double done = static_cast<double>(k - warmup_) / static_cast<double>(period_ - warmup_);
    return floor_ + (peak_ - floor_) * (1 + std::cos(std::numbers::pi * done)) / 2;
  }
  /// True where a new period begins: reset the optimizer before this step.
  bool restarts(std::size_t step) const { return step > 0 && step % period_ == 0; }

 private:
  double peak_, floor_;
  std::size_t period_, warmup_;
};

}  // namespace trimtab
