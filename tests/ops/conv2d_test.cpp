#include <array>
#include <catch.hpp>
#include <gradient_check.hpp>
#include <naive_conv.hpp>
#include <ostream>
#include <span>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/ops/bias.hpp>
#include <trimtab/ops/conv2d.hpp>

using namespace trimtab;
using gradient::random_values;

namespace {

struct Shape {
  const char* why;
  Extents x;
  std::size_t out_c, kernel_h, kernel_w;
  WindowOptions options = {};
  std::size_t groups = 1;

  WindowGeometry geometry() const { return window_geometry(x, kernel_h, kernel_w, out_c, options, groups, "test"); }
  Extents weight() const { return {out_c, kernel_h, kernel_w, x[3] / groups}; }
};
std::ostream& operator<<(std::ostream& out, const Shape& s) { return out << s.why; }

const Shape shapes[] = {
    {"one pixel", {1, 1, 1, 1}, 1, 1, 1},
    {"pointwise", {3, 3, 4, 5}, 3, 1, 1},
    {"pointwise, groups", {2, 3, 2, 6}, 4, 1, 1, {}, 2},
    {"1x1, stride 2", {3, 5, 4, 3}, 2, 1, 1, {2, 2, {}}},
    {"1x1, padding", {1, 2, 3, 2}, 3, 1, 1, {1, 1, {1, 0, 0, 2}}},
    {"2x2", {1, 4, 3, 2}, 3, 2, 2},
    {"3x3, same", {3, 5, 4, 3}, 4, 3, 3, {1, 1, {1, 1, 1, 1}}},
    {"3x3, stride 2, padding below and right", {2, 6, 6, 3}, 4, 3, 3, {2, 2, {0, 0, 1, 1}}},
    {"5x5, stride 2, padding", {1, 7, 6, 2}, 3, 5, 5, {2, 2, {2, 2, 2, 2}}},
    {"3x2, strides 1 and 2, lopsided", {2, 5, 6, 2}, 2, 3, 2, {1, 2, {2, 1, 0, 1}}},
    {"3x3, dilation 2 and 3", {1, 8, 9, 2}, 2, 3, 3, {1, 1, {2, 3, 2, 3}, 2, 3}},
    {"groups of 2", {3, 4, 4, 6}, 4, 3, 3, {1, 1, {1, 1, 1, 1}}, 2},
    {"one group a channel", {1, 5, 5, 3}, 6, 3, 3, {2, 2, {1, 1, 1, 1}}, 3},
    {"windows wholly in the padding", {1, 1, 2, 2}, 2, 2, 2, {2, 2, {3, 3, 3, 3}}},
    {"no pictures", {0, 4, 4, 3}, 2, 3, 3},
    {"no pictures, pointwise", {0, 4, 4, 3}, 2, 1, 1},
};

template <class Real>
struct Layer {
  explicit Layer(const Shape& s)
      : shape(s),
        g(s.geometry()),
        x(random_values<Real>(element_count(s.x), 1)),
        weight(random_values<Real>(element_count(s.weight()), 2)),
        bias(random_values<Real>(s.out_c, 3)),
        grad_y(random_values<Real>(element_count(g.output()), 4)) {}

  std::vector<Real> forward() const {
    std::vector<Real> y(element_count(g.output()), Real(7));
    conv2d_forward(TensorView<const Real>(x.data(), shape.x), TensorView<const Real>(weight.data(), shape.weight()), bias,
                   shape.options, shape.groups, TensorView<Real>(y.data(), g.output()));
    return y;
  }
  /// Gradients on top of `before`.
  std::vector<Real> grad_x(Real before = 0) const {
    std::vector<Real> grad(x.size(), before);
    conv2d_backward_input(TensorView<const Real>(grad_y.data(), g.output()),
                          TensorView<const Real>(weight.data(), shape.weight()), shape.options, shape.groups,
                          TensorView<Real>(grad.data(), shape.x));
    return grad;
  }
  std::vector<Real> grad_weight(Real before = 0) const {
    std::vector<Real> grad(weight.size(), before);
    conv2d_backward_weight(TensorView<const Real>(grad_y.data(), g.output()), TensorView<const Real>(x.data(), shape.x),
                           shape.options, shape.groups, TensorView<Real>(grad.data(), shape.weight()));
    return grad;
  }

  Shape shape;
  WindowGeometry g;
  std::vector<Real> x, weight, bias, grad_y;
};

template <class Real>
void check_close(const std::vector<Real>& a, const std::vector<Real>& b, double tolerance) {
  REQUIRE(a.size() == b.size());
  double worst = 0, largest = 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    largest = std::max(largest, std::abs(static_cast<double>(b[i])));
  }
  CHECK(worst <= tolerance * largest);
}

}  // namespace

TEST_CASE("conv2d: forward and both gradients equal the definition", "[ops]") {
  const Shape& s = GENERATE(from_range(std::begin(shapes), std::end(shapes)));
  CAPTURE(s);
  const Layer<double> layer(s);
  check_close(layer.forward(), naive::conv2d<double>(layer.g, layer.x, layer.weight, layer.bias), 1e-13);
  std::vector<double> grad_x(layer.x.size(), 0.5), grad_weight(layer.weight.size(), 0.25);
  naive::for_each_product(layer.g, [&](std::size_t xi, std::size_t wi, std::size_t yi) {
    grad_x[xi] += layer.weight[wi] * layer.grad_y[yi];
    grad_weight[wi] += layer.x[xi] * layer.grad_y[yi];
  });
  check_close(layer.grad_x(0.5), grad_x, 1e-13);
  check_close(layer.grad_weight(0.25), grad_weight, 1e-13);
}

TEST_CASE("conv2d: gradients equal central differences", "[ops]") {
  const Shape& s = GENERATE(from_range(std::begin(shapes), std::end(shapes)));
  CAPTURE(s);
  Layer<double> layer(s);
  const auto loss = [&] { return gradient::dot(layer.forward(), layer.grad_y); };
  gradient::check(layer.x, layer.grad_x(), loss);
  gradient::check(layer.weight, layer.grad_weight(), loss);
  std::vector<double> grad_bias(layer.bias.size());
  bias_backward(TensorView<const double>(layer.grad_y.data(), layer.g.output()), grad_bias);
  gradient::check(layer.bias, grad_bias, loss);
}

TEST_CASE("conv2d: large enough for many blocks, floats stay near the definition and do not depend on the threads", "[ops]") {
  const Shape& s = GENERATE(from_range(std::to_array<Shape>({
      {"pointwise, many rows", {2, 30, 31, 24}, 40, 1, 1},
      {"pointwise, many filters", {1, 7, 7, 96}, 700, 1, 1},
      {"first layer", {3, 40, 40, 3}, 32, 3, 3, {2, 2, {0, 0, 1, 1}}},
      {"3x3, one picture in bands", {1, 40, 25, 16}, 24, 3, 3, {1, 1, {1, 1, 1, 1}}},
      {"3x3, stride 3, bands", {1, 61, 20, 8}, 8, 3, 3, {3, 3, {1, 1, 1, 1}, 2, 1}},
      {"groups", {2, 20, 20, 16}, 16, 3, 3, {1, 1, {1, 1, 1, 1}}, 4},
  })));
  CAPTURE(s);
  const Layer<float> layer(s);
  const auto all = [&] { return std::array{layer.forward(), layer.grad_x(), layer.grad_weight()}; };
  std::array<std::vector<float>, 3> on_one;
  {
    const ScopedThreads one(1);
    on_one = all();
  }
  for (const int t : {2, 3}) {
    const ScopedThreads several(t);
    CHECK(all() == on_one);
  }
  std::vector<double> x(layer.x.begin(), layer.x.end()), weight(layer.weight.begin(), layer.weight.end());
  std::vector<float> grad_x(x.size()), grad_weight(weight.size());
  std::vector<double> exact_x(x.size()), exact_weight(weight.size());
  naive::for_each_product(layer.g, [&](std::size_t xi, std::size_t wi, std::size_t yi) {
    exact_x[xi] += weight[wi] * static_cast<double>(layer.grad_y[yi]);
    exact_weight[wi] += x[xi] * static_cast<double>(layer.grad_y[yi]);
  });
  const std::vector<double> y =
      naive::conv2d<double>(layer.g, x, weight, std::vector<double>(layer.bias.begin(), layer.bias.end()));
  const auto to_float = [](const std::vector<double>& v) { return std::vector<float>(v.begin(), v.end()); };
  check_close(on_one[0], to_float(y), 2e-6);
  check_close(on_one[1], to_float(exact_x), 2e-6);
  check_close(on_one[2], to_float(exact_weight), 2e-6);
}

TEST_CASE("conv2d: a kernel of ones over a picture of ones counts the pixels in the window", "[ops]") {
  const xt::xtensor<float, 4> x = xt::ones<float>({1, 3, 3, 1}), weight = xt::ones<float>({1, 3, 3, 1});
  xt::xtensor<float, 4> y = xt::zeros<float>({1, 3, 3, 1});
  conv2d_forward(x, weight, std::span<const float>(), {1, 1, {1, 1, 1, 1}}, 1, y);
  CHECK(std::vector<float>(y.begin(), y.end()) == std::vector<float>{4, 6, 4, 6, 9, 6, 4, 6, 4});
}

TEST_CASE("conv2d: what does not fit is named", "[ops]") {
  std::vector<float> data(4096);
  const auto t = [&](const Extents& e) { return TensorView<float>(data.data(), e); };
  const std::vector<float> none, three(3);
  CHECK_THROWS_WITH(conv2d_forward(t({1, 4, 4}), t({2, 3, 3, 4}), none, {}, 1, t({1, 2, 2, 2})),
                    "conv2d_forward: x: expected rank 4, got extents [1, 4, 4]");
  CHECK_THROWS_WITH(conv2d_forward(t({1, 4, 4, 3}), t({2, 3, 3, 4}), none, {}, 1, t({1, 2, 2, 2})),
                    "conv2d_forward: weight: expected extents [2, 3, 3, 3], got [2, 3, 3, 4]");
  CHECK_THROWS_WITH(conv2d_forward(t({1, 4, 4, 3}), t({2, 3, 3, 3}), three, {}, 1, t({1, 2, 2, 2})),
                    "conv2d_forward: bias: expected extents [2], got [3]");
  CHECK_THROWS_WITH(conv2d_forward(t({1, 4, 4, 3}), t({2, 3, 3, 3}), none, {}, 1, t({1, 2, 3, 2})),
                    "conv2d_forward: y: expected extents [1, 2, 2, 2], got [1, 2, 3, 2]");
  CHECK_THROWS_AS(conv2d_forward(t({1, 4, 4, 3}), t({2, 3, 3, 3}), none, {}, 2, t({1, 2, 2, 2})), shape_error);
  CHECK_THROWS_AS(conv2d_forward(t({1, 4, 4, 3}), t({2, 5, 5, 3}), none, {}, 1, t({1, 2, 2, 2})), shape_error);
  CHECK_THROWS_AS(conv2d_backward_input(t({1, 3, 2, 2}), t({2, 3, 3, 3}), {}, 1, t({1, 4, 4, 3})), shape_error);
  CHECK_THROWS_AS(conv2d_backward_weight(t({1, 2, 2, 2}), t({1, 4, 4, 3}), {}, 1, t({2, 3, 3, 2})), shape_error);
  CHECK_THROWS_AS(bias_backward(t({1, 2, 2, 2}), data), shape_error);
}
