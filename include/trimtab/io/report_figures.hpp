#pragma once
/// \file
/// The figures of a report as gnuplot scripts. Scripts hold numbers and our own words only (see gnuplot_svg).

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <trimtab/net/report/analyze.hpp>
#include <trimtab/transform/scale_channels.hpp>
#include <vector>

namespace trimtab {

/// What gnuplot_svg takes.
struct FigureScript {
  std::string script;
  int width, height;
};

namespace detail {

inline constexpr const char* figure_style =
    "set border 3 lw 0.6 lc rgb '#888888'\n"
    "set tics nomirror out scale 0.5 textcolor rgb '#333333'\n"
    "set grid ytics lw 0.4 lc rgb '#dddddd'\n"
    "set autoscale xfix\n"
    "set key outside center top horizontal samplen 1.5\n"
    "set style line 1 lc rgb '#1f6fb4' lw 1.5 pt 7 ps 0.45\n"
    "set style line 2 lc rgb '#d9601a' lw 1.5 pt 5 ps 0.45\n"
    "set style line 3 lc rgb '#777777' lw 1 dt 2\n";

/// A named block of numbers, one line for each row.
class PlotData {
 public:
  explicit PlotData(const std::string& name) : text_("$" + name + " << END\n") {}
  void row(std::initializer_list<double> numbers) {
    for (const double n : numbers) text_ += message(n, ' ');
    text_ += '\n';
  }
  std::string text() const { return text_ + "END\n"; }

 private:
  std::string text_;
};

/// Counts of values in bins of equal width over [lo, hi]; those beyond are left out.
inline std::vector<std::size_t> equal_bins(std::span<const float> values, double lo, double hi, std::size_t bins) {
  std::vector<std::size_t> counts(bins);
  for (const float v : values) {
    const double at = (double(v) - lo) / (hi - lo) * static_cast<double>(bins);
    if (at >= 0 && at <= static_cast<double>(bins)) ++counts[std::min(bins - 1, static_cast<std::size_t>(at))];
  }
  return counts;
}

inline std::string histogram_block(const std::string& name, std::span<const float> values, double end, std::size_t bins) {
  PlotData data(name);
  const std::vector<std::size_t> counts = equal_bins(values, -end, end, bins);
  for (std::size_t b = 0; b < bins; ++b)
    data.row({-end + 2 * end * (static_cast<double>(b) + 0.5) / static_cast<double>(bins), static_cast<double>(counts[b])});
  return data.text();
}

/// The value that a share of all magnitudes stays below.
inline double magnitude_quantile(std::span<const float> values, double share) {
  std::vector<double> magnitudes;
  for (const float v : values) magnitudes.push_back(std::abs(double(v)));
  const auto at = magnitudes.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(magnitudes.size() - 1));
  std::nth_element(magnitudes.begin(), at, magnitudes.end());
  return *at;
}

/// Runs over the quantizers of an analysis, whose place in the network is their number.
template <class Value>
std::string along_network(const std::string& name, const Analysis& analysis, TensorRole role, const Value& value) {
  PlotData data(name);
  for (std::size_t i = 0; i < analysis.errors.size(); ++i)
    if (analysis.errors[i].tensor.role == role)
      if (const double v = value(i); std::isfinite(v)) data.row({double(analysis.errors[i].tensor.node), v});
  return data.text();
}

}  // namespace detail

/// Weights of a layer before (the paper's figure 1) and after quantization (figure 2): all of them with counts on a logarithmic
/// axis, and below, the inner nine tenths with counts on a linear one.
inline FigureScript weight_histograms(std::span<const float> before, std::span<const float> after) {
  const double end = std::max({detail::magnitude_quantile(before, 1), detail::magnitude_quantile(after, 1), 1e-30});
  double inner = detail::magnitude_quantile(before, 0.9);
  if (!(inner > 0)) inner = end;
  constexpr std::size_t all_bins = 201, inner_bins = 121;
  std::string s = detail::figure_style;
  s += detail::histogram_block("all_before", before, end, all_bins) + detail::histogram_block("all_after", after, end, all_bins) +
       detail::histogram_block("inner_before", before, inner, inner_bins) +
       detail::histogram_block("inner_after", after, inner, inner_bins);
  s += "unset key\nset style fill solid 0.85 noborder\nset multiplot layout 2,2 margins 0.07,0.98,0.08,0.93 spacing 0.09,0.16\n";
  const auto frame = [](double half, std::size_t bins) {
    return detail::message("set xrange [", -half, ":", half, "]\nset boxwidth ", 2 * half / static_cast<double>(bins),
                           " absolute\n");
  };
  s += frame(end, all_bins) + "set logscale y\nset yrange [0.5:*]\n";
  s += "set title 'before quantization'\nplot $all_before using 1:($2>0?$2:1/0) with boxes ls 1\n";
  s += "set title 'after quantization'\nplot $all_after using 1:($2>0?$2:1/0) with boxes ls 2\n";
  s += frame(inner, inner_bins) + "unset logscale y\nset yrange [0:*]\n";
  s += "set title 'before, the inner 90 %'\nplot $inner_before with boxes ls 1\n";
  s += "set title 'after, the inner 90 %'\nplot $inner_after with boxes ls 2\nunset multiplot\n";
  return {s, 900, 520};
}

/// The largest |w| of each living filter, sorted: before rescaling, after it, and what the quantizer's grid spans.
inline FigureScript filter_thresholds(const std::vector<double>& original, const std::vector<double>& rescaled,
                                      const AnyQuantizer& quantizer) {
  const double least = detail::dead_filter_share * *std::max_element(original.begin(), original.end());
  std::vector<std::size_t> order;
  for (std::size_t c = 0; c < original.size(); ++c)
    if (original[c] > 0 && original[c] >= least && rescaled[c] > 0) order.push_back(c);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return original[a] < original[b]; });
  detail::PlotData data("filters");
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Affine<float> grid = quantizer.grid(quantizer.channels() == 1 ? 0 : order[i]);
    data.row({static_cast<double>(i), original[order[i]], rescaled[order[i]],
              double(grid.scale) * double(std::max(grid.highest(), -grid.lowest()))});
  }
  std::string s = detail::figure_style + data.text();
  s += "set logscale y\nset format y '%g'\nset xlabel 'filter, by its threshold before'\nset ylabel 'largest |w|'\n";
  s += "plot $filters using 1:4 with lines ls 3 title 'largest value on the grid'";
  if (rescaled != original) s += ", $filters using 1:3 with points ls 2 title 'after rescaling'";
  s += detail::message(", $filters using 1:2 with points ls 1 title '", rescaled != original ? "before rescaling" : "filter",
                       "'\n");
  return {s, 900, 320};
}

/// Loss and learning rate of each training step.
inline FigureScript training_curve(std::span<const double> loss, std::span<const double> learning_rate) {
  detail::PlotData data("steps");
  for (std::size_t i = 0; i < loss.size(); ++i) data.row({static_cast<double>(i + 1), loss[i], learning_rate[i]});
  std::string s = detail::figure_style + data.text();
  s += "set xlabel 'step'\nset ylabel 'loss of the batch'\nset y2label 'learning rate'\nset y2tics\nset border 11\nset yrange "
       "[0:*]\nset y2range [0:*]\n";
  s += "plot $steps using 1:3 axes x1y2 with lines ls 3 title 'learning rate', $steps using 1:2 with points ls 1 notitle";
  if (loss.size() >= 20) s += ", $steps using 1:2 smooth bezier with lines ls 2 title 'smoothed'";
  return {s + '\n', 900, 320};
}

/// Scale of each quantizer as a share of where it starts, before and after training; of several filters the median, smallest and
/// largest.
inline FigureScript threshold_changes(const QuantizedNetwork& before, const QuantizedNetwork& after) {
  const auto shares = [](const AnyQuantizer& q) {
    const AnyQuantizer start = detail::at_start(q);
    std::vector<double> all;
    for (std::size_t c = 0; c < q.channels(); ++c) all.push_back(double(q.grid(c).scale) / double(start.grid(c).scale));
    std::sort(all.begin(), all.end());
    return all;
  };
  std::string s = detail::figure_style;
  for (const auto role : {TensorRole::weight, TensorRole::output}) {
    detail::PlotData data(role == TensorRole::weight ? "weights" : "outputs");
    const auto& list = role == TensorRole::weight ? after.weight : after.output;
    const auto& old = role == TensorRole::weight ? before.weight : before.output;
    for (NodeId id = 0; id < list.size(); ++id)
      if (list[id]) {
        const std::vector<double> was = shares(*old[id]), is = shares(*list[id]);
        data.row({static_cast<double>(id), was[was.size() / 2], is[is.size() / 2], is.front(), is.back()});
      }
    s += data.text();
  }
  s += "set ylabel 'threshold / calibrated'\nset xlabel 'node of the network'\nset offsets 1,1,graph 0.05,graph 0.05\n";
  s +=
      "plot $weights using 1:2 with points ls 3 pt 1 ps 0.5 title 'before training', $outputs using 1:2 with points ls 3 pt 1 ps "
      "0.5 notitle, "
      "$weights using 1:3:4:5 with yerrorbars ls 1 lw 0.8 title 'weights', $outputs using 1:3 with points ls 2 title 'outputs'\n";
  return {s, 900, 320};
}

/// The logit RMSE that each quantizer alone brings about, along the network.
inline FigureScript sensitivity_figure(const Analysis& analysis) {
  const auto rmse = [&](std::size_t i) {
    const double value = analysis.sensitivity.switched[i].alone.rmse;
    return value > 0 ? value : std::nan("");
  };
  std::string s = detail::figure_style;
  s += detail::along_network("weights", analysis, TensorRole::weight, rmse) +
       detail::along_network("outputs", analysis, TensorRole::output, rmse);
  s +=
      "set logscale y\nset format y '%g'\nset xlabel 'node of the network'\nset ylabel 'logit RMSE alone'\nset offsets 1,1,0,0\n";
  s += "plot $weights with impulses ls 1 lw 1 notitle, $weights with points ls 1 ps 0.6 title 'weights', $outputs with points ls "
       "2 ps 0.5 title 'outputs'\n";
  return {s, 900, 320};
}

/// SQNR of the outputs along the network: of each rounding alone, and of the int8 network's values against the float network's.
inline FigureScript sqnr_figure(const Analysis& analysis) {
  const auto own = [&](std::size_t i) { return analysis.errors[i].codes.sqnr(); };
  const auto deployed = [&](std::size_t i) { return analysis.errors[i].deployed_sqnr; };
  std::string s = detail::figure_style;
  s += detail::along_network("own", analysis, TensorRole::output, own) +
       detail::along_network("deployed", analysis, TensorRole::output, deployed) +
       detail::along_network("weights", analysis, TensorRole::weight, own);
  s += "set xlabel 'node of the network'\nset ylabel 'SQNR, dB'\nset offsets 1,1,graph 0.05,graph 0.05\n";
  s += "plot $weights with points ls 1 ps 0.6 title 'weights', $own with points ls 2 title 'output, own rounding', "
       "$deployed with linespoints ls 3 dt 1 lc rgb '#444444' pt 7 ps 0.4 title 'output, deployed'\n";
  return {s, 900, 320};
}

}  // namespace trimtab
