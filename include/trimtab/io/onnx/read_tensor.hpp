#pragma once
/// \file
/// TensorProto to KnownTensor: bytes or typed fields, inside the file or beside it, checked against what is there before anything
/// is allocated.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <trimtab/io/onnx/known_tensor.hpp>
#include <trimtab/io/onnx/schema.hpp>
#include <utility>
#include <vector>

namespace trimtab::detail {

/// The files beside a model that hold its tensors. Tensors may overlap in them; the bytes read of one file are at most twice its
/// size.
class ExternalData {
 public:
  /// Without a folder every tensor has to be inside the model.
  ExternalData() = default;
  explicit ExternalData(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// `size` bytes of the tensor. Throws unsupported_error without a folder; parse_error when location, offset or length make no
  /// sense or lead out of the folder; io_error when the file cannot be read.
  std::string read(const ::onnx::TensorProto& tensor, std::size_t size) {
    std::string location;
    std::uint64_t offset = 0, length = size;
    for (const auto& entry : tensor.external_data())
      if (entry.key() == "location")
        location = entry.value();
      else if (entry.key() == "offset")
        offset = number(entry.value());
      else if (entry.key() == "length")
        length = number(entry.value());
    if (folder_.empty())
      throw unsupported_error(message("its numbers are kept in the file '", location, "'; read the model from its folder"));
    if (length != size) throw parse_error(message("it has ", length, " bytes in '", location, "', expected ", size));
    std::error_code failed;
    const std::filesystem::path path = inside(location);
    const std::uintmax_t there = std::filesystem::file_size(path, failed);
    if (failed) throw io_error(message("cannot read ", path.string(), ": ", failed.message()));
    if (offset > there || size > there - offset)
      throw parse_error(message("it lies at ", offset, " in '", location, "', which has ", there, " bytes"));
    std::uint64_t& left = left_.try_emplace(path.string(), 2 * static_cast<std::uint64_t>(there)).first->second;
    if (size > left) throw unsupported_error(message("the bytes of '", location, "' are shared too many times"));
    left -= size;
    std::string bytes(size, '\0');
    std::ifstream file(path, std::ios::binary);
    if (!file.seekg(static_cast<std::streamoff>(offset)) || !file.read(bytes.data(), static_cast<std::streamsize>(size)))
      throw io_error(message("cannot read ", path.string()));
    return bytes;
  }

 private:
  static std::uint64_t number(const std::string& text) {
    std::uint64_t value = 0;
    bool good = !text.empty() && text.size() < 19;
    for (const char c : text) {
      good = good && c >= '0' && c <= '9';
      if (good) value = 10 * value + static_cast<std::uint64_t>(c - '0');
    }
    if (!good) throw parse_error(message("'", text.substr(0, 40), "' is no offset or length in a file"));
    return value;
  }
  /// Links are followed, then the file has to lie in the folder or below it.
  std::filesystem::path inside(const std::string& location) const {
    const std::filesystem::path relative(location);
    const auto refuse = [&] { return parse_error(message("'", location, "' is no file in the model's folder")); };
    if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute() || relative.has_root_name())
      throw refuse();
    std::error_code failed;
    const std::filesystem::path folder = std::filesystem::canonical(folder_, failed);
    if (failed) throw io_error(message("no folder ", folder_.string()));
    const std::filesystem::path path = std::filesystem::canonical(folder / relative, failed);
    if (failed || !std::filesystem::is_regular_file(path, failed))
      throw io_error(message("no file ", (folder / relative).string()));
    if (std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first != folder.end()) throw refuse();
    return path;
  }

  std::filesystem::path folder_;
  std::map<std::string, std::uint64_t> left_;
};

/// The low bytes of a little-endian number at `bytes`.
inline std::uint64_t little_endian(const char* bytes, int count) {
  std::uint64_t bits = 0;
  for (int i = 0; i < count; ++i) bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return bits;
}

/// The value of an element from its bits in the file.
inline double real_of_bits(std::uint64_t bits, OnnxType type) {
  if (type == OnnxType::float64) {
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  if (type == OnnxType::float16) {
    const double sign = (bits & 0x8000U) != 0 ? -1 : 1;
    const int exponent = static_cast<int>((bits >> 10) & 0x1FU);
    const auto fraction = static_cast<double>(bits & 0x3FFU);
    if (exponent == 0) return sign * std::ldexp(fraction, -24);
    if (exponent == 31)
      return fraction != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
    return sign * std::ldexp(1024 + fraction, exponent - 25);
  }
  const auto word = static_cast<std::uint32_t>(type == OnnxType::bfloat16 ? bits << 16 : bits);
  float value;
  std::memcpy(&value, &word, sizeof value);
  return static_cast<double>(value);
}
inline std::int64_t integer_of_bits(std::uint64_t bits, OnnxType type) {
  if (type == OnnxType::uint64 && bits >> 63 != 0)
    throw unsupported_error(message("the uint64 number ", bits, " is beyond 2^63"));
  std::int64_t value;
  std::memcpy(&value, &bits, sizeof value);
  return wrap_integer(value, type);
}

/// Elements from packed little-endian bytes, two to a byte where they have 4 bits, the low half first.
inline KnownTensor known_from_bytes(OnnxType type, Dims dims, std::string_view bytes) {
  const int bits = type_info(type).bits;
  if constexpr (std::endian::native == std::endian::little)
    if (type == OnnxType::float32) {
      std::vector<float> held(count_of(dims));
      if (!held.empty()) std::memcpy(held.data(), bytes.data(), held.size() * sizeof(float));
      return {type, std::move(dims), std::make_shared<const KnownNumbers>(std::move(held))};
    }
  std::size_t i = 0;
  const auto next_bits = [&]() -> std::uint64_t {
    const std::size_t at = i++;
    if (bits == 4) return (static_cast<unsigned char>(bytes[at / 2]) >> (4 * (at % 2))) & 0xFU;
    return little_endian(bytes.data() + at * static_cast<std::size_t>(bits / 8), bits / 8);
  };
  if (type_info(type).real) return make_known(type, std::move(dims), [&] { return real_of_bits(next_bits(), type); });
  return make_known(type, std::move(dims), [&] { return integer_of_bits(next_bits(), type); });
}

/// Elements from the typed field that the schema names for the type.
inline KnownTensor known_from_fields(const ::onnx::TensorProto& tensor, OnnxType type, Dims dims) {
  const std::size_t count = count_of(dims);
  const bool nibbles = type_info(type).bits == 4;
  const auto require = [&](int present) {
    if (static_cast<std::size_t>(present) != (nibbles ? (count + 1) / 2 : count))
      throw parse_error(message("declares ", count, " numbers and holds ", present));
  };
  int i = 0;
  switch (type) {
    case OnnxType::float32:
      require(tensor.float_data_size());
      return make_known(type, std::move(dims), [&] { return static_cast<double>(tensor.float_data(i++)); });
    case OnnxType::float64:
      require(tensor.double_data_size());
      return make_known(type, std::move(dims), [&] { return tensor.double_data(i++); });
    case OnnxType::int64:
      require(tensor.int64_data_size());
      return make_known(type, std::move(dims), [&] { return static_cast<std::int64_t>(tensor.int64_data(i++)); });
    case OnnxType::uint32:
    case OnnxType::uint64:
      require(tensor.uint64_data_size());
      return make_known(type, std::move(dims), [&] { return integer_of_bits(tensor.uint64_data(i++), OnnxType::uint64); });
    default:
      break;
  }
  require(tensor.int32_data_size());
  const auto next = [&](std::int32_t lo, std::int32_t hi) {
    const std::int32_t stored = tensor.int32_data(i++);
    if (stored < lo || stored > hi) throw parse_error(message(type_name(type), " numbers hold ", stored));
    return stored;
  };
  if (type_info(type).real)
    return make_known(type, std::move(dims), [&] { return real_of_bits(static_cast<std::uint64_t>(next(0, 65535)), type); });
  if (nibbles) {
    std::string bytes;
    while (i < tensor.int32_data_size()) bytes.push_back(static_cast<char>(next(-128, 255) & 0xFF));
    return known_from_bytes(type, std::move(dims), bytes);
  }
  const OnnxTypeInfo& t = type_info(type);
  return make_known(type, std::move(dims),
                    [&] { return std::int64_t{next(static_cast<std::int32_t>(t.lo), static_cast<std::int32_t>(t.hi))}; });
}

/// The tensor, whichever way it is stored. Throws parse_error when the numbers there are not those declared, unsupported_error
/// for types that are not in element_type.hpp, for segments and for more than 8 axes.
inline KnownTensor read_known(const ::onnx::TensorProto& tensor, ExternalData& external) {
  try {
    const OnnxType type = onnx_type(tensor.data_type());
    if (tensor.has_segment()) throw unsupported_error("stored in segments");
    Dims dims(tensor.dims().begin(), tensor.dims().end());
    const std::size_t size = (count_of(dims) * static_cast<std::size_t>(type_info(type).bits) + 7) / 8;
    if (tensor.data_location() == ::onnx::TensorProto::EXTERNAL)
      return known_from_bytes(type, std::move(dims), external.read(tensor, size));
    if (!tensor.has_raw_data()) return known_from_fields(tensor, type, std::move(dims));
    if (tensor.raw_data().size() != size)
      throw parse_error(message("declares ", count_of(dims), " numbers of ", type_name(type), ", ", size, " bytes, and holds ",
                                tensor.raw_data().size()));
    return known_from_bytes(type, std::move(dims), tensor.raw_data());
  } catch (const shape_error& e) {
    throw parse_error(message("tensor '", tensor.name(), "': ", e.what()));
  } catch (const unsupported_error& e) {
    throw unsupported_error(message("tensor '", tensor.name(), "': ", e.what()));
  } catch (const io_error& e) {
    throw io_error(message("tensor '", tensor.name(), "': ", e.what()));
  } catch (const parse_error& e) {
    throw parse_error(message("tensor '", tensor.name(), "': ", e.what()));
  }
}

}  // namespace trimtab::detail
