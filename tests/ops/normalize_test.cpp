#include <catch.hpp>
#include <cmath>
#include <gradient_check.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/ops/normalize.hpp>

using namespace trimtab;

namespace {

struct Job {
  NormShape shape;
  Extents x;
};

const std::vector<Job> jobs{
    {NormShape::of_channels({2, 3, 5, 7}), {2, 3, 5, 7}}, {NormShape::of_groups({2, 3, 5, 6}, 2), {2, 3, 5, 6}},
    {NormShape::of_groups({2, 4, 6}, 1), {2, 4, 6}},      {NormShape::of_last({2, 3, 7}, 1), {2, 3, 7}},
    {NormShape::of_last({2, 3, 5}, 2), {2, 3, 5}},        {NormShape::of_channels({2, 5, 1}), {2, 5, 1}},
    {NormShape::of_channels({1, 9, 2}), {1, 9, 2}},       {NormShape::of_channels({3, 1}), {3, 1}},
    {NormShape::of_channels({0, 4, 3}), {0, 4, 3}},
};

/// y of one element by the formula, statistics taken anew.
double naive_norm(const NormShape& s, const std::vector<double>& x, const std::vector<double>& gamma,
                  const std::vector<double>& beta, double epsilon, std::size_t i) {
  const std::size_t c = i % s.channels(), group = c / s.width, n = i / (s.pixels * s.channels());
  double mean = 0, variance = 0;
  for (const bool second : {false, true})
    for (std::size_t p = 0; p < s.pixels; ++p)
      for (std::size_t w = 0; w < s.width; ++w) {
        const double v = x[(n * s.pixels + p) * s.channels() + group * s.width + w];
        (second ? variance : mean) += (second ? (v - mean) * (v - mean) : v) / double(s.group_size());
      }
  return gamma[c] * (x[i] - mean) / std::sqrt(variance + epsilon) + beta[c];
}

}  // namespace

TEST_CASE("norm: instance, group and layer norm and their gradients", "[ops]") {
  for (const Job& job : jobs) {
    CAPTURE(job.x, job.shape.groups, job.shape.width);
    auto x = gradient::random_values(element_count(job.x), 1);
    auto gamma = gradient::random_values(job.shape.channels(), 2), beta = gradient::random_values(job.shape.channels(), 3);
    const auto w = gradient::random_values(x.size(), 4);
    std::vector<double> y(x.size());
    NormCache<double> cache;
    const TensorView<double> xv(x.data(), job.x), yv(y.data(), job.x);
    const auto loss = [&] {
      norm_forward(xv, job.shape, gamma, beta, 0.01, yv, cache);
      return gradient::dot(y, w);
    };
    loss();
    for (std::size_t i = 0; i < y.size(); ++i) REQUIRE(y[i] == Approx(naive_norm(job.shape, x, gamma, beta, 0.01, i)));
    std::vector<double> gx(x.size(), 1.0), gg(gamma.size(), 2.0), gb(beta.size(), 3.0);
    norm_backward(TensorView<const double>(w.data(), job.x), xv, job.shape, gamma, cache, TensorView<double>(gx.data(), job.x),
                  gg, gb);
    for (double& v : gx) v -= 1;
    for (double& v : gg) v -= 2;
    for (double& v : gb) v -= 3;
    gradient::check(x, gx, loss);
    gradient::check(gamma, gg, loss);
    gradient::check(beta, gb, loss);
  }
}

TEST_CASE("norm: the same bits on 1 and 3 threads", "[ops]") {
  const Extents e{2, 90, 61, 32};
  const NormShape shape = GENERATE_COPY(NormShape::of_channels(e), NormShape::of_groups(e, 4), NormShape::of_last(e, 1));
  const auto x = gradient::random_values<float>(element_count(e), 1), w = gradient::random_values<float>(x.size(), 2);
  const std::vector<float> gamma(32, 1.5F), beta(32, 0.5F);
  std::vector<float> y[2], gx[2], gg[2], gb[2];
  for (int t = 0; t < 2; ++t) {
    const ScopedThreads scope(t == 0 ? 1 : 3);
    y[t].resize(x.size()), gx[t].resize(x.size()), gg[t].resize(32), gb[t].resize(32);
    NormCache<float> cache;
    norm_forward(x, shape, gamma, beta, 1e-5F, y[t], cache);
    norm_backward(w, x, shape, gamma, cache, gx[t], gg[t], gb[t]);
  }
  CHECK(y[0] == y[1]);
  CHECK(gx[0] == gx[1]);
  CHECK(gg[0] == gg[1]);
  CHECK(gb[0] == gb[1]);
}

TEST_CASE("l2_normalize: both kinds of epsilon along any axis, and their gradients", "[ops]") {
  const L2Epsilon kind = GENERATE(L2Epsilon::at_least, L2Epsilon::added);
  const std::size_t axis = GENERATE(1U, 2U, 3U);
  const double epsilon = GENERATE(0.0, 0.1, 3.0);  // the last is above some of the norms
  const Extents e{2, 3, 4, 5};
  CAPTURE(axis, epsilon);
  auto x = gradient::random_values(element_count(e), 1);
  const auto w = gradient::random_values(x.size(), 2);
  std::vector<double> y(x.size()), gx(x.size(), 1.0);
  const TensorView<double> xv(x.data(), e), yv(y.data(), e);
  const auto loss = [&] {
    l2_normalize_forward(xv, axis, epsilon, kind, yv);
    return gradient::dot(y, w);
  };
  loss();
  std::size_t inner = 1;
  for (std::size_t a = axis + 1; a < 4; ++a) inner *= e[a];
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t first = i / (inner * e[axis]) * inner * e[axis] + i % inner;
    double sum = 0;
    for (std::size_t k = 0; k < e[axis]; ++k) sum += x[first + k * inner] * x[first + k * inner];
    REQUIRE(y[i] == Approx(x[i] / (kind == L2Epsilon::added ? std::sqrt(sum + epsilon) : std::max(std::sqrt(sum), epsilon))));
  }
  l2_normalize_backward(TensorView<const double>(w.data(), e), xv, axis, epsilon, kind, TensorView<double>(gx.data(), e));
  for (double& v : gx) v -= 1;
  gradient::check(x, gx, loss);
}

TEST_CASE("l2_normalize: a vector of zeros stays one", "[ops]") {
  const std::vector<float> x(4), w(4, 1.0F);
  std::vector<float> y(4, 9.0F), gx(4);
  const TensorView<const float> xv(x.data(), {1, 4}), wv(w.data(), {1, 4});
  l2_normalize_forward(xv, 1, 0.0F, L2Epsilon::at_least, TensorView<float>(y.data(), {1, 4}));
  l2_normalize_backward(wv, xv, 1, 0.0F, L2Epsilon::at_least, TensorView<float>(gx.data(), {1, 4}));
  CHECK(y == x);
  CHECK(gx == x);
}

TEST_CASE("local_response: windows of odd and even size, and the gradient", "[ops]") {
  const std::size_t size = GENERATE(1U, 2U, 5U, 20U);
  const std::size_t channels = 7;
  const LocalResponse<double> l{size, 0.3, 0.75, 1.5};
  auto x = gradient::random_values(6 * channels, 1);
  const auto w = gradient::random_values(x.size(), 2);
  const Extents e{2, 3, channels};
  std::vector<double> y(x.size()), gx(x.size(), 1.0);
  const TensorView<double> xv(x.data(), e), yv(y.data(), e);
  const auto loss = [&] {
    local_response_forward(xv, l, yv);
    return gradient::dot(y, w);
  };
  loss();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto c = static_cast<int>(i % channels), s = static_cast<int>(size);
    double sum = 0;
    for (int j = c - (s - 1) / 2; j <= c + s / 2; ++j)
      if (j >= 0 && j < int(channels)) sum += std::pow(x[i / channels * channels + std::size_t(j)], 2);
    REQUIRE(y[i] == Approx(x[i] / std::pow(1.5 + 0.3 / double(size) * sum, 0.75)));
  }
  local_response_backward(TensorView<const double>(w.data(), e), xv, l, TensorView<double>(gx.data(), e));
  for (double& v : gx) v -= 1;
  gradient::check(x, gx, loss);
}

TEST_CASE("normalize: what does not fit is named", "[ops]") {
  std::vector<float> data(64), four(4);
  NormCache<float> cache;
  CHECK_THROWS_WITH(NormShape::of_groups({2, 5, 6}, 4), "NormShape: 4 groups do not divide the 6 channels of extents [2, 5, 6]");
  CHECK_THROWS_WITH(NormShape::of_last({2, 5}, 2), "NormShape: the last 2 axes of extents [2, 5]: expected 1 .. rank - 1");
  CHECK_THROWS_AS(NormShape::of_channels({2, 0, 6}), shape_error);
  CHECK_THROWS_AS(NormShape::of_channels({2}), shape_error);
  const NormShape shape = NormShape::of_channels({4, 4, 4});
  CHECK_THROWS_AS(norm_forward(four, shape, four, four, 0.1F, data, cache), shape_error);
  CHECK_THROWS_AS(norm_forward(data, shape, data, data, 0.1F, data, cache), shape_error);
  CHECK_THROWS_AS(norm_forward(data, shape, four, four, -0.1F, data, cache), value_error);
  CHECK_THROWS_AS(norm_backward(data, data, shape, four, cache, data, four, four), shape_error);
  CHECK_THROWS_AS(l2_normalize_forward(four, 0, 0.1F, L2Epsilon::added, four), shape_error);
  CHECK_THROWS_AS(local_response_forward(four, {0, 1, 1, 1}, four), value_error);
}
