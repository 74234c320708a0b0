#include <algorithm>
#include <array>
#include <catch.hpp>
#include <codes_of.hpp>
#include <cstdint>
#include <limits>
#include <quantized_small_network.hpp>
#include <random>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <trimtab/net/passes/fold.hpp>
#include <vector>
#include <without_checksum.hpp>

#include "damage.hpp"
#include "onnx_builder.hpp"
#include "onnx_networks.hpp"

using namespace trimtab;

namespace {

std::ptrdiff_t clips(const LoweredNetwork& network) {
  return std::count_if(network.nodes.begin(), network.nodes.end(), [](const LoweredNode& n) { return n.op.is<Clip>(); });
}

/// Every operator, thresholds and point-wise factors away from where they start.
QuantizedNetwork quantized_every_operator(const QuantizationOptions& options) {
  QuantizedNetwork q = test::quantized(fuse_clips(fold_batch_norm(every_operator_network())), options);
  add_pointwise_factors(q);
  test::scramble_factors(q, 9);
  return q;
}

/// Whether the bytes are read, or refused by one of the exceptions that read_quantized_onnx documents; anything else escapes.
/// What is read can be run, or is beyond the kernels' limits.
bool is_read(const std::string& bytes) {
  try {
    const LoweredNetwork network = parse_quantized_onnx(bytes).network;
    if (trimtab::detail::work_of(network) > 1e7) return true;
    try {
      test::codes_of(network, self_check_picture(network));
    } catch (const value_error&) {
    }
    return true;
  } catch (const parse_error&) {
  } catch (const unsupported_error&) {
  } catch (const shape_error&) {
  }
  return false;
}

}  // namespace

TEST_CASE("write_onnx: a quantized network read back gives the same codes, in both forms and every mode", "[io]") {
  for (const QuantizationOptions& options : test::all_modes) {
    const QuantizedNetwork networks[] = {test::quantized(test::small_network(), options), quantized_every_operator(options)};
    for (const QuantizedNetwork& q : networks) {
      const LoweredNetwork lowered = lower(q);
      const Array x = test::random_pictures(q.network, 5, 11);
      for (const OnnxForm form : {OnnxForm::qdq, OnnxForm::qoperator}) {
        CAPTURE(int(options.weights), int(options.scheme), options.weight_bits, int(form));
        const QuantizedOnnxModel read =
            parse_quantized_onnx(serialize_onnx(lowered, form, with_self_check(lowered, {{"author", "unknown"}})));
        CHECK(test::codes_of(read.network, x) == test::codes_of(lowered, x));
        CHECK(read.network.output_grids == lowered.output_grids);
        // A Clip that the file needs costs nothing, but for that of an input, whose codes may come from elsewhere.
        CHECK(clips(read.network) == clips(lowered) + (lowered.nodes[0].grid.codes != unsigned_codes()));
        CHECK(read.metadata.at("author") == "unknown");
        // What was read can be written again.
        const QuantizedOnnxModel again = parse_quantized_onnx(serialize_onnx(read.network, form));
        CHECK(test::codes_of(again.network, x) == test::codes_of(lowered, x));
      }
    }
  }
}

TEST_CASE("write_onnx: every operator on codes is read back with the same codes, in both forms", "[io]") {
  const Network network = fuse_clips(fold_batch_norm(further_operators_network()));
  const LoweredNetwork lowered = lower(test::quantized(network, {}));
  const Array x = test::random_pictures(network, 3, 11);
  Int8Network::Workspace workspace;
  std::vector<Array> expected = Int8Network(lowered).run_outputs(x, workspace);
  for (Array& y : expected)
    if (y.dimension() == 4) y = to_file_layout(y, {0, 3, 1, 2});
  for (const OnnxForm form : {OnnxForm::qdq, OnnxForm::qoperator}) {
    CAPTURE(int(form));
    const QuantizedOnnxModel read = parse_quantized_onnx(serialize_onnx(lowered, form));
    std::vector<Array> y = Int8Network(read.network).run_outputs(x, workspace);
    REQUIRE(y.size() == expected.size());
    for (std::size_t i = 0; i < y.size(); ++i) {
      CAPTURE(i, lowered.nodes[lowered.outputs[i]].name);
      y[i] = to_file_layout(y[i], read.outputs[i].order);
      REQUIRE(y[i].shape() == expected[i].shape());
      std::size_t differ = 0;
      float off = 0;
      for (std::size_t k = 0; k < y[i].size(); ++k) {
        differ += y[i].data()[k] != expected[i].data()[k];
        off = std::max(off, std::abs(y[i].data()[k] - expected[i].data()[k]));
      }
      CHECK(differ == 0);
      CHECK(off == 0);
    }
  }
}

TEST_CASE("read_onnx and read_quantized_onnx name each other for the other one's files", "[io]") {
  const Network network = test::small_network();
  CHECK_THROWS_WITH(parse_onnx(serialize_onnx(lower(test::quantized(network, {})), OnnxForm::qdq)),
                    ContainsSubstring("read_quantized_onnx"));
  CHECK_THROWS_WITH(parse_quantized_onnx(serialize_onnx(network)), ContainsSubstring("read_onnx"));
}

TEST_CASE("self_check: a changed weight, scale or expectation is a parse_error", "[io]") {
  const LoweredNetwork lowered = lower(test::quantized(test::small_network(), {}));
  const auto metadata = with_self_check(lowered);
  CHECK(metadata.at(self_check_key).size() == 10);  // 5 codes
  onnx::ModelProto model;
  REQUIRE(model.ParseFromString(test::without_checksum(serialize_onnx(lowered, OnnxForm::qoperator, metadata))));
  REQUIRE_NOTHROW(parse_quantized_onnx(model.SerializeAsString()));
  SECTION("weight") {
    for (auto& tensor : *model.mutable_graph()->mutable_initializer())
      if (tensor.name() == "logits.weight")
        for (char& byte : *tensor.mutable_raw_data()) byte = static_cast<char>(byte ^ 0x10);
  }
  SECTION("bias") {
    for (auto& tensor : *model.mutable_graph()->mutable_initializer())
      if (tensor.name() == "stem.bias") (*tensor.mutable_raw_data())[2] = static_cast<char>((*tensor.mutable_raw_data())[2] ^ 1);
  }
  SECTION("expectation") {
    std::string& text = *model.mutable_metadata_props(0)->mutable_value();
    text[3] = text[3] == '0' ? '1' : '0';
  }
  SECTION("length") { model.mutable_metadata_props(0)->mutable_value()->push_back('0'); }
  CHECK_THROWS_AS(parse_quantized_onnx(model.SerializeAsString()), parse_error);
  CHECK_THROWS_WITH(parse_quantized_onnx(model.SerializeAsString()), ContainsSubstring("self_check"));
}

TEST_CASE("self_check: a small file that asks for gigabytes is refused before it gets them", "[io]") {
  OnnxBuilder b(13, {0, 1, 16384, 8192});
  b.floats("scale", {}, {1});
  b.node("QuantizeLinear", {"x", "scale"}, "xq");
  b.node("DequantizeLinear", {"xq", "scale"}, "y");
  CHECK_NOTHROW(parse_quantized_onnx(b.bytes()));  // nothing runs
  auto& entry = *b.model.add_metadata_props();
  entry.set_key(self_check_key);
  entry.set_value("00");
  CHECK_THROWS_WITH(parse_quantized_onnx(b.bytes()), ContainsSubstring("too large to be run while it is read"));
}

TEST_CASE("read_quantized_onnx: a file cut off anywhere is refused, whichever its form", "[io]") {
  for (const OnnxForm form : {OnnxForm::qdq, OnnxForm::qoperator}) {
    const LoweredNetwork lowered = lower(test::quantized(test::small_network(), {WeightMode::vector, Scheme::asymmetric}));
    const std::string bytes = test::without_checksum(serialize_onnx(lowered, form));
    REQUIRE(is_read(bytes));
    for (std::size_t length = 0; length < bytes.size(); length += 3) {
      CAPTURE(length);
      REQUIRE_FALSE(is_read(bytes.substr(0, length)));
    }
  }
}

TEST_CASE("read_quantized_onnx: changed, lost and doubled bytes give a network or a typed error", "[io]") {
  std::mt19937 generator(5);
  std::size_t refused = 0;
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric})
    for (const OnnxForm form : {OnnxForm::qdq, OnnxForm::qoperator}) {
      const std::string bytes = test::without_checksum(
          serialize_onnx(lower(test::quantized(test::small_network(), {WeightMode::vector, scheme})), form));
      for (std::size_t round = 0; round < 1500; ++round) {
        if (!is_read(damaged_bytes(bytes, generator))) ++refused;
      }
    }
  CHECK(refused > 1000);
}

namespace {

/// A graph with codes: `scale` and `zero` are those of every activation.
OnnxBuilder quantized_conv() {
  OnnxBuilder b;
  b.floats("scale", {}, {0.5F});
  b.tensor("zero", {}, onnx::TensorProto::UINT8).add_int32_data(3);
  b.floats("w_scale", {2}, {0.25F, 0.5F});
  auto& w = b.tensor("w", {2, 3, 1, 1}, onnx::TensorProto::INT8);
  for (const int code : {1, -2, 3, 127, -128, 0}) w.add_int32_data(code);
  b.node("QuantizeLinear", {"x", "scale", "zero"}, "xq");
  b.node("DequantizeLinear", {"xq", "scale", "zero"}, "xr");
  set(b.node("DequantizeLinear", {"w", "w_scale"}, "wr"), "axis", 0);
  b.node("Conv", {"xr", "wr"}, "c");
  b.node("Relu", {"c"}, "r");
  b.node("QuantizeLinear", {"r", "scale", "zero"}, "yq");
  b.node("DequantizeLinear", {"yq", "scale", "zero"}, "y");
  return b;
}

}  // namespace

TEST_CASE("read_quantized_onnx: a convolution between quantizers, worked by hand", "[io]") {
  const LoweredNetwork network = parse_quantized_onnx(quantized_conv().bytes()).network;
  Array x = Array::from_shape({1, 6, 5, 3});
  x.fill(0);
  x(0, 0, 0, 0) = 2;  // code 3 + 4
  x(0, 0, 0, 2) = 1;  // code 3 + 2
  // Output 0: 0.5 * 0.25 * (4 * 1 + 2 * 3) = 1.25 = 2.5 steps, which round to 2. Output 1: 0.5 * 0.5 * 4 * 127 = 127 = 254 steps,
  // clamped.
  const std::vector<std::uint8_t> y = test::codes_of(network, x);
  CHECK(y[0] == 3 + 2);
  CHECK(y[1] == 255);
  CHECK(y[2] == 3);
  x(0, 0, 0, 0) = -1;  // -2 steps: below 0, where Relu cuts: code 3, not 0
  CHECK(test::codes_of(network, x)[1] == 3);
}

TEST_CASE("read_quantized_onnx: what has no integer meaning is refused by name", "[io]") {
  OnnxBuilder b = quantized_conv();
  const auto tensor = [&](const char* name) -> onnx::TensorProto& {
    for (auto& t : *b.graph().mutable_initializer())
      if (t.name() == name) return t;
    throw value_error(name);
  };
  const auto node = [&](int i) -> onnx::NodeProto& { return *b.graph().mutable_node(i); };
  const auto refused_as = [&](const char* part) { CHECK_THROWS_WITH(parse_quantized_onnx(b.bytes()), ContainsSubstring(part)); };
  SECTION("a scale of 0") {
    const float zero = 0;
    tensor("scale").set_raw_data(std::string(reinterpret_cast<const char*>(&zero), 4));
    refused_as("not positive");
  }
  SECTION("a scale that is not a number") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    tensor("scale").set_raw_data(std::string(reinterpret_cast<const char*>(&nan), 4));
    refused_as("not positive");
  }
  SECTION("scales whose product is no normal number") {
    const float tiny[] = {1e-38F, 1e-38F};
    tensor("w_scale").set_raw_data(std::string(reinterpret_cast<const char*>(tiny), 8));
    refused_as("normal numbers");
  }
  SECTION("an activation with two scales") {
    node(0).set_input(1, "w_scale");
    refused_as("only weights may have several");
  }
  SECTION("three scales for two filters") {
    b.floats("three", {3}, {1, 1, 1});
    node(2).set_input(1, "three");
    refused_as("do not fit");
  }
  SECTION("scales along another axis than the outputs") {
    b.floats("three", {3}, {1, 1, 1});
    node(2).set_input(1, "three");
    node(2).mutable_attribute(0)->set_i(1);
    refused_as("along axis 1");
  }
  SECTION("codes of 32 bits") {
    tensor("zero").set_data_type(onnx::TensorProto::INT32);
    refused_as("expected 8 or 16 bits");
  }
  SECTION("codes read as codes of the other sign") {
    b.tensor("signed", {}, onnx::TensorProto::INT8).add_int32_data(0);
    node(1).set_input(2, "signed");
    refused_as("no codes of its type");
  }
}

TEST_CASE("read_quantized_onnx: parts that are not quantized run in float", "[io]") {
  OnnxBuilder b = quantized_conv();
  const auto node = [&](int i) -> onnx::NodeProto& { return *b.graph().mutable_node(i); };
  const auto nodes_in_float = [&](std::size_t expected, bool codes_come_out) {
    const LoweredNetwork network = parse_quantized_onnx(b.bytes()).network;
    std::size_t count = 0;
    for (const LoweredNode& n : network.nodes) count += n.in_float;
    CHECK(count == expected);
    CHECK(network.nodes[network.outputs[0]].holds_codes == codes_come_out);
    Array x = [] {
      Array pictures = Array::from_shape({2, 6, 5, 3});
      std::mt19937 generator(3);
      for (float& v : pictures) v = static_cast<float>(generator() >> 8) / 16777216.0F - 0.5F;
      return pictures;
    }();
    Int8Network::Workspace workspace;
    return Int8Network(network).run_outputs(x, workspace)[0];
  };
  SECTION("a float convolution in between") {
    node(3).set_input(1, b.random("float_w", {2, 3, 1, 1}));
    nodes_in_float(1, true);
  }
  SECTION("a convolution of what was never quantized") {
    node(3).set_input(0, "x");
    nodes_in_float(2, true);  // and the input
  }
  SECTION("an output that was never quantized") {
    b.graph().mutable_output(0)->set_name("r");
    const Array y = nodes_in_float(2, false);
    CHECK(*std::min_element(y.begin(), y.end()) >= 0);
  }
}

TEST_CASE("read_quantized_onnx: a pool between two grids pools once, then goes onto the other grid", "[io]") {
  OnnxBuilder b(13, {0, 1, 1, 4});
  b.floats("fine", {}, {0.5F});
  b.floats("coarse", {}, {2.0F});
  b.node("QuantizeLinear", {"x", "fine"}, "xq");
  b.node("DequantizeLinear", {"xq", "fine"}, "xr");
  set(set(b.node("MaxPool", {"xr"}, "p"), "kernel_shape", {1, 2}), "strides", {1, 1});
  b.node("QuantizeLinear", {"p", "coarse"}, "yq");
  b.node("DequantizeLinear", {"yq", "coarse"}, "y");
  Array x = Array::from_shape({1, 1, 4, 1});
  std::copy_n(std::array<float, 4>{1, 8, 3, 2}.begin(), 4, x.data());
  CHECK(test::codes_of(parse_quantized_onnx(b.bytes()).network, x) ==
        std::vector<std::uint8_t>{4, 4, 2});  // 3 / 2 rounds to even
}

TEST_CASE("read_quantized_onnx: constants behind a layer of codes become its scales and biases", "[io]") {
  OnnxBuilder b = quantized_conv();
  auto& bias = b.tensor("bias", {2}, onnx::TensorProto::INT32);
  bias.add_int32_data(8);
  bias.add_int32_data(-4);
  b.floats("bias_scale", {2}, {0.125F, 0.25F});
  auto& read = b.node("DequantizeLinear", {"bias", "bias_scale"}, "bias_real");
  set(read, "axis", 0);
  b.floats("more", {2, 1, 1}, {3.0F, 100.0F});
  b.floats("twice", {}, {2.0F});
  b.node("Mul", {"c", "twice"}, "scaled");
  b.node("Add", {"scaled", "more"}, "added");
  // In order: the new nodes stand behind the convolution.
  auto& nodes = *b.graph().mutable_node();
  const int bias_at = 7, mul_at = 8, add_at = 9;
  nodes.SwapElements(bias_at, 3);                                  // bias, r, q, dq, conv
  for (int i = bias_at; i > 4; --i) nodes.SwapElements(i, i - 1);  // bias, conv, r, q, dq
  for (int i = mul_at; i > 5; --i) nodes.SwapElements(i, i - 1);
  for (int i = add_at; i > 6; --i) nodes.SwapElements(i, i - 1);
  nodes.Mutable(4)->add_input("bias_real");
  nodes.Mutable(7)->set_input(0, "added");
  const LoweredNetwork network = parse_quantized_onnx(b.bytes()).network;
  for (const LoweredNode& n : network.nodes) CHECK_FALSE(n.in_float);
  Array x = Array::from_shape({1, 6, 5, 3});
  x.fill(0);
  // 2 * 0.125 * 8 + 3 = 5, 10 steps; 2 * 0.25 * -4 + 100 = 98, 196 steps.
  const std::vector<std::uint8_t> y = test::codes_of(network, x);
  CHECK(y[0] == 3 + 10);
  CHECK(y[1] == 3 + 196);
}

TEST_CASE("read_quantized_onnx: what a small file computes or names many times does not fill the memory", "[io]") {
  OnnxBuilder b;
  b.floats("scale", {}, {1});
  const auto quantize = [&](const std::string& from, int count) {
    std::vector<std::string> parts;
    for (int i = 0; i < count; ++i) b.node("QuantizeLinear", {from, "scale"}, parts.emplace_back("q" + std::to_string(i)));
    set(b.node("Concat", parts, "yq"), "axis", 1);
    b.node("DequantizeLinear", {"yq", "scale"}, "y");
  };
  const auto refused_as = [&](const char* part) { CHECK_THROWS_WITH(parse_quantized_onnx(b.bytes()), ContainsSubstring(part)); };
  b.node("QuantizeLinear", {"x", "scale"}, "xq");
  b.node("DequantizeLinear", {"xq", "scale"}, "xr");
  SECTION("a convolution of 6000 weights, quantized 100 times") {
    b.tensor("w", {2000, 3, 1, 1}, onnx::TensorProto::INT8).set_raw_data(std::string(6000, '\1'));
    b.node("DequantizeLinear", {"w", "scale"}, "wr");
    b.node("Conv", {"xr", "wr"}, "c");
    const OnnxBuilder before = b;
    quantize("c", 2);
    CHECK(parse_quantized_onnx(b.bytes()).network.nodes.size() == 4);  // input, both, concat
    b = before;
    quantize("c", 100);
    refused_as("node 'c_node' is quantized too many times");
  }
  SECTION("3000 pools between a Relu and its quantizers") {
    b.node("Relu", {"xr"}, "p0");
    for (int i = 0; i < 3000; ++i)
      set(b.node("MaxPool", {"p" + std::to_string(i)}, "p" + std::to_string(i + 1)), "kernel_shape", {1, 1});
    const OnnxBuilder before = b;
    quantize("p3000", 1);
    const LoweredNetwork network = parse_quantized_onnx(b.bytes()).network;
    REQUIRE(network.nodes.size() == 3003);  // input, Relu, pools, Concat
    CHECK(network.nodes[2].name == "p1_node");
    CHECK(network.nodes[3001].name == "p3000_node");
    b = before;
    quantize("p3000", 300);
    refused_as("quantized too many times");
  }
  SECTION("20000 scales that are handed on 5000 times") {
    b.floats("scales", {20000}, std::vector<float>(20000, 1.0F));
    b.tensor("w", {20000, 3, 1, 1}, onnx::TensorProto::INT8).set_raw_data(std::string(60000, '\1'));
    set(b.node("DequantizeLinear", {"w", "scales"}, "w0"), "axis", 0);
    for (int i = 0; i < 5000; ++i) b.node("Identity", {"w" + std::to_string(i)}, "w" + std::to_string(i + 1));
    b.node("Conv", {"xr", "w5000"}, "c");
    quantize("c", 1);
    refused_as("shared too many times");
  }
  SECTION("a name of 100000 letters for an operator of 2000 parts") {
    auto& opset = *b.model.add_opset_import();
    opset.set_domain("com.microsoft");
    opset.set_version(1);
    b.tensor("zero", {}, onnx::TensorProto::UINT8).add_int32_data(0);
    auto& concat = set(b.node("QLinearConcat", {"scale", "zero"}, "yq"), "axis", 1);
    concat.set_domain("com.microsoft");
    for (int i = 0; i < 2000; ++i)
      for (const char* input : {"xq", "scale", "zero"}) concat.add_input(input);
    const int at = b.graph().node_size() - 1;
    b.node("DequantizeLinear", {"yq", "scale"}, "y");
    CHECK_NOTHROW(parse_quantized_onnx(b.bytes()));
    b.graph().mutable_node(at)->set_name(std::string(100000, 'n'));
    refused_as("are too many");
  }
}
