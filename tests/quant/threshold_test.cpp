#include <catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <straight_through.hpp>
#include <trimtab/quant/threshold.hpp>

using namespace trimtab;

namespace {
constexpr float inf = std::numeric_limits<float>::infinity(), quiet_nan = std::numeric_limits<float>::quiet_NaN();
using Factors = std::vector<float>;
template <class Q>
Factors factors_of(const Q& q) {
  return {q.factors().begin(), q.factors().end()};
}
template <class Q>
Factors gradient_of(const Q& q, const GridGradient& g, std::size_t channel = 0) {
  Factors grad(q.factors().size());
  q.add_gradient(channel, g, grad);
  return grad;
}
}  // namespace

TEST_CASE("round_half_even: ties go to even, everything else to the nearest", "[quant]") {
  for (int i = -600; i <= 600; ++i) {
    const double x = i / 4.0;
    CAPTURE(x);
    CHECK(round_half_even(x) == std::nearbyint(x));
    CHECK(round_half_even(static_cast<float>(x)) == std::nearbyint(static_cast<float>(x)));
  }
  CHECK(round_half_even(std::nextafter(0.5F, 0.0F)) == 0);
  CHECK(round_half_even(std::nextafter(0.5F, 1.0F)) == 1);
}

TEST_CASE("code ranges: 2 to 8 bits", "[quant]") {
  CHECK(signed_codes(8) == CodeRange{-127, 127});
  CHECK(signed_codes(2) == CodeRange{-1, 1});
  CHECK(unsigned_codes(4) == CodeRange{0, 15});
  CHECK(full_signed_codes(3) == CodeRange{-4, 3});
  CHECK_THROWS_AS(signed_codes(1), value_error);
  CHECK_THROWS_AS(unsigned_codes(9), value_error);
  CHECK_THROWS_AS(full_signed_codes(0), value_error);
}

TEST_CASE("AdjustableThreshold: scale = clip(alpha) * T / qmax, alpha starting at 1 or its upper bound", "[quant]") {
  AdjustableThreshold<float> q(signed_codes(), {127, 254}, per_channel(0));
  CHECK(factors_of(q) == Factors{1, 1});
  CHECK(q.grid(0) == Affine<float>{1, 0, signed_codes()});
  CHECK(q.grid(1).scale == 2);
  q.factors()[0] = 0.75F;
  CHECK(q.grid(0).scale == 0.75F);
  const AdjustableThreshold<float> low(unsigned_codes(), {255}, per_tensor, {0.25F, 0.5F});
  CHECK(factors_of(low) == Factors{0.5F});
  CHECK(low.grid(0).scale == 0.5F);
  const AdjustableThreshold<float> high(unsigned_codes(), {255}, per_tensor, {0.5F, 1.3F});
  CHECK(factors_of(high) == Factors{1});
}

TEST_CASE("AdjustableThreshold: whatever value a factor takes, the scale stays positive and finite", "[quant]") {
  AdjustableThreshold<float> q(signed_codes(), {127});
  for (const float alpha : {0.0F, -1.0F, -inf, quiet_nan, 1e-45F}) {
    q.factors()[0] = alpha;
    CHECK(q.grid(0).scale == 0.5F);
  }
  for (const float alpha : {1.5F, 1e38F, inf}) {
    q.factors()[0] = alpha;
    CHECK(q.grid(0).scale == 1);
  }
}

TEST_CASE("Thresholds: zero, denormal and dust count as nothing seen; NaN, infinite, negative, huge are refused", "[quant]") {
  for (const float t : {0.0F, -0.0F, 1e-45F, 1e-23F, 0x1p-41F}) {
    CHECK(AdjustableThreshold<float>(unsigned_codes(), {t}).adjusted_threshold(0) == 1);
    const Affine<float> grid = AdjustableRange<float>(unsigned_codes(), {{0, t}}).grid(0);
    CHECK(grid.scale == 1.0F / 255);
    CHECK(grid.fake_quantize(0) == 0);
  }
  CHECK(AdjustableThreshold<float>(unsigned_codes(), {0x1p-40F}).adjusted_threshold(0) == 0x1p-40F);
  for (const float t : {quiet_nan, inf, 0x1.8p40F}) {
    CHECK_THROWS_AS(AdjustableThreshold<float>(signed_codes(), {t}), quantization_range_error);
    CHECK_THROWS_AS(AdjustableRange<float>(unsigned_codes(), {{0, t}}), quantization_range_error);
    CHECK_THROWS_AS(AdjustableRange<float>(unsigned_codes(), {{-t, 0}}), quantization_range_error);
  }
  CHECK_THROWS_AS(AdjustableThreshold<float>(signed_codes(), {-1}), quantization_range_error);
  CHECK_THROWS_WITH(AdjustableThreshold<float>(signed_codes(), {1, inf}, per_channel(0)),
                    "AdjustableThreshold: channel 1 has range width inf; expected 0 to 2^40");
}

TEST_CASE("AdjustableRange: 0 divides a range of dust as it divided what was seen", "[quant]") {
  const auto split = [](Range<float> r) {
    const AdjustableRange<float> q(unsigned_codes(), {r});
    CHECK(q.width(0) == 1);
    return std::pair(q.left(0), q.grid(0).zero_point);
  };
  CHECK(split({-1e-23F, 1e-23F}).first == -0.5F);
  CHECK(split({-1e-23F, 4e-23F}).second == 51);
  CHECK(split({-1e-13F, 3e-13F}).first == Approx(-0.25F));
  CHECK(split({-1e-45F, 0}) == std::pair(-1.0F, 255));
  CHECK(split({0, 1e-45F}) == std::pair(0.0F, 0));
  CHECK(split({0, 0}) == std::pair(0.0F, 0));
}

TEST_CASE("Thresholds: impossible codes, bounds and counts are refused", "[quant]") {
  CHECK_THROWS_AS(AdjustableThreshold<float>(signed_codes(), {}), value_error);
  CHECK_THROWS_AS(AdjustableThreshold<float>(signed_codes(), {1, 1}), value_error);
  CHECK_THROWS_AS(AdjustableThreshold<float>(CodeRange{1, 5}, {1}), value_error);
  CHECK_THROWS_AS(AdjustableThreshold<float>(CodeRange{-5, 0}, {1}), value_error);
  CHECK_THROWS_AS(AdjustableRange<float>(CodeRange{3, 9}, {{0, 1}}), value_error);
  CHECK_THROWS_AS(AdjustableRange<float>(CodeRange{0, 0}, {{0, 1}}), value_error);
  for (const Bounds<float> b : {Bounds<float>{1, 0.5F}, {0, 1}, {quiet_nan, 1}, {0.5F, inf}, {-1, 1}}) {
    CHECK_THROWS_AS(AdjustableThreshold<float>(signed_codes(), {1}, per_tensor, b), value_error);
    CHECK_THROWS_AS(AdjustableRange<float>(unsigned_codes(), {{0, 1}}, per_tensor, {0, 0.4F}, b), value_error);
  }
  for (const Bounds<float> b : {Bounds<float>{0.4F, 0}, {quiet_nan, 0}, {0, quiet_nan}, {-inf, 0}, {-1e30F, 0}, {0, 1e30F}})
    CHECK_THROWS_AS(AdjustableRange<float>(unsigned_codes(), {{0, 1}}, per_tensor, b), value_error);
  CHECK_THROWS_WITH(AdjustableThreshold<float>(signed_codes(), {1}, per_tensor, {0, 1.3F}),
                    "AdjustableThreshold: bounds [0, 1.3] of a factor; expected ordered, within [0.000976562, 1024]");
}

TEST_CASE("Thresholds: every bound is an argument, the authors' 1.3 among them", "[quant]") {
  AdjustableThreshold<float> t(signed_codes(), {127}, per_tensor, {0x1p-10F, 1.3F});
  CHECK(t.factors()[0] == 1);
  t.factors()[0] = 2;
  project(t);
  CHECK(t.grid(0).scale == 1.3F);
  AdjustableRange<float> r(unsigned_codes(), {{-102, 153}}, per_tensor, {-0.5F, 0.2F}, {0.25F, 1.3F});
  r.factors()[0] = r.factors()[1] = 9;
  project(r);
  CHECK(factors_of(r) == Factors{0.2F, 1.3F});
  CHECK(r.adjusted_left(0) == Approx(-51));
  CHECK(r.grid(0).scale == Approx(1.3));
  r.factors()[0] = r.factors()[1] = -9;
  project(r);
  CHECK(factors_of(r) == Factors{-0.5F, 0.25F});
}

TEST_CASE("Thresholds: the largest value of a tensor counts as inside, for every threshold", "[quant]") {
  // T / (T / 127) is 127.00001 for about one float in four when the scale is plainly T / 127.
  std::mt19937 rng(3);
  std::uniform_real_distribution<float> any(0.5F, 2);
  int rounds_past = 0;
  for (int i = 0; i < 2000; ++i) {
    const float t = any(rng);
    rounds_past += t / (t / 127) > 127;
    const Affine<float> s = AdjustableThreshold<float>(signed_codes(), {t}).grid(0);
    const Affine<float> u = AdjustableThreshold<float>(unsigned_codes(), {t}).grid(0);
    const Affine<float> r = AdjustableRange<float>(unsigned_codes(), {{0, t}}).grid(0);
    const Affine<float> l = AdjustableRange<float>(full_signed_codes(), {{-t, 0}}).grid(0);
    if (!(t / s.scale <= s.highest() && -t / s.scale >= s.lowest() && t / u.scale <= u.highest() && t / r.scale <= r.highest() &&
          -t / l.scale >= l.lowest()))
      FAIL("threshold " << t << " lies outside its grid");
    if (std::abs(s.scale - t / 127) > 1.2e-7F * s.scale) FAIL("scale of " << t << " is " << s.scale);
  }
  CHECK(rounds_past > 100);
}

TEST_CASE("AdjustableThreshold: gradients inside, below, above, worked by hand", "[quant]") {
  AdjustableThreshold<float> q(signed_codes(), {254});  // dy/dalpha: residue * 254 / 127, -254 below, 254 above
  CHECK(gradient_of(q, {0.25, 0, 0}) == Factors{0.5F});
  CHECK(gradient_of(q, {0, 1, 0}) == Factors{-254});
  CHECK(gradient_of(q, {0, 0, 1}) == Factors{254});
  CHECK(gradient_of(AdjustableThreshold<float>(unsigned_codes(4), {30}), {0.25, 7, 1}) == Factors{0.5F + 30});
  SECTION("on the bounds there is a gradient, beyond them there is none") {
    for (const float alpha : {0.5F, 1.0F}) {
      q.factors()[0] = alpha;
      CHECK(gradient_of(q, {0, 0, 1}) == Factors{254});
    }
    for (const float alpha : {std::nextafter(0.5F, 0.0F), std::nextafter(1.0F, 2.0F), quiet_nan, -inf, inf, 0.0F}) {
      q.factors()[0] = alpha;
      CHECK(gradient_of(q, {1, 1, 1}) == Factors{0});
    }
  }
  SECTION("only the channel's own factor is touched, and added into") {
    const AdjustableThreshold<float> v(signed_codes(), {127, 254}, per_channel(0));
    Factors grad{1, 2};
    v.add_gradient(1, {0, 0, 1}, grad);
    CHECK(grad == Factors{1, 256});
  }
}

TEST_CASE("AdjustableRange: left limit, width and zero point (eq. 21 to 23)", "[quant]") {
  AdjustableRange<float> q(unsigned_codes(), {{-55, 200}});  // R = 255
  CHECK(factors_of(q) == Factors{0, 1});
  CHECK(q.grid(0) == Affine<float>{1, 55, unsigned_codes()});
  q.factors()[0] = 0.2F;  // L = -4
  CHECK(q.adjusted_left(0) == Approx(-4));
  CHECK(q.grid(0).zero_point == 4);
  q.factors()[1] = 0.5F;  // W = 127.5
  CHECK(q.grid(0).scale == 0.5F);
  CHECK(q.grid(0).zero_point == 8);
  q.factors()[0] = 0.4F;  // L = 47 would put zero outside
  CHECK(q.grid(0).zero_point == 0);
  q.factors()[0] = quiet_nan;  // counts as the lower bound, -0.2: L = -106, W = 127.5
  CHECK(q.grid(0).zero_point == 212);
  q.factors()[1] = quiet_nan;
  CHECK(q.grid(0).scale == 0.5F);
  CHECK(AdjustableRange<float>(full_signed_codes(), {{-128, 127}}).grid(0) == Affine<float>{1, 0, full_signed_codes()});
  CHECK(AdjustableRange<float>(unsigned_codes(), {{-255, 0}}).grid(0).zero_point == 255);
}

TEST_CASE("AdjustableRange: ranges are widened to hold 0", "[quant]") {
  CHECK(AdjustableRange<float>(unsigned_codes(), {{5, 255}}).grid(0) == Affine<float>{1, 0, unsigned_codes()});
  CHECK(AdjustableRange<float>(unsigned_codes(), {{-255, -5}}).grid(0) == Affine<float>{1, 255, unsigned_codes()});
}

TEST_CASE("AdjustableRange: gradients inside, below, above, worked by hand", "[quant]") {
  SECTION("zero inside: both ends move with the left limit, the right one with the width") {
    const AdjustableRange<float> q(unsigned_codes(), {{-110, 400}});  // R = 510, scale 2
    CHECK(gradient_of(q, {0.25, 0, 0}) == Factors{0, 0.5F});
    CHECK(gradient_of(q, {0, 1, 0}) == Factors{510, 0});
    CHECK(gradient_of(q, {0, 0, 1}) == Factors{510, 510});
  }
  SECTION("zero at the left end: alpha_T may go down, and both ends with it") {
    const AdjustableRange<float> q(unsigned_codes(), {{0, 255}});
    CHECK(gradient_of(q, {0.25, 0, 0}) == Factors{0, 0.25F});
    CHECK(gradient_of(q, {0, 1, 0}) == Factors{255, 0});
    CHECK(gradient_of(q, {0, 0, 1}) == Factors{255, 255});
  }
  SECTION("zero at the left end, and alpha_T not below 0: only the right end moves, with the width") {
    const AdjustableRange<float> q(unsigned_codes(), {{0, 255}}, per_tensor, {0, 0.4F});
    CHECK(gradient_of(q, {0.25, 0, 0}) == Factors{0, 0.25F});
    CHECK(gradient_of(q, {0, 1, 0}) == Factors{0, 0});
    CHECK(gradient_of(q, {0, 0, 1}) == Factors{0, 255});
  }
  SECTION("zero at the right end: the left end moves against the width; what is clipped at 0 asks alpha_T for a right end") {
    const AdjustableRange<float> q(unsigned_codes(), {{-255, 0}});
    CHECK(gradient_of(q, {0, 1, 0}) == Factors{0, -255});
    CHECK(gradient_of(q, {0, 0, 1}) == Factors{255, 0});
  }
  SECTION("what the zero point's rounding lost moves both ends with the width") {
    // R = W = 3, scale 1, L = -1.25: zero point 1.25 before rounding and 1 after it; 0.25 * R / 3 is 0.25.
    const AdjustableRange<float> q(unsigned_codes(2), {{-1.25F, 1.75F}});
    CHECK(q.grid(0) == Affine<float>{1, 1, unsigned_codes(2)});
    CHECK(gradient_of(q, {0, 1, 0}) == Factors{3, 0.25F});
    CHECK(gradient_of(q, {0, 0, 1}) == Factors{3, 3.25F});
    CHECK(gradient_of(q, {0.5, 1, 1}) == Factors{6, 4});
  }
  SECTION("a zero point that rounds to an end leaves alpha_T its gradient") {
    const AdjustableRange<float> q(unsigned_codes(2), {{-0.25F, 2.75F}});
    CHECK(q.grid(0).zero_point == 0);
    CHECK(gradient_of(q, {0, 1, 0}) == Factors{3, 0.25F});
  }
  SECTION("each factor beyond its own bounds has no gradient") {
    AdjustableRange<float> q(unsigned_codes(), {{-110, 400}});
    q.factors()[0] = -0.21F;
    CHECK(gradient_of(q, {0, 0, 1}) == Factors{0, 510});
    q.factors()[0] = -0.2F;
    q.factors()[1] = 1.01F;
    CHECK(gradient_of(q, {0, 0, 1}) == Factors{510, 0});
  }
  SECTION("two channels: every shift, then every width") {
    const AdjustableRange<float> q(unsigned_codes(), {{-55, 200}, {-110, 400}}, per_channel(1));
    CHECK(gradient_of(q, {0, 0, 1}, 1) == Factors{0, 510, 0, 510});
  }
}

TEST_CASE("project: factors return into their bounds, NaN to the lower one, those inside stay", "[quant]") {
  AdjustableThreshold<float> q(signed_codes(), {1, 1, 1, 1}, per_channel(0));
  const Factors given{0.1F, 0.75F, 7, quiet_nan};
  std::copy(given.begin(), given.end(), q.factors().begin());
  project(q);
  CHECK(factors_of(q) == Factors{0.5F, 0.75F, 1, 0.5F});
  AdjustableRange<float> r(unsigned_codes(), {{-1, 1}});
  r.factors()[0] = -1;
  r.factors()[1] = -1;
  project(r);
  CHECK(factors_of(r) == Factors{-0.2F, 0.5F});
}

TEST_CASE("AdjustableRange: alpha_T's bounds end where the grid no longer feels it", "[quant]") {
  const auto of_shift = [](Range<double> r, Bounds<double> shift, Bounds<double> width = {0.5, 1}) {
    return AdjustableRange<double>(unsigned_codes(), {r}, per_tensor, shift, width).bounds(0);
  };
  CHECK(of_shift({-1, 1}, {-0.2, 0.4}) == Bounds<double>{-0.2, 0.4});
  CHECK(of_shift({-1, 3}, {-0.2, 0.4}) == Bounds<double>{-0.2, 0.25});  // L = -1 + 0.25 * 4 is 0
  CHECK(of_shift({0, 1}, {-0.2, 0.4}) == Bounds<double>{-0.2, 0});
  CHECK(of_shift({-3, 0}, {-0.2, 0.4}) == Bounds<double>{0, 0.4});  // below, even the widest grid ends at 0
  CHECK(of_shift({-3, 0}, {-0.2, 0.4}, {0.5, 1.25}) == Bounds<double>{-0.2, 0.4});
  CHECK(of_shift({0, 1}, {0, 0.4}) == Bounds<double>{0, 0});
  CHECK(of_shift({-1, 3}, {0.3, 0.4}) == Bounds<double>{0.3, 0.3});
  CHECK(of_shift({-3, 0}, {-0.4, -0.2}) == Bounds<double>{-0.2, -0.2});
  // The grids that the cut takes away are there already.
  AdjustableRange<double> q(unsigned_codes(), {{-1, 3}}), wide(unsigned_codes(), {{-1, 3}}, per_tensor, {-0.2, 0.25});
  q.factors()[0] = wide.factors()[0] = 0.4;
  CHECK(q.grid(0) == wide.grid(0));
  CHECK(q.grid(0).zero_point == 0);
}

TEST_CASE("is_dead: the factor of a tensor that begins at 0, and whatever its bounds hold fast", "[quant]") {
  using Shift = AdjustableRange<float>;
  const Shift q(unsigned_codes(), {{0, 6}, {-1, 5}, {-1e-30F, 0}}, per_channel(0), Shift::default_shift_bounds_one_sided);
  CHECK(is_dead(q, 0));
  for (const std::size_t live : {1U, 2U, 3U, 4U, 5U}) CHECK_FALSE(is_dead(q, live));
  CHECK(live_factors(q) == 5);
  CHECK(gradient_of(q, {1, 1, 1}, 0)[0] == 0);
  CHECK(live_factors(Shift(unsigned_codes(), {{0, 6}})) == 2);  // it may move down
  CHECK(live_factors(AdjustableThreshold<float>(signed_codes(), {1, 2}, per_channel(0))) == 2);
  const AdjustableThreshold<float> held(signed_codes(), {1, 2}, per_channel(0), {1, 1});
  CHECK(live_factors(held) == 0);
  CHECK(gradient_of(held, {1, 1, 1}) == Factors{0, 0});
}

TEST_CASE("AdjustableRange: both gradients are those of the straight-through surrogate, by central differences", "[quant]") {
  const int bits = GENERATE(2, 4, 8);
  const bool full_signed = GENERATE(false, true);
  std::mt19937 rng(static_cast<unsigned>(bits));
  std::uniform_real_distribution<double> any(0, 1);
  double largest_lost = 0;
  for (int trial = 0; trial < 200; ++trial) {
    const CodeRange codes = full_signed ? full_signed_codes(bits) : unsigned_codes(bits);
    const double steps = codes.qmax - codes.qmin;
    AdjustableRange<double> q(codes, {{-0.2 - any(rng), 0.2 + any(rng)}}, per_tensor, {-0.3, 0.3}, {0.4, 1.3});
    const Bounds<double> b = q.bounds(0);
    q.factors()[0] = b.lo + (b.hi - b.lo) * (0.1 + 0.8 * any(rng));
    q.factors()[1] = 0.5 + 0.7 * any(rng);
    const auto scale = [&](const auto& at) { return at.adjusted_width(0) / steps; };
    const auto zero_point = [&](const auto& at) { return codes.qmin - at.adjusted_left(0) / scale(at); };
    const double exact = zero_point(q);
    if (exact < codes.qmin + 1e-3 || exact > codes.qmax - 1e-3) continue;  // no derivative on the clamp itself
    largest_lost = std::max(largest_lost, std::abs(exact - q.grid(0).zero_point));
    test::check_straight_through(q, 2, rng, scale, zero_point);
  }
  CHECK(largest_lost > 0.4);
}
