// Quantizers trained by Adam on one tensor: wherever their factors begin, they end near the best grid there is.
#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <cstddef>
#include <random>
#include <span>
#include <trimtab/ops/fake_quantize.hpp>
#include <trimtab/quant/learned_grid.hpp>
#include <trimtab/quant/power_of_two.hpp>
#include <trimtab/train/adam.hpp>
#include <trimtab/train/schedule.hpp>
#include <vector>

using namespace trimtab;

namespace {

using Numbers = std::vector<float>;

Numbers uniform(float lo, float hi) {
  std::mt19937 engine(5);
  std::uniform_real_distribution<float> number(lo, hi);
  Numbers x(4096);
  for (float& v : x) v = number(engine);
  x[0] = lo;
  x[1] = hi;
  return x;
}

template <class Q>
double mean_square_error(const Numbers& x, const Q& quantizer) {
  double sum = 0;
  for (const float v : x) {
    const double d = double(quantizer.grid(0).fake_quantize(v)) - double(v);
    sum += d * d;
  }
  return sum / double(x.size());
}

/// Adam on the mean square error of fake quantization, from the factors that the quantizer has. Returns where that ends. Periods
/// forget the optimizer's moments (paper 4.1.2): gradients far from home are large, and Adam's steps would be small long after
/// them.
template <class Q>
double train(const Numbers& x, Q& quantizer) {
  const std::size_t count = quantizer.factors().size(), periods = 6, period = 300;
  Adam<float> adam(count);
  const CosineAnnealing schedule(0.01, period);
  Numbers y(x.size()), grad_y(x.size()), grad(count);
  for (std::size_t step = 0; step < periods * period; ++step) {
    if (schedule.restarts(step)) adam.reset();
    fake_quantize_forward(x, quantizer, y);
    for (std::size_t i = 0; i < x.size(); ++i) grad_y[i] = 2 * (y[i] - x[i]) / static_cast<float>(x.size());
    std::fill(grad.begin(), grad.end(), 0.0F);
    fake_quantize_backward_factors(grad_y, x, quantizer, std::span(grad));
    adam.step(quantizer.factors(), grad, schedule.rate(step));
    project(quantizer);
  }
  return mean_square_error(x, quantizer);
}

}  // namespace

TEST_CASE("AdjustableRange: training returns from every left limit, past either end too", "[train]") {
  const bool mirrored = GENERATE(false, true);
  const int bits = GENERATE(4, 8);
  const float from = GENERATE(-0.2F, -0.15F, 0.0F, 0.15F, 0.17F, 0.2F, 0.4F);
  CAPTURE(mirrored, bits, from);
  const Range<float> range = mirrored ? Range<float>{-1, 0.2F} : Range<float>{-0.2F, 1};
  const Numbers x = uniform(range.left, range.right);
  AdjustableRange<float> q(unsigned_codes(bits), {range});
  const double calibrated = mean_square_error(x, q);
  q.factors()[0] = mirrored ? -from : from;
  CHECK(train(x, q) < 1.2 * calibrated);
}

TEST_CASE("LearnedGrid: training returns from every scale and zero point", "[train]") {
  const int bits = GENERATE(2, 4, 8);
  const float scale = GENERATE(0.0625F, 0.5F, 2.0F), zero = GENERATE(0.0F, 0.5F, 1.0F);
  CAPTURE(bits, scale, zero);
  const Numbers x = uniform(-0.2F, 1);
  LearnedGrid<float> q(unsigned_codes(bits), {{-0.2F, 1}});
  const double calibrated = mean_square_error(x, q);
  q.factors()[0] = scale;
  q.factors()[1] = zero;
  CHECK(train(x, q) < 1.05 * calibrated);
}

TEST_CASE("PowerOfTwoThreshold: training ends at the best power of two, or on the border to it, from everywhere", "[train]") {
  const int bits = GENERATE(2, 4, 8);
  const float from = GENERATE(-4.0F, -1.5F, 0.0F, 1.0F);
  CAPTURE(bits, from);
  std::mt19937 engine(7);
  std::normal_distribution<float> normal;
  Numbers x(4096);
  float top = 0;
  for (float& v : x) v = normal(engine), top = std::max(top, std::abs(v));
  PowerOfTwoThreshold<float> q(signed_codes(bits), {top});
  const auto error_at = [&](float tau) {
    q.factors()[0] = tau;
    return mean_square_error(x, q);
  };
  double best = error_at(0);
  for (float tau = -4; tau <= 1; tau += 0.25F) best = std::min(best, error_at(tau));
  q.factors()[0] = from;
  train(x, q);
  const float tau = q.factors()[0];
  CHECK(std::min(error_at(tau - 0.01F), error_at(tau + 0.01F)) == best);
}
