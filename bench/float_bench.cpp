// The float network: teacher, calibration and judging run it. MobileNet-v2 1.0/224, simplified, by a FloatExecutor that is kept.
// Names are float_network/<pictures in a batch>/<threads>.
//
// Each round runs the executor and, in turn with it, a new one (run_outputs), which takes fresh memory and packs the weights.
// Time is as in timing.hpp. Counters: "ms": of one picture, median over the rounds; "vs_new": median over the rounds of a new
// executor's time by the kept one's.
#include <benchmark/benchmark.h>

#include <string>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/models/mobilenets.hpp>
#include <trimtab/net/passes/simplify.hpp>
#include <vector>

#include "timing.hpp"

namespace {

using namespace trimtab;

void float_network(benchmark::State& state, const Network& network, std::size_t batch, int threads) {
  const ScopedThreads scope(threads);
  RandomSource random(5);
  Array x = Array::from_shape({batch, 224, 224, 3});
  for (float& v : x) v = random.uniform(-1.0F, 1.0F);
  FloatExecutor executor(network);
  executor.run_outputs(x);
  std::vector<double> milliseconds, ratios;
  for (auto _ : state) {
    const double kept = timing::seconds(threads, 1, [&] { executor.run_outputs(x); });
    state.SetIterationTime(kept);
    milliseconds.push_back(1e3 * kept / double(batch));
    ratios.push_back(timing::seconds(threads, 1, [&] { run_outputs(network, x); }) / kept);
  }
  state.counters["ms"] = timing::median(milliseconds);
  state.counters["vs_new"] = timing::median(ratios);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const Network network = simplify(mobilenet_v2(1.0, 224, 1000));
  for (const std::size_t batch : {std::size_t{1}, std::size_t{8}})
    for (const int threads : {1, 2})
      benchmark::RegisterBenchmark(
          ("float_network/" + std::to_string(batch) + "/" + std::to_string(threads)).c_str(),
          [&network, batch, threads](benchmark::State& state) { float_network(state, network, batch, threads); })
          ->UseManualTime()
          ->Iterations(batch == 1 ? 41 : 11)
          ->Unit(benchmark::kMillisecond);
  benchmark::RunSpecifiedBenchmarks();
}
