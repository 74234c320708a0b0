#pragma once
/// \file
/// Places for activations in one block of memory, so that those which are never alive together share it.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <trimtab/core/error.hpp>
#include <vector>

namespace trimtab {

/// A buffer that is written at step `first` and read last at step `last`.
struct Lifetime {
  std::size_t bytes = 0, first = 0, last = 0;  ///< first and last node that need it
};

/// Where each buffer lies in one block of memory.
struct ArenaPlan {
  std::vector<std::size_t> offset;  ///< of each buffer
  std::size_t bytes = 0;            ///< of the block
};

namespace detail {

/// Buffers in this order, each into the lowest gap that takes it.
inline ArenaPlan place_in_order(std::span<const Lifetime> buffers, std::span<const std::size_t> order, std::size_t alignment) {
  ArenaPlan plan;
  plan.offset.resize(buffers.size());
  std::vector<std::size_t> placed;  // in the order of their offsets
  const auto end_of = [&](std::size_t i) { return (plan.offset[i] + buffers[i].bytes + alignment - 1) / alignment * alignment; };
  for (const std::size_t i : order) {
    std::size_t offset = 0;
    for (const std::size_t p : placed) {
      if (buffers[p].last < buffers[i].first || buffers[i].last < buffers[p].first) continue;
      if (plan.offset[p] >= offset && plan.offset[p] - offset >= buffers[i].bytes) break;
      offset = std::max(offset, end_of(p));
    }
    if (buffers[i].bytes > std::numeric_limits<std::size_t>::max() - alignment - offset)
      throw unsupported_error(message("plan_arena: a buffer of ", buffers[i].bytes, " bytes at ", offset,
                                      " is beyond what this machine can address"));
    plan.offset[i] = offset;
    plan.bytes = std::max(plan.bytes, end_of(i));
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), offset, [&](std::size_t o, std::size_t p) { return o < plan.offset[p]; }),
        i);
  }
  return plan;
}

inline std::vector<std::size_t> largest_first(std::span<const Lifetime> buffers) {
  std::vector<std::size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  return order;
}

}  // namespace detail

/// Gives each buffer an offset, a multiple of `alignment`, such that buffers alive at the same step do not overlap: the largest
/// first, each into the lowest gap that takes it (greedy by size; Pisarchyk and Lee, arXiv 2001.03288). Throws unsupported_error
/// where that is more than this machine can address.
inline ArenaPlan plan_arena(std::span<const Lifetime> buffers, std::size_t alignment = 64) {
  return detail::place_in_order(buffers, detail::largest_first(buffers), alignment);
}

}  // namespace trimtab
