#include <catch.hpp>
#include <cmath>
#include <trimtab/core/isa.hpp>
#include <trimtab/int8/normalize.hpp>

#include "steps_of_tests.hpp"

namespace {

using namespace trimtab;

const Affine<float> grid{0.0371F, 113, {0, 255}};
constexpr float scale_y = 0.0213F, epsilon = 0.00137F;

}  // namespace

TEST_CASE("norm_steps: the definition, element by element, for instance, group and layer norm", "[int8]") {
  const Isa isa = GENERATE(from_range(available_isas()));
  const ScopedIsa scope(isa);
  const ScopedThreads threads(GENERATE(1, 3));
  const Extents e = GENERATE(values<Extents>({{2, 5, 7, 12}, {1, 1, 1, 4}, {2, 40, 61, 20}, {0, 2, 2, 4}}));
  const NormShape s =
      GENERATE_COPY(NormShape::of_channels(e), NormShape::of_groups(e, 4), NormShape::of_last(e, 1), NormShape::of_last(e, 3));
  CAPTURE(name(isa), e, s.groups, s.width);
  const auto x = random_bytes(element_count(e), 1);
  std::vector<float> gamma(s.channels()), beta(s.channels()), steps(x.size());
  for (std::size_t c = 0; c < gamma.size(); ++c) gamma[c] = 0.3F + 0.01F * float(c), beta[c] = 0.7F - 0.013F * float(c);
  int8::norm_steps(TensorView<const std::uint8_t>(x.data(), e), grid, s, gamma, beta, epsilon, scale_y,
                   TensorView<float>(steps.data(), e));
  std::vector<std::int64_t> sum(s.statistics()), square(s.statistics());
  const auto statistic = [&](std::size_t i) { return i / (s.pixels * s.channels()) * s.groups + i % s.channels() / s.width; };
  for (std::size_t i = 0; i < x.size(); ++i) sum[statistic(i)] += x[i], square[statistic(i)] += x[i] * x[i];
  std::size_t wrong = 0;
  const auto n = static_cast<std::int64_t>(s.group_size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::int64_t total = sum[statistic(i)];
    const double v = double(n * square[statistic(i)] - total * total) / (double(n) * double(n));
    const double relative = double(epsilon) / (double(grid.scale) * double(grid.scale));
    const double f = 1 / std::sqrt(v + relative) / (double(n) * double(scale_y));
    const std::size_t c = i % s.channels();
    const float product = rounded_product(rounded_product(float(n * x[i] - total), float(f)), gamma[c]);
    wrong += steps[i] != product + beta[c] / scale_y;
  }
  CHECK(wrong == 0);
}

TEST_CASE("norm_steps are near the float layer's", "[int8]") {
  const Extents e{2, 5, 7, 12};
  const NormShape s = NormShape::of_channels(e);
  const auto x = random_bytes(element_count(e), 1);
  std::vector<float> real(x.size()), y(x.size()), steps(x.size());
  const std::vector<float> gamma(12, 1.25F), beta(12, -0.5F);
  for (std::size_t i = 0; i < x.size(); ++i) real[i] = grid.dequantize(x[i]);
  NormCache<float> cache;
  norm_forward(real, s, gamma, beta, epsilon, y, cache);
  int8::norm_steps(TensorView<const std::uint8_t>(x.data(), e), grid, s, gamma, beta, epsilon, scale_y,
                   TensorView<float>(steps.data(), e));
  for (std::size_t i = 0; i < x.size(); ++i) REQUIRE(steps[i] * scale_y == Approx(y[i]).margin(1e-5));
}

TEST_CASE("l2_normalize_steps: the definition along any axis", "[int8]") {
  const Isa isa = GENERATE(from_range(available_isas()));
  const ScopedIsa scope(isa);
  const ScopedThreads threads(GENERATE(1, 3));
  const L2Epsilon kind = GENERATE(L2Epsilon::at_least, L2Epsilon::added);
  const std::size_t axis = GENERATE(1U, 2U, 3U);
  const float eps = GENERATE(0.0F, 0.01F, 10.0F);
  const Extents e{2, 13, 17, 19};
  auto x = random_bytes(element_count(e), 1);
  for (std::size_t i = 0; i < 2 * 17 * 19; ++i) x[i] = 113;  // zeros, whole vectors of them along two axes
  std::vector<float> steps(x.size());
  int8::l2_normalize_steps(TensorView<const std::uint8_t>(x.data(), e), grid, axis, eps, kind, scale_y,
                           TensorView<float>(steps.data(), e));
  std::size_t inner = 1, wrong = 0;
  for (std::size_t a = axis + 1; a < 4; ++a) inner *= e[a];
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t first = i / (inner * e[axis]) * inner * e[axis] + i % inner;
    std::int64_t q = 0;
    for (std::size_t k = 0; k < e[axis]; ++k) q += (x[first + k * inner] - 113) * (x[first + k * inner] - 113);
    const double s_x = grid.scale;
    const double r = kind == L2Epsilon::added ? std::sqrt(double(q) + double(eps) / (s_x * s_x))
                                              : std::max(std::sqrt(double(q)), double(eps) / s_x);
    const float m = r > 0 ? float(1 / (r * double(scale_y))) : 0.0F;
    wrong += steps[i] != rounded_product(float(x[i] - 113), m);
  }
  CHECK(wrong == 0);
}

TEST_CASE("normalization of codes refuses what has no value", "[int8]") {
  const std::vector<std::uint8_t> x(12);
  const std::vector<float> four(4);
  std::vector<float> steps(12);
  const TensorView<const std::uint8_t> xv(x.data(), {1, 3, 4});
  const TensorView<float> sv(steps.data(), {1, 3, 4});
  const NormShape s = NormShape::of_channels({1, 3, 4});
  CHECK_THROWS_WITH(int8::norm_steps(xv, grid, s, four, four, 0.0F, 1.0F, sv), "norm_steps: expected a positive epsilon, got 0");
  CHECK_THROWS_AS(int8::norm_steps(xv, grid, s, steps, steps, 1.0F, 1.0F, sv), shape_error);
  CHECK_THROWS_AS(int8::norm_steps(xv, grid, s, four, four, 1.0F, 1.0F, steps), shape_error);
  const NormShape large{1, std::size_t{1} << 23, 1, 1};
  std::vector<std::uint8_t> many(std::size_t{1} << 23);
  std::vector<float> many_steps(many.size());
  CHECK_THROWS_AS(int8::norm_steps(many, grid, large, std::vector<float>(1), std::vector<float>(1), 1.0F, 1.0F, many_steps),
                  value_error);
  CHECK_THROWS_AS(int8::l2_normalize_steps(xv, grid, 0, 1.0F, L2Epsilon::added, 1.0F, sv), shape_error);
  CHECK_THROWS_AS(int8::l2_normalize_steps(xv, grid, 1, -1.0F, L2Epsilon::added, 1.0F, sv), value_error);
}
