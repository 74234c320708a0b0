#pragma once
/// \file
/// Chooses how a network is prepared by trying: which transforms help differs from network to network, in either direction.
/// docs/recipes.md has what was chosen where.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <trimtab/core/progress.hpp>
#include <trimtab/net/execute/fake_quant_executor.hpp>
#include <trimtab/net/passes/channel_pairs.hpp>
#include <trimtab/net/recipe.hpp>
#include <trimtab/net/train/fine_tune.hpp>
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
  double rmse = 0;   ///< distillation_loss on the pictures held back; infinite where an output is no number
};

/// What choose_recipe found.
struct RecipeChoice {
  Recipe recipe;                    ///< the best
  std::vector<RecipeTrial> trials;  ///< all that were tried, in order; none where there was nothing to choose or to judge by
};

namespace detail {

inline std::string trial_name(const Recipe& r) {
  std::string name = r.equalize ? "equalize" : "channels as they are";
  if (r.rescale_dws) name = r.rescaling.conv_to_depthwise ? "rescale_dws of all pairs" : "rescale_dws";
  return name + (r.mse_ranges ? ", mse_ranges" : ", largest values");
}

}  // namespace detail

/// `base` with those choices that `freedom` leaves open as they measure best: the network is prepared with two thirds of the first
/// `count` pictures, of 60 at most, and its outputs compared with the float network's on the other third. First the ways of
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
  double least = std::numeric_limits<double>::infinity();
  const auto attempt = [&](const Recipe& recipe) {
    const Applied applied = prepare(recipe, teacher, pictures, first, quantization);
    FakeQuantExecutor student(applied.network);
    const double loss = distillation_loss(student, wanted, held_back);
    choice.trials.push_back(
        {detail::trial_name(recipe), recipe, std::isnan(loss) ? std::numeric_limits<double>::infinity() : loss});
    if (loss < least) {
      least = loss;
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
