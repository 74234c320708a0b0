#pragma once
/// \file
/// Batch-norm re-estimation of whole networks, from the means and variances that channels take on calibration pictures.

#include <algorithm>
#include <cstddef>
#include <trimtab/core/progress.hpp>
#include <trimtab/net/execute/fake_quant_executor.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/passes/channel_maxima.hpp>
#include <trimtab/net/passes/correct_bias.hpp>
#include <trimtab/net/quantize/lower_layer.hpp>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <trimtab/transform/reestimate_batch_norm.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// Layer by layer, gives each channel of the quantized network as deployed, all earlier layers done, the mean and the variance,
/// before the activation, that it has in the float network `teacher` (the one that `q` was made of):
/// transform/reestimate_batch_norm.hpp. Without `variances` the biases alone move, and the means are right. Catches what
/// activations lose, too, and what borders do; costs half a run over the pictures, or one, for each layer with weights.
/// Point-wise factors become part of the weights and are 1 afterwards; thresholds are calibrated to the weights anew, and keep
/// their factors. `options`: those that q was made with. Throws value_error when count is 0, shape_error when the networks
/// differ.
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
  FloatExecutor reference(unfused.network);
  detail::for_calibration_batches(pictures, count, "reestimate_batch_norm", [&](const std::vector<Array>& x) {
    reference.run_outputs(x, [&](NodeId at, const TensorView<const float>& y) {
      if (layer_at[at] != nodes) wanted[layer_at[at]].add(y.data, y.size(), y.extent.back());
    });
  });
  const std::vector<detail::NodeBits> bits = detail::bits_of_nodes(q.network, options);
  FakeQuantExecutor executor(q);
  for (NodeId id = 0; id < nodes; ++id) {
    if (!q.weight[id]) {
      if (progress) progress(id + 1, nodes);
      continue;
    }
    fold_pointwise(q.network[id].op, q.pointwise[id]);
    WeightedLayer& layer = *q.network[id].op->weighted();
    TensorView<float> weight = layer.weight(), bias = detail::view_of(layer.bias());
    const ChannelMoments then = wanted[id].moments();
    const auto measure = [&] {
      detail::ChannelSums got;
      detail::for_calibration_batches(pictures, count, "reestimate_batch_norm", [&](const std::vector<Array>& x) {
        executor.forward_up_to(id, x);
        got.add(executor.steps(id).data(), executor.steps(id).size(), bias.size());
      });
      return got.moments(double(executor.grid(id).scale));
    };
    if (variances) {
      reestimate_batch_norm(weight, layer.output_axis(), bias, measure(), then);
      AnyQuantizer fresh = detail::weight_quantizer(layer, q.weight[id]->granularity(),
                                                    q.output_grid(q.network[id].inputs[0]).scale, bits[id].weights, options);
      std::copy(q.weight[id]->factors().begin(), q.weight[id]->factors().end(), fresh.factors().begin());
      q.weight[id] = std::move(fresh);
      executor.refresh(id);
    }
    // Means alone, and last: weights that were scaled may have fallen on other codes.
    ChannelMoments now = measure();
    now.variance = then.variance;
    reestimate_batch_norm(weight, layer.output_axis(), bias, now, then);
    executor.refresh(id);
    if (progress) progress(id + 1, nodes);
  }
}

}  // namespace trimtab
