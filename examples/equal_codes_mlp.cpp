// An MLP on Eigen, of the library's operators alone: quantized to 4-bit weights, trained without labels, deployed. At the end
// every code of the graph that was trained is compared with those of the int8 kernels.

#include <cstdio>
#include <random>
#include <trimtab/core/adapt_eigen.hpp>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/ops/activation.hpp>
#include <trimtab/ops/fake_quantize.hpp>
#include <trimtab/ops/grid_steps.hpp>
#include <trimtab/ops/linear.hpp>
#include <trimtab/quant/fit.hpp>
#include <trimtab/train/factor_optimizer.hpp>
#include <trimtab/train/loss.hpp>
#include <trimtab/transform/lower.hpp>

using namespace trimtab;
template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Matrix = RowMajor<float>;
using Codes = RowMajor<std::uint8_t>;
constexpr Eigen::Index batch = 64;

std::mt19937 generator(1);
Matrix draw(Eigen::Index rows, Eigen::Index columns, float deviation) {
  std::normal_distribution<float> normal(0, deviation);
  return Matrix::NullaryExpr(rows, columns, [&] { return normal(generator); });
}

/// A float layer, weight O I, and its activation.
struct Layer {
  Matrix weight;
  Eigen::VectorXf bias;
  Clip clip;

  Matrix operator()(const Matrix& x) const {
    Matrix y(x.rows(), weight.rows());
    linear_forward(x, weight, bias, y);
    clip_forward(y, clip.lo, clip.hi, y);
    return y;
  }
};

/// The layer as it is trained. Its forward runs on codes; what backward needs stays here.
struct TrainedLayer {
  const Layer& layer;
  AdjustableThreshold<float> of_weight;
  AdjustableRange<float> of_output;
  LoweredLayer integers = {};
  Matrix steps = {};

  Affine<float> grid() const { return clipped(of_output.grid(0), layer.clip); }

  Codes forward(const Codes& x, const Affine<float>& grid_x, int8::Workspace& workspace) {
    integers = lower(layer.weight, layer.bias, grid_x, of_weight, grid());
    const int8::PackedConv2d packed = int8::pack_linear(integers.weight());
    steps.resize(x.rows(), layer.weight.rows());
    Codes y(steps.rows(), steps.cols());
    int8::linear(x, grid_x.zero_point, packed, integers.bias, integers.multiplier, steps, workspace);
    steps_to_codes(steps, grid(), y);
    return y;
  }
  /// grad: of the real output. Gives that of the real input.
  Matrix backward(const Matrix& x, Matrix grad, FactorOptimizer<float>& optimizer) const {
    Matrix weight(layer.weight.rows(), layer.weight.cols()), grad_weight = Matrix::Zero(weight.rows(), weight.cols());
    dequantize(integers.weight(), of_weight, weight);
    steps_backward(steps, layer.clip, of_output, grad, optimizer.gradients(of_output));
    linear_backward_weight(grad, x, grad_weight);
    fake_quantize_backward_factors(grad_weight, layer.weight, of_weight, optimizer.gradients(of_weight));
    Matrix grad_x = Matrix::Zero(x.rows(), x.cols());
    linear_backward_input(grad, weight, grad_x);
    return grad_x;
  }
};

/// The layer as it is deployed: integers, packed once.
struct Int8Layer {
  Affine<float> grid_x, grid_y;
  LoweredLayer integers;
  int8::PackedConv2d packed = int8::pack_linear(integers.weight());

  Codes operator()(const Codes& x, int8::Workspace& workspace) const {
    Codes y(x.rows(), static_cast<Eigen::Index>(packed.out_channels()));
    int8::linear(x, grid_x.zero_point, packed, integers.bias, integers.requantize(grid_y), y, workspace);
    return y;
  }
};

int main() {
  const Layer layers[] = {{draw(96, 48, 0.2F), draw(96, 1, 0.3F), relu},
                          {draw(64, 96, 0.15F), draw(64, 1, 0.3F), relu6},
                          {draw(10, 64, 0.2F), draw(10, 1, 0.3F), no_clip}};
  // Grids from 512 inputs: unsigned 8-bit codes for what flows, signed 4-bit ones for weights, a threshold for each of their
  // rows.
  Matrix x = draw(512, 48, 1);
  AdjustableRange<float> of_input = fit_range(x, unsigned_codes());
  std::vector<TrainedLayer> trained;
  for (const Layer& layer : layers) {
    x = layer(x);
    trained.push_back({layer, fit_threshold(layer.weight, signed_codes(4), per_channel(0)), fit_range(x, unsigned_codes())});
  }

  FactorOptimizer<float> optimizer(of_input);
  for (TrainedLayer& l : trained) optimizer.add(l.of_weight), optimizer.add(l.of_output);
  int8::Workspace workspace;
  std::vector<Codes> codes(4);  // of the input and of each layer's output
  const auto forward = [&](const Matrix& input) {
    codes[0].resize(input.rows(), input.cols());
    quantize(input, of_input, codes[0]);
    for (std::size_t i = 0; i < 3; ++i)
      codes[i + 1] = trained[i].forward(codes[i], i == 0 ? of_input.grid(0) : trained[i - 1].grid(), workspace);
  };
  const auto real = [&](std::size_t i) {
    Matrix y(codes[i].rows(), codes[i].cols());
    dequantize(codes[i], i == 0 ? of_input : trained[i - 1].of_output, y);
    return y;
  };
  double first = 0, last = 0;
  for (int step = 0; step < 200; ++step) {
    const Matrix input = draw(batch, 48, 1), teacher = layers[2](layers[1](layers[0](input)));
    forward(input);
    Matrix grad = Matrix::Zero(batch, 10);
    const double loss = rmse_loss(teacher, real(3), grad);
    for (std::size_t i = 3; i-- > 0;) grad = trained[i].backward(real(i), grad, optimizer);
    fake_quantize_backward_factors(grad, input, of_input, optimizer.gradients(of_input));
    optimizer.step(3e-3);
    (step < 20 ? first : last) += step < 20 || step >= 180 ? loss / 20 : 0;
  }
  std::printf("loss of the first 20 steps %.4f, of the last 20 %.4f\n", first, last);

  std::vector<Int8Layer> deployed;
  Affine<float> grid_x = of_input.grid(0);
  for (const TrainedLayer& l : trained) {
    deployed.push_back({grid_x, l.grid(), lower(l.layer.weight, l.layer.bias, grid_x, l.of_weight, l.grid())});
    grid_x = l.grid();
  }
  forward(draw(1000, 48, 1));
  long differ = 0, all = 0;
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    Codes y = codes[0];
    for (std::size_t i = 0; i < 3; ++i) {
      y = deployed[i](y, workspace);
      differ += (y.array() != codes[i + 1].array()).count(), all += y.size();
    }
  }
  std::printf("codes of the trained graph and of int8 kernels: %ld of %ld differ\n", differ, all);
  return differ == 0 && last < first ? 0 : 1;
}
