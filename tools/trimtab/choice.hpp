#pragma once
// Options that take one of some words.

#include <CLI/CLI.hpp>
#include <map>
#include <string>

namespace program {

/// A flag that takes one of some words, each of which stands for a value.
template <class T>
CLI::Option* describe_choice(CLI::App& app, const char* flag, T& value, const std::map<std::string, T>& words, const char* text) {
  return app
      .add_option_function<std::string>(
          flag, [&value, words](const std::string& word) { value = words.at(word); }, text)
      ->check(CLI::IsMember(words));
}

}  // namespace program
