#pragma once
/// \file
/// What quantization did to each tensor of a network: rounding and clipping, codes, ranges, thresholds and their factors.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <trimtab/core/parallel.hpp>
#include <trimtab/net/execute/fake_quant_executor.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/report/sensitivity.hpp>
#include <trimtab/quant/code_statistics.hpp>
#include <trimtab/transform/rescale_dws.hpp>
#include <vector>

namespace trimtab {

/// How the ranges of a weight's filters differ.
struct ChannelSpread {
  std::size_t channels = 0;
  std::size_t dead = 0;            ///< filters whose largest |w| is below 1e-6 of the layer's, as rescale_dws counts them
  double largest_over_median = 1;  ///< of the largest |w| of each filter, the dead left out; 1 when all are dead
};

/// One quantizer and its tensor.
struct TensorErrors {
  TensorId tensor;
  CodeStatistics codes;      ///< weights: of every weight; outputs: of every value that the deployed network rounded
  double deployed_sqnr = 0;  ///< outputs: against the float network, so with what all nodes before lost; weights: as codes.sqnr()
  Range<float> calibrated;   ///< real values of the grid's ends with the factors where they start; of the widest filters
  Range<float> adjusted;     ///< the same with the factors as they are
  std::size_t factors = 0, at_lower = 0, at_upper = 0;  ///< trained factors; those at the lower and the upper bound
  ChannelSpread spread;                                 ///< weights only
};

namespace detail {

/// Spread of thresholds, one for each filter. With an even number of living filters the median is the upper middle one.
inline ChannelSpread channel_spread(const std::vector<double>& thresholds) {
  ChannelSpread spread{thresholds.size()};
  const double largest = thresholds.empty() ? 0.0 : *std::max_element(thresholds.begin(), thresholds.end());
  std::vector<double> alive;
  for (const double t : thresholds)
    if (t > 0 && t >= dead_filter_share * largest) alive.push_back(t);
  spread.dead = thresholds.size() - alive.size();
  if (alive.empty()) return spread;
  const auto middle = alive.begin() + static_cast<std::ptrdiff_t>(alive.size() / 2);
  std::nth_element(alive.begin(), middle, alive.end());
  spread.largest_over_median = largest / *middle;
  return spread;
}

/// The real values that a quantizer's grids span.
inline Range<float> grid_span(const AnyQuantizer& quantizer) {
  Range<float> all;
  for (std::size_t c = 0; c < quantizer.channels(); ++c) {
    const Affine<float> grid = quantizer.grid(c);
    all = {std::min(all.left, grid.scale * grid.lowest()), std::max(all.right, grid.scale * grid.highest())};
  }
  return all;
}

/// The quantizer with its factors where they start.
inline AnyQuantizer at_start(AnyQuantizer quantizer) {
  const std::span<float> factors = quantizer.factors();
  for (std::size_t i = 0; i < factors.size(); ++i) factors[i] = quantizer.start(i);
  return quantizer;
}

inline TensorErrors describe_quantizer(TensorId tensor, const AnyQuantizer& quantizer, CodeRange codes) {
  TensorErrors e{.tensor = tensor,
                 .codes = CodeStatistics(codes),
                 .calibrated = grid_span(at_start(quantizer)),
                 .adjusted = grid_span(quantizer),
                 .factors = quantizer.factors().size(),
                 .spread = {}};
  for (std::size_t i = 0; i < e.factors; ++i) {
    const Bounds<float> b = quantizer.bounds(i);
    e.at_lower += std::size_t{quantizer.factors()[i] <= b.lo};
    e.at_upper += std::size_t{quantizer.factors()[i] >= b.hi};
  }
  return e;
}

/// Weights of `reference` against those of the int8 network; what point-wise factors moved counts as rounding.
inline TensorErrors weight_errors(const WeightedLayer& reference, const QuantizedNetwork& q, NodeId id) {
  const AnyQuantizer& quantizer = *q.weight[id];
  const std::size_t axis = reference.output_axis();
  const Operator effective = effective_layer(q.network[id].op, q.pointwise[id]);
  const LoweredLayer lowered =
      lower_layer(effective, quantizer, q.output_grid(q.network[id].inputs[0]).scale, q.output_grid(id).scale);
  TensorErrors e = describe_quantizer({id, TensorRole::weight}, quantizer, quantizer.grid(0).codes);
  const TensorView<const float> weight = reference.weight();
  std::size_t at = 0;
  for_each_in_channels(effective->weighted()->weight(), axis, "weight_errors", [&](float w, std::size_t c) {
    const Affine<float> grid = quantizer.grid(quantizer.channels() == 1 ? 0 : c);
    e.codes.add(w / grid.scale, lowered.codes[at], double(weight.data[at]), grid);
    ++at;
  });
  e.deployed_sqnr = e.codes.sqnr();
  e.spread = channel_spread(channel_thresholds(weight, axis));
  return e;
}

/// The values that node id rounded in the executor's last forward.
inline CodeStatistics output_codes(const FakeQuantExecutor& executor, const Node& node, NodeId id, const Affine<float>& grid) {
  const std::span<const float> steps = executor.steps(id);
  const std::span<const std::uint8_t> bytes = executor.bytes(id);
  const float lo = node.clip.lo / grid.scale, hi = node.clip.hi / grid.scale;
  return parallel_sum(steps.size(), run_grain, CodeStatistics(grid.codes), [&](std::size_t begin, std::size_t end) {
    CodeStatistics part(grid.codes);
    for (std::size_t i = begin; i < end; ++i) {
      const float v = clamp_to(steps[i], lo, hi);
      part.add(v, bytes[i], double(v) * double(grid.scale), grid);
    }
    return part;
  });
}

/// Powers of a signal and of what came out wrong.
struct SignalNoise {
  double signal = 0, noise = 0;
  SignalNoise& operator+=(const SignalNoise& o) {
    signal += o.signal;
    noise += o.noise;
    return *this;
  }
};

inline SignalNoise deployed_noise(const TensorView<const float>& reference, std::span<const std::uint8_t> bytes,
                                  const Affine<float>& grid) {
  return parallel_sum(bytes.size(), run_grain, SignalNoise{}, [&](std::size_t begin, std::size_t end) {
    SignalNoise part;
    for (std::size_t i = begin; i < end; ++i) {
      const double meant = double(reference.data[i]), error = meant - double(grid.dequantize(bytes[i]));
      part += {meant * meant, error * error};
    }
    return part;
  });
}

}  // namespace detail

/// Runs the float network `reference` (see SwitchedExecutor) and the deployed integers of `q` on the first `count` pictures; one
/// entry for each of quantized_tensors(q), in that order. The same bits on any number of threads. Throws value_error when
/// count is 0, shape_error when the networks' sizes differ.
template <PictureSource Pictures>
std::vector<TensorErrors> tensor_errors(const Network& reference, const QuantizedNetwork& q, const Pictures& pictures,
                                        std::size_t count, const Progress& progress = {}) {
  if (count == 0) throw value_error("tensor_errors: no pictures");
  if (reference.size() != q.network.size())
    throw shape_error(detail::message("tensor_errors: a float network of ", reference.size(), " nodes for ", q.network.size()));
  std::vector<TensorErrors> all;
  std::vector<std::size_t> output_of(reference.size());
  for (const TensorId t : quantized_tensors(q)) {
    if (t.role == TensorRole::weight) {
      all.push_back(detail::weight_errors(*reference[t.node].op->weighted(), q, t.node));
    } else {
      output_of[t.node] = all.size();
      all.push_back(detail::describe_quantizer(t, *q.output[q.grid_of[t.node]], byte_grid(q.output_grid(t.node)).codes));
    }
  }
  FakeQuantExecutor executor(q);
  FloatExecutor in_float(reference);
  std::vector<detail::SignalNoise> deployed(all.size());
  const std::vector<std::size_t> indices = detail::first_indices(count);
  detail::for_each_batch(indices, 4, progress, [&](std::span<const std::size_t> some) {
    const std::vector<Array> x = detail::batch_of(pictures, some);
    executor.forward(x);
    in_float.run_outputs(x, [&](NodeId id, const TensorView<const float>& y) {
      if (!detail::has_output_switch(q, id)) return;
      const std::size_t row = output_of[id];
      all[row].codes += detail::output_codes(executor, reference[id], id, byte_grid(q.output_grid(id)));
      deployed[row] += detail::deployed_noise(y, executor.bytes(id), executor.grid(id));
    });
  });
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].tensor.role == TensorRole::output) all[i].deployed_sqnr = sqnr_db(deployed[i].signal, deployed[i].noise);
  return all;
}

}  // namespace trimtab
