#include <catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <trimtab/core/adapt_eigen.hpp>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/ops/fake_quantize.hpp>
#include <trimtab/ops/quantize.hpp>
#include <unsupported/Eigen/CXX11/Tensor>
#include <vector>

using namespace trimtab;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity(), quiet_nan = std::numeric_limits<float>::quiet_NaN();

template <class Real>
struct Result {
  std::vector<Real> y, grad_x, grad_factors;
  friend bool operator==(const Result&, const Result&) = default;
};

/// Forward and backward of a vector, grad_y all ones unless given.
template <class Q, class Real = typename Q::value_type>
Result<Real> run(const std::vector<Real>& x, const Q& q, std::vector<Real> grad_y = {}) {
  grad_y.resize(x.size(), Real(1));
  Result<Real> r{std::vector<Real>(x.size()), std::vector<Real>(x.size()), std::vector<Real>(q.factors().size())};
  fake_quantize_forward(x, q, r.y);
  fake_quantize_backward(grad_y, x, q, r.grad_x, r.grad_factors);
  std::vector<Real> alone(q.factors().size());
  fake_quantize_backward_factors(grad_y, x, q, alone);
  CHECK(alone == r.grad_factors);
  return r;
}

float up(float x) { return std::nextafter(x, inf); }
float down(float x) { return std::nextafter(x, -inf); }

struct Element {
  float x, y, grad_x;
  std::vector<float> grad_factors;
};

template <class Q>
void check_elements(const Q& q, const std::vector<Element>& elements) {
  for (const Element& e : elements) {
    CAPTURE(e.x);
    // Alone, and at every place of a longer tensor, so that whole vectors and their rest agree.
    const Result<float> one = run<Q>({e.x}, q);
    CHECK(one.y == std::vector<float>{e.y});
    CHECK(one.grad_x == std::vector<float>{e.grad_x});
    CHECK(one.grad_factors == e.grad_factors);
    const Result<float> many = run<Q>(std::vector<float>(19, e.x), q);
    CHECK(many.y == std::vector<float>(19, e.y));
    CHECK(many.grad_x == std::vector<float>(19, e.grad_x));
    for (std::size_t f = 0; f < e.grad_factors.size(); ++f) CHECK(many.grad_factors[f] == 19 * e.grad_factors[f]);
  }
}

template <class Real>
std::vector<Real> random_values(std::size_t n, unsigned seed, double spread) {
  std::mt19937 rng(seed);
  std::normal_distribution<double> normal(0, spread);
  std::vector<Real> x(n);
  for (Real& v : x) v = static_cast<Real>(normal(rng));
  return x;
}

}  // namespace

TEST_CASE("fake_quantize: symmetric signed, by hand at, inside and outside each bound", "[ops]") {
  // T = 254, scale 2. dy/dalpha is 2 * (round(x / 2) - x / 2) inside, -254 below, 254 above.
  check_elements(AdjustableThreshold<float>(signed_codes(), {254}), {{0, 0, 1, {0}},
                                                                     {2.5F, 2, 1, {-0.5F}},
                                                                     {3.5F, 4, 1, {0.5F}},
                                                                     {3, 4, 1, {1}},   // 1.5 rounds to 2
                                                                     {5, 4, 1, {-1}},  // 2.5 rounds to 2
                                                                     {-3, -4, 1, {-1}},
                                                                     {253.5F, 254, 1, {0.5F}},
                                                                     {254, 254, 1, {0}},
                                                                     {up(254), 254, 0, {254}},
                                                                     {1e30F, 254, 0, {254}},
                                                                     {inf, 254, 0, {254}},
                                                                     {-254, -254, 1, {0}},
                                                                     {down(-254), -254, 0, {-254}},
                                                                     {-inf, -254, 0, {-254}},
                                                                     {quiet_nan, -254, 0, {-254}},
                                                                     {1e-45F, 0, 1, {0}}});
}

TEST_CASE("fake_quantize: unsigned, by hand; what is negative has no gradient at all", "[ops]") {
  check_elements(AdjustableThreshold<float>(unsigned_codes(4), {30}), {{0, 0, 1, {0}},
                                                                       {-1e-45F, 0, 1, {0}},  // -1e-45 / 2 is -0
                                                                       {-0.25F, 0, 0, {0}},
                                                                       {-inf, 0, 0, {0}},
                                                                       {2.5F, 2, 1, {-0.5F}},
                                                                       {30, 30, 1, {0}},
                                                                       {up(30), 30, 0, {30}},
                                                                       {quiet_nan, 0, 0, {0}}});
}

TEST_CASE("fake_quantize: asymmetric, by hand, zero inside and at either end", "[ops]") {
  // L = -110, R = W = 510, scale 2, zero point 55.
  check_elements(AdjustableRange<float>(unsigned_codes(), {{-110, 400}}), {{0, 0, 1, {0, 0}},
                                                                           {2.5F, 2, 1, {0, -0.5F}},
                                                                           {-110, -110, 1, {0, 0}},
                                                                           {down(-110), -110, 0, {510, 0}},
                                                                           {400, 400, 1, {0, 0}},
                                                                           {up(400), 400, 0, {510, 510}},
                                                                           {quiet_nan, -110, 0, {510, 0}}});
  check_elements(
      AdjustableRange<float>(full_signed_codes(), {{0, 255}}),
      {{-1, 0, 0, {255, 0}}, {0, 0, 1, {0, 0}}, {0.25F, 0, 1, {0, -0.25F}}, {255, 255, 1, {0, 0}}, {256, 255, 0, {255, 255}}});
  check_elements(
      AdjustableRange<float>(unsigned_codes(2), {{-3, 0}}),
      {{-4, -3, 0, {0, -3}}, {-3, -3, 1, {0, 0}}, {-1.25F, -1, 1, {0, 0.25F}}, {0, 0, 1, {0, 0}}, {0.5F, 0, 0, {3, 0}}});
}

TEST_CASE("fake_quantize: a factor beyond its bounds quantizes as on them and has no gradient", "[ops]") {
  AdjustableThreshold<float> q(signed_codes(), {254});
  for (const float alpha : {2.0F, inf}) {
    q.factors()[0] = alpha;
    check_elements(q, {{2.5F, 2, 1, {0}}, {300, 254, 0, {0}}});
  }
  for (const float alpha : {0.25F, 0.0F, -1.0F, quiet_nan, 1e-45F}) {
    q.factors()[0] = alpha;
    check_elements(q, {{2.25F, 2, 1, {0}}, {300, 127, 0, {0}}});
  }
}

TEST_CASE("fake_quantize: is dequantize(quantize(x)) to the bit", "[ops]") {
  const int bits = GENERATE(2, 3, 4, 5, 6, 7, 8);
  const auto x = random_values<float>(3001, 7, 1);
  const auto check = [&](const auto& q) {
    std::vector<float> y(x.size()), z(x.size());
    std::vector<std::int32_t> codes(x.size());
    fake_quantize_forward(x, q, y);
    quantize(x, q, codes);
    dequantize(codes, q, z);
    CHECK(y == z);
    std::vector<float> in_place = x;
    fake_quantize_forward(in_place, q, in_place);
    CHECK(in_place == y);
  };
  check(AdjustableThreshold<float>(signed_codes(bits), {2.3F}));
  check(AdjustableThreshold<float>(unsigned_codes(bits), {2.3F}));
  check(AdjustableRange<float>(unsigned_codes(bits), {{-1.1F, 2.3F}}));
  check(AdjustableRange<float>(full_signed_codes(bits), {{-1.1F, 0.3F}}));
}

TEST_CASE("fake_quantize_backward: adds into both outputs", "[ops]") {
  const AdjustableThreshold<float> q(signed_codes(), {127});
  const std::vector<float> x{0.25F, 200}, g{2, 3};
  std::vector<float> grad_x{10, 20}, grad_factors{100};
  fake_quantize_backward(g, x, q, grad_x, grad_factors);
  CHECK(grad_x == std::vector<float>{12, 20});
  CHECK(grad_factors == std::vector<float>{100 - 0.5F + 3 * 127});
  fake_quantize_backward_factors(g, x, q, grad_factors);
  CHECK(grad_factors == std::vector<float>{100 + 2 * (3 * 127 - 0.5F)});
}

TEST_CASE("fake_quantize_backward: factors' gradients equal central differences of the declared surrogate", "[ops]") {
  // The straight-through surrogate is y = clip(x, left, right) + s * r with rounding residues r that are held still: the
  // element's round(x / s) - x / s inside, that of the grid's end outside. Ends are those of the unrounded grid; elements near
  // them are left out, since there the surrogate has its kink.
  const std::size_t channels = 3, n = 400;
  const Extents extent{n, channels};
  std::vector<double> x = random_values<double>(n * channels, 11, 1), g = random_values<double>(n * channels, 12, 1);
  const auto check = [&](auto q, const auto& left, const auto& width, double tolerance) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t c = i % channels;
      const double l = left(q, c), r = l + width(q, c), near = 2 * q.grid(c).scale;
      if (std::abs(x[i] - l) < near || std::abs(x[i] - r) < near) x[i] = 0.01;
    }
    std::vector<double> residue(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto grid = q.grid(i % channels);
      residue[i] = grid.steps(x[i]) - x[i] / grid.scale;
    }
    const auto loss = [&](const auto& moved) {
      double sum = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const std::size_t c = i % channels;
        const double l = left(moved, c), r = l + width(moved, c), s = width(moved, c) / (q.codes().qmax - q.codes().qmin);
        const auto grid = q.grid(c);
        const double at_left = grid.lowest() - left(q, c) / grid.scale,
                     at_right = grid.highest() - (left(q, c) + width(q, c)) / grid.scale;
        sum += g[i] * (x[i] < l ? l + s * at_left : x[i] > r ? r + s * at_right : x[i] + s * residue[i]);
      }
      return sum;
    };
    const TensorView<const double> xv(x.data(), extent), gv(g.data(), extent);
    std::vector<double> grad_x(x.size()), grad(q.factors().size());
    fake_quantize_backward(gv, xv, q, TensorView<double>(grad_x.data(), extent), grad);
    for (std::size_t f = 0; f < grad.size(); ++f) {
      CAPTURE(f);
      const double h = 1e-6;
      auto plus = q, minus = q;
      plus.factors()[f] += h;
      minus.factors()[f] -= h;
      CHECK(grad[f] == Approx((loss(plus) - loss(minus)) / (2 * h)).epsilon(tolerance));
      CHECK(std::abs(grad[f]) > 1e-3);
    }
  };
  SECTION("symmetric signed, 2 to 8 bits") {
    const int bits = GENERATE(3, 4, 8);
    AdjustableThreshold<double> q(signed_codes(bits), {1.5, 2.5, 0.7}, per_channel(1));
    q.factors()[0] = 0.8;
    q.factors()[1] = 0.9;
    q.factors()[2] = 0.7;
    check(
        q, [](const auto& t, std::size_t c) { return -t.adjusted_threshold(c); },
        [](const auto& t, std::size_t c) { return 2 * t.adjusted_threshold(c); }, 1e-6);
  }
  SECTION("symmetric unsigned") {
    AdjustableThreshold<double> q(unsigned_codes(5), {1.5, 2.5, 0.7}, per_channel(1));
    for (double& f : q.factors()) f = 0.8;
    check(
        q, [](const auto&, std::size_t) { return 0.0; }, [](const auto& t, std::size_t c) { return t.adjusted_threshold(c); },
        1e-6);
  }
  SECTION("asymmetric, zero inside") {
    AdjustableRange<double> q(unsigned_codes(6), {{-1, 1.5}, {-2, 0.5}, {-0.3, 0.9}}, per_channel(1));
    for (std::size_t c = 0; c < channels; ++c) {
      q.factors()[c] = 0.05;
      q.factors()[channels + c] = 0.8;
    }
    check(
        q, [](const auto& t, std::size_t c) { return t.adjusted_left(c); },
        [](const auto& t, std::size_t c) { return t.adjusted_width(c); }, 1e-6);
  }
}

TEMPLATE_TEST_CASE("fake_quantize: every container, layout and axis gives the same numbers", "[ops]", float, double) {
  using Real = TestType;
  // Sixteenths, whole gradients and scales of powers of two: every sum is exact in any order.
  constexpr Eigen::Index A = 5, B = 7, C = 3;
  const Extents extent{5, 7, 3};
  const Granularity granularity = GENERATE(as<Granularity>{}, per_tensor, per_channel(0), per_channel(1), per_channel(2));
  const std::size_t channels = granularity == per_tensor ? 1 : extent[granularity.axis];
  std::vector<Real> thresholds;
  std::vector<Range<Real>> ranges;
  for (std::size_t c = 0; c < channels; ++c) {
    thresholds.push_back(Real(c % 2 == 0 ? 7 : 14));
    ranges.push_back(c % 2 == 0 ? Range<Real>{-4, 11} : Range<Real>{0, Real(7.5)});
  }
  const auto x_at = [](Eigen::Index i, Eigen::Index j, Eigen::Index k) {
    return Real((i * 37 + j * 101 + k * 59) % 311 - 155) / 8;
  };
  const auto g_at = [](Eigen::Index i, Eigen::Index j, Eigen::Index k) { return Real((i * 13 + j * 5 + k * 7) % 11 - 5); };

  const auto check_all = [&](const auto& q) {
    // One element at a time, by the scalar rule.
    std::vector<GridGradient> sums(channels);
    std::vector<Real> y, grad_x, grad_factors(q.factors().size());
    for (Eigen::Index i = 0; i < A; ++i)
      for (Eigen::Index j = 0; j < B; ++j)
        for (Eigen::Index k = 0; k < C; ++k) {
          const Eigen::Index index[] = {i, j, k};
          const std::size_t c = granularity == per_tensor ? 0 : static_cast<std::size_t>(index[granularity.axis]);
          const auto grid = q.grid(c);
          const Real v = x_at(i, j, k) / grid.scale, g = g_at(i, j, k);
          y.push_back(grid.fake_quantize(x_at(i, j, k)));
          const bool inside = v >= grid.lowest() && v <= grid.highest();
          grad_x.push_back(inside ? g : 0);
          if (inside)
            sums[c].residue += double(g) * double(grid.steps(x_at(i, j, k)) - v);
          else
            (v < grid.lowest() ? sums[c].below : sums[c].above) += double(g);
        }
    for (std::size_t c = 0; c < channels; ++c) q.add_gradient(c, sums[c], grad_factors);

    const auto check = [&](auto x, auto at) {
      auto g = x, out = x, gx = x;
      std::vector<Real> grad(grad_factors.size());
      for (Eigen::Index i = 0; i < A; ++i)
        for (Eigen::Index j = 0; j < B; ++j)
          for (Eigen::Index k = 0; k < C; ++k) {
            at(x, i, j, k) = x_at(i, j, k);
            at(g, i, j, k) = g_at(i, j, k);
            at(gx, i, j, k) = 0;
          }
      fake_quantize_forward(x, q, out);
      fake_quantize_backward(g, x, q, gx, grad);
      std::size_t n = 0;
      bool equal = true;
      for (Eigen::Index i = 0; i < A; ++i)
        for (Eigen::Index j = 0; j < B; ++j)
          for (Eigen::Index k = 0; k < C; ++k, ++n) equal = equal && at(out, i, j, k) == y[n] && at(gx, i, j, k) == grad_x[n];
      CHECK(equal);
      CHECK(grad == grad_factors);
    };
    const auto xt_at = [](auto& t, Eigen::Index i, Eigen::Index j, Eigen::Index k) -> Real& {
      return t(static_cast<std::size_t>(i), static_cast<std::size_t>(j), static_cast<std::size_t>(k));
    };
    const auto eigen_at = [](auto& t, Eigen::Index i, Eigen::Index j, Eigen::Index k) -> Real& { return t(i, j, k); };
    check(xt::xtensor<Real, 3>(std::array<std::size_t, 3>{5, 7, 3}), xt_at);
    check(xt::xtensor<Real, 3, xt::layout_type::column_major>(std::array<std::size_t, 3>{5, 7, 3}), xt_at);
    check(xt::xarray<Real>(xt::xarray<Real>::from_shape({5, 7, 3})), xt_at);
    check(Eigen::Tensor<Real, 3>(A, B, C), eigen_at);
    check(Eigen::Tensor<Real, 3, Eigen::RowMajor>(A, B, C), eigen_at);
    // As matrices the tensor is A x (B C), which keeps axis 0 only.
    if (granularity == per_tensor || granularity.axis == 0) {
      const auto matrix_at = [](auto& m, Eigen::Index i, Eigen::Index j, Eigen::Index k) -> Real& { return m(i, j * 3 + k); };
      using Row = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
      using Column = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic>;
      check(Row(A, B * C), matrix_at);
      check(Column(A, B * C), matrix_at);
      check(Eigen::Array<Real, 5, 21>::Zero().eval(), matrix_at);
      // Maps and spans look at memory in the order of a row-major or column-major array.
      const auto check_map = [&](auto order) {
        using Matrix = decltype(order);
        std::vector<Real> xs(A * B * C), gs(xs.size()), outs(xs.size()), gxs(xs.size()), grad(grad_factors.size());
        Eigen::Map<Matrix> x(xs.data(), A, B * C), g(gs.data(), A, B * C), out(outs.data(), A, B * C), gx(gxs.data(), A, B * C);
        for (Eigen::Index i = 0; i < A; ++i)
          for (Eigen::Index j = 0; j < B * C; ++j) {
            x(i, j) = x_at(i, j / C, j % C);
            g(i, j) = g_at(i, j / C, j % C);
          }
        fake_quantize_forward(Eigen::Map<const Matrix>(xs.data(), A, B * C), q, out);
        fake_quantize_backward(g, x, q, gx, grad);
        bool equal = true;
        for (Eigen::Index i = 0; i < A * B * C; ++i) {
          const auto at = static_cast<std::size_t>(i);
          equal = equal && out(i / (B * C), i % (B * C)) == y[at] && gx(i / (B * C), i % (B * C)) == grad_x[at];
        }
        CHECK(equal);
        CHECK(grad == grad_factors);
      };
      check_map(Row());
      check_map(Column());
    }
    if (granularity == per_tensor) {
      std::vector<Real> xs, gs, outs(y.size()), gxs(y.size()), grad(grad_factors.size());
      for (Eigen::Index i = 0; i < A; ++i)
        for (Eigen::Index j = 0; j < B; ++j)
          for (Eigen::Index k = 0; k < C; ++k) xs.push_back(x_at(i, j, k)), gs.push_back(g_at(i, j, k));
      fake_quantize_forward(std::span<const Real>(xs), q, std::span<Real>(outs));
      fake_quantize_backward(std::span<const Real>(gs), std::span<Real>(xs), q, std::span<Real>(gxs), grad);
      CHECK(outs == y);
      CHECK(gxs == grad_x);
      CHECK(grad == grad_factors);
    }
  };
  check_all(AdjustableThreshold<Real>(signed_codes(4), thresholds, granularity));
  check_all(AdjustableRange<Real>(unsigned_codes(4), ranges, granularity));
}

TEST_CASE("fake_quantize: the same bits on any number of threads", "[ops]") {
  struct Case {
    Extents extent;
    std::size_t axis;
  };
  const Case shape =
      GENERATE(Case{{100003}, no_axis}, Case{{3, 40001}, 0}, Case{{1000, 5, 17}, 1}, Case{{20011, 5}, 1}, Case{{40, 3001}, 1});
  const Extents extent = shape.extent;
  const std::size_t axis = shape.axis;
  const std::size_t n = element_count(extent), channels = axis == no_axis ? 1 : extent[axis];
  const auto x = random_values<float>(n, 5, 1), g = random_values<float>(n, 6, 1);
  std::vector<Range<float>> ranges;
  for (std::size_t c = 0; c < channels; ++c) ranges.push_back({-1, 1 + 0.1F * static_cast<float>(c % 7)});
  const AdjustableRange<float> q(unsigned_codes(), ranges, Granularity{axis});
  const TensorView<const float> xv(x.data(), extent), gv(g.data(), extent);
  const auto on = [&](int count) {
    const ScopedThreads scope(count);
    Result<float> r{std::vector<float>(n), std::vector<float>(n), std::vector<float>(2 * channels)};
    fake_quantize_forward(xv, q, TensorView<float>(r.y.data(), extent));
    fake_quantize_backward(gv, xv, q, TensorView<float>(r.grad_x.data(), extent), r.grad_factors);
    return r;
  };
  const Result<float> one = on(1);
  for (const int count : {2, 3, 7}) CHECK(on(count) == one);
  // And near the sum in double of one element after the other.
  std::vector<double> shift(channels);
  const std::size_t inner = channel_runs(xv, axis, "t").inner;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t c = i / inner % channels;
    const auto grid = q.grid(c);
    const float v = x[i] / grid.scale;
    if (v < grid.lowest() || v > grid.highest()) shift[c] += double(g[i]) * double(ranges[c].right - ranges[c].left);
  }
  for (std::size_t c = 0; c < channels; ++c) CHECK(one.grad_factors[c] == Approx(shift[c]).epsilon(1e-4).margin(1e-3));
}

TEST_CASE("fake_quantize: tensors of every small size, empty ones too", "[ops]") {
  const AdjustableThreshold<float> q(signed_codes(), {127});
  for (std::size_t n = 0; n < 40; ++n) {
    const Result<float> r = run(std::vector<float>(n, 0.75F), q);
    CHECK(r.y == std::vector<float>(n, 1));
    CHECK(r.grad_x == std::vector<float>(n, 1));
    CHECK(r.grad_factors == std::vector<float>{0.25F * static_cast<float>(n)});
  }
  const TensorView<const float> empty(nullptr, {0, 2});
  const TensorView<float> out(nullptr, {0, 2});
  std::vector<float> grad(2);
  const AdjustableThreshold<float> v(signed_codes(), {1, 1}, per_channel(1));
  CHECK_NOTHROW(fake_quantize_forward(empty, v, out));
  CHECK_NOTHROW(fake_quantize_backward(empty, empty, v, out, grad));
  CHECK(grad == std::vector<float>{0, 0});
}

TEST_CASE("fake_quantize: what does not fit together is refused", "[ops]") {
  const AdjustableThreshold<float> q(signed_codes(), {1});
  std::vector<float> x(6), y(5), grad(1), two(2);
  CHECK_THROWS_AS(fake_quantize_forward(x, q, y), shape_error);
  CHECK_THROWS_AS(fake_quantize_backward(y, x, q, x, grad), shape_error);
  CHECK_THROWS_AS(fake_quantize_backward(x, x, q, y, grad), shape_error);
  CHECK_THROWS_WITH(fake_quantize_backward(x, x, q, x, two), "fake_quantize_backward: 2 gradients for 1 factors");
  CHECK_THROWS_AS(fake_quantize_backward_factors(x, x, q, two), shape_error);
  CHECK_THROWS_WITH(fake_quantize_forward(x, AdjustableThreshold<float>(signed_codes(), {1, 1}, per_channel(0)), x),
                    "fake_quantize_forward: quantizer of 2 channels for 6 in extents [6]");
  CHECK_THROWS_AS(fake_quantize_forward(x, AdjustableThreshold<float>(signed_codes(), {1}, per_channel(1)), x), shape_error);
  Eigen::MatrixXf column(2, 3);
  Eigen::Matrix<float, -1, -1, Eigen::RowMajor> row(2, 3);
  CHECK_THROWS_AS(fake_quantize_forward(column, q, row), shape_error);
  CHECK_THROWS_AS(
      fake_quantize_forward(TensorView<float>(x.data(), {2, 2}, {3, 1}), q, TensorView<float>(x.data(), {2, 2}, {3, 1})),
      shape_error);
}

TEST_CASE("Identity: the graph without its quantizer", "[ops]") {
  const std::vector<float> x{-3, 0.3F, 9}, grad_y{1, 2, 3};
  std::vector<float> y(3), grad_x{10, 10, 10};
  fake_quantize_forward(x, Identity{}, y);
  CHECK(y == x);
  fake_quantize_backward(grad_y, x, Identity{}, grad_x);
  CHECK(grad_x == std::vector<float>{11, 12, 13});
  fake_quantize_backward_factors(grad_y, x, Identity{});
  Identity none;
  project(none);
  std::vector<float> factor(1);
  CHECK_THROWS_AS(fake_quantize_backward(grad_y, x, none, grad_x, factor), shape_error);
}
