#include <catch.hpp>
#include <trimtab/net/models/mobilenets.hpp>

using namespace trimtab;

namespace {

template <class Layer>
std::size_t count(const Network& network) {
  std::size_t found = 0;
  for (const Node& node : network.nodes()) found += node.op.is<Layer>() ? 1U : 0U;
  return found;
}

const Node& named(const Network& network, const std::string& name) {
  for (const Node& node : network.nodes())
    if (node.name == name) return node;
  throw value_error("no node " + name);
}

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
  // Keras' summaries (trainable part) for v1; torchvision's for v2 and MNasNet.
  CHECK(mobilenet_v1().parameter_count() == 4231976);
  CHECK(mobilenet_v1(0.75).parameter_count() == 2585560);
  CHECK(mobilenet_v2().parameter_count() == 3504872);
  CHECK(mnasnet(1.0).parameter_count() == 4383312);
  CHECK(mnasnet(1.3).parameter_count() == 6282256);
}

TEST_CASE("models: multiply-accumulates are the published numbers", "[net]") {
  CHECK(mobilenet_v1().macs() / 1e6 == Approx(569).margin(1));
  CHECK(mobilenet_v2().macs() / 1e6 == Approx(300.8).margin(0.5));
  CHECK(mnasnet(1.0).macs() / 1e6 == Approx(314.4).margin(0.5));
  CHECK(mnasnet(1.3).macs() / 1e6 == Approx(526).margin(5));
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
