#pragma once
/// \file
/// MobileNet-v1, -v2 and -v3 and MNasNet with seeded random weights: for tests, for timing, and as starting points of training.
/// How they are made, see builder.hpp.

#include <trimtab/net/models/builder.hpp>

namespace trimtab {
namespace detail {

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

/// MNasNet-A1, with squeeze-and-excitation (arXiv 1807.11626, figure 7): 3,887,038 parameters at 1000 classes, 312 million
/// multiply-accumulates. Throws as mobilenet_v1.
inline Network mnasnet_a1(std::size_t resolution = 224, std::size_t classes = 1000, std::uint64_t seed = 1) {
  detail::require_model("mnasnet_a1", 1.0, resolution, classes);
  struct A1Stage {
    std::size_t expansion, channels, repeats, stride, kernel;
    bool excite;
  };
  constexpr A1Stage stages[] = {{1, 16, 1, 1, 3, false}, {6, 24, 2, 2, 3, false}, {3, 40, 3, 2, 5, true},
                                {6, 80, 4, 2, 3, false}, {6, 112, 2, 1, 3, true}, {6, 160, 3, 2, 5, true},
                                {6, 320, 1, 1, 3, false}};
  detail::ModelBuilder builder(resolution, relu, seed);
  builder.conv("stem", 32, 3, 2, true);
  std::size_t number = 1;
  for (const A1Stage& s : stages)
    for (std::size_t i = 0; i < s.repeats; ++i) {
      const std::string name = "block" + std::to_string(number++);
      const std::size_t in_c = builder.channels();
      builder.inverted_residual(name, s.channels, s.kernel, i == 0 ? s.stride : 1, in_c * s.expansion, [&] {
        if (s.excite) builder.squeeze_excite(name + ".se", std::max<std::size_t>(1, in_c / 4), relu, Sigmoid{});
      });
    }
  builder.conv("head", 1280, 1, 1, true);
  return builder.finish(classes);
}

namespace detail {

/// A block of MobileNet-v3's tables: kernel, expanded and output channels, squeeze-and-excitation, h-swish or ReLU, stride.
struct V3Block {
  std::size_t kernel, expanded, channels;
  bool excite, hard_swish;
  std::size_t stride;
};

inline Network mobilenet_v3(std::span<const V3Block> blocks, std::size_t features, std::size_t resolution, std::size_t classes,
                            std::uint64_t seed) {
  ModelBuilder builder(resolution, HardSwish{}, seed);
  builder.conv("stem", 16, 3, 2, true);
  std::size_t number = 1;
  for (const V3Block& b : blocks) {
    const std::string name = "block" + std::to_string(number++);
    builder.use(b.hard_swish ? Operator(HardSwish{}) : Operator(relu));
    builder.inverted_residual(name, b.channels, b.kernel, b.stride, b.expanded, [&] {
      if (b.excite)
        builder.squeeze_excite(name + ".se", make_divisible(double(b.expanded) / 4), relu, HardSigmoid{1.0F / 6, 0.5F});
    });
  }
  builder.use(HardSwish{});
  builder.conv("head", blocks.back().channels * 6, 1, 1, true);
  builder.pool();
  builder.linear("features", features);
  builder.add(HardSwish{}, "features.act");
  return builder.classify(classes);
}

}  // namespace detail

/// MobileNet-v3-large (arXiv 1905.02244, table 1): 5,483,032 parameters at 1000 classes, 217 million multiply-accumulates.
/// Throws as mobilenet_v1.
inline Network mobilenet_v3_large(std::size_t resolution = 224, std::size_t classes = 1000, std::uint64_t seed = 1) {
  detail::require_model("mobilenet_v3_large", 1.0, resolution, classes);
  constexpr detail::V3Block blocks[] = {{3, 16, 16, false, false, 1}, {3, 64, 24, false, false, 2}, {3, 72, 24, false, false, 1},
                                        {5, 72, 40, true, false, 2},  {5, 120, 40, true, false, 1}, {5, 120, 40, true, false, 1},
                                        {3, 240, 80, false, true, 2}, {3, 200, 80, false, true, 1}, {3, 184, 80, false, true, 1},
                                        {3, 184, 80, false, true, 1}, {3, 480, 112, true, true, 1}, {3, 672, 112, true, true, 1},
                                        {5, 672, 160, true, true, 2}, {5, 960, 160, true, true, 1}, {5, 960, 160, true, true, 1}};
  return detail::mobilenet_v3(blocks, 1280, resolution, classes, seed);
}

/// MobileNet-v3-small (arXiv 1905.02244, table 2): 2,542,856 parameters at 1000 classes, 57 million multiply-accumulates.
/// Throws as mobilenet_v1.
inline Network mobilenet_v3_small(std::size_t resolution = 224, std::size_t classes = 1000, std::uint64_t seed = 1) {
  detail::require_model("mobilenet_v3_small", 1.0, resolution, classes);
  constexpr detail::V3Block blocks[] = {{3, 16, 16, true, false, 2}, {3, 72, 24, false, false, 2}, {3, 88, 24, false, false, 1},
                                        {5, 96, 40, true, true, 2},  {5, 240, 40, true, true, 1},  {5, 240, 40, true, true, 1},
                                        {5, 120, 48, true, true, 1}, {5, 144, 48, true, true, 1},  {5, 288, 96, true, true, 2},
                                        {5, 576, 96, true, true, 1}, {5, 576, 96, true, true, 1}};
  return detail::mobilenet_v3(blocks, 1024, resolution, classes, seed);
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
