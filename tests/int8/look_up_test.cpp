#include <algorithm>
#include <array>
#include <catch.hpp>
#include <cmath>
#include <random>
#include <trimtab/int8/concat.hpp>
#include <trimtab/int8/look_up.hpp>
#include <vector>

namespace {

using namespace trimtab;

std::vector<std::uint8_t> random_bytes(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

}  // namespace

TEST_CASE("look_up: every code, every length about a vector, in place too, on every ISA", "[int8]") {
  const int8::Isa isa = GENERATE(from_range(int8::available_isas()));
  CAPTURE(int8::name(isa));
  const int8::ScopedIsa scope(isa);
  const std::vector<std::uint8_t> table = random_bytes(256, 1);
  std::size_t wrong = 0;
  for (std::size_t count = 0; count < 400; ++count) {
    std::vector<std::uint8_t> x = random_bytes(count, 2 + unsigned(count)), y(count + 1, 77);
    for (std::size_t i = 0; i < std::min<std::size_t>(count, 256); ++i) x[i] = static_cast<std::uint8_t>(i);
    int8::look_up(table, {x.data(), {count}}, {y.data(), {count}});
    for (std::size_t i = 0; i < count; ++i) wrong += y[i] != table[x[i]];
    wrong += y[count] != 77;
    int8::look_up(table, {x.data(), {count}}, {x.data(), {count}});
    y.pop_back();
    wrong += x != y;
  }
  CHECK(wrong == 0);
}

TEST_CASE("look_up: a table for each channel, and what does not fit", "[int8]") {
  const std::vector<std::uint8_t> tables = random_bytes(3 * 256, 1), x = random_bytes(5 * 3, 2);
  std::vector<std::uint8_t> y(x.size());
  int8::look_up(tables, {x.data(), {5, 3}}, {y.data(), {5, 3}});
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(y[i] == tables[256 * (i % 3) + x[i]]);
  CHECK_THROWS_AS(int8::look_up(tables, {x.data(), {3, 5}}, {y.data(), {3, 5}}), shape_error);
  CHECK_THROWS_AS(int8::look_up(std::span(tables).first(255), {x.data(), {5, 3}}, {y.data(), {5, 3}}), shape_error);
  CHECK_THROWS_AS(int8::look_up(tables, {x.data(), {5, 3}}, {y.data(), {15}}), shape_error);
  CHECK_THROWS_AS(int8::look_up(tables, {y.data(), {4, 3}}, {y.data() + 3, {4, 3}}), value_error);
}

TEST_CASE("concat: narrow and wide inputs, on their own grids and on y's, on every ISA and number of threads", "[int8]") {
  const int8::Isa isa = GENERATE(from_range(int8::available_isas()));
  const int thread_count = GENERATE(1, 3);
  CAPTURE(int8::name(isa), thread_count);
  const int8::ScopedIsa scope(isa);
  const ScopedThreads threads(thread_count);
  const Affine<float> grid_y{0.05F, 20, {0, 255}};
  const std::array<std::size_t, 12> widths{1, 2, 3, 5, 12, 17, 31, 40, 255, 256, 700, 5000};
  const std::size_t pixels = 37;
  std::vector<std::vector<std::uint8_t>> codes;
  std::vector<int8::ConcatInput<std::uint8_t>> inputs;
  std::size_t channels = 0;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    codes.push_back(random_bytes(pixels * widths[i], unsigned(i)));
    channels += widths[i];
  }
  for (std::size_t i = 0; i < widths.size(); ++i)
    inputs.push_back({{codes[i].data(), {pixels, widths[i]}}, i % 2 == 0 ? Affine<float>{0.031F, 7, {0, 255}} : grid_y});
  std::vector<std::uint8_t> y(pixels * channels);
  int8::concat<std::uint8_t>(inputs, grid_y, TensorView<std::uint8_t>(y.data(), {pixels, channels}));
  std::size_t wrong = 0;
  for (std::size_t p = 0; p < pixels; ++p) {
    std::size_t at = p * channels;
    for (std::size_t i = 0; i < widths.size(); ++i)
      for (std::size_t c = 0; c < widths[i]; ++c, ++at) {
        const std::uint8_t code = codes[i][p * widths[i] + c];
        const float steps = static_cast<float>(code - 7) * (0.031F / 0.05F);  // int8::concat's formula
        wrong += y[at] != (i % 2 == 0 ? static_cast<int>(std::nearbyint(std::clamp(steps, -20.0F, 235.0F))) + 20 : code);
      }
  }
  CHECK(wrong == 0);
}
