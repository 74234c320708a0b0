#pragma once
/// \file
/// The weights of a quantized network as training runs them: codes, packed for the kernels, and the real numbers they stand for.

#include <cstdint>
#include <memory>
#include <trimtab/core/parallel.hpp>
#include <trimtab/net/execute/int16_weights.hpp>
#include <trimtab/net/quantize/lower_layer.hpp>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <trimtab/ops/quantize.hpp>
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
    Affine<float> grid;            ///< byte_grid of the output, where it is codes
    LoweredLayer lowered;          ///< integers of the weights, biases and multipliers
    std::shared_ptr<void> packed;  ///< for the kernels
    std::vector<float> effective;  ///< weights times their point-wise factors, where there are any
    Array weight;                  ///< dequantized, for a backward in float32; empty where it is in integers
    Int16Weights int16;            ///< for a backward in integers (in_int16)
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
    if (q_->holds_codes(id)) layers_[id].grid = byte_grid(*q_, id);
    if (q_->weight[id]) prepare(id, layers_[id]);
  }

  /// The network whose weights these are.
  const QuantizedNetwork& network() const { return *q_; }
  /// True where the backward of node `id` is taken in integers.
  bool in_int16(NodeId id) const {
    const WeightedLayer* layer = q_->network[id].op->weighted();
    return products_ == BackwardProducts::int16 && layer != nullptr && layer->int16_products();
  }
  /// Those of node `id`.
  const Layer& operator[](NodeId id) const { return layers_[id]; }

 private:
  void prepare(NodeId id, Layer& to) {
    const Node& node = q_->network[id];
    const PointwiseFactors& factors = q_->pointwise[id];
    const WeightedLayer* layer = node.op->weighted();
    std::optional<Operator> multiplied;
    if (!factors.weight.empty()) {
      multiplied = effective_layer(node.op, factors);
      layer = std::as_const(*multiplied)->weighted();
      const TensorView<const float> w = layer->weight();
      to.effective.assign(w.data, w.data + w.size());
    }
    to.lowered = lower_layer(*layer, *q_->weight[id], q_->output_grid(node.inputs[0]).scale, to.grid.scale, q_->requantizer);
    const TensorView<const float> weight = layer->weight();
    const TensorView<const std::int8_t> codes(to.lowered.codes.data(), weight.extent);
    layer->pack(codes, to.lowered.zero_point, to.packed);
    if (in_int16(id)) {
      to.int16.assign({weight.data, weight.size()}, to.lowered, *q_->weight[id]);
      return;
    }
    to.weight.resize(std::vector<std::size_t>(weight.extent.begin(), weight.extent.end()));
    auto reals = view(to.weight);
    dequantize(codes, *q_->weight[id], reals);
  }

  const QuantizedNetwork* q_;
  BackwardProducts products_;
  std::vector<Layer> layers_;
};

}  // namespace trimtab
