#pragma once
/// \file
/// Batch normalization over all axes but the last: with running statistics for inference, with the batch's own for training.

#include <cmath>
#include <cstddef>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/parallel.hpp>
#include <vector>

namespace trimtab {

/// What batch_norm_train_forward leaves for its backward: per channel the batch's mean and 1 / sqrt(biased variance + epsilon).
template <class Real>
struct BatchNormCache {
  std::vector<Real> mean, inv_std;  ///< of the batch, per channel
};

namespace detail {

inline constexpr std::size_t batch_norm_grain = std::size_t{1} << 14;

/// sums[v * channels + c] = sum over the rows of body's v-th value, in double and in an order of its own. body(row, sums of its
/// piece).
template <class Body>
std::vector<double> channel_sums(std::size_t rows, std::size_t channels, std::size_t values, const Body& body) {
  const std::size_t grain = std::max<std::size_t>(1, batch_norm_grain / std::max<std::size_t>(1, channels));
  std::vector<double> partial((rows + grain - 1) / grain * values * channels), total(values * channels);
  parallel_ranges(rows, grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) body(row, partial.data() + begin / grain * values * channels);
  });
  for (std::size_t i = 0; i < partial.size(); ++i) total[i % total.size()] += partial[i];
  return total;
}

/// y = (x - mean) * (gamma * inv_std) + beta: the mean comes off first, since x and mean may both be large.
template <class Real>
void normalize(const Real* x, std::size_t rows, std::size_t channels, const Real* gamma, const Real* beta, const Real* mean,
               const Real* inv_std, Real* y) {
  std::vector<Real> scale(channels);
  for (std::size_t c = 0; c < channels; ++c) scale[c] = gamma[c] * inv_std[c];
  const std::size_t grain = std::max<std::size_t>(1, batch_norm_grain / std::max<std::size_t>(1, channels));
  parallel_ranges(rows, grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row)
      for (std::size_t c = 0; c < channels; ++c) y[row * channels + c] = (x[row * channels + c] - mean[c]) * scale[c] + beta[c];
  });
}

template <class Real>
void batch_norm_train_forward(const Real* x, std::size_t rows, std::size_t channels, const Real* gamma, const Real* beta,
                              Real epsilon, Real momentum, Real* running_mean, Real* running_variance, Real* y,
                              BatchNormCache<Real>& cache) {
  const double count = static_cast<double>(rows);
  std::vector<double> mean = channel_sums(rows, channels, 1, [=](std::size_t row, double* sum) {
    for (std::size_t c = 0; c < channels; ++c) sum[c] += static_cast<double>(x[row * channels + c]);
  });
  for (double& m : mean) m /= count;
  const double* means = mean.data();
  const std::vector<double> squares = channel_sums(rows, channels, 1, [=](std::size_t row, double* sum) {
    for (std::size_t c = 0; c < channels; ++c) {
      const double d = static_cast<double>(x[row * channels + c]) - means[c];
      sum[c] += d * d;
    }
  });
  cache.mean.resize(channels);
  cache.inv_std.resize(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    cache.mean[c] = static_cast<Real>(mean[c]);
    cache.inv_std[c] = static_cast<Real>(1 / std::sqrt(squares[c] / count + static_cast<double>(epsilon)));
    const double unbiased = squares[c] / (rows > 1 ? count - 1 : 1);
    running_mean[c] += momentum * (static_cast<Real>(mean[c]) - running_mean[c]);
    running_variance[c] += momentum * (static_cast<Real>(unbiased) - running_variance[c]);
  }
  normalize(x, rows, channels, gamma, beta, cache.mean.data(), cache.inv_std.data(), y);
}

template <class Real>
void batch_norm_backward(const Real* grad_y, const Real* x, std::size_t rows, std::size_t channels, const Real* gamma,
                         const BatchNormCache<Real>& cache, Real* grad_x, Real* grad_gamma, Real* grad_beta) {
  const Real *mean = cache.mean.data(), *inv_std = cache.inv_std.data();
  // First the sums of grad_y, then those of grad_y * (x - mean).
  const std::vector<double> sums = channel_sums(rows, channels, 2, [=](std::size_t row, double* sum) {
    for (std::size_t c = 0; c < channels; ++c) {
      const double g = static_cast<double>(grad_y[row * channels + c]);
      sum[c] += g;
      sum[channels + c] += g * static_cast<double>(x[row * channels + c] - mean[c]);
    }
  });
  std::vector<Real> mean_grad(channels), mean_product(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const double product = sums[channels + c] * static_cast<double>(inv_std[c]);  // sum of grad_y * xhat
    grad_beta[c] += static_cast<Real>(sums[c]);
    grad_gamma[c] += static_cast<Real>(product);
    mean_grad[c] = static_cast<Real>(sums[c] / static_cast<double>(rows));
    mean_product[c] = static_cast<Real>(product / static_cast<double>(rows)) * inv_std[c];
  }
  const std::size_t grain = std::max<std::size_t>(1, batch_norm_grain / std::max<std::size_t>(1, channels));
  parallel_ranges(rows, grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row)
      for (std::size_t c = 0; c < channels; ++c) {
        const std::size_t i = row * channels + c;
        grad_x[i] += gamma[c] * inv_std[c] * (grad_y[i] - mean_grad[c] - (x[i] - mean[c]) * mean_product[c]);
      }
  });
}

template <class Real>
void require_epsilon(Real epsilon, const char* function) {
  if (!(epsilon >= 0)) throw value_error(message(function, ": expected epsilon >= 0, got ", epsilon));
}

}  // namespace detail

/// y = gamma * (x - mean) / sqrt(variance + epsilon) + beta with running statistics. x and y have the channels last (N H W C or N
/// C) and may be the same tensor; the parameters have one number a channel. Throws shape_error when extents do not fit,
/// value_error unless epsilon >= 0 and every variance + epsilon is positive.
template <Tensor X, Tensor P, Tensor Y>
void batch_norm_forward(const X& x, const P& gamma, const P& beta, const P& mean, const P& variance, value_t<const X> epsilon,
                        Y&& y) {
  using Real = detail::shared_real<const X, const P, Y>;
  const auto xv = detail::channels_last_view(x, "batch_norm_forward: x");
  const auto yv = detail::channels_last_view(y, "batch_norm_forward: y");
  detail::require_extents(yv.extent, xv.extent, "batch_norm_forward: y");
  detail::require_apart_or_same("batch_norm_forward", yv, xv);
  detail::require_epsilon(epsilon, "batch_norm_forward");
  const std::size_t channels = xv.extent.back();
  const Real* g = detail::vector_data(gamma, channels, "batch_norm_forward: gamma");
  const Real* b = detail::vector_data(beta, channels, "batch_norm_forward: beta");
  const Real* m = detail::vector_data(mean, channels, "batch_norm_forward: mean");
  const Real* v = detail::vector_data(variance, channels, "batch_norm_forward: variance");
  detail::require_apart("batch_norm_forward", yv, view(gamma), view(beta), view(mean), view(variance));
  for (std::size_t c = 0; c < channels; ++c)
    if (!(v[c] + epsilon > 0))
      throw value_error(detail::message("batch_norm_forward: channel ", c, ": variance + epsilon is ", v[c] + epsilon));
  if (xv.size() == 0) return;
  std::vector<Real> inv_std(channels);
  for (std::size_t c = 0; c < channels; ++c) inv_std[c] = 1 / std::sqrt(v[c] + epsilon);
  detail::normalize<Real>(xv.data, xv.size() / channels, channels, g, b, m, inv_std.data(), yv.data);
}

/// The same with the batch's own mean and biased variance (division by the number M of pixels), which `cache` keeps. The running
/// statistics move: running += momentum * (batch - running), the variance being the unbiased one (division by M - 1; by 1 if M is
/// 1), as in PyTorch, whose momentum of 0.1 is 0.9 in TensorFlow's terms. An empty batch changes nothing. Throws shape_error when
/// extents do not fit, value_error unless epsilon >= 0 and 0 <= momentum <= 1. y may be x, unless a backward follows.
template <Tensor X, Tensor P, Tensor S, Tensor Y>
void batch_norm_train_forward(const X& x, const P& gamma, const P& beta, value_t<const X> epsilon, value_t<const X> momentum,
                              S& running_mean, S& running_variance, Y&& y, BatchNormCache<value_t<const X>>& cache) {
  using Real = detail::shared_real<const X, const P, S, Y>;
  const auto xv = detail::channels_last_view(x, "batch_norm_train_forward: x");
  const auto yv = detail::channels_last_view(y, "batch_norm_train_forward: y");
  detail::require_extents(yv.extent, xv.extent, "batch_norm_train_forward: y");
  detail::require_apart_or_same("batch_norm_train_forward", yv, xv);
  detail::require_epsilon(epsilon, "batch_norm_train_forward");
  if (!(momentum >= 0 && momentum <= 1))
    throw value_error(detail::message("batch_norm_train_forward: expected a momentum in [0, 1], got ", momentum));
  const std::size_t channels = xv.extent.back();
  const Real* g = detail::vector_data(gamma, channels, "batch_norm_train_forward: gamma");
  const Real* b = detail::vector_data(beta, channels, "batch_norm_train_forward: beta");
  Real* m = detail::vector_data(running_mean, channels, "batch_norm_train_forward: running_mean");
  Real* v = detail::vector_data(running_variance, channels, "batch_norm_train_forward: running_variance");
  detail::require_apart("batch_norm_train_forward", yv, view(gamma), view(beta), view(running_mean), view(running_variance));
  if (xv.size() == 0) return;
  detail::batch_norm_train_forward<Real>(xv.data, xv.size() / channels, channels, g, b, epsilon, momentum, m, v, yv.data, cache);
}

/// Of batch_norm_train_forward, with xhat = (x - mean) * inv_std and means over the M pixels of a channel:
///   grad_beta  += sum(grad_y)
///   grad_gamma += sum(grad_y * xhat)
///   grad_x     += gamma * inv_std * (grad_y - mean(grad_y) - xhat * mean(grad_y * xhat))
template <Tensor G, Tensor X, Tensor P, Tensor GX, Tensor GP>
void batch_norm_backward(const G& grad_y, const X& x, const P& gamma, const BatchNormCache<value_t<const X>>& cache, GX&& grad_x,
                         GP&& grad_gamma, GP&& grad_beta) {
  using Real = detail::shared_real<const X, const G, const P, GX, GP>;
  const auto xv = detail::channels_last_view(x, "batch_norm_backward: x");
  const auto gv = detail::channels_last_view(grad_y, "batch_norm_backward: grad_y");
  const auto gxv = detail::channels_last_view(grad_x, "batch_norm_backward: grad_x");
  detail::require_extents(gv.extent, xv.extent, "batch_norm_backward: grad_y");
  detail::require_extents(gxv.extent, xv.extent, "batch_norm_backward: grad_x");
  const std::size_t channels = xv.extent.back();
  const Real* g = detail::vector_data(gamma, channels, "batch_norm_backward: gamma");
  Real* gg = detail::vector_data(grad_gamma, channels, "batch_norm_backward: grad_gamma");
  Real* gb = detail::vector_data(grad_beta, channels, "batch_norm_backward: grad_beta");
  if (xv.size() == 0) return;
  if (cache.mean.size() != channels || cache.inv_std.size() != channels)
    throw shape_error(
        detail::message("batch_norm_backward: a cache of ", cache.mean.size(), " channels for extents ", xv.extent));
  detail::require_apart("batch_norm_backward", gxv, gv, xv, view(gamma));
  detail::batch_norm_backward<Real>(gv.data, xv.data, xv.size() / channels, channels, g, cache, gxv.data, gg, gb);
}

}  // namespace trimtab
