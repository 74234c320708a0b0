#include <catch.hpp>
#include <drawn_pictures.hpp>
#include <node_named.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/passes/correct_bias.hpp>
#include <trimtab/net/passes/reestimate_batch_norm.hpp>

#include "typed_layers.hpp"

using namespace trimtab;

namespace {

constexpr std::size_t bias_pictures = 24;

QuantizationOptions coarse_options() {
  QuantizationOptions o;
  o.weights = WeightMode::scalar;
  o.weight_bits = 4;
  return o;
}

QuantizedNetwork coarse(const Network& n) {
  return quantize(n, calibrate(n, test::DrawnPictures{&n, 0.5F}, bias_pictures, MinMaxObserver<float>()), coarse_options());
}

/// One step of a layer's bias: a mean measured with one rounded bias is set by another, within half a step each.
double bias_step(const QuantizedNetwork& q, const std::string& name) {
  const NodeId id = test::node_named(q.network, name);
  return double(q.weight[id]->grid(0).scale) * double(q.output_grid(q.network[id].inputs[0]).scale);
}

/// Mean over pictures, places and channels of |mean of the quantized output - mean of the float output| of a layer.
double mean_error(const QuantizedNetwork& q, const Network& teacher, const std::string& name) {
  const NodeId id = test::node_named(teacher, name);
  Network open = teacher;
  open[id].clip = no_clip;
  const Array x = test::DrawnPictures{&teacher, 0.5F}(detail::first_indices(bias_pictures));
  const std::size_t channels = teacher[id].extent.back();
  std::vector<double> difference(channels, 0.0);
  std::size_t size = 0;
  run(open, x, [&](NodeId at, const Array& y) {
    if (at != id) return;
    size = y.size();
    for (std::size_t i = 0; i < size; ++i) difference[i % channels] -= double(y.data()[i]);
  });
  FakeQuantExecutor executor(q);
  executor.forward(x);
  for (std::size_t i = 0; i < size; ++i)
    difference[i % channels] += double(executor.steps(id)[i]) * double(executor.grid(id).scale);
  double sum = 0;
  for (const double d : difference) sum += std::abs(d) / double(size / channels) / double(channels);
  return sum;
}

}  // namespace

TEST_CASE("correct_bias on a network: the means of a first layer without borders are the float network's", "[net]") {
  std::mt19937 random(3);
  Network n;
  NodeId x = n.add(Input{{4, 4, 3}}, {});
  x = n.add(Conv2d{test::random_tensor<4>({6, 1, 1, 3}, random), test::random_tensor<1>({6}, random), {}}, {x}, "first", relu);
  x = n.add(DepthwiseConv2d{test::random_tensor<3>({1, 1, 6}, random), test::random_tensor<1>({6}, random), {}}, {x}, "second",
            relu6);
  QuantizedNetwork q = coarse(n);
  const double before = mean_error(q, n, "first"), second = mean_error(q, n, "second");
  correct_bias(q, test::DrawnPictures{&n, 0.5F}, bias_pictures);
  CHECK(before > 0.02);
  CHECK(mean_error(q, n, "first") < bias_step(q, "first") + 1e-3);  // the rounding of the pictures is not corrected
  CHECK(mean_error(q, n, "second") < 0.5 * second);
}

TEST_CASE("reestimate_batch_norm on a network: every layer's means are the float network's", "[net]") {
  const Network n = test::small_network();
  const QuantizedNetwork before = coarse(n);
  QuantizedNetwork analytic = before;
  correct_bias(analytic, test::DrawnPictures{&n, 0.5F}, bias_pictures);
  CHECK(mean_error(before, n, "logits") > 1e-2);
  CHECK(mean_error(analytic, n, "logits") < mean_error(before, n, "logits"));
  for (const bool variances : {false, true}) {
    QuantizedNetwork q = before;
    reestimate_batch_norm(q, n, test::DrawnPictures{&n, 0.5F}, bias_pictures, coarse_options(), variances);
    for (const char* name : {"stem", "dw", "project", "side", "grouped", "logits"}) {
      CAPTURE(name, variances);
      CHECK(mean_error(q, n, name) < bias_step(q, name) + 1e-6);
    }
  }
}

TEST_CASE("bias correction on a network: the same bits on any number of threads", "[net]") {
  const Network n = test::small_network();
  QuantizedNetwork one = coarse(n), three = one;
  {
    const ScopedThreads scope(1);
    correct_bias(one, test::DrawnPictures{&n, 0.5F}, bias_pictures);
  }
  {
    const ScopedThreads scope(3);
    correct_bias(three, test::DrawnPictures{&n, 0.5F}, bias_pictures);
  }
  for (NodeId id = 0; id < n.size(); ++id)
    test::with_layer(one.network[id].op, [&](const auto& layer) {
      const auto& other = three.network[id].op.get<std::remove_cvref_t<decltype(layer)>>();
      CHECK((layer.bias == other.bias));
    });
}

TEST_CASE("bias correction on a network: needs pictures and the same network", "[net]") {
  const Network n = test::small_network();
  QuantizedNetwork q = coarse(n);
  CHECK_THROWS_AS(correct_bias(q, test::DrawnPictures{&n, 0.5F}, 0), value_error);
  CHECK_THROWS_AS(reestimate_batch_norm(q, n, test::DrawnPictures{&n, 0.5F}, 0, coarse_options()), value_error);
  CHECK_THROWS_AS(reestimate_batch_norm(q, Network(), test::DrawnPictures{&n, 0.5F}, 4, coarse_options()), shape_error);
}
