#pragma once
// What may happen to a file.

#include <random>
#include <string>

/// One to three bytes changed, or runs of up to eight lost or doubled.
inline std::string damaged_bytes(const std::string& bytes, std::mt19937& generator) {
  std::string damaged = bytes;
  for (auto changes = 1 + generator() % 3; changes > 0 && !damaged.empty(); --changes) {
    const std::size_t at = generator() % damaged.size();
    const std::size_t length = 1 + generator() % 8;
    switch (generator() % 3) {
      case 0:
        damaged[at] = static_cast<char>(generator());
        break;
      case 1:
        damaged.erase(at, length);
        break;
      default:
        damaged.insert(at, damaged.substr(at, length));
    }
  }
  return damaged;
}
