// One convolution from floats to codes, through the integer kernel, and back to floats; on every instruction set of this CPU.

#include <cmath>
#include <cstdio>
#include <random>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/ops/conv2d.hpp>
#include <trimtab/ops/quantize.hpp>
#include <trimtab/quant/fit.hpp>
#include <trimtab/train/loss.hpp>
#include <trimtab/transform/lower.hpp>

using namespace trimtab;
using Codes = xt::xtensor<std::uint8_t, 4>;

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
  conv2d_forward(x, weight, bias, window, y);

  // Grids: asymmetric uint8 for x and y, symmetric int8 with a threshold for each filter.
  const AdjustableRange<float> of_x = fit_range(x, unsigned_codes()), of_y = fit_range(y, unsigned_codes());
  const AdjustableThreshold<float> of_weight = fit_threshold(weight, signed_codes(), per_channel(0));
  const Affine<float> grid_x = of_x.grid(0), grid_y = of_y.grid(0);

  const LoweredLayer layer = lower(weight, bias, grid_x, of_weight, grid_y);
  const int8::PackedConv2d packed = int8::pack_conv2d(layer.weight());
  Codes x_codes = Codes::from_shape(x.shape()), y_codes = Codes::from_shape(y.shape()), first;
  quantize(x, of_x, x_codes);
  int8::Workspace workspace;
  bool equal = true;
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    int8::conv2d(x_codes, grid_x.zero_point, packed, layer.bias, window, layer.requantize(grid_y), y_codes, workspace);
    if (isa == Isa::portable) first = y_codes;
    equal = equal && y_codes == first;
    std::printf("%-10s codes %s\n", name(isa), y_codes == first ? "equal" : "DIFFER");
  }
  xt::xtensor<float, 4> back = y;
  dequantize(y_codes, of_y, back);
  const double rmse = rmse_loss(y, back) / std::sqrt(double(y.size())), step = double(grid_y.scale);  // of a single number
  std::printf("int8 against float: RMSE %.5f, which is %.2f steps of %.5f\n", rmse, rmse / step, step);
  return equal && rmse < 2 * step ? 0 : 1;
}
