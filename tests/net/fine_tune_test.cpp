#include <catch.hpp>
#include <limits>
#include <small_run.hpp>
#include <thread_world.hpp>

using namespace trimtab;
using namespace trimtab::test;

TEST_CASE("FineTuning: a run that is stopped after any step and continued ends with the same bits", "[net]") {
  const SmallRun r;
  const FineTuneState whole = r.state(SingleProcess());
  CHECK(whole.loss.size() == 12);
  CHECK(whole.factors != whole.start);
  for (const std::size_t stop : {0U, 2U, 3U, 6U, 11U, 12U}) {  // in the middle and at the end of an epoch and of a period
    CAPTURE(stop);
    FineTuneState saved;
    {
      QuantizedNetwork q = r.quantized();
      FineTuning run(q, r.teacher, r.options);
      while (run.steps_done() < stop) run.step(r.source());
      saved = run.state();
    }
    QuantizedNetwork q = r.quantized();
    FineTuning run(q, r.teacher, r.options, saved);
    CHECK(run.steps_done() == stop);
    CHECK(gather_factors(q) == saved.factors);
    while (!run.done()) run.step(r.source());
    CHECK(run.state() == whole);
    CHECK(gather_factors(q) == whole.factors);
  }
}

TEST_CASE("FineTuning: the report of a continued run is that of the whole one", "[net]") {
  const SmallRun r;
  QuantizedNetwork q = r.quantized(), continued = r.quantized();
  const FineTuneReport whole = fine_tune(q, r.teacher, r.source(), r.options);
  const FineTuneReport again = FineTuning(continued, r.teacher, r.options, r.state(SingleProcess())).finish(r.source());
  CHECK(again.loss == whole.loss);
  CHECK(again.loss_before == whole.loss_before);
  CHECK(again.loss_after == whole.loss_after);
  CHECK(again.kept == whole.kept);
  CHECK(gather_factors(continued) == gather_factors(q));
}

TEST_CASE("FineTuning: a state that is not this run's is refused, and the network keeps its factors", "[net]") {
  const SmallRun r;
  QuantizedNetwork q = r.quantized();
  const std::vector<float> before = gather_factors(q);
  const FineTuneState good = r.state(SingleProcess());
  const auto refused = [&](const auto& spoil) {
    FineTuneState state = good;
    spoil(state);
    CHECK_THROWS_AS(FineTuning(q, r.teacher, r.options, state), error);
    CHECK(gather_factors(q) == before);
  };
  refused([](FineTuneState& s) { s.thresholds[3] += 1; });
  refused([](FineTuneState& s) { s.start.back() = 0.5F; });
  refused([](FineTuneState& s) { s.start.pop_back(); });
  refused([](FineTuneState& s) { s.factors.push_back(1); });
  refused([](FineTuneState& s) { s.loss.push_back(1); });
  refused([](FineTuneState& s) { s.adam.mean.pop_back(); });
  refused([](FineTuneState& s) { s.adam.variance[0] = -1; });
  refused([](FineTuneState& s) { s.adam.steps = -1; });
  refused([](FineTuneState& s) { s.pointwise_adam.mean[1] = std::numeric_limits<double>::infinity(); });
  refused([](FineTuneState& s) { s.pointwise_adam = {}; });
  CHECK_NOTHROW(FineTuning(q, r.teacher, r.options, good));
}

TEST_CASE("FineTuning: micro-batches add up to the batch's gradient", "[net]") {
  // One step of Adam moves each factor by about the rate, whatever the gradient's size; the signs and the loss tell.
  SmallRun r;
  r.options.epochs = 1;
  r.options.batch = 22;
  r.options.warmup = 0;
  const auto first_loss_and_factors = [&](std::size_t micro_batch) {
    r.options.micro_batch = micro_batch;
    const FineTuneState s = r.state(SingleProcess());
    return std::pair(s.loss[0], s.adam.mean);
  };
  const auto [loss, mean] = first_loss_and_factors(22);
  for (const std::size_t micro_batch : {1U, 3U, 8U}) {
    const auto [other_loss, other_mean] = first_loss_and_factors(micro_batch);
    CHECK(other_loss == Approx(loss).epsilon(1e-6));
    for (std::size_t i = 0; i < mean.size(); ++i) CHECK(other_mean[i] == Approx(mean[i]).epsilon(1e-3).margin(1e-6));
  }
}

TEST_CASE("fine_tune: any number of processes gives the same bits, with uneven and empty shares, too", "[net]") {
  const SmallRun r;
  const FineTuneState alone = r.state(SingleProcess());
  for (const std::size_t processes : {2U, 3U, 6U}) {
    CAPTURE(processes);
    for (const FineTuneState& state : on_processes(processes, [&](const ThreadWorld& world) { return r.state(world); }))
      CHECK(state == alone);
  }
}

TEST_CASE("calibrate, channel_maxima, teacher_outputs, distillation_loss: any number of processes gives the same bits", "[net]") {
  const SmallRun r;
  const SmallRun::Measured alone = r.measure(SingleProcess());
  for (const std::size_t processes : {2U, 3U, 25U}) {  // more processes than pictures
    CAPTURE(processes);
    for (const SmallRun::Measured& all : on_processes(processes, [&](const ThreadWorld& world) { return r.measure(world); }))
      CHECK(all == alone);
  }
}

TEST_CASE("calibrate: the progress of several processes counts the pictures of all", "[net]") {
  const SmallRun r;
  const auto progress = on_processes(3, [&](const ThreadWorld& world) {
    std::vector<std::size_t> seen;
    calibrate(
        r.network, r.source(), r.count, MinMaxObserver<float>(), [&](std::size_t done, std::size_t) { seen.push_back(done); },
        world);
    return seen;
  });
  CHECK(progress == std::vector(3, std::vector<std::size_t>{r.count}));  // shares of 7, 7 and 8: one batch
}

TEST_CASE("DistillationStep: smooth_l1 of small differences is half the mean square, and has its gradient", "[net]") {
  const SmallRun r;
  const QuantizedNetwork q = r.quantized();
  const std::vector<std::size_t> all = detail::first_indices(SmallRun::count);
  const Array x = r.source()(all);
  // Targets near the network's own outputs: some differences to learn from, none beyond 1.
  FakeQuantExecutor executor(q);
  Array target = executor.forward(x);
  for (std::size_t i = 0; i < target.size(); ++i) target.data()[i] += 0.1F * static_cast<float>(int(i % 5) - 2);
  std::vector<float> square(factor_count(q)), smooth(factor_count(q));
  const double rmse = DistillationStep(q, 3)(x, target, square);
  const double loss = DistillationStep(q, 3, DistillationLoss::smooth_l1)(x, target, smooth);
  CHECK(loss == Approx(rmse * rmse / 2));
  for (std::size_t i = 0; i < square.size(); ++i)
    CHECK(double(smooth[i]) == Approx(double(square[i]) * rmse).epsilon(1e-5).margin(1e-7));
}
