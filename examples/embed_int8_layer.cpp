// A float program keeps its floats, and one of its layers runs on integers: Dense becomes Int8Dense, nothing else changes.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/ops/quantize.hpp>
#include <trimtab/quant/observer.hpp>
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
  /// `largest`: of |x| in calibration data.
  Int8Dense(const Dense& d, float largest) : in_(d.in), out_(d.out), x_grid_(trimtab::signed_codes(8), {largest}) {
    const trimtab::TensorView<const float> weight(d.weight.data(), {d.out, d.in});
    trimtab::MinMaxObserver<float> observer(trimtab::per_channel(0));
    observer.observe(weight);
    Floats thresholds;
    for (const trimtab::Range<float>& r : observer.ranges()) thresholds.push_back(r.threshold());
    const trimtab::AdjustableThreshold<float> w_grid(trimtab::signed_codes(8), thresholds, trimtab::per_channel(0));
    std::vector<std::int8_t> codes(d.weight.size());
    const trimtab::TensorView<std::int8_t> w_codes(codes.data(), {d.out, d.in});
    trimtab::quantize(weight, w_grid, w_codes);
    packed_ = trimtab::int8::pack_linear(w_codes);
    for (std::size_t o = 0; o < d.out; ++o) {
      scale_.push_back(x_grid_.grid(0).scale * w_grid.grid(o).scale);
      bias_.push_back(static_cast<std::int32_t>(std::lround(d.bias[o] / scale_[o])));
    }
  }

  Floats operator()(const Floats& x) {
    codes_.resize(in_);
    trimtab::quantize(x, x_grid_, codes_);
    Floats y(out_);
    trimtab::int8::linear(trimtab::TensorView<const std::int8_t>(codes_.data(), {1, in_}), 0, packed_, bias_, scale_,
                          trimtab::TensorView<float>(y.data(), {1, out_}), workspace_);
    for (float& v : y) v = std::max(v, 0.0F);
    return y;
  }

 private:
  std::size_t in_, out_;
  trimtab::AdjustableThreshold<float> x_grid_;
  trimtab::int8::PackedConv2d packed_;
  Floats scale_;
  std::vector<std::int32_t> bias_;
  std::vector<std::int8_t> codes_;
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

  float largest = 0;
  for (int i = 0; i < 100; ++i)
    for (const float v : first(draw(64, 1.0F))) largest = std::max(largest, v);
  Int8Dense int8_middle(middle, largest);
  std::printf("middle layer: %zu bytes of float weights, %zu of int8; inputs up to %.2f\n", middle.weight.size() * 4,
              middle.weight.size(), double(largest));

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
