// The float products of MobileNet-v2 at batch 16: y (pixels x out, NT), grad_x (pixels x in, NN), grad_weight (out x in over
// pixels, TN). "of_peak" is the rate over that of independent multiply-adds in registers on as many threads, "times_eigen"
// Eigen's time over the kernel's; both are measured in the same run, the least of several calls.
#include <benchmark/benchmark.h>

#include <chrono>
#include <string>
#include <trimtab/ops/matmul.hpp>
#include <vector>

#if TRIMTAB_X86_KERNELS
#include <immintrin.h>
#endif

using namespace trimtab;

namespace {

/// Seconds of a call: the least of several, after one to warm up.
template <class Call>
double seconds(const Call& call) {
  using clock = std::chrono::steady_clock;
  double best = 1e9;
  for (int i = 0; i < 8; ++i) {
    const auto start = clock::now();
    call();
    benchmark::ClobberMemory();
    if (i > 0) best = std::min(best, std::chrono::duration<double>(clock::now() - start).count());
  }
  return best;
}

constexpr int peak_steps = 100000;

#if TRIMTAB_X86_KERNELS
// 12 chains of different numbers, more than 5 cycles of latency by two ports.
__attribute__((target("avx512f"))) void multiply_add_avx512() {
  __m512 sum[12];
  const __m512 a = _mm512_set1_ps(0.5F);
  TRIMTAB_UNROLL
  for (int c = 0; c < 12; ++c) sum[c] = _mm512_set1_ps(static_cast<float>(c));
  for (int i = 0; i < peak_steps; ++i) {
    TRIMTAB_UNROLL
    for (int c = 0; c < 12; ++c) sum[c] = _mm512_fmadd_ps(sum[c], a, a);
  }
  benchmark::DoNotOptimize(sum);
}
__attribute__((target("avx2,fma"))) void multiply_add_avx2() {
  __m256 sum[12];
  const __m256 a = _mm256_set1_ps(0.5F);
  TRIMTAB_UNROLL
  for (int c = 0; c < 12; ++c) sum[c] = _mm256_set1_ps(static_cast<float>(c));
  for (int i = 0; i < peak_steps; ++i) {
    TRIMTAB_UNROLL
    for (int c = 0; c < 12; ++c) sum[c] = _mm256_fmadd_ps(sum[c], a, a);
  }
  benchmark::DoNotOptimize(sum);
}
#endif

/// Multiply-adds a second of one core; 0 for the portable kernels.
double peak(Isa isa) {
#if TRIMTAB_X86_KERNELS
  if (isa == Isa::avx512vnni) return 12.0 * 16 * peak_steps / seconds(multiply_add_avx512);
  if (isa != Isa::portable) return 12.0 * 8 * peak_steps / seconds(multiply_add_avx2);
#endif
  static_cast<void>(isa);
  return 0;
}

enum class Form { forward, grad_x, grad_weight };

struct Layer {
  std::size_t pixels, in, out;
};

struct Data {
  Data(const Layer& l, Form f)
      : layer(l), form(f), x(l.pixels * l.in, 0.5F), y(l.pixels * l.out, 0.25F), weight(l.in * l.out, 0.125F) {}

  void run() {
    const detail::Matrix<float> xm{x.data(), layer.pixels, layer.in, layer.in}, ym{y.data(), layer.pixels, layer.out, layer.out},
        wm{weight.data(), layer.out, layer.in, layer.in};
    const detail::ProductStart<float> zero{false};
    switch (form) {
      case Form::forward:
        return detail::matmul_nt<float>(xm, wm, ym, zero);
      case Form::grad_x:
        return detail::matmul<float>(ym, wm, xm, zero);
      case Form::grad_weight:
        return detail::matmul_tn<float>(ym, xm, wm, zero);
    }
  }

  Layer layer;
  Form form;
  std::vector<float> x, y, weight;
};

void run(benchmark::State& state, const Layer& layer, Form form, Isa isa, int threads) {
  const ScopedThreads thread_scope(threads);
  const ScopedIsa isa_scope(isa);
  Data d(layer, form);
  for (auto _ : state) {
    d.run();
    benchmark::ClobberMemory();
  }
  const double macs = double(layer.pixels) * double(layer.in) * double(layer.out);
  state.counters["MAC/s"] = benchmark::Counter(macs, benchmark::Counter::kIsIterationInvariantRate);
  if (isa == Isa::portable) return;
  const double time = seconds([&] { d.run(); });
  const double core = peak(isa);
  state.counters["core_peak"] = core;
  state.counters["of_peak"] = macs / time / (core * threads);
  const ScopedIsa eigen(Isa::portable);
  state.counters["times_eigen"] = seconds([&] { d.run(); }) / time;
}

void register_all() {
  const Layer layers[] = {{200704, 16, 96}, {50176, 24, 144}, {12544, 32, 192}, {3136, 64, 384},  {3136, 96, 576},
                          {784, 160, 960},  {784, 960, 160},  {784, 320, 1280}, {16, 1280, 1000}, {3136, 576, 64}};
  const char* names[] = {"forward", "grad_x", "grad_weight"};
  for (const Form form : {Form::forward, Form::grad_x, Form::grad_weight})
    for (const Layer& l : layers)
      for (const Isa isa : available_isas()) {
        if (isa == Isa::avxvnni || isa == Isa::amx) continue;  // the float kernels are those of avx2 and avx512vnni
        for (const int threads : {1, 2}) {
          const std::string what = std::string("matmul_") + names[int(form)] + "/" + std::to_string(l.pixels) + "x" +
                                   std::to_string(l.in) + "x" + std::to_string(l.out) + "/" + name(isa) + "/" +
                                   std::to_string(threads);
          benchmark::RegisterBenchmark(what.c_str(), [=](benchmark::State& s) { run(s, l, form, isa, threads); })->UseRealTime();
        }
      }
}

}  // namespace

int main(int argc, char** argv) {
  register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
