#pragma once
// Figures of a page, drawn as SVG elements inside it. Colours are classes of the page's style: series-a, series-b, series-c.

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace program {

/// What one side of a figure spans.
struct Scale {
  double low = 0, high = 1;
  bool logarithmic = false;

  /// The place of a number: 0 at low, 1 at high.
  double at(double value) const;
  /// Whether it has a place: finite, and above 0 on a logarithmic scale.
  bool holds(double value) const;
  /// Round numbers from low to high; on a logarithmic scale powers of ten, and 2 and 5 times these where there are few.
  std::vector<double> ticks() const;
};

/// The scale from the least to the largest number that has a place, with a margin of its ends; a linear one may begin at 0.
enum class Begin { at_least, at_zero };
Scale linear_scale(std::span<const double> numbers, Begin begin = Begin::at_least);
Scale logarithmic_scale(std::span<const double> numbers);
/// Whole numbers, each with half a step around it.
Scale index_scale(std::size_t count);

/// A point of a figure. A reader who rests on it is told `label`; a click leads to the element `target` of the page, if any.
struct Mark {
  double x = 0, y = 0;
  std::string label, target;
};

/// A mark of what lies between two numbers.
struct Whisker {
  double x = 0, low = 0, high = 0;
};

/// One panel: a frame with scales, then what is drawn into it, first things lowest.
class Chart {
 public:
  Chart(int width, int height, Scale x, Scale y, const std::string& x_title, const std::string& y_title);

  /// A second scale on the right, for line_right.
  void right(const Scale& scale, const std::string& title);
  void title(const std::string& text);
  void legend(std::span<const std::pair<const char*, std::string>> entries);

  void points(std::span<const Mark> marks, const char* series, double radius = 2.5);
  /// Lines from the marks down to the lower end.
  void stems(std::span<const Mark> marks, const char* series);
  void whiskers(std::span<const Whisker> whiskers, const char* series);
  /// Points by the thousand: without labels.
  void cloud(std::span<const std::pair<double, double>> points, const char* series);
  void line(std::span<const std::pair<double, double>> points, const char* series);
  void line_right(std::span<const std::pair<double, double>> points, const char* series);
  /// Bars side by side over all of x; those of height 0 are left out.
  void bars(std::span<const std::size_t> heights, const char* series);

  /// The svg element.
  std::string svg(const std::string& description) const;

 private:
  double px(double x) const;
  double py(double y) const;
  void line_on(const Scale& y, std::span<const std::pair<double, double>> points, const char* series);

  int width_, height_;
  double left_ = 62, right_, top_ = 30, bottom_;
  Scale x_, y_, y_right_;
  std::string body_;
};

}  // namespace program
