#include <catch.hpp>
#include <cmath>
#include <drawn_pictures.hpp>
#include <quantized_small_network.hpp>
#include <trimtab/net/execute/verify.hpp>
#include <trimtab/net/recipe.hpp>
#include <trimtab/net/report/evaluate.hpp>

#include "typed_layers.hpp"

using namespace trimtab;
using test::DrawnPictures;

TEST_CASE("recipes: every choice brings the outputs nearer to the float network's", "[net]") {
  const auto weights = GENERATE(WeightMode::scalar, WeightMode::vector);
  const Network n = test::small_network(3);
  QuantizationOptions quantization;
  quantization.weights = weights;
  quantization.weight_bits = 4;
  const DrawnPictures pictures{&n, 0.5F};
  const Array x = pictures(detail::first_indices(32)), wanted = run(n, x);
  const auto error = [&](Recipe recipe) {
    recipe.fine_tune.batch = 8;
    const Applied applied = apply(recipe, n, pictures, 32, 32, quantization);
    return compare_outputs(wanted, FakeQuantExecutor(applied.network).forward(x)).rmse;
  };
  Recipe nothing, corrected;
  nothing.fine_tune.trained = corrected.fine_tune.trained = {false, false, false};
  corrected.correct_bias = true;
  CHECK(error(corrected) < error(nothing));
  CHECK(error(fast_recipe(weights)) < error(nothing));
  CHECK(error(paper_recipe(weights)) < error(nothing));
  CHECK(error(best_recipe(weights)) < 0.9 * error(fast_recipe(weights)));
}

TEST_CASE("recipes: say what they did, in order", "[net]") {
  const Network n = test::small_network(3);
  const auto names = [&](Recipe recipe) {
    recipe.fine_tune.epochs = 1;
    std::vector<std::string> first_words;
    for (const std::string& t : apply(recipe, n, DrawnPictures{&n}, 4, 4, {}).transforms)
      first_words.push_back(t.substr(0, t.find(' ')));
    return first_words;
  };
  using Words = std::vector<std::string>;
  CHECK(names({}).empty());
  CHECK(names(paper_recipe(WeightMode::scalar)) == Words{"rescale_dws", "pointwise"});
  CHECK(names(paper_recipe(WeightMode::vector)).empty());
  CHECK(names(paper_recipe(WeightMode::depthwise)).empty());
  CHECK(names(fast_recipe(WeightMode::vector)) == Words{"mse_ranges", "correct_bias"});
  CHECK(names(best_recipe(WeightMode::scalar)) == Words{"equalize", "mse_ranges", "correct_bias", "learn_rounding"});
  CHECK_THROWS_AS(apply(fast_recipe(WeightMode::vector), n, DrawnPictures{&n}, 0, 4, {}), value_error);
}

TEST_CASE("mse_observers: for the codes that each node will have; calibrate takes an observer for each", "[net]") {
  const Network n = test::small_network(3);
  const DrawnPictures pictures{&n};
  QuantizationOptions options;
  options.activation_bits = 3;  // coarse, so that cutting the largest values pays
  const auto widest = calibrate(n, pictures, 16, MinMaxObserver<float>()),
             ranges = calibrate(n, pictures, 16, mse_observers(n, options));
  std::size_t cut = 0;
  for (NodeId id = 0; id < n.size(); ++id) {
    CAPTURE(n[id].name);
    CHECK(ranges[id].threshold() <= widest[id].threshold());
    cut += std::size_t{ranges[id].threshold() < widest[id].threshold()};
  }
  CHECK(cut > n.size() / 2);
  CHECK_THROWS_AS(calibrate(n, pictures, 4, std::vector<MinMaxObserver<float>>(3)), value_error);
}

TEST_CASE("recipes: the reference is the float network that the quantized one stands for", "[net]") {
  const Network n = test::small_network(3);
  const DrawnPictures pictures{&n};
  const Applied applied = prepare(best_recipe(WeightMode::scalar), n, pictures, 16, {});
  const Array x = pictures(detail::first_indices(8)), y = run(n, x), same = run(applied.reference, x);
  for (std::size_t i = 0; i < y.size(); ++i) CHECK(same.data()[i] == Approx(y.data()[i]).margin(1e-4));
}

TEST_CASE("quantize: every scale a power of two, no threshold lower", "[net]") {
  const Network n = test::small_network();
  for (const WeightMode weights : {WeightMode::scalar, WeightMode::vector}) {
    QuantizationOptions o;
    o.weights = weights;
    const QuantizedNetwork exact = test::quantized(n, o);
    o.scheme = Scheme::power_of_two;
    const QuantizedNetwork q = test::quantized(n, o);
    const auto check = [](const std::optional<AnyQuantizer>& rounded, const std::optional<AnyQuantizer>& free) {
      if (!rounded) return;
      for (std::size_t c = 0; c < rounded->channels(); ++c) {
        int exponent = 0;
        CHECK(std::frexp(rounded->grid(c).scale, &exponent) == 0.5F);
        CHECK(rounded->grid(c).scale >= free->grid(c).scale);
        CHECK(rounded->grid(c).scale < 2.001F * free->grid(c).scale);
      }
    };
    for (NodeId id = 0; id < n.size(); ++id) {
      check(q.weight[id], exact.weight[id]);
      check(q.output[id], exact.output[id]);
    }
    CHECK(!verify(q, test::random_pictures(n, 3, 8)));
  }
}

TEST_CASE("search_weight_thresholds: the squared error of weights falls", "[net]") {
  const Network n = test::small_network();
  const auto error = [&](const QuantizedNetwork& q) {
    double sum = 0;
    for (NodeId id = 0; id < n.size(); ++id)
      test::with_layer(q.network[id].op, [&](const auto& layer) {
        Array rounded = Array::from_shape(std::vector<std::size_t>(layer.weight.shape().begin(), layer.weight.shape().end()));
        fake_quantize_forward(layer.weight, *q.weight[id], rounded);
        for (std::size_t i = 0; i < rounded.size(); ++i)
          sum += std::pow(double(rounded.data()[i]) - double(layer.weight.data()[i]), 2.0);
      });
    return sum;
  };
  QuantizationOptions o;
  o.weight_bits = 3;
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric})
    for (const WeightMode weights : {WeightMode::scalar, WeightMode::vector}) {
      CAPTURE(int(scheme), int(weights));
      o.scheme = scheme;
      o.weights = weights;
      QuantizedNetwork q = test::quantized(n, o);
      const double before = error(q);
      search_weight_thresholds(q);
      CHECK(error(q) < 0.95 * before);
    }
}
