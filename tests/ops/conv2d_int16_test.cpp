#include <catch.hpp>
#include <cmath>
#include <gradient_check.hpp>
#include <naive_conv.hpp>
#include <ostream>
#include <random>
#include <trimtab/ops/conv2d_int16.hpp>

using namespace trimtab;
using gradient::random_values;

namespace {

struct Shape {
  const char* why;
  Extents x;
  std::size_t out_c, kernel_h, kernel_w;
  WindowOptions options = {};
  WindowGeometry geometry() const { return window_geometry(x, kernel_h, kernel_w, out_c, options, 1, "test"); }
  friend std::ostream& operator<<(std::ostream& out, const Shape& s) { return out << s.why; }
};

const Shape shapes[] = {
    {"one pixel", {1, 1, 1, 1}, 1, 1, 1},
    {"pointwise, odd channels", {3, 3, 4, 5}, 3, 1, 1},
    {"pointwise, several pieces of work", {2, 19, 17, 24}, 33, 1, 1},
    {"1x1, stride 2", {3, 5, 4, 3}, 2, 1, 1, {2, 2, {}}},
    {"3x3, same", {3, 5, 4, 3}, 4, 3, 3, {1, 1, {1, 1, 1, 1}}},
    {"3x3, stride 2, several pieces of work", {2, 41, 40, 3}, 8, 3, 3, {2, 2, {0, 0, 1, 1}}},
    {"3x2, strides 1 and 2, lopsided", {2, 5, 6, 2}, 2, 3, 2, {1, 2, {2, 1, 0, 1}}},
    {"3x3, dilation 2 and 3", {1, 8, 9, 2}, 2, 3, 3, {1, 1, {2, 3, 2, 3}, 2, 3}},
    {"windows wholly in the padding", {1, 1, 2, 2}, 2, 2, 2, {2, 2, {3, 3, 3, 3}}},
    {"no pictures", {0, 4, 4, 3}, 2, 3, 3},
    {"no pictures, pointwise", {0, 4, 4, 3}, 2, 1, 1},
};

/// Weights on a grid with a scale a filter, codes of the input, and the output's gradient, one pixel of which is 0.
struct Layer {
  explicit Layer(const Shape& s)
      : g(s.geometry()),
        size(s.kernel_h * s.kernel_w * s.x[3]),
        grad_y(random_values<float>(element_count(g.output()), 4)),
        weight(s.out_c * size),
        x(element_count(s.x)) {
    std::mt19937 engine(5);
    for (int& w : weight) w = std::uniform_int_distribution<int>(-255, 255)(engine);
    for (std::uint8_t& v : x) v = static_cast<std::uint8_t>(engine() % 256);
    for (std::size_t o = 0; o < s.out_c; ++o) scale.push_back(0.01F * static_cast<float>(o + 1));
    const std::vector<std::int16_t> numbers(weight.begin(), weight.end());
    codes.assign_rows(numbers.data(), s.out_c, size);
    if (!grad_y.empty()) std::fill_n(grad_y.begin(), s.out_c, 0.0F);
  }
  WindowGeometry g;
  std::size_t size;
  std::vector<float> grad_y, scale;
  std::vector<int> weight;
  std::vector<std::uint8_t> x;
  Int16Columns codes;
};

}  // namespace

TEST_CASE("conv2d_backward_input_int16: differs from double by the rounding of the gradient alone, on any number of threads",
          "[ops][int16]") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    for (const Shape& s : shapes) {
      CAPTURE(name(isa), s);
      const Layer l(s);
      std::vector<double> grad_y(l.grad_y.begin(), l.grad_y.end()), weight(l.weight.begin(), l.weight.end());
      for (std::size_t i = 0; i < weight.size(); ++i) weight[i] *= double(l.scale[i / l.size]);
      // Half a step of each filter's rounded gradient times its code, and float32 for the rest: as a convolution of sizes.
      std::vector<double> expected(l.x.size()), sizes(expected), bound(grad_y), code_sizes(weight);
      for (std::size_t m = 0; m < grad_y.size() / s.out_c; ++m) {
        double largest = 0;
        for (std::size_t o = 0; o < s.out_c; ++o)
          largest = std::max(largest, std::abs(grad_y[m * s.out_c + o] * double(l.scale[o])));
        for (std::size_t o = 0; o < s.out_c; ++o)
          bound[m * s.out_c + o] =
              0.5 * largest / l.codes.limit() + 1e-6 * std::abs(grad_y[m * s.out_c + o] * double(l.scale[o]));
      }
      for (std::size_t i = 0; i < weight.size(); ++i) code_sizes[i] = std::abs(l.weight[i]);
      detail::conv2d_backward_input<double>(l.g, grad_y.data(), weight.data(), expected.data(), GradientMode::assign);
      detail::conv2d_backward_input<double>(l.g, bound.data(), code_sizes.data(), sizes.data(), GradientMode::assign);
      for (const GradientMode mode : {GradientMode::assign, GradientMode::add}) {
        std::vector<std::vector<float>> results;
        for (const int threads : {1, 3}) {
          const ScopedThreads some(threads);
          std::vector<float>& got = results.emplace_back(l.x.size(), 7.0F);
          conv2d_backward_input_int16(l.g, l.grad_y.data(), l.codes, l.scale, got.data(), mode);
        }
        CHECK(results[0] == results[1]);
        const double start = mode == GradientMode::add ? 7 : 0;
        bool within = true;
        for (std::size_t i = 0; i < expected.size(); ++i)
          within = within &&
                   std::abs(double(results[0][i]) - start - expected[i]) <= sizes[i] + 1e-6 * (start + std::abs(expected[i]));
        CHECK(within);
      }
    }
  }
}

TEST_CASE("conv2d_backward_derivative_int16: is the sum over 64-bit convolutions, on any number of threads", "[ops][int16]") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    for (const Shape& s : shapes)
      for (const int zero_point : {0, 3, 255}) {
        CAPTURE(name(isa), s, zero_point);
        const Layer l(s);
        Int16Columns r;
        std::vector<std::int16_t> numbers;
        for (const int w : l.weight) numbers.push_back(static_cast<std::int16_t>(100 * w));
        r.assign_columns(numbers.data(), l.size, s.out_c);
        REQUIRE(r.limit() >= 255);
        std::vector<double> x(l.x.size()), weight(l.weight.begin(), l.weight.end()), y(l.grad_y.size()), expected(s.out_c),
            sizes(s.out_c);
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = double(l.x[i]) - zero_point;
        detail::conv2d_forward<double>(l.g, x.data(), weight.data(), nullptr, y.data());
        for (std::size_t i = 0; i < y.size(); ++i) {
          expected[i % s.out_c] += 100 * y[i] * double(l.grad_y[i]);
          sizes[i % s.out_c] += std::abs(100 * y[i] * double(l.grad_y[i]));
        }
        std::vector<std::vector<double>> results;
        for (const int threads : {1, 3}) {
          const ScopedThreads some(threads);
          conv2d_backward_derivative_int16(l.g, l.grad_y.data(), l.x.data(), zero_point, r, results.emplace_back(s.out_c, 7.0));
        }
        CHECK(results[0] == results[1]);
        for (std::size_t o = 0; o < s.out_c; ++o)  // sums of 240 floats, each rounded twice before
          CHECK(std::abs(results[0][o] - 7 - expected[o]) <= 242 * 0x1p-24 * sizes[o] + 1e-9);
      }
  }
}

TEST_CASE("conv2d_backward_input_int16: an infinity or NaN makes NaN of its pixel and of no other", "[ops][int16]") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity(), 3e38F}) {  // the last: times a scale
      Layer l({"pointwise", {1, 3, 3, 5}, 9, 1, 1});
      l.scale[3] = 4;
      l.grad_y[4 * 9 + 3] = bad;
      std::vector<float> got(l.x.size());
      conv2d_backward_input_int16(l.g, l.grad_y.data(), l.codes, l.scale, got.data(), GradientMode::assign);
      for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::isnan(got[i]) == (i / 5 == 4));
    }
  }
}
