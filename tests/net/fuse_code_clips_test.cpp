#include <catch.hpp>
#include <quantized_small_network.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <trimtab/net/execute/verify.hpp>
#include <trimtab/net/quantize/fuse_code_clips.hpp>

using namespace trimtab;

namespace {

/// x, a Clip of its codes to 1 .. 255, a table, a Clip of its codes to 100 .. 200; `read_twice`: the table is an output as well.
LoweredNetwork clipped_table(bool read_twice) {
  const Affine<float> bytes{0.5F, 128, unsigned_codes()};
  const auto within = [&](std::int32_t lo, std::int32_t hi) { return Affine<float>{0.5F, 128, {lo, hi}}; };
  LookupTable same;
  for (int b = 0; b < 256; ++b) same.codes.push_back(static_cast<std::uint8_t>(b));
  LoweredNetwork n;
  n.nodes.push_back({"x", Input{{4}}, std::nullopt, {}, {4}, bytes});
  n.nodes.push_back({"above", Clip{}, std::nullopt, {{0, 0.5F, 128}}, {4}, within(1, 255)});
  n.nodes.push_back({"table", same, std::nullopt, {{1, 0.5F, 128}}, {4}, bytes});
  n.nodes.push_back({"middle", Clip{}, std::nullopt, {{2, 0.5F, 128}}, {4}, within(100, 200)});
  n.inputs = {0};
  n.outputs = read_twice ? std::vector<NodeId>{2, 3} : std::vector<NodeId>{3};
  n.output_grids.assign(n.outputs.size(), bytes);
  return n;
}

const Array row = [] {
  Array a = Array::from_shape({1, 4});
  a(0, 0) = -100, a(0, 1) = 0, a(0, 2) = 1, a(0, 3) = 100;
  return a;
}();

using Row = std::vector<float>;
std::vector<Row> outputs(const LoweredNetwork& n) {
  Int8Network::Workspace workspace;
  std::vector<Row> rows;
  for (const Array& y : Int8Network(n).run_outputs(row, workspace)) rows.emplace_back(y.begin(), y.end());
  return rows;
}

}  // namespace

TEST_CASE("fuse_code_clips: a Clip goes into the node that it alone reads, and the codes stay", "[net]") {
  const LoweredNetwork once = clipped_table(false), fused = fuse_code_clips(once);
  REQUIRE(fused.nodes.size() == 3);
  CHECK(fused.nodes[2].name == "table");
  CHECK(fused.nodes[2].grid.codes == CodeRange{100, 200});
  CHECK(fused.outputs == std::vector<NodeId>{2});
  CHECK(outputs(fused) == outputs(once));
  CHECK(outputs(once)[0] == Row{-14, 0, 1, 36});

  const LoweredNetwork twice = clipped_table(true);
  CHECK(fuse_code_clips(twice).nodes.size() == 4);
  CHECK(outputs(fuse_code_clips(twice)) == outputs(twice));
  CHECK(outputs(twice)[0] == Row{-63.5F, 0, 1, 63.5F});
}

TEST_CASE("Int8Network: a Clip that alone reads an input leaves its work to the quantization of the input", "[net]") {
  const LoweredNetwork n = clipped_table(false);
  Int8Network::Workspace workspace;
  std::vector<std::span<const std::uint8_t>> bytes;
  Int8Network(n).run_nodes(row, workspace, [&](NodeId, const Int8Network::Output& out) { bytes.push_back(out.bytes); });
  REQUIRE(bytes.size() == 4);
  CHECK(bytes[0].data() == bytes[1].data());  // nothing is computed
  CHECK(bytes[2].data() != bytes[1].data());
}

TEST_CASE("verify: a network whose input goes into a ReLU has equal codes at every node, the input too", "[net]") {
  std::mt19937 random(1);
  Network n;
  const NodeId x = n.add(Input{{4, 4, 3}}, {}, "x"), positive = n.add(relu, {x}, "relu");
  n.add(Conv2d{test::random_tensor<4>({4, 3, 3, 3}, random), test::random_tensor<1>({4}, random), {}}, {positive}, "conv");
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
    const QuantizedNetwork q = test::quantized(n, {WeightMode::vector, scheme});
    CHECK_FALSE(verify(q, test::random_pictures(n, 2, 5)));
  }
}
