#pragma once
/// \file
/// Normalization by a picture's own statistics: instance, group and layer norm; division by the L2 norm along an axis; local
/// response normalization.

#include <cmath>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/strided_axes.hpp>
#include <vector>

namespace trimtab {

/// What a norm's forward leaves for its backward: per picture and group the mean and 1 / sqrt(biased variance + epsilon).
template <class Real>
struct NormCache {
  std::vector<Real> mean, inv_std;  ///< of each picture and group
};

/// x as pictures x pixels x groups x width. A group's statistics are those of all pixels and its `width` channels; gamma and beta
/// have one number for each of the groups * width channels.
struct NormShape {
  std::size_t pictures = 1, pixels = 1, groups = 1, width = 1;  ///< see above

  std::size_t channels() const { return groups * width; }       ///< numbers in gamma and in beta
  std::size_t group_size() const { return pixels * width; }     ///< elements that share their statistics
  std::size_t statistics() const { return pictures * groups; }  ///< means, and variances

  /// Group norm over N .. C: all pixels and C / groups channels. Throws shape_error unless x has a batch and channels, which
  /// `groups` divides, and pictures are not empty.
  static NormShape of_groups(const Extents& x, std::size_t groups) {
    if (x.size() < 2) throw shape_error(detail::message("NormShape: expected a batch and channels, got extents ", x));
    if (groups == 0 || x.back() % groups != 0)
      throw shape_error(
          detail::message("NormShape: ", groups, " groups do not divide the ", x.back(), " channels of extents ", x));
    NormShape s{x[0], 1, groups, x.back() / groups};
    for (std::size_t axis = 1; axis + 1 < x.size(); ++axis) s.pixels *= x[axis];
    return s.require(x);
  }
  /// Instance norm over N .. C: each channel is a group. Throws as above.
  static NormShape of_channels(const Extents& x) { return of_groups(x, x.size() == 0 ? 0 : x.back()); }
  /// Layer norm over the last `axes` axes; gamma and beta have a number for each of their elements. Throws shape_error unless
  /// axes is 1 .. rank - 1 and they are not empty.
  static NormShape of_last(const Extents& x, std::size_t axes) {
    if (axes == 0 || axes >= x.size())
      throw shape_error(detail::message("NormShape: the last ", axes, " axes of extents ", x, ": expected 1 .. rank - 1"));
    NormShape s;
    for (std::size_t axis = 0; axis < x.size(); ++axis) (axis + axes < x.size() ? s.pictures : s.width) *= x[axis];
    return s.require(x);
  }

 private:
  const NormShape& require(const Extents& x) const {
    if (group_size() * groups == 0) throw shape_error(detail::message("NormShape: nothing to normalize in extents ", x));
    return *this;
  }
};

namespace detail {

/// The walk through x; offsets 1 and 2 are places among the statistics and among the channels.
inline StridedAxes<3> norm_walk(const NormShape& s) {
  StridedAxes<3> axes;
  axes.push_back(s.pictures, {s.pixels * s.channels(), s.groups, 0});
  axes.push_back(s.pixels, {s.channels(), 0, 0});
  axes.push_back(s.groups, {s.width, 1, s.width});
  axes.push_back(s.width, {1, 0, 1});
  return axes;
}

/// The same, reduced to the statistics or to the channels.
inline ReducedAxes<3> norm_sums(const NormShape& s, bool to_channels) {
  ReducedAxes<3> axes;
  axes.push_back(s.pictures, {s.pixels * s.channels(), s.groups, 0}, !to_channels);
  axes.push_back(s.pixels, {s.channels(), 0, 0}, false);
  axes.push_back(s.groups, {s.width, 1, s.width}, true);
  axes.push_back(s.width, {1, 0, 1}, to_channels);
  return axes;
}

/// Sums in double of value(place in x, statistic, channel).
template <class Value>
std::vector<double> norm_sums_of(const NormShape& s, bool to_channels, const Value& value) {
  const ReducedAxes<3> axes = norm_sums(s, to_channels);
  std::vector<double> sums;
  with_steps(axes.inner_step()[1], axes.inner_step()[2], [&](auto statistic, auto channel) {
    sums = sum_axes(axes, [&](const auto& from, std::size_t i) {
      return value(from[0] + i, from[1] + i * statistic.value, from[2] + i * channel.value);
    });
  });
  return sums;
}

/// body(place in x, statistic, channel) for every element, on several threads.
template <class Body>
void norm_for_each(const NormShape& s, const Body& body) {
  const StridedAxes<3> axes = norm_walk(s);
  with_steps(axes.inner_step()[1], axes.inner_step()[2], [&](auto statistic, auto channel) {
    axes.parallel_runs([&](const auto& from, std::size_t, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) body(from[0] + i, from[1] + i * statistic.value, from[2] + i * channel.value);
    });
  });
}

/// Throws shape_error unless the shape is one of x and a parameter has a number a channel, in whatever extents.
template <Tensor P>
auto* norm_parameter(P& parameter, const NormShape& s, const char* what) {
  const auto v = any_dense_view(parameter, what);
  if (v.size() != s.channels()) throw shape_error(message(what, ": expected ", s.channels(), " numbers, got extents ", v.extent));
  return v.data;
}
template <Tensor X>
auto norm_tensor(X& x, const NormShape& s, const char* what) {
  const auto v = any_dense_view(x, what);
  if (v.size() != s.pictures * s.pixels * s.channels())
    throw shape_error(message(what, ": ", s.pictures, " x ", s.pixels, " x ", s.groups, " x ", s.width,
                              " elements to normalize in extents ", v.extent));
  return v.data;
}

}  // namespace detail

/// y = gamma * (x - mean) * inv_std + beta, inv_std = 1 / sqrt(variance + epsilon), with mean and biased variance of x's own
/// groups: instance, group and layer norm by NormShape::of_channels, of_groups and of_last. gamma and beta hold shape.channels()
/// numbers. y may be x. Sums are taken in double, in an order that the extents alone set. Throws shape_error when extents do not
/// fit, value_error unless epsilon >= 0.
template <Tensor X, Tensor P, Tensor Y>
void norm_forward(const X& x, const NormShape& shape, const P& gamma, const P& beta, value_t<const X> epsilon, Y&& y,
                  NormCache<value_t<const X>>& cache) {
  using Real = detail::shared_real<const X, const P, Y>;
  const Real* const px = detail::norm_tensor(x, shape, "norm_forward: x");
  Real* const py = detail::norm_tensor(y, shape, "norm_forward: y");
  const Real* const g = detail::norm_parameter(gamma, shape, "norm_forward: gamma");
  const Real* const b = detail::norm_parameter(beta, shape, "norm_forward: beta");
  detail::require_apart_or_same("norm_forward", view(y), view(x));
  detail::require_apart("norm_forward", view(y), view(gamma), view(beta));
  if (!(epsilon >= 0)) throw value_error(detail::message("norm_forward: expected epsilon >= 0, got ", epsilon));
  cache.mean.resize(shape.statistics());
  cache.inv_std.resize(shape.statistics());
  if (shape.pictures == 0) return;
  Real* const mean = cache.mean.data();
  Real* const inv_std = cache.inv_std.data();
  const auto count = static_cast<double>(shape.group_size());
  const auto sums = detail::norm_sums_of(shape, false, [=](std::size_t i, std::size_t, std::size_t) { return px[i]; });
  for (std::size_t s = 0; s < sums.size(); ++s) mean[s] = static_cast<Real>(sums[s] / count);
  const auto squares = detail::norm_sums_of(
      shape, false, [=](std::size_t i, std::size_t s, std::size_t) { return (px[i] - mean[s]) * (px[i] - mean[s]); });
  for (std::size_t s = 0; s < sums.size(); ++s)
    inv_std[s] = static_cast<Real>(1 / std::sqrt(squares[s] / count + static_cast<double>(epsilon)));
  detail::norm_for_each(
      shape, [=](std::size_t i, std::size_t s, std::size_t c) { py[i] = g[c] * ((px[i] - mean[s]) * inv_std[s]) + b[c]; });
}

/// Of norm_forward, with xhat = (x - mean) * inv_std and means over a group:
///   grad_beta  += sum(grad_y)                                over pictures and pixels
///   grad_gamma += sum(grad_y * xhat)
///   grad_x     += inv_std * (grad_y * gamma - mean(grad_y * gamma) - xhat * mean(grad_y * gamma * xhat))
/// Throws as that does, and shape_error for a cache of other statistics.
template <Tensor G, Tensor X, Tensor P, Tensor GX, Tensor GP>
void norm_backward(const G& grad_y, const X& x, const NormShape& shape, const P& gamma, const NormCache<value_t<const X>>& cache,
                   GX&& grad_x, GP&& grad_gamma, GP&& grad_beta) {
  using Real = detail::shared_real<const G, const X, const P, GX, GP>;
  const Real* const pg = detail::norm_tensor(grad_y, shape, "norm_backward: grad_y");
  const Real* const px = detail::norm_tensor(x, shape, "norm_backward: x");
  Real* const to = detail::norm_tensor(grad_x, shape, "norm_backward: grad_x");
  const Real* const g = detail::norm_parameter(gamma, shape, "norm_backward: gamma");
  Real* const to_gamma = detail::norm_parameter(grad_gamma, shape, "norm_backward: grad_gamma");
  Real* const to_beta = detail::norm_parameter(grad_beta, shape, "norm_backward: grad_beta");
  if (cache.mean.size() != shape.statistics() || cache.inv_std.size() != shape.statistics())
    throw shape_error(detail::message("norm_backward: a cache of ", cache.mean.size(), " statistics for ", shape.statistics()));
  detail::require_apart("norm_backward", view(grad_x), view(grad_y), view(x), view(gamma));
  if (shape.pictures == 0) return;
  const Real* const mean = cache.mean.data();
  const Real* const inv_std = cache.inv_std.data();
  const auto xhat = [=](std::size_t i, std::size_t s) { return (px[i] - mean[s]) * inv_std[s]; };
  const auto by_beta = detail::norm_sums_of(shape, true, [=](std::size_t i, std::size_t, std::size_t) { return pg[i]; });
  const auto by_gamma =
      detail::norm_sums_of(shape, true, [=](std::size_t i, std::size_t s, std::size_t) { return pg[i] * xhat(i, s); });
  for (std::size_t c = 0; c < by_beta.size(); ++c) {
    to_beta[c] += static_cast<Real>(by_beta[c]);
    to_gamma[c] += static_cast<Real>(by_gamma[c]);
  }
  const auto means = [&](const auto& value) {
    const std::vector<double> sums = detail::norm_sums_of(shape, false, value);
    std::vector<Real> mean_of(sums.size());
    for (std::size_t s = 0; s < sums.size(); ++s)
      mean_of[s] = static_cast<Real>(sums[s] / static_cast<double>(shape.group_size()));
    return mean_of;
  };
  const std::vector<Real> first = means([=](std::size_t i, std::size_t, std::size_t c) { return pg[i] * g[c]; });
  const std::vector<Real> second = means([=](std::size_t i, std::size_t s, std::size_t c) { return pg[i] * g[c] * xhat(i, s); });
  detail::norm_for_each(shape, [=, m1 = first.data(), m2 = second.data()](std::size_t i, std::size_t s, std::size_t c) {
    to[i] += inv_std[s] * (pg[i] * g[c] - m1[s] - xhat(i, s) * m2[s]);
  });
}

/// How an L2 norm is kept from 0.
enum class L2Epsilon {
  at_least,  ///< |x| = max(sqrt(sum of x^2), epsilon): PyTorch's normalize, TFLite's L2_NORMALIZATION; TensorFlow's l2_normalize
             ///< with the square root of its epsilon; ONNX's LpNormalization with 0
  added  ///< |x| = sqrt(sum of x^2 + epsilon): the Normalize layer of SSD in Caffe, and what exporters write as Sum, Add, Sqrt,
         ///< Div
};

namespace detail {

/// The norms along one axis: of x as outer x length x inner, outer * inner of them.
struct L2Shape {
  std::size_t outer = 1, length = 1, inner = 1;

  L2Shape(const Extents& x, std::size_t axis, const char* what) {
    if (axis == 0 || axis >= x.size())
      throw shape_error(message(what, ": axis ", axis, " of extents ", x, ": expected 1 .. rank - 1"));
    for (std::size_t a = 0; a < x.size(); ++a) (a < axis ? outer : a == axis ? length : inner) *= x[a];
  }

  /// The walk through x; offset 1 is a place among the norms.
  StridedAxes<2> walk() const {
    StridedAxes<2> axes;
    axes.push_back(outer, {length * inner, inner});
    axes.push_back(length, {inner, 0});
    axes.push_back(inner, {1, 1});
    return axes;
  }
  /// The same, reduced to the norms.
  ReducedAxes<1> sums() const {
    ReducedAxes<1> axes;
    axes.push_back(outer, {length * inner}, true);
    axes.push_back(length, {inner}, false);
    axes.push_back(inner, {1}, true);
    return axes;
  }
};

template <class Real>
void require_l2_epsilon(Real epsilon, const char* what) {
  if (!(epsilon >= 0)) throw value_error(message(what, ": expected epsilon >= 0, got ", epsilon));
}

/// |x| of each place.
template <class Real>
std::vector<Real> l2_norms(const L2Shape& shape, const Real* x, Real epsilon, L2Epsilon kind) {
  const std::vector<double> sums = sum_axes(shape.sums(), [&](const auto& from, std::size_t i) {
    return static_cast<double>(x[from[0] + i]) * static_cast<double>(x[from[0] + i]);
  });
  const auto e = static_cast<double>(epsilon);
  std::vector<Real> norms(sums.size());
  for (std::size_t s = 0; s < sums.size(); ++s)
    norms[s] = static_cast<Real>(kind == L2Epsilon::added ? std::sqrt(sums[s] + e) : std::max(std::sqrt(sums[s]), e));
  return norms;
}

}  // namespace detail

/// y = x / |x| along `axis`, which is not the batch, |x| as `kind` says; 0 where |x| is 0. x and y of the same extents, or the
/// same tensor. Throws shape_error when they do not fit, value_error unless epsilon >= 0.
template <Tensor X, Tensor Y>
void l2_normalize_forward(const X& x, std::size_t axis, value_t<const X> epsilon, L2Epsilon kind, Y&& y) {
  using Real = detail::shared_real<const X, Y>;
  const auto xv = detail::any_dense_view(x, "l2_normalize_forward: x");
  const auto yv = detail::dense_view(y, xv.rank(), "l2_normalize_forward: y");
  detail::require_extents(yv.extent, xv.extent, "l2_normalize_forward: y");
  detail::require_apart_or_same("l2_normalize_forward", yv, xv);
  const detail::L2Shape shape(xv.extent, axis, "l2_normalize_forward");
  detail::require_l2_epsilon(epsilon, "l2_normalize_forward");
  if (xv.size() == 0) return;
  const std::vector<Real> norms = detail::l2_norms<Real>(shape, xv.data, epsilon, kind);
  const auto walk = shape.walk();
  detail::with_steps(walk.inner_step()[1], 1, [&](auto step, auto) {
    walk.parallel_runs([&](const auto& from, std::size_t at, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) {
        const Real norm = norms[from[1] + i * step.value];
        yv.data[at + i] = norm > 0 ? xv.data[at + i] / norm : Real(0);
      }
    });
  });
}

/// grad_x += (grad_y - x * sum(grad_y * x) / |x|^2) / |x|; where epsilon alone is the norm grad_y / epsilon, and nothing where
/// |x| is 0. Throws as l2_normalize_forward does.
template <Tensor G, Tensor X, Tensor GX>
void l2_normalize_backward(const G& grad_y, const X& x, std::size_t axis, value_t<const X> epsilon, L2Epsilon kind, GX&& grad_x) {
  using Real = detail::shared_real<const G, const X, GX>;
  const auto xv = detail::any_dense_view(x, "l2_normalize_backward: x");
  const auto gv = detail::dense_view(grad_y, xv.rank(), "l2_normalize_backward: grad_y");
  const auto to = detail::dense_view(grad_x, xv.rank(), "l2_normalize_backward: grad_x");
  detail::require_extents(gv.extent, xv.extent, "l2_normalize_backward: grad_y");
  detail::require_extents(to.extent, xv.extent, "l2_normalize_backward: grad_x");
  detail::require_apart("l2_normalize_backward", to, gv, xv);
  const detail::L2Shape shape(xv.extent, axis, "l2_normalize_backward");
  detail::require_l2_epsilon(epsilon, "l2_normalize_backward");
  if (xv.size() == 0) return;
  const std::vector<Real> norms = detail::l2_norms<Real>(shape, xv.data, epsilon, kind);
  const std::vector<double> dots = detail::sum_axes(
      shape.sums(), [&](const auto& from, std::size_t i) { return gv.data[from[0] + i] * xv.data[from[0] + i]; });
  std::vector<Real> along(norms.size());  // sum(grad_y * x) / |x|^2
  for (std::size_t s = 0; s < norms.size(); ++s) {
    const bool constant = norms[s] == 0 || (kind == L2Epsilon::at_least && norms[s] <= epsilon);
    along[s] = constant ? Real(0) : static_cast<Real>(dots[s] / (static_cast<double>(norms[s]) * static_cast<double>(norms[s])));
  }
  const auto walk = shape.walk();
  detail::with_steps(walk.inner_step()[1], 1, [&](auto step, auto) {
    walk.parallel_runs([&](const auto& from, std::size_t at, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t s = from[1] + i * step.value;
        to.data[at + i] += norms[s] > 0 ? (gv.data[at + i] - xv.data[at + i] * along[s]) / norms[s] : Real(0);
      }
    });
  });
}

/// Local response normalization: y[c] = x[c] / d[c]^beta, d[c] = bias + alpha / size * sum of x[j]^2 over the channels j = c -
/// (size - 1) / 2 .. c + size / 2 that there are; ONNX's LRN, and AlexNet's layer.
template <class Real>
struct LocalResponse {
  std::size_t size;        ///< channels in a window, 1 or more
  Real alpha, beta, bias;  ///< alpha >= 0, bias > 0
};

namespace detail {

/// Channels first .. last - 1 that channel c is divided by.
struct ResponseWindow {
  std::size_t first, last;
  ResponseWindow(std::size_t c, std::size_t channels, std::size_t size)
      : first(c - std::min(c, (size - 1) / 2)), last(std::min(channels, c + size / 2 + 1)) {}
};

/// d of one pixel.
template <class Real>
void response_divisors(const Real* x, std::size_t channels, const LocalResponse<Real>& l, Real* d) {
  for (std::size_t c = 0; c < channels; ++c) {
    const ResponseWindow w(c, channels, l.size);
    Real sum = 0;
    for (std::size_t j = w.first; j < w.last; ++j) sum += x[j] * x[j];
    d[c] = l.bias + l.alpha / static_cast<Real>(l.size) * sum;
  }
}

template <class Real>
void require_local_response(const LocalResponse<Real>& l, const char* what) {
  if (l.size < 1 || !(l.alpha >= 0) || !(l.bias > 0))
    throw value_error(
        message(what, ": expected size >= 1, alpha >= 0 and bias > 0, got ", l.size, ", ", l.alpha, " and ", l.bias));
}

}  // namespace detail

/// See LocalResponse; x and y N .. C of the same extents, or the same tensor. Throws shape_error when they do not fit,
/// value_error for parameters out of their ranges.
template <Tensor X, Tensor Y>
void local_response_forward(const X& x, const LocalResponse<value_t<const X>>& l, Y&& y) {
  using Real = detail::shared_real<const X, Y>;
  const auto xv = detail::channels_last_view(x, "local_response_forward: x");
  const auto yv = detail::channels_last_view(y, "local_response_forward: y");
  detail::require_extents(yv.extent, xv.extent, "local_response_forward: y");
  detail::require_apart_or_same("local_response_forward", yv, xv);
  detail::require_local_response(l, "local_response_forward");
  if (xv.size() == 0) return;
  const std::size_t channels = xv.extent.back();
  parallel_ranges(xv.size() / channels, detail::strided_grain / channels + 1, [&](std::size_t begin, std::size_t end) {
    std::vector<Real> d(channels);
    for (std::size_t pixel = begin; pixel < end; ++pixel) {
      const Real* const px = xv.data + pixel * channels;
      detail::response_divisors<Real>(px, channels, l, d.data());
      for (std::size_t c = 0; c < channels; ++c) yv.data[pixel * channels + c] = px[c] * std::pow(d[c], -l.beta);
    }
  });
}

/// grad_x[c] += grad_y[c] * d[c]^-beta - 2 * alpha * beta / size * x[c] * sum of grad_y[j] * x[j] * d[j]^(-beta - 1) over the j
/// whose windows hold c. Throws as local_response_forward does.
template <Tensor G, Tensor X, Tensor GX>
void local_response_backward(const G& grad_y, const X& x, const LocalResponse<value_t<const X>>& l, GX&& grad_x) {
  using Real = detail::shared_real<const G, const X, GX>;
  const auto xv = detail::channels_last_view(x, "local_response_backward: x");
  const auto gv = detail::channels_last_view(grad_y, "local_response_backward: grad_y");
  const auto to = detail::channels_last_view(grad_x, "local_response_backward: grad_x");
  detail::require_extents(gv.extent, xv.extent, "local_response_backward: grad_y");
  detail::require_extents(to.extent, xv.extent, "local_response_backward: grad_x");
  detail::require_apart("local_response_backward", to, gv, xv);
  detail::require_local_response(l, "local_response_backward");
  if (xv.size() == 0) return;
  const std::size_t channels = xv.extent.back();
  parallel_ranges(xv.size() / channels, detail::strided_grain / channels + 1, [&](std::size_t begin, std::size_t end) {
    std::vector<Real> d(channels), inner(channels);  // inner[c]: sum over the windows that hold c
    for (std::size_t pixel = begin; pixel < end; ++pixel) {
      const Real* const px = xv.data + pixel * channels;
      const Real* const pg = gv.data + pixel * channels;
      detail::response_divisors<Real>(px, channels, l, d.data());
      std::fill(inner.begin(), inner.end(), Real(0));
      for (std::size_t j = 0; j < channels; ++j) {
        const Real part = pg[j] * px[j] * std::pow(d[j], -l.beta - 1);
        const detail::ResponseWindow w(j, channels, l.size);
        for (std::size_t c = w.first; c < w.last; ++c) inner[c] += part;
      }
      const Real factor = 2 * l.alpha * l.beta / static_cast<Real>(l.size);
      for (std::size_t c = 0; c < channels; ++c)
        to.data[pixel * channels + c] += pg[c] * std::pow(d[c], -l.beta) - factor * px[c] * inner[c];
    }
  });
}

}  // namespace trimtab
