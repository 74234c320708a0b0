// The paper's choices on whole networks: granularity a layer, pairs of the rescaling, labels, resets, bounds, and the schemes
// that came after.
#include <catch.hpp>
#include <cmath>
#include <node_named.hpp>
#include <quantized_small_network.hpp>
#include <small_run.hpp>
#include <trimtab/net/execute/verify.hpp>
#include <trimtab/net/recipe.hpp>

using namespace trimtab;

namespace {

/// Which layers of a network have a threshold a filter.
std::vector<std::string> vector_layers(const QuantizedNetwork& q) {
  std::vector<std::string> names;
  for (NodeId id = 0; id < q.network.size(); ++id)
    if (q.weight[id] && q.weight[id]->granularity() != per_tensor) names.push_back(q.network[id].name);
  return names;
}

/// 1x1 expand -> ReLU6 -> depthwise of weights 2, 0.5 -> ReLU6 -> 1x1 of weights 1, 1: with pictures (x0, x1) the depthwise layer
/// puts out 2 x0 and x1 / 2.
Network two_channels() {
  Network n;
  NodeId x = n.add(Input{{1, 1, 2}}, {});
  x = n.add(Conv2d{xt::xtensor<float, 4>{{{{1, 0}}}, {{{0, 1}}}}, xt::xtensor<float, 1>{0, 0}, {}}, {x}, "expand", relu6);
  x = n.add(DepthwiseConv2d{xt::xtensor<float, 3>{{{2, 0.5F}}}, xt::xtensor<float, 1>{0, 0}, {}}, {x}, "dw", relu6);
  x = n.add(Conv2d{xt::xtensor<float, 4>{{{{1, 1}}}}, xt::xtensor<float, 1>{0}, {}}, {x}, "project");
  n.add(Flatten{}, {x}, "logits");
  return n;
}

/// Pictures (3.1, second) of two_channels.
auto pictures_of(std::vector<float> second) {
  return [second](std::span<const std::size_t> indices) {
    Array x = Array::from_shape({indices.size(), 1, 1, 2});
    for (std::size_t i = 0; i < indices.size(); ++i) {
      x.data()[2 * i] = 3.1F;
      x.data()[2 * i + 1] = second[indices[i]];
    }
    return x;
  };
}

std::vector<float> depthwise_weights(const Network& n) {
  const auto& w = n[test::node_named(n, "dw")].op.get<DepthwiseConv2d>().weight;
  return {w.begin(), w.end()};
}

}  // namespace

TEST_CASE("quantize: granularity is a choice a layer", "[net]") {
  using Names = std::vector<std::string>;
  const Network n = test::small_network();
  QuantizationOptions o;
  const auto layers = [&] { return vector_layers(test::quantized(n, o)); };
  CHECK(layers() == Names{"stem", "dw", "project", "side", "grouped", "logits"});
  o.weights = WeightMode::scalar;
  CHECK(layers().empty());
  o.weights = WeightMode::depthwise;
  CHECK(layers() == Names{"dw"});
  o.weights_of = {{"Conv2d", WeightMode::vector}, {"side", WeightMode::scalar}, {"dw", WeightMode::scalar}};
  CHECK(layers() == Names{"stem", "project", "grouped"});
  o.weights_of = {{"side", WeightMode::scalar}, {"Conv2d", WeightMode::vector}};  // the last that fits
  CHECK(layers() == Names{"stem", "dw", "project", "side", "grouped"});
  o.weights_of = {{"average", WeightMode::vector}};
  CHECK_THROWS_WITH(layers(), "quantize: weights_of: no layer with weights and no operator of one is called average");
}

TEST_CASE("quantize: depthwise layers alone have a threshold a filter; same codes in training and deployment; all are trained",
          "[net]") {
  const Scheme scheme = GENERATE(Scheme::symmetric, Scheme::asymmetric, Scheme::power_of_two, Scheme::learned);
  const Requantizer requantizer = GENERATE(Requantizer::float32, Requantizer::fixed_point);
  CAPTURE(int(scheme), int(requantizer));
  const Network n = test::small_network();
  QuantizationOptions o;
  o.weights = WeightMode::depthwise;
  o.scheme = scheme;
  o.requantizer = requantizer;
  QuantizedNetwork q = test::quantized(n, o);
  const NodeId dw = test::node_named(n, "dw"), stem = test::node_named(n, "stem");
  CHECK(q.weight[dw]->channels() == 8);
  CHECK(q.weight[dw]->granularity() == per_channel(2));
  const auto& w = n[dw].op.get<DepthwiseConv2d>().weight;
  const auto& all = n[stem].op.get<Conv2d>().weight;
  if (scheme == Scheme::symmetric) {
    std::vector<float> largest(8);
    for (std::size_t i = 0; i < w.size(); ++i) largest[i % 8] = std::max(largest[i % 8], std::abs(w.data()[i]));
    CHECK(q.weight[dw]->calibrated() == largest);
    CHECK(q.weight[stem]->calibrated() == std::vector<float>{xt::amax(xt::abs(all))()});
  }
  std::size_t count = 0;
  for (const FactorBlock& block : factor_blocks(q))
    if (block.kind == FactorKind::weight) count += block.count;
  CHECK(count == (scheme == Scheme::asymmetric ? 2U : 1U) * (8 + 5));  // dw, and five layers of one threshold
  for (const unsigned seed : {1U, 2U}) {
    CHECK(!verify(q, test::random_pictures(n, 5, seed)));
    test::scramble_factors(q, seed);
  }
}

TEST_CASE("quantize: activations are unsigned where the activation before leaves nothing negative, else signed", "[net]") {
  const Network n = test::small_network();
  const QuantizedNetwork q = test::quantized(n, {});
  for (const char* name : {"stem", "dw", "grouped"})
    CHECK(q.output[test::node_named(n, name)]->grid(0).codes == unsigned_codes());
  for (const char* name : {"project", "side", "sum", "logits"})
    CHECK(q.output[test::node_named(n, name)]->grid(0).codes == signed_codes());
}

TEST_CASE("quantize: a scheme's grids, and where training may take them", "[net]") {
  const Network n = test::small_network();
  QuantizationOptions o;
  o.scheme = Scheme::power_of_two;
  QuantizedNetwork powers = test::quantized(n, o);
  for (const unsigned seed : {0U, 1U, 2U}) {
    if (seed > 0) test::scramble_factors(powers, seed);
    for_each_quantizer(powers, [](const AnyQuantizer& a) {
      for (std::size_t c = 0; c < a.channels(); ++c) {
        int exponent = 0;
        CHECK(std::frexp(a.grid(c).scale, &exponent) == 0.5F);
        CHECK(a.grid(c).zero_point == 0);
      }
    });
  }
  o.scheme = Scheme::learned;
  QuantizedNetwork learned = test::quantized(n, o);
  for (const unsigned seed : {0U, 1U, 2U}) {
    if (seed > 0) test::scramble_factors(learned, seed);
    for (NodeId id = 0; id < n.size(); ++id) {
      if (learned.weight[id]) CHECK(learned.weight[id]->is_symmetric());
      if (!learned.output[id]) continue;
      const Affine<float> g = learned.output[id]->grid(0);
      CHECK(g.codes == unsigned_codes());
      const bool never_negative = n[id].clip.lo == 0;
      CHECK((never_negative ? g.zero_point == 0 : (g.zero_point >= 0 && g.zero_point <= 255)));
    }
  }
}

TEST_CASE("quantize: bounds of every factor come from the options", "[net]") {
  const Network n = test::small_network();
  QuantizationOptions o;
  o.alpha = {0.25F, 1.3F};
  o.shift = {-0.1F, 0.1F};
  o.one_sided_shift = {-0.05F, 0.3F};
  o.log_threshold = {-2, 3};
  o.learned_scale = {0.5F, 4};
  const NodeId dw = test::node_named(n, "dw"), sum = test::node_named(n, "sum");
  using B = Bounds<float>;
  CHECK(test::quantized(n, o).weight[dw]->bounds(0) == B{0.25F, 1.3F});
  CHECK(test::quantized(n, o).output[sum]->bounds(0) == B{0.25F, 1.3F});
  o.scheme = Scheme::asymmetric;
  const QuantizedNetwork q = test::quantized(n, o);
  CHECK(q.output[sum]->bounds(0) == B{-0.1F, 0.1F});
  CHECK(q.output[sum]->bounds(1) == B{0.25F, 1.3F});
  CHECK(q.output[dw]->bounds(0) == B{-0.05F, 0});  // 0 is where the range begins: past it nothing changes
  o.scheme = Scheme::power_of_two;
  CHECK(test::quantized(n, o).output[sum]->bounds(0) == B{-2, 3});
  o.scheme = Scheme::learned;
  CHECK(test::quantized(n, o).output[sum]->bounds(0) == B{0.5F, 4});
  CHECK(test::quantized(n, o).weight[dw]->bounds(0) == B{0.5F, 4});

  QuantizedNetwork p = test::quantized(n, {});
  add_pointwise_factors(p, {0.5F, 1.5F});
  std::vector<float> row = gather_factors(p);
  const FactorBlock last = factor_blocks(p).back();
  row.back() = 9;
  scatter_factors(row, p);
  CHECK(p.pointwise[last.node].bias.back() == 1.5F);
  CHECK_THROWS_AS(add_pointwise_factors(p, {1.1F, 1.5F}), value_error);
  CHECK_THROWS_AS(add_pointwise_factors(p, {-1.0F, 1.5F}), value_error);
}

TEST_CASE("quantize: biases of dead filters stay below 2^30 at the lowest factors of every scheme", "[net]") {
  Network n = test::small_network();
  auto& dw = n[test::node_named(n, "dw")].op.get<DepthwiseConv2d>();
  for (std::size_t i = 0; i < 9; ++i) dw.weight.data()[i * 8 + 3] = 1e-20F;
  dw.bias(3) = 2;
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric, Scheme::power_of_two, Scheme::learned}) {
    CAPTURE(int(scheme));
    QuantizationOptions o;
    o.scheme = scheme;
    QuantizedNetwork q = test::quantized(n, o);
    std::vector<float> row = gather_factors(q);
    for (const FactorBlock& block : factor_blocks(q))
      for (std::size_t i = 0; i < block.count; ++i) row[block.begin + i] = trimtab::detail::bounds_of(q, block, i).lo;
    scatter_factors(row, q);
    const NodeId id = test::node_named(n, "dw");
    const LoweredLayer lowered =
        lower_layer(n[id].op, *q.weight[id], q.output_grid(n[id].inputs[0]).scale, q.output_grid(id).scale);
    CHECK(std::abs(lowered.bias[3]) <= (1 << 30) + 1);
    CHECK(std::abs(lowered.bias[3]) > 1 << 22);
    CHECK(!verify(q, test::random_pictures(n, 3, 4)));
  }
}

TEST_CASE("FineTuneReport: left limits of tensors that begin at 0 are not counted, and stay", "[net]") {
  const Network n = test::small_network();
  QuantizationOptions o;
  o.scheme = Scheme::asymmetric;
  o.weights = WeightMode::scalar;
  QuantizedNetwork q = test::quantized(n, o);
  // Two factors each of: 6 layers' weights; input, stem, dw, project, side, sum, concat (average and max take its grid), grouped,
  // pool, logits.
  std::size_t grids = 0, at_zero = 0;
  for (NodeId id = 0; id < n.size(); ++id)
    if (q.output[id]) {
      ++grids;
      at_zero += std::size_t{is_dead(*q.output[id], 0)};
    }
  CHECK(at_zero == 4);  // stem, dw, grouped, pool
  CHECK(factor_count(q) == 2 * (6 + grids));
  CHECK(live_factor_count(q, {}) == factor_count(q) - 4);
  CHECK(live_factor_count(q, {true, false, false}) == 2 * grids - 4);
  CHECK(live_factor_count(q, {false, true, false}) == 12);
  const test::SmallRun r;
  FineTuneOptions options;
  options.epochs = 1;
  const FineTuneReport report = fine_tune(q, r.teacher, r.source(), options);
  CHECK(report.trained_parameters == factor_count(q) - 4);
  for (const char* name : {"stem", "dw", "grouped", "pool"}) CHECK(q.output[test::node_named(n, name)]->factors()[0] == 0);
}

TEST_CASE("rescale_dws: the paper's pairs alone, or expand -> depthwise, too, by hand", "[net]") {
  // Outputs of dw: 6.2 (locked) and 0.75 to 1: T_0 = 2, the second filter's factor 2 / 0.5 = 4, its limit 6.
  const auto pictures = pictures_of({1.5F, 2, 1.75F, 1.5F});
  Recipe r;
  r.fine_tune.trained = {false, false, false};
  r.rescale_dws = true;
  const Network paper = prepare(r, two_channels(), pictures, 4, {}).reference;
  CHECK(depthwise_weights(paper) == std::vector<float>{2, 2});
  CHECK(paper[test::node_named(paper, "project")].op.get<Conv2d>().weight(0, 0, 0, 1) == 0.25F);
  CHECK((paper[test::node_named(paper, "expand")].op.get<Conv2d>().weight ==
         two_channels()[test::node_named(paper, "expand")].op.get<Conv2d>().weight));
  // Step 6 with a margin: the second filter puts out up to 1, so below 0.5 of 6 its factor is 3.
  r.rescaling.reach = 0.5;
  CHECK(depthwise_weights(prepare(r, two_channels(), pictures, 4, {}).reference) == std::vector<float>{2, 1.5F});
  r.rescaling.reach = 1;
  // All pairs: the filters of expand have a largest weight of 1 already, so their factors are 1 and dw comes out the same.
  r.rescaling.conv_to_depthwise = true;
  CHECK(depthwise_weights(prepare(r, two_channels(), pictures, 4, {}).reference) == std::vector<float>{2, 2});
  Network uneven = two_channels();
  uneven[test::node_named(uneven, "expand")].op.get<Conv2d>().weight(1, 0, 0, 1) = 0.25F;
  uneven[test::node_named(uneven, "dw")].op.get<DepthwiseConv2d>().weight(0, 0, 1) = 2;
  // expand puts out 3.1 and up to 0.5: T_0 is the geometric mean of 1 and 1 / 4, 1 / 2; factors 1 / 2 and 2; dw becomes 4 and 1.
  // Its first filter is locked, T_0 = 4, the second's factor 4 (outputs up to 1, times 4 below 6): 4 and 4. Without the first
  // pair: 2 and 2.
  CHECK(depthwise_weights(prepare(r, uneven, pictures, 4, {}).reference) == std::vector<float>{4, 4});
  r.rescaling.conv_to_depthwise = false;
  CHECK(depthwise_weights(prepare(r, uneven, pictures, 4, {}).reference) == std::vector<float>{2, 2});
}

TEST_CASE("prepare: how far the float network moves on pictures beyond the calibration, by hand", "[net]") {
  // Four pictures put 1 out of the second filter, the fifth, held back, 2: the factor 4 brings that to 8, clipped at 6, and 6 / 4
  // = 1.5 of 2 arrive. With all five the factor is 6 / 2 = 3.
  const auto pictures = pictures_of({2, 2, 2, 2, 4});
  Recipe r;
  r.fine_tune.trained = {false, false, false};
  r.rescale_dws = true;
  const Applied a = prepare(r, two_channels(), pictures, 5, {});
  REQUIRE(a.beyond_calibration);
  CHECK(a.beyond_calibration->rmse == Approx(0.5));
  CHECK(depthwise_weights(a.reference) == std::vector<float>{2, 1.5F});
  REQUIRE(a.transforms.size() == 1);
  CHECK(a.transforms[0] ==
        "rescale_dws (1 pairs, 1 of 2 channels locked); float network then: 100.00 % agreement, RMSE 0.5000 on 1 pictures held "
        "back");
  r.rescaling.reach = 0.5;  // 3 at most: the fifth reaches 6 just so
  CHECK(prepare(r, two_channels(), pictures, 5, {}).beyond_calibration->rmse == Approx(0).margin(1e-6));
  CHECK_FALSE(prepare(r, two_channels(), pictures, 4, {}).beyond_calibration);
  CHECK_FALSE(prepare(Recipe(), two_channels(), pictures, 5, {}).beyond_calibration);
}

TEST_CASE("paper_recipe: its pairs, and one reset of the optimizer an epoch", "[net]") {
  const Recipe scalar = paper_recipe(WeightMode::scalar), depthwise = paper_recipe(WeightMode::depthwise);
  CHECK(scalar.rescale_dws);
  CHECK_FALSE(scalar.rescaling.conv_to_depthwise);
  CHECK(scalar.fine_tune.restarts == 6);
  CHECK(scalar.fine_tune.epochs == 6);
  CHECK_FALSE(depthwise.rescale_dws);
  CHECK(depthwise.fine_tune.trained.weights);
  CHECK_FALSE(depthwise.fine_tune.trained.pointwise);
}

TEST_CASE("FineTuning: the optimizer's state is forgotten where a period begins", "[net]") {
  test::SmallRun r;  // 12 steps
  const auto adam_steps = [&](std::size_t restarts) {
    r.options.restarts = restarts;
    QuantizedNetwork q = r.quantized();
    FineTuning run(q, r.teacher, r.options);
    std::vector<long> steps;
    while (!run.done()) {
      run.step(r.source());
      const FineTuneState s = run.state();
      CHECK(s.adam.steps == s.pointwise_adam.steps);
      steps.push_back(static_cast<long>(s.adam.steps));
    }
    return steps;
  };
  CHECK(adam_steps(1) == std::vector<long>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  CHECK(adam_steps(2) == std::vector<long>{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6});
  CHECK(adam_steps(4) == std::vector<long>{1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3});
}

TEST_CASE("FineTuning: warm-up takes a third of a period at most", "[net]") {
  test::SmallRun r;
  r.options.restarts = 2;
  r.options.warmup = 8;
  QuantizedNetwork q = r.quantized();
  const FineTuneReport report = fine_tune(q, r.teacher, r.source(), r.options);
  for (const std::size_t begin : {0U, 6U}) {  // 6 steps: 2 rise, to 1 / 3 and 2 / 3; then half a cosine over 4
    CHECK(report.learning_rate[begin] == Approx(r.options.learning_rate / 3));
    CHECK(report.learning_rate[begin + 1] == Approx(r.options.learning_rate * 2 / 3));
    CHECK(report.learning_rate[begin + 2] == Approx(r.options.learning_rate));
    CHECK(report.learning_rate[begin + 4] == Approx(r.options.learning_rate / 2));
  }
}

TEST_CASE("DistillationStep: the authors' loss is a mean over the pictures of sums, with its gradient", "[net]") {
  const test::SmallRun r;
  const QuantizedNetwork q = r.quantized();
  const Array x = r.source()(detail::first_indices(3));
  FakeQuantExecutor executor(q);
  Array target = executor.forward(x);
  for (std::size_t i = 0; i < target.size(); ++i) target.data()[i] += 0.5F * static_cast<float>(int(i % 3) - 1);
  // Of 15 outputs 5 are 0.5 above, 5 equal, 5 below: sqrt(0.25 + 1e-5) ten times and sqrt(1e-5) five times, over 3 pictures.
  std::vector<float> grad(factor_count(q)), wanted(grad.size());
  const double loss = DistillationStep(q, 2, DistillationLoss::charbonnier)(x, target, grad);
  CHECK(loss == Approx((10 * std::sqrt(0.25001) + 5 * std::sqrt(1e-5)) / 3).epsilon(1e-5));
  Array slope(target.shape(), 0.0F);
  for (std::size_t i = 0; i < target.size(); ++i)
    slope.data()[i] = -static_cast<float>(int(i % 3) - 1) * static_cast<float>(0.5 / std::sqrt(0.25001) / 3);
  executor.forward(x);
  executor.backward(slope, wanted);
  for (std::size_t i = 0; i < grad.size(); ++i) CHECK(grad[i] == Approx(wanted[i]).epsilon(1e-4).margin(1e-5));
}

TEST_CASE("DistillationStep: eq. (24), cross-entropy of labels, of the teacher, and the distance, by their definitions",
          "[net]") {
  const test::SmallRun r;
  const QuantizedNetwork q = r.quantized();
  constexpr std::size_t n = 5;
  const Array x = r.source()(detail::first_indices(n));
  Array target = Array::from_shape({n, 5});
  std::copy_n(r.teacher.data(), target.size(), target.data());
  const std::vector<int> labels{0, 4, 2, 2, 1};
  FakeQuantExecutor executor(q);
  const Array y = executor.forward(x);

  const auto softmax = [](const Array& z, std::size_t i, std::size_t c) {
    double sum = 0;
    for (std::size_t k = 0; k < 5; ++k) sum += std::exp(double(z(i, k)));
    return std::exp(double(z(i, c))) / sum;
  };
  double of_teacher = 0, of_student = 0, soft = 0, squares = 0;
  Array grad_labels = Array::from_shape({n, 5}), grad_soft = grad_labels;
  for (std::size_t i = 0; i < n; ++i) {
    const auto label = static_cast<std::size_t>(labels[i]);
    of_teacher -= std::log(softmax(target, i, label)) / n;
    of_student -= std::log(softmax(y, i, label)) / n;
    for (std::size_t c = 0; c < 5; ++c) {
      soft -= softmax(target, i, c) * std::log(softmax(y, i, c)) / n;
      squares += std::pow(double(y(i, c)) - double(target(i, c)), 2.0);
      grad_labels(i, c) = static_cast<float>((softmax(y, i, c) - (c == label ? 1.0 : 0.0)) / n);
      grad_soft(i, c) = static_cast<float>((softmax(y, i, c) - softmax(target, i, c)) / n);
    }
  }
  const double rmse = std::sqrt(squares / n);

  const auto gradient_of = [&](const Array& grad) {
    std::vector<float> row(factor_count(q));
    executor.forward(x);
    executor.backward(grad, row);
    return row;
  };
  std::vector<float> distance(factor_count(q));
  DistillationStep(q, 2)(x, target, distance);
  const std::vector<float> hard = gradient_of(grad_labels), smooth = gradient_of(grad_soft);
  for (const std::size_t piece : {1U, 2U, 5U}) {
    const DistillationWeights w{.teacher_labels = 0.25, .labels = 0.5, .outputs = 2, .soft_targets = 3};
    std::vector<float> grad(factor_count(q));
    const double loss = DistillationStep(q, piece, DistillationLoss::rmse, {}, w)(x, target, grad, {}, labels);
    CHECK(loss == Approx(0.25 * of_teacher + 0.5 * of_student + 2 * rmse + 3 * soft).epsilon(1e-5));
    for (std::size_t i = 0; i < grad.size(); ++i)
      CHECK(grad[i] == Approx(0.5F * hard[i] + 2 * distance[i] + 3 * smooth[i]).epsilon(1e-3).margin(1e-4));
    const DistillationWeights labels_alone{.labels = 1, .outputs = 0};
    CHECK(DistillationStep(q, piece, DistillationLoss::rmse, {}, labels_alone)(x, target, grad, {}, labels) ==
          Approx(of_student).epsilon(1e-5));
  }
  CHECK_THROWS_AS(DistillationStep(q, 2, DistillationLoss::rmse, {}, {.teacher_labels = 1, .outputs = 0}), value_error);
  CHECK_THROWS_AS(DistillationStep(q, 2, DistillationLoss::rmse, std::vector<float>(5, 2), {.labels = 1}), value_error);
  CHECK_THROWS_AS(distillation_loss(executor, r.teacher, r.source(), SingleProcess{}, {.outputs = -1}), value_error);
  std::vector<float> short_row(factor_count(q) - 1);
  CHECK_THROWS_AS(DistillationStep(q, 2)(x, target, short_row), shape_error);
  DistillationStep with_labels(q, 2, DistillationLoss::rmse, {}, {.labels = 1});
  CHECK_THROWS_AS(with_labels.rows(x, target), shape_error);
}

TEST_CASE("fine_tune: labels alone lower their cross-entropy; what has been trained is judged by what was asked for", "[net]") {
  test::SmallRun r;
  std::vector<int> labels;
  for (std::size_t i = 0; i < test::SmallRun::count; ++i) labels.push_back(int((i * 7) % 5));
  r.options.weights = {.labels = 1, .outputs = 0};
  r.options.labels = labels;
  r.options.learning_rate = r.options.pointwise_rate = 1e-2;
  QuantizedNetwork q = r.quantized();
  const FineTuneReport report = fine_tune(q, r.teacher, r.source(), r.options);
  CHECK(report.kept);
  CHECK(report.loss_after < report.loss_before);
  FakeQuantExecutor student(q);
  const Array y = student.forward(r.pictures);
  CHECK(report.loss_after == Approx(cross_entropy(y, labels)).epsilon(1e-6));

  const auto refused = [&](const auto& spoil) {
    FineTuneOptions o = r.options;
    spoil(o);
    CHECK_THROWS_AS(FineTuning(q, r.teacher, o), value_error);
  };
  refused([](FineTuneOptions& o) { o.labels.pop_back(); });
  refused([](FineTuneOptions& o) { o.labels[3] = 5; });
  refused([](FineTuneOptions& o) { o.labels[3] = -1; });
  refused([](FineTuneOptions& o) { o.weights = {}; });  // and labels that nothing asks for
  refused([](FineTuneOptions& o) { o.weights.labels = -1; });
}
