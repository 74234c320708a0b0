#pragma once
/// \file
/// Recipes: which transforms a float network goes through on its way to the quantized one, and how its factors are trained then.
/// docs/recipes.md has what each of them measures.

#include <algorithm>
#include <cstddef>
#include <iomanip>
#include <optional>
#include <span>
#include <string>
#include <trimtab/core/progress.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/passes/channel_maxima.hpp>
#include <trimtab/net/passes/correct_bias.hpp>
#include <trimtab/net/passes/learn_rounding.hpp>
#include <trimtab/net/passes/rescale.hpp>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <trimtab/net/report/evaluate.hpp>
#include <trimtab/net/report/structure.hpp>
#include <trimtab/net/train/fine_tune.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// The choices, in the order in which they are carried out; everything is off but training.
struct Recipe {
  bool rescale_dws = false;  ///< even out channels between layers as the paper does (3.3), ReLU6 kept
  bool equalize = false;     ///< even out channels by cross-layer equalization, ReLU6 kept: all pairs with a depthwise layer
  RescalePassOptions rescaling = {};  ///< pairs of rescale_dws, by default the paper's alone, and margins of both
  bool mse_ranges = false;            ///< activations: the ranges of least squared error, not the largest seen
  bool mse_weights = false;           ///< weights: the thresholds of least squared error, too
  bool correct_bias = false;          ///< take back what quantized weights add to the means of channels
  FineTuneOptions fine_tune = {};     ///< with an empty `trained` nothing is
  bool learn_rounding = false;        ///< last, when the thresholds are what they will be: choose codes by what layers put out
  LearnRoundingOptions rounding = {};
};

/// As the paper does it. Scalar: rescaling of its pairs (3.3), then point-wise factors are trained and thresholds are not (4.2).
/// Vector, and vector in depthwise layers alone: the thresholds are trained (3.1). The optimizer is reset (4.1.2); how often the
/// paper does not say, and here it is once an epoch.
inline Recipe paper_recipe(WeightMode weights) {
  Recipe r;
  r.rescale_dws = weights == WeightMode::scalar;
  r.fine_tune.restarts = r.fine_tune.epochs;
  r.fine_tune.trained = weights == WeightMode::scalar ? TrainedSet{false, false, true} : TrainedSet{true, true, false};
  return r;
}

/// No training: equalization where one threshold has to fit all filters of depthwise layers, ranges of least squared error, bias
/// correction. Up to three float runs over the calibration pictures. rescale_dws before equalize is no help: it leaves channels
/// at the bound, where they are locked.
inline Recipe fast_recipe(WeightMode weights) {
  Recipe r;
  r.equalize = weights == WeightMode::scalar;
  r.mse_ranges = r.correct_bias = true;
  r.fine_tune.trained = {false, false, false};
  return r;
}

/// No training of its own, and what choose_recipe (net/choose_recipe.hpp) chooses still as fast_recipe has it: ranges of least
/// squared error, bias correction. Thresholds are trained where there are pictures for it.
inline Recipe auto_recipe() {
  Recipe r;
  r.mse_ranges = r.correct_bias = true;
  return r;
}

/// The fast recipe, then learned rounding. No training: at 8 bits, thresholds trained before the rounding have measured no
/// better.
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
  /// How near `reference` is to the float network on pictures that the channels' maxima come from others than: evening channels
  /// out keeps the function on the calibration pictures alone. Nothing where none are evened out, or where there are fewer than 5
  /// pictures.
  std::optional<Fidelity> beyond_calibration = {};
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

/// Agreement is of the largest logit, which several outputs do not have.
inline std::string describe_change(const Fidelity& f, std::size_t pictures, std::size_t outputs) {
  const std::string agreement =
      outputs > 1 ? std::string() : message(std::fixed, std::setprecision(2), f.agreement, " % agreement, ");
  return message("; float network then: ", agreement, "RMSE ", std::fixed, std::setprecision(4), f.rmse, " on ", pictures,
                 " pictures held back");
}

/// Pictures from the index `first` on.
template <PictureSource Pictures>
struct PicturesFrom {
  const Pictures* pictures;
  std::size_t first;
  auto operator()(std::span<const std::size_t> indices) const {
    std::vector<std::size_t> moved(indices.begin(), indices.end());
    for (std::size_t& i : moved) i += first;
    return (*pictures)(std::span<const std::size_t>(moved));
  }
};

/// Carries out rescale_dws and equalize, and says what was done.
inline std::vector<std::string> even_out(const Recipe& recipe, Network& network, ChannelMaxima& maxima) {
  std::vector<std::string> done;
  if (recipe.rescale_dws) done.push_back(describe_pass("rescale_dws", rescale_dws(network, maxima, recipe.rescaling)));
  if (recipe.equalize) {
    RescalePassOptions thrice = recipe.rescaling;
    thrice.conv_to_depthwise = true;
    thrice.rounds = 3;  // a channel's limits depend on its neighbours' factors
    done.push_back(describe_pass("equalize", equalize(network, maxima, thrice)));
  }
  return done;
}

}  // namespace detail

/// An observer for each node, which finds the range of least squared error for the quantizer that quantize() gives it.
inline std::vector<MseObserver<float>> mse_observers(const Network& network, const QuantizationOptions& o) {
  std::vector<MseObserver<float>> observers;
  const std::vector<bool> non_negative = detail::non_negative_nodes(network);
  const std::vector<detail::NodeBits> bits = detail::bits_of_nodes(network, o);
  for (NodeId id = 0; id < network.size(); ++id)
    observers.emplace_back(
        is_symmetric(o.scheme) && !non_negative[id] ? signed_codes(bits[id].activations) : unsigned_codes(bits[id].activations),
        o.scheme);
  return observers;
}

/// What comes before training. teacher: the float network, folded and fused (fold_batch_norm, fuse_clips); the first `count`
/// pictures calibrate it. Ranges come from shares of the processes of `world`, bias correction from every process alike. Where
/// channels are evened out, that is first tried with the maxima of four fifths of the pictures and judged by the last fifth
/// (Applied::beyond_calibration), then done with the maxima of all. Throws as the transforms do.
template <PictureSource Pictures, Communicator C = SingleProcess>
Applied prepare(const Recipe& recipe, const Network& teacher, const Pictures& pictures, std::size_t count,
                const QuantizationOptions& quantization, const Progress& progress = {}, const C& world = {}) {
  Network network = teacher;
  std::vector<std::string> done;
  std::optional<Fidelity> beyond;
  if (recipe.rescale_dws || recipe.equalize) {
    const std::size_t held_back = count / 5;
    ChannelMaxima maxima = channel_maxima(network, pictures, count - held_back, progress, world);
    if (held_back > 0) {
      const detail::PicturesFrom<Pictures> others{&pictures, count - held_back};
      Network trial = network;
      ChannelMaxima maxima_of_trial = maxima;
      detail::even_out(recipe, trial, maxima_of_trial);
      beyond = compare_outputs(teacher_outputs(network, others, held_back, progress, world),
                               teacher_outputs(trial, others, held_back, progress, world));
      const ChannelMaxima theirs = channel_maxima(network, others, held_back, progress, world);
      for (NodeId id = 0; id < network.size(); ++id)
        for (std::size_t c = 0; c < maxima[id].size(); ++c) maxima[id][c] = std::max(maxima[id][c], theirs[id][c]);
    }
    done = detail::even_out(recipe, network, maxima);
    if (beyond) done.back() += detail::describe_change(*beyond, held_back, network.outputs().size());
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
    add_pointwise_factors(q, quantization.pointwise);
    done.push_back("pointwise");
  }
  std::vector<StructureFinding> structure = structure_findings(network, ranges, quantization);
  return {std::move(q), std::move(network), std::move(done), std::move(structure), beyond};
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
