// One threshold, trained: the outliers of a tensor make max|x| a bad threshold for 4 bits, and gradient descent finds a better
// one.

#include <cstdio>
#include <random>
#include <trimtab/ops/fake_quantize.hpp>
#include <trimtab/train/adam.hpp>
#include <trimtab/train/schedule.hpp>
#include <vector>

using namespace trimtab;

int main() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> x(4096);
  for (float& v : x) v = normal(random);
  x[7] = 9.0F;  // the outlier
  x[99] = -8.0F;

  AdjustableThreshold<float> quantizer(signed_codes(4), {9.0F}, per_tensor, {0.1F, 1.0F});
  Adam<float> adam(quantizer.factors().size());
  const std::size_t steps = 200;
  const CosineAnnealing schedule(0.02, steps);
  std::vector<float> y(x.size()), grad_y(x.size()), grad_alpha(1);
  double first = 0, loss = 0;
  for (std::size_t step = 0; step <= steps; ++step) {
    fake_quantize_forward(x, quantizer, y);
    loss = 0;  // mean of (y - x)^2
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float d = y[i] - x[i], n = static_cast<float>(x.size());
      loss += double(d) * double(d) / double(n);
      grad_y[i] = 2 * d / n;
    }
    if (step == 0) first = loss;
    if (step % 25 == 0)
      std::printf("step %3zu  alpha %.4f  threshold %.4f  loss %.5f\n", step, double(quantizer.factors()[0]),
                  double(quantizer.adjusted_threshold(0)), loss);
    if (step == steps) break;
    grad_alpha[0] = 0;  // gradients are added into
    fake_quantize_backward_factors(grad_y, x, quantizer, std::span<float>(grad_alpha));
    adam.step(quantizer.factors(), grad_alpha, schedule.rate(step));
    project(quantizer);  // back into [0.1, 1]
  }
  std::printf("loss %.5f -> %.5f\n", first, loss);
  return loss < 0.25 * first ? 0 : 1;
}
