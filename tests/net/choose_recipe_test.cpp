// Choosing a recipe by trying: who wins, what is left to choose, and what is not tried.

#include <algorithm>
#include <catch.hpp>
#include <drawn_pictures.hpp>
#include <small_network.hpp>
#include <trimtab/net/choose_recipe.hpp>
#include <trimtab/net/operators.hpp>

using namespace trimtab;
using test::DrawnPictures;

namespace {

/// A depthwise layer whose second filter is `second` times the first, and whose outputs count alike.
Network two_channels(float second) {
  Network n;
  NodeId x = n.add(Input{{1, 1, 2}}, {});
  x = n.add(Conv2d{xt::xtensor<float, 4>{{{{1, 0}}}, {{{0, 1}}}}, xt::xtensor<float, 1>{0, 0}, {}}, {x}, "expand", relu6);
  x = n.add(DepthwiseConv2d{xt::xtensor<float, 3>{{{1, second}}}, xt::xtensor<float, 1>{0, 0}, {}}, {x}, "dw", relu6);
  x = n.add(Conv2d{xt::xtensor<float, 4>{{{{1, 1 / second}}}}, xt::xtensor<float, 1>{0}, {}}, {x}, "project");
  n.add(Flatten{}, {x}, "logits");
  return n;
}

QuantizationOptions scalar() {
  QuantizationOptions o;
  o.weights = WeightMode::scalar;
  return o;
}

const RecipeTrial& best_of(const RecipeChoice& choice) {
  return *std::ranges::min_element(choice.trials, {}, &RecipeTrial::rmse);
}

}  // namespace

TEST_CASE("choose_recipe: the choice is the trial that measured best", "[net]") {
  const Network n = two_channels(0.001F);
  const RecipeChoice choice = choose_recipe(auto_recipe(), n, DrawnPictures{&n}, 12, scalar());
  std::vector<std::string> names;
  for (const RecipeTrial& t : choice.trials) names.push_back(t.name);
  REQUIRE(names.size() == 5);
  CHECK(std::vector(names.begin(), names.begin() + 4) ==
        std::vector<std::string>{"channels as they are, mse_ranges", "equalize, mse_ranges", "rescale_dws, mse_ranges",
                                 "rescale_dws of all pairs, mse_ranges"});
  const RecipeTrial& best = best_of(choice);
  CHECK(choice.recipe.equalize == best.recipe.equalize);
  CHECK(choice.recipe.rescale_dws == best.recipe.rescale_dws);
  CHECK(choice.recipe.rescaling.conv_to_depthwise == best.recipe.rescaling.conv_to_depthwise);
  CHECK(choice.recipe.mse_ranges == best.recipe.mse_ranges);
  // 0.001 of the tensor's threshold is no code, so that half of the output is lost where nothing is evened out.
  CHECK((choice.recipe.equalize || choice.recipe.rescale_dws));
  CHECK(best.rmse < 0.5 * choice.trials[0].rmse);
}

TEST_CASE("choose_recipe: of equals the first, so that a network is left as it is unless that costs something", "[net]") {
  const Network n = two_channels(1);
  const RecipeChoice choice = choose_recipe(auto_recipe(), n, DrawnPictures{&n}, 12, scalar());
  REQUIRE(choice.trials.size() == 5);
  const auto first = std::ranges::find(choice.trials, best_of(choice).rmse, &RecipeTrial::rmse);
  CHECK(choice.recipe.equalize == first->recipe.equalize);
  CHECK(choice.recipe.rescale_dws == first->recipe.rescale_dws);
}

TEST_CASE("choose_recipe: what is not free stays as the base says, and what cannot be judged is not tried", "[net]") {
  const Network n = two_channels(0.01F);
  const DrawnPictures pictures{&n};
  Recipe base = auto_recipe();
  base.equalize = true;
  RecipeChoice choice = choose_recipe(base, n, pictures, 12, scalar(), {false, true});
  REQUIRE(choice.trials.size() == 2);
  CHECK(choice.recipe.equalize);
  CHECK(choice.trials[0].recipe.mse_ranges != choice.trials[1].recipe.mse_ranges);
  choice = choose_recipe(base, n, pictures, 12, scalar(), {true, false});
  CHECK(choice.trials.size() == 4);
  CHECK(choice.recipe.mse_ranges);
  for (const std::size_t few : {std::size_t{1}, std::size_t{5}}) {
    choice = choose_recipe(base, n, pictures, few, scalar());
    CHECK(choice.trials.empty());
    CHECK(choice.recipe.equalize);
  }
  CHECK(choose_recipe(base, n, pictures, 12, scalar(), {false, false}).trials.empty());
  // Without pairs only ranges are tried.
  Network plain;
  const NodeId x = plain.add(Input{{1, 1, 2}}, {});
  plain.add(Flatten{}, {plain.add(Conv2d{xt::xtensor<float, 4>{{{{1, 2}}}}, xt::xtensor<float, 1>{0}, {}}, {x}, "conv")}, "out");
  CHECK(choose_recipe(auto_recipe(), plain, DrawnPictures{&plain}, 12, scalar()).trials.size() == 2);
}
