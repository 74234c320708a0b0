#pragma once
// A training run on small_network, and the passes before it, on any communicator.

#include <algorithm>
#include <quantized_small_network.hpp>
#include <span>
#include <trimtab/net/passes/channel_maxima.hpp>
#include <trimtab/net/train/fine_tune.hpp>
#include <trimtab/quant/observer.hpp>
#include <vector>

namespace trimtab::test {

/// A network, pictures and a short run with uneven ends: 22 pictures make 3 batches of 7, these 4 micro-batches of 2, 2, 2 and 1.
struct SmallRun {
  static constexpr std::size_t count = 22;
  Network network = small_network();
  Array pictures = random_pictures(network, count, 21);
  Array teacher;
  FineTuneOptions options;

  /// A source that copies rows of `pictures`.
  auto source() const {
    return [this](std::span<const std::size_t> indices) {
      const std::size_t size = pictures.size() / pictures.shape(0);
      Array x = Array::from_shape({indices.size(), pictures.shape(1), pictures.shape(2), pictures.shape(3)});
      for (std::size_t i = 0; i < indices.size(); ++i)
        std::copy_n(pictures.data() + indices[i] * size, size, x.data() + i * size);
      return x;
    };
  }
  SmallRun() {
    teacher = teacher_outputs(network, source(), count);
    options.epochs = 4;
    options.batch = 7;
    options.micro_batch = 2;
    options.restarts = 2;
    options.warmup = 2;
    options.learning_rate = 3e-3;
    options.trained.pointwise = true;
  }
  QuantizedNetwork quantized() const {
    QuantizedNetwork q = trimtab::test::quantized(network, {WeightMode::vector, Scheme::asymmetric, 5, 5});
    add_pointwise_factors(q);
    return q;
  }
  /// All of the state after all steps.
  FineTuneState state(const auto& world) const {
    QuantizedNetwork q = quantized();
    FineTuning run(q, teacher, options);
    while (!run.done()) run.step(source(), world);
    return run.state();
  }

  /// What the passes over pictures give.
  struct Measured {
    std::vector<std::vector<Range<float>>> ranges;
    ChannelMaxima maxima;
    std::vector<float> outputs;
    double loss = 0;
    bool operator==(const Measured&) const = default;
  };
  Measured measure(const auto& world) const {
    Measured all;
    all.ranges = {calibrate(network, source(), count, MinMaxObserver<float>(), {}, world),
                  calibrate(network, source(), count, MovingAverageObserver<float>(), {}, world),
                  calibrate(network, source(), count, PercentileObserver<float>(99.0), {}, world)};
    all.maxima = channel_maxima(network, source(), count, {}, world);
    const Array y = teacher_outputs(network, source(), count, {}, world);
    all.outputs.assign(y.begin(), y.end());
    const QuantizedNetwork q = quantized();
    FakeQuantExecutor student(q);
    all.loss = distillation_loss(student, y, source(), world);
    return all;
  }
};

}  // namespace trimtab::test
