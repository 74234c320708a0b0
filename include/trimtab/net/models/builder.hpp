#pragma once
/// \file
/// What builders of published networks share: seeded random weights, padding, blocks.
///
/// Each convolution has no bias and is followed by a BatchNorm and, where the paper has an activation, a node for that; the end
/// is global average pooling, Flatten and a Linear layer that gives the logits. Padding is TensorFlow's SAME everywhere:
/// outputs of ceil(in / stride), the odd pixel of padding after the picture (0, 0, 1, 1 for 3x3 at stride 2 on an even extent).
/// PyTorch's versions of the same networks pad symmetrically; extents and parameters are the same.
///
/// Weights are He-normal, N(0, 2 / fan_in); those of the classifier N(0, 1 / fan_in). Batch norm starts as the identity.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <trimtab/core/random_source.hpp>
#include <trimtab/net/graph/network.hpp>
#include <trimtab/net/operators.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// `channels * width` rounded to the nearest multiple of 8, but never down by more than 10 %: MobileNet-v2's and MNasNet's rule.
inline std::size_t make_divisible(double channels) {
  const auto nearest = std::max<std::size_t>(8, static_cast<std::size_t>(channels + 4.0) / 8 * 8);
  return static_cast<double>(nearest) < 0.9 * channels ? nearest + 8 : nearest;
}

namespace detail {

/// TensorFlow's SAME on one axis: padding before and after.
inline std::pair<std::size_t, std::size_t> same_padding(std::size_t in, std::size_t kernel, std::size_t stride) {
  const std::size_t needed = ((in + stride - 1) / stride - 1) * stride + kernel;
  const std::size_t total = needed > in ? needed - in : 0;
  return {total / 2, total - total / 2};
}

/// `count` channels from `first` of H W C.
inline Slice channel_slice(const Extents& extent, std::size_t first, std::size_t count) {
  return {{{0, extent[0], 1}, {0, extent[1], 1}, {first, count, 1}}};
}

/// Appends layers to a network, one after another.
class ModelBuilder {
 public:
  /// `activation`: what stands behind normalized layers.
  ModelBuilder(std::size_t resolution, Operator activation, std::uint64_t seed)
      : activation_(std::move(activation)), random_(seed) {
    last_ = network_.add(Input{{resolution, resolution, 3}}, {}, "input");
  }

  const Network& network() const { return network_; }                     ///< so far
  NodeId last() const { return last_; }                                   ///< the node that the next layer reads
  void go_to(NodeId id) { last_ = id; }                                   ///< the next layer reads that one
  std::size_t channels() const { return network_[last_].extent[2]; }      ///< of the last node
  void use(Operator activation) { activation_ = std::move(activation); }  ///< from here on
  void add(Operator op, const std::string& name) {
    last_ = network_.add(std::move(op), {last_}, name);
  }  ///< any operator of one input
  void join(Operator op, NodeId with, const std::string& name) {
    last_ = network_.add(std::move(op), {with, last_}, name);
  }  ///< of two

  /// Convolution, batch norm and, if asked for, the activation.
  void conv(const std::string& name, std::size_t out_c, std::size_t kernel, std::size_t stride, bool activated) {
    last_ = network_.add(convolution(out_c, kernel, stride), {last_}, name);
    normalize(name, activated);
  }

  void depthwise(const std::string& name, std::size_t kernel, std::size_t stride, bool activated = true) {
    DepthwiseConv2d layer;
    layer.weight = xt::xtensor<float, 3>::from_shape({kernel, kernel, channels()});
    fill(layer.weight, 2.0 / static_cast<double>(kernel * kernel));
    layer.window = window(kernel, stride);
    last_ = network_.add(std::move(layer), {last_}, name);
    normalize(name, activated);
  }

  /// MobileNet-v2's block: 1x1 to expansion * C (left out when expansion is 1), depthwise, linear 1x1, and the sum with the
  /// block's input where extents allow.
  void inverted_residual(const std::string& name, std::size_t out_c, std::size_t kernel, std::size_t stride,
                         std::size_t expansion) {
    inverted_residual(name, out_c, kernel, stride, channels() * expansion, [] {});
  }
  /// The same with `expanded` channels, and with excite() behind the depthwise layer.
  template <class Excite>
  void inverted_residual(const std::string& name, std::size_t out_c, std::size_t kernel, std::size_t stride, std::size_t expanded,
                         const Excite& excite) {
    const NodeId before = last_;
    const std::size_t in_c = channels();
    if (expanded != in_c) conv(name + ".expand", expanded, 1, 1, true);
    depthwise(name + ".depthwise", kernel, stride);
    excite();
    conv(name + ".project", out_c, 1, 1, false);
    if (stride == 1 && in_c == out_c) last_ = network_.add(Add{}, {before, last_}, name + ".add");
  }

  /// Squeeze and excitation (arXiv 1709.01507): the means of the channels, 1x1 to `squeezed` with `inner`, 1x1 back with
  /// `gate`, times the channels. Both layers have biases and no batch norm.
  void squeeze_excite(const std::string& name, std::size_t squeezed, const Operator& inner, const Operator& gate) {
    const NodeId before = last_;
    const std::size_t c = channels();
    add(GlobalAveragePool{}, name + ".squeeze");
    for (const bool back : {false, true}) {
      Conv2d layer = convolution(back ? c : squeezed, 1, 1);
      layer.bias = xt::zeros<float>({back ? c : squeezed});
      add(std::move(layer), name + (back ? ".excite" : ".reduce"));
      add(back ? gate : inner, name + (back ? ".gate" : ".act"));
    }
    last_ = network_.add(Mul{}, {before, last_}, name + ".scale");
  }

  void max_pool(const std::string& name, std::size_t kernel, std::size_t stride) {
    add(MaxPool{kernel, kernel, window(kernel, stride)}, name);
  }

  /// A linear layer with biases over a flattened value.
  void linear(const std::string& name, std::size_t out) {
    const std::size_t features = network_[last_].extent[0];
    Linear layer;
    layer.weight = xt::xtensor<float, 2>::from_shape({out, features});
    fill(layer.weight, 1.0 / static_cast<double>(features));
    layer.bias = xt::zeros<float>({out});
    add(std::move(layer), name);
  }
  /// Global average pool and Flatten.
  void pool() {
    add(GlobalAveragePool{}, "pool");
    add(Flatten{}, "flatten");
  }
  /// The end: pool() and the classifier.
  Network finish(std::size_t classes) {
    pool();
    return classify(classes);
  }
  /// The classifier alone.
  Network classify(std::size_t classes) {
    linear("logits", classes);
    return std::move(network_);
  }

 private:
  Conv2d convolution(std::size_t out_c, std::size_t kernel, std::size_t stride) {
    const std::size_t in_c = channels();
    Conv2d layer;
    layer.weight = xt::xtensor<float, 4>::from_shape({out_c, kernel, kernel, in_c});
    fill(layer.weight, 2.0 / static_cast<double>(kernel * kernel * in_c));
    layer.window = window(kernel, stride);
    return layer;
  }
  template <class Weight>
  void fill(Weight& weight, double variance) {
    const float deviation = static_cast<float>(std::sqrt(variance));
    for (float& w : weight) w = deviation * random_.normal();
  }

  WindowOptions window(std::size_t kernel, std::size_t stride) const {
    const Extents& in = network_[last_].extent;
    const auto [top, bottom] = same_padding(in[0], kernel, stride);
    const auto [left, right] = same_padding(in[1], kernel, stride);
    WindowOptions options;
    options.stride_h = options.stride_w = stride;
    options.padding = {top, left, bottom, right};
    return options;
  }

  void normalize(const std::string& name, bool activated) {
    const std::size_t c = channels();
    BatchNorm bn;
    bn.gamma = bn.variance = xt::ones<float>({c});
    bn.beta = bn.mean = xt::zeros<float>({c});
    add(std::move(bn), name + ".norm");
    if (activated) add(activation_, name + (activation_.is<Clip>() ? ".clip" : ".act"));
  }

  Network network_;
  NodeId last_;
  Operator activation_;
  RandomSource random_;
};

inline void require_model(const char* what, double width, std::size_t resolution, std::size_t classes) {
  if (!(width > 0.0 && width <= 16.0) || resolution < 1 || resolution > 4096 || classes < 1 || classes > (1U << 20))
    throw value_error(message(what, ": expected width in (0, 16], resolution in [1, 4096] and classes in [1, 2^20], got ", width,
                              ", ", resolution, ", ", classes));
}

}  // namespace detail
}  // namespace trimtab
