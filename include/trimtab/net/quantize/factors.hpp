#pragma once
/// \file
/// All trained factors of a quantized network in one row, as optimizers want them.

#include <algorithm>
#include <cstddef>
#include <span>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <vector>

namespace trimtab {

/// Which of the trained factors a block holds.
enum class FactorKind { activation, weight, pointwise_weight, pointwise_bias };

/// Which factors training moves; the others stay as they are and cost nothing.
struct TrainedSet {
  bool activations = true;  ///< thresholds of activations
  bool weights = true;      ///< thresholds of weights
  bool pointwise = false;   ///< factors of single weights and biases, where add_pointwise_factors gave them

  /// Whether any are trained.
  bool any() const { return activations || weights || pointwise; }
  /// Whether factors of this kind are trained.
  bool holds(FactorKind kind) const {
    return kind == FactorKind::activation ? activations : kind == FactorKind::weight ? weights : pointwise;
  }
};

/// A run of the row: the factors of one node's quantizer, or of its weights or biases.
struct FactorBlock {
  NodeId node = 0;                           ///< whose factors these are
  FactorKind kind = FactorKind::activation;  ///< and of what
  std::size_t begin = 0, count = 0;          ///< their place in the row of all factors

  template <class T>
  /// The block's part of such a row.
  std::span<T> of(std::span<T> row) const {
    return row.subspan(begin, count);
  }
};

/// Where everything lies in the row: thresholds of activations by node, then of weights, then point-wise factors.
inline std::vector<FactorBlock> factor_blocks(const QuantizedNetwork& q) {
  std::vector<FactorBlock> blocks;
  std::size_t begin = 0;
  const auto append = [&](NodeId node, FactorKind kind, std::size_t count) {
    if (count == 0) return;
    blocks.push_back({node, kind, begin, count});
    begin += count;
  };
  const auto quantizers = [&](const std::vector<std::optional<AnyQuantizer>>& list, FactorKind kind) {
    for (NodeId id = 0; id < list.size(); ++id)
      if (list[id]) append(id, kind, list[id]->factors().size());
  };
  quantizers(q.output, FactorKind::activation);
  quantizers(q.weight, FactorKind::weight);
  for (NodeId id = 0; id < q.pointwise.size(); ++id) {
    append(id, FactorKind::pointwise_weight, q.pointwise[id].weight.size());
    append(id, FactorKind::pointwise_bias, q.pointwise[id].bias.size());
  }
  return blocks;
}

/// The length of the row, or of its part that `trained` holds.
inline std::size_t factor_count(const QuantizedNetwork& q, TrainedSet trained = {true, true, true}) {
  std::size_t count = 0;
  for (const FactorBlock& block : factor_blocks(q))
    if (trained.holds(block.kind)) count += block.count;
  return count;
}

namespace detail {

/// The block's factors where they live; Q is QuantizedNetwork or const.
template <class Q>
auto factors_of(Q& q, const FactorBlock& block) {
  auto& pointwise = q.pointwise[block.node];
  switch (block.kind) {
    case FactorKind::activation:
      return q.output[block.node]->factors();
    case FactorKind::weight:
      return q.weight[block.node]->factors();
    case FactorKind::pointwise_weight:
      return decltype(q.output[0]->factors())(pointwise.weight);
    default:
      return decltype(q.output[0]->factors())(pointwise.bias);
  }
}

inline Bounds<float> bounds_of(const QuantizedNetwork& q, const FactorBlock& block, std::size_t i) {
  if (block.kind == FactorKind::activation) return q.output[block.node]->bounds(i);
  if (block.kind == FactorKind::weight) return q.weight[block.node]->bounds(i);
  return q.pointwise[block.node].bounds;
}

}  // namespace detail

/// How many factors training can move: those of `trained` whose bounds leave them more than one value (is_dead). Left limits of
/// tensors that begin at 0 are part of the row, but not of this.
inline std::size_t live_factor_count(const QuantizedNetwork& q, TrainedSet trained) {
  std::size_t count = 0;
  for (const FactorBlock& block : factor_blocks(q))
    if (trained.holds(block.kind))
      for (std::size_t i = 0; i < block.count; ++i) {
        const Bounds<float> bounds = detail::bounds_of(q, block, i);
        count += std::size_t{bounds.lo < bounds.hi};
      }
  return count;
}

/// A copy of all factors.
inline std::vector<float> gather_factors(const QuantizedNetwork& q) {
  std::vector<float> row;
  for (const FactorBlock& block : factor_blocks(q)) {
    const std::span<const float> factors = detail::factors_of(q, block);
    row.insert(row.end(), factors.begin(), factors.end());
  }
  return row;
}

/// The calibrated numbers that the factors of thresholds move, quantizers in the same order: T of each channel, or T_l and R =
/// T_r - T_l.
inline std::vector<float> gather_thresholds(const QuantizedNetwork& q) {
  std::vector<float> row;
  for_each_quantizer(q, [&](const AnyQuantizer& quantizer) {
    const std::vector<float> numbers = quantizer.calibrated();
    row.insert(row.end(), numbers.begin(), numbers.end());
  });
  return row;
}

/// Puts the row back, each factor within its bounds, and writes the clipped values into the row, too. Throws shape_error when it
/// has another length.
inline void scatter_factors(std::span<float> row, QuantizedNetwork& q) {
  if (row.size() != factor_count(q))
    throw shape_error(detail::message("scatter_factors: ", row.size(), " numbers for ", factor_count(q), " factors"));
  for (const FactorBlock& block : factor_blocks(q)) {
    const std::span<float> from = block.of(row), to = detail::factors_of(q, block);
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = from[i] = detail::bounds_of(q, block, i).clip(from[i]);
  }
}

}  // namespace trimtab
