// How the tools of others write what they quantized. Scales are powers of two, so that the expected codes are exact.
#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <vector>

#include "onnx_builder.hpp"

using namespace trimtab;

namespace {

constexpr auto int8_type = onnx::TensorProto::INT8, uint8_type = onnx::TensorProto::UINT8, int32_type = onnx::TensorProto::INT32;
// Debian's schema does not know them by name.
constexpr auto uint4_type = static_cast<OnnxBuilder::Type>(21), int4_type = static_cast<OnnxBuilder::Type>(22);

/// What the network gives, by its inputs in the file's order.
std::vector<float> run_quantized(const OnnxBuilder& b, const std::vector<float>& numbers, const std::vector<std::size_t>& shape,
                                 std::size_t nodes_in_float = 0) {
  const QuantizedOnnxModel model = parse_quantized_onnx(b.bytes());
  std::size_t in_float = 0;
  for (const LoweredNode& node : model.network.nodes) in_float += node.in_float;
  CHECK(in_float == nodes_in_float);
  Array x = Array::from_shape(shape);
  std::copy(numbers.begin(), numbers.end(), x.data());
  Int8Network::Workspace workspace;
  const Array y = to_file_layout(
      Int8Network(model.network).run_outputs({from_file_layout(x, model.inputs[0].order)}, workspace)[0], model.outputs[0].order);
  return {y.begin(), y.end()};
}

}  // namespace

TEST_CASE("read_quantized_onnx: layers with weights and biases in every form that tools write", "[io]") {
  // Two pixels of two channels, two filters. Weights: 1 -0.5, 0.75 0.25, the second row halved where it has a scale of its own.
  enum class Bias { none, real, codes, codes_with_zeros, codes_of_int8 };
  const std::vector<float> x{1, -1.5F, 2, 0.5F};
  const bool signed_x = GENERATE(false, true);
  const auto type_w = GENERATE(int8_type, uint8_type);
  const int zero_w = type_w == int8_type ? 0 : GENERATE(128, 100);
  const bool channels = GENERATE(false, true), quantizes_weights = GENERATE(false, true);
  const Bias bias = GENERATE(Bias::none, Bias::real, Bias::codes, Bias::codes_with_zeros, Bias::codes_of_int8);
  CAPTURE(signed_x, type_w, zero_w, channels, quantizes_weights, int(bias));
  const double half = channels ? 0.5 : 1;
  const double w[2][2] = {{1, -0.5}, {0.75 * half, 0.25 * half}},
               added[2] = {bias == Bias::none ? 0.0 : 0.25, bias == Bias::none ? 0.0 : -0.125};

  OnnxBuilder b(13, {0, 2, 1, 2});
  b.on_grid("x", "a", 0.5F, signed_x ? -3 : 4, signed_x ? int8_type : uint8_type);
  const OnnxBuilder::Ints row = channels ? OnnxBuilder::Ints{2} : OnnxBuilder::Ints{};
  b.floats("w_scale", row, channels ? std::vector<float>{0.25F, 0.125F} : std::vector<float>{0.25F});
  b.codes("w_zero", row, std::vector<int>(channels ? 2 : 1, zero_w), type_w);
  if (quantizes_weights) {
    b.floats("w_real", {2, 2, 1, 1}, {float(w[0][0]), float(w[0][1]), float(w[1][0]), float(w[1][1])});
    set(b.node("QuantizeLinear", {"w_real", "w_scale", "w_zero"}, "w"), "axis", 0);
  } else {
    b.codes("w", {2, 2, 1, 1}, {zero_w + 4, zero_w - 2, zero_w + 3, zero_w + 1}, type_w);
  }
  set(b.node("DequantizeLinear", {"w", "w_scale", "w_zero"}, "wr"), "axis", 0);
  std::vector<std::string> inputs{"a", "wr"};
  if (bias == Bias::real) {
    inputs.push_back(b.floats("c", {2}, {0.25F, -0.125F}));
  } else if (bias != Bias::none) {
    // On the grid of the sums, 0.5 times a weight's scale, unless it is int8.
    const bool small = bias == Bias::codes_of_int8;
    const auto type = small ? int8_type : int32_type;
    const int c1 = small ? -64 : channels ? -2 : -1, c0 = small ? 64 : 2;
    b.codes("c_codes", {2}, {c0 + (small ? 7 : 0), c1 + (small ? 7 : 0)}, type);
    b.floats("c_scale", small ? OnnxBuilder::Ints{} : row,
             small      ? std::vector<float>{1.0F / 256}
             : channels ? std::vector<float>{0.125F, 0.0625F}
                        : std::vector<float>{0.125F});
    std::vector<std::string> of_bias{"c_codes", "c_scale"};
    if (small) of_bias.push_back(b.codes("c_zero", {}, {7}, type));
    if (bias == Bias::codes_with_zeros) of_bias.push_back(b.codes("c_zero", row, std::vector<int>(channels ? 2 : 1, 0), type));
    set(b.node("DequantizeLinear", of_bias, "c"), "axis", 0);
    inputs.push_back("c");
  }
  b.node("Conv", inputs, "conv");
  b.on_grid("conv", "y", 0.25F, signed_x ? 5 : 9, signed_x ? int8_type : uint8_type);
  const double last[2] = {added[0], bias == Bias::codes_of_int8 ? -0.25 : added[1]};
  std::vector<float> expected;
  for (int o = 0; o < 2; ++o)
    for (int p = 0; p < 2; ++p) {
      const double sum = w[o][0] * double(x[std::size_t(p)]) + w[o][1] * double(x[std::size_t(2 + p)]) + last[o];
      expected.push_back(static_cast<float>(std::nearbyint(sum / 0.25) * 0.25));
    }
  CHECK(run_quantized(b, x, {1, 2, 1, 2}) == expected);
}

TEST_CASE("read_quantized_onnx: a Clip of codes is a range of fewer bits (QCDQ of Brevitas, PyTorch's fake_quantize)", "[io]") {
  OnnxBuilder b(13, {0, 4});
  const auto clipped_codes = [&](const std::string& x, const std::string& y, float scale, int lo, int hi, int zero,
                                 OnnxBuilder::Type type) {
    b.floats(y + ".scale", {}, {scale});
    b.codes(y + ".zero", {}, {zero}, type);
    b.codes(y + ".lo", {}, {lo}, type);
    b.codes(y + ".hi", {}, {hi}, type);
    b.node("QuantizeLinear", {x, y + ".scale", y + ".zero"}, y + ".all");
    b.node("Clip", {y + ".all", y + ".lo", y + ".hi"}, y + ".codes");
    b.node("DequantizeLinear", {y + ".codes", y + ".scale", y + ".zero"}, y);
  };
  SECTION("of activations, 4 bits") {
    clipped_codes("x", "y", 0.5F, 0, 15, 4, uint8_type);
    CHECK(run_quantized(b, {-9, 0.75F, 3, 9}, {1, 4}) == std::vector<float>{-2, 1, 3, 5.5F});
  }
  SECTION("of weights that the file quantizes, 3 bits") {
    b.on_grid("x", "a", 0.5F, 10, uint8_type);
    b.floats("w", {4, 2}, {1, -9, 9, 0.5F, 2, 0, 0, 1});
    clipped_codes("w", "wr", 0.5F, -3, 3, 0, int8_type);
    b.node("MatMul", {"a", "wr"}, "m");
    b.on_grid("m", "y", 0.5F, 100, uint8_type);
    // Weights 1 -1.5, 1.5 0.5, 1.5 0, 0 1.
    CHECK(run_quantized(b, {1, 2, -1, 3}, {1, 4}) == std::vector<float>{1 + 3 - 1.5F, -1.5F + 1 + 3});
  }
}

TEST_CASE("read_quantized_onnx: Quant of QONNX, of weights and of activations", "[io]") {
  OnnxBuilder b(13, {0, 2, 1, 1});
  const std::string domain = GENERATE(as<std::string>(), "onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general");
  const auto quant = [&](const std::string& x, const std::string& y, const OnnxBuilder::Ints& extent,
                         const std::vector<float>& scale, float bits, int is_signed, int narrow) {
    b.floats(y + ".scale", extent, scale);
    b.floats(y + ".zero", {}, {0});
    b.floats(y + ".bits", {}, {bits});
    auto& node = set(set(b.node("Quant", {x, y + ".scale", y + ".zero", y + ".bits"}, y), "signed", is_signed), "narrow", narrow);
    set_text(node, "rounding_mode", "ROUND").set_domain(domain);
  };
  quant("x", "a", {}, {0.5F}, 4, 0, 0);  // 0 to 7.5
  b.floats("w", {2, 2, 1, 1}, {1, -9, 0.3F, 0.6F});
  quant("w", "wr", {2, 1, 1, 1}, {0.5F, 0.25F}, 3, 1, 1);  // -3 to 3 steps: 1 -1.5, 0.25 0.5
  b.node("Conv", {"a", "wr"}, "c");
  quant("c", "y", {}, {0.5F}, 8, 1, 0);
  CHECK(run_quantized(b, {9, 2.25F}, {1, 2, 1, 1}) == std::vector<float>{7.5F - 3, 1.875F + 1 - 0.875F + 1});
}

TEST_CASE("read_quantized_onnx: weights of 4 bits", "[io]") {
  OnnxBuilder b(21, {0, 2});
  b.on_grid("x", "a", 0.5F, 0, uint8_type);
  b.floats("w_scale", {2}, {0.5F, 0.25F});
  const bool is_signed = GENERATE(true, false);
  // Rows 7 -8, -1 2; less a zero point of 8 where there is no sign.
  b.tensor("w", {2, 2}, is_signed ? int4_type : uint4_type)
      .set_raw_data(is_signed ? std::string("\x87\x2F", 2) : std::string("\x0F\xA7", 2));
  std::vector<std::string> inputs{"w", "w_scale"};
  if (!is_signed) {
    b.tensor("w_zero", {2}, uint4_type).set_raw_data("\x88");
    inputs.push_back("w_zero");
  }
  set(b.node("DequantizeLinear", inputs, "wr"), "axis", 0);
  set(b.node("Gemm", {"a", "wr"}, "g"), "transB", 1);
  b.on_grid("g", "y", 0.25F, 128, uint8_type);
  CHECK(run_quantized(b, {2, 1.5F}, {1, 2}) == std::vector<float>{7 - 6, -0.5F + 0.75F});
}

TEST_CASE("read_quantized_onnx: a dead channel of scale 0 gives its bias", "[io]") {
  OnnxBuilder b(13, {0, 1, 1, 2});
  b.on_grid("x", "a", 0.5F, 0, uint8_type);
  b.floats("w_scale", {2}, {0.5F, 0});
  b.codes("w", {2, 1, 1, 1}, {2, 99}, int8_type);
  set(b.node("DequantizeLinear", {"w", "w_scale"}, "wr"), "axis", 0);
  b.node("Conv", {"a", "wr", b.floats("c", {2}, {1, -3})}, "conv");
  b.on_grid("conv", "y", 0.5F, 100, uint8_type);
  CHECK(run_quantized(b, {2, 4}, {1, 1, 1, 2}) == std::vector<float>{3, 5, -3, -3});
}

TEST_CASE("read_quantized_onnx: an input that is quantized twice", "[io]") {
  OnnxBuilder b(13, {0, 3});
  b.on_grid("x", "fine", 0.25F, 128, uint8_type);
  b.on_grid("x", "coarse", 1, 0, int8_type);
  b.node("Sub", {"fine", "coarse"}, "d");
  b.on_grid("d", "y", 0.25F, 0, int8_type);
  // The input stays float, and both codes of it are made by float nodes.
  CHECK(run_quantized(b, {1.25F, -0.6F, 2.5F}, {1, 3}, 3) == std::vector<float>{0.25F, 0.5F, 0.5F});
}

TEST_CASE("read_quantized_onnx: MatMulIntegerToFloat of codes on a grid", "[io]") {
  OnnxBuilder b(13, {0, 2});
  b.import_microsoft();
  b.floats("s", {}, {0.5F});
  b.codes("z", {}, {10}, uint8_type);
  b.node("QuantizeLinear", {"x", "s", "z"}, "q");
  b.codes("w", {2, 1}, {3, -1}, int8_type);
  b.node("MatMulIntegerToFloat", {"q", "w", "s", b.floats("w_scale", {}, {0.25F}), "z", "", b.floats("bias", {1}, {8})}, "y")
      .set_domain("com.microsoft");
  // The product and the bias are float nodes, since nothing quantizes them. 0.75 * 1 - 0.25 * 2.5 + 8
  CHECK(run_quantized(b, {1.1F, 2.5F}, {1, 2}, 2) == std::vector<float>{8.125F});
}

TEST_CASE("read_quantized_onnx: Pad of codes puts a code there, Pad of what they stand for a real", "[io]") {
  OnnxBuilder b(13, {0, 1, 1, 2});
  b.floats("s", {}, {0.5F});
  b.codes("z", {}, {10}, uint8_type);
  b.node("QuantizeLinear", {"x", "s", "z"}, "q");
  b.integers("pads", {0, 0, 0, 1, 0, 0, 0, 1});
  SECTION("codes, the zero point") {
    b.node("Pad", {"q", "pads", "z"}, "p");
    b.node("DequantizeLinear", {"p", "s", "z"}, "y");
    CHECK(run_quantized(b, {1, 2}, {1, 1, 1, 2}) == std::vector<float>{0, 1, 2, 0});
  }
  SECTION("codes, 0 by default") {
    b.node("Pad", {"q", "pads"}, "p");
    b.node("DequantizeLinear", {"p", "s", "z"}, "y");
    CHECK(run_quantized(b, {1, 2}, {1, 1, 1, 2}) == std::vector<float>{-5, 1, 2, -5});
  }
  SECTION("reals") {
    b.node("DequantizeLinear", {"q", "s", "z"}, "r");
    b.node("Pad", {"r", "pads", b.floats("three", {}, {3})}, "p");
    b.node("QuantizeLinear", {"p", "s", "z"}, "pq");
    b.node("DequantizeLinear", {"pq", "s", "z"}, "y");
    CHECK(run_quantized(b, {1, 2}, {1, 1, 1, 2}) == std::vector<float>{3, 1, 2, 3});
  }
}

TEST_CASE("read_quantized_onnx: a quantized Softmax at the end", "[io]") {
  OnnxBuilder b(13, {0, 4});
  b.on_grid("x", "a", 0.25F, 100, uint8_type);
  set(b.node("Softmax", {"a"}, "s"), "axis", -1);
  b.on_grid("s", "y", 1.0F / 256, 0, uint8_type);
  const std::vector<float> x{1, -0.5F, 2.25F, 0};
  double sum = 0;
  for (const float v : x) sum += std::exp(double(v));
  std::vector<float> expected;
  for (const float v : x) expected.push_back(static_cast<float>(std::nearbyint(256 * std::exp(double(v)) / sum) / 256));
  CHECK(run_quantized(b, x, {1, 4}) == expected);
}

TEST_CASE("read_quantized_onnx: attributes of later opsets at values that change nothing", "[io]") {
  OnnxBuilder b(23, {0, 2});
  b.floats("s", {}, {0.5F});
  b.codes("z", {}, {10}, uint8_type);
  auto& q =
      set(set(set(b.node("QuantizeLinear", {"x", "s", "z"}, "q"), "block_size", 0), "output_dtype", uint8_type), "saturate", 1);
  set(set(q, "axis", 1), "precision", onnx::TensorProto::FLOAT);
  set(set(b.node("DequantizeLinear", {"q", "s", "z"}, "y"), "block_size", 0), "output_dtype", onnx::TensorProto::FLOAT);
  CHECK(run_quantized(b, {1, 1.25F}, {1, 2}) == std::vector<float>{1, 1});
  SECTION("and blocks are refused") {
    set(*b.graph().mutable_node(1), "axis", 1);
    b.graph().mutable_node(1)->mutable_attribute(0)->set_i(2);
    CHECK_THROWS_WITH(parse_quantized_onnx(b.bytes()), ContainsSubstring("a scale for each block of 2"));
  }
}
