#pragma once
/// \file
/// The integer layers as naive loops in 64-bit integers, and cases to hold the library against.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <trimtab/core/conv_geometry.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/int8/isa.hpp>
#include <vector>

namespace naive {

using trimtab::Extents;
using trimtab::WindowGeometry;
using trimtab::WindowOptions;

/// One convolution. Depthwise: groups == channels == outputs, weights O KH KW 1.
struct Case {
  std::string name;
  std::size_t n, h, w, channels, outputs, kernel_h, kernel_w;
  WindowOptions window = {};
  std::size_t groups = 1;

  WindowGeometry geometry() const {
    return trimtab::window_geometry({n, h, w, channels}, kernel_h, kernel_w, outputs, window, groups, "test");
  }
};

template <class T>
struct Data {
  std::vector<T> x;
  std::vector<std::int8_t> weight;
  std::vector<std::int32_t> bias, weight_zero_point;
  std::int32_t x_zero_point;
};

/// Random codes over the whole range of their type, or, where `extreme`, only its ends: 255 * -128 is where 16-bit sums of pairs
/// break.
template <class T>
Data<T> make_data(const Case& c, bool extreme, bool weight_zero_points, unsigned seed = 7) {
  std::mt19937 random(seed);
  const int lowest = std::numeric_limits<T>::lowest(), highest = std::numeric_limits<T>::max();
  std::uniform_int_distribution<int> code(lowest, highest), weight(-128, 127), sign(0, 7);
  Data<T> d;
  d.x.resize(c.n * c.h * c.w * c.channels);
  for (T& x : d.x) x = static_cast<T>(extreme ? highest : code(random));
  d.weight.resize(c.outputs * c.kernel_h * c.kernel_w * c.channels / c.groups);
  // Extreme filters are all -128, all 127, or a mixture.
  const std::size_t k = d.weight.size() / c.outputs;
  for (std::size_t i = 0; i < d.weight.size(); ++i)
    d.weight[i] = static_cast<std::int8_t>(!extreme           ? weight(random)
                                           : i / k % 3 == 0   ? -128
                                           : i / k % 3 == 1   ? 127
                                           : sign(random) < 4 ? -128
                                                              : 127);
  for (std::size_t o = 0; o < c.outputs; ++o) d.bias.push_back(static_cast<std::int32_t>(random() % 200001) - 100000);
  if (weight_zero_points)
    for (std::size_t o = 0; o < c.outputs; ++o)
      d.weight_zero_point.push_back(extreme ? (o % 2 == 0 ? 127 : -128) : weight(random));
  d.x_zero_point = extreme ? lowest : code(random);
  return d;
}

/// The bias of output o, or its limit where it is past that: |bias| + 255 * sum |w - zw| <= 2^31 - 1.
template <class T>
std::int64_t limited_bias(const Data<T>& d, std::size_t o, std::size_t depth) {
  if (d.bias.empty()) return 0;
  std::int64_t limit = std::numeric_limits<std::int32_t>::max();
  const std::int64_t zw = d.weight_zero_point.empty() ? 0 : d.weight_zero_point[d.weight_zero_point.size() == 1 ? 0 : o];
  for (std::size_t i = 0; i < depth; ++i) limit -= 255 * std::abs(d.weight[o * depth + i] - zw);
  return std::clamp<std::int64_t>(d.bias[o], -limit, limit);
}

/// bias + sum (x - zx)(w - zw) in 64 bits; checked to fit into 32.
template <class T>
std::vector<std::int32_t> conv2d(const Case& c, const Data<T>& d) {
  const WindowGeometry g = c.geometry();
  std::vector<std::int64_t> bias;
  for (std::size_t o = 0; o < g.out_c; ++o) bias.push_back(limited_bias(d, o, g.kernel_h * g.kernel_w * g.group_in()));
  std::vector<std::int32_t> y;
  for (std::size_t n = 0; n < g.n; ++n)
    for (std::size_t oh = 0; oh < g.out_h; ++oh)
      for (std::size_t ow = 0; ow < g.out_w; ++ow)
        for (std::size_t o = 0; o < g.out_c; ++o) {
          std::int64_t acc = bias[o];
          const std::int64_t zw = d.weight_zero_point.empty() ? 0 : d.weight_zero_point[d.weight_zero_point.size() == 1 ? 0 : o];
          for (std::size_t kh = 0; kh < g.kernel_h; ++kh)
            for (std::size_t kw = 0; kw < g.kernel_w; ++kw) {
              const std::int64_t ih = static_cast<std::int64_t>(oh * c.window.stride_h + kh * c.window.dilation_h) -
                                      static_cast<std::int64_t>(c.window.padding.top);
              const std::int64_t iw = static_cast<std::int64_t>(ow * c.window.stride_w + kw * c.window.dilation_w) -
                                      static_cast<std::int64_t>(c.window.padding.left);
              if (ih < 0 || iw < 0 || ih >= static_cast<std::int64_t>(g.h) || iw >= static_cast<std::int64_t>(g.w)) continue;
              for (std::size_t i = 0; i < g.group_in(); ++i) {
                const std::size_t channel = o / g.group_out() * g.group_in() + i;
                const std::int64_t x =
                    d.x[((n * g.h + static_cast<std::size_t>(ih)) * g.w + static_cast<std::size_t>(iw)) * g.c + channel];
                const std::int64_t w = d.weight[((o * g.kernel_h + kh) * g.kernel_w + kw) * g.group_in() + i];
                acc += (x - d.x_zero_point) * (w - zw);
              }
            }
          if (acc != static_cast<std::int32_t>(acc)) throw std::overflow_error("naive::conv2d: a sum leaves int32");
          y.push_back(static_cast<std::int32_t>(acc));
        }
  return y;
}

/// Multipliers that spread the accumulators over the codes, some of them 1 or more.
inline std::vector<float> make_multipliers(const std::vector<std::int32_t>& acc, std::size_t channels) {
  std::int64_t largest = 1;
  for (const std::int32_t a : acc) largest = std::max(largest, std::abs(std::int64_t{a}));
  std::vector<float> m(channels);
  for (std::size_t c = 0; c < channels; ++c)
    m[c] = 300.0F / static_cast<float>(largest) * (1.0F + 0.37F * static_cast<float>(c % 5));
  if (channels > 3) m[3] = 1.5F;
  return m;
}

}  // namespace naive
