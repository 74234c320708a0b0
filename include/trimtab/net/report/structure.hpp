#pragma once
/// \file
/// Where a network will lose accuracy by its structure alone, before anything is measured.

#include <algorithm>
#include <span>
#include <string>
#include <trimtab/net/operators/spellings/fuse_activations.hpp>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <vector>

namespace trimtab {

/// One place, and what to do about it.
struct StructureFinding {
  NodeId node = 0;   ///< where
  std::string text;  ///< a sentence or two, the node's name in it
};

namespace detail {

/// Steps of a node's own grid, if it had one.
inline double own_step(const Range<float>& range, bool non_negative, int bits, Scheme scheme) {
  return double(activation_quantizer(range, non_negative, bits, {.scheme = scheme}).grid(0).scale);
}

}  // namespace detail

/// Looks for what costs most networks their accuracy. `network`: folded and fused; `ranges`: of each of its nodes, from
/// calibrate; `options`: what it is quantized to. Finds
/// - inputs of one shared grid (a Concat) whose own steps differ by more than 16 times: the finer ones lose four bits or more;
/// - activations that an exporter wrote as several operators, which fuse_activations makes one: as parts each is rounded by
/// itself;
/// - operands that are spread over other axes (broadcast) and have one sign in all that was seen, on a symmetric grid for both
/// signs: half of
///   its codes are never used, and what is spread is in error everywhere.
/// Throws value_error when the ranges are not as many as the nodes.
inline std::vector<StructureFinding> structure_findings(const Network& network, std::span<const Range<float>> ranges,
                                                        const QuantizationOptions& options) {
  if (ranges.size() != network.size())
    throw value_error(detail::message("structure_findings: ", ranges.size(), " ranges for ", network.size(), " nodes"));
  constexpr double step_ratio = 16;
  std::vector<StructureFinding> found;
  const std::vector<bool> non_negative = detail::non_negative_nodes(network);
  const std::vector<detail::NodeBits> bits = detail::bits_of_nodes(network, options);
  for (NodeId id = 0; id < network.size(); ++id) {
    const Node& node = network[id];
    if (node.op->grid(options.requantizer) == GridRule::shared_by_inputs && node.inputs.size() > 1) {
      const auto step = [&](NodeId in) {
        return detail::own_step(ranges[in], non_negative[in], bits[in].activations, options.scheme);
      };
      const auto [fine, coarse] =
          std::minmax_element(node.inputs.begin(), node.inputs.end(), [&](NodeId a, NodeId b) { return step(a) < step(b); });
      const double ratio = step(*coarse) / step(*fine);
      if (ratio > step_ratio)
        found.push_back(
            {id, detail::message(node.name, " (", operator_name(node.op), ") joins grids whose steps differ ", std::lround(ratio),
                                 " times: ", network[*coarse].name, " spans ", ranges[*coarse].right - ranges[*coarse].left, ", ",
                                 network[*fine].name, " ", ranges[*fine].right - ranges[*fine].left,
                                 ". Let the network end before it, with an output for each, or keep it in float.")});
    }
    if (!is_symmetric(options.scheme) || node.inputs.size() < 2) continue;
    for (const NodeId in : node.inputs) {
      const bool spread =
          element_count(network[in].extent) < element_count(node.extent) && node.op->grid(options.requantizer) == GridRule::own;
      const bool one_sign = ranges[in].left == 0 || ranges[in].right == 0;
      if (spread && one_sign && !non_negative[in] && detail::rounds_output(network[in]) && ranges[in].threshold() > 0)
        found.push_back({in, detail::message(network[in].name, " (", operator_name(network[in].op), ") is spread over ",
                                             node.name, " and was never ", ranges[in].left == 0 ? "negative" : "positive",
                                             ", but its grid has codes for both signs. Asymmetric thresholds use all of them.")});
    }
  }
  const Network fused = fuse_activations(network);
  if (fused.size() < network.size()) {
    std::vector<std::string> kept;
    for (const Node& node : fused.nodes()) kept.push_back(node.name);
    std::sort(kept.begin(), kept.end());
    for (NodeId id = 0; id < network.size(); ++id)
      if (!std::binary_search(kept.begin(), kept.end(), network[id].name))
        found.push_back(
            {id, detail::message(network[id].name, " (", operator_name(network[id].op),
                                 ") is part of an activation written as several operators; fuse_activations makes it one.")});
  }
  return found;
}

}  // namespace trimtab
