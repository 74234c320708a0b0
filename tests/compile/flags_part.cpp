// One user's translation unit; built several times, each with flags of its own. TRIMTAB_PART is its name.
#include <cstdint>
#include <random>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/ops/quantize.hpp>
#include <vector>

/// Codes of a 3x3 convolution, its input and weights quantized here, on every instruction set one after another.
std::vector<std::uint8_t> TRIMTAB_PART() {
  using namespace trimtab;
  std::mt19937 random(1);
  const auto draw = [&] { return static_cast<float>(static_cast<double>(random()) / 4294967296.0 - 0.5); };
  auto x = xt::xtensor<float, 4>::from_shape({1, 9, 9, 20}), weight = xt::xtensor<float, 4>::from_shape({18, 3, 3, 20});
  for (float& v : x) v = draw();
  for (float& v : weight) v = draw();
  const AdjustableRange<float> x_grid(unsigned_codes(8), {{-0.5F, 0.5F}});
  const AdjustableThreshold<float> w_grid(signed_codes(8), {0.5F});
  auto x_codes = xt::xtensor<std::uint8_t, 4>::from_shape({1, 9, 9, 20});
  auto w_codes = xt::xtensor<std::int8_t, 4>::from_shape({18, 3, 3, 20});
  quantize(x, x_grid, x_codes);
  quantize(weight, w_grid, w_codes);
  const std::vector<std::int32_t> bias(18, 1000);
  const std::vector<float> multiplier{x_grid.grid(0).scale * w_grid.grid(0).scale / 0.05F};
  const int8::PackedConv2d packed = int8::pack_conv2d(w_codes);
  WindowOptions window;
  window.padding = {1, 1, 1, 1};
  int8::Workspace workspace;
  auto y = xt::xtensor<std::uint8_t, 4>::from_shape({1, 9, 9, 18});
  std::vector<std::uint8_t> codes;
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    int8::conv2d(x_codes, x_grid.grid(0).zero_point, packed, bias, window, Requantize{multiplier, 128, 0, 255}, y, workspace);
    codes.insert(codes.end(), y.begin(), y.end());
  }
  return codes;
}
