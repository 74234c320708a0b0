#pragma once
/// \file
/// Everything trimtab throws. A message names the function, the tensor, node or file, and the numbers.

#include <initializer_list>
#include <iomanip>
#include <sstream>
#include <stdexcept>
#include <string>
#include <trimtab/core/config.hpp>
#include <type_traits>

namespace trimtab {

/// Base of all exceptions thrown by trimtab.
struct error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// Extents, strides or ranks that do not fit together.
struct shape_error : error {
  using error::error;
};
/// An argument outside its documented range.
struct value_error : error {
  using error::error;
};
/// A range that cannot be quantized: NaN, infinite, negative or too large.
struct quantization_range_error : error {
  using error::error;
};
/// A well-formed request for something trimtab does not do.
struct unsupported_error : error {
  using error::error;
};
/// A file whose content is malformed.
struct parse_error : error {
  using error::error;
};
/// A file that cannot be opened, read or written.
struct io_error : error {
  using error::error;
};

/// Another process of the same job has failed; the message is that process's.
struct peer_error : error {
  using error::error;
};

namespace detail {

/// A part of a message: its text, as a stream prints it. Hundreds of calls with parts of their own types would otherwise be
/// hundreds of functions to compile.
class MessagePart {
 public:
  MessagePart(const char* text) : text_(text) {}
  MessagePart(const std::string& text) : text_(text) {}
  template <class T>
  MessagePart(const T& value) {
    if constexpr (std::is_integral_v<T> && sizeof(T) > 1) {
      text_ = std::to_string(value);
    } else if constexpr (std::is_same_v<T, float>) {
      text_ = MessagePart(double(value)).text_;
    } else {
      std::ostringstream out;
      out << value;
      text_ = out.str();
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Their texts in one.
inline std::string join(std::initializer_list<MessagePart> parts) {
  std::string joined;
  for (const MessagePart& part : parts) joined += part.text();
  return joined;
}

/// std::fixed and the like, which say how what follows them is printed.
template <class T>
inline constexpr bool is_manipulator =
    std::is_same_v<T, std::ios_base& (*)(std::ios_base&)> || std::is_same_v<T, decltype(std::setprecision(0))> ||
    std::is_same_v<T, decltype(std::setw(0))>;

/// Joins its arguments: the text of an exception.
template <class... Parts>
std::string message(Parts... parts) {
  if constexpr ((is_manipulator<Parts> || ...)) {
    std::ostringstream out;
    (out << ... << parts);
    return out.str();
  } else {
    return join({MessagePart(parts)...});
  }
}

}  // namespace detail
}  // namespace trimtab
