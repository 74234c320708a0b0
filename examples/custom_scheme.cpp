// A scheme of one's own: thresholds that are powers of two, for hardware that rescales by shifting. The quantizer is all there is
// to write; loops, gradients and the optimizer are the library's. The trained number is log2 of the threshold, rounded up, and
// the rounding is straight-through: d T / d log2(T) = T ln 2 (Jain et al., arXiv 1903.08066).

#include <cmath>
#include <cstdio>
#include <numbers>
#include <random>
#include <trimtab/ops/fake_quantize.hpp>
#include <trimtab/train/adam.hpp>
#include <vector>

using namespace trimtab;

class PowerOfTwoThreshold {
 public:
  using value_type = float;
  PowerOfTwoThreshold(int bits, float threshold) : bits_(bits), log2_{std::log2(threshold)} {}

  float threshold() const { return std::exp2(std::ceil(log2_[0])); }

  // What the library's Quantizer concept asks for.
  std::size_t channels() const { return 1; }
  Granularity granularity() const { return per_tensor; }
  Affine<float> grid(std::size_t) const { return {std::ldexp(threshold(), 1 - bits_), 0, signed_codes(bits_)}; }
  std::span<float> factors() { return log2_; }
  std::span<const float> factors() const { return log2_; }
  Bounds<float> bounds(std::size_t) const { return {-20.0F, 20.0F}; }
  /// y = s round(x / s) inside, s qmin or s qmax outside, and d s / d log2(T) = s ln 2.
  void add_gradient(std::size_t, const GridGradient& g, std::span<float> grad) const {
    const Affine<float> a = grid(0);
    const double sum = g.residue + g.below * a.codes.qmin + g.above * a.codes.qmax;
    grad[0] += static_cast<float>(double(a.scale) * std::numbers::ln2 * sum);
  }

 private:
  int bits_;
  std::vector<float> log2_;
};
static_assert(Quantizer<PowerOfTwoThreshold>);

/// Mean square error of fake quantization, and its gradient for y.
double mean_square_error(const std::vector<float>& x, const std::vector<float>& y, std::vector<float>& grad_y) {
  double sum = 0;
  const double n = static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double d = double(y[i]) - double(x[i]);
    sum += d * d / n;
    grad_y[i] = static_cast<float>(2 * d / n);
  }
  return sum;
}

int main() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> x(4096), y(x.size()), grad_y(x.size());
  for (float& v : x) v = normal(random);
  x[0] = 9.0F;  // an outlier
  PowerOfTwoThreshold quantizer(4, 9.0F);
  Adam<float> adam(1);
  double before = 0, after = 0;
  for (int step = 0; step <= 100; ++step) {
    fake_quantize_forward(x, quantizer, y);
    after = mean_square_error(x, y, grad_y);
    if (step == 0) before = after;
    if (step % 20 == 0)
      std::printf("step %3d  threshold %5.2f, scale 2^%d, mean square error %.5f\n", step, double(quantizer.threshold()),
                  std::ilogb(quantizer.grid(0).scale), after);
    std::vector<float> grad(1);
    fake_quantize_backward_factors(grad_y, x, quantizer, grad);
    adam.step(quantizer.factors(), grad, 0.03);
    project(quantizer);
  }
  const float scale = quantizer.grid(0).scale;
  return after < before / 2 && std::ldexp(1.0F, std::ilogb(scale)) == scale ? 0 : 1;
}
