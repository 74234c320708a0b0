// `trimtab generate`: a quantized network as one source file that needs no library.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <trimtab/io/source/write.hpp>

#include "choice.hpp"
#include "command.hpp"
#include "model.hpp"
#include "targets.hpp"

namespace program {

using namespace trimtab;

namespace {

struct GenerateArguments {
  std::string model, out, name;
  SourceLanguage language = SourceLanguage::c;
  ReadingArguments reading;
};

/// What each node costs: its constants, and the activations that are alive while it runs.
void print_report(const GeneratedSource& source) {
  std::size_t widest = 4;
  const auto shown = [](const SourceNode& n) { return std::string(detail::first_name(n.name)).substr(0, 40); };
  for (const SourceNode& n : source.nodes) widest = std::max(widest, shown(n).size());
  const int width = static_cast<int>(widest);
  std::printf("  %-*s %-18s %-16s %15s %15s\n", width, "node", "operator", "extents", "constant bytes", "live bytes");
  const auto most = std::max_element(source.nodes.begin(), source.nodes.end(),
                                     [](const SourceNode& a, const SourceNode& b) { return a.live < b.live; });
  for (const SourceNode& n : source.nodes) {
    std::string extents;
    for (const std::size_t e : n.extent) extents += (extents.empty() ? "" : " ") + std::to_string(e);
    std::printf("  %-*s %-18s %-16s %15zu %15zu%s\n", width, shown(n).c_str(), n.op.c_str(), extents.c_str(), n.constants, n.live,
                &n == &*most ? "  the most" : "");
  }
}

void generate(const GenerateArguments& a) {
  require_file("--out", a.out);
  require_apart({a.model}, {{"--out", a.out}});
  const Model model = read_model(a.model, a.reading);
  const auto* network = std::get_if<LoweredNetwork>(&model.network);
  if (network == nullptr) throw value_error(a.model + " is a float network; `trimtab quantize` makes a quantized one of it");
  print_notes(model);
  SourceOptions options{a.name, a.language};
  if (options.name.empty()) options.name = source_identifier(std::filesystem::path(a.out).stem().string());
  const GeneratedSource source = write_source(*network, a.out, options);
  print_report(source);
  std::printf("\n%s, %s: %zu bytes of constants (flash), an arena of %zu bytes (RAM), inputs and outputs included\n",
              a.out.c_str(), a.language == SourceLanguage::c ? "C11" : "C++17", source.constants, source.arena);
}

}  // namespace

Command generate_command(CLI::App& app) {
  const auto a = std::make_shared<GenerateArguments>();
  app.add_option("model", a->model, "Quantized network: .onnx, .tflite or .trimtab")->required();
  app.add_option("--out", a->out, "The file to write: net.h, net.hpp")->required();
  describe_choice(app, "--language", a->language, {{"c", SourceLanguage::c}, {"c++", SourceLanguage::cpp}},
                  "c: C11, which C++17 compiles, too; c++: C++17, in a namespace")
      ->default_str("c");
  app.add_option("--name", a->name, "What the file's functions and constants are called by; without it the file's stem");
  describe(app, a->reading);
  return [a](const World& world) {
    if (world.rank() == 0) generate(*a);
  };
}

}  // namespace program
