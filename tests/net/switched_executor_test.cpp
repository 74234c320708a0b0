#include <catch.hpp>
#include <cmath>
#include <quantized_small_network.hpp>
#include <trimtab/net/report/analyze.hpp>

using namespace trimtab;

namespace {

/// Pictures of a network's own size.
auto drawn(const Network& n) {
  return [&n](std::span<const std::size_t> some) { return test::random_pictures(n, some.size(), unsigned(some[0]) + 50); };
}

const TensorErrors& errors_of(const std::vector<TensorErrors>& all, NodeId node, TensorRole role) {
  return *std::find_if(all.begin(), all.end(), [&](const TensorErrors& e) { return e.tensor == TensorId{node, role}; });
}

/// A 1x1 convolution of one picture element, then global pooling: weights and values by hand.
Network tiny(std::vector<float> weight, float bias = 0, Clip clip = no_clip) {
  Network n;
  const NodeId x = n.add(Input{{1, 1, 1}}, {});
  Conv2d conv{xt::xtensor<float, 4>(std::array<std::size_t, 4>{weight.size(), 1, 1, 1}),
              xt::xtensor<float, 1>(std::array<std::size_t, 1>{weight.size()}, bias)};
  std::copy(weight.begin(), weight.end(), conv.weight.begin());
  const NodeId y = n.add(std::move(conv), {x}, "conv", clip);
  n.add(Flatten{}, {y}, "flat");
  return n;
}

}  // namespace

TEST_CASE("SwitchedExecutor: all off is the float network, all on comes near the int8 network", "[net]") {
  const Network n = test::small_network();
  const Array x = test::random_pictures(n, 3, 11);
  for (const QuantizationOptions& options : test::all_modes) {
    QuantizedNetwork q = test::quantized(n, options);
    test::scramble_factors(q, 4);
    SwitchedExecutor executor(n, q);
    CHECK((executor.run(x, switches(q, false, false)).back() == run(n, x)));
    FakeQuantExecutor integers(q);
    integers.forward(x);
    const std::vector<Array> on = executor.run(x, switches(q, true, true));
    for (NodeId id = 0; id < n.size(); ++id) {
      // A float sum that falls on the other side of a tie is a code away, and takes what follows with it.
      const Affine<float>& grid = integers.grid(id);
      std::size_t differ = 0;
      for (std::size_t i = 0; i < on[id].size(); ++i) {
        const double steps =
            std::abs(double(on[id].data()[i]) / double(grid.scale) - double(integers.bytes(id)[i] - grid.zero_point));
        CHECK(steps < 2.01);
        differ += std::size_t{steps > 0.01};
      }
      CAPTURE(n[id].name);
      CHECK(double(differ) <= 0.02 * double(on[id].size()));
    }
  }
}

TEST_CASE("SwitchedExecutor: rerun gives what a run from the start gives", "[net]") {
  const Network n = test::small_network();
  const QuantizedNetwork q = test::quantized(n, {WeightMode::scalar, Scheme::asymmetric, 4, 5});
  const Array x = test::random_pictures(n, 2, 7);
  SwitchedExecutor executor(n, q);
  for (const bool on : {false, true}) {
    const Switches base = switches(q, on, on);
    const std::vector<Array> outputs = executor.run(x, base);
    for (const TensorId t : quantized_tensors(q)) {
      Switches flipped = base;
      (t.role == TensorRole::weight ? flipped.weight : flipped.output)[t.node].flip();
      const Array whole = executor.run(x, flipped)[n.output()];
      CAPTURE(on, n[t.node].name, int(t.role));
      CHECK((executor.rerun(x, outputs, base, flipped) == whole));
      if (!on) CHECK((whole != outputs[n.output()]));  // with all on, a Concat rounds again what shares its grid
    }
  }
}

TEST_CASE("SwitchedExecutor: refuses networks that are not counterparts, and pictures of another size", "[net]") {
  const Network n = test::small_network();
  const QuantizedNetwork q = test::quantized(n, {});
  CHECK_THROWS_AS(SwitchedExecutor(Network(), q), shape_error);
  CHECK_THROWS_AS(SwitchedExecutor(tiny({1}), q), shape_error);
  Network other = n;
  other[1].clip = relu;
  CHECK_THROWS_AS(SwitchedExecutor(other, q), shape_error);
  CHECK_THROWS_AS(SwitchedExecutor(n, q).run(Array::from_shape({1, 9, 10, 4}), switches(q, true, true)), shape_error);
}

TEST_CASE("sensitivity: the layer that was made bad on purpose comes out first", "[net]") {
  Network n = test::small_network();
  const NodeId dw = 2;
  REQUIRE(n[dw].name == "dw");
  auto& layer = n[dw].op.get<DepthwiseConv2d>();  // one filter 500 times the others: a scalar threshold leaves them no codes
  for (std::size_t k = 0; k < 9; ++k) layer.weight.data()[k * 8] *= 500.0F;
  auto& reader = n[3].op.get<Conv2d>();
  for (std::size_t o = 0; o < reader.weight.shape(0); ++o) reader.weight(o, 0, 0, 0) /= 500.0F;
  n[dw].clip = relu;
  const QuantizedNetwork scalar = test::quantized(n, {WeightMode::scalar, Scheme::symmetric});
  const Analysis analysis = analyze(n, scalar, drawn(n), 6);
  const TensorId worst = analysis.errors[worst_first(analysis)[0]].tensor;
  CHECK(n[worst.node].name == "dw");
  CHECK(worst.role == TensorRole::weight);
  const auto& switched = analysis.sensitivity.switched;
  const auto bad = std::find_if(switched.begin(), switched.end(), [&](const SwitchedFidelity& s) { return s.tensor == worst; });
  CHECK(bad->alone.rmse > 3 * switched[worst_first(analysis)[3]].alone.rmse);
  CHECK(bad->without.rmse < 0.5 * analysis.sensitivity.all.rmse);
  CHECK(analysis.sensitivity.weights.rmse > 0.5 * analysis.sensitivity.all.rmse);
  CHECK(analysis.sensitivity.deployed.rmse == Approx(analysis.sensitivity.all.rmse).epsilon(0.1));
  CHECK(errors_of(analysis.errors, dw, TensorRole::weight).spread.largest_over_median > 100);

  const Analysis vector = analyze(n, test::quantized(n, {WeightMode::vector, Scheme::symmetric}), drawn(n), 6);
  const auto of_dw = std::find_if(vector.sensitivity.switched.begin(), vector.sensitivity.switched.end(),
                                  [&](const SwitchedFidelity& s) { return s.tensor == worst; });
  CHECK(of_dw->alone.rmse < 0.1 * bad->alone.rmse);
}

TEST_CASE("tensor_errors: weights and outputs of a tiny network, by hand", "[net]") {
  // Weights 3-bit, threshold 3, so scale 1: 3, 0.4 -> 0 and -1.25 -> -1. Output range 0 .. 7 with 3 bits: scale 1.
  const Network n = tiny({3.0F, 0.4F, -1.25F}, 0.0F, relu);
  const std::vector<Range<float>> ranges{{0, 7}, {0, 7}, {0, 7}};
  QuantizedNetwork q = quantize(n, ranges, {WeightMode::scalar, Scheme::symmetric, 3, 3});
  const auto pictures = [](std::span<const std::size_t> indices) {
    Array x = Array::from_shape({indices.size(), 1, 1, 1});
    for (std::size_t i = 0; i < indices.size(); ++i) x.data()[i] = indices[i] == 0 ? 1.0F : 2.0F;
    return x;
  };
  REQUIRE(q.output_grid(0).scale == Approx(7.0F / 3));  // the input may be negative: codes -3 .. 3
  const std::vector<TensorErrors> all = tensor_errors(n, q, pictures, 2);
  REQUIRE(all.size() == 3);

  const TensorErrors& w = errors_of(all, 1, TensorRole::weight);
  CHECK(w.codes.count() == 3);
  CHECK(w.codes.rounding_error() == Approx((0.16 + 0.0625) / 3).epsilon(1e-5));
  CHECK(w.codes.clipping_error() == 0);
  CHECK(w.codes.unused_codes() == Approx(4.0 / 7));
  CHECK(w.spread.channels == 3);
  CHECK(w.spread.dead == 0);
  CHECK(w.spread.largest_over_median == Approx(3.0 / 1.25));
  CHECK(w.factors == 1);
  CHECK(w.at_upper == 1);
  CHECK(w.at_lower == 0);
  CHECK(w.adjusted == Range<float>{-3, 3});

  // Input: 1 and 2 in steps of 7/3 become codes 0 and 1, 0 and 2.333. Output: 3 * 2.333 = 7, others 0 or clipped by ReLU.
  const TensorErrors& in = errors_of(all, 0, TensorRole::output);
  CHECK(in.codes.rounding_error() == Approx((1.0 + 1.0 / 9) / 2).epsilon(1e-5));
  const TensorErrors& y = errors_of(all, 1, TensorRole::output);
  CHECK(y.codes.count() == 6);
  CHECK(y.codes.saturated() == 0);
  CHECK(y.codes.unused_codes() == Approx(6.0 / 8));
  // The float network: 3, 0.4, 0 and 6, 0.8, 0; the int8 network: 0, 0, 0 and 7, 0, 0.
  CHECK(y.deployed_sqnr == Approx(10 * std::log10((9 + 0.16 + 36 + 0.64) / (9 + 0.16 + 1 + 0.64))).epsilon(1e-4));

  q.weight[1]->factors()[0] = 0.5F;  // threshold 1.5, scale 0.5: 3 is clipped to 1.5
  q.output[1]->factors()[0] = 0.5F;  // 0 .. 3.5
  const std::vector<TensorErrors> half = tensor_errors(n, q, pictures, 2);
  const TensorErrors& clipped = errors_of(half, 1, TensorRole::weight);
  CHECK(clipped.codes.clipping_error() == Approx(2.25 / 3));
  CHECK(clipped.codes.rounding_error() ==
        Approx((0.01 + 0.0625) / 3).epsilon(1e-4));  // 0.4 -> 0.5, -1.25 -> -1 (a tie goes to even)
  CHECK(clipped.codes.saturated() == Approx(1.0 / 3));
  CHECK(clipped.at_lower == 1);
  CHECK(clipped.calibrated == Range<float>{-3, 3});
  CHECK(clipped.adjusted == Range<float>{-1.5F, 1.5F});
  CHECK(errors_of(half, 1, TensorRole::output).adjusted.right == Approx(3.5));
}

TEST_CASE("tensor_errors: asymmetric factors where they start, shifts and widths", "[net]") {
  const Network n = test::small_network();
  const QuantizedNetwork q = test::quantized(n, {WeightMode::vector, Scheme::asymmetric});
  for (const TensorErrors& e : tensor_errors(n, q, drawn(n), 2)) {
    CAPTURE(n[e.tensor.node].name);
    CHECK(e.calibrated == e.adjusted);
    CHECK(e.at_upper >= e.factors / 2);  // widths start at 1
    CHECK(std::isfinite(e.deployed_sqnr));
  }
}

TEST_CASE("analysis: dead filters, constant outputs and lossless tensors give numbers, not NaN", "[net]") {
  Network n = tiny({1.0F, 1e-23F, 0.0F, -1.0F});  // two dead filters; the others lie on the grid
  n[1].op.get<Conv2d>().weight(2, 0, 0, 0) = 0.0F;
  const auto constant = [](std::span<const std::size_t> indices) {
    return Array(std::vector<std::size_t>{indices.size(), 1, 1, 1}, 0.0F);
  };
  for (const WeightMode mode : {WeightMode::scalar, WeightMode::vector}) {
    const auto ranges = calibrate(n, constant, 2, MinMaxObserver<float>());
    const QuantizedNetwork q = quantize(n, ranges, {mode, Scheme::symmetric});
    const Analysis analysis = analyze(n, q, constant, 2);
    for (std::size_t i = 0; i < analysis.errors.size(); ++i) {
      const TensorErrors& e = analysis.errors[i];
      for (const double v :
           {e.codes.sqnr(), e.deployed_sqnr, e.codes.saturated(), e.codes.unused_codes(), e.spread.largest_over_median,
            analysis.sensitivity.switched[i].alone.sqnr_db, analysis.sensitivity.switched[i].without.rmse})
        CHECK_FALSE(std::isnan(v));
      CHECK(e.codes.saturated() == 0);
    }
    const TensorErrors& w = errors_of(analysis.errors, 1, TensorRole::weight);
    CHECK(w.spread.dead == 2);
    CHECK(w.spread.largest_over_median == 1);
    CHECK(std::isinf(errors_of(analysis.errors, 0, TensorRole::output).deployed_sqnr));
  }
  CHECK(trimtab::detail::channel_spread({0.0, 0.0}).largest_over_median == 1);
  CHECK(trimtab::detail::channel_spread({0.0, 0.0}).dead == 2);
  CHECK_THROWS_AS(analyze(n, quantize(n, calibrate(n, constant, 1, MinMaxObserver<float>()), {}), constant, 0), value_error);
}

TEST_CASE("analysis: the same bits on any number of threads", "[net]") {
  const Network n = test::small_network();
  const QuantizedNetwork q = test::quantized(n, {});
  const auto numbers = [&](int count) {
    const ScopedThreads scope(count);
    const Analysis a = analyze(n, q, drawn(n), 5);
    std::vector<double> all;
    for (std::size_t i = 0; i < a.errors.size(); ++i) {
      all.insert(all.end(), {a.errors[i].codes.rounding_error(), a.errors[i].deployed_sqnr, a.sensitivity.switched[i].alone.rmse,
                             a.sensitivity.switched[i].without.sqnr_db});
    }
    return all;
  };
  CHECK(numbers(1) == numbers(3));
}
