#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/operators.hpp>

#include "onnx_builder.hpp"
#include "onnx_cases.hpp"

using namespace trimtab;

namespace {

Network read_case(const std::string& name) {
  for (const OnnxCase& c : onnx_cases())
    if (c.name == name) return c.builder.read().network;
  throw value_error("no case " + name);
}

/// Operators in order, Input left out.
std::string operators(const Network& network) {
  std::string names;
  for (NodeId id = 1; id < network.size(); ++id) (names += id == 1 ? "" : " ") += operator_name(network[id].op);
  return names;
}

/// The message of the exception that reading throws; empty when it throws none.
template <class Error>
std::string refusal(const OnnxBuilder& b) {
  try {
    b.read();
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

float initializer_at(const OnnxBuilder& b, int which, std::size_t i) {
  float v;
  std::memcpy(&v, b.model.graph().initializer(which).raw_data().data() + i * sizeof(float), sizeof v);
  return v;
}

}  // namespace

TEST_CASE("read_onnx: every operator and variant becomes the nodes it means", "[io]") {
  const auto [name, wanted, output] = GENERATE(table<std::string, std::string, Extents>({
      {"conv", "Conv2d", {4, 4, 5}},
      {"conv_pads", "Conv2d", {3, 5, 5}},
      {"conv_bias", "Conv2d", {4, 4, 5}},
      {"conv_same_upper", "Conv2d", {3, 3, 5}},
      {"conv_same_lower", "Conv2d", {3, 3, 5}},
      {"conv_same_dilated", "Conv2d", {6, 5, 5}},
      {"conv_valid", "Conv2d", {4, 4, 5}},
      {"conv_dilated", "Conv2d", {4, 4, 5}},
      {"conv_groups", "Conv2d", {6, 6, 6}},
      {"conv_depthwise", "DepthwiseConv2d", {6, 6, 4}},
      {"conv_depth_multiplier", "Conv2d", {6, 6, 8}},
      {"conv_weights_in_constant", "Conv2d", {4, 4, 5}},
      {"conv_weights_in_float_data", "Conv2d", {4, 4, 5}},
      {"conv_add_bias", "Conv2d", {4, 4, 5}},
      {"pad_conv", "Conv2d", {3, 4, 5}},
      {"average_pool", "AveragePool", {7, 5, 3}},
      {"average_pool_counts_pad", "AveragePool", {7, 5, 3}},
      {"average_pool_same", "AveragePool", {3, 3, 3}},
      {"average_pool_ceil_without_effect", "AveragePool", {3, 2, 3}},
      {"max_pool", "MaxPool", {4, 5, 3}},
      {"max_pool_dilated", "MaxPool", {4, 2, 3}},
      {"global_average_pool", "GlobalAveragePool", {1, 1, 3}},
      {"reduce_mean", "GlobalAveragePool", {1, 1, 3}},
      {"reduce_mean_flat", "GlobalAveragePool Flatten", {3}},
      {"reduce_mean_axes_input", "GlobalAveragePool Flatten", {3}},
      {"pad_average_pool", "AveragePool", {5, 6, 3}},
      {"pad_max_pool", "Clip MaxPool", {3, 3, 3}},
      {"relu", "Clip", {6, 5, 3}},
      {"clip_attributes", "Clip", {6, 5, 3}},
      {"clip_inputs", "Clip", {6, 5, 3}},
      {"clip_above_only", "Clip", {6, 5, 3}},
      {"batch_norm", "BatchNorm", {6, 5, 3}},
      {"add_concat", "Clip Add Concat", {6, 5, 9}},
      {"flatten_gemm", "Flatten Linear", {7}},
      {"gemm_alpha_beta", "Flatten Linear", {7}},
      {"gemm_scalar_c", "Flatten Linear", {7}},
      {"matmul_add", "Flatten Linear", {7}},
      {"flatten_relu_gemm", "Clip Flatten Linear", {7}},
      {"reshape_gemm", "Flatten Linear", {7}},
      {"reshape_all_given", "Flatten Linear", {7}},
      {"reshape_by_shape", "Flatten Linear", {7}},
      {"reshape_and_back", "Flatten Linear", {7}},
      {"squeeze_attribute", "GlobalAveragePool Flatten Linear", {7}},
      {"squeeze_input", "GlobalAveragePool Flatten Linear", {7}},
      {"squeeze_and_back", "GlobalAveragePool Clip Flatten Linear", {7}},
      {"nhwc", "Conv2d Add Concat Flatten Linear", {7}},
      {"nhwc_reduce_mean", "Clip GlobalAveragePool Flatten Linear", {7}},
  }));
  CAPTURE(name);
  const Network network = read_case(name);
  CHECK(operators(network) == wanted);
  CHECK(network[network.output()].extent == output);
}

TEST_CASE("read_onnx: filters come out as O KH KW I and KH KW C", "[io]") {
  OnnxBuilder b(13, {0, 4, 6, 5});
  b.random("w", {8, 4, 3, 2});
  b.random("d", {8, 1, 2, 3});
  b.node("Conv", {"x", "w"}, "c");
  set(b.node("Conv", {"c", "d"}, "y"), "group", 8);
  const Network network = b.read().network;
  const auto& conv = network[1].op.get<Conv2d>().weight;
  for (std::size_t o = 0; o < 8; ++o)
    for (std::size_t i = 0; i < 4; ++i)
      for (std::size_t y = 0; y < 3; ++y)
        for (std::size_t x = 0; x < 2; ++x) REQUIRE(conv(o, y, x, i) == initializer_at(b, 0, ((o * 4 + i) * 3 + y) * 2 + x));
  const auto& depthwise = network[2].op.get<DepthwiseConv2d>().weight;
  for (std::size_t c = 0; c < 8; ++c)
    for (std::size_t y = 0; y < 2; ++y)
      for (std::size_t x = 0; x < 3; ++x) REQUIRE(depthwise(y, x, c) == initializer_at(b, 1, (c * 2 + y) * 3 + x));
}

TEST_CASE("read_onnx: the columns behind a flattened C H W are put into H W C order", "[io]") {
  OnnxBuilder b(13, {0, 3, 6, 5});
  const bool transposed = GENERATE(false, true);
  b.random("w", transposed ? OnnxBuilder::Ints{7, 90} : OnnxBuilder::Ints{90, 7});
  b.node("Flatten", {"x"}, "f");
  set(b.node("Gemm", {"f", "w"}, "y"), "transB", transposed ? 1 : 0);
  const Network network = b.read().network;
  const auto& w = network[2].op.get<Linear>().weight;
  for (std::size_t o = 0; o < 7; ++o)
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t p = 0; p < 30; ++p) {
        const std::size_t column = c * 30 + p;
        REQUIRE(w(o, p * 3 + c) == initializer_at(b, 0, transposed ? o * 90 + column : column * 7 + o));
      }
}

TEST_CASE("read_onnx: padding of every kind, in pixels on each side", "[io]") {
  const auto window = [](const std::string& name) { return read_case(name)[1].op.get<Conv2d>().window; };
  CHECK(window("conv_pads") == WindowOptions{2, 1, {0, 1, 2, 0}});
  // Height 6, kernel 3, stride 2: 3 windows cover 7, one more than there is. Width 5, kernel 2: 3 windows cover 6.
  CHECK(window("conv_same_upper") == WindowOptions{2, 2, {0, 0, 1, 1}});
  CHECK(window("conv_same_lower") == WindowOptions{2, 2, {1, 1, 0, 0}});
  // Spans of 5 and 4.
  CHECK(window("conv_same_dilated") == WindowOptions{1, 1, {2, 1, 2, 2}, 2, 3});
  CHECK(window("conv_valid") == WindowOptions{});
  // Pad's 1 2 0 1 and the operator's own 1 0 0 1.
  CHECK(window("pad_conv") == WindowOptions{2, 2, {2, 2, 0, 2}});
  CHECK(read_case("pad_average_pool")[1].op.get<AveragePool>().count_include_pad);
  CHECK(read_case("average_pool_counts_pad")[1].op.get<AveragePool>().count_include_pad);
  CHECK_FALSE(read_case("average_pool")[1].op.get<AveragePool>().count_include_pad);
}

TEST_CASE("read_onnx: biases, factors and bounds arrive as numbers", "[io]") {
  const Network bias = read_case("conv_add_bias");
  OnnxBuilder same(13);
  same.random("w", {5, 4, 3, 2});
  same.random("b", {5});
  same.random("more", {5, 1, 1});
  for (std::size_t o = 0; o < 5; ++o)
    CHECK(bias[1].op.get<Conv2d>().bias(o) == initializer_at(same, 1, o) + initializer_at(same, 2, o));

  const Network gemm = read_case("gemm_alpha_beta");
  OnnxBuilder factors(13);
  factors.random("w", {90, 7});
  factors.random("c", {1, 7});
  CHECK(gemm[2].op.get<Linear>().bias(6) == 2 * initializer_at(factors, 1, 6));
  CHECK(gemm[2].op.get<Linear>().weight(6, 0) == 0.5F * initializer_at(factors, 0, 6));
  CHECK((read_case("gemm_scalar_c")[2].op.get<Linear>().bias == xt::xtensor<float, 1>({3, 3, 3, 3, 3, 3, 3})));

  CHECK(read_case("relu")[1].op.get<Clip>() == relu);
  CHECK(read_case("clip_attributes")[1].op.get<Clip>() == Clip{-0.25F, 0.5F});
  CHECK(read_case("clip_inputs")[1].op.get<Clip>() == Clip{-0.25F, 0.5F});
  CHECK(read_case("clip_above_only")[1].op.get<Clip>() == Clip{no_clip.lo, 0.5F});
  const Network norm = read_case("batch_norm");
  const auto& bn = norm[1].op.get<BatchNorm>();
  CHECK(bn.epsilon == 0.01F);
  OnnxBuilder statistics(13);
  for (const char* name : {"gamma", "beta", "mean"}) statistics.random(name, {3});
  CHECK(bn.gamma(2) == initializer_at(statistics, 0, 2));
  CHECK(bn.beta(0) == initializer_at(statistics, 1, 0));
  CHECK(bn.mean(1) == initializer_at(statistics, 2, 1));
  CHECK((bn.variance(0) >= 0.1F && bn.variance(0) < 2.0F));
}

TEST_CASE("read_onnx: double and float16 weights become float", "[io]") {
  OnnxBuilder b;
  auto& d = b.tensor("w", {1, 3, 1, 1}, onnx::TensorProto::DOUBLE);
  for (const double v : {0.5, -1.25, 3.0}) d.add_double_data(v);
  // 1, -2, the largest, the smallest normal and the smallest subnormal number of binary16.
  auto& h = b.tensor("h", {5, 1, 1, 1}, onnx::TensorProto::FLOAT16);
  for (const int bits : {0x3C00, 0xC000, 0x7BFF, 0x0400, 0x0001}) h.add_int32_data(bits);
  b.node("Conv", {"x", "w"}, "c");
  b.node("Conv", {"c", "h"}, "y");
  const Network network = b.read().network;
  const auto& w = network[1].op.get<Conv2d>().weight;
  CHECK((w(0, 0, 0, 0) == 0.5F && w(0, 0, 0, 1) == -1.25F && w(0, 0, 0, 2) == 3.0F));
  const auto& half = network[2].op.get<Conv2d>().weight;
  CHECK((half(0, 0, 0, 0) == 1.0F && half(1, 0, 0, 0) == -2.0F && half(2, 0, 0, 0) == 65504.0F));
  CHECK((half(3, 0, 0, 0) == std::ldexp(1.0F, -14) && half(4, 0, 0, 0) == std::ldexp(1.0F, -24)));
}

TEST_CASE("read_onnx: Softmax at the end is left out with a note, and so is what the output does not need", "[io]") {
  OnnxBuilder b;
  b.node("Flatten", {"x"}, "f");
  b.node("Gemm", {"f", b.random("w", {90, 7})}, "g");
  set(b.node(GENERATE("Softmax", "LogSoftmax"), {"g"}, "s"), "axis", 1);
  b.node("Identity", {"s"}, "y");
  b.node("NonMaxSuppression", {"g"}, "unused");
  const OnnxModel model = b.read();
  CHECK(operators(model.network) == "Flatten Linear");
  REQUIRE(model.notes.size() == 2);
  CHECK(contains(model.notes[0], "Softmax) at the end is left out"));
  CHECK(contains(model.notes[1], "NonMaxSuppression"));

  // In the middle, over pixels, or beside another output it stays.
  b.graph().mutable_node(3)->set_op_type("Relu");
  CHECK(contains(operators(b.read().network), "Flatten Linear "));
  CHECK(contains(operators(b.read().network), "Softmax Clip"));
  b.graph().mutable_node(3)->set_op_type("Identity");
  *b.graph().add_output() = b.graph().output(0);
  b.graph().mutable_output(1)->set_name("g");
  CHECK(contains(operators(b.read().network), "Softmax"));
  OnnxBuilder pixels;
  set(pixels.node("Softmax", {"x"}, "y"), "axis", 1);
  CHECK(operators(pixels.read().network) == "Softmax");
}

TEST_CASE("read_onnx: an unknown operator is named with its node", "[io]") {
  OnnxBuilder b;
  b.node("Relu", {"x"}, "r");
  b.node("NonMaxSuppression", {"r"}, "y");
  CHECK(contains(refusal<unsupported_error>(b), "'y_node' (NonMaxSuppression)"));
  CHECK(contains(refusal<unsupported_error>(b), "cut off before it, at 'r'"));
  b.graph().mutable_node(1)->set_op_type("Relu");
  b.graph().mutable_node(1)->set_domain("com.example");
  CHECK(contains(refusal<unsupported_error>(b), "com.example"));
}

TEST_CASE("read_onnx: metadata is kept, nameless and equal node names are made different", "[io]") {
  OnnxBuilder b;
  for (const char* output : {"a", "b", "y"}) b.node("Relu", {output == std::string("a") ? "x" : "a"}, output).set_name("act");
  b.graph().mutable_node(1)->set_output(0, "unused");
  b.node("Add", {"a", "y"}, "z").clear_name();
  b.graph().mutable_output(0)->set_name("z");
  auto& entry = *b.model.add_metadata_props();
  entry.set_key("preprocessing");
  entry.set_value("x/127.5-1");
  const OnnxModel model = b.read();
  CHECK(model.metadata.at("preprocessing") == "x/127.5-1");
  REQUIRE(model.network.size() == 4);
  CHECK(model.network[1].name == "act");
  CHECK(model.network[2].name != "act");
  CHECK(model.network[3].name == "z");
}

TEST_CASE("read_onnx: what has a meaning of its own becomes nodes of its own", "[io]") {
  OnnxBuilder b;
  const auto nodes = [&] { return operators(b.read().network); };
  SECTION("ceil_mode that adds a window") {
    set(set(set(b.node("MaxPool", {"x"}, "y"), "kernel_shape", {2, 2}), "strides", {2, 2}), "ceil_mode", 1);
    const Network network = b.read().network;
    CHECK(operators(network) == "MaxPool");
    CHECK(network[1].op.get<MaxPool>().window.padding == Padding{0, 0, 0, 1});
    CHECK(network[1].extent == Extents{3, 3, 3});
  }
  SECTION("padding that is not zero") {
    b = OnnxBuilder(10);
    set_float(set(b.node("Pad", {"x"}, "p"), "pads", {0, 0, 1, 1, 0, 0, 1, 1}), "value", 1.0F);
    b.node("Conv", {"p", b.random("w", {1, 3, 1, 1})}, "y");
    CHECK(nodes() == "Pad Conv2d");
  }
  SECTION("zeros before a MaxPool whose input may be negative") {
    b = OnnxBuilder(10);
    set(b.node("Pad", {"x"}, "p"), "pads", {0, 0, 1, 1, 0, 0, 1, 1});
    set(b.node("MaxPool", {"p"}, "y"), "kernel_shape", {2, 2});
    CHECK(nodes() == "Pad MaxPool");
  }
  SECTION("numbers below all others before a MaxPool") {
    b = OnnxBuilder(10);
    set_float(set(b.node("Pad", {"x"}, "p"), "pads", {0, 0, 1, 1, 0, 0, 1, 1}), "value", std::numeric_limits<float>::lowest());
    set(b.node("MaxPool", {"p"}, "y"), "kernel_shape", {2, 2});
    CHECK(nodes() == "MaxPool");
  }
  SECTION("Pad before anything that is no window, and at the end; once for all readers") {
    b = OnnxBuilder(10);
    set(b.node("Pad", {"x"}, "p"), "pads", {0, 0, 1, 1, 0, 0, 1, 1});
    b.node("Relu", {"p"}, "r");
    b.node("Add", {"p", "r"}, "y");
    CHECK(nodes() == "Pad Clip Add");
    b.graph().clear_node();
    set(b.node("Pad", {"x"}, "y"), "pads", {0, 0, 1, 1, 0, 0, 1, 1});
    CHECK(nodes() == "Pad");
  }
  SECTION("means over other axes") {
    set(b.node("ReduceMean", {"x"}, "y"), "axes", {1});
    CHECK(nodes() == "ReduceMean");
    CHECK(b.read().network[1].extent == Extents{6, 5, 1});
  }
  SECTION("a reshape that is no flatten") {
    b.node("Reshape", {"x", b.integers("shape", {0, 6, 5, 3})}, "y");
    CHECK(nodes() == "Transpose Reshape");
  }
  SECTION("channels in groups, exchanged: one Reshape, one Transpose, one Reshape, of N H W C") {
    b = OnnxBuilder(13, {0, 6, 4, 5});
    b.node("Reshape", {"x", b.integers("split", {0, 2, 3, 4, 5})}, "s");
    set(b.node("Transpose", {"s"}, "t"), "perm", {0, 2, 1, 3, 4});
    b.node("Reshape", {"t", b.integers("joined", {0, 6, 4, 5})}, "j");
    b.node("Conv", {"j", b.random("w", {1, 6, 1, 1})}, "y");
    CHECK(nodes() == "Reshape Transpose Reshape Conv2d");
  }
  SECTION("a transpose that moves elements, and two that take each other back") {
    set(b.node("Transpose", {"x"}, "t"), "perm", {0, 1, 3, 2});
    b.node("Conv", {"t", b.random("w", {1, 3, 1, 1})}, "y");
    CHECK(nodes() == "Transpose Conv2d");
    b.graph().mutable_node(1)->set_output(0, "c");
    b.graph().mutable_node(1)->set_input(0, "u");
    *b.graph().add_node() = b.graph().node(1);
    *b.graph().mutable_node(1) = b.graph().node(0);
    b.graph().mutable_node(1)->set_input(0, "t");
    b.graph().mutable_node(1)->set_output(0, "u");
    b.graph().mutable_node(2)->set_output(0, "y");
    CHECK(nodes() == "Conv2d");
  }
  SECTION("the sum with a constant picture") {
    b.node("Add", {"x", b.random("c", {3, 6, 5})}, "y");
    CHECK(nodes() == "Constant Add");
    CHECK(b.read().network[1].extent == Extents{6, 5, 3});
  }
  SECTION("the sum with a number for each channel on what is no layer, or has other readers") {
    b.node("Conv", {"x", b.random("w", {3, 3, 1, 1})}, "c");
    b.node("Add", {"c", b.random("b", {3, 1, 1})}, "s");
    b.node("Add", {"c", "s"}, "y");
    CHECK(nodes() == "Conv2d ChannelAffine Add");
  }
  SECTION("a flattened C H W as output") {
    b.node("Flatten", {"x"}, "y");
    CHECK(nodes() == "Transpose Flatten");
  }
  SECTION("bounds that cross: the upper one is all there is") {
    b.node("Clip", {"x", b.floats("lo", {}, {2}), b.floats("hi", {}, {1})}, "y");
    CHECK(b.read().network[1].op.get<Clip>() == Clip{1, 1});
  }
  SECTION("1-D convolutions, as pictures of height 1") {
    b = OnnxBuilder(13, {0, 3, 20});
    set(b.node("Conv", {"x", b.random("w", {4, 3, 5})}, "y"), "strides", {2});
    const OnnxModel model = b.read();
    CHECK(operators(model.network) == "Reshape Conv2d Reshape");
    CHECK(model.network[0].extent == Extents{20, 3});
    CHECK(model.inputs[0].order == std::vector<std::size_t>{0, 2, 1});
    CHECK(model.outputs[0].order == std::vector<std::size_t>{0, 2, 1});
    CHECK(model.network[model.network.output()].extent == Extents{8, 4});
  }
  SECTION("several inputs and outputs") {
    *b.graph().add_input() = b.graph().input(0);
    b.graph().mutable_input(1)->set_name("z");
    b.node("Add", {"x", "z"}, "y");
    b.node("Relu", {"z"}, "r");
    *b.graph().add_output() = b.graph().output(0);
    b.graph().mutable_output(1)->set_name("r");
    const OnnxModel model = b.read();
    CHECK(model.network.inputs().size() == 2);
    CHECK(model.network.outputs().size() == 2);
    CHECK((model.inputs[1].name == "z" && model.outputs[1].name == "r"));
  }
  SECTION("a network that is cut off") {
    b.node("Relu", {"x"}, "r");
    b.node("NonMaxSuppression", {"r"}, "y");
    CHECK(operators(parse_onnx(b.bytes(), "model", {{}, {"r"}}).network) == "Clip");
    CHECK(operators(parse_onnx(b.bytes(), "model", {{}, {"r_node"}}).network) == "Clip");
    CHECK_THROWS_AS(parse_onnx(b.bytes(), "model", {{}, {"nothing"}}), value_error);
  }
  SECTION("extents left open, that the caller gives") {
    b = OnnxBuilder(13, {0, 3, 0, 5});
    b.node("Relu", {"x"}, "y");
    CHECK(contains(refusal<unsupported_error>(b), "leaves open"));
    CHECK(parse_onnx(b.bytes(), "model", {{{"x", {1, 3, 7, 5}}}, {}}).network[0].extent == Extents{7, 5, 3});
  }
}

TEST_CASE("to_file_layout, from_file_layout: a picture and back", "[io]") {
  Array x = Array::from_shape({2, 3, 4, 5});
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(i);
  const std::vector<std::size_t> nchw_of_nhwc{0, 3, 1, 2};
  const Array held = from_file_layout(x, nchw_of_nhwc);
  CHECK(held.shape(3) == 3);
  CHECK(held(1, 2, 3, 0) == x(1, 0, 2, 3));
  CHECK((to_file_layout(held, nchw_of_nhwc) == x));
  CHECK_THROWS_AS(to_file_layout(x, {0, 2, 1}), shape_error);
  CHECK_THROWS_AS(to_file_layout(x, {0, 2, 2, 1}), value_error);
}

TEST_CASE("read_onnx: variants that would change the result are refused", "[io]") {
  OnnxBuilder b;
  const auto one = [&](const char* op, const auto& change) {
    auto& node = b.node(op, {"x"}, "y");
    change(node);
    return refusal<unsupported_error>(b);
  };
  SECTION("means over everything") {
    CHECK(contains(one("ReduceMean", [](auto&) {}), "elements of the batch"));
  }
  SECTION("a flatten that joins the elements of a batch") {
    CHECK(contains(one("Flatten", [](auto& n) { set(n, "axis", 0); }), "elements of a batch apart"));
  }
  SECTION("a reshape of the batch") {
    b.node("Reshape", {"x", b.integers("shape", {45, -1})}, "y");
    CHECK(contains(refusal<unsupported_error>(b), "elements of a batch apart"));
  }
  SECTION("attributes that nobody knows") {
    CHECK(contains(one("Relu", [](auto& n) { set(n, "slope", 1); }), "slope"));
  }
  SECTION("weights that are computed") {
    b.node("Relu", {"x"}, "w");
    b.node("Conv", {"x", "w"}, "y");
    CHECK(contains(refusal<unsupported_error>(b), "not a constant"));
  }
  SECTION("a constant that differs between elements of the batch") {
    b.node("Add", {"x", b.random("c", {2, 1, 1, 1})}, "y");
    CHECK(contains(refusal<unsupported_error>(b), "elements of the batch"));
  }
  SECTION("opsets outside 7 to 25") {
    b = OnnxBuilder(GENERATE(6, 26));
    CHECK(contains(one("Relu", [](auto&) {}), "opset"));
  }
  SECTION("numbers in another file") {
    b.node("Conv", {"x", b.floats("w", {1, 3, 1, 1}, {})}, "y");
    b.graph().mutable_initializer(0)->set_data_location(onnx::TensorProto::EXTERNAL);
    CHECK(contains(refusal<unsupported_error>(b), "kept in the file"));
  }
  SECTION("outputs beside the first that an operator does not give") {
    set(b.node("MaxPool", {"x"}, "m"), "kernel_shape", {2, 2}).add_output("where");
    b.node("Relu", {"where"}, "y");
    CHECK(contains(refusal<unsupported_error>(b), "'where', an output that is not supported"));
  }
}

TEST_CASE("read_onnx: what joins or repeats along the axis of a batch of 1 is an axis of its own", "[io]") {
  OnnxBuilder b(13, {1, 2, 3, 2});
  SECTION("Concat") {
    b.node("Neg", {"x"}, "negative");
    set(b.node("Concat", {"x", "negative"}, "both"), "axis", 0);
    set(set(b.node("ReduceMax", {"both"}, "y"), "axes", {0}), "keepdims", 1);
  }
  SECTION("Gather") {
    b.node("Abs", {"x"}, "size");
    set(b.node("Gather", {"size", b.integers("twice", {0, 0})}, "both"), "axis", 0);
    set(set(b.node("ReduceMax", {"both"}, "y"), "axes", {0}), "keepdims", 1);
  }
  SECTION("an output whose first axis is computed") {
    b.node("Abs", {"x"}, "size");
    b.node("Squeeze", {"size", b.integers("batch", {0})}, "picture");
    b.node("Unsqueeze", {"picture", b.integers("front", {0})}, "y");
  }
  const OnnxModel model = b.read();
  Array x = Array::from_shape({1, 2, 3, 2});
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(i) - 5.5F;
  const Array y = to_file_layout(run(model.network, from_file_layout(x, model.inputs[0].order)), model.outputs[0].order);
  REQUIRE(y.shape() == x.shape());
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(y.data()[i] == std::abs(x.data()[i]));
}
