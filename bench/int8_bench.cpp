// Integer layers of real networks, per ISA and number of threads: conv/<layer>/<isa>/<threads>.
//
// Each round runs the layer, then oneDNN's and XNNPACK's version of it where they were found, a few times each, so that all see
// the same machine. The time shown is ours. Counters: MAC/s; "limit": its share of what the cores can do with operands in
// registers, measured at start; "vs_onednn", "vs_xnnpack": median over the rounds of their time by ours, above 1 is faster than
// they are. oneDNN's ISA is chosen by DNNL_MAX_CPU_ISA (AVX2, AVX2_VNNI, AVX512_CORE_VNNI); XNNPACK takes the best there is.

#include <benchmark/benchmark.h>

#include <map>
#include <random>
#include <string>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/int8/depthwise_conv2d.hpp>

#include "int8_limits.hpp"
#include "int8_peers.hpp"

namespace {

using namespace trimtab;

struct Shape {
  std::string name;
  WindowGeometry g;
};

Shape conv(std::size_t size, std::size_t in, std::size_t out, std::size_t kernel, std::size_t stride, std::size_t groups = 1,
           std::size_t batch = 1) {
  const std::size_t pad = kernel / 2;
  const WindowOptions window{stride, stride, {pad, pad, pad, pad}};
  std::string name = groups > 1 ? "dw" : "conv";
  name += std::to_string(kernel) + "x" + std::to_string(kernel) + (stride > 1 ? "s2_" : "_") + std::to_string(in) +
          (groups > 1 ? "" : "to" + std::to_string(out)) + "@" + std::to_string(size) +
          (batch > 1 ? "_n" + std::to_string(batch) : "");
  return {name, window_geometry({batch, size, size, in}, kernel, kernel, out, window, groups, "bench")};
}

/// Every distinct layer of MobileNet-v2 1.0/224 (Sandler et al., CVPR 2018, table 2), and some of ResNet-50 and MNasNet.
std::vector<Shape> shapes() {
  std::map<std::string, bool> seen;
  std::vector<Shape> all;
  const auto add = [&](const Shape& s) {
    if (!seen[s.name]) all.push_back(s);
    seen[s.name] = true;
  };
  add(conv(224, 3, 32, 3, 2));
  struct Row {
    std::size_t t, c, n, s;
  };
  std::size_t size = 112, in = 32;
  for (const Row& r : {Row{1, 16, 1, 1}, Row{6, 24, 2, 2}, Row{6, 32, 3, 2}, Row{6, 64, 4, 2}, Row{6, 96, 3, 1},
                       Row{6, 160, 3, 2}, Row{6, 320, 1, 1}})
    for (std::size_t i = 0; i < r.n; ++i) {
      const std::size_t stride = i == 0 ? r.s : 1, hidden = in * r.t;
      if (r.t > 1) add(conv(size, in, hidden, 1, 1));
      add(conv(size, hidden, hidden, 3, stride, hidden));
      size /= stride;
      add(conv(size, hidden, r.c, 1, 1));
      in = r.c;
    }
  add(conv(7, 320, 1280, 1, 1));
  add(conv(1, 1280, 1000, 1, 1));
  add(conv(56, 64, 64, 3, 1));
  add(conv(28, 128, 128, 3, 1));
  add(conv(14, 256, 256, 3, 1));
  add(conv(7, 512, 512, 3, 1));
  add(conv(56, 72, 72, 5, 2, 72));
  add(conv(28, 120, 120, 5, 1, 120));
  add(conv(14, 480, 480, 5, 1, 480));
  return all;
}

peers::Layer make_layer(const WindowGeometry& g) {
  std::mt19937 random(3);
  peers::Layer l{g, {}, {}, {}, {}};
  l.x.resize(element_count(g.input()));
  for (auto& x : l.x) x = static_cast<std::uint8_t>(random());
  // Filters as training leaves them: bell-shaped, the largest weight near 127.
  std::normal_distribution<float> bell(0.0F, 36.0F);
  l.weight.resize(g.out_c * g.kernel_h * g.kernel_w * g.group_in());
  for (auto& w : l.weight) w = static_cast<std::int8_t>(std::clamp(bell(random), -127.0F, 127.0F));
  const float spread = 255.0F * 36.0F * std::sqrt(static_cast<float>(g.kernel_h * g.kernel_w * g.group_in()));
  for (std::size_t o = 0; o < g.out_c; ++o) {
    l.bias.push_back(static_cast<std::int32_t>(random() % 2000));
    l.multiplier.push_back(100.0F / spread * (1.0F + 0.01F * static_cast<float>(o % 7)));
  }
  return l;
}

double median(std::vector<double> v) {
  if (v.empty()) return 0;
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

template <class F>
double seconds(int calls, F&& f) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < calls; ++i) f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / calls;
}

template <class T>
void run_conv(benchmark::State& state, const Shape& shape, int8::Isa isa, int thread_count, double limit) {
  const int8::ScopedIsa scope(isa);
  const ScopedThreads scoped_threads(thread_count);
  const peers::Layer l = make_layer(shape.g);
  const WindowGeometry& g = l.g;
  std::vector<T> x(l.x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(std::is_signed_v<T> ? l.x[i] ^ 0x80U : l.x[i]);
  std::vector<std::uint8_t> y(element_count(g.output()));
  const std::int32_t zero_point = std::is_signed_v<T> ? -128 : 0;
  const TensorView<const T> xv(x.data(), g.input());
  const TensorView<std::uint8_t> yv(y.data(), g.output());
  const Requantize requantize{l.multiplier, 0, 0, 255};
  int8::Workspace workspace;
  int8::PackedConv2d packed;
  int8::PackedDepthwise depthwise;
  if (g.groups > 1) {
    std::vector<std::int8_t> weight(l.weight.size());
    for (std::size_t c = 0; c < g.c; ++c)
      for (std::size_t t = 0; t < g.kernel_h * g.kernel_w; ++t) weight[t * g.c + c] = l.weight[c * g.kernel_h * g.kernel_w + t];
    depthwise = int8::pack_depthwise_conv2d(TensorView<const std::int8_t>(weight.data(), {g.kernel_h, g.kernel_w, g.c}));
  } else {
    packed = int8::pack_conv2d(TensorView<const std::int8_t>(l.weight.data(), {g.out_c, g.kernel_h, g.kernel_w, g.c}));
  }
  const auto ours = [&] {
    if (g.groups > 1)
      int8::depthwise_conv2d(xv, zero_point, depthwise, l.bias, g.options, requantize, yv, workspace);
    else
      int8::conv2d(xv, zero_point, packed, l.bias, g.options, requantize, yv, workspace);
  };
  ours();
  const int calls = std::max(1, static_cast<int>(1e-4 / seconds(3, ours)));

  std::vector<double> vs_onednn, vs_xnnpack;
  [[maybe_unused]] std::vector<std::uint8_t> peer_y(y.size() + 64);
#ifdef TRIMTAB_BENCH_ONEDNN
  peers::OneDnn onednn(l, peer_y.data());
#endif
#ifdef TRIMTAB_BENCH_XNNPACK
  peers::Xnnpack xnnpack(l, peer_y.data(), thread_count);
#endif
  for (auto _ : state) {
    const double t = seconds(calls, ours);
    state.SetIterationTime(t);
#ifdef TRIMTAB_BENCH_ONEDNN
    vs_onednn.push_back(seconds(calls, [&] { onednn.run(); }) / t);
#endif
#ifdef TRIMTAB_BENCH_XNNPACK
    vs_xnnpack.push_back(seconds(calls, [&] { xnnpack.run(); }) / t);
#endif
  }
  using benchmark::Counter;
  state.counters["MAC/s"] = Counter(g.macs(), Counter::kIsIterationInvariantRate);
  if (limit > 0) state.counters["limit"] = Counter(g.macs() / (limit * thread_count), Counter::kIsIterationInvariantRate);
  if (!vs_onednn.empty()) state.counters["vs_onednn"] = median(vs_onednn);
  if (!vs_xnnpack.empty()) state.counters["vs_xnnpack"] = median(vs_xnnpack);
#ifdef TRIMTAB_BENCH_ONEDNN
  state.SetLabel(onednn.name());
#endif
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (const int8::Isa isa : int8::available_isas()) {
    const double limit = limits::macs_per_second(isa);
    benchmark::AddCustomContext(std::string(int8::name(isa)) + " limit, GMAC/s per core", std::to_string(limit / 1e9));
    for (const int thread_count : {1, 2})
      for (const Shape& shape : shapes()) {
        const std::string tail = std::string("/") + int8::name(isa) + "/" + std::to_string(thread_count);
        const auto add = [&](const std::string& name, auto run) {
          benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& s) { run(s, shape, isa, thread_count, limit); })
              ->UseManualTime()
              ->Unit(benchmark::kMicrosecond);
        };
        add("u8/" + shape.name + tail, run_conv<std::uint8_t>);
        add("s8/" + shape.name + tail, run_conv<std::int8_t>);
      }
  }
  benchmark::RunSpecifiedBenchmarks();
}
