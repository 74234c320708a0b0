#pragma once
/// \file
/// QuantizeLinear and DequantizeLinear: nodes that compute nothing, at which codes are made of reals or read as reals.

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <trimtab/io/onnx/dynamic.hpp>
#include <trimtab/io/onnx/fake_quantize.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/io/onnx/unary.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

/// Scales: finite and positive. Those of weights may be 0, where a filter is.
inline std::vector<float> read_scales(const OnnxNode& n, int i, bool of_constant) {
  const KnownTensor& tensor = n.known(i);
  if (tensor.dims.size() > 1 || tensor.count() == 0)
    throw unsupported_error(message("'", n.proto.input(i), "' is neither one scale nor a row of them"));
  const OnnxFloats scale = n.floats(i);
  for (const float s : scale.values)
    if (!(s > 0 || (of_constant && s == 0)) || !std::isfinite(s))
      throw parse_error(message("scale ", s, " is not positive and finite"));
  return {scale.values.begin(), scale.values.end()};
}

/// Zero points and their type; 0 of type `fallback` where they are left out.
inline std::pair<std::vector<std::int32_t>, OnnxType> read_zero_points(const OnnxNode& n, int i, OnnxType fallback) {
  if (!n.has(i)) return {{0}, fallback};
  const KnownTensor& tensor = n.known(i);
  if (is_real(tensor.type)) throw unsupported_error(message("codes of ", type_name(tensor.type)));
  if (tensor.dims.size() > 1 || tensor.count() == 0)
    throw unsupported_error(message("'", n.proto.input(i), "' is neither one zero point nor a row of them"));
  n.import.charge(tensor.count());
  const std::span<const std::int32_t> codes = tensor.codes();
  return {{codes.begin(), codes.end()}, tensor.type};
}

/// What QuantizeLinear and DequantizeLinear have since opset 21, at the values that change nothing.
inline void require_plain_quantization(const OnnxNode& n) {
  n.require({"axis", "block_size", "output_dtype", "precision", "saturate"});
  if (const std::int64_t block = n.integer("block_size", 0); block != 0)
    throw unsupported_error(message("a scale for each block of ", block, " elements"));
  if (const std::int64_t precision = n.integer("precision", 0); precision != 0 && precision != 1)
    throw unsupported_error(message("precision ", precision));
}
/// The type of the codes that QuantizeLinear gives.
inline OnnxType code_type(const OnnxNode& n) {
  const std::int64_t named = n.integer("output_dtype", 0);
  const OnnxType fallback = named == 0 ? OnnxType::uint8 : onnx_type(static_cast<std::int32_t>(named));
  const OnnxType type = n.has(2) ? n.known(2).type : fallback;
  if (named != 0 && type != fallback)
    throw parse_error(message("output_dtype is ", type_name(fallback), ", the zero point of ", type_name(type)));
  return type;
}

/// The scale and the zero point in inputs 1 and 2 of an activation, and the type of its codes.
struct OnnxActivationGrid {
  float scale;
  std::int32_t zero_point;
  OnnxType type;
};
inline OnnxActivationGrid read_activation_grid(const OnnxNode& n, OnnxType fallback) {
  const std::vector<float> scale = read_scales(n, 1, false);
  const auto [zero_point, type] = read_zero_points(n, 2, fallback);
  if (scale.size() != 1 || zero_point.size() != 1)
    throw unsupported_error(message("an activation with ", scale.size(), " scales; only weights may have several"));
  return {scale[0], zero_point[0], type};
}
/// The same of 8 bits.
inline OnnxGrid read_grid(const OnnxNode& n, OnnxType fallback) {
  const OnnxActivationGrid grid = read_activation_grid(n, fallback);
  if (!is_code_type(grid.type))
    throw unsupported_error(message("activations of ", type_name(grid.type), ", expected 8 or 16 bits"));
  return {grid.scale, grid.zero_point, grid.type == OnnxType::int8};
}

/// Codes of 16 bits, as the reals that they stand for.
inline void read_wide_quantize(const OnnxNode& n, OnnxType type) {
  const OnnxActivationGrid grid = read_activation_grid(n, type);
  n.define(OnnxWideCodes{fake_quantized(n, n.real(0), {grid.scale, grid.zero_point, code_range(type)}), type, grid.scale,
                         grid.zero_point});
}
inline void read_wide_dequantize(const OnnxNode& n, const OnnxWideCodes& codes) {
  const OnnxActivationGrid grid = read_activation_grid(n, codes.type);
  if (grid.type != codes.type)
    throw parse_error(message("zero points of ", type_name(grid.type), " for codes of ", type_name(codes.type)));
  if (grid.scale != codes.scale || grid.zero_point != codes.zero_point)
    throw unsupported_error(
        "16-bit codes that are read on another grid than they were made on; a Mul of what their own grid reads says the same");
  n.define(codes.real);
}
/// An input of the network that is codes of 16 bits: scale * (code - zero_point).
inline void read_wide_input(const OnnxNode& n, OnnxActivation x) {
  const OnnxActivationGrid grid = read_activation_grid(n, x.type);
  if (grid.type != x.type)
    throw parse_error(message("zero points of ", type_name(grid.type), " for codes of ", type_name(x.type)));
  x.node = n.add("steps", affine({1}, {-static_cast<float>(grid.zero_point)}), {x.node});
  x.type = OnnxType::float32;
  n.apply(std::move(x), affine({grid.scale}, {0}));
}

/// Scales, zero points and axis of constant codes of the given type.
inline OnnxCodes read_constant_codes(const OnnxNode& n, const KnownTensor& tensor, OnnxType type) {
  OnnxCodes codes{tensor, type, read_scales(n, 1, true), {}, n.integer("axis", 1), false};
  auto [zero_point, zero_type] = read_zero_points(n, 2, type);
  if (zero_type != type) throw parse_error(message("zero points of ", type_name(zero_type), " for codes of ", type_name(type)));
  codes.zero_point = std::move(zero_point);
  if (type == OnnxType::uint8)
    for (std::int32_t& z : codes.zero_point) z -= 128;
  const auto rank = static_cast<std::int64_t>(tensor.dims.size());
  if (codes.axis < 0) codes.axis += rank;
  const std::size_t several = std::max(codes.scale.size(), codes.zero_point.size());
  for (const std::size_t count : {codes.scale.size(), codes.zero_point.size()})
    if (count != 1 && count != several)
      throw shape_error(message(codes.scale.size(), " scales with ", codes.zero_point.size(), " zero points"));
  if (several == 1)
    codes.axis = 0;
  else if (codes.axis < 0 || codes.axis >= rank ||
           tensor.dims[static_cast<std::size_t>(codes.axis)] != static_cast<std::int64_t>(several))
    throw shape_error(message(several, " scales along axis ", codes.axis, " do not fit the codes"));
  return codes;
}

/// A node that computes nothing, where codes are made of x or read.
inline NodeId mark_grid(const OnnxNode& n, OnnxActivation x, OnnxType type, std::unordered_map<NodeId, OnnxGrid>& grids,
                        const OnnxGrid& grid) {
  x.node = n.add(Clip{}, {x.node});
  x.type = type;
  grids[x.node] = grid;
  n.define(x);
  return x.node;
}

inline void read_quantize(const OnnxNode& n) {
  require_plain_quantization(n);
  n.require_inputs(2, 3);
  const OnnxType type = code_type(n);
  if (n.is_known(0)) {
    if (!is_code_type(type) && !is_wide_type(type)) throw unsupported_error(message("constant codes of ", type_name(type)));
    return n.define(read_constant_codes(n, n.known(0), type));
  }
  if (is_wide_type(type)) return read_wide_quantize(n, type);
  const OnnxGrid grid = read_grid(n, type);
  mark_grid(n, n.real(0), type, n.import.quantization.quantize, grid);
}

/// Constant codes as what reads them takes them: codes, or, of 16 bits, the reals that they stand for.
inline void define_dequantized(const OnnxNode& n, OnnxCodes codes) {
  codes.real = true;
  if (!is_wide_type(codes.type)) return n.define(std::move(codes));
  n.define(n.known_reals(codes));
}

inline void read_dequantize(const OnnxNode& n) {
  require_plain_quantization(n);
  n.require_inputs(2, 3);
  if (const std::int64_t to = n.integer("output_dtype", 0); to != 0 && !is_real(onnx_type(static_cast<std::int32_t>(to))))
    throw parse_error(message("output_dtype is ", to));
  if (n.is_known(0)) {
    OnnxCodes codes = read_constant_codes(n, n.known(0), n.known(0).type);
    // Codes of 4 bits are codes of 8.
    const auto fits = [&](OnnxType small, OnnxType held, std::int32_t shift) {
      if (codes.type != small) return;
      codes.type = codes.tensor.type = held;
      for (std::int32_t& z : codes.zero_point) z -= shift;
    };
    fits(OnnxType::int4, OnnxType::int8, 0);
    fits(OnnxType::uint4, OnnxType::uint8, 128);
    return define_dequantized(n, std::move(codes));
  }
  if (n.is_codes(0)) {
    const OnnxCodes quantized = std::get<OnnxCodes>(n.value(0));
    if (quantized.real) throw unsupported_error("reads reals");
    OnnxCodes codes = read_constant_codes(n, quantized.tensor, quantized.type);
    // By other numbers than they were quantized by: they have to be codes first.
    if (codes.scale != quantized.scale || codes.zero_point != quantized.zero_point || codes.axis != quantized.axis)
      codes.tensor = n.codes_as_integers(quantized);
    return define_dequantized(n, std::move(codes));
  }
  if (const OnnxWideCodes* codes = n.wide_codes(0)) return read_wide_dequantize(n, *codes);
  if (n.dynamic(0) != nullptr) return n.define(dynamic_codes(n, 0, 1, 2).real);
  const OnnxActivation x = n.activation(0);
  if (is_wide_type(x.type)) return read_wide_input(n, x);
  OnnxGrid grid = read_grid(n, x.type);
  if (!is_code_type(x.type) || grid.is_signed != (x.type == OnnxType::int8))
    throw unsupported_error(message("reads ", type_name(x.type), ", which are no codes of its type"));
  mark_grid(n, x, OnnxType::float32, n.import.quantization.dequantize, grid);
}

}  // namespace detail

/// Both operators, of ONNX and of ONNX Runtime.
struct OnnxQuantizeLinear {};

template <>
struct OnnxRules<OnnxQuantizeLinear> {
  static void read(detail::OnnxReaders& readers) {
    for (const char* domain : {"", "com.microsoft"}) {
      readers.add("QuantizeLinear", detail::read_quantize, domain);
      readers.add("DequantizeLinear", detail::read_dequantize, domain);
    }
  }
};

}  // namespace trimtab
