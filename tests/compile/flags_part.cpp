// One user's translation unit; built several times, each with flags of its own. TRIMTAB_PART is its name.
#include <array>
#include <bit>
#include <cstdint>
#include <random>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/ops/fake_quantize.hpp>
#include <trimtab/ops/quantize.hpp>
#include <trimtab/quant/observer.hpp>
#include <vector>

namespace {

using namespace trimtab;

using Random = std::mt19937;

float draw(Random& random) { return static_cast<float>(static_cast<double>(random()) / 4294967296.0 - 0.5); }

template <class T>
void append_bytes(T value, std::vector<std::uint8_t>& codes) {
  const auto bytes = std::bit_cast<std::array<std::uint8_t, sizeof(T)>>(value);
  codes.insert(codes.end(), bytes.begin(), bytes.end());
}

/// Grids of thresholds that training has moved, and of averages: where a sum of products, fused or not, has another last bit.
void grids(Random& random, std::vector<std::uint8_t>& codes) {
  std::vector<Range<float>> ranges;
  std::vector<float> thresholds;
  for (int c = 0; c < 1000; ++c)
    ranges.push_back({draw(random) - 0.5F, draw(random) + 0.5F}), thresholds.push_back(draw(random) + 0.6F);
  AdjustableRange<float> range(unsigned_codes(8), ranges, per_channel(0));
  AdjustableThreshold<float> threshold(signed_codes(8), thresholds, per_channel(0));
  // Exact products, since this file's own sums may be fused as well.
  for (float& f : range.factors()) f += 0.25F * draw(random);
  for (float& f : threshold.factors()) f -= 0.25F + 0.25F * draw(random);
  for (std::size_t c = 0; c < 1000; ++c) {
    append_bytes(range.adjusted_left(c), codes);
    append_bytes(range.grid(c).scale, codes);
    append_bytes(range.grid(c).zero_point, codes);
    append_bytes(threshold.grid(c).scale, codes);
  }
  MovingAverageObserver<float> average;
  auto pictures = xt::xtensor<float, 2>::from_shape({50, 8});
  for (float& v : pictures) v = draw(random);
  average.observe(pictures);
  append_bytes(average.range().left, codes);
  append_bytes(average.range().right, codes);
}

/// What fake quantization makes of numbers many of which lie at ties.
void fake_quantized(Random& random, std::vector<std::uint8_t>& codes) {
  std::vector<float> x, y(4096);
  for (std::size_t i = 0; i < y.size(); ++i) x.push_back(draw(random));
  AdjustableRange<float> q(unsigned_codes(8), {{-0.4F, 0.45F}});
  q.factors()[0] = 0.037F;
  const Affine<float> grid = q.grid(0);
  for (std::size_t i = 0; i < x.size(); i += 2) x[i] = (static_cast<float>(i % 256) - 0.5F) * grid.scale;
  fake_quantize_forward(x, q, y);
  for (const float v : y) append_bytes(v, codes);
}

/// A 3x3 convolution, its input and weights quantized here, on every instruction set one after another.
void convolution(Random& random, std::vector<std::uint8_t>& codes) {
  auto x = xt::xtensor<float, 4>::from_shape({1, 9, 9, 20}), weight = xt::xtensor<float, 4>::from_shape({18, 3, 3, 20});
  for (float& v : x) v = draw(random);
  for (float& v : weight) v = draw(random);
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
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    int8::conv2d(x_codes, x_grid.grid(0).zero_point, packed, bias, window, Requantize{multiplier, 128, 0, 255}, y, workspace);
    codes.insert(codes.end(), y.begin(), y.end());
  }
}

}  // namespace

/// Codes and the bits of grids.
std::vector<std::uint8_t> TRIMTAB_PART() {
  Random random(1);
  std::vector<std::uint8_t> codes;
  grids(random, codes);
  fake_quantized(random, codes);
  convolution(random, codes);
  return codes;
}
