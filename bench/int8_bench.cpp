// Integer layers, per ISA and number of threads: u8/<layer>/<isa>/<threads>, s8 for signed activations; and a whole network at
// batch 1: network/<name>/<isa>/<threads>. Without more these are layers of real networks, and MobileNet-v2 1.0/224; --layer
// takes a layer of one's own, and a file its network and layers (usage below).
//
// Each round runs the layer, then oneDNN's and XNNPACK's version of it where they were found, a few times each, so that all see
// the same machine. The time shown is ours (timing.hpp). Counters: MAC/s; "limit": its share of what the cores can do with
// operands in registers, measured at start; "vs_onednn", "vs_xnnpack": median over the rounds of their time by ours, above 1 is
// faster than they are; "vs_u8", for signed activations, and "vs_1_thread", for the network on several threads: the same for
// our own kernels on unsigned ones, and on one thread; "paired", for convolutions on AVX2: the share of steps that share a sum
// of 16 bits with another, which depends on the weights (docs/kernels.md); those of a file are its own, all others are drawn.
// network/mobilenet_v2 is 52 convolutions, the classifier, 10 additions and the pooling, from the picture's codes to the logits'
// codes, each reading what the one before has written; peers run layer by layer, too, and add a residual branch in the
// convolution before (oneDNN) or by an operator of its own (XNNPACK). A file's network is an Int8Network, from a float picture
// to every output; peers run its convolutions and linear layers alone, without what lies between. oneDNN's ISA is chosen by
// DNNL_MAX_CPU_ISA (AVX2, AVX2_VNNI, AVX512_CORE_VNNI); XNNPACK takes the best there is.

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
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

#include "int8_layers.hpp"
#include "int8_limits.hpp"
#include "int8_peers.hpp"
#include "timing.hpp"
#ifdef TRIMTAB_BENCH_ONNX
#include <trimtab/io/self_check.hpp>
#include <trimtab/net/execute/int8_network.hpp>

#include "network_file.hpp"
#endif

namespace {

using namespace trimtab;
using bench::Shape, bench::NetworkStep;

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
    if (l.is_depthwise()) {
      std::vector<std::int8_t> weight(l.weight.size());
      for (std::size_t c = 0; c < g.c; ++c)
        for (std::size_t t = 0; t < g.kernel_h * g.kernel_w; ++t) weight[t * g.c + c] = l.weight[c * g.kernel_h * g.kernel_w + t];
      depthwise = int8::pack_depthwise_conv2d(TensorView<const std::int8_t>(weight.data(), {g.kernel_h, g.kernel_w, g.c}));
    } else {
      packed = int8::pack_conv2d(TensorView<const std::int8_t>(l.weight.data(), {g.out_c, g.kernel_h, g.kernel_w, g.group_in()}),
                                 g.groups);
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
    if (l.is_depthwise())
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
  const peers::Layer l = bench::make_layer(shape);
  const std::vector<std::uint8_t> codes = random_codes(element_count(l.g.input()) + 64);
  std::vector<std::uint8_t> y(element_count(l.g.output())), peer_y(y.size() + 64);
  const T* x = reinterpret_cast<const T*>(codes.data());
  int8::Workspace workspace;
  const OurLayer layer(l);
  if (isa == int8::Isa::avx2 && !l.is_depthwise()) state.counters["paired"] = layer.paired();
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

void run_mobilenet_v2(benchmark::State& state, int8::Isa isa, int thread_count, double limit) {
  const int8::ScopedIsa scope(isa);
  const ScopedThreads scoped_threads(thread_count);
  const std::vector<NetworkStep> steps = bench::mobilenet_v2(1);
  std::vector<peers::Layer> layers;
  double macs = 0;
  for (const NetworkStep& s : steps) {
    layers.push_back(bench::make_layer(s.shape));
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

#ifdef TRIMTAB_BENCH_ONNX
void run_file(benchmark::State& state, const bench::NetworkFile& file, int8::Isa isa, int thread_count, double limit) {
  const int8::ScopedIsa scope(isa);
  const ScopedThreads scoped_threads(thread_count);
  const Int8Network network(file.network);
  const std::vector<Array> x = self_check_pictures(file.network);
  Int8Network::Workspace workspace;
  const auto ours = [&] { network.run_nodes(x, workspace, [](NodeId, const Int8Network::Output&) {}); };
  double macs = 0;
  std::size_t most = 0;
  std::vector<peers::Layer> layers;
  for (const Shape& s : file.layers) {
    layers.push_back(bench::make_layer(s));
    macs += s.g.macs();
    most = std::max({most, element_count(s.g.input()), element_count(s.g.output())});
  }
  // Layers read and write these in turn.
  std::array<std::vector<std::uint8_t>, 2> codes{random_codes(most + 64), random_codes(most + 64)};
#ifdef TRIMTAB_BENCH_ONEDNN
  std::vector<peers::OneDnn> onednn;
  for (const peers::Layer& l : layers)
    onednn.emplace_back(l, codes[onednn.size() % 2].data(), codes[1 - onednn.size() % 2].data());
#endif
#ifdef TRIMTAB_BENCH_XNNPACK
  const peers::XnnpackThreads pool(thread_count);
  std::vector<std::unique_ptr<peers::Xnnpack>> xnnpack;
  for (const peers::Layer& l : layers)
    xnnpack.push_back(
        std::make_unique<peers::Xnnpack>(l, codes[xnnpack.size() % 2].data(), codes[1 - xnnpack.size() % 2].data(), pool.get()));
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
        for (peers::OneDnn& layer : onednn) layer.run();
#endif
      },
      [&] {
#ifdef TRIMTAB_BENCH_XNNPACK
        for (const auto& layer : xnnpack) layer->run();
#endif
      });
}
#endif

void print_usage() {
  std::printf(
      "int8_bench [--layer SPEC]... [NETWORK.onnx] [--benchmark_...]\n"
      "  --layer SPEC    a layer of one's own, in place of those of usual networks; may be repeated. SPEC is\n"
      "                  %s,\n"
      "                  so 3x3,96,128,28,28,s1 or 3x3,96,96,28,28,s2,dw; padding is half the kernel\n"
      "  NETWORK.onnx    a file, float or quantized, in place of MobileNet-v2: the whole of it, and its layers\n"
      "Rows are [us]8/LAYER/ISA/THREADS and network/NAME/ISA/THREADS; bench/int8_bench.cpp says what the counters mean.\n",
      bench::layer_syntax);
  benchmark::PrintDefaultHelp();
}

/// What the command line asks for beside Google Benchmark's own options.
struct Arguments {
  std::vector<Shape> layers;
  std::string file;
};

/// Takes --layer and a file from the arguments, and leaves the others. Throws value_error.
Arguments take_arguments(int& argc, char** argv) {
  Arguments a;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--layer" || word.starts_with("--layer=")) {
      if (word == "--layer" && ++i == argc) throw value_error(detail::message("--layer: expected ", bench::layer_syntax));
      a.layers.push_back(bench::layer_named(word == "--layer" ? std::string(argv[i]) : word.substr(8)));
    } else if (word[0] != '-') {
      if (!a.file.empty()) throw value_error(word + ": one file at a time");
      a.file = word;
    } else {
      argv[kept++] = argv[i];
    }
  }
  argc = kept;
  return a;
}

using Run = std::function<void(benchmark::State&, int8::Isa, int, double)>;

int measure(int argc, char** argv) {
  benchmark::Initialize(&argc, argv, print_usage);
  const Arguments a = take_arguments(argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  std::vector<Shape> layers = a.layers;
  std::string name;
  Run whole;
  if (!a.file.empty()) {
#ifdef TRIMTAB_BENCH_ONNX
    const auto file = std::make_shared<const bench::NetworkFile>(bench::read_network_file(a.file));
    name = file->name;
    whole = [file](benchmark::State& s, int8::Isa isa, int thread_count, double limit) {
      run_file(s, *file, isa, thread_count, limit);
    };
    for (const Shape& s : bench::distinct(file->layers)) layers.push_back(s);
#else
    throw unsupported_error(a.file + ": this program was built without ONNX's reader");
#endif
  } else if (layers.empty()) {
    name = "mobilenet_v2";
    whole = run_mobilenet_v2;
    layers = bench::usual_shapes();
  }
  for (const int8::Isa isa : int8::available_isas()) {
    for (const int thread_count : {1, 2}) {
      const double limit = limits::macs_per_second(isa, thread_count);
      benchmark::AddCustomContext(std::string(int8::name(isa)) + " limit, GMAC/s, threads: " + std::to_string(thread_count),
                                  std::to_string(limit / 1e9));
      const std::string tail = std::string("/") + int8::name(isa) + "/" + std::to_string(thread_count);
      const auto add = [&](const std::string& row, const Run& run) {
        benchmark::RegisterBenchmark((row + tail).c_str(), [=](benchmark::State& s) { run(s, isa, thread_count, limit); })
            ->UseManualTime()
            ->Unit(benchmark::kMicrosecond);
      };
      if (whole) add("network/" + name, whole);
      for (const Shape& shape : layers) {
        add("u8/" + shape.name, [shape](benchmark::State& s, int8::Isa i, int threads, double most) {
          run_conv<std::uint8_t>(s, shape, i, threads, most);
        });
        add("s8/" + shape.name, [shape](benchmark::State& s, int8::Isa i, int threads, double most) {
          run_conv<std::int8_t>(s, shape, i, threads, most);
        });
      }
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return measure(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "int8_bench: %s\n", e.what());
    return 2;
  }
}
