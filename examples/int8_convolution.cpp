// One convolution from floats to codes, through the integer kernel, and back to floats; on every instruction set of this CPU.

#include <cmath>
#include <cstdio>
#include <random>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/ops/conv2d.hpp>
#include <trimtab/ops/quantize.hpp>
#include <trimtab/quant/observer.hpp>
#include <trimtab/transform/quantize_bias.hpp>

using namespace trimtab;
using Codes = xt::xtensor<std::uint8_t, 4>;

template <class X>
std::vector<Range<float>> ranges(const X& x, Granularity granularity = per_tensor) {
  MinMaxObserver<float> observer(granularity);
  observer.observe(x);
  return observer.ranges();
}

int main() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  auto x = xt::xtensor<float, 4>::from_shape({1, 14, 14, 32});
  auto weight = xt::xtensor<float, 4>::from_shape({24, 3, 3, 32});
  std::vector<float> bias(24);
  for (float& v : x) v = normal(random);
  for (float& v : weight) v = 0.06F * normal(random);
  for (float& v : bias) v = normal(random);
  WindowOptions window;
  window.padding = {1, 1, 1, 1};
  auto y = xt::xtensor<float, 4>::from_shape({1, 14, 14, 24});
  conv2d_forward(x, weight, bias, window, 1, y);

  // Grids: asymmetric uint8 for x and y, symmetric int8 with a threshold for each filter.
  const AdjustableRange<float> x_grid(unsigned_codes(8), ranges(x)), y_grid(unsigned_codes(8), ranges(y));
  std::vector<float> thresholds;
  for (const Range<float>& r : ranges(weight, per_channel(0))) thresholds.push_back(r.threshold());
  const AdjustableThreshold<float> w_grid(signed_codes(8), thresholds, per_channel(0));

  Codes x_codes = Codes::from_shape({1, 14, 14, 32}), y_codes = Codes::from_shape({1, 14, 14, 24});
  auto w_codes = xt::xtensor<std::int8_t, 4>::from_shape({24, 3, 3, 32});
  quantize(x, x_grid, x_codes);
  quantize(weight, w_grid, w_codes);
  const Affine<float> gx = x_grid.grid(0), gy = y_grid.grid(0);
  std::vector<std::int32_t> bias_codes;
  std::vector<float> multiplier;
  for (std::size_t o = 0; o < 24; ++o) {
    bias_codes.push_back(quantize_bias(double(bias[o]), double(gx.scale), double(w_grid.grid(o).scale)));
    multiplier.push_back(gx.scale * w_grid.grid(o).scale / gy.scale);
  }
  const int8::PackedConv2d packed = int8::pack_conv2d(w_codes);
  const Requantize requantize{multiplier, gy.zero_point, gy.codes.qmin, gy.codes.qmax};
  int8::Workspace workspace;
  Codes first;
  bool equal = true;
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    int8::conv2d(x_codes, gx.zero_point, packed, bias_codes, window, requantize, y_codes, workspace);
    if (isa == Isa::portable) first = y_codes;
    equal = equal && y_codes == first;
    std::printf("%-10s codes %s\n", name(isa), y_codes == first ? "equal" : "DIFFER");
  }
  xt::xtensor<float, 4> back = y;
  dequantize(y_codes, y_grid, back);
  double squares = 0;
  for (std::size_t i = 0; i < y.size(); ++i) squares += std::pow(double(y.data()[i]) - double(back.data()[i]), 2);
  const double rmse = std::sqrt(squares / double(y.size()));
  std::printf("int8 against float: RMSE %.5f, which is %.2f steps of %.5f\n", rmse, rmse / double(gy.scale), double(gy.scale));
  return equal && rmse < 2 * double(gy.scale) ? 0 : 1;
}
