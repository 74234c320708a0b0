#pragma once
/// \file
/// Bias correction of whole networks, from the means that channels take on calibration pictures.

#include <cstddef>
#include <span>
#include <trimtab/core/parallel.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/quantize/lower_layer.hpp>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <trimtab/ops/fake_quantize.hpp>
#include <trimtab/transform/correct_bias.hpp>
#include <trimtab/transform/reestimate_batch_norm.hpp>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

/// Sums over pictures and places of each channel, the last axis, and of its squares. Blocks of rows are summed on several threads
/// and added in their order.
class ChannelSums {
 public:
  void add(const float* x, std::size_t size, std::size_t channels) {
    sum_.resize(2 * channels, 0.0);
    const std::size_t rows = size / channels, block = 256, blocks = (rows + block - 1) / block;
    std::vector<double> part(blocks * 2 * channels, 0.0);
    parallel_for(blocks, [&](std::size_t b) {
      double* sum = part.data() + b * 2 * channels;
      for (std::size_t r = b * block; r < std::min(rows, (b + 1) * block); ++r)
        for (std::size_t c = 0; c < channels; ++c) {
          const double v = double(x[r * channels + c]);
          sum[c] += v;
          sum[channels + c] += v * v;
        }
    });
    for (std::size_t i = 0; i < part.size(); ++i) sum_[i % (2 * channels)] += part[i];
    rows_ += rows;
  }
  /// Of `scale` times the numbers.
  ChannelMoments moments(double scale = 1) const {
    ChannelMoments m;
    const std::size_t channels = sum_.size() / 2;
    for (std::size_t c = 0; c < channels; ++c) {
      const double mean = scale * sum_[c] / double(rows_);
      m.mean.push_back(mean);
      m.variance.push_back(std::max(0.0, scale * scale * sum_[channels + c] / double(rows_) - mean * mean));
    }
    return m;
  }

 private:
  std::vector<double> sum_;
  std::size_t rows_ = 0;
};

/// Batches of the first `count` pictures, an array for each input, few enough for the memory.
template <PictureSource Pictures, class Body>
void for_calibration_batches(const Pictures& pictures, std::size_t count, const char* what, const Body& body) {
  if (count == 0) throw value_error(message(what, ": no pictures to calibrate on"));
  const std::vector<std::size_t> indices = first_indices(count);
  for_each_batch(indices, 8, {}, [&](std::span<const std::size_t> some) { body(batch_of(pictures, some)); });
}

inline std::vector<double> mean_shift_of(const WeightedLayer& layer, const AnyQuantizer& quantizer,
                                         const std::vector<double>& input_means) {
  const TensorView<const float> weight = layer.weight();
  std::vector<float> numbers(weight.size());
  TensorView<float> quantized(numbers.data(), weight.extent);
  fake_quantize_forward(weight, quantizer, quantized);
  std::vector<double> means = input_means;
  for (double& mean : means) mean *= layer.reach();
  return mean_shift(weight, quantized, layer.output_axis(), layer.input_axis(), means, layer.groups());
}

}  // namespace detail

/// Takes from each bias what quantization of the layer's own weights adds to its outputs' means: (W_q - W) E[x], with the means
/// E[x] of the float network on the first `count` pictures. `q`: every layer with weights has a bias, as after fold_batch_norm.
/// Throws value_error when count is 0, shape_error where there is no bias.
template <PictureSource Pictures>
void correct_bias(QuantizedNetwork& q, const Pictures& pictures, std::size_t count) {
  std::vector<detail::ChannelSums> sums(q.network.size());
  FloatExecutor executor(q.network);
  detail::for_calibration_batches(pictures, count, "correct_bias", [&](const std::vector<Array>& x) {
    executor.run_outputs(x, [&](NodeId id, const TensorView<const float>& y) {
      const Extents& extent = q.network[id].extent;
      sums[id].add(y.data, y.size(), extent.size() == 0 ? 1 : extent.back());
    });
  });
  for (NodeId id = 0; id < q.network.size(); ++id)
    if (q.weight[id]) {
      const Operator effective = effective_layer(q.network[id].op, q.pointwise[id]);
      TensorView<float> bias = detail::view_of(q.network[id].op->weighted()->bias());
      correct_bias(bias,
                   detail::mean_shift_of(*effective->weighted(), *q.weight[id], sums[q.network[id].inputs[0]].moments().mean));
    }
}

}  // namespace trimtab
