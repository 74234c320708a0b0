// `trimtab run`: what a network gives for pictures and arrays.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/npy.hpp>
#include <trimtab/net/graph/feed.hpp>

#include "choice.hpp"
#include "classes.hpp"
#include "command.hpp"
#include "execute.hpp"
#include "samples.hpp"
#include "targets.hpp"

namespace program {

using namespace trimtab;
using Json = nlohmann::ordered_json;

namespace {

struct RunArguments {
  std::string model, classes, json, output;
  std::vector<std::string> positional, inputs;
  ReadingArguments reading;
  PictureArguments pictures;
  Arithmetic execute = Arithmetic::as_file;
  std::size_t top = 5;
};

/// A file's name for an output's: what is no letter, number, '-' or '.' becomes '_'.
std::string file_name(std::string name) {
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '.') c = '_';
  return name + ".npy";
}

/// Files of outputs, one each. Throws value_error where two would be one.
std::vector<std::string> output_files(const RunArguments& a, const Model& model) {
  require_folder("--output", a.output);
  std::vector<std::string> files;
  for (const Port& port : model.outputs) {
    const std::string file = a.output + "/" + file_name(port.name);
    if (std::find(files.begin(), files.end(), file) != files.end())
      throw value_error("--output: two outputs would be called " + file);
    require_file("--output", file);
    files.push_back(file);
  }
  return files;
}

void print_ranges(const std::vector<Port>& ports, const std::vector<Array>& outputs) {
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const auto [least, most] = std::minmax_element(outputs[i].begin(), outputs[i].end());
    std::printf("  %s (%s): %g to %g\n", ports[i].name.c_str(), extents_in_file(ports[i]).c_str(), double(*least), double(*most));
  }
}

void run(const RunArguments& a) {
  require_file("--json", a.json);
  const Model model = read_model(a.model, a.reading);
  print_notes(model);
  note_preprocessing(a.pictures, model);
  Runner runner(model, a.execute);
  std::vector<std::string> paths = a.inputs;
  paths.insert(paths.end(), a.positional.begin(), a.positional.end());
  const Samples samples = open_samples(model, paths, a.pictures, a.inputs.empty() ? "pictures" : "--input");
  const std::vector<std::string> files = a.output.empty() ? std::vector<std::string>() : output_files(a, model);
  std::vector<Target> targets{{"--json", a.json}};
  for (const std::string& file : files) targets.push_back({"--output", file});
  paths.insert(paths.end(), {a.model, a.classes});
  require_apart(paths, targets);
  std::vector<std::vector<std::string>> classes(model.outputs.size());  // of those outputs that are of classes
  bool classifies = false;
  for (std::size_t i = 0; i < model.outputs.size(); ++i)
    if (is_classes(model.outputs[i])) {
      classes[i] = read_classes(a.classes, element_count(model.outputs[i].extent));
      classifies = true;
    }
  if (!a.classes.empty() && !classifies) throw value_error("--classes: no output of this network is of classes");

  Json out = Json::array();
  std::vector<std::vector<float>> gathered(files.size());
  for (std::size_t n = 0; n < samples.size(); ++n) {
    const std::vector<Array> outputs = runner(samples(std::span<const std::size_t>(&n, 1)));
    std::printf("%s\n", samples.name(n).c_str());
    Json one{{"file", samples.name(n)}};
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (!files.empty()) gathered[i].insert(gathered[i].end(), outputs[i].begin(), outputs[i].end());
      const auto strange = std::count_if(outputs[i].begin(), outputs[i].end(), [](float v) { return !std::isfinite(v); });
      if (strange > 0)
        std::fprintf(stderr, "warning: %s: %td of %zu numbers of output '%s' are nan or infinite\n", samples.name(n).c_str(),
                     strange, outputs[i].size(), model.outputs[i].name.c_str());
      if (classes[i].empty() || strange > 0) continue;
      if (outputs.size() > 1) std::printf("  %s\n", model.outputs[i].name.c_str());
      Json top = Json::array();
      for (const RankedClass& c : likeliest({outputs[i].data(), outputs[i].size()}, a.top)) {
        std::printf("  %6.2f %%  %4zu  %s\n", 100 * c.probability, c.number, classes[i][c.number].c_str());
        top.push_back({{"class", c.number}, {"name", classes[i][c.number]}, {"probability", c.probability}});
      }
      (outputs.size() > 1 ? one["outputs"][model.outputs[i].name] : one)["top"] = std::move(top);
    }
    if (!classifies) print_ranges(model.outputs, outputs);
    out.push_back(one);
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    Array all;
    detail::resize_batch(samples.size(), model.outputs[i].extent, all);
    std::copy(gathered[i].begin(), gathered[i].end(), all.data());
    write_npy(files[i], to_file(all, model.outputs[i]));
    std::printf("wrote %s\n", files[i].c_str());
  }
  if (!a.json.empty()) write_file_atomically(a.json, out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace

Command run_command(CLI::App& app) {
  const auto a = std::make_shared<RunArguments>();
  app.add_option("model", a->model, "Network, float or quantized: .onnx, .tflite or .trimtab")->required();
  app.add_option("pictures", a->positional, "Pictures (JPEG, PNG), .npy files, or folders of them");
  app.add_option("--input", a->inputs, "[NAME=]PATH: the same for an input by name, once for each")->allow_extra_args(false);
  describe(app, a->reading);
  describe(app, a->pictures);
  describe_choice(
      app, "--execute", a->execute, {{"float", Arithmetic::real}, {"int8", Arithmetic::int8}},
      "float: every operator in float32, of a quantized network on what its codes stand for, each result rounded to the "
      "file's grid; int8: in integers, of a quantized network; default: as the file has it");
  app.add_option("--output", a->output, "Write every output to this folder, NAME.npy, in the file's order of axes");
  app.add_option("--top", a->top, "How many classes to print")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{1000000}));
  app.add_option("--classes", a->classes, "CSV `class_index,name` or `class_index,synset,name`");
  app.add_option("--json", a->json, "Write the classes to this file");
  app.callback([&app, a] {
    if (a->positional.empty() && a->inputs.empty()) throw CLI::RequiredError("pictures or --input");
  });
  return [a](const World& world) {
    if (world.rank() == 0) run(*a);
  };
}

}  // namespace program
