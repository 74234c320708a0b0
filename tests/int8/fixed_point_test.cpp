#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <trimtab/int8/add.hpp>
#include <trimtab/int8/broadcast.hpp>
#include <trimtab/int8/concat.hpp>
#include <trimtab/int8/pool.hpp>
#include <trimtab/int8/reduce.hpp>
#include <trimtab/int8/requantize.hpp>
#include <trimtab/int8/resize.hpp>
#include <trimtab/int8/softmax.hpp>

using namespace trimtab;

TEST_CASE("requantize: accumulators to codes of either type, per channel", "[int8]") {
  const std::vector<FixedPointMultiplier> m{fixed_point(0.5), fixed_point(0.25)};
  const std::vector<std::int32_t> acc{3, 3, -3, -2, 1000, -1000};
  const TensorView<const std::int32_t> a(acc.data(), {3, 2});
  std::vector<std::uint8_t> u(6);
  int8::requantize(a, FixedPointRequantize{m, FixedPointRounding::once, 10, 2, 200}, TensorView<std::uint8_t>(u.data(), {3, 2}));
  CHECK(u == std::vector<std::uint8_t>{12, 11, 9, 10, 200, 2});  // 1.5, 0.75, -1.5, -0.5: ties up
  std::vector<std::int8_t> s(6);
  int8::requantize(a, FixedPointRequantize{m, FixedPointRounding::twice, -5, -128, 127},
                   TensorView<std::int8_t>(s.data(), {3, 2}));
  CHECK(s == std::vector<std::int8_t>{-3, -4, -6, -6, 127, -128});  // -0.5 away from zero
  CHECK_THROWS_AS(int8::requantize(a, FixedPointRequantize{m, {}, 0, -1, 255}, TensorView<std::uint8_t>(u.data(), {3, 2})),
                  value_error);
  CHECK_THROWS_AS(int8::requantize(a, FixedPointRequantize{m, {}, 0, 0, 255}, TensorView<std::uint8_t>(u.data(), {2, 3})),
                  shape_error);
  const TensorView<const std::int32_t> wide(acc.data(), {2, 3});
  CHECK_THROWS_AS(int8::requantize(wide, FixedPointRequantize{m, {}, 0, 0, 255}, TensorView<std::uint8_t>(u.data(), {2, 3})),
                  shape_error);
}

TEST_CASE("requantize: every instruction set gives what FixedPointRequantize defines", "[int8]") {
  std::mt19937_64 random(5);
  using Limits = std::numeric_limits<std::int32_t>;
  const std::vector<std::int32_t> ends{Limits::min(), Limits::min() + 1, -(1 << 30),   -3, -2, -1, 0, 1, 2, 3,
                                       1 << 30,       Limits::max() - 1, Limits::max()};
  for (const FixedPointRounding rounding : {FixedPointRounding::once, FixedPointRounding::twice})
    for (const std::size_t channels : {1U, 7U, 8U, 24U, 31U, 256U, 300U})
      for (const bool one : {false, true})
        for (const int largest : {0, 5}) {  // exponents; above 0 for some channels
          const std::size_t rows = 9;
          std::vector<FixedPointMultiplier> m(one ? 1 : channels);
          for (FixedPointMultiplier& x : m) {
            const auto mantissa = static_cast<std::int32_t>((1U << 30) + random() % (1U << 30));
            x = {random() % 8 == 0 ? Limits::max() : mantissa, largest - static_cast<int>(random() % (32U + unsigned(largest)))};
            if (random() % 16 == 0) x = {};
          }
          std::vector<std::int32_t> acc(rows * channels);
          for (std::size_t i = 0; i < acc.size(); ++i) {
            // A third at the ends, a third next to a tie of the result, a third anywhere.
            const FixedPointMultiplier& of = m[one ? 0 : i % channels];
            const double step = of.mantissa == 0 ? 1 : std::ldexp(1.0 / of.mantissa, 31 - of.exponent);
            const double tie = (static_cast<double>(random() % 300) - 149.5) * step + static_cast<double>(random() % 3) - 1;
            acc[i] = random() % 3 == 0   ? ends[random() % ends.size()]
                     : random() % 2 == 0 ? static_cast<std::int32_t>(std::clamp(tie, -0x1p31, 0x1.fffffffcp30))
                                         : static_cast<std::int32_t>(random());
          }
          const FixedPointRequantize to_code{m, rounding, -7, -100, 110};
          std::vector<std::int8_t> expected(acc.size());
          for (std::size_t i = 0; i < acc.size(); ++i) expected[i] = static_cast<std::int8_t>(to_code(acc[i], i % channels));
          for (const Isa isa : available_isas()) {
            const ScopedIsa scope(isa);
            CAPTURE(int(rounding), channels, one, largest, name(isa));
            std::vector<std::int8_t> codes(acc.size());
            int8::requantize(TensorView<const std::int32_t>(acc.data(), {rows, channels}), to_code,
                             TensorView<std::int8_t>(codes.data(), {rows, channels}));
            CHECK(codes == expected);
          }
        }
}

TEST_CASE("add_fixed_point: worked by hand, and within a step of the real sum for all pairs of codes", "[int8]") {
  // Equal scales, the output's twice theirs: (a + b) / 2 with ties away from zero.
  const Affine<float> in{0.02F, 0, {-128, 127}}, out{0.04F, 0, {-128, 127}};
  const std::vector<std::int8_t> a{1, 2, -1, -2, 127, -128, 3}, b{0, 1, 0, -1, 127, -128, -3};
  std::vector<std::int8_t> y(7);
  int8::add_fixed_point(a, in, b, in, out, y);
  CHECK(y == std::vector<std::int8_t>{1, 2, -1, -2, 127, -128, 0});

  const Affine<float> ga{0.0371F, 13, {0, 255}}, gb{0.0219F, -5, {-128, 127}}, gy{0.0413F, 120, {7, 240}};
  std::vector<std::uint8_t> all_a, sum(65536);
  std::vector<std::int8_t> all_b;
  for (int i = 0; i < 65536; ++i) {
    all_a.push_back(static_cast<std::uint8_t>(i));
    all_b.push_back(static_cast<std::int8_t>(i >> 8));
  }
  int8::add_fixed_point(all_a, ga, all_b, gb, gy, sum);
  double worst = 0;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const double steps = (double(ga.scale) * (all_a[i] - 13) + double(gb.scale) * (all_b[i] + 5)) / double(gy.scale);
    worst = std::max(worst, std::abs(sum[i] - std::clamp(steps + 120, 7.0, 240.0)));
  }
  CHECK(worst < 0.5 + 1e-4);
}

TEST_CASE("average_pool_fixed_point: ties go away from the code that TFLite has as 0", "[int8]") {
  // One 2 x 2 window with two channels: sums of 6 (mean 1.5) and -6 (mean -1.5) about the origin.
  const std::vector<std::uint8_t> x{129, 127, 130, 126, 129, 127, 130, 126};
  std::vector<std::uint8_t> y(2);
  const auto pool = [&](std::int32_t origin) {
    int8::average_pool_fixed_point(TensorView<const std::uint8_t>(x.data(), {1, 2, 2, 2}), 0, origin, 2, 2, {}, false, {0, 255},
                                   TensorView<std::uint8_t>(y.data(), {1, 1, 1, 2}));
    return y;
  };
  CHECK(pool(128) == std::vector<std::uint8_t>{130, 126});  // 1.5 to 2, -1.5 to -2
  CHECK(pool(0) == std::vector<std::uint8_t>{130, 127});    // 129.5 and 126.5 both up
}

TEST_CASE("average_pool_fixed_point: padding is left out of the mean, or counts as zero points", "[int8]") {
  const std::vector<std::uint8_t> x{10, 20, 30, 40};
  WindowOptions window;
  window.padding = {1, 1, 0, 0};
  std::vector<std::uint8_t> y(4);
  const auto pool = [&](bool count) {
    int8::average_pool_fixed_point(TensorView<const std::uint8_t>(x.data(), {1, 2, 2, 1}), 6, 0, 2, 2, window, count, {0, 24},
                                   TensorView<std::uint8_t>(y.data(), {1, 2, 2, 1}));
    return y;
  };
  CHECK(pool(false) == std::vector<std::uint8_t>{10, 15, 20, 24});  // the last, 25, is clamped
  CHECK(pool(true) ==
        std::vector<std::uint8_t>{7, 11, 13, 24});  // (10 + 3 * 6) / 4 = 7, (30 + 12) / 4 = 10.5, (40 + 12) / 4 = 13
}

TEST_CASE("concat_fixed_point: codes on the output's grid are copied, others requantized", "[int8]") {
  std::vector<std::uint8_t> all(256), y(512);
  for (std::size_t i = 0; i < 256; ++i) all[i] = static_cast<std::uint8_t>(i);
  const Affine<float> own{0.04F, 100, {3, 250}}, half{0.02F, 60, {0, 255}};
  const TensorView<const std::uint8_t> codes(all.data(), {256, 1});
  const std::vector<int8::ConcatInput<std::uint8_t>> inputs{{codes, own}, {codes, half}};
  int8::concat_fixed_point(std::span<const int8::ConcatInput<std::uint8_t>>(inputs), own,
                           TensorView<std::uint8_t>(y.data(), {256, 2}));
  std::size_t wrong = 0;
  for (int q = 0; q < 256; ++q) {
    wrong += y[static_cast<std::size_t>(2 * q)] != std::clamp(q, 3, 250);
    wrong += y[static_cast<std::size_t>(2 * q + 1)] != std::clamp(100 + (q - 60 + 401) / 2 - 200, 3, 250);  // halves up
  }
  CHECK(wrong == 0);
}

TEST_CASE("broadcast_fixed_point: sums, differences and products, worked by hand and within a step for all pairs", "[int8]") {
  const Affine<float> half{0.5F, 128, {0, 255}}, one{1.0F, 100, {0, 255}};
  const std::vector<std::uint8_t> a{129, 130, 127, 133}, b{128, 129};
  std::vector<std::uint8_t> y(4);
  const auto of = [&](auto f) {
    int8::broadcast_fixed_point<decltype(f)>(TensorView<const std::uint8_t>(a.data(), {2, 2}), half,
                                             TensorView<const std::uint8_t>(b.data(), {1, 2}), half, one,
                                             TensorView<std::uint8_t>(y.data(), {2, 2}));
    return y;
  };
  // Reals a: 0.5 1, -0.5 2.5; b: 0 0.5. Ties go away from zero.
  CHECK(of(binary::Add{}) == std::vector<std::uint8_t>{101, 102, 99, 103});
  CHECK(of(binary::Sub{}) == std::vector<std::uint8_t>{101, 101, 99, 102});
  CHECK(of(binary::Mul{}) == std::vector<std::uint8_t>{100, 101, 100, 102});  // 5 / 4 is rounded twice
  static_assert(!int8::has_fixed_point_of_two<binary::Div>);

  const Affine<float> ga{0.0371F, 13, {0, 255}}, gb{0.0219F, 131, {0, 255}}, gy{0.0413F, 120, {7, 240}};
  std::vector<std::uint8_t> all(256), made(65536);
  for (std::size_t i = 0; i < 256; ++i) all[i] = static_cast<std::uint8_t>(i);
  const TensorView<const std::uint8_t> column(all.data(), {256, 1}), row(all.data(), {1, 256});
  const auto check = [&](auto f, double more, const auto& exact) {
    double worst = 0;
    int8::broadcast_fixed_point<decltype(f)>(column, ga, row, gb, gy, TensorView<std::uint8_t>(made.data(), {256, 256}));
    for (std::size_t i = 0; i < made.size(); ++i) {
      const double real = exact(double(ga.scale) * (double(i / 256) - 13), double(gb.scale) * (double(i % 256) - 131));
      worst = std::max(worst, std::abs(made[i] - std::clamp(real / double(gy.scale) + 120, 7.0, 240.0)));
    }
    CHECK(worst < 0.5 + more);
  };
  check(binary::Sub{}, 1e-4, [](double u, double v) { return u - v; });
  check(binary::Mul{}, 1.0 / 64, [](double u, double v) { return u * v; });  // the first rounding leaves 5 bits behind the point
}

TEST_CASE("mean_fixed_point: TFLite's three kernels of MEAN", "[int8]") {
  // Two pixels of one channel; codes of int8 less 128: 1 and 2, zero point -1.
  const std::vector<std::uint8_t> x{129, 130};
  const Affine<float> grid{0.5F, 127, {0, 255}}, finer{0.25F, 118, {0, 255}};
  std::vector<std::uint8_t> y(1);
  const auto mean = [&](bool over_picture, const Affine<float>& grid_y) {
    int8::mean_fixed_point(TensorView<const std::uint8_t>(x.data(), {1, 2, 1, 1}), grid, AxisList{1, 2}, over_picture, 128,
                           grid_y, TensorView<std::uint8_t>(y.data(), {1, 1, 1, 1}));
    return int(y[0]) - 128;
  };
  CHECK(mean(true, finer) == -5);   // -10 - (-2) + 3 * 1 = -5
  CHECK(mean(false, grid) == 1);    // 3 / 2, truncated
  CHECK(mean(false, finer) == -5);  // -10 + round(1.5 * 2 + 2)
  const Affine<float> coarse{1.0F, 128, {0, 255}};
  CHECK(mean(true, coarse) == 2);   // round(-0.5) is -1, so 1 + round(0.75): the zero point is rounded apart from the sum
  CHECK(mean(false, coarse) == 1);  // 1.25
}

TEST_CASE("softmax_fixed_point: shares of the sum, ties away from zero", "[int8]") {
  const Affine<float> grid{1.0F / 256, 0, {0, 255}};
  const std::vector<std::uint8_t> x{7, 7, 3, 3};
  std::vector<std::uint8_t> y(4);
  int8::SoftmaxTable table;
  table.fill(0.5F);
  table[0] = 1;
  int8::softmax_fixed_point(TensorView<const std::uint8_t>(x.data(), {1, 4}), 1, table, grid,
                            TensorView<std::uint8_t>(y.data(), {1, 4}));
  CHECK(y == std::vector<std::uint8_t>{85, 85, 43, 43});  // 256 / 3 and 128 / 3
  int8::softmax_fixed_point(TensorView<const std::uint8_t>(x.data(), {4, 1}), 1, table, grid,
                            TensorView<std::uint8_t>(y.data(), {4, 1}));
  CHECK(y == std::vector<std::uint8_t>{255, 255, 255, 255});
}

TEST_CASE("resize_bilinear_fixed_point: integers of 10 bits for int8, float32 for uint8", "[int8]") {
  const std::vector<std::uint8_t> x{128, 131};  // of int8 0 and 3
  std::vector<std::uint8_t> y(4);
  const auto resized = [&](ResizeCoordinates coordinates, std::int32_t origin) {
    ResizeOptions o;
    o.arithmetic = ResizeArithmetic::tflite;
    o.coordinates = coordinates;
    const std::vector<ResizeAxis> axes{ResizeAxis::to_extent(1, 1), ResizeAxis::to_extent(2, 4), ResizeAxis::to_extent(1, 1)};
    int8::resize_bilinear_fixed_point(TensorView<const std::uint8_t>(x.data(), {1, 1, 2, 1}), axes, o, origin,
                                      TensorView<std::uint8_t>(y.data(), {1, 1, 4, 1}));
    return std::vector<int>{y[0] - 128, y[1] - 128, y[2] - 128, y[3] - 128};
  };
  CHECK(resized(ResizeCoordinates::asymmetric, 128) == std::vector<int>{0, 2, 3, 3});     // 0, 1.5, 3, 3
  CHECK(resized(ResizeCoordinates::half_pixel, 128) == std::vector<int>{0, 1, 2, 3});     // 0.75 and 2.25
  CHECK(resized(ResizeCoordinates::align_corners, 128) == std::vector<int>{0, 1, 2, 3});  // 341 / 1024 of 3
  CHECK(resized(ResizeCoordinates::half_pixel, 0) == std::vector<int>{0, 1, 2, 3});
  CHECK_THROWS_AS(resized(ResizeCoordinates::pytorch_half_pixel, 0), value_error);
}

TEST_CASE("Fixed point: outputs that share memory, grids that are none, sums beyond int32", "[int8]") {
  std::vector<std::uint8_t> x{255, 255, 255, 255}, y(4);
  const TensorView<const std::uint8_t> codes(x.data(), {1, 2, 2, 1});
  const TensorView<std::uint8_t> own(x.data(), {1, 2, 2, 1}), other(y.data(), {1, 2, 2, 1}), one(y.data(), {1, 1, 1, 1});
  const Affine<float> grid{0x1.fffffep-2F, 0, {0, 255}}, fine{0x1p-26F, 255, {0, 255}}, flat{0, 128, {0, 255}},
      wide{0.5F, 128, {0, 256}};
  const int8::SoftmaxTable table = int8::softmax_table(0.5F);
  const auto add = [&](const Affine<float>& to, const TensorView<std::uint8_t>& at) {
    int8::broadcast_fixed_point<binary::Add>(codes, grid, codes, grid, to, at);
  };
  const auto mean = [&](const Affine<float>& to, const TensorView<std::uint8_t>& at) {
    int8::mean_fixed_point(codes, grid, AxisList{1, 2}, true, 128, to, at);
  };
  const auto softmax = [&](const Affine<float>& to, const TensorView<std::uint8_t>& at) {
    int8::softmax_fixed_point(codes, 2, table, to, at);
  };
  CHECK_THROWS_WITH(add(grid, own), ContainsSubstring("shares memory"));
  CHECK_THROWS_WITH(mean(grid, TensorView<std::uint8_t>(x.data(), {1, 1, 1, 1})), ContainsSubstring("shares memory"));
  CHECK_THROWS_WITH(softmax(grid, own), ContainsSubstring("shares memory"));
  for (const Affine<float>& to : {flat, wide}) {
    CHECK_THROWS_AS(add(to, other), value_error);
    CHECK_THROWS_AS(mean(to, one), value_error);
    CHECK_THROWS_AS(softmax(to, other), value_error);
  }
  int8::SoftmaxTable rising = table;
  rising[1] = 2;
  CHECK_THROWS_AS(int8::softmax_fixed_point(codes, 2, rising, grid, other), value_error);
  // 2^25 steps of the output for one of the input give the last code, and no overflow of int32.
  add(fine, other);
  CHECK(y == std::vector<std::uint8_t>(4, 255));
  mean(fine, one);
  CHECK(y[0] == 255);
}
