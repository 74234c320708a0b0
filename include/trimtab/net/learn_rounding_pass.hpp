#pragma once
/// \file
/// Learned rounding of whole networks, layer by layer from the input to the output.

#include <cstddef>
#include <span>
#include <string>
#include <trimtab/core/progress.hpp>
#include <trimtab/net/calibrate.hpp>
#include <trimtab/net/channel_maxima.hpp>
#include <trimtab/net/correct_bias_pass.hpp>
#include <trimtab/net/fake_quant_executor.hpp>
#include <trimtab/net/lower.hpp>
#include <trimtab/net/quantized_network.hpp>
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

/// Groups, inputs and outputs of a layer's least squares problems.
inline OutputMoments moments_for(const Conv2d& l) {
  return {l.groups, l.weight.size() / l.weight.shape(0), l.weight.shape(0) / l.groups};
}
inline OutputMoments moments_for(const DepthwiseConv2d& l) { return {l.weight.shape(2), l.weight.shape(0) * l.weight.shape(1), 1}; }
inline OutputMoments moments_for(const Linear& l) { return {1, l.weight.shape(1), l.weight.shape(0)}; }

/// to[column * step] += the sum of each of `columns` columns of x.
inline void add_column_sums(const Array& x, std::size_t columns, double* to, std::size_t step = 1) {
  for (const float *row = x.data(), *end = row + x.size(); row < end; row += columns)
    for (std::size_t c = 0; c < columns; ++c) to[c * step] += double(row[c]);
}

/// to[...] += from, for sums that were taken in float over one batch.
inline void add_sums(const std::vector<float>& from, std::vector<double>& to) {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] += double(from[i]);
}

/// Sums of x x^T and y x^T: a layer's own gradient with respect to its weights, asked for with x, or y, in place of grad_y.
/// x N H W C, y N OH OW O, of one batch.
inline void add_products(const Conv2d& l, const Array& x, const Array& y, OutputMoments& m) {
  const WindowGeometry g = conv2d_geometry(view(x).extent, view(l.weight).extent, l.window, l.groups, "learn_rounding");
  const std::size_t kh = g.kernel_h, kw = g.kernel_w, in = g.group_in(), all = m.groups * m.inputs;
  Array unrolled;
  const Array* windows = &x;
  if (!is_pointwise(g)) {
    unrolled = Array::from_shape({g.n, g.out_h, g.out_w, all});
    const std::size_t rows = g.n * g.out_h * g.out_w;
    for (std::size_t group = 0; group < m.groups; ++group)
      for (std::size_t row = 0; row < rows; ++row)
        std::copy_n(unroll(g, group, row, row + 1, x.data()).data, m.inputs, unrolled.data() + row * all + group * m.inputs);
    windows = &unrolled;
  }
  std::vector<float> xx(m.xx.size(), 0.0F), yx(m.yx.size(), 0.0F);
  conv2d_backward_weight(*windows, x, l.window, l.groups, TensorView<float>(xx.data(), {all, kh, kw, in}));
  conv2d_backward_weight(y, x, l.window, l.groups, TensorView<float>(yx.data(), {g.out_c, kh, kw, in}));
  add_sums(xx, m.xx);
  add_sums(yx, m.yx);
  add_column_sums(*windows, all, m.x.data());
}

inline void add_products(const DepthwiseConv2d& l, const Array& x, const Array& y, OutputMoments& m) {
  const std::size_t taps = m.inputs, channels = m.groups;
  const Extents extent = view(l.weight).extent;
  const auto by_channel = [&](const std::vector<float>& from, std::vector<double>& to, std::size_t rows, std::size_t row) {
    for (std::size_t t = 0; t < taps; ++t)
      for (std::size_t c = 0; c < channels; ++c) to[(c * rows + row) * taps + t] += double(from[t * channels + c]);
  };
  std::vector<float> sums(taps * channels);
  const TensorView<float> to(sums.data(), extent);
  depthwise_conv2d_backward_weight(y, x, l.window, to);
  by_channel(sums, m.yx, 1, 0);
  Array shifted = Array::from_shape(y.shape());
  for (std::size_t t = 0; t < taps; ++t) {
    // What tap t sees: the convolution with a filter that is 1 there and 0 elsewhere.
    std::vector<float> one(taps * channels, 0.0F);
    std::fill_n(one.begin() + static_cast<std::ptrdiff_t>(t * channels), channels, 1.0F);
    depthwise_conv2d_forward(x, TensorView<const float>(one.data(), extent), std::span<const float>(), l.window, shifted);
    std::fill(sums.begin(), sums.end(), 0.0F);
    depthwise_conv2d_backward_weight(shifted, x, l.window, to);
    by_channel(sums, m.xx, taps, t);
    add_column_sums(shifted, channels, m.x.data() + t, taps);
  }
}

inline void add_products(const Linear&, const Array& x, const Array& y, OutputMoments& m) {
  std::vector<float> xx(m.xx.size(), 0.0F), yx(m.yx.size(), 0.0F);
  linear_backward_weight(x, x, TensorView<float>(xx.data(), {m.inputs, m.inputs}));
  linear_backward_weight(y, x, TensorView<float>(yx.data(), {m.outputs, m.inputs}));
  add_sums(xx, m.xx);
  add_sums(yx, m.yx);
  add_column_sums(x, m.inputs, m.x.data());
}

/// A batch's share in every sum.
template <WeightedLayer L>
void add_moments(const L& layer, const Array& x, const Array& y, OutputMoments& m) {
  const std::size_t channels = m.groups * m.outputs;
  add_products(layer, x, y, m);
  add_column_sums(y, channels, m.y.data());
  for (const float *row = y.data(), *end = row + y.size(); row < end; row += channels)
    for (std::size_t c = 0; c < channels; ++c) m.yy[c] += double(row[c]) * double(row[c]);
  m.count += double(y.size() / channels);
}

/// The weight with one row a filter. Only depthwise filters lie otherwise.
template <WeightedLayer L>
std::vector<float> filter_rows(const L& layer) {
  std::vector<float> rows(layer.weight.begin(), layer.weight.end());
  if constexpr (std::is_same_v<L, DepthwiseConv2d>) {
    const std::size_t channels = layer.weight.shape(2), taps = rows.size() / channels;
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i % channels * taps + i / channels] = layer.weight.data()[i];
  }
  return rows;
}
template <WeightedLayer L>
void set_filter_rows(const std::vector<float>& rows, L& layer) {
  if constexpr (std::is_same_v<L, DepthwiseConv2d>) {
    const std::size_t channels = layer.weight.shape(2), taps = rows.size() / channels;
    for (std::size_t i = 0; i < rows.size(); ++i) layer.weight.data()[i] = rows[i % channels * taps + i / channels];
  } else {
    std::copy(rows.begin(), rows.end(), layer.weight.begin());
  }
}

}  // namespace detail

/// Layer by layer, every earlier one done, puts the weights of `q` on their grids and sets its biases so that the layer's outputs
/// in the quantized network as deployed come near those of the float network `teacher` (the one that `q` was made of) on the
/// first `count` pictures: see transform/learn_rounding.hpp. Point-wise factors become part of the weights and are 1 afterwards.
/// All pictures go through the network together, node by node, and what no later node reads is freed at once: 20 to 36 MB a
/// picture for a MobileNet at 224 x 224. Throws value_error when count is 0, shape_error when the networks differ.
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

  const Array x = pictures(detail::first_indices(count));
  FakeQuantExecutor student(q);
  std::vector<RoundedLayer> done;
  const auto round_layer = [&](NodeId id, auto& layer, const Array& y) {
    const NodeId in = q.network[id].inputs[0];
    OutputMoments moments = detail::moments_for(layer);
    // Batches, so that the unrolled windows fit the memory and sums in float stay short.
    const std::size_t batch = 4, x_size = element_count(q.network[in].extent), y_size = element_count(q.network[id].extent);
    for (std::size_t begin = 0; begin < count; begin += batch) {
      const std::size_t n = std::min(batch, count - begin);
      const auto with_batch = [n](const Extents& e) {
        std::vector<std::size_t> shape{n};
        shape.insert(shape.end(), e.begin(), e.end());
        return shape;
      };
      Array some_x = Array::from_shape(with_batch(q.network[in].extent)), some_y = Array::from_shape(with_batch(q.network[id].extent));
      bytes_to_reals(student.bytes(in).data() + begin * x_size, n * x_size, student.grid(in), some_x.data());
      std::copy_n(y.data() + begin * y_size, n * y_size, some_y.data());
      detail::add_moments(layer, some_x, some_y, moments);
    }
    fold_pointwise(layer, q.pointwise[id]);
    std::vector<float> rows = detail::filter_rows(layer);
    const AnyQuantizer& quantizer = *q.weight[id];
    const RoundingReport report = learn_rounding(
        std::span<float>(rows), std::span<float>(layer.bias.data(), layer.bias.size()), moments,
        [&](std::size_t row) { return quantizer.grid(quantizer.channels() == 1 ? 0 : row); }, options);
    detail::set_filter_rows(rows, layer);
    student.refresh(id);
    done.push_back({id, q.network[id].name, report});
  };
  run(unfused.network, x, [&](NodeId at, const Array& y) {
    const NodeId id = node_at[at];
    if (id == nodes) return;
    detail::with_weights(q.network[id].op, [&](auto& layer) { round_layer(id, layer, y); });
    student.forward_node(id, x);
    for (const NodeId in : q.network[id].inputs)
      if (--reads_left[in] == 0) student.forget(in);
    if (progress) progress(id + 1, nodes);
  });
  return done;
}

}  // namespace trimtab
