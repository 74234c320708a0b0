#include <catch.hpp>
#include <gradient_check.hpp>
#include <numeric>
#include <trimtab/ops/add.hpp>
#include <trimtab/ops/concat.hpp>

using namespace trimtab;

TEST_CASE("add: forward, in place, and the gradient of each branch", "[ops]") {
  std::vector<float> a{1, 2, 3};
  const std::vector<float> b{10, 20, 30};
  std::vector<float> y(3);
  add_forward(a, b, y);
  CHECK(y == std::vector<float>{11, 22, 33});
  add_forward(a, b, a);
  CHECK(a == y);
  std::vector<float> grad{1, 1, 1};
  add_backward(b, grad);
  CHECK(grad == std::vector<float>{11, 21, 31});
  std::vector<float> four(4);
  CHECK_THROWS_AS(add_forward(a, four, y), shape_error);
  CHECK_THROWS_AS(add_forward(a, b, four), shape_error);
  CHECK_THROWS_AS(add_backward(b, four), shape_error);
}

TEST_CASE("concat: channels of each part side by side, and back", "[ops]") {
  const std::vector<float> a{1, 2, 3, 4}, b{5, 6};
  std::vector<float> y(6);
  const std::vector<TensorView<const float>> parts{{a.data(), {1, 2, 1, 2}}, {b.data(), {1, 2, 1, 1}}};
  concat_forward(std::span<const TensorView<const float>>(parts), TensorView<float>(y.data(), {1, 2, 1, 3}));
  CHECK(y == std::vector<float>{1, 2, 5, 3, 4, 6});

  std::vector<float> grad_a(4, 10.0F), grad_b(2);
  std::vector<TensorView<float>> grads{{grad_a.data(), {1, 2, 1, 2}}, {grad_b.data(), {1, 2, 1, 1}}};
  concat_backward(TensorView<const float>(y.data(), {1, 2, 1, 3}), std::span<const TensorView<float>>(grads));
  CHECK(grad_a == std::vector<float>{11, 12, 13, 14});
  CHECK(grad_b == b);
  grads[0].data = nullptr;
  concat_backward(TensorView<const float>(y.data(), {1, 2, 1, 3}), std::span<const TensorView<float>>(grads));
  CHECK(grad_b == std::vector<float>{10, 12});
}

TEST_CASE("concat: many rows on several threads; empty batches and parts", "[ops]") {
  const ScopedThreads three(3);
  std::vector<double> a(5000 * 7), b(5000 * 4), y(5000 * 11);
  std::iota(a.begin(), a.end(), 0.0);
  std::iota(b.begin(), b.end(), 1e6);
  const std::vector<TensorView<const double>> parts{{a.data(), {5000, 7}}, {nullptr, {5000, 0}}, {b.data(), {5000, 4}}};
  concat_forward(std::span<const TensorView<const double>>(parts), TensorView<double>(y.data(), {5000, 11}));
  for (const std::size_t row : {0U, 1U, 4999U}) {
    CHECK(y[row * 11 + 6] == a[row * 7 + 6]);
    CHECK(y[row * 11 + 7] == b[row * 4]);
  }
  const std::vector<TensorView<const double>> none{{nullptr, {0, 7}}, {nullptr, {0, 4}}};
  CHECK_NOTHROW(concat_forward(std::span<const TensorView<const double>>(none), TensorView<double>(nullptr, {0, 11})));
}

TEST_CASE("concat: what does not fit is named", "[ops]") {
  std::vector<float> data(64);
  const auto concat = [&](std::vector<Extents> extents, const Extents& y) {
    std::vector<TensorView<const float>> parts;
    for (const Extents& e : extents) parts.emplace_back(data.data(), e);
    concat_forward(std::span<const TensorView<const float>>(parts), TensorView<float>(data.data(), y));
  };
  CHECK_THROWS_WITH(concat({{2, 2}, {2, 3}}, {2, 4}), "concat_forward: parts: 5 channels side by side for extents [2, 4]");
  CHECK_THROWS_AS(concat({{2, 2}, {3, 2}}, {2, 4}), shape_error);
  CHECK_THROWS_AS(concat({{2, 2}, {2}}, {2, 4}), shape_error);
  CHECK_THROWS_AS(concat({}, {2, 4}), shape_error);
}
