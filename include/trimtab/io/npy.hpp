#pragma once
/// \file
/// Arrays of numbers in NumPy's .npy files: little-endian, in C's order.

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/half.hpp>
#include <trimtab/net/graph/network.hpp>
#include <vector>

namespace trimtab {

/// What the head of a .npy file says of its numbers.
struct NpyHeader {
  std::string type;      ///< NumPy's `descr`: <f4 and so on
  Extents extent;        ///< of the array
  std::size_t data = 0;  ///< bytes before the first number
};

namespace detail {

static_assert(std::endian::native == std::endian::little, "trimtab: .npy files are read on little-endian machines only");

/// How many bytes a number of such a type takes, and which float it is.
struct NpyType {
  std::size_t bytes;
  float (*to_float)(const char*);
};
template <class T>
constexpr NpyType npy_type() {
  return {sizeof(T), [](const char* at) {
            T number;
            std::memcpy(&number, at, sizeof(T));
            return static_cast<float>(number);
          }};
}
inline NpyType npy_type_named(const std::string& type, const std::string& path) {
  if (type == "<f4") return npy_type<float>();
  if (type == "<f8") return npy_type<double>();
  if (type == "<f2")
    return {2, [](const char* at) {
              std::uint16_t half = 0;
              std::memcpy(&half, at, 2);
              return half_to_float(half);
            }};
  if (type == "|u1" || type == "|b1") return npy_type<std::uint8_t>();
  if (type == "|i1") return npy_type<std::int8_t>();
  if (type == "<u2") return npy_type<std::uint16_t>();
  if (type == "<i2") return npy_type<std::int16_t>();
  if (type == "<u4") return npy_type<std::uint32_t>();
  if (type == "<i4") return npy_type<std::int32_t>();
  if (type == "<i8") return npy_type<std::int64_t>();
  if (type == "<u8") return npy_type<std::uint64_t>();
  throw unsupported_error(message("read_npy: ", path, " holds numbers of type ", type.substr(0, 20),
                                  "; save it as float32, little-endian (x.astype('<f4'))"));
}

/// What stands behind 'key': in the head, blanks skipped.
inline std::string_view npy_value(std::string_view head, const std::string& key) {
  const std::size_t at = head.find("'" + key + "'");
  if (at == std::string_view::npos) return {};
  const std::size_t colon = head.find(':', at);
  if (colon == std::string_view::npos) return {};
  head.remove_prefix(colon + 1);
  head.remove_prefix(std::min(head.find_first_not_of(' '), head.size()));
  return head;
}

/// The numbers of "(2, 3)", commas between them.
inline Extents npy_shape(std::string_view text, const std::function<void(const char*)>& refuse) {
  if (!text.starts_with('(')) refuse("a head without shape");
  Extents extent;
  double count = 1;
  for (text.remove_prefix(1); !text.empty() && text.front() != ')';) {
    if (text.front() == ',' || text.front() == ' ') {
      text.remove_prefix(1);
      continue;
    }
    std::size_t length = 0;
    const auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(), length);
    if (status != std::errc() || extent.size() == max_rank) refuse("a shape that is no list of up to 8 numbers");
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    extent.push_back(length);
    count *= double(length);
    if (count > 0x1p48) refuse("a shape of too many numbers");
  }
  if (text.empty()) refuse("a shape without end");
  return extent;
}

}  // namespace detail

/// The head of a .npy file. Throws io_error when it cannot be read, parse_error for what is no .npy file, is shorter than it says
/// or has a malformed head; unsupported_error for numbers of other types than floats, integers and booleans, big-endian ones, and
/// Fortran's order.
inline NpyHeader read_npy_header(const std::filesystem::path& path) {
  const std::function<void(const char*)> refuse = [&](const char* why) {
    throw parse_error(detail::message("read_npy: ", path.string(), ": ", why));
  };
  std::error_code failed;
  const std::uintmax_t size = std::filesystem::file_size(path, failed);
  std::ifstream file(path, std::ios::binary);
  if (failed || !file) throw io_error(detail::message("read_npy: cannot read ", path.string()));
  std::string start(12, '\0');
  file.read(start.data(), 12);
  if (file.gcount() < 10 || start.substr(0, 6) != "\x93NUMPY") refuse("no .npy file");
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(start[i])); };
  const bool first_version = byte(6) == 1;
  const std::size_t begin = first_version ? 10 : 12;
  const std::size_t length = byte(8) + 256 * byte(9) + (first_version ? 0 : 65536 * byte(10) + 16777216 * byte(11));
  if (length > std::min<std::uintmax_t>(size, 65536)) refuse("its head is longer than the file");
  std::string head(length, '\0');
  file.clear();
  file.seekg(static_cast<std::streamoff>(begin));
  if (!file.read(head.data(), static_cast<std::streamsize>(length))) refuse("it ends within its head");
  NpyHeader result;
  const std::string_view type = detail::npy_value(head, "descr");
  if (!type.starts_with('\'') || type.find('\'', 1) == std::string_view::npos) refuse("a head without type");
  result.type = std::string(type.substr(1, type.find('\'', 1) - 1));
  if (!detail::npy_value(head, "fortran_order").starts_with("False"))
    throw unsupported_error(
        detail::message("read_npy: ", path.string(), " is in Fortran's order; save numpy.ascontiguousarray(x)"));
  result.extent = detail::npy_shape(detail::npy_value(head, "shape"), refuse);
  result.data = begin + length;
  const std::size_t bytes = detail::npy_type_named(result.type, path.string()).bytes;
  if (size < result.data || (size - result.data) / bytes < element_count(result.extent)) refuse("it ends before its last number");
  return result;
}

/// The elements [begin, begin + count) of a .npy file's numbers, in order, as floats. Throws as read_npy_header, and value_error
/// beyond the end.
inline std::vector<float> read_npy_numbers(const std::filesystem::path& path, std::size_t begin, std::size_t count) {
  const NpyHeader header = read_npy_header(path);
  const std::size_t all = element_count(header.extent);
  if (count > all || begin > all - count)
    throw value_error(detail::message("read_npy: numbers ", begin, " to ", begin + count, " of ", all, " in ", path.string()));
  const detail::NpyType type = detail::npy_type_named(header.type, path.string());
  std::string bytes(count * type.bytes, '\0');
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(header.data + begin * type.bytes));
  if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
    throw io_error(detail::message("read_npy: cannot read ", path.string()));
  std::vector<float> numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = type.to_float(bytes.data() + i * type.bytes);
  return numbers;
}

/// The array of a .npy file, its numbers as floats. Throws as read_npy_header.
inline Array read_npy(const std::filesystem::path& path) {
  const Extents extent = read_npy_header(path).extent;
  const std::vector<float> numbers = read_npy_numbers(path, 0, element_count(extent));
  Array x = Array::from_shape(std::vector<std::size_t>(extent.begin(), extent.end()));
  std::copy(numbers.begin(), numbers.end(), x.data());
  return x;
}

/// Writes an array of float32, whole or not at all. Throws io_error.
inline void write_npy(const std::filesystem::path& path, const Array& x) {
  std::string head = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (const std::size_t length : x.shape()) head += detail::message(length, ", ");
  head += "), }";
  head.append(63 - (10 + head.size()) % 64, ' ');  // numbers begin at a multiple of 64
  head += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(head.size() & 255);
  bytes += static_cast<char>(head.size() >> 8);
  bytes += head;
  bytes.append(reinterpret_cast<const char*>(x.data()), x.size() * sizeof(float));
  write_file_atomically(path, bytes);
}

}  // namespace trimtab
