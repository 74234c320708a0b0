#pragma once
/// \file
/// An analysis as a table: its columns, as text for a terminal, as CSV.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <trimtab/net/report/analyze.hpp>
#include <vector>

namespace trimtab {

/// One number of a quantizer.
struct LayerColumn {
  const char* key;      ///< in CSV and JSON
  const char* title;    ///< over a column
  const char* meaning;  ///< a few words
  const char* format;   ///< as printf takes it
  int worse;            ///< 1: larger is worse, -1: smaller is worse, 0: neither
  bool terminal;        ///< shown in the short table
  std::optional<double> (*value)(const TensorErrors&,
                                 const SwitchedFidelity&);  ///< nothing where it does not apply; may be infinite
};

/// The columns, in every form of the table. docs/report.md has the formulas.
inline const std::vector<LayerColumn>& layer_columns() {
  using E = TensorErrors;
  using S = SwitchedFidelity;
  using Number = std::optional<double>;
  static constexpr auto of_weight = [](const E& e, auto value) {
    return e.tensor.role == TensorRole::weight ? Number(double(value)) : std::nullopt;
  };
  static const std::vector<LayerColumn> columns{
      {"rmse_alone", "RMSE alone", "logit RMSE with this quantizer on and all others off", "%.4f", 1, true,
       [](const E&, const S& s) { return Number(s.alone.rmse); }},
      {"rmse_without", "RMSE without", "logit RMSE with this quantizer off and all others on", "%.4f", 0, true,
       [](const E&, const S& s) { return Number(s.without.rmse); }},
      {"rmse_cured", "RMSE cured", "logit RMSE with this and all worse quantizers off, the others on; of the ten worst", "%.4f",
       0, true, [](const E&, const S& s) { return s.cured ? Number(s.cured->rmse) : std::nullopt; }},
      {"agreement_alone", "agree % alone", "pictures with the float network's answer, this quantizer on and all others off",
       "%.1f", -1, true, [](const E&, const S& s) { return Number(s.alone.agreement); }},
      {"agreement_without", "agree % without", "pictures with the float network's answer, this quantizer off and all others on",
       "%.1f", 0, false, [](const E&, const S& s) { return Number(s.without.agreement); }},
      {"agreement_cured", "agree % cured", "pictures with the float network's answer, this and all worse quantizers off", "%.1f",
       0, false, [](const E&, const S& s) { return s.cured ? Number(s.cured->agreement) : std::nullopt; }},
      {"sqnr_db", "SQNR dB", "of this quantizer's own error", "%.1f", -1, true,
       [](const E& e, const S&) { return Number(e.codes.sqnr()); }},
      {"deployed_sqnr_db", "deployed SQNR dB", "of the output in the int8 network, with what all layers before lost", "%.1f", -1,
       true, [](const E& e, const S&) { return e.tensor.role == TensorRole::output ? Number(e.deployed_sqnr) : std::nullopt; }},
      {"rounding_error", "rounding error", "mean square over all values, from those within the grid", "%.3g", 0, false,
       [](const E& e, const S&) { return Number(e.codes.rounding_error()); }},
      {"clipping_error", "clipping error", "mean square over all values, from those beyond the grid", "%.3g", 0, false,
       [](const E& e, const S&) { return Number(e.codes.clipping_error()); }},
      {"clipping_percent", "clipping % of error", "share of the squared error that clipping made", "%.1f", 1, true,
       [](const E& e, const S&) {
         const double all = e.codes.rounding_error() + e.codes.clipping_error();
         return Number(all > 0 ? 100 * e.codes.clipping_error() / all : 0.0);
       }},
      {"saturated_percent", "saturated %", "values beyond the grid's ends", "%.3f", 1, true,
       [](const E& e, const S&) { return Number(100 * e.codes.saturated()); }},
      {"unused_codes_percent", "unused codes %", "codes of the grid that no value took", "%.1f", 1, true,
       [](const E& e, const S&) { return Number(100 * e.codes.unused_codes()); }},
      {"channel_spread", "filter spread", "largest over median of the filters' largest |w|", "%.1f", 1, true,
       [](const E& e, const S&) { return of_weight(e, e.spread.largest_over_median); }},
      {"channels", "filters", "filters of the layer", "%.0f", 0, false,
       [](const E& e, const S&) { return of_weight(e, e.spread.channels); }},
      {"dead_channels", "dead filters", "filters without weights to speak of", "%.0f", 0, false,
       [](const E& e, const S&) { return of_weight(e, e.spread.dead); }},
      {"calibrated_low", "calibrated low", "lower end of the grid before training", "%.4g", 0, false,
       [](const E& e, const S&) { return Number(double(e.calibrated.left)); }},
      {"calibrated_high", "calibrated high", "upper end of the grid before training", "%.4g", 0, false,
       [](const E& e, const S&) { return Number(double(e.calibrated.right)); }},
      {"adjusted_low", "adjusted low", "lower end of the grid", "%.4g", 0, false,
       [](const E& e, const S&) { return Number(double(e.adjusted.left)); }},
      {"adjusted_high", "adjusted high", "upper end of the grid", "%.4g", 0, false,
       [](const E& e, const S&) { return Number(double(e.adjusted.right)); }},
      {"factors", "factors", "trained threshold factors", "%.0f", 0, false,
       [](const E& e, const S&) { return Number(double(e.factors)); }},
      {"factors_at_lower", "at lower bound", "factors at their lower bound", "%.0f", 0, false,
       [](const E& e, const S&) { return Number(double(e.at_lower)); }},
      {"factors_at_upper", "at upper bound", "factors at their upper bound, where they start", "%.0f", 0, false,
       [](const E& e, const S&) { return Number(double(e.at_upper)); }},
  };
  return columns;
}

/// A number as its column prints it; "exact" for an infinite ratio, nothing where the column does not apply.
inline std::string layer_cell(const LayerColumn& column, const std::optional<double>& value) {
  if (!value) return {};
  if (std::isinf(*value)) return *value > 0 ? "exact" : "no signal";
  char text[64];
  std::snprintf(text, sizeof text, column.format, *value);
  return text;
}

/// As the tables call it.
inline const char* role_name(TensorRole role) { return role == TensorRole::weight ? "weights" : "output"; }

/// The `rows` worst quantizers for a terminal, one a line, each line ended.
inline std::string layer_table(const Network& network, const Analysis& analysis, std::size_t rows) {
  std::vector<std::size_t> order = worst_first(analysis);
  order.resize(std::min(rows, order.size()));
  std::vector<std::vector<std::string>> table{{"tensor"}};
  for (const LayerColumn& column : layer_columns())
    if (column.terminal) table[0].emplace_back(column.title);
  for (const std::size_t i : order) {
    const TensorErrors& e = analysis.errors[i];
    table.push_back({network[e.tensor.node].name + ' ' + role_name(e.tensor.role)});
    for (const LayerColumn& column : layer_columns())
      if (column.terminal) table.back().push_back(layer_cell(column, column.value(e, analysis.sensitivity.switched[i])));
  }
  std::vector<std::size_t> width(table[0].size());
  for (const auto& line : table)
    for (std::size_t c = 0; c < line.size(); ++c) width[c] = std::max(width[c], line[c].size());
  std::string text;
  for (const auto& line : table) {
    text += "  " + line[0] + std::string(width[0] - line[0].size(), ' ');
    for (std::size_t c = 1; c < line.size(); ++c) text += "  " + std::string(width[c] - line[c].size(), ' ') + line[c];
    text += '\n';
  }
  return text;
}

namespace detail {

/// A field of a CSV file (RFC 4180).
inline std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

}  // namespace detail

/// Every quantizer, worst first, with every column; numbers with 9 digits, "inf" and "-inf" among them, empty where a column does
/// not apply.
inline std::string layer_csv(const Network& network, const Analysis& analysis) {
  std::string text = "layer,operator,tensor";
  for (const LayerColumn& column : layer_columns()) text += detail::message(',', column.key);
  for (const std::size_t i : worst_first(analysis)) {
    const TensorErrors& e = analysis.errors[i];
    const Node& node = network[e.tensor.node];
    text += '\n' + detail::csv_field(node.name) + ',' + operator_name(node.op) + ',' + role_name(e.tensor.role);
    for (const LayerColumn& column : layer_columns()) {
      char number[32] = "";
      if (const auto value = column.value(e, analysis.sensitivity.switched[i]))
        std::snprintf(number, sizeof number, "%.9g", *value);
      text += detail::message(',', number);
    }
  }
  return text + '\n';
}

}  // namespace trimtab
