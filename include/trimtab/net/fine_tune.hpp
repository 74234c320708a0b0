#pragma once
/// \file
/// Threshold training by distillation (paper 3.2, 4.1.2): Adam with cosine annealing and restarts moves the factors so that the quantized
/// network's pre-softmax outputs come near the float network's, on unlabelled pictures. Everything but the chosen factors is fixed.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include <trimtab/core/progress.hpp>
#include <trimtab/net/calibrate.hpp>
#include <trimtab/net/distillation_step.hpp>
#include <trimtab/net/float_executor.hpp>
#include <trimtab/train/adam.hpp>
#include <trimtab/train/schedule.hpp>

namespace trimtab {

/// How fine_tune trains.
struct FineTuneOptions {
  std::size_t epochs = 6, batch = 16;  ///< passes over the pictures, pictures in a step
  double learning_rate = 1e-3;      ///< peak of the schedule, in units of the threshold factors
  double pointwise_rate = 1e-3;     ///< the same for point-wise factors
  std::size_t restarts = 1;         ///< periods of the schedule over the whole run; the optimizer forgets its state between them
  std::size_t warmup = 8;           ///< steps of linear warm-up in each period
  std::uint64_t seed = 1;           ///< of the order of the pictures
  TrainedSet trained = {};  ///< which factors
  AdamOptions adam = {};  ///< the optimizer's
};

/// What fine_tune did.
struct FineTuneReport {
  std::size_t trained_parameters = 0;  ///< number of factors
  double loss_before = 0, loss_after = 0;  ///< RMSE (eq. 25) over all training pictures
  std::vector<double> loss;                ///< of each step's batch
  std::vector<double> learning_rate;       ///< of each step, of the thresholds' factors
  double seconds = 0;                      ///< of the steps alone, teacher and measurement excluded
  double pictures_per_second = 0;  ///< seconds as a rate
  bool kept = true;  ///< false: training raised the loss over its own pictures, and the factors are those from before
};

namespace detail {

/// A seeded permutation that is the same with every standard library.
inline void shuffle(std::vector<std::size_t>& indices, std::mt19937_64& random) {
  for (std::size_t i = indices.size(); i > 1; --i) std::swap(indices[i - 1], indices[random() % i]);
}

/// Rows `indices` of a table with `columns` columns.
inline Array gather_rows(const Array& table, std::span<const std::size_t> indices) {
  const std::size_t columns = table.shape(1);
  Array rows = Array::from_shape({indices.size(), columns});
  for (std::size_t i = 0; i < indices.size(); ++i) std::copy_n(table.data() + indices[i] * columns, columns, rows.data() + i * columns);
  return rows;
}

}  // namespace detail

/// The float network's outputs for the first `count` pictures: what students are compared with. count x classes.
template <PictureSource Pictures>
Array teacher_outputs(const Network& teacher, const Pictures& pictures, std::size_t count, const Progress& progress = {}) {
  Array outputs = Array::from_shape({count, element_count(teacher[teacher.output()].extent)});
  float* next = outputs.data();
  const std::vector<std::size_t> indices = detail::first_indices(count);
  detail::for_each_batch(indices, 8, progress, [&](std::span<const std::size_t> some) {
    const Array y = run(teacher, pictures(some));
    next = std::copy(y.data(), y.data() + y.size(), next);
  });
  return outputs;
}

/// RMSE (eq. 25) between `teacher` (count x classes) and the quantized network over its first `count` pictures.
template <PictureSource Pictures>
double distillation_loss(FakeQuantExecutor& student, const Array& teacher, const Pictures& pictures) {
  const std::vector<std::size_t> indices = detail::first_indices(teacher.shape(0));
  double sum = 0;
  detail::for_each_batch(indices, 16, {}, [&](std::span<const std::size_t> some) {
    const Array& y = student.forward(pictures(some));
    const Array t = detail::gather_rows(teacher, some);
    for (std::size_t i = 0; i < y.size(); ++i) sum += (double(y.data()[i]) - double(t.data()[i])) * (double(y.data()[i]) - double(t.data()[i]));
  });
  return std::sqrt(sum / static_cast<double>(indices.size()));
}

/// Trains q's factors on the pictures 0 .. teacher.shape(0) - 1, whose float outputs `teacher` holds (teacher_outputs). A seeded run gives the
/// same bits on any number of threads. Throws value_error without pictures, for a batch or number of epochs of 0, or when a gradient is
/// not finite; the factors are then those of the last good step. A run that ends with a higher loss than it began with, as may happen to a
/// network that per-tensor thresholds have broken, leaves the factors as they were.
template <PictureSource Pictures>
FineTuneReport fine_tune(QuantizedNetwork& q, const Array& teacher, const Pictures& pictures, const FineTuneOptions& options,
                         const Progress& progress = {}) {
  const std::size_t count = teacher.dimension() == 2 ? teacher.shape(0) : 0;
  if (count == 0 || options.batch == 0 || options.epochs == 0 || options.restarts == 0)
    throw value_error(detail::message("fine_tune: ", count, " pictures, batch ", options.batch, ", ", options.epochs, " epochs, ",
                                      options.restarts, " restarts; each must be 1 or more"));
  const std::size_t batch = std::min(options.batch, count);
  const std::size_t steps_per_epoch = count / batch;  // what is left over comes up in another epoch's order
  const std::size_t steps = steps_per_epoch * options.epochs;
  const std::size_t period = (steps + options.restarts - 1) / options.restarts;
  const CosineAnnealing schedule(1.0, period, std::min(options.warmup, period - 1));

  std::vector<float> before = gather_factors(q), factors = before;  // those that are not trained have no gradient and stay
  DistillationStep distill(q);
  FakeQuantExecutor& student = distill.executor();
  FineTuneReport report;
  report.trained_parameters = factor_count(q, options.trained);
  report.loss_before = distillation_loss(student, teacher, pictures);

  // The row holds the thresholds' factors first; the point-wise ones have a rate of their own.
  const std::size_t thresholds = factor_count(q, {true, true, false});
  Adam<float> adam(thresholds, options.adam), pointwise_adam(factors.size() - thresholds, options.adam);
  std::vector<float> grad_factors(factors.size());
  std::vector<std::size_t> order = detail::first_indices(count);
  std::mt19937_64 random(options.seed);
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t step = 0; step < steps; ++step) {
    if (step % steps_per_epoch == 0) detail::shuffle(order, random);
    const auto some = std::span<const std::size_t>(order).subspan(step % steps_per_epoch * batch, batch);
    std::fill(grad_factors.begin(), grad_factors.end(), 0.0F);
    report.loss.push_back(distill(pictures(some), detail::gather_rows(teacher, some), grad_factors, options.trained));
    if (schedule.restarts(step)) {
      adam.reset();
      pointwise_adam.reset();
    }
    const std::span<float> row(factors);
    const std::span<const float> grad(grad_factors);
    const double shape = schedule.rate(step);
    report.learning_rate.push_back(options.learning_rate * shape);
    adam.step(row.first(thresholds), grad.first(thresholds), report.learning_rate.back());
    pointwise_adam.step(row.subspan(thresholds), grad.subspan(thresholds), options.pointwise_rate * shape);
    scatter_factors(factors, q);
    student.refresh();
    if (progress) progress(step + 1, steps);
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report.pictures_per_second = static_cast<double>(steps * batch) / report.seconds;
  report.loss_after = distillation_loss(student, teacher, pictures);
  if (!(report.loss_after <= report.loss_before)) {
    scatter_factors(before, q);
    report.loss_after = report.loss_before;
    report.kept = false;
  }
  return report;
}

}  // namespace trimtab
