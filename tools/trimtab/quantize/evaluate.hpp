#pragma once
// What the quantized network puts out, how long it takes, and which layers lose accuracy.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <trimtab/io/progress_bar.hpp>
#include <trimtab/net/execute/fake_quant_executor.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <trimtab/net/report/analyze.hpp>
#include <vector>

#include "../world.hpp"
#include "arguments.hpp"

namespace program {

using namespace trimtab;

struct Evaluation {
  Array rows;                 // output_rows of the int8 network where it ran, else of the training executor
  std::optional<bool> equal;  // every output of every sample, where both ran
};

inline Evaluation run_quantized(const QuantizedNetwork& q, Execute execute, const Samples& samples, const Progress& progress,
                                const World& world) {
  std::vector<float> numbers;
  std::vector<char> equal{1};
  std::optional<FakeQuantExecutor> trained;
  std::optional<Int8Network> deployed;
  if (execute != Execute::int8) trained.emplace(q);
  if (execute != Execute::fake) deployed.emplace(q);
  Int8Network::Workspace workspace;
  detail::for_each_shared_batch(samples.size(), 8, progress, world, [&](std::span<const std::size_t> some) {
    const std::vector<Array> x = samples(some);
    if (trained) trained->forward(x);
    const std::vector<Array> y = deployed ? deployed->run_outputs(x, workspace) : trained->outputs();
    if (execute == Execute::both && y != trained->outputs()) equal[0] = 0;  // codes on one grid: equal reals are equal codes
    const Array rows = output_rows(y);
    numbers.insert(numbers.end(), rows.begin(), rows.end());
  });
  numbers = world.gather(std::move(numbers));
  equal = world.gather(std::move(equal));
  Evaluation result{Array::from_shape({samples.size(), numbers.size() / samples.size()}), std::nullopt};
  std::copy(numbers.begin(), numbers.end(), result.rows.data());
  if (execute == Execute::both) result.equal = std::ranges::count(equal, 0) == 0;
  return result;
}

/// Median milliseconds that `run` takes, of `times` runs.
template <class Run>
double median_milliseconds(std::size_t times, const Run& run) {
  std::vector<double> taken;
  for (std::size_t i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    taken.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(taken.begin(), taken.begin() + static_cast<std::ptrdiff_t>(times / 2), taken.end());
  return taken[times / 2];
}

/// What the first sample takes on one thread.
inline double int8_milliseconds(const QuantizedNetwork& q, const Samples& samples) {
  const ScopedThreads one(1);
  const Int8Network network(q);
  const std::size_t first = 0;
  const std::vector<Array> x = samples(std::span(&first, 1));
  Int8Network::Workspace workspace;
  return median_milliseconds(50, [&] { network.run_nodes(x, workspace, [](NodeId, const Int8Network::Output&) {}); });
}
inline double float_milliseconds(const Network& network, const Samples& samples) {
  const ScopedThreads one(1);
  const std::size_t first = 0;
  const std::vector<Array> x = samples(std::span(&first, 1));
  FloatExecutor executor(network);
  return median_milliseconds(50, [&] { executor.run_outputs(x); });
}

/// Errors and sensitivities of all quantizers, on --report-pictures of the pictures, spread evenly.
inline Analysis analyze_layers(const QuantizeArguments& a, const Network& reference, const QuantizedNetwork& q,
                               const Samples& samples) {
  const std::size_t available = samples.size(), count = std::min(a.report.pictures, available);
  const auto spread = [&](std::span<const std::size_t> indices) {
    std::vector<std::size_t> some;
    for (const std::size_t i : indices) some.push_back(i * available / count);
    return samples(some);
  };
  ProgressBar bar("switch each quantizer", a.quiet);
  return analyze(reference, q, spread, count, bar);
}

}  // namespace program
