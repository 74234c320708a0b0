#pragma once
// Gradients against central differences, in double.
#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

namespace gradient {

/// Normal numbers from a seed.
template <class Real = double>
std::vector<Real> random_values(std::size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal;
  std::vector<Real> values(count);
  for (Real& v : values) v = static_cast<Real>(normal(engine));
  return values;
}

/// sum of a[i] * b[i]: with b fixed, a loss whose gradient for a is b.
inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Checks d loss / d x[i] for every i; loss() reads x.
template <class Loss>
void check(std::vector<double>& x, const std::vector<double>& analytic, const Loss& loss, double step = 1e-5,
           double tolerance = 1e-6) {
  REQUIRE(analytic.size() == x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double before = x[i];
    x[i] = before + step;
    const double above = loss();
    x[i] = before - step;
    const double below = loss();
    x[i] = before;
    const double numeric = (above - below) / (2 * step);
    if (std::abs(numeric - analytic[i]) > tolerance * std::max(1.0, std::abs(numeric))) {
      CAPTURE(i, numeric, analytic[i]);
      FAIL_CHECK("gradient differs from the central difference");
      return;
    }
  }
  SUCCEED();
}

}  // namespace gradient
