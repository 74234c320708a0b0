#pragma once
/// \file
/// Loss and gradient of one training step, a few pictures at a time, so that activations stay in the cache and few are alive.

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <trimtab/core/parallel.hpp>
#include <trimtab/net/execute/fake_quant_executor.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/train/distillation_loss.hpp>
#include <trimtab/train/loss.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// What each column of the rows of all outputs (output_rows) is multiplied by before outputs are compared: nothing for a network
/// of one output; for one of several, each output by 1 / its root mean square in `teacher`, so that boxes in pixels do not drown
/// scores below 1. An output that is 0 throughout counts as it is.
inline std::vector<float> output_weights(const Network& network, const Array& teacher) {
  const std::vector<NodeId> outputs = network.outputs();
  std::vector<float> weights;
  if (outputs.size() == 1) return weights;
  const std::size_t n = teacher.shape(0), columns = teacher.shape(1);
  for (const NodeId id : outputs) {
    const std::size_t first = weights.size(), own = element_count(network[id].extent);
    double power = 0;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t c = first; c < first + own; ++c)
        power += double(teacher.data()[i * columns + c]) * double(teacher.data()[i * columns + c]);
    const double rms = std::sqrt(power / std::max(1.0, double(n * own)));
    weights.insert(weights.end(), own, rms > 0 ? static_cast<float>(1 / rms) : 1.0F);
  }
  return weights;
}

namespace detail {

/// Rows times weights, column by column; nothing where there are no weights.
inline void weigh_columns(std::span<const float> weights, Array& rows) {
  if (!weights.empty())
    for (std::size_t i = 0; i < rows.size(); ++i) rows.data()[i] *= weights[i % weights.size()];
}

/// Throws value_error for weights that cannot be, or that ask for cross-entropies of a network of several outputs.
inline void require_weights(const DistillationWeights& weights, const Network& network, const char* what) {
  require_weights(weights, what);
  if (has_cross_entropies(weights) && network.outputs().size() > 1)
    throw value_error(message(what, ": cross-entropies of a network of ", network.outputs().size(), " outputs"));
}

}  // namespace detail

/// The distance of outputs, H(z_T, z_A) in eq. (24).
enum class DistillationLoss {
  rmse,        ///< paper eq. (25)
  smooth_l1,   ///< train/loss.hpp, a mean over the pictures
  charbonnier  ///< train/loss.hpp, a mean over the pictures: what the paper's authors train with in their program
};

/// The RMSE of paper eq. (25) between a quantized network's outputs y and given ones t over a batch of N pictures, and its
/// gradient for all factors:
///   H = sqrt(sum over n of |y[n] - t[n]|^2 / N),    dH/dy = (y - t) / (N H)
/// A backward is linear in dloss/dy, so that each piece of the batch goes forward and backward by itself with y - t, and the one
/// number that needs the whole batch, 1 / (N H), multiplies the sum over the pieces. Pieces run on several threads, or several
/// processes; their sums are taken in the order of the pieces. With the others, likewise, H is a mean of sums over the pictures,
/// and needs no such number.
///
/// With weights other than the default, the loss is eq. (24): weights.outputs times H, and the cross-entropies, whose gradient
/// needs a backward of its own, since H's factor is known but at the end.
class DistillationStep {
 public:
  /// `q` must outlive this object, and may change its factors between calls of executor().refresh(). A piece has `piece`
  /// pictures, 1 or more: few, so that their activations stay in the cache.
  /// columns: what each is multiplied by (output_weights), or none. Throws value_error for weights that leave nothing to train,
  /// or that ask for cross-entropies of a network of several outputs or of columns that are multiplied.
  explicit DistillationStep(const QuantizedNetwork& q, std::size_t piece = 2, DistillationLoss loss = DistillationLoss::rmse,
                            std::vector<float> columns = {}, const DistillationWeights& weights = {})
      : piece_(piece), factors_(factor_count(q)), loss_(loss), columns_(std::move(columns)), weights_(weights) {
    detail::require_weights(weights, q.network, "DistillationStep");
    if (!(weights.outputs > 0 || weights.labels > 0 || weights.soft_targets > 0))
      throw value_error("DistillationStep: no weight but that of the teacher's labels, which has no gradient");
    if (has_cross_entropies(weights) && !columns_.empty())
      throw value_error("DistillationStep: cross-entropies of outputs that are multiplied column by column");
    workers_.push_back(std::make_unique<FakeQuantExecutor>(q));
  }

  /// The executor of the first worker, whose weights all share.
  FakeQuantExecutor& executor() { return *workers_[0]; }

  /// For each piece of x, in their order: the gradient of half its sum of squared errors, or of its sum of the other losses, by
  /// every factor, in the order of factor_blocks, then that sum; then, where cross-entropies are asked for, the same of their
  /// weighted sum. target: N rows of all outputs side by side (output_rows). labels: of the pictures, where weights ask for them.
  /// Throws shape_error when they do not fit the network or one another, value_error for a label out of range.
  std::vector<float> rows(const Feed& x, const Array& target, TrainedSet trained = {}, std::span<const int> labels = {}) {
    const std::size_t n = x[0].dimension() == 0 ? 0 : x[0].shape(0), pieces = (n + piece_ - 1) / piece_;
    if (target.dimension() != 2 || target.shape(0) != n)
      throw shape_error(detail::message("DistillationStep: outputs of extents ", view(target).extent, " for ", n, " pictures"));
    if (wants_labels(weights_) && labels.size() != n)
      throw shape_error(detail::message("DistillationStep: ", labels.size(), " labels for ", n, " pictures"));
    while (workers_.size() < static_cast<std::size_t>(threads()))  // any thread may take a piece, however few there are
      workers_.push_back(std::make_unique<FakeQuantExecutor>(executor().weights()));
    std::vector<float> rows(pieces * row_length());
    parallel_for_workers(pieces, long_loop, [&](std::size_t worker, std::size_t p) {
      std::vector<Array> part;
      for (std::size_t i = 0; i < x.size(); ++i) part.push_back(piece_of(x[i], p));
      Array wanted = piece_of(target, p);
      std::span<float> row = std::span(rows).subspan(p * row_length(), row_length());
      FakeQuantExecutor& executor = *workers_[worker];
      executor.forward(part);
      Array y = output_rows(executor.outputs());
      detail::weigh_columns(columns_, wanted);
      detail::weigh_columns(columns_, y);
      if (weights_.outputs > 0) {
        Array grad(y.shape(), 0.0F);
        row[factors_] = static_cast<float>(sum_and_gradient(wanted, y, grad));
        detail::weigh_columns(columns_, grad);
        executor.backward(output_gradients(grad, executor.outputs()), row.first(factors_), trained);
        row = row.subspan(factors_ + 1);
      }
      if (has_cross_entropies(weights_)) {
        Array grad(y.shape(), 0.0F);
        const std::span<const int> own = wants_labels(weights_) ? labels.subspan(p * piece_, y.shape(0)) : labels;
        row[factors_] = static_cast<float>(cross_entropy_terms(wanted, y, own, weights_, grad));
        executor.backward(output_gradients(grad, executor.outputs()), row.first(factors_), trained);
      }
    });
    return rows;
  }

  /// The loss and, into `grad_factors`, its gradient (that of H is 0 where H is) from the rows of all pieces of a batch of
  /// `pictures`. Throws shape_error when there is not one gradient for each factor.
  double combine(std::span<const float> rows, std::size_t pictures, std::span<float> grad_factors) const {
    if (grad_factors.size() != factors_)
      throw shape_error(detail::message("DistillationStep: ", grad_factors.size(), " gradients for ", factors_, " factors"));
    std::vector<double> sum(row_length());
    for (std::size_t i = 0; i < rows.size(); ++i) sum[i % sum.size()] += double(rows[i]);
    const double n = static_cast<double>(pictures);
    std::span<const double> part(sum);
    std::vector<double> grad(factors_);
    double loss = 0;
    if (weights_.outputs > 0) {
      const bool root = loss_ == DistillationLoss::rmse;
      const double h = root ? std::sqrt(part[factors_] / n) : part[factors_] / n;
      for (std::size_t i = 0; h != 0 && i < factors_; ++i) grad[i] = weights_.outputs * part[i] / (root ? n * h : n);
      loss = weights_.outputs * h;
      part = part.subspan(factors_ + 1);
    }
    if (has_cross_entropies(weights_)) {
      for (std::size_t i = 0; i < factors_; ++i) grad[i] += part[i] / n;
      loss += part[factors_] / n;
    }
    std::transform(grad.begin(), grad.end(), grad_factors.begin(), [](double g) { return static_cast<float>(g); });
    return loss;
  }

  /// Both at once: returns the loss, and its gradient in `grad_factors`.
  double operator()(const Feed& x, const Array& target, std::span<float> grad_factors, TrainedSet trained = {},
                    std::span<const int> labels = {}) {
    return combine(rows(x, target, trained, labels), x[0].shape(0), grad_factors);
  }

 private:
  std::size_t row_length() const {
    return (std::size_t{weights_.outputs > 0} + std::size_t{has_cross_entropies(weights_)}) * (factors_ + 1);
  }
  double sum_and_gradient(const Array& wanted, const Array& y, Array& grad) const {
    switch (loss_) {
      case DistillationLoss::smooth_l1:
        return smooth_l1(wanted, y, grad);
      case DistillationLoss::charbonnier:
        return charbonnier(wanted, y, grad);
      default:
        return squared_error(wanted, y, grad);
    }
  }
  /// The gradient of rows of all outputs as one array for each.
  static std::vector<Array> output_gradients(const Array& rows, const std::vector<Array>& outputs) {
    std::vector<Array> grads;
    std::size_t first = 0;
    const std::size_t n = rows.shape(0), columns = rows.shape(1);
    for (const Array& y : outputs) {
      Array grad = Array::from_shape(y.shape());
      const std::size_t own = n == 0 ? 0 : y.size() / n;
      for (std::size_t i = 0; i < n; ++i) std::copy_n(rows.data() + i * columns + first, own, grad.data() + i * own);
      first += own;
      grads.push_back(std::move(grad));
    }
    return grads;
  }
  /// Piece p of a table of pictures or outputs.
  Array piece_of(const Array& table, std::size_t p) const {
    auto shape = table.shape();
    const std::size_t row = table.size() / shape[0], first = p * piece_;
    shape[0] = std::min(piece_, shape[0] - first);
    Array part(shape);
    std::copy_n(table.data() + first * row, shape[0] * row, part.data());
    return part;
  }

  std::size_t piece_, factors_;
  DistillationLoss loss_;
  std::vector<float> columns_;
  DistillationWeights weights_;
  std::vector<std::unique_ptr<FakeQuantExecutor>> workers_;  // one a thread
};

}  // namespace trimtab
