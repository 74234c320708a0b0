#include <catch.hpp>
#include <drawn_pictures.hpp>
#include <trimtab/net/execute/verify.hpp>
#include <trimtab/net/passes/learn_rounding.hpp>

#include "typed_layers.hpp"

using namespace trimtab;

namespace {

constexpr std::size_t rounding_pictures = 30;  // not a multiple of the pass's batch

QuantizedNetwork four_bits(const Network& n, WeightMode weights, Scheme scheme) {
  QuantizationOptions o;
  o.weights = weights;
  o.scheme = scheme;
  o.weight_bits = 4;
  return quantize(n, calibrate(n, test::DrawnPictures{&n}, rounding_pictures, MinMaxObserver<float>()), o);
}

/// Mean square of (quantized - float) before the activation, of each layer with weights in turn.
std::vector<double> layer_errors(const QuantizedNetwork& q, const Network& teacher) {
  const Array x = test::DrawnPictures{&teacher}(detail::first_indices(rounding_pictures));
  const detail::Unfused unfused = detail::unfuse_clips(teacher);
  std::vector<Array> wanted(unfused.network.size());
  run(unfused.network, x, [&](NodeId id, const Array& y) { wanted[id] = y; });
  FakeQuantExecutor executor(q);
  executor.forward(x);
  std::vector<double> errors;
  for (NodeId id = 0; id < teacher.size(); ++id) {
    if (!q.weight[id]) continue;
    const Array& y = wanted[unfused.layer[id]];
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double d = double(executor.steps(id)[i]) * double(executor.grid(id).scale) - double(y.data()[i]);
      sum += d * d;
    }
    errors.push_back(sum / double(y.size()));
  }
  return errors;
}

}  // namespace

TEST_CASE("learn_rounding on a network: what it reports is what the deployed network does, layer by layer", "[net]") {
  const auto weights = GENERATE(WeightMode::scalar, WeightMode::vector);
  const auto scheme = GENERATE(Scheme::symmetric, Scheme::asymmetric);
  const Network n = test::small_network();
  QuantizedNetwork q = four_bits(n, weights, scheme);
  const std::vector<double> before = layer_errors(q, n);
  const std::vector<RoundedLayer> layers = learn_rounding(q, n, test::DrawnPictures{&n}, rounding_pictures);
  const std::vector<double> after = layer_errors(q, n);
  REQUIRE(layers.size() == after.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    CAPTURE(layers[i].name);
    // Up to the biases, which are rounded to the accumulator's grid.
    CHECK(layers[i].report.learned == Approx(after[i]).epsilon(0.02).margin(1e-6));
    CHECK(layers[i].report.learned <= layers[i].report.nearest);
  }
  CHECK(layers[0].report.nearest == Approx(before[0]).epsilon(0.02));
  CHECK(after.back() < 0.5 * before.back());
  CHECK_FALSE(verify(q, test::DrawnPictures{&n}(detail::first_indices(3))).has_value());
}

TEST_CASE("learn_rounding on a network: weights lie on their grids and stay there", "[net]") {
  const Network n = test::small_network();
  QuantizedNetwork q = four_bits(n, WeightMode::vector, Scheme::symmetric);
  add_pointwise_factors(q);
  for (PointwiseFactors& f : q.pointwise) {
    std::fill(f.weight.begin(), f.weight.end(), 1.1F);
    std::fill(f.bias.begin(), f.bias.end(), 0.9F);
  }
  learn_rounding(q, n, test::DrawnPictures{&n}, rounding_pictures);
  for (NodeId id = 0; id < n.size(); ++id) {
    for (const float f : q.pointwise[id].weight) CHECK(f == 1.0F);
    for (const float f : q.pointwise[id].bias) CHECK(f == 1.0F);
    test::with_layer(q.network[id].op, [&](const auto& layer) {
      auto rounded = layer;
      fake_quantize_forward(layer.weight, *q.weight[id], rounded.weight);
      CHECK((rounded.weight == layer.weight));
    });
  }
}

TEST_CASE("learn_rounding on a network: the same bits on any number of threads", "[net]") {
  const Network n = test::small_network();
  QuantizedNetwork one = four_bits(n, WeightMode::vector, Scheme::symmetric), three = one;
  {
    const ScopedThreads scope(1);
    learn_rounding(one, n, test::DrawnPictures{&n}, rounding_pictures);
  }
  {
    const ScopedThreads scope(3);
    learn_rounding(three, n, test::DrawnPictures{&n}, rounding_pictures);
  }
  for (NodeId id = 0; id < n.size(); ++id)
    test::with_layer(one.network[id].op, [&](const auto& layer) {
      const auto& other = three.network[id].op.get<std::remove_cvref_t<decltype(layer)>>();
      CHECK((layer.weight == other.weight));
      CHECK((layer.bias == other.bias));
    });
}

TEST_CASE("learn_rounding on a network: needs pictures and the same network", "[net]") {
  const Network n = test::small_network();
  QuantizedNetwork q = four_bits(n, WeightMode::vector, Scheme::symmetric);
  CHECK_THROWS_AS(learn_rounding(q, n, test::DrawnPictures{&n}, 0), value_error);
  CHECK_THROWS_AS(learn_rounding(q, Network(), test::DrawnPictures{&n}, 4), shape_error);
}
