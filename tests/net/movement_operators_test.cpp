// Operators that only move elements, Pad with a value, and resizing.
#include <catch.hpp>
#include <functional>
#include <optional>
#include <random>
#include <trimtab/net/execute/verify.hpp>
#include <trimtab/net/operators.hpp>
#include <trimtab/net/passes/calibrate.hpp>

using namespace trimtab;

namespace {

/// The row-major place of an index.
std::size_t flat(const Extents& extent, const Extents& index) {
  std::size_t at = 0;
  for (std::size_t a = 0; a < extent.size(); ++a) at = at * extent[a] + index[a];
  return at;
}
/// The index of a row-major place.
Extents index_of(const Extents& extent, std::size_t at) {
  Extents index = extent;
  for (std::size_t a = extent.size(); a-- > 0; at /= extent[a]) index[a] = at % extent[a];
  return index;
}

/// An operator and where each element of its output comes from, written once more; nothing stands for real 0.
struct Case {
  Operator op;
  Extents in, out;
  std::function<std::optional<std::size_t>(const Extents&)> from;
  bool keeps_order = false;

  std::optional<std::size_t> source(std::size_t at) const { return from(index_of(out, at)); }
};

const std::vector<Case>& cases() {
  using I = const Extents&;
  const auto same = [](const Extents& out) { return [out](I i) { return std::optional(flat(out, i)); }; };
  // Place p of an axis of n elements with `before` in front; nothing outside.
  const auto inside = [](std::size_t p, std::ptrdiff_t before, std::size_t n) -> std::optional<std::size_t> {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(p) - before;
    return at < 0 || at >= static_cast<std::ptrdiff_t>(n) ? std::nullopt : std::optional(static_cast<std::size_t>(at));
  };
  static const std::vector<Case> all{
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

/// One gradient, in memory of its own.
struct OneGradient final : InputGradients {
  std::vector<float> grad;
  Extents extent;
  GradientMode mode = GradientMode::assign;
  OneGradient(const Extents& e, float there) : grad(element_count(e), there), extent(e) {}
  bool wanted(std::size_t) const override { return true; }
  Claim claim(std::size_t) override { return {TensorView<float>(grad.data(), extent), mode}; }
};

/// Whole numbers, so that sums in float are exact.
std::vector<float> whole_numbers(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> some(-50, 50);
  std::vector<float> v(count);
  for (float& x : v) x = static_cast<float>(some(random));
  return v;
}
std::vector<std::uint8_t> some_bytes(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> some(1, 255);
  std::vector<std::uint8_t> v(count);
  for (std::uint8_t& x : v) x = static_cast<std::uint8_t>(some(random));
  return v;
}

template <class T>
std::vector<T> moved(const Case& c, std::span<const T> x, std::size_t batch, T fill) {
  std::vector<T> y;
  for (std::size_t n = 0; n < batch; ++n)
    for (std::size_t i = 0; i < element_count(c.out); ++i) {
      const auto from = c.source(i);
      y.push_back(from ? x[n * element_count(c.in) + *from] : fill);
    }
  return y;
}
std::vector<float> moved_back(const Case& c, const std::vector<float>& grad_y, std::size_t batch, float there) {
  std::vector<float> grad_x(batch * element_count(c.in), there);
  for (std::size_t i = 0; i < grad_y.size(); ++i)
    if (const auto to = c.source(i % element_count(c.out)))
      grad_x[i / element_count(c.out) * element_count(c.in) + *to] += grad_y[i];
  return grad_x;
}

std::vector<float> float_gradient(const Operator& op, const Extents& in, const std::vector<float>& grad_y, std::size_t batch,
                                  float there, GradientMode mode) {
  const Extents e = detail::with_batch(batch, in), out = detail::with_batch(batch, op->extent(std::span(&in, 1), "op"));
  const std::vector<float> x(element_count(e), 1.0F), y(element_count(out), 1.0F);
  const TensorView<const float> xv(x.data(), e);
  OneGradient to(e, there);
  to.mode = mode;
  op->backward(
      {FloatInputs(&xv, 1), TensorView<const float>(y.data(), out), TensorView<const float>(grad_y.data(), out), {}, to, {}});
  return to.grad;
}

std::vector<float> forward(const Operator& op, const Extents& in, const std::vector<float>& x, std::size_t batch) {
  const Extents out = op->extent(std::span(&in, 1), "op");
  std::vector<float> y(batch * element_count(out));
  const TensorView<const float> xv(x.data(), detail::with_batch(batch, in));
  op->forward(FloatInputs(&xv, 1), TensorView<float>(y.data(), detail::with_batch(batch, out)));
  return y;
}

/// Pictures of a network's only input, the same for the same index.
struct Pictures {
  Extents extent;
  float least = -1, most = 1;
  Array operator()(std::span<const std::size_t> indices) const {
    Array x;
    detail::resize_batch(indices.size(), extent, x);
    for (std::size_t n = 0; n < indices.size(); ++n) {
      std::mt19937 random(static_cast<unsigned>(indices[n]) + 1);
      std::uniform_real_distribution<float> some(least, most);
      for (std::size_t i = 0; i < element_count(extent); ++i) x.data()[n * element_count(extent) + i] = some(random);
    }
    return x;
  }
};

struct Setting {
  Scheme scheme;
  Requantizer requantizer;
};
const std::vector<Setting> settings{{Scheme::symmetric, Requantizer::float32},
                                    {Scheme::asymmetric, Requantizer::float32},
                                    {Scheme::symmetric, Requantizer::fixed_point},
                                    {Scheme::asymmetric, Requantizer::fixed_point}};

QuantizedNetwork quantized(const Network& n, const Setting& s, const Pictures& pictures) {
  QuantizationOptions o;
  o.scheme = s.scheme;
  o.requantizer = s.requantizer;
  return quantize(n, calibrate(n, pictures, 16, MinMaxObserver<float>()), o);
}

/// Input, `op`, a linear layer.
Network network_of(const Operator& op, const Extents& in) {
  Network n;
  const NodeId x = n.add(Input{in}, {}), y = n.add(op, {x}, "op"), row = n.add(Flatten{}, {y}, "row");
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  auto weight = xt::xtensor<float, 2>::from_shape({3, n[row].extent[0]});
  for (float& w : weight) w = normal(random);
  n.add(Linear{weight, {0.5F, -0.25F, 0}}, {row}, "logits");
  return n;
}

/// The trained network against the deployed one, on every instruction set, by one thread and by three.
void check_verified(const QuantizedNetwork& q, const Array& x) {
  std::vector<std::vector<std::uint8_t>> results;
  for (const int8::Isa isa : int8::available_isas())
    for (const int count : {1, 3}) {
      const int8::ScopedIsa scope(isa);
      const ScopedThreads threads(count);
      const auto difference = verify(q, x);
      CHECK(!difference);
      if (difference) FAIL_CHECK(difference->name << " at " << difference->position);
      const Int8Network deployed(q);
      Int8Network::Workspace workspace;
      const auto bytes = deployed.run(x, workspace);
      results.emplace_back(bytes.begin(), bytes.end());
    }
  for (const auto& r : results) CHECK(r == results[0]);
}

Array batch_of(const Pictures& pictures, std::size_t n) { return pictures(detail::first_indices(n)); }

}  // namespace

TEST_CASE("Movement operators: extents and float values are the formula's", "[movement]") {
  for (const Case& c : cases())
    for (const std::size_t batch : {std::size_t{1}, std::size_t{3}}) {
      CAPTURE(c.op->name(), c.in, batch);
      CHECK(c.op->extent(std::span(&c.in, 1), "op") == c.out);
      const std::vector<float> x = whole_numbers(batch * element_count(c.in), 1);
      CHECK(forward(c.op, c.in, x, batch) == moved<float>(c, x, batch, 0));
    }
}

TEST_CASE("Movement operators: an element's gradient is the sum over the places it went to", "[movement]") {
  for (const Case& c : cases())
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
  for (const Case& c : cases()) {
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
  for (const Case& c : cases())
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
  for (const Case& c : cases()) {
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
  for (const Case& c : cases()) {
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
  for (const Case& c : cases()) {
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
  n.add(Reshape{{12}}, {t}, "row");
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

TEST_CASE("Pad with a value rounds onto a grid that knows the value", "[movement]") {
  const Pictures pictures{{3, 4, 2}};
  const auto value = GENERATE(-6.0F, 0.3F, 40.0F);
  const Operator op = Pad{{1, 0, 0}, {1, 2, 1}, PadMode::constant, value};
  CHECK(op->integers() == IntegerRule::rounds);
  CHECK(Operator(Pad{{1}, {1}, PadMode::edge, value})->integers() == IntegerRule::moves);
  CHECK(op->sign() == (value < 0 ? SignRule::any : SignRule::of_inputs));
  const Case places{op, {3, 4, 2}, {5, 6, 3}, [](const Extents& i) -> std::optional<std::size_t> {
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
