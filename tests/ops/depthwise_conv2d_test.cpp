#include <array>
#include <catch.hpp>
#include <gradient_check.hpp>
#include <naive_conv.hpp>
#include <ostream>
#include <trimtab/ops/bias.hpp>
#include <trimtab/ops/depthwise_conv2d.hpp>

using namespace trimtab;
using gradient::random_values;

namespace {

struct Shape {
  const char* why;
  Extents x;
  std::size_t kernel_h, kernel_w;
  WindowOptions options = {};

  /// Of the convolution with one group a channel that it equals.
  WindowGeometry geometry() const { return window_geometry(x, kernel_h, kernel_w, x[3], options, x[3], "test"); }
  Extents weight() const { return {kernel_h, kernel_w, x[3]}; }
};
std::ostream& operator<<(std::ostream& out, const Shape& s) { return out << s.why; }

template <class Real>
struct Layer {
  explicit Layer(const Shape& s)
      : shape(s),
        g(s.geometry()),
        x(random_values<Real>(element_count(s.x), 1)),
        weight(random_values<Real>(element_count(s.weight()), 2)),
        bias(random_values<Real>(s.x[3], 3)),
        grad_y(random_values<Real>(element_count(g.output()), 4)) {}

  std::vector<Real> forward() const {
    std::vector<Real> y(element_count(g.output()), Real(7));
    depthwise_conv2d_forward(TensorView<const Real>(x.data(), shape.x), TensorView<const Real>(weight.data(), shape.weight()),
                             bias, shape.options, TensorView<Real>(y.data(), g.output()));
    return y;
  }
  /// Gradients on top of `before`.
  std::vector<Real> grad_x(Real before = 0) const {
    std::vector<Real> grad(x.size(), before);
    depthwise_conv2d_backward_input(TensorView<const Real>(grad_y.data(), g.output()),
                                    TensorView<const Real>(weight.data(), shape.weight()), shape.options,
                                    TensorView<Real>(grad.data(), shape.x));
    return grad;
  }
  std::vector<Real> grad_weight(Real before = 0) const {
    std::vector<Real> grad(weight.size(), before);
    depthwise_conv2d_backward_weight(TensorView<const Real>(grad_y.data(), g.output()), TensorView<const Real>(x.data(), shape.x),
                                     shape.options, TensorView<Real>(grad.data(), shape.weight()));
    return grad;
  }

  Shape shape;
  WindowGeometry g;
  std::vector<Real> x, weight, bias, grad_y;
};

template <class Real>
void check_close(const std::vector<Real>& a, const std::vector<double>& b, double tolerance) {
  REQUIRE(a.size() == b.size());
  double worst = 0, largest = 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  CHECK(worst <= tolerance * largest);
}

template <class Real>
void check_definition(const Layer<Real>& layer, double tolerance) {
  const std::size_t channels = layer.g.c;
  const std::vector<double> x(layer.x.begin(), layer.x.end());
  const std::vector<double> filters =
      naive::filters_of_depthwise(std::vector<double>(layer.weight.begin(), layer.weight.end()), channels);
  check_close(layer.forward(), naive::conv2d(layer.g, x, filters, std::vector<double>(layer.bias.begin(), layer.bias.end())),
              tolerance);
  std::vector<double> grad_x(x.size(), 0.5), grad_weight(filters.size(), 0.25);
  const std::size_t taps = layer.g.kernel_h * layer.g.kernel_w;
  naive::for_each_product(layer.g, [&](std::size_t xi, std::size_t wi, std::size_t yi) {
    grad_x[xi] += filters[wi] * static_cast<double>(layer.grad_y[yi]);
    grad_weight[wi % taps * channels + wi / taps] += x[xi] * static_cast<double>(layer.grad_y[yi]);
  });
  check_close(layer.grad_x(Real(0.5)), grad_x, tolerance);
  check_close(layer.grad_weight(Real(0.25)), grad_weight, tolerance);
}

const Shape shapes[] = {
    {"one pixel", {1, 1, 1, 1}, 1, 1},
    {"1x1", {2, 3, 2, 5}, 1, 1},
    {"2x2", {3, 4, 3, 3}, 2, 2},
    {"3x3, same; channels 16 + 4 + 1", {1, 4, 5, 21}, 3, 3, {1, 1, {1, 1, 1, 1}}},
    {"3x3, stride 2, padding below and right", {3, 6, 6, 4}, 3, 3, {2, 2, {0, 0, 1, 1}}},
    {"3x3, stride 2, a last column that nobody sees", {1, 5, 6, 2}, 3, 3, {2, 2, {}}},
    {"5x5, same", {1, 5, 6, 3}, 5, 5, {1, 1, {2, 2, 2, 2}}},
    {"5x5, stride 2", {1, 7, 7, 2}, 5, 5, {2, 2, {2, 2, 2, 2}}},
    {"3x2, strides 1 and 3, lopsided", {2, 5, 7, 2}, 3, 2, {1, 3, {2, 1, 0, 1}}},
    {"3x3, dilation 2 and 3", {1, 8, 9, 2}, 3, 3, {1, 1, {2, 3, 2, 3}, 2, 3}},
    {"3x3, dilation beyond the picture", {1, 2, 2, 2}, 3, 3, {1, 1, {4, 4, 4, 4}, 4, 4}},
    {"windows wholly in the padding", {1, 1, 2, 2}, 2, 2, {2, 2, {3, 3, 3, 3}}},
    {"no pictures", {0, 4, 4, 3}, 3, 3},
};

}  // namespace

TEST_CASE("depthwise_conv2d: forward and both gradients equal the definition", "[ops]") {
  const Shape& s = GENERATE(from_range(std::begin(shapes), std::end(shapes)));
  CAPTURE(s);
  check_definition(Layer<double>(s), 1e-13);
}

TEST_CASE("depthwise_conv2d: gradients equal central differences", "[ops]") {
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

TEST_CASE("depthwise_conv2d: floats over many rows stay near the definition and do not depend on the threads", "[ops]") {
  const Shape& s = GENERATE(from_range(std::to_array<Shape>({
      {"3x3, same", {2, 28, 30, 40}, 3, 3, {1, 1, {1, 1, 1, 1}}},
      {"5x5, stride 2", {3, 29, 28, 36}, 5, 5, {2, 2, {1, 1, 2, 2}}},
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
  check_definition(layer, 2e-6);
}

TEST_CASE("depthwise_conv2d: what does not fit is named", "[ops]") {
  std::vector<float> data(4096);
  const auto t = [&](const Extents& e) { return TensorView<float>(data.data(), e); };
  const std::vector<float> none, two(2);
  CHECK_THROWS_WITH(depthwise_conv2d_forward(t({1, 4, 4, 3}), t({3, 3, 4}), none, {}, t({1, 2, 2, 3})),
                    "depthwise_conv2d_forward: weight: expected extents [3, 3, 3], got [3, 3, 4]");
  CHECK_THROWS_WITH(depthwise_conv2d_forward(t({1, 4, 4, 3}), t({3, 3, 3}), two, {}, t({1, 2, 2, 3})),
                    "depthwise_conv2d_forward: bias: expected extents [3], got [2]");
  CHECK_THROWS_WITH(depthwise_conv2d_forward(t({1, 4, 4, 3}), t({3, 3, 3}), none, {}, t({1, 2, 2, 4})),
                    "depthwise_conv2d_forward: y: expected extents [1, 2, 2, 3], got [1, 2, 2, 4]");
  CHECK_THROWS_AS(depthwise_conv2d_backward_input(t({1, 2, 2, 4}), t({3, 3, 3}), {}, t({1, 4, 4, 3})), shape_error);
  CHECK_THROWS_AS(depthwise_conv2d_backward_weight(t({1, 2, 2, 3}), t({1, 4, 4, 3}), {}, t({3, 1, 3})), shape_error);
}
