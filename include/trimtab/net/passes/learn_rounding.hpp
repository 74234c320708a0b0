#pragma once
/// \file
/// Learned rounding of whole networks, layer by layer from the input to the output.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <trimtab/core/progress.hpp>
#include <trimtab/net/execute/fake_quant_executor.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/passes/channel_maxima.hpp>
#include <trimtab/net/passes/correct_bias.hpp>
#include <trimtab/net/quantize/lower_layer.hpp>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <trimtab/transform/learn_rounding.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// What learned rounding did to one layer.
struct RoundedLayer {
  NodeId node = 0;
  std::string name;
  RoundingReport report;
};

namespace detail {

/// A batch's share in every sum.
inline void add_moments(const WeightedLayer& layer, const TensorView<const float>& x, const TensorView<const float>& y,
                        OutputMoments& m) {
  const std::size_t channels = m.groups * m.outputs;
  layer.add_products(x, y, m);
  add_column_sums(y.data, y.size(), channels, m.y.data());
  for (const float *row = y.data, *end = row + y.size(); row < end; row += channels)
    for (std::size_t c = 0; c < channels; ++c) m.yy[c] += double(row[c]) * double(row[c]);
  m.count += double(y.size()) / double(channels);
}

/// Calls body(place in the weight, place among rows of one filter each) for every weight.
template <class Body>
void for_each_filter_place(const WeightedLayer& layer, const Body& body) {
  const TensorView<const float> w = layer.weight();
  const std::size_t channels = layer.output_channels(), inner = static_cast<std::size_t>(w.stride[layer.output_axis()]);
  const std::size_t taps = channels == 0 ? 0 : w.size() / channels;
  for (std::size_t i = 0; i < w.size(); ++i) body(i, i / inner % channels * taps + i / inner / channels * inner + i % inner);
}

}  // namespace detail

/// About how many bytes learn_rounding holds for one picture: the float values that later nodes still read, the codes of the
/// quantized network beside them, and what one node computes.
inline double learn_rounding_bytes(const Network& network) {
  std::vector<NodeId> last(network.size());  // by node: who reads it last
  for (NodeId id = 0; id < network.size(); ++id)
    for (const NodeId in : network[id].inputs) last[in] = id;
  double live = 0, most = 0, widest = 0, fed = 0;
  const auto held = [&](NodeId id) { return double(element_count(network[id].extent)) * (sizeof(float) + sizeof(std::uint8_t)); };
  for (NodeId id = 0; id < network.size(); ++id) {
    const double own = double(element_count(network[id].extent)) * sizeof(float);
    if (network[id].op->is_fed()) fed += own;
    live += held(id);
    widest = std::max(widest, own);
    most = std::max(most, live + (network[id].clip != no_clip ? own : 0));
    std::vector<NodeId> inputs = network[id].inputs;
    std::sort(inputs.begin(), inputs.end());
    inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
    for (const NodeId in : inputs)
      if (last[in] == id) live -= held(in);
  }
  return fed + most + widest;
}

/// Layer by layer, every earlier one done, puts the weights of `q` on their grids and sets its biases so that the layer's outputs
/// in the quantized network as deployed come near those of the float network `teacher` (the one that `q` was made of) on the
/// first `count` pictures: see transform/learn_rounding.hpp. Point-wise factors become part of the weights and are 1 afterwards.
/// All pictures go through the network together, node by node, and what no later node reads is freed at once: 20 to 36 MB a
/// picture for a MobileNet at 224 x 224 (learn_rounding_bytes). Throws value_error when count is 0, shape_error when the networks
/// differ.
template <PictureSource Pictures>
std::vector<RoundedLayer> learn_rounding(QuantizedNetwork& q, const Network& teacher, const Pictures& pictures, std::size_t count,
                                         const LearnRoundingOptions& options = {}, const Progress& progress = {}) {
  const std::size_t nodes = q.network.size();
  if (count == 0) throw value_error("learn_rounding: no pictures to calibrate on");
  if (teacher.size() != nodes)
    throw shape_error(detail::message("learn_rounding: a teacher of ", teacher.size(), " nodes for ", nodes));
  const detail::Unfused unfused = detail::unfuse_clips(teacher);
  std::vector<NodeId> node_at(unfused.network.size(), nodes);
  for (NodeId id = 0; id < nodes; ++id) node_at[unfused.layer[id]] = id;
  std::vector<std::size_t> reads_left(nodes);
  for (const Node& node : q.network.nodes())
    for (const NodeId in : node.inputs) ++reads_left[in];

  const std::vector<Array> x = detail::batch_of(pictures, detail::first_indices(count));
  FakeQuantExecutor student(q);
  std::vector<RoundedLayer> done;
  const auto round_layer = [&](NodeId id, const TensorView<const float>& y) {
    WeightedLayer& layer = *q.network[id].op->weighted();
    const NodeId in = q.network[id].inputs[0];
    OutputMoments moments = layer.moments();
    // Batches, so that the unrolled windows fit the memory and sums in float stay short.
    const std::size_t batch = 4, x_size = element_count(q.network[in].extent), y_size = element_count(q.network[id].extent);
    for (std::size_t begin = 0; begin < count; begin += batch) {
      const std::size_t n = std::min(batch, count - begin);
      const auto with_batch = [n](const Extents& e) {
        std::vector<std::size_t> shape{n};
        shape.insert(shape.end(), e.begin(), e.end());
        return shape;
      };
      Array some_x = Array::from_shape(with_batch(q.network[in].extent)),
            some_y = Array::from_shape(with_batch(q.network[id].extent));
      bytes_to_reals(student.bytes(in).data() + begin * x_size, n * x_size, student.grid(in), some_x.data());
      std::copy_n(y.data + begin * y_size, n * y_size, some_y.data());
      detail::add_moments(layer, view(some_x), view(some_y), moments);
    }
    fold_pointwise(q.network[id].op, q.pointwise[id]);
    WeightedLayer& folded = *q.network[id].op->weighted();
    std::vector<float> rows(folded.weight().size());
    detail::for_each_filter_place(folded, [&](std::size_t at, std::size_t row) { rows[row] = folded.weight().data[at]; });
    const AnyQuantizer& quantizer = *q.weight[id];
    const RoundingReport report = learn_rounding(
        std::span<float>(rows), folded.bias(), moments,
        [&](std::size_t row) { return quantizer.grid(quantizer.channels() == 1 ? 0 : row); }, options);
    detail::for_each_filter_place(folded, [&](std::size_t at, std::size_t row) { folded.weight().data[at] = rows[row]; });
    student.refresh(id);
    done.push_back({id, q.network[id].name, report});
  };
  FloatExecutor(unfused.network).run_outputs(x, [&](NodeId at, const TensorView<const float>& y) {
    const NodeId id = node_at[at];
    if (id == nodes) return;
    if (q.weight[id]) round_layer(id, y);
    student.forward_node(id, x);
    for (const NodeId in : q.network[id].inputs)
      if (--reads_left[in] == 0) student.forget(in);
    if (progress) progress(id + 1, nodes);
  });
  return done;
}

}  // namespace trimtab
