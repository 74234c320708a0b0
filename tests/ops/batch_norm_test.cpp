#include <array>
#include <catch.hpp>
#include <gradient_check.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/ops/batch_norm.hpp>

using namespace trimtab;
using gradient::random_values;

namespace {

template <class Real>
struct Layer {
  explicit Layer(const Extents& e)
      : extent(e),
        x(random_values<Real>(element_count(e), 1)),
        gamma(random_values<Real>(e.back(), 2)),
        beta(random_values<Real>(e.back(), 3)),
        grad_y(random_values<Real>(element_count(e), 4)),
        running_mean(e.back(), Real(2)),
        running_variance(e.back(), Real(4)) {}

  std::vector<Real> forward() {
    std::vector<Real> y(x.size());
    batch_norm_train_forward(TensorView<const Real>(x.data(), extent), gamma, beta, Real(1e-3), Real(0.1), running_mean,
                             running_variance, TensorView<Real>(y.data(), extent), cache);
    return y;
  }
  /// Gradients of x, gamma and beta after a forward.
  std::array<std::vector<Real>, 3> backward(Real before = 0) {
    forward();
    std::array grads{std::vector<Real>(x.size(), before), std::vector<Real>(gamma.size(), before),
                     std::vector<Real>(beta.size(), before)};
    batch_norm_backward(TensorView<const Real>(grad_y.data(), extent), TensorView<const Real>(x.data(), extent), gamma, cache,
                        TensorView<Real>(grads[0].data(), extent), grads[1], grads[2]);
    return grads;
  }

  Extents extent;
  std::vector<Real> x, gamma, beta, grad_y, running_mean, running_variance;
  BatchNormCache<Real> cache;
};

}  // namespace

TEST_CASE("batch_norm: with running statistics, by hand", "[ops]") {
  const std::vector<double> gamma{2, 1}, beta{1, 0}, mean{1, -1}, variance{3.75, 0.75};
  const std::vector<double> x{1, -1, 3, 1};
  std::vector<double> y(4);
  const Extents e{1, 2, 1, 2};
  batch_norm_forward(TensorView<const double>(x.data(), e), gamma, beta, mean, variance, 0.25, TensorView<double>(y.data(), e));
  CHECK(y == std::vector<double>{1, 0, 3, 2});
}

TEST_CASE("batch_norm: training normalises by the biased variance and keeps the unbiased one", "[ops]") {
  Layer<double> layer({2, 1, 2, 1});
  layer.x = {1, 2, 3, 6};  // mean 3, squares about it 4 + 1 + 0 + 9
  layer.gamma = {2};
  layer.beta = {-1};
  const std::vector<double> y = layer.forward();
  for (std::size_t i = 0; i < 4; ++i) CHECK(y[i] == Approx(2 * (layer.x[i] - 3) / std::sqrt(3.5 + 1e-3) - 1));
  CHECK(layer.running_mean[0] == Approx(0.9 * 2 + 0.1 * 3));
  CHECK(layer.running_variance[0] == Approx(0.9 * 4 + 0.1 * 14.0 / 3));
}

TEST_CASE("batch_norm: gradients equal central differences", "[ops]") {
  const Extents extent =
      GENERATE(Extents{2, 1, 1, 1}, Extents{1, 3, 2, 4}, Extents{3, 2, 2, 5}, Extents{5, 3}, Extents{1, 1, 1, 3});
  CAPTURE(extent);
  Layer<double> layer(extent);
  const auto [grad_x, grad_gamma, grad_beta] = layer.backward();
  const auto loss = [&] { return gradient::dot(layer.forward(), layer.grad_y); };
  gradient::check(layer.x, grad_x, loss, 1e-5, 2e-5);
  gradient::check(layer.gamma, grad_gamma, loss);
  gradient::check(layer.beta, grad_beta, loss);
  const auto added = layer.backward(3);
  CHECK(added[0][0] == Approx(grad_x[0] + 3));
  CHECK(added[1][0] == Approx(grad_gamma[0] + 3));
  CHECK(added[2][0] == Approx(grad_beta[0] + 3));
}

TEST_CASE("batch_norm: an empty batch changes nothing, one pixel a channel gives beta", "[ops]") {
  Layer<float> empty({0, 4, 4, 3});
  CHECK(empty.backward()[1] == std::vector<float>(3));
  CHECK(empty.running_mean == std::vector<float>(3, 2.0F));
  CHECK(empty.running_variance == std::vector<float>(3, 4.0F));
  Layer<float> one({1, 1, 1, 3});
  CHECK(one.forward() == one.beta);
}

TEST_CASE("batch_norm: no result depends on the threads, a large mean costs no digits", "[ops]") {
  Layer<float> layer({3, 40, 41, 24});
  for (float& v : layer.x) v += 1000;
  const auto all = [&] {
    layer.running_mean.assign(24, 0);
    layer.running_variance.assign(24, 1);
    const auto grads = layer.backward();
    return std::array{layer.forward(), grads[0], grads[1], grads[2], layer.running_mean, layer.running_variance};
  };
  std::array<std::vector<float>, 6> on_one;
  {
    const ScopedThreads one(1);
    on_one = all();
  }
  for (const int t : {2, 3}) {
    const ScopedThreads several(t);
    CHECK(all() == on_one);
  }
  for (const float s : layer.cache.inv_std) CHECK(s == Approx(1).epsilon(0.05));
}

TEST_CASE("batch_norm: what does not fit is named", "[ops]") {
  std::vector<float> data(24), two(2), three(3);
  const auto t = [&](const Extents& e) { return TensorView<float>(data.data(), e); };
  CHECK_THROWS_WITH(batch_norm_forward(t({2, 4, 3}), three, two, three, three, 1e-3F, t({2, 4, 3})),
                    "batch_norm_forward: beta: expected extents [3], got [2]");
  CHECK_THROWS_WITH(batch_norm_forward(t({2, 4, 3}), three, three, three, three, 1e-3F, t({2, 3, 4})),
                    "batch_norm_forward: y: expected extents [2, 4, 3], got [2, 3, 4]");
  CHECK_THROWS_AS(batch_norm_forward(t({2, 4, 3}), three, three, three, three, -1.0F, t({2, 4, 3})), value_error);
  BatchNormCache<float> cache;
  CHECK_THROWS_AS(batch_norm_train_forward(t({2, 4, 3}), three, three, 1e-3F, 2.0F, three, three, t({2, 4, 3}), cache),
                  value_error);
  CHECK_THROWS_WITH(batch_norm_backward(t({2, 4, 3}), t({2, 4, 3}), three, cache, t({2, 4, 3}), three, three),
                    "batch_norm_backward: a cache of 0 channels for extents [2, 4, 3]");
}
