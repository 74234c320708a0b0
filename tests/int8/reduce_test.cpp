#include <catch.hpp>
#include <cmath>
#include <cstring>
#include <trimtab/core/isa.hpp>
#include <trimtab/int8/pool.hpp>
#include <trimtab/int8/reduce.hpp>

#include "steps_of_tests.hpp"

namespace {

using namespace trimtab;

const Affine<float> grid{0.0371F, 113, {0, 255}};
constexpr float scale_y = 0.0213F;

/// Of N P C codes: sums over P (channels kept) or over C (pixels kept).
template <class Term>
std::vector<std::int64_t> naive_sums(const std::vector<std::uint8_t>& x, const Extents& e, std::size_t axis, const Term& term) {
  std::vector<std::int64_t> sums(axis == 1 ? e[0] * e[2] : e[0] * e[1]);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % e[2], np = i / e[2], n = np / e[1];
    sums[axis == 1 ? n * e[2] + c : np] += term(x[i] - grid.zero_point);
  }
  return sums;
}

}  // namespace

TEST_CASE("reduce_steps: exact sums, one multiplication, for kept channels and kept pixels, on 1 and 3 threads", "[int8]") {
  const Isa isa = GENERATE(from_range(available_isas()));
  const ScopedIsa scope(isa);
  const ScopedThreads threads(GENERATE(1, 3));
  const Extents e = GENERATE(values<Extents>({{2, 35, 7}, {1, 1, 1}, {3, 40000, 3}, {1, 5, 70001}, {0, 4, 3}}));
  const std::size_t axis = GENERATE(1U, 2U);
  CAPTURE(name(isa), e, axis);
  const auto x = random_bytes(element_count(e), 5);
  const TensorView<const std::uint8_t> xv(x.data(), e);
  Extents ey = e;
  ey[axis] = 1;
  std::vector<float> steps(element_count(ey));
  const TensorView<float> sv(steps.data(), ey);
  const auto count = static_cast<float>(e[axis]);
  const auto sums = naive_sums(x, e, axis, [](std::int64_t v) { return v; });
  const auto squares = naive_sums(x, e, axis, [](std::int64_t v) { return v * v; });
  const auto check = [&](const auto& expected) {
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) wrong += steps[i] != expected(i);
    CHECK(wrong == 0);
  };
  int8::reduce_steps<reduction::Mean>(xv, grid, {axis}, scale_y, sv);
  check([&](std::size_t i) { return rounded_product(float(sums[i]), grid.scale / rounded_product(scale_y, count)); });
  int8::reduce_steps<reduction::Sum>(xv, grid, {axis}, scale_y, sv);
  check([&](std::size_t i) { return rounded_product(float(sums[i]), grid.scale / scale_y); });
  int8::reduce_steps<reduction::SumSquare>(xv, grid, {axis}, scale_y, sv);
  check([&](std::size_t i) { return rounded_product(float(squares[i]), rounded_product(grid.scale, grid.scale) / scale_y); });
  int8::reduce_steps<reduction::L2>(xv, grid, {axis}, scale_y, sv);
  check([&](std::size_t i) { return rounded_product(std::sqrt(float(squares[i])), grid.scale / scale_y); });
}

TEST_CASE("reduce_steps: the mean over H and W has the bits of global_average_pool_steps", "[int8]") {
  const auto x = random_bytes(2 * 7 * 9 * 13, 6);
  const TensorView<const std::uint8_t> xv(x.data(), {2, 7, 9, 13});
  std::vector<float> steps(26), pooled(26);
  int8::reduce_steps<reduction::Mean>(xv, grid, {1, 2}, scale_y, TensorView<float>(steps.data(), {2, 13}));
  int8::global_average_pool_steps(xv, grid, scale_y, TensorView<float>(pooled.data(), {2, 13}));
  CHECK(std::memcmp(steps.data(), pooled.data(), steps.size() * sizeof(float)) == 0);
}

TEST_CASE("reduce_steps: sums of squares beyond int32 are exact too", "[int8]") {
  const std::vector<std::uint8_t> x(40000, 255);
  std::vector<float> steps(1);
  const Affine<float> one{1, 0, {0, 255}};
  int8::reduce_steps<reduction::SumSquare>(TensorView<const std::uint8_t>(x.data(), {1, 40000}), one, {1}, 1.0F, steps);
  CHECK(steps[0] == 40000.0F * 65025.0F);
}

TEST_CASE("reduce_codes: the largest and the smallest code, over pixels and over channels", "[int8]") {
  const auto x = random_bytes(2 * 35 * 7, 5);
  const TensorView<const std::uint8_t> xv(x.data(), {2, 5, 7, 7});
  std::vector<std::uint8_t> largest(14), smallest(70);
  int8::reduce_codes<reduction::Max>(xv, {1, 2}, TensorView<std::uint8_t>(largest.data(), {2, 7}));
  int8::reduce_codes<reduction::Min>(xv, {3}, TensorView<std::uint8_t>(smallest.data(), {2, 5, 7}));
  std::vector<std::uint8_t> naive_largest(14, 0), naive_smallest(70, 255);
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::uint8_t& l = naive_largest[i / 245 * 7 + i % 7];
    std::uint8_t& s = naive_smallest[i / 7];
    l = std::max(l, x[i]), s = std::min(s, x[i]);
  }
  CHECK(largest == naive_largest);
  CHECK(smallest == naive_smallest);
  CHECK_THROWS_AS(int8::reduce_codes<reduction::Max>(xv, {0}, largest), shape_error);
}
