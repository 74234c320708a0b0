#pragma once
/// \file
/// The backward of a quantized layer with weights: to the factors of its weights, and to its input.

#include <algorithm>
#include <cstdint>
#include <span>
#include <trimtab/core/large_pages.hpp>
#include <trimtab/net/execute/quantized_weights.hpp>
#include <trimtab/net/quantize/factors.hpp>
#include <trimtab/ops/bias.hpp>
#include <trimtab/ops/conv2d_int16.hpp>
#include <trimtab/ops/fake_quantize.hpp>
#include <trimtab/ops/grid_steps.hpp>
#include <vector>

namespace trimtab::detail {

/// Gradients of one layer's factors, each added into; empty where there are none.
struct WeightFactorGradients {
  std::span<float> threshold, pointwise_weight, pointwise_bias;
};

/// The backward of a layer with weights, and the memory it keeps from layer to layer.
class WeightedBackward {
 public:
  /// Adds dloss/dfactor of the weights' thresholds and, where they are trained, of the point-wise factors. `grad`: dloss/doutput;
  /// `x`: the input's codes.
  void factors(const WeightedLayer& layer, const QuantizedWeights& weights, NodeId id, const TensorView<const float>& grad,
               const CodeInput& x, TrainedSet trained, const WeightFactorGradients& to) {
    const bool pointwise = trained.pointwise && !to.pointwise_weight.empty();
    if (!trained.weights && !pointwise) return;
    if (weights.in_int16(id) && !pointwise) {
      threshold_factors(layer.int16_geometry(x.codes.extent), weights[id].int16, grad, x.codes, x.grid, to.threshold);
      return;
    }
    const AnyQuantizer& quantizer = *weights.network().weight[id];
    const TensorView<float> reals(grown(reals_, x.codes.size()), x.codes.extent);
    bytes_to_reals(x.codes.data, x.codes.size(), x.grid, reals.data);
    const TensorView<const float> weight = layer.weight();
    const TensorView<float> grad_weight(grown(grad_weight_, weight.size()), weight.extent);
    std::fill_n(grad_weight.data, grad_weight.size(), 0.0F);
    layer.backward_weight(grad, reals, grad_weight);
    const std::vector<float>& effective = weights[id].effective;
    const TensorView<const float> quantized(effective.empty() ? weight.data : effective.data(), weight.extent);
    std::vector<float> unwanted(trained.weights ? 0 : to.threshold.size());
    const std::span<float> of_threshold = trained.weights ? to.threshold : std::span<float>(unwanted);
    if (!pointwise) {
      fake_quantize_backward_factors(grad_weight, quantized, quantizer, of_threshold);
      return;
    }
    const TensorView<float> grad_effective(grown(reals_, weight.size()), weight.extent);
    std::fill_n(grad_effective.data, grad_effective.size(), 0.0F);
    fake_quantize_backward(grad_weight, quantized, quantizer, grad_effective, of_threshold);
    for (std::size_t i = 0; i < to.pointwise_weight.size(); ++i)
      to.pointwise_weight[i] += grad_effective.data[i] * weight.data[i];
    const std::span<const float> bias = layer.bias();
    std::vector<float> grad_bias(bias.size());
    bias_backward(grad, grad_bias);
    for (std::size_t i = 0; i < grad_bias.size(); ++i) to.pointwise_bias[i] += grad_bias[i] * bias[i];
  }

  /// dloss/dinput, added to or written as the claim says.
  static void input(const WeightedLayer& layer, const QuantizedWeights& weights, NodeId id, const TensorView<const float>& grad,
                    const InputGradients::Claim& to) {
    if (weights.in_int16(id)) {
      const Int16Weights& w = weights[id].int16;
      conv2d_backward_input_int16(layer.int16_geometry(to.grad.extent), grad.data, w.codes(), w.scale(), to.grad.data, to.mode);
      return;
    }
    layer.backward_input(grad, view(weights[id].weight), to.grad, to.mode);
  }

 private:
  /// The weights' gradient times their derivative by a factor is what the layer would put out with that derivative for weights,
  /// times the output's gradient: sum over k of (sum over m of grad[m][o] x[m][k]) r[k][o] = sum over m of grad[m][o] (sum over k
  /// of x[m][k] r[k][o]).
  static void threshold_factors(const WindowGeometry& g, const Int16Weights& weights, const TensorView<const float>& grad,
                                const TensorView<const std::uint8_t>& x, const Affine<float>& grid, std::span<float> to) {
    const std::size_t channels = to.size() / weights.derivatives().size();
    for (std::size_t i = 0; i < weights.derivatives().size(); ++i) {
      const Int16Weights::Derivative& d = weights.derivatives()[i];
      if (d.step.empty()) continue;
      std::vector<double> sums(g.out_c), total(channels);
      conv2d_backward_derivative_int16(g, grad.data, x.data, grid.zero_point, d.r, sums);
      for (std::size_t o = 0; o < sums.size(); ++o)
        total[channels == 1 ? 0 : o] += double(grid.scale) * double(d.step[o]) * sums[o];
      for (std::size_t c = 0; c < channels; ++c) to[i * channels + c] += static_cast<float>(total[c]);
    }
  }

  std::vector<float, LargePages<float>> reals_;
  std::vector<float> grad_weight_;
};

}  // namespace trimtab::detail
