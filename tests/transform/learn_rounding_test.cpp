#include <catch.hpp>
#include <random>
#include <trimtab/quant/threshold.hpp>
#include <trimtab/transform/learn_rounding.hpp>

using namespace trimtab;

namespace {

using Doubles = std::vector<double>;

const Affine<double> whole{1.0, 0, signed_codes(8)};

double objective(const Doubles& h, const Doubles& c, const Doubles& q) {
  double cross = 0;
  for (std::size_t i = 0; i < q.size(); ++i) cross += c[i] * q[i];
  return detail::quadratic(h, q, q) - 2 * cross;
}

/// Examples of a layer in groups: x examples x groups x inputs, correlated and with means; y = w x + b + noise.
struct Layer {
  std::size_t examples, groups, inputs, outputs;
  Doubles x, y, weight, bias;

  Layer(std::size_t n, std::size_t g, std::size_t k, std::size_t o, double noise = 0)
      : examples(n), groups(g), inputs(k), outputs(o) {
    std::mt19937 random(5);
    std::normal_distribution<double> normal;
    for (std::size_t i = 0; i < g * o * k; ++i) weight.push_back(4 * normal(random));
    for (std::size_t i = 0; i < g * o; ++i) bias.push_back(normal(random));
    for (std::size_t i = 0; i < n * g; ++i) {
      const double common = normal(random);
      for (std::size_t j = 0; j < k; ++j) x.push_back(1 + common + 0.5 * normal(random));
    }
    y = outputs_of(weight, bias);
    for (double& v : y) v += noise * normal(random);
  }

  Doubles outputs_of(const Doubles& w, const Doubles& b) const {
    Doubles out;
    for (std::size_t n = 0; n < examples; ++n)
      for (std::size_t r = 0; r < groups * outputs; ++r) {
        double sum = b[r];
        for (std::size_t i = 0; i < inputs; ++i) sum += w[r * inputs + i] * x[(n * groups + r / outputs) * inputs + i];
        out.push_back(sum);
      }
    return out;
  }
  double mean_square(const Doubles& w, const Doubles& b) const {
    const Doubles out = outputs_of(w, b);
    double sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i) sum += (out[i] - y[i]) * (out[i] - y[i]);
    return sum / double(out.size());
  }
  OutputMoments moments() const {
    OutputMoments m(groups, inputs, outputs);
    m.count = double(examples);
    for (std::size_t n = 0; n < examples; ++n)
      for (std::size_t g = 0; g < groups; ++g) {
        const double* const in = x.data() + (n * groups + g) * inputs;
        for (std::size_t i = 0; i < inputs; ++i) {
          m.x[g * inputs + i] += in[i];
          for (std::size_t j = 0; j < inputs; ++j) m.xx[(g * inputs + i) * inputs + j] += in[i] * in[j];
        }
        for (std::size_t o = 0; o < outputs; ++o) {
          const std::size_t r = g * outputs + o;
          const double out = y[n * groups * outputs + r];
          m.y[r] += out;
          m.yy[r] += out * out;
          for (std::size_t i = 0; i < inputs; ++i) m.yx[r * inputs + i] += out * in[i];
        }
      }
    return m;
  }
};

}  // namespace

TEST_CASE("round_by_descent: two weights of 0.4 that add up are 1 and 0, not 0 and 0", "[transform]") {
  const Doubles h{1, 0.9, 0.9, 1}, c{0.76, 0.76};  // c = H w
  Doubles q{0.4, 0.4};
  CHECK(round_by_descent<double>(h, c, whole, q, 10) == 1);
  CHECK(q == Doubles{1, 0});
  CHECK(objective(h, c, q) == Approx(1 - 1.52));
}

TEST_CASE("round_by_descent: without correlation every weight goes to the nearest point", "[transform]") {
  const Doubles w{0.4, -0.6, 3.49, 1000, -200.2, 0}, diagonal{1, 2, 0.5, 1, 1, 3};
  Doubles h(36, 0.0), c(6), q = w;
  for (std::size_t i = 0; i < 6; ++i) {
    h[i * 7] = diagonal[i];
    c[i] = diagonal[i] * w[i];
  }
  CHECK(round_by_descent<double>(h, c, whole, q, 10) == 0);
  CHECK(q == Doubles{0, -1, 3, 127, -127, 0});
}

TEST_CASE("round_by_descent: points of the grid, none of which can be moved to the better", "[transform]") {
  const int bits = GENERATE(2, 4, 8);
  const Affine<double> grid{0.7, 1, full_signed_codes(bits)};
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  const std::size_t size = 12;
  Doubles a(size * size), h(size * size), c(size, 0.0), w(size);
  for (double& v : a) v = 1 + normal(random);
  for (double& v : w) v = normal(random) * grid.scale * grid.codes.qmax / 2;
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t j = 0; j < size; ++j)
      for (std::size_t k = 0; k < size; ++k) h[i * size + j] += a[k * size + i] * a[k * size + j];
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t j = 0; j < size; ++j) c[i] += h[i * size + j] * w[j];
  Doubles q = w, nearest;
  for (const double v : w) nearest.push_back(grid.fake_quantize(v));
  CHECK(round_by_descent<double>(h, c, grid, q, 1000) > 0);
  const double reached = objective(h, c, q);
  CHECK(reached < objective(h, c, nearest));
  for (std::size_t k = 0; k < size; ++k) {
    CHECK(q[k] == grid.fake_quantize(q[k]));
    for (std::int32_t code = grid.codes.qmin; code <= grid.codes.qmax; ++code) {
      Doubles other = q;
      other[k] = grid.dequantize(code);
      CHECK(objective(h, c, other) > reached - 1e-7 * std::abs(reached));
    }
  }
}

TEST_CASE("round_by_descent: a weight whose input never moves keeps the nearest point; lengths are checked", "[transform]") {
  const Doubles h{0, 0, 0, 1}, c{5, 2};
  Doubles q{0.6, 0.2};
  CHECK(round_by_descent<double>(h, c, whole, q, 10) == 1);
  CHECK(q == Doubles{1, 2});
  Doubles none;
  CHECK(round_by_descent<double>(none, none, whole, none, 10) == 0);
  CHECK_THROWS_AS(round_by_descent<double>(h, none, whole, q, 10), shape_error);
  CHECK_THROWS_AS(round_by_descent<double>(c, c, whole, q, 10), shape_error);
}

TEST_CASE("learn_rounding: its errors are those of the examples, and smaller than nearest rounding's", "[transform]") {
  const auto [groups, inputs, outputs] =
      GENERATE(table<std::size_t, std::size_t, std::size_t>({{1, 24, 5}, {3, 9, 1}, {2, 4, 3}}));
  CAPTURE(groups, inputs, outputs);
  const Layer layer(200, groups, inputs, outputs, 0.1);
  Doubles w = layer.weight, b = layer.bias, nearest;
  for (const double v : w) nearest.push_back(whole.fake_quantize(v));
  const RoundingReport report = learn_rounding<double>(
      w, b, layer.moments(), [](std::size_t) { return whole; }, LearnRoundingOptions{1e-3, 1, 50});
  CHECK(report.nearest == Approx(layer.mean_square(nearest, layer.bias)));
  CHECK(report.learned == Approx(layer.mean_square(w, b)));
  CHECK(report.learned < 0.5 * report.nearest);
  std::size_t changed = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    CHECK(w[i] == whole.fake_quantize(w[i]));
    changed += std::size_t{w[i] != nearest[i]};
  }
  CHECK(report.changed == changed);
  // The bias takes the rest of the mean.
  const Doubles out = layer.outputs_of(w, b);
  for (std::size_t r = 0; r < groups * outputs; ++r) {
    double difference = 0;
    for (std::size_t i = r; i < out.size(); i += groups * outputs) difference += out[i] - layer.y[i];
    CHECK(difference / double(layer.examples) == Approx(0.0).margin(1e-9));
  }
}

TEST_CASE("learn_rounding: compensation makes up for what the inputs lost, and none of it keeps to the weights", "[transform]") {
  // The quantized network's inputs are half of what they should be: y = w (2 x).
  Layer layer(100, 1, 1, 1);
  layer.weight = {10};
  layer.bias = {0};
  for (std::size_t i = 0; i < layer.examples; ++i) layer.y[i] = 20 * layer.x[i];
  const auto learned = [&](double compensation, double damping) {
    Doubles w = layer.weight, b = layer.bias;
    learn_rounding<double>(
        w, b, layer.moments(), [](std::size_t) { return whole; }, LearnRoundingOptions{damping, compensation, 50});
    return w[0];
  };
  CHECK(learned(1, 0) == 20);
  CHECK(learned(0, 0) == 10);
  CHECK(learned(0.5, 0) == 15);
  CHECK(learned(1, 1) == 15);  // held at 10 as strongly as drawn to 20
  CHECK(learned(1, 1e9) == 10);
}

TEST_CASE("learn_rounding: one example, inputs that never move, and no bias", "[transform]") {
  const Layer one(1, 1, 3, 2);  // no variance: nothing to learn but the bias
  Doubles w = one.weight, b = one.bias;
  CHECK(learn_rounding<double>(w, b, one.moments(), [](std::size_t) { return whole; }).changed == 0);
  CHECK(one.mean_square(w, b) == Approx(0.0).margin(1e-12));
  const Layer layer(50, 1, 6, 2);
  Doubles unbiased = layer.weight, none;
  const RoundingReport report = learn_rounding<double>(unbiased, none, layer.moments(), [](std::size_t) { return whole; });
  CHECK(report.learned == Approx(layer.mean_square(unbiased, {0, 0})));
}

TEST_CASE("learn_rounding: says what does not fit, and changes nothing", "[transform]") {
  const Layer layer(20, 2, 3, 2);
  const auto grid = [](std::size_t) { return whole; };
  Doubles w = layer.weight, b = layer.bias, short_bias{0};
  OutputMoments m = layer.moments();
  CHECK_THROWS_AS(learn_rounding<double>(b, b, m, grid), shape_error);
  CHECK_THROWS_AS(learn_rounding<double>(w, short_bias, m, grid), shape_error);
  CHECK_THROWS_AS(learn_rounding<double>(w, b, m, grid, LearnRoundingOptions{-1, 1, 5}), value_error);
  CHECK_THROWS_AS(learn_rounding<double>(w, b, m, grid, LearnRoundingOptions{0.1, 1.5, 5}), value_error);
  CHECK_THROWS_AS(learn_rounding<double>(w, b, m, grid, LearnRoundingOptions{std::nan(""), 1, 5}), value_error);
  CHECK_THROWS_AS(learn_rounding<double>(w, b, OutputMoments(2, 3, 2), grid), value_error);
  m.yx[3] = std::nan("");
  CHECK_THROWS_AS(learn_rounding<double>(w, b, m, grid), value_error);
  CHECK(w == layer.weight);
  CHECK(b == layer.bias);
}
