#pragma once
// Names of classes, and the likeliest of an output.

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace program {

/// The names in lines `number,name` or `number,synset,name`; `class N` for those that the file leaves out, or without a file.
/// A note on standard error tells of the former: networks that count a background have numbers one higher than others. Throws
/// io_error and parse_error.
std::vector<std::string> read_classes(const std::string& file, std::size_t count);

/// The class that each synset and each name of such a file stands for; names of several classes for none. Throws io_error and
/// parse_error.
std::map<std::string, std::size_t> read_class_numbers(const std::string& file, std::size_t count);

struct RankedClass {
  std::size_t number = 0;
  double probability = 0;
};
/// The likeliest `top` classes, the smaller number first among equals. Values that are probabilities already, none negative and
/// the sum within a fiftieth of 1, stay; others go through softmax.
std::vector<RankedClass> likeliest(std::span<const float> values, std::size_t top);

}  // namespace program
