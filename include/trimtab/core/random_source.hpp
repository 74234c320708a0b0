#pragma once
/// \file
/// Seeded random numbers.

#include <cstddef>
#include <cstdint>
#include <random>

namespace trimtab {

/// Independent draws, the same bits with every standard library (std::normal_distribution differs between them).
class RandomSource {
 public:
  explicit RandomSource(std::uint64_t seed) : bits_(seed) {}  ///< the same draws for the same seed

  std::uint64_t bits() { return bits_(); }  ///< 64 of them
  /// Uniform on [0, 1).
  float uniform() { return static_cast<float>(bits_() >> 40) * 0x1p-24F; }
  /// Uniform on [lo, hi).
  float uniform(float lo, float hi) { return lo + (hi - lo) * uniform(); }
  /// Uniform on 0 .. count - 1.
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(bits_() % count); }
  /// Mean 0, variance 1, within +-6: twelve uniform numbers of 16 bits, summed.
  float normal() {
    std::uint64_t sum = 0;
    for (int draw = 0; draw < 3; ++draw)
      for (std::uint64_t b = bits_(), part = 0; part < 4; ++part, b >>= 16) sum += b & 0xffffU;
    return static_cast<float>(static_cast<double>(sum) / 65536.0 - 6.0 + 12.0 / 131072.0);
  }

 private:
  std::mt19937_64 bits_;
};

}  // namespace trimtab
