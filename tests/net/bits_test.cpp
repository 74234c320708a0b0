// Bits of each layer's weights and activations.
#include <algorithm>
#include <bit>
#include <catch.hpp>
#include <map>
#include <node_named.hpp>
#include <quantized_small_network.hpp>
#include <string>
#include <trimtab/net/execute/verify.hpp>

using namespace trimtab;

namespace {

using Bits = std::map<std::string, int>;

int bits_of(CodeRange codes) { return static_cast<int>(std::bit_width(static_cast<unsigned>(codes.qmax - codes.qmin))); }

/// By name, of every layer with weights, and of every node with a grid of its own.
std::pair<Bits, Bits> bits(const QuantizationOptions& o) {
  const QuantizedNetwork q = test::quantized(test::small_network(), o);
  Bits weights, outputs;
  for (NodeId id = 0; id < q.network.size(); ++id) {
    if (q.weight[id]) weights[q.network[id].name] = bits_of(q.weight[id]->grid(0).codes);
    if (q.output[id]) outputs[q.network[id].name] = bits_of(q.output[id]->grid(0).codes);
  }
  return {weights, outputs};
}

}  // namespace

TEST_CASE("quantize: bits are a choice a layer, by name, by operator and by three rules; the last that fits counts", "[net]") {
  QuantizationOptions o;
  o.weight_bits = 4;
  o.bits_of = {{"first", 8}, {"last", 8, 7}, {"depthwise", 6}};
  const auto [weights, outputs] = bits(o);
  CHECK(weights == Bits{{"stem", 8}, {"dw", 6}, {"project", 4}, {"side", 4}, {"grouped", 4}, {"logits", 8}});
  CHECK(outputs.at("logits") == 7);
  CHECK(outputs.at("stem") == 8);
  o.bits_of = {{"Conv2d", 2, 3}, {"side", {}, 5}, {"Concat", {}, 6}};
  const auto [other, codes] = bits(o);
  CHECK(other == Bits{{"stem", 2}, {"dw", 4}, {"project", 2}, {"side", 2}, {"grouped", 2}, {"logits", 4}});
  for (const auto& [name, of_node] : codes) {
    CAPTURE(name);
    CHECK(of_node == (name == "side" ? 5 : name == "concat" ? 6 : other.contains(name) && other.at(name) == 2 ? 3 : 8));
  }
  o.keep_float = {"stem"};
  o.bits_of = {{"first", 7}};
  CHECK(bits(o).first.at("dw") == 7);  // the first on codes
}

TEST_CASE("quantize: with bits a layer, codes lie in their ranges, and training and deployment have the same", "[net]") {
  const Network n = test::small_network();
  const Array x = test::random_pictures(n, 4, 11);
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric, Scheme::power_of_two, Scheme::learned})
    for (const Requantizer requantizer : {Requantizer::float32, Requantizer::fixed_point})
      for (int bits = 2; bits <= 8; ++bits) {
        CAPTURE(int(scheme), int(requantizer), bits);
        QuantizationOptions o{.scheme = scheme, .weight_bits = 4, .requantizer = requantizer};
        o.bits_of = {{"first", 8, bits}, {"dw", bits, 8}, {"sum", {}, 10 - bits}, {"logits", 8}};
        QuantizedNetwork q = test::quantized(n, o);
        test::scramble_factors(q, 9);
        CHECK_FALSE(verify(q, x).has_value());
        const LoweredNetwork lowered = lower(q);
        const auto most = [&](const std::string& name) {
          const LoweredNode& node = lowered.nodes[test::node_named(n, name)];
          const auto [least, largest] = std::minmax_element(node.layer->codes.begin(), node.layer->codes.end());
          return bits_of({*least, *largest});
        };
        // Weights reach the ends of their range, but on grids that training may widen.
        const bool fills = scheme == Scheme::symmetric || scheme == Scheme::asymmetric;
        for (const auto& [name, own] : Bits{{"dw", bits}, {"side", 4}, {"stem", 8}}) {
          CAPTURE(name, most(name));
          CHECK((fills ? most(name) == own : most(name) <= own));
        }
        FakeQuantExecutor trained(q);
        trained.forward(x);
        for (NodeId id = 0; id < n.size(); ++id) {
          const CodeRange codes = byte_grid(q, id).codes;
          CAPTURE(n[id].name);
          for (const std::uint8_t byte : trained.bytes(id)) REQUIRE((byte >= codes.qmin && byte <= codes.qmax));
          if (q.output[id] && n[id].name == "stem") CHECK(bits_of(codes) <= bits);
        }
      }
}

TEST_CASE("quantize: bits that nobody has, that change nothing or that do not exist are refused", "[net]") {
  const auto refused = [](LayerBits one, const char* why) {
    QuantizationOptions o;
    o.bits_of = {std::move(one)};
    CHECK_THROWS_AS(bits(o), value_error);
    CHECK_THROWS_WITH(bits(o), ContainsSubstring(why));
  };
  refused({"nobody", 4},
          "quantize: bits_of: nobody: no node, no operator and no depthwise layer is called so; the operators are");
  refused({"stem", 9}, "quantize: bits_of: stem: codes have 2 to 8 bits, not 9");
  refused({"stem", {}, 1}, "quantize: bits_of: stem: codes have 2 to 8 bits, not 1");
  refused({"stem"}, "quantize: bits_of: stem: neither bits of weights nor of activations");
  refused({"sum", 4}, "quantize: bits_of: sum has no weights on codes");
  refused({"max", {}, 4}, "quantize: bits_of: max puts out codes on the grid of sum; give that one bits");
  refused({"average", {}, 4}, "quantize: bits_of: average puts out codes on the grid of concat; give that one bits");
  QuantizationOptions o;
  o.keep_float = {"stem"};
  o.bits_of = {{"stem", 4}};
  CHECK_THROWS_WITH(bits(o), "quantize: bits_of: stem has no weights on codes");
  Network n = test::small_network();
  n[test::node_named(n, "side")].name = "last";
  CHECK_THROWS_WITH(test::quantized(n, {.bits_of = {{"last", 8}}}),
                    "quantize: bits_of: last is a rule and the name of a node; rename the node");
}
