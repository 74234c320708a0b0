#include "classes.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <trimtab/core/error.hpp>

namespace program {

using namespace trimtab;

std::vector<std::string> read_classes(const std::string& file, std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(std::string("class ") + std::to_string(i));
  if (file.empty()) return names;
  std::ifstream in(file);
  if (!in) throw io_error("cannot read " + file);
  std::size_t found = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (found == 0 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);  // a byte-order mark
    std::size_t number = 0;
    const auto [stop, status] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (status != std::errc() || *stop != ',') continue;  // the heading
    if (number >= count) throw parse_error(detail::message(file, ": class ", number, ", but the network has ", count));
    // class_index,synset,name: a name may hold commas.
    const std::size_t second = line.find(',', line.find(',') + 1);
    names[number] = line.substr((second == std::string::npos ? line.find(',') : second) + 1);
    ++found;
  }
  if (found == 0) throw parse_error(file + ": no line begins with the number of a class");
  if (found < count)
    std::fprintf(stderr, "note: %s names %zu of the network's %zu classes; are its numbers this network's?\n", file.c_str(),
                 found, count);
  return names;
}

std::vector<RankedClass> likeliest(std::span<const float> values, std::size_t top) {
  std::vector<RankedClass> classes;
  double sum = 0, least = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    classes.push_back({i, double(values[i])});
    sum += double(values[i]);
    least = std::min(least, double(values[i]));
  }
  if (least < 0 || std::abs(sum - 1) > 0.02) {
    const double largest = double(*std::max_element(values.begin(), values.end()));
    sum = 0;
    for (RankedClass& c : classes) sum += c.probability = std::exp(c.probability - largest);
    for (RankedClass& c : classes) c.probability /= sum;
  }
  std::stable_sort(classes.begin(), classes.end(),
                   [](const RankedClass& a, const RankedClass& b) { return a.probability > b.probability; });
  classes.resize(std::min(top, classes.size()));
  return classes;
}

}  // namespace program
