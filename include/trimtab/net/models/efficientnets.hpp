#pragma once
/// \file
/// EfficientNet-B0 and EfficientNet-Lite0 to 4 with seeded random weights. How they are made, see builder.hpp.

#include <trimtab/net/models/builder.hpp>

namespace trimtab {
namespace detail {

/// The stages of EfficientNet-B0 (arXiv 1905.11946, table 1): expansion, channels, repeats, stride, kernel.
struct EfficientStage {
  std::size_t expansion, channels, repeats, stride, kernel;
};
inline constexpr EfficientStage efficient_stages[] = {{1, 16, 1, 1, 3},  {6, 24, 2, 2, 3},  {6, 40, 2, 2, 5}, {6, 80, 3, 2, 3},
                                                      {6, 112, 3, 1, 5}, {6, 192, 4, 2, 5}, {6, 320, 1, 1, 3}};

}  // namespace detail

/// EfficientNet-B0 (arXiv 1905.11946): SiLU, squeeze-and-excitation to a quarter of each block's input channels. 5,288,548
/// parameters at 1000 classes, 386 million multiply-accumulates. Throws value_error for a resolution or class count out of
/// range.
inline Network efficientnet_b0(std::size_t resolution = 224, std::size_t classes = 1000, std::uint64_t seed = 1) {
  detail::require_model("efficientnet_b0", 1.0, resolution, classes);
  detail::ModelBuilder builder(resolution, Silu{}, seed);
  builder.conv("stem", 32, 3, 2, true);
  std::size_t number = 1;
  for (const detail::EfficientStage& s : detail::efficient_stages)
    for (std::size_t i = 0; i < s.repeats; ++i) {
      const std::string name = "block" + std::to_string(number++);
      const std::size_t in_c = builder.channels();
      builder.inverted_residual(name, s.channels, s.kernel, i == 0 ? s.stride : 1, in_c * s.expansion, [&] {
        builder.squeeze_excite(name + ".se", std::max<std::size_t>(1, in_c / 4), Silu{}, Sigmoid{});
      });
    }
  builder.conv("head", 1280, 1, 1, true);
  return builder.finish(classes);
}

/// EfficientNet-Lite0 to 4: no squeeze-and-excitation, ReLU6, stem and head of fixed width, the first and the last stage of
/// fixed depth (tensorflow/tpu, models/official/efficientnet/lite). `variant` 0 to 4, each with its own resolution where
/// `resolution` is 0: 224, 240, 260, 280, 300. At 1000 classes 4,652,008, 5,416,680, 6,092,072, 8,197,096 and 13,006,568
/// parameters. Throws value_error for another variant, a resolution or class count out of range.
inline Network efficientnet_lite(std::size_t variant = 0, std::size_t resolution = 0, std::size_t classes = 1000,
                                 std::uint64_t seed = 1) {
  struct Scaling {
    double width, depth;
    std::size_t resolution;
  };
  constexpr Scaling scalings[] = {{1.0, 1.0, 224}, {1.0, 1.1, 240}, {1.1, 1.2, 260}, {1.2, 1.4, 280}, {1.4, 1.8, 300}};
  if (variant >= std::size(scalings))
    throw value_error(detail::message("efficientnet_lite: variant ", variant, ", expected 0 to 4"));
  const Scaling& scaling = scalings[variant];
  const std::size_t pixels = resolution == 0 ? scaling.resolution : resolution;
  detail::require_model("efficientnet_lite", scaling.width, pixels, classes);
  detail::ModelBuilder builder(pixels, relu6, seed);
  builder.conv("stem", 32, 3, 2, true);
  std::size_t number = 1;
  for (const detail::EfficientStage& s : detail::efficient_stages) {
    const bool at_an_end = &s == std::begin(detail::efficient_stages) || &s + 1 == std::end(detail::efficient_stages);
    const std::size_t repeats = at_an_end ? s.repeats : static_cast<std::size_t>(std::ceil(scaling.depth * double(s.repeats)));
    for (std::size_t i = 0; i < repeats; ++i)
      builder.inverted_residual("block" + std::to_string(number++), make_divisible(double(s.channels) * scaling.width), s.kernel,
                                i == 0 ? s.stride : 1, s.expansion);
  }
  builder.conv("head", 1280, 1, 1, true);
  return builder.finish(classes);
}

}  // namespace trimtab
