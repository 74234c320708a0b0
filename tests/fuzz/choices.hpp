#pragma once
// What a random case is drawn from: the fuzzer's bytes while they last, so that it can steer, then a generator that they seed.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <span>

class Choices {
 public:
  /// By the generator alone.
  explicit Choices(std::uint64_t seed) : random_(seed) {}
  explicit Choices(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
    std::uint64_t hash = 14695981039346656037U;  // FNV-1a
    for (const std::uint8_t b : bytes) hash = (hash ^ b) * 1099511628211U;
    random_.seed(hash);
  }

  std::uint64_t bits() { return random_(); }

  /// A number of lo .. hi.
  template <class T>
  T in(T lo, T hi) {
    const auto count = static_cast<std::uint64_t>(static_cast<std::int64_t>(hi) - static_cast<std::int64_t>(lo)) + 1;
    std::uint64_t drawn = random_();
    if (used_ < bytes_.size()) drawn = count <= 256 ? bytes_[used_++] : drawn ^ bytes_[used_++];
    return static_cast<T>(static_cast<std::int64_t>(lo) + static_cast<std::int64_t>(drawn % count));
  }
  /// True once in n times.
  bool once_in(unsigned n) { return in(1U, n) == 1; }
  template <class T>
  T of(std::initializer_list<T> values) {
    return values.begin()[in(std::size_t{0}, values.size() - 1)];
  }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t used_ = 0;
  std::mt19937_64 random_;
};
