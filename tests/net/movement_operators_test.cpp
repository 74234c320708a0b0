// Operators that only move elements.
#include <catch.hpp>

#include "movement_check.hpp"

using namespace trimtab;
using namespace trimtab::test::movement;
using test::flat;
using test::OneGradient;

namespace {

const std::vector<MovementCase>& movement_cases() {
  using I = const Extents&;
  const auto same = [](const Extents& out) { return [out](I i) { return std::optional(flat(out, i)); }; };
  // Place p of an axis of n elements with `before` in front; nothing outside.
  const auto inside = [](std::size_t p, std::ptrdiff_t before, std::size_t n) -> std::optional<std::size_t> {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(p) - before;
    return at < 0 || at >= static_cast<std::ptrdiff_t>(n) ? std::nullopt : std::optional(static_cast<std::size_t>(at));
  };
  static const std::vector<MovementCase> all{
      {Reshape{{4, 3}}, {2, 3, 2}, {4, 3}, same({4, 3}), true},
      {Reshape{{1, 1, 6, 1}}, {6}, {1, 1, 6, 1}, same({1, 1, 6, 1}), true},
      {Flatten{}, {2, 3, 2}, {12}, same({12}), true},
      {Transpose{{2, 0, 1}},
       {3, 4, 5},
       {5, 3, 4},
       [](I i) {
         return flat({3, 4, 5}, {i[1], i[2], i[0]});
       }},
      {Transpose{{1, 0, 2}},
       {7, 9, 3},
       {9, 7, 3},
       [](I i) {
         return flat({7, 9, 3}, {i[1], i[0], i[2]});
       }},
      {Transpose{{1, 0, 2}}, {1, 4, 3}, {4, 1, 3}, same({4, 1, 3}), true},
      {Transpose{{0, 2, 1}}, {2, 3, 1}, {2, 1, 3}, same({2, 1, 3}), true},
      {Transpose{{2, 1, 0}}, {1, 1, 1}, {1, 1, 1}, same({1, 1, 1}), true},
      {Slice{{{1, 2, 2}, {3, 3, -1}, {0, 3, 1}}},
       {5, 4, 3},
       {2, 3, 3},
       [](I i) {
         return flat({5, 4, 3}, {1 + 2 * i[0], 3 - i[1], i[2]});
       }},
      {Slice{{{0, 2, 1}, {0, 3, 1}}}, {2, 3}, {2, 3}, same({2, 3}), true},
      {Pad{{1, 0, 0}, {0, 2, 0}, PadMode::constant, 0},
       {2, 3, 2},
       {3, 5, 2},
       [=](I i) -> std::optional<std::size_t> {
         const auto h = inside(i[0], 1, 2), w = inside(i[1], 0, 3);
         return h && w ? std::optional(flat({2, 3, 2}, {*h, *w, i[2]})) : std::nullopt;
       }},
      {Pad{{-1, 2}, {1, -1}, PadMode::constant, 0},
       {3, 3},
       {3, 4},
       [=](I i) -> std::optional<std::size_t> {
         const auto h = inside(i[0], -1, 3), w = inside(i[1], 2, 2);
         return h && w ? std::optional(flat({3, 3}, {*h, *w})) : std::nullopt;
       }},
      {Pad{{0, 0}, {0, 0}, PadMode::constant, 0}, {3, 3}, {3, 3}, same({3, 3}), true},
      {Pad{{2, 0}, {1, 0}, PadMode::reflect, 7},
       {3, 2},
       {6, 2},
       [](I i) {
         return flat({3, 2}, {std::array<std::size_t, 6>{2, 1, 0, 1, 2, 1}[i[0]], i[1]});
       }},
      {Pad{{2}, {1}, PadMode::edge, 7}, {3}, {6}, [](I i) { return std::array<std::size_t, 6>{0, 0, 0, 1, 2, 2}[i[0]]; }},
      {Pad{{2}, {1}, PadMode::wrap, 7}, {3}, {6}, [](I i) { return std::array<std::size_t, 6>{1, 2, 0, 1, 2, 0}[i[0]]; }},
      {Tile{{2, 1, 3}},
       {2, 3, 2},
       {4, 3, 6},
       [](I i) {
         return flat({2, 3, 2}, {i[0] % 2, i[1], i[2] % 2});
       }},
      {Tile{{3, 2, 1}},
       {1, 5, 2},
       {3, 10, 2},
       [](I i) {
         return flat({1, 5, 2}, {0, i[1] % 5, i[2]});
       }},
      {Expand{{4, 1, 3}}, {1, 2, 1}, {4, 2, 3}, [](I i) { return i[1]; }},
      {Expand{{2, 2, 3}}, {3}, {2, 2, 3}, [](I i) { return i[2]; }},
      {Expand{{1, 1}}, {2, 3}, {2, 3}, same({2, 3}), true},
      {Gather{1, {2, 0, 0, 3}},
       {2, 4, 3},
       {2, 4, 3},
       [](I i) {
         return flat({2, 4, 3}, {i[0], std::array<std::size_t, 4>{2, 0, 0, 3}[i[1]], i[2]});
       }},
      {Gather{2, {1}},
       {2, 4, 3},
       {2, 4, 1},
       [](I i) {
         return flat({2, 4, 3}, {i[0], i[1], 1});
       }},
      {DepthToSpace{2, DepthOrder::dcr},
       {2, 3, 8},
       {4, 6, 2},
       [](I i) {
         return flat({2, 3, 8}, {i[0] / 2, i[1] / 2, (i[0] % 2 * 2 + i[1] % 2) * 2 + i[2]});
       }},
      {DepthToSpace{2, DepthOrder::crd},
       {2, 3, 8},
       {4, 6, 2},
       [](I i) {
         return flat({2, 3, 8}, {i[0] / 2, i[1] / 2, i[2] * 4 + i[0] % 2 * 2 + i[1] % 2});
       }},
      {DepthToSpace{1, DepthOrder::dcr}, {2, 3, 5}, {2, 3, 5}, same({2, 3, 5}), true},
      {SpaceToDepth{2, DepthOrder::dcr},
       {4, 2, 3},
       {2, 1, 12},
       [](I i) {
         return flat({4, 2, 3}, {i[0] * 2 + i[2] / 6, i[2] / 3 % 2, i[2] % 3});
       },
       true},  // two pixels wide: the order stays
      {SpaceToDepth{2, DepthOrder::dcr},
       {2, 4, 3},
       {1, 2, 12},
       [](I i) {
         return flat({2, 4, 3}, {i[2] / 6, i[1] * 2 + i[2] / 3 % 2, i[2] % 3});
       }},
      {SpaceToDepth{2, DepthOrder::crd},
       {4, 2, 3},
       {2, 1, 12},
       [](I i) {
         return flat({4, 2, 3}, {i[0] * 2 + i[2] / 2 % 2, i[2] % 2, i[2] / 4});
       }},
      {ResizeNearest{{ResizeAxis::to_extent(2, 4), ResizeAxis::to_extent(3, 9), ResizeAxis::to_extent(2, 2)}},
       {2, 3, 2},
       {4, 9, 2},
       [](I i) {
         return flat({2, 3, 2}, {i[0] / 2, i[1] / 3, i[2]});
       }},
      {ResizeNearest{{ResizeAxis::to_extent(5, 3)},
                     {ResizeCoordinates::asymmetric, ResizeArithmetic::onnx, NearestRounding::floor}},
       {5},
       {3},
       [](I i) {
         return std::array<std::size_t, 3>{0, 1, 3}[i[0]];
       }},
  };
  return all;
}

}  // namespace

TEST_CASE("Movement operators: extents and float values are the formula's", "[movement]") {
  for (const MovementCase& c : movement_cases())
    for (const std::size_t batch : {std::size_t{1}, std::size_t{3}}) {
      CAPTURE(c.op->name(), c.in, batch);
      CHECK(c.op->extent(std::span(&c.in, 1), "op") == c.out);
      const std::vector<float> x = whole_numbers(batch * element_count(c.in), 1);
      CHECK(forward(c.op, c.in, x, batch) == moved<float>(c, x, batch, 0));
    }
}

TEST_CASE("Movement operators: an element's gradient is the sum over the places it went to", "[movement]") {
  for (const MovementCase& c : movement_cases())
    for (const std::size_t batch : {std::size_t{1}, std::size_t{3}}) {
      CAPTURE(c.op->name(), c.in, batch);
      const std::vector<float> g = whole_numbers(batch * element_count(c.out), 2);
      CHECK(float_gradient(c.op, c.in, g, batch, 7, GradientMode::assign) == moved_back(c, g, batch, 0));
      CHECK(float_gradient(c.op, c.in, g, batch, 7, GradientMode::add) == moved_back(c, g, batch, 7));
      // The same on codes, where no clip of the node's own cuts.
      const std::vector<std::uint8_t> bytes = some_bytes(batch * element_count(c.in), 3);
      const Extents e = detail::with_batch(batch, c.in);
      const CodeInput x{{bytes.data(), e}, {0.5F, 128, unsigned_codes()}};
      OneGradient to(e, 7);
      c.op->codes_backward(CodeInputs(&x, 1), {0.5F, 128, {1, 255}}, {g.data(), detail::with_batch(batch, c.out)}, to);
      CHECK(to.grad == moved_back(c, g, batch, 0));
    }
}

TEST_CASE("Movement operators: a clip of the node's own cuts codes, and gradients of what it cut", "[movement]") {
  for (const MovementCase& c : movement_cases()) {
    CAPTURE(c.op->name(), c.in);
    const std::size_t batch = 2;
    const std::vector<std::uint8_t> bytes = some_bytes(batch * element_count(c.in), 4);
    const std::vector<float> g = whole_numbers(batch * element_count(c.out), 5);
    const Extents e = detail::with_batch(batch, c.in), out = detail::with_batch(batch, c.out);
    const CodeInput x{{bytes.data(), e}, {0.5F, 128, unsigned_codes()}};
    const Affine<float> grid_y{0.5F, 128, {128, 200}};
    std::vector<std::uint8_t> y(element_count(out)), expected = moved<std::uint8_t>(c, bytes, batch, 128);
    c.op->codes(CodeInputs(&x, 1), grid_y, {y.data(), out});
    std::vector<float> let_through = g;
    for (std::size_t i = 0; i < g.size(); ++i) {
      if (expected[i] < 128 || expected[i] > 200) let_through[i] = 0;
      expected[i] = std::clamp<std::uint8_t>(expected[i], 128, 200);
    }
    CHECK(y == expected);
    OneGradient to(e, 7);
    c.op->codes_backward(CodeInputs(&x, 1), grid_y, {g.data(), out}, to);
    CHECK(to.grad == moved_back(c, let_through, batch, 0));
  }
  // In a network: the output may then not be its input's memory.
  Network n;
  const NodeId x = n.add(Input{{2, 3, 2}}, {});
  n.add(Reshape{{4, 3}}, {x}, "row", {0, 0.5F});
  for (const Setting& s : settings) {
    const QuantizedNetwork q = quantized(n, s, {{2, 3, 2}});
    check_verified(q, batch_of({{2, 3, 2}}, 3));
    FakeQuantExecutor executor(q);
    for (const float v : executor.forward(batch_of({{2, 3, 2}}, 3))) CHECK((v >= 0 && v <= 0.51F));
  }
}

TEST_CASE("Movement operators: codes are the input's, on its grid, in training and in deployment", "[movement]") {
  for (const MovementCase& c : movement_cases())
    for (const Setting& s : settings) {
      CAPTURE(c.op->name(), c.in, int(s.scheme), int(s.requantizer));
      const QuantizedNetwork q = quantized(network_of(c.op, c.in), s, {c.in});
      CHECK(q.grid_of[1] == 0);
      for (const std::size_t batch : {std::size_t{1}, std::size_t{3}}) {
        const Array x = batch_of({c.in}, batch);
        FakeQuantExecutor executor(q);
        executor.forward(x);
        const auto bytes = executor.bytes(1);
        const std::vector<std::uint8_t> expected =
            moved<std::uint8_t>(c, executor.bytes(0), batch, static_cast<std::uint8_t>(executor.grid(0).zero_point));
        CHECK(std::vector<std::uint8_t>(bytes.begin(), bytes.end()) == expected);
        check_verified(q, x);
      }
    }
}

TEST_CASE("Movement operators: factors get the gradient that the input's codes get without the operator", "[movement]") {
  for (const MovementCase& c : movement_cases()) {
    CAPTURE(c.op->name(), c.in);
    Network with, without;
    with.add(c.op, {with.add(Input{c.in}, {})});
    without.add(Input{c.in}, {});
    const Array x = batch_of({c.in, -1.5F, 1.5F}, 3);
    const std::vector<float> g = whole_numbers(3 * element_count(c.out), 6), back = moved_back(c, g, 3, 0);
    const auto gradient = [&](const Network& n, const std::vector<float>& grad) {
      const QuantizedNetwork q = quantized(n, settings[1], {c.in});
      FakeQuantExecutor executor(q);
      Array grad_y = executor.forward(x);
      std::copy(grad.begin(), grad.end(), grad_y.data());
      std::vector<float> factors(factor_count(q));
      executor.backward(grad_y, factors);
      return factors;
    };
    CHECK(gradient(with, g) == gradient(without, back));
  }
}

TEST_CASE("Movement operators: those that keep the order of elements take no memory", "[movement]") {
  for (const MovementCase& c : movement_cases()) {
    CAPTURE(c.op->name(), c.in);
    CHECK(c.op->keeps_order(std::span(&c.in, 1)) == c.keeps_order);
    Network without, with;
    without.add(Input{c.in}, {});
    with.add(c.op, {with.add(Input{c.in}, {})});
    const auto memory = [&](const Network& n) { return Int8Network(quantized(n, settings[0], {c.in})).arena_bytes(); };
    CHECK((memory(with) == memory(without)) == c.keeps_order);
  }
}

TEST_CASE("Movement operators: signs and factors on channels are as the rules say", "[movement]") {
  for (const MovementCase& c : movement_cases()) {
    CAPTURE(c.op->name(), c.in);
    CHECK(c.op->sign() == SignRule::of_inputs);
    if (c.op->scaling(std::span(&c.in, 1)) != ScalingRule::commutes) continue;
    const std::size_t channels = c.in.back(), channels_y = c.out.back();
    const std::vector<float> factors{0.5F, 4, 1, 2, 0.25F};
    std::vector<float> x = whole_numbers(element_count(c.in), 7), y = forward(c.op, c.in, x, 1);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] *= factors[i % channels];
    for (std::size_t i = 0; i < y.size(); ++i) y[i] *= factors[i % channels_y % channels];
    CHECK(forward(c.op, c.in, x, 1) == y);
  }
  CHECK(Operator(Transpose{{1, 0, 2}})->scaling({}) == ScalingRule::commutes);
  CHECK(Operator(Transpose{{0, 2, 1}})->scaling({}) == ScalingRule::stops);
  CHECK(Operator(Pad{{1, 1, 0}, {1, 1, 0}, PadMode::edge, 0})->scaling({}) == ScalingRule::commutes);
  CHECK(Operator(Pad{{1, 1, 0}, {1, 1, 0}, PadMode::constant, 1})->scaling({}) == ScalingRule::stops);
  CHECK(Operator(Pad{{0, 0, 1}, {0, 0, 0}, PadMode::edge, 0})->scaling({}) == ScalingRule::stops);
  CHECK(Operator(Tile{{2, 2, 1}})->scaling({}) == ScalingRule::commutes);
  CHECK(Operator(Expand{{4, 4, 1}})->scaling({}) == ScalingRule::commutes);
  CHECK(Operator(Gather{0, {0}})->scaling({}) == ScalingRule::stops);
}

TEST_CASE("Movement operators: a node in float moves reals", "[movement]") {
  Network n;
  const NodeId x = n.add(Input{{2, 3, 2}}, {});
  const NodeId t = n.add(Transpose{{1, 0, 2}}, {x}, "turn");
  const NodeId row = n.add(Reshape{{12}}, {t}, "row");
  n.add(Transpose{{0}}, {row}, "same");  // its output is its input, in memory too
  QuantizationOptions o;
  o.keep_float = {"turn"};
  const Pictures pictures{{2, 3, 2}};
  const QuantizedNetwork q = quantize(n, calibrate(n, pictures, 8, MinMaxObserver<float>()), o);
  CHECK(q.in_float[2]);  // what moves reals is real
  FakeQuantExecutor executor(q);
  const Array y = executor.forward(batch_of(pictures, 2));
  CHECK(!verify(q, batch_of(pictures, 2)));
  CHECK(y(1, 5) == batch_of(pictures, 2)(1, 0, 1, 1));  // h 1, w 0, c 1 of the turned picture
}

TEST_CASE("Movement operators: what does not fit is refused with the node's name", "[movement]") {
  const auto refusal = [](const Operator& op, const Extents& in) -> std::string {
    Network n;
    const NodeId x = n.add(Input{in}, {});
    try {
      n.add(op, {x}, "culprit");
    } catch (const shape_error& e) {
      CHECK_THAT(e.what(), ContainsSubstring("node culprit"));
      return e.what();
    }
    FAIL_CHECK(op->name() << " took " << in);
    return {};
  };
  CHECK_THAT(refusal(Reshape{{5}}, {2, 3}), ContainsSubstring("[2, 3] cannot become [5]"));
  CHECK_THAT(refusal(Transpose{{0, 0}}, {2, 3}), ContainsSubstring("axis 0"));
  CHECK_THAT(refusal(Transpose{{1, 0, 2}}, {2, 3}), ContainsSubstring("3 axes"));
  CHECK_THAT(refusal(Slice{{{1, 2, 1}}}, {2}), ContainsSubstring("2 elements from 1"));
  CHECK_THAT(refusal(Pad{{1}, {1, 1}, PadMode::edge, 0}, {2, 2}), ContainsSubstring("1 pads before"));
  CHECK_THAT(refusal(Pad{{-3}, {0}, PadMode::constant, 5}, {2}), ContainsSubstring("crop more"));
  CHECK_THAT(refusal(Tile{{2}}, {2, 2}), ContainsSubstring("1 repeats"));
  CHECK_THAT(refusal(Expand{{3}}, {2}), ContainsSubstring("do not broadcast"));
  CHECK_THAT(refusal(Gather{1, {0}}, {2}), ContainsSubstring("no axis 1"));
  CHECK_THAT(refusal(Gather{0, {0, 2}}, {2}), ContainsSubstring("index 2"));
  CHECK_THAT(refusal(Gather{0, {~std::size_t{0}}}, {2}), ContainsSubstring("index 18446744073709551615"));
  CHECK_THAT(refusal(DepthToSpace{2, DepthOrder::dcr}, {2, 2, 6}), ContainsSubstring("blocks of 2"));
  CHECK_THAT(refusal(SpaceToDepth{2, DepthOrder::dcr}, {3, 2, 6}), ContainsSubstring("blocks of 2"));
  CHECK_THAT(refusal(ResizeNearest{{ResizeAxis::to_extent(3, 6)}}, {2}), ContainsSubstring("axes of [3]"));
  CHECK_THAT(refusal(ResizeLinear{{ResizeAxis::to_extent(3, 6)}}, {2}), ContainsSubstring("axes of [3]"));
  CHECK_THAT(refusal(ResizeLinear{{{3, 0, 2.0F}}}, {3}), ContainsSubstring("cannot have 0"));
}
