#pragma once
/// \file
/// Threshold estimation: the ranges that every node's output takes on a few unlabelled pictures.

#include <algorithm>
#include <concepts>
#include <numeric>
#include <span>
#include <vector>

#include <trimtab/core/progress.hpp>
#include <trimtab/net/float_executor.hpp>
#include <trimtab/quant/observer.hpp>
#include <trimtab/quant/threshold.hpp>

namespace trimtab {

/// Where pictures come from: `pictures(indices)` gives them as a batch N H W C, preprocessed.
template <class P>
concept PictureSource = requires(const P& pictures, std::span<const std::size_t> indices) {
  { pictures(indices) } -> std::convertible_to<Array>;
};

namespace detail {

/// Cuts `indices` into batches and calls body(indices of the batch) for each, telling `progress` after each.
template <class Body>
void for_each_batch(std::span<const std::size_t> indices, std::size_t batch, const Progress& progress, const Body& body) {
  for (std::size_t begin = 0; begin < indices.size(); begin += batch) {
    const std::size_t count = std::min(batch, indices.size() - begin);
    body(indices.subspan(begin, count));
    if (progress) progress(begin + count, indices.size());
  }
}

/// 0, 1, ..., count - 1.
inline std::vector<std::size_t> first_indices(std::size_t count) {
  std::vector<std::size_t> indices(count);
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  return indices;
}

}  // namespace detail

/// Runs `network` in float on the first `count` pictures and returns the range of every node's output, clips applied, by an observer
/// for each node (see quant/observer.hpp). Throws value_error when count is 0 or the observers are not as many as the nodes.
template <class Observer, PictureSource Pictures>
std::vector<Range<float>> calibrate(const Network& network, const Pictures& pictures, std::size_t count, std::vector<Observer> observers,
                                    const Progress& progress = {}) {
  if (count == 0) throw value_error("calibrate: no pictures to calibrate on");
  if (observers.size() != network.size())
    throw value_error(detail::message("calibrate: ", observers.size(), " observers for ", network.size(), " nodes"));
  constexpr std::size_t batch = 8;  // bounds the memory; the result does not depend on it
  const std::vector<std::size_t> indices = detail::first_indices(count);
  detail::for_each_batch(indices, batch, progress, [&](std::span<const std::size_t> some) {
    run(network, pictures(some), [&](NodeId id, const Array& output) { observers[id].observe(output); });
  });
  std::vector<Range<float>> ranges;
  for (const Observer& o : observers) {
    const auto r = o.range();
    ranges.push_back({static_cast<float>(r.left), static_cast<float>(r.right)});
  }
  return ranges;
}

/// The same by copies of one observer.
template <class Observer, PictureSource Pictures>
std::vector<Range<float>> calibrate(const Network& network, const Pictures& pictures, std::size_t count, const Observer& observer,
                                    const Progress& progress = {}) {
  return calibrate(network, pictures, count, std::vector<Observer>(network.size(), observer), progress);
}

}  // namespace trimtab
