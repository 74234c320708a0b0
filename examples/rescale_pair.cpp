// DWS -> ReLU6 -> Conv: channels are evened out so that one threshold fits all filters, and the pair computes what it computed.

#include <cmath>
#include <cstdio>
#include <random>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/ops/activation.hpp>
#include <trimtab/ops/conv2d.hpp>
#include <trimtab/ops/depthwise_conv2d.hpp>
#include <trimtab/ops/fake_quantize.hpp>
#include <trimtab/transform/rescale_dws.hpp>

using namespace trimtab;
using Pictures = xt::xtensor<float, 4>;
constexpr std::size_t channels = 6, filters = 5;

struct Pair {
  xt::xtensor<float, 3> depthwise = xt::zeros<float>({3, 3, int(channels)});
  std::vector<float> bias = std::vector<float>(channels, 0.0F);
  Pictures pointwise = xt::zeros<float>({int(filters), 1, 1, int(channels)});
};

/// The pair's output, and the largest output of each depthwise channel before ReLU6.
Pictures run(const Pair& p, const Pictures& x, std::vector<float>& maxima) {
  Pictures d = x, y = xt::zeros<float>({x.shape(0), x.shape(1), x.shape(2), filters});
  WindowOptions window;
  window.padding = {1, 1, 1, 1};
  depthwise_conv2d_forward(x, p.depthwise, p.bias, window, d);
  for (std::size_t i = 0; i < d.size(); ++i) maxima[i % channels] = std::max(maxima[i % channels], d.data()[i]);
  clip_forward(d, 0.0F, 6.0F, d);
  conv2d_forward(d, p.pointwise, no_bias, {}, y);
  return y;
}

double rmse(const Pictures& a, const Pictures& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(double(a.data()[i]) - double(b.data()[i]), 2);
  return std::sqrt(sum / double(a.size()));
}

int main() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  Pictures x = Pictures::from_shape({4, 8, 8, channels});
  for (float& v : x) v = normal(random);
  Pair pair;
  const float widths[channels] = {0.5F, 0.3F, 0.1F, 0.02F, 0.01F, 0.2F};
  for (std::size_t i = 0; i < pair.depthwise.size(); ++i) pair.depthwise.data()[i] = widths[i % channels] * normal(random);
  for (std::size_t i = 0; i < pair.pointwise.size(); ++i) pair.pointwise.data()[i] = normal(random) / widths[i % channels];

  pair.bias[0] = 4;  // this channel reaches 6 and is locked

  std::vector<float> maxima(channels), unused(channels);
  const Pictures wanted = run(pair, x, maxima);
  const auto scalar_error = [&](Pair p) {  // the depthwise filters on 8 bits, one threshold for all
    float top = 0;
    for (const float v : p.depthwise) top = std::max(top, std::abs(v));
    fake_quantize_forward(p.depthwise, AdjustableThreshold<float>(signed_codes(8), {top}), p.depthwise);
    return rmse(wanted, run(p, x, unused));
  };
  const double before = scalar_error(pair);
  // 6: where ReLU6 clips.
  const Rescaling r = rescale_dws(pair.depthwise, pair.bias, pair.pointwise, maxima, 6);
  for (std::size_t k = 0; k < channels; ++k)
    std::printf("channel %zu: output up to %7.3f, threshold %7.4f * %8.3f -> %7.4f%s\n", k, double(maxima[k]),
                r.thresholds_before[k], r.factors[k], r.thresholds_after[k], maxima[k] >= 5.9F ? "  locked" : "");
  const double change = rmse(wanted, run(pair, x, unused)), after = scalar_error(pair);
  std::printf("the float pair changed by %.2g; scalar 8-bit error of the output %.4f -> %.4f\n", change, before, after);
  return change < 1e-5 && after < before ? 0 : 1;
}
