// ConvTranspose2d in networks: on floats, on codes, and in every pass over layers with weights.
#include <catch.hpp>
#include <drawn_pictures.hpp>
#include <functional>
#include <largest_difference.hpp>
#include <node_named.hpp>
#include <trimtab/net/execute/verify.hpp>
#include <trimtab/net/passes/correct_bias.hpp>
#include <trimtab/net/passes/fold.hpp>
#include <trimtab/net/passes/learn_rounding.hpp>
#include <trimtab/net/passes/rescale.hpp>
#include <trimtab/transform/quantize_bias.hpp>

#include "one_gradient.hpp"

using namespace trimtab;
using test::OneGradient;
using test::random_tensor;

namespace {

constexpr std::size_t up_pictures = 22;  // not a multiple of any pass's batch

struct Shape {
  const char* why;
  Extents x;  // H W C
  std::size_t out_c, kernel_h, kernel_w;
  WindowOptions window = {};
  std::size_t groups = 1;
  OutputPadding more = {};

  ConvTranspose2d layer(unsigned seed) const {
    std::mt19937 random(seed);
    return {random_tensor<4>({out_c, kernel_h, kernel_w, x[2] / groups}, random, 0.4F),
            random_tensor<1>({out_c}, random),
            window,
            groups,
            more.h,
            more.w};
  }
};
const Shape shapes[] = {
    {"one pixel", {1, 1, 1}, 1, 1, 1},
    {"pointwise", {3, 2, 5}, 3, 1, 1},
    {"2x2, stride 2", {3, 4, 3}, 4, 2, 2, {2, 2}},
    {"3x3, stride 2, as large as twice", {3, 5, 3}, 4, 3, 3, {2, 2, {1, 1, 1, 1}}, 1, {1, 1}},
    {"4x4, stride 2, groups", {4, 3, 6}, 4, 4, 4, {2, 2, {1, 1, 1, 1}}, 2},
    {"3x2, strides 1 and 3, lopsided", {3, 3, 2}, 2, 3, 2, {1, 3, {2, 0, 0, 1}}},
    {"dilation 2 and 3, stride 2", {4, 3, 2}, 2, 3, 3, {2, 2, {1, 2, 0, 3}, 2, 3}},
    {"1x1, stride 3: most pixels are the bias", {2, 3, 3}, 17, 1, 1, {3, 3}},
};

/// Calls visit(x offset, weight offset, y offset) for each multiplication over a batch.
void for_each_product(const ConvTranspose2d& l, std::size_t batch, const Extents& x, const Extents& y,
                      const std::function<void(std::size_t, std::size_t, std::size_t)>& visit) {
  const std::size_t kernel_h = l.weight.shape(1), kernel_w = l.weight.shape(2), in = l.weight.shape(3),
                    out = l.weight.shape(0) / l.groups;
  const auto place = [](std::size_t i, std::size_t stride, std::size_t k, std::size_t dilation, std::size_t before) {
    return static_cast<std::ptrdiff_t>(i * stride + k * dilation) - static_cast<std::ptrdiff_t>(before);
  };
  for (std::size_t n = 0; n < batch; ++n)
    for (std::size_t ih = 0; ih < x[0]; ++ih)
      for (std::size_t iw = 0; iw < x[1]; ++iw)
        for (std::size_t kh = 0; kh < kernel_h; ++kh)
          for (std::size_t kw = 0; kw < kernel_w; ++kw) {
            const std::ptrdiff_t oh = place(ih, l.window.stride_h, kh, l.window.dilation_h, l.window.padding.top);
            const std::ptrdiff_t ow = place(iw, l.window.stride_w, kw, l.window.dilation_w, l.window.padding.left);
            if (oh < 0 || ow < 0 || oh >= static_cast<std::ptrdiff_t>(y[0]) || ow >= static_cast<std::ptrdiff_t>(y[1])) continue;
            const std::size_t to = (n * y[0] + static_cast<std::size_t>(oh)) * y[1] + static_cast<std::size_t>(ow);
            for (std::size_t o = 0; o < y[2]; ++o)
              for (std::size_t i = 0; i < in; ++i)
                visit(((n * x[0] + ih) * x[1] + iw) * x[2] + o / out * in + i, ((o * kernel_h + kh) * kernel_w + kw) * in + i,
                      to * y[2] + o);
          }
}

std::vector<float> random_values(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> v(size);
  for (float& x : v) x = normal(random);
  return v;
}

void check_near(std::span<const float> got, std::span<const double> expected) {
  REQUIRE(got.size() == expected.size());
  double largest = 1;
  for (const double v : expected) largest = std::max(largest, std::abs(v));
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(double(got[i]) == Approx(expected[i]).margin(1e-5 * largest));
}

Network network_of(const Shape& s, Clip clip = no_clip) {
  Network n;
  n.add(s.layer(3), {n.add(Input{s.x}, {})}, "up", clip);
  return n;
}

QuantizedNetwork quantized_up(const Network& n, const QuantizationOptions& o) {
  return quantize(n, calibrate(n, test::DrawnPictures{&n}, up_pictures, MinMaxObserver<float>()), o);
}

/// up (twice as large) -> batch norm -> relu6 -> grouped -> relu -> nearest -> up in groups -> relu -> up -> pool -> linear.
Network decoder() {
  std::mt19937 random(7);
  Network n;
  const WindowOptions twice{2, 2, {1, 1, 1, 1}}, same{1, 1, {1, 1, 1, 1}};
  const NodeId x = n.add(Input{{4, 3, 3}}, {});
  const NodeId a = n.add(ConvTranspose2d{random_tensor<4>({8, 3, 3, 3}, random, 0.5F), {}, twice, 1, 1, 1}, {x}, "up");
  BatchNorm bn{random_tensor<1>({8}, random), random_tensor<1>({8}, random), random_tensor<1>({8}, random),
               xt::ones<float>({8}) * 1.5F, 1e-3F};
  const NodeId b = n.add(relu6, {n.add(bn, {a}, "norm")}, "norm.clip");
  const NodeId c =
      n.add(Conv2d{random_tensor<4>({6, 3, 3, 4}, random, 0.3F), random_tensor<1>({6}, random), same, 2}, {b}, "grouped");
  const NodeId d =
      n.add(ConvTranspose2d{random_tensor<4>({8, 4, 4, 6}, random, 0.2F), random_tensor<1>({8}, random), twice},
            {n.add(ResizeNearest{{ResizeAxis::to_extent(8, 8), ResizeAxis::to_extent(6, 9), ResizeAxis::to_extent(6, 6)}},
                   {n.add(relu, {c}, "grouped.clip")}, "wider")},
            "up2");
  const NodeId e = n.add(ConvTranspose2d{random_tensor<4>({6, 2, 2, 8}, random, 0.4F), random_tensor<1>({6}, random), {2, 2}},
                         {n.add(relu, {d}, "up2.clip")}, "up3");
  const NodeId f = n.add(ConvTranspose2d{random_tensor<4>({6, 3, 3, 3}, random, 0.4F), random_tensor<1>({6}, random), same, 2},
                         {n.add(relu, {e}, "up3.clip")}, "up in groups");
  const NodeId g = n.add(Flatten{}, {n.add(GlobalAveragePool{}, {n.add(relu, {f}, "up in groups.clip")}, "pool")}, "flatten");
  n.add(Linear{random_tensor<2>({5, 6}, random), random_tensor<1>({5}, random)}, {g}, "logits");
  return n;
}
Network folded_decoder() { return fuse_clips(fold_batch_norm(decoder())); }

}  // namespace

TEST_CASE("ConvTranspose2d: float values and gradients are the definition's", "[conv_transpose2d]") {
  for (const Shape& s : shapes)
    for (const std::size_t batch : {std::size_t{1}, std::size_t{3}}) {
      CAPTURE(s.why, batch);
      const ConvTranspose2d l = s.layer(1);
      const Operator op = l;
      const Extents y = op->extent(std::span(&s.x, 1), "up"), xb = detail::with_batch(batch, s.x),
                    yb = detail::with_batch(batch, y);
      const std::vector<float> x = random_values(element_count(xb), 2), g = random_values(element_count(yb), 3);
      std::vector<double> expected(g.size()), grad_x(x.size()), grad_w(l.weight.size(), 1.0), grad_b(y[2], 1.0);
      for (std::size_t i = 0; i < g.size(); ++i) expected[i] = double(l.bias(i % y[2])), grad_b[i % y[2]] += double(g[i]);
      double products = 0;
      for_each_product(l, batch, s.x, y, [&](std::size_t xi, std::size_t wi, std::size_t yi) {
        const double w = double(l.weight.data()[wi]);
        expected[yi] += w * double(x[xi]);
        grad_x[xi] += w * double(g[yi]);
        grad_w[wi] += double(x[xi]) * double(g[yi]);
        ++products;
      });
      std::vector<float> got(g.size()), got_w(grad_w.size(), 1.0F), got_b(grad_b.size(), 1.0F);  // added to
      const TensorView<const float> xv(x.data(), xb), gv(g.data(), yb);
      op->forward(FloatInputs(&xv, 1), {got.data(), yb});
      check_near(got, expected);
      OneGradient to(xb);
      const std::vector<TensorView<float>> of_parameters{{got_w.data(), view(l.weight).extent}, {got_b.data(), {y[2]}}};
      op->backward({FloatInputs(&xv, 1), TensorView<const float>(got.data(), yb), gv, {}, to, of_parameters});
      check_near(to.grad, grad_x);
      check_near(got_w, grad_w);
      check_near(got_b, grad_b);
      // As many as there are without cropping.
      CHECK(op->macs(std::span(&s.x, 1), y) >= products / double(batch));
      if (s.window.padding.top + s.window.padding.left + s.window.padding.bottom + s.window.padding.right == 0)
        CHECK(op->macs(std::span(&s.x, 1), y) == products / double(batch));
    }
}

TEST_CASE("ConvTranspose2d: what does not fit is refused with the node's name", "[conv_transpose2d]") {
  const auto refusal = [](const ConvTranspose2d& l, const Extents& in) -> std::string {
    Network n;
    const NodeId x = n.add(Input{in}, {});
    try {
      n.add(l, {x}, "culprit");
    } catch (const shape_error& e) {
      CHECK_THAT(e.what(), ContainsSubstring("culprit"));
      return e.what();
    }
    FAIL_CHECK("taken: " << in);
    return {};
  };
  const ConvTranspose2d good = shapes[4].layer(1);
  CHECK_THAT(refusal(good, {4, 3}), ContainsSubstring("H W C"));
  CHECK_THAT(refusal(good, {4, 3, 8}), ContainsSubstring("[4, 4, 4, 4]"));
  ConvTranspose2d l = good;
  l.bias = {1, 2, 3};
  CHECK_THAT(refusal(l, {4, 3, 6}), ContainsSubstring("bias has 3"));
  l = good, l.groups = 3;
  CHECK_THAT(refusal(l, {4, 3, 6}), ContainsSubstring("3 groups"));
  l = good, l.window.padding.top = 40;
  CHECK_THAT(refusal(l, {4, 3, 6}), ContainsSubstring("leaves nothing"));
}

TEST_CASE("ConvTranspose2d: codes are exact sums, the same in training and deployment, on all instruction sets",
          "[conv_transpose2d]") {
  for (const Shape& s : shapes)
    for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric})
      for (const WeightMode weights : {WeightMode::scalar, WeightMode::vector})
        for (const Requantizer requantizer : {Requantizer::float32, Requantizer::fixed_point}) {
          CAPTURE(s.why, int(scheme), int(weights), int(requantizer));
          QuantizationOptions o;
          o.scheme = scheme, o.weights = weights, o.requantizer = requantizer;
          const Network n = network_of(s, relu6);
          const QuantizedNetwork q = quantized_up(n, o);
          const Array x = test::DrawnPictures{&n}(detail::first_indices(3));
          FakeQuantExecutor executor(q);
          executor.forward(x);
          const LoweredLayer lowered =
              lower_layer(q.network[1].op, *q.weight[1], q.output_grid(0).scale, q.output_grid(1).scale, requantizer);
          const ConvTranspose2d& l = q.network[1].op.get<ConvTranspose2d>();
          const std::size_t channels = l.weight.shape(0), filter = l.weight.size() / channels;
          std::vector<std::int32_t> acc(executor.bytes(1).size());
          for (std::size_t i = 0; i < acc.size(); ++i) acc[i] = lowered.bias[i % channels];
          for_each_product(l, 3, s.x, q.network[1].extent, [&](std::size_t xi, std::size_t wi, std::size_t yi) {
            const std::int32_t w = lowered.codes[wi] - (lowered.zero_point.empty() ? 0 : lowered.zero_point[wi / filter]);
            acc[yi] += (executor.bytes(0)[xi] - executor.grid(0).zero_point) * w;
          });
          const Affine<float> grid = executor.grid(1);
          std::size_t wrong = 0;
          for (std::size_t i = 0; i < acc.size(); ++i) {
            if (executor.steps(1)[i] != float(acc[i]) * lowered.multiplier[i % channels]) ++wrong;
            const std::int32_t code =
                requantizer == Requantizer::float32
                    ? Requantize{lowered.multiplier, grid.zero_point, grid.codes.qmin, grid.codes.qmax}(acc[i], i % channels)
                    : FixedPointRequantize{lowered.fixed_point, FixedPointRounding::twice, grid.zero_point, grid.codes.qmin,
                                           grid.codes.qmax}(acc[i], i % channels);
            if (executor.bytes(1)[i] != code) ++wrong;
          }
          CHECK(wrong == 0);
          std::vector<std::vector<std::uint8_t>> results;
          for (const int8::Isa isa : int8::available_isas())
            for (const int threads : {1, 3}) {
              const int8::ScopedIsa scope(isa);
              const ScopedThreads some(threads);
              CHECK(!verify(q, x));
              const Int8Network deployed(q);
              Int8Network::Workspace workspace;
              for (int run = 0; run < 2; ++run) {  // the second one in used memory
                const auto bytes = deployed.run(x, workspace);
                results.emplace_back(bytes.begin(), bytes.end());
              }
            }
          for (const auto& r : results) CHECK(r == results[0]);
        }
}

TEST_CASE("ConvTranspose2d: gradients of factors, by the definition on the codes", "[conv_transpose2d]") {
  for (const Shape& s : shapes) {
    CAPTURE(s.why);
    const Network n = network_of(s);
    Network alone;
    alone.add(Input{s.x}, {});
    QuantizedNetwork q = quantized_up(n, {}), q_alone = quantized_up(alone, {});
    add_pointwise_factors(q);
    q_alone.output[0] = q.output[0];
    const Array x = test::DrawnPictures{&n}(detail::first_indices(3));
    FakeQuantExecutor executor(q), executor_alone(q_alone);
    Array grad_y = executor.forward(x), grad_x = executor_alone.forward(x);
    const std::vector<float> g = random_values(grad_y.size(), 5);
    std::copy(g.begin(), g.end(), grad_y.data());
    TrainedSet all;
    all.pointwise = true;
    std::vector<float> factors(factor_count(q)), factors_alone(factor_count(q_alone));
    executor.backward(grad_y, factors, all);

    // Where the output's grid cut, nothing comes back.
    const Affine<float> grid = executor.grid(1);
    std::vector<double> through(g.size());
    for (std::size_t i = 0; i < g.size(); ++i) {
      const float step = executor.steps(1)[i];
      through[i] = step >= float(grid.codes.qmin - grid.zero_point) && step <= float(grid.codes.qmax - grid.zero_point)
                       ? double(g[i])
                       : 0.0;
    }
    const ConvTranspose2d& l = q.network[1].op.get<ConvTranspose2d>();
    xt::xtensor<float, 4> w = l.weight;
    fake_quantize_forward(l.weight, *q.weight[1], w);
    std::vector<double> back(x.size()), of_weight(l.weight.size()), of_bias(l.bias.size());
    for_each_product(l, 3, s.x, n[1].extent, [&](std::size_t xi, std::size_t wi, std::size_t yi) {
      back[xi] += double(w.data()[wi]) * through[yi];
      of_weight[wi] += double(executor.grid(0).scale) * (executor.bytes(0)[xi] - executor.grid(0).zero_point) * through[yi];
    });
    for (std::size_t i = 0; i < g.size(); ++i) of_bias[i % of_bias.size()] += through[i];
    for (std::size_t i = 0; i < back.size(); ++i) grad_x.data()[i] = static_cast<float>(back[i]);
    executor_alone.backward(grad_x, factors_alone);
    for (std::size_t i = 0; i < of_weight.size(); ++i) of_weight[i] *= double(l.weight.data()[i]);
    for (std::size_t i = 0; i < of_bias.size(); ++i) of_bias[i] *= double(l.bias.data()[i]);
    for (const FactorBlock& block : factor_blocks(q)) {
      const std::span<const float> got = block.of(std::span<const float>(factors));
      if (block.kind == FactorKind::pointwise_weight) check_near(got, of_weight);
      if (block.kind == FactorKind::pointwise_bias) check_near(got, of_bias);
      if (block.kind == FactorKind::activation && block.node == 0)
        check_near(got, std::vector<double>(factors_alone.begin(), factors_alone.end()));
    }
  }
}

TEST_CASE("ConvTranspose2d: sums for learned rounding are those of the windows that outputs see", "[conv_transpose2d]") {
  for (const Shape& s : shapes) {
    CAPTURE(s.why);
    const ConvTranspose2d l = s.layer(1);
    const Operator op = l;
    const Extents y = op->extent(std::span(&s.x, 1), "up");
    const std::size_t batch = 3, pixels = batch * y[0] * y[1], inputs = l.weight.size() / y[2], outputs = y[2] / l.groups;
    const std::vector<float> x = random_values(batch * element_count(s.x), 2), of_y = random_values(pixels * y[2], 3);
    OutputMoments m = op->weighted()->moments();
    REQUIRE(m.groups == l.groups);
    REQUIRE(m.inputs == inputs);
    REQUIRE(m.outputs == outputs);
    op->weighted()->add_products({x.data(), detail::with_batch(batch, s.x)}, {of_y.data(), detail::with_batch(batch, y)}, m);
    std::vector<double> windows(pixels * l.groups * inputs);  // by the first output channel of each group
    for_each_product(l, batch, s.x, y, [&](std::size_t xi, std::size_t wi, std::size_t yi) {
      if (yi % y[2] % outputs == 0)
        windows[yi / y[2] * l.groups * inputs + yi % y[2] / outputs * inputs + wi % inputs] = double(x[xi]);
    });
    for (std::size_t g = 0; g < l.groups; ++g)
      for (std::size_t i = 0; i < inputs; ++i) {
        double sum = 0;
        std::vector<double> xx(inputs), yx(outputs);
        for (std::size_t p = 0; p < pixels; ++p) {
          const double v = windows[(p * l.groups + g) * inputs + i];
          sum += v;
          for (std::size_t j = 0; j < inputs; ++j) xx[j] += v * windows[(p * l.groups + g) * inputs + j];
          for (std::size_t o = 0; o < outputs; ++o) yx[o] += v * double(of_y[p * y[2] + g * outputs + o]);
        }
        CHECK(m.x[g * inputs + i] == Approx(sum).margin(1e-5));
        for (std::size_t j = 0; j < inputs; ++j) CHECK(m.xx[(g * inputs + i) * inputs + j] == Approx(xx[j]).margin(1e-4));
        for (std::size_t o = 0; o < outputs; ++o) CHECK(m.yx[(g * outputs + o) * inputs + i] == Approx(yx[o]).margin(1e-4));
      }
  }
}

TEST_CASE("ConvTranspose2d: batch norm folds into it, and the network stays verified", "[conv_transpose2d]") {
  const Network n = decoder(), folded = folded_decoder();
  CHECK(folded.size() == 10);
  const Array x = test::DrawnPictures{&n}(detail::first_indices(3));
  CHECK(test::largest_difference(run(n, x), run(folded, x)) < 1e-5);
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric})
    for (const Requantizer requantizer : {Requantizer::float32, Requantizer::fixed_point}) {
      QuantizationOptions o;
      o.scheme = scheme, o.requantizer = requantizer;
      CHECK(!verify(quantized_up(folded, o), x));
    }
}

TEST_CASE("ConvTranspose2d: learned rounding does what it reports, layer by layer", "[conv_transpose2d]") {
  const Network n = folded_decoder();
  QuantizationOptions o;
  o.weight_bits = 4;
  QuantizedNetwork q = quantized_up(n, o);
  const test::DrawnPictures pictures{&n};
  const std::vector<RoundedLayer> layers = learn_rounding(q, n, pictures, up_pictures);
  const Array x = pictures(detail::first_indices(up_pictures));
  const detail::Unfused unfused = detail::unfuse_clips(n);
  std::vector<Array> wanted(unfused.network.size());
  run(unfused.network, x, [&](NodeId id, const Array& y) { wanted[id] = y; });
  FakeQuantExecutor executor(q);
  executor.forward(x);
  CHECK(layers.size() == 6);
  for (const RoundedLayer& layer : layers) {
    CAPTURE(layer.name);
    const Array& y = wanted[unfused.layer[layer.node]];
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double d = double(executor.steps(layer.node)[i]) * double(executor.grid(layer.node).scale) - double(y.data()[i]);
      sum += d * d;
    }
    CHECK(layer.report.learned == Approx(sum / double(y.size())).epsilon(0.02).margin(1e-6));
    CHECK(layer.report.learned < layer.report.nearest);
  }
  CHECK(!verify(q, pictures(detail::first_indices(3))));
}

TEST_CASE("ConvTranspose2d: bias correction knows that a weight reaches one pixel in a stride", "[conv_transpose2d]") {
  // Kernels of the stride's size: every output sees one pixel of the input, there are no borders, and the correction is exact.
  const Shape s{"", {3, 4, 3}, 4, 2, 2, {2, 2}};
  const Network n = network_of(s);
  const test::DrawnPictures pictures{&n, 0.5F};
  QuantizationOptions o;
  o.weight_bits = 3;
  QuantizedNetwork q = quantize(n, calibrate(n, pictures, up_pictures, MinMaxObserver<float>()), o);
  correct_bias(q, pictures, up_pictures);
  // What the float network gives with the quantized weights and the corrected biases.
  Network corrected = q.network;
  ConvTranspose2d& l = corrected[1].op.get<ConvTranspose2d>();
  const xt::xtensor<float, 4> weight = l.weight;
  fake_quantize_forward(weight, *q.weight[1], l.weight);
  const Array x = pictures(detail::first_indices(up_pictures)), was = run(n, x), now = run(corrected, x);
  std::vector<double> shift(4);
  for (std::size_t i = 0; i < was.size(); ++i)
    shift[i % 4] += (double(now.data()[i]) - double(was.data()[i])) / double(was.size() / 4);
  for (const double v : shift) CHECK(std::abs(v) < 1e-6);
  CHECK(test::largest_difference(was, now) > 0.01);
  CHECK(Operator(s.layer(1))->weighted()->reach() == 0.25);
  CHECK(Operator(shapes[1].layer(1))->weighted()->reach() == 1);

  // With borders it is a help: not all of the shift, most of it.
  const Network whole = folded_decoder();
  const test::DrawnPictures of_whole{&whole, 0.5F};
  o.weight_bits = 4;
  QuantizedNetwork before = quantize(whole, calibrate(whole, of_whole, up_pictures, MinMaxObserver<float>()), o), after = before;
  correct_bias(after, of_whole, up_pictures);
  const Array pixels = of_whole(detail::first_indices(up_pictures)), right = run(whole, pixels);
  const auto bias_error = [&](const QuantizedNetwork& some) {
    FakeQuantExecutor executor(some);
    const Array y = executor.forward(pixels);
    std::vector<double> mean(5);
    for (std::size_t i = 0; i < y.size(); ++i)
      mean[i % 5] += (double(y.data()[i]) - double(right.data()[i])) / double(up_pictures);
    double sum = 0;
    for (const double v : mean) sum += std::abs(v);
    return sum;
  };
  CHECK(bias_error(after) < 0.5 * bias_error(before));
  CHECK(!verify(after, of_whole(detail::first_indices(2))));
}

TEST_CASE("ConvTranspose2d: factors on channels move through it", "[conv_transpose2d]") {
  const Network n = folded_decoder();
  const test::DrawnPictures pictures{&n};
  const Array x = pictures(detail::first_indices(3)), y = run(n, x);
  RescalePassOptions o;
  o.conv_to_depthwise = o.conv_to_conv = true;
  for (const bool paper : {false, true}) {
    CAPTURE(paper);
    Network changed = n;
    ChannelMaxima maxima = channel_maxima(changed, pictures, up_pictures);
    const NetworkRescaling r = paper ? rescale_dws(changed, maxima, o) : equalize(changed, maxima, o);
    std::vector<std::string> pairs;
    for (const RescaledPair& p : r.pairs) pairs.push_back(n[p.producer].name + " > " + n[p.consumer].name);
    CHECK(pairs == std::vector<std::string>{"grouped > up2", "up2 > up3", "up in groups > logits"});
    std::string reasons;
    for (const LeftAlone& l : r.left_alone) reasons += l.name + ": " + l.reason + "; ";
    CHECK_THAT(reasons, ContainsSubstring("up: grouped is a convolution in 2 groups"));
    CHECK_THAT(reasons, ContainsSubstring("up3: up in groups is a transposed convolution in 2 groups"));
    CHECK(test::largest_difference(run(changed, x), y) < 1e-4);
    const auto weight = [](const Network& of) -> const xt::xtensor<float, 4>& {
      return of[test::node_named(of, "up2")].op.get<ConvTranspose2d>().weight;
    };
    CHECK(weight(changed) != weight(n));
  }
}
