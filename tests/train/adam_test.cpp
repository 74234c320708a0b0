#include <catch.hpp>
#include <cmath>
#include <limits>
#include <trimtab/train/adam.hpp>
#include <trimtab/train/schedule.hpp>
#include <vector>

using namespace trimtab;

TEST_CASE("Adam: two steps worked by hand", "[train]") {
  Adam<double> adam(1, {.beta1 = 0.5, .beta2 = 0.5, .epsilon = 1e-8});
  std::vector<double> p{1.0};
  // t = 1: m = 1, corrected 2; v = 2, corrected 4; the step is rate * 2 / 2.
  adam.step(p, std::vector<double>{2.0}, 0.1);
  CHECK(p[0] == Approx(0.9).epsilon(1e-7));
  // t = 2: m = 0.5 * 1 + 0.5 * -1 = 0, so nothing moves.
  adam.step(p, std::vector<double>{-1.0}, 0.1);
  CHECK(p[0] == Approx(0.9).epsilon(1e-7));
}

TEST_CASE("Adam: a gradient of zero moves nothing; reset makes the next step a first step", "[train]") {
  Adam<float> adam(2);
  std::vector<float> p{1.0F, 1.0F};
  adam.step(p, std::vector<float>{3.0F, 0.0F}, 0.01);
  CHECK(p[0] == Approx(0.99F));
  CHECK(p[1] == 1.0F);
  adam.reset();
  adam.step(p, std::vector<float>{-5.0F, 0.0F}, 0.01);
  CHECK(p[0] == Approx(1.0F));
}

TEST_CASE("Adam: a gradient that is not finite is refused before anything moves", "[train]") {
  Adam<float> adam(2);
  std::vector<float> p{1.0F, 2.0F};
  CHECK_THROWS_AS(adam.step(p, std::vector<float>{1.0F, std::numeric_limits<float>::quiet_NaN()}, 0.1), value_error);
  CHECK(p == std::vector<float>{1.0F, 2.0F});
  CHECK_THROWS_AS(adam.step(p, std::vector<float>{1.0F}, 0.1), shape_error);
  CHECK_THROWS_AS(Adam<float>(1, {.beta1 = 1.0}), value_error);
}

TEST_CASE("Adam: a rate that is negative or not finite is refused before anything moves", "[train]") {
  const double rate = GENERATE(-1e-3, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity());
  Adam<float> adam(1);
  std::vector<float> p{1.0F};
  CHECK_THROWS_AS(adam.step(p, std::vector<float>{1.0F}, rate), value_error);
  CHECK(p[0] == 1.0F);
  CHECK(adam.state() == AdamState{0, {0}, {0}});
  adam.step(p, std::vector<float>{1.0F}, 0);
  CHECK(p[0] == 1.0F);
}

TEST_CASE("CosineAnnealing: warm-up takes at most a third of a period, so that every period falls", "[train]") {
  const CosineAnnealing s(1.0, 9, 8);
  CHECK(s.warmup() == 3);
  for (const std::size_t start : {0U, 9U}) {
    CHECK(s.rate(start) == 0.25);
    CHECK(s.rate(start + 2) == 0.75);
    CHECK(s.rate(start + 3) == 1.0);
    CHECK(s.rate(start + 6) == Approx(0.5));
    CHECK(s.rate(start + 8) == Approx((1 + std::cos(5 * 3.14159265358979 / 6)) / 2));
  }
  CHECK(CosineAnnealing(1.0, 24, 8).warmup() == 8);
  CHECK(CosineAnnealing(1.0, 23, 8).warmup() == 7);
  CHECK(CosineAnnealing(1.0, 2, 1).warmup() == 0);
  CHECK(CosineAnnealing(1.0, 2, 1).rate(0) == 1.0);
}

TEST_CASE("CosineAnnealing: peak, middle, end and restart", "[train]") {
  const CosineAnnealing s(1.0, 8);
  CHECK(s.rate(0) == 1.0);
  CHECK(s.rate(4) == Approx(0.5));
  CHECK(s.rate(7) == Approx(0.5 * (1 + std::cos(7 * 3.14159265358979 / 8))));
  CHECK(s.rate(8) == 1.0);
  CHECK_FALSE(s.restarts(0));
  CHECK_FALSE(s.restarts(7));
  CHECK(s.restarts(8));
  CHECK(s.restarts(16));
}

TEST_CASE("CosineAnnealing: each period warms up linearly and ends at the floor", "[train]") {
  const CosineAnnealing s(1.0, 10, 3, 0.25);
  CHECK(s.rate(0) == 0.25);
  CHECK(s.rate(2) == 0.75);
  CHECK(s.rate(3) == 1.0);
  CHECK(s.rate(12) == 0.75);
  for (std::size_t k = 3; k < 9; ++k) CHECK(s.rate(k + 1) < s.rate(k));
  CHECK(s.rate(9) > 0.25);
  CHECK_THROWS_AS(CosineAnnealing(1.0, 4, 4), value_error);
  CHECK_THROWS_AS(CosineAnnealing(1.0, 0), value_error);
  CHECK_THROWS_AS(CosineAnnealing(std::numeric_limits<double>::quiet_NaN(), 4), value_error);
}

TEST_CASE("Adam: goes on from its state to the same bits, and refuses one that it cannot have left", "[train]") {
  const std::vector<float> gradients{0.3F, -2.0F};
  Adam<float> adam(2), other(2);
  std::vector<float> p{1.0F, 2.0F};
  adam.step(p, gradients, 0.01);
  other.restore(adam.state());
  std::vector<float> q = p;
  adam.step(p, gradients, 0.01);
  other.step(q, gradients, 0.01);
  CHECK(p == q);
  CHECK(adam.state() == other.state());
  AdamState bad = adam.state();
  bad.variance[1] = -1;
  CHECK_THROWS_AS(other.restore(bad), value_error);
  bad = adam.state();
  bad.mean[0] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(other.restore(bad), value_error);
  bad = adam.state();
  bad.mean.pop_back();
  CHECK_THROWS_AS(other.restore(bad), shape_error);
  CHECK(adam.state() == other.state());
}
