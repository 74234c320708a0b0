// Codes of 16 bits: reals that are rounded as they are. Scales are powers of two, so that expected values are exact.
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

Array array_of(const std::vector<float>& numbers, const std::vector<std::size_t>& shape) {
  Array x = Array::from_shape(shape);
  std::copy(numbers.begin(), numbers.end(), x.data());
  return x;
}
/// By read_onnx and by read_quantized_onnx, which give the same of files without codes of 8 bits.
std::vector<float> run_both(const OnnxBuilder& b, const Array& x) {
  Int8Network::Workspace workspace;
  const std::vector<float> y = numbers_of(run(b.read().network, x));
  CHECK(numbers_of(Int8Network(parse_quantized_onnx(b.bytes()).network).run_outputs({x}, workspace)[0]) == y);
  return y;
}

}  // namespace

TEST_CASE("read_onnx, read_quantized_onnx: activations of 16 bits are rounded to their codes, ties to even, and clamped",
          "[io]") {
  const std::string domain = GENERATE(as<std::string>(), "", "com.microsoft");
  OnnxBuilder b(domain.empty() ? 21 : 13, {0, 6});
  b.import_microsoft();
  SECTION("uint16") {
    b.on_grid("x", "y", 0.25F, 32000, onnx::TensorProto::UINT16, domain.c_str());
    // 0.5 and 1.5 steps are ties; the last codes are 0 and 65535.
    CHECK(run_both(b, array_of({0.125F, 0.375F, -0.125F, -9000, 9000, 1}, {1, 6})) ==
          std::vector<float>{0, 0.5F, 0, -8000, 8383.75F, 1});
  }
  SECTION("int16") {
    b.on_grid("x", "y", 0.25F, 0, onnx::TensorProto::INT16, domain.c_str());
    CHECK(run_both(b, array_of({0.125F, 0.375F, -0.375F, -9000, 9000, -1}, {1, 6})) ==
          std::vector<float>{0, 0.5F, -0.5F, -8192, 8191.75F, -1});
  }
  const OnnxModel model = b.read();
  REQUIRE(model.notes.size() == 1);
  CHECK_THAT(model.notes[0], ContainsSubstring("more than 8 bits"));
}

TEST_CASE("read_onnx: weights of 16 bits are float weights, with biases of int32 codes", "[io]") {
  OnnxBuilder b(21, {0, 2});
  b.on_grid("x", "a", 0.25F, 0, onnx::TensorProto::UINT16);
  b.codes("bias", {2}, {8, -8}, onnx::TensorProto::INT32);
  b.floats("bias_scale", {2}, {0.125F, 0.5F});
  set(b.node("DequantizeLinear", {"bias", "bias_scale"}, "c"), "axis", 0);
  b.floats("w_scale", {2}, {0.5F, 2});
  SECTION("codes in the file") {
    b.codes("w", {2, 2}, {1000, -1000, 30000, 4}, onnx::TensorProto::INT16);
    b.codes("w_zero", {2}, {0, 2}, onnx::TensorProto::INT16);
  }
  SECTION("floats that the file quantizes") {
    b.floats("w_real", {2, 2}, {500.2F, -499.8F, 59996, 4.9F});
    b.codes("w_zero", {2}, {0, 2}, onnx::TensorProto::INT16);
    set(b.node("QuantizeLinear", {"w_real", "w_scale", "w_zero"}, "w"), "axis", 0);
  }
  set(b.node("DequantizeLinear", {"w", "w_scale", "w_zero"}, "wr"), "axis", 0);
  set(b.node("Gemm", {"a", "wr", "c"}, "g"), "transB", 1);
  b.on_grid("g", "y", 1, 100, onnx::TensorProto::UINT16);
  const Network network = b.read().network;
  const Linear& layer = network[2].op.get<Linear>();
  CHECK(layer.weight == xt::xtensor<float, 2>{{500, -500}, {59996, 4}});
  CHECK(layer.bias == xt::xtensor<float, 1>{1, -4});
  // 1.25 and 0.5: 375 + 1, 74993; codes end at 65535, 100 of them below 0.
  CHECK(run_both(b, array_of({1.3F, 0.5F}, {1, 2})) == std::vector<float>{376, 65435});
}

TEST_CASE("read_quantized_onnx: layers of 8-bit weights between activations of 16 bits run in float", "[io]") {
  OnnxBuilder b(21, {0, 1, 1, 2});
  b.on_grid("x", "a", 1.0F / 256, 0, onnx::TensorProto::INT16);
  b.codes("w", {1, 1, 1, 1}, {130}, onnx::TensorProto::UINT8);
  b.floats("w_scale", {}, {0.5F});
  b.codes("w_zero", {}, {127}, onnx::TensorProto::UINT8);
  b.codes("bias", {1}, {512}, onnx::TensorProto::INT32);
  b.floats("bias_scale", {}, {0.5F / 256});
  b.node("DequantizeLinear", {"bias", "bias_scale"}, "c");
  b.node("DequantizeLinear", {"w", "w_scale", "w_zero"}, "wr");
  b.node("Conv", {"a", "wr", "c"}, "conv");
  SECTION("to 16 bits") { b.on_grid("conv", "y", 1.0F / 128, 0, onnx::TensorProto::INT16); }
  SECTION("to 8 bits") { b.on_grid("conv", "y", 1.0F / 128, 0, onnx::TensorProto::UINT8); }
  const LoweredNetwork network = parse_quantized_onnx(b.bytes()).network;
  for (const LoweredNode& node : network.nodes) CHECK(node.in_float);
  Int8Network::Workspace workspace;
  const Array y = Int8Network(network).run_outputs({array_of({0.25F, 0.1F}, {1, 1, 2, 1})}, workspace)[0];
  // 1.5 * 0.25 + 1; 0.1 is 26 steps of 1 / 256, 1.5 times that 19.5 of 1 / 128, a tie.
  CHECK(numbers_of(y) == std::vector<float>{1.375F, 1 + 20.0F / 128});
}

TEST_CASE("read_quantized_onnx: codes of 16 bits are moved, read as an input, and go onto a grid of 8", "[io]") {
  OnnxBuilder b(21, {0, 2, 2});
  const auto y_of = [&](const std::vector<float>& x) {
    Int8Network::Workspace workspace;
    const QuantizedOnnxModel model = parse_quantized_onnx(b.bytes());
    return numbers_of(
        to_file_layout(Int8Network(model.network).run_outputs({array_of(x, {1, 2, 2})}, workspace)[0], model.outputs[0].order));
  };
  b.floats("s", {}, {0.5F});
  b.codes("z", {}, {100}, onnx::TensorProto::UINT16);
  SECTION("moved before they are read") {
    b.node("QuantizeLinear", {"x", "s", "z"}, "q");
    set(b.node("Transpose", {"q"}, "t"), "perm", {0, 2, 1});
    b.node("DequantizeLinear", {"t", "s", "z"}, "y");
    CHECK(y_of({1, 2.2F, -60, 4}) == std::vector<float>{1, -50, 2, 4});
  }
  SECTION("an input of the network") {
    b.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::UINT16);
    b.node("DequantizeLinear", {"x", "s", "z"}, "r");
    b.on_grid("r", "y", 4, 2, onnx::TensorProto::UINT8);
    CHECK(y_of({0, 100, 112, 65535}) == std::vector<float>{-8, 0, 8, 1012});  // -50, 0, 6, 32717.5
  }
  SECTION("from 8 bits to 16 and back") {
    b.on_grid("x", "a", 0.25F, 0, onnx::TensorProto::UINT8);
    b.on_grid("a", "c", 0.5F, 0, onnx::TensorProto::INT16);
    b.on_grid("c", "y", 1, 0, onnx::TensorProto::UINT8);
    for (const LoweredNode& node : parse_quantized_onnx(b.bytes()).network.nodes) CHECK_FALSE(node.in_float);
    // 1.75 becomes 2; 0.75 becomes 1 of two even ends, 0.25 becomes 0; 1.5 is 3 halves and rounds to 2.
    CHECK(y_of({1.75F, 0.75F, 0.25F, 1.5F}) == std::vector<float>{2, 1, 0, 2});
  }
}

TEST_CASE("read_quantized_onnx: Quant of QONNX with more than 8 bits", "[io]") {
  OnnxBuilder b(13, {0, 4});
  b.floats("s", {}, {0.5F});
  b.floats("z", {}, {0});
  b.floats("bits", {}, {12});
  auto& quant = set(b.node("Quant", {"x", "s", "z", "bits"}, "y"), "narrow", 1);
  quant.set_domain("qonnx.custom_op.general");
  CHECK(run_both(b, array_of({0.75F, 0.25F, 5000, -5000}, {1, 4})) == std::vector<float>{1, 0, 1023.5F, -1023.5F});
}

TEST_CASE("read_onnx: codes of 16 bits that are more than rounded reals are refused by node", "[io]") {
  OnnxBuilder b(21, {0, 4});
  b.floats("s", {}, {0.5F});
  b.floats("t", {}, {1});
  b.codes("z", {}, {0}, onnx::TensorProto::INT16);
  b.node("QuantizeLinear", {"x", "s", "z"}, "q");
  const auto refused = [&](const char* part) {
    CHECK_THROWS_WITH(b.read(), ContainsSubstring(part));
    CHECK_THROWS_WITH(parse_quantized_onnx(b.bytes()), ContainsSubstring(part));
  };
  SECTION("read on another grid") {
    b.node("DequantizeLinear", {"q", "t", "z"}, "y");
    refused("'y_node' (DequantizeLinear): 16-bit codes that are read on another grid");
  }
  SECTION("by codes of another type") {
    b.codes("other", {}, {0}, onnx::TensorProto::UINT16);
    b.node("DequantizeLinear", {"q", "s", "other"}, "y");
    refused("zero points of uint16 for codes of int16");
  }
  SECTION("computed with") {
    b.node("Add", {"q", "q"}, "y");
    refused("'y_node' (Add): input 0 is of 16-bit codes");
  }
  SECTION("an output") {
    b.graph().mutable_output(0)->set_name("q");
    refused("output 'q' is of 16-bit codes");
  }
  SECTION("several scales") {
    b.floats("scales", {4}, {1, 1, 1, 1});
    b.node("QuantizeLinear", {"x", "scales", "z"}, "y");
    refused("only weights may have several");
  }
}

TEST_CASE("FakeQuantize: written as the pair of ONNX Runtime's domain, and read back", "[io]") {
  for (const FakeQuantize& op : {FakeQuantize{{0.25F, 100, {0, 65535}}}, FakeQuantize{{0.5F, -7, {-32768, 32767}}},
                                 FakeQuantize{{0.5F, 0, {-2047, 2047}}}}) {
    Network network;
    network.add(op, {network.add(Input{{4}}, {}, "input")}, "rounded");
    const Array x = array_of({0.3F, -2000, 2000, 1.9F}, {1, 4});
    const Network back = parse_onnx(serialize_onnx(network)).network;
    CHECK(numbers_of(run(back, x)) == numbers_of(run(network, x)));
  }
}

TEST_CASE("FakeQuantize: parameters that are no grid are refused", "[io]") {
  for (const Affine<float>& grid :
       {Affine<float>{0, 0, {0, 10}}, Affine<float>{1, 11, {0, 10}}, Affine<float>{1, 0, {0, 70000}}}) {
    Network network;
    const NodeId x = network.add(Input{{4}}, {}, "input");
    CHECK_THROWS_AS(network.add(FakeQuantize{grid}, {x}, "rounded"), value_error);
  }
}

TEST_CASE("read_quantized_onnx: damaged files of 16-bit codes give a network or a typed error", "[io]") {
  OnnxBuilder b(21, {0, 2});
  b.on_grid("x", "a", 0.25F, 0, onnx::TensorProto::UINT16);
  b.codes("w", {2, 2}, {1000, -1000, 30000, 4}, onnx::TensorProto::INT16);
  b.codes("w_zero", {2}, {0, 2}, onnx::TensorProto::INT16);
  b.floats("w_scale", {2}, {0.5F, 2});
  set(b.node("DequantizeLinear", {"w", "w_scale", "w_zero"}, "wr"), "axis", 0);
  b.node("MatMul", {"a", "wr"}, "m");
  b.on_grid("m", "y", 1, 100, onnx::TensorProto::INT8);
  const std::string bytes = b.bytes();
  std::mt19937 generator(8);
  std::size_t refused = 0;
  for (std::size_t round = 0; round < 3000; ++round) try {
      parse_quantized_onnx(damaged_bytes(bytes, generator));
    } catch (const parse_error&) {
      ++refused;
    } catch (const unsupported_error&) {
      ++refused;
    } catch (const shape_error&) {
      ++refused;
    }
  CHECK(refused > 1500);
}
