#pragma once
/// \file
/// What kernel sets make of packed weights for themselves, each at its first use.

#include <mutex>
#include <trimtab/int8/workspace.hpp>
#include <utility>
#include <vector>

namespace trimtab::int8::detail {

/// Bytes beside the common layout of packed weights, one piece for each function that prepares some. Threads may ask at the same
/// time: the first one prepares, the others wait. Copies start with none.
class PreparedWeights {
 public:
  using Prepare = void (*)();  ///< a function of whatever type, which tells pieces apart

  PreparedWeights() = default;
  PreparedWeights(const PreparedWeights&) {}
  PreparedWeights(PreparedWeights&& other) noexcept : pieces_(std::exchange(other.pieces_, {})) {}
  PreparedWeights& operator=(const PreparedWeights&) {
    pieces_.clear();
    return *this;
  }
  PreparedWeights& operator=(PreparedWeights&& other) noexcept {
    pieces_ = std::exchange(other.pieces_, {});
    return *this;
  }
  ~PreparedWeights() = default;

  /// The piece of `prepare`, of `bytes` bytes, which fill(to) writes where that has not happened since the weights changed.
  template <class Fill>
  const std::byte* of(Prepare prepare, std::size_t bytes, const Fill& fill) const {
    const std::lock_guard lock(mutex_);
    std::size_t i = 0;
    while (i < pieces_.size() && pieces_[i].prepare != prepare) ++i;
    if (i == pieces_.size()) pieces_.push_back({prepare, false, {}});
    Piece& piece = pieces_[i];
    if (!piece.current) {
      piece.memory.reserve(bytes);
      fill(piece.memory.data());
      piece.current = true;
    }
    return piece.memory.data();
  }

  /// The weights have changed: pieces are prepared anew when somebody asks, in the memory they have.
  void outdate() {
    for (Piece& piece : pieces_) piece.current = false;
  }

  /// Bytes held at present.
  std::size_t bytes() const {
    const std::lock_guard lock(mutex_);
    std::size_t sum = 0;
    for (const Piece& piece : pieces_) sum += piece.memory.capacity();
    return sum;
  }

 private:
  struct Piece {
    Prepare prepare;
    bool current;
    AlignedBytes memory;
  };
  mutable std::mutex mutex_;
  mutable std::vector<Piece> pieces_;
};

}  // namespace trimtab::int8::detail
