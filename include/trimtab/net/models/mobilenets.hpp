#pragma once
/// \file
/// The networks of the papers with seeded random weights: for tests, for timing, and as starting points of training.
///
/// Each convolution has no bias and is followed by a BatchNorm and, where the paper has an activation, a Clip node; the end is
/// global average pooling, Flatten and a Linear layer that gives the logits. Padding is TensorFlow's SAME everywhere: outputs of
/// ceil(in / stride), the odd pixel of padding after the picture (0, 0, 1, 1 for 3x3 at stride 2 on an even extent). PyTorch's
/// versions of the same networks pad symmetrically; extents and parameters are the same.
///
/// Weights are He-normal, N(0, 2 / fan_in); those of the classifier N(0, 1 / fan_in). Batch norm starts as the identity.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
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

/// Independent draws, the same bits with every standard library (std::normal_distribution differs between them).
class RandomSource {
 public:
  explicit RandomSource(std::uint64_t seed) : bits_(seed) {}

  std::uint64_t bits() { return bits_(); }
  /// Uniform on [0, 1).
  float uniform() { return static_cast<float>(bits_() >> 40) * 0x1p-24F; }
  float uniform(float lo, float hi) { return lo + (hi - lo) * uniform(); }
  /// Uniform on 0 .. count - 1.
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(bits_() % count); }
  /// Mean 0, variance 1, within +-6: twelve uniform numbers of 16 bits, summed.
  float normal() {
    std::uint64_t sum = 0;
    for (int draw = 0; draw < 3; ++draw)
      for (std::uint64_t b = bits_(), part = 0; part < 4; ++part, b >>= 16) sum += b & 0xffffU;
    return static_cast<float>(static_cast<double>(sum) / 65536.0 - 6.0 + 12.0 / 131072.0);
  }

 private:
  std::mt19937_64 bits_;
};

/// TensorFlow's SAME on one axis: padding before and after.
inline std::pair<std::size_t, std::size_t> same_padding(std::size_t in, std::size_t kernel, std::size_t stride) {
  const std::size_t needed = ((in + stride - 1) / stride - 1) * stride + kernel;
  const std::size_t total = needed > in ? needed - in : 0;
  return {total / 2, total - total / 2};
}

/// Appends the layers of mobile networks to a network, one after another.
class ModelBuilder {
 public:
  ModelBuilder(std::size_t resolution, Clip activation, std::uint64_t seed) : activation_(activation), random_(seed) {
    last_ = network_.add(Input{{resolution, resolution, 3}}, {}, "input");
  }

  /// Convolution, batch norm and, if asked for, the activation.
  void conv(const std::string& name, std::size_t out_c, std::size_t kernel, std::size_t stride, bool activated) {
    const std::size_t in_c = network_[last_].extent[2];
    Conv2d layer;
    layer.weight = xt::xtensor<float, 4>::from_shape({out_c, kernel, kernel, in_c});
    fill(layer.weight, 2.0 / static_cast<double>(kernel * kernel * in_c));
    layer.window = window(kernel, stride);
    last_ = network_.add(std::move(layer), {last_}, name);
    normalize(name, activated);
  }

  void depthwise(const std::string& name, std::size_t kernel, std::size_t stride) {
    DepthwiseConv2d layer;
    layer.weight = xt::xtensor<float, 3>::from_shape({kernel, kernel, network_[last_].extent[2]});
    fill(layer.weight, 2.0 / static_cast<double>(kernel * kernel));
    layer.window = window(kernel, stride);
    last_ = network_.add(std::move(layer), {last_}, name);
    normalize(name, true);
  }

  /// MobileNet-v2's block: 1x1 to expansion * C (left out when expansion is 1), depthwise, linear 1x1, and the sum with the
  /// block's input where extents allow.
  void inverted_residual(const std::string& name, std::size_t out_c, std::size_t kernel, std::size_t stride,
                         std::size_t expansion) {
    const NodeId before = last_;
    const std::size_t in_c = network_[before].extent[2];
    if (expansion != 1) conv(name + ".expand", in_c * expansion, 1, 1, true);
    depthwise(name + ".depthwise", kernel, stride);
    conv(name + ".project", out_c, 1, 1, false);
    if (stride == 1 && in_c == out_c) last_ = network_.add(Add{}, {before, last_}, name + ".add");
  }

  Network finish(std::size_t classes) {
    last_ = network_.add(GlobalAveragePool{}, {last_}, "pool");
    last_ = network_.add(Flatten{}, {last_}, "flatten");
    const std::size_t features = network_[last_].extent[0];
    Linear layer;
    layer.weight = xt::xtensor<float, 2>::from_shape({classes, features});
    fill(layer.weight, 1.0 / static_cast<double>(features));
    layer.bias = xt::zeros<float>({classes});
    network_.add(std::move(layer), {last_}, "logits");
    return std::move(network_);
  }

 private:
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
    const std::size_t c = network_[last_].extent[2];
    BatchNorm bn;
    bn.gamma = bn.variance = xt::ones<float>({c});
    bn.beta = bn.mean = xt::zeros<float>({c});
    last_ = network_.add(std::move(bn), {last_}, name + ".norm");
    if (activated) last_ = network_.add(activation_, {last_}, name + ".clip");
  }

  Network network_;
  NodeId last_;
  Clip activation_;
  RandomSource random_;
};

/// `repeats` inverted residuals, the first of which has the stride.
struct Stage {
  std::size_t expansion, channels, repeats, stride, kernel;
};

inline void add_stages(ModelBuilder& builder, const std::vector<Stage>& stages, double width) {
  std::size_t block = 1;
  for (const Stage& s : stages)
    for (std::size_t i = 0; i < s.repeats; ++i)
      builder.inverted_residual("block" + std::to_string(block++), make_divisible(static_cast<double>(s.channels) * width),
                                s.kernel, i == 0 ? s.stride : 1, s.expansion);
}

inline void require_model(const char* what, double width, std::size_t resolution, std::size_t classes) {
  if (!(width > 0.0 && width <= 16.0) || resolution < 1 || resolution > 4096 || classes < 1 || classes > (1U << 20))
    throw value_error(message(what, ": expected width in (0, 16], resolution in [1, 4096] and classes in [1, 2^20], got ", width,
                              ", ", resolution, ", ", classes));
}

}  // namespace detail

/// MobileNet-v1 (arXiv 1704.04861, table 1): ReLU6; channels are floor(width * channels), 8 or more. At width 1 and 1000 classes
/// 4,231,976 parameters and 569 million multiply-accumulates. Throws value_error for a width, resolution or class count out of
/// range.
inline Network mobilenet_v1(double width = 1.0, std::size_t resolution = 224, std::size_t classes = 1000,
                            std::uint64_t seed = 1) {
  detail::require_model("mobilenet_v1", width, resolution, classes);
  const auto scaled = [&](std::size_t channels) {
    return std::max<std::size_t>(8, static_cast<std::size_t>(static_cast<double>(channels) * width));
  };
  constexpr std::pair<std::size_t, std::size_t> blocks[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                                                            {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
  detail::ModelBuilder builder(resolution, relu6, seed);
  builder.conv("stem", scaled(32), 3, 2, true);
  std::size_t number = 1;
  for (const auto& [channels, stride] : blocks) {
    const std::string name = "block" + std::to_string(number++);
    builder.depthwise(name + ".depthwise", 3, stride);
    builder.conv(name + ".pointwise", scaled(channels), 1, 1, true);
  }
  return builder.finish(classes);
}

/// MobileNet-v2 (arXiv 1801.04381, table 2): ReLU6; the last convolution has 1280 channels, more only above width 1. At width 1
/// and 1000 classes 3,504,872 parameters and 301 million multiply-accumulates. Throws as mobilenet_v1.
inline Network mobilenet_v2(double width = 1.0, std::size_t resolution = 224, std::size_t classes = 1000,
                            std::uint64_t seed = 1) {
  detail::require_model("mobilenet_v2", width, resolution, classes);
  detail::ModelBuilder builder(resolution, relu6, seed);
  builder.conv("stem", make_divisible(32 * width), 3, 2, true);
  detail::add_stages(builder,
                     {{1, 16, 1, 1, 3},
                      {6, 24, 2, 2, 3},
                      {6, 32, 3, 2, 3},
                      {6, 64, 4, 2, 3},
                      {6, 96, 3, 1, 3},
                      {6, 160, 3, 2, 3},
                      {6, 320, 1, 1, 3}},
                     width);
  builder.conv("head", make_divisible(1280 * std::max(1.0, width)), 1, 1, true);
  return builder.finish(classes);
}

/// MNasNet-B1, the one without squeeze-and-excitation (arXiv 1807.11626), as torchvision's mnasnet1_0 and mnasnet1_3 have it:
/// ReLU, depthwise filters of 3x3 and 5x5, a head of 1280 channels at every width. At 1000 classes: width 1.0 has 4,383,312
/// parameters and 314 million multiply-accumulates, width 1.3 has 6,282,256 parameters. Throws as mobilenet_v1.
inline Network mnasnet(double width = 1.0, std::size_t resolution = 224, std::size_t classes = 1000, std::uint64_t seed = 1) {
  detail::require_model("mnasnet", width, resolution, classes);
  detail::ModelBuilder builder(resolution, relu, seed);
  builder.conv("stem", make_divisible(32 * width), 3, 2, true);
  detail::add_stages(builder,
                     {{1, 16, 1, 1, 3},
                      {3, 24, 3, 2, 3},
                      {3, 40, 3, 2, 5},
                      {6, 80, 3, 2, 5},
                      {6, 96, 2, 1, 3},
                      {6, 192, 4, 2, 5},
                      {6, 320, 1, 1, 3}},
                     width);
  builder.conv("head", 1280, 1, 1, true);
  return builder.finish(classes);
}

/// MobileNet-v2 in miniature, ReLU6, for pictures of about 32x32: small enough to be trained on two cores within a minute. At
/// 32x32 and 10 classes 35,146 parameters and 1.1 million multiply-accumulates. Throws as mobilenet_v1.
inline Network small_mobilenet(std::size_t resolution = 32, std::size_t classes = 10, std::uint64_t seed = 1) {
  detail::require_model("small_mobilenet", 1.0, resolution, classes);
  detail::ModelBuilder builder(resolution, relu6, seed);
  builder.conv("stem", 16, 3, 2, true);
  detail::add_stages(builder, {{1, 8, 1, 1, 3}, {6, 16, 2, 2, 3}, {6, 24, 2, 2, 3}, {6, 32, 1, 1, 3}}, 1.0);
  builder.conv("head", 96, 1, 1, true);
  return builder.finish(classes);
}

}  // namespace trimtab
