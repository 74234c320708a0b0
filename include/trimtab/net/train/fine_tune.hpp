#pragma once
/// \file
/// Threshold training by distillation (paper 3.2, 4.1.2): Adam with cosine annealing and restarts moves the factors so that the
/// quantized network's pre-softmax outputs come near the float network's, on unlabelled pictures. Everything but the chosen
/// factors is fixed.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <trimtab/core/communicator.hpp>
#include <trimtab/core/progress.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/train/distillation_step.hpp>
#include <trimtab/train/adam.hpp>
#include <trimtab/train/schedule.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// How fine_tune trains.
struct FineTuneOptions {
  std::size_t epochs = 6, batch = 16;  ///< passes over the pictures, pictures in a step
  /// Pictures run at once: the pieces that a batch is cut into and dealt out in; fixes the order of sums.
  std::size_t micro_batch = 2;
  double learning_rate = 1e-3;   ///< peak of the schedule, in units of the threshold factors
  double pointwise_rate = 1e-3;  ///< the same for point-wise factors
  std::size_t restarts = 1;      ///< periods of the schedule over the whole run; the optimizer forgets its state between them
  std::size_t warmup = 8;        ///< steps of linear warm-up in each period
  std::uint64_t seed = 1;        ///< of the order of the pictures
  TrainedSet trained = {};       ///< which factors
  DistillationLoss loss = DistillationLoss::rmse;  ///< the distance of outputs that the steps make small
  DistillationWeights weights = {};                ///< of eq. (24); as they are, no label is read
  std::vector<int> labels = {};                    ///< of all training pictures, where weights ask for them
  AdamOptions adam = {};                           ///< the optimizer's
};

/// What fine_tune did.
struct FineTuneReport {
  std::size_t trained_parameters = 0;  ///< number of factors that can move (live_factor_count)
  /// Eq. (24) over all training pictures, with the RMSE whatever FineTuneOptions::loss is: eq. (25) without labels.
  double loss_before = 0, loss_after = 0;
  std::vector<double> loss;           ///< of each step's batch, as FineTuneOptions::loss says
  std::vector<double> learning_rate;  ///< of each step, of the thresholds' factors
  double seconds = 0;                 ///< of the steps done here alone, teacher and measurement excluded
  double pictures_per_second = 0;     ///< seconds as a rate
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
  for (std::size_t i = 0; i < indices.size(); ++i)
    std::copy_n(table.data() + indices[i] * columns, columns, rows.data() + i * columns);
  return rows;
}

/// Those of the pictures `indices`; none where there are none.
inline std::vector<int> labels_of(std::span<const int> labels, std::span<const std::size_t> indices) {
  std::vector<int> some;
  if (!labels.empty())
    for (const std::size_t i : indices) some.push_back(labels[i]);
  return some;
}

}  // namespace detail

/// The float network's outputs for the first `count` pictures: what students are compared with. A row of all outputs side by side
/// for each picture, on every process, of which each runs a share.
template <PictureSource Pictures, Communicator C = SingleProcess>
Array teacher_outputs(const Network& teacher, const Pictures& pictures, std::size_t count, const Progress& progress = {},
                      const C& world = {}) {
  std::vector<float> rows;
  FloatExecutor executor(teacher);
  detail::for_each_shared_batch(count, 8, progress, world, [&](std::span<const std::size_t> some) {
    const Array y = output_rows(executor.run_outputs(detail::batch_of(pictures, some)));
    rows.insert(rows.end(), y.data(), y.data() + y.size());
  });
  rows = world.gather(std::move(rows));
  std::size_t columns = 0;
  for (const NodeId id : teacher.outputs()) columns += element_count(teacher[id].extent);
  Array outputs = Array::from_shape({count, columns});
  std::copy(rows.begin(), rows.end(), outputs.data());
  return outputs;
}

/// L of eq. (24), with `weights` as they are the RMSE of eq. (25), between `teacher` (count x columns of all outputs) and the
/// quantized network over its first `count` pictures, outputs weighed as output_weights says. labels: of these pictures where
/// `weights` ask for them, or none. Each process runs a share and all return the same bits. Throws value_error for another number
/// of labels, or one out of range, and for weights that cannot be, or that ask for cross-entropies of a network of several
/// outputs.
template <PictureSource Pictures, Communicator C = SingleProcess>
double distillation_loss(FakeQuantExecutor& student, const Array& teacher, const Pictures& pictures, const C& world = {},
                         const DistillationWeights& weights = {}, std::span<const int> labels = {}) {
  const Network& network = student.weights()->network().network;
  detail::require_weights(weights, network, "distillation_loss");
  if (wants_labels(weights) ? labels.size() != teacher.shape(0) : !labels.empty())
    throw value_error(detail::message("distillation_loss: ", labels.size(), " labels for ", teacher.shape(0),
                                      " pictures and weights that ask for ", wants_labels(weights) ? "one each" : "none"));
  std::vector<double> squares, entropies;  // one sum a picture
  const std::vector<float> columns = output_weights(network, teacher);
  const std::size_t classes = teacher.shape(1);
  detail::for_each_shared_batch(teacher.shape(0), 16, {}, world, [&](std::span<const std::size_t> some) {
    student.forward(detail::batch_of(pictures, some));
    const Array y = output_rows(student.outputs());
    for (std::size_t n = 0; n < some.size(); ++n) {
      double sum = 0;
      for (std::size_t c = 0; c < classes; ++c) {
        const double weight = columns.empty() ? 1 : double(columns[c]);
        const double d = weight * (double(y.data()[n * classes + c]) - double(teacher.data()[some[n] * classes + c]));
        sum += d * d;
      }
      squares.push_back(sum);
      if (!has_cross_entropies(weights)) continue;
      const auto row = [&](const Array& table, std::size_t i) {
        return TensorView<const float>(table.data() + i * classes, {1, classes});
      };
      entropies.push_back(detail::cross_entropies<float>(row(teacher, some[n]), row(y, n),
                                                         detail::labels_of(labels, some.subspan(n, 1)), weights, 1, nullptr));
    }
  });
  const double count = static_cast<double>(teacher.shape(0));
  const auto sum = [&](std::vector<double> mine) {
    const std::vector<double> all = world.gather(std::move(mine));
    return std::accumulate(all.begin(), all.end(), 0.0);
  };
  double loss = weights.outputs * std::sqrt(sum(std::move(squares)) / count);
  if (has_cross_entropies(weights)) loss += sum(std::move(entropies)) / count;
  return loss;
}

/// Where a training run stands. FineTuning goes on from it to the same bits as if it had never stopped: the order of the pictures
/// and the place in the schedule follow from the seed and the number of steps done, which is loss.size().
struct FineTuneState {
  std::vector<double> loss;           ///< of each step done
  std::vector<float> thresholds;      ///< gather_thresholds: fixed, and what the factors multiply
  std::vector<float> start, factors;  ///< gather_factors before the first step, and now
  AdamState adam, pointwise_adam;     ///< of the thresholds' factors, and of point-wise ones
  friend bool operator==(const FineTuneState&, const FineTuneState&) = default;
};

/// A training run, step by step; it can be stopped after any step and continued from its state. Trains q's factors on the
/// pictures 0 .. teacher.shape(0) - 1, whose float outputs `teacher` holds (teacher_outputs).
///
/// A step's batch is cut into micro-batches, each of which gives a row of sums (DistillationStep). With `world` the micro-batches
/// are dealt out and the rows exchanged, so that every process takes the same step: any number of threads and processes gives the
/// same bits.
class FineTuning {
 public:
  /// `q` and `teacher` must outlive the run. Throws value_error without pictures, for a batch, micro-batch or number of epochs or
  /// restarts of 0, for weights of the loss that cannot be, or where they ask for labels and there is not one of the network's
  /// classes for each picture.
  FineTuning(QuantizedNetwork& q, const Array& teacher, const FineTuneOptions& options)
      : q_(&q),
        teacher_(&teacher),
        options_(options),
        count_(checked_count(teacher, options)),
        batch_(std::min(options.batch, count_)),
        steps_per_epoch_(count_ / batch_),  // what is left over comes up in another epoch's order
        schedule_(1.0, period(), std::min(options.warmup, period() - 1)),
        distill_(q, options.micro_batch, options.loss, output_weights(q.network, teacher), options.weights),
        thresholds_(factor_count(q, {true, true, false})),
        adam_(thresholds_, options.adam),
        pointwise_adam_(factor_count(q) - thresholds_, options.adam),
        order_(detail::first_indices(count_)),
        random_(options.seed) {
    state_.thresholds = gather_thresholds(q);
    state_.start = state_.factors = gather_factors(q);
  }

  /// Goes on from `state`, the state() of a run with an equal network, teacher and options, and gives q its factors. Throws
  /// shape_error or value_error when it cannot be one, and then has changed nothing in q.
  FineTuning(QuantizedNetwork& q, const Array& teacher, const FineTuneOptions& options, FineTuneState state)
      : FineTuning(q, teacher, options) {
    if (state.start.size() != state_.start.size() || state.factors.size() != state_.start.size())
      throw shape_error(detail::message("FineTuning: a state of ", state.start.size(), " and ", state.factors.size(),
                                        " factors for ", state_.start.size()));
    if (state.thresholds != state_.thresholds || state.start != state_.start)
      throw value_error("FineTuning: the state began with other thresholds or factors than this network has");
    if (state.loss.size() > steps())
      throw value_error(detail::message("FineTuning: a state after ", state.loss.size(), " steps of ", steps()));
    adam_.restore(std::move(state.adam));
    pointwise_adam_.restore(std::move(state.pointwise_adam));
    state_.loss = std::move(state.loss);
    state_.factors = std::move(state.factors);
    use(state_.factors);
  }

  /// Of the whole run.
  std::size_t steps() const { return steps_per_epoch_ * options_.epochs; }
  /// Those done so far, before the run was stopped included.
  std::size_t steps_done() const { return state_.loss.size(); }
  /// True after the last step.
  bool done() const { return steps_done() == steps(); }

  /// Runs the next step and returns its batch's loss. Throws value_error when a gradient is not finite; the factors are then
  /// those of the last good step.
  template <PictureSource Pictures, Communicator C = SingleProcess>
  double step(const Pictures& pictures, const C& world = {}) {
    const auto start = std::chrono::steady_clock::now();
    const std::span<const std::size_t> batch = next_batch();
    const Share mine = share_of(world, (batch_ + options_.micro_batch - 1) / options_.micro_batch);
    const std::size_t begin = mine.begin * options_.micro_batch, end = std::min(batch_, mine.end * options_.micro_batch);
    std::vector<float> rows;
    if (begin < end) {
      const auto some = batch.subspan(begin, end - begin);
      rows = distill_.rows(detail::batch_of(pictures, some), detail::gather_rows(*teacher_, some), options_.trained,
                           detail::labels_of(options_.labels, some));
    }
    std::vector<float> grad(state_.factors.size());
    const double loss = distill_.combine(world.gather(std::move(rows)), batch_, grad);
    for (std::size_t i = 0; i < grad.size(); ++i)
      if (!std::isfinite(grad[i]))
        throw value_error(detail::message("fine_tune: step ", steps_done(), ": gradient ", i, " is ", grad[i]));
    update(grad);
    state_.loss.push_back(loss);
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    pictures_run_ += batch_;
    return loss;
  }

  /// What a later run needs to go on from here.
  FineTuneState state() const {
    FineTuneState state = state_;
    state.adam = adam_.state();
    state.pointwise_adam = pointwise_adam_.state();
    return state;
  }

  /// Measures the loss over all pictures with the factors from before the first step and with those of now, and leaves the better
  /// ones in q: training may raise it in a network that per-tensor thresholds have broken.
  template <PictureSource Pictures, Communicator C = SingleProcess>
  FineTuneReport finish(const Pictures& pictures, const C& world = {}) {
    const auto loss_with = [&](std::span<float> factors) {
      use(factors);
      return distillation_loss(distill_.executor(), *teacher_, pictures, world, options_.weights, options_.labels);
    };
    FineTuneReport report;
    report.trained_parameters = live_factor_count(*q_, options_.trained);
    report.loss = state_.loss;
    for (std::size_t i = 0; i < steps_done(); ++i) report.learning_rate.push_back(options_.learning_rate * schedule_.rate(i));
    report.seconds = seconds_;
    report.pictures_per_second = seconds_ > 0 ? static_cast<double>(pictures_run_) / seconds_ : 0;
    report.loss_before = loss_with(state_.start);
    report.loss_after = loss_with(state_.factors);
    report.kept = report.loss_after <= report.loss_before;
    if (!report.kept) {
      report.loss_after = report.loss_before;
      use(state_.start);
    }
    return report;
  }

 private:
  static std::size_t checked_count(const Array& teacher, const FineTuneOptions& o) {
    const std::size_t count = teacher.dimension() == 2 ? teacher.shape(0) : 0;
    if (count == 0 || o.batch == 0 || o.micro_batch == 0 || o.epochs == 0 || o.restarts == 0)
      throw value_error(detail::message("fine_tune: ", count, " pictures, batch ", o.batch, ", micro-batch ", o.micro_batch, ", ",
                                        o.epochs, " epochs, ", o.restarts, " restarts; each must be 1 or more"));
    if (o.labels.size() != (wants_labels(o.weights) ? count : 0))
      throw value_error(detail::message("fine_tune: ", o.labels.size(), " labels for ", count,
                                        " pictures and weights that ask for ", wants_labels(o.weights) ? "one each" : "none"));
    for (const int label : o.labels)
      if (label < 0 || static_cast<std::size_t>(label) >= teacher.shape(1))
        throw value_error(detail::message("fine_tune: label ", label, " of ", teacher.shape(1), " classes"));
    return count;
  }
  std::size_t period() const { return (steps() + options_.restarts - 1) / options_.restarts; }

  /// The pictures of the next step: a run of its epoch's order, which is the seed's shuffle of the order before.
  std::span<const std::size_t> next_batch() {
    for (; shuffles_ <= steps_done() / steps_per_epoch_; ++shuffles_) detail::shuffle(order_, random_);
    return std::span<const std::size_t>(order_).subspan(steps_done() % steps_per_epoch_ * batch_, batch_);
  }

  /// The row of factors holds the thresholds' first; the point-wise ones have a rate of their own.
  void update(std::span<const float> grad) {
    if (schedule_.restarts(steps_done())) {
      adam_.reset();
      pointwise_adam_.reset();
    }
    const std::span<float> row(state_.factors);
    const double shape = schedule_.rate(steps_done());
    adam_.step(row.first(thresholds_), grad.first(thresholds_), options_.learning_rate * shape);
    pointwise_adam_.step(row.subspan(thresholds_), grad.subspan(thresholds_), options_.pointwise_rate * shape);
    use(row);
  }

  /// Puts factors into the network, clipped in `row`, too.
  void use(std::span<float> row) {
    scatter_factors(row, *q_);
    distill_.executor().refresh();
  }

  QuantizedNetwork* q_;
  const Array* teacher_;
  FineTuneOptions options_;
  std::size_t count_, batch_, steps_per_epoch_;
  CosineAnnealing schedule_;
  DistillationStep distill_;
  std::size_t thresholds_;
  Adam<float> adam_, pointwise_adam_;
  std::vector<std::size_t> order_;
  std::mt19937_64 random_;
  std::size_t shuffles_ = 0;
  FineTuneState state_;
  double seconds_ = 0;
  std::size_t pictures_run_ = 0;
};

/// A whole FineTuning: all steps, then its report. A seeded run gives the same bits on any number of threads and processes.
template <PictureSource Pictures, Communicator C = SingleProcess>
FineTuneReport fine_tune(QuantizedNetwork& q, const Array& teacher, const Pictures& pictures, const FineTuneOptions& options,
                         const Progress& progress = {}, const C& world = {}) {
  FineTuning run(q, teacher, options);
  while (!run.done()) {
    run.step(pictures, world);
    if (progress) progress(run.steps_done(), run.steps());
  }
  return run.finish(pictures, world);
}

}  // namespace trimtab
