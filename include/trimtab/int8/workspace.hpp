#pragma once
/// \file
/// Scratch memory of the integer layers: owned by the caller, grown on demand, reused from call to call.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

namespace trimtab::int8 {
namespace detail {

/// Every row of packed weights and every piece of scratch starts on a cache line.
inline constexpr std::size_t cache_line = 64;

constexpr std::size_t round_up(std::size_t n, std::size_t multiple) { return (n + multiple - 1) / multiple * multiple; }
constexpr std::size_t div_up(std::size_t n, std::size_t by) { return (n + by - 1) / by; }

struct AlignedDelete {
  void operator()(std::byte* p) const { ::operator delete[](p, std::align_val_t{cache_line}); }
};

/// Bytes on a cache line boundary, with one cache line of slack at the end so that kernels may read past the last element.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  AlignedBytes(const AlignedBytes& other) { *this = other; }
  AlignedBytes(AlignedBytes&&) noexcept = default;
  AlignedBytes& operator=(AlignedBytes&&) noexcept = default;
  AlignedBytes& operator=(const AlignedBytes& other) {
    if (this != &other && other.capacity_ > 0) {
      reserve(other.capacity_);
      std::memcpy(memory_.get(), other.memory_.get(), other.capacity_);
    }
    return *this;
  }

  /// At least `bytes` bytes. Content is zero after growing, and kept otherwise.
  void reserve(std::size_t bytes) {
    if (bytes <= capacity_) return;
    memory_.reset(static_cast<std::byte*>(::operator new[](bytes + cache_line, std::align_val_t{cache_line})));
    std::memset(memory_.get(), 0, bytes + cache_line);
    capacity_ = bytes;
  }
  std::byte* data() { return memory_.get(); }
  const std::byte* data() const { return memory_.get(); }
  std::size_t capacity() const { return capacity_; }

 private:
  std::unique_ptr<std::byte[], AlignedDelete> memory_;
  std::size_t capacity_ = 0;
};

}  // namespace detail

/// Scratch memory for conv2d, depthwise_conv2d and linear. One object serves any layers in turn, but only one call at a
/// time; after the first run of a network no call allocates.
class Workspace {
 public:
  /// Bytes held at present.
  std::size_t bytes() const { return memory_.capacity() + (inner_.empty() ? 0 : inner_[0].bytes()); }

  /// A second workspace, for layers that are made of several others.
  Workspace& inner() {
    if (inner_.empty()) inner_.emplace_back();
    return inner_[0];
  }

  /// Starts handing out pieces anew; there will be `total` bytes.
  void begin(std::size_t total) {
    memory_.reserve(total);
    used_ = 0;
  }
  /// The next `count` elements of T, on a cache line boundary; begin() has announced them, each rounded up to cache lines.
  template <class T>
  T* take(std::size_t count) {
    T* piece = reinterpret_cast<T*>(memory_.data() + used_);
    used_ += detail::round_up(count * sizeof(T), detail::cache_line);
    return piece;
  }

 private:
  detail::AlignedBytes memory_;
  std::size_t used_ = 0;
  std::vector<Workspace> inner_;  // one at most
};

}  // namespace trimtab::int8
