#include <catch.hpp>
#include <naive_quantized.hpp>
#include <quantized_small_network.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/net/execute/fake_quant_executor.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <trimtab/net/train/fine_tune.hpp>

using namespace trimtab;
using test::all_modes;
using test::quantized;
using test::scramble_factors;

namespace {

/// Pictures by their indices along the first axis.
auto rows_of(const Array& pictures) {
  return [&pictures, size = pictures.size() / pictures.shape(0)](std::span<const std::size_t> indices) {
    Array x = Array::from_shape({indices.size(), pictures.shape(1), pictures.shape(2), pictures.shape(3)});
    for (std::size_t i = 0; i < indices.size(); ++i) std::copy_n(pictures.data() + indices[i] * size, size, x.data() + i * size);
    return x;
  };
}

}  // namespace

TEST_CASE("FakeQuantExecutor: every code equals that of naive loops over 64-bit integers", "[net]") {
  const Network n = test::small_network();
  const Array x = test::random_pictures(n, 3, 11);
  for (const QuantizationOptions& options : test::every_mode()) {
    QuantizedNetwork q = quantized(n, options);
    for (unsigned seed : {0U, 1U}) {
      if (seed != 0) scramble_factors(q, seed);
      FakeQuantExecutor executor(q);
      executor.forward(x);
      const auto expected = test::naive_codes(q, x);
      for (NodeId id = 0; id < n.size(); ++id) {
        CAPTURE(int(options.weights), int(options.scheme), options.weight_bits, int(options.requantizer), seed, id, n[id].name);
        const std::vector<int> got(executor.bytes(id).begin(), executor.bytes(id).end());
        CHECK(got == expected[id]);
      }
    }
  }
}

TEST_CASE("FakeQuantExecutor: gradients of every factor equal the chain rule over single products in double", "[net]") {
  const Network n = test::small_network();
  const Array x = test::random_pictures(n, 3, 12);
  const bool pointwise = GENERATE(false, true);
  const BackwardProducts products = GENERATE(BackwardProducts::float32, BackwardProducts::int16);
  for (const QuantizationOptions& options : test::every_mode()) {
    QuantizedNetwork q = quantized(n, options);
    if (pointwise) add_pointwise_factors(q);
    scramble_factors(q, 5);
    FakeQuantExecutor executor(q, products);
    Array grad_y(executor.forward(x).shape());
    std::mt19937 random(1);
    for (float& v : grad_y) v = std::normal_distribution<float>()(random);
    std::vector<float> got(factor_count(q), 0.0F);
    executor.backward(grad_y, got, {true, true, true});
    const std::vector<double> expected = test::naive_factor_gradients(q, x, grad_y);
    REQUIRE(expected.size() == got.size());
    double largest = 0;
    for (const double g : expected) largest = std::max(largest, std::abs(g));
    for (std::size_t i = 0; i < got.size(); ++i) {
      CAPTURE(pointwise, int(products), int(options.weights), int(options.scheme), options.weight_bits, int(options.requantizer),
              i);
      CHECK(double(got[i]) == Approx(expected[i]).epsilon(1e-3).margin(1e-4 * largest));
    }
  }
}

TEST_CASE("FakeQuantExecutor: only what is trained gets a gradient, and the rest of it is the same", "[net]") {
  const Network n = test::small_network();
  const Array x = test::random_pictures(n, 2, 12);
  QuantizedNetwork q = quantized(n, {});
  FakeQuantExecutor executor(q);
  const Array grad_y(executor.forward(x).shape(), 1.0F);
  std::vector<float> all(factor_count(q)), activations(all), weights(all);
  executor.backward(grad_y, all);
  executor.backward(grad_y, activations, {.activations = true, .weights = false});
  executor.backward(grad_y, weights, {.activations = false, .weights = true});
  std::size_t nonzero = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(activations[i] + weights[i] == all[i]);
    CHECK((activations[i] == 0.0F || weights[i] == 0.0F));
    nonzero += std::size_t{all[i] != 0.0F};
  }
  CHECK(nonzero > all.size() / 2);
  std::vector<float> too_few(3);
  CHECK_THROWS_AS(executor.backward(grad_y, too_few), shape_error);
}

TEST_CASE("fine_tune: lowers the loss, keeps factors in bounds, and repeats bit for bit on any number of threads", "[net]") {
  const Network n = test::small_network();
  const Array pictures = test::random_pictures(n, 40, 21);
  const auto source = rows_of(pictures);
  const Array teacher = teacher_outputs(n, source, 40);
  FineTuneOptions options;
  options.batch = 8;
  options.restarts = 2;
  options.learning_rate = 3e-3;
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 3}) {
    const ScopedThreads scope(threads);
    QuantizedNetwork q = quantized(n, {WeightMode::scalar, Scheme::symmetric, 5, 5});
    const FineTuneReport report = fine_tune(q, teacher, source, options);
    CHECK(report.loss.size() == 30);
    CHECK(report.trained_parameters == factor_count(q));
    CHECK(report.loss_after < report.loss_before);
    for_each_quantizer(q, [&](const AnyQuantizer& a) {
      for (std::size_t i = 0; i < a.factors().size(); ++i) CHECK(a.factors()[i] == a.bounds(i).clip(a.factors()[i]));
    });
    results.push_back(gather_factors(q));
  }
  CHECK(results[0] == results[1]);
  QuantizedNetwork q = quantized(n, {});
  options.epochs = 0;
  CHECK_THROWS_AS(fine_tune(q, teacher, source, options), value_error);
}

TEST_CASE("quantize: dead filters give finite scales and keep their bias", "[net]") {
  Network n = test::small_network();
  auto& stem = n[1].op.get<Conv2d>();
  for (std::size_t i = 0; i < 27; ++i) stem.weight.data()[i] = i % 2 == 0 ? 1e-23F : -3e-24F;  // nothing but dust
  for (std::size_t i = 27; i < 54; ++i) stem.weight.data()[i] = i % 2 == 0 ? 1e-9F : -1e-9F;   // small, yet not dead
  stem.bias(0) = 4.0F;
  stem.bias(1) = -3.0F;
  const Array x = test::random_pictures(n, 2, 3);
  for (const QuantizationOptions& options : all_modes) {
    const QuantizedNetwork q = quantized(n, options);
    const LoweredLayer l = lower_layer(stem, *q.weight[1], q.output_grid(0).scale, q.output_grid(1).scale);
    for (std::size_t c = 0; c < 8; ++c) {
      const double step = double(q.output_grid(0).scale) * double(l.scale[c]), bias = double(l.bias[c]) * step;
      CHECK(std::isnormal(l.multiplier[c]));
      CHECK(std::abs(l.bias[c]) <= 1 << 29);
      CHECK(bias == Approx(double(stem.bias(c))).margin(0.5001 * step));
    }
  }
}

TEST_CASE("quantize: what it cannot take is named", "[net]") {
  Network n = test::small_network();
  CHECK_THROWS_AS(quantize(n, std::vector<Range<float>>(3), {}), value_error);
  CHECK_THROWS_AS(quantize(n, std::vector<Range<float>>(n.size(), {0, std::numeric_limits<float>::infinity()}), {}),
                  quantization_range_error);
  n[1].op.get<Conv2d>().weight.data()[5] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(quantize(n, std::vector<Range<float>>(n.size(), {-1, 1}), {}), quantization_range_error);
  Network unfolded;
  unfolded.add(Input{{2, 2, 1}}, {});
  unfolded.add(BatchNorm{{1.0F}, {0.0F}, {0.0F}, {1.0F}}, {0});
  CHECK_THROWS_AS(quantize(unfolded, std::vector<Range<float>>(2, {-1, 1}), {}), unsupported_error);
}

TEST_CASE("fine_tune: a run that raises the loss leaves the factors as they were", "[net]") {
  const Network n = test::small_network();
  const Array pictures = test::random_pictures(n, 8, 4);
  const auto source = rows_of(pictures);
  const Array teacher = teacher_outputs(n, source, 8);
  FineTuneOptions options;
  options.learning_rate = 0.5;  // throws every factor from bound to bound
  options.warmup = 0;
  options.epochs = 1;
  options.batch = 8;
  QuantizedNetwork q = quantized(n, {WeightMode::vector, Scheme::symmetric});
  const std::vector<float> before = gather_factors(q);
  const FineTuneReport report = fine_tune(q, teacher, source, options);
  CHECK_FALSE(report.kept);
  CHECK(report.loss_after == report.loss_before);
  CHECK(gather_factors(q) == before);
}
