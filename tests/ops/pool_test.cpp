#include <array>
#include <catch.hpp>
#include <gradient_check.hpp>
#include <ostream>
#include <trimtab/ops/pool.hpp>

using namespace trimtab;
using gradient::random_values;

namespace {

struct Shape {
  const char* why;
  Extents x;
  std::size_t kernel_h, kernel_w;
  WindowOptions options = {};
  Extents y() const { return window_geometry(x, kernel_h, kernel_w, x[3], options, 1, "test").output(); }
};
std::ostream& operator<<(std::ostream& out, const Shape& s) { return out << s.why; }

const Shape shapes[] = {
    {"one pixel", {1, 1, 1, 1}, 1, 1},
    {"2x2, stride 2", {3, 4, 4, 3}, 2, 2, {2, 2, {}}},
    {"3x3, stride 2, padding", {1, 5, 6, 2}, 3, 3, {2, 2, {1, 1, 1, 1}}},
    {"3x3, stride 1, lopsided padding", {2, 4, 3, 2}, 3, 3, {1, 1, {0, 2, 1, 0}}},
    {"2x3, stride 1 and 3, dilation 2", {1, 6, 8, 2}, 2, 3, {1, 3, {1, 0, 1, 0}, 2, 2}},
    {"5x5, stride 1", {1, 5, 6, 3}, 5, 5, {1, 1, {2, 2, 2, 2}}},
    {"no pictures", {0, 4, 4, 3}, 2, 2},
};

std::vector<double> average(const Shape& s, const std::vector<double>& x, bool include) {
  std::vector<double> y(element_count(s.y()), 7);
  average_pool_forward(TensorView<const double>(x.data(), s.x), s.kernel_h, s.kernel_w, s.options, include,
                       TensorView<double>(y.data(), s.y()));
  return y;
}
std::vector<double> maximum(const Shape& s, const std::vector<double>& x, MaxPoolCache& cache) {
  std::vector<double> y(element_count(s.y()), 7), without_cache(y);
  max_pool_forward(TensorView<const double>(x.data(), s.x), s.kernel_h, s.kernel_w, s.options,
                   TensorView<double>(y.data(), s.y()), cache);
  max_pool_forward(TensorView<const double>(x.data(), s.x), s.kernel_h, s.kernel_w, s.options,
                   TensorView<double>(without_cache.data(), s.y()));
  REQUIRE(y == without_cache);
  return y;
}

}  // namespace

TEST_CASE("pools: by hand, padding outside the maximum and as told in the average", "[ops]") {
  // -1 -2 -3
  // -4 -5 -6     windows of 2 x 2, stride 2, padding above and left
  // -7 -8 -9
  const Shape s{"3x3 picture", {1, 3, 3, 1}, 2, 2, {2, 2, {1, 1, 0, 0}}};
  const std::vector<double> x{-1, -2, -3, -4, -5, -6, -7, -8, -9};
  MaxPoolCache cache;
  CHECK(maximum(s, x, cache) == std::vector<double>{-1, -2, -4, -5});
  CHECK(cache.pixel == std::vector<std::uint32_t>{0, 1, 3, 4});
  CHECK(average(s, x, false) == std::vector<double>{-1, -2.5, -5.5, -7});
  CHECK(average(s, x, true) == std::vector<double>{-0.25, -1.25, -2.75, -7});
  std::vector<double> grad(9, 1.0);
  max_pool_backward(TensorView<const double>(std::array{10.0, 20.0, 30.0, 40.0}.data(), {1, 2, 2, 1}), 2, 2, s.options, cache,
                    TensorView<double>(grad.data(), s.x));
  CHECK(grad == std::vector<double>{11, 21, 1, 31, 41, 1, 1, 1, 1});
}

TEST_CASE("max_pool: of equal maxima the first gets the gradient", "[ops]") {
  const Shape s{"1x3", {1, 1, 3, 1}, 1, 3};
  MaxPoolCache cache;
  maximum(s, {5, 5, 5}, cache);
  CHECK(cache.pixel == std::vector<std::uint32_t>{0});
}

TEST_CASE("pools: gradients equal central differences", "[ops]") {
  const Shape& s = GENERATE(from_range(std::begin(shapes), std::end(shapes)));
  CAPTURE(s);
  std::vector<double> x = random_values(element_count(s.x), 1);
  const std::vector<double> grad_y = random_values(element_count(s.y()), 2);
  const TensorView<const double> grad_view(grad_y.data(), s.y());
  for (const bool include : {false, true}) {
    std::vector<double> grad(x.size());
    average_pool_backward(grad_view, s.kernel_h, s.kernel_w, s.options, include, TensorView<double>(grad.data(), s.x));
    gradient::check(x, grad, [&] { return gradient::dot(average(s, x, include), grad_y); });
  }
  MaxPoolCache cache, other;
  maximum(s, x, cache);
  std::vector<double> grad(x.size());
  max_pool_backward(grad_view, s.kernel_h, s.kernel_w, s.options, cache, TensorView<double>(grad.data(), s.x));
  gradient::check(x, grad, [&] { return gradient::dot(maximum(s, x, other), grad_y); });
}

TEST_CASE("global_average_pool: N C and N 1 1 C, gradients equal central differences", "[ops]") {
  const Extents extent = GENERATE(Extents{1, 1, 1, 1}, Extents{3, 2, 3, 4}, Extents{0, 2, 2, 3});
  CAPTURE(extent);
  const std::size_t n = extent[0], c = extent[3];
  std::vector<double> x = random_values(element_count(extent), 1), y(n * c), flat(n * c), grad(x.size());
  const std::vector<double> grad_y = random_values(n * c, 2);
  global_average_pool_backward(TensorView<const double>(grad_y.data(), {n, 1, 1, c}), TensorView<double>(grad.data(), extent));
  gradient::check(x, grad, [&] {
    global_average_pool_forward(TensorView<const double>(x.data(), extent), TensorView<double>(y.data(), {n, 1, 1, c}));
    return gradient::dot(y, grad_y);
  });
  global_average_pool_forward(TensorView<const double>(x.data(), extent), TensorView<double>(flat.data(), {n, c}));
  global_average_pool_forward(TensorView<const double>(x.data(), extent), TensorView<double>(y.data(), {n, 1, 1, c}));
  CHECK(flat == y);
  std::vector<double> added(x.size(), 1.0);
  global_average_pool_backward(TensorView<const double>(grad_y.data(), {n, c}), TensorView<double>(added.data(), extent));
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(added[i] == 1 + grad[i]);
}

TEST_CASE("pools: no result depends on the threads", "[ops]") {
  const Shape s{"large", {3, 40, 40, 20}, 3, 3, {2, 2, {1, 1, 1, 1}}};
  const std::vector<double> x = random_values(element_count(s.x), 1), grad_y = random_values(element_count(s.y()), 2);
  const auto all = [&] {
    MaxPoolCache cache;
    std::array results{average(s, x, false), maximum(s, x, cache), std::vector<double>(x.size()), std::vector<double>(x.size()),
                       std::vector<double>(60)};
    const TensorView<const double> grad_view(grad_y.data(), s.y());
    average_pool_backward(grad_view, 3, 3, s.options, false, TensorView<double>(results[2].data(), s.x));
    max_pool_backward(grad_view, 3, 3, s.options, cache, TensorView<double>(results[3].data(), s.x));
    global_average_pool_forward(TensorView<const double>(x.data(), s.x), TensorView<double>(results[4].data(), {3, 20}));
    return results;
  };
  const ScopedThreads one(1);
  const auto on_one = all();
  for (const int t : {2, 3}) {
    const ScopedThreads several(t);
    CHECK(all() == on_one);
  }
}

TEST_CASE("pools: what does not fit is named", "[ops]") {
  std::vector<float> data(1024);
  const auto t = [&](const Extents& e) { return TensorView<float>(data.data(), e); };
  CHECK_THROWS_WITH(average_pool_forward(t({1, 4, 4, 2}), 2, 2, {}, false, t({1, 4, 4, 2})),
                    "average_pool_forward: y: expected extents [1, 3, 3, 2], got [1, 4, 4, 2]");
  CHECK_THROWS_WITH(max_pool_forward(t({1, 4, 4, 2}), 2, 2, {2, 2, {2, 0, 0, 0}}, t({1, 3, 2, 2})),
                    "max_pool_forward: x: window 0 of kernel 2 x 2 over extents [1, 4, 4, 2] lies in the padding as a whole");
  CHECK_THROWS_AS(max_pool_backward(t({1, 2, 2, 2}), 2, 2, {2, 2, {}}, MaxPoolCache{}, t({1, 4, 4, 2})), shape_error);
  CHECK_THROWS_WITH(global_average_pool_forward(t({2, 4, 4, 3}), t({2, 4})),
                    "global_average_pool_forward: y: expected extents [2, 1, 1, 3] or [2, 3], got [2, 4]");
  CHECK_THROWS_AS(global_average_pool_forward(t({2, 0, 4, 3}), t({2, 3})), shape_error);
  CHECK_THROWS_AS(global_average_pool_backward(t({2, 2}), t({2, 4, 4, 3})), shape_error);
}
