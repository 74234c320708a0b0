// `trimtab compare`: two networks on the same inputs.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iomanip>
#include <memory>
#include <nlohmann/json.hpp>
#include <trimtab/io/atomic_file.hpp>

#include "command.hpp"
#include "execute.hpp"
#include "fidelity.hpp"
#include "samples.hpp"
#include "targets.hpp"

namespace program {

using namespace trimtab;
using Json = nlohmann::ordered_json;

namespace {

struct CompareArguments {
  std::string a, b, json;
  std::vector<std::string> inputs;
  ReadingArguments reading;
  PictureArguments pictures;
};

/// The port of the second network that stands for one of the first's: of the same name, or, where names differ, the only one on
/// either side.
const Port& partner(const Port& port, const std::vector<Port>& first, const std::vector<Port>& second, const char* kind) {
  for (const Port& other : second)
    if (other.name == port.name) return other;
  if (first.size() == 1 && second.size() == 1) return second[0];
  throw value_error(detail::message("the second network has no ", kind, " called '", port.name, "'"));
}

std::size_t number_of(const Port& port, const std::vector<Port>& ports) { return static_cast<std::size_t>(&port - ports.data()); }

bool same_in_files(const Port& a, const Port& b) { return extents_in_file(a) == extents_in_file(b); }

/// Throws where an input's or output's extents differ both in the files, and in the networks, where channels are last: an ONNX
/// file may have N,C,H,W and a TFLite file N,H,W,C of the same.
void require_same(const Port& a, const Port& b, const char* kind) {
  if (!same_in_files(a, b) && a.extent != b.extent)
    throw shape_error(detail::message(kind, " '", a.name, "' is ", extents_in_file(a), " in the first network and ",
                                      extents_in_file(b), " in the second"));
}

/// An array of the order of axes that one network has, in the other's.
Array in_order_of(const Port& to, const Array& x, const Port& from) {
  return same_in_files(from, to) ? from_file(to_file(x, from), to) : x;
}

/// A line for each node, the first large drop marked.
void print_nodes(const std::vector<NodeFidelity>& nodes, std::size_t all) {
  std::printf("\n  %zu of the first network's %zu nodes have one of that name and those extents in the second\n", nodes.size(),
              all);
  if (nodes.empty()) return;
  std::size_t widest = 4;
  for (const NodeFidelity& n : nodes) widest = std::min<std::size_t>(40, std::max(widest, n.name.size()));
  const int width = static_cast<int>(widest);
  std::printf("  %-*s %-18s %10s %9s\n", width, "node", "operator", "SQNR dB", "drop");
  const auto first = std::find_if(nodes.begin(), nodes.end(), [](const NodeFidelity& n) { return n.drops(); });
  bool factors = false;
  const auto number = [](double db) { return detail::message(std::fixed, std::setprecision(2), db); };
  for (auto n = nodes.begin(); n != nodes.end(); ++n) {
    const std::string sqnr = std::isinf(n->sqnr_db) ? "equal" : number(n->sqnr_db);
    std::printf("  %-*s %-18s %10s %9s%s%s\n", width, n->name.c_str(), n->op.c_str(), sqnr.c_str(),
                n->drop_db ? number(*n->drop_db).c_str() : "-", n->up_to_factor ? " *" : "",
                n == first ? "  <- first large drop" : "");
    factors = factors || n->up_to_factor;
  }
  if (factors) std::printf("  * up to a factor: the file tells only the ratios of inner scales\n");
}

Json json_of(const std::vector<NodeFidelity>& nodes) {
  Json list = Json::array();
  for (const NodeFidelity& n : nodes)
    list.push_back({{"name", n.name},
                    {"operator", n.op},
                    {"sqnr_db", std::isfinite(n.sqnr_db) ? Json(n.sqnr_db) : Json()},
                    {"drop_db", n.drop_db ? Json(*n.drop_db) : Json()},
                    {"large_drop", n.drops()},
                    {"up_to_factor", n.up_to_factor}});
  return list;
}

void compare(const CompareArguments& a) {
  require_file("--json", a.json);
  std::vector<std::string> read{a.a, a.b};
  read.insert(read.end(), a.inputs.begin(), a.inputs.end());
  require_apart(read, {{"--json", a.json}});
  Model first = read_model(a.a, a.reading);
  const Model second = read_model(a.b, a.reading);
  // Preprocessing is the first network's, or the second's where only that one tells it.
  first.metadata.insert(second.metadata.begin(), second.metadata.end());
  print_notes(first);
  print_notes(second);
  note_preprocessing(a.pictures, first);
  std::vector<std::size_t> input_of(second.inputs.size()), output_of;  // numbers in the other network
  std::vector<bool> fed(second.inputs.size());
  for (std::size_t i = 0; i < first.inputs.size(); ++i) {
    const Port& other = partner(first.inputs[i], first.inputs, second.inputs, "input");
    require_same(first.inputs[i], other, "input");
    input_of[number_of(other, second.inputs)] = i;
    fed[number_of(other, second.inputs)] = true;
  }
  for (std::size_t i = 0; i < fed.size(); ++i)
    if (!fed[i]) throw value_error(detail::message("the first network has no input called '", second.inputs[i].name, "'"));
  std::vector<FidelityGauge> gauges;
  for (const Port& port : first.outputs) {
    const Port& other = partner(port, first.outputs, second.outputs, "output");
    require_same(port, other, "output");
    output_of.push_back(number_of(other, second.outputs));
    gauges.emplace_back(port.name, is_classes(port));
  }
  const Samples samples = open_samples(first, a.inputs, a.pictures, "--input");
  Runner run_first(first), run_second(second);
  NodesFidelity nodes(run_first, run_second);
  for (std::size_t n = 0; n < samples.size(); ++n) {
    const std::vector<Array> x = samples(std::span<const std::size_t>(&n, 1));
    std::vector<Array> other_x;
    for (std::size_t i = 0; i < input_of.size(); ++i)
      other_x.push_back(in_order_of(second.inputs[i], x[input_of[i]], first.inputs[input_of[i]]));
    const auto [y, other_y] = nodes.run(run_first, x, run_second, other_x);
    for (std::size_t i = 0; i < gauges.size(); ++i) {
      const Array other = in_order_of(first.outputs[i], other_y[output_of[i]], second.outputs[output_of[i]]);
      gauges[i].add(y[i].data(), other.data(), other.size());
    }
  }
  std::printf("%zu samples; differences of %s from %s\n", samples.size(), a.b.c_str(), a.a.c_str());
  std::printf("  %-24s %12s %12s %10s %16s\n", "output", "largest", "RMSE", "SQNR dB", "agreement %");
  Json list = Json::array();
  for (const FidelityGauge& gauge : gauges) {
    const OutputFidelity f = gauge.result();
    std::printf("  %-24s %12.4g %12.4g %10.2f %16s\n", f.name.c_str(), f.largest, f.rmse, f.sqnr_db,
                f.agreement ? percent_text(*f.agreement, samples.size()).c_str() : "-");
    list.push_back({{"name", f.name},
                    {"largest", f.largest},
                    {"rmse", f.rmse},
                    {"sqnr_db", std::isfinite(f.sqnr_db) ? Json(f.sqnr_db) : Json()},
                    {"agreement", f.agreement ? Json(*f.agreement) : Json()}});
  }
  const std::vector<NodeFidelity> compared = nodes.result();
  print_nodes(compared, run_first.nodes().size());
  if (!a.json.empty())
    write_file_atomically(
        a.json,
        Json{{"first", a.a}, {"second", a.b}, {"samples", samples.size()}, {"outputs", list}, {"nodes", json_of(compared)}}.dump(
            2, ' ', false, Json::error_handler_t::replace) +
            "\n");
}

}  // namespace

Command compare_command(CLI::App& app) {
  const auto a = std::make_shared<CompareArguments>();
  app.add_option("first", a->a, "Network to compare with, float or quantized: .onnx, .tflite or .trimtab")->required();
  app.add_option("second", a->b, "The other network")->required();
  app.add_option("--input", a->inputs, "[NAME=]PATH: a picture, a .npy file, or a folder of either, once for each input")
      ->required()
      ->allow_extra_args(false);
  describe(app, a->reading);
  describe(app, a->pictures);
  app.add_option("--json", a->json, "Write the numbers to this file");
  return [a](const World& world) {
    if (world.rank() == 0) compare(*a);
  };
}

}  // namespace program
