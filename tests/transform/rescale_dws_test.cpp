#include <catch.hpp>
#include <limits>
#include <random>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/transform/rescale_dws.hpp>
#include <vector>

using namespace trimtab;
using Catch::Matchers::WithinRel;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity(), not_a_number = std::numeric_limits<double>::quiet_NaN();
const std::vector<double> no_maxima;

/// KH 1, KW 2, C 4 with largest weights 2, 4, 1, 0.25; the consumer is O 2, I 4.
struct Pair {
  xt::xtensor<double, 3> dw{{{2, -4, 0.5, 0.125}, {-1, 1, -1, 0.25}}};
  std::vector<double> bias{1, 2, 3, 4};
  xt::xtensor<double, 2> next{{1, 2, 3, 4}, {-5, 6, -7, 8}};

  Rescaling rescale(const std::vector<double>& maxima, double upper_bound, const RescaleLimits& limits = {}) {
    return rescale_dws(dw, bias, next, maxima, upper_bound, limits);
  }
};

bool operator==(const Pair& a, const Pair& b) { return a.dw == b.dw && a.bias == b.bias && a.next == b.next; }

}  // namespace

TEST_CASE("scale_channels: the producer times the factor, the consumer divided by it", "[transform]") {
  Pair p;
  scale_channels(p.dw, p.bias, p.next, std::vector<double>{2, 1, 0.5, 4});
  CHECK((p.dw == xt::xtensor<double, 3>{{{4, -4, 0.25, 0.5}, {-2, 1, -0.5, 1}}}));
  CHECK(p.bias == std::vector<double>{2, 2, 1.5, 16});
  CHECK((p.next == xt::xtensor<double, 2>{{0.5, 2, 6, 1}, {-2.5, 6, -14, 2}}));
}

TEST_CASE("scale_channels: a convolution's output channels are its first axis, a layer without bias may come first",
          "[transform]") {
  xt::xtensor<float, 4> expand = xt::ones<float>({2, 1, 1, 3});
  xt::xtensor<float, 3> dw{{{1, 2}}, {{3, 4}}};
  std::vector<float> none;
  scale_channels(expand, none, dw, std::vector<double>{2, 4});
  CHECK(expand(0, 0, 0, 2) == 2);
  CHECK(expand(1, 0, 0, 0) == 4);
  CHECK((dw == xt::xtensor<float, 3>{{{0.5F, 0.5F}}, {{1.5F, 1.0F}}}));
}

TEST_CASE("scale_channels: factors that are zero, negative, not finite or too large are refused, and nothing changes",
          "[transform]") {
  const double factor = GENERATE(0.0, -1.0, not_a_number, infinity, 1e308);
  CAPTURE(factor);
  Pair p;
  CHECK_THROWS_AS(scale_channels(p.dw, p.bias, p.next, std::vector<double>{1, factor, 1, 1}), value_error);
  CHECK(p == Pair());
}

TEST_CASE("scale_channels: channel counts have to agree", "[transform]") {
  Pair p;
  CHECK_THROWS_AS(scale_channels(p.dw, p.bias, p.next, std::vector<double>{1, 1, 1}), shape_error);
  CHECK_THROWS_AS(scale_channels(p.dw, ChannelAxis{2}, p.bias, p.next, ChannelAxis{0}, std::vector<double>{1, 1, 1, 1}),
                  shape_error);
  CHECK_THROWS_AS(scale_channels(p.dw, ChannelAxis{3}, p.bias, p.next, ChannelAxis{1}, std::vector<double>{1, 1, 1, 1}),
                  shape_error);
  std::vector<double> short_bias{1};
  CHECK_THROWS_AS(scale_channels(p.dw, short_bias, p.next, std::vector<double>{1, 1, 1, 1}), shape_error);
  CHECK(p == Pair());
}

TEST_CASE("rescale_dws: the six steps of section 3.3.1 by hand", "[transform]") {
  Pair p;
  // Channels 0 and 1 reach 5.9: locked, and the control value is the mean of 2 and 4. Channel 2 may grow by 3 / 1 to 4.5 of 6;
  // channel 3 by 3 / 0.25 = 12, but 12 * 1 would pass 6.
  const Rescaling r = p.rescale({5.9, 7, 1.5, 1}, 6);
  CHECK(r.locked == std::vector<std::size_t>{0, 1});
  CHECK(r.dead.empty());
  CHECK(r.control_value == 3);
  CHECK(r.factors == std::vector<double>{1, 1, 3, 6});
  CHECK(r.thresholds_before == std::vector<double>{2, 4, 1, 0.25});
  CHECK(r.thresholds_after == std::vector<double>{2, 4, 3, 1.5});
  CHECK(r.consumer_before == 8);
  CHECK(r.consumer_after == 6);
  CHECK(r.largest_change < 1e-14);
  CHECK((p.dw == xt::xtensor<double, 3>{{{2, -4, 1.5, 0.75}, {-1, 1, -3, 1.5}}}));
  CHECK(p.bias == std::vector<double>{1, 2, 9, 24});
  CHECK((p.next == xt::xtensor<double, 2>{{1, 2, 3.0 / 3, 4.0 / 6}, {-5, 6, -7.0 / 3, 8.0 / 6}}));
}

TEST_CASE("rescale_dws: ReLU6 of the rescaled channel is the factor times ReLU6 up to the calibrated maximum", "[transform]") {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> uniform(0.01, 8), weight(-1, 1);
  const std::size_t channels = 64;
  xt::xtensor<double, 3> dw = xt::zeros<double>({3, 3, int(channels)});
  xt::xtensor<double, 4> next = xt::zeros<double>({5, 1, 1, int(channels)});
  std::vector<double> bias(channels), maxima(channels);
  for (double& w : dw) w = weight(random) * uniform(random);
  for (double& w : next) w = weight(random);
  for (std::size_t k = 0; k < channels; ++k) bias[k] = weight(random), maxima[k] = uniform(random);
  const auto next_before = next;
  const Rescaling r = rescale_dws(dw, bias, next, maxima, 6);
  CHECK(r.locked.size() > 5);
  CHECK(r.locked.size() < 40);
  CHECK(r.largest_change < 1e-14);
  const auto clip = [](double x) { return std::clamp(x, 0.0, 6.0); };
  for (std::size_t k = 0; k < channels; ++k)
    for (const double x : {-1.0, 0.3 * maxima[k], maxima[k]})
      for (std::size_t o = 0; o < 5; ++o)
        CHECK(std::abs(next(o, 0, 0, k) * clip(r.factors[k] * x) - next_before(o, 0, 0, k) * clip(x)) < 1e-13);
  for (const std::size_t k : r.locked) CHECK(r.factors[k] == 1);
}

TEST_CASE("rescale_dws: without an upper bound every filter gets the geometric mean, exactly", "[transform]") {
  Pair p;
  const Rescaling r = p.rescale(no_maxima, no_upper_bound);
  CHECK(r.locked.empty());
  CHECK_THAT(r.control_value, WithinRel(std::pow(2.0 * 4 * 1 * 0.25, 0.25), 1e-12));
  double product = 1;
  for (std::size_t k = 0; k < 4; ++k) {
    CHECK_THAT(r.thresholds_after[k], WithinRel(r.control_value, 1e-12));
    product *= r.factors[k];
  }
  CHECK_THAT(product, WithinRel(1.0, 1e-12));
  CHECK(r.largest_change < 1e-14);
}

TEST_CASE("rescale_dws: float weights keep the function up to their rounding", "[transform]") {
  xt::xtensor<float, 2> first{{0.1F, 0.2F}, {0.003F, -0.001F}};
  xt::xtensor<float, 2> second{{0.7F, 1.3F}};
  std::vector<float> bias{0.1F, 0.2F};
  const Rescaling r = rescale_dws(first, bias, second, std::vector<float>{}, no_upper_bound);
  CHECK(r.largest_change > 0);
  CHECK(r.largest_change < 1.3 * 0x1p-23);
}

TEST_CASE("rescale_dws: no locked channel under ReLU6 aims at the geometric mean, within the limit of step 6", "[transform]") {
  Pair p;
  const Rescaling r = p.rescale({1, 1, 5, 1}, 6);
  CHECK(r.locked.empty());
  CHECK_THAT(r.control_value, WithinRel(std::pow(2.0, 0.25), 1e-12));
  CHECK_THAT(r.factors[0], WithinRel(r.control_value / 2, 1e-12));
  CHECK_THAT(r.factors[2], WithinRel(std::min(r.control_value, 1.2), 1e-12));
}

TEST_CASE("rescale_dws: all channels locked, nothing changes", "[transform]") {
  Pair p;
  const Rescaling r = p.rescale({6, 6, 60, 5.95}, 6);
  CHECK(p == Pair());
  CHECK(r.locked.size() == 4);
  CHECK(r.factors == std::vector<double>{1, 1, 1, 1});
  CHECK_THAT(r.control_value, WithinRel(7.25 / 4, 1e-12));
  CHECK(r.largest_change == 0);
}

TEST_CASE("rescale_dws: dead filters stay and do not count", "[transform]") {
  const double dust = GENERATE(0.0, 1e-23);
  CAPTURE(dust);
  Pair p;
  p.dw(0, 0, 1) = p.dw(0, 1, 1) = p.dw(0, 0, 2) = p.dw(0, 1, 2) = dust;
  // Channel 1 is locked through its bias alone, channel 2 is free.
  const Rescaling r = p.rescale({6, 6, 3, 1}, 6);
  CHECK(r.locked == std::vector<std::size_t>{0, 1});
  CHECK(r.dead == std::vector<std::size_t>{2});
  CHECK(r.control_value == 2);
  CHECK(r.factors == std::vector<double>{1, 1, 1, 6});
  CHECK(p.bias[2] == 3);
}

TEST_CASE("rescale_dws: a layer of zeros stays", "[transform]") {
  Pair p;
  p.dw.fill(0);
  const Rescaling r = p.rescale(no_maxima, no_upper_bound);
  CHECK(r.dead.size() == 4);
  CHECK(r.factors == std::vector<double>{1, 1, 1, 1});
  CHECK(r.control_value == 0);
}

TEST_CASE("rescale_dws: a channel that was never positive has only max_factor as its limit", "[transform]") {
  const double maximum = GENERATE(0.0, -3.0);
  Pair p;
  CHECK(p.rescale({6, 6, 6, maximum}, 6).factors[3] == (7.0 / 3) / 0.25);
  Pair q;
  CHECK(q.rescale({6, 6, 6, maximum}, 6, {.max_factor = 4}).factors[3] == 4);
}

TEST_CASE("rescale_dws: a reach below 1 keeps channels off the bound, and holds none down that is there already", "[transform]") {
  Pair p;  // channel 0 is locked: T_0 = 2. Wished for: 0.5, 2, 8; up to half of 6: 3 / 1, 3 / 2, 3 / 5.
  RescaleLimits limits;
  limits.reach = 0.5;
  CHECK(p.rescale({6, 1, 2, 5}, 6, limits).factors == std::vector<double>{1, 0.5, 1.5, 1});
  CHECK(Pair().rescale({6, 1, 2, 5}, 6).factors == std::vector<double>{1, 0.5, 2, 1.2});
  for (const double wrong : {0.0, -1.0, 1.01, not_a_number}) {
    limits.reach = wrong;
    Pair same;
    CHECK_THROWS_AS(same.rescale({6, 1, 2, 5}, 6, limits), value_error);
    CHECK(same == Pair());
  }
}

TEST_CASE("rescale_dws: the consumer's largest weight grows as far as it is allowed", "[transform]") {
  Pair p;
  // T_0 = 2^0.25 would divide channel 1's weights (6) by 0.3; 6 / (1.25 * 8) = 0.6 is the least factor allowed.
  const Rescaling r = p.rescale(no_maxima, no_upper_bound, {.max_consumer_growth = 1.25});
  CHECK(r.factors[1] == 6 / (1.25 * 8));
  CHECK_THAT(r.consumer_after, WithinRel(10.0, 1e-12));
}

TEST_CASE("rescale_dws: what cannot be is refused, and nothing changes", "[transform]") {
  Pair p;
  CHECK_THROWS_AS(p.rescale({1, 2, not_a_number, 4}, 6), value_error);
  CHECK_THROWS_AS(p.rescale({1, 2, infinity, 4}, 6), value_error);
  CHECK_THROWS_AS(p.rescale({1, 2, 3}, 6), shape_error);
  CHECK_THROWS_AS(p.rescale(no_maxima, 6), shape_error);
  CHECK_THROWS_AS(p.rescale({1, 2, 3, 4}, 6, {.lock_at = 6.1}), value_error);
  CHECK_THROWS_AS(p.rescale({1, 2, 3, 4}, not_a_number), value_error);
  CHECK_THROWS_AS(p.rescale({1, 2, 3, 4}, 0), value_error);
  CHECK_THROWS_AS(p.rescale({1, 2, 3, 4}, 6, {.max_factor = 0.5}), value_error);
  CHECK(p == Pair());
  p.dw(0, 0, 0) = not_a_number;
  CHECK_THROWS_AS(p.rescale({1, 2, 3, 4}, 6), quantization_range_error);
}

TEST_CASE("rescale_dws: options whose upper bound nobody has set are refused, and nothing changes", "[transform]") {
  Pair p;
  const std::vector<double> maxima{5.9, 7, 1.5, 1};
  RescaleOptions o;
  o.max_factor = 2;
  CHECK_THROWS_WITH(rescale_dws(p.dw, ChannelAxis{2}, p.bias, p.next, ChannelAxis{1}, maxima, o),
                    "rescale_dws: upper bound nan, lock at 5.9, reach 1, factors up to 2, consumer growth inf; expected 0 < "
                    "lock_at <= upper_bound, "
                    "0 < reach <= 1, and limits of at least 1");
  CHECK(p == Pair());
  o.upper_bound = 6;
  CHECK(rescale_dws(p.dw, ChannelAxis{2}, p.bias, p.next, ChannelAxis{1}, maxima, o).factors == std::vector<double>{1, 1, 2, 2});
}
