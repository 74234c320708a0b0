#include <catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <trimtab/core/isa.hpp>
#include <trimtab/int8/add.hpp>
#include <trimtab/int8/broadcast.hpp>

#include "steps_of_tests.hpp"

namespace {

using namespace trimtab;

const Affine<float> grid_a{0.0371F, 13, {0, 255}}, grid_b{0.0219F, 131, {0, 255}};
constexpr float scale_y = 0.0413F;

float naive(binary::Add, std::int32_t a, std::int32_t b) {
  return rounded_product(float(a), grid_a.scale / scale_y) + rounded_product(float(b), grid_b.scale / scale_y);
}
float naive(binary::Sub, std::int32_t a, std::int32_t b) {
  return rounded_product(float(a), grid_a.scale / scale_y) - rounded_product(float(b), grid_b.scale / scale_y);
}
float naive(binary::Max, std::int32_t a, std::int32_t b) {
  return std::fmax(rounded_product(float(a), grid_a.scale / scale_y), rounded_product(float(b), grid_b.scale / scale_y));
}
float naive(binary::Min, std::int32_t a, std::int32_t b) {
  return std::fmin(rounded_product(float(a), grid_a.scale / scale_y), rounded_product(float(b), grid_b.scale / scale_y));
}
float naive(binary::Mul, std::int32_t a, std::int32_t b) {
  return rounded_product(float(a * b), rounded_product(grid_a.scale, grid_b.scale) / scale_y);
}
float naive(binary::Div, std::int32_t a, std::int32_t b) {
  constexpr float largest = std::numeric_limits<float>::max();
  if (b == 0) return a == 0 ? 0.0F : a > 0 ? largest : -largest;
  volatile float quotient = float(a) / float(b), m = grid_a.scale / grid_b.scale;
  return rounded_product(quotient, m / scale_y);
}

/// All pairs of codes as an outer function: 256 x 1 and 1 x 256.
template <class F>
std::size_t wrong_pairs() {
  std::vector<std::uint8_t> codes(256);
  for (std::size_t q = 0; q < 256; ++q) codes[q] = static_cast<std::uint8_t>(q);
  std::vector<float> steps(65536);
  int8::broadcast_steps<F>(TensorView<const std::uint8_t>(codes.data(), {256, 1}), grid_a,
                           TensorView<const std::uint8_t>(codes.data(), {1, 256}), grid_b, scale_y,
                           TensorView<float>(steps.data(), {256, 256}));
  std::size_t wrong = 0;
  for (std::int32_t i = 0; i < 65536; ++i)
    wrong += steps[std::size_t(i)] != naive(F(), i / 256 - grid_a.zero_point, i % 256 - grid_b.zero_point);
  return wrong;
}

}  // namespace

TEST_CASE("broadcast_steps: all pairs of codes equal the definition, on every instruction set and 1 and 3 threads", "[int8]") {
  const Isa isa = GENERATE(from_range(available_isas()));
  const ScopedIsa scope(isa);
  const ScopedThreads threads(GENERATE(1, 3));
  CAPTURE(name(isa));
  CHECK(wrong_pairs<binary::Add>() == 0);
  CHECK(wrong_pairs<binary::Sub>() == 0);
  CHECK(wrong_pairs<binary::Max>() == 0);
  CHECK(wrong_pairs<binary::Min>() == 0);
  CHECK(wrong_pairs<binary::Mul>() == 0);
  CHECK(wrong_pairs<binary::Div>() == 0);
}

TEST_CASE("broadcast_steps: each way to broadcast takes the codes of the right places", "[int8]") {
  const Extents y{2, 9, 11, 13};
  const Extents eb = GENERATE(values<Extents>({{2, 9, 11, 13}, {13}, {2, 1, 1, 13}, {2, 9, 11, 1}, {1}, {1, 9, 1, 13}, {}}));
  const bool swapped = GENERATE(false, true);
  CAPTURE(eb, swapped);
  const auto a = random_bytes(element_count(y), 1), b = random_bytes(element_count(eb), 2);
  std::vector<float> steps(a.size()), expected(a.size());
  std::vector<std::uint8_t> b_wide(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::size_t c = i % 13, w = i / 13 % 11, h = i / 143 % 9, n = i / 1287;
    const std::size_t at = eb.size() == 0 || eb == Extents{1} ? 0
                           : eb == y                          ? i
                           : eb.size() == 1                   ? c
                           : eb == Extents{2, 1, 1, 13}       ? n * 13 + c
                           : eb == Extents{2, 9, 11, 1}       ? (n * 9 + h) * 11 + w
                                                              : h * 13 + c;
    b_wide[i] = b[at];
    const std::int32_t qa = (swapped ? b[at] : a[i]) - grid_a.zero_point, qb = (swapped ? a[i] : b[at]) - grid_b.zero_point;
    expected[i] = naive(binary::Sub(), qa, qb);
  }
  const TensorView<const std::uint8_t> av(a.data(), y), bv(b.data(), eb);
  const TensorView<float> sv(steps.data(), y);
  if (swapped)
    int8::broadcast_steps<binary::Sub>(bv, grid_a, av, grid_b, scale_y, sv);
  else
    int8::broadcast_steps<binary::Sub>(av, grid_a, bv, grid_b, scale_y, sv);
  CHECK(steps == expected);
  if (swapped) return;
  std::vector<float> of_add(a.size());
  int8::broadcast_steps<binary::Add>(av, grid_a, bv, grid_b, scale_y, sv);
  int8::add_steps(a, grid_a, b_wide, grid_b, scale_y, of_add);
  CHECK(std::memcmp(steps.data(), of_add.data(), steps.size() * sizeof(float)) == 0);
}

TEST_CASE("broadcast_steps: empty batches do nothing; what does not fit is refused", "[int8]") {
  std::vector<std::uint8_t> a(6), b(4);
  std::vector<float> steps(6);
  const TensorView<std::uint8_t> none(a.data(), {0, 3}), one(a.data(), {1, 3}), four(b.data(), {4});
  CHECK_NOTHROW(int8::broadcast_steps<binary::Add>(none, grid_a, one, grid_b, 1.0F, TensorView<float>(steps.data(), {0, 3})));
  CHECK_THROWS_AS(int8::broadcast_steps<binary::Add>(one, grid_a, four, grid_b, 1.0F, steps), shape_error);
  CHECK_THROWS_AS(int8::broadcast_steps<binary::Add>(one, grid_a, one, grid_b, 1.0F, steps), shape_error);
  const Affine<float> bad_zero{1, 256, {0, 255}}, bad_scale{0, 0, {0, 255}};
  CHECK_THROWS_WITH(int8::broadcast_steps<binary::Mul>(a, bad_zero, a, grid_b, 1.0F, steps),
                    "broadcast_steps: a: zero point 256 is no code of uint8");
  CHECK_THROWS_AS(int8::broadcast_steps<binary::Mul>(a, grid_a, a, bad_scale, 1.0F, steps), value_error);
  CHECK_THROWS_AS(int8::broadcast_steps<binary::Mul>(a, grid_a, a, grid_b, std::nanf(""), steps), value_error);
}
