#include <catch.hpp>
#include <cmath>
#include <limits>
#include <trimtab/core/adapt_eigen.hpp>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/ops/quantize.hpp>
#include <vector>

using namespace trimtab;

namespace {
constexpr float inf = std::numeric_limits<float>::infinity(), quiet_nan = std::numeric_limits<float>::quiet_NaN();
const auto up = [](float x) { return std::nextafter(x, inf); };
const auto down = [](float x) { return std::nextafter(x, -inf); };

template <class Code, class Q>
std::vector<int> codes_of(const std::vector<float>& x, const Q& q) {
  std::vector<Code> codes(x.size());
  quantize(x, q, codes);
  return {codes.begin(), codes.end()};
}
}  // namespace

TEST_CASE("quantize: symmetric signed codes at, inside and outside each bound, ties to even", "[ops]") {
  const AdjustableThreshold<float> q(signed_codes(8), {127.0F});  // scale 1
  const std::vector<float> x{0,   -0.0F,   0.5F,  up(0.5F), 1.5F, 2.5F, -0.5F, -1.5F, -2.5F,    126.5F, down(126.5F),
                             127, up(127), 1e30F, -126.5F,  -127, -128, inf,   -inf,  quiet_nan};
  const std::vector<int> expected{0, 0, 0, 1, 2, 2, 0, -2, -2, 126, 126, 127, 127, 127, -126, -127, -127, 127, -127, -127};
  CHECK(codes_of<std::int8_t>(x, q) == expected);
  CHECK(codes_of<std::int32_t>(x, q) == expected);
}

TEST_CASE("quantize: unsigned codes of every width end at 0 and 2^n - 1, signed ones at +-(2^(n-1) - 1)", "[ops]") {
  const int bits = GENERATE(2, 3, 4, 5, 6, 7, 8);
  CAPTURE(bits);
  const int top = (1 << bits) - 1, half = (1 << (bits - 1)) - 1;
  const auto f = [](int i) { return static_cast<float>(i); };
  CHECK(codes_of<std::uint8_t>({-1, 0, 0.75F, f(top) - 1, f(top) - 0.25F, f(top), f(top) + 1},
                               AdjustableThreshold<float>(unsigned_codes(bits), {f(top)})) ==
        std::vector<int>{0, 0, 1, top - 1, top, top, top});
  CHECK(codes_of<std::int8_t>({-f(half) - 1, -f(half), -0.75F, 0.25F, f(half), f(half) + 1},
                              AdjustableThreshold<float>(signed_codes(bits), {f(half)})) ==
        std::vector<int>{-half, -half, -1, 0, half, half});
  // Asymmetric, zero point in the middle and at either end.
  CHECK(
      codes_of<std::uint8_t>({-2, -1, 0, f(top) - 1, f(top)}, AdjustableRange<float>(unsigned_codes(bits), {{-1, f(top) - 1}})) ==
      std::vector<int>{0, 0, 1, top, top});
  CHECK(codes_of<std::uint8_t>({-1, 0, 1, f(top), f(top) + 1}, AdjustableRange<float>(unsigned_codes(bits), {{0, f(top)}})) ==
        std::vector<int>{0, 0, 1, top, top});
  CHECK(
      codes_of<std::int8_t>({-f(top) - 1, -f(top), -1, 0, 1}, AdjustableRange<float>(full_signed_codes(bits), {{-f(top), 0}})) ==
      std::vector<int>{-half - 1, -half - 1, half - 1, half, half});
}

TEST_CASE("quantize: the paper's vector mode gives each filter its own scale, first axis or last", "[ops]") {
  xt::xtensor<float, 3> x{{{1, 2}, {3, 4}, {5, 6}}, {{1, 2}, {3, 4}, {5, 6}}};
  xt::xtensor<std::int8_t, 3> codes = xt::xtensor<std::int8_t, 3>::from_shape({2, 3, 2});
  quantize(x, AdjustableThreshold<float>(signed_codes(), {127, 254}, per_channel(0)), codes);
  CHECK((codes == xt::xtensor<std::int8_t, 3>{{{1, 2}, {3, 4}, {5, 6}}, {{0, 1}, {2, 2}, {2, 3}}}));
  quantize(x, AdjustableThreshold<float>(signed_codes(), {127, 254}, per_channel(2)), codes);
  CHECK((codes == xt::xtensor<std::int8_t, 3>{{{1, 1}, {3, 2}, {5, 3}}, {{1, 1}, {3, 2}, {5, 3}}}));
}

TEST_CASE("dequantize: scale * (code - zero_point), and every code comes back to itself", "[ops]") {
  std::vector<std::uint8_t> codes(256), back(256);
  for (std::size_t i = 0; i < 256; ++i) codes[i] = static_cast<std::uint8_t>(i);
  const AdjustableRange<float> q(unsigned_codes(), {{-0.3F, 1.7F}});
  std::vector<float> y(256);
  dequantize(codes, q, y);
  const Affine<float> grid = q.grid(0);
  CHECK(grid.zero_point == 38);
  CHECK(y[38] == 0);
  CHECK(y[0] == grid.scale * -38.0F);
  CHECK(y[255] == grid.scale * 217.0F);
  quantize(y, q, back);
  CHECK(back == codes);
}

TEST_CASE("quantize: refuses codes that do not fit, other layouts and other channel counts", "[ops]") {
  std::vector<float> x(6);
  std::vector<std::int8_t> i8(6);
  std::vector<std::uint8_t> u8(6);
  CHECK_THROWS_WITH(quantize(x, AdjustableThreshold<float>(unsigned_codes(), {1}), i8),
                    "quantize: codes 0 .. 255 do not fit into int8");
  CHECK_THROWS_AS(quantize(x, AdjustableThreshold<float>(signed_codes(2), {1}), u8), value_error);
  CHECK_NOTHROW(quantize(x, AdjustableThreshold<float>(unsigned_codes(7), {1}), i8));
  std::vector<std::uint8_t> five(5);
  CHECK_THROWS_AS(quantize(x, AdjustableThreshold<float>(unsigned_codes(), {1}), five), shape_error);
  CHECK_THROWS_AS(quantize(x, AdjustableThreshold<float>(unsigned_codes(), {1, 1}, per_channel(0)), u8), shape_error);
  CHECK_THROWS_AS(quantize(x, AdjustableThreshold<float>(unsigned_codes(), {1}, per_channel(1)), u8), shape_error);
  CHECK_THROWS_AS(dequantize(u8, AdjustableThreshold<float>(unsigned_codes(), {1, 1}, per_channel(0)), x), shape_error);
  const Eigen::MatrixXf column = Eigen::MatrixXf::Zero(2, 3);
  Eigen::Matrix<std::int8_t, -1, -1, Eigen::RowMajor> row(2, 3);
  CHECK_THROWS_AS(quantize(column, AdjustableThreshold<float>(signed_codes(), {1}), row), shape_error);
}

TEST_CASE("quantize: empty tensors and tensors of one element", "[ops]") {
  std::vector<float> none;
  std::vector<std::int8_t> no_codes;
  CHECK_NOTHROW(quantize(none, AdjustableThreshold<float>(signed_codes(), {1}), no_codes));
  const TensorView<const float> empty(nullptr, {3, 0, 2});
  CHECK_NOTHROW(quantize(empty, AdjustableThreshold<float>(signed_codes(), {1, 1, 1}, per_channel(0)),
                         TensorView<std::int8_t>(nullptr, {3, 0, 2})));
  CHECK(codes_of<std::int8_t>({3}, AdjustableThreshold<float>(signed_codes(), {3}, per_channel(0))) == std::vector<int>{127});
}

TEST_CASE("dequantize: codes of a type that does not hold the grid's are refused", "[ops]") {
  const std::vector<std::int8_t> codes(3);  // written by somebody else: uint8 codes less 128
  std::vector<float> y(3, 7);
  CHECK_THROWS_AS(dequantize(codes, AdjustableThreshold<float>(unsigned_codes(), {1}), y), value_error);
  CHECK(y == std::vector<float>(3, 7));
}
