// The real networks in a .trimtab file, where they are, quantized by us and by others.
#include <catch.hpp>
#include <cstdio>
#include <filesystem>
#include <trimtab/io/onnx.hpp>
#include <trimtab/io/trimtab/read.hpp>
#include <trimtab/io/trimtab/write.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/passes/simplify.hpp>

using namespace trimtab;

namespace {

const std::filesystem::path shared_data = TRIMTAB_SHARED_DATA;

/// Codes and reals of the outputs, as reals.
std::vector<Array> outputs_of(const LoweredNetwork& n) {
  Int8Network::Workspace workspace;
  return Int8Network(n).run_outputs(self_check_pictures(n), workspace);
}

void check_read_back(const LoweredNetwork& n) {
  const std::string file = serialize_trimtab(trimtab_model(n));
  const TrimtabModel read = parse_trimtab(file);
  CHECK((outputs_of(read.network) == outputs_of(n)));
  CHECK(serialize_trimtab(read) == file);
}

}  // namespace

TEST_CASE("MobileNet-v2 from a .trimtab file gives the same codes, with either requantizer", "[real]") {
  if (!std::filesystem::exists(shared_data / "models")) {
    std::printf("SKIPPED: no %s\n", shared_data.string().c_str());
    return;
  }
  const Network network = simplify(read_onnx(shared_data / "models" / "mobilenet_v2_1.0_224.onnx").network);
  const auto noise = [&](std::span<const std::size_t> some) {
    std::mt19937 random{unsigned(some[0])};
    std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
    Array x = Array::from_shape({some.size(), 224, 224, 3});
    for (float& v : x) v = uniform(random);
    return x;
  };
  const auto ranges = calibrate(network, noise, 2, MinMaxObserver<float>{});
  for (const Requantizer requantizer : {Requantizer::float32, Requantizer::fixed_point}) {
    QuantizationOptions options;
    options.requantizer = requantizer;
    check_read_back(lower(quantize(network, ranges, options)));
  }
}

TEST_CASE("quantized files of others become .trimtab files of the same codes", "[real]") {
  const std::filesystem::path folder = shared_data / "wild" / "quantized";
  if (!std::filesystem::exists(folder)) {
    std::printf("SKIPPED: no %s\n", folder.string().c_str());
    return;
  }
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".onnx" || entry.file_size() > 8000000) continue;
    LoweredNetwork n;
    try {
      n = read_quantized_onnx(entry.path()).network;
    } catch (const unsupported_error&) {
      continue;  // what it asks for is the survey's matter
    }
    if (detail::work_of(n) > 2e9) continue;
    CAPTURE(entry.path().string());
    check_read_back(n);
    ++files;
  }
  CHECK(files > 5);
}
