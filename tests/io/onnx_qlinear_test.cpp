// ONNX Runtime's own operators on codes (domain com.microsoft) against loops over their definitions. Scales are powers of two, so
// that the expected codes are exact, ties among them.
#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <cstdint>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <vector>

#include "onnx_builder.hpp"

using namespace trimtab;

namespace {

struct Grid {
  double scale;
  int zero_point;
};

/// A model whose input x is quantized to codes `xq` by scale 1 and zero point 0, of uint8 or int8.
class CodeModel {
 public:
  explicit CodeModel(bool is_signed, const OnnxBuilder::Ints& input) : is_signed_(is_signed), b(13, input) {
    auto& opset = *b.model.add_opset_import();
    opset.set_domain("com.microsoft");
    opset.set_version(1);
    grid("x", {1, 0});
    b.node("QuantizeLinear", {"x", "x_scale", "x_zero"}, "xq");
  }

  void grid(const std::string& name, const Grid& g) {
    b.floats(name + "_scale", {}, {static_cast<float>(g.scale)});
    b.tensor(name + "_zero", {}, is_signed_ ? onnx::TensorProto::INT8 : onnx::TensorProto::UINT8).add_int32_data(g.zero_point);
  }
  onnx::NodeProto& microsoft(const std::string& op, const std::vector<std::string>& inputs, const std::string& output) {
    auto& node = b.node(op, inputs, output);
    node.set_domain("com.microsoft");
    return node;
  }
  /// Reads codes `yq` as the output.
  void finish() { b.node("DequantizeLinear", {"yq", "y_scale", "y_zero"}, "y"); }

  /// Codes of the output for codes of the input, of H W C.
  std::vector<int> run(const std::vector<int>& codes, const Extents& hwc) const {
    Array x = Array::from_shape({1, hwc[0], hwc[1], hwc[2]});
    std::copy(codes.begin(), codes.end(), x.data());
    const LoweredNetwork network = parse_quantized_onnx(b.bytes()).network;
    Int8Network::Workspace workspace;
    std::vector<int> y;
    for (const std::uint8_t byte : Int8Network(network).run(x, workspace)) y.push_back(byte - (is_signed_ ? 128 : 0));
    return y;
  }

  int lowest() const { return is_signed_ ? -128 : 0; }
  /// The code of a number of steps.
  int code(double steps, const Grid& y) const {
    return static_cast<int>(std::clamp(std::nearbyint(steps) + y.zero_point, double(lowest()), lowest() + 255.0));
  }
  /// Every code once, in an order that sets far ones side by side: 16 x 16.
  std::vector<int> all_codes() const {
    std::vector<int> codes;
    for (int i = 0; i < 256; ++i) codes.push_back(lowest() + i * 37 % 256);
    return codes;
  }

 private:
  bool is_signed_;

 public:
  OnnxBuilder b;
};

void refused(const CodeModel& model, const char* part) {
  CHECK_THROWS_WITH(parse_quantized_onnx(model.b.bytes()), ContainsSubstring(part));
}

}  // namespace

TEST_CASE("read_quantized_onnx: QLinearAdd adds what two grids mean, ties to even", "[io]") {
  const bool is_signed = GENERATE(false, true);
  CAPTURE(is_signed);
  CodeModel model(is_signed, {0, 1, 16, 16});
  const Grid a{0.5, 3}, b{0.25, is_signed ? -100 : 100}, y{1, is_signed ? -7 : 90};
  model.grid("a", a);
  model.grid("b", b);
  model.grid("y", y);
  set(set(model.b.node("MaxPool", {"xq"}, "right"), "kernel_shape", {1, 2}), "pads", {0, 0, 0, 1});
  model.microsoft("QLinearAdd", {"xq", "a_scale", "a_zero", "right", "b_scale", "b_zero", "y_scale", "y_zero"}, "yq");
  model.finish();
  const std::vector<int> x = model.all_codes();
  std::vector<int> expected;
  for (std::size_t i = 0; i < 256; ++i) {
    const int right = i % 16 == 15 ? x[i] : std::max(x[i], x[i + 1]);
    expected.push_back(model.code((a.scale * (x[i] - a.zero_point) + b.scale * (right - b.zero_point)) / y.scale, y));
  }
  CHECK(model.run(x, {16, 16, 1}) == expected);
}

TEST_CASE("read_quantized_onnx: QLinearConcat brings each input onto the output's grid", "[io]") {
  const bool is_signed = GENERATE(false, true);
  CAPTURE(is_signed);
  CodeModel model(is_signed, {0, 1, 16, 16});
  // The codes of x three times: on the output's grid, on a finer one with ties, on a coarser one that is cut off.
  const Grid y{0.5, is_signed ? -7 : 90}, fine{0.25, 20}, coarse{2, is_signed ? 5 : 128};
  model.grid("y", y);
  model.grid("fine", fine);
  model.grid("coarse", coarse);
  set(model.microsoft(
          "QLinearConcat",
          {"y_scale", "y_zero", "xq", "y_scale", "y_zero", "xq", "fine_scale", "fine_zero", "xq", "coarse_scale", "coarse_zero"},
          "yq"),
      "axis", 1);
  model.finish();
  const std::vector<int> x = model.all_codes();
  std::vector<int> expected;
  for (const int code : x)
    for (const Grid& g : {y, fine, coarse}) expected.push_back(model.code(g.scale * (code - g.zero_point) / y.scale, y));
  CHECK(model.run(x, {16, 16, 1}) == expected);
}

TEST_CASE("read_quantized_onnx: QLinearAveragePool rounds the mean once, with and without the padding in its count", "[io]") {
  const bool is_signed = GENERATE(false, true), count_include_pad = GENERATE(false, true);
  CAPTURE(is_signed, count_include_pad);
  CodeModel model(is_signed, {0, 1, 16, 16});
  const Grid a{1, is_signed ? -9 : 30}, y{0.5, is_signed ? 11 : 77};
  model.grid("a", a);
  model.grid("y", y);
  auto& pool = model.microsoft("QLinearAveragePool", {"xq", "a_scale", "a_zero", "y_scale", "y_zero"}, "yq");
  set(set(set(set(pool, "kernel_shape", {2, 2}), "strides", {2, 1}), "pads", {1, 0, 1, 1}), "count_include_pad",
      count_include_pad);
  model.finish();
  const std::vector<int> x = model.all_codes();
  std::vector<int> expected;
  for (int row = -1; row <= 15; row += 2)
    for (int column = 0; column < 16; ++column) {
      int sum = 0, inside = 0;
      for (int h = row; h < row + 2; ++h)
        for (int w = column; w < column + 2; ++w)
          if (h >= 0 && h < 16 && w < 16) {
            sum += x[static_cast<std::size_t>(h * 16 + w)] - a.zero_point;
            ++inside;
          }
      expected.push_back(model.code(a.scale * sum / (count_include_pad ? 4 : inside) / y.scale, y));
    }
  CHECK(model.run(x, {16, 16, 1}) == expected);
  set(*model.b.graph().mutable_node(1), "channels_last", 1);
  refused(model, "channels_last");
}

TEST_CASE("read_quantized_onnx: QGemm with a scale for each output and biases, either way round", "[io]") {
  const bool is_signed = GENERATE(false, true), outputs_first = GENERATE(false, true), quantizes = GENERATE(false, true);
  CAPTURE(is_signed, outputs_first, quantizes);
  // A picture of C = 2, H = 3, W = 1: the file counts C H W, the network H W C.
  constexpr int channels = 2, pixels = 3, outputs = 3;
  CodeModel model(is_signed, {0, channels, pixels, 1});
  const Grid a{0.5, is_signed ? -4 : 10}, y{16, is_signed ? 1 : 100};
  const std::vector<int> w_zero{0, 3, -5}, bias{1000, -77, 64};
  const std::vector<double> w_scale{0.25, 0.5, 0.125};
  const int w[outputs][channels * pixels] = {{127, -128, 5, 0, 64, -1}, {-3, 100, 100, -100, 7, 33}, {1, 2, 3, -4, -5, -6}};
  model.grid("a", a);
  model.grid("y", y);
  model.b.floats("w_scale", {outputs}, {0.25F, 0.5F, 0.125F});
  auto& zeros = model.b.tensor("w_zero", {outputs}, onnx::TensorProto::INT8);
  auto& biases = model.b.tensor("bias", {outputs}, onnx::TensorProto::INT32);
  for (std::size_t o = 0; o < outputs; ++o) {
    zeros.add_int32_data(w_zero[o]);
    biases.add_int32_data(bias[o]);
  }
  auto& weights = model.b.tensor(
      "w", outputs_first ? OnnxBuilder::Ints{outputs, channels * pixels} : OnnxBuilder::Ints{channels * pixels, outputs},
      onnx::TensorProto::INT8);
  for (int i = 0; i < outputs * channels * pixels; ++i)
    weights.add_int32_data(outputs_first ? w[i / (channels * pixels)][i % (channels * pixels)] : w[i % outputs][i / outputs]);
  model.b.node("Flatten", {"xq"}, "flat");
  std::vector<std::string> inputs{"flat", "a_scale", "a_zero", "w", "w_scale", "w_zero", "bias"};
  // Without the output's grid it puts out floats, which a QuantizeLinear may take.
  if (quantizes) inputs.insert(inputs.end(), {"y_scale", "y_zero"});
  auto& gemm = model.microsoft("QGemm", inputs, quantizes ? "yq" : "sums");
  if (outputs_first) set(gemm, "transB", 1);
  const int at = model.b.graph().node_size() - 1;
  if (!quantizes) model.b.node("QuantizeLinear", {"sums", "y_scale", "y_zero"}, "yq");
  model.finish();
  const int lo = model.lowest();
  const auto check = [&](double alpha, const std::vector<int>& x) {
    std::vector<int> expected;
    for (std::size_t o = 0; o < outputs; ++o) {
      int sum = bias[o];
      for (int c = 0; c < channels; ++c)
        for (int p = 0; p < pixels; ++p)
          sum += (x[static_cast<std::size_t>(p * channels + c)] - a.zero_point) * (w[o][c * pixels + p] - w_zero[o]);
      expected.push_back(model.code(alpha * a.scale * w_scale[o] * sum / y.scale, y));
    }
    CHECK(model.run(x, {pixels, 1, channels}) == expected);
  };
  const std::vector<int> several{lo, lo + 255, lo + 1, lo + 100, lo + 37, lo + 200};
  for (const std::vector<int>& x : {several, std::vector<int>(6, lo + 255), std::vector<int>(6, lo)}) check(1, x);
  set_float(*model.b.graph().mutable_node(at), "alpha", 2);  // biases are in steps of alpha * s_a * s_w
  check(2, several);
}

TEST_CASE("read_quantized_onnx: a zero point that is left out is 0 of the codes' own type", "[io]") {
  const bool is_signed = GENERATE(false, true);
  CAPTURE(is_signed);
  CodeModel model(is_signed, {0, 1, 16, 16});
  const Grid y{2, is_signed ? 3 : 5};
  model.grid("y", y);
  model.microsoft("QLinearAdd", {"xq", "x_scale", "", "xq", "x_scale", "", "y_scale", "y_zero"}, "yq");
  model.b.node("DequantizeLinear", {"yq", "y_scale"}, "y");
  const std::vector<int> x = model.all_codes();
  std::vector<int> expected;
  for (const int code : x) expected.push_back(model.code(code, y));
  CHECK(model.run(x, {16, 16, 1}) == expected);
  CHECK(parse_quantized_onnx(model.b.bytes()).network.output_grids[0].zero_point == (is_signed ? 128 : 0));
}

TEST_CASE("read_quantized_onnx: the operators of com.microsoft want its domain imported, and all of their inputs", "[io]") {
  CodeModel model(false, {0, 1, 16, 16});
  model.grid("y", {1, 0});
  auto& add = model.microsoft("QLinearAdd", {"xq", "x_scale", "x_zero", "xq", "x_scale", "x_zero", "y_scale", "y_zero"}, "yq");
  model.finish();
  REQUIRE_NOTHROW(parse_quantized_onnx(model.b.bytes()));
  SECTION("no domain") {
    model.b.model.mutable_opset_import()->RemoveLast();
    refused(model, "does not import the domain com.microsoft");
  }
  SECTION("an input less") {
    add.mutable_input()->RemoveLast();
    refused(model, "leaves out the output's zero point");
    add.mutable_input()->RemoveLast();
    refused(model, "has 6 inputs");
  }
  SECTION("another operator of the domain") {
    add.set_op_type("QLinearReduceMean");
    refused(model, "not supported");
  }
  SECTION("a constant operand") {
    model.b.tensor("one", {1, 1, 1, 1}, onnx::TensorProto::UINT8).add_int32_data(1);
    add.set_input(3, "one");
    std::vector<int> expected = model.all_codes();
    for (int& code : expected) code = std::min(code + 1, 255);
    CHECK(model.run(model.all_codes(), {16, 16, 1}) == expected);
  }
}
