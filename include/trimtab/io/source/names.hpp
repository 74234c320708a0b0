#pragma once
/// \file
/// Names of files and nodes, which may be anything, as identifiers and in comments of C.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace trimtab {
namespace detail {

/// Words that name no namespace and no function of C++17: its keywords, and what compilers define in their own dialects.
inline bool is_reserved_word(std::string_view word) {
  static constexpr std::string_view words[] = {"alignas",      "alignof",
                                               "and",          "and_eq",
                                               "asm",          "auto",
                                               "bitand",       "bitor",
                                               "bool",         "break",
                                               "case",         "catch",
                                               "char",         "char16_t",
                                               "char32_t",     "class",
                                               "compl",        "const",
                                               "const_cast",   "continue",
                                               "constexpr",    "decltype",
                                               "default",      "delete",
                                               "do",           "double",
                                               "dynamic_cast", "else",
                                               "enum",         "explicit",
                                               "export",       "extern",
                                               "false",        "float",
                                               "for",          "friend",
                                               "goto",         "i386",
                                               "if",           "inline",
                                               "int",          "linux",
                                               "long",         "mutable",
                                               "namespace",    "new",
                                               "noexcept",     "not",
                                               "not_eq",       "nullptr",
                                               "operator",     "or",
                                               "or_eq",        "private",
                                               "protected",    "public",
                                               "register",     "restrict",
                                               "return",       "short",
                                               "signed",       "sizeof",
                                               "static",       "static_assert",
                                               "std",          "static_cast",
                                               "struct",       "switch",
                                               "template",     "this",
                                               "thread_local", "throw",
                                               "true",         "try",
                                               "typedef",      "typeid",
                                               "typename",     "typeof",
                                               "union",        "unix",
                                               "unsigned",     "using",
                                               "virtual",      "void",
                                               "volatile",     "wchar_t",
                                               "while",        "xor",
                                               "xor_eq",       "reinterpret_cast"};
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

inline bool is_letter_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Letters, digits and single underscores between them, at most `most`; whatever else there is becomes an underscore. May be empty or begin
/// with a digit.
inline std::string identifier_part(std::string_view name, std::size_t most) {
  std::string part;
  for (const char c : name) {
    if (is_letter_or_digit(c))
      part += c;
    else if (!part.empty() && part.back() != '_')
      part += '_';
  }
  part.resize(std::min(part.size(), most));
  while (!part.empty() && part.back() == '_') part.pop_back();
  return part;
}

/// Up to the first semicolon: TFLite's converter gives a node the names of all that went into it.
inline std::string_view first_name(std::string_view name) { return name.substr(0, name.find(';')); }

/// The name in a comment: printable ASCII, and nothing that ends the comment, begins another, or is a trigraph.
inline std::string comment_text(std::string_view name) {
  std::string text;
  for (const char c : name) {
    const bool plain = c >= ' ' && c <= '~' && c != '\\' && c != '?';
    const bool pair = !text.empty() && ((text.back() == '*' && c == '/') || (text.back() == '/' && c == '*'));
    if (pair) text += ' ';
    text += plain ? c : '_';
  }
  return text;
}

}  // namespace detail

/// The identifier of C and C++ next to a name: letters, digits and single underscores, at most 40 of them, none a keyword.
inline std::string source_identifier(std::string_view name) {
  std::string identifier = detail::identifier_part(name, 40);
  if (identifier.empty() || (identifier[0] >= '0' && identifier[0] <= '9')) identifier.insert(0, "net");
  if (detail::is_reserved_word(identifier)) identifier += "_net";
  return identifier;
}

}  // namespace trimtab
