#include <array>
#include <bit>
#include <catch.hpp>
#include <cmath>
#include <cstring>
#include <gradient_check.hpp>
#include <ostream>
#include <random>
#include <trimtab/ops/matmul_int16.hpp>
#include <vector>

using namespace trimtab;
using gradient::random_values;

namespace {

struct Shape {
  std::size_t rows, cols, depth;
  friend std::ostream& operator<<(std::ostream& out, const Shape& s) {
    return out << s.rows << " x " << s.cols << " x " << s.depth;
  }
};

// One, every number of rows left over from strips of 6, columns around 8 and 16, odd and even depths, and no depth at all.
const Shape shapes[] = {{1, 1, 1},  {2, 7, 2},   {3, 8, 3},   {4, 9, 17},  {5, 15, 8},    {6, 16, 9},   {7, 17, 10},
                        {8, 24, 1}, {9, 31, 33}, {10, 32, 6}, {11, 33, 4}, {12, 40, 255}, {50, 3, 100}, {3, 5, 0}};

enum class Values { random, largest, smallest };

/// Operands whose sums just fit: b first, then a within b's limit.
struct Operands {
  Operands(const Shape& s, Values values) : shape(s), b(s.depth * s.cols), a(s.rows * s.depth + 1) {
    std::mt19937 engine(unsigned(s.rows * 1000 + s.cols));
    const auto up_to = [&](int most) { return std::uniform_int_distribution<int>(-most, most)(engine); };
    for (std::int16_t& v : b)
      v = static_cast<std::int16_t>(values == Values::random ? up_to(32767) : values == Values::largest ? 32767 : -32767);
    columns.assign_rows(b.data(), s.depth, s.cols);
    for (std::int16_t& v : a) v = static_cast<std::int16_t>(values == Values::random ? up_to(columns.limit()) : columns.limit());
  }
  std::int64_t sum(std::size_t m, std::size_t n) const {
    std::int64_t total = 0;
    for (std::size_t k = 0; k < shape.depth; ++k) total += std::int64_t{a[m * shape.depth + k]} * b[k * shape.cols + n];
    return total;
  }
  kernels::Int16Product product() const { return columns.product(a.data(), shape.rows, shape.depth); }

  Shape shape;
  std::vector<std::int16_t> b, a;
  Int16Columns columns;
};

}  // namespace

TEST_CASE("Int16Columns: limit is the most that keeps every sum in 32 bits", "[ops][int16]") {
  Int16Columns columns;
  CHECK(columns.limit() == 32767);
  const auto limit = [&](std::size_t depth, int value) {
    std::vector<std::int16_t> numbers(3 * depth, std::int16_t(1));
    std::fill_n(numbers.begin() + static_cast<std::ptrdiff_t>(depth), depth, static_cast<std::int16_t>(value));
    columns.assign_columns(numbers.data(), depth, 3);
    return columns.limit();
  };
  CHECK(limit(1, 32767) == 32767);
  CHECK(limit(3, -32767) == 21846);  // 98301 * 21846 = 2^31 - 1 - 1
  CHECK(limit(1000, 127) == 16909);  // 127000 * 16909 = 2147443000
  CHECK(limit(1 << 17, 127) == 129);
}

TEST_CASE("Int16Columns: rows and columns of the same numbers are packed alike", "[ops][int16]") {
  for (const Shape& s : shapes) {
    CAPTURE(s);
    const Operands o(s, Values::random);
    std::vector<std::int16_t> transposed(o.b.size());
    for (std::size_t i = 0; i < o.b.size(); ++i) transposed[i % s.cols * s.depth + i / s.cols] = o.b[i];
    Int16Columns columns = Operands({99, 99, 99}, Values::largest).columns;  // with numbers where there are zeros now
    columns.assign_columns(transposed.data(), s.depth, s.cols);
    const std::size_t steps = (s.cols + 15) / 16 * ((s.depth + 1) / 2);  // memcmp wants no null pointers, even for none
    CHECK((steps == 0 || std::memcmp(columns.product(nullptr, 0, 0).b, o.product().b, steps * sizeof(kernels::Int16Step)) == 0));
    CHECK(columns.limit() == o.columns.limit());
  }
}

TEST_CASE("int16 products: every ISA gives the sums of 64-bit loops, and nothing beside them is written", "[ops][int16]") {
  const Values values = GENERATE(Values::random, Values::largest, Values::smallest);
  for (const Isa isa : available_isas())
    for (const Shape& s : shapes) {
      CAPTURE(name(isa), s, int(values));
      const Operands o(s, values);
      const std::size_t stride = s.cols + 3;
      const std::vector<float> scale = random_values<float>(s.rows, 3);
      for (const bool add : {false, true}) {
        std::vector<float> c(s.rows * stride, 7.0F);
        kernels::int16_table(isa).scaled({o.product(), scale.data(), c.data(), static_cast<std::ptrdiff_t>(stride), add});
        bool equal = true;
        for (std::size_t m = 0; m < s.rows; ++m)
          for (std::size_t n = 0; n < stride; ++n) {
            const float scaled = n < s.cols ? scale[m] * static_cast<float>(o.sum(m, n)) : 0.0F;
            equal = equal && c[m * stride + n] == (n >= s.cols ? 7.0F : add ? 7.0F + scaled : scaled);
            if (n < s.cols) REQUIRE(std::abs(o.sum(m, n)) <= std::numeric_limits<std::int32_t>::max());
          }
        CHECK(equal);
      }
      const std::vector<float> g = random_values<float>(s.rows * stride, 4);
      std::vector<float> to(stride, 7.0F), expected(to);
      kernels::int16_table(isa).dot({o.product(), g.data(), static_cast<std::ptrdiff_t>(stride), to.data()});
      for (std::size_t m = 0; m < s.rows; ++m)
        for (std::size_t n = 0; n < s.cols; ++n) {
          const float term = g[m * stride + n] * static_cast<float>(o.sum(m, n));
          expected[n] += term;
        }
      CHECK(to == expected);
    }
}

TEST_CASE("int16 rounding: within half a step of the row's largest, which is the limit itself", "[ops][int16]") {
  for (const Isa isa : available_isas())
    for (const std::size_t cols : {1U, 7U, 8U, 9U, 16U, 31U, 100U})
      for (const int limit : {1, 129, 32767}) {
        CAPTURE(name(isa), cols, limit);
        const std::size_t rows = 5;
        const std::vector<float> x = random_values<float>(rows * cols, 1), factor = random_values<float>(cols, 2);
        std::vector<std::int16_t> to(rows * cols + 1, std::int16_t(7));
        std::vector<float> scale(rows);
        kernels::int16_table(isa).round({x.data(), factor.data(), rows, cols, float(limit), to.data(), scale.data()});
        for (std::size_t m = 0; m < rows; ++m) {
          int largest = 0;
          for (std::size_t n = 0; n < cols; ++n) {
            const double v = double(x[m * cols + n]) * double(factor[n]), s = double(scale[m]);
            CHECK(std::abs(v - s * to[m * cols + n]) <= 0.5 * s + 4e-7 * std::abs(v));
            largest = std::max(largest, std::abs(int(to[m * cols + n])));
          }
          CHECK(largest == limit);
        }
        CHECK(to.back() == 7);
      }
}

TEST_CASE("int16 rounding: zeros, tiny rows, infinities and NaN", "[ops][int16]") {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float largest = std::numeric_limits<float>::max();
  for (const Isa isa : available_isas())
    for (const std::size_t at : {0U, 7U, 8U, 10U}) {  // among the eights, and in what is left over
      CAPTURE(name(isa), at);
      constexpr std::size_t cols = 11;
      const std::vector<float> factor(cols, 1.0F);
      const auto round = [&](float value, float others) {
        std::vector<float> x(cols, others);
        x[at] = value;
        std::vector<std::int16_t> to(cols, std::int16_t(7));
        float scale = 7;
        kernels::int16_table(isa).round({x.data(), factor.data(), 1, cols, 32767.0F, to.data(), &scale});
        return std::tuple(scale, int(to[at]), int(to[(at + 1) % cols]));
      };
      CHECK(round(0, -0.0F) == std::tuple(0.0F, 0, 0));
      CHECK(round(1e-31F, 0) == std::tuple(0.0F, 0, 0));
      CHECK(round(std::numeric_limits<float>::denorm_min(), 0) == std::tuple(0.0F, 0, 0));
      CHECK(round(-0x1p-100F, 0) == std::tuple(0x1p-100F / 32767.0F, -32767, 0));
      CHECK(round(largest, 1) == std::tuple(largest / 32767.0F, 32767, 0));
      CHECK(round(-65534, 1) == std::tuple(2.0F, -32767, 0));  // half a step: to the even one
      CHECK(round(65534, 3) == std::tuple(2.0F, 32767, 2));
      for (const float bad : {inf, -inf, nan, -nan}) {
        const auto [scale, there, beside] = round(bad, 1);
        CHECK(std::isnan(scale));
        CHECK(there == 0);
        CHECK(beside == 0);
      }
    }
}
