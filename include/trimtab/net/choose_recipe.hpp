#pragma once
/// \file
/// Chooses how a network is prepared by trying: which transforms help differs from network to network, in either direction.
/// docs/recipes.md has what was chosen where.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <trimtab/core/progress.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <trimtab/net/passes/channel_pairs.hpp>
#include <trimtab/net/recipe.hpp>
#include <trimtab/net/train/fine_tune.hpp>
#include <trimtab/quant/sqnr.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// Which choices of a recipe choose_recipe may change.
struct RecipeFreedom {
  bool evening_out = true;  ///< rescale_dws, of the paper's pairs or all, or equalize, or neither
  bool ranges = true;       ///< mse_ranges
};

/// One recipe that was tried.
struct RecipeTrial {
  std::string name;  ///< how it evens out and finds ranges: "equalize, mse_ranges"
  Recipe recipe;     ///< all of it
  double sqnr_db =
      0;  ///< of the int8 network on pictures held back: 10 log10 of 1 / mean over outputs of noise power / signal power
};

/// What choose_recipe found.
struct RecipeChoice {
  Recipe recipe;                    ///< the best
  std::vector<RecipeTrial> trials;  ///< all that were tried, in order; none where there was nothing to choose or to judge by
};

namespace detail {

inline std::string trial_name(const Recipe& r) {
  std::string name = r.equalize ? "equalize" : "as it is";
  if (r.rescale_dws) name = r.rescaling.conv_to_depthwise ? "rescale_dws of all pairs" : "rescale_dws";
  return name + (r.mse_ranges ? ", mse_ranges" : ", largest values");
}

/// Mean over the network's outputs of noise power / signal power of the quantized network, on the first `count` pictures.
template <PictureSource Pictures>
double relative_noise(const QuantizedNetwork& q, const Array& teacher, const Pictures& pictures, std::size_t count) {
  const Int8Network deployed(q);
  Int8Network::Workspace workspace;
  std::vector<double> signal(q.network.outputs().size()), noise(signal.size());
  for_each_shared_batch(count, 8, Progress{}, SingleProcess{}, [&](std::span<const std::size_t> some) {
    const std::vector<Array> outputs = deployed.run_outputs(batch_of(pictures, some), workspace);
    std::size_t column = 0;
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      const std::size_t own = outputs[o].size() / some.size();
      for (std::size_t i = 0; i < some.size(); ++i)
        for (std::size_t c = 0; c < own; ++c) {
          const double t = teacher(some[i], column + c), d = t - double(outputs[o].data()[i * own + c]);
          signal[o] += t * t;
          noise[o] += d * d;
        }
      column += own;
    }
  });
  double sum = 0;
  for (std::size_t o = 0; o < signal.size(); ++o)
    if (!(noise[o] == 0)) sum += noise[o] / signal[o];
  return sum / double(signal.size());
}

}  // namespace detail

/// `base` with those choices that `freedom` leaves open as they measure best: the network is prepared with two thirds of the first
/// `count` pictures, of 60 at most, and its int8 form compared with the float network on the other third. First the ways of
/// evening out channels are tried, then the other ranges. Of equals the first is taken. With fewer than 6 pictures nothing is
/// tried, and channels stay as `base` says. teacher: folded and fused, as prepare wants it. Throws as prepare does.
template <PictureSource Pictures>
RecipeChoice choose_recipe(const Recipe& base, const Network& teacher, const Pictures& pictures, std::size_t count,
                           const QuantizationOptions& quantization, const RecipeFreedom& freedom = {},
                           const Progress& progress = {}) {
  RecipeChoice choice{base, {}};
  const std::size_t used = std::min<std::size_t>(count, 60), judged = used / 3, first = used - judged;
  std::vector<Recipe> ways{base};
  if (freedom.evening_out && !channel_pairs(teacher).pairs.empty()) {
    Recipe plain = base;
    plain.equalize = plain.rescale_dws = false;
    ways.assign(4, plain);
    ways[1].equalize = ways[2].rescale_dws = ways[3].rescale_dws = true;
    ways[2].rescaling.conv_to_depthwise = false;
    ways[3].rescaling.conv_to_depthwise = true;
  }
  const std::size_t total = ways.size() + std::size_t{freedom.ranges};
  if (judged < 2 || total < 2) return choice;
  const detail::PicturesFrom<Pictures> held_back{&pictures, first};
  const Array wanted = teacher_outputs(teacher, held_back, judged);
  constexpr double infinite = std::numeric_limits<double>::infinity();
  double least = infinite;
  const auto attempt = [&](const Recipe& recipe) {
    const Applied applied = prepare(recipe, teacher, pictures, first, quantization);
    const double noise = detail::relative_noise(applied.network, wanted, held_back, judged);
    choice.trials.push_back({detail::trial_name(recipe), recipe, std::isnan(noise) ? -infinite : sqnr_db(1, noise)});
    if (noise < least) {
      least = noise;
      choice.recipe = recipe;
    }
    if (progress) progress(choice.trials.size(), total);
  };
  for (const Recipe& way : ways) attempt(way);
  if (freedom.ranges) {
    Recipe other = choice.recipe;
    other.mse_ranges = !other.mse_ranges;
    attempt(other);
  }
  return choice;
}

}  // namespace trimtab
