#pragma once
/// \file
/// The gradient of a bias, which convolutions and linear layers share.

#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/matrix_product.hpp>

namespace trimtab {

namespace detail {

/// total[c] += sum over the rows of x[row, c].
template <class Real>
void add_channel_sums(const Real* x, std::size_t rows, std::size_t channels, Real* total) {
  const std::size_t pieces = std::min<std::size_t>((rows + 255) / 256, 64), step = pieces == 0 ? 0 : (rows + pieces - 1) / pieces;
  sum_partials(pieces, channels, total, [&](std::size_t p, Real* partial) {
    for (std::size_t row = p * step; row < std::min(rows, (p + 1) * step); ++row)
      for (std::size_t c = 0; c < channels; ++c) partial[c] += x[row * channels + c];
  });
}

}  // namespace detail

/// grad_bias[c] += sum of grad_y[..., c] over all other axes. grad_y has the channels last: N H W C or N C. Throws shape_error
/// when extents do not fit.
template <Tensor G, Tensor GB>
void bias_backward(const G& grad_y, GB&& grad_bias) {
  using Real = detail::shared_real<const G, GB>;
  const auto gv = detail::channels_last_view(grad_y, "bias_backward: grad_y");
  const std::size_t channels = gv.extent.back();
  Real* total = detail::vector_data(grad_bias, channels, "bias_backward: grad_bias");
  detail::require_apart("bias_backward", view(grad_bias), gv);
  if (gv.size() != 0) detail::add_channel_sums<Real>(gv.data, gv.size() / channels, channels, total);
}

}  // namespace trimtab
