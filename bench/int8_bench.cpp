// Integer layers of real networks, per ISA and number of threads: u8/<layer>/<isa>/<threads>, s8 for signed activations; and all
// of MobileNet-v2 1.0/224 at batch 1 in one piece: network/mobilenet_v2/<isa>/<threads>.
//
// Each round runs the layer, then oneDNN's and XNNPACK's version of it where they were found, a few times each, so that all see
// the same machine. The time shown is ours (timing.hpp). Counters: MAC/s; "limit": its share of what the cores can do with
// operands in registers, measured at start; "vs_onednn", "vs_xnnpack": median over the rounds of their time by ours, above 1 is
// faster than they are; "vs_u8", for signed activations, and "vs_1_thread", for the network on several threads: the same for
// our own kernels on unsigned ones, and on one thread; "paired", for convolutions on AVX2: the share of steps that share a sum
// of 16 bits with another. An ONNX file, named after the options, gives layers of its shapes their weights, which the speed on
// AVX2 depends on (docs/kernels.md); all others are drawn. The network's time is that of 52 convolutions, the classifier, 10
// additions and the pooling, from the picture's codes to the logits' codes, each reading what the one before has written;
// peers run layer by layer, too, and add a residual branch in the convolution before (oneDNN) or by an operator of its own
// (XNNPACK). oneDNN's ISA is chosen by DNNL_MAX_CPU_ISA (AVX2, AVX2_VNNI, AVX512_CORE_VNNI); XNNPACK takes the best there is.

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <trimtab/int8/add.hpp>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/int8/depthwise_conv2d.hpp>
#include <trimtab/int8/kernels/avx2_weights.hpp>
#include <trimtab/int8/pool.hpp>

#include "int8_limits.hpp"
#include "int8_peers.hpp"
#include "timing.hpp"
#ifdef TRIMTAB_BENCH_ONNX
#include "real_weights.hpp"
#endif

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

/// What one step of a network does with the buffers: 0 to 2 are the ends of blocks in turn, 3 and 4 the wide activations within.
struct NetworkStep {
  Shape shape;
  std::size_t x, y;
  int residual = -1;  ///< the buffer that is added to the result, or none
};

/// The convolutions of MobileNet-v2 1.0/224 (Sandler et al., CVPR 2018, table 2), in order; global average pooling comes before
/// the last.
std::vector<NetworkStep> mobilenet_v2(std::size_t batch) {
  std::vector<NetworkStep> all;
  std::size_t end = 0;
  const auto conv = [&](std::size_t size, std::size_t in, std::size_t out, std::size_t kernel, std::size_t stride,
                        std::size_t groups = 1) { return ::conv(size, in, out, kernel, stride, groups, batch); };
  all.push_back({conv(224, 3, 32, 3, 2), 3, end});
  struct Row {
    std::size_t t, c, n, s;
  };
  std::size_t size = 112, in = 32;
  for (const Row& r : {Row{1, 16, 1, 1}, Row{6, 24, 2, 2}, Row{6, 32, 3, 2}, Row{6, 64, 4, 2}, Row{6, 96, 3, 1},
                       Row{6, 160, 3, 2}, Row{6, 320, 1, 1}})
    for (std::size_t i = 0; i < r.n; ++i) {
      const std::size_t stride = i == 0 ? r.s : 1, hidden = in * r.t;
      if (r.t > 1) all.push_back({conv(size, in, hidden, 1, 1), end, 3});
      all.push_back({conv(size, hidden, hidden, 3, stride, hidden), r.t > 1 ? 3 : end, 4});
      size /= stride;
      const std::size_t next = (end + 1) % 3;
      all.push_back({conv(size, hidden, r.c, 1, 1), 4, next, i > 0 ? static_cast<int>(end) : -1});
      end = next;
      in = r.c;
    }
  all.push_back({conv(7, 320, 1280, 1, 1), end, 3});
  all.push_back({conv(1, 1280, 1000, 1, 1), 4, end});
  return all;
}

/// Its distinct layers at batch 1 and 8, and some of ResNet-50 and MNasNet.
std::vector<Shape> shapes() {
  std::map<std::string, bool> seen;
  std::vector<Shape> all;
  const auto add = [&](const Shape& s) {
    if (!seen[s.name]) all.push_back(s);
    seen[s.name] = true;
  };
  for (const std::size_t batch : {std::size_t{1}, std::size_t{8}})
    for (const NetworkStep& step : mobilenet_v2(batch)) add(step.shape);
  add(conv(56, 64, 64, 3, 1));
  add(conv(28, 128, 128, 3, 1));
  add(conv(14, 256, 256, 3, 1));
  add(conv(7, 512, 512, 3, 1));
  add(conv(56, 72, 72, 5, 2, 72));
  add(conv(28, 120, 120, 5, 1, 120));
  add(conv(14, 480, 480, 5, 1, 480));
  return all;
}

/// Weights of a file's layers (real_weights.hpp), where one was named.
std::map<std::array<std::size_t, 4>, std::vector<std::int8_t>> given_weights;

peers::Layer make_layer(const WindowGeometry& g) {
  std::mt19937 random(3);
  peers::Layer l{g, {}, {}, {}};
  const std::size_t depth = g.kernel_h * g.kernel_w * g.group_in();
  if (const auto given = given_weights.find({g.out_c, g.kernel_h, g.kernel_w, g.group_in()}); given != given_weights.end()) {
    l.weight = given->second;
  } else {  // normal, and as a threshold at its largest weight makes it, the largest of each filter 127
    std::normal_distribution<float> bell;
    std::vector<float> filter(depth);
    for (std::size_t o = 0; o < g.out_c; ++o) {
      float largest = 0;
      for (float& w : filter) largest = std::max(largest, std::abs(w = bell(random)));
      for (const float w : filter) l.weight.push_back(static_cast<std::int8_t>(std::lrint(w / largest * 127.0F)));
    }
  }
  const float spread = 255.0F * 32.0F * std::sqrt(static_cast<float>(depth));
  for (std::size_t o = 0; o < g.out_c; ++o) {
    l.bias.push_back(static_cast<std::int32_t>(random() % 2000));
    l.multiplier.push_back(100.0F / spread * (1.0F + 0.01F * static_cast<float>(o % 7)));
  }
  return l;
}

std::vector<std::uint8_t> random_codes(std::size_t count) {
  std::mt19937 random(4);
  std::vector<std::uint8_t> codes(count);
  for (auto& c : codes) c = static_cast<std::uint8_t>(random());
  return codes;
}

/// Our side of a layer.
struct OurLayer {
  const peers::Layer& l;
  int8::PackedConv2d packed;
  int8::PackedDepthwise depthwise;

  explicit OurLayer(const peers::Layer& layer) : l(layer) {
    const WindowGeometry& g = l.g;
    if (g.groups > 1) {
      std::vector<std::int8_t> weight(l.weight.size());
      for (std::size_t c = 0; c < g.c; ++c)
        for (std::size_t t = 0; t < g.kernel_h * g.kernel_w; ++t) weight[t * g.c + c] = l.weight[c * g.kernel_h * g.kernel_w + t];
      depthwise = int8::pack_depthwise_conv2d(TensorView<const std::int8_t>(weight.data(), {g.kernel_h, g.kernel_w, g.c}));
    } else {
      packed = int8::pack_conv2d(TensorView<const std::int8_t>(l.weight.data(), {g.out_c, g.kernel_h, g.kernel_w, g.c}));
    }
  }

  /// The share of the steps that share a sum with another one on AVX2 (MaddubsBlock).
  double paired() const {
    double pairs = 0;
#if TRIMTAB_X86_KERNELS
    const std::size_t steps = packed.segments() * packed.steps();
    const std::byte* const form = packed.prepared(int8::kernels(int8::Isa::avx2).gemm_form);
    for (std::size_t b = 0; b < packed.blocks(); ++b) {
      const std::uint32_t n = int8::avx2::MaddubsBlock{form + b * int8::avx2::MaddubsBlock::bytes(steps)}.pairs();
      if (n != int8::avx2::MaddubsBlock::none) pairs += n;
    }
#endif
    return 2 * pairs / static_cast<double>(packed.blocks() * packed.segments() * packed.steps());
  }

  template <class T>
  void run(const T* x, std::uint8_t* y, int8::Workspace& workspace) const {
    const std::int32_t zero_point = std::is_signed_v<T> ? -128 : 0;
    const TensorView<const T> xv(x, l.g.input());
    const TensorView<std::uint8_t> yv(y, l.g.output());
    const Requantize requantize{l.multiplier, 0, 0, 255};
    if (l.g.groups > 1)
      int8::depthwise_conv2d(xv, zero_point, depthwise, l.bias, l.g.options, requantize, yv, workspace);
    else
      int8::conv2d(xv, zero_point, packed, l.bias, l.g.options, requantize, yv, workspace);
  }
};

/// Our own code run in another way, and the counter for its time by ours.
struct OwnVariant {
  const char* counter = "";
  std::function<void()> run = {};
};

/// Runs all sides in turn, `calls` times each a round, and reports. On several threads each side first waits for `pause` and runs
/// once untimed: the other libraries' threads go on spinning for a while after their last work, and would hold the cores that
/// this one needs.
template <class Ours, class OneDnn, class Xnnpack>
void compare(benchmark::State& state, double macs, double limit, int thread_count, std::chrono::milliseconds pause,
             const Ours& ours, const OwnVariant& variant, [[maybe_unused]] const OneDnn& onednn,
             [[maybe_unused]] const Xnnpack& xnnpack) {
  ours();
  const int calls = std::max(1, static_cast<int>(1e-4 / timing::seconds(thread_count, 3, ours)));
  std::vector<double> vs_variant, vs_onednn, vs_xnnpack;
  const auto seconds = [&](const auto& side) {
    if (thread_count > 1 && pause.count() > 0) {
      std::this_thread::sleep_for(pause);
      side();
    }
    return timing::seconds(thread_count, calls, side);
  };
  for (auto _ : state) {
    const double t = seconds(ours);
    state.SetIterationTime(t);
    if (variant.run) vs_variant.push_back(seconds(variant.run) / t);
#ifdef TRIMTAB_BENCH_ONEDNN
    vs_onednn.push_back(seconds(onednn) / t);
#endif
#ifdef TRIMTAB_BENCH_XNNPACK
    vs_xnnpack.push_back(seconds(xnnpack) / t);
#endif
  }
  using benchmark::Counter;
  state.counters["MAC/s"] = Counter(macs, Counter::kIsIterationInvariantRate);
  if (limit > 0) state.counters["limit"] = Counter(macs / limit, Counter::kIsIterationInvariantRate);
  if (!vs_variant.empty()) state.counters[variant.counter] = timing::median(vs_variant);
  if (!vs_onednn.empty()) state.counters["vs_onednn"] = timing::median(vs_onednn);
  if (!vs_xnnpack.empty()) state.counters["vs_xnnpack"] = timing::median(vs_xnnpack);
}

template <class T>
void run_conv(benchmark::State& state, const Shape& shape, int8::Isa isa, int thread_count, double limit) {
  const int8::ScopedIsa scope(isa);
  const ScopedThreads scoped_threads(thread_count);
  const peers::Layer l = make_layer(shape.g);
  const std::vector<std::uint8_t> codes = random_codes(element_count(l.g.input()) + 64);
  std::vector<std::uint8_t> y(element_count(l.g.output())), peer_y(y.size() + 64);
  const T* x = reinterpret_cast<const T*>(codes.data());
  int8::Workspace workspace;
  const OurLayer layer(l);
  if (isa == int8::Isa::avx2 && l.g.groups == 1) state.counters["paired"] = layer.paired();
#ifdef TRIMTAB_BENCH_ONEDNN
  peers::OneDnn onednn(l, codes.data(), peer_y.data());
  state.SetLabel(onednn.name());
#endif
#ifdef TRIMTAB_BENCH_XNNPACK
  const peers::XnnpackThreads pool(thread_count);
  peers::Xnnpack xnnpack(l, codes.data(), peer_y.data(), pool.get());
#endif
  OwnVariant variant;
  if (std::is_signed_v<T>) variant = {"vs_u8", [&] { layer.run(codes.data(), y.data(), workspace); }};
  compare(
      state, l.g.macs(), limit, thread_count, {}, [&] { layer.run(x, y.data(), workspace); }, variant,
      [&] {
#ifdef TRIMTAB_BENCH_ONEDNN
        onednn.run();
#endif
      },
      [&] {
#ifdef TRIMTAB_BENCH_XNNPACK
        xnnpack.run();
#endif
      });
}

/// The buffers of one side.
struct Buffers {
  std::vector<std::vector<std::uint8_t>> bytes =
      std::vector<std::vector<std::uint8_t>>(5, random_codes(std::size_t{112} * 112 * 96 + 64));
  std::uint8_t* operator[](std::size_t i) { return bytes[i].data(); }
};

void run_network(benchmark::State& state, int8::Isa isa, int thread_count, double limit) {
  const int8::ScopedIsa scope(isa);
  const ScopedThreads scoped_threads(thread_count);
  const std::vector<NetworkStep> steps = mobilenet_v2(1);
  std::vector<peers::Layer> layers;
  double macs = 0;
  for (const NetworkStep& s : steps) {
    layers.push_back(make_layer(s.shape.g));
    macs += s.shape.g.macs();
  }
  const std::size_t last = steps.size() - 1;
  const Affine<float> grid{1.0F, 0, unsigned_codes()}, half{2.0F, 0, unsigned_codes()};

  Buffers mine;
  std::vector<OurLayer> own(layers.begin(), layers.end());
  int8::Workspace workspace;
  std::vector<std::uint8_t> branch(std::size_t{56} * 56 * 24);
  const auto ours = [&] {
    for (std::size_t i = 0; i <= last; ++i) {
      const NetworkStep& s = steps[i];
      if (i == last)
        int8::global_average_pool(TensorView<const std::uint8_t>(mine[3], {1, 7, 7, 1280}), grid, grid,
                                  TensorView<std::uint8_t>(mine[s.x], {1, 1280}));
      own[i].run(mine[s.x], s.residual < 0 ? mine[s.y] : branch.data(), workspace);
      if (s.residual < 0) continue;
      const Extents e = s.shape.g.output();
      int8::add(TensorView<const std::uint8_t>(mine[static_cast<std::size_t>(s.residual)], e), grid,
                TensorView<const std::uint8_t>(branch.data(), e), grid, half, TensorView<std::uint8_t>(mine[s.y], e));
    }
  };
#ifdef TRIMTAB_BENCH_ONEDNN
  Buffers theirs;
  std::vector<peers::OneDnn> onednn;
  std::array<std::size_t, 5> at{0, 1, 2, 3, 4};  // a sum stays where its residual branch was
  for (const NetworkStep& s : steps) {
    const std::uint8_t* from = theirs[at[s.x]];
    if (s.residual >= 0) std::swap(at[s.y], at[static_cast<std::size_t>(s.residual)]);
    onednn.emplace_back(layers[onednn.size()], from, theirs[at[s.y]], s.residual >= 0);
  }
  peers::OneDnnPool onednn_pool(7, 1280, theirs[at[3]], theirs[at[steps[last].x]]);
#endif
#ifdef TRIMTAB_BENCH_XNNPACK
  Buffers xnn;
  const peers::XnnpackThreads pool(thread_count);
  std::vector<std::unique_ptr<peers::Xnnpack>> xnnpack;
  std::vector<std::optional<peers::XnnpackOperator>> sums;
  std::vector<std::uint8_t> xnn_branch(branch.size() + 64);
  for (std::size_t i = 0; i <= last; ++i) {
    const NetworkStep& s = steps[i];
    xnnpack.push_back(
        std::make_unique<peers::Xnnpack>(layers[i], xnn[s.x], s.residual < 0 ? xnn[s.y] : xnn_branch.data(), pool.get()));
    sums.emplace_back();
    if (s.residual >= 0)
      sums.back() = peers::XnnpackOperator::add(element_count(s.shape.g.output()), xnn[static_cast<std::size_t>(s.residual)],
                                                xnn_branch.data(), xnn[s.y], pool.get());
  }
  const auto xnn_pool = peers::XnnpackOperator::global_average_pool(49, 1280, xnn[3], xnn[steps[last].x], pool.get());
#endif
  OwnVariant variant;
  if (thread_count > 1)
    variant = {"vs_1_thread", [&] {
                 const ScopedThreads one(1);
                 ours();
               }};
  compare(
      state, macs, limit, thread_count, std::chrono::milliseconds(50), ours, variant,
      [&] {
#ifdef TRIMTAB_BENCH_ONEDNN
        for (std::size_t i = 0; i <= last; ++i) {
          if (i == last) onednn_pool.run();
          onednn[i].run();
        }
#endif
      },
      [&] {
#ifdef TRIMTAB_BENCH_XNNPACK
        for (std::size_t i = 0; i <= last; ++i) {
          if (i == last) xnn_pool.run();
          xnnpack[i]->run();
          if (sums[i]) sums[i]->run();
        }
#endif
      });
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
#ifdef TRIMTAB_BENCH_ONNX
  if (argc > 1 && argv[argc - 1][0] != '-') {
    try {
      given_weights = real_weights::read(argv[--argc]);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "int8_bench: %s\n", e.what());
      return 2;
    }
  }
#endif
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("weights", given_weights.empty() ? "normal" : argv[argc]);
  for (const int8::Isa isa : int8::available_isas()) {
    for (const int thread_count : {1, 2}) {
      const double limit = limits::macs_per_second(isa, thread_count);
      benchmark::AddCustomContext(std::string(int8::name(isa)) + " limit, GMAC/s, threads: " + std::to_string(thread_count),
                                  std::to_string(limit / 1e9));
      const std::string network = std::string("network/mobilenet_v2/") + int8::name(isa) + "/" + std::to_string(thread_count);
      benchmark::RegisterBenchmark(network.c_str(), [=](benchmark::State& s) { run_network(s, isa, thread_count, limit); })
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond);
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
  }
  benchmark::RunSpecifiedBenchmarks();
}
