#include <catch.hpp>
#include <gradient_check.hpp>
#include <trimtab/core/isa.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/ops/batch_matmul.hpp>

using namespace trimtab;

namespace {

struct Job {
  Extents lead_a, lead_b, lead_y;
  std::size_t m, k, n;
};

const std::vector<Job> jobs{
    {{2}, {2}, {2}, 3, 4, 5}, {{2, 3}, {2, 3}, {2, 3}, 3, 1, 2}, {{2, 3}, {}, {2, 3}, 2, 3, 4},
    {{}, {2}, {2}, 3, 2, 2},  {{2, 1}, {1, 3}, {2, 3}, 2, 3, 1}, {{1, 2, 1}, {3, 1, 2}, {3, 2, 2}, 2, 2, 3},
    {{}, {}, {}, 1, 1, 1},    {{0}, {0}, {0}, 2, 3, 4},          {{2}, {2}, {2}, 3, 0, 2},
    {{2}, {1}, {2}, 0, 3, 2},
};

Extents with(Extents lead, std::size_t rows, std::size_t cols, bool transposed) {
  lead.push_back(transposed ? cols : rows);
  lead.push_back(transposed ? rows : cols);
  return lead;
}

/// The matrix of a tensor with leading axes `own` that belongs to matrix i of y.
std::size_t naive_matrix(const Extents& own, const Extents& y, std::size_t i) {
  std::size_t at = 0, step = 1;
  for (std::size_t back = 0; back < own.size(); ++back) {
    const std::size_t extent = y[y.size() - 1 - back], mine = own[own.size() - 1 - back];
    if (mine != 1) at += i % extent * step;
    i /= extent;
    step *= mine;
  }
  return at;
}

}  // namespace

TEST_CASE("batch_matmul: values and gradients of both operands, transposed or not, leading axes broadcast", "[ops]") {
  for (const Job& j : jobs)
    for (const MatmulTransposes t : {MatmulTransposes{false, false}, {true, false}, {false, true}, {true, true}}) {
      CAPTURE(j.lead_a, j.lead_b, j.m, j.k, j.n, t.a, t.b);
      const Extents ea = with(j.lead_a, j.m, j.k, t.a), eb = with(j.lead_b, j.k, j.n, t.b), ey = with(j.lead_y, j.m, j.n, false);
      auto a = gradient::random_values(element_count(ea), 1), b = gradient::random_values(element_count(eb), 2);
      const auto w = gradient::random_values(element_count(ey), 3);
      std::vector<double> y(w.size(), 99.0), ga(a.size(), 1.0), gb(b.size(), 2.0);
      const TensorView<double> av(a.data(), ea), bv(b.data(), eb), yv(y.data(), ey);
      const auto loss = [&] {
        batch_matmul_forward(av, bv, t, yv);
        return gradient::dot(y, w);
      };
      loss();
      for (std::size_t i = 0; i < y.size(); ++i) {
        const std::size_t matrix = i / (j.m * j.n), row = i / j.n % j.m, col = i % j.n;
        const double* pa = a.data() + naive_matrix(j.lead_a, j.lead_y, matrix) * j.m * j.k;
        const double* pb = b.data() + naive_matrix(j.lead_b, j.lead_y, matrix) * j.k * j.n;
        double sum = 0;
        for (std::size_t k = 0; k < j.k; ++k)
          sum += pa[t.a ? k * j.m + row : row * j.k + k] * pb[t.b ? col * j.k + k : k * j.n + col];
        REQUIRE(y[i] == Approx(sum).margin(1e-12));
      }
      const TensorView<const double> wv(w.data(), ey);
      batch_matmul_backward_a(wv, bv, t, TensorView<double>(ga.data(), ea));
      batch_matmul_backward_b(wv, av, t, TensorView<double>(gb.data(), eb));
      for (double& v : ga) v -= 1;
      for (double& v : gb) v -= 2;
      gradient::check(a, ga, loss);
      gradient::check(b, gb, loss);
    }
}

TEST_CASE("batch_matmul: the same bits on 1 and 3 threads, for large matrices and for many", "[ops]") {
  const Isa isa = GENERATE(from_range(available_isas()));
  const ScopedIsa scope(isa);
  const auto [count, size] = GENERATE(table<std::size_t, std::size_t>({{2, 300}, {37, 33}}));
  const Extents e{count, size, size};
  const auto a = gradient::random_values<float>(element_count(e), 1), b = gradient::random_values<float>(element_count(e), 2);
  const TensorView<const float> av(a.data(), e), one(b.data(), {size, size});
  std::vector<float> y[2], gb[2];
  for (int t = 0; t < 2; ++t) {
    const ScopedThreads threads(t == 0 ? 1 : 3);
    y[t].resize(a.size()), gb[t].resize(size * size);
    batch_matmul_forward(av, one, {}, TensorView<float>(y[t].data(), e));
    batch_matmul_backward_b(av, av, {}, TensorView<float>(gb[t].data(), {size, size}));
  }
  CHECK(y[0] == y[1]);
  CHECK(gb[0] == gb[1]);
}

TEST_CASE("batch_matmul: what does not fit is named", "[ops]") {
  std::vector<float> data(64);
  const auto call = [&](const Extents& a, const Extents& b, const Extents& y) {
    batch_matmul_forward(TensorView<float>(data.data(), a), TensorView<float>(data.data(), b), {false, true},
                         TensorView<float>(data.data(), y));
  };
  CHECK_THROWS_WITH(call({2, 3, 4}, {2, 5, 3}, {2, 3, 5}),
                    "batch_matmul_forward: depths 4 and 3 of extents [2, 3, 4] and [2, 5, 3] transposed differ");
  CHECK_THROWS_AS(call({2, 3, 4}, {3, 5, 4}, {2, 3, 5}), shape_error);
  CHECK_THROWS_AS(call({3}, {3}, {1}), shape_error);
  CHECK_THROWS_AS(call({2, 3, 4}, {2, 5, 4}, {2, 5, 3}), shape_error);
}
