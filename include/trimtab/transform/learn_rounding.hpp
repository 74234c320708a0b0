#pragma once
/// \file
/// Learned rounding: the codes of a layer's weights that keep its outputs, not its weights, near the float ones. Nearest rounding
/// takes each weight alone, but outputs are sums, and errors of several weights can cancel (Nagel et al., "Up or Down? Adaptive
/// Rounding for Post-Training Quantization", ICML 2020). Here the whole grid is open to each weight, the bias takes part, and the
/// least squares problem in integers is solved by coordinate descent over second moments instead of gradients over pictures.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <trimtab/core/error.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/quant/params.hpp>
#include <vector>

namespace trimtab {

/// Sums over examples of what a layer reads, x (of the quantized network), and what it should put out, y (of the float network,
/// before the activation). The layer falls into `groups` independent ones: 1, a grouped convolution's, or the channels of a
/// depthwise one. An example is a window of `inputs` numbers of each group.
struct OutputMoments {
  std::size_t groups = 0, inputs = 0, outputs = 0;  ///< inputs and outputs of one group
  double count = 0;                                 ///< examples
  std::vector<double> x;                            ///< sum of x: groups x inputs
  std::vector<double> y;                            ///< sum of y: groups x outputs
  std::vector<double> yy;                           ///< sum of y^2: groups x outputs
  std::vector<double> xx;                           ///< sum of x x^T: groups x inputs x inputs
  std::vector<double> yx;                           ///< sum of y x^T: groups x outputs x inputs

  /// None yet.
  OutputMoments() = default;
  /// Zeros for layers of these extents.
  OutputMoments(std::size_t g, std::size_t k, std::size_t o)
      : groups(g), inputs(k), outputs(o), x(g * k), y(g * o), yy(g * o), xx(g * k * k), yx(g * o * k) {}
};

/// How learn_rounding searches.
struct LearnRoundingOptions {
  /// How strongly the weights are held where they are, as a share of the variance of all inputs of the layer together. Keeps
  /// directions of which the examples say nothing, or where later layers will not see the difference, from being fit.
  double damping = 0.01;
  /// 1: the outputs are to be the float network's, so that the layer makes up for what its inputs have lost already; 0: what the
  /// float weights would make of these inputs. Anything between mixes the two targets.
  double compensation = 1;
  /// Most times that every weight is visited; it ends sooner where none changes.
  std::size_t sweeps = 30;
};

/// Mean squared differences between a layer's outputs and their targets, over examples and output channels.
struct RoundingReport {
  double nearest = 0;       ///< every weight rounded to nearest, the bias as it was
  double learned = 0;       ///< the codes found, with their bias
  std::size_t changed = 0;  ///< weights whose code is not the nearest
};

/// Coordinate descent on q^T H q - 2 q^T c over the points of a grid, from the points nearest to `row`, which receives the
/// result. With the other weights fixed the best value of one is q_k - (H q - c)_k / H_kk, and since the parabola is symmetric
/// the best code is the nearest to that: no step raises the sum. h: symmetric, K x K, positive diagonal (an entry of 0 leaves its
/// weight at the nearest point); c: K. Returns the number of weights that left the nearest point.
/// Throws shape_error when lengths differ.
template <std::floating_point Real>
std::size_t round_by_descent(std::span<const double> h, std::span<const double> c, const Affine<Real>& grid, std::span<Real> row,
                             std::size_t sweeps) {
  const std::size_t size = row.size();
  if (c.size() != size || h.size() != size * size)
    throw shape_error(detail::message("round_by_descent: ", size, " weights, H of ", h.size(), " numbers, c of ", c.size()));
  std::vector<double> q(size), gradient(c.size());
  for (std::size_t k = 0; k < size; ++k) q[k] = double(grid.fake_quantize(row[k]));
  const std::vector<double> nearest = q;
  for (std::size_t k = 0; k < size; ++k) {
    gradient[k] = -c[k];
    for (std::size_t j = 0; j < size; ++j) gradient[k] += h[k * size + j] * q[j];
  }
  bool moved = true;
  for (std::size_t sweep = 0; moved && sweep < sweeps; ++sweep) {
    moved = false;
    for (std::size_t k = 0; k < size; ++k) {
      const double curvature = h[k * size + k];
      if (!(curvature > 0)) continue;
      const double to = double(grid.fake_quantize(static_cast<Real>(q[k] - gradient[k] / curvature))), step = to - q[k];
      // Ties, and what the rounding of `gradient` makes of them, would go back and forth.
      if (!(step * (2 * gradient[k] + step * curvature) < -1e-9 * curvature * step * step)) continue;
      q[k] = to;
      for (std::size_t j = 0; j < size; ++j) gradient[j] += step * h[k * size + j];
      moved = true;
    }
  }
  std::size_t changed = 0;
  for (std::size_t k = 0; k < size; ++k) {
    changed += std::size_t{q[k] != nearest[k]};
    row[k] = static_cast<Real>(q[k]);
  }
  return changed;
}

namespace detail {

/// a^T M b over one group's square of numbers.
inline double quadratic(std::span<const double> m, std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double part = 0;
    for (std::size_t j = 0; j < b.size(); ++j) part += m[i * b.size() + j] * b[j];
    sum += a[i] * part;
  }
  return sum;
}

/// Moments of one group about their means.
struct CentredGroup {
  std::vector<double> mean_x, cov;  ///< K; K x K

  CentredGroup(const OutputMoments& m, std::size_t group) {
    const std::size_t k = m.inputs;
    for (std::size_t i = 0; i < k; ++i) mean_x.push_back(m.x[group * k + i] / m.count);
    cov.assign(m.xx.begin() + static_cast<std::ptrdiff_t>(group * k * k),
               m.xx.begin() + static_cast<std::ptrdiff_t>((group + 1) * k * k));
    for (std::size_t i = 0; i < k; ++i)
      for (std::size_t j = 0; j < k; ++j) cov[i * k + j] = cov[i * k + j] / m.count - mean_x[i] * mean_x[j];
  }
};

}  // namespace detail

/// Replaces a layer's weights by the points of their grids, and its biases by the values, with which the mean of
///   |q x + b - y|^2 + lambda * |q - w|^2,  lambda = damping * (sum of the variances of x)
/// is (locally) least: for each output channel round_by_descent on
///   H = cov(x, x) + lambda,  c = compensation * cov(y, x) + (1 - compensation) * cov(x, x) w + lambda w,  b = E[y] - q E[x].
/// rows: groups * outputs rows of `inputs` float weights w; bias: one number a row, or none (then y's mean is not kept either,
/// only its shape); grid(row): of that row's weights. Throws shape_error when lengths do not fit `moments`; value_error without
/// examples, or for moments that are not finite; options out of range. Nothing is changed then.
template <std::floating_point Real, class GridOf>
RoundingReport learn_rounding(std::span<Real> rows, std::span<Real> bias, const OutputMoments& moments, const GridOf& grid,
                              const LearnRoundingOptions& options = {}) {
  const std::size_t k = moments.inputs, count = moments.groups * moments.outputs;
  if (rows.size() != count * k || (bias.size() != count && !bias.empty()))
    throw shape_error(
        detail::message("learn_rounding: ", rows.size(), " weights and ", bias.size(), " biases for ", count, " rows of ", k));
  if (!(moments.count > 0)) throw value_error("learn_rounding: moments of no example");
  if (!(options.damping >= 0) || !std::isfinite(options.damping) || !(options.compensation >= 0 && options.compensation <= 1))
    throw value_error(detail::message("learn_rounding: damping ", options.damping, ", compensation ", options.compensation));
  for (const auto* sums : {&moments.x, &moments.y, &moments.yy, &moments.xx, &moments.yx})
    for (const double v : *sums)
      if (!std::isfinite(v)) throw value_error(detail::message("learn_rounding: a moment is ", v));

  std::vector<RoundingReport> part(count);
  for (std::size_t g = 0; g < moments.groups; ++g) {
    const detail::CentredGroup centred(moments, g);
    double lambda = 0;
    for (std::size_t i = 0; i < k; ++i) lambda += options.damping * centred.cov[i * k + i];
    std::vector<double> h = centred.cov;
    for (std::size_t i = 0; i < k; ++i) h[i * k + i] += lambda;
    parallel_for(moments.outputs, [&](std::size_t o) {
      const std::size_t r = g * moments.outputs + o;
      const std::span<Real> row = rows.subspan(r * k, k);
      const double mean_y = moments.y[r] / moments.count, variance_y = moments.yy[r] / moments.count - mean_y * mean_y;
      std::vector<double> cov_yx(k), c(k), q(k);
      for (std::size_t i = 0; i < k; ++i) {
        cov_yx[i] = moments.yx[r * k + i] / moments.count - mean_y * centred.mean_x[i];
        double kept = 0;
        for (std::size_t j = 0; j < k; ++j) kept += centred.cov[i * k + j] * double(row[j]);
        c[i] = options.compensation * cov_yx[i] + (1 - options.compensation) * kept + lambda * double(row[i]);
      }
      const auto mean_of = [&] {
        double sum = 0;
        for (std::size_t i = 0; i < k; ++i) sum += q[i] * centred.mean_x[i];
        return sum;
      };
      const auto error = [&](double b) {
        double cross = 0;
        for (std::size_t i = 0; i < k; ++i) cross += q[i] * cov_yx[i];
        const double shift = mean_of() + b - mean_y;
        return std::max(0.0, detail::quadratic(centred.cov, q, q) - 2 * cross + variance_y) + shift * shift;
      };
      for (std::size_t i = 0; i < k; ++i) q[i] = double(grid(r).fake_quantize(row[i]));
      part[r].nearest = error(bias.empty() ? 0.0 : double(bias[r]));
      part[r].changed = round_by_descent(h, c, grid(r), row, options.sweeps);
      for (std::size_t i = 0; i < k; ++i) q[i] = double(row[i]);
      if (!bias.empty()) bias[r] = static_cast<Real>(mean_y - mean_of());
      part[r].learned = error(bias.empty() ? 0.0 : double(bias[r]));
    });
  }
  RoundingReport report;
  for (const RoundingReport& p : part) {
    report.nearest += p.nearest / double(count);
    report.learned += p.learned / double(count);
    report.changed += p.changed;
  }
  return report;
}

}  // namespace trimtab
