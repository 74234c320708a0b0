// A step of threshold training on MobileNet-v2 1.0/224: forward of a batch of 16, backward to all factors, weights quantized
// anew. Names are training_step/<threads>.
//
// Each round runs our step and, where CMake found libtorch, libtorch's of the same network with its learnable fake quantization,
// in whichever of its two layouts was the faster at start. Time is as in timing.hpp. Counters: pictures/s; "vs_libtorch": median
// over the rounds of its time by ours, above 1 is faster than it is; "MB": the process's largest resident memory when our rounds
// at start were done, and "MB_libtorch" when libtorch's were.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <trimtab/net/models/mobilenets.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/passes/simplify.hpp>
#include <trimtab/net/train/distillation_step.hpp>
#include <vector>

#include "timing.hpp"

#ifdef TRIMTAB_BENCH_LIBTORCH
#include "peers/torch_network.hpp"
#endif

namespace {

using namespace trimtab;

constexpr std::size_t batch = 16;

Array random_pictures(std::size_t count) {
  RandomSource random(5);
  Array x = Array::from_shape({count, 224, 224, 3});
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = random.uniform(-1.0F, 1.0F);
  return x;
}

double peak_megabytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// The network, the pictures and both sides' executors; made once.
struct Setup {
  Setup() {
    const ScopedThreads one(1);
    for (int i = 0; i < 2; ++i) ours();
    megabytes = peak_megabytes();
#ifdef TRIMTAB_BENCH_LIBTORCH
    std::optional<double> best;
    for (const bool channels_last : {false, true}) {
      auto peer = std::make_unique<peers::TorchNetwork>(q, channels_last);
      peers::TorchNetwork::set_threads(1);
      const auto both = [&] {
        const std::vector<float> y = peer->forward(std::span(x.data(), x.size()), view(x).extent);
        peer->backward(y);
        return y;
      };
      report_difference(both());
      const double t = timing::seconds(1, 1, both);
      if (best && *best <= t) continue;
      best = t;
      torch = std::move(peer);
      layout = channels_last ? "channels last" : "channels first";
    }
    megabytes_libtorch = peak_megabytes();
#endif
  }

  void ours() {
    step(x, target, grad_factors);
    step.executor().refresh();
  }

  /// Tells how far libtorch's float convolutions between the same grids lie from our integers.
  void report_difference(const std::vector<float>& other) {
    const Array& y = step.executor().forward(x);
    double squares = 0, differences = 0;
    for (std::size_t i = 0; i < other.size(); ++i) {
      squares += std::pow(double(y.data()[i]), 2);
      differences += std::pow(double(y.data()[i]) - double(other[i]), 2);
    }
    std::fprintf(stderr, "libtorch's outputs differ from ours by %.2g of their size\n", std::sqrt(differences / squares));
  }

  Array x = random_pictures(batch);
  QuantizedNetwork q = [&] {
    Network network = simplify(mobilenet_v2(1.0, 224, 1000));
    const auto pictures = [&](std::span<const std::size_t> indices) { return random_pictures(indices.size()); };
    const auto ranges = calibrate(network, pictures, 2, MinMaxObserver<float>());
    return quantize(std::move(network), ranges, {WeightMode::vector, Scheme::symmetric});
  }();
  DistillationStep step{q};
  std::vector<float> grad_factors = std::vector<float>(factor_count(q));
  Array target = Array({batch, std::size_t{1000}}, 0.0F);
  double megabytes = 0, megabytes_libtorch = 0;
#ifdef TRIMTAB_BENCH_LIBTORCH
  std::unique_ptr<peers::TorchNetwork> torch;
  std::string layout;
#endif
};

void training_step(benchmark::State& state, Setup& s, int threads) {
  const ScopedThreads scope(threads);
  std::vector<double> ratios;
  for (auto _ : state) {
    const double t = timing::seconds(threads, 1, [&] { s.ours(); });
    state.SetIterationTime(t);
#ifdef TRIMTAB_BENCH_LIBTORCH
    peers::TorchNetwork::set_threads(threads);
    ratios.push_back(
        timing::seconds(threads, 1,
                        [&] { s.torch->backward(s.torch->forward(std::span(s.x.data(), s.x.size()), view(s.x).extent)); }) /
        t);
#endif
  }
  using benchmark::Counter;
  state.counters["pictures/s"] = Counter(double(batch), Counter::kIsIterationInvariantRate);
  state.counters["MB"] = s.megabytes;
  if (!ratios.empty()) {
    state.counters["vs_libtorch"] = timing::median(ratios);
    state.counters["MB_libtorch"] = s.megabytes_libtorch;
  }
#ifdef TRIMTAB_BENCH_LIBTORCH
  state.SetLabel("libtorch " + std::string(peers::TorchNetwork::version()) + ", " + s.layout);
#else
  state.SetLabel("built without libtorch");
#endif
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  Setup setup;
  for (const int threads : {1, 2})
    benchmark::RegisterBenchmark(("training_step/" + std::to_string(threads)).c_str(),
                                 [&setup, threads](benchmark::State& state) { training_step(state, setup, threads); })
        ->UseManualTime()
        ->Iterations(7)
        ->Unit(benchmark::kMillisecond);
  benchmark::RunSpecifiedBenchmarks();
}
