#include <catch.hpp>
#include <cmath>
#include <gradient_check.hpp>
#include <limits>
#include <trimtab/core/parallel.hpp>
#include <trimtab/ops/broadcast.hpp>

using namespace trimtab;

namespace {

/// Where element `index` of y lies in a tensor that is broadcast to it.
std::size_t naive_place(const Extents& own, const Extents& y, std::size_t index) {
  std::size_t place = 0, step = 1;
  for (std::size_t back = 0; back < y.size(); ++back) {
    const std::size_t extent = y[y.size() - 1 - back], at = index % extent;
    index /= extent;
    if (back >= own.size()) continue;
    const std::size_t mine = own[own.size() - 1 - back];
    if (mine != 1) place += at * step;
    step *= mine;
  }
  return place;
}

struct Shapes {
  Extents a, b, y;
};

const std::vector<Shapes> shapes{
    {{2, 3, 5, 7}, {2, 3, 5, 7}, {2, 3, 5, 7}},  // equal
    {{2, 3, 5, 7}, {7}, {2, 3, 5, 7}},           // a number a channel
    {{2, 3, 5, 7}, {2, 1, 1, 7}, {2, 3, 5, 7}},  // squeeze and excite
    {{2, 3, 5, 7}, {2, 3, 5, 1}, {2, 3, 5, 7}},  // a number a pixel
    {{2, 3, 5, 7}, {1}, {2, 3, 5, 7}},           // a scalar
    {{2, 3, 5, 7}, {}, {2, 3, 5, 7}},            // a scalar of rank 0
    {{1, 3, 1, 7}, {2, 1, 5, 1}, {2, 3, 5, 7}},  // both, on alternating axes
    {{3, 1}, {2, 1, 5}, {2, 3, 5}},              // ranks differ
    {{1, 1}, {1, 1}, {1, 1}},                    // one element
    {{4, 1}, {1, 6}, {4, 6}},                    // an outer function
    {{0, 3}, {3}, {0, 3}},                       // an empty batch
    {{1, 3}, {0, 1}, {0, 3}},                    // an empty batch on the other side
};

template <class F>
void check_function(const Shapes& s, bool swapped) {
  CAPTURE(s.a, s.b, swapped);
  const Extents ea = swapped ? s.b : s.a, eb = swapped ? s.a : s.b;
  auto a = gradient::random_values(element_count(ea), 1), b = gradient::random_values(element_count(eb), 2);
  for (double& v : a) v = std::round(100 * v) / 100;  // never so near to b that a step of the check passes it
  for (double& v : b) v = std::round(100 * v) / 100 + (v < 0 ? -0.505 : 0.505);  // never near 0
  const auto w = gradient::random_values(element_count(s.y), 3);
  std::vector<double> y(element_count(s.y));
  const TensorView<double> av(a.data(), ea), bv(b.data(), eb), yv(y.data(), s.y);
  const auto loss = [&] {
    broadcast_forward<F>(av, bv, yv);
    return gradient::dot(y, w);
  };
  loss();
  for (std::size_t i = 0; i < y.size(); ++i) REQUIRE(y[i] == F::value(a[naive_place(ea, s.y, i)], b[naive_place(eb, s.y, i)]));
  std::vector<double> grad_a(a.size(), 10.0), grad_b(b.size(), 20.0);
  const TensorView<const double> wv(w.data(), s.y);
  broadcast_backward_a<F>(wv, av, bv, TensorView<double>(grad_a.data(), ea));
  broadcast_backward_b<F>(wv, av, bv, TensorView<double>(grad_b.data(), eb));
  for (double& g : grad_a) g -= 10;
  for (double& g : grad_b) g -= 20;
  gradient::check(a, grad_a, loss);
  gradient::check(b, grad_b, loss);
}

}  // namespace

TEST_CASE("broadcast: values and gradients of every function, for all ways to broadcast", "[ops]") {
  for (const Shapes& s : shapes)
    for (const bool swapped : {false, true}) {
      check_function<binary::Add>(s, swapped);
      check_function<binary::Sub>(s, swapped);
      check_function<binary::Mul>(s, swapped);
      check_function<binary::Div>(s, swapped);
      check_function<binary::Max>(s, swapped);
      check_function<binary::Min>(s, swapped);
    }
}

TEST_CASE("broadcast: ties give a the gradient, and a divisor of 0 gets none", "[ops]") {
  const std::vector<double> a{1, 2, 0}, b{1, 3, 0}, ones{1, 1, 1};
  std::vector<double> ga(3), gb(3);
  broadcast_backward_a<binary::Max>(ones, a, b, ga);
  broadcast_backward_b<binary::Max>(ones, a, b, gb);
  CHECK(ga == std::vector<double>{1, 0, 1});
  CHECK(gb == std::vector<double>{0, 1, 0});
  ga.assign(3, 0), gb.assign(3, 0);
  broadcast_backward_a<binary::Div>(ones, a, b, ga);
  broadcast_backward_b<binary::Div>(ones, a, b, gb);
  CHECK(ga == std::vector<double>{1, 1.0 / 3, 0});
  CHECK(gb[0] == -1);
  CHECK(gb[2] == 0);
}

TEST_CASE("broadcast: large tensors, the same bits on 1 and 3 threads and sums near those in long double", "[ops]") {
  const auto [ea, eb] = GENERATE(table<Extents, Extents>({{{3, 67, 41, 37}, {37}},
                                                          {{3, 67, 41, 37}, {3, 1, 1, 37}},
                                                          {{3, 67, 41, 37}, {3, 67, 41, 1}},
                                                          {{3, 67, 41, 37}, {1}},
                                                          {{3, 67, 41, 37}, {1, 67, 41, 37}},
                                                          {{3, 67, 41, 37}, {3, 67, 41, 37}}}));
  CAPTURE(ea, eb);
  const auto a = gradient::random_values<float>(element_count(ea), 1), b = gradient::random_values<float>(element_count(eb), 2);
  const auto g = gradient::random_values<float>(a.size(), 3);
  std::vector<float> y[2], grad_a[2], grad_b[2];
  for (int t = 0; t < 2; ++t) {
    const ScopedThreads scope(t == 0 ? 1 : 3);
    y[t].resize(a.size()), grad_a[t].resize(a.size()), grad_b[t].resize(b.size());
    const TensorView<const float> av(a.data(), ea), bv(b.data(), eb), gv(g.data(), ea);
    broadcast_forward<binary::Mul>(av, bv, TensorView<float>(y[t].data(), ea));
    broadcast_backward_a<binary::Mul>(gv, av, bv, TensorView<float>(grad_a[t].data(), ea));
    broadcast_backward_b<binary::Mul>(gv, av, bv, TensorView<float>(grad_b[t].data(), eb));
  }
  CHECK(y[0] == y[1]);
  CHECK(grad_a[0] == grad_a[1]);
  CHECK(grad_b[0] == grad_b[1]);
  std::vector<long double> sums(b.size());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::size_t at = naive_place(eb, ea, i);
    sums[at] += static_cast<long double>(g[i]) * static_cast<long double>(a[i]);
    wrong += y[0][i] != a[i] * b[at] || grad_a[0][i] != g[i] * b[at];
  }
  CHECK(wrong == 0);
  for (std::size_t i = 0; i < b.size(); ++i) REQUIRE(grad_b[0][i] == Approx(double(sums[i])).epsilon(1e-4).margin(1e-3));
}

TEST_CASE("broadcast: what does not fit is named", "[ops]") {
  std::vector<float> data(64);
  const auto call = [&](const Extents& a, const Extents& b, const Extents& y) {
    broadcast_forward<binary::Add>(TensorView<float>(data.data(), a), TensorView<float>(data.data(), b),
                                   TensorView<float>(data.data(), y));
  };
  CHECK_THROWS_WITH(call({2, 3}, {2}, {2, 3}),
                    "broadcast_forward: extents [2, 3] and [2] cannot be broadcast: 3 and 2 on axis 1");
  CHECK_THROWS_WITH(call({2, 3}, {3}, {3}), "broadcast_forward: y: expected extents [2, 3], got [3]");
  CHECK_THROWS_AS(broadcast_forward<binary::Add>(TensorView<float>(data.data(), {2, 2}, {1, 2}), data, data), shape_error);
  std::vector<float> three(3);
  const TensorView<float> six(data.data(), {2, 3});
  CHECK_THROWS_AS(broadcast_backward_b<binary::Mul>(six, six, three, data), shape_error);
  CHECK_THROWS_AS(broadcast_backward_a<binary::Mul>(three, six, three, six), shape_error);
}
