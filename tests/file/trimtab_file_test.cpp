#include <bit>
#include <catch.hpp>
#include <every_operator.hpp>
#include <map>
#include <quantized_small_network.hpp>
#include <string>
#include <string_view>
#include <trimtab/io/self_check.hpp>
#include <trimtab/io/trimtab/read.hpp>
#include <trimtab/io/trimtab/write.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <trimtab/net/passes/fold.hpp>

using namespace trimtab;

namespace {

// A file of version 1 that was made from docs/file.md alone: x with two numbers, then fc, which is 7 + 3 a - 5 b, times 1/2, in
// fixed point.
constexpr std::string_view version_1 =
    "7472696d746162000100000085e4b9354406000000000000b004000000000000030b00000072657175616e74697a65720b00000066697865645f"
    "706f696e74010b000000636f64655f6f726967696e01000000800000000000000006050000006e6f6465730200000003040000006e616d650100"
    "0000780606000000696e70757473000000000106000000657874656e7401000000020000000000000003080000006f70657261746f7205000000"
    "496e707574050a000000706172616d65746572730106000000657874656e74010000000200000000000000000108000000696e5f666c6f617401"
    "0000000000000000000000010b000000686f6c64735f636f64657301000000010000000000000005040000006772696402050000007363616c65"
    "010000000000003f010a0000007a65726f5f706f696e7401000000800000000000000001050000006c6561737401000000000000000000000001"
    "040000006d6f737401000000ff00000000000000000003040000006e616d650200000066630606000000696e707574730100000001040000006e"
    "6f646501000000000000000000000002050000007363616c65010000000000003f010a0000007a65726f5f706f696e7401000000800000000000"
    "0000000106000000657874656e7401000000010000000000000003080000006f70657261746f72060000004c696e656172050a00000070617261"
    "6d6574657273000108000000696e5f666c6f6174010000000000000000000000010b000000686f6c64735f636f64657301000000010000000000"
    "000005040000006772696402050000007363616c65010000000000803e010a0000007a65726f5f706f696e74010000000a000000000000000105"
    "0000006c65617374010000000a0000000000000001040000006d6f737401000000fa000000000000000005050000006c61796572040600000077"
    "6569676874010201000000000000000200000000000000000000000000000004110000007765696768745f7a65726f5f706f696e740301000000"
    "00000000004000000000000000040c0000007765696768745f7363616c6504010100000000000000400000000000000004040000006269617303"
    "0101000000000000008000000000000000040a0000006d756c7469706c69657204010100000000000000c00000000000000004080000006d616e"
    "746973736103010100000000000000000100000000000004080000006578706f6e656e7403010100000000000000400100000000000003080000"
    "00726f756e64696e67040000006f6e636500000606000000696e707574730100000003040000006e616d65010000007801050000006f72646572"
    "02000000000000000000000001000000000000000006070000006f7574707574730100000001040000006e6f6465010000000100000000000000"
    "03040000006e616d65010000007901050000006f72646572020000000000000000000000010000000000000002050000007363616c6501000000"
    "0000803e010a0000007a65726f5f706f696e74010000000a0000000000000001050000006c65617374010000000a000000000000000104000000"
    "6d6f737401000000fa000000000000000006080000006d657461646174610100000003030000006b657906000000617574686f72030500000076"
    "616c7565040000007061676500000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "0000000003fb00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000803e0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000070000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000003f0000000000000000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000000000000000000000400000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000000000000000000";

/// The bytes of pairs of hexadecimal digits.
std::string bytes_of(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
  return bytes;
}

/// Every node's codes and reals.
std::vector<std::vector<float>> values_of(const LoweredNetwork& n, const Array& x) {
  std::vector<std::vector<float>> all;
  Int8Network::Workspace workspace;
  Int8Network(n).run_outputs(x, workspace, [&](NodeId, const Int8Network::Output& y) {
    all.emplace_back(y.bytes.begin(), y.bytes.end());
    all.back().insert(all.back().end(), y.reals.begin(), y.reals.end());
  });
  return all;
}

/// Reads what is written: the same values, and the same file when it is written again.
LoweredNetwork read_back(const LoweredNetwork& n, const Array& x) {
  const std::string file = serialize_trimtab(trimtab_model(n));
  TrimtabModel read = parse_trimtab(file);
  CHECK(serialize_trimtab(read) == file);
  REQUIRE(read.network.nodes.size() == n.nodes.size());
  const auto before = values_of(n, x), after = values_of(read.network, x);
  for (NodeId id = 0; id < n.nodes.size(); ++id) {
    CAPTURE(n.nodes[id].name, operator_name(n.nodes[id].op));
    CHECK(after[id].size() == before[id].size());
    CHECK(std::equal(after[id].begin(), after[id].end(), before[id].begin(), before[id].end(),
                     [](float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }));
  }
  return std::move(read.network);
}

}  // namespace

TEST_CASE("a .trimtab file of every operator gives the same codes and reals, node by node, and is written again the same",
          "[file]") {
  const Network n = fuse_clips(fold_batch_norm(test::every_operator()));
  const Array x = test::random_pictures(n, 2, 5);
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
    read_back(lower(test::quantized(n, {.scheme = scheme})), x);
    QuantizationOptions in_float{.scheme = scheme};
    for (const Node& node : n.nodes()) in_float.keep_float.push_back(node.op->name());
    const LoweredNetwork reals = read_back(lower(test::quantized(n, in_float)), x);
    for (const LoweredNode& node : reals.nodes) CHECK((node.in_float || node.op->integers() == IntegerRule::source));
  }
}

TEST_CASE("a .trimtab file of either requantizer, every scheme and number of bits gives the same codes", "[file]") {
  const Network n = test::small_network();
  const Array x = test::random_pictures(n, 3, 9);
  std::vector<QuantizationOptions> modes = test::every_mode();
  for (const Requantizer requantizer : {Requantizer::float32, Requantizer::fixed_point}) {
    QuantizationOptions layers;
    layers.requantizer = requantizer;
    layers.bits_of = {{"Conv2d", 5, 4}, {"first", 8, 6}, {"depthwise", 3}, {"last", 4, 7}};
    modes.push_back(layers);
  }
  for (const QuantizationOptions& options : modes) {
    QuantizedNetwork q = test::quantized(n, options);
    test::scramble_factors(q, 4);
    const LoweredNetwork read = read_back(lower(q), x);
    CHECK(read.requantizer == options.requantizer);
  }
}

TEST_CASE("a .trimtab file of version 1 is read as it ever was, and written as docs/file.md says", "[file]") {
  const std::string bytes = bytes_of(version_1);
  const TrimtabModel model = parse_trimtab(bytes);
  CHECK(model.metadata == std::map<std::string, std::string>{{"author", "page"}});
  CHECK(model.outputs.at(0).name == "y");
  const Array x = xt::xtensor<float, 2>{{1.0F, -0.5F}};  // codes 130 and 127: 7 + 3 * 2 - 5 * -1 = 18
  Int8Network::Workspace workspace;
  CHECK(Int8Network(model.network).run(x, workspace)[0] == 10 + 9);
  CHECK(serialize_trimtab(model) == bytes);
}
