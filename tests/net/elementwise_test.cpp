#include <algorithm>
#include <array>
#include <catch.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/execute/verify.hpp>
#include <trimtab/net/operators.hpp>
#include <vector>

#include "elementwise_cases.hpp"
#include "one_gradient.hpp"
#include "small_network.hpp"

namespace {

/// What a user writes: a struct, and one formula in double.
struct Logit {};

}  // namespace

template <>
struct trimtab::OperatorRules<Logit> : Elementwise<Logit> {
  static constexpr const char* name = "Logit";
  static SignRule sign(const Logit&) { return SignRule::any; }
  static Clip bounds(const Logit&) { return no_clip; }
  static double value(const Logit&, double x) { return std::log(x / (1 - x)); }
  static double derivative(const Logit&, double x) { return 1 / (x * (1 - x)); }
};

using namespace trimtab;
using test::OneGradient;
using namespace test::elementwise;

namespace {

std::vector<float> forward(const Operator& op, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  const TensorView<const float> in(x.data(), {1, x.size()});
  op->forward(FloatInputs(&in, 1), TensorView<float>(y.data(), in.extent));
  return y;
}

/// dloss / dx in float, for dloss / dy of 1.
std::vector<float> slopes(const Operator& op, const std::vector<float>& x) {
  const std::vector<float> y = forward(op, x), ones(x.size(), 1.0F);
  const TensorView<const float> in(x.data(), {1, x.size()});
  OneGradient grad_x(in.extent);
  op->backward({FloatInputs(&in, 1),
                TensorView<const float>(y.data(), in.extent),
                TensorView<const float>(ones.data(), in.extent),
                {},
                grad_x,
                {}});
  return grad_x.grad;
}

/// Points on both sides of 0, whole numbers, halves and others, and some far out.
std::vector<float> points() {
  std::vector<float> x;
  for (int i = -640; i <= 640; ++i) x.push_back(static_cast<float>(i) / 64);
  for (const float far : {12.3F, 19.9F, 20.1F, 33.3F, 47.7F, 80.1F, 1e-3F, 1e-6F, 1e-20F}) x.push_back(far), x.push_back(-far);
  for (std::size_t i = 0; i < 1000; ++i) x.push_back(static_cast<float>(std::sin(double(i)) * 8));
  return x;
}

std::vector<std::uint8_t> all_bytes() {
  std::vector<std::uint8_t> bytes(256);
  for (std::size_t b = 0; b < 256; ++b) bytes[b] = static_cast<std::uint8_t>(b);
  return bytes;
}

/// The codes of all bytes, by codes(), by the rounded steps(), by integers alone and by the table; they have to be equal.
std::vector<std::uint8_t> codes_of_all_bytes(const Operator& op, const Affine<float>& grid_x, const Affine<float>& grid_y,
                                             std::vector<float>& steps) {
  const std::vector<std::uint8_t> bytes = all_bytes();
  const Extents extent{1, 256, 1};
  const CodeInput x{TensorView<const std::uint8_t>(bytes.data(), extent), grid_x};
  const CodeInputs in(&x, 1);
  std::vector<std::uint8_t> codes(256), of_steps(256), of_integers(256), of_table(256);
  steps.resize(256);
  op->steps(in, grid_y, TensorView<float>(steps.data(), extent));
  steps_to_bytes(steps.data(), 256, grid_y, of_steps.data());
  op->codes(in, grid_y, TensorView<std::uint8_t>(codes.data(), extent));
  op->fixed_point_codes(in, grid_y, 128, TensorView<std::uint8_t>(of_integers.data(), extent));
  const Operator table = op->lowered(std::span<const Affine<float>>(&grid_x, 1), grid_y);
  REQUIRE(table.is<LookupTable>());
  table->codes(in, grid_y, TensorView<std::uint8_t>(of_table.data(), extent));
  CHECK(codes == of_steps);
  CHECK(codes == of_integers);
  CHECK(codes == of_table);
  return codes;
}

std::vector<float> codes_slopes(const Operator& op, const std::vector<std::uint8_t>& bytes, const Affine<float>& grid_x) {
  const Extents extent{1, bytes.size()};
  const std::vector<float> twos(bytes.size(), 2.0F);
  const CodeInput x{TensorView<const std::uint8_t>(bytes.data(), extent), grid_x};
  OneGradient grad_x(extent);
  op->codes_backward(CodeInputs(&x, 1), {0.1F, 0, unsigned_codes()}, TensorView<const float>(twos.data(), extent), grad_x);
  return grad_x.grad;
}

}  // namespace

TEST_CASE("Elementwise operators: every one whose codes are a table of one number has a case here", "[elementwise]") {
  std::set<std::string> covered;
  for (const FormulaCase& c : cases()) covered.insert(c.op->name());
  const auto check = [&]<class L>(const L&) {
    if constexpr (std::is_base_of_v<Tabulated<L>, OperatorRules<L>>) {
      INFO(OperatorRules<L>::name);
      CHECK(covered.count(OperatorRules<L>::name) == 1);
    }
  };
  std::apply([&](const auto&... op) { (check(op), ...); }, Operators());
}

TEST_CASE("Elementwise operators: the float forward is the formula", "[elementwise]") {
  // Rounding costs units in the last place of the result, and of what is added up on the way to it, which is below 1 or below the
  // result.
  constexpr double tolerance = 1e-6;
  const std::vector<float> x = points();
  for (const FormulaCase& c : cases()) {
    INFO(label(c.op));
    const std::vector<float> y = forward(c.op, x);
    std::size_t wrong = 0;
    double at = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double expected = c.f(double(x[i]));
      const bool right = std::isnan(expected) ? std::isnan(y[i])
                         : std::isinf(float(expected))
                             ? y[i] == float(expected)
                             : std::abs(double(y[i]) - expected) <= tolerance * std::max(1.0, std::abs(expected));
      if (!right) ++wrong, at = double(x[i]);
    }
    CAPTURE(at);
    CHECK(wrong == 0);
  }
}

TEST_CASE("Elementwise operators: outside their domain they give what IEEE arithmetic does, and no number stays none",
          "[elementwise]") {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(forward(Log{}, {-1})[0]));
  CHECK(forward(Log{}, {0})[0] == -inf);
  CHECK(std::isnan(forward(Sqrt{}, {-1})[0]));
  CHECK(forward(Reciprocal{}, {0, -0.0F}) == std::vector<float>{inf, -inf});
  CHECK(std::isnan(forward(Pow{0.5F}, {-1})[0]));
  CHECK(forward(Pow{-2.0F}, {0})[0] == inf);
  CHECK(forward(Exp{}, {89, -104, inf, -inf}) == std::vector<float>{inf, 0, inf, 0});
  CHECK(forward(Exp{}, {-100})[0] > 0);  // subnormal
  CHECK(forward(Tanh{}, {inf, -inf, -0.0F}) == std::vector<float>{1, -1, 0});
  CHECK(forward(Sigmoid{}, {inf, -inf}) == std::vector<float>{1, 0});
  for (const FormulaCase& c : cases()) {
    INFO(label(c.op));
    if (label(c.op) != label(Pow{0.0F}) && !c.op.is<FakeQuantize>()) CHECK(std::isnan(forward(c.op, {nan})[0]));
  }
}

TEST_CASE("Elementwise operators: a user's function in double alone is rounded to float", "[elementwise]") {
  const Operator op = Logit{};
  CHECK(forward(op, {0.5F, 0.25F, 0.875F}) ==
        std::vector<float>{0, static_cast<float>(-std::log(3.0)), static_cast<float>(std::log(7.0))});
  CHECK(slopes(op, {0.5F, 0.25F}) == std::vector<float>{4, static_cast<float>(16.0 / 3)});
  std::vector<float> steps;
  const std::vector<std::uint8_t> codes =
      codes_of_all_bytes(op, {0.25F, 0, unsigned_codes()}, {0.5F, 100, unsigned_codes()}, steps);
  CHECK(std::vector<int>{codes[0], codes[1], codes[2], codes[3], codes[4], codes[5]} ==
        std::vector<int>{0, 98, 100, 102, 255, 100});
}

TEST_CASE("Elementwise operators: exponentials keep their digits far from 0", "[elementwise]") {
  for (const Operator& op : {Operator(Exp{}), Operator(Sigmoid{}), Operator(Softplus{})}) {
    INFO(op->name());
    for (const float x : {-10.0F, -30.0F, -50.0F, -80.0F}) {
      const double expected = op.is<Exp>()       ? std::exp(double(x))
                              : op.is<Sigmoid>() ? sigmoid(double(x))
                                                 : std::log1p(std::exp(double(x)));
      CHECK(double(forward(op, {x})[0]) == Approx(expected).epsilon(3e-7));
    }
  }
  for (const float x : {1e-3F, -1e-6F, 1e-20F, 0.3F}) {
    CHECK(double(forward(Tanh{}, {x})[0]) == Approx(std::tanh(double(x))).epsilon(3e-7));
    CHECK(double(forward(Elu{}, {-std::abs(x)})[0]) == Approx(std::expm1(-std::abs(double(x)))).epsilon(3e-7));
  }
}

TEST_CASE("Elementwise operators: the same bits on every instruction set and number of threads", "[elementwise]") {
  std::vector<float> x;
  for (std::size_t i = 0; i < 40; ++i)
    for (const float v : points()) x.push_back(v + static_cast<float>(i) / 1000);
  for (const FormulaCase& c : cases()) {
    INFO(label(c.op));
    std::vector<std::vector<float>> results;
    for (const int8::Isa isa : int8::available_isas())
      for (const int count : {1, 3}) {
        const int8::ScopedIsa scope(isa);
        const ScopedThreads threads(count);
        results.push_back(forward(c.op, x));
      }
    for (const std::vector<float>& y : results) CHECK(std::memcmp(y.data(), results[0].data(), y.size() * sizeof(float)) == 0);
  }
}

TEST_CASE("Elementwise operators: the derivative is the central difference's of the formula", "[elementwise]") {
  // In double with a step of 1e-5 the difference is off by about 1e-10 times the third derivative and 1e-11 times the value; the
  // gradient itself is a float. Points nearer than two steps to a kink, or to the domain's end, are left out.
  constexpr double step = 1e-5;
  std::vector<float> x;
  for (const float v : points())
    if (std::abs(v) < 12) x.push_back(v);
  for (const FormulaCase& c : cases()) {
    INFO(label(c.op));
    const std::vector<float> slope = slopes(c.op, x);
    std::size_t wrong = 0, compared = 0;
    double at = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double v = double(x[i]);
      if (v <= c.domain + 0.01) continue;
      if (std::any_of(c.kinks.begin(), c.kinks.end(), [&](double k) { return std::abs(v - k) < 0.01; })) continue;
      const auto& f = c.surrogate ? c.surrogate : c.f;
      const double expected = (f(v + step) - f(v - step)) / (2 * step);
      ++compared;
      if (!(std::abs(double(slope[i]) - expected) <= 1e-5 * std::max(1.0, std::abs(expected)))) ++wrong, at = v;
    }
    CAPTURE(at);
    CHECK(compared > 500);
    CHECK(wrong == 0);
  }
}

TEST_CASE("Elementwise operators: where there are two derivatives it is one of them", "[elementwise]") {
  CHECK(slopes(LeakyRelu{0.25F}, {0})[0] == 1);
  CHECK(slopes(PRelu{{0.25F}}, {0})[0] == 1);
  CHECK(slopes(Abs{}, {0, -1, 1}) == std::vector<float>{1, -1, 1});
  CHECK(slopes(Elu{0.5F}, {0})[0] == 1);
  CHECK(slopes(HardSwish{}, {-3, 3}) == std::vector<float>{-0.5F, 1.5F});
  CHECK(slopes(HardSigmoid{0.25F, 0.5F}, {-2, 2, 2.5F}) == std::vector<float>{0.25F, 0.25F, 0});
  CHECK(slopes(Floor{}, {0.5F, 1})[1] == 0);
  CHECK(slopes(Pow{0.0F}, {0})[0] == 0);
  CHECK(slopes(FakeQuantize{{0.5F, 0, {-4, 4}}}, {-2.25F, -2, 0.1F, 2, 2.25F}) == std::vector<float>{0, 1, 1, 1, 0});
}

TEST_CASE("Elementwise operators: bounds and signs are true for every number", "[elementwise]") {
  std::vector<float> x = points();
  for (int i = -20000; i <= 20000; ++i) x.push_back(static_cast<float>(i) / 4000);  // around the minima
  for (const FormulaCase& c : cases()) {
    INFO(label(c.op));
    const Clip bounds = c.op->bounds();
    const std::vector<float> y = forward(c.op, x);
    std::size_t outside = 0, negative = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double v = c.f(double(x[i]));
      if (v < double(bounds.lo) || v > double(bounds.hi)) ++outside;
      const SignRule sign = c.op->sign();
      if (v < 0 && (sign == SignRule::never_negative || (sign == SignRule::of_inputs && x[i] >= 0))) ++negative;
    }
    CHECK(outside == 0);
    CHECK(negative == 0);
    if (c.op->scaling({}) == ScalingRule::commutes) {
      std::vector<float> twice = x, twice_y = y;
      for (float& v : twice) v *= 2;
      for (float& v : twice_y) v *= 2;
      CHECK(forward(c.op, twice) == twice_y);
    }
  }
}

TEST_CASE("Elementwise operators: the code of every byte is the rounded value of its real", "[elementwise]") {
  // Scales of activations, and those at the ends of float's range; zero points at the ends and between.
  for (const float scale_x : {0.04F, 0.5F, 1.0F, 1e-30F, 3e35F})
    for (const std::int32_t zero_x : {0, 128, 255})
      for (const float scale_y : {1.0F / 256, 0.04F, 1e-30F, 3e35F})
        for (const Affine<float>& grid_y : {Affine<float>{scale_y, 0, unsigned_codes()}, Affine<float>{scale_y, 128, {1, 255}},
                                            Affine<float>{scale_y, 100, {90, 200}}}) {
          CAPTURE(scale_x, zero_x, scale_y, grid_y.zero_point);
          const Affine<float> grid_x{scale_x, zero_x, unsigned_codes()};
          for (const FormulaCase& c : cases()) {
            std::vector<float> steps;
            const std::vector<std::uint8_t> codes = codes_of_all_bytes(c.op, grid_x, grid_y, steps);
            std::size_t wrong = 0;
            for (std::size_t b = 0; b < 256; ++b) {
              const double value = c.f(double(grid_x.dequantize(static_cast<std::int32_t>(b)))), exact = value / double(scale_y);
              const double wanted = std::isnan(value) ? 0.0 : exact;
              const double held = std::clamp(wanted, double(grid_y.codes.qmin - grid_y.zero_point),
                                             double(grid_y.codes.qmax - grid_y.zero_point));
              // 1e-6: two formulas in double, one rounding to float; nearer to a tie than that either neighbour is right.
              const double code = double(codes[b]) - double(grid_y.zero_point);
              if (!(std::abs(code - held) <= 0.5 + 1e-6 * std::max(1.0, std::abs(held)))) ++wrong;
              if (std::isnan(steps[b])) ++wrong;
            }
            if (wrong != 0) {
              INFO(label(c.op));
              CHECK(wrong == 0);
            }
          }
        }
}

TEST_CASE("Elementwise operators: codes and their gradients outside the domain, by hand", "[elementwise]") {
  const Affine<float> grid_x{0.5F, 128, unsigned_codes()};  // 126: -1, 128: 0, 130: 1, 132: 2
  const std::vector<std::uint8_t> bytes{126, 128, 130, 132};
  const auto codes = [&](const Operator& op) {
    std::vector<float> steps;
    const std::vector<std::uint8_t> all = codes_of_all_bytes(op, grid_x, {0.25F, 100, {10, 250}}, steps);
    return std::vector<int>{all[126], all[128], all[130], all[132]};
  };
  CHECK(codes(Log{}) == std::vector<int>{100, 10, 100, 103});    // none, -infinity, 0, 0.693 = 2.77 steps
  CHECK(codes(Sqrt{}) == std::vector<int>{100, 100, 104, 106});  // none, 0, 1, 1.414 = 5.66 steps
  CHECK(codes(Reciprocal{}) == std::vector<int>{96, 250, 104, 102});
  CHECK(codes(Pow{-0.5F}) == std::vector<int>{100, 250, 104, 103});  // 0.707 = 2.83 steps
  CHECK(codes(Exp{}) == std::vector<int>{101, 104, 111, 130});       // 1.47, 4, 10.87, 29.56 steps

  // Twice the derivative, since dloss / dy is 2.
  CHECK(codes_slopes(Log{}, bytes, grid_x) == std::vector<float>{0, 0, 2, 1});
  CHECK(codes_slopes(Sqrt{}, bytes, grid_x) == std::vector<float>{0, 0, 1, 2 * static_cast<float>(0.5 / std::sqrt(2.0))});
  CHECK(codes_slopes(Reciprocal{}, bytes, grid_x) == std::vector<float>{-2, 0, -2, -0.5F});
  CHECK(codes_slopes(Pow{2.0F}, bytes, grid_x) == std::vector<float>{-4, 0, 4, 8});
  CHECK(codes_slopes(LeakyRelu{0.25F}, bytes, grid_x) == std::vector<float>{0.5F, 2, 2, 2});
  CHECK(codes_slopes(Abs{}, bytes, grid_x) == std::vector<float>{-2, 2, 2, 2});
  CHECK(codes_slopes(HardSwish{}, {121, 122, 125, 128, 134, 135}, grid_x) == std::vector<float>{0, -1, 0, 1, 3, 2});
  CHECK(codes_slopes(Sigmoid{}, {128}, grid_x) == std::vector<float>{0.5F});
  CHECK(codes_slopes(Round{}, bytes, grid_x) == std::vector<float>{0, 0, 0, 0});
}

TEST_CASE("Elementwise operators: gradients are added where something is there already", "[elementwise]") {
  const std::vector<std::uint8_t> bytes{126, 130};
  const std::vector<float> x{-1, 1}, grad_y{2, 4};
  const Extents extent{1, 2};
  const Operator op = LeakyRelu{0.5F};
  OneGradient grad_x(extent);
  grad_x.mode = GradientMode::add;
  const TensorView<const float> in(x.data(), extent), g(grad_y.data(), extent);
  op->backward({FloatInputs(&in, 1), in, g, {}, grad_x, {}});
  CHECK(grad_x.grad == std::vector<float>{8, 11});
  const CodeInput codes{TensorView<const std::uint8_t>(bytes.data(), extent), {0.5F, 128, unsigned_codes()}};
  op->codes_backward(CodeInputs(&codes, 1), {1.0F, 0, unsigned_codes()}, g, grad_x);
  CHECK(grad_x.grad == std::vector<float>{9, 15});
}

TEST_CASE("Sigmoid and Tanh: grids of their own in float, TFLite's in fixed point", "[elementwise]") {
  for (const Operator& op : {Operator(Sigmoid{}), Operator(Tanh{})}) {
    CHECK(op->grid(Requantizer::float32) == GridRule::own);
    CHECK(op->grid(Requantizer::fixed_point) == GridRule::fixed);
  }
  const Affine<float> of_sigmoid = Operator(Sigmoid{})->fixed_grid(), of_tanh = Operator(Tanh{})->fixed_grid();
  CHECK(of_sigmoid.scale == 1.0F / 256);
  CHECK(of_sigmoid.zero_point == 0);
  CHECK(of_tanh.scale == 1.0F / 128);
  CHECK(of_tanh.zero_point == 128);
}

TEST_CASE(
    "Elementwise operators: what is trained is what is deployed, in both requantizers, on every instruction set and number of "
    "threads",
    "[elementwise]") {
  for (const FormulaCase& c : cases()) {
    INFO(label(c.op));
    std::mt19937 random(5);
    Network n;
    const NodeId x = n.add(Input{{5, 4, 3}}, {});
    // Logarithms, roots and reciprocals read what is positive.
    const bool positive = c.domain == 0 || c.op.is<Reciprocal>() || c.op.is<Pow>();
    const NodeId a = n.add(Conv2d{test::random_tensor<4>({6, 1, 1, 3}, random), test::random_tensor<1>({6}, random), {}}, {x},
                           "before", positive ? Clip{0.25F, 4.0F} : no_clip);
    const NodeId b = n.add(c.op, {a}, "function");
    n.add(Conv2d{test::random_tensor<4>({4, 1, 1, 6}, random), test::random_tensor<1>({4}, random), {}}, {b}, "after");
    const Array pictures = test::random_pictures(n, 2, 3);
    std::vector<Range<float>> ranges(n.size());
    run_outputs(n, pictures, [&](NodeId id, const Array& y) {
      ranges[id] = {std::min(0.0F, *std::min_element(y.begin(), y.end())), std::max(0.0F, *std::max_element(y.begin(), y.end()))};
    });
    for (const Requantizer requantizer : {Requantizer::float32, Requantizer::fixed_point}) {
      QuantizationOptions options;
      options.requantizer = requantizer;
      const QuantizedNetwork q = quantize(n, ranges, options);
      std::vector<std::vector<float>> outputs, gradients;
      for (const int8::Isa isa : int8::available_isas())
        for (const int count : {1, 3}) {
          CAPTURE(int8::name(isa), count);
          const int8::ScopedIsa scope(isa);
          const ScopedThreads threads(count);
          const auto difference = verify(q, pictures);
          CHECK_FALSE(difference.has_value());
          FakeQuantExecutor executor(q);
          const Array y = executor.forward(pictures);
          std::vector<float> grad(factor_count(q));
          executor.backward(Array(xt::ones_like(y)), grad);
          CHECK(std::all_of(grad.begin(), grad.end(), [](float v) { return std::isfinite(v); }));
          outputs.emplace_back(y.begin(), y.end());
          gradients.push_back(grad);
        }
      for (const std::vector<float>& y : outputs) CHECK(y == outputs[0]);
      // A step moves something before the function, unless it is a staircase.
      const bool staircase =
          c.op.is<Floor>() || c.op.is<Ceil>() || c.op.is<Round>() || c.op.is<Sign>() || label(c.op) == label(Pow{0.0F});
      const FactorBlock first = factor_blocks(q)[1];  // of "before"'s output
      CHECK(first.node == a);
      const auto of_first = first.of(std::span<float>(gradients[0]));
      CHECK(std::any_of(of_first.begin(), of_first.end(), [](float v) { return v != 0; }) == !staircase);
    }
  }
}
