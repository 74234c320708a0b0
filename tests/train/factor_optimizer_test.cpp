#include <catch.hpp>
#include <trimtab/quant/power_of_two.hpp>
#include <trimtab/train/factor_optimizer.hpp>
#include <vector>

using namespace trimtab;

TEST_CASE("FactorOptimizer: a step is Adam's on each quantizer's factors, then project, and gradients begin at 0 again",
          "[train]") {
  AdjustableThreshold<float> a(signed_codes(), {1, 2}, per_channel(0)), alone_a = a;
  AdjustableRange<float> b(unsigned_codes(), {{-1, 2}}), alone_b = b;
  PowerOfTwoThreshold<float> c(signed_codes(), {1}), alone_c = c;
  FactorOptimizer<float> optimizer(a, b);
  optimizer.add(c);
  Adam<float> adam_a(2), adam_b(2), adam_c(1);
  for (int step = 0; step < 3; ++step) {
    const auto sign = static_cast<float>(1 - step);
    const std::vector<float> grad_a{0.5F, -3}, grad_b{sign, 2}, grad_c{-1};
    REQUIRE(optimizer.gradients(a).size() == 2);
    CHECK(optimizer.gradients(a)[0] == 0);
    for (std::size_t i = 0; i < 2; ++i) {
      optimizer.gradients(a)[i] += grad_a[i];
      optimizer.gradients(b)[i] += grad_b[i];
    }
    optimizer.gradients(c)[0] += grad_c[0];
    optimizer.step(0.125);
    adam_a.step(alone_a.factors(), grad_a, 0.125), adam_b.step(alone_b.factors(), grad_b, 0.125);
    adam_c.step(alone_c.factors(), grad_c, 0.125);
    project(alone_a), project(alone_b), project(alone_c);
    const auto same = [](const auto& p, const auto& q) { return std::ranges::equal(p.factors(), q.factors()); };
    CHECK(same(a, alone_a));
    CHECK(same(b, alone_b));
    CHECK(same(c, alone_c));
  }
  CHECK(a.factors()[0] < 1);   // moved
  CHECK(a.factors()[1] == 1);  // held at its bound
}

TEST_CASE("FactorOptimizer: strangers, quantizers named twice and gradients that are not finite are refused", "[train]") {
  AdjustableThreshold<float> a(signed_codes(), {1}), b = a;
  FactorOptimizer<float> optimizer(a);
  CHECK_THROWS_AS(optimizer.gradients(b), value_error);
  CHECK_THROWS_AS(optimizer.add(a), value_error);
  CHECK_THROWS_AS(FactorOptimizer<float>(a, a), value_error);
  CHECK_THROWS_AS(FactorOptimizer<float>(AdamOptions{.beta1 = 2}, a), value_error);
  optimizer.gradients(a)[0] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(optimizer.step(0.1), value_error);
  CHECK(a.factors()[0] == 1);
}
