// Writes, for compare.cjs, small models of every operator and the real networks with their inputs and the float executor's
// outputs, all as raw float32 in the order of the ONNX file, and a list of them: manifest.json.
//
//   dump_logits OUT_FOLDER SHARED_DATA

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/images.hpp>
#include <trimtab/io/onnx.hpp>
#include <trimtab/io/preprocess.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <vector>

#include "../io/onnx_cases.hpp"
#include "../io/onnx_networks.hpp"

namespace fs = std::filesystem;
using namespace trimtab;

namespace {

/// N H W C to N C H W; anything else as it is.
Array channels_first(const Array& x) {
  if (x.dimension() != 4) return x;
  const std::size_t n = x.shape(0), pixels = x.shape(1) * x.shape(2), channels = x.shape(3);
  Array y = Array::from_shape({n, channels, x.shape(1), x.shape(2)});
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t p = 0; p < pixels; ++p)
      for (std::size_t c = 0; c < channels; ++c)
        y.data()[(i * channels + c) * pixels + p] = x.data()[(i * pixels + p) * channels + c];
  return y;
}

class Dump {
 public:
  explicit Dump(fs::path folder) : folder_(std::move(folder)) { fs::create_directories(folder_); }

  /// x is N H W C; the file's input is too where `channels_last`.
  void add(const std::string& name, const fs::path& model, const Network& network, const Array& x, bool channels_last,
           double tolerance) {
    const Array in = channels_last ? x : channels_first(x), out = channels_first(run(network, x));
    write(name + ".input.bin", in);
    write(name + ".output.bin", out);
    manifest_ << (manifest_.tellp() == 0 ? "[\n" : ",\n") << R"({"name": ")" << name << R"(", "model": )" << model
              << R"(, "input": ")" << name << R"(.input.bin", "extent": )" << view(in).extent << R"(, "output": ")" << name
              << R"(.output.bin", "tolerance": )" << tolerance << '}';
  }
  fs::path model(const std::string& name, std::string_view bytes) {
    write_file_atomically(folder_ / (name + ".onnx"), bytes);
    return fs::absolute(folder_ / (name + ".onnx"));
  }
  void finish() {
    manifest_ << "\n]\n";
    write_file_atomically(folder_ / "manifest.json", manifest_.str());
  }

 private:
  void write(const std::string& name, const Array& x) {
    write_file_atomically(folder_ / name, {reinterpret_cast<const char*>(x.data()), x.size() * sizeof(float)});
  }
  fs::path folder_;
  std::ostringstream manifest_;
};

Array random_pictures(const Network& network, std::size_t n) {
  const Extents& e = network[network.input()].extent;
  Array x = Array::from_shape({n, e[0], e[1], e[2]});
  std::mt19937 generator(5);
  for (float& v : x) v = static_cast<float>(generator() >> 8) / 8388608.0F - 1.0F;
  return x;
}

void add_cases(Dump& dump) {
  for (const OnnxCase& c : onnx_cases()) {
    if (c.name == "conv_same_dilated") continue;  // ONNX Runtime: "Dilation not supported for AutoPadType::SAME_UPPER"
    const Network network = c.builder.read().network;
    const auto& dims = c.builder.model.graph().input(0).type().tensor_type().shape();
    const Extents& e = network[network.input()].extent;
    const bool channels_last = static_cast<std::size_t>(dims.dim(3).dim_value()) == e[2];
    dump.add(c.name, dump.model(c.name, c.builder.bytes()), network, random_pictures(network, 2), channels_last, 1e-5);
  }
  const Network network = every_operator_network();
  dump.add("written", dump.model("written", serialize_onnx(network)), network, random_pictures(network, 3), false, 1e-5);
}

/// The three networks on eight photographs, and what write_onnx makes of them.
void add_real_networks(Dump& dump, const fs::path& data) {
  if (!fs::exists(data / "models")) {
    std::cout << "SKIPPED: no real networks in " << data << ", the small models only\n";
    return;
  }
  std::vector<fs::path> files;
  for (const char* folder : {"images/evaluate", "images/train"}) {
    const std::vector<fs::path> found = list_images(data / folder);
    for (std::size_t i = 0; i < 4; ++i) files.push_back(found.at(i * found.size() / 4));
  }
  const PictureSet pictures = PictureSet::load(files, fit_to(224, 224));
  std::vector<std::size_t> all(pictures.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  for (const std::string name : {"mobilenet_v2_1.0_224", "mobilenet_v1_0.75_224", "squeezenet_1.1_224"}) {
    const fs::path model = fs::absolute(data / "models" / (name + ".onnx"));
    const OnnxModel read = read_onnx(model);
    const Array x = pictures.batch(all, parse_preprocessing(read.metadata.at("preprocessing")));
    dump.add(name, model, read.network, x, false, 1e-3);
    dump.add(name + "_rewritten", dump.model(name + "_rewritten", serialize_onnx(read.network)), read.network, x, false, 1e-3);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: dump_logits OUT_FOLDER SHARED_DATA\n";
    return 2;
  }
  try {
    Dump dump(argv[1]);
    add_cases(dump);
    add_real_networks(dump, argv[2]);
    dump.finish();
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
