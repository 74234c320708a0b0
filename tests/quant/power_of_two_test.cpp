#include <catch.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <straight_through.hpp>
#include <trimtab/quant/power_of_two.hpp>
#include <vector>

using namespace trimtab;

TEST_CASE("PowerOfTwoThreshold: scales are powers of two, rounded up, by hand", "[quant]") {
  PowerOfTwoThreshold<float> q(signed_codes(4), {7 * 0.75F});  // T / qmax = 0.75
  CHECK(q.factors()[0] == 0);
  CHECK(q.grid(0) == Affine<float>{1, 0, signed_codes(4)});
  const auto scale_at = [&](float tau) {
    q.factors()[0] = tau;
    return q.grid(0).scale;
  };
  const float up_to_1 = -std::log2(0.75F);  // 0.415
  CHECK(scale_at(up_to_1 - 1e-3F) == 1);
  CHECK(scale_at(up_to_1 + 1e-3F) == 2);
  CHECK(scale_at(-0.58F) == 1);  // 0.75 * 2^-0.585 is 0.5
  CHECK(scale_at(-0.59F) == 0.5F);
  CHECK(scale_at(-4) == 0.0625F);
  CHECK(scale_at(-100) == 0.0625F);
  CHECK(scale_at(std::numeric_limits<float>::quiet_NaN()) == 0.0625F);
  CHECK(scale_at(1) == 2);
  CHECK(scale_at(100) == 2);
}

TEMPLATE_TEST_CASE("PowerOfTwoThreshold: starts at the finest power of two that holds the threshold", "[quant]", float, double) {
  using Real = TestType;
  std::mt19937 engine(1);
  std::uniform_real_distribution<double> exponent(-39, 39);
  for (int i = 0; i < 3000; ++i) {
    const CodeRange codes = i % 2 == 0 ? signed_codes(2 + i % 7) : unsigned_codes(2 + i % 7);
    Real t = static_cast<Real>(std::exp2(exponent(engine)));
    const Real edge = std::ldexp(static_cast<Real>(codes.qmax), static_cast<int>(exponent(engine)) / 2);
    if (i % 5 == 1) t = edge;
    if (i % 5 == 2) t = std::nextafter(edge, Real(0));
    if (i % 5 == 3) t = std::nextafter(edge, std::numeric_limits<Real>::max());
    const Real s = PowerOfTwoThreshold<Real>(codes, {t}).grid(0).scale, top = static_cast<Real>(codes.qmax);
    if (std::exp2(std::round(std::log2(s))) != s || t > s * top || t <= s * top / 2)
      FAIL("threshold " << t << " of codes up to " << codes.qmax << " has scale " << s);
  }
}

TEST_CASE("PowerOfTwoThreshold: gradient by hand", "[quant]") {
  PowerOfTwoThreshold<double> q(signed_codes(4), {7 * 0.75});  // scale 1, codes -7 .. 7
  const auto gradient_of = [&](const GridGradient& g) {
    std::vector<double> grad{1.0};
    q.add_gradient(0, g, grad);
    return grad[0] - 1;
  };
  CHECK(gradient_of({0.25, 0, 0}) == Approx(0.25 * std::numbers::ln2));
  CHECK(gradient_of({0, 1, 0}) == Approx(-7 * std::numbers::ln2));
  CHECK(gradient_of({0, 0, 1}) == Approx(7 * std::numbers::ln2));
  q.factors()[0] = -4;
  CHECK(gradient_of({0, 0, 1}) == Approx(7 * std::numbers::ln2 / 16));
  q.factors()[0] = -4.01;
  CHECK(gradient_of({1, 1, 1}) == 0);
}

TEST_CASE("PowerOfTwoThreshold: gradient is that of the straight-through surrogate, by central differences", "[quant]") {
  const int bits = GENERATE(2, 4, 8);
  std::mt19937 rng(static_cast<unsigned>(bits));
  std::uniform_real_distribution<double> any(0, 1);
  for (int trial = 0; trial < 100; ++trial) {
    PowerOfTwoThreshold<double> q(trial % 2 == 0 ? signed_codes(bits) : unsigned_codes(bits), {0.5 + any(rng)});
    q.factors()[0] = 2 * any(rng) - 1.5;
    test::check_straight_through(
        q, 1.5, rng, [](const auto& at) { return std::exp2(at.factors()[0]); }, [](const auto&) { return 0.0; });
  }
}

TEST_CASE("PowerOfTwoThreshold: what cannot be is refused", "[quant]") {
  using Q = PowerOfTwoThreshold<float>;
  CHECK_THROWS_AS(Q(signed_codes(), {}), value_error);
  CHECK_THROWS_AS(Q(signed_codes(), {1, 1}), value_error);
  CHECK_THROWS_AS(Q(CodeRange{-5, 0}, {1}), value_error);
  CHECK_THROWS_AS(Q(signed_codes(), {-1}), quantization_range_error);
  CHECK_THROWS_AS(Q(signed_codes(), {std::numeric_limits<float>::quiet_NaN()}), quantization_range_error);
  CHECK_THROWS_WITH(Q(signed_codes(), {1}, per_tensor, {-21, 0}),
                    "PowerOfTwoThreshold: bounds [-21, 0] of a factor; expected ordered, within [-20, 20]");
  CHECK_THROWS_AS(Q(signed_codes(), {1}, per_tensor, {1, 0}), value_error);
}
