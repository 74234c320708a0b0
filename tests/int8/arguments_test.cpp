#include <catch.hpp>
#include <limits>
#include <trimtab/int8/add.hpp>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/int8/depthwise_conv2d.hpp>
#include <trimtab/int8/pool.hpp>
#include <vector>

using namespace trimtab;

TEST_CASE("aliasing: int8 layers refuse an output that is an input", "[int8]") {
  std::vector<std::uint8_t> codes(64, 3);
  const TensorView<std::uint8_t> image(codes.data(), {1, 2, 2, 4}), rows(codes.data(), {4, 4});
  const std::vector<std::int8_t> weight(16, 1);
  const std::vector<float> multiplier{0.5F};
  const Requantize requantize{multiplier};
  const Affine<float> grid{1, 0, unsigned_codes()};
  int8::Workspace workspace;
  const auto linear = int8::pack_linear(TensorView<const std::int8_t>(weight.data(), {4, 4}));
  CHECK_THROWS_AS(int8::linear(rows, 0, linear, {}, requantize, rows, workspace), value_error);
  const auto conv = int8::pack_conv2d(TensorView<const std::int8_t>(weight.data(), {4, 1, 1, 4}));
  CHECK_THROWS_AS(int8::conv2d(image, 0, conv, no_bias, {}, requantize, image, workspace), value_error);
  const auto depthwise = int8::pack_depthwise_conv2d(TensorView<const std::int8_t>(weight.data(), {1, 1, 4}));
  CHECK_THROWS_AS(int8::depthwise_conv2d(image, 0, depthwise, no_bias, {}, requantize, image, workspace), value_error);
  CHECK_THROWS_AS(int8::max_pool(image, 1, 1, {}, image), value_error);
  CHECK_THROWS_AS(int8::add(rows, grid, rows, grid, grid, rows), value_error);
  CHECK(codes == std::vector<std::uint8_t>(64, 3));
}

TEST_CASE("int8 layers: a scale that is not positive and finite is refused, as a multiplier is", "[int8]") {
  const float scale = GENERATE(0.0F, -1.0F, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN());
  const std::vector<std::int8_t> weight(16, 1);
  const std::vector<std::uint8_t> x(4, 1);
  std::vector<float> y(4, 7);
  std::vector<std::uint8_t> codes(4, 7);
  const std::vector<float> scales{1, 1, scale, 1};
  const auto packed = int8::pack_linear(TensorView<const std::int8_t>(weight.data(), {4, 4}));
  int8::Workspace workspace;
  const TensorView<const std::uint8_t> row(x.data(), {1, 4});
  CHECK_THROWS_AS(int8::linear(row, 0, packed, no_bias, scales, TensorView<float>(y.data(), {1, 4}), workspace),
                  quantization_range_error);
  CHECK_THROWS_AS(
      int8::linear(row, 0, packed, no_bias, Requantize{scales}, TensorView<std::uint8_t>(codes.data(), {1, 4}), workspace),
      quantization_range_error);
  CHECK(y == std::vector<float>(4, 7));
  CHECK(codes == std::vector<std::uint8_t>(4, 7));
}
