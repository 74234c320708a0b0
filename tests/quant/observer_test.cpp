#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <span>
#include <trimtab/core/adapt_eigen.hpp>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/quant/observer.hpp>
#include <vector>

using namespace trimtab;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity(), quiet_nan = std::numeric_limits<float>::quiet_NaN();

/// Activations as after a ReLU and as before, with a few far outliers.
std::vector<float> activations(std::size_t n, unsigned seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(n);
  for (float& v : x) v = normal(rng);
  for (std::size_t i = 0; i < n; i += 997) x[i] *= 6;
  return x;
}

/// One pass over `pictures` x `size` values, in batches of `batch`.
template <class O>
O observed(O o, const std::vector<float>& x, std::size_t size, std::size_t batch) {
  const std::size_t pictures = x.size() / size;
  for (std::size_t p = 0; p < pictures; p += batch)
    o.observe(TensorView<const float>(x.data() + p * size, {std::min(batch, pictures - p), size}));
  return o;
}

double squared_error(const std::vector<float>& x, const Affine<float>& grid) {
  double sum = 0;
  for (const float v : x) sum += std::pow(double(v) - double(grid.fake_quantize(v)), 2);
  return sum;
}

/// Calls body with one observer of every kind.
template <class Body>
void for_each_observer(const Body& body) {
  body(MinMaxObserver<float>());
  body(MovingAverageObserver<float>());
  body(PercentileObserver<float>(99.9));
  body(MseObserver<float>(signed_codes(4)));
  body(MseObserver<float>(unsigned_codes(4), Scheme::asymmetric));
}

}  // namespace

TEST_CASE("Observers: the range does not depend on batches, threads, or merging halves", "[quant]") {
  constexpr std::size_t size = 4099, pictures = 48;
  auto x = activations(size * pictures, 1);
  std::fill_n(x.begin(), size * 7, 0.0F);  // an all-zero beginning is nothing special
  for_each_observer([&](const auto& fresh) {
    const ScopedThreads one(1);
    const auto expected = observed(fresh, x, size, pictures).range();
    CHECK(expected.left < 0);
    CHECK(expected.right > 0);
    for (const int threads : {1, 2, 3})
      for (const std::size_t batch : {std::size_t{1}, std::size_t{7}, std::size_t{13}, pictures}) {
        const ScopedThreads several(threads);
        CHECK(observed(fresh, x, size, batch).range() == expected);
      }
    const std::size_t cut = 17 * size;
    auto first = observed(fresh, {x.begin(), x.begin() + cut}, size, 4);
    first.merge(observed(fresh, {x.begin() + cut, x.end()}, size, 5));
    CHECK(first.range() == expected);
  });
}

TEST_CASE("Observers: what each degenerate tensor gives", "[quant]") {
  const auto range = [](auto o, float value) {
    o.observe(std::vector<float>(40, value));
    return o.range();
  };
  for_each_observer([&](const auto& fresh) {
    CHECK_THROWS_AS(fresh.range(), quantization_range_error);
    auto empty = fresh;
    empty.observe(std::vector<float>());
    CHECK_THROWS_AS(empty.range(), quantization_range_error);
    CHECK(range(fresh, 0) == Range<float>{0, 0});
    CHECK(std::signbit(range(fresh, -0.0F).left) == false);
    CHECK(range(fresh, 2.5F) == Range<float>{0, 2.5F});
    CHECK(range(fresh, -2.5F) == Range<float>{-2.5F, 0});
    CHECK(range(fresh, 0x1p40F) == Range<float>{0, 0x1p40F});
    const Range<float> denormal = range(fresh, 1e-45F);
    CHECK(denormal.left == 0);
    CHECK((denormal.right == 0 || denormal.right == 1e-45F));
    CHECK(AdjustableRange<float>(unsigned_codes(), {denormal}).grid(0).fake_quantize(1e-45F) == 0);
  });
}

TEST_CASE("Observers: NaN, infinities and values beyond 2^40 are refused wherever they stand, and leave no trace", "[quant]") {
  const float bad = GENERATE(as<float>{}, quiet_nan, -quiet_nan, inf, -inf, 0x1.8p40F, -0x1.8p40F);
  const std::size_t place = GENERATE(0U, 7U, 16U, 99U, 100U);
  for_each_observer([&](auto o) {
    o.observe(std::vector<float>{-1, 1});
    const auto before = o.range();
    std::vector<float> x(101, 5);
    x[place] = bad;
    CHECK_THROWS_AS(o.observe(x), quantization_range_error);
    CHECK(o.range() == before);
  });
  MinMaxObserver<float> last(per_channel(1));
  std::vector<float> x(150, 5);
  x[place] = bad;
  CHECK_THROWS_AS(last.observe(TensorView<const float>(x.data(), {50, 3})), quantization_range_error);
}

TEST_CASE("Observers: the message names the observer, the value and its place", "[quant]") {
  MinMaxObserver<float> o;
  CHECK_THROWS_WITH(o.observe(std::vector<float>{1, inf, 2}),
                    "MinMaxObserver::observe: value inf at offset 1 of extents [3]; expected finite, at most 2^40");
}

TEST_CASE("MinMaxObserver: per channel, of any layout", "[quant]") {
  Eigen::MatrixXd column(3, 2);
  column << -1, 4, 2, -5, 3, -6;
  Eigen::Matrix<double, 3, 2, Eigen::RowMajor> row = column;
  using Ranges = std::vector<Range<double>>;
  for (int layout : {0, 1}) {
    MinMaxObserver<double> rows(per_channel(0)), columns(per_channel(1)), all;
    if (layout == 0)
      rows.observe(column), columns.observe(column), all.observe(column);
    else
      rows.observe(row), columns.observe(row), all.observe(row);
    CHECK(rows.ranges() == Ranges{{-1, 4}, {-5, 2}, {-6, 3}});
    CHECK(columns.ranges() == Ranges{{-1, 3}, {-6, 4}});
    CHECK(columns.range() == Range<double>{-6, 4});
    CHECK(all.ranges() == Ranges{{-6, 4}});
  }
  MinMaxObserver<double> o(per_channel(0));
  o.observe(column);
  CHECK_THROWS_AS(o.observe(Eigen::MatrixXd::Zero(2, 2).eval()), shape_error);
  MinMaxObserver<double> beyond(per_channel(2)), other(per_channel(1));
  CHECK_THROWS_AS(beyond.observe(column), shape_error);
  CHECK_THROWS_AS(o.merge(other), shape_error);
}

TEST_CASE("MinMaxObserver: long and short runs see their extremes at every place", "[quant]") {
  const auto [outer, channels, inner] = GENERATE(table<std::size_t, std::size_t, std::size_t>(
      {{1, 1, 33}, {2, 3, 40}, {1, 2, 16400}, {50, 3, 1}, {700, 3, 2}, {3, 2000, 1}}));
  const std::size_t n = outer * channels * inner;
  std::vector<float> x(n);
  std::mt19937 rng(2);
  bool found = true;
  for (int i = 0; i < 200; ++i) {
    const std::size_t high = rng() % n, low = rng() % n;
    x[high] += 9;
    x[low] -= 5;
    MinMaxObserver<float> o(per_channel(1));
    o.observe(TensorView<const float>(x.data(), {outer, channels, inner}));
    const auto ranges = o.ranges();
    for (std::size_t c = 0; c < channels; ++c) {
      const bool has_high = high / inner % channels == c, has_low = low / inner % channels == c;
      const Range<float> expected =
          high == low ? Range<float>{0, has_high ? 4.0F : 0.0F} : Range<float>{has_low ? -5.0F : 0.0F, has_high ? 9.0F : 0.0F};
      found = found && ranges[c] == expected;
    }
    x[high] = x[low] = 0;
  }
  CHECK(found);
}

TEST_CASE("MovingAverageObserver: bias-corrected, worked by hand", "[quant]") {
  MovingAverageObserver<double> o(0.5);
  const std::vector<double> x{-1, 8, -3, 4, 0, 2};  // three pictures of two values
  o.observe(TensorView<const double>(x.data(), {3, 2}));
  // Weights 1/8, 1/4, 1/2, together 7/8.
  CHECK(o.range().left == Approx((-1.0 / 8 - 3.0 / 4) / (7.0 / 8)));
  CHECK(o.range().right == Approx((8.0 / 8 + 4.0 / 4 + 2.0 / 2) / (7.0 / 8)));
  MovingAverageObserver<float> single(0.999);
  single.observe(std::vector<float>{3});
  CHECK(single.range().right == 3);
  MovingAverageObserver<float> last(0);
  last.observe(std::vector<float>{3, 1});
  CHECK(last.range().right == 1);
  last.merge(last);
  CHECK(last.range().right == 1);
  CHECK_THROWS_AS(MovingAverageObserver<float>(1), value_error);
  CHECK_THROWS_AS(MovingAverageObserver<float>(-0.1), value_error);
  CHECK_THROWS_AS(last.merge(single), value_error);
}

TEST_CASE("PercentileObserver: leaves out what it may and no more", "[quant]") {
  std::vector<float> x;
  for (int i = 1; i <= 1000; ++i) x.push_back(static_cast<float>(i));
  const auto right = [&](double p) {
    PercentileObserver<float> o(p);
    o.observe(x);
    return o.range().right;
  };
  x.back() = 5000;
  CHECK(right(100) == 5000);
  CHECK(right(99.95) == 5000);  // half a value may be left out, so none is
  CHECK(right(99.9) == 1000);   // one may; 999 lies in the bin [998, 1000)
  CHECK((right(99) >= 990 && right(99) <= 992));
  CHECK((right(60) >= 600 && right(60) <= 602));
  SECTION("an outlier is left out on its own side only") {
    x.assign(10000, 1.0F);
    x[5] = 1e6F;
    x[6] = -1e6F;
    x[7] = -1e6F;
    PercentileObserver<float> o(99.99);
    o.observe(x);
    CHECK(o.range().left == -1e6F);
    CHECK(o.range().right == Approx(1).epsilon(0.004));
  }
  SECTION("negative values mirror positive ones") {
    for (float& v : x) v = -v;
    PercentileObserver<float> o(99);
    o.observe(x);
    CHECK(o.range().right == 0);
    CHECK((o.range().left <= -990 && o.range().left >= -992));
  }
  CHECK_THROWS_AS(PercentileObserver<float>(50), value_error);
  CHECK_THROWS_AS(PercentileObserver<float>(100.1), value_error);
  CHECK_THROWS_AS(PercentileObserver<float>(double(quiet_nan)), value_error);
}

TEST_CASE("MseObserver: within 2 percent of the least squared error that any candidate has on the data itself", "[quant]") {
  const int bits = GENERATE(2, 3, 4, 6, 8);
  const bool relu = GENERATE(false, true);
  auto x = activations(30011, 9);
  if (relu)
    for (float& v : x) v = std::clamp(v, 0.0F, 3.0F);
  CAPTURE(bits, relu);
  float top = 0;
  for (const float v : x) top = std::max(top, std::abs(v));
  const auto error_at = [&](CodeRange codes, float t) {
    return squared_error(x, AdjustableThreshold<float>(codes, {t}).grid(0));
  };
  const CodeRange codes = relu ? unsigned_codes(bits) : signed_codes(bits);
  MseObserver<float> o(codes);
  o.observe(x);
  double least = 1e30;
  for (int k = 0; k < 200; ++k) least = std::min(least, error_at(codes, top * std::pow(0.2F, static_cast<float>(k) / 199)));
  CHECK(error_at(codes, o.range().threshold()) <= 1.02 * least);
  CHECK(error_at(codes, o.range().threshold()) <= error_at(codes, top));

  // Asymmetric can do no worse than the whole range, and beats it where outliers are far.
  MseObserver<float> a(unsigned_codes(bits), Scheme::asymmetric);
  a.observe(x);
  const auto [lo, hi] = std::minmax_element(x.begin(), x.end());
  const double whole = squared_error(x, AdjustableRange<float>(unsigned_codes(bits), {{*lo, *hi}}).grid(0));
  const double chosen = squared_error(x, AdjustableRange<float>(unsigned_codes(bits), {a.range()}).grid(0));
  CHECK(chosen <= 1.01 * whole);
  if (!relu && bits <= 4) CHECK(chosen < 0.7 * whole);
}

TEST_CASE("MseObserver: unsigned codes look at what is positive, unfit codes are refused", "[quant]") {
  MseObserver<float> o(unsigned_codes());
  o.observe(std::vector<float>{-100, 1, 2, 3});
  CHECK(o.range().right == Approx(3).epsilon(0.01));
  CHECK_THROWS_AS(MseObserver<float>(CodeRange{1, 9}), value_error);
  CHECK_THROWS_AS(MseObserver<float>(CodeRange{-9, 0}), value_error);
  CHECK_NOTHROW(MseObserver<float>(CodeRange{-9, 0}, Scheme::asymmetric));
  MseObserver<float> other(signed_codes());
  CHECK_THROWS_AS(o.merge(other), value_error);
}

namespace {

/// Merging b's summary into a is merging b.
template <class Observer>
void check_summary(const Observer& fresh) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0.5F, 2.0F);
  const auto batch = [&] {
    xt::xtensor<float, 2> x = xt::xtensor<float, 2>::from_shape({3, 50});
    for (float& v : x) v = normal(random);
    return x;
  };
  Observer a = fresh, b = fresh;
  CHECK(fresh.summary().empty());
  a.observe(batch());
  b.observe(batch());
  b.observe(batch());
  Observer by_observer = a, by_summary = a;
  by_observer.merge(b);
  by_summary.merge(std::span<const double>(b.summary()));
  CHECK(by_summary.summary() == by_observer.summary());
  CHECK(by_summary.range() == by_observer.range());
  by_summary.merge(std::span<const double>());
  CHECK(by_summary.summary() == by_observer.summary());
  CHECK_THROWS_AS(by_summary.merge(std::span<const double>(std::vector<double>{1.0})), error);
}

}  // namespace

TEST_CASE("observers: what one has seen goes to another as a list of numbers", "[quant]") {
  check_summary(MinMaxObserver<float>());
  check_summary(MinMaxObserver<float>(per_channel(1)));
  check_summary(MovingAverageObserver<float>(0.7));
  check_summary(PercentileObserver<float>(95));
  check_summary(MseObserver<float>());
}

TEST_CASE("Histogram: a list of numbers that is no summary is refused", "[quant]") {
  Histogram h;
  const auto refused = [&](std::vector<double> numbers) {
    CHECK_THROWS_AS(h.merge(std::span<const double>(numbers)), value_error);
  };
  refused({1, 0});         // ends the wrong way round
  refused({0, 1, -1, 5});  // bins and counts that there are not
  refused({0, 1, double(Histogram::bins), 5});
  refused({0, 1, 3, -1});
  refused({0, 1, 3, std::numeric_limits<double>::quiet_NaN()});
  CHECK(h.total() == 0);
}
