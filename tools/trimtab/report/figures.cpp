#include "figures.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <trimtab/io/layer_table.hpp>
#include <trimtab/net/choose_bits.hpp>
#include <trimtab/transform/scale_channels.hpp>
#include <utility>

#include "chart.hpp"
#include "html.hpp"

namespace program {

using namespace trimtab;
using trimtab::detail::message;

namespace {

constexpr int figure_width = 900, figure_height = 300;
constexpr const char* place = "node of the network";
using Points = std::vector<std::pair<double, double>>;

/// One mark for each quantizer of a role where `value(i)` is a number, at its node.
template <class Value>
std::vector<Mark> along_network(const Network& network, const Analysis& analysis, TensorRole role, const char* unit,
                                const Value& value) {
  std::vector<Mark> marks;
  for (std::size_t i = 0; i < analysis.errors.size(); ++i) {
    const TensorId t = analysis.errors[i].tensor;
    const double v = value(i);
    if (t.role != role || !std::isfinite(v)) continue;
    const Node& node = network[t.node];
    marks.push_back({static_cast<double>(t.node), v,
                     node.name + " (" + operator_name(node.op) + "), " + role_name(role) + ": " + brief(v) + unit, row_id(i)});
  }
  return marks;
}

std::vector<double> heights(std::initializer_list<std::span<const Mark>> lists) {
  std::vector<double> all;
  for (const auto& list : lists)
    for (const Mark& m : list) all.push_back(m.y);
  return all;
}

/// Counts of values in bins of equal width over [-end, end]; those beyond are left out.
std::vector<std::size_t> equal_bins(std::span<const float> values, double end, std::size_t bins) {
  std::vector<std::size_t> counts(bins);
  for (const float v : values) {
    const double at = (double(v) / end + 1) / 2 * static_cast<double>(bins);
    if (at >= 0 && at <= static_cast<double>(bins)) ++counts[std::min(bins - 1, static_cast<std::size_t>(at))];
  }
  return counts;
}

/// The value that a share of all magnitudes stays below.
double magnitude_quantile(std::span<const float> values, double share) {
  std::vector<double> magnitudes;
  for (const float v : values) magnitudes.push_back(std::abs(double(v)));
  const auto at = magnitudes.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(magnitudes.size() - 1));
  std::nth_element(magnitudes.begin(), at, magnitudes.end());
  return *at;
}

std::string histogram(std::span<const float> values, double end, std::size_t bins, bool logarithmic, const char* series,
                      const char* title) {
  const std::vector<std::size_t> counts = equal_bins(values, end, bins);
  const double most = static_cast<double>(*std::max_element(counts.begin(), counts.end()));
  const Scale y = logarithmic ? Scale{0.5, std::max(2.0, 1.5 * most), true} : Scale{0, std::max(1.0, 1.05 * most), false};
  Chart chart(figure_width / 2, 230, {-end, end, false}, y, "", "");
  chart.title(title);
  chart.bars(counts, series);
  return chart.svg(title);
}

}  // namespace

std::string row_id(std::size_t i) { return "q" + std::to_string(i); }

std::string sensitivity_figure(const Network& network, const Analysis& analysis) {
  const auto rmse = [&](std::size_t i) { return analysis.sensitivity.switched[i].alone.rmse; };
  const std::vector<Mark> weights = along_network(network, analysis, TensorRole::weight, "", rmse),
                          outputs = along_network(network, analysis, TensorRole::output, "", rmse);
  Chart chart(figure_width, figure_height, index_scale(network.size()), logarithmic_scale(heights({weights, outputs})), place,
              "logit RMSE alone");
  chart.stems(weights, "series-a");
  chart.points(weights, "series-a");
  chart.points(outputs, "series-b");
  const std::pair<const char*, std::string> names[] = {{"series-a", "weights"}, {"series-b", "outputs"}};
  chart.legend(names);
  return chart.svg("logit RMSE of each quantizer alone");
}

std::string sqnr_figure(const Network& network, const Analysis& analysis) {
  const auto own = [&](std::size_t i) { return analysis.errors[i].codes.sqnr(); };
  const auto deployed = [&](std::size_t i) { return analysis.errors[i].deployed_sqnr; };
  const std::vector<Mark> weights = along_network(network, analysis, TensorRole::weight, " dB", own),
                          outputs = along_network(network, analysis, TensorRole::output, " dB, own rounding", own),
                          all = along_network(network, analysis, TensorRole::output, " dB, deployed", deployed);
  Chart chart(figure_width, figure_height, index_scale(network.size()), linear_scale(heights({weights, outputs, all})), place,
              "SQNR, dB");
  Points line;
  for (const Mark& m : all) line.emplace_back(m.x, m.y);
  chart.line(line, "series-c");
  chart.points(all, "series-c");
  chart.points(weights, "series-a");
  chart.points(outputs, "series-b");
  const std::pair<const char*, std::string> names[] = {
      {"series-a", "weights"}, {"series-b", "output, own rounding"}, {"series-c", "output, deployed"}};
  chart.legend(names);
  return chart.svg("SQNR of each quantizer");
}

std::string weight_histograms(std::span<const float> before, std::span<const float> after) {
  const double end = std::max({magnitude_quantile(before, 1), magnitude_quantile(after, 1), 1e-30});
  double inner = magnitude_quantile(before, 0.9);
  if (!(inner > 0)) inner = end;
  return "<div class=\"pairs\">" + histogram(before, end, 201, true, "series-a", "before quantization") +
         histogram(after, end, 201, true, "series-b", "after quantization") +
         histogram(before, inner, 121, false, "series-a", "before, the inner 90 %") +
         histogram(after, inner, 121, false, "series-b", "after, the inner 90 %") + "</div>";
}

std::string filter_thresholds(const std::vector<double>& original, const std::vector<double>& rescaled,
                              const AnyQuantizer& quantizer) {
  const double least = trimtab::detail::dead_filter_share * *std::max_element(original.begin(), original.end());
  std::vector<std::size_t> order;
  for (std::size_t c = 0; c < original.size(); ++c)
    if (original[c] > 0 && original[c] >= least && rescaled[c] > 0) order.push_back(c);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return original[a] < original[b]; });
  std::vector<Mark> before, after;
  Points ends;
  std::vector<double> all;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t c = order[i];
    const Affine<float> grid = quantizer.grid(quantizer.channels() == 1 ? 0 : c);
    const double x = static_cast<double>(i);
    ends.emplace_back(x, double(grid.scale) * double(std::max(grid.highest(), -grid.lowest())));
    before.push_back({x, original[c], "filter " + std::to_string(c) + ": " + brief(original[c]), ""});
    after.push_back({x, rescaled[c], "filter " + std::to_string(c) + ": " + brief(rescaled[c]) + " after rescaling", ""});
    all.insert(all.end(), {ends.back().second, original[c], rescaled[c]});
  }
  Chart chart(figure_width, figure_height, index_scale(order.size()), logarithmic_scale(all), "filter, by its threshold before",
              "largest |w|");
  chart.line(ends, "series-c");
  std::vector<std::pair<const char*, std::string>> names{{"series-c", "largest value on the grid"}};
  if (rescaled != original) {
    chart.points(after, "series-b");
    names.emplace_back("series-b", "after rescaling");
  }
  chart.points(before, "series-a");
  names.emplace_back("series-a", rescaled != original ? "before rescaling" : "filter");
  chart.legend(names);
  return chart.svg("largest weight of each filter");
}

std::string training_curve(std::span<const double> loss, std::span<const double> learning_rate) {
  Points points, rates, smooth;
  // Each step counts a tenth of the run less than the one behind it, at least two steps.
  const double keep = 1 - 1 / std::max(2.0, static_cast<double>(loss.size()) / 20);
  double sum = 0, weight = 0;
  for (std::size_t i = 0; i < loss.size(); ++i) {
    const double x = static_cast<double>(i + 1);
    points.emplace_back(x, loss[i]);
    rates.emplace_back(x, learning_rate[i]);
    sum = keep * sum + loss[i];
    weight = keep * weight + 1;
    smooth.emplace_back(x, sum / weight);
  }
  Chart chart(figure_width, figure_height, {0, static_cast<double>(loss.size()) + 1, false}, linear_scale(loss, Begin::at_zero),
              "step", "loss of the batch");
  chart.right(linear_scale(learning_rate, Begin::at_zero), "learning rate");
  chart.line_right(rates, "series-c");
  chart.cloud(points, "series-a");
  chart.line(smooth, "series-b");
  const std::pair<const char*, std::string> names[] = {
      {"series-a", "loss"}, {"series-b", "its running mean"}, {"series-c", "learning rate"}};
  chart.legend(names);
  return chart.svg("loss and learning rate of each step");
}

std::string size_curve_figure(const BitsChoice& choice) {
  std::vector<Mark> marks;
  Points line;
  std::vector<double> bytes, errors;
  for (const SizeStep& step : choice.curve) {
    const double size = static_cast<double>(step.bytes);
    marks.push_back({size, step.rmse, message(step.bytes, " bytes: RMSE ", brief(step.rmse)), ""});
    line.emplace_back(size, step.rmse);
    bytes.push_back(size);
    errors.push_back(step.rmse);
  }
  Chart chart(figure_width, figure_height, linear_scale(bytes), linear_scale(errors, Begin::at_zero), "bytes of the weights",
              "logit RMSE");
  chart.line(line, "series-a");
  chart.points(marks, "series-a");
  chart.points(std::span(marks).subspan(choice.taken, 1), "series-b", 6);
  const std::pair<const char*, std::string> names[] = {{"series-a", "choices"}, {"series-b", "taken"}};
  chart.legend(names);
  return chart.svg("size of the weights against logit RMSE");
}

std::string threshold_changes(const QuantizedNetwork& before, const QuantizedNetwork& after) {
  const auto shares = [](const AnyQuantizer& q) {
    const AnyQuantizer start = trimtab::detail::at_start(q);
    std::vector<double> all;
    for (std::size_t c = 0; c < q.channels(); ++c) all.push_back(double(q.grid(c).scale) / double(start.grid(c).scale));
    std::sort(all.begin(), all.end());
    return all;
  };
  std::vector<Mark> marks[2];
  std::vector<Whisker> spans;
  Points old;
  std::vector<double> all;
  for (const bool output : {false, true}) {
    const auto& is = output ? after.output : after.weight;
    const auto& was = output ? before.output : before.weight;
    for (NodeId id = 0; id < is.size(); ++id) {
      if (!is[id]) continue;
      const std::vector<double> then = shares(*was[id]), now = shares(*is[id]);
      const double x = static_cast<double>(id), median = now[now.size() / 2];
      old.emplace_back(x, then[then.size() / 2]);
      spans.push_back({x, now.front(), now.back()});
      std::string label = after.network[id].name + (output ? ", output: " : ", weights: ") + brief(median);
      if (now.size() > 1) label += " (" + brief(now.front()) + " to " + brief(now.back()) + ")";
      marks[output].push_back({x, median, std::move(label), ""});
      all.insert(all.end(), {then[then.size() / 2], now.front(), now.back()});
    }
  }
  Chart chart(figure_width, figure_height, index_scale(after.network.size()), linear_scale(all), place, "threshold / calibrated");
  chart.cloud(old, "series-c");
  chart.whiskers(spans, "series-a");
  chart.points(marks[0], "series-a");
  chart.points(marks[1], "series-b");
  const std::pair<const char*, std::string> names[] = {
      {"series-a", "weights"}, {"series-b", "outputs"}, {"series-c", "before training"}};
  chart.legend(names);
  return chart.svg("thresholds after training");
}

}  // namespace program
