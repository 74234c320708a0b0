#pragma once
/// \file
/// A float network together with a quantizer for each weight tensor and each activation: what is trained, and what is lowered to
/// int8.

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <trimtab/net/graph/network.hpp>
#include <trimtab/net/quantize/any_quantizer.hpp>
#include <trimtab/quant/fixed_point.hpp>
#include <trimtab/quant/learned_grid.hpp>
#include <trimtab/quant/power_of_two.hpp>
#include <trimtab/quant/threshold.hpp>
#include <trimtab/transform/quantize_bias.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// Where the paper keeps point-wise factors (4.2).
inline constexpr Bounds<float> default_pointwise_bounds{0.75F, 1.25F};

/// How many thresholds the weights of a layer have (paper 3.1.5).
enum class WeightMode {
  scalar,    ///< one for a weight tensor
  vector,    ///< one for each of its filters
  depthwise  ///< one for each filter of depthwise layers, one for the tensor in all others (paper 3.3)
};

/// A layer, by its name, or all of an operator, by its name, and how many thresholds its weights have.
struct LayerWeights {
  std::string layer;                        ///< of a node, or of an operator
  WeightMode weights = WeightMode::vector;  ///< instead of QuantizationOptions::weights
};

/// Bits of one layer or of several: W4A8 is {"conv", 4, 8}. `layer` is the name of a node, that of an operator, or one of three
/// rules: `first` and `last` are the first and the last layer with weights on codes, `depthwise` all depthwise ones.
struct LayerBits {
  std::string layer;                    ///< a name or a rule
  std::optional<int> weights = {};      ///< of its weights, 2 to 8; nothing leaves them as they are
  std::optional<int> activations = {};  ///< of the codes that it puts out, 2 to 8; nothing leaves them as they are
};

/// What a network is quantized to. Bits are 2 to 8.
struct QuantizationOptions {
  WeightMode weights = WeightMode::vector;                           ///< thresholds of weights
  Scheme scheme = Scheme::symmetric;                                 ///< of weights and activations
  int weight_bits = 8, activation_bits = 8;                          ///< 2 to 8
  Bounds<float> alpha = AdjustableThreshold<float>::default_bounds;  ///< of symmetric factors and asymmetric width factors
  /// fixed_point makes every operator TFLite's: integers only, average pools on their input's grid, and signed activations that
  /// use their lowest code, -128 of 8 bits, too (docs/tflite.md).
  Requantizer requantizer = Requantizer::float32;
  /// Nodes, by their names, and operators, by theirs, that run in float between a dequantize and a quantize. With float32 only.
  std::vector<std::string> keep_float = {};
  std::vector<LayerWeights> weights_of = {};  ///< layers with a granularity of their own; of several that fit, the last
  std::vector<LayerBits> bits_of = {};        ///< layers with bits of their own; of several that fit, the last
  Bounds<float> shift = AdjustableRange<float>::default_shift_bounds;  ///< of asymmetric left limits (eq. 22)
  /// Of left limits of activations that are never negative.
  Bounds<float> one_sided_shift = AdjustableRange<float>::default_shift_bounds_one_sided;
  Bounds<float> log_threshold = PowerOfTwoThreshold<float>::default_bounds;  ///< of power_of_two's factors
  Bounds<float> learned_scale = LearnedGrid<float>::default_scale_bounds;    ///< of learned's scale factors
  Bounds<float> pointwise = default_pointwise_bounds;                        ///< of add_pointwise_factors (paper 4.2)
};

/// One factor for each weight and each bias of a layer (paper 4.2), clipped to its bounds: small changes that move single values
/// to a neighbouring code. Empty lists: the layer's own values.
struct PointwiseFactors {
  std::vector<float> weight, bias;                  ///< in the layer's order
  Bounds<float> bounds = default_pointwise_bounds;  ///< of every factor
};

/// As grid_of: the node's output stays real.
inline constexpr NodeId no_grid = ~NodeId{0};

/// `network` is folded and its clips are fused; `weight[id]` is set for layers with weights that run on codes, `output[id]` for
/// nodes that put their result on a grid of their own. Node id's codes lie on the grid of output[grid_of[id]]: operators that
/// move codes keep their input's, in fixed point average pools do too, and what only feeds a Concat takes the Concat's. A node in
/// float whose readers are in float, too, holds reals: it has no grid.
struct QuantizedNetwork {
  Network network;                                          ///< folded and fused
  std::vector<std::optional<AnyQuantizer>> weight, output;  ///< by node
  std::vector<NodeId> grid_of;                              ///< by node: whose grid its codes lie on, or no_grid
  std::vector<bool> in_float;                               ///< by node: it is computed in float, from its inputs' real values
  std::vector<PointwiseFactors> pointwise;                  ///< by node; add_pointwise_factors fills it
  Requantizer requantizer = Requantizer::float32;

  /// Whether a node's output is codes.
  bool holds_codes(NodeId id) const { return grid_of[id] != no_grid; }
  /// The grid of a node's codes.
  Affine<float> output_grid(NodeId id) const { return output[grid_of[id]]->grid(0); }
};

/// Calls f(quantizer) for every quantizer of activations, then of weights, in the order of the nodes: the order of their blocks
/// in factor_blocks.
template <class Q, class F>
requires std::same_as<std::remove_const_t<Q>, QuantizedNetwork>
void for_each_quantizer(Q& q, const F& f) {
  for (auto* list : {&q.output, &q.weight})
    for (auto& quantizer : *list)
      if (quantizer) f(*quantizer);
}

namespace detail {

/// True where a node rounds its output. Operators that move codes hand on their input's.
inline bool rounds_output(const Node& node) { return node.op->integers() != IntegerRule::moves; }

/// True where no output can be negative, whatever the pictures: follows from clips and from what operators do to signs.
inline std::vector<bool> non_negative_nodes(const Network& network) {
  std::vector<bool> result(network.size());
  for (NodeId id = 0; id < network.size(); ++id) {
    const Node& node = network[id];
    const SignRule sign = node.op->sign();
    result[id] = node.clip.lo >= 0 || node.op->bounds().lo >= 0 || sign == SignRule::never_negative ||
                 (sign == SignRule::of_inputs && !node.inputs.empty() &&
                  std::all_of(node.inputs.begin(), node.inputs.end(), [&](NodeId in) { return result[in]; }));
  }
  return result;
}

/// The operators of a network, each once, sorted.
inline std::string operators_of(const Network& network) {
  std::set<std::string> names;
  for (NodeId id = 0; id < network.size(); ++id) names.insert(network[id].op->name());
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

/// Which nodes run in float: those without integers, those that the options name, what moves the values of such, and sources that
/// only such read.
inline std::vector<bool> nodes_in_float(const Network& network, const QuantizationOptions& o) {
  std::vector<bool> in_float(network.size());
  std::vector<bool> used(o.keep_float.size());
  const auto readers = network.readers();
  for (NodeId id = 0; id < network.size(); ++id) {
    const Node& node = network[id];
    bool kept = node.op->integers() == IntegerRule::none;
    for (std::size_t i = 0; i < o.keep_float.size(); ++i)
      if (o.keep_float[i] == node.name || o.keep_float[i] == node.op->name()) kept = used[i] = true;
    if (node.op->integers() == IntegerRule::moves)
      for (const NodeId in : node.inputs) kept = kept || in_float[in];
    in_float[id] = kept;
  }
  for (NodeId id = 0; id < network.size(); ++id)
    if (network[id].op->integers() == IntegerRule::source)
      in_float[id] =
          !readers[id].empty() && std::all_of(readers[id].begin(), readers[id].end(), [&](NodeId r) { return in_float[r]; });
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i])
      throw value_error(message("quantize: keep_float: no node and no operator is called ", o.keep_float[i],
                                "; the operators are ", operators_of(network)));
  if (o.requantizer == Requantizer::fixed_point)
    for (NodeId id = 0; id < network.size(); ++id)
      if (in_float[id] || !network[id].op->has_fixed_point(network.input_extents(id)))
        throw unsupported_error(message("quantize: node ", network[id].name, " (", operator_name(network[id].op),
                                        ") is not defined in fixed point; use the requantizer float"));
  return in_float;
}

/// Of each layer with weights, by node: whether it has a threshold a filter. Throws value_error for a name that is nobody's.
inline std::vector<bool> has_vector_weights(const Network& network, const QuantizationOptions& o) {
  std::vector<bool> result(network.size()), used(o.weights_of.size());
  for (NodeId id = 0; id < network.size(); ++id) {
    const WeightedLayer* layer = network[id].op->weighted();
    if (layer == nullptr) continue;
    WeightMode mode = o.weights;
    for (std::size_t i = 0; i < o.weights_of.size(); ++i)
      if (o.weights_of[i].layer == network[id].name || o.weights_of[i].layer == network[id].op->name()) {
        mode = o.weights_of[i].weights;
        used[i] = true;
      }
    result[id] = mode == WeightMode::vector || (mode == WeightMode::depthwise && layer->is_depthwise());
  }
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i])
      throw value_error(
          message("quantize: weights_of: no layer with weights and no operator of one is called ", o.weights_of[i].layer));
  return result;
}

/// QuantizedNetwork::grid_of.
inline std::vector<NodeId> grid_owners(const Network& network, const std::vector<bool>& in_float, Requantizer requantizer) {
  std::vector<NodeId> owner(network.size());
  const auto readers = network.readers();
  const auto own_grid = [&](NodeId id) {
    return owner[id] == id && !in_float[id] && network[id].op->integers() != IntegerRule::source &&
           network[id].op->grid(requantizer) != GridRule::fixed;
  };
  for (NodeId id = 0; id < network.size(); ++id) {
    const Node& node = network[id];
    const GridRule rule = node.op->grid(requantizer);
    if (in_float[id]) {
      const bool read_as_codes = std::any_of(readers[id].begin(), readers[id].end(), [&](NodeId r) { return !in_float[r]; });
      owner[id] = read_as_codes ? id : no_grid;
      continue;
    }
    owner[id] = rule == GridRule::of_input ? owner[node.inputs[0]] : id;
    if (rule == GridRule::shared_by_inputs)
      for (const NodeId in : node.inputs)
        if (own_grid(in) && readers[in].size() == 1) owner[in] = id;
  }
  for (NodeId id = network.size(); id-- > 0;)
    if (owner[id] != no_grid) owner[id] = owner[owner[id]];  // a Concat may feed a Concat
  return owner;
}

/// Whether a node's codes lie on a grid that an operator fixes.
inline bool has_fixed_grid(const Node& node, bool in_float, Requantizer requantizer) {
  return !in_float && node.op->grid(requantizer) == GridRule::fixed;
}

/// Whether bits_of means several layers or a place by this word, not a name.
inline bool is_layer_rule(const std::string& layer) { return layer == "first" || layer == "last" || layer == "depthwise"; }

/// Bits of a node's weights, and of the grid that it owns.
struct NodeBits {
  int weights = 8, activations = 8;
};

/// By node, what the options say. Throws value_error for bits_of that is nobody's or changes nothing, and for bits out of range.
inline std::vector<NodeBits> bits_of_nodes(const Network& network, const QuantizationOptions& o) {
  std::vector<NodeBits> result(network.size(), {o.weight_bits, o.activation_bits});
  const std::vector<bool> in_float = nodes_in_float(network, o);
  const std::vector<NodeId> owner = grid_owners(network, in_float, o.requantizer);
  std::vector<NodeId> layers;  // with weights on codes
  for (NodeId id = 0; id < network.size(); ++id)
    if (network[id].op->weighted() != nullptr && !in_float[id]) layers.push_back(id);
  for (const LayerBits& one : o.bits_of) {
    const auto refuse = [&](const auto&... why) -> void { throw value_error(message("quantize: bits_of: ", one.layer, why...)); };
    for (const std::optional<int>& bits : {one.weights, one.activations})
      if (bits && (*bits < 2 || *bits > 8)) refuse(": codes have 2 to 8 bits, not ", *bits);
    if (!one.weights && !one.activations) refuse(": neither bits of weights nor of activations");
    std::vector<NodeId> fit;
    for (NodeId id = 0; id < network.size(); ++id)
      if (network[id].name == one.layer || network[id].op->name() == one.layer) fit.push_back(id);
    if (is_layer_rule(one.layer)) {
      if (!fit.empty()) refuse(" is a rule and the name of a node; rename the node");
      if (layers.empty()) refuse(": no layer has weights on codes");
      if (one.layer == "first") fit = {layers.front()};
      if (one.layer == "last") fit = {layers.back()};
      if (one.layer == "depthwise")
        for (const NodeId id : layers)
          if (network[id].op->weighted()->is_depthwise()) fit.push_back(id);
    }
    if (fit.empty())
      refuse(": no node, no operator and no depthwise layer is called so; the operators are ", operators_of(network));
    bool weights = false, activations = false;
    for (const NodeId id : fit) {
      if (one.weights && network[id].op->weighted() != nullptr && !in_float[id]) {
        result[id].weights = *one.weights;
        weights = true;
      }
      if (one.activations && owner[id] == id && !has_fixed_grid(network[id], in_float[id], o.requantizer)) {
        result[id].activations = *one.activations;
        activations = true;
      }
    }
    if (one.weights && !weights) refuse(" has no weights on codes");
    if (one.activations && !activations) {
      const NodeId whose = owner[fit.front()];
      if (whose == no_grid) refuse(" puts out no codes");
      if (whose == fit.front()) refuse(" puts out codes on a fixed grid");
      refuse(" puts out codes on the grid of ", network[whose].name, "; give that one bits");
    }
  }
  return result;
}

/// A quantizer without zero point.
inline AnyQuantizer threshold_quantizer(CodeRange codes, std::vector<float> thresholds, Granularity granularity,
                                        const QuantizationOptions& o) {
  if (o.scheme == Scheme::power_of_two)
    return PowerOfTwoThreshold<float>(codes, std::move(thresholds), granularity, o.log_threshold);
  const Bounds<float> bounds = o.scheme == Scheme::learned ? o.learned_scale : o.alpha;
  return AdjustableThreshold<float>(codes, std::move(thresholds), granularity, bounds);
}

inline AnyQuantizer activation_quantizer(const Range<float>& range, bool non_negative, int bits, const QuantizationOptions& o) {
  const CodeRange codes = unsigned_codes(bits);
  if (o.scheme == Scheme::asymmetric)
    return AdjustableRange<float>(codes, {range}, per_tensor, non_negative ? o.one_sided_shift : o.shift, o.alpha);
  if (o.scheme == Scheme::learned) {
    constexpr Bounds<float> at_the_end{0, 0};
    return LearnedGrid<float>(codes, {range}, per_tensor, o.learned_scale,
                              non_negative ? at_the_end : LearnedGrid<float>::default_zero_bounds);
  }
  const CodeRange of_signed = o.requantizer == Requantizer::fixed_point ? full_signed_codes(bits) : signed_codes(bits);
  return threshold_quantizer(non_negative ? codes : of_signed, {range.threshold()}, per_tensor, o);
}

/// By how much least_weight_threshold has to grow so that bias codes stay within 5 * 2^28 whatever factors training finds: they
/// are at most 2^28 at first, and rise as both scales fall, and with a point-wise factor. 1 for the paper's bounds: 2^28 / (0.5 *
/// 0.5) * 1.25.
inline double bias_headroom(const QuantizationOptions& o) {
  const double least = o.scheme == Scheme::power_of_two ? std::exp2(double(o.log_threshold.lo))
                                                        : double(o.scheme == Scheme::learned ? o.learned_scale.lo : o.alpha.lo);
  return std::max(1.0, double(o.pointwise.hi) / (5 * least * least));
}

/// A quantizer fit to a layer's weights: their extreme values, raised where the bias needs a coarser grid
/// (least_weight_threshold). granularity: per_tensor, or per_channel of the layer's output axis.
inline AnyQuantizer weight_quantizer(const WeightedLayer& layer, Granularity granularity, float scale_x, int bits,
                                     const QuantizationOptions& o) {
  const std::size_t axis = layer.output_axis(), channels = layer.output_channels();
  const std::span<const float> bias = layer.bias();
  const bool symmetric = o.scheme != Scheme::asymmetric;
  const CodeRange codes = symmetric ? signed_codes(bits) : full_signed_codes(bits);

  std::vector<Range<float>> ranges(channels);
  const TensorView<const float> w = layer.weight();
  const auto inner = static_cast<std::size_t>(w.stride[axis]);
  for (std::size_t i = 0; i < w.size(); ++i) {
    Range<float>& r = ranges[i / inner % channels];
    if (!std::isfinite(w.data[i])) throw quantization_range_error(message("quantize: a weight is ", w.data[i]));
    r = {std::min(r.left, w.data[i]), std::max(r.right, w.data[i])};
  }
  float least = 0;
  for (std::size_t c = 0; c < channels; ++c) {
    const auto needed =
        static_cast<float>(bias_headroom(o) * least_weight_threshold(double(bias.empty() ? 0.0F : bias[c]), double(scale_x),
                                                                     symmetric ? codes.qmax : codes.qmax - codes.qmin));
    const float have = symmetric ? ranges[c].threshold() : ranges[c].right - ranges[c].left;
    if (have < needed && granularity != per_tensor) ranges[c].right = symmetric ? needed : ranges[c].left + needed;
    least = std::max(least, needed);
  }
  if (granularity == per_tensor) {
    Range<float> all;
    for (const Range<float>& r : ranges) all = {std::min(all.left, r.left), std::max(all.right, r.right)};
    all.right = std::max(all.right, symmetric ? (all.threshold() < least ? least : all.right) : all.left + least);
    ranges = {all};
  }
  if (!symmetric) return AdjustableRange<float>(codes, ranges, granularity, o.shift, o.alpha);
  std::vector<float> thresholds;
  for (const Range<float>& r : ranges) thresholds.push_back(r.threshold());
  return threshold_quantizer(codes, std::move(thresholds), granularity, o);
}

}  // namespace detail

/// Puts quantizers on a float network. `network`: folded and fused (fold_batch_norm, fuse_clips); `ranges`: of each of its nodes,
/// from calibrate. Throws value_error when their number differs, for a name in keep_float, weights_of or bits_of that nobody has,
/// for bits that change nothing, or for impossible bounds or bits; unsupported_error for a batch norm that is still there and for
/// operators that the requantizer has no definition of; quantization_range_error for ranges or weights that are not finite.
inline QuantizedNetwork quantize(Network network, std::span<const Range<float>> ranges, const QuantizationOptions& options) {
  if (ranges.size() != network.size())
    throw value_error(detail::message("quantize: ", ranges.size(), " ranges for ", network.size(), " nodes"));
  network.require_extents();
  for (const Node& node : network.nodes())
    if (node.op->integers() == IntegerRule::folded)
      throw unsupported_error(detail::message("quantize: node ", node.name, " (", operator_name(node.op),
                                              ") has to be folded first (fold_batch_norm)"));
  QuantizedNetwork q;
  q.in_float = detail::nodes_in_float(network, options);
  q.grid_of = detail::grid_owners(network, q.in_float, options.requantizer);
  q.weight.resize(network.size());
  q.output.resize(network.size());
  q.pointwise.resize(network.size());
  q.requantizer = options.requantizer;

  const std::vector<detail::NodeBits> bits = detail::bits_of_nodes(network, options);
  const std::vector<bool> non_negative = detail::non_negative_nodes(network);
  for (NodeId id = 0; id < network.size(); ++id) {
    if (q.grid_of[id] != id) continue;
    if (detail::has_fixed_grid(network[id], q.in_float[id], options.requantizer))
      q.output[id] = FixedGrid(network[id].op->fixed_grid());
    else
      q.output[id] = detail::activation_quantizer(ranges[id], non_negative[id], bits[id].activations, options);
  }
  const std::vector<bool> vector = detail::has_vector_weights(network, options);
  for (NodeId id = 0; id < network.size(); ++id)
    if (const WeightedLayer* layer = std::as_const(network)[id].op->weighted(); layer != nullptr && !q.in_float[id])
      q.weight[id] = detail::weight_quantizer(*layer, vector[id] ? per_channel(layer->output_axis()) : per_tensor,
                                              q.output_grid(network[id].inputs[0]).scale, bits[id].weights, options);
  q.network = std::move(network);
  return q;
}

/// Moves the thresholds of all weights to where their rounding and clipping cost the least squared error (search_threshold).
inline void search_weight_thresholds(QuantizedNetwork& q) {
  for (NodeId id = 0; id < q.network.size(); ++id)
    if (q.weight[id]) q.weight[id]->search(std::as_const(q.network)[id].op->weighted()->weight());
}

/// Gives every weight and bias a factor of 1, to be trained within `bounds`, which hold 1. Throws value_error for others.
inline void add_pointwise_factors(QuantizedNetwork& q, Bounds<float> bounds = default_pointwise_bounds) {
  detail::require_bounds(bounds, detail::least_factor, detail::largest_factor, "add_pointwise_factors");
  if (bounds.clip(1.0F) != 1.0F)
    throw value_error(detail::message("add_pointwise_factors: bounds [", bounds.lo, ", ", bounds.hi, "] do not hold 1"));
  for (NodeId id = 0; id < q.network.size(); ++id)
    if (q.weight[id]) {
      const WeightedLayer& layer = *std::as_const(q.network)[id].op->weighted();
      q.pointwise[id].bounds = bounds;
      q.pointwise[id].weight.assign(layer.weight().size(), 1.0F);
      q.pointwise[id].bias.assign(layer.bias().size(), 1.0F);
    }
}

}  // namespace trimtab
