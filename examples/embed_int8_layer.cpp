// A float program keeps its floats, and one of its layers runs on integers: Dense becomes Int8Dense, nothing else changes.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/ops/quantize.hpp>
#include <trimtab/quant/fit.hpp>
#include <trimtab/transform/lower.hpp>
#include <vector>

using Floats = std::vector<float>;

/// The program as it was: y = relu(weight * x + bias), on its own loops.
struct Dense {
  std::size_t in, out;
  Floats weight, bias;  // out x in
  Floats operator()(const Floats& x) const {
    Floats y = bias;
    for (std::size_t o = 0; o < out; ++o) {
      for (std::size_t i = 0; i < in; ++i) y[o] += weight[o * in + i] * x[i];
      y[o] = std::max(y[o], 0.0F);
    }
    return y;
  }
};

/// The same layer with int8 weights. Floats in, floats out; in between uint8 codes and int32 sums.
class Int8Dense {
 public:
  /// `x`: inputs of calibration data, one after the other.
  Int8Dense(const Dense& d, const Floats& x) : in_(d.in), out_(d.out), of_x_(trimtab::fit_range(x, trimtab::unsigned_codes())) {
    const trimtab::TensorView<const float> weight(d.weight.data(), {d.out, d.in});
    const auto of_weight = trimtab::fit_threshold(weight, trimtab::signed_codes(), trimtab::per_channel(0));
    // Steps of 1 are the real values themselves: the layer's outputs are not rounded to codes.
    layer_ = trimtab::lower(weight, d.bias, of_x_.grid(0), of_weight, {1.0F, 0, {}});
    packed_ = trimtab::int8::pack_linear(layer_.weight());
  }

  Floats operator()(const Floats& x) {
    codes_.resize(in_);
    trimtab::quantize(x, of_x_, codes_);
    Floats y(out_);
    trimtab::int8::linear(trimtab::TensorView<const std::uint8_t>(codes_.data(), {1, in_}), of_x_.grid(0).zero_point, packed_,
                          layer_.bias, layer_.multiplier, trimtab::TensorView<float>(y.data(), {1, out_}), workspace_);
    for (float& v : y) v = std::max(v, 0.0F);
    return y;
  }

 private:
  std::size_t in_, out_;
  trimtab::AdjustableRange<float> of_x_;
  trimtab::LoweredLayer layer_;
  trimtab::int8::PackedConv2d packed_;
  std::vector<std::uint8_t> codes_;
  trimtab::int8::Workspace workspace_;
};

int main() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  const auto draw = [&](std::size_t count, float deviation) {
    Floats v(count);
    for (float& f : v) f = deviation * normal(random);
    return v;
  };
  const Dense first{64, 256, draw(64 * 256, 0.12F), draw(256, 0.5F)}, last{256, 8, draw(256 * 8, 0.06F), draw(8, 0.5F)};
  const Dense middle{256, 256, draw(256 * 256, 0.06F), draw(256, 0.5F)};

  Floats calibration;
  for (int i = 0; i < 100; ++i)
    for (const float v : first(draw(64, 1.0F))) calibration.push_back(v);
  Int8Dense int8_middle(middle, calibration);
  std::printf("middle layer: %zu bytes of float weights, %zu of int8\n", middle.weight.size() * 4, middle.weight.size());

  double squares = 0, errors = 0;
  int same_winner = 0;
  for (int i = 0; i < 100; ++i) {
    const Floats x = first(draw(64, 1.0F)), wanted = last(middle(x)), got = last(int8_middle(x));
    for (std::size_t o = 0; o < wanted.size(); ++o) {
      squares += std::pow(double(wanted[o]), 2);
      errors += std::pow(double(got[o]) - double(wanted[o]), 2);
    }
    same_winner +=
        std::max_element(wanted.begin(), wanted.end()) - wanted.begin() == std::max_element(got.begin(), got.end()) - got.begin();
  }
  std::printf("100 inputs: relative error %.2f %%, the same largest output in %d\n", 100 * std::sqrt(errors / squares),
              same_winner);
  return errors < 1e-3 * squares && same_winner >= 90 ? 0 : 1;
}
