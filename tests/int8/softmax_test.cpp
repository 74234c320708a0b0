#include <catch.hpp>
#include <cmath>
#include <trimtab/int8/softmax.hpp>

#include "steps_of_tests.hpp"

using namespace trimtab;

TEST_CASE("softmax_steps: table entries over their float32 sum in index order, along any axis, on 1 and 3 threads", "[int8]") {
  const ScopedThreads threads(GENERATE(1, 3));
  const std::size_t axis = GENERATE(0U, 1U, 2U);
  const Extents e = GENERATE(values<Extents>({{3, 70, 41}, {1, 1, 1}, {0, 3, 2}, {2, 1, 300}}));
  CAPTURE(axis, e);
  constexpr float scale = 0.0371F, scale_y = 1.0F / 256;
  const int8::SoftmaxTable table = int8::softmax_table(scale);
  const auto x = random_bytes(element_count(e), 1);
  std::vector<float> steps(x.size());
  int8::softmax_steps(TensorView<const std::uint8_t>(x.data(), e), axis, table, scale_y, TensorView<float>(steps.data(), e));
  std::size_t inner = 1, wrong = 0, far = 0;
  for (std::size_t a = axis + 1; a < 3; ++a) inner *= e[a];
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t first = i / (inner * e[axis]) * inner * e[axis] + i % inner;
    int largest = 0;
    double exact = 0;
    for (std::size_t k = 0; k < e[axis]; ++k) largest = std::max<int>(largest, x[first + k * inner]);
    volatile float sum = 0;
    for (std::size_t k = 0; k < e[axis]; ++k) {
      sum = sum + table[std::size_t(largest - x[first + k * inner])];
      exact += std::exp(double(scale) * (x[first + k * inner] - largest));
    }
    volatile float divisor = sum * scale_y;
    wrong += steps[i] != table[std::size_t(largest - x[i])] / divisor;
    far += std::abs(double(steps[i]) * double(scale_y) - std::exp(double(scale) * (x[i] - largest)) / exact) > 1e-5;
  }
  CHECK(wrong == 0);
  CHECK(far == 0);
}

TEST_CASE("softmax_steps refuses what is no table of exponentials", "[int8]") {
  const std::vector<std::uint8_t> x(4);
  std::vector<float> steps(4);
  int8::SoftmaxTable table{};
  CHECK_THROWS_WITH(int8::softmax_steps(x, 0, table, 1.0F, steps), "softmax_steps: entry 0 of the table is 0, no exponential");
  table = int8::softmax_table(0.1F);
  table[7] = 2;
  CHECK_THROWS_AS(int8::softmax_steps(x, 0, table, 1.0F, steps), value_error);
  table = int8::softmax_table(10.0F);  // most of its entries are 0
  CHECK_NOTHROW(int8::softmax_steps(x, 0, table, 1.0F, steps));
  CHECK(steps == std::vector<float>(4, 0.25F));
  CHECK_THROWS_AS(int8::softmax_steps(x, 1, table, 1.0F, steps), shape_error);
  CHECK_THROWS_AS(int8::softmax_steps(x, 0, table, 0.0F, steps), value_error);
  CHECK_THROWS_AS(int8::softmax_table(-1.0F), value_error);
}
