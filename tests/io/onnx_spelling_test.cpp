// Ways to write what a float network computes: each of them is somebody's exporter.
#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/operators.hpp>
#include <vector>

#include "onnx_builder.hpp"

using namespace trimtab;

namespace {

/// What the network gives, by its only input in the file's order.
std::vector<float> run_float(const OnnxBuilder& b, const std::vector<float>& numbers, const std::vector<std::size_t>& shape) {
  const OnnxModel model = b.read();
  Array x = Array::from_shape(shape);
  std::copy(numbers.begin(), numbers.end(), x.data());
  const Array y = to_file_layout(run(model.network, from_file_layout(x, model.inputs[0].order)), model.outputs[0].order);
  return {y.begin(), y.end()};
}
void declare_input(OnnxBuilder& b, OnnxBuilder::Type type) {
  b.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(type);
}

}  // namespace

TEST_CASE("read_onnx: a shape that the graph computes from a part of another", "[io]") {
  OnnxBuilder b(15, {0, 2, 3});
  set(set(b.node("Shape", {"x"}, "front"), "start", 0), "end", 1);
  b.integers("rest", {6});
  set(b.node("Concat", {"front", "rest"}, "shape"), "axis", 0);
  SECTION("Shape with start and end") { b.node("Reshape", {"x", "shape"}, "y"); }
  SECTION("allowzero without zeros") { set(b.node("Reshape", {"x", "shape"}, "y"), "allowzero", 1); }
  CHECK(b.read().network[1].extent == Extents{6});
  CHECK(run_float(b, {1, 2, 3, 4, 5, 6}, {1, 2, 3}) == std::vector<float>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("read_onnx: an initializer that is an input, too, keeps its value", "[io]") {
  OnnxBuilder b(13, {0, 2});
  b.floats("w", {2, 1}, {2, 3});
  auto& declared = *b.graph().add_input();
  declared.set_name("w");
  auto& type = *declared.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  for (const int n : {2, 1}) type.mutable_shape()->add_dim()->set_dim_value(n);
  b.node("MatMul", {"x", "w"}, "y");
  CHECK(run_float(b, {1, 10}, {1, 2}) == std::vector<float>{32});
  CHECK(b.read().inputs.size() == 1);
}

TEST_CASE("read_onnx: inputs of bytes and of float16, and preprocessing in the graph", "[io]") {
  OnnxBuilder b(13, {0, 2, 1, 2});
  b.floats("mean", {1, 2, 1, 1}, {1, 2});
  b.floats("deviation", {1, 2, 1, 1}, {2, 4});
  const auto type = GENERATE(onnx::TensorProto::UINT8, onnx::TensorProto::FLOAT16, onnx::TensorProto::FLOAT);
  declare_input(b, type);
  std::string x = "x";
  if (type != onnx::TensorProto::FLOAT) set(b.node("Cast", {"x"}, x = "cast"), "to", std::int64_t{onnx::TensorProto::FLOAT});
  b.node("Sub", {x, "mean"}, "centred");
  b.node("Div", {"centred", "deviation"}, "normalized");
  b.floats("w", {1, 2, 1, 1}, {1, 2});
  b.node("Conv", {"normalized", "w"}, "y");
  // (3 - 1) / 2 + 2 (6 - 2) / 4 and (5 - 1) / 2 + 2 (0 - 2) / 4
  CHECK(run_float(b, {3, 5, 6, 0}, {1, 2, 1, 2}) == std::vector<float>{3, 1});
}

TEST_CASE("read_onnx: opsets 7 to 25", "[io]") {
  for (std::int64_t opset = 7; opset <= 25; ++opset) {
    CAPTURE(opset);
    OnnxBuilder b(opset, {0, 2});
    b.node("Relu", {"x"}, "y");
    CHECK(run_float(b, {-1, 2}, {1, 2}) == std::vector<float>{0, 2});
  }
}

TEST_CASE("read_onnx: Swish of opset 24, with alpha and without", "[io]") {
  OnnxBuilder b(24, {0, 2});
  SECTION("as Silu") {
    b.node("Swish", {"x"}, "y");
    const Network network = b.read().network;
    CHECK(network[1].op.is<Silu>());
  }
  SECTION("with alpha") {
    set_float(b.node("Swish", {"x"}, "y"), "alpha", 2);
    const std::vector<float> y = run_float(b, {0, 1}, {1, 2});
    CHECK(y[0] == 0);
    CHECK(double(y[1]) == Approx(1 / (1 + std::exp(-2.0))).epsilon(1e-6));
  }
}

TEST_CASE("read_onnx: Clip with crossed bounds gives the upper one", "[io]") {
  OnnxBuilder b(13, {0, 3});
  b.node("Clip", {"x", b.floats("lo", {}, {3}), b.floats("hi", {}, {-1})}, "y");
  CHECK(run_float(b, {-5, 0, 5}, {1, 3}) == std::vector<float>{-1, -1, -1});
}

TEST_CASE("read_onnx: ceil_mode keeps the last, partial window", "[io]") {
  OnnxBuilder b(13, {0, 1, 1, 3});
  const char* op = GENERATE("MaxPool", "AveragePool");
  set(set(set(b.node(op, {"x"}, "y"), "kernel_shape", {1, 2}), "strides", {1, 2}), "ceil_mode", 1);
  CHECK(run_float(b, {1, 5, 3}, {1, 1, 1, 3}) ==
        (op == std::string("MaxPool") ? std::vector<float>{5, 3} : std::vector<float>{3, 3}));
}

TEST_CASE("read_onnx: one weight that 200 layers share", "[io]") {
  OnnxBuilder b(13, {0, 100});
  b.floats("w", {100, 100}, std::vector<float>(10000, 0.01F));
  std::vector<std::string> heads;
  for (int i = 0; i < 200; ++i) b.node("MatMul", {"x", "w"}, heads.emplace_back("h" + std::to_string(i)));
  b.node("Sum", heads, "y");
  CHECK(run_float(b, std::vector<float>(100, 1.0F), {1, 100})[0] == Approx(200.0F).epsilon(1e-4));
}

TEST_CASE("read_onnx: outputs that are constants", "[io]") {
  OnnxBuilder b(13, {0, 2});
  b.node("Relu", {"x"}, "unused");
  SECTION("floats, with an axis in front for the batch") {
    b.floats("y", {3}, {1, 2, 3});
    CHECK(run_float(b, {0, 0}, {1, 2}) == std::vector<float>{1, 2, 3});
    CHECK_THAT(b.read().notes.back(), ContainsSubstring("left out") || ContainsSubstring("an axis more in front"));
  }
  SECTION("integers are refused") {
    b.integers("y", {1, 2});
    CHECK_THROWS_WITH(b.read(), ContainsSubstring("output 'y', a constant") && ContainsSubstring("int64"));
  }
}
