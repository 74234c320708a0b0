#include <catch.hpp>
#include <cmath>
#include <gradient_check.hpp>
#include <limits>
#include <numeric>
#include <trimtab/core/parallel.hpp>
#include <trimtab/ops/reduce.hpp>

using namespace trimtab;

namespace {

Extents reduced_extents(Extents x, const AxisList& axes) {
  for (const std::size_t axis : axes) x[axis] = 1;
  return x;
}

/// Elements of each result, in the order of memory.
std::vector<std::vector<double>> naive_groups(const std::vector<double>& x, const Extents& extent, const AxisList& axes) {
  const Extents y = reduced_extents(extent, axes);
  std::vector<std::vector<double>> groups(element_count(y));
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::size_t rest = i, at = 0, step = 1;
    for (std::size_t axis = extent.size(); axis-- > 0; rest /= extent[axis]) {
      if (y[axis] != 1) at += rest % extent[axis] * step;
      step *= y[axis];
    }
    groups[at].push_back(x[i]);
  }
  return groups;
}

double naive(reduction::Sum, const std::vector<double>& g) { return std::accumulate(g.begin(), g.end(), 0.0); }
double naive(reduction::Mean, const std::vector<double>& g) { return naive(reduction::Sum(), g) / double(g.size()); }
double naive(reduction::SumSquare, const std::vector<double>& g) { return gradient::dot(g, g); }
double naive(reduction::L2, const std::vector<double>& g) { return std::sqrt(gradient::dot(g, g)); }
double naive(reduction::Max, const std::vector<double>& g) { return *std::max_element(g.begin(), g.end()); }
double naive(reduction::Min, const std::vector<double>& g) { return *std::min_element(g.begin(), g.end()); }

struct Job {
  Extents x;
  AxisList axes;
};

const std::vector<Job> jobs{
    {{2, 3, 5, 7}, {1, 2}}, {{2, 3, 5, 7}, {3}}, {{2, 3, 5, 7}, {2, 1, 3}},
    {{2, 3, 5, 7}, {1, 3}}, {{2, 3, 5, 7}, {2}}, {{2, 3, 5, 7}, {}},
    {{1, 1, 1, 1}, {1, 2}}, {{3, 9}, {1}},       {{4}, {}},
    {{1, 6, 1}, {1}},       {{0, 3, 4}, {1}},    {{2, 1, 5}, {1}},
};

template <class F>
void check_reduction(const Job& job) {
  CAPTURE(job.x, job.axes);
  std::vector<double> x = gradient::random_values(element_count(job.x), 7);
  const Extents ey = reduced_extents(job.x, job.axes);
  const auto w = gradient::random_values(element_count(ey), 8);
  std::vector<double> y(w.size());
  const TensorView<double> xv(x.data(), job.x), yv(y.data(), ey);
  const auto loss = [&] {
    reduce_forward<F>(xv, job.axes, yv);
    return gradient::dot(y, w);
  };
  loss();
  const auto groups = naive_groups(x, job.x, job.axes);
  for (std::size_t i = 0; i < y.size(); ++i) REQUIRE(y[i] == Approx(naive(F(), groups[i])).margin(1e-12));
  std::vector<double> grad(x.size(), 5.0);
  reduce_backward<F>(TensorView<const double>(w.data(), ey), xv, yv, job.axes, TensorView<double>(grad.data(), job.x));
  for (double& g : grad) g -= 5;
  gradient::check(x, grad, loss);
}

}  // namespace

TEST_CASE("reduce: values and gradients over any set of axes", "[ops]") {
  for (const Job& job : jobs) {
    check_reduction<reduction::Sum>(job);
    check_reduction<reduction::Mean>(job);
    check_reduction<reduction::SumSquare>(job);
    check_reduction<reduction::L2>(job);
    check_reduction<reduction::Max>(job);
    check_reduction<reduction::Min>(job);
  }
}

TEST_CASE("reduce: the first of equal elements has the gradient; NaN stays NaN; L2 of zeros has none", "[ops]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x{1, 3, 3, 2, 0, 0, 0, 0, 4, nan, 9, 1};
  const TensorView<const float> xv(x.data(), {3, 4});
  std::vector<float> y(3), grad(12);
  const std::vector<float> ones(3, 1.0F);
  reduce_forward<reduction::Max>(xv, {1}, y);
  CHECK(y[0] == 3);
  CHECK(std::isnan(y[2]));
  reduce_backward<reduction::Max>(ones, xv, y, {1}, TensorView<float>(grad.data(), {3, 4}));
  CHECK(grad == std::vector<float>{0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0});
  const std::vector<float> zeros(4);
  std::vector<float> zero(1), none(4);
  reduce_forward<reduction::L2>(TensorView<const float>(zeros.data(), {1, 4}), {1}, zero);
  reduce_backward<reduction::L2>(std::vector<float>(1, 1.0F), TensorView<const float>(zeros.data(), {1, 4}), zero, {1},
                                 TensorView<float>(none.data(), {1, 4}));
  CHECK(none == zeros);
}

TEST_CASE("reduce: the same bits on 1 and 3 threads, for large tensors", "[ops]") {
  const AxisList axes = GENERATE(values<AxisList>({{1, 2}, {3}, {1, 2, 3}, {2}}));
  CAPTURE(axes);
  const Extents ex{2, 150, 41, 37}, ey = reduced_extents(ex, axes);
  const auto x = gradient::random_values<float>(element_count(ex), 1);
  std::vector<float> y[2], grad[2], best[2];
  for (int t = 0; t < 2; ++t) {
    const ScopedThreads scope(t == 0 ? 1 : 3);
    y[t].resize(element_count(ey)), best[t].resize(y[t].size()), grad[t].resize(x.size());
    const TensorView<const float> xv(x.data(), ex);
    const TensorView<float> yv(y[t].data(), ey), bv(best[t].data(), ey), gv(grad[t].data(), ex);
    reduce_forward<reduction::Mean>(xv, axes, yv);
    reduce_forward<reduction::Max>(xv, axes, bv);
    reduce_backward<reduction::L2>(yv, xv, bv, axes, gv);
    reduce_backward<reduction::Max>(yv, xv, bv, axes, gv);
  }
  CHECK(y[0] == y[1]);
  CHECK(best[0] == best[1]);
  CHECK(grad[0] == grad[1]);
  const auto groups = naive_groups(std::vector<double>(x.begin(), x.end()), ex, axes);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    REQUIRE(y[0][i] == Approx(naive(reduction::Mean(), groups[i])).margin(1e-6));
    REQUIRE(double(best[0][i]) == naive(reduction::Max(), groups[i]));
  }
}

TEST_CASE("reduce: what does not fit is named", "[ops]") {
  std::vector<float> data(64), means(64);
  const auto call = [&](const Extents& x, const AxisList& axes, const Extents& y) {
    reduce_forward<reduction::Mean>(TensorView<float>(data.data(), x), axes, TensorView<float>(means.data(), y));
  };
  CHECK_NOTHROW(call({2, 3, 4}, {1}, {2, 4}));
  CHECK_THROWS_WITH(call({2, 3}, {0}, {1, 3}),
                    "reduce_forward: axis 0 of extents [2, 3] cannot be reduced: expected 1 .. rank - 1");
  CHECK_THROWS_AS(call({2, 3}, {2}, {2, 3}), shape_error);
  CHECK_THROWS_WITH(call({2, 3}, {1, 1}, {2, 1}), "reduce_forward: axis 1 is given twice");
  CHECK_THROWS_WITH(call({2, 3}, {1}, {3}), "reduce_forward: expected extents [2, 1] or [2] for axes [1] of [2, 3], got [3]");
  CHECK_THROWS_WITH(call({2, 0}, {1}, {2, 1}), "reduce_forward: nothing to reduce: axes [1] of extents [2, 0]");
}
