#include <array>
#include <catch.hpp>
#include <limits>
#include <span>
#include <trimtab/quant/fixed_point.hpp>
#include <trimtab/quant/requantize.hpp>
#include <vector>

using namespace trimtab;

TEST_CASE("Requantize: holds the numbers of vectors, arrays and spans that have a name", "[quant]") {
  const std::vector<float> vector{0.5F, 0.25F};
  std::array<float, 2> array{0.5F, 0.25F};
  const float plain[] = {0.5F, 0.25F};
  for (const Requantize& r : {Requantize{vector, 1, 0, 10}, Requantize{array, 1, 0, 10}, Requantize{plain, 1, 0, 10},
                              Requantize{std::span(vector), 1, 0, 10}, Requantize{std::span(array).first(2), 1, 0, 10}}) {
    CHECK(r(8, 0) == 5);
    CHECK(r(8, 1) == 3);
  }
  CHECK(Requantize{std::span(vector).last(1)}(8, 7) == 2);
  const std::vector<FixedPointMultiplier> half{fixed_point(0.5)};
  CHECK(FixedPointRequantize{half, FixedPointRounding::once, 1, 0, 10}(8, 3) == 5);
}

TEST_CASE("Requantize: a multiplier that is 0, negative or not finite is refused", "[quant]") {
  constexpr float limit = std::numeric_limits<float>::max();
  const std::vector<float> right{0x1p-149F, 1e-30F, 1, limit};
  CHECK_NOTHROW(detail::require_valid(Requantize{right}, 4, 0, 255, "layer"));
  const float wrong =
      GENERATE(0.0F, -0.0F, -1.0F, std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
               std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity());
  for (std::size_t at = 0; at < 4; ++at) {
    std::vector<float> m = right;
    m[at] = wrong;
    CHECK_THROWS_AS(detail::require_valid(Requantize{m}, 4, 0, 255, "layer"), quantization_range_error);
  }
  const std::vector<float> zero{1, 0};
  CHECK_THROWS_WITH(detail::require_valid(Requantize{zero}, 2, 0, 255, "conv2d"),
                    "conv2d: multiplier 1 is 0; expected positive and finite");
}
