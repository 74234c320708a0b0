#include "classes.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <set>
#include <trimtab/core/error.hpp>

namespace program {

using namespace trimtab;

namespace {

struct ClassLine {
  std::size_t number = 0;
  std::string synset, name;  // the synset may be missing
};

std::vector<ClassLine> read_lines(const std::string& file, std::size_t count) {
  std::vector<ClassLine> lines;
  std::ifstream in(file);
  if (!in) throw io_error("cannot read " + file);
  for (std::string line; std::getline(in, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (lines.empty() && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);  // a byte-order mark
    std::size_t number = 0;
    const auto [stop, status] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (status != std::errc() || *stop != ',') continue;  // the heading
    if (number >= count) throw parse_error(detail::message(file, ": class ", number, ", but the network has ", count));
    // class_index,synset,name: a name may hold commas.
    const std::size_t first = line.find(',') + 1, second = line.find(',', first);
    if (second == std::string::npos)
      lines.push_back({number, "", line.substr(first)});
    else
      lines.push_back({number, line.substr(first, second - first), line.substr(second + 1)});
  }
  if (lines.empty()) throw parse_error(file + ": no line begins with the number of a class");
  return lines;
}

}  // namespace

std::vector<std::string> read_classes(const std::string& file, std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(std::string("class ") + std::to_string(i));
  if (file.empty()) return names;
  const std::vector<ClassLine> lines = read_lines(file, count);
  for (const ClassLine& line : lines) names[line.number] = line.name;
  if (lines.size() < count)
    std::fprintf(stderr, "note: %s names %zu of the network's %zu classes; are its numbers this network's?\n", file.c_str(),
                 lines.size(), count);
  return names;
}

std::map<std::string, std::size_t> read_class_numbers(const std::string& file, std::size_t count) {
  std::map<std::string, std::size_t> numbers;
  std::set<std::string> several;
  for (const ClassLine& line : read_lines(file, count))
    for (const std::string& word : {line.synset, line.name})
      if (const auto [known, is_new] = numbers.try_emplace(word, line.number); !is_new && known->second != line.number)
        several.insert(word);
  for (const std::string& word : several) numbers.erase(word);
  return numbers;
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
