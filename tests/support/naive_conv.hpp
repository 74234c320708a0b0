#pragma once
// Convolution by its definition, one multiplication at a time: what the fast loops are held against. Gradients follow from the
// same visits.
#include <cstddef>
#include <trimtab/core/conv_geometry.hpp>
#include <vector>

namespace naive {

/// Calls visit(x offset, weight offset, y offset) for each multiplication of a convolution with weight O KH KW C/groups.
template <class Visit>
void for_each_product(const trimtab::WindowGeometry& g, const Visit& visit) {
  const std::size_t filters = g.group_out(), channels = g.group_in();
  for (std::size_t n = 0; n < g.n; ++n)
    for (std::size_t oh = 0; oh < g.out_h; ++oh)
      for (std::size_t ow = 0; ow < g.out_w; ++ow)
        for (std::size_t o = 0; o < g.out_c; ++o)
          for (std::size_t kh = 0; kh < g.kernel_h; ++kh)
            for (std::size_t kw = 0; kw < g.kernel_w; ++kw) {
              const auto row = static_cast<std::ptrdiff_t>(oh * g.options.stride_h + kh * g.options.dilation_h) -
                               static_cast<std::ptrdiff_t>(g.options.padding.top);
              const auto col = static_cast<std::ptrdiff_t>(ow * g.options.stride_w + kw * g.options.dilation_w) -
                               static_cast<std::ptrdiff_t>(g.options.padding.left);
              if (row < 0 || col < 0 || row >= static_cast<std::ptrdiff_t>(g.h) || col >= static_cast<std::ptrdiff_t>(g.w))
                continue;
              const std::size_t pixel = (n * g.h + static_cast<std::size_t>(row)) * g.w + static_cast<std::size_t>(col);
              for (std::size_t i = 0; i < channels; ++i)
                visit(pixel * g.c + o / filters * channels + i, ((o * g.kernel_h + kh) * g.kernel_w + kw) * channels + i,
                      ((n * g.out_h + oh) * g.out_w + ow) * g.out_c + o);
            }
}

/// y of a convolution; sums in Sum, from operands of any type. bias may be empty.
template <class Sum, class X, class W>
std::vector<Sum> conv2d(const trimtab::WindowGeometry& g, const std::vector<X>& x, const std::vector<W>& weight,
                        const std::vector<Sum>& bias) {
  std::vector<Sum> y(g.n * g.out_h * g.out_w * g.out_c);
  if (!bias.empty())
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = bias[i % g.out_c];
  for_each_product(g, [&](std::size_t xi, std::size_t wi, std::size_t yi) {
    y[yi] += static_cast<Sum>(x[xi]) * static_cast<Sum>(weight[wi]);
  });
  return y;
}

/// KH KW C to the C KH KW 1 of a convolution with C groups.
template <class T>
std::vector<T> filters_of_depthwise(const std::vector<T>& weight, std::size_t channels) {
  std::vector<T> filters(weight.size());
  const std::size_t taps = weight.size() / channels;
  for (std::size_t tap = 0; tap < taps; ++tap)
    for (std::size_t c = 0; c < channels; ++c) filters[c * taps + tap] = weight[tap * channels + c];
  return filters;
}

}  // namespace naive
