#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <quantized_small_network.hpp>
#include <set>
#include <trimtab/net/passes/fold.hpp>

#include "generated.hpp"

using namespace trimtab;

namespace {

/// Every operator that has a form in C, each as an output, over two inputs of odd extents. `fixed_point`: those that are defined there.
Network written_operators(bool fixed_point) {
  std::mt19937 random(7);
  const auto weights = [&](std::array<std::size_t, 4> shape) { return test::random_tensor<4>(shape, random, 0.4F); };
  const auto bias = [&](std::size_t n) { return test::random_tensor<1>({n}, random); };
  Network n;
  std::vector<NodeId> outputs;
  const auto give = [&](Operator op, std::vector<NodeId> in, Clip clip = no_clip) {
    return outputs.emplace_back(n.add(std::move(op), std::move(in), {}, clip));
  };
  const NodeId in = n.add(Input{{7, 5, 8}}, {}), other = n.add(Input{{5, 8}}, {});
  const NodeId x = n.add(Conv2d{weights({8, 1, 1, 8}), bias(8), {}}, {in}), gate = n.add(Sigmoid{}, {x});
  const NodeId positive = n.add(Conv2d{weights({8, 1, 1, 8}), bias(8), {}}, {in}, {}, relu);
  const NodeId means = give(GlobalAveragePool{}, {x});

  const WindowOptions lopsided{2, 1, {1, 0, 0, 2}, 1, 2};
  give(Conv2d{weights({6, 3, 2, 4}), bias(6), lopsided, 2}, {x}), give(Conv2d{weights({4, 2, 3, 8}), {}, lopsided}, {in}, relu6);
  give(DepthwiseConv2d{test::random_tensor<3>({3, 3, 8}, random, 0.4F), bias(8), lopsided}, {x}, relu);
  give(ConvTranspose2d{weights({4, 3, 2, 4}), bias(4), {2, 3, {1, 0, 1, 0}, 1, 2}, 2, 1, 2}, {x});
  give(Linear{test::random_tensor<2>({5, 8}, random, 0.4F), bias(5)}, {x});

  give(AveragePool{3, 2, lopsided, false}, {x}), give(AveragePool{3, 2, lopsided, true}, {x});
  give(AveragePool{2, 2, {2, 2}, false}, {x}), give(MaxPool{3, 2, lopsided}, {x}), give(MaxPool{2, 2}, {x}, Clip{-0.5F, 0.5F});
  give(Add{}, {x, gate}), give(Add{}, {means, x}), give(Add{}, {x, other}), give(Sub{}, {x, gate}), give(Sub{}, {other, x});
  give(Mul{}, {x, gate}), give(Mul{}, {x, means}, relu);
  Constant mask{xt::ones<float>({7, 5, 1})};
  mask.value(0, 1, 0) = -0.5F;
  const NodeId constant = n.add(std::move(mask), {});
  give(Mul{}, {x, constant});

  give(Clip{-0.5F, 0.25F}, {x}), give(HardSwish{}, {x}), give(PRelu{bias(8)}, {x}), give(Softmax{2}, {x}), give(Softmax{0}, {x});
  give(Concat{0}, {x, gate}), give(Concat{-1}, {x, positive, x}), give(Concat{1}, {gate, x}, relu);

  give(Flatten{}, {x}), give(Reshape{{5, 7, 8}}, {in}), give(Reshape{{8, 35}}, {x}, relu), give(Transpose{{2, 0, 1}}, {x});
  give(Slice{{{1, 3, 1}, {4, 2, -3}, {0, 8, 1}}}, {x}), give(Tile{{1, 2, 1}}, {x}, Clip{-1, 0.5F}),
      give(Expand{{7, 5, 8}}, {means});
  give(Pad{{1, 0, 0}, {0, 2, 0}, PadMode::reflect, 0}, {x}), give(Pad{{1, 0, 2}, {0, 2, 0}, PadMode::constant, 0}, {x});
  give(Pad{{1, 1, 0}, {0, 2, 0}, PadMode::constant, -0.75F}, {x}), give(Gather{2, {7, 0, 3, 3}}, {x});
  give(DepthToSpace{2, DepthOrder::crd}, {x});
  give(SpaceToDepth{2, DepthOrder::dcr}, {n.add(Slice{{{0, 6, 1}, {1, 4, 1}, {0, 8, 1}}}, {x})});
  give(ResizeNearest{{ResizeAxis::to_extent(7, 12), ResizeAxis::to_extent(5, 4), ResizeAxis::to_extent(8, 8)}}, {x});
  give(ReduceMax{{0, 1}}, {x}), give(ReduceMax{{2}, false}, {x}, relu), give(ReduceMin{{1}}, {x});
  give(ReduceMean{{0, 1}}, {x});
  if (!fixed_point) {
    give(ReduceMean{{1, 2}, false}, {x}), give(ReduceSum{{0}}, {x}), give(ReduceSum{{2}}, {positive});
    give(Max{}, {x, gate}), give(Min{}, {x, means});
  }
  outputs.push_back(x), outputs.push_back(x);  // one output twice
  n.set_outputs(std::move(outputs));
  return n;
}

}  // namespace

TEST_CASE("generate: every operator that is listed is in the network that tests all of them", "[source]") {
  std::set<std::string> missing;
  [&]<class... L>(std::tuple<L...>*) { (missing.insert(OperatorRules<L>::name), ...); }(static_cast<SourceOperators*>(nullptr));
  missing.erase("Softmax");  // a SoftmaxTable where it is lowered
  const LoweredNetwork n = test::lowered(written_operators(false), {});
  for (const LoweredNode& node : n.nodes) missing.erase(node.op->name());
  CHECK(missing == std::set<std::string>());
}

TEST_CASE("generate: the codes of every operator are Int8Network's, in every mode, in C and in C++", "[source]") {
  if (!test::has_compilers()) return;
  for (const QuantizationOptions& mode : test::every_mode()) {
    CAPTURE(int(mode.weights), int(mode.scheme), mode.activation_bits, int(mode.requantizer));
    const LoweredNetwork n = test::lowered(written_operators(mode.requantizer == Requantizer::fixed_point), mode);
    test::check_generated(n, 3, {"net", SourceLanguage::c});
    if (mode.weights == WeightMode::vector) test::check_generated(n, 1, {"net", SourceLanguage::cpp});
  }
}

TEST_CASE("generate: a network from input to logits has Int8Network's codes, whatever the optimizer may do", "[source]") {
  if (!test::has_compilers()) return;
  for (const QuantizationOptions& mode : test::every_mode())
    test::check_generated(lower(test::quantized(test::small_network(), mode)), 8, {}, "-O2");
  const LoweredNetwork n = lower(test::quantized(test::small_network(), {}));
  test::check_generated(n, 8, {}, "-O3 -ffast-math");  // there is no floating point
  test::check_generated(n, 2, {}, "-O1 -fsanitize=undefined -fno-sanitize-recover");
}

TEST_CASE("generate: sums become the codes that float32 gives, at ties, at both ends, and for any multiplier", "[source]") {
  if (!test::has_compilers()) return;
  std::mt19937 random(11);
  const auto pick = [&](auto lo, auto hi) { return std::uniform_int_distribution<decltype(lo)>(lo, hi)(random); };
  std::vector<std::pair<std::int32_t, float>> cases{{std::numeric_limits<std::int32_t>::max(), 0x1p-23F}, {0, 1}};
  for (int i = 0; i < 200000; ++i) {
    const std::int32_t acc = pick(std::int32_t{-0x7fffffff}, std::int32_t{0x7fffffff}) >> pick(0, 30);
    const float half = float(pick(-300, 300)) + 0.5F;
    cases.emplace_back(acc, acc == 0 ? 1.0F : std::abs(half / float(acc)));                                   // near ties
    cases.emplace_back(acc, std::bit_cast<float>(pick(std::uint32_t{0x800000}, std::uint32_t{0x7f7fffff})));  // any
  }
  std::string text =
      std::string("#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n") + trimtab::detail::clamp_text +
      trimtab::detail::float32_text +
      "int main(void) {\n  int32_t acc;\n  uint32_t m;\n"
      "  while (fread(&acc, 4, 1, stdin) == 1 && fread(&m, 4, 1, stdin) == 1) putchar(@held(128 + @times(acc, m), 0, 255));\n"
      "  return 0;\n}\n";
  text.erase(std::remove(text.begin(), text.end(), '@'), text.end());
  const ScratchFolder folder;
  folder.write("times.c", text);
  std::string in;
  for (const auto& [acc, m] : cases) {
    const std::uint32_t bits = trimtab::detail::multiplier_bits(m);
    in.append(reinterpret_cast<const char*>(&acc), 4).append(reinterpret_cast<const char*>(&bits), 4);
  }
  folder.write("in", in);
  const std::string at = folder.path().string();
  REQUIRE(test::exit_code(test::c_compiler + " -O1 " + at + "/times.c -o " + at + "/times") == 0);
  REQUIRE(test::exit_code(at + "/times <" + at + "/in >" + at + "/out") == 0);
  const std::string out = folder.read("out");
  REQUIRE(out.size() == cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Requantize expected{std::span(&cases[i].second, 1), 128, 0, 255};
    CAPTURE(cases[i].first, cases[i].second);
    REQUIRE(std::int32_t{static_cast<std::uint8_t>(out[i])} == expected(cases[i].first, 0));
  }
}

TEST_CASE("generate: the self-check fails once a weight is another one", "[source]") {
  if (!test::has_compilers()) return;
  const LoweredNetwork n = lower(test::quantized(test::small_network(), {}));
  const test::GeneratedProgram program(n);
  program.compile();
  CHECK(program.run("").second == 0);
  std::string text = program.source().text;
  const std::size_t at = text.find("{\n    ", text.find("_stem_weight["));
  REQUIRE(at != std::string::npos);
  const std::size_t first = at + 6, end = text.find(',', first);
  text.replace(first, end - first, text.substr(first, end - first) == "100" ? "-100" : "100");
  program.replace(text);
  program.compile();
  CHECK(program.run("").second != 0);
}

TEST_CASE("generate: whatever names nodes and networks have, the file compiles, and two fit into one program", "[source]") {
  if (!test::has_compilers()) return;
  Network n = test::small_network();
  const std::vector<std::string> hostile{"int",   "for",    "a*/b",   "a/*b",    "a b",    "a_b",   "\xc3\xa4\xc3\xb6",
                                         "\xff",  "?\?/",   "a\\\nb", "net_run", "conv2d", "__x__", "7up",
                                         "codes", "\" + 1", "%s%n"};
  for (NodeId id = 0; id < n.size(); ++id) n[id].name = hostile[id % hostile.size()];
  const LoweredNetwork l = lower(test::quantized(n, {}));
  for (const SourceLanguage language : {SourceLanguage::c, SourceLanguage::cpp})
    for (const char* name : {"class", "7.5-small", "\xc3\xbc", "x", "std", "run"})
      test::check_generated(l, 1, {source_identifier(name), language});

  const test::GeneratedProgram one(l, {"net", SourceLanguage::c});
  const std::string two = generate_source(lower(test::quantized(test::small_network(4), {})), {"two", SourceLanguage::c}).text;
  one.replace(one.source().text + two);
  one.compile();
  CHECK(one.run("").second == 0);
}

TEST_CASE("generate: names are identifiers", "[source]") {
  CHECK(source_identifier("net") == "net");
  CHECK(source_identifier("mobilenet_v2_1.0_224") == "mobilenet_v2_1_0_224");
  CHECK(source_identifier("3x3") == "net3x3");
  CHECK(source_identifier("while") == "while_net");
  CHECK(source_identifier("__a--b__") == "a_b");
  CHECK(source_identifier("") == "net");
  CHECK(source_identifier(std::string(100, 'a')).size() == 40);
}

TEST_CASE("generate: a network that quantizes its input and dequantizes its output is fed and read in codes", "[source]") {
  if (!test::has_compilers()) return;
  const LoweredNetwork inner = lower(test::quantized(test::small_network(), {}));
  LoweredNetwork n = inner;
  for (LoweredNode& node : n.nodes)
    for (LoweredInput& in : node.inputs) ++in.node;
  n.nodes[0].op = Clip{};
  n.nodes[0].in_float = true;
  n.nodes[0].inputs = {{0, 1, 0}};
  const auto of_reals = [](const char* name, Operator op, std::vector<LoweredInput> in, const Extents& extent) {
    return LoweredNode{name, std::move(op), std::nullopt, std::move(in), extent, {}, no_clip, true, false};
  };
  const LoweredNode reals = of_reals("reals", Input{n.nodes[0].extent}, {}, n.nodes[0].extent);
  n.nodes.insert(n.nodes.begin(), reals);
  const NodeId last = n.outputs[0] + 1;
  const Affine<float> grid = inner.output_grids[0];
  n.nodes.push_back(of_reals("real_logits", Clip{}, {{last, grid.scale, grid.zero_point}}, n.nodes[last].extent));
  n.outputs = {n.nodes.size() - 1};

  const GeneratedSource with = generate_source(n), without = generate_source(inner);
  CHECK(with.constants == without.constants);
  CHECK(with.arena == without.arena);
  const auto hash = [](const GeneratedSource& s) { return s.text.substr(s.text.find("return hash ==")); };
  CHECK(hash(with) == hash(without));
  test::check_generated(codes_at_ports(n));
}

TEST_CASE("generate: a clip of codes becomes part of the node that it alone reads", "[source]") {
  if (!test::has_compilers()) return;
  std::mt19937 random(2);
  Network n;
  const NodeId x = n.add(Input{{3, 3, 4}}, {});
  const NodeId conv = n.add(Conv2d{test::random_tensor<4>({4, 1, 1, 4}, random), {}, {}}, {x});
  const NodeId clipped = n.add(Clip{-0.25F, 0.5F}, {conv});
  const NodeId table = n.add(Clip{-0.125F, 1.0F}, {n.add(Tanh{}, {clipped})});
  n.set_outputs({n.add(Clip{0.0F, 0.25F}, {x}), table, n.add(Reshape{{36}}, {table}), n.add(Clip{0.0F, 1.0F}, {table})});
  for (const Requantizer requantizer : {Requantizer::float32, Requantizer::fixed_point}) {
    QuantizationOptions options;
    options.requantizer = requantizer;
    const LoweredNetwork l = test::lowered(n, options);
    CHECK(l.nodes.size() == 8);
    CHECK(fuse_code_clips(l).nodes.size() == 6);  // without the two behind Conv2d and Tanh
    test::check_generated(l);
  }
}

TEST_CASE("generate: memory is that of the plan, and constants are counted", "[source]") {
  const LoweredNetwork n = lower(test::quantized(test::small_network(), {}));
  const GeneratedSource s = generate_source(n);
  std::size_t weights = 0, most = 0, all = 0;
  for (const LoweredNode& node : n.nodes)
    if (node.layer) weights += node.layer->codes.size() + 8 * node.layer->bias.size();  // a bias and a multiplier each
  for (const LoweredNode& node : n.nodes) all += element_count(node.extent);
  std::size_t counted = 0;
  for (const SourceNode& node : s.nodes) {
    counted += node.constants;
    most = std::max(most, node.live);
  }
  CHECK(counted == s.constants);
  CHECK(s.constants >= weights);
  CHECK(s.arena >= most);
  CHECK(s.arena < all / 2);
}

TEST_CASE("plan_tight_arena: reaches what is alive at once where the largest first does not", "[source]") {
  // The first layers of MobileNet-v1 0.25 at 96 x 96.
  const std::vector<Lifetime> chain{{27648, 0, 1}, {18432, 1, 2}, {18432, 2, 3}, {36864, 3, 4}, {9216, 4, 5}, {18432, 5, 6}};
  CHECK(plan_arena(chain, 1).bytes == 64512);
  const ArenaPlan tight = plan_tight_arena(chain);
  CHECK(tight.bytes == 18432 + 36864);
  for (std::size_t i = 0; i < chain.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (chain[i].first <= chain[j].last && chain[j].first <= chain[i].last)
        CHECK((tight.offset[i] + chain[i].bytes <= tight.offset[j] || tight.offset[j] + chain[j].bytes <= tight.offset[i]));
  CHECK(plan_tight_arena({}).bytes == 0);
}

TEST_CASE("generate: what a file of integers cannot have is refused by name", "[source]") {
  const Network n = test::small_network();
  CHECK_THROWS_AS(generate_source(lower(test::quantized(n, {})), {"7up", SourceLanguage::c}), value_error);
  CHECK_THROWS_AS(generate_source(lower(test::quantized(n, {})), {"", SourceLanguage::c}), value_error);
  QuantizationOptions options;
  options.keep_float = {"dw"};
  CHECK_THROWS_AS(generate_source(lower(test::quantized(n, options))), unsupported_error);
  Network divided;
  const NodeId x = divided.add(Input{{2, 2, 3}}, {}), y = divided.add(Exp{}, {x});
  divided.add(Div{}, {x, y}, "quotient");
  try {
    generate_source(test::lowered(divided, {}));
    FAIL("Div was written");
  } catch (const unsupported_error& e) {
    CHECK(std::string(e.what()).find("quotient (Div)") != std::string::npos);
  }
}
