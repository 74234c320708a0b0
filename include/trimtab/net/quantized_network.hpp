#pragma once
/// \file
/// A float network together with a quantizer for each weight tensor and each activation: what is trained, and what is lowered to int8.

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include <trimtab/net/network.hpp>
#include <trimtab/net/passes.hpp>
#include <trimtab/quant/fixed_point.hpp>
#include <trimtab/quant/threshold.hpp>
#include <trimtab/transform/quantize_bias.hpp>
#include <trimtab/transform/search_threshold.hpp>

namespace trimtab {

/// Symmetric or asymmetric thresholds behind one interface.
class AnyQuantizer {
 public:
  using value_type = float;  ///< of tensors and factors
  AnyQuantizer(AdjustableThreshold<float> q) : q_(std::move(q)) {}  ///< symmetric
  AnyQuantizer(AdjustableRange<float> q) : q_(std::move(q)) {}  ///< asymmetric

  /// See AdjustableThreshold, here and below.
  std::size_t channels() const {
    return std::visit([](const auto& q) { return q.channels(); }, q_);
  }
  /// What a channel is.
  Granularity granularity() const {
    return std::visit([](const auto& q) { return q.granularity(); }, q_);
  }
  /// The grid of channel c.
  Affine<float> grid(std::size_t c) const {
    return std::visit([&](const auto& q) { return q.grid(c); }, q_);
  }
  /// The trained factors.
  std::span<float> factors() {
    return std::visit([](auto& q) { return q.factors(); }, q_);
  }
  /// The same, to read.
  std::span<const float> factors() const {
    return std::visit([](const auto& q) { return q.factors(); }, q_);
  }
  /// Of factor i.
  Bounds<float> bounds(std::size_t i) const {
    return std::visit([&](const auto& q) { return q.bounds(i); }, q_);
  }
  /// The factors' gradients.
  void add_gradient(std::size_t c, const GridGradient& g, std::span<float> grad_factors) const {
    std::visit([&](const auto& q) { q.add_gradient(c, g, grad_factors); }, q_);
  }
  /// AdjustableThreshold or AdjustableRange, for whoever needs to know.
  const auto& get() const { return q_; }

 private:
  std::variant<AdjustableThreshold<float>, AdjustableRange<float>> q_;
};
static_assert(Quantizer<AnyQuantizer>);

/// Thresholds on both sides of 0 (paper 3.1.3), or a left limit and a width (3.1.4).
enum class Scheme { symmetric, asymmetric };
/// One threshold for a weight tensor, or one for each filter (paper 3.1.5).
enum class WeightMode { scalar, vector };  ///< one threshold for a weight tensor, or one for each of its filters

/// What a network is quantized to. Bits are 2 to 8.
struct QuantizationOptions {
  WeightMode weights = WeightMode::vector;  ///< thresholds of weights: one a tensor, or one a filter
  Scheme scheme = Scheme::symmetric;  ///< of weights and activations
  int weight_bits = 8, activation_bits = 8;  ///< 2 to 8
  Bounds<float> alpha = AdjustableThreshold<float>::default_bounds;  ///< of symmetric factors and asymmetric width factors
  /// fixed_point makes every operator TFLite's: integers only, average pools on their input's grid, and signed activations that use their
  /// lowest code, -128 of 8 bits, too (docs/tflite.md).
  Requantizer requantizer = Requantizer::float32;
  /// Symmetric thresholds are raised until every scale is a power of two (power_of_two_threshold), for machines that shift. Factors that
  /// training moves leave it.
  bool power_of_two = false;
};

/// One factor for each weight and each bias of a layer (paper 4.2), clipped to [0.75, 1.25]: small changes that move single values to a
/// neighbouring code. Empty lists: the layer's own values.
struct PointwiseFactors {
  static constexpr Bounds<float> bounds{0.75F, 1.25F};  ///< of every factor
  std::vector<float> weight, bias;  ///< in the layer's order
};

/// `network` is folded and its clips are fused; `weight[id]` is set for layers with weights, `output[id]` for nodes that put their
/// result on a grid of their own. Node id's codes lie on the grid of output[grid_of[id]]: pools that pick, Flatten and Clip keep
/// their input's, in fixed point average pools do too, and what only feeds a Concat takes the Concat's.
struct QuantizedNetwork {
  Network network;  ///< folded and fused
  std::vector<std::optional<AnyQuantizer>> weight, output;  ///< by node
  std::vector<NodeId> grid_of;  ///< by node: whose grid its codes lie on
  std::vector<PointwiseFactors> pointwise;  ///< by node; add_pointwise_factors fills it
  Requantizer requantizer = Requantizer::float32;

  /// The grid of a node's codes.
  Affine<float> output_grid(NodeId id) const { return output[grid_of[id]]->grid(0); }
};

/// Calls f(quantizer) for every quantizer of activations, then of weights, in the order of the nodes: the order of their blocks in
/// factor_blocks.
template <class Q, class F>
  requires std::same_as<std::remove_const_t<Q>, QuantizedNetwork>
void for_each_quantizer(Q& q, const F& f) {
  for (auto* list : {&q.output, &q.weight})
    for (auto& quantizer : *list)
      if (quantizer) f(*quantizer);
}

namespace detail {

/// True where a node's codes are some of its input's codes.
inline bool keeps_codes(const Operator& op) {
  return std::holds_alternative<Clip>(op) || std::holds_alternative<MaxPool>(op) || std::holds_alternative<Flatten>(op);
}

/// True where a node's codes lie on its input's grid.
inline bool keeps_grid(const Operator& op, Requantizer requantizer) {
  const bool averages = std::holds_alternative<AveragePool>(op) || std::holds_alternative<GlobalAveragePool>(op);
  return keeps_codes(op) || (requantizer == Requantizer::fixed_point && averages);
}

/// True where no output can be negative, whatever the pictures: follows from clips and from operators that keep signs.
inline std::vector<bool> non_negative_nodes(const Network& network) {
  std::vector<bool> result(network.size());
  for (NodeId id = 0; id < network.size(); ++id) {
    const Node& node = network[id];
    const Clip* clip = std::get_if<Clip>(&node.op);
    const bool keeps_sign = !has_weights(node.op) && !std::holds_alternative<BatchNorm>(node.op) && !node.inputs.empty();
    result[id] = node.clip.lo >= 0 || (clip != nullptr && clip->lo >= 0) ||
                 (keeps_sign && std::all_of(node.inputs.begin(), node.inputs.end(), [&](NodeId in) { return result[in]; }));
  }
  return result;
}

/// A symmetric quantizer with such thresholds.
inline AnyQuantizer threshold_quantizer(CodeRange codes, std::vector<float> thresholds, Granularity granularity, const QuantizationOptions& o) {
  if (o.power_of_two)
    for (float& t : thresholds) t = power_of_two_threshold(t < float(min_threshold) ? 1.0F : t, codes.qmax);
  return AdjustableThreshold<float>(codes, std::move(thresholds), granularity, o.alpha);
}

inline AnyQuantizer activation_quantizer(const Range<float>& range, bool non_negative, const QuantizationOptions& o) {
  if (o.scheme == Scheme::symmetric) {
    const CodeRange of_signed = o.requantizer == Requantizer::fixed_point ? full_signed_codes(o.activation_bits) : signed_codes(o.activation_bits);
    return threshold_quantizer(non_negative ? unsigned_codes(o.activation_bits) : of_signed, {range.threshold()}, per_tensor, o);
  }
  using R = AdjustableRange<float>;
  return R(unsigned_codes(o.activation_bits), {range}, per_tensor,
           non_negative ? R::default_shift_bounds_one_sided : R::default_shift_bounds, o.alpha);
}

/// A quantizer fit to a layer's weights: their extreme values, raised where the bias needs a coarser grid (least_weight_threshold).
template <WeightedLayer L>
AnyQuantizer weight_quantizer(const L& layer, float scale_x, const QuantizationOptions& o) {
  const std::size_t axis = channel_axis(layer), channels = layer.weight.shape(axis);
  const bool symmetric = o.scheme == Scheme::symmetric;
  const CodeRange codes = symmetric ? signed_codes(o.weight_bits) : full_signed_codes(o.weight_bits);

  std::vector<Range<float>> ranges(channels);
  const auto w = view(layer.weight);
  const auto inner = static_cast<std::size_t>(w.stride[axis]);
  for (std::size_t i = 0; i < w.size(); ++i) {
    Range<float>& r = ranges[i / inner % channels];
    if (!std::isfinite(w.data[i])) throw quantization_range_error(message("quantize: a weight is ", w.data[i]));
    r = {std::min(r.left, w.data[i]), std::max(r.right, w.data[i])};
  }
  float least = 0;
  for (std::size_t c = 0; c < channels; ++c) {
    const auto needed = static_cast<float>(least_weight_threshold(double(layer.bias.size() ? layer.bias(c) : 0.0F), double(scale_x),
                                                                  symmetric ? codes.qmax : codes.qmax - codes.qmin));
    const float have = symmetric ? ranges[c].threshold() : ranges[c].right - ranges[c].left;
    if (have < needed && o.weights == WeightMode::vector) ranges[c].right = symmetric ? needed : ranges[c].left + needed;
    least = std::max(least, needed);
  }
  if (o.weights == WeightMode::scalar) {
    Range<float> all;
    for (const Range<float>& r : ranges) all = {std::min(all.left, r.left), std::max(all.right, r.right)};
    all.right = std::max(all.right, symmetric ? (all.threshold() < least ? least : all.right) : all.left + least);
    ranges = {all};
  }
  const Granularity granularity = o.weights == WeightMode::scalar ? per_tensor : per_channel(axis);
  if (!symmetric) return AdjustableRange<float>(codes, ranges, granularity, AdjustableRange<float>::default_shift_bounds, o.alpha);
  std::vector<float> thresholds;
  for (const Range<float>& r : ranges) thresholds.push_back(r.threshold());
  return threshold_quantizer(codes, std::move(thresholds), granularity, o);
}

}  // namespace detail

/// Puts quantizers on a float network. `network`: folded and fused (fold_batch_norm, fuse_clips); `ranges`: of each of its nodes, from
/// calibrate. Throws value_error when their number differs, or for asymmetric
/// thresholds whose scales are to be powers of two; unsupported_error for a batch norm that is still there;
/// quantization_range_error for ranges or weights that are not finite.
inline QuantizedNetwork quantize(Network network, std::span<const Range<float>> ranges, const QuantizationOptions& options) {
  if (ranges.size() != network.size())
    throw value_error(detail::message("quantize: ", ranges.size(), " ranges for ", network.size(), " nodes"));
  if (options.power_of_two && options.scheme == Scheme::asymmetric)
    throw value_error("quantize: power_of_two is for symmetric thresholds");
  QuantizedNetwork q;
  q.weight.resize(network.size());
  q.output.resize(network.size());
  q.grid_of.resize(network.size());
  q.pointwise.resize(network.size());
  q.requantizer = options.requantizer;

  const auto readers = network.readers();
  for (NodeId id = 0; id < network.size(); ++id) {
    const Node& node = network[id];
    if (std::holds_alternative<BatchNorm>(node.op))
      throw unsupported_error(detail::message("quantize: fold batch norm ", node.name, " first (fold_batch_norm)"));
    q.grid_of[id] = detail::keeps_grid(node.op, options.requantizer) ? q.grid_of[node.inputs[0]] : id;
    if (std::holds_alternative<Concat>(node.op))
      for (const NodeId in : node.inputs)
        if (q.grid_of[in] == in && readers[in].size() == 1 && !std::holds_alternative<Input>(network[in].op)) q.grid_of[in] = id;
  }
  for (NodeId id = network.size(); id-- > 0;) q.grid_of[id] = q.grid_of[q.grid_of[id]];  // a Concat may feed a Concat
  const std::vector<bool> non_negative = detail::non_negative_nodes(network);
  for (NodeId id = 0; id < network.size(); ++id)
    if (q.grid_of[id] == id) q.output[id] = detail::activation_quantizer(ranges[id], non_negative[id], options);
  for (NodeId id = 0; id < network.size(); ++id)
    detail::with_weights(network[id].op, [&](const auto& layer) {
      const float scale_x = q.output[q.grid_of[network[id].inputs[0]]]->grid(0).scale;
      q.weight[id] = detail::weight_quantizer(layer, scale_x, options);
    });
  q.network = std::move(network);
  return q;
}

/// Moves the thresholds of all weights to where their rounding and clipping cost the least squared error (search_threshold).
inline void search_weight_thresholds(QuantizedNetwork& q) {
  for (NodeId id = 0; id < q.network.size(); ++id)
    detail::with_weights(q.network[id].op, [&](const auto& layer) {
      q.weight[id] = std::visit(
          [&](auto quantizer) {
            search_threshold(layer.weight, quantizer);
            return AnyQuantizer(quantizer);
          },
          q.weight[id]->get());
    });
}

/// Gives every weight and bias a factor of 1, to be trained.
inline void add_pointwise_factors(QuantizedNetwork& q) {
  for (NodeId id = 0; id < q.network.size(); ++id)
    detail::with_weights(q.network[id].op, [&](const auto& layer) {
      q.pointwise[id].weight.assign(layer.weight.size(), 1.0F);
      q.pointwise[id].bias.assign(layer.bias.size(), 1.0F);
    });
}

}  // namespace trimtab
