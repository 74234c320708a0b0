// Pad with a value, and ResizeLinear: places as of operators that move, and a rounding.
#include <catch.hpp>

#include "movement_check.hpp"

using namespace trimtab;
using namespace trimtab::test::movement;
using test::flat;
using test::OneGradient;

TEST_CASE("Pad with a value rounds onto a grid that knows the value", "[movement]") {
  const Pictures pictures{{3, 4, 2}};
  const auto value = GENERATE(-6.0F, 0.3F, 40.0F);
  const Operator op = Pad{{1, 0, 0}, {1, 2, 1}, PadMode::constant, value};
  CHECK(op->integers() == IntegerRule::rounds);
  CHECK(Operator(Pad{{1}, {1}, PadMode::edge, value})->integers() == IntegerRule::moves);
  CHECK(op->sign() == (value < 0 ? SignRule::any : SignRule::of_inputs));
  const MovementCase places{op, {3, 4, 2}, {5, 6, 3}, [](const Extents& i) -> std::optional<std::size_t> {
                              if (i[0] < 1 || i[0] > 3 || i[1] > 3 || i[2] > 1) return std::nullopt;
                              return flat({3, 4, 2}, {i[0] - 1, i[1], i[2]});
                            }};
  CHECK(op->extent(std::span(&places.in, 1), "op") == places.out);
  const std::vector<float> x = whole_numbers(2 * 24, 8), g = whole_numbers(2 * 90, 9);
  CHECK(forward(op, places.in, x, 2) == moved<float>(places, x, 2, value));
  CHECK(float_gradient(op, places.in, g, 2, 7, GradientMode::assign) == moved_back(places, g, 2, 0));
  for (const Setting& s : settings) {
    CAPTURE(value, int(s.scheme), int(s.requantizer));
    const QuantizedNetwork q = quantized(network_of(op, places.in), s, pictures);
    CHECK(q.grid_of[1] == 1);
    check_verified(q, batch_of(pictures, 1));
    check_verified(q, batch_of(pictures, 3));
    FakeQuantExecutor executor(q);
    executor.forward(batch_of(pictures, 2));
    const Affine<float> from = executor.grid(0), to = executor.grid(1);
    CHECK(double(to.scale) * (executor.bytes(1)[0] - to.zero_point) == Approx(double(value)).margin(double(to.scale) * 0.501));
    for (std::size_t i = 0; i < executor.bytes(1).size(); ++i)
      if (const auto at = places.source(i % 90)) {
        const double real = double(from.scale) * (executor.bytes(0)[i / 90 * 24 + *at] - from.zero_point);
        // In fixed point the first of the two roundings adds up to half of the last bit that it keeps.
        const double m = double(from.scale) / double(to.scale),
                     more = s.requantizer == Requantizer::fixed_point ? std::min(0.5, m) : 0.002;
        CHECK(double(to.scale) * (executor.bytes(1)[i] - to.zero_point) == Approx(real).margin(double(to.scale) * (0.5 + more)));
      }
    const CodeInput codes{{executor.bytes(0).data(), {2, 3, 4, 2}}, {from.scale, from.zero_point, unsigned_codes()}};
    OneGradient grad({2, 3, 4, 2}, 7);
    op->codes_backward(CodeInputs(&codes, 1), to, {g.data(), {2, 5, 6, 3}}, grad);
    CHECK(grad.grad == moved_back(places, g, 2, 0));
  }
}

TEST_CASE("ResizeLinear: values, gradients and codes", "[movement]") {
  const auto axes = [](std::size_t h, std::size_t w) {
    return std::vector<ResizeAxis>{ResizeAxis::to_extent(3, h), ResizeAxis::to_extent(4, w), ResizeAxis::to_extent(2, 2)};
  };
  const Extents in{3, 4, 2};
  const Pictures pictures{in};
  // 0 8 at twice the length, half pixels: 0 2 6 8.
  CHECK(forward(ResizeLinear{{ResizeAxis::to_extent(2, 4)}}, {2}, {0, 8}, 1) == std::vector<float>{0, 2, 6, 8});
  CHECK(forward(ResizeLinear{{ResizeAxis::to_extent(2, 3)}, {ResizeCoordinates::align_corners}}, {2}, {0, 8}, 1) ==
        std::vector<float>{0, 4, 8});
  ResizeOptions cubic;
  cubic.interpolation = Interpolation::cubic;
  CHECK(Operator(ResizeLinear{axes(6, 8), cubic})->sign() == SignRule::any);
  CHECK(Operator(ResizeLinear{axes(6, 8)})->scaling({}) == ScalingRule::commutes);
  for (const Operator& op :
       {Operator(ResizeLinear{axes(6, 8)}), Operator(ResizeLinear{axes(7, 2)}), Operator(ResizeLinear{axes(1, 1)}),
        Operator(ResizeLinear{axes(5, 9), cubic}), Operator(ResizeLinear{axes(3, 4)})}) {
    const Extents out = op->extent(std::span(&in, 1), "op");
    CAPTURE(out, op->sign() == SignRule::any);
    // Linear: the gradient of g . y is the transposed matrix, whose columns are the outputs of unit inputs.
    const std::vector<float> g = whole_numbers(element_count(out), 10),
                             grad = float_gradient(op, in, g, 1, 7, GradientMode::assign);
    const std::vector<std::uint8_t> bytes = some_bytes(24, 11);
    const CodeInput codes{{bytes.data(), {1, 3, 4, 2}}, {0.5F, 128, unsigned_codes()}};
    OneGradient of_codes({1, 3, 4, 2}, 7);
    op->codes_backward(CodeInputs(&codes, 1), {0.5F, 128, {1, 255}}, {g.data(), detail::with_batch(1, out)}, of_codes);
    CHECK(of_codes.grad == grad);
    for (std::size_t i = 0; i < 24; ++i) {
      std::vector<float> unit(24);
      unit[i] = 1;
      const std::vector<float> column = forward(op, in, unit, 1);
      double sum = 0;
      for (std::size_t o = 0; o < column.size(); ++o) sum += double(column[o]) * double(g[o]);
      CHECK(double(grad[i]) == Approx(sum).margin(1e-4));
    }
    for (const Setting& s : settings) {
      if (s.requantizer == Requantizer::fixed_point) {
        CHECK_THROWS_AS(quantized(network_of(op, in), s, pictures), unsupported_error);
        continue;
      }
      const QuantizedNetwork q = quantized(network_of(op, in), s, pictures);
      CHECK(q.grid_of[1] == 1);
      check_verified(q, batch_of(pictures, 1));
      check_verified(q, batch_of(pictures, 3));
      // Codes are those of the real input, resized, within one rounding.
      FakeQuantExecutor executor(q);
      executor.forward(batch_of(pictures, 1));
      std::vector<float> real(24);
      bytes_to_reals(executor.bytes(0).data(), 24, executor.grid(0), real.data());
      const std::vector<float> y = forward(op, in, real, 1);
      const Affine<float> grid = executor.grid(1);
      for (std::size_t i = 0; i < y.size(); ++i) {
        const double held = std::clamp(double(y[i]) / double(grid.scale), double(grid.codes.qmin - grid.zero_point),
                                       double(grid.codes.qmax - grid.zero_point));
        CHECK(double(executor.bytes(1)[i] - grid.zero_point) == Approx(held).margin(0.501));
      }
    }
  }
}
