#include "chart.hpp"

#include <algorithm>
#include <cmath>

#include "html.hpp"

namespace program {

namespace {

/// A coordinate, to a tenth of a pixel.
std::string coordinate(double value) {
  std::string text = fixed(value, 1);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

std::string text_at(double x, double y, const char* style, const std::string& text) {
  return "<text class=\"" + std::string(style) + "\" x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\">" +
         html_escaped(text) + "</text>\n";
}

std::string path(const char* style, const std::string& line) {
  return "<path class=\"" + std::string(style) + "\" d=\"" + line + "\"/>\n";
}

/// The least and the largest number that a scale holds; none: from 1 to 1.
std::pair<double, double> ends(std::span<const double> numbers, bool positive) {
  double low = INFINITY, high = -INFINITY;
  for (const double n : numbers)
    if (std::isfinite(n) && (!positive || n > 0)) low = std::min(low, n), high = std::max(high, n);
  return low <= high ? std::pair(low, high) : std::pair(1.0, 1.0);
}

}  // namespace

double Scale::at(double value) const {
  return logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
}

bool Scale::holds(double value) const { return std::isfinite(value) && (!logarithmic || value > 0); }

std::vector<double> Scale::ticks() const {
  std::vector<double> all;
  if (logarithmic) {
    const double decades = std::log10(high / low);
    const int step = std::max(1, static_cast<int>(decades / 6));
    for (int power = static_cast<int>(std::floor(std::log10(low))); power <= std::log10(high); power += step)
      for (const double times : {1.0, 2.0, 5.0}) {
        const double tick = times * std::pow(10, power);
        if (tick >= low && tick <= high && (times < 2 || decades < 3)) all.push_back(tick);
      }
    return all;
  }
  const double rough = (high - low) / 5, power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double times : {5.0, 2.0, 1.0})
    if (times * power >= rough) step = times * power;
  for (double n = std::ceil(low / step); n * step <= high + 1e-9 * step; ++n) all.push_back(n * step + 0.0);  // no -0
  return all;
}

Scale linear_scale(std::span<const double> numbers, Begin begin) {
  auto [low, high] = ends(numbers, false);
  if (begin == Begin::at_zero) low = std::min(low, 0.0);
  const double margin = high > low ? 0.05 * (high - low) : std::max(std::abs(high), 1.0) / 2;
  return {begin == Begin::at_zero && low == 0 ? 0 : low - margin, high + margin, false};
}

Scale logarithmic_scale(std::span<const double> numbers) {
  const auto [low, high] = ends(numbers, true);
  const double margin = std::max(std::pow(high / low, 0.05), 1.2);
  return {low / margin, high * margin, true};
}

Scale index_scale(std::size_t count) { return {-0.5, std::max(1.0, static_cast<double>(count)) - 0.5, false}; }

Chart::Chart(int width, int height, Scale x, Scale y, const std::string& x_title, const std::string& y_title)
    : width_(width), height_(height), right_(width - 14), bottom_(height - (x_title.empty() ? 26 : 44)), x_(x), y_(y) {
  for (const double tick : y_.ticks()) {
    body_ += path("grid", "M" + coordinate(left_) + " " + coordinate(py(tick)) + "H" + coordinate(right_));
    body_ += text_at(left_ - 7, py(tick) + 4, "end", brief(tick));
  }
  for (const double tick : x_.ticks()) {
    body_ += path("tick", "M" + coordinate(px(tick)) + " " + coordinate(bottom_) + "v4");
    body_ += text_at(px(tick), bottom_ + 17, "middle", brief(tick));
  }
  body_ += path("tick", "M" + coordinate(left_) + " " + coordinate(bottom_) + "H" + coordinate(right_));
  if (!x_title.empty()) body_ += text_at((left_ + right_) / 2, bottom_ + 36, "middle", x_title);
  if (!y_title.empty()) body_ += text_at(4, 14, "start", y_title);
}

double Chart::px(double x) const { return left_ + x_.at(x) * (right_ - left_); }
double Chart::py(double y) const { return bottom_ - y_.at(y) * (bottom_ - top_); }

void Chart::right(const Scale& scale, const std::string& title) {
  y_right_ = scale;
  for (const double tick : scale.ticks())
    body_ += text_at(right_ - 4, bottom_ - scale.at(tick) * (bottom_ - top_) - 4, "end faint", brief(tick));
  body_ += text_at(right_, 14, "end", title);
}

void Chart::title(const std::string& text) { body_ += text_at((left_ + right_) / 2, 16, "middle title", text); }

void Chart::legend(std::span<const std::pair<const char*, std::string>> entries) {
  double width = 0;
  for (const auto& [series, text] : entries) width += 30 + 6.6 * static_cast<double>(text.size());
  double x = (left_ + right_ - width) / 2;
  for (const auto& [series, text] : entries) {
    body_ += "<circle class=\"" + std::string(series) + "\" cx=\"" + coordinate(x) + "\" cy=\"10\" r=\"4\"/>\n";
    body_ += text_at(x + 9, 14, "start", text);
    x += 30 + 6.6 * static_cast<double>(text.size());
  }
}

void Chart::points(std::span<const Mark> marks, const char* series, double radius) {
  for (const Mark& m : marks) {
    if (!x_.holds(m.x) || !y_.holds(m.y)) continue;
    const std::string circle = "<circle class=\"" + std::string(series) + " mark\" cx=\"" + coordinate(px(m.x)) + "\" cy=\"" +
                               coordinate(py(m.y)) + "\" r=\"" + coordinate(radius) + "\">" +
                               element("title", html_escaped(m.label)) + "</circle>";
    body_ += m.target.empty() ? circle + "\n" : "<a href=\"#" + html_escaped(m.target) + "\">" + circle + "</a>\n";
  }
}

void Chart::stems(std::span<const Mark> marks, const char* series) {
  std::string line;
  for (const Mark& m : marks)
    if (x_.holds(m.x) && y_.holds(m.y)) line += "M" + coordinate(px(m.x)) + " " + coordinate(bottom_) + "V" + coordinate(py(m.y));
  body_ += path((std::string(series) + " line stem").c_str(), line);
}

void Chart::whiskers(std::span<const Whisker> whiskers, const char* series) {
  std::string line;
  for (const Whisker& w : whiskers)
    if (x_.holds(w.x) && y_.holds(w.low) && y_.holds(w.high))
      line += "M" + coordinate(px(w.x)) + " " + coordinate(py(w.low)) + "V" + coordinate(py(w.high));
  body_ += path((std::string(series) + " line").c_str(), line);
}

void Chart::cloud(std::span<const std::pair<double, double>> points, const char* series) {
  std::string line;
  for (const auto& [x, y] : points)
    if (x_.holds(x) && y_.holds(y)) line += "M" + coordinate(px(x)) + " " + coordinate(py(y)) + "h0";
  body_ += path((std::string(series) + " cloud").c_str(), line);
}

void Chart::line_on(const Scale& scale, std::span<const std::pair<double, double>> points, const char* series) {
  std::string line;
  for (const auto& [x, y] : points)
    if (x_.holds(x) && scale.holds(y))
      line += (line.empty() ? "M" : "L") + coordinate(px(x)) + " " + coordinate(bottom_ - scale.at(y) * (bottom_ - top_));
  body_ += path((std::string(series) + " line").c_str(), line);
}

void Chart::line(std::span<const std::pair<double, double>> points, const char* series) { line_on(y_, points, series); }
void Chart::line_right(std::span<const std::pair<double, double>> points, const char* series) {
  line_on(y_right_, points, series);
}

void Chart::bars(std::span<const std::size_t> heights, const char* series) {
  const double step = (right_ - left_) / static_cast<double>(heights.size());
  std::string outline;
  for (std::size_t i = 0; i < heights.size(); ++i)
    if (heights[i] > 0) {
      const double top = std::max(py(static_cast<double>(heights[i])), top_);
      outline += "M" + coordinate(left_ + step * static_cast<double>(i)) + " " + coordinate(bottom_) + "V" + coordinate(top) +
                 "h" + fixed(step, 2) + "V" + coordinate(bottom_) + "z";
    }
  body_ += path(series, outline);
}

std::string Chart::svg(const std::string& description) const {
  const std::string width = std::to_string(width_), height = std::to_string(height_);
  return "<svg role=\"img\" aria-label=\"" + html_escaped(description) + "\" viewBox=\"0 0 " + width + " " + height +
         "\" width=\"" + width + "\" height=\"" + height + "\">\n" + body_ + "</svg>\n";
}

}  // namespace program
