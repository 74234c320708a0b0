// fake_quantize against memcpy-like loops that move the same bytes: forward reads x and writes y; backward reads grad_y and x and
// reads and writes grad_x. "times_copy" is the time over that of the copy, measured in the same run.
#include <benchmark/benchmark.h>

#include <chrono>
#include <random>
#include <string>
#include <trimtab/ops/fake_quantize.hpp>
#include <vector>

using namespace trimtab;

namespace {

struct Data {
  explicit Data(std::size_t n) : x(n), g(n), out(n) {
    std::mt19937 rng(1);
    std::normal_distribution<float> normal;
    for (float& v : x) v = normal(rng);
    for (float& v : g) v = normal(rng);
  }
  std::vector<float> x, g, out;
};

void copy(const Data& d, std::vector<float>& out) {
  parallel_ranges(d.x.size(), detail::run_grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) out[i] = d.x[i];
  });
}

void add_sum(const Data& d, std::vector<float>& out) {
  parallel_ranges(d.x.size(), detail::run_grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) out[i] += d.x[i] + d.g[i];
  });
}

/// Seconds of a call: the least of several, after one to warm up.
template <class Call>
double seconds(const Call& call) {
  using clock = std::chrono::steady_clock;
  double best = 1e9;
  for (int i = 0; i < 20; ++i) {
    const auto start = clock::now();
    call();
    benchmark::ClobberMemory();
    if (i > 0) best = std::min(best, std::chrono::duration<double>(clock::now() - start).count());
  }
  return best;
}

/// Times `call`, and tells how much longer it takes than `same`, which moves the same bytes.
template <class Call, class Same>
void measure(benchmark::State& state, Data& d, const Call& call, const Same& same) {
  for (auto _ : state) {
    call();
    benchmark::ClobberMemory();
  }
  const auto n = static_cast<double>(d.x.size());
  state.counters["elements/s"] = benchmark::Counter(n, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["times_copy"] = seconds(call) / seconds(same);
}

AdjustableThreshold<float> quantizer(std::size_t channels, Granularity granularity) {
  return AdjustableThreshold<float>(signed_codes(), std::vector<float>(channels, 2.5F), granularity);
}

/// One threshold; or 64 of them, along the first axis of 64 x (n / 64) or the last of (n / 64) x 64.
enum class Layout { scalar, vector_first, vector_last };

void run(benchmark::State& state, std::size_t n, Layout layout, int threads, bool backward) {
  const ScopedThreads scope(threads);
  Data d(n);
  const std::size_t channels = layout == Layout::scalar ? 1 : 64;
  const Extents extent = layout == Layout::vector_last ? Extents{n / channels, channels} : Extents{channels, n / channels};
  const auto q = quantizer(channels, layout == Layout::scalar         ? per_tensor
                                     : layout == Layout::vector_first ? per_channel(0)
                                                                      : per_channel(1));
  const TensorView<const float> x(d.x.data(), extent), g(d.g.data(), extent);
  const TensorView<float> out(d.out.data(), extent);
  std::vector<float> factors(channels);
  if (backward)
    measure(
        state, d, [&] { fake_quantize_backward(g, x, q, out, factors); }, [&] { add_sum(d, d.out); });
  else
    measure(
        state, d, [&] { fake_quantize_forward(x, q, out); }, [&] { copy(d, d.out); });
}

void register_all() {
  const struct {
    const char* name;
    Layout layout;
  } layouts[] = {{"scalar", Layout::scalar}, {"vector_first", Layout::vector_first}, {"vector_last", Layout::vector_last}};
  for (const bool backward : {false, true})
    for (const auto& l : layouts)
      for (const std::size_t n : {std::size_t{8} << 10, std::size_t{256} << 10, std::size_t{1} << 20, std::size_t{16} << 20})
        for (const int threads : {1, 2}) {
          const std::string name = std::string("fake_quantize_") + (backward ? "backward/" : "forward/") + l.name + "/" +
                                   std::to_string(n) + "/" + std::to_string(threads);
          benchmark::RegisterBenchmark(name.c_str(), [=, layout = l.layout](benchmark::State& s) {
            run(s, n, layout, threads, backward);
          })->UseRealTime();
        }
}

}  // namespace

int main(int argc, char** argv) {
  register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
