#pragma once
/// \file
/// Rewriting of networks before quantization. Each pass returns a new network that computes the same function.

#include <utility>
#include <vector>

#include <trimtab/net/network.hpp>
#include <trimtab/transform/fold_batch_norm.hpp>

namespace trimtab {
namespace detail {

/// Which axis of a layer's weight counts its output channels.
constexpr std::size_t channel_axis(const Conv2d&) { return 0; }
constexpr std::size_t channel_axis(const DepthwiseConv2d&) { return 2; }
constexpr std::size_t channel_axis(const Linear&) { return 0; }

template <class L>
concept WeightedLayer = requires(const L& l) { channel_axis(l); };

/// Calls f(layer) when the operator has weights.
template <class Op, class F>
void with_weights(Op& op, const F& f) {
  std::visit(
      [&](auto& layer) {
        if constexpr (WeightedLayer<std::remove_cvref_t<decltype(layer)>>) f(layer);
      },
      op);
}

inline bool has_weights(const Operator& op) {
  return std::visit([]<class L>(const L&) { return WeightedLayer<L>; }, op);
}

/// Copies a network node by node; `absorb(node, new id of its input)` returns true when the node became part of that input.
template <class Absorb>
Network rewrite(const Network& network, const Absorb& absorb) {
  const auto readers = network.readers();
  Network result;
  std::vector<NodeId> moved(network.size());
  for (NodeId id = 0; id < network.size(); ++id) {
    const Node& node = network[id];
    std::vector<NodeId> inputs;
    for (const NodeId input : node.inputs) inputs.push_back(moved[input]);
    const bool sole_reader = node.inputs.size() == 1 && readers[node.inputs[0]].size() == 1 && network.output() != node.inputs[0];
    if (sole_reader && absorb(node, result[inputs[0]]))
      moved[id] = inputs[0];
    else
      moved[id] = result.add(node.op, std::move(inputs), node.name, node.clip);
  }
  result.set_output(moved[network.output()]);
  return result;
}

}  // namespace detail

/// Folds every batch norm into the convolution or linear layer before it (paper 3.1.2, eq. 10 and 11). One that follows anything else,
/// or a layer with further readers, becomes a 1x1 depthwise convolution over N H W C. Every layer with weights has a bias afterwards.
inline Network fold_batch_norm(const Network& network) {
  Network folded = detail::rewrite(network, [](const Node& node, Node& before) {
    const BatchNorm* bn = std::get_if<BatchNorm>(&node.op);
    if (bn == nullptr || !detail::has_weights(before.op) || before.clip != no_clip) return false;
    detail::with_weights(before.op, [&](auto& layer) {
      if (layer.bias.size() == 0) layer.bias = xt::xtensor<float, 1>(std::array<std::size_t, 1>{bn->gamma.size()}, 0.0F);
      fold_batch_norm(layer.weight, detail::channel_axis(layer), layer.bias, bn->gamma, bn->beta, bn->mean, bn->variance,
                      double(bn->epsilon));
    });
    before.clip = node.clip;
    return true;
  });

  Network result;
  for (const Node& node : folded.nodes()) {
    Operator op = node.op;
    if (const BatchNorm* bn = std::get_if<BatchNorm>(&node.op)) {
      const std::size_t channels = bn->gamma.size();
      if (node.extent.size() != 3)
        throw unsupported_error(detail::message("fold_batch_norm: node ", node.name, " follows no layer that it could be folded into"));
      DepthwiseConv2d scale{xt::xtensor<float, 3>(std::array<std::size_t, 3>{1, 1, channels}, 1.0F),
                            xt::xtensor<float, 1>(std::array<std::size_t, 1>{channels}, 0.0F), {}};
      fold_batch_norm(scale.weight, 2, scale.bias, bn->gamma, bn->beta, bn->mean, bn->variance, double(bn->epsilon));
      op = std::move(scale);
    }
    detail::with_weights(op, [&](auto& layer) {
      if (layer.bias.size() == 0)
        layer.bias = xt::xtensor<float, 1>(std::array<std::size_t, 1>{layer.weight.shape(detail::channel_axis(layer))}, 0.0F);
    });
    result.add(std::move(op), node.inputs, node.name, node.clip);
  }
  result.set_output(folded.output());
  return result;
}

/// Makes ReLU, ReLU6 and other clips part of the node before them, where nothing else reads that node.
inline Network fuse_clips(const Network& network) {
  return detail::rewrite(network, [](const Node& node, Node& before) {
    const Clip* clip = std::get_if<Clip>(&node.op);
    if (clip == nullptr || std::holds_alternative<Input>(before.op) || std::holds_alternative<Flatten>(before.op)) return false;
    // clip(clip(x, a, b), c, d) is one clip, to [a, b] moved into [c, d].
    const auto into = [&](float v) { return v < clip->lo ? clip->lo : (v > clip->hi ? clip->hi : v); };
    before.clip = {into(before.clip.lo), into(before.clip.hi)};
    return true;
  });
}

}  // namespace trimtab
