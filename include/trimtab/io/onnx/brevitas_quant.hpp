#pragma once
/// \file
/// Quant, Brevitas' and QONNX's operator: QuantizeLinear and DequantizeLinear in one.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <trimtab/io/onnx/quantize_linear.hpp>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

/// Quant of Brevitas and QONNX: scale * (clamp(round(x / scale) + zero_point, lowest, highest) - zero_point) with 2 to 16 bits,
/// or of constants up to 32.
inline void read_brevitas_quant(const OnnxNode& n) {
  n.require({"narrow", "rounding_mode", "signed"});
  n.require_inputs(4, 4);
  if (const std::string mode = n.text("rounding_mode", "ROUND"); mode != "ROUND")
    throw unsupported_error(message("rounding_mode '", mode, "'"));
  const bool is_signed = n.integer("signed", 1) != 0, narrow = n.integer("narrow", 0) != 0;
  const double bits = n.number(3), zero = n.number(2);
  if (bits != std::nearbyint(bits) || bits < 2 || bits > (n.is_known(0) ? 32 : 16))
    throw unsupported_error(message(bits, " bits"));
  if (zero != std::nearbyint(zero) || std::abs(zero) > 255) throw unsupported_error(message("zero point ", zero));
  const double span = std::exp2(bits), lo = is_signed ? -span / 2 + (narrow ? 1 : 0) : 0,
               hi = is_signed ? span / 2 - 1 : span - 1 - (narrow ? 1 : 0);
  const OnnxFloats scale = n.floats(1);
  for (const float s : scale.values)
    if (!(s > 0) || !std::isfinite(s)) throw parse_error(message("scale ", s, " is not positive and finite"));
  const OnnxType type = bits > 8 ? OnnxType::int32 : is_signed ? OnnxType::int8 : OnnxType::uint8;
  if (n.is_known(0)) {
    if (bits > 8 && (!is_signed || zero != 0)) throw unsupported_error(message(bits, " bits with a zero point, or unsigned"));
    const OnnxFloats x = n.floats(0);
    std::int64_t axis = 0;  // the one along which there are several scales, of a tensor of the same rank
    for (std::size_t i = 0; i < scale.dims.size(); ++i)
      if (scale.dims[i] != 1) axis = static_cast<std::int64_t>(i);
    const auto at = static_cast<std::size_t>(axis);
    if (scale.values.size() != 1 &&
        (scale.dims.size() != x.dims.size() || scale.dims[at] != static_cast<std::int64_t>(scale.values.size()) ||
         x.dims[at] != scale.dims[at]))
      throw unsupported_error(message(scale.values.size(), " scales along several axes"));
    std::size_t inner = 1;
    for (std::size_t i = at + 1; i < x.dims.size(); ++i) inner *= static_cast<std::size_t>(x.dims[i]);
    std::vector<std::int32_t> codes;
    for (std::size_t i = 0; i < x.values.size(); ++i) {
      const float s = scale.values[scale.values.size() == 1 ? 0 : i / inner % scale.values.size()];
      codes.push_back(static_cast<std::int32_t>(std::clamp(std::nearbyint(double(x.values[i] / s)) + zero, lo, hi)));
    }
    const auto zero_code = static_cast<std::int32_t>(zero) - (type == OnnxType::uint8 ? 128 : 0);
    return n.define(OnnxCodes{{type, x.dims, std::make_shared<const KnownNumbers>(std::move(codes))},
                              type,
                              {scale.values.begin(), scale.values.end()},
                              {zero_code},
                              axis,
                              true});
  }
  if (scale.values.size() != 1)
    throw unsupported_error(message("an activation with ", scale.values.size(), " scales; only weights may have several"));
  if (bits > 8)
    return n.define(fake_quantized(
        n, n.real(0),
        {scale.values[0], static_cast<std::int32_t>(zero), {static_cast<std::int32_t>(lo), static_cast<std::int32_t>(hi)}}));
  const OnnxGrid grid{scale.values[0], static_cast<std::int32_t>(zero), is_signed};
  OnnxActivation x = n.real(0);
  x.node = n.add("codes", Clip{}, {x.node});
  n.import.quantization.quantize[x.node] = grid;
  if (hi - lo < 255) x.node = n.add("clamped", Clip{static_cast<float>(lo), static_cast<float>(hi)}, {x.node});
  mark_grid(n, x, OnnxType::float32, n.import.quantization.dequantize, grid);
}

}  // namespace detail

/// The operator in the domains of its exporters.
struct OnnxBrevitasQuant {};

template <>
struct OnnxRules<OnnxBrevitasQuant> {
  static void read(detail::OnnxReaders& readers) {
    for (const char* domain : {"onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general"})
      readers.add("Quant", detail::read_brevitas_quant, domain);
  }
};

}  // namespace trimtab
