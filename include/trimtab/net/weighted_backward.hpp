#pragma once
/// \file
/// The backward of a quantized layer with weights: to the factors of its weights, and to its input.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include <trimtab/core/large_pages.hpp>
#include <trimtab/net/factors.hpp>
#include <trimtab/net/quantized_weights.hpp>
#include <trimtab/ops/bias.hpp>
#include <trimtab/ops/conv2d.hpp>
#include <trimtab/ops/conv2d_int16.hpp>
#include <trimtab/ops/depthwise_conv2d.hpp>
#include <trimtab/ops/fake_quantize.hpp>
#include <trimtab/ops/grid_steps.hpp>
#include <trimtab/ops/linear.hpp>

namespace trimtab::detail {

inline WindowGeometry geometry_of(const Conv2d& l, const Extents& x) { return conv2d_geometry(x, view(l.weight).extent, l.window, l.groups, "Conv2d"); }
inline WindowGeometry geometry_of(const Linear& l, const Extents& x) { return linear_geometry(x[0], l.weight.shape(1), l.weight.shape(0)); }

inline void backward_weight(const Conv2d& l, const TensorView<const float>& grad, const TensorView<const float>& x, const TensorView<float>& to) {
  conv2d_backward_weight(grad, x, l.window, l.groups, to);
}
inline void backward_weight(const DepthwiseConv2d& l, const TensorView<const float>& grad, const TensorView<const float>& x, const TensorView<float>& to) {
  depthwise_conv2d_backward_weight(grad, x, l.window, to);
}
inline void backward_weight(const Linear&, const TensorView<const float>& grad, const TensorView<const float>& x, const TensorView<float>& to) {
  linear_backward_weight(grad, x, to);
}

inline void backward_input(const Conv2d& l, const TensorView<const float>& grad, const Array& weight, const TensorView<float>& to, GradientMode mode) {
  conv2d_backward_input(grad, weight, l.window, l.groups, to, mode);
}
inline void backward_input(const DepthwiseConv2d& l, const TensorView<const float>& grad, const Array& weight, const TensorView<float>& to,
                           GradientMode mode) {
  depthwise_conv2d_backward_input(grad, weight, l.window, to, mode);
}
inline void backward_input(const Linear&, const TensorView<const float>& grad, const Array& weight, const TensorView<float>& to, GradientMode mode) {
  linear_backward_input(grad, weight, to, mode);
}

/// Scratch of at least `size` numbers, which keeps its memory.
template <class Allocator>
float* grown(std::vector<float, Allocator>& scratch, std::size_t size) {
  if (scratch.size() < size) scratch.resize(size);
  return scratch.data();
}

/// Gradients of one layer's factors, each added into; empty where there are none.
struct WeightFactorGradients {
  std::span<float> threshold, pointwise_weight, pointwise_bias;
};

/// The backward of Conv2d, DepthwiseConv2d and Linear, and the memory it keeps from layer to layer.
class WeightedBackward {
 public:
  /// Adds dloss/dfactor of the weights' thresholds and, where they are trained, of the point-wise factors. `grad`: dloss/doutput; `x`: the
  /// input's codes, on `grid`.
  template <WeightedLayer L>
  void factors(const L& layer, const QuantizedWeights& weights, NodeId id, const TensorView<const float>& grad,
               const TensorView<const std::uint8_t>& x, const Affine<float>& grid, TrainedSet trained, const WeightFactorGradients& to) {
    const bool pointwise = trained.pointwise && !to.pointwise_weight.empty();
    if (!trained.weights && !pointwise) return;
    if constexpr (!std::is_same_v<L, DepthwiseConv2d>)
      if (weights.in_int16(id) && !pointwise) {
        threshold_factors(geometry_of(layer, x.extent), weights[id].int16, grad, x, grid, to.threshold);
        return;
      }
    const AnyQuantizer& quantizer = *weights.network().weight[id];
    const TensorView<float> reals(grown(reals_, x.size()), x.extent);
    bytes_to_reals(x.data, x.size(), grid, reals.data);
    const Extents extent = view(layer.weight).extent;
    const TensorView<float> grad_weight(grown(grad_weight_, layer.weight.size()), extent);
    std::fill_n(grad_weight.data, grad_weight.size(), 0.0F);
    backward_weight(layer, grad, reals, grad_weight);
    const std::vector<float>& effective = weights[id].effective;
    const TensorView<const float> quantized(effective.empty() ? layer.weight.data() : effective.data(), extent);
    std::vector<float> unwanted(trained.weights ? 0 : to.threshold.size());
    const std::span<float> of_threshold = trained.weights ? to.threshold : std::span<float>(unwanted);
    if (!pointwise) {
      fake_quantize_backward_factors(grad_weight, quantized, quantizer, of_threshold);
      return;
    }
    const TensorView<float> grad_effective(grown(reals_, layer.weight.size()), extent);
    std::fill_n(grad_effective.data, grad_effective.size(), 0.0F);
    fake_quantize_backward(grad_weight, quantized, quantizer, grad_effective, of_threshold);
    for (std::size_t i = 0; i < to.pointwise_weight.size(); ++i) to.pointwise_weight[i] += grad_effective.data[i] * layer.weight.data()[i];
    std::vector<float> grad_bias(layer.bias.size());
    bias_backward(grad, grad_bias);
    for (std::size_t i = 0; i < grad_bias.size(); ++i) to.pointwise_bias[i] += grad_bias[i] * layer.bias(i);
  }

  /// dloss/dinput, added to or written as `mode` says.
  template <WeightedLayer L>
  static void input(const L& layer, const QuantizedWeights& weights, NodeId id, const TensorView<const float>& grad, const TensorView<float>& to,
                    GradientMode mode) {
    if constexpr (!std::is_same_v<L, DepthwiseConv2d>)
      if (weights.in_int16(id)) {
        const Int16Weights& w = weights[id].int16;
        conv2d_backward_input_int16(geometry_of(layer, to.extent), grad.data, w.codes(), w.scale(), to.data, mode);
        return;
      }
    backward_input(layer, grad, weights[id].weight, to, mode);
  }

 private:
  /// The weights' gradient times their derivative by a factor is what the layer would put out with that derivative for weights, times the
  /// output's gradient: sum over k of (sum over m of grad[m][o] x[m][k]) r[k][o] = sum over m of grad[m][o] (sum over k of x[m][k] r[k][o]).
  static void threshold_factors(const WindowGeometry& g, const Int16Weights& weights, const TensorView<const float>& grad,
                                const TensorView<const std::uint8_t>& x, const Affine<float>& grid, std::span<float> to) {
    const std::size_t channels = to.size() / weights.derivatives().size();
    for (std::size_t i = 0; i < weights.derivatives().size(); ++i) {
      const Int16Weights::Derivative& d = weights.derivatives()[i];
      if (d.step.empty()) continue;
      std::vector<double> sums(g.out_c), total(channels);
      conv2d_backward_derivative_int16(g, grad.data, x.data, grid.zero_point, d.r, sums);
      for (std::size_t o = 0; o < sums.size(); ++o) total[channels == 1 ? 0 : o] += double(grid.scale) * double(d.step[o]) * sums[o];
      for (std::size_t c = 0; c < channels; ++c) to[i * channels + c] += static_cast<float>(total[c]);
    }
  }

  std::vector<float, LargePages<float>> reals_;
  std::vector<float> grad_weight_;
};

}  // namespace trimtab::detail
