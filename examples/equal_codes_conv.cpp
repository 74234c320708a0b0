// Convolution, depthwise and pointwise with batch norms and ReLU6 on xtensor, of the library's operators alone: folded, rescaled,
// quantized to one 8-bit threshold a layer, trained without labels, deployed. At the end every code of the trained graph is
// compared with those of int8 kernels.

#include <cstdio>
#include <optional>
#include <random>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/int8/depthwise_conv2d.hpp>
#include <trimtab/ops/activation.hpp>
#include <trimtab/ops/batch_norm.hpp>
#include <trimtab/ops/conv2d.hpp>
#include <trimtab/ops/depthwise_conv2d.hpp>
#include <trimtab/ops/fake_quantize.hpp>
#include <trimtab/ops/grid_steps.hpp>
#include <trimtab/quant/fit.hpp>
#include <trimtab/quant/observer.hpp>
#include <trimtab/train/factor_optimizer.hpp>
#include <trimtab/train/loss.hpp>
#include <trimtab/transform/fold_batch_norm.hpp>
#include <trimtab/transform/lower.hpp>
#include <trimtab/transform/rescale_dws.hpp>

using namespace trimtab;
using Images = xt::xtensor<float, 4>;  // N H W C
using Codes = xt::xtensor<std::uint8_t, 4>;
constexpr std::size_t side = 12, channels = 24, classes = 10;
constexpr float epsilon = 1e-5F;

std::mt19937 generator(1);
template <class Container>
Container draw(const typename Container::shape_type& shape, float mean, float deviation) {
  Container values = Container::from_shape(shape);
  std::normal_distribution<float> normal(mean, deviation);
  for (float& v : values) v = normal(generator);
  return values;
}
using Weight = xt::xarray<float>;  // O KH KW I, or KH KW C: the rank tells
using Vector = xt::xtensor<float, 1>;

struct BatchNorm {
  Vector gamma, beta, mean, variance;
};
BatchNorm draw_norm(std::size_t n) {
  BatchNorm b{draw<Vector>({n}, 0.5F, 0.15F), draw<Vector>({n}, 0.3F, 0.2F), draw<Vector>({n}, 0, 0.1F),
              draw<Vector>({n}, 1, 0.1F)};
  for (std::size_t c = 0; c < n; ++c)
    b.gamma(c) *= c % 6 == 0 ? 4.0F : c % 6 == 1 ? 0.05F : 1.0F;  // channels of very different sizes
  return b;
}

/// A float layer, weight O KH KW I or, depthwise, KH KW C. Its batch norm is there until it is folded.
struct Layer {
  Weight weight;
  Vector bias;
  WindowOptions window;
  Clip clip;
  std::optional<BatchNorm> norm;

  bool is_depthwise() const { return weight.dimension() == 3; }
  template <class T>
  xt::xtensor<T, 4> output(std::size_t n, std::size_t h) const {  // images are square, windows are padded
    h = (h + window.stride_h - 1) / window.stride_h;
    return xt::xtensor<T, 4>::from_shape({n, h, h, bias.size()});
  }
  Images before_clip(const Images& x) const {
    Images y = output<float>(x.shape(0), x.shape(1));
    if (is_depthwise())
      depthwise_conv2d_forward(x, weight, bias, window, y);
    else
      conv2d_forward(x, weight, bias, window, y);
    if (norm) batch_norm_forward(y, norm->gamma, norm->beta, norm->mean, norm->variance, epsilon, y);
    return y;
  }
  Images operator()(const Images& x) const {
    Images y = before_clip(x);
    clip_forward(y, clip.lo, clip.hi, y);
    return y;
  }
  void fold() {
    fold_batch_norm(weight, bias, norm->gamma, norm->beta, norm->mean, norm->variance, epsilon);
    norm.reset();
  }
};

/// A layer's integers, packed for the kernels, which write steps (float) or codes as `result` says.
struct Int8Layer {
  Affine<float> grid_x, grid_y;
  LoweredLayer integers;
  int8::PackedConv2d conv = {};
  int8::PackedDepthwise depthwise = {};

  Int8Layer(const Layer& l, const Affine<float>& x, const AdjustableThreshold<float>& of_weight, const Affine<float>& y)
      : grid_x(x), grid_y(y), integers(lower(l.weight, l.bias, x, of_weight, y)) {
    if (l.is_depthwise())
      depthwise = int8::pack_depthwise_conv2d(integers.weight());
    else
      conv = int8::pack_conv2d(integers.weight());
  }
  template <class Result, class Y>
  void run(const Layer& l, const Codes& x, const Result& result, Y& y, int8::Workspace& workspace) const {
    if (l.is_depthwise())
      int8::depthwise_conv2d(x, grid_x.zero_point, depthwise, integers.bias, l.window, result, y, workspace);
    else
      int8::conv2d(x, grid_x.zero_point, conv, integers.bias, l.window, result, y, workspace);
  }
};

/// The layer as it is trained. Its forward runs on codes; what backward needs stays here.
struct TrainedLayer {
  const Layer& layer;
  AdjustableThreshold<float> of_weight;
  AdjustableRange<float> of_output;
  std::optional<Int8Layer> integers = {};
  Images steps = {};

  Affine<float> grid() const { return clipped(of_output.grid(0), layer.clip); }

  Codes forward(const Codes& x, const Affine<float>& grid_x, int8::Workspace& workspace) {
    integers.emplace(layer, grid_x, of_weight, grid());
    steps = layer.output<float>(x.shape(0), x.shape(1));
    Codes y = layer.output<std::uint8_t>(x.shape(0), x.shape(1));
    integers->run(layer, x, integers->integers.multiplier, steps, workspace);
    steps_to_codes(steps, grid(), y);
    return y;
  }
  /// grad: of the real output. Gives that of the real input.
  Images backward(const Images& x, Images grad, FactorOptimizer<float>& optimizer) const {
    Weight weight = layer.weight, grad_weight = xt::zeros_like(weight);
    Images grad_x = xt::zeros_like(x);
    dequantize(integers->integers.weight(), of_weight, weight);
    steps_backward(steps, layer.clip, of_output, grad, optimizer.gradients(of_output));
    if (layer.is_depthwise()) {
      depthwise_conv2d_backward_weight(grad, x, layer.window, grad_weight);
      depthwise_conv2d_backward_input(grad, weight, layer.window, grad_x);
    } else {
      conv2d_backward_weight(grad, x, layer.window, grad_weight);
      conv2d_backward_input(grad, weight, layer.window, grad_x);
    }
    fake_quantize_backward_factors(grad_weight, layer.weight, of_weight, optimizer.gradients(of_weight));
    return grad_x;
  }
};

int main() {
  const WindowOptions same{1, 1, {1, 1, 1, 1}}, half{2, 2, {1, 1, 1, 1}};
  Layer layers[] = {
      {draw<Weight>({channels, 3, 3, 3}, 0, 0.3F), draw<Vector>({channels}, 0, 0.1F), half, relu6, draw_norm(channels)},
      {draw<Weight>({3, 3, channels}, 0, 0.4F), draw<Vector>({channels}, 0, 0.1F), same, relu6, draw_norm(channels)},
      {draw<Weight>({classes, 1, 1, channels}, 0, 0.3F), draw<Vector>({classes}, 0, 0.1F), {}, no_clip, draw_norm(classes)}};
  const auto run = [&](const Images& x) { return layers[2](layers[1](layers[0](x))); };
  const Images calibration = draw<Images>({64, side, side, 3}, 0, 1), wanted = run(calibration);

  // The float network, made ready: batch norms folded, channels of the depthwise layer evened out as far as ReLU6 lets them.
  for (Layer& l : layers) l.fold();
  std::vector<float> maxima;
  MinMaxObserver<float> observer(per_channel(3));
  observer.observe(layers[1].before_clip(layers[0](calibration)));
  for (const Range<float>& r : observer.ranges()) maxima.push_back(r.right);
  const Rescaling rescaling = rescale_dws(layers[1].weight, layers[1].bias, layers[2].weight, maxima, 6);
  const double change = rmse_loss(wanted, run(calibration)), scale = rmse_loss(wanted, Images(xt::zeros_like(wanted)));
  std::printf("%zu of %zu channels locked; the float network changed by %.1e of its output\n", rescaling.locked.size(), channels,
              change / scale);

  Images x = calibration;
  AdjustableRange<float> of_input = fit_range(x, unsigned_codes());
  std::vector<TrainedLayer> trained;
  for (const Layer& layer : layers) {
    x = layer(x);
    trained.push_back({layer, fit_threshold(layer.weight, signed_codes()), fit_range(x, unsigned_codes())});
  }
  FactorOptimizer<float> optimizer(of_input);
  for (TrainedLayer& l : trained) optimizer.add(l.of_weight), optimizer.add(l.of_output);
  int8::Workspace workspace;
  std::vector<Codes> codes(4);  // of the input and of each layer's output
  const auto forward = [&](const Images& input) {
    codes[0] = Codes::from_shape(input.shape());
    quantize(input, of_input, codes[0]);
    for (std::size_t i = 0; i < 3; ++i)
      codes[i + 1] = trained[i].forward(codes[i], i == 0 ? of_input.grid(0) : trained[i - 1].grid(), workspace);
  };
  const auto real = [&](std::size_t i) {
    Images y = Images::from_shape(codes[i].shape());
    dequantize(codes[i], i == 0 ? of_input : trained[i - 1].of_output, y);
    return y;
  };
  double first = 0, last = 0;
  for (int step = 0; step < 60; ++step) {
    const Images input = draw<Images>({16, side, side, 3}, 0, 1), teacher = run(input);
    forward(input);
    Images grad = xt::zeros_like(teacher);
    const double loss = rmse_loss(teacher, real(3), grad);
    for (std::size_t i = 3; i-- > 0;) grad = trained[i].backward(real(i), grad, optimizer);
    fake_quantize_backward_factors(grad, input, of_input, optimizer.gradients(of_input));
    optimizer.step(1e-2);
    (step < 10 ? first : last) += step < 10 || step >= 50 ? loss / 10 : 0;
  }
  std::printf("loss of the first 10 steps %.4f, of the last 10 %.4f\n", first, last);

  std::vector<Int8Layer> deployed;
  for (std::size_t i = 0; i < 3; ++i)
    deployed.emplace_back(layers[i], i == 0 ? of_input.grid(0) : trained[i - 1].grid(), trained[i].of_weight, trained[i].grid());
  forward(draw<Images>({32, side, side, 3}, 0, 1));
  std::size_t differ = 0, all = 0;
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    Codes y = codes[0];
    for (std::size_t i = 0; i < 3; ++i) {
      Codes next = Codes::from_shape(codes[i + 1].shape());
      deployed[i].run(layers[i], y, deployed[i].integers.requantize(deployed[i].grid_y), next, workspace);
      y = next;
      for (std::size_t k = 0; k < y.size(); ++k) differ += y.data()[k] != codes[i + 1].data()[k];
      all += y.size();
    }
  }
  std::printf("codes of the trained graph and of int8 kernels: %zu of %zu differ\n", differ, all);
  return differ == 0 && change < 1e-5 * scale && last < first ? 0 : 1;
}
