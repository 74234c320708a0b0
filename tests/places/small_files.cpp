// Writes small.trimtab, a network of the project's own with its self-check, and 20 random pictures for it. small_files FOLDER
#include <cstdio>
#include <filesystem>
#include <quantized_small_network.hpp>
#include <random>
#include <stb_image_write.hpp>
#include <trimtab/io/preprocess.hpp>
#include <trimtab/io/self_check.hpp>
#include <trimtab/io/trimtab/write.hpp>

int main(int argc, char** argv) {
  using namespace trimtab;
  if (argc != 2) return std::fprintf(stderr, "usage: small_files FOLDER\n"), 2;
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  const LoweredNetwork network = lower(test::quantized(test::small_network(), {WeightMode::vector, Scheme::symmetric}));
  write_trimtab(trimtab_model(network, with_self_check(network, {{"preprocessing", preprocessing_text({})}})),
                folder / "small.trimtab");
  const Extents& extent = network.nodes[network.inputs.at(0)].extent;
  std::mt19937 random(1);
  for (int i = 0; i < 20; ++i) {
    std::vector<std::uint8_t> bytes(element_count(extent));
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random() >> 24);
    const std::string file = (folder / (std::to_string(i) + ".png")).string();
    const int h = static_cast<int>(extent[0]), w = static_cast<int>(extent[1]);
    if (stbi_write_png(file.c_str(), w, h, 3, bytes.data(), 3 * w) == 0)
      return std::fprintf(stderr, "cannot write %s\n", file.c_str()), 1;
  }
}
