#pragma once
/// \file
/// rescale_dws and equalize on whole networks.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <trimtab/net/graph/network.hpp>
#include <trimtab/net/passes/channel_maxima.hpp>
#include <trimtab/net/passes/channel_pairs.hpp>
#include <trimtab/transform/equalize.hpp>
#include <trimtab/transform/rescale_dws.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// Which pairs a pass works on, and within what limits.
struct RescalePassOptions {
  bool depthwise_to_conv = true;                    ///< the paper's pairs (3.3)
  bool conv_to_depthwise = false;                   ///< expand -> depthwise
  bool conv_to_conv = false;                        ///< and every other pair
  double lock_share = 5.9 / 6;                      ///< of the activation's upper bound: channels that reach it are locked
  double reach = RescaleLimits{}.reach;             ///< see RescaleLimits
  double max_factor = RescaleOptions{}.max_factor;  ///< see RescaleOptions
  double max_consumer_growth = RescaleOptions{}.max_consumer_growth;  ///< see RescaleOptions
  std::size_t rounds = 1;  ///< times the pairs are gone through, from the input to the output
};

/// What a pass did to one pair, in all rounds: factors are products, `before` is before the first round, control value, locked
/// and dead channels are those of the first.
struct RescaledPair {
  NodeId producer, consumer;  ///< layers, in the order of the data
  Rescaling rescaling;        ///< what was done
};

/// What rescaling did to a network's pairs.
struct NetworkRescaling {
  std::vector<RescaledPair> pairs;    ///< in the order of the nodes
  std::vector<LeftAlone> left_alone;  ///< layers without a pair
};

namespace detail {

template <class Rule>
NetworkRescaling rescale_pairs(Network& network, ChannelMaxima& maxima, const RescalePassOptions& options, const char* what,
                               const Rule& rule) {
  if (maxima.size() != network.size())
    throw value_error(message(what, ": channel maxima of ", maxima.size(), " nodes for ", network.size()));
  ChannelPairs found = channel_pairs(network);
  NetworkRescaling result;
  result.left_alone = std::move(found.left_alone);
  std::vector<ChannelPair> pairs;
  for (const ChannelPair& pair : found.pairs) {
    const bool from_dw = network[pair.producer].op->weighted()->is_depthwise();
    const bool to_dw = network[pair.consumer].op->weighted()->is_depthwise();
    if (from_dw && !to_dw ? options.depthwise_to_conv : (!from_dw && to_dw ? options.conv_to_depthwise : options.conv_to_conv))
      pairs.push_back(pair);
    else
      result.left_alone.push_back({pair.producer, network[pair.producer].name,
                                   message("pairs of ", operator_name(network[pair.producer].op), " and ",
                                           operator_name(network[pair.consumer].op), " are switched off")});
  }
  for (std::size_t round = 0; round < options.rounds; ++round)
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const ChannelPair& pair = pairs[i];
      RescaleOptions o;
      o.reach = options.reach;
      o.max_factor = options.max_factor;
      o.max_consumer_growth = options.max_consumer_growth;
      o.upper_bound = double(pair.activation.hi);
      o.lock_at = std::isfinite(o.upper_bound) ? options.lock_share * o.upper_bound : 1.0;
      WeightedLayer& layer = *network[pair.producer].op->weighted();
      ChannelWeight producer{layer.weight(), layer.output_axis()};
      const std::size_t channels = producer.weight.extent[producer.axis];
      ChannelWeight consumer = network[pair.consumer].op->weighted()->by_input_channel(channels);
      TensorView<float> bias = view_of(layer.bias());
      Rescaling r = rule(producer, bias, consumer, maxima[pair.producer], o);
      for (std::size_t k = 0; k < maxima[pair.producer].size(); ++k)
        maxima[pair.producer][k] = static_cast<float>(double(maxima[pair.producer][k]) * r.factors[k]);
      if (round == 0) {
        result.pairs.push_back({pair.producer, pair.consumer, std::move(r)});
        continue;
      }
      Rescaling& total = result.pairs[i].rescaling;
      for (std::size_t k = 0; k < channels; ++k) total.factors[k] *= r.factors[k];
      total.thresholds_after = std::move(r.thresholds_after);
      total.consumer_after = r.consumer_after;
      total.largest_change = std::max(total.largest_change, r.largest_change);
    }
  return result;
}

}  // namespace detail

/// Applies rescale_dws (transform/rescale_dws.hpp) to the pairs of a folded network, in place. `maxima`, of channel_maxima, are
/// multiplied by the factors with the weights, so that another pass can follow. Throws value_error when they are of another
/// network, and as rescale_dws does.
inline NetworkRescaling rescale_dws(Network& network, ChannelMaxima& maxima, const RescalePassOptions& options = {}) {
  return detail::rescale_pairs(network, maxima, options, "rescale_dws",
                               [](auto& p, auto& bias, auto& c, const auto& m, const RescaleOptions& o) {
                                 return rescale_dws(p.weight, ChannelAxis{p.axis}, bias, c.weight, ChannelAxis{c.axis}, m, o);
                               });
}

/// Applies equalize (transform/equalize.hpp) in the same way, to all pairs with a depthwise layer unless `options` say otherwise.
inline NetworkRescaling equalize(Network& network, ChannelMaxima& maxima,
                                 const RescalePassOptions& options = {.conv_to_depthwise = true}) {
  return detail::rescale_pairs(network, maxima, options, "equalize",
                               [](auto& p, auto& bias, auto& c, const auto& m, const RescaleOptions& o) {
                                 return equalize(p.weight, ChannelAxis{p.axis}, bias, c.weight, ChannelAxis{c.axis}, m, o);
                               });
}

}  // namespace trimtab
