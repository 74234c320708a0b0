#include <catch.hpp>
#include <cmath>
#include <gradient_check.hpp>
#include <limits>
#include <trimtab/core/adapt_eigen.hpp>
#include <trimtab/ops/activation.hpp>

using namespace trimtab;

namespace {
constexpr double infinity = std::numeric_limits<double>::infinity();
}

TEST_CASE("clip: values and gradients at, inside and outside each bound", "[ops]") {
  const std::vector<double> x{-1, -0.0, 0, 1, 6, std::nextafter(6.0, 7.0), 7, std::nan("")}, ones(x.size(), 1.0);
  std::vector<double> y(x.size()), grad(x.size(), 10.0);
  clip_forward(x, 0, 6, y);
  CHECK(y == std::vector<double>{0, 0, 0, 1, 6, 6, 6, 0});
  clip_backward(ones, x, 0, 6, grad);
  CHECK(grad == std::vector<double>{10, 11, 11, 11, 11, 10, 10, 10});
  clip_forward(x, 0, infinity, y);
  CHECK(y[6] == 7);
  std::vector<double> relu_grad(x.size());
  clip_backward(ones, x, 0, infinity, relu_grad);
  CHECK(relu_grad == std::vector<double>{0, 1, 1, 1, 1, 1, 1, 0});
}

TEST_CASE("clip: gradients equal central differences away from the bounds", "[ops]") {
  std::vector<double> x = gradient::random_values(500, 1), y(x.size());
  for (double& v : x)
    if (std::min(std::abs(v + 0.5), std::abs(v - 1)) < 1e-3) v = 0;
  const std::vector<double> grad_y = gradient::random_values(x.size(), 2);
  std::vector<double> grad(x.size());
  clip_backward(grad_y, x, -0.5, 1, grad);
  gradient::check(x, grad, [&] {
    clip_forward(x, -0.5, 1, y);
    return gradient::dot(y, grad_y);
  });
}

TEST_CASE("clip: in place, on several threads, over any dense layout", "[ops]") {
  Eigen::MatrixXf m = Eigen::MatrixXf::Random(301, 203);
  const Eigen::MatrixXf expected = m.cwiseMax(-0.25F).cwiseMin(0.5F);
  const ScopedThreads three(3);
  clip_forward(m, -0.25F, 0.5F, m);
  CHECK(m == expected);
  std::vector<float> none, empty;
  CHECK_NOTHROW(clip_forward(none, 0, 1, empty));
}

TEST_CASE("clip: what does not fit is named", "[ops]") {
  std::vector<float> four(4), five(5);
  CHECK_THROWS_WITH(clip_forward(four, 0, 6, five),
                    "clip_forward: x and y: extents [4], strides [1] differ from extents [5], strides [1]");
  CHECK_THROWS_WITH(clip_forward(four, 6, 0, four), "clip_forward: expected lo <= hi, got 6 and 0");
  CHECK_THROWS_AS(clip_forward(four, std::nanf(""), 0, four), value_error);
  CHECK_THROWS_AS(clip_backward(four, four, 0, 6, five), shape_error);
  Eigen::MatrixXf m(4, 4);
  auto block = m.block(0, 0, 2, 2);
  CHECK_THROWS_AS(clip_forward(block, 0, 6, block), shape_error);
}
