#include <catch.hpp>
#include <limits>
#include <random>
#include <straight_through.hpp>
#include <trimtab/quant/learned_grid.hpp>
#include <vector>

using namespace trimtab;

namespace {
using Factors = std::vector<float>;
Factors gradient_of(const LearnedGrid<float>& q, const GridGradient& g, std::size_t channel = 0) {
  Factors grad(q.factors().size());
  q.add_gradient(channel, g, grad);
  return grad;
}
}  // namespace

TEST_CASE("LearnedGrid: scale and zero point by hand", "[quant]") {
  LearnedGrid<float> q(unsigned_codes(), {{-51, 204}});  // R = 255, 0 at a fifth of it
  CHECK(Factors(q.factors().begin(), q.factors().end()) == Factors{1, 0.2F});
  CHECK(q.grid(0) == Affine<float>{1, 51, unsigned_codes()});
  q.factors()[0] = 0.5F;  // the zero point stays
  CHECK(q.grid(0) == Affine<float>{0.5F, 51, unsigned_codes()});
  q.factors()[1] = 1;
  CHECK(q.grid(0).zero_point == 255);
  q.factors()[1] = 0.5F;  // 127.5 is a tie
  CHECK(q.grid(0).zero_point == 128);
  CHECK(LearnedGrid<float>(full_signed_codes(), {{-128, 127}}).grid(0) == Affine<float>{1, 0, full_signed_codes()});
  CHECK(LearnedGrid<float>(unsigned_codes(), {{3, 255}}).grid(0) == Affine<float>{1, 0, unsigned_codes()});
  CHECK(LearnedGrid<float>(unsigned_codes(), {{-1e-30F, 4e-30F}}).grid(0).zero_point == 51);
}

TEST_CASE("LearnedGrid: gradients by hand", "[quant]") {
  LearnedGrid<float> q(unsigned_codes(2), {{-1, 2}});  // scale 1, zero point 1, 3 steps
  CHECK(q.grid(0) == Affine<float>{1, 1, unsigned_codes(2)});
  CHECK(gradient_of(q, {0.25, 0, 0}) == Factors{0.25F, 0});
  CHECK(gradient_of(q, {0, 1, 0}) == Factors{-1, -3});
  CHECK(gradient_of(q, {0, 0, 1}) == Factors{2, -3});
  SECTION("the zero point at an end: that end is 0 for the scale, and the zero point still moves") {
    q.factors()[1] = 0;
    CHECK(gradient_of(q, {0, 1, 0}) == Factors{0, -3});
    CHECK(gradient_of(q, {0, 0, 1}) == Factors{3, -3});
    q.factors()[1] = 1;
    CHECK(gradient_of(q, {0, 1, 0}) == Factors{-3, -3});
    CHECK(gradient_of(q, {0, 0, 1}) == Factors{0, -3});
  }
  SECTION("beyond its bounds neither has a gradient") {
    q.factors()[0] = 2.5F;
    q.factors()[1] = -0.1F;
    CHECK(gradient_of(q, {1, 1, 1}) == Factors{0, 0});
  }
  SECTION("a zero point that is held is dead") {
    const LearnedGrid<float> held(unsigned_codes(2), {{0, 3}}, per_tensor, {0.1F, 2}, {0, 0});
    CHECK(is_dead(held, 1));
    CHECK(gradient_of(held, {0, 1, 1}) == Factors{3, 0});
  }
}

TEST_CASE("LearnedGrid: gradients are those of the straight-through surrogate, by central differences", "[quant]") {
  const int bits = GENERATE(2, 4, 8);
  std::mt19937 rng(static_cast<unsigned>(bits));
  std::uniform_real_distribution<double> any(0, 1);
  for (int trial = 0; trial < 100; ++trial) {
    const CodeRange codes = trial % 2 == 0 ? unsigned_codes(bits) : full_signed_codes(bits);
    const double steps = codes.qmax - codes.qmin;
    LearnedGrid<double> q(codes, {{-1, 1}});
    q.factors()[0] = 0.2 + 1.5 * any(rng);
    q.factors()[1] = 0.01 + 0.98 * any(rng);
    test::check_straight_through(
        q, 3, rng, [&](const auto& at) { return at.factors()[0] * 2 / steps; },
        [&](const auto& at) { return codes.qmin + at.factors()[1] * steps; });
  }
}

TEST_CASE("LearnedGrid: what cannot be is refused", "[quant]") {
  using Q = LearnedGrid<float>;
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(Q(unsigned_codes(), {}), value_error);
  CHECK_THROWS_AS(Q(unsigned_codes(), {{0, 1}, {0, 1}}), value_error);
  CHECK_THROWS_AS(Q(CodeRange{1, 5}, {{0, 1}}), value_error);
  CHECK_THROWS_AS(Q(unsigned_codes(), {{0, nan}}), quantization_range_error);
  CHECK_THROWS_AS(Q(unsigned_codes(), {{0, 1}}, per_tensor, {0, 1}), value_error);
  CHECK_THROWS_AS(Q(unsigned_codes(), {{0, 1}}, per_tensor, {nan, 1}), value_error);
  CHECK_THROWS_WITH(Q(unsigned_codes(), {{0, 1}}, per_tensor, {0.5F, 1}, {-0.5F, 1}),
                    "LearnedGrid: bounds [-0.5, 1] of a factor; expected ordered, within [0, 1]");
}
