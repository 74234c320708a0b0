#include <catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <trimtab/int8/add.hpp>
#include <trimtab/int8/concat.hpp>
#include <trimtab/int8/pool.hpp>

namespace {

using namespace trimtab;

template <class T>
std::vector<T> random_codes(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<T> codes(count);
  for (T& c : codes) c = static_cast<T>(random());
  return codes;
}

/// The product rounded to float32 before anything else sees it, whatever the compiler may contract.
float rounded_product(float a, float b) {
  volatile float p = a * b;
  return p;
}

/// nearbyint rounds ties to even; written without the library's own rounding.
int to_code(float steps, const Affine<float>& grid) {
  const double clipped =
      std::min(std::max(double(steps), double(grid.codes.qmin - grid.zero_point)), double(grid.codes.qmax - grid.zero_point));
  return static_cast<int>(std::nearbyint(clipped)) + grid.zero_point;
}

}  // namespace

TEST_CASE("add: two rounded products, one sum, for all pairs of codes of u8 and s8", "[int8]") {
  const Affine<float> grid_a{0.0371F, 13, {0, 255}}, grid_b{0.0219F, -5, {-128, 127}}, grid_y{0.0413F, 120, {7, 240}};
  std::vector<std::uint8_t> a, y(65536);
  std::vector<std::int8_t> b;
  for (int i = 0; i < 65536; ++i) {
    a.push_back(static_cast<std::uint8_t>(i));
    b.push_back(static_cast<std::int8_t>(i >> 8));
  }
  std::vector<float> steps(a.size());
  int8::add(a, grid_a, b, grid_b, grid_y, y);
  int8::add_steps(a, grid_a, b, grid_b, grid_y.scale, steps);
  const float ma = grid_a.scale / grid_y.scale, mb = grid_b.scale / grid_y.scale;
  std::size_t wrong = 0, fused_differs = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto qa = static_cast<float>(a[i] - 13), qb = static_cast<float>(b[i] + 5);
    const float expected = rounded_product(qa, ma) + rounded_product(qb, mb);
    wrong += steps[i] != expected;
    wrong += y[i] != to_code(expected, grid_y);
    fused_differs += std::fma(qa, ma, rounded_product(qb, mb)) != expected;
  }
  CHECK(wrong == 0);
  CHECK(fused_differs > 0);  // else the case could not tell an FMA
}

TEST_CASE("add refuses other extents and codes that do not fit", "[int8]") {
  std::vector<std::uint8_t> a(4), b(5), y(4);
  const Affine<float> grid{1, 0, {0, 255}}, is_signed{1, 0, {-128, 127}};
  CHECK_THROWS_AS(int8::add(a, grid, b, grid, grid, y), shape_error);
  CHECK_THROWS_AS(int8::add(a, grid, a, grid, is_signed, y), value_error);
}

TEST_CASE("average_pool divides by the window or by its pixels inside the picture", "[int8]") {
  const bool include_pad = GENERATE(false, true);
  const Affine<float> grid_x{0.05F, 3, {0, 255}}, grid_y{0.04F, 9, {0, 255}};
  const std::size_t h = 5, w = 6, c = 7;
  const auto x = random_codes<std::uint8_t>(2 * h * w * c, 1);
  const WindowOptions window{2, 2, {1, 0, 1, 1}};
  const WindowGeometry g = window_geometry({2, h, w, c}, 3, 2, c, window, 1, "test");
  std::vector<std::uint8_t> y(element_count(g.output()));
  std::vector<float> steps(y.size());
  const TensorView<const std::uint8_t> xv(x.data(), g.input());
  int8::average_pool(xv, grid_x, 3, 2, window, include_pad, grid_y, TensorView<std::uint8_t>(y.data(), g.output()));
  int8::average_pool_steps(xv, grid_x, 3, 2, window, include_pad, grid_y.scale, TensorView<float>(steps.data(), g.output()));
  std::size_t at = 0;
  for (int n = 0; n < 2; ++n)
    for (int oh = 0; oh < int(g.out_h); ++oh)
      for (int ow = 0; ow < int(g.out_w); ++ow)
        for (std::size_t ch = 0; ch < c; ++ch, ++at) {
          int sum = 0, count = 0;
          for (int ih = oh * 2 - 1; ih < oh * 2 + 2; ++ih)
            for (int iw = ow * 2; iw < ow * 2 + 2; ++iw)
              if (ih >= 0 && iw >= 0 && ih < int(h) && iw < int(w)) {
                sum += x[((std::size_t(n) * h + std::size_t(ih)) * w + std::size_t(iw)) * c + ch] - 3;
                ++count;
              }
          const float m = grid_x.scale / (grid_y.scale * static_cast<float>(include_pad ? 6 : count));
          const float expected = rounded_product(static_cast<float>(sum), m);
          CAPTURE(n, oh, ow, ch);
          CHECK(steps[at] == expected);
          CHECK(int(y[at]) == to_code(expected, grid_y));
        }
}

TEST_CASE("global_average_pool is the mean of the picture, for u8 and s8", "[int8]") {
  const Affine<float> grid_x{0.05F, -4, {-128, 127}}, grid_y{0.02F, 10, {-128, 127}};
  const auto x = random_codes<std::int8_t>(2 * 49 * 5, 2);
  std::vector<std::int8_t> y(10);
  std::vector<float> steps(10);
  const TensorView<const std::int8_t> xv(x.data(), {2, 7, 7, 5});
  int8::global_average_pool(xv, grid_x, grid_y, TensorView<std::int8_t>(y.data(), {2, 5}));
  int8::global_average_pool_steps(xv, grid_x, grid_y.scale, TensorView<float>(steps.data(), {2, 1, 1, 5}));
  for (std::size_t n = 0; n < 2; ++n)
    for (std::size_t c = 0; c < 5; ++c) {
      int sum = 0;
      for (std::size_t p = 0; p < 49; ++p) sum += x[(n * 49 + p) * 5 + c] + 4;
      const float expected = rounded_product(static_cast<float>(sum), grid_x.scale / (grid_y.scale * 49.0F));
      CHECK(steps[n * 5 + c] == expected);
      CHECK(int(y[n * 5 + c]) == to_code(expected, grid_y));
    }
}

namespace {

/// Every window by itself.
template <class Code>
void check_max_pool(const Extents& extent, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& o) {
  CAPTURE(extent, kernel_h, kernel_w, sizeof(Code), o.stride_h, o.dilation_w);
  const auto x = random_codes<Code>(element_count(extent), 3);
  const WindowGeometry g = window_geometry(extent, kernel_h, kernel_w, extent[3], o, 1, "test");
  std::vector<Code> y(element_count(g.output()), Code{1}), expected;
  int8::max_pool(TensorView<const Code>(x.data(), g.input()), kernel_h, kernel_w, o, TensorView<Code>(y.data(), g.output()));
  for (std::size_t n = 0; n < g.n; ++n)
    for (std::size_t oh = 0; oh < g.out_h; ++oh)
      for (std::size_t ow = 0; ow < g.out_w; ++ow)
        for (std::size_t c = 0; c < g.c; ++c) {
          int best = std::numeric_limits<Code>::lowest();
          for (std::size_t kh = 0; kh < kernel_h; ++kh)
            for (std::size_t kw = 0; kw < kernel_w; ++kw) {
              const auto ih = std::ptrdiff_t(oh * o.stride_h + kh * o.dilation_h) - std::ptrdiff_t(o.padding.top),
                         iw = std::ptrdiff_t(ow * o.stride_w + kw * o.dilation_w) - std::ptrdiff_t(o.padding.left);
              if (ih >= 0 && iw >= 0 && ih < std::ptrdiff_t(g.h) && iw < std::ptrdiff_t(g.w))
                best = std::max(best, int(x[((n * g.h + std::size_t(ih)) * g.w + std::size_t(iw)) * g.c + c]));
            }
          expected.push_back(static_cast<Code>(best));
        }
  CHECK(y == expected);
}

}  // namespace

TEST_CASE("max_pool takes the largest code inside the picture, on every ISA", "[int8]") {
  const int8::Isa isa = GENERATE(from_range(int8::available_isas()));
  CAPTURE(int8::name(isa));
  const int8::ScopedIsa scope(isa);
  check_max_pool<std::int8_t>({1, 5, 6, 3}, 2, 3, {2, 1, {1, 2, 0, 1}});
  check_max_pool<std::uint8_t>({2, 13, 13, 37}, 13, 13, {1, 1, {6, 6, 6, 6}});
  check_max_pool<std::uint8_t>({1, 9, 10, 64}, 3, 3, {2, 2, {0, 0, 1, 1}});
  check_max_pool<std::int8_t>({1, 9, 11, 5}, 2, 3, {1, 2, {2, 3, 2, 3}, 3, 2});
  check_max_pool<std::uint8_t>({1, 2, 2, 4}, 2, 2, {1, 1, {2, 2, 2, 2}});  // some windows lie in the padding altogether
  check_max_pool<std::uint8_t>({1, 1, 1, 1}, 1, 1, {});
}

TEST_CASE("concat brings every input onto the output's grid", "[int8]") {
  const auto a = random_codes<std::uint8_t>(6 * 3, 4), b = random_codes<std::uint8_t>(6 * 5, 5);
  const Affine<float> grid_a{0.03F, 5, {0, 255}}, grid_b{0.07F, 0, {0, 255}}, grid_y{0.05F, 20, {0, 200}};
  const int8::ConcatInput<std::uint8_t> inputs[] = {{{a.data(), {1, 2, 3, 3}}, grid_a}, {{b.data(), {1, 2, 3, 5}}, grid_b}};
  std::vector<std::uint8_t> y(6 * 8);
  int8::concat<std::uint8_t>(inputs, grid_y, TensorView<std::uint8_t>(y.data(), {1, 2, 3, 8}));
  for (std::size_t p = 0; p < 6; ++p)
    for (std::size_t c = 0; c < 8; ++c) {
      const bool first = c < 3;
      const Affine<float>& grid = first ? grid_a : grid_b;
      const int q = (first ? a[p * 3 + c] : b[p * 5 + c - 3]) - grid.zero_point;
      CHECK(int(y[p * 8 + c]) == to_code(rounded_product(static_cast<float>(q), grid.scale / grid_y.scale), grid_y));
    }
  std::vector<std::uint8_t> narrow(6 * 7);
  CHECK_THROWS_AS(int8::concat<std::uint8_t>(inputs, grid_y, TensorView<std::uint8_t>(narrow.data(), {1, 2, 3, 7})), shape_error);
}

TEST_CASE("Requantize rounds ties to even, clamps before converting, and takes a NaN for the lowest", "[int8]") {
  const std::vector<float> m{0.5F, 1e30F, -1e30F, std::numeric_limits<float>::quiet_NaN()};
  const Requantize r{m, 10, 0, 200};
  CHECK(r(1, 0) == 10);  // 0.5 rounds to 0
  CHECK(r(3, 0) == 12);  // 1.5 rounds to 2
  CHECK(r(5, 0) == 12);  // 2.5 rounds to 2
  CHECK(r(-3, 0) == 8);  // -1.5 rounds to -2
  CHECK(r(1, 1) == 200);
  CHECK(r(1, 2) == 0);
  CHECK(r(1, 3) == 0);
}
