#pragma once
// Text as parts of an HTML page.

#include <string>
#include <string_view>

namespace program {

/// Text as the content of an element or of a quoted attribute; control characters become spaces.
std::string html_escaped(std::string_view text);

/// <name>content</name>.
std::string element(const char* name, const std::string& content);

/// A number with so many digits behind the point.
std::string fixed(double value, int digits);

/// A number in a few characters: four digits, without zeros at its end.
std::string brief(double value);

}  // namespace program
