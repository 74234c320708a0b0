#pragma once
/// \file
/// Chooses the bits of each layer's weights for a size: what each layer costs at fewer bits, alone, and what that saves.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <trimtab/core/progress.hpp>
#include <trimtab/net/execute/switched_executor.hpp>
#include <trimtab/net/recipe.hpp>
#include <trimtab/net/report/evaluate.hpp>
#include <trimtab/net/report/packed_bytes.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// One layer's weights at so many bits.
struct BitsTrial {
  int bits = 8;
  std::size_t bytes = 0;  ///< packed_bytes
  double error = 0;       ///< mean square of the change of the network's outputs, everything else in float
};

/// A layer, and what was tried on it: each with fewer bits and bytes than the one before.
struct LayerTrials {
  std::string layer;
  std::vector<BitsTrial> trials;
};

/// A choice for all layers.
struct SizeStep {
  std::size_t bytes = 0;           ///< of all layers
  double rmse = 0;                 ///< root of the sum of the layers' errors: what to expect if they are independent
  std::vector<std::size_t> trial;  ///< by layer: which of its trials
};

/// How large a network may be.
struct SizeBudget {
  double amount = 50;   ///< above 0
  bool percent = true;  ///< of the size at the most bits that are tried; else bytes

  /// How many bytes that allows, where the most bits take `most`.
  double bytes(std::size_t most) const { return percent ? amount / 100 * double(most) : amount; }
};

/// What choose_bits found.
struct BitsChoice {
  std::vector<LayerBits> bits_of;   ///< of every layer with weights, for QuantizationOptions
  std::vector<LayerTrials> layers;  ///< in the order of the nodes
  std::vector<SizeStep> curve;      ///< from the largest size to the smallest
  std::size_t taken = 0;            ///< which step of the curve
};

/// Bits that choose_bits tries.
inline constexpr std::array<int, 4> bits_to_try{8, 6, 4, 3};

/// Fewer pictures tell too little.
inline constexpr std::size_t least_pictures_to_choose_bits = 8;

/// The choices of least error, from every layer at its first trial to every layer at its last. Greedy: the layer that adds the
/// least error for each byte saved moves next, past trials that would add more for each byte. So every step is the best of its
/// size, and two neighbours differ in one layer.
inline std::vector<SizeStep> size_curve(std::span<const LayerTrials> layers) {
  SizeStep now{0, 0, std::vector<std::size_t>(layers.size())};
  const auto measured = [&] {
    double error = 0;
    now.bytes = 0;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      error += layers[i].trials[now.trial[i]].error;
      now.bytes += layers[i].trials[now.trial[i]].bytes;
    }
    now.rmse = std::sqrt(error);
    return now;
  };
  std::vector<SizeStep> curve{measured()};
  for (;;) {
    double least = std::numeric_limits<double>::infinity();
    std::size_t layer = 0, to = 0;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const std::vector<BitsTrial>& trials = layers[i].trials;
      const BitsTrial& from = trials[now.trial[i]];
      for (std::size_t t = now.trial[i] + 1; t < trials.size(); ++t) {
        const double price = (trials[t].error - from.error) / double(from.bytes - trials[t].bytes);
        if (price < least) {
          least = price;
          layer = i;
          to = t;
        }
      }
    }
    if (to == 0) return curve;
    now.trial[layer] = to;
    curve.push_back(measured());
  }
}

namespace detail {

/// Throws value_error where bits_of would not find every layer with weights by its name alone.
inline void require_own_names(const Network& network) {
  for (NodeId id = 0; id < network.size(); ++id) {
    if (network[id].op->weighted() == nullptr) continue;
    const std::string& name = network[id].name;
    for (NodeId other = 0; other < network.size(); ++other)
      if ((other != id && network[other].name == name) || network[other].op->name() == name || is_layer_rule(name))
        throw value_error(message("choose_bits: ", name, " is not the name of one layer alone; rename it"));
  }
}

/// What each layer's weights alone change at the outputs, by node, on the first `count` pictures.
template <PictureSource Pictures>
std::vector<FidelityMeter> weight_errors(const Network& reference, const QuantizedNetwork& q, const Pictures& pictures,
                                         std::size_t count) {
  SwitchedExecutor executor(reference, q);
  const Switches off = switches(q, false, false);
  std::vector<FidelityMeter> errors(q.network.size());
  const std::vector<std::size_t> indices = first_indices(count);
  for_each_batch(indices, 1, {}, [&](std::span<const std::size_t> some) {
    const std::vector<Array> x = batch_of(pictures, some);
    const std::vector<Array> float_outputs = executor.run(x, off);
    const Array wanted = executor.rows(float_outputs);
    for (NodeId id = 0; id < errors.size(); ++id) {
      if (!q.weight[id]) continue;
      Switches one = off;
      one.weight[id] = true;
      errors[id].add(wanted, executor.rerun(x, float_outputs, off, one));
    }
  });
  return errors;
}

}  // namespace detail

/// Bits for each layer's weights, so that all of them fit the budget with the least error. The whole recipe, but for training, is
/// carried out with all weights at each of `bits_to_try`, on three quarters of the first `count` pictures, of 40 at most; what
/// each layer's weights then change alone is measured on the others, against the float network, without labels. The first step of
/// size_curve within the budget is taken. Layers that quantization.bits_of names keep those bits. teacher: folded and fused, as
/// prepare wants it. Throws value_error with fewer than least_pictures_to_choose_bits, for a budget that no step meets, and for a layer that shares
/// its name; else as prepare and finish do.
template <PictureSource Pictures>
BitsChoice choose_bits(const Recipe& recipe, const Network& teacher, const Pictures& pictures, std::size_t count,
                       const QuantizationOptions& quantization, const SizeBudget& budget, const Progress& progress = {}) {
  const std::size_t used = std::min<std::size_t>(count, 40), judged = used / 4, first = used - judged;
  if (count < least_pictures_to_choose_bits)
    throw value_error(detail::message("choose_bits: ", count, " pictures, expected ", least_pictures_to_choose_bits, " or more"));
  if (!(budget.amount > 0)) throw value_error(detail::message("choose_bits: a budget of ", budget.amount));
  detail::require_own_names(teacher);
  const detail::PicturesFrom<Pictures> held_back{&pictures, first};
  Recipe untrained = recipe;
  untrained.fine_tune.trained = {false, false, false};
  BitsChoice choice;
  for (std::size_t i = 0; i < bits_to_try.size(); ++i) {
    QuantizationOptions options = quantization;
    options.weight_bits = bits_to_try[i];
    const Applied applied = apply(untrained, teacher, pictures, first, 0, options);
    const QuantizedNetwork& q = applied.network;
    const std::vector<FidelityMeter> errors = detail::weight_errors(applied.reference, q, held_back, judged);
    std::size_t layer = 0;
    for (NodeId id = 0; id < q.network.size(); ++id) {
      if (!q.weight[id]) continue;
      if (i == 0) choice.layers.push_back({q.network[id].name, {}});
      std::vector<BitsTrial>& trials = choice.layers[layer++].trials;
      const int bits = code_bits(q.weight[id]->grid(0).codes);
      const std::size_t bytes = packed_bytes(*q.network[id].op->weighted(), *q.weight[id]);
      const double rmse = errors[id].result().rmse;
      if (trials.empty() || (bits < trials.back().bits && bytes < trials.back().bytes))
        trials.push_back({bits, bytes, rmse * rmse});
    }
    if (progress) progress(i + 1, bits_to_try.size());
  }
  choice.curve = size_curve(choice.layers);
  const double allowed = budget.bytes(choice.curve.front().bytes);
  while (double(choice.curve[choice.taken].bytes) > allowed)
    if (++choice.taken == choice.curve.size())
      throw value_error(detail::message("choose_bits: at the fewest bits that are tried the weights take ",
                                        choice.curve.back().bytes, " bytes, above the budget of ", std::size_t(allowed)));
  for (std::size_t i = 0; i < choice.layers.size(); ++i)
    choice.bits_of.push_back({choice.layers[i].layer, choice.layers[i].trials[choice.curve[choice.taken].trial[i]].bits});
  return choice;
}

}  // namespace trimtab
