// Kinds of faults that networks drawn at random found (tests/onnxruntime/random.sh), each in its smallest form, with numbers
// worked by hand.
#include <catch.hpp>
#include <string>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <trimtab/net/operators.hpp>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <vector>

#include "onnx_builder.hpp"

using namespace trimtab;

namespace {

Array array_in_row(const std::vector<float>& numbers, std::vector<std::size_t> shape = {}) {
  if (shape.empty()) shape = {1, numbers.size()};
  Array x = Array::from_shape(shape);
  std::copy(numbers.begin(), numbers.end(), x.data());
  return x;
}

/// Codes of an initializer.
std::string codes(OnnxBuilder& b, const std::string& name, const OnnxBuilder::Ints& extent, const std::vector<int>& values,
                  onnx::TensorProto::DataType type = onnx::TensorProto::UINT8) {
  auto& t = b.tensor(name, extent, type);
  for (const int v : values) t.add_int32_data(v);
  return name;
}
/// x on a grid of scale s and zero point z, a uint8.
std::string on_grid(OnnxBuilder& b, const std::string& x, float s, int z, const std::string& y) {
  const std::string scale = b.floats(y + ".scale", {}, {s}), zero = codes(b, y + ".zero", {}, {z});
  b.node("QuantizeLinear", {x, scale, zero}, y + ".codes");
  b.node("DequantizeLinear", {y + ".codes", scale, zero}, y);
  return y;
}
/// int8 codes as reals of scale s.
std::string weight(OnnxBuilder& b, const std::string& name, const OnnxBuilder::Ints& extent, const std::vector<int>& values,
                   float s) {
  codes(b, name + ".codes", extent, values, onnx::TensorProto::INT8);
  b.floats(name + ".scale", {}, {s});
  b.node("DequantizeLinear", {name + ".codes", name + ".scale"}, name);
  return name;
}
std::vector<float> run_quantized(const OnnxBuilder& b, const Array& x) {
  Int8Network::Workspace workspace;
  const QuantizedOnnxModel model = parse_quantized_onnx(b.bytes());
  return numbers_of(Int8Network(model.network).run_outputs({x}, workspace)[0]);
}

}  // namespace

TEST_CASE("read_quantized_onnx: Gemm on codes has its alpha and beta", "[io]") {
  OnnxBuilder b(13, {0, 2});
  on_grid(b, "x", 0.5F, 0, "a");
  weight(b, "w", {2, 1}, {2, 4}, 0.25F);
  weight(b, "c", {1}, {8}, 0.125F);
  set_float(set_float(b.node("Gemm", {"a", "w", "c"}, "g"), "alpha", 0.5F), "beta", 3.0F);
  on_grid(b, "g", 0.25F, 0, "y");
  // 0.5 (4 * 0.5 + 6 * 1) + 3 * 1
  CHECK(run_quantized(b, array_in_row({4, 6})) == std::vector<float>{7});
}

TEST_CASE("read_quantized_onnx: a negative factor behind a layer with a real bias", "[io]") {
  OnnxBuilder b(13, {0, 2});
  on_grid(b, "x", 0.5F, 0, "a");
  weight(b, "w", {2, 1}, {2, 4}, 0.25F);
  b.floats("c", {1}, {1});
  b.node("Gemm", {"a", "w", "c"}, "g");
  b.floats("factor", {}, {-2});
  b.node("Mul", {"g", "factor"}, "m");
  on_grid(b, "m", 0.25F, 255, "y");
  CHECK(run_quantized(b, array_in_row({4, 6})) == std::vector<float>{-18});  // -2 (4 * 0.5 + 6 * 1 + 1)
}

TEST_CASE("read_quantized_onnx: functions see the numbers that DequantizeLinear gives, in float32", "[io]") {
  OnnxBuilder b(13, {0, 1});
  on_grid(b, "x", 1.0F / 255, 0, "a");  // in double 255 steps of this scale are a little more than 1
  b.node("Ceil", {"a"}, "c");
  on_grid(b, "c", 0.5F, 0, "y");
  CHECK(run_quantized(b, array_in_row({1})) == std::vector<float>{1});
}

TEST_CASE("read_quantized_onnx: QLinearLeakyRelu and QLinearSigmoid", "[io]") {
  const auto with = [](const std::string& op) {
    OnnxBuilder b(13, {0, 2});
    auto& microsoft = *b.model.add_opset_import();
    microsoft.set_domain("com.microsoft");
    microsoft.set_version(1);
    on_grid(b, "x", 0.5F, 128, "a");
    b.floats("s", {}, {0.0625F});
    codes(b, "z", {}, {64});
    auto& n = b.node(op, {"a.codes", "a.scale", "a.zero", "s", "z"}, "q");
    n.set_domain("com.microsoft");
    if (op == "QLinearLeakyRelu") set_float(n, "alpha", 0.25F);
    b.node("DequantizeLinear", {"q", "s", "z"}, "y");
    return run_quantized(b, array_in_row({-8, 3}));
  };
  CHECK(with("QLinearLeakyRelu") == std::vector<float>{-2, 3});
  CHECK(with("QLinearSigmoid") == std::vector<float>{0, 0.9375F});
}

TEST_CASE("read_onnx: a constant repeated over the batch", "[io]") {
  OnnxBuilder b(13, {0, 2});
  b.node("Shape", {"x"}, "shape");
  b.floats("c", {1, 1}, {5});
  b.node("Expand", {"c", "shape"}, "e");
  SECTION("added") {
    b.node("Add", {"x", "e"}, "y");
    CHECK(numbers_of(run(b.read().network, array_in_row({1, 2, 3, 4}, {2, 2}))) == std::vector<float>{6, 7, 8, 9});
  }
  SECTION("joined") {
    set(b.node("Concat", {"e", "x"}, "y"), "axis", 1);
    CHECK(numbers_of(run(b.read().network, array_in_row({1, 2, 3, 4}, {2, 2}))) == std::vector<float>{5, 5, 1, 2, 5, 5, 3, 4});
  }
}

TEST_CASE("read_onnx: a constant that is the same for every element of a batch of a given size", "[io]") {
  OnnxBuilder b(13, {2, 2});
  b.floats("c", {2, 2}, {5, 6, 5, 6});
  SECTION("added") {
    b.node("Add", {"x", "c"}, "y");
    CHECK(numbers_of(run(b.read().network, array_in_row({1, 2, 3, 4}, {2, 2}))) == std::vector<float>{6, 8, 8, 10});
  }
  SECTION("joined") {
    set(b.node("Concat", {"c", "x"}, "y"), "axis", 1);
    CHECK(numbers_of(run(b.read().network, array_in_row({1, 2, 3, 4}, {2, 2}))) == std::vector<float>{5, 6, 1, 2, 5, 6, 3, 4});
  }
}

TEST_CASE("read_onnx: a matrix product whose input has dropped a batch of 1", "[io]") {
  OnnxBuilder b(13, {1, 2, 1, 3});
  b.node("Squeeze", {"x", b.integers("batch", {0})}, "picture");
  b.node("MatMul", {"picture", b.floats("w", {3, 2}, {1, 2, 3, 4, 5, 6})}, "product");
  b.node("Unsqueeze", {"product", b.integers("front", {0})}, "y");
  const OnnxModel model = b.read();
  const Array x = array_in_row({1, 0, 0, 0, 1, 1}, {1, 2, 1, 3});
  const Array y = to_file_layout(run(model.network, from_file_layout(x, model.inputs[0].order)), model.outputs[0].order);
  CHECK(y.shape() == xt::xarray<float>::shape_type{1, 2, 1, 2});
  CHECK(numbers_of(y) == std::vector<float>{1, 2, 8, 10});
}

TEST_CASE("write_onnx, read_quantized_onnx: filters with a zero point each behind a Reshape", "[io]") {
  Network network;
  const NodeId input = network.add(Input{{2, 6}}, {}), picture = network.add(Reshape{{2, 3, 2}}, {input});
  auto weight = xt::xtensor<float, 4>::from_shape({2, 1, 1, 2});
  std::copy_n(std::vector<float>{1, 0.5F, -1, 0.25F}.begin(), 4, weight.data());
  network.add(Conv2d{weight, {}, {}}, {picture});
  const QuantizedNetwork q = quantize(network, std::vector<Range<float>>(3, {-1.0F, 2.0F}),
                                      {.weights = WeightMode::vector, .scheme = Scheme::asymmetric});
  const LoweredNetwork lowered = lower(q), back = parse_quantized_onnx(serialize_onnx(lowered, OnnxForm::qoperator)).network;
  REQUIRE(lowered.nodes.back().layer->zero_point.size() == 2);
  const Array x = array_in_row({-1, -0.5F, 0, 0.25F, 0.5F, 1, 1.25F, 1.5F, 2, -0.75F, 0.75F, 0.125F}, {1, 2, 6});
  Int8Network::Workspace one, two;
  CHECK(Int8Network(back).run_outputs({x}, two) == Int8Network(lowered).run_outputs({x}, one));
}

TEST_CASE("read_onnx: LpNormalization by the sum of magnitudes, of zeros too", "[io]") {
  OnnxBuilder b(13, {0, 2});
  set(set(b.node("LpNormalization", {"x"}, "y"), "p", 1), "axis", 1);
  CHECK(numbers_of(run(b.read().network, array_in_row({1, -3, 0, 0}, {2, 2}))) == std::vector<float>{0.25F, -0.75F, 0, 0});
}

TEST_CASE("read_onnx: a pool with a window of padding alone is refused with its node", "[io]") {
  OnnxBuilder b(13, {0, 1, 1, 1});
  auto& n = b.node("MaxPool", {"x"}, "y");
  set(set(set(n, "kernel_shape", {2, 2}), "dilations", {2, 1}), "pads", {1, 1, 1, 1});
  CHECK_THROWS_WITH(b.read(), ContainsSubstring("y_node") && ContainsSubstring("padding as a whole"));
}

TEST_CASE("read_quantized_onnx: tables of channels that are not the node's last axis", "[io]") {
  OnnxBuilder b(13, {0, 2, 3});
  on_grid(b, "x", 1, 0, "a");
  set(b.node("Transpose", {"a.codes"}, "t"), "perm", {0, 2, 1});
  set(b.node("Cast", {"t"}, "i"), "to", onnx::TensorProto::INT32);
  codes(b, "first", {2}, {0, 256}, onnx::TensorProto::INT32);
  b.node("Add", {"i", "first"}, "place");
  std::vector<int> table;  // x + 1 of channel 0, 2 x of channel 1
  for (int c = 0; c < 2; ++c)
    for (int i = 0; i < 256; ++i) table.push_back(std::min(255, c == 0 ? i + 1 : 2 * i));
  codes(b, "table", {512}, table);
  b.node("Gather", {"table", "place"}, "g");
  b.node("DequantizeLinear", {"g", "a.scale", "a.zero"}, "y");
  const QuantizedOnnxModel model = parse_quantized_onnx(b.bytes());
  Int8Network::Workspace workspace;
  const Array x = array_in_row({1, 2, 3, 4, 5, 6}, {1, 2, 3});
  const Array y = Int8Network(model.network).run_outputs({from_file_layout(x, model.inputs[0].order)}, workspace)[0];
  CHECK(numbers_of(to_file_layout(y, model.outputs[0].order)) == std::vector<float>{2, 8, 3, 10, 4, 12});
}

TEST_CASE("write_onnx: a Resize by a scale whose product depends on the precision is written by its sizes", "[io]") {
  OnnxBuilder b(13, {0, 3, 9, 7});
  b.node("Resize", {"x", "", "", b.integers("sizes", {1, 3, 11, 14})}, "y");  // 9 * float(11 / 9) is 11 in float, less in double
  ::onnx::ModelProto written;
  written.ParseFromString(serialize_onnx(b.read().network));
  for (const auto& node : written.graph().node())
    if (node.op_type() == "Resize") CHECK(node.input_size() == 4);
}
