// Networks of others in C, where they are.
#include <filesystem>
#include <trimtab/io/onnx/read.hpp>
#include <trimtab/net/passes/simplify.hpp>
#ifdef TRIMTAB_WITH_TFLITE
#include <trimtab/io/tflite/read_quantized.hpp>
#endif

#include "generated.hpp"

using namespace trimtab;

namespace {

const std::filesystem::path shared_data = TRIMTAB_SHARED_DATA;

bool is_here(const std::filesystem::path& file) {
  if (std::filesystem::exists(file)) return true;
  std::printf("SKIPPED: no %s\n", file.string().c_str());
  return false;
}

}  // namespace

#ifdef TRIMTAB_WITH_TFLITE
TEST_CASE("generate: the codes of networks for microcontrollers are Int8Network's, for 50 inputs each", "[real]") {
  if (!test::has_compilers()) return;
  for (const char* name : {"mlperf_kws_dscnn_int8", "mlperf_resnet8_int8", "mlperf_vww_mobilenetv1_int8",
                           "tflm_person_detect_int8", "mcunet_vww_int8"}) {
    const std::filesystem::path file = shared_data / "wild" / "tflite" / (std::string(name) + ".tflite");
    if (!is_here(file)) continue;
    CAPTURE(name);
    test::check_generated(codes_at_ports(read_quantized_tflite(file).network), 50, {source_identifier(name)}, "-O2");
  }
}

TEST_CASE("generate: so are those of uint8 weights with zero points, and of a C++ file", "[real]") {
  const std::filesystem::path file = shared_data / "wild" / "tflite" / "coral_mobilenet_v1_0.25_128_quant.tflite";
  if (!test::has_compilers() || !is_here(file)) return;
  test::check_generated(read_quantized_tflite(file).network, 10, {"net", SourceLanguage::cpp}, "-O2");
}
#endif

TEST_CASE("generate: so are those of MobileNet-v2, by either requantizer, for 50 inputs", "[real][long]") {
  const std::filesystem::path file = shared_data / "models" / "mobilenet_v2_1.0_224.onnx";
  if (!test::has_compilers() || !is_here(file)) return;
  const Network n = simplify(read_onnx(file).network);
  for (const Requantizer requantizer : {Requantizer::float32, Requantizer::fixed_point}) {
    QuantizationOptions options;
    options.requantizer = requantizer;
    test::check_generated(test::lowered(n, options, 2), 50, {}, "-O2");
  }
}
