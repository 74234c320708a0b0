// One network on one machine: from a .trimtab file and pictures as JPEG or PNG to the codes of the output, on each instruction set that the
// machine has. Prints the CRC-32 of all codes, which is the same number everywhere. place NETWORK.trimtab PICTURE...
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <limits>
#include <trimtab/io/crc32.hpp>
#include <trimtab/io/images.hpp>
#include <trimtab/io/self_check.hpp>
#include <trimtab/io/trimtab/read.hpp>
#include <vector>

int main(int argc, char** argv) {
  using namespace trimtab;
  if (argc < 3) return std::fprintf(stderr, "usage: place NETWORK.trimtab PICTURE...\n"), 2;
  try {
    const TrimtabModel model = read_trimtab(argv[1]);
    const Extents& extent = model.network.nodes[model.network.inputs.at(0)].extent;
    if (extent.size() != 3) throw unsupported_error("the network takes no pictures");
    const Preprocess preprocess = parse_preprocessing(model.metadata.at("preprocessing"));
    std::vector<Array> pictures;
    for (int i = 2; i < argc; ++i) {
      const Picture picture = detail::load_fitted(argv[i], fit_to(extent[0], extent[1]), extent[2]);
      const auto bytes = [&](std::size_t) { return std::span(picture.data(), picture.size()); };
      pictures.push_back(detail::to_floats(1, extent, preprocess, bytes));
    }
    for (const Isa isa : available_isas()) {
      const ScopedIsa scope(isa);
      self_check(model.network, model.metadata);
      const Int8Network network(model.network);
      Int8Network::Workspace workspace;
      detail::Crc32 sum;
      double least = std::numeric_limits<double>::infinity();
      for (const Array& x : pictures) {
        const auto begin = std::chrono::steady_clock::now();
        const std::span<const std::uint8_t> codes = network.run(x, workspace);
        least = std::min(least, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
        sum.bytes({reinterpret_cast<const char*>(codes.data()), codes.size()});
      }
      std::printf("%s %s, %.1f ms a picture\n", sum.digits().c_str(), name(isa), least);
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "place: %s\n", e.what());
    return 1;
  }
}
