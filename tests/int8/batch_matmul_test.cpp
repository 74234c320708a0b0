#include <catch.hpp>
#include <trimtab/core/isa.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/int8/batch_matmul.hpp>

#include "steps_of_tests.hpp"

namespace {

using namespace trimtab;

const Affine<float> grid_a{0.0371F, 13, {0, 255}}, grid_b{0.0219F, 131, {0, 255}};

}  // namespace

TEST_CASE("batch_matmul_steps: exact sums and one multiplication, transposed or not, broadcast or not", "[int8]") {
  const Isa isa = GENERATE(from_range(available_isas()));
  const ScopedIsa scope(isa);
  const ScopedThreads threads(GENERATE(1, 3));
  const MatmulTransposes t = GENERATE(values<MatmulTransposes>({{false, false}, {true, false}, {false, true}, {true, true}}));
  const auto [n, m, k, cols] = GENERATE(table<std::size_t, std::size_t, std::size_t, std::size_t>(
      {{2, 17, 33, 19}, {1, 1, 1, 1}, {3, 64, 64, 63}, {0, 2, 3, 4}, {2, 3, 0, 2}, {1, 2, 70000, 3}}));
  CAPTURE(name(isa), t.a, t.b, n, m, k, cols);
  const Extents ea{n, 1, t.a ? k : m, t.a ? m : k}, eb{2, t.b ? cols : k, t.b ? k : cols}, ey{n, 2, m, cols};
  const auto a = random_bytes(element_count(ea), 1), b = random_bytes(element_count(eb), 2);
  std::vector<float> steps(element_count(ey), 99.0F);
  int8::batch_matmul_steps(TensorView<const std::uint8_t>(a.data(), ea), grid_a, TensorView<const std::uint8_t>(b.data(), eb),
                           grid_b, t, 0.0413F, TensorView<float>(steps.data(), ey));
  volatile float scales = grid_a.scale * grid_b.scale;
  const float factor = scales / 0.0413F;
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::size_t picture = i / (2 * m * cols), head = i / (m * cols) % 2, row = i / cols % m, col = i % cols;
    std::int64_t sum = 0;
    for (std::size_t d = 0; d < k; ++d)
      sum += (a[picture * m * k + (t.a ? d * m + row : row * k + d)] - 13) *
             (b[head * k * cols + (t.b ? col * k + d : d * cols + col)] - 131);
    wrong += steps[i] != static_cast<float>(sum) * factor;
  }
  CHECK(wrong == 0);
}

TEST_CASE("batch_matmul_steps: sums beyond int32 are exact; what does not fit is refused", "[int8]") {
  const std::vector<std::uint8_t> x(70000, 255);
  std::vector<float> steps(1);
  const Affine<float> one{1, 0, {0, 255}}, bad{1, -1, {0, 255}};
  const TensorView<const std::uint8_t> row(x.data(), {1, 70000});
  const TensorView<float> sv(steps.data(), {1, 1});
  int8::batch_matmul_steps(row, one, row, one, {false, true}, 1.0F, sv);
  CHECK(steps[0] == static_cast<float>(70000 * std::int64_t{65025}));
  CHECK_THROWS_AS(int8::batch_matmul_steps(row, one, row, one, {}, 1.0F, sv), shape_error);
  CHECK_THROWS_AS(int8::batch_matmul_steps(row, one, row, bad, {false, true}, 1.0F, sv), value_error);
  CHECK_THROWS_AS(int8::batch_matmul_steps(row, one, row, one, {false, true}, 1.0F, steps), shape_error);
}
