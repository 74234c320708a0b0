#pragma once
/// \file
/// The signal-to-quantization-noise ratio.

#include <cmath>
#include <limits>

namespace trimtab {

/// 10 log10(signal / noise) in decibels, of powers (sums of squares) of at least 0: 6.02 dB are one bit. Infinite without noise,
/// a silent signal included; minus infinity for noise alone.
inline double sqnr_db(double signal, double noise) {
  return noise > 0 ? 10 * std::log10(signal / noise) : std::numeric_limits<double>::infinity();
}

}  // namespace trimtab
