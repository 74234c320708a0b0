#pragma once
/// \file
/// Which layers of a network can pass factors on their channels to the next layer, and why others cannot.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <trimtab/net/graph/network.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// A layer whose output channels only `consumer` reads, through `activation` (clips combined) and perhaps pools and Flatten.
struct ChannelPair {
  NodeId producer, consumer;  ///< layers, in the order of the data
  Clip activation;            ///< between them
};

/// A layer with weights that begins no pair.
struct LeftAlone {
  NodeId layer;              ///< that would have been a producer
  std::string name, reason;  ///< its name, and why it stays as it is
};

/// Pairs of layers whose channels may be rescaled, and what was passed over.
struct ChannelPairs {
  std::vector<ChannelPair> pairs;     ///< in the order of the nodes
  std::vector<LeftAlone> left_alone;  ///< layers without a pair
};

namespace detail {

/// Follows the only reader of each node from `producer` to a layer with weights; returns the reason when there is none.
inline std::string follow_channels(const Network& network, const std::vector<std::vector<NodeId>>& readers, ChannelPair& pair) {
  NodeId at = pair.producer;
  pair.activation = no_clip;
  for (;;) {
    const Node& node = network[at];
    for (const Clip& clip : {at == pair.producer ? no_clip : node.op->bounds(), node.clip}) {
      if (clip.lo != 0 && clip.lo != no_clip.lo)
        return message("the activation of ", node.name, " clips at ", clip.lo, ", not at 0");
      if (!(clip.hi > 0)) return message("the activation of ", node.name, " clips at ", clip.hi);
      pair.activation = {std::max(pair.activation.lo, clip.lo), std::min(pair.activation.hi, clip.hi)};
    }
    if (network.is_output(at)) return message(node.name, " is the network's output");
    if (readers[at].size() != 1) return message(readers[at].size(), " nodes read ", node.name);
    at = readers[at][0];
    const Node& next = network[at];
    if (const WeightedLayer* layer = next.op->weighted()) {
      if (const std::string why = layer->mixes_channels(); !why.empty()) return message(next.name, " is ", why);
      pair.consumer = at;
      return {};
    }
    if (next.op->scaling(network.input_extents(at)) == ScalingRule::stops)
      return message(next.name, " (", operator_name(next.op), ") reads it");
  }
}

}  // namespace detail

/// Every pair of layers between which factors on channels can be moved, each layer with weights being in `pairs` as a producer or
/// in `left_alone` with the reason.
inline ChannelPairs channel_pairs(const Network& network) {
  const auto readers = network.readers();
  ChannelPairs found;
  for (NodeId id = 0; id < network.size(); ++id) {
    if (!detail::has_weights(network[id].op)) continue;
    ChannelPair pair{id, id, no_clip};
    std::string reason = detail::follow_channels(network, readers, pair);
    if (reason.empty())
      found.pairs.push_back(pair);
    else
      found.left_alone.push_back({id, network[id].name, std::move(reason)});
  }
  return found;
}

}  // namespace trimtab
