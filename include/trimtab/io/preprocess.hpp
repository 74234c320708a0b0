#pragma once
/// \file
/// From a picture's bytes to a network's input values, and the texts that say how.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iomanip>
#include <locale>
#include <sstream>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// The input value of byte x in channel c: (x - mean[c]) / scale[c]. The default is x/127.5 - 1.
struct Preprocess {
  std::vector<double> mean{127.5};   ///< in units of bytes: one for all channels, or one for each of the network's
  std::vector<double> scale{127.5};  ///< in units of bytes, as many
  bool bgr = false;                  ///< whether the network's first channel is blue

  /// The value of byte x in the network's channel c.
  float operator()(std::size_t c, std::size_t x) const {
    const std::size_t at = mean.size() == 1 ? 0 : c;
    return static_cast<float>((static_cast<double>(x) - mean[at]) / scale[at]);
  }
  /// Whether it says what becomes of so many channels.
  bool fits(std::size_t channels) const { return (mean.size() == 1 || mean.size() == channels) && (!bgr || channels >= 3); }
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
    const std::string number(text_.substr(0, number_length()));
    std::istringstream in(number);  // std::from_chars of a double is not in every standard library
    in.imbue(std::locale::classic());
    if (!(in >> value) || in.peek() != std::char_traits<char>::eof()) return false;
    text_.remove_prefix(number.size());
    return true;
  }
  /// One number or more, commas between them.
  bool accept(std::vector<double>& values) {
    values.clear();
    do {
      double value = 0.0;
      if (!accept(value)) return false;
      values.push_back(value);
    } while (accept(","));
    return true;
  }
  bool at_end() {
    skip_blanks();
    return text_.empty();
  }

 private:
  void skip_blanks() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t')) text_.remove_prefix(1);
  }
  /// Letters of the number in front: a minus, digits with a point among them, e and an exponent.
  std::size_t number_length() const {
    std::size_t at = text_.starts_with('-') ? 1 : 0;
    const auto digits = [&](const char* which) { at = std::min(text_.find_first_not_of(which, at), text_.size()); };
    digits("0123456789.");
    std::size_t exponent = at;
    if (exponent < text_.size() && (text_[exponent] == 'e' || text_[exponent] == 'E')) {
      ++exponent;
      if (exponent < text_.size() && (text_[exponent] == '-' || text_[exponent] == '+')) ++exponent;
      if (exponent < text_.size() && text_[exponent] >= '0' && text_[exponent] <= '9') {
        at = exponent;
        digits("0123456789");
      }
    }
    return at;
  }
  std::string_view text_;
};

inline bool is_usable(const Preprocess& p) {
  const std::size_t n = p.mean.size();
  return (n == 1 || n == 3 || n == 4) && p.scale.size() == n &&
         std::all_of(p.scale.begin(), p.scale.end(), [](double s) { return std::isfinite(s) && s != 0.0; }) &&
         std::all_of(p.mean.begin(), p.mean.end(), [](double m) { return std::isfinite(m); });
}

/// `RGB,` or `BGR,` in front, or nothing, which is RGB.
inline bool accept_bgr(FormulaReader& in) {
  const bool bgr = in.accept("BGR");
  if (bgr || in.accept("RGB")) in.accept(",");
  return bgr;
}

}  // namespace detail

/// Reads the `preprocessing` entry of an ONNX file's metadata, which is one of
///   RGB, x/127.5-1                                                          any divisor and offset; or no offset: x/255
///   RGB, (x/255-mean)/std, mean .485,.456,.406 std .229,.224,.225           any divisor; 1, 3 or 4 numbers each
/// `RGB,` may be left out or be `BGR,`, and a remark in parentheses may follow. Throws parse_error for anything else.
inline Preprocess parse_preprocessing(std::string_view text) {
  detail::FormulaReader in(text);
  Preprocess p;
  p.bgr = detail::accept_bgr(in);
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
    p.mean = {offset * divisor};
    p.scale = {divisor};
  }
  if (!good || !(in.at_end() || in.accept("(")) || !detail::is_usable(p))
    throw parse_error(detail::message(
        "parse_preprocessing: expected \"x/127.5-1\" or \"(x/255-mean)/std, mean a,b,c std d,e,f\", got \"", text, '"'));
  return p;
}

/// The entry that parse_preprocessing reads as `p`.
inline std::string preprocessing_text(const Preprocess& p) {
  std::ostringstream out;
  out << std::setprecision(17) << (p.bgr ? "BGR" : "RGB") << ", (x/1-mean)/std";
  for (const auto& [name, numbers] : {std::pair(", mean", &p.mean), std::pair(" std", &p.scale)})
    for (std::size_t c = 0; c < numbers->size(); ++c) out << (c == 0 ? name : "") << (c == 0 ? ' ' : ',') << (*numbers)[c];
  return out.str();
}

/// Reads how bytes become values:
///   127.5,127.5            MEAN,SCALE in units of bytes, value = (x - MEAN) / SCALE: this one is x/127.5 - 1
///   104,117,123,1,1,1      a mean a channel of the network, then a scale a channel; 3 or 4 channels
///   tf, imagenet, byte     x/127.5 - 1; (x/255 - mean)/std with ImageNet's mean and std; x
/// `BGR,` in front: the network's first channel is blue, and numbers a channel stand in that order. Throws parse_error.
inline Preprocess parse_mean_scale(std::string_view text) {
  detail::FormulaReader in(text);
  Preprocess p;
  p.bgr = detail::accept_bgr(in);
  bool good = true;
  if (in.accept("tf")) {
    p = {{127.5}, {127.5}, p.bgr};
  } else if (in.accept("imagenet")) {
    p = {{123.675, 116.28, 103.53}, {58.395, 57.12, 57.375}, p.bgr};
    if (p.bgr) {
      std::reverse(p.mean.begin(), p.mean.end());
      std::reverse(p.scale.begin(), p.scale.end());
    }
  } else if (in.accept("byte")) {
    p = {{0.0}, {1.0}, p.bgr};
  } else {
    std::vector<double> numbers;
    good = in.accept(numbers) && numbers.size() % 2 == 0;
    const auto half = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
    p.mean.assign(numbers.begin(), half);
    p.scale.assign(half, numbers.end());
  }
  if (!good || !in.at_end() || !detail::is_usable(p))
    throw parse_error(
        detail::message("parse_mean_scale: expected tf, imagenet, byte, or MEAN,SCALE (for all channels, or a mean for "
                        "each and then a scale for each) with no scale of 0, got \"",
                        text, '"'));
  return p;
}

}  // namespace trimtab
