#pragma once
/// \file
/// Recipes: which transforms a float network goes through on its way to the quantized one, and how its factors are trained then.
/// docs/recipes.md has what each of them measures.

#include <cstddef>
#include <string>
#include <trimtab/core/progress.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/passes/channel_maxima.hpp>
#include <trimtab/net/passes/correct_bias.hpp>
#include <trimtab/net/passes/learn_rounding.hpp>
#include <trimtab/net/passes/rescale.hpp>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <trimtab/net/report/structure.hpp>
#include <trimtab/net/train/fine_tune.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// The choices, in the order in which they are carried out; everything is off but training.
struct Recipe {
  bool rescale_dws = false;        ///< even out channels between layers as the paper does (3.3), ReLU6 kept
  bool equalize = false;           ///< even out channels by cross-layer equalization, ReLU6 kept
  bool mse_ranges = false;         ///< activations: the ranges of least squared error, not the largest seen
  bool mse_weights = false;        ///< weights: the thresholds of least squared error, too
  bool correct_bias = false;       ///< take back what quantized weights add to the means of channels
  FineTuneOptions fine_tune = {};  ///< with an empty `trained` nothing is
  bool learn_rounding = false;     ///< last, when the thresholds are what they will be: choose codes by what layers put out
  LearnRoundingOptions rounding = {};
};

/// As the paper does it. Scalar: rescaling (3.3), then point-wise factors are trained and thresholds are not (4.2). Vector: the
/// thresholds are trained (3.1).
inline Recipe paper_recipe(WeightMode weights) {
  Recipe r;
  r.rescale_dws = weights == WeightMode::scalar;
  r.fine_tune.trained = weights == WeightMode::scalar ? TrainedSet{false, false, true} : TrainedSet{true, true, false};
  return r;
}

/// No training: equalization where one threshold has to fit all filters, ranges of least squared error, bias correction. Up to three
/// float runs over the calibration pictures. rescale_dws before equalize is no help: it leaves channels at the bound, where they
/// are locked.
inline Recipe fast_recipe(WeightMode weights) {
  Recipe r;
  r.equalize = weights == WeightMode::scalar;
  r.mse_ranges = r.correct_bias = true;
  r.fine_tune.trained = {false, false, false};
  return r;
}

/// The fast recipe, then learned rounding. No training: at 8 bits, thresholds trained before the rounding have measured no better.
inline Recipe best_recipe(WeightMode weights) {
  Recipe r = fast_recipe(weights);
  r.learn_rounding = true;
  return r;
}

/// A quantized network on its way through a recipe.
struct Applied {
  QuantizedNetwork network;
  Network reference;                             ///< the float network with the channels evened out: what `network` stands for
  std::vector<std::string> transforms;           ///< a line for each that was carried out
  std::vector<StructureFinding> structure = {};  ///< what costs accuracy whichever recipe is taken
};

namespace detail {

inline std::string describe_pass(const char* name, const NetworkRescaling& result) {
  std::size_t locked = 0, channels = 0;
  for (const RescaledPair& pair : result.pairs) {
    locked += pair.rescaling.locked.size();
    channels += pair.rescaling.factors.size();
  }
  return message(name, " (", result.pairs.size(), " pairs, ", locked, " of ", channels, " channels locked)");
}

}  // namespace detail

/// An observer for each node, which finds the range of least squared error for the quantizer that quantize() gives it.
inline std::vector<MseObserver<float>> mse_observers(const Network& network, const QuantizationOptions& o) {
  std::vector<MseObserver<float>> observers;
  for (const bool non_negative : detail::non_negative_nodes(network)) {
    const bool symmetric = o.scheme == Scheme::symmetric;
    observers.emplace_back(symmetric && !non_negative ? signed_codes(o.activation_bits) : unsigned_codes(o.activation_bits),
                           o.scheme);
  }
  return observers;
}

/// What comes before training. teacher: the float network, folded and fused (fold_batch_norm, fuse_clips); the first `count`
/// pictures calibrate it. Ranges come from shares of the processes of `world`, bias correction from every process alike. Throws as the
/// transforms do.
template <PictureSource Pictures, Communicator C = SingleProcess>
Applied prepare(const Recipe& recipe, const Network& teacher, const Pictures& pictures, std::size_t count,
                const QuantizationOptions& quantization, const Progress& progress = {}, const C& world = {}) {
  Network network = teacher;
  std::vector<std::string> done;
  if (recipe.rescale_dws || recipe.equalize) {
    ChannelMaxima maxima = channel_maxima(network, pictures, count, progress, world);
    if (recipe.rescale_dws) done.push_back(detail::describe_pass("rescale_dws", rescale_dws(network, maxima)));
    if (recipe.equalize) {
      RescalePassOptions thrice;  // a channel's limits depend on its neighbours' factors
      thrice.rounds = 3;
      done.push_back(detail::describe_pass("equalize", equalize(network, maxima, thrice)));
    }
  }
  const auto ranges = recipe.mse_ranges
                          ? calibrate(network, pictures, count, mse_observers(network, quantization), progress, world)
                          : calibrate(network, pictures, count, MinMaxObserver<float>{}, progress, world);
  if (recipe.mse_ranges) done.push_back("mse_ranges");
  QuantizedNetwork q = quantize(network, ranges, quantization);
  if (recipe.mse_weights) {
    search_weight_thresholds(q);
    done.push_back("mse_weights");
  }
  if (recipe.correct_bias) {
    correct_bias(q, pictures, count);
    done.push_back("correct_bias");
  }
  if (recipe.fine_tune.trained.pointwise) {
    add_pointwise_factors(q);
    done.push_back("pointwise");
  }
  std::vector<StructureFinding> structure = structure_findings(network, ranges, quantization);
  return {std::move(q), std::move(network), std::move(done), std::move(structure)};
}

/// What comes after it, on the first `count` pictures.
template <PictureSource Pictures>
void finish(const Recipe& recipe, Applied& applied, const Pictures& pictures, std::size_t count, const Progress& progress = {}) {
  if (!recipe.learn_rounding) return;
  std::size_t changed = 0;
  for (const RoundedLayer& layer : learn_rounding(applied.network, applied.reference, pictures, count, recipe.rounding, progress))
    changed += layer.report.changed;
  applied.transforms.push_back(detail::message("learn_rounding (", changed, " codes)"));
}

/// A whole recipe: prepare and finish on the first `calibration_count` pictures, with fine_tune on the first `training_count`
/// between, where recipe.fine_tune.trained says anything.
template <PictureSource Pictures>
Applied apply(const Recipe& recipe, const Network& teacher, const Pictures& pictures, std::size_t calibration_count,
              std::size_t training_count, const QuantizationOptions& quantization, const Progress& progress = {}) {
  Applied applied = prepare(recipe, teacher, pictures, calibration_count, quantization, progress);
  if (recipe.fine_tune.trained.any()) {
    const Array targets = teacher_outputs(teacher, pictures, training_count, progress);
    fine_tune(applied.network, targets, pictures, recipe.fine_tune, progress);
  }
  finish(recipe, applied, pictures, calibration_count, progress);
  return applied;
}

}  // namespace trimtab
