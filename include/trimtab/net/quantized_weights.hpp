#pragma once
/// \file
/// The weights of a quantized network as training runs them: codes, packed for the kernels, and the real numbers they stand for.

#include <cstdint>
#include <optional>
#include <trimtab/core/parallel.hpp>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/int8/depthwise_conv2d.hpp>
#include <trimtab/net/int16_weights.hpp>
#include <trimtab/net/lower.hpp>
#include <trimtab/net/quantized_network.hpp>
#include <trimtab/ops/quantize.hpp>
#include <type_traits>
#include <vector>

namespace trimtab {

/// What the matrix products of a backward are taken in.
enum class BackwardProducts {
  int16,   ///< exact sums of 16-bit integers (ops/conv2d_int16.hpp) where that is the faster way, float32 elsewhere
  float32  ///< everywhere
};

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
    Array weight;                            ///< dequantized, for a backward in float32; empty where it is in integers
    Int16Weights int16;                      ///< for a backward in integers (in_int16)
  };

  /// `q` must outlive this object, and may change its factors between calls of refresh.
  explicit QuantizedWeights(const QuantizedNetwork& q, BackwardProducts products = BackwardProducts::int16)
      : q_(&q), products_(products), layers_(q.network.size()) {
    refresh();
  }

  /// Takes over the factors: requantizes the weights.
  void refresh() {
    // From the last, which tend to be the largest.
    parallel_for(layers_.size(), [&](std::size_t i) { refresh(layers_.size() - 1 - i); });
  }
  /// The same for one node.
  void refresh(NodeId id) {
    Layer& l = layers_[id];
    l.grid = byte_grid(*q_, id);
    detail::with_weights(q_->network[id].op, [&](const auto& layer) { prepare(id, layer, l); });
  }

  /// The network whose weights these are.
  const QuantizedNetwork& network() const { return *q_; }
  /// True where the backward of node `id` is taken in integers.
  bool in_int16(NodeId id) const {
    const Conv2d* conv = std::get_if<Conv2d>(&q_->network[id].op);
    return products_ == BackwardProducts::int16 && (std::holds_alternative<Linear>(q_->network[id].op) || (conv != nullptr && conv->groups == 1));
  }
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
    if (in_int16(id)) {
      to.int16.assign({layer.weight.data(), layer.weight.size()}, to.lowered, *q_->weight[id]);
      return;
    }
    to.weight.resize(std::vector<std::size_t>(extent.begin(), extent.end()));
    auto reals = view(to.weight);
    dequantize(codes, *q_->weight[id], reals);
  }

  const QuantizedNetwork* q_;
  BackwardProducts products_;
  std::vector<Layer> layers_;
};

}  // namespace trimtab
