#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/transform/search_threshold.hpp>
#include <vector>

using namespace trimtab;
using Threshold = AdjustableThreshold<double>;

TEST_CASE("power_of_two_threshold: the next scale that is a power of two", "[transform]") {
  CHECK(power_of_two_threshold(0.3, 1) == 0.5);
  CHECK(power_of_two_threshold(0.5, 1) == 0.5);
  CHECK(power_of_two_threshold(std::nextafter(0.5, 1.0), 1) == 1.0);
  CHECK(power_of_two_threshold(1.2F, 127) == 127.0F / 64);
  CHECK(power_of_two_threshold(127.0F, 127) == 127.0F);
  CHECK(power_of_two_threshold(6.0F, 255) == 255.0F / 32);
  CHECK(power_of_two_threshold(0x1p-30, 127) == 127 * 0x1p-36);
  const double wrong = GENERATE(0.0, -1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN());
  CHECK_THROWS_AS(power_of_two_threshold(wrong, 127), quantization_range_error);
}

TEST_CASE("search_threshold: finds the grid that the weights lie on", "[transform]") {
  // Codes -3 .. 3. All but one weight lie on the grid of threshold 3; clipping 4 to 3 costs 1, the grid of 4 costs more.
  std::vector<double> w;
  for (int i = 0; i < 1000; ++i) w.insert(w.end(), {1, -2, 3, 2, -1});
  w.push_back(4);
  Threshold t(signed_codes(3), {4.0}, per_tensor, {0.5, 1.0});
  search_threshold(w, t, 51);
  CHECK(std::abs(t.adjusted_threshold(0) - 3.0) < 1e-12);  // 0.75 is candidate 25
}

TEST_CASE("search_threshold: each channel finds its own, and no candidate is better", "[transform]") {
  std::mt19937 random(4);
  std::normal_distribution<double> normal;
  xt::xtensor<double, 2> w = xt::zeros<double>({300, 3});
  for (std::size_t i = 0; i < 300; ++i) {
    w(i, 0) = normal(random);                 // a few far values
    w(i, 1) = double(int(i % 15) - 7) / 7;    // on the grid of the largest exactly
    w(i, 2) = std::pow(normal(random), 3.0);  // many far values
  }
  std::vector<double> largest(3, 0.0);
  for (std::size_t i = 0; i < 300; ++i)
    for (std::size_t c = 0; c < 3; ++c) largest[c] = std::max(largest[c], std::abs(w(i, c)));
  Threshold t(signed_codes(4), largest, per_channel(1), {0.25, 1.0});
  search_threshold(w, t, 16);
  const auto error = [&](std::size_t c) {
    double sum = 0;
    for (std::size_t i = 0; i < 300; ++i) sum += std::pow(w(i, c) - t.grid(c).fake_quantize(w(i, c)), 2);
    return sum;
  };
  CHECK(t.factors()[1] == 1.0);
  CHECK(t.factors()[0] < 1.0);
  CHECK(t.factors()[2] < 1.0);
  for (std::size_t c = 0; c < 3; ++c) {
    const double found = error(c), kept = t.factors()[c];
    for (int k = 0; k < 16; ++k) {
      t.factors()[c] = 1.0 - 0.75 * k / 15;
      CHECK(error(c) >= found);
    }
    t.factors()[c] = kept;
  }
}

TEST_CASE("search_threshold: of equals the largest, and what does not fit is refused", "[transform]") {
  Threshold t(signed_codes(8), {1.0});
  search_threshold(std::vector<double>{0, 0, 0}, t);
  CHECK(t.factors()[0] == 1.0);
  CHECK_THROWS_AS(search_threshold(std::vector<double>{1}, t, 1), value_error);
  Threshold two(signed_codes(8), {1.0, 1.0}, per_channel(0));
  CHECK_THROWS_AS(search_threshold(std::vector<double>{1, 2, 3}, two), shape_error);
}

TEST_CASE("search_threshold: both ends of a range move towards 0 together", "[transform]") {
  // Codes 0 .. 7. All but one weight lie on the grid of -3 .. 4; clipping -4.5 and 6 there costs less than the grid of -4.5 .. 6
  // does.
  std::vector<double> w;
  for (int i = 0; i < 1000; ++i) w.insert(w.end(), {1, -3, 4, -2, 3});
  w.insert(w.end(), {-4.5, 6});
  AdjustableRange<double> r(unsigned_codes(3), {{-4.5, 6}});
  search_threshold(w, r, 76);  // two thirds of the range, to 0.005, is candidate 50
  CHECK(r.adjusted_left(0) == Approx(-3).margin(0.02));
  CHECK(r.adjusted_width(0) == Approx(7).margin(0.03));
}

TEST_CASE("search_threshold: powers of two, of which none within the bounds is better, and the start of power_of_two_threshold",
          "[transform]") {
  std::mt19937 random(4);
  std::normal_distribution<double> normal;
  std::vector<double> w(2000);
  for (double& v : w) v = std::pow(normal(random), 3.0);
  const double top =
      std::abs(*std::max_element(w.begin(), w.end(), [](double a, double b) { return std::abs(a) < std::abs(b); }));
  PowerOfTwoThreshold<double> q(signed_codes(4), {top});
  CHECK(q.grid(0).scale * 7 == power_of_two_threshold(top, 7));
  const auto error = [&] {
    double sum = 0;
    for (const double v : w) sum += std::pow(v - q.grid(0).fake_quantize(v), 2);
    return sum;
  };
  search_threshold(w, q);
  const double found = error(), scale = q.grid(0).scale;
  CHECK(scale < power_of_two_threshold(top, 7) / 7);
  for (double tau = -4; tau <= 1; tau += 0.125) {
    q.factors()[0] = tau;
    CHECK(error() >= found);
  }
}

TEST_CASE("search_threshold: a learned grid finds its scale and keeps its zero point", "[transform]") {
  std::vector<double> w;
  for (int i = 0; i < 1000; ++i) w.insert(w.end(), {1, -3, 4, -2, 3});
  w.insert(w.end(), {-4.5, 6});
  LearnedGrid<double> q(unsigned_codes(3), {{-4.5, 6}}, per_tensor, {0.5, 1});
  search_threshold(w, q, 76);
  CHECK(q.grid(0).scale == Approx(1).margin(0.01));
  CHECK(q.grid(0).zero_point == 3);
}
