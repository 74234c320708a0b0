// The float convolutions of MobileNet-v2 (224 x 224, batch 4), forward and both gradients, by layer and as a whole net. Names are
// op/layer/threads; layers are input pixels x input channels to output channels. "MAC/s" counts a multiply-add once; twice that
// is FLOP/s. "memory" is a batch of the same bytes added element by element, to tell what a layer could reach at best where it
// computes little.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <trimtab/ops/add.hpp>
#include <trimtab/ops/conv2d.hpp>
#include <trimtab/ops/depthwise_conv2d.hpp>
#include <vector>

using namespace trimtab;

namespace {

constexpr std::size_t batch = 4;

struct Shape {
  std::size_t size, channels, filters, kernel, stride;
  bool depthwise;

  WindowOptions options() const {
    const std::size_t before = stride == 2 ? 0 : kernel / 2, after = kernel / 2;
    return {stride, stride, {before, before, after, after}};
  }
  std::string name() const {
    return (depthwise ? "depthwise" : "conv") + std::to_string(kernel) + "x" + std::to_string(kernel) + "/" +
           std::to_string(size) + "x" + std::to_string(channels) + "to" + std::to_string(filters) + (stride == 2 ? "s2" : "");
  }
  WindowGeometry geometry() const {
    return window_geometry({batch, size, size, channels}, kernel, kernel, filters, options(), depthwise ? channels : 1, "bench");
  }
};

enum class Op { forward, backward_input, backward_weight };
constexpr const char* op_names[] = {"forward", "backward_input", "backward_weight"};

struct Layer {
  explicit Layer(const Shape& s)
      : shape(s),
        g(s.geometry()),
        weight_extent(s.depthwise ? Extents{s.kernel, s.kernel, s.channels} : Extents{s.filters, s.kernel, s.kernel, s.channels}),
        x(random(element_count(g.input()))),
        y(random(element_count(g.output()))),
        weight(random(element_count(weight_extent))),
        grad_x(x.size()),
        grad_weight(weight.size()),
        bias(s.filters) {}

  static std::vector<float> random(std::size_t count) {
    static std::mt19937 engine(1);
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::vector<float> values(count);
    for (float& v : values) v = uniform(engine);
    return values;
  }

  void run(Op op) {
    const TensorView<float> xv(x.data(), g.input()), yv(y.data(), g.output()), gx(grad_x.data(), g.input());
    const TensorView<float> wv(weight.data(), weight_extent), gw(grad_weight.data(), weight_extent);
    const WindowOptions o = shape.options();
    if (shape.depthwise) {
      if (op == Op::forward) depthwise_conv2d_forward(xv, wv, bias, o, yv);
      if (op == Op::backward_input) depthwise_conv2d_backward_input(yv, wv, o, gx);
      if (op == Op::backward_weight) depthwise_conv2d_backward_weight(yv, xv, o, gw);
    } else {
      if (op == Op::forward) conv2d_forward(xv, wv, bias, o, 1, yv);
      if (op == Op::backward_input) conv2d_backward_input(yv, wv, o, 1, gx);
      if (op == Op::backward_weight) conv2d_backward_weight(yv, xv, o, 1, gw);
    }
  }

  Shape shape;
  WindowGeometry g;
  Extents weight_extent;
  std::vector<float> x, y, weight, grad_x, grad_weight, bias;
};

/// Every convolution of MobileNet-v2 1.0 in order (Sandler et al., CVPR 2018, table 2).
std::vector<Shape> mobilenet_v2() {
  std::vector<Shape> layers{{224, 3, 32, 3, 2, false}, {112, 32, 32, 3, 1, true}, {112, 32, 16, 1, 1, false}};
  std::size_t size = 112, channels = 16;
  const struct {
    std::size_t filters, repeats, stride;
  } stages[] = {{24, 2, 2}, {32, 3, 2}, {64, 4, 2}, {96, 3, 1}, {160, 3, 2}, {320, 1, 1}};
  for (const auto& stage : stages)
    for (std::size_t r = 0; r < stage.repeats; ++r) {
      const std::size_t stride = r == 0 ? stage.stride : 1, wide = 6 * channels;
      layers.push_back({size, channels, wide, 1, 1, false});
      layers.push_back({size, wide, wide, 3, stride, true});
      size /= stride;
      layers.push_back({size, wide, stage.filters, 1, 1, false});
      channels = stage.filters;
    }
  layers.push_back({7, 320, 1280, 1, 1, false});
  return layers;
}

void set_rate(benchmark::State& state, double macs) {
  state.counters["MAC/s"] = benchmark::Counter(macs, benchmark::Counter::kIsIterationInvariantRate);
}

void bench_layer(benchmark::State& state, const Shape& shape, Op op, int threads) {
  const ScopedThreads scope(threads);
  Layer layer(shape);
  for (auto _ : state) layer.run(op);
  set_rate(state, layer.g.macs());
}

/// All layers of one kind after the other; the time is that of the whole batch.
void bench_net(benchmark::State& state, const std::vector<Op>& ops, bool with_depthwise, bool with_dense, int threads) {
  const ScopedThreads scope(threads);
  std::vector<Layer> layers;
  double macs = 0;
  for (const Shape& s : mobilenet_v2())
    if (s.depthwise ? with_depthwise : with_dense) {
      layers.emplace_back(s);
      macs += layers.back().g.macs() * static_cast<double>(ops.size());
    }
  for (auto _ : state)
    for (Layer& layer : layers)
      for (const Op op : ops) layer.run(op);
  set_rate(state, macs);
  state.counters["pictures/s"] = benchmark::Counter(double(batch), benchmark::Counter::kIsIterationInvariantRate);
}

void bench_memory(benchmark::State& state, std::size_t count, int threads) {
  const ScopedThreads scope(threads);
  const std::vector<float> a = Layer::random(count), b = Layer::random(count);
  std::vector<float> y(count);
  for (auto _ : state) add_forward(a, b, y);
  state.SetBytesProcessed(static_cast<std::int64_t>(count * 12) * static_cast<std::int64_t>(state.iterations()));
}

void register_all() {
  const auto add = [](const std::string& name, int threads, auto bench) {
    benchmark::RegisterBenchmark((name + "/" + std::to_string(threads)).c_str(),
                                 [=](benchmark::State& state) { bench(state, threads); })
        ->UseRealTime()
        ->MeasureProcessCPUTime()
        ->Unit(benchmark::kMillisecond);
  };
  const Shape shapes[] = {{224, 3, 32, 3, 2, false},   {112, 16, 96, 1, 1, false}, {56, 24, 144, 1, 1, false},
                          {28, 192, 32, 1, 1, false},  {14, 96, 576, 1, 1, false}, {7, 960, 160, 1, 1, false},
                          {7, 320, 1280, 1, 1, false}, {28, 64, 64, 3, 1, false},  {112, 32, 32, 3, 1, true},
                          {112, 96, 96, 3, 2, true},   {56, 144, 144, 3, 1, true}, {14, 576, 576, 3, 1, true},
                          {7, 960, 960, 3, 1, true},   {28, 120, 120, 5, 1, true}};
  for (const int threads : {1, 2}) {
    for (const Shape& s : shapes)
      for (const Op op : {Op::forward, Op::backward_input, Op::backward_weight})
        add(std::string(op_names[static_cast<int>(op)]) + "/" + s.name(), threads,
            [=](benchmark::State& state, int t) { bench_layer(state, s, op, t); });
    const std::vector<Op> all{Op::forward, Op::backward_input, Op::backward_weight};
    for (const Op op : all)
      for (const bool depthwise : {false, true})
        add(std::string(op_names[static_cast<int>(op)]) + "/mobilenet_v2_" + (depthwise ? "depthwise" : "dense"), threads,
            [=](benchmark::State& state, int t) { bench_net(state, {op}, depthwise, !depthwise, t); });
    add("train/mobilenet_v2_convolutions", threads,
        [=](benchmark::State& state, int t) { bench_net(state, all, true, true, t); });
    add("add/memory", threads, [](benchmark::State& state, int t) { bench_memory(state, batch * 112 * 112 * 96, t); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
