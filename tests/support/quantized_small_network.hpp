#pragma once
// small_network with quantizers on it, in every mode.

#include <small_network.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/quantize/factors.hpp>
#include <trimtab/net/quantize/quantized_network.hpp>

namespace trimtab::test {

inline QuantizedNetwork quantized(const Network& n, const QuantizationOptions& options) {
  const Array x = random_pictures(n, 16, 3);
  std::vector<Range<float>> ranges(n.size());
  run_outputs(n, x, [&](NodeId id, const Array& y) {
    for (std::size_t i = 0; i < y.size(); ++i)
      ranges[id] = {std::min(ranges[id].left, y.data()[i]), std::max(ranges[id].right, y.data()[i])};
  });
  return quantize(n, ranges, options);
}

/// Factors inside their bounds, away from where they start.
inline void scramble_factors(QuantizedNetwork& q, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> row;
  for (const FactorBlock& block : factor_blocks(q))
    for (std::size_t i = 0; i < block.count; ++i) {
      const Bounds<float> b = trimtab::detail::bounds_of(q, block, i);
      row.push_back(std::uniform_real_distribution<float>(b.lo, b.hi)(random));
    }
  scatter_factors(row, q);
}

inline const auto all_modes = {QuantizationOptions{WeightMode::scalar, Scheme::symmetric},
                               QuantizationOptions{WeightMode::vector, Scheme::symmetric},
                               QuantizationOptions{WeightMode::scalar, Scheme::asymmetric},
                               QuantizationOptions{WeightMode::vector, Scheme::asymmetric},
                               QuantizationOptions{WeightMode::vector, Scheme::symmetric, 4, 6},
                               QuantizationOptions{WeightMode::scalar, Scheme::asymmetric, 2, 3}};

/// all_modes with either requantizer.
inline std::vector<QuantizationOptions> every_mode() {
  std::vector<QuantizationOptions> modes(all_modes);
  for (QuantizationOptions mode : all_modes) {
    mode.requantizer = Requantizer::fixed_point;
    modes.push_back(mode);
  }
  return modes;
}

}  // namespace trimtab::test
