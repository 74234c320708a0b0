#pragma once
/// \file
/// Loss and gradient of one training step, a few pictures at a time, so that activations stay in the cache and few are alive.

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <vector>

#include <trimtab/core/parallel.hpp>
#include <trimtab/net/fake_quant_executor.hpp>

namespace trimtab {

/// The RMSE of paper eq. (25) between a quantized network's outputs y and given ones t over a batch of N pictures, and its gradient for
/// all factors:
///   H = sqrt(sum over n of |y[n] - t[n]|^2 / N),    dH/dy = (y - t) / (N H)
/// A backward is linear in dloss/dy, so that each piece of the batch goes forward and backward by itself with y - t, and the one number
/// that needs the whole batch, 1 / (N H), multiplies the sum over the pieces. Pieces have `piece` pictures and run on several threads;
/// their sums are taken in the order of the pieces.
class DistillationStep {
 public:
  static constexpr std::size_t piece = 2;  ///< pictures in a piece

  /// `q` must outlive this object, and may change its factors between calls of executor().refresh().
  explicit DistillationStep(const QuantizedNetwork& q) { workers_.push_back(std::make_unique<FakeQuantExecutor>(q)); }

  /// The executor of the first worker, whose weights all share.
  FakeQuantExecutor& executor() { return *workers_[0]; }

  /// Returns H and adds dH/dfactor to `grad_factors`, in the order of factor_blocks; nothing where H is 0. x: N H W C; target: N C. Throws
  /// shape_error when they do not fit the network or one another.
  double operator()(const Array& x, const Array& target, std::span<float> grad_factors, TrainedSet trained = {}) {
    const std::size_t n = x.dimension() == 0 ? 0 : x.shape(0), pieces = (n + piece - 1) / piece;
    if (target.dimension() != 2 || target.shape(0) != n)
      throw shape_error(detail::message("DistillationStep: outputs of extents ", view(target).extent, " for ", n, " pictures"));
    while (workers_.size() < std::min(pieces, static_cast<std::size_t>(threads())))
      workers_.push_back(std::make_unique<FakeQuantExecutor>(executor().weights()));
    std::vector<double> squares(pieces);
    std::vector<std::vector<float>> grads(pieces);
    parallel_for_workers(pieces, [&](std::size_t worker, std::size_t p) {
      const Array part = rows(x, p), wanted = rows(target, p);
      FakeQuantExecutor& executor = *workers_[worker];
      Array grad = executor.forward(part);
      detail::require_extents(view(grad).extent, view(wanted).extent, "DistillationStep: target");
      for (std::size_t i = 0; i < grad.size(); ++i) {
        grad.data()[i] -= wanted.data()[i];
        squares[p] += double(grad.data()[i]) * double(grad.data()[i]);
      }
      grads[p].resize(grad_factors.size());
      executor.backward(grad, grads[p], trained);
    });
    double sum = 0;
    for (const double s : squares) sum += s;
    const double loss = std::sqrt(sum / static_cast<double>(n));
    if (loss == 0) return 0;
    const double weight = 1 / (static_cast<double>(n) * loss);
    for (std::size_t i = 0; i < grad_factors.size(); ++i) {
      double total = 0;
      for (const auto& grad : grads) total += double(grad[i]);
      grad_factors[i] += static_cast<float>(total * weight);
    }
    return loss;
  }

 private:
  /// Piece p of a table of pictures or outputs.
  static Array rows(const Array& table, std::size_t p) {
    auto shape = table.shape();
    const std::size_t row = table.size() / shape[0], first = p * piece;
    shape[0] = std::min(piece, shape[0] - first);
    Array part(shape);
    std::copy_n(table.data() + first * row, shape[0] * row, part.data());
    return part;
  }

  std::vector<std::unique_ptr<FakeQuantExecutor>> workers_;  // one a thread
};

}  // namespace trimtab
