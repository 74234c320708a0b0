#include "layer_report.hpp"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/layer_table.hpp>

namespace program {

using namespace trimtab;

NodeId layer_named(const Network& network, const std::string& name) {
  for (NodeId id = 0; id < network.size(); ++id)
    if (network[id].name == name && detail::has_weights(network[id].op)) return id;
  throw value_error("--report-layer: no layer with weights is called " + name);
}

namespace {

/// A list of quantizers, worst first; null where a number does not apply or is infinite.
nlohmann::ordered_json layers_json(const Network& network, const Analysis& analysis) {
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

void write_layers(const std::string& file, const Network& network, const Analysis& analysis) {
  const bool csv = file.ends_with(".csv");
  // Names come from the model; what of them is not UTF-8 is replaced.
  write_file_atomically(
      file, csv ? layer_csv(network, analysis)
                : layers_json(network, analysis).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace

void report_layers(const LayerReportOptions& o, ReportInput page, const Analysis& analysis, bool quiet) {
  const Network& network = *page.reference;
  if (!quiet) std::printf("\n%s", layer_table(network, analysis, 12).c_str());
  if (!o.layers.empty()) write_layers(o.layers, network, analysis);
  if (o.html.empty()) return;
  page.analysis = &analysis;
  page.layer = o.layer.empty() ? worst_layer(network, analysis) : layer_named(network, o.layer);
  write_file_atomically(o.html, html_report(page));
}

}  // namespace program
