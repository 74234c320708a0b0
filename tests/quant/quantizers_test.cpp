// What holds for every quantizer of the library.
#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <limits>
#include <trimtab/quant/learned_grid.hpp>
#include <trimtab/quant/power_of_two.hpp>
#include <type_traits>
#include <vector>

using namespace trimtab;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity(), quiet_nan = std::numeric_limits<float>::quiet_NaN();

/// Of ranges [-end / 3, end], or of thresholds.
template <class Q>
Q make(const std::vector<float>& ends, Granularity granularity) {
  if constexpr (std::is_constructible_v<Q, CodeRange, std::vector<float>, Granularity>) {
    return Q(unsigned_codes(5), ends, granularity);
  } else {
    std::vector<Range<float>> ranges;
    for (const float e : ends) ranges.push_back({-e / 3, e});
    return Q(unsigned_codes(5), ranges, granularity);
  }
}

template <class Q>
std::vector<float> gradient_of(const Q& q, const GridGradient& g, std::size_t channel = 0) {
  std::vector<float> grad(q.factors().size());
  q.add_gradient(channel, g, grad);
  return grad;
}

}  // namespace

#define EVERY_QUANTIZER AdjustableThreshold<float>, AdjustableRange<float>, PowerOfTwoThreshold<float>, LearnedGrid<float>

TEMPLATE_TEST_CASE("Quantizers: channel c of a vector quantizer is the scalar quantizer of that channel", "[quant]",
                   EVERY_QUANTIZER) {
  // A tensor may have one threshold and its neighbour one a filter: numbers do not depend on it.
  using Q = TestType;
  const std::vector<float> ends{0.3F, 0, 7.1F, 1e-30F};
  Q all = make<Q>(ends, per_channel(1));
  const std::size_t kinds = all.factors().size() / ends.size();
  const auto number = [](std::size_t i) { return 0.6F + 0.07F * static_cast<float>(i % 5); };
  for (std::size_t i = 0; i < all.factors().size(); ++i) all.factors()[i] = number(i);
  for (std::size_t c = 0; c < ends.size(); ++c) {
    Q one = make<Q>({ends[c]}, per_tensor);
    std::vector<float> wanted(all.factors().size());
    for (std::size_t k = 0; k < kinds; ++k) {
      one.factors()[k] = number(k * ends.size() + c);
      CHECK(one.bounds(k) == all.bounds(k * ends.size() + c));
      CHECK(one.start(k) == all.start(k * ends.size() + c));
      CHECK(one.calibrated()[k] == all.calibrated()[k * ends.size() + c]);
    }
    CHECK(one.grid(0) == all.grid(c));
    const std::vector<float> g = gradient_of(one, {0.25, -1, 2});
    for (std::size_t k = 0; k < kinds; ++k) wanted[k * ends.size() + c] = g[k];
    CHECK(gradient_of(all, {0.25, -1, 2}, c) == wanted);
  }
}

TEMPLATE_TEST_CASE("Quantizers: whatever the factors are, the scale is positive and finite and real 0 a code", "[quant]",
                   EVERY_QUANTIZER) {
  using Q = TestType;
  const float end = GENERATE(0.0F, 1e-45F, 0x1p-40F, 1.0F, 0x1p39F);
  Q q = make<Q>({end}, per_tensor);
  for (std::size_t i = 0; i < q.factors().size(); ++i) CHECK(q.factors()[i] == q.start(i));
  const std::vector<float> values{quiet_nan, -inf, -1e38F, -1, -0.0F, 1e-45F, 0.3F, 1, 2, 1e38F, inf};
  for (const float first : values)
    for (const float last : values) {
      q.factors().front() = first;
      q.factors().back() = last;
      const Affine<float> grid = q.grid(0);
      if (!(grid.scale > 0) || !std::isfinite(grid.scale) || grid.fake_quantize(0) != 0 || grid.zero_point < grid.codes.qmin ||
          grid.zero_point > grid.codes.qmax)
        FAIL("factors " << first << ", " << last << " give scale " << grid.scale << ", zero point " << grid.zero_point);
      for (const float g : gradient_of(q, {1, 1, 1}))
        if (!std::isfinite(g)) FAIL("factors " << first << ", " << last << " have gradient " << g);
      project(q);
      for (std::size_t i = 0; i < q.factors().size(); ++i)
        if (q.bounds(i).clip(q.factors()[i]) != q.factors()[i]) FAIL("factor " << i << " is " << q.factors()[i]);
      CHECK(q.grid(0) == grid);
    }
}

TEMPLATE_TEST_CASE("Quantizers: what is calibrated starts inside the grid, and starts have gradients", "[quant]",
                   EVERY_QUANTIZER) {
  using Q = TestType;
  for (const float end : {0.3F, 1.0F, 7.1F, 255.0F}) {
    const Q q = make<Q>({end}, per_tensor);
    const Affine<float> grid = q.grid(0);
    CHECK(end / grid.scale <= grid.highest() + 0.5F);  // half a step: the zero point's rounding
    const std::vector<float> g = gradient_of(q, {1, 2, 3});
    CHECK(std::all_of(g.begin(), g.end(), [](float one) { return one != 0; }));
    CHECK(live_factors(q) == q.factors().size());
  }
}
