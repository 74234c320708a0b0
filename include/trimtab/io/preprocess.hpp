#pragma once
/// \file
/// From a picture's bytes to a network's input values, and the texts that say how.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <iomanip>
#include <sstream>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <vector>

namespace trimtab {

/// The input value of byte x in channel c: (x - mean[c]) / scale[c]. The default is x/127.5 - 1.
struct Preprocess {
  std::array<double, 3> mean{127.5, 127.5, 127.5};   ///< in units of bytes
  std::array<double, 3> scale{127.5, 127.5, 127.5};  ///< in units of bytes
  friend bool operator==(const Preprocess&, const Preprocess&) = default;
};

namespace detail {

/// Reads a formula from left to right.
class FormulaReader {
 public:
  explicit FormulaReader(std::string_view text) : text_(text) {}

  bool accept(std::string_view word) {
    skip_blanks();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  /// A finite number, as 0.485, .485 or -1; false when there is none.
  bool accept(double& value) {
    skip_blanks();
    const auto [stop, status] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (status != std::errc() || !std::isfinite(value)) return false;
    text_.remove_prefix(static_cast<std::size_t>(stop - text_.data()));
    return true;
  }
  bool accept(std::array<double, 3>& values) {
    return accept(values[0]) && accept(",") && accept(values[1]) && accept(",") && accept(values[2]);
  }
  bool at_end() {
    skip_blanks();
    return text_.empty();
  }

 private:
  void skip_blanks() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t')) text_.remove_prefix(1);
  }
  std::string_view text_;
};

inline bool is_usable(const Preprocess& p) {
  return std::all_of(p.scale.begin(), p.scale.end(), [](double s) { return std::isfinite(s) && s != 0.0; }) &&
         std::all_of(p.mean.begin(), p.mean.end(), [](double m) { return std::isfinite(m); });
}

}  // namespace detail

/// Reads the `preprocessing` entry of an ONNX file's metadata, which is one of
///   RGB, x/127.5-1                                                          any divisor and offset; or no offset: x/255
///   RGB, (x/255-mean)/std, mean .485,.456,.406 std .229,.224,.225           any divisor
/// `RGB,` may be left out and a remark in parentheses may follow. Throws unsupported_error for BGR, parse_error for anything
/// else.
inline Preprocess parse_preprocessing(std::string_view text) {
  detail::FormulaReader in(text);
  if (in.accept("BGR")) throw unsupported_error(detail::message("parse_preprocessing: the order of colours in \"", text, '"'));
  if (in.accept("RGB")) in.accept(",");
  Preprocess p;
  double divisor = 0.0, offset = 0.0;
  bool good = false;
  if (in.accept("(")) {
    good = in.accept("x") && in.accept("/") && in.accept(divisor) && in.accept("-") && in.accept("mean") && in.accept(")") &&
           in.accept("/") && in.accept("std") && in.accept(",") && in.accept("mean") && in.accept(p.mean) && in.accept("std") &&
           in.accept(p.scale);
    for (double& m : p.mean) m *= divisor;
    for (double& s : p.scale) s *= divisor;
  } else if (in.accept("x") && in.accept("/") && in.accept(divisor)) {
    if (in.accept("-"))
      good = in.accept(offset);
    else if (in.accept("+")) {
      good = in.accept(offset);
      offset = -offset;
    } else
      good = true;
    p.mean.fill(offset * divisor);
    p.scale.fill(divisor);
  }
  if (!good || !(in.at_end() || in.accept("(")) || !detail::is_usable(p))
    throw parse_error(detail::message(
        "parse_preprocessing: expected \"x/127.5-1\" or \"(x/255-mean)/std, mean a,b,c std d,e,f\", got \"", text, '"'));
  return p;
}

/// The entry that parse_preprocessing reads as `p`.
inline std::string preprocessing_text(const Preprocess& p) {
  std::ostringstream out;
  out << std::setprecision(17) << "RGB, (x/1-mean)/std, mean " << p.mean[0] << ',' << p.mean[1] << ',' << p.mean[2] << " std " << p.scale[0] << ','
      << p.scale[1] << ',' << p.scale[2];
  return out.str();
}

/// Reads `MEAN,SCALE` or `MEAN_R,MEAN_G,MEAN_B,SCALE_R,SCALE_G,SCALE_B`, in units of bytes: value = (x - MEAN) / SCALE, so that
/// `127.5,127.5` is x/127.5 - 1. Throws parse_error.
inline Preprocess parse_mean_scale(std::string_view text) {
  detail::FormulaReader in(text);
  std::vector<double> numbers;
  bool good = true;
  do {
    double number = 0.0;
    good = numbers.size() < 6 && in.accept(number);
    numbers.push_back(number);
  } while (good && in.accept(","));
  Preprocess p;
  if (numbers.size() == 2) {
    p.mean.fill(numbers[0]);
    p.scale.fill(numbers[1]);
  } else if (numbers.size() == 6) {
    std::copy_n(numbers.begin(), 3, p.mean.begin());
    std::copy_n(numbers.begin() + 3, 3, p.scale.begin());
  } else {
    good = false;
  }
  if (!good || !in.at_end() || !detail::is_usable(p))
    throw parse_error(detail::message("parse_mean_scale: expected MEAN,SCALE with a scale that is not 0, got \"", text, '"'));
  return p;
}

}  // namespace trimtab
