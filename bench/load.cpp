// load FILE: reads a quantized network, packs it, runs its self-check's pictures, and prints a line: milliseconds of reading, of
// packing and of the first run (the processor's, on one thread), megabytes that the process had at most beyond what it had before,
// and a hash of the outputs. Once a process, so that memory is the load's own. See load.sh.

#include <sys/resource.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <trimtab/core/parallel.hpp>
#include <trimtab/io/crc32.hpp>
#include <trimtab/io/onnx/read_quantized.hpp>
#include <trimtab/io/self_check.hpp>
#include <trimtab/io/trimtab/read.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#ifdef TRIMTAB_WITH_TFLITE
#include <trimtab/io/tflite/read_quantized.hpp>
#endif

#include "timing.hpp"

using namespace trimtab;

namespace {

LoweredNetwork read(const std::string& file) {
  const std::string ending = std::filesystem::path(file).extension().string();
  if (ending == ".trimtab") return read_trimtab(file).network;
#ifdef TRIMTAB_WITH_TFLITE
  if (ending == ".tflite") return read_quantized_tflite(file).network;
#endif
  return read_quantized_onnx(file).network;
}

double peak_megabytes() {
  rusage use;
  getrusage(RUSAGE_SELF, &use);
  return double(use.ru_maxrss) / 1024;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fprintf(stderr, "usage: load FILE\n");
    return 2;
  }
  const ScopedThreads one(1);
  const double before = peak_megabytes();
  LoweredNetwork network;
  const double reading = timing::seconds(1, 1, [&] { network = read(argv[1]); });
  const std::vector<Array> pictures = self_check_pictures(network);
  std::optional<Int8Network> packed;
  const double packing = timing::seconds(1, 1, [&] { packed.emplace(std::move(network)); });
  const double peak = peak_megabytes();
  Int8Network::Workspace workspace;
  std::vector<Array> outputs;
  const double running = timing::seconds(1, 1, [&] { outputs = packed->run_outputs(pictures, workspace); });
  detail::Crc32 hash;
  for (const Array& y : outputs) hash.bytes({reinterpret_cast<const char*>(y.data()), sizeof(float) * y.size()});
  std::printf("%.2f %.2f %.2f %.1f %s\n", 1e3 * reading, 1e3 * packing, 1e3 * running, peak - before, hash.digits().c_str());
  return 0;
} catch (const error& e) {
  std::fprintf(stderr, "load: %s\n", e.what());
  return 1;
}
