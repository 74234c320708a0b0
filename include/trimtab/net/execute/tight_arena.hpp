#pragma once
/// \file
/// The plan of an arena where every byte counts.

#include <algorithm>
#include <cstddef>
#include <random>
#include <span>
#include <trimtab/net/execute/arena.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// plan_arena byte by byte, for memory that counts. Other orders are tried, too, two buffers of the best one in each other's
/// place, until nothing is left between the block and the most that is alive at one step. The same buffers get the same plan
/// everywhere.
inline ArenaPlan plan_tight_arena(std::span<const Lifetime> buffers) {
  std::vector<std::size_t> order = detail::largest_first(buffers);
  ArenaPlan best = detail::place_in_order(buffers, order, 1);
  std::size_t bound = 0;
  for (const Lifetime& step : buffers) {  // the most is alive where some buffer begins
    std::size_t live = 0;
    for (const Lifetime& b : buffers) live += b.first <= step.first && step.first <= b.last ? b.bytes : 0;
    bound = std::max(bound, live);
  }
  constexpr std::size_t work = 200'000'000;  // a second or less
  std::mt19937 random(1);
  for (std::size_t left = work / (buffers.size() * buffers.size() + 1); left > 0 && best.bytes > bound; --left) {
    std::size_t &a = order[random() % order.size()], &b = order[random() % order.size()];
    std::swap(a, b);
    ArenaPlan plan = detail::place_in_order(buffers, order, 1);
    if (plan.bytes <= best.bytes)
      best = std::move(plan);
    else
      std::swap(a, b);
  }
  return best;
}

}  // namespace trimtab
