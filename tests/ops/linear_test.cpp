#include <array>
#include <catch.hpp>
#include <gradient_check.hpp>
#include <trimtab/core/adapt_eigen.hpp>
#include <trimtab/ops/bias.hpp>
#include <trimtab/ops/linear.hpp>

using namespace trimtab;
using gradient::random_values;

namespace {

template <class Real>
struct Layer {
  Layer(std::size_t rows_, std::size_t inputs_, std::size_t outputs_)
      : rows(rows_),
        inputs(inputs_),
        outputs(outputs_),
        x(random_values<Real>(rows_ * inputs_, 1)),
        weight(random_values<Real>(outputs_ * inputs_, 2)),
        bias(random_values<Real>(outputs_, 3)),
        grad_y(random_values<Real>(rows_ * outputs_, 4)) {}

  TensorView<const Real> gradients() const { return {grad_y.data(), {rows, outputs}}; }
  TensorView<const Real> weights() const { return {weight.data(), {outputs, inputs}}; }
  TensorView<const Real> input() const { return {x.data(), {rows, inputs}}; }

  std::vector<Real> forward() const {
    std::vector<Real> y(rows * outputs, Real(7));
    linear_forward(input(), weights(), bias, TensorView<Real>(y.data(), {rows, outputs}));
    return y;
  }
  std::vector<Real> grad_x(Real before = 0) const {
    std::vector<Real> grad(x.size(), before);
    linear_backward_input(gradients(), weights(), TensorView<Real>(grad.data(), {rows, inputs}));
    return grad;
  }
  std::vector<Real> grad_weight(Real before = 0) const {
    std::vector<Real> grad(weight.size(), before);
    linear_backward_weight(gradients(), input(), TensorView<Real>(grad.data(), {outputs, inputs}));
    return grad;
  }

  std::size_t rows, inputs, outputs;
  std::vector<Real> x, weight, bias, grad_y;
};

}  // namespace

TEST_CASE("linear: gradients equal central differences and are added", "[ops]") {
  const auto [rows, inputs, outputs] =
      GENERATE(table<std::size_t, std::size_t, std::size_t>({{1, 1, 1}, {1, 7, 3}, {3, 4, 5}, {0, 4, 5}, {30, 2, 3}}));
  CAPTURE(rows, inputs, outputs);
  Layer<double> layer(rows, inputs, outputs);
  const auto loss = [&] { return gradient::dot(layer.forward(), layer.grad_y); };
  gradient::check(layer.x, layer.grad_x(), loss);
  gradient::check(layer.weight, layer.grad_weight(), loss);
  std::vector<double> grad_bias(outputs);
  bias_backward(layer.gradients(), grad_bias);
  gradient::check(layer.bias, grad_bias, loss);

  const std::vector<double> once = layer.grad_weight(), twice = layer.grad_weight(10);
  for (std::size_t i = 0; i < once.size(); ++i) CHECK(twice[i] == Approx(once[i] + 10));
}

TEST_CASE("linear: a sum by hand, with and without bias, in Eigen's row-major matrices", "[ops]") {
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Matrix x(1, 2), weight(2, 2), y(1, 2);
  x << 1, 2;
  weight << 3, 4, 5, 6;
  const Eigen::VectorXf bias = Eigen::VectorXf::Constant(2, 100);
  linear_forward(x, weight, bias, y);
  CHECK(y(0, 0) == 111);
  CHECK(y(0, 1) == 117);
  linear_forward(x, weight, std::vector<float>(), y);
  CHECK(y(0, 0) == 11);
  CHECK(y(0, 1) == 17);
}

TEST_CASE("linear: large layers do not depend on the threads", "[ops]") {
  const auto [rows, inputs, outputs] =
      GENERATE(table<std::size_t, std::size_t, std::size_t>({{8, 640, 500}, {1500, 24, 40}, {1, 300, 1000}}));
  CAPTURE(rows, inputs, outputs);
  const Layer<float> layer(rows, inputs, outputs);
  const auto all = [&] {
    std::vector<float> grad_bias(layer.outputs);
    bias_backward(layer.gradients(), grad_bias);
    return std::array{layer.forward(), layer.grad_x(), layer.grad_weight(), grad_bias};
  };
  std::array<std::vector<float>, 4> on_one;
  {
    const ScopedThreads one(1);
    on_one = all();
  }
  for (const int t : {2, 3}) {
    const ScopedThreads several(t);
    CHECK(all() == on_one);
  }
  double worst = 0;
  for (std::size_t n = 0; n < layer.rows; ++n)
    for (std::size_t o = 0; o < layer.outputs; ++o) {
      double y = static_cast<double>(layer.bias[o]);
      for (std::size_t i = 0; i < layer.inputs; ++i)
        y += static_cast<double>(layer.x[n * layer.inputs + i]) * static_cast<double>(layer.weight[o * layer.inputs + i]);
      worst = std::max(worst, std::abs(y - static_cast<double>(on_one[0][n * layer.outputs + o])));
    }
  CHECK(worst < 1e-4);
}

TEST_CASE("linear: what does not fit is named", "[ops]") {
  std::vector<float> data(64);
  const auto t = [&](const Extents& e) { return TensorView<float>(data.data(), e); };
  const std::vector<float> none, two(2);
  CHECK_THROWS_WITH(linear_forward(t({2, 3}), t({4, 5}), none, t({2, 4})),
                    "linear_forward: expected N I, O I and N O, got [2, 3], [4, 5] and [2, 4]");
  CHECK_THROWS_WITH(linear_forward(t({2, 3}), t({4, 3}), two, t({2, 4})), "linear_forward: bias: expected extents [4], got [2]");
  CHECK_THROWS_AS(linear_forward(t({6}), t({4, 3}), none, t({2, 4})), shape_error);
  CHECK_THROWS_AS(linear_backward_input(t({2, 4}), t({4, 3}), t({2, 4})), shape_error);
  CHECK_THROWS_AS(linear_backward_weight(t({2, 4}), t({3, 3}), t({4, 3})), shape_error);
  Eigen::MatrixXf column_major(4, 3);
  CHECK_THROWS_AS(linear_forward(t({2, 3}), column_major, none, t({2, 4})), shape_error);
}
