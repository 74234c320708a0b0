#pragma once
/// \file
/// The weights of a quantized network as training runs them: codes, packed for the kernels, and the real numbers they stand for.

#include <cstdint>
#include <optional>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/int8/depthwise_conv2d.hpp>
#include <trimtab/net/lower.hpp>
#include <trimtab/net/quantized_network.hpp>
#include <trimtab/ops/quantize.hpp>
#include <type_traits>
#include <vector>

namespace trimtab {

/// The weights of a quantized network on their grids, as training needs them; executors share them.
class QuantizedWeights {
 public:
  /// What a node has; of nodes without weights the grid alone.
  struct Layer {
    Affine<float> grid;                      ///< byte_grid of the output
    LoweredLayer lowered;                    ///< integers of the weights, biases and multipliers
    int8::PackedConv2d packed;               ///< of Conv2d and Linear
    int8::PackedDepthwise packed_depthwise;  ///< of DepthwiseConv2d
    std::vector<float> effective;            ///< weights times their point-wise factors, where there are any
    Array weight;                            ///< dequantized, for backward
  };

  /// `q` must outlive this object, and may change its factors between calls of refresh.
  explicit QuantizedWeights(const QuantizedNetwork& q) : q_(&q), layers_(q.network.size()) { refresh(); }

  /// Takes over the factors: requantizes the weights.
  void refresh() {
    for (NodeId id = 0; id < layers_.size(); ++id) refresh(id);
  }
  /// The same for one node.
  void refresh(NodeId id) {
    Layer& l = layers_[id];
    l.grid = byte_grid(*q_, id);
    detail::with_weights(q_->network[id].op, [&](const auto& layer) { prepare(id, layer, l); });
  }

  /// The network whose weights these are.
  const QuantizedNetwork& network() const { return *q_; }
  /// Those of node `id`.
  const Layer& operator[](NodeId id) const { return layers_[id]; }

 private:
  template <class L>
  void prepare(NodeId id, const L& own, Layer& to) {
    const NodeId in = q_->network[id].inputs[0];
    const PointwiseFactors& factors = q_->pointwise[id];
    std::optional<L> multiplied;
    if (!factors.weight.empty()) {
      multiplied = effective_layer(own, factors);
      to.effective.assign(multiplied->weight.begin(), multiplied->weight.end());
    }
    const L& layer = multiplied ? *multiplied : own;
    to.lowered = lower_layer(layer, *q_->weight[id], q_->output_grid(in).scale, to.grid.scale, q_->requantizer);
    const auto extent = view(layer.weight).extent;
    const TensorView<const std::int8_t> codes(to.lowered.codes.data(), extent);
    if constexpr (std::is_same_v<L, Conv2d>)
      int8::repack_conv2d(codes, to.packed, layer.groups, to.lowered.zero_point);
    else if constexpr (std::is_same_v<L, DepthwiseConv2d>)
      int8::repack_depthwise_conv2d(codes, to.packed_depthwise, to.lowered.zero_point);
    else
      int8::repack_linear(codes, to.packed, to.lowered.zero_point);
    to.weight.resize(std::vector<std::size_t>(extent.begin(), extent.end()));
    auto reals = view(to.weight);
    dequantize(codes, *q_->weight[id], reals);
  }

  const QuantizedNetwork* q_;
  std::vector<Layer> layers_;
};

}  // namespace trimtab
