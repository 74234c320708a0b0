#include "page.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <trimtab/io/layer_table.hpp>
#include <trimtab/net/choose_bits.hpp>

#include "figures.hpp"
#include "html.hpp"
#include "page_text.hpp"

namespace program {

using namespace trimtab;
using trimtab::detail::channel_spread;
using trimtab::detail::message;

namespace {

/// A figure with its caption.
std::string figure(const std::string& svg, const std::string& caption) {
  return "<figure>" + svg + element("figcaption", html_escaped(caption)) + "</figure>\n";
}

std::string fidelity_cells(const std::optional<Fidelity>& f) {
  if (!f) return "<td></td><td></td><td></td>";
  return element("td", fixed(f->agreement, 2)) + element("td", fixed(f->rmse, 4)) +
         element("td", std::isinf(f->sqnr_db) ? "exact" : fixed(f->sqnr_db, 2));
}

std::string outcome_table(const ReportInput& in) {
  std::string html =
      "<table class=\"small\"><thead><tr><th>network</th><th>top-1 %</th><th>agreement %</th><th>logit RMSE</th><th>SQNR "
      "dB</th></tr></thead><tbody>\n";
  for (const ReportOutcome& o : in.outcomes)
    html += "<tr>" + element("td", html_escaped(o.name)) + element("td", o.top1 ? fixed(*o.top1, 2) : "") +
            fidelity_cells(o.fidelity) + "</tr>\n";
  return html + "</tbody></table>\n";
}

std::string tensor_name(const ReportInput& in, std::size_t i) {
  const TensorId t = in.analysis->errors[i].tensor;
  return "<a href=\"#" + row_id(i) + "\">" + html_escaped((*in.reference)[t.node].name) + "</a> " + role_name(t.role);
}

/// Which half of the network loses it, and the worst quantizers.
std::string findings(const ReportInput& in) {
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

std::string heat(const LayerColumn& column, const std::optional<double>& value, double least, double most) {
  if (!value || std::isinf(*value) || column.worse == 0 || !(most > least)) return {};
  const double share = column.worse > 0 ? (*value - least) / (most - least) : (most - *value) / (most - least);
  return " style=\"--h:" + fixed(0.7 * share, 3) + "\"";
}

/// Every quantizer with every column, worst first; sorted by a click.
std::string quantizer_table(const ReportInput& in) {
  const std::vector<std::size_t> order = worst_first(*in.analysis);
  std::string head = "<th>layer</th><th>operator</th><th>tensor</th>";
  std::vector<std::string> lines;
  for (const std::size_t i : order) {
    const Node& node = (*in.reference)[in.analysis->errors[i].tensor.node];
    const std::string name = html_escaped(node.name);
    lines.push_back("<tr id=\"" + row_id(i) + "\"><td title=\"" + name + "\">" + name + "</td>" +
                    element("td", operator_name(node.op)) + element("td", role_name(in.analysis->errors[i].tensor.role)));
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
  std::string html =
      "<p id=\"filter\" hidden=\"hidden\"><label>Only rows with <input type=\"search\"/></label> <output></output></p>\n"
      "<div class=\"wide\"><table id=\"quantizers\"><thead><tr>" +
      head + "</tr></thead><tbody>\n";
  for (const std::string& line : lines) html += line + "</tr>\n";
  html += "</tbody></table></div>\n<details><summary>What the columns say</summary><dl>";
  for (const LayerColumn& column : layer_columns())
    html += element("dt", html_escaped(column.title)) + element("dd", html_escaped(column.meaning));
  return html + "</dl></details>\n";
}

/// What each layer's weights bring alone at so many bits; those that were taken are marked.
std::string bits_table(const BitsChoice& choice) {
  std::string html = "<table class=\"small\"><thead><tr><th>layer</th>";
  for (const int bits : bits_to_try) html += message("<th>", bits, " bits</th>");
  html += "</tr></thead><tbody>\n";
  for (std::size_t i = 0; i < choice.layers.size(); ++i) {
    html += "<tr>" + element("td", html_escaped(choice.layers[i].layer));
    const std::vector<BitsTrial>& trials = choice.layers[i].trials;
    for (const int bits : bits_to_try) {
      const auto trial = std::ranges::find(trials, bits, &BitsTrial::bits);
      if (trial == trials.end()) {
        html += "<td></td>";
        continue;
      }
      const std::string rmse = fixed(std::sqrt(trial->error), 4);
      html += element("td", bits == *choice.bits_of[i].weights ? element("b", rmse) : rmse);
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table>\n";
}

/// Weights of the chosen layer, and its filters' thresholds.
std::string layer_section(const ReportInput& in) {
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

}  // namespace

NodeId worst_layer(const Network& network, const Analysis& analysis) {
  std::optional<NodeId> worst;
  for (const std::size_t i : worst_first(analysis)) {
    const TensorId t = analysis.errors[i].tensor;
    if (t.role != TensorRole::weight) continue;
    if (network[t.node].op->weighted()->is_depthwise()) return t.node;
    if (!worst) worst = t.node;
  }
  return worst ? *worst : network.outputs()[0];
}

std::string html_report(const ReportInput& in) {
  const std::string title = html_escaped(in.title);
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"/><title>" +
      title + "</title>\n<style>" + page_style + "</style></head><body>\n<h1>" + title + "</h1>\n<dl class=\"facts\">";
  for (const auto& [name, value] : in.facts) html += element("dt", html_escaped(name)) + element("dd", html_escaped(value));
  html += "</dl>\n<h2>Result</h2>\n" + outcome_table(in);

  if (!in.structure.empty()) {
    html += "<h2>What the structure costs</h2>\n<ul>";
    for (const StructureFinding& f : in.structure) html += element("li", html_escaped(f.text));
    html += "</ul>\n";
  }
  html += "<h2>Where the error comes from</h2>\n" + findings(in);
  html += figure(sensitivity_figure(*in.reference, *in.analysis),
                 "Logit RMSE with one quantizer on and all others off, along the network. A click on a point leads to its row.");
  html += figure(sqnr_figure(*in.reference, *in.analysis),
                 "SQNR along the network: each quantizer's own error, and the int8 network's outputs against "
                 "the float network's. 6 dB are one bit.");

  if (const std::string layer = layer_section(in); !layer.empty())
    html += "<h2>Layer " + html_escaped((*in.reference)[in.layer].name) + "</h2>\n" + layer;

  if (in.bits) {
    html +=
        "<h2>Bits of each layer</h2>\n" + figure(size_curve_figure(*in.bits),
                                                 "Bytes of all weights, packed, and the logit RMSE that they should bring; the "
                                                 "large point was taken.");
    html += "<details><summary>Logit RMSE of each layer's weights alone</summary>" + bits_table(*in.bits) + "</details>\n";
  }

  if (!in.loss.empty()) {
    html += "<h2>Training</h2>\n" + figure(training_curve(in.loss, in.learning_rate),
                                           "Loss of each step's batch (eq. 25), its running mean, and the learning rate.");
    html += figure(threshold_changes(*in.before, *in.after),
                   "Thresholds after training as a share of the calibrated ones; of a layer's filters the "
                   "median, with the smallest and the largest.");
  }
  html +=
      "<h2>All quantizers</h2>\n<p>Worst first. A click on a heading sorts; the colour is strongest at a column's worst "
      "value.</p>\n";
  html += quantizer_table(in);
  return html + "<script>" + page_script + "</script>\n</body></html>\n";
}

}  // namespace program
