#include <catch.hpp>
#include <cmath>
#include <trimtab/core/parallel.hpp>
#include <trimtab/net/models/mobilenets.hpp>
#include <trimtab/net/report/evaluate.hpp>
#include <trimtab/net/train/float_training.hpp>

using namespace trimtab;

namespace {

template <class Container>
void randomize(Container& values, RandomSource& random, float deviation, float mean = 0) {
  for (float& v : values) v = mean + deviation * random.normal();
}

template <class Layer>
Layer convolution(RandomSource& random, std::initializer_list<std::size_t> extent, std::size_t bias, WindowOptions window) {
  Layer layer;
  layer.weight = decltype(layer.weight)::from_shape(extent);
  randomize(layer.weight, random, 0.5F);
  layer.bias = xt::zeros<float>({bias});
  randomize(layer.bias, random, 0.3F);
  layer.window = window;
  return layer;
}

BatchNorm batch_norm(RandomSource& random, std::size_t c) {
  BatchNorm bn;
  bn.gamma = bn.beta = bn.mean = xt::zeros<float>({c});
  bn.variance = xt::ones<float>({c});
  randomize(bn.gamma, random, 0.2F, 1);
  randomize(bn.beta, random, 0.2F);
  return bn;
}

/// Every operator once, with two branches from one node.
Network trained_operators() {
  RandomSource random(3);
  WindowOptions same, halved;
  same.padding = {1, 1, 1, 1};
  halved.stride_h = halved.stride_w = 2;
  halved.padding = {0, 0, 1, 1};
  Network n;
  const NodeId x = n.add(Input{{8, 8, 3}}, {});
  const NodeId conv = n.add(convolution<Conv2d>(random, {6, 3, 3, 3}, 6, same), {x});
  const NodeId norm = n.add(batch_norm(random, 6), {conv});
  const NodeId clip = n.add(Clip{-1, 1}, {norm});
  const NodeId depthwise = n.add(convolution<DepthwiseConv2d>(random, {3, 3, 6}, 6, same), {clip});
  const NodeId sum = n.add(Add{}, {depthwise, clip});
  const NodeId average = n.add(AveragePool{3, 3, halved, false}, {sum});
  const NodeId most = n.add(MaxPool{2, 2, halved}, {sum});
  const NodeId both = n.add(Concat{}, {average, most});
  Conv2d grouped = convolution<Conv2d>(random, {4, 1, 1, 6}, 4, {});
  grouped.groups = 2;
  const NodeId point = n.add(std::move(grouped), {both});
  const NodeId pool = n.add(GlobalAveragePool{}, {point});
  const NodeId flat = n.add(Flatten{}, {pool});
  Linear linear;
  linear.weight = xt::zeros<float>({5, 4});
  linear.bias = xt::zeros<float>({5});
  randomize(linear.weight, random, 1);
  n.add(std::move(linear), {flat});
  return n;
}

/// visit(values, gradients) for each tensor of parameters.
template <class Visit>
void for_each_parameter(Network& network, FloatTrainer& trainer, const Visit& visit) {
  for (NodeId id = 0; id < network.size(); ++id)
    detail::for_each_parameter(network[id].op, [&](std::string_view name, const TensorView<float>& values, ParameterKind kind) {
      if (kind == ParameterKind::statistic || values.size() == 0) return;
      const bool second = name == "bias" || name == "beta";
      std::span<float> numbers(values.data, values.size());
      visit(network[id].name + ' ' + std::string(name), numbers, second ? trainer.grad_bias(id) : trainer.grad_weight(id));
    });
}

/// Pictures of flat colour with noise; the class is the colour's strongest channel.
struct ColourPictures {
  std::vector<Array> picture;
  std::vector<int> label;

  explicit ColourPictures(std::size_t count) {
    RandomSource random(9);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t strongest = random.below(3);
      Array x = Array::from_shape({16, 16, 3});
      for (std::size_t j = 0; j < x.size(); ++j) x.data()[j] = (j % 3 == strongest ? 0.3F : 0.0F) + 0.8F * random.normal();
      picture.push_back(std::move(x));
      label.push_back(static_cast<int>(strongest));
    }
  }
  Array operator()(std::span<const std::size_t> indices) const {
    Array batch = Array::from_shape({indices.size(), 16, 16, 3});
    for (std::size_t i = 0; i < indices.size(); ++i)
      std::copy(picture[indices[i]].begin(), picture[indices[i]].end(), batch.data() + i * picture[indices[i]].size());
    return batch;
  }
};

}  // namespace

TEST_CASE("FloatTrainer: gradients of all parameters of all operators match central differences", "[net]") {
  Network network = trained_operators();
  FloatTrainer trainer(network);
  RandomSource random(4);
  Array x = Array::from_shape({4, 8, 8, 3});
  randomize(x, random, 1);
  const std::vector<int> labels{0, 3, 4, 1};
  const auto loss = [&] { return cross_entropy(trainer.forward(x, 0), labels); };

  const Array& logits = trainer.forward(x, 0);
  Array grad = xt::zeros_like(logits);
  cross_entropy(logits, labels, grad);
  trainer.backward(grad);
  int checked = 0;
  for_each_parameter(network, trainer, [&](const std::string& name, auto& values, std::span<const float> gradient) {
    // The derivative along the gradient is its length; short steps keep most clips and maxima on their side.
    double length = 0;
    for (const float g : gradient) length += double(g) * double(g);
    length = std::sqrt(length);
    CAPTURE(name, length);
    const std::vector<float> before(values.begin(), values.end());
    const auto loss_at = [&](double step) {
      for (std::size_t i = 0; i < before.size(); ++i)
        values.data()[i] = before[i] + static_cast<float>(step * double(gradient[i]) / length);
      const double result = loss();
      std::copy(before.begin(), before.end(), values.begin());
      return result;
    };
    if (name == "Conv2d_1 bias") {
      CHECK(length < 1e-5);  // batch norm takes it away
    } else {
      const double h = 2e-3;
      CHECK((loss_at(h) - loss_at(-h)) / (2 * h) == Approx(length).epsilon(0.02));
      ++checked;
    }
  });
  CHECK(checked == 9);
}

TEST_CASE("FloatTrainer: a step is momentum's formula, decay for weights alone", "[net]") {
  Network network = trained_operators();
  FloatTrainer trainer(network);
  RandomSource random(4);
  Array x = Array::from_shape({2, 8, 8, 3});
  randomize(x, random, 1);
  const auto& linear = network[network.output()].op.get<Linear>();
  std::vector<float> w(linear.weight.begin(), linear.weight.end()), b(linear.bias.begin(), linear.bias.end());
  std::vector<float> vw(w.size()), vb(b.size());
  for (int step = 0; step < 3; ++step) {
    Array grad = xt::zeros_like(trainer.forward(x, 0));
    cross_entropy(trainer.forward(x, 0), std::vector<int>{2, 0}, grad);
    trainer.backward(grad);
    const auto gw = trainer.grad_weight(network.output()), gb = trainer.grad_bias(network.output());
    for (std::size_t i = 0; i < w.size(); ++i) {
      vw[i] = 0.9F * vw[i] + gw[i] + 0.01F * w[i];
      w[i] -= 0.1F * vw[i];
    }
    for (std::size_t i = 0; i < b.size(); ++i) {
      vb[i] = 0.9F * vb[i] + gb[i];
      b[i] -= 0.1F * vb[i];
    }
    trainer.step(0.1F, 0.9F, 0.01F);
    for (std::size_t i = 0; i < w.size(); ++i) CHECK(linear.weight.data()[i] == Approx(w[i]));
    for (std::size_t i = 0; i < b.size(); ++i) CHECK(linear.bias.data()[i] == Approx(b[i]));
    for (const float g : gw) CHECK(g == 0.0F);
  }
}

TEST_CASE("FloatTrainer: running statistics become those of the data", "[net]") {
  Network network = trained_operators();
  FloatTrainer trainer(network);
  RandomSource random(4);
  Array x = Array::from_shape({8, 8, 8, 3});
  randomize(x, random, 2, 1);
  for (int i = 0; i < 60; ++i) trainer.forward(x, 0.2F);
  const Array inference = run(network, x);
  const Array& training = trainer.forward(x, 0);
  for (std::size_t i = 0; i < training.size(); ++i) CHECK(inference.data()[i] == Approx(training.data()[i]).margin(0.02));
}

TEST_CASE("FloatTrainer: refuses fused clips; gradients of another extent; gradients that are not finite", "[net]") {
  Network fused = trained_operators();
  fused[1].clip = relu;
  CHECK_THROWS_WITH(FloatTrainer(fused), ContainsSubstring("Conv2d_1"));

  Network network = trained_operators();
  FloatTrainer trainer(network);
  Array x = xt::ones<float>({2, 8, 8, 3});
  trainer.forward(x, 0);
  CHECK_THROWS_AS(trainer.backward(xt::zeros<float>({2, 4})), shape_error);
  trainer.backward(Array(std::vector<std::size_t>{2, 5}, std::numeric_limits<float>::quiet_NaN()));
  CHECK_THROWS_AS(trainer.step(0.1F, 0, 0), value_error);
}

TEST_CASE("train_float: a small MobileNet learns, the same bits on any number of threads", "[net]") {
  const ColourPictures pictures(96);
  FloatTrainingOptions options;
  options.epochs = 4;
  options.batch = 16;
  options.learning_rate = 0.05F;
  const auto trained = [&](int threads) {
    const ScopedThreads scope(threads);
    Network network = small_mobilenet(16, 3, 1);
    std::size_t last = 0;
    const FloatTrainingReport report =
        train_float(network, pictures, pictures.label, options, [&](std::size_t done, std::size_t total) {
          CHECK(total == 24);
          last = done;
        });
    CHECK(last == 24);
    CHECK(report.loss.size() == 24);
    CHECK(report.loss.back() < 0.5 * report.loss.front());
    return network;
  };
  const Network one = trained(1), three = trained(3);
  const std::vector<std::size_t> all = detail::first_indices(96);
  const Array a = run(one, pictures(all)), b = run(three, pictures(all));
  CHECK(std::equal(a.begin(), a.end(), b.begin()));
  std::size_t right = 0;
  for (std::size_t i = 0; i < 96; ++i)
    right += static_cast<std::size_t>(arg_max(a.data() + i * 3, 3) == std::size_t(pictures.label[i]));
  CHECK(right > 80);
}

TEST_CASE("train_float: refuses what it cannot train on", "[net]") {
  const ColourPictures pictures(4);
  Network network = small_mobilenet(16, 3, 1);
  CHECK_THROWS_AS(train_float(network, pictures, {}, {}), value_error);
  FloatTrainingOptions options;
  options.batch = 0;
  CHECK_THROWS_AS(train_float(network, pictures, pictures.label, options), value_error);
  CHECK_THROWS_AS(train_float(network, pictures, std::vector<int>{0, 1, 2, 3}, {}), value_error);
}
