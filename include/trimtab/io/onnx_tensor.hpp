#pragma once
/// \file
/// The numbers of an ONNX tensor, checked against the bytes that are there before anything is allocated.

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <trimtab/core/error.hpp>
#include <trimtab/io/onnx/schema.hpp>
#include <vector>

namespace trimtab::detail {

/// A dense tensor of an ONNX file, its axes in the file's order.
struct OnnxFloats {
  std::vector<std::size_t> extent;
  std::vector<float> values;
};

/// The value of an IEEE 754 binary16.
inline float half_to_float(std::uint16_t bits) {
  const float sign = (bits & 0x8000U) != 0 ? -1.0F : 1.0F;
  const int exponent = (bits >> 10) & 0x1F;
  const auto fraction = static_cast<float>(bits & 0x3FFU);
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  if (exponent == 31)
    return fraction != 0 ? std::numeric_limits<float>::quiet_NaN() : sign * std::numeric_limits<float>::infinity();
  return sign * std::ldexp(1024.0F + fraction, exponent - 25);
}

/// Number of elements that the tensor declares. Throws parse_error for a negative extent or a count above 2^31.
inline std::size_t declared_count(const ::onnx::TensorProto& tensor) {
  constexpr std::int64_t limit = std::int64_t{1} << 31;
  std::int64_t count = 1;
  for (const std::int64_t extent : tensor.dims()) {
    if (extent < 0 || extent > limit || (extent > 0 && count > limit / extent))
      throw parse_error(message("tensor '", tensor.name(), "' declares an impossible extent, ", extent));
    count *= extent;
  }
  return static_cast<std::size_t>(count);
}

/// Throws unsupported_error when the tensor's numbers lie outside the file, or in pieces.
inline void require_numbers_inside(const ::onnx::TensorProto& tensor) {
  if (tensor.data_location() == ::onnx::TensorProto::EXTERNAL || tensor.external_data_size() != 0)
    throw unsupported_error(
        message("tensor '", tensor.name(), "' keeps its numbers in another file; save the model as one file"));
  if (tensor.has_segment()) throw unsupported_error(message("tensor '", tensor.name(), "' is stored in segments"));
}

/// Raw little-endian numbers of type Stored, or a typed field of them, each passed through `convert`.
template <class Stored, class Out, class Field, class Convert>
std::vector<Out> tensor_numbers(const ::onnx::TensorProto& tensor, const Field& field, const Convert& convert) {
  const std::size_t count = declared_count(tensor);
  const bool raw = tensor.has_raw_data();
  const std::size_t present = raw ? tensor.raw_data().size() / sizeof(Stored) : static_cast<std::size_t>(field.size());
  if (present != count || (raw && tensor.raw_data().size() % sizeof(Stored) != 0))
    throw parse_error(message("tensor '", tensor.name(), "' declares ", count, " numbers and holds ", present));
  std::vector<Out> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    Stored stored;
    if (raw) {
      unsigned char bytes[sizeof(Stored)];
      std::memcpy(bytes, tensor.raw_data().data() + i * sizeof(Stored), sizeof(Stored));
      if constexpr (std::endian::native == std::endian::big) std::reverse(bytes, bytes + sizeof(Stored));
      std::memcpy(&stored, bytes, sizeof(Stored));
    } else {
      stored = static_cast<Stored>(field[static_cast<int>(i)]);
    }
    values[i] = convert(stored);
  }
  return values;
}

/// The numbers of a float, double or float16 tensor. Throws parse_error when their count is not the declared one and
/// unsupported_error for any other type.
inline OnnxFloats read_floats(const ::onnx::TensorProto& tensor) {
  require_numbers_inside(tensor);
  OnnxFloats result;
  switch (tensor.data_type()) {
    case ::onnx::TensorProto::FLOAT:
      result.values = tensor_numbers<float, float>(tensor, tensor.float_data(), [](float x) { return x; });
      break;
    case ::onnx::TensorProto::DOUBLE:
      result.values = tensor_numbers<double, float>(tensor, tensor.double_data(), [](double x) { return static_cast<float>(x); });
      break;
    case ::onnx::TensorProto::FLOAT16:
      result.values = tensor_numbers<std::uint16_t, float>(tensor, tensor.int32_data(), half_to_float);
      break;
    default:
      throw unsupported_error(message("tensor '", tensor.name(), "' is of ONNX type ", tensor.data_type(),
                                      "; weights may be float, double or float16"));
  }
  for (const std::int64_t extent : tensor.dims()) result.extent.push_back(static_cast<std::size_t>(extent));
  return result;
}

/// The type of codes in a file, as far as there are kernels for it.
inline bool is_code_type(std::int32_t onnx_type) {
  return onnx_type == ::onnx::TensorProto::UINT8 || onnx_type == ::onnx::TensorProto::INT8;
}

/// The numbers of an int8, uint8 or int32 tensor. Throws parse_error when their count is not the declared one or one is beyond the
/// type, and unsupported_error for any other type.
inline std::vector<std::int32_t> read_codes(const ::onnx::TensorProto& tensor) {
  require_numbers_inside(tensor);
  const auto widen = [](auto x) { return static_cast<std::int32_t>(x); };
  switch (tensor.data_type()) {
    case ::onnx::TensorProto::INT32:
      return tensor_numbers<std::int32_t, std::int32_t>(tensor, tensor.int32_data(), widen);
    case ::onnx::TensorProto::INT8:
      return tensor_numbers<std::int8_t, std::int32_t>(tensor, tensor.int32_data(), widen);
    case ::onnx::TensorProto::UINT8:
      return tensor_numbers<std::uint8_t, std::int32_t>(tensor, tensor.int32_data(), widen);
    default:
      throw unsupported_error(
          message("tensor '", tensor.name(), "' is of ONNX type ", tensor.data_type(), ", expected int8, uint8 or int32"));
  }
}

/// The numbers of an int64 or int32 tensor of at most 64 elements: axes, shapes and the like.
inline std::vector<std::int64_t> read_integers(const ::onnx::TensorProto& tensor) {
  require_numbers_inside(tensor);
  if (declared_count(tensor) > 64)
    throw unsupported_error(message("tensor '", tensor.name(), "' is too long for axes or a shape"));
  const auto widen = [](auto x) { return static_cast<std::int64_t>(x); };
  if (tensor.data_type() == ::onnx::TensorProto::INT64)
    return tensor_numbers<std::int64_t, std::int64_t>(tensor, tensor.int64_data(), widen);
  if (tensor.data_type() == ::onnx::TensorProto::INT32)
    return tensor_numbers<std::int32_t, std::int64_t>(tensor, tensor.int32_data(), widen);
  throw unsupported_error(
      message("tensor '", tensor.name(), "' is of ONNX type ", tensor.data_type(), ", expected int64 or int32"));
}

}  // namespace trimtab::detail
