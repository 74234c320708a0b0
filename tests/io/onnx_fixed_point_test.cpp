#include <catch.hpp>
#include <codes_of.hpp>
#include <quantized_small_network.hpp>
#include <trimtab/io/onnx/read_quantized.hpp>
#include <trimtab/io/onnx/write_quantized.hpp>

using namespace trimtab;

TEST_CASE("write_onnx: a network in fixed point is refused, and written where float32 is asked for", "[io]") {
  QuantizationOptions options;
  options.requantizer = Requantizer::fixed_point;
  const QuantizedNetwork q = test::quantized(test::small_network(), options);
  LoweredNetwork lowered = lower(q);
  const Array x = test::random_pictures(q.network, 8, 11);
  const std::vector<std::uint8_t> fixed_point = test::codes_of(lowered, x);
  for (const OnnxForm form : {OnnxForm::qdq, OnnxForm::qoperator}) {
    lowered.requantizer = Requantizer::fixed_point;
    CHECK_THROWS_AS(serialize_onnx(lowered, form), unsupported_error);
    CHECK_THROWS_WITH(serialize_onnx(lowered, form), ContainsSubstring("`requantizer`"));
    lowered.requantizer = Requantizer::float32;
    const std::vector<std::uint8_t> written = test::codes_of(parse_quantized_onnx(serialize_onnx(lowered, form)).network, x);
    CHECK(written == test::codes_of(lowered, x));
    CHECK(written != fixed_point);  // what the refusal is about
  }
}
