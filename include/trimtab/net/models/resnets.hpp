#pragma once
/// \file
/// ResNet-18 and -50 and ShuffleNetV2 with seeded random weights. How they are made, see builder.hpp.

#include <trimtab/net/models/builder.hpp>

namespace trimtab {
namespace detail {

/// A residual block: `inside` from the block's input, the input itself or a 1x1 of it, their sum, ReLU.
template <class Inside>
void residual(ModelBuilder& builder, const std::string& name, std::size_t out_c, std::size_t stride, const Inside& inside) {
  const NodeId before = builder.last();
  const bool projected = stride != 1 || builder.channels() != out_c;
  if (projected) builder.conv(name + ".shortcut", out_c, 1, stride, false);
  const NodeId shortcut = builder.last();
  builder.go_to(before);
  inside();
  builder.join(Add{}, shortcut, name + ".add");
  builder.add(relu, name + ".clip");
}

template <class Block>
Network resnet(const char* what, const std::size_t (&repeats)[4], std::size_t resolution, std::size_t classes, std::uint64_t seed,
               const Block& block) {
  require_model(what, 1.0, resolution, classes);
  ModelBuilder builder(resolution, relu, seed);
  builder.conv("stem", 64, 7, 2, true);
  builder.max_pool("stem.pool", 3, 2);
  std::size_t number = 1;
  for (std::size_t stage = 0; stage < 4; ++stage)
    for (std::size_t i = 0; i < repeats[stage]; ++i)
      block(builder, "block" + std::to_string(number++), std::size_t{64} << stage, i == 0 && stage != 0 ? 2 : 1);
  return builder.finish(classes);
}

}  // namespace detail

/// ResNet-18 (arXiv 1512.03385, table 1): 11,689,512 parameters at 1000 classes, 1.8 billion multiply-accumulates. Throws
/// value_error for a resolution or class count out of range.
inline Network resnet18(std::size_t resolution = 224, std::size_t classes = 1000, std::uint64_t seed = 1) {
  return detail::resnet("resnet18", {2, 2, 2, 2}, resolution, classes, seed,
                        [](detail::ModelBuilder& builder, const std::string& name, std::size_t width, std::size_t stride) {
                          detail::residual(builder, name, width, stride, [&] {
                            builder.conv(name + ".conv1", width, 3, stride, true);
                            builder.conv(name + ".conv2", width, 3, 1, false);
                          });
                        });
}

/// ResNet-50 with the stride in the 3x3 layer, as torchvision has it: 25,557,032 parameters at 1000 classes, 4.1 billion
/// multiply-accumulates. Throws as resnet18.
inline Network resnet50(std::size_t resolution = 224, std::size_t classes = 1000, std::uint64_t seed = 1) {
  return detail::resnet("resnet50", {3, 4, 6, 3}, resolution, classes, seed,
                        [](detail::ModelBuilder& builder, const std::string& name, std::size_t width, std::size_t stride) {
                          detail::residual(builder, name, 4 * width, stride, [&] {
                            builder.conv(name + ".conv1", width, 1, 1, true);
                            builder.conv(name + ".conv2", width, 3, stride, true);
                            builder.conv(name + ".conv3", 4 * width, 1, 1, false);
                          });
                        });
}

/// ShuffleNetV2 (arXiv 1807.11164, figure 3 and table 5) at width 0.5, 1, 1.5 or 2: 1,366,792, 2,278,604, 3,503,624 and
/// 7,393,996 parameters at 1000 classes. Throws value_error for another width, a resolution or class count out of range.
inline Network shufflenet_v2(double width = 1.0, std::size_t resolution = 224, std::size_t classes = 1000,
                             std::uint64_t seed = 1) {
  detail::require_model("shufflenet_v2", width, resolution, classes);
  struct Width {
    double width;
    std::size_t stages[3], head;
  };
  constexpr Width widths[] = {
      {0.5, {48, 96, 192}, 1024}, {1.0, {116, 232, 464}, 1024}, {1.5, {176, 352, 704}, 1024}, {2.0, {244, 488, 976}, 2048}};
  const Width* chosen = std::find_if(std::begin(widths), std::end(widths), [&](const Width& w) { return w.width == width; });
  if (chosen == std::end(widths))
    throw value_error(detail::message("shufflenet_v2: width ", width, ", expected 0.5, 1, 1.5 or 2"));
  detail::ModelBuilder builder(resolution, relu, seed);
  builder.conv("stem", 24, 3, 2, true);
  builder.max_pool("stem.pool", 3, 2);
  const auto branch = [&](const std::string& name, std::size_t channels, std::size_t stride) {
    builder.conv(name + ".conv1", channels, 1, 1, true);
    builder.depthwise(name + ".depthwise", 3, stride, false);
    builder.conv(name + ".conv2", channels, 1, 1, true);
  };
  std::size_t number = 1;
  constexpr std::size_t repeats[] = {4, 8, 4};
  for (std::size_t stage = 0; stage < 3; ++stage)
    for (std::size_t i = 0; i < repeats[stage]; ++i) {
      const std::string name = "unit" + std::to_string(number++);
      const std::size_t half = chosen->stages[stage] / 2;
      const NodeId before = builder.last();
      if (i == 0) {  // both branches read everything, at half the resolution
        builder.depthwise(name + ".left.depthwise", 3, 2, false);
        builder.conv(name + ".left.conv", half, 1, 1, true);
      } else {
        builder.add(detail::channel_slice(builder.network()[before].extent, 0, half), name + ".left");
      }
      const NodeId left = builder.last();
      builder.go_to(before);
      if (i != 0) builder.add(detail::channel_slice(builder.network()[before].extent, half, half), name + ".right");
      branch(name, half, i == 0 ? 2 : 1);
      builder.join(Concat{}, left, name + ".concat");
      // The shuffle in two groups: channel c of the output is channel c / 2 of the left half for even c, of the right half for
      // odd ones.
      Gather shuffle{2, {}};
      for (std::size_t c = 0; c < 2 * half; ++c) shuffle.indices.push_back(c % 2 * half + c / 2);
      builder.add(std::move(shuffle), name + ".shuffle");
    }
  builder.conv("head", chosen->head, 1, 1, true);
  return builder.finish(classes);
}

}  // namespace trimtab
