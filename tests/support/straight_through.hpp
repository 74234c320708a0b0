#pragma once
// A quantizer's gradients against central differences of the surrogate that they are the gradients of: what rounding did to x, to
// the zero point and to the scale at the factors given stays done while the factors move.
#include <algorithm>
#include <catch.hpp>
#include <cstddef>
#include <gradient_check.hpp>
#include <random>
#include <trimtab/quant/threshold.hpp>
#include <vector>

namespace trimtab::test {

/// `scale` and `zero_point`: of q's only channel, before rounding. Values are drawn from [-reach, reach], their weights from
/// [-1/2, 1/2].
template <class Q, class Scale, class ZeroPoint>
void check_straight_through(Q& q, double reach, std::mt19937& random, const Scale& scale, const ZeroPoint& zero_point) {
  std::uniform_real_distribution<double> value(-reach, reach), weight(-0.5, 0.5);
  const Affine<double> at = q.grid(0);
  const double stretched = at.scale / scale(q), moved = at.zero_point - zero_point(q);
  struct Term {
    double x, g, rounding;
    bool below, above;
  };
  std::vector<Term> terms;
  GridGradient sums;
  for (int i = 0; i < 50; ++i) {
    const double x = value(random), g = weight(random), v = x / at.scale;
    const Term t{x, g, round_half_even(v) - v, v<at.lowest(), v> at.highest()};
    sums += {t.below || t.above ? 0 : g * t.rounding, t.below ? g : 0, t.above ? g : 0};
    terms.push_back(t);
  }
  std::vector<double> factors(q.factors().begin(), q.factors().end()), grad(factors.size());
  q.add_gradient(0, sums, grad);
  gradient::check(
      factors, grad,
      [&] {
        std::copy(factors.begin(), factors.end(), q.factors().begin());
        const double s = scale(q) * stretched, z = zero_point(q) + moved;
        double loss = 0;
        for (const Term& t : terms)
          loss += t.g * s * (t.below ? at.codes.qmin - z : t.above ? at.codes.qmax - z : t.x / s + t.rounding);
        return loss;
      },
      1e-6, 1e-7);
}

}  // namespace trimtab::test
