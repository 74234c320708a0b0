// Batch norm folded into the convolution before it: the same function, one layer less.

#include <cmath>
#include <cstdio>
#include <random>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/ops/batch_norm.hpp>
#include <trimtab/ops/conv2d.hpp>
#include <trimtab/transform/fold_batch_norm.hpp>
#include <vector>

using namespace trimtab;

int main() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  const auto fill = [&](auto& t) {
    for (float& v : t) v = normal(random);
  };
  constexpr std::size_t filters = 8;
  auto x = xt::xtensor<float, 4>::from_shape({1, 6, 6, 4});             // N H W C
  auto weight = xt::xtensor<float, 4>::from_shape({filters, 3, 3, 4});  // O KH KW I
  auto y = xt::xtensor<float, 4>::from_shape({1, 6, 6, filters}), folded = y;
  std::vector<float> bias(filters), gamma(filters), beta(filters), mean(filters), variance(filters);
  fill(x), fill(weight), fill(bias), fill(gamma), fill(beta), fill(mean), fill(variance);
  for (float& v : variance) v = v * v;
  const float epsilon = 1e-3F;
  WindowOptions window;
  window.padding = {1, 1, 1, 1};

  conv2d_forward(x, weight, bias, window, 1, y);
  batch_norm_forward(y, gamma, beta, mean, variance, epsilon, y);

  std::printf("filter 0: weight[0] %9.5f, bias %9.5f\n", double(weight(0, 0, 0, 0)), double(bias[0]));
  fold_batch_norm(weight, bias, gamma, beta, mean, variance, double(epsilon));
  std::printf("folded:   weight[0] %9.5f, bias %9.5f\n", double(weight(0, 0, 0, 0)), double(bias[0]));
  conv2d_forward(x, weight, bias, window, 1, folded);

  float largest = 0, difference = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    largest = std::max(largest, std::abs(y.data()[i]));
    difference = std::max(difference, std::abs(y.data()[i] - folded.data()[i]));
  }
  std::printf("largest output %.3f, largest difference %.2g\n", double(largest), double(difference));
  return difference < 1e-4F * largest ? 0 : 1;
}
