#include <array>
#include <catch.hpp>
#include <quantized_small_network.hpp>
#include <trimtab/net/execute/fake_quant_executor.hpp>

#include "typed_layers.hpp"

using namespace trimtab;

namespace {

/// Number (k, n) of packed columns.
int at(const Int16Columns& columns, std::size_t k, std::size_t n) {
  const kernels::Int16Step* steps = columns.product(nullptr, 0, 0).b;
  return steps[n / 16 * ((columns.depth() + 1) / 2) + k / 2].column[n % 16][k % 2];
}

}  // namespace

TEST_CASE("Int16Weights: codes are the weights', derivatives what fake_quantize_backward_factors gives, to half a step",
          "[net]") {
  const Network n = test::small_network();
  for (const QuantizationOptions& options : test::all_modes)
    for (const unsigned seed : {0U, 3U}) {  // where factors start, and elsewhere: with weights beyond their limits
      QuantizedNetwork q = test::quantized(n, options);
      if (seed != 0) test::scramble_factors(q, seed);
      const QuantizedWeights weights(q);
      for (const NodeId id : {1U, 3U, 12U}) {  // stem, project, logits
        REQUIRE(weights.in_int16(id));
        test::with_layer(n[id].op, [&](const auto& layer) {
          const Int16Weights& w = weights[id].int16;
          const std::size_t filters = layer.weight.shape(0), size = layer.weight.size() / filters,
                            factors = q.weight[id]->factors().size();
          const std::size_t channels = q.weight[id]->channels();
          auto unit = layer.weight;
          unit.fill(0.0F);
          REQUIRE(w.derivatives().size() == factors / channels);
          for (std::size_t o = 0; o < filters; ++o)
            for (std::size_t k = 0; k < size; ++k) {
              CAPTURE(int(options.weights), int(options.scheme), options.weight_bits, seed, id, o, k);
              const float real = w.scale()[o] * static_cast<float>(at(w.codes(), o, k));
              const std::size_t c = channels == 1 ? 0 : o;
              CHECK(real == q.weight[id]->grid(c).fake_quantize(layer.weight.data()[o * size + k]));
              unit.data()[o * size + k] = 1;
              std::vector<float> exact(factors);
              fake_quantize_backward_factors(unit, layer.weight, *q.weight[id], std::span<float>(exact));
              unit.data()[o * size + k] = 0;
              for (std::size_t i = 0; i < w.derivatives().size(); ++i) {
                const Int16Weights::Derivative& d = w.derivatives()[i];
                const double wanted = double(exact[i * channels + c]);
                const double got = d.step.empty() ? 0 : double(d.step[o]) * at(d.r, k, o),
                             half = d.step.empty() ? 0 : 0.5 * double(d.step[o]);
                CHECK(std::abs(got - wanted) <= half + 1e-6 * std::abs(wanted));
              }
            }
          for (const Int16Weights::Derivative& d : w.derivatives())
            if (!d.step.empty()) CHECK(d.r.limit() >= 255);
        });
      }
    }
}

TEST_CASE("Int16Weights: a long filter takes fewer steps, so that its sums with codes fit in 32 bits", "[net]") {
  Network n;
  std::mt19937 random(1);
  const NodeId x = n.add(Input{{1, 1, 3000}}, {});
  const NodeId flat = n.add(Flatten{}, {x}, "flat");
  Linear linear{test::random_tensor<2>({2, 3000}, random), test::random_tensor<1>({2}, random)};
  for (std::size_t k = 0; k < 3000; ++k) linear.weight(1, k) = 0;  // a dead filter
  n.add(std::move(linear), {flat}, "linear");
  QuantizedNetwork q = test::quantized(n, {});
  for (float& alpha : q.weight[2]->factors()) alpha = 0.5F;  // clips
  const QuantizedWeights weights(q);
  const Int16Weights::Derivative& d = weights[2].int16.derivatives()[0];
  CHECK(d.r.limit() >= 255);
  std::int64_t size = 0, largest = 0;
  for (std::size_t k = 0; k < 3000; ++k) {
    size += std::abs(at(d.r, k, 0));
    largest = std::max<std::int64_t>(largest, std::abs(at(d.r, k, 0)));
    CHECK(at(d.r, k, 1) == 0);
  }
  CHECK(size <= 1 << 23);
  CHECK((size > (1 << 23) - 3 * 3000 || largest == 32767));  // no fewer than need be
  CHECK(d.step[0] > 0);
  CHECK(d.step[1] == 0);
}

// A layer rounds the gradient that it is given to 2^-16 of a pixel's largest, and a threshold's derivative to 2^-16 of the
// filter's largest: a gradient moves by that share of what the same sum would be if nothing in it cancelled. No path of the
// network has more than four such layers, and sums here cancel to no less than a tenth in the largest gradient of their kind: 5 *
// 2^-16 * 10 < 2^-10.
TEST_CASE("FakeQuantExecutor: products in integers give the gradients of those in float32", "[net]") {
  const Network n = test::small_network();
  const Array x = test::random_pictures(n, 3, 12);
  const bool pointwise = GENERATE(false, true);
  for (const QuantizationOptions& options : test::every_mode()) {
    QuantizedNetwork q = test::quantized(n, options);
    if (pointwise) add_pointwise_factors(q);
    test::scramble_factors(q, 5);
    std::vector<std::vector<float>> got;
    for (const BackwardProducts products : {BackwardProducts::float32, BackwardProducts::int16}) {
      FakeQuantExecutor executor(q, products);
      Array grad_y(executor.forward(x).shape());
      std::mt19937 random(1);
      for (float& v : grad_y) v = std::normal_distribution<float>()(random);
      executor.backward(grad_y, got.emplace_back(factor_count(q), 0.0F), {true, true, true});
    }
    std::array<float, 4> largest{};  // by FactorKind
    for (const FactorBlock& block : factor_blocks(q))
      for (const float g : block.of(std::span<const float>(got[0])))
        largest[std::size_t(block.kind)] = std::max(largest[std::size_t(block.kind)], std::abs(g));
    for (const FactorBlock& block : factor_blocks(q)) {
      const std::span<const float> floats = block.of(std::span<const float>(got[0])),
                                   integers = block.of(std::span<const float>(got[1]));
      for (std::size_t i = 0; i < block.count; ++i) {
        CAPTURE(pointwise, int(options.weights), int(options.scheme), options.weight_bits, int(options.requantizer), block.node,
                int(block.kind), i);
        CHECK(std::abs(integers[i] - floats[i]) <= 0x1p-10F * largest[std::size_t(block.kind)]);
        // Nothing is rounded before the last layer's own factors, where single weights are trained.
        if (pointwise && block.node == n.output() && block.kind != FactorKind::activation) CHECK(integers[i] == floats[i]);
      }
    }
  }
}
