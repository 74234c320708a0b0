// A scheme of one's own: thresholds that are powers of two, for hardware that rescales by shifting. The quantizer is all there is
// to write; loops, gradients and the optimizer are the library's. The trained number is log2 of the threshold, rounded up, and
// the rounding is straight-through: d T / d log2(T) = T ln 2 (Jain et al., arXiv 1903.08066).

#include <cmath>
#include <cstdio>
#include <numbers>
#include <random>
#include <trimtab/trimtab.hpp>
#include <vector>
#include <xtensor/xrandom.hpp>
#include <xtensor/xview.hpp>

using namespace trimtab;

class ShiftThreshold {
 public:
  using value_type = float;
  ShiftThreshold(int bits, float threshold) : bits_(bits), log2_{std::log2(threshold)} {}

  float threshold() const { return std::exp2(std::ceil(log2_[0])); }

  // What the library's Quantizer concept asks for.
  std::size_t channels() const { return 1; }
  Granularity granularity() const { return per_tensor; }
  Affine<float> grid(std::size_t) const { return {std::ldexp(threshold(), 1 - bits_), 0, signed_codes(bits_)}; }
  std::span<float> factors() { return log2_; }
  std::span<const float> factors() const { return log2_; }
  Bounds<float> bounds(std::size_t) const { return {-20.0F, 20.0F}; }
  // What a network asks for besides.
  float start(std::size_t) const { return log2_[0]; }
  std::vector<float> calibrated() const { return {static_cast<float>(bits_)}; }
  static constexpr bool is_symmetric() { return true; }
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
static_assert(Quantizer<ShiftThreshold>);

/// A network whose activations are all on such grids: trained and deployed with equal codes.
bool in_a_network() {
  const Array x = xt::random::randn<float>({32, 8}), w = xt::random::randn<float>({4, 8});
  Network network;
  network.add(Input{{8}}, {});
  network.add(Linear{w, xt::zeros<float>({4})}, {0});
  const auto rows = [&](std::span<const std::size_t> some) -> Array {
    return xt::view(x, xt::keep(std::vector(some.begin(), some.end())), xt::all());
  };
  const auto ranges = calibrate(network, rows, 32, MinMaxObserver<float>{});
  QuantizedNetwork q = quantize(network, ranges, {});
  for (NodeId id = 0; id < network.size(); ++id) q.output[id] = ShiftThreshold(8, ranges[id].threshold());
  const FineTuneReport report = fine_tune(q, teacher_outputs(network, rows, 32), rows, {.epochs = 10});
  std::printf("in a network: RMSE %.5f -> %.5f, scale of the output 2^%d\n", report.loss_before, report.loss_after,
              std::ilogb(q.output_grid(1).scale));
  return !verify(q, x).has_value();
}

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
  ShiftThreshold quantizer(4, 9.0F);
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
  return after < before / 2 && std::ldexp(1.0F, std::ilogb(scale)) == scale && in_a_network() ? 0 : 1;
}
