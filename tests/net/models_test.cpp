#include <algorithm>
#include <array>
#include <catch.hpp>
#include <cmath>
#include <node_named.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/execute/verify.hpp>
#include <trimtab/net/models/efficientnets.hpp>
#include <trimtab/net/models/mobilenets.hpp>
#include <trimtab/net/models/resnets.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/passes/fold.hpp>

using namespace trimtab;

namespace {

template <class Layer>
std::size_t count(const Network& network) {
  std::size_t found = 0;
  for (const Node& node : network.nodes()) found += node.op.is<Layer>() ? 1U : 0U;
  return found;
}

const Node& named(const Network& network, const std::string& name) { return network[test::node_named(network, name)]; }

}  // namespace

TEST_CASE("make_divisible: multiples of 8, never down by more than 10 %", "[net]") {
  CHECK(make_divisible(32) == 32);
  CHECK(make_divisible(3) == 8);
  CHECK(make_divisible(32 * 0.35) == 16);  // 11.2 would become 8, which is 29 % less
  CHECK(make_divisible(24 * 1.3) == 32);
  CHECK(make_divisible(1280 * 1.4) == 1792);
}

TEST_CASE("same_padding: TensorFlow's SAME, the odd pixel after", "[net]") {
  using Pair = std::pair<std::size_t, std::size_t>;
  CHECK(detail::same_padding(224, 3, 2) == Pair{0, 1});
  CHECK(detail::same_padding(7, 3, 2) == Pair{1, 1});
  CHECK(detail::same_padding(56, 5, 2) == Pair{1, 2});
  CHECK(detail::same_padding(14, 5, 1) == Pair{2, 2});
  CHECK(detail::same_padding(8, 1, 2) == Pair{0, 0});
}

TEST_CASE("models: parameters are the published numbers", "[net]") {
  // Keras' summaries (trainable part) for v1; torchvision's for the others but MNasNet-A1 and EfficientNet-Lite, which are
  // timm's.
  CHECK(mobilenet_v1().parameter_count() == 4231976);
  CHECK(mobilenet_v1(0.75).parameter_count() == 2585560);
  CHECK(mobilenet_v2().parameter_count() == 3504872);
  CHECK(mnasnet(1.0).parameter_count() == 4383312);
  CHECK(mnasnet(1.3).parameter_count() == 6282256);
  CHECK(mnasnet_a1().parameter_count() == 3887038);
  CHECK(mobilenet_v3_large().parameter_count() == 5483032);
  CHECK(mobilenet_v3_small().parameter_count() == 2542856);
  CHECK(efficientnet_b0().parameter_count() == 5288548);
  const std::array<std::size_t, 5> lite{4652008, 5416680, 6092072, 8197096, 13006568};
  for (std::size_t v = 0; v < lite.size(); ++v) CHECK(efficientnet_lite(v).parameter_count() == lite[v]);
  CHECK(resnet18().parameter_count() == 11689512);
  CHECK(resnet50().parameter_count() == 25557032);
  CHECK(shufflenet_v2(0.5).parameter_count() == 1366792);
  CHECK(shufflenet_v2(1.0).parameter_count() == 2278604);
  CHECK(shufflenet_v2(1.5).parameter_count() == 3503624);
  CHECK(shufflenet_v2(2.0).parameter_count() == 7393996);
}

TEST_CASE("models: multiply-accumulates are the published numbers", "[net]") {
  CHECK(mobilenet_v1().macs() / 1e6 == Approx(569).margin(1));
  CHECK(mobilenet_v2().macs() / 1e6 == Approx(300.8).margin(0.5));
  CHECK(mnasnet(1.0).macs() / 1e6 == Approx(314.4).margin(0.5));
  CHECK(mnasnet(1.3).macs() / 1e6 == Approx(526).margin(5));
  // Papers round, and count a little besides products: of EfficientNet-B0 390, of ShuffleNetV2 146 million.
  CHECK(mnasnet_a1().macs() / 1e6 == Approx(312).margin(1));
  CHECK(mobilenet_v3_large().macs() / 1e6 == Approx(217).margin(1));
  CHECK(mobilenet_v3_small().macs() / 1e6 == Approx(56.5).margin(0.5));
  CHECK(efficientnet_b0().macs() / 1e6 == Approx(386).margin(1));
  CHECK(efficientnet_lite(0).macs() / 1e6 == Approx(385).margin(1));
  CHECK(resnet18().macs() / 1e6 == Approx(1814).margin(1));
  CHECK(resnet50().macs() / 1e6 == Approx(4089).margin(1));
  CHECK(shufflenet_v2().macs() / 1e6 == Approx(145).margin(1));
}

TEST_CASE("models: all of them run in float, and deployed as they are trained", "[net]") {
  const std::vector<std::pair<const char*, Network>> networks = [] {
    std::vector<std::pair<const char*, Network>> all;
    all.emplace_back("mnasnet_a1", mnasnet_a1(33, 5));
    all.emplace_back("mobilenet_v3_large", mobilenet_v3_large(33, 5));
    all.emplace_back("mobilenet_v3_small", mobilenet_v3_small(33, 5));
    all.emplace_back("efficientnet_b0", efficientnet_b0(33, 5));
    all.emplace_back("efficientnet_lite0", efficientnet_lite(0, 33, 5));
    all.emplace_back("resnet18", resnet18(33, 5));
    all.emplace_back("resnet50", resnet50(33, 5));
    all.emplace_back("shufflenet_v2", shufflenet_v2(0.5, 33, 5));
    return all;
  }();
  for (const auto& [name, network] : networks) {
    CAPTURE(name);
    RandomSource random(7);
    Array x = Array::from_shape({2, 33, 33, 3});
    for (float& v : x) v = random.uniform(-1, 1);
    const Array y = run(network, x);
    CHECK(y.shape(1) == 5);
    CHECK(std::all_of(y.begin(), y.end(), [](float v) { return std::isfinite(v); }));
    CHECK(y(0, 0) != y(1, 0));

    const Network folded = fuse_clips(fold_batch_norm(network));
    const auto pictures = [&](std::span<const std::size_t>) { return x; };
    const std::vector<Range<float>> ranges = calibrate(folded, pictures, 2, MinMaxObserver<float>());
    for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
      QuantizationOptions options;
      options.scheme = scheme;
      const QuantizedNetwork q = quantize(folded, ranges, options);
      CHECK(!verify(q, x));
    }
  }
}

TEST_CASE("models: squeeze-and-excitation, shuffled channels, residual blocks", "[net]") {
  const Network v3 = mobilenet_v3_small();
  CHECK(count<Mul>(v3) == 9);
  CHECK(count<HardSwish>(v3) == 19);
  CHECK(named(v3, "block4.se.gate").op.get<HardSigmoid>().beta == 0.5F);
  CHECK(named(v3, "block4.se.reduce").extent == Extents{1, 1, 24});
  CHECK(named(v3, "block4.se.scale").extent == Extents{14, 14, 96});
  CHECK(named(v3, "block1.depthwise").op.get<DepthwiseConv2d>().weight.shape(2) == 16);  // not expanded
  CHECK(count<Conv2d>(resnet50()) == 53);
  CHECK(count<Add>(resnet50()) == 16);
  const Network shuffle = shufflenet_v2();
  CHECK(count<Gather>(shuffle) == 16);
  CHECK(named(shuffle, "unit2.shuffle").op.get<Gather>().indices[3] == 59);  // the right half's second
  CHECK(named(shuffle, "unit16.concat").extent == Extents{7, 7, 464});
  CHECK_THROWS_AS(shufflenet_v2(0.75), value_error);
  CHECK_THROWS_AS(efficientnet_lite(5), value_error);
  CHECK(efficientnet_lite(2)[0].extent == Extents{260, 260, 3});
}

TEST_CASE("models: extents, layers and padding", "[net]") {
  const Network v1 = mobilenet_v1(), v2 = mobilenet_v2(), mnas = mnasnet();
  for (const Network* network : {&v1, &v2, &mnas}) {
    CHECK((*network)[network->input()].extent == Extents{224, 224, 3});
    CHECK((*network)[network->output()].extent == Extents{1000});
    const NodeId pooled = (*network)[network->output()].inputs[0];
    CHECK((*network)[(*network)[pooled].inputs[0]].extent == Extents{1, 1, network == &v1 ? 1024U : 1280U});
  }
  CHECK(count<Conv2d>(v1) == 14);
  CHECK(count<DepthwiseConv2d>(v1) == 13);
  CHECK(count<Conv2d>(v2) == 35);
  CHECK(count<DepthwiseConv2d>(v2) == 17);
  CHECK(count<Add>(v2) == 10);
  CHECK(count<DepthwiseConv2d>(mnas) == 17);
  CHECK(count<Add>(mnas) == 10);

  CHECK(named(v2, "head").extent == Extents{7, 7, 1280});
  CHECK(named(v2, "stem").op.get<Conv2d>().window.padding == Padding{0, 0, 1, 1});
  const auto& wide = named(mnas, "block5.depthwise").op.get<DepthwiseConv2d>();
  CHECK(wide.weight.shape(0) == 5);
  CHECK(wide.window.padding == Padding{1, 1, 2, 2});
  CHECK(named(mnas, "block5.depthwise").extent == Extents{28, 28, 72});
  CHECK(named(v2, "stem.clip").op.get<Clip>() == relu6);
  CHECK(named(mnas, "stem.clip").op.get<Clip>() == relu);
}

TEST_CASE("models: other resolutions and class counts", "[net]") {
  CHECK(named(mobilenet_v2(0.5, 96, 10), "head").extent == Extents{3, 3, 1280});
  CHECK(mobilenet_v2(1.4, 224, 7)[mobilenet_v2(1.4, 224, 7).output()].extent == Extents{7});
  CHECK(named(mobilenet_v1(0.25, 97), "stem").extent == Extents{49, 49, 8});
  const Network small = small_mobilenet();
  CHECK(named(small, "head").extent == Extents{4, 4, 96});
  CHECK(small.parameter_count() == 35146);
  CHECK(small.macs() / 1e6 == Approx(1.1).margin(0.05));
  CHECK_THROWS_AS(mobilenet_v2(0.0), value_error);
  CHECK_THROWS_AS(mobilenet_v2(std::nan("")), value_error);
  CHECK_THROWS_AS(mnasnet(1.0, 0), value_error);
  CHECK_THROWS_AS(mobilenet_v1(1.0, 224, 0), value_error);
}

TEST_CASE("models: weights depend on the seed alone and have He's variance", "[net]") {
  const auto weight = [](std::uint64_t seed) {
    return named(mobilenet_v2(1.0, 32, 10, seed), "head").op.get<Conv2d>().weight;  // 1280 x 320
  };
  const auto a = weight(1), b = weight(1), c = weight(2);
  CHECK(a == b);
  CHECK(a != c);
  double sum = 0, squares = 0;
  for (const float w : a) {
    sum += double(w);
    squares += double(w) * double(w);
  }
  const double n = static_cast<double>(a.size());
  CHECK(squares / n == Approx(2.0 / 320).epsilon(0.01));
  CHECK(std::abs(sum / n) < 5 * std::sqrt(2.0 / 320 / n));
}
