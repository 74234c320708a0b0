#pragma once
/// \file
/// Which layers and networks int8_bench measures.

#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <trimtab/core/conv_geometry.hpp>
#include <vector>

#include "int8_peers.hpp"

namespace bench {

using namespace trimtab;

/// A convolution, a depthwise one where each group has one channel; a linear layer is one of a single pixel.
struct Shape {
  std::string name;
  WindowGeometry g;
  std::vector<std::int8_t> weight = {};  ///< O KH KW I/groups; none: drawn
};

inline Shape shape_of(const WindowGeometry& g, std::vector<std::int8_t> weight = {}) {
  const auto pair = [](std::size_t a, std::size_t b) {
    return a == b ? std::to_string(a) : std::to_string(a) + "x" + std::to_string(b);
  };
  const WindowOptions& o = g.options;
  const bool depthwise = peers::Layer{g, {}, {}, {}}.is_depthwise();
  std::string name = (depthwise ? "dw" : "conv") + std::to_string(g.kernel_h) + "x" + std::to_string(g.kernel_w);
  if (o.stride_h > 1 || o.stride_w > 1) name += "s" + pair(o.stride_h, o.stride_w);
  if (o.dilation_h > 1 || o.dilation_w > 1) name += "d" + pair(o.dilation_h, o.dilation_w);
  if (g.groups > 1 && !depthwise) name += "g" + std::to_string(g.groups);
  name += "_" + std::to_string(g.c);
  if (!depthwise) name += "to" + std::to_string(g.out_c);
  name += "@" + pair(g.h, g.w);
  if (g.n > 1) name += "_n" + std::to_string(g.n);
  return {name, g, std::move(weight)};
}

/// Padding of half the kernel on each side, so that stride 1 keeps the size.
inline Shape conv(std::size_t size, std::size_t in, std::size_t out, std::size_t kernel, std::size_t stride,
                  std::size_t groups = 1, std::size_t batch = 1) {
  const std::size_t pad = kernel / 2;
  const WindowOptions window{stride, stride, {pad, pad, pad, pad}};
  return shape_of(window_geometry({batch, size, size, in}, kernel, kernel, out, window, groups, "bench"));
}

inline constexpr const char* layer_syntax = "KHxKW,IN,OUT,H,W, then any of sSTRIDE, dDILATION, gGROUPS, dw and nBATCH";

/// The layer that `layer_syntax` describes: 3x3,96,128,28,28,s1. Padding is half the kernel, dilated. Throws value_error.
inline Shape layer_named(const std::string& text) {
  const auto refuse = [&] { throw value_error(text + ": expected " + layer_syntax); };
  std::vector<std::string> words;
  std::stringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) words.push_back(word);
  const auto number = [&](const std::string& digits) {
    if (digits.empty() || digits.size() > 6 || digits.find_first_not_of("0123456789") != std::string::npos) refuse();
    return static_cast<std::size_t>(std::stoul(digits));
  };
  if (words.size() < 5) refuse();
  const std::size_t x = words[0].find('x');
  if (x == std::string::npos) refuse();
  const std::size_t kernel_h = number(words[0].substr(0, x)), kernel_w = number(words[0].substr(x + 1));
  const std::size_t in = number(words[1]), out = number(words[2]);
  std::size_t stride = 1, dilation = 1, groups = 1, batch = 1;
  for (std::size_t i = 5; i < words.size(); ++i) {
    const std::string value = words[i].empty() ? "" : words[i].substr(1);
    if (words[i] == "dw") {
      if (in != out) refuse();
      groups = in;
    } else if (words[i].starts_with('s')) {
      stride = number(value);
    } else if (words[i].starts_with('d')) {
      dilation = number(value);
    } else if (words[i].starts_with('g')) {
      groups = number(value);
    } else if (words[i].starts_with('n')) {
      batch = number(value);
    } else {
      refuse();
    }
  }
  const std::size_t pad_h = dilation * (kernel_h - 1) / 2, pad_w = dilation * (kernel_w - 1) / 2;
  const WindowOptions window{stride, stride, {pad_h, pad_w, pad_h, pad_w}, dilation, dilation};
  return shape_of(
      window_geometry({batch, number(words[3]), number(words[4]), in}, kernel_h, kernel_w, out, window, groups, "--layer"));
}

/// What one step of a network does with the buffers: 0 to 2 are the ends of blocks in turn, 3 and 4 the wide activations within.
struct NetworkStep {
  Shape shape;
  std::size_t x, y;
  int residual = -1;  ///< the buffer that is added to the result, or none
};

/// The convolutions of MobileNet-v2 1.0/224 (Sandler et al., CVPR 2018, table 2), in order; global average pooling comes before
/// the last.
inline std::vector<NetworkStep> mobilenet_v2(std::size_t batch) {
  std::vector<NetworkStep> all;
  std::size_t end = 0;
  const auto conv = [&](std::size_t size, std::size_t in, std::size_t out, std::size_t kernel, std::size_t stride,
                        std::size_t groups = 1) { return bench::conv(size, in, out, kernel, stride, groups, batch); };
  all.push_back({conv(224, 3, 32, 3, 2), 3, end});
  struct Row {
    std::size_t t, c, n, s;
  };
  std::size_t size = 112, in = 32;
  for (const Row& r : {Row{1, 16, 1, 1}, Row{6, 24, 2, 2}, Row{6, 32, 3, 2}, Row{6, 64, 4, 2}, Row{6, 96, 3, 1},
                       Row{6, 160, 3, 2}, Row{6, 320, 1, 1}})
    for (std::size_t i = 0; i < r.n; ++i) {
      const std::size_t stride = i == 0 ? r.s : 1, hidden = in * r.t;
      if (r.t > 1) all.push_back({conv(size, in, hidden, 1, 1), end, 3});
      all.push_back({conv(size, hidden, hidden, 3, stride, hidden), r.t > 1 ? 3 : end, 4});
      size /= stride;
      const std::size_t next = (end + 1) % 3;
      all.push_back({conv(size, hidden, r.c, 1, 1), 4, next, i > 0 ? static_cast<int>(end) : -1});
      end = next;
      in = r.c;
    }
  all.push_back({conv(7, 320, 1280, 1, 1), end, 3});
  all.push_back({conv(1, 1280, 1000, 1, 1), 4, end});
  return all;
}

/// The first of each name.
inline std::vector<Shape> distinct(const std::vector<Shape>& shapes) {
  std::map<std::string, bool> seen;
  std::vector<Shape> all;
  for (const Shape& s : shapes)
    if (!std::exchange(seen[s.name], true)) all.push_back(s);
  return all;
}

/// MobileNet-v2's distinct layers at batch 1 and 8, and some of ResNet-50 and MNasNet.
inline std::vector<Shape> usual_shapes() {
  std::vector<Shape> all;
  for (const std::size_t batch : {std::size_t{1}, std::size_t{8}})
    for (const NetworkStep& step : mobilenet_v2(batch)) all.push_back(step.shape);
  all.push_back(conv(56, 64, 64, 3, 1));
  all.push_back(conv(28, 128, 128, 3, 1));
  all.push_back(conv(14, 256, 256, 3, 1));
  all.push_back(conv(7, 512, 512, 3, 1));
  all.push_back(conv(56, 72, 72, 5, 2, 72));
  all.push_back(conv(28, 120, 120, 5, 1, 120));
  all.push_back(conv(14, 480, 480, 5, 1, 480));
  return distinct(all);
}

inline peers::Layer make_layer(const Shape& shape) {
  const WindowGeometry& g = shape.g;
  std::mt19937 random(3);
  peers::Layer l{g, shape.weight, {}, {}};
  const std::size_t depth = g.kernel_h * g.kernel_w * g.group_in();
  if (l.weight.empty()) {  // normal, and as a threshold at its largest weight makes it, the largest of each filter 127
    std::normal_distribution<float> bell;
    std::vector<float> filter(depth);
    for (std::size_t o = 0; o < g.out_c; ++o) {
      float largest = 0;
      for (float& w : filter) largest = std::max(largest, std::abs(w = bell(random)));
      for (const float w : filter) l.weight.push_back(static_cast<std::int8_t>(std::lrint(w / largest * 127.0F)));
    }
  }
  const float spread = 255.0F * 32.0F * std::sqrt(static_cast<float>(depth));
  for (std::size_t o = 0; o < g.out_c; ++o) {
    l.bias.push_back(static_cast<std::int32_t>(random() % 2000));
    l.multiplier.push_back(100.0F / spread * (1.0F + 0.01F * static_cast<float>(o % 7)));
  }
  return l;
}

}  // namespace bench
