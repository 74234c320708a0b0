#pragma once
// quantize_onnx's answer to "which layer lost the accuracy?": a table, CSV or JSON, and an HTML page.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/html_report.hpp>
#include <trimtab/io/progress_bar.hpp>

namespace trimtab {

struct LayerReportOptions {
  std::string html, layers, layer;
  std::size_t pictures = 32;

  bool wanted() const { return !html.empty() || !layers.empty(); }
};

inline void describe(CLI::App& app, LayerReportOptions& o) {
  const auto known = [](const std::string& file) {
    return file.ends_with(".csv") || file.ends_with(".json") ? std::string() : "expected a name that ends in .csv or .json";
  };
  app.add_option("--report", o.html, "Write a page (HTML) that shows which layers lost the accuracy");
  app.add_option("--layers", o.layers, "Write the same, a line for each quantizer, to this file: .csv or .json")->check(known);
  app.add_option("--report-layer", o.layer, "The layer whose weights --report shows; default: the worst depthwise layer");
  app.add_option("--report-pictures", o.pictures, "Pictures of --images for --report and --layers, evenly spread")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
}

/// The layer of that name. Throws value_error when there is none with weights.
inline NodeId layer_named(const Network& network, const std::string& name) {
  for (NodeId id = 0; id < network.size(); ++id)
    if (network[id].name == name && detail::has_weights(network[id].op)) return id;
  throw value_error("--report-layer: no layer with weights is called " + name);
}

/// A list of quantizers, worst first; null where a number does not apply or is infinite.
inline nlohmann::ordered_json layers_json(const Network& network, const Analysis& analysis) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const std::size_t i : worst_first(analysis)) {
    const TensorErrors& e = analysis.errors[i];
    const Node& node = network[e.tensor.node];
    nlohmann::ordered_json one{{"layer", node.name}, {"operator", operator_name(node.op)}, {"tensor", role_name(e.tensor.role)}};
    for (const LayerColumn& column : layer_columns()) {
      const auto value = column.value(e, analysis.sensitivity.switched[i]);
      one[column.key] = value && std::isfinite(*value) ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
    }
    list.push_back(std::move(one));
  }
  return list;
}

inline void write_layers(const std::string& file, const Network& network, const Analysis& analysis) {
  const bool csv = file.ends_with(".csv");
  // Names come from the model; what of them is not UTF-8 is replaced.
  write_file_atomically(
      file, csv ? layer_csv(network, analysis)
                : layers_json(network, analysis).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

/// Analyses page.reference and page.after on some of the `available` pictures, spread evenly, prints the worst quantizers and
/// writes the files that the options ask for.
void report_layers(const LayerReportOptions& o, ReportInput page, const PictureSource auto& pictures, std::size_t available,
                   bool quiet) {
  const std::size_t count = std::min(o.pictures, available);
  const auto spread = [&](std::span<const std::size_t> indices) {
    std::vector<std::size_t> some;
    for (const std::size_t i : indices) some.push_back(i * available / count);
    return pictures(std::span<const std::size_t>(some));
  };
  ProgressBar bar("switch quantizers", quiet);
  const Analysis analysis = analyze(*page.reference, *page.after, spread, count, bar);
  const Network& network = *page.reference;
  if (!quiet) std::printf("\n%s", layer_table(network, analysis, 12).c_str());
  if (!o.layers.empty()) write_layers(o.layers, network, analysis);
  if (o.html.empty()) return;
  page.analysis = &analysis;
  page.layer = o.layer.empty() ? worst_layer(network, analysis) : layer_named(network, o.layer);
  write_file_atomically(o.html, html_report(page));
}

}  // namespace trimtab
