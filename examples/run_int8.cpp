// Runs a quantized ONNX network on pictures and prints the classes it sees.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <string>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/images.hpp>
#include <trimtab/io/onnx.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <vector>

namespace {

using namespace trimtab;
using Json = nlohmann::ordered_json;

struct Arguments {
  std::string model, classes, preprocess, json;
  std::vector<std::string> pictures;
  std::size_t top = 5;
};

void describe(CLI::App& app, Arguments& a) {
  app.add_option("model", a.model, "Quantized network, ONNX")->required();
  app.add_option("pictures", a.pictures, "Pictures (JPEG, PNG)")->required();
  app.add_option("--top", a.top, "How many classes to print")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--classes", a.classes, "CSV `class_index,name` or `class_index,synset,name`");
  app.add_option("--preprocess", a.preprocess, "MEAN,SCALE: value = (byte - MEAN) / SCALE; default: the model's metadata");
  app.add_option("--json", a.json, "Write the results to this file");
}

/// The names in lines `number,name` or `number,synset,name`.
std::vector<std::string> read_classes(const std::string& path, std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back("class " + std::to_string(i));
  if (path.empty()) return names;
  std::ifstream file(path);
  if (!file) throw io_error("cannot read " + path);
  std::size_t found = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.ends_with('\r')) line.pop_back();
    std::size_t number = 0;
    const auto [stop, status] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (status != std::errc() || *stop != ',') continue;  // the heading
    if (number >= count) throw parse_error(detail::message(path, ": class ", number, ", but the network has ", count));
    // class_index,synset,name: a name may hold commas.
    const std::size_t second = line.find(',', line.find(',') + 1);
    names[number] = line.substr((second == std::string::npos ? line.find(',') : second) + 1);
    ++found;
  }
  if (found == 0) throw parse_error(path + ": no line begins with the number of a class");
  return names;
}

/// e^logit over the sum of all, in double.
std::vector<double> softmax(std::span<const std::uint8_t> codes, const Affine<float>& grid) {
  std::vector<double> p;
  for (const std::uint8_t code : codes) p.push_back(double(grid.dequantize(code)));
  const double largest = *std::max_element(p.begin(), p.end());
  double sum = 0;
  for (double& v : p) sum += v = std::exp(v - largest);
  for (double& v : p) v /= sum;
  return p;
}

void run_int8(const Arguments& a) {
  const QuantizedOnnxModel model = read_quantized_onnx(a.model);
  for (const std::string& note : model.notes) std::fprintf(stderr, "note: %s\n", note.c_str());
  const auto metadata = model.metadata.find("preprocessing");
  if (a.preprocess.empty() && metadata == model.metadata.end())
    throw value_error("the model says nothing of its preprocessing; give --preprocess MEAN,SCALE");
  const Preprocess preprocess = a.preprocess.empty() ? parse_preprocessing(metadata->second) : parse_mean_scale(a.preprocess);

  const Int8Network network(model.network);
  const Extents input = network.input_extent();
  if (input.size() != 3 || input[2] != 3)
    throw unsupported_error(detail::message("the network's input is ", input, ", not a picture H W 3"));
  const std::size_t classes = element_count(network.output_extent());
  const std::vector<std::string> names = read_classes(a.classes, classes);
  Int8Network::Workspace workspace;
  Json out = Json::array();
  for (const std::string& file : a.pictures) {
    const PictureSet picture = PictureSet::load({file}, fit_to(input[0], input[1]));
    const std::size_t first = 0;
    const std::vector<double> p =
        softmax(network.run(picture.batch(std::span(&first, 1), preprocess), workspace), network.output_grid());
    std::vector<std::size_t> order(classes);
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto top = std::min(a.top, classes);
    // Equal codes are common among 256: the smaller index goes first.
    std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return p[i] > p[j]; });
    Json best = Json::array();
    std::printf("%s\n", file.c_str());
    for (std::size_t i = 0; i < top; ++i) {
      std::printf("  %6.2f %%  %4zu  %s\n", 100 * p[order[i]], order[i], names[order[i]].c_str());
      best.push_back({{"class", order[i]}, {"name", names[order[i]]}, {"probability", p[order[i]]}});
    }
    out.push_back({{"file", file}, {"top", best}});
  }
  if (!a.json.empty()) write_file_atomically(a.json, out.dump(2) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Runs a quantized ONNX classifier on pictures, in integers, and prints the likeliest classes."};
  Arguments arguments;
  describe(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  try {
    run_int8(arguments);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "run_int8: %s\n", e.what());
    return 1;
  }
  return 0;
}
