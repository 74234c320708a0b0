#include <array>
#include <catch.hpp>
#include <gradient_check.hpp>
#include <ostream>
#include <span>
#include <trimtab/ops/bias.hpp>
#include <trimtab/ops/conv_transpose2d.hpp>

using namespace trimtab;
using gradient::random_values;

namespace {

struct Shape {
  const char* why;
  Extents x;
  std::size_t out_c, kernel_h, kernel_w;
  WindowOptions options = {};
  OutputPadding more = {};
  std::size_t groups = 1;

  Extents weight() const { return {out_c, kernel_h, kernel_w, x[3] / groups}; }
  Extents y() const {
    const Padding& p = options.padding;
    return {x[0], (x[1] - 1) * options.stride_h + options.dilation_h * (kernel_h - 1) + 1 + more.h - p.top - p.bottom,
            (x[2] - 1) * options.stride_w + options.dilation_w * (kernel_w - 1) + 1 + more.w - p.left - p.right, out_c};
  }
};
std::ostream& operator<<(std::ostream& out, const Shape& s) { return out << s.why; }

const Shape shapes[] = {
    {"one pixel", {1, 1, 1, 1}, 1, 1, 1},
    {"pointwise", {3, 3, 4, 5}, 3, 1, 1},
    {"pointwise, groups", {2, 3, 2, 6}, 4, 1, 1, {}, {}, 2},
    {"pointwise, more rows and columns", {2, 3, 2, 3}, 4, 1, 1, {}, {1, 2}},
    {"1x1, stride 3", {2, 3, 4, 3}, 2, 1, 1, {3, 3}},
    {"1x1, cropped", {1, 3, 4, 2}, 3, 1, 1, {1, 1, {1, 0, 0, 2}}},
    {"2x2, stride 2", {2, 4, 3, 2}, 3, 2, 2, {2, 2}},
    {"3x3, stride 2, as large as twice", {2, 3, 5, 3}, 4, 3, 3, {2, 2, {1, 1, 1, 1}}, {1, 1}},
    {"3x3, stride 2, lopsided", {1, 3, 4, 2}, 2, 3, 3, {2, 2, {0, 2, 1, 0}}},
    {"4x4, stride 2, groups", {1, 4, 3, 6}, 4, 4, 4, {2, 2, {1, 1, 1, 1}}, {}, 2},
    {"3x2, strides 1 and 3", {2, 3, 3, 2}, 2, 3, 2, {1, 3, {2, 0, 0, 1}}},
    {"3x3, dilation 2 and 3, stride 2", {1, 4, 3, 2}, 2, 3, 3, {2, 2, {1, 2, 0, 3}, 2, 3}},
    {"one group a channel", {1, 3, 3, 3}, 6, 3, 3, {2, 2, {1, 1, 1, 1}}, {}, 3},
    {"more than a stride", {1, 2, 3, 2}, 2, 2, 2, {2, 2}, {3, 2}},
    {"cropped to one pixel", {1, 2, 2, 2}, 2, 3, 3, {2, 2, {2, 4, 2, 0}}},
    {"no pictures", {0, 4, 4, 3}, 2, 3, 3, {2, 2}},
    {"one picture in bands", {1, 20, 9, 4}, 3, 3, 3, {2, 2, {1, 1, 1, 1}}},
};

/// Calls visit(x offset, weight offset, y offset) for each multiplication.
template <class Visit>
void for_each_product(const Shape& s, const Visit& visit) {
  const Extents y = s.y();
  const WindowOptions& o = s.options;
  const std::size_t in = s.x[3] / s.groups, out = s.out_c / s.groups;
  for (std::size_t n = 0; n < s.x[0]; ++n)
    for (std::size_t ih = 0; ih < s.x[1]; ++ih)
      for (std::size_t iw = 0; iw < s.x[2]; ++iw)
        for (std::size_t kh = 0; kh < s.kernel_h; ++kh)
          for (std::size_t kw = 0; kw < s.kernel_w; ++kw) {
            const std::size_t oh = ih * o.stride_h + kh * o.dilation_h - o.padding.top;  // wraps outside
            const std::size_t ow = iw * o.stride_w + kw * o.dilation_w - o.padding.left;
            if (oh >= y[1] || ow >= y[2]) continue;
            for (std::size_t f = 0; f < s.out_c; ++f)
              for (std::size_t i = 0; i < in; ++i)
                visit(((n * s.x[1] + ih) * s.x[2] + iw) * s.x[3] + f / out * in + i,
                      ((f * s.kernel_h + kh) * s.kernel_w + kw) * in + i, ((n * y[1] + oh) * y[2] + ow) * s.out_c + f);
          }
}

struct Layer {
  explicit Layer(const Shape& shape)
      : s(shape),
        x(random_values(element_count(s.x), 1)),
        weight(random_values(element_count(s.weight()), 2)),
        bias(random_values(s.out_c, 3)),
        grad_y(random_values(element_count(s.y()), 4)) {}

  std::vector<double> forward() const {
    std::vector<double> y(grad_y.size(), 7.0);
    conv_transpose2d_forward(TensorView<const double>(x.data(), s.x), TensorView<const double>(weight.data(), s.weight()), bias,
                             s.options, s.more, s.groups, TensorView<double>(y.data(), s.y()));
    return y;
  }
  std::vector<double> grad_x(double before, GradientMode mode = GradientMode::add) const {
    std::vector<double> grad(x.size(), before);
    conv_transpose2d_backward_input(TensorView<const double>(grad_y.data(), s.y()),
                                    TensorView<const double>(weight.data(), s.weight()), s.options, s.more, s.groups,
                                    TensorView<double>(grad.data(), s.x), mode);
    return grad;
  }
  std::vector<double> grad_weight(double before) const {
    std::vector<double> grad(weight.size(), before);
    conv_transpose2d_backward_weight(TensorView<const double>(grad_y.data(), s.y()), TensorView<const double>(x.data(), s.x),
                                     s.options, s.more, s.groups, TensorView<double>(grad.data(), s.weight()));
    return grad;
  }

  Shape s;
  std::vector<double> x, weight, bias, grad_y;
};

void check_close(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  CHECK(worst <= 1e-12);
}

}  // namespace

TEST_CASE("conv_transpose2d: forward and both gradients equal the definition on any number of threads", "[ops]") {
  const Shape& s = GENERATE(from_range(std::begin(shapes), std::end(shapes)));
  CAPTURE(s);
  const Layer layer(s);
  std::vector<double> y(layer.grad_y.size()), grad_x(layer.x.size(), 0.5), grad_weight(layer.weight.size(), 0.25);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = layer.bias[i % s.out_c];
  for_each_product(s, [&](std::size_t xi, std::size_t wi, std::size_t yi) {
    y[yi] += layer.x[xi] * layer.weight[wi];
    grad_x[xi] += layer.weight[wi] * layer.grad_y[yi];
    grad_weight[wi] += layer.x[xi] * layer.grad_y[yi];
  });
  const auto all = [&] { return std::array{layer.forward(), layer.grad_x(0.5), layer.grad_weight(0.25)}; };
  const ScopedThreads one(1);
  const auto of_one = all();
  check_close(of_one[0], y);
  check_close(of_one[1], grad_x);
  check_close(of_one[2], grad_weight);
  for (double& g : grad_x) g -= 0.5;
  check_close(layer.grad_x(3.0, GradientMode::assign), grad_x);
  const ScopedThreads three(3);
  CHECK(all() == of_one);
}

TEST_CASE("conv_transpose2d: gradients equal central differences", "[ops]") {
  const Shape& s = GENERATE(from_range(std::begin(shapes), std::end(shapes)));
  CAPTURE(s);
  Layer layer(s);
  const auto loss = [&] { return gradient::dot(layer.forward(), layer.grad_y); };
  gradient::check(layer.x, layer.grad_x(0), loss);
  gradient::check(layer.weight, layer.grad_weight(0), loss);
  std::vector<double> grad_bias(layer.bias.size());
  bias_backward(TensorView<const double>(layer.grad_y.data(), s.y()), grad_bias);
  gradient::check(layer.bias, grad_bias, loss);
}

TEST_CASE("conv_transpose2d: a pixel spreads its kernel, and neighbours add up", "[ops]") {
  const std::vector<float> x{1, 10}, weight{1, 2, 3}, none;
  std::vector<float> y(5);
  conv_transpose2d_forward(TensorView<const float>(x.data(), {1, 1, 2, 1}), TensorView<const float>(weight.data(), {1, 1, 3, 1}),
                           none, {1, 2}, {}, 1, TensorView<float>(y.data(), {1, 1, 5, 1}));
  CHECK(y == std::vector<float>{1, 2, 13, 20, 30});
}

TEST_CASE("conv_transpose2d: what does not fit is named", "[ops]") {
  std::vector<float> data(4096);
  const auto t = [&](const Extents& e) { return TensorView<float>(data.data(), e); };
  const std::vector<float> none, three(3);
  const auto forward = [&](const Extents& x, const Extents& w, const WindowOptions& o, const Extents& y, std::size_t groups = 1) {
    conv_transpose2d_forward(t(x), t(w), none, o, {}, groups, t(y));
  };
  CHECK_THROWS_WITH(forward({1, 4, 4, 3}, {2, 3, 3, 4}, {}, {1, 6, 6, 2}),
                    "conv_transpose2d_forward: weight: expected extents [2, 3, 3, 3], got [2, 3, 3, 4]");
  CHECK_THROWS_WITH(forward({1, 4, 4, 3}, {2, 3, 3, 3}, {}, {1, 4, 6, 2}),
                    "conv_transpose2d_forward: y: expected extents [1, 6, 6, 2], got [1, 4, 6, 2]");
  CHECK_THROWS_WITH(forward({1, 1, 1, 3}, {2, 3, 3, 3}, {1, 1, {2, 0, 1, 0}}, {1, 1, 1, 2}),
                    "conv_transpose2d_forward: weight: padding 2 + 1 leaves nothing of 3");
  CHECK_THROWS_AS(forward({1, 4, 4, 3}, {2, 3, 3, 3}, {}, {1, 6, 6, 2}, 2), shape_error);
  CHECK_THROWS_AS(forward({1, 0, 4, 3}, {2, 3, 3, 3}, {}, {1, 2, 6, 2}), shape_error);
  CHECK_THROWS_AS(forward({1, 4, 4, 3}, {2, 3, 3, 3}, {0, 1}, {1, 6, 6, 2}), shape_error);
  CHECK_THROWS_AS(forward({1, 4, 4, 3}, {2, 3, 3, 3}, {std::size_t{1} << 40, 1}, {1, 6, 6, 2}), shape_error);
  CHECK_THROWS_AS(forward({1, 4, 4}, {2, 3, 3, 3}, {}, {1, 6, 6, 2}), shape_error);
  CHECK_THROWS_AS(conv_transpose2d_forward(t({1, 4, 4, 3}), t({2, 3, 3, 3}), three, {}, {}, 1, t({1, 6, 6, 2})), shape_error);
  CHECK_THROWS_AS(conv_transpose2d_backward_input(t({1, 5, 6, 2}), t({2, 3, 3, 3}), {}, {}, 1, t({1, 4, 4, 3})), shape_error);
  CHECK_THROWS_AS(conv_transpose2d_backward_weight(t({1, 6, 6, 2}), t({1, 4, 4, 3}), {}, {}, 1, t({2, 3, 3, 2})), shape_error);
}
