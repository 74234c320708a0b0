#pragma once
/// \file
/// What quantization did to a network, as one HTML page: opens from a file, fetches nothing.

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <trimtab/io/gnuplot.hpp>
#include <trimtab/io/html.hpp>
#include <trimtab/io/layer_table.hpp>
#include <trimtab/io/report_figures.hpp>
#include <trimtab/net/report/structure.hpp>
#include <type_traits>
#include <utility>
#include <vector>

namespace trimtab {

/// A network in the page's first table.
struct ReportOutcome {
  std::string name;
  std::optional<double> top1;
  std::optional<Fidelity> fidelity;
};

/// What the page tells. Everything pointed to must outlive the call.
struct ReportInput {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;  ///< of the run: names and values
  std::vector<ReportOutcome> outcomes;
  const Network* original = nullptr;                      ///< the folded float network before rescaling
  const Network* reference = nullptr;                     ///< the float network that was quantized
  const QuantizedNetwork* before = nullptr;               ///< the quantized network before training
  const QuantizedNetwork* after = nullptr;                ///< and after it
  const Analysis* analysis = nullptr;                     ///< of reference and after
  std::span<const double> loss = {}, learning_rate = {};  ///< of each training step; empty without training
  NodeId layer = 0;                                       ///< the layer whose weights are shown
  std::span<const StructureFinding> structure = {};       ///< of structure_findings
};

namespace detail {

inline std::string fixed(double value, int digits) { return message(std::fixed, std::setprecision(digits), value); }

inline std::string element(const char* name, const std::string& content) {
  return message('<', name, '>', content, "</", name, '>');
}

/// A figure with its caption, or nothing where gnuplot could not draw it.
inline std::string figure(const FigureScript& f, const std::string& caption) {
  const std::optional<std::string> svg = gnuplot_svg(f.script, f.width, f.height);
  return svg ? "<figure>" + html_svg(*svg, caption) + element("figcaption", html_escaped(caption)) + "</figure>\n"
             : std::string();
}

inline std::string fidelity_cells(const std::optional<Fidelity>& f) {
  if (!f) return "<td></td><td></td><td></td>";
  return element("td", fixed(f->agreement, 2)) + element("td", fixed(f->rmse, 4)) +
         element("td", std::isinf(f->sqnr_db) ? "exact" : fixed(f->sqnr_db, 2));
}

inline std::string outcome_table(const ReportInput& in) {
  std::string html =
      "<table class=\"small\"><thead><tr><th>network</th><th>top-1 %</th><th>agreement %</th><th>logit RMSE</th><th>SQNR "
      "dB</th></tr></thead><tbody>\n";
  for (const ReportOutcome& o : in.outcomes)
    html += "<tr>" + element("td", html_escaped(o.name)) + element("td", o.top1 ? fixed(*o.top1, 2) : "") +
            fidelity_cells(o.fidelity) + "</tr>\n";
  return html + "</tbody></table>\n";
}

inline std::string tensor_name(const ReportInput& in, std::size_t i) {
  const TensorId t = in.analysis->errors[i].tensor;
  return "<b>" + html_escaped((*in.reference)[t.node].name) + "</b> " + role_name(t.role);
}

/// Which half of the network loses it, and the worst quantizers.
inline std::string findings(const ReportInput& in) {
  const SensitivityReport& s = in.analysis->sensitivity;
  std::string html =
      "<table class=\"small\"><thead><tr><th>quantizers that are on</th><th>agreement %</th><th>logit RMSE</th><th>SQNR "
      "dB</th></tr></thead><tbody>\n";
  const std::pair<const char*, const Fidelity*> groups[] = {{"all: the int8 network", &s.deployed},
                                                            {"all, simulated in float", &s.all},
                                                            {"weights only", &s.weights},
                                                            {"outputs only", &s.outputs}};
  for (const auto& [name, f] : groups) html += "<tr>" + element("td", name) + fidelity_cells(*f) + "</tr>\n";
  html += message("</tbody></table>\n<p>On ", in.analysis->pictures,
                  " pictures. The quantizers that cost most when they are the only one, and what is left "
                  "when it and those above it are switched off:</p>\n<ol>\n");
  std::vector<std::size_t> order = worst_first(*in.analysis);
  order.resize(std::min<std::size_t>(5, order.size()));
  for (const std::size_t i : order) {
    const TensorErrors& e = in.analysis->errors[i];
    html += "<li>" + tensor_name(in, i) + ": logit RMSE " + fixed(s.switched[i].alone.rmse, 4) + ", agreement " +
            fixed(s.switched[i].alone.agreement, 1) + " %";
    if (s.switched[i].cured)
      html += "; left " + fixed(s.switched[i].cured->rmse, 4) + ", " + fixed(s.switched[i].cured->agreement, 1) + " %";
    if (e.tensor.role == TensorRole::weight && in.after->weight[e.tensor.node]->channels() == 1 &&
        e.spread.largest_over_median > 4)
      html +=
          "; one threshold for filters of which the widest is " + fixed(e.spread.largest_over_median, 1) + " times the median";
    if (e.codes.clipping_error() > e.codes.rounding_error()) html += "; clipping is most of its error";
    html += "</li>\n";
  }
  return html + "</ol>\n";
}

inline std::string heat(const LayerColumn& column, const std::optional<double>& value, double least, double most) {
  if (!value || std::isinf(*value) || column.worse == 0 || !(most > least)) return {};
  const double share = column.worse > 0 ? (*value - least) / (most - least) : (most - *value) / (most - least);
  return " style=\"--h:" + fixed(0.7 * share, 3) + "\"";
}

/// Every quantizer with every column, worst first; sorted by a click.
inline std::string quantizer_table(const ReportInput& in) {
  const std::vector<std::size_t> order = worst_first(*in.analysis);
  std::string head = "<th>layer</th><th>operator</th><th>tensor</th>";
  std::vector<std::string> lines;
  for (const std::size_t i : order) {
    const Node& node = (*in.reference)[in.analysis->errors[i].tensor.node];
    lines.push_back(element("td", html_escaped(node.name)) + element("td", operator_name(node.op)) +
                    element("td", role_name(in.analysis->errors[i].tensor.role)));
  }
  for (const LayerColumn& column : layer_columns()) {
    head += message("<th title=\"", html_escaped(column.meaning), "\">", html_escaped(column.title), "</th>");
    std::vector<std::optional<double>> values;
    double least = std::numeric_limits<double>::infinity(), most = -least;
    for (const std::size_t i : order) {
      values.push_back(column.value(in.analysis->errors[i], in.analysis->sensitivity.switched[i]));
      if (values.back() && std::isfinite(*values.back()))
        least = std::min(least, *values.back()), most = std::max(most, *values.back());
    }
    for (std::size_t row = 0; row < order.size(); ++row) {
      const std::string sort_by = !values[row]               ? ""
                                  : std::isinf(*values[row]) ? (*values[row] > 0 ? "Infinity" : "-Infinity")
                                                             : message(*values[row]);
      lines[row] += "<td data-v=\"" + sort_by + "\"" + heat(column, values[row], least, most) + ">" +
                    layer_cell(column, values[row]) + "</td>";
    }
  }
  std::string html = "<div class=\"wide\"><table id=\"quantizers\"><thead><tr>" + head + "</tr></thead><tbody>\n";
  for (const std::string& line : lines) html += "<tr>" + line + "</tr>\n";
  html += "</tbody></table></div>\n<details><summary>What the columns say</summary><dl>";
  for (const LayerColumn& column : layer_columns())
    html += element("dt", html_escaped(column.title)) + element("dd", html_escaped(column.meaning));
  return html + "</dl></details>\n";
}

/// Weights of the chosen layer, and its filters' thresholds.
inline std::string layer_section(const ReportInput& in) {
  std::string html;
  const Node& node = (*in.reference)[in.layer];
  if (const WeightedLayer* layer = node.op->weighted()) {
    const AnyQuantizer& quantizer = *in.after->weight[in.layer];
    const Operator effective = effective_layer(in.after->network[in.layer].op, in.after->pointwise[in.layer]);
    const TensorView<const float> weight = layer->weight();
    std::vector<float> numbers(weight.size());
    TensorView<float> quantized(numbers.data(), weight.extent);
    fake_quantize_forward(effective->weighted()->weight(), quantizer, quantized);
    const std::vector<double> rescaled = channel_thresholds(weight, layer->output_axis());
    std::vector<double> original = rescaled;
    for (const Node& other : in.original->nodes())
      if (const WeightedLayer* l = other.op->weighted();
          l != nullptr && other.op.same_type(node.op) && other.name == node.name && l->weight().extent == weight.extent)
        original = channel_thresholds(l->weight(), l->output_axis());
    html += figure(weight_histograms(std::span<const float>(weight.data, weight.size()), numbers),
                   "Weights of " + node.name + " before and after quantization, counts; as figures 1 and 2 of the paper.");
    html += figure(
        filter_thresholds(original, rescaled, quantizer),
        message(
            "The largest |w| of each of its filters, ", channel_spread(rescaled).dead, " dead ones left out: widest over median ",
            fixed(channel_spread(original).largest_over_median, 1),
            rescaled != original ? " before rescaling, " + fixed(channel_spread(rescaled).largest_over_median, 1) + " after" : "",
            '.'));
  }
  return html;
}

inline constexpr const char* page_style = R"(
:root { font: 15px/1.5 system-ui, sans-serif; color: #222; }
body { max-width: 1180px; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #ddd; padding-bottom: .2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .55rem; text-align: right; border-bottom: 1px solid #e8e8e8; }
th { font-weight: 600; vertical-align: bottom; } td:first-child, th:first-child { text-align: left; }
.wide { overflow: auto; max-height: 80vh; border: 1px solid #ddd; font-size: .82rem; }
.wide th { position: sticky; top: 0; z-index: 1; background: #f4f4f4; cursor: pointer; }
.wide td:first-child { position: sticky; left: 0; background: #fff; white-space: nowrap; }
.wide td:nth-child(2), .wide td:nth-child(3), .wide th:nth-child(2), .wide th:nth-child(3) { text-align: left; }
td[style] { background: rgb(217 96 26 / var(--h)); }
th.sorted::after { content: " \25be"; } th.sorted.rising::after { content: " \25b4"; }
figure { margin: 1.2rem 0; } figure img { width: 100%; max-width: 900px; height: auto; } figcaption { color: #555; font-size: .9rem; }
dl.facts { display: grid; grid-template-columns: max-content auto; gap: .1rem 1rem; } dl.facts dt { color: #666; } dl.facts dd { margin: 0; }
details dt { font-weight: 600; } .note { color: #8a4a00; }
)";

/// Sorts the table by the column whose heading is clicked, first from the largest; what has no number goes last.
inline constexpr const char* sort_script = R"(
for (const table of document.querySelectorAll("#quantizers"))
  table.querySelectorAll("th").forEach((th, column) => th.addEventListener("click", () => {
    const rising = th.classList.contains("sorted") ? !th.classList.contains("rising") : false;
    table.querySelectorAll("th").forEach(other => other.classList.remove("sorted", "rising"));
    th.classList.add("sorted"); th.classList.toggle("rising", rising);
    const key = row => row.cells[column].dataset.v ?? row.cells[column].textContent;
    const order = (a, b) => {
      const x = key(a), y = key(b);
      if (x === "" || y === "") return (x === "") - (y === "");
      const d = isNaN(x) || isNaN(y) ? y.localeCompare(x) : (x === y ? 0 : y - x);
      return rising ? -d : d;
    };
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
  }));
)";

}  // namespace detail

/// The layer that a report shows when none is asked for: of the depthwise layers, or else of all with weights, the one whose
/// weights alone cost most.
inline NodeId worst_layer(const Network& network, const Analysis& analysis) {
  std::optional<NodeId> worst;
  for (const std::size_t i : worst_first(analysis)) {
    const TensorId t = analysis.errors[i].tensor;
    if (t.role != TensorRole::weight) continue;
    if (network[t.node].op->weighted()->is_depthwise()) return t.node;
    if (!worst) worst = t.node;
  }
  return worst ? *worst : network.outputs()[0];
}

/// The page. Figures are drawn by gnuplot; where it is not installed the page says so and has the tables.
inline std::string html_report(const ReportInput& in) {
  using detail::figure;
  const std::string title = html_escaped(in.title);
  std::string html = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>" + title + "</title>\n<style>" +
                     detail::page_style + "</style></head><body>\n<h1>" + title + "</h1>\n<dl class=\"facts\">";
  for (const auto& [name, value] : in.facts)
    html += detail::element("dt", html_escaped(name)) + detail::element("dd", html_escaped(value));
  html += "</dl>\n<h2>Result</h2>\n" + detail::outcome_table(in);

  if (!in.structure.empty()) {
    html += "<h2>What the structure costs</h2>\n<ul>";
    for (const StructureFinding& f : in.structure) html += detail::element("li", html_escaped(f.text));
    html += "</ul>\n";
  }
  html += "<h2>Where the error comes from</h2>\n" + detail::findings(in);
  const std::string sensitivity =
      figure(sensitivity_figure(*in.analysis), "Logit RMSE with one quantizer on and all others off, along the network.");
  if (sensitivity.empty())
    html += "<p class=\"note\">gnuplot was not found or could not draw, so the figures are left out (Debian: gnuplot-nox).</p>\n";
  html += sensitivity + figure(sqnr_figure(*in.analysis),
                               "SQNR along the network: each quantizer's own error, and the int8 network's outputs against "
                               "the float network's. 6 dB are one bit.");

  if (const std::string layer = detail::layer_section(in); !layer.empty())
    html += "<h2>Layer " + html_escaped((*in.reference)[in.layer].name) + "</h2>\n" + layer;

  if (!in.loss.empty()) {
    const std::string curve =
        figure(training_curve(in.loss, in.learning_rate), "Loss of each step's batch (eq. 25), and the learning rate.");
    if (!curve.empty()) html += "<h2>Training</h2>\n" + curve;
    html += figure(threshold_changes(*in.before, *in.after),
                   "Thresholds after training as a share of the calibrated ones; of a layer's filters the "
                   "median, with the smallest and the largest.");
  }
  html +=
      "<h2>All quantizers</h2>\n<p>Worst first. A click on a heading sorts; the colour is strongest at a column's worst "
      "value.</p>\n";
  html += detail::quantizer_table(in);
  return html + "<script>" + detail::sort_script + "</script>\n</body></html>\n";
}

}  // namespace trimtab
