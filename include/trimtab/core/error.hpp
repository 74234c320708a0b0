#pragma once
/// \file
/// Everything trimtab throws. A message names the function, the tensor, node or file, and the numbers.

#include <sstream>
#include <stdexcept>
#include <string>
#include <trimtab/core/config.hpp>

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

/// Joins its arguments as a stream prints them: the text of an exception.
template <class... Parts>
std::string message(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace detail
}  // namespace trimtab
