// A step of threshold training on MobileNet-v2 1.0/224: forward of a batch of 16, backward to all factors, weights quantized anew.
// Names are training_step/<threads>.
//
// Each round runs our step and, where CMake found libtorch, libtorch's of the same network with its learnable fake quantization, in
// whichever of its two layouts was the faster at start. Time is that of the process's cores together with what they wait for; on a
// machine with other work on it look at the ratio. Counters: pictures/s; "vs_libtorch": median over the rounds of its time by ours,
// above 1 is faster than it is; "MB": the process's largest resident memory when our rounds at start were done, and "MB_libtorch" when
// libtorch's were.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include <trimtab/net/calibrate.hpp>
#include <trimtab/net/factors.hpp>
#include <trimtab/net/fake_quant_executor.hpp>
#include <trimtab/net/models.hpp>
#include <trimtab/net/passes.hpp>

#ifdef TRIMTAB_BENCH_LIBTORCH
#include "peers/torch_network.hpp"
#endif

namespace {

using namespace trimtab;

constexpr std::size_t batch = 16;

Array random_pictures(std::size_t count) {
  detail::RandomSource random(5);
  Array x = Array::from_shape({count, 224, 224, 3});
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = random.uniform(-1.0F, 1.0F);
  return x;
}

double peak_megabytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

template <class F>
double seconds(F&& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
      const auto step = [&] {
        const std::vector<float> y = peer->forward(std::span(x.data(), x.size()), view(x).extent);
        peer->backward(std::span(grad_y.data(), grad_y.size()));
        return y;
      };
      const std::vector<float> y = step();
      report_difference(y);
      const double t = seconds(step);
      if (best && *best <= t) continue;
      best = t;
      torch = std::move(peer);
      layout = channels_last ? "channels last" : "channels first";
    }
    megabytes_libtorch = peak_megabytes();
#endif
  }

  void ours() {
    y = executor.forward(x);
    if (grad_y.size() != y.size()) grad_y = Array(y.shape(), 1e-3F);
    executor.backward(grad_y, grad_factors);
    executor.refresh();
  }

  /// Tells how far libtorch's float convolutions between the same grids lie from our integers.
  void report_difference(const std::vector<float>& other) const {
    double squares = 0, differences = 0;
    for (std::size_t i = 0; i < other.size(); ++i) {
      squares += std::pow(double(y.data()[i]), 2);
      differences += std::pow(double(y.data()[i]) - double(other[i]), 2);
    }
    std::fprintf(stderr, "libtorch's outputs differ from ours by %.2g of their size\n", std::sqrt(differences / squares));
  }

  Array x = random_pictures(batch);
  QuantizedNetwork q = [&] {
    Network network = fuse_clips(fold_batch_norm(mobilenet_v2(1.0, 224, 1000)));
    const auto pictures = [&](std::span<const std::size_t> indices) { return random_pictures(indices.size()); };
    const auto ranges = calibrate(network, pictures, 2, MinMaxObserver<float>());
    return quantize(std::move(network), ranges, {WeightMode::vector, Scheme::symmetric});
  }();
  FakeQuantExecutor executor{q};
  std::vector<float> grad_factors = std::vector<float>(factor_count(q));
  Array y, grad_y;
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
    const double t = seconds([&] { s.ours(); });
    state.SetIterationTime(t);
#ifdef TRIMTAB_BENCH_LIBTORCH
    peers::TorchNetwork::set_threads(threads);
    ratios.push_back(seconds([&] {
                       s.torch->forward(std::span(s.x.data(), s.x.size()), view(s.x).extent);
                       s.torch->backward(std::span(s.grad_y.data(), s.grad_y.size()));
                     }) /
                     t);
#endif
  }
  using benchmark::Counter;
  state.counters["pictures/s"] = Counter(double(batch), Counter::kIsIterationInvariantRate);
  state.counters["MB"] = s.megabytes;
  if (!ratios.empty()) {
    state.counters["vs_libtorch"] = median(ratios);
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
