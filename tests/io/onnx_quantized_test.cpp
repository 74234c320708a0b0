#include <catch.hpp>
#include <cstdint>
#include <limits>
#include <quantized_small_network.hpp>
#include <random>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <trimtab/net/int8_network.hpp>
#include <trimtab/net/passes.hpp>
#include <vector>

#include "onnx_builder.hpp"
#include "onnx_networks.hpp"

using namespace trimtab;

namespace {

std::vector<std::uint8_t> codes_of(const LoweredNetwork& network, const Array& x) {
  Int8Network::Workspace workspace;
  const auto codes = Int8Network(network).run(x, workspace);
  return {codes.begin(), codes.end()};
}

/// Every operator, thresholds and point-wise factors away from where they start.
QuantizedNetwork quantized_every_operator(const QuantizationOptions& options) {
  QuantizedNetwork q = test::quantized(fuse_clips(fold_batch_norm(every_operator_network())), options);
  add_pointwise_factors(q);
  test::scramble_factors(q, 9);
  return q;
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
        const QuantizedOnnxModel read = parse_quantized_onnx(serialize_onnx(lowered, form, with_self_check(lowered, {{"author", "unknown"}})));
        CHECK(codes_of(read.network, x) == codes_of(lowered, x));
        CHECK(read.network.output_grid == lowered.output_grid);
        CHECK(read.metadata.at("author") == "unknown");
        // What was read can be written again.
        const QuantizedOnnxModel again = parse_quantized_onnx(serialize_onnx(read.network, form));
        CHECK(codes_of(again.network, x) == codes_of(lowered, x));
      }
    }
  }
}

TEST_CASE("read_onnx and read_quantized_onnx name each other for the other one's files", "[io]") {
  const Network network = test::small_network();
  CHECK_THROWS_WITH(parse_onnx(serialize_onnx(lower(test::quantized(network, {})), OnnxForm::qdq)), ContainsSubstring("read_quantized_onnx"));
  CHECK_THROWS_WITH(parse_quantized_onnx(serialize_onnx(network)), ContainsSubstring("read_onnx"));
}

TEST_CASE("self_check: a changed weight, scale or expectation is a parse_error", "[io]") {
  const LoweredNetwork lowered = lower(test::quantized(test::small_network(), {}));
  const auto metadata = with_self_check(lowered);
  CHECK(metadata.at(self_check_key).size() == 10);  // 5 codes
  onnx::ModelProto model;
  REQUIRE(model.ParseFromString(serialize_onnx(lowered, OnnxForm::qoperator, metadata)));
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
