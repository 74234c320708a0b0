#pragma once
/// \file
/// The element types of ONNX tensors that a reader meets: their names, widths and ranges, and how a number is rounded to each.

#include <cmath>
#include <cstdint>
#include <limits>
#include <trimtab/core/error.hpp>

namespace trimtab::detail {

/// Numbered as TensorProto.DataType. Strings, complex numbers, and floats of 8 bits or fewer are missing.
enum class OnnxType : std::int32_t {
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
  bfloat16 = 16,
  uint4 = 21,
  int4 = 22,
};

struct OnnxTypeInfo {
  OnnxType type;
  const char* name;
  int bits;  ///< in raw data; two elements of 4 bits share a byte
  bool real;
  std::int64_t lo, hi;  ///< of integers. uint64 is held as far as int64 reaches
};

inline constexpr OnnxTypeInfo onnx_types[] = {
    {OnnxType::float32, "float", 32, true, 0, 0},
    {OnnxType::uint8, "uint8", 8, false, 0, 255},
    {OnnxType::int8, "int8", 8, false, -128, 127},
    {OnnxType::uint16, "uint16", 16, false, 0, 65535},
    {OnnxType::int16, "int16", 16, false, -32768, 32767},
    {OnnxType::int32, "int32", 32, false, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()},
    {OnnxType::int64, "int64", 64, false, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()},
    {OnnxType::boolean, "bool", 8, false, 0, 1},
    {OnnxType::float16, "float16", 16, true, 0, 0},
    {OnnxType::float64, "double", 64, true, 0, 0},
    {OnnxType::uint32, "uint32", 32, false, 0, std::numeric_limits<std::uint32_t>::max()},
    {OnnxType::uint64, "uint64", 64, false, 0, std::numeric_limits<std::int64_t>::max()},
    {OnnxType::bfloat16, "bfloat16", 16, true, 0, 0},
    {OnnxType::uint4, "uint4", 4, false, 0, 15},
    {OnnxType::int4, "int4", 4, false, -8, 7},
};

inline const OnnxTypeInfo& type_info(OnnxType type) {
  for (const OnnxTypeInfo& t : onnx_types)
    if (t.type == type) return t;
  throw unsupported_error(message("ONNX type ", static_cast<std::int32_t>(type), " is not supported"));
}
/// The type of a number in a file. Throws unsupported_error for one that is not listed above.
inline OnnxType onnx_type(std::int32_t number) { return type_info(static_cast<OnnxType>(number)).type; }

inline const char* type_name(OnnxType type) { return type_info(type).name; }
inline bool is_real(OnnxType type) { return type_info(type).real; }
inline bool is_boolean(OnnxType type) { return type == OnnxType::boolean; }

/// x rounded to a float of `digits` significant bits whose smallest normal number is 2^lowest and whose largest is `largest`;
/// ties to even. Beyond, infinite.
inline double round_to_digits(double x, int digits, int lowest, double largest) {
  if (x == 0 || !std::isfinite(x)) return x;
  int exponent = 0;
  std::frexp(x, &exponent);  // 2^(exponent-1) <= |x| < 2^exponent
  const int step = (exponent - 1 > lowest ? exponent - 1 : lowest) - (digits - 1);
  const double rounded = std::ldexp(std::nearbyint(std::ldexp(x, -step)), step);
  return std::abs(rounded) > largest ? std::copysign(std::numeric_limits<double>::infinity(), x) : rounded;
}

/// The value of a real type that is nearest to x. A sum, difference, product, quotient or square root of numbers of the type,
/// computed in double, comes out as the type's own arithmetic gives it: a double has more than twice the digits.
inline double round_real(double x, OnnxType type) {
  switch (type) {
    case OnnxType::float32:
      // From half a step beyond the largest float on, infinite.
      return std::abs(x) < 0x1.FFFFFFp127 || std::isnan(x) ? static_cast<double>(static_cast<float>(x))
                                                           : std::copysign(std::numeric_limits<double>::infinity(), x);
    case OnnxType::float16:
      return round_to_digits(x, 11, -14, 65504.0);
    case OnnxType::bfloat16:
      return round_to_digits(x, 8, -126, 0x1.FEp127);
    default:
      return x;
  }
}

/// x, if the integer type holds it. Throws unsupported_error else: a network whose constants wrap around is no network.
inline std::int64_t require_range(std::int64_t x, OnnxType type) {
  const OnnxTypeInfo& t = type_info(type);
  if (x < t.lo || x > t.hi) throw unsupported_error(message("the result ", x, " is beyond ", t.name));
  return x;
}

/// The low bits of x, read as the integer type: what Cast gives between integer types. Throws unsupported_error where uint64
/// would pass 2^63.
inline std::int64_t wrap_integer(std::int64_t x, OnnxType type) {
  const OnnxTypeInfo& t = type_info(type);
  if (is_boolean(type)) return x != 0 ? 1 : 0;
  if (t.bits == 64) return require_range(x, type);
  const std::uint64_t low = static_cast<std::uint64_t>(x) & ((std::uint64_t{1} << t.bits) - 1);
  const auto value = static_cast<std::int64_t>(low);
  return value > t.hi ? value - (std::int64_t{1} << t.bits) : value;
}

/// x truncated toward zero. Throws unsupported_error for what the type does not hold: ONNX leaves the result open.
inline std::int64_t truncate_real(double x, OnnxType type) {
  if (is_boolean(type)) return x != 0 ? 1 : 0;
  const double whole = std::trunc(x);
  if (!(whole >= -0x1p63 && whole < 0x1p63)) throw unsupported_error(message("a Cast of ", x, " to ", type_name(type)));
  return require_range(static_cast<std::int64_t>(whole), type);
}

}  // namespace trimtab::detail
