#include <catch.hpp>
#include <drawn_pictures.hpp>
#include <largest_difference.hpp>
#include <node_named.hpp>
#include <string>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/models/mobilenets.hpp>
#include <trimtab/net/passes/fold.hpp>
#include <trimtab/net/passes/rescale.hpp>

using namespace trimtab;
using Catch::Matchers::WithinRel;
using test::random_tensor;

namespace {

/// Seeded pictures of a network's own extent, the same ones for the same indices.
/// small_mobilenet with batch norms of every size, so that channels differ and many reach 6.
Network uneven_mobilenet() {
  Network n = small_mobilenet();
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  for (NodeId id = 0; id < n.size(); ++id)
    if (BatchNorm* bn = n[id].op.get_if<BatchNorm>())
      for (std::size_t c = 0; c < bn->gamma.size(); ++c) {
        bn->gamma(c) = 0.8F * std::exp2(2.0F * uniform(random));
        bn->beta(c) = 2.0F * uniform(random);
        bn->variance(c) = std::exp2(4.0F * uniform(random));
      }
  return fuse_clips(fold_batch_norm(n));
}

std::string reason(const std::vector<LeftAlone>& list, const std::string& name) {
  for (const LeftAlone& l : list)
    if (l.name == name) return l.reason;
  return "";
}

}  // namespace

TEST_CASE("channel_maxima: the largest output before the clip, whatever the batches", "[net]") {
  const Network n = test::small_network();
  const ChannelMaxima maxima = channel_maxima(n, test::DrawnPictures{&n}, 11);
  REQUIRE(maxima.size() == n.size());
  const NodeId stem = test::node_named(n, "stem");
  Network open = n;
  open[stem].clip = no_clip;
  std::vector<float> wanted(8, 0.0F);
  for (std::size_t i = 0; i < 11; ++i)
    run(open, test::DrawnPictures{&n}(std::vector<std::size_t>{i}), [&](NodeId id, const Array& y) {
      if (id == stem)
        for (std::size_t at = 0; at < y.size(); ++at) wanted[at % 8] = std::max(wanted[at % 8], y.data()[at]);
    });
  CHECK(maxima[stem] == wanted);
  CHECK(maxima[test::node_named(n, "logits")].size() == 5);
  CHECK(maxima[test::node_named(n, "sum")].empty());
  CHECK_THROWS_AS(channel_maxima(n, test::DrawnPictures{&n}, 0), value_error);
}

TEST_CASE("channel_pairs: finds the pairs, and says why others are none", "[net]") {
  const Network n = test::small_network();
  const ChannelPairs found = channel_pairs(n);
  REQUIRE(found.pairs.size() == 2);
  CHECK(found.pairs[0].producer == test::node_named(n, "dw"));
  CHECK(found.pairs[0].consumer == test::node_named(n, "project"));
  CHECK(found.pairs[0].activation == relu6);
  CHECK(found.pairs[1].producer == test::node_named(n, "grouped"));  // through pool and flatten
  CHECK(found.pairs[1].consumer == test::node_named(n, "logits"));
  CHECK(found.pairs[1].activation == relu);
  CHECK(found.left_alone.size() == 4);
  CHECK(reason(found.left_alone, "stem") == "2 nodes read stem");
  CHECK(reason(found.left_alone, "project") == "sum (Add) reads it");
  CHECK(reason(found.left_alone, "side") == "sum (Add) reads it");
  CHECK(reason(found.left_alone, "logits") == "logits is the network's output");
}

TEST_CASE("channel_pairs: clips at other values than 0, groups, and clips in nodes of their own", "[net]") {
  std::mt19937 random(1);
  const auto conv = [&] { return Conv2d{random_tensor<4>({4, 1, 1, 4}, random), random_tensor<1>({4}, random), {}, 1}; };
  Network n;
  NodeId x = n.add(Input{{5, 5, 4}}, {});
  x = n.add(conv(), {x}, "a", Clip{-1.0F, 1.0F});
  x = n.add(conv(), {x}, "b", Clip{-2.0F, 0.0F});
  x = n.add(conv(), {x}, "c");
  x = n.add(Conv2d{random_tensor<4>({4, 1, 1, 2}, random), random_tensor<1>({4}, random), {}, 2}, {x}, "d", Clip{0.0F, 4.0F});
  x = n.add(MaxPool{2, 2, {}}, {x}, "pool", Clip{no_clip.lo, 3.0F});
  x = n.add(relu6, {x});
  x = n.add(conv(), {x}, "e");
  const ChannelPairs found = channel_pairs(n);
  REQUIRE(found.pairs.size() == 1);
  CHECK(found.pairs[0].producer == test::node_named(n, "d"));
  CHECK(found.pairs[0].activation == Clip{0.0F, 3.0F});
  CHECK(reason(found.left_alone, "a") == "the activation of a clips at -1, not at 0");
  CHECK(reason(found.left_alone, "b") == "the activation of b clips at -2, not at 0");
  CHECK(reason(found.left_alone, "c") == "d is a convolution in 2 groups");
}

TEST_CASE("rescale_dws and equalize on a network: the same function on the calibration pictures", "[net]") {
  const bool equalizing = GENERATE(false, true);
  CAPTURE(equalizing);
  Network n = uneven_mobilenet();
  const Network before = n;
  const test::DrawnPictures pictures{&before};
  constexpr std::size_t count = 16;
  ChannelMaxima maxima = channel_maxima(n, pictures, count);
  RescalePassOptions o;
  o.conv_to_conv = true;
  o.rounds = 2;
  const NetworkRescaling r = equalizing ? equalize(n, maxima, o) : rescale_dws(n, maxima, o);

  std::size_t locked = 0, moved = 0;
  for (const RescaledPair& pair : r.pairs) {
    locked += pair.rescaling.locked.size();
    for (const double f : pair.rescaling.factors) moved += std::size_t{std::abs(f - 1) > 0.1};
    CHECK(pair.rescaling.largest_change < 1e-4);
  }
  CHECK(locked > 20);
  CHECK(moved > 100);
  const std::vector<std::size_t> indices = detail::first_indices(count);
  const Array y = run(before, pictures(indices));
  CHECK(test::largest_difference(y, run(n, pictures(indices))) < 2e-5 * double(xt::amax(xt::abs(y))()));

  // The maxima went along with the weights.
  const ChannelMaxima again = channel_maxima(n, pictures, count);
  for (const RescaledPair& pair : r.pairs)
    for (std::size_t k = 0; k < again[pair.producer].size(); ++k)
      CHECK(std::abs(again[pair.producer][k] - maxima[pair.producer][k]) < 1e-3F * (1.0F + maxima[pair.producer][k]));
}

TEST_CASE("rescale_dws on a network: the reported thresholds and factors are the weights'", "[net]") {
  Network n = uneven_mobilenet();
  const Network before = n;
  ChannelMaxima maxima = channel_maxima(n, test::DrawnPictures{&before}, 4);
  const NetworkRescaling r = rescale_dws(n, maxima);
  const NodeId dw = test::node_named(n, "block2.depthwise"), expand = test::node_named(n, "block2.expand");
  bool seen = false;
  for (const RescaledPair& pair : r.pairs)
    if (pair.producer == dw) {
      seen = true;
      CHECK(n[pair.consumer].name == "block2.project");
      CHECK(channel_thresholds(n[dw].op.get<DepthwiseConv2d>().weight, 2) == pair.rescaling.thresholds_after);
      const auto& old_bias = before[dw].op.get<DepthwiseConv2d>().bias;
      const auto& new_bias = n[dw].op.get<DepthwiseConv2d>().bias;
      for (std::size_t k = 0; k < old_bias.size(); ++k)
        CHECK_THAT(double(new_bias(k)), WithinRel(double(old_bias(k)) * pair.rescaling.factors[k], 1e-6));
    }
  CHECK(seen);
  const auto& expand_before = before[expand].op.get<Conv2d>().weight;
  CHECK((n[expand].op.get<Conv2d>().weight == expand_before));  // not the paper's pair
  RescalePassOptions all;
  all.conv_to_depthwise = true;
  rescale_dws(n, maxima, all);
  CHECK((n[expand].op.get<Conv2d>().weight != expand_before));
}

TEST_CASE("rescale_dws on a network: kinds of pairs that are switched off stay", "[net]") {
  Network n = uneven_mobilenet();
  const Network before = n;
  ChannelMaxima maxima = channel_maxima(n, test::DrawnPictures{&before}, 2);
  RescalePassOptions o;
  o.depthwise_to_conv = o.conv_to_depthwise = false;
  const NetworkRescaling r = rescale_dws(n, maxima, o);
  CHECK(r.pairs.empty());
  CHECK(reason(r.left_alone, "block2.expand") == "pairs of Conv2d and DepthwiseConv2d are switched off");
  CHECK(reason(r.left_alone, "head") == "pairs of Conv2d and Linear are switched off");
  CHECK((n[test::node_named(n, "head")].op.get<Conv2d>().weight == before[test::node_named(n, "head")].op.get<Conv2d>().weight));
  maxima.pop_back();
  CHECK_THROWS_AS(rescale_dws(n, maxima, o), value_error);
}

TEST_CASE("equalize on a network: Flatten of pictures larger than a pixel keeps channels apart", "[net]") {
  std::mt19937 random(2);
  Network n;
  NodeId x = n.add(Input{{3, 2, 3}}, {});
  x = n.add(Conv2d{random_tensor<4>({4, 1, 1, 3}, random), random_tensor<1>({4}, random), {}}, {x}, "conv", relu);
  for (std::size_t k = 0; k < 4; ++k) n[x].op.get<Conv2d>().weight(k, 0, 0, 1) = std::exp2(float(4 * k));
  x = n.add(Flatten{}, {x});
  n.add(Linear{random_tensor<2>({2, 24}, random), random_tensor<1>({2}, random)}, {x}, "logits");
  const Network before = n;
  ChannelMaxima maxima(n.size());
  RescalePassOptions o;
  o.conv_to_conv = true;
  const NetworkRescaling r = equalize(n, maxima, o);
  REQUIRE(r.pairs.size() == 1);
  CHECK(r.pairs[0].rescaling.factors[3] < 0.1);
  const Array in = test::random_pictures(n, 3, 5), y = run(before, in);
  CHECK(test::largest_difference(y, run(n, in)) < 1e-5 * double(xt::amax(xt::abs(y))()));
}
