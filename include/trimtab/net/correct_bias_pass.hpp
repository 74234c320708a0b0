#pragma once
/// \file
/// Bias correction of whole networks, from the means that channels take on calibration pictures.

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
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

/// Sums over pictures and places of each channel, the last axis. Blocks of rows are summed on several threads and added in their
/// order.
class ChannelMean {
 public:
  void add(const float* x, std::size_t size, std::size_t channels) {
    sum_.resize(channels, 0.0);
    const std::size_t rows = size / channels, block = 256, blocks = (rows + block - 1) / block;
    std::vector<double> part(blocks * channels, 0.0);
    parallel_for(blocks, [&](std::size_t b) {
      for (std::size_t r = b * block; r < std::min(rows, (b + 1) * block); ++r)
        for (std::size_t c = 0; c < channels; ++c) part[b * channels + c] += double(x[r * channels + c]);
    });
    for (std::size_t i = 0; i < part.size(); ++i) sum_[i % channels] += part[i];
    rows_ += rows;
  }
  std::vector<double> mean(double scale = 1) const {
    std::vector<double> m = sum_;
    for (double& v : m) v *= scale / double(rows_);
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
  std::vector<detail::ChannelMean> sums(q.network.size());
  detail::for_calibration_batches(pictures, count, "correct_bias", [&](const Array& x) {
    run(q.network, x, [&](NodeId id, const Array& y) { sums[id].add(y.data(), y.size(), q.network[id].extent.back()); });
  });
  for (NodeId id = 0; id < q.network.size(); ++id)
    detail::with_weights(q.network[id].op, [&](auto& layer) {
      const auto effective = effective_layer(layer, q.pointwise[id]);
      correct_bias(layer.bias, detail::mean_shift_of(effective, *q.weight[id], sums[q.network[id].inputs[0]].mean()));
    });
}

/// Layer by layer, takes from each bias the difference between the means of its channel's outputs, before the activation, in the
/// quantized network as deployed, all earlier layers corrected, and in the float network `teacher` (the one that `q` was made
/// of). Catches what activations lose, too, and what borders do; costs a run over the pictures for each layer with weights.
/// Errors as above; shape_error when the networks differ.
template <PictureSource Pictures>
void correct_bias_by_outputs(QuantizedNetwork& q, const Network& teacher, const Pictures& pictures, std::size_t count,
                             const Progress& progress = {}) {
  const std::size_t nodes = q.network.size();
  if (teacher.size() != nodes)
    throw shape_error(detail::message("correct_bias_by_outputs: a teacher of ", teacher.size(), " nodes for ", nodes));
  std::vector<detail::ChannelMean> wanted(nodes);
  const detail::Unfused unfused = detail::unfuse_clips(teacher);
  std::vector<NodeId> layer_at(unfused.network.size(), nodes);
  for (NodeId id = 0; id < nodes; ++id)
    if (q.weight[id]) layer_at[unfused.layer[id]] = id;
  detail::for_calibration_batches(pictures, count, "correct_bias_by_outputs", [&](const Array& x) {
    run(unfused.network, x, [&](NodeId at, const Array& y) {
      if (layer_at[at] != nodes) wanted[layer_at[at]].add(y.data(), y.size(), y.shape(y.dimension() - 1));
    });
  });
  FakeQuantExecutor executor(q);
  for (NodeId id = 0; id < nodes; ++id) {
    detail::with_weights(q.network[id].op, [&](auto& layer) {
      detail::ChannelMean got;
      detail::for_calibration_batches(pictures, count, "correct_bias_by_outputs", [&](const Array& x) {
        executor.forward(x);
        got.add(executor.steps(id).data(), executor.steps(id).size(), layer.bias.size());
      });
      std::vector<double> shift = got.mean(double(executor.grid(id).scale));
      const std::vector<double> mean = wanted[id].mean();
      for (std::size_t c = 0; c < shift.size(); ++c) shift[c] -= mean[c];
      correct_bias(layer.bias, shift);
      executor.refresh();
    });
    if (progress) progress(id + 1, nodes);
  }
}

}  // namespace trimtab
