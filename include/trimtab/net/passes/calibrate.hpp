#pragma once
/// \file
/// Threshold estimation: the ranges that every node's output takes on a few unlabelled pictures.

#include <algorithm>
#include <concepts>
#include <numeric>
#include <span>
#include <trimtab/core/communicator.hpp>
#include <trimtab/core/progress.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/quant/observer.hpp>
#include <trimtab/quant/threshold.hpp>
#include <vector>

namespace trimtab {

/// Where inputs come from: `pictures(indices)` gives them as a batch, preprocessed: one array N H W C, or for networks of several
/// inputs a vector of arrays, one for each.
template <class P>
concept PictureSource = requires(const P& pictures, std::span<const std::size_t> indices) {
  { pictures(indices) } -> std::convertible_to<Array>;
}
|| requires(const P& pictures, std::span<const std::size_t> indices) {
  { pictures(indices) } -> std::convertible_to<std::vector<Array>>;
};

namespace detail {

/// The batch of these indices, an array for each input.
template <PictureSource Pictures>
std::vector<Array> batch_of(const Pictures& pictures, std::span<const std::size_t> indices) {
  std::vector<Array> batch;
  if constexpr (std::convertible_to<decltype(pictures(indices)), Array>)
    batch.emplace_back(pictures(indices));
  else
    batch = pictures(indices);
  return batch;
}

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

/// Deals 0 .. count - 1 out and calls body(indices of the batch) for each batch of this process's share. All go from batch to
/// batch together: `progress` counts what all have done, and a failure anywhere ends all within a batch.
template <Communicator C, class Body>
void for_each_shared_batch(std::size_t count, std::size_t batch, const Progress& progress, const C& world, const Body& body) {
  const std::vector<std::size_t> indices = first_indices(count);
  const Share mine = share_of(world, count);
  for (std::size_t begin = 0, all_done = 0; all_done < count; begin += batch) {
    const std::size_t end = std::min(begin + batch, mine.size());
    if (begin < end) body(std::span(indices).subspan(mine.begin + begin, end - begin));
    world.gather(std::vector<char>());
    all_done = 0;
    for (std::size_t rank = 0; rank < world.size(); ++rank)
      all_done += std::min(share_of(rank, world.size(), count).size(), begin + batch);
    if (progress) progress(all_done, count);
  }
}

/// Shows a node's output to an observer; what that refuses names the node.
template <class Observer>
void observe_node(const Node& node, const TensorView<const float>& output, Observer& observer) {
  try {
    observer.observe(output);
  } catch (const quantization_range_error& e) {
    throw quantization_range_error(message("calibrate: node '", node.name, "' (", operator_name(node.op), "): ", e.what(),
                                           "; look at the inputs and their scale, or let the network end before it"));
  }
}

/// What the observers of all processes have seen together, the ranks in order, so that pictures keep theirs. `fresh`: as many
/// observers that have seen nothing.
template <class Observer, Communicator C>
std::vector<Observer> merge_observers(std::vector<Observer> mine, std::vector<Observer> fresh, const C& world) {
  static_assert(std::same_as<C, SingleProcess> || SharedObserver<Observer>,
                "trimtab: to calibrate on several processes, an observer needs summary() and merge(summary)");
  if constexpr (SharedObserver<Observer>) {
    if (world.size() == 1) return mine;
    std::vector<double> lengths, numbers;
    for (const Observer& o : mine) {
      const std::vector<double> summary = o.summary();
      lengths.push_back(static_cast<double>(summary.size()));
      numbers.insert(numbers.end(), summary.begin(), summary.end());
    }
    lengths = world.gather(std::move(lengths));
    numbers = world.gather(std::move(numbers));
    std::span<const double> left(numbers);
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      const auto length = static_cast<std::size_t>(lengths[i]);
      fresh[i % fresh.size()].merge(left.first(length));
      left = left.subspan(length);
    }
    return fresh;
  }
  return mine;
}

}  // namespace detail

/// Runs `network` in float on the first `count` pictures and returns the range of every node's output, clips applied, by an
/// observer for each node (see quant/observer.hpp), which has seen nothing yet. Each process of `world` runs a share of the
/// pictures; all return the same bits. Throws value_error when count is 0 or the observers are not as many as the nodes;
/// quantization_range_error, naming the node, where an observer refuses a value.
template <class Observer, PictureSource Pictures, Communicator C = SingleProcess>
std::vector<Range<float>> calibrate(const Network& network, const Pictures& pictures, std::size_t count,
                                    std::vector<Observer> observers, const Progress& progress = {}, const C& world = {}) {
  if (count == 0) throw value_error("calibrate: no pictures to calibrate on");
  if (observers.size() != network.size())
    throw value_error(detail::message("calibrate: ", observers.size(), " observers for ", network.size(), " nodes"));
  constexpr std::size_t batch = 8;  // bounds the memory; the result does not depend on it
  const std::vector<Observer> fresh = observers;
  FloatExecutor executor(network);
  detail::for_each_shared_batch(count, batch, progress, world, [&](std::span<const std::size_t> some) {
    executor.run_outputs(detail::batch_of(pictures, some), [&](NodeId id, const TensorView<const float>& output) {
      detail::observe_node(network[id], output, observers[id]);
    });
  });
  std::vector<Range<float>> ranges;
  for (const Observer& o : detail::merge_observers(std::move(observers), fresh, world)) {
    const auto r = o.range();
    ranges.push_back({static_cast<float>(r.left), static_cast<float>(r.right)});
  }
  return ranges;
}

/// The same by copies of one observer.
template <class Observer, PictureSource Pictures, Communicator C = SingleProcess>
std::vector<Range<float>> calibrate(const Network& network, const Pictures& pictures, std::size_t count, const Observer& observer,
                                    const Progress& progress = {}, const C& world = {}) {
  return calibrate(network, pictures, count, std::vector<Observer>(network.size(), observer), progress, world);
}

}  // namespace trimtab
