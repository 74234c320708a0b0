#pragma once
/// \file
/// Bias correction and batch-norm re-estimation of whole networks, from what channels take on calibration pictures.

#include <cstddef>
#include <span>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/progress.hpp>
#include <trimtab/net/calibrate.hpp>
#include <trimtab/net/channel_maxima.hpp>
#include <trimtab/net/fake_quant_executor.hpp>
#include <trimtab/net/lower.hpp>
#include <trimtab/net/quantized_network.hpp>
#include <trimtab/transform/correct_bias.hpp>
#include <trimtab/transform/reestimate_batch_norm.hpp>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

/// Sums over pictures and places of each channel, the last axis, and of its squares. Blocks of rows are summed on several threads and added
/// in their order.
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

/// Batches of the first `count` pictures, few enough for the memory.
template <PictureSource Pictures, class Body>
void for_calibration_batches(const Pictures& pictures, std::size_t count, const char* what, const Body& body) {
  if (count == 0) throw value_error(message(what, ": no pictures to calibrate on"));
  const std::vector<std::size_t> indices = first_indices(count);
  for_each_batch(indices, 8, {}, [&](std::span<const std::size_t> some) { body(Array(pictures(some))); });
}

template <WeightedLayer L>
std::vector<double> mean_shift_of(const L& layer, const AnyQuantizer& quantizer, const std::vector<double>& input_means) {
  L quantized = layer;
  fake_quantize_forward(layer.weight, quantizer, quantized.weight);
  if constexpr (std::is_same_v<L, Conv2d>) return mean_shift(layer.weight, quantized.weight, 0, 3, input_means, layer.groups);
  if constexpr (std::is_same_v<L, DepthwiseConv2d>) return mean_shift(layer.weight, quantized.weight, 2, 2, input_means);
  if constexpr (std::is_same_v<L, Linear>) return mean_shift(layer.weight, quantized.weight, 0, 1, input_means);
}

}  // namespace detail

/// Takes from each bias what quantization of the layer's own weights adds to its outputs' means: (W_q - W) E[x], with the means
/// E[x] of the float network on the first `count` pictures. `q`: every layer with weights has a bias, as after fold_batch_norm.
/// Throws value_error when count is 0, shape_error where there is no bias.
template <PictureSource Pictures>
void correct_bias(QuantizedNetwork& q, const Pictures& pictures, std::size_t count) {
  std::vector<detail::ChannelSums> sums(q.network.size());
  detail::for_calibration_batches(pictures, count, "correct_bias", [&](const Array& x) {
    run(q.network, x, [&](NodeId id, const Array& y) { sums[id].add(y.data(), y.size(), q.network[id].extent.back()); });
  });
  for (NodeId id = 0; id < q.network.size(); ++id)
    detail::with_weights(q.network[id].op, [&](auto& layer) {
      const auto effective = effective_layer(layer, q.pointwise[id]);
      correct_bias(layer.bias, detail::mean_shift_of(effective, *q.weight[id], sums[q.network[id].inputs[0]].moments().mean));
    });
}

/// Layer by layer, gives each channel of the quantized network as deployed, all earlier layers done, the mean and the variance, before the
/// activation, that it has in the float network `teacher` (the one that `q` was made of): transform/reestimate_batch_norm.hpp. Without
/// `variances` the biases alone move, and the means are right. Catches what activations lose, too, and what borders do; costs half a run over
/// the pictures, or one, for each layer with weights. Point-wise factors become part of the weights and are 1 afterwards; thresholds are calibrated to
/// the weights anew, and keep their factors. `options`: those that q was made with. Errors as above; shape_error when the networks differ.
template <PictureSource Pictures>
void reestimate_batch_norm(QuantizedNetwork& q, const Network& teacher, const Pictures& pictures, std::size_t count,
                           const QuantizationOptions& options, bool variances = true, const Progress& progress = {}) {
  const std::size_t nodes = q.network.size();
  if (teacher.size() != nodes)
    throw shape_error(detail::message("reestimate_batch_norm: a teacher of ", teacher.size(), " nodes for ", nodes));
  std::vector<detail::ChannelSums> wanted(nodes);
  const detail::Unfused unfused = detail::unfuse_clips(teacher);
  std::vector<NodeId> layer_at(unfused.network.size(), nodes);
  for (NodeId id = 0; id < nodes; ++id)
    if (q.weight[id]) layer_at[unfused.layer[id]] = id;
  detail::for_calibration_batches(pictures, count, "reestimate_batch_norm", [&](const Array& x) {
    run(unfused.network, x, [&](NodeId at, const Array& y) {
      if (layer_at[at] != nodes) wanted[layer_at[at]].add(y.data(), y.size(), y.shape(y.dimension() - 1));
    });
  });
  FakeQuantExecutor executor(q);
  for (NodeId id = 0; id < nodes; ++id) {
    detail::with_weights(q.network[id].op, [&](auto& layer) {
      layer = effective_layer(layer, q.pointwise[id]);
      std::fill(q.pointwise[id].weight.begin(), q.pointwise[id].weight.end(), 1.0F);
      std::fill(q.pointwise[id].bias.begin(), q.pointwise[id].bias.end(), 1.0F);
      const ChannelMoments then = wanted[id].moments();
      const auto measure = [&] {
        detail::ChannelSums got;
        detail::for_calibration_batches(pictures, count, "reestimate_batch_norm", [&](const Array& x) {
          executor.forward_up_to(id, x);
          got.add(executor.steps(id).data(), executor.steps(id).size(), layer.bias.size());
        });
        return got.moments(double(executor.grid(id).scale));
      };
      if (variances) {
        reestimate_batch_norm(layer.weight, detail::channel_axis(layer), layer.bias, measure(), then);
        AnyQuantizer fresh = detail::weight_quantizer(layer, q.output_grid(q.network[id].inputs[0]).scale, options);
        std::copy(q.weight[id]->factors().begin(), q.weight[id]->factors().end(), fresh.factors().begin());
        q.weight[id] = std::move(fresh);
        executor.refresh(id);
      }
      // Means alone, and last: weights that were scaled may have fallen on other codes.
      ChannelMoments now = measure();
      now.variance = then.variance;
      reestimate_batch_norm(layer.weight, detail::channel_axis(layer), layer.bias, now, then);
      executor.refresh(id);
    });
    if (progress) progress(id + 1, nodes);
  }
}

}  // namespace trimtab
