#pragma once
/// \file
/// The largest output of each channel of each layer on calibration pictures, before its activation: step 2 of the paper's 3.3.1.

#include <cstddef>
#include <span>
#include <trimtab/core/progress.hpp>
#include <trimtab/net/graph/network.hpp>
#include <trimtab/net/operators/clip.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/quant/observer.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// By node: one number for each channel of a layer with weights, its largest output before the clip, or 0 where none was
/// positive; nothing for other nodes.
using ChannelMaxima = std::vector<std::vector<float>>;

namespace detail {

/// The same network with each clip in a node of its own. `layer[id]` is where node id's operator went.
struct Unfused {
  Network network;
  std::vector<NodeId> layer;
};

inline Unfused unfuse_clips(const Network& network) {
  Unfused u;
  std::vector<NodeId> moved;
  for (const Node& node : network.nodes()) {
    std::vector<NodeId> inputs;
    for (const NodeId input : node.inputs) inputs.push_back(moved[input]);
    u.layer.push_back(u.network.add(node.op, std::move(inputs), node.name));
    moved.push_back(node.clip == no_clip ? u.layer.back() : u.network.add(node.clip, {u.layer.back()}, node.name + ".clip"));
  }
  std::vector<NodeId> outputs;
  for (const NodeId out : network.outputs()) outputs.push_back(moved[out]);
  u.network.set_outputs(std::move(outputs));
  return u;
}

}  // namespace detail

/// Runs `network` in float on the first `count` pictures, each process of `world` on a share of them. Throws value_error when
/// count is 0.
template <PictureSource Pictures, Communicator C = SingleProcess>
ChannelMaxima channel_maxima(const Network& network, const Pictures& pictures, std::size_t count, const Progress& progress = {},
                             const C& world = {}) {
  if (count == 0) throw value_error("channel_maxima: no pictures to calibrate on");
  const detail::Unfused unfused = detail::unfuse_clips(network);
  constexpr NodeId not_observed = static_cast<NodeId>(-1);
  std::vector<NodeId> observed(unfused.network.size(), not_observed);
  std::vector<MinMaxObserver<float>> fresh;
  for (NodeId id = 0; id < network.size(); ++id) {
    if (detail::has_weights(network[id].op)) observed[unfused.layer[id]] = id;
    fresh.emplace_back(per_channel(network[id].extent.size()));
  }
  std::vector<MinMaxObserver<float>> observers = fresh;
  FloatExecutor executor(unfused.network);
  constexpr std::size_t batch = 8;  // bounds the memory; the result does not depend on it
  detail::for_each_shared_batch(count, batch, progress, world, [&](std::span<const std::size_t> some) {
    executor.run_outputs(detail::batch_of(pictures, some), [&](NodeId id, const TensorView<const float>& output) {
      if (observed[id] != not_observed) observers[observed[id]].observe(output);
    });
  });
  observers = detail::merge_observers(std::move(observers), std::move(fresh), world);
  ChannelMaxima maxima(network.size());
  for (NodeId id = 0; id < network.size(); ++id)
    if (detail::has_weights(network[id].op))
      for (const Range<float>& r : observers[id].ranges()) maxima[id].push_back(r.right);
  return maxima;
}

}  // namespace trimtab
