// Dynamic quantization, as ONNX Runtime's quantize_dynamic writes it. Scales are powers of two, so that expected values are
// exact.
#include <algorithm>
#include <catch.hpp>
#include <random>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <trimtab/net/operators.hpp>
#include <vector>

#include "damage.hpp"
#include "onnx_builder.hpp"

using namespace trimtab;

namespace {

/// x as NAME, NAME_scale and NAME_zero.
void quantized(OnnxBuilder& b, const std::string& x, const std::string& name) {
  auto& node = b.node("DynamicQuantizeLinear", {x}, name);
  node.add_output(name + "_scale");
  node.add_output(name + "_zero");
}
void cast(OnnxBuilder& b, const std::string& x, const std::string& y) {
  set(b.node("Cast", {x}, y), "to", std::int64_t{onnx::TensorProto::FLOAT});
}
std::vector<float> run_on(const Network& network, const std::vector<float>& numbers, const std::vector<std::size_t>& shape) {
  Array x = Array::from_shape(shape);
  std::copy(numbers.begin(), numbers.end(), x.data());
  const Array y = run(network, x);
  return {y.begin(), y.end()};
}
/// y = dequantized weights (2 inputs, 3 outputs) times x; the nodes up to the sums as floats, `sums`.
OnnxBuilder linear_sums(onnx::TensorProto::DataType type, const std::vector<int>& zero_points) {
  OnnxBuilder b(13, {0, 2});
  b.codes("w", {2, 3}, {1, 2, 3, 4, 5, 6}, type);
  const bool several = zero_points.size() > 1;
  b.codes("w_zero", several ? OnnxBuilder::Ints{3} : OnnxBuilder::Ints{}, zero_points, type);
  quantized(b, "x", "q");
  b.node("MatMulInteger", {"q", "w", "q_zero", "w_zero"}, "integers");
  cast(b, "integers", "sums");
  return b;
}

}  // namespace

TEST_CASE("read_onnx: a matrix product of what is quantized anew for each input is one of floats", "[io]") {
  OnnxBuilder b = linear_sums(onnx::TensorProto::UINT8, {3});
  b.floats("w_scale", {}, {0.25F});
  b.node("Mul", {"q_scale", "w_scale"}, "scales");
  b.node("Mul", {"sums", "scales"}, "product");
  b.floats("bias", {3}, {1, 2, 4});
  b.node("Add", {"product", "bias"}, "y");
  const OnnxModel model = b.read();
  REQUIRE(model.network.size() == 2);  // the input and one layer
  const Linear& layer = model.network[1].op.get<Linear>();
  CHECK(layer.weight == xt::xtensor<float, 2>{{-0.5F, 0.25F}, {-0.25F, 0.5F}, {0, 0.75F}});  // 0.25 (code - 3)
  CHECK(layer.bias == xt::xtensor<float, 1>{1, 2, 4});
  CHECK(run_on(model.network, {2, 4}, {1, 2}) == std::vector<float>{1, 3.5F, 7});
  REQUIRE(model.notes.size() == 1);
  CHECK_THAT(model.notes[0], ContainsSubstring("anew for each input") && ContainsSubstring("calibration"));
}

TEST_CASE("read_onnx: scales and zero points of columns, in every order of the products", "[io]") {
  // 1 (code - 1), 0.5 (code - 2), 0.25 (code - 3): columns 0 3, 0 1.5, 0 0.75.
  const std::vector<float> expected{12, 6, 3};
  OnnxBuilder b = linear_sums(onnx::TensorProto::INT8, {1, 2, 3});
  b.floats("w_scale", {3}, {1, 0.5F, 0.25F});
  SECTION("the product of the scales in front") {
    b.node("Mul", {"w_scale", "q_scale"}, "scales");
    b.node("Mul", {"scales", "sums"}, "y");
    CHECK(b.read().network.size() == 2);
  }
  SECTION("one scale after the other") {
    b.node("Mul", {"sums", "q_scale"}, "scaled");
    b.node("Mul", {"scaled", "w_scale"}, "y");
  }
  SECTION("the weights' scale first") {
    b.node("Mul", {"w_scale", "sums"}, "scaled");
    b.node("Mul", {"q_scale", "scaled"}, "y");
    CHECK(b.read().network.size() == 2);
  }
  SECTION("sums that two nodes read keep their scale apart") {
    b.node("Mul", {"w_scale", "q_scale"}, "scales");
    b.node("Mul", {"sums", "scales"}, "once");
    b.node("Mul", {"sums", "q_scale"}, "raw");
    b.node("Sub", {"once", "raw"}, "y");
    CHECK(run_on(b.read().network, {2, 4}, {1, 2}) == std::vector<float>{0, -6, -9});
    return;
  }
  CHECK(run_on(b.read().network, {2, 4}, {1, 2}) == expected);
}

TEST_CASE("read_onnx: a convolution of what is quantized anew for each input pads with 0 and has its bias", "[io]") {
  OnnxBuilder b(13, {0, 1, 1, 3});
  quantized(b, "x", "q");
  b.codes("w", {2, 1, 1, 3}, {1, 2, 3, 3, 2, 1}, onnx::TensorProto::INT8);
  b.codes("w_zero", {}, {0}, onnx::TensorProto::INT8);
  b.floats("w_scale", {}, {0.5F});
  b.floats("bias", {2}, {1, -1});
  b.integers("bias_shape", {1, -1, 1, 1});
  b.node("Mul", {"q_scale", "w_scale"}, "scales");
  set(b.node("ConvInteger", {"q", "w", "q_zero", "w_zero"}, "integers"), "pads", {0, 1, 0, 1});
  cast(b, "integers", "sums");
  b.node("Mul", {"sums", "scales"}, "product");
  b.node("Reshape", {"bias", "bias_shape"}, "bias_4d");
  b.node("Add", {"product", "bias_4d"}, "y");
  const Network network = b.read().network;
  CHECK(network.size() == 2);
  // x = 2 4 6: 0.5 (2 * 2 + 3 * 4) + 1 and so on, channels last.
  CHECK(run_on(network, {2, 4, 6}, {1, 1, 3, 1}) == std::vector<float>{9, 3, 15, 9, 9, 11});
}

TEST_CASE("read_onnx: ONNX Runtime's fused forms of dynamic products", "[io]") {
  OnnxBuilder b(13, {0, 2});
  b.import_microsoft();
  b.codes("w", {2, 3}, {1, 2, 3, 4, 5, 6}, onnx::TensorProto::UINT8);
  b.codes("w_zero", {}, {3}, onnx::TensorProto::UINT8);
  b.floats("w_scale", {}, {0.25F});
  b.floats("bias", {3}, {1, 2, 4});
  SECTION("DynamicQuantizeMatMul") {
    b.node("DynamicQuantizeMatMul", {"x", "w", "w_scale", "w_zero", "bias"}, "y").set_domain("com.microsoft");
  }
  SECTION("MatMulIntegerToFloat") {
    quantized(b, "x", "q");
    b.node("MatMulIntegerToFloat", {"q", "w", "q_scale", "w_scale", "q_zero", "w_zero", "bias"}, "y").set_domain("com.microsoft");
  }
  const OnnxModel model = b.read();
  CHECK(run_on(model.network, {2, 4}, {1, 2}) == std::vector<float>{1, 3.5F, 7});
  CHECK(model.notes.size() == 1);
}

TEST_CASE("read_onnx: products of two activations that are quantized anew, moved in between, and their codes read back", "[io]") {
  OnnxBuilder b(13, {0, 2, 2});
  quantized(b, "x", "q");
  SECTION("attention's scores") {
    b.floats("two", {}, {2});
    b.node("Mul", {"x", "two"}, "k");
    quantized(b, "k", "k_q");
    set(b.node("Transpose", {"k_q"}, "k_t"), "perm", {0, 2, 1});
    b.node("MatMulInteger", {"q", "k_t", "q_zero", "k_q_zero"}, "integers");
    cast(b, "integers", "sums");
    b.node("Mul", {"k_q_scale", "q_scale"}, "scales");
    b.node("Mul", {"sums", "scales"}, "y");
    CHECK(run_on(b.read().network, {1, 2, 3, 4}, {1, 2, 2}) == std::vector<float>{10, 22, 22, 50});  // 2 x x'
  }
  SECTION("DequantizeLinear") {
    b.node("DequantizeLinear", {"q", "q_scale", "q_zero"}, "y");
    CHECK(run_on(b.read().network, {1, 2, 3, 4}, {1, 2, 2}) == std::vector<float>{1, 2, 3, 4});
  }
}

TEST_CASE("read_onnx: what dynamic quantization does not mean is refused by node", "[io]") {
  OnnxBuilder b = linear_sums(onnx::TensorProto::INT8, {0});
  const auto refused = [&](const char* part) {
    CHECK_THROWS_WITH(b.read(), ContainsSubstring(part) && ContainsSubstring("_node"));
  };
  SECTION("codes as numbers") {
    cast(b, "q", "y");
    refused("quantized anew for each input");
  }
  SECTION("a function of the sums") {
    b.node("Relu", {"sums"}, "y");
    refused("quantized anew for each input");
  }
  SECTION("another zero point") {
    b.codes("other", {}, {7}, onnx::TensorProto::UINT8);
    b.node("MatMulInteger", {"q", "w", "other", "w_zero"}, "y");
    refused("another grid than its own");
  }
  SECTION("no zero point") {
    b.node("MatMulInteger", {"q", "w"}, "y");
    refused("another grid than its own");
  }
  SECTION("the scale of another quantizer") {
    b.floats("two", {}, {2});
    b.node("Mul", {"x", "two"}, "z");
    quantized(b, "z", "other");
    b.node("Mul", {"sums", "other_scale"}, "y");
    refused("no factor in the products");
  }
  SECTION("a scale times an activation") {
    b.node("Mul", {"q_scale", "x"}, "y");
    refused("by its scales and by constants");
  }
  SECTION("products that never meet their scale") {
    b.graph().mutable_output(0)->set_name("sums");
    CHECK_THROWS_WITH(b.read(), ContainsSubstring("output 'sums' is quantized anew for each input"));
  }
}

TEST_CASE("read_onnx: damaged files of dynamic quantization give a network or a typed error", "[io]") {
  OnnxBuilder b = linear_sums(onnx::TensorProto::INT8, {1, 2, 3});
  b.floats("w_scale", {3}, {1, 0.5F, 0.25F});
  b.node("Mul", {"w_scale", "q_scale"}, "scales");
  b.node("Mul", {"scales", "sums"}, "y");
  const std::string bytes = b.bytes();
  std::mt19937 generator(7);
  std::size_t refused = 0;
  for (std::size_t round = 0; round < 3000; ++round) try {
      parse_onnx(damaged_bytes(bytes, generator));
    } catch (const parse_error&) {
      ++refused;
    } catch (const unsupported_error&) {
      ++refused;
    } catch (const shape_error&) {
      ++refused;
    }
  CHECK(refused > 1500);
}
