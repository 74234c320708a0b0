#pragma once
// What tests of steps share: seeded codes, and products that no compiler fuses.
#include <cstddef>
#include <cstdint>
#include <random>
#include <trimtab/quant/params.hpp>
#include <vector>

/// Codes of uint8 from a seed.
inline std::vector<std::uint8_t> random_bytes(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> codes(count);
  for (std::uint8_t& c : codes) c = static_cast<std::uint8_t>(random());
  return codes;
}

/// The product rounded to float32 before anything else sees it, whatever the compiler may contract.
inline float rounded_product(float a, float b) {
  volatile float p = a * b;
  return p;
}
