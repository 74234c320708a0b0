#include <catch.hpp>
#include <drawn_pictures.hpp>
#include <quantized_small_network.hpp>
#include <trimtab/net/choose_bits.hpp>

using namespace trimtab;

namespace {

Recipe rounded() {
  Recipe r = fast_recipe(WeightMode::vector);
  r.learn_rounding = true;
  return r;
}

BitsChoice choose(const Network& n, const SizeBudget& budget, const QuantizationOptions& o = {}) {
  return choose_bits(rounded(), n, test::DrawnPictures{&n}, 16, o, budget);
}

int bits_of(const BitsChoice& choice, const std::string& layer) {
  for (const LayerBits& one : choice.bits_of)
    if (one.layer == layer) return one.weights.value();
  FAIL("no layer " << layer);
  return 0;
}

}  // namespace

TEST_CASE("size_curve: the least error lost for each byte saved moves first; worked by hand", "[net]") {
  // a saves 100 bytes for 1 (0.01 a byte), then 50 for 9 (0.18). b would save 10 for 5 (0.5), but 100 for 6 (0.06): it goes there
  // at once.
  const std::vector<LayerTrials> layers{{"a", {{8, 200, 0}, {4, 100, 1}, {2, 50, 10}}},
                                        {"b", {{8, 160, 2}, {6, 150, 7}, {3, 60, 8}}}};
  const std::vector<SizeStep> curve = size_curve(layers);
  REQUIRE(curve.size() == 4);
  const std::vector<std::vector<std::size_t>> trials{{0, 0}, {1, 0}, {1, 2}, {2, 2}};
  const std::vector<std::size_t> bytes{360, 260, 160, 110};
  const std::vector<double> errors{2, 3, 9, 18};
  for (std::size_t i = 0; i < curve.size(); ++i) {
    CAPTURE(i);
    CHECK(curve[i].trial == trials[i]);
    CHECK(curve[i].bytes == bytes[i]);
    CHECK(curve[i].rmse * curve[i].rmse == Approx(errors[i]));
  }
}

TEST_CASE("packed_bytes: codes to whole bytes, and 4 for each scale and each bias", "[net]") {
  const Network n = test::small_network();
  const QuantizedNetwork q = test::quantized(n, {.weight_bits = 3});
  std::size_t bytes = 0;
  for (NodeId id = 0; id < n.size(); ++id)
    if (const WeightedLayer* layer = n[id].op->weighted(); layer != nullptr)
      bytes += (3 * layer->weight().size() + 7) / 8 + 8 * layer->output_channels();
  CHECK(packed_bytes(q) == bytes);
  CHECK(packed_bytes(test::quantized(n, {.weights = WeightMode::scalar, .weight_bits = 3})) < bytes);
}

TEST_CASE("choose_bits: within the budget, and nearer to float than the same bits for all", "[net]") {
  const Network n = test::small_network();
  const BitsChoice half = choose(n, {70});
  const SizeStep& taken = half.curve.at(half.taken);
  CHECK(double(taken.bytes) <= 0.7 * double(half.curve.front().bytes));
  CHECK(double(half.curve.at(half.taken - 1).bytes) > 0.7 * double(half.curve.front().bytes));
  CHECK(half.bits_of.size() == 6);
  QuantizationOptions o;
  o.bits_of = half.bits_of;
  CHECK(packed_bytes(test::quantized(n, o)) == taken.bytes);
  for (std::size_t i = 1; i < half.curve.size(); ++i) CHECK(half.curve[i].bytes < half.curve[i - 1].bytes);
  // Every layer at 8 bits costs less than at 3.
  for (const LayerTrials& layer : half.layers) {
    CAPTURE(layer.layer);
    CHECK(layer.trials.size() == bits_to_try.size());
    CHECK(layer.trials.front().error < layer.trials.back().error);
  }
  CHECK(choose(n, {double(taken.bytes), false}).taken == half.taken);
}

TEST_CASE("choose_bits: layers that have bits already keep them", "[net]") {
  const Network n = test::small_network();
  QuantizationOptions o;
  o.bits_of = {{"first", 7}, {"side", 3}};
  const BitsChoice choice = choose(n, {80}, o);
  CHECK(bits_of(choice, "stem") == 7);
  CHECK(bits_of(choice, "side") == 3);
}

TEST_CASE("choose_bits: refuses what it cannot do", "[net]") {
  Network n = test::small_network();
  CHECK_THROWS_WITH(choose(n, {10}), ContainsSubstring("choose_bits: at the fewest bits that are tried the weights take"));
  CHECK_THROWS_WITH(choose(n, {0}), "choose_bits: a budget of 0");
  CHECK_THROWS_WITH(choose_bits(rounded(), n, test::DrawnPictures{&n}, 7, {}, {}), "choose_bits: 7 pictures, expected 8 or more");
  n[2].name = "stem";
  CHECK_THROWS_WITH(choose(n, {50}), "choose_bits: stem is not the name of one layer alone; rename it");
}
