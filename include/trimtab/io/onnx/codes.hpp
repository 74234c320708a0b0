#pragma once
/// \file
/// What an ONNX file says of codes: constants that are codes, grids of activations, layers whose weights are codes.

#include <cstdint>
#include <trimtab/io/onnx/known_tensor.hpp>
#include <trimtab/net/graph/network.hpp>
#include <trimtab/quant/params.hpp>
#include <unordered_map>
#include <vector>

namespace trimtab::detail {

/// Constant codes in the file, or constant floats that QuantizeLinear makes codes of, and how they are read. Zero points of uint8
/// count 128 less here, as the codes do when they become weights: those are int8.
struct OnnxCodes {
  KnownTensor tensor;
  OnnxType type = OnnxType::int8;  ///< of the codes
  std::vector<float> scale{1};
  std::vector<std::int32_t> zero_point{0};
  std::int64_t axis = 0;  ///< along which there is one of each, where there are several
  bool real = false;      ///< after DequantizeLinear: stands for scale * (code - zero_point)
};

/// What a file says of the codes of an activation: real = scale * (code - zero_point), held as int8 or uint8.
struct OnnxGrid {
  float scale = 1;
  std::int32_t zero_point = 0;
  bool is_signed = false;

  /// The zero point of the codes in bytes.
  std::int32_t byte_zero_point() const { return zero_point + (is_signed ? 128 : 0); }
  Affine<float> bytes() const { return {scale, byte_zero_point(), unsigned_codes()}; }
  friend bool operator==(const OnnxGrid&, const OnnxGrid&) = default;
};
/// The numbers of a layer whose weights, in the network, are its codes. One of each, or one for each output channel.
struct OnnxLayer {
  std::vector<float> scale;
  std::vector<std::int32_t> zero_point;
  std::vector<std::int32_t> bias;  ///< none where it is the network's
  std::vector<float> bias_scale;   ///< of these; none where they are on the accumulator's grid by definition
};
/// What a quantized file adds to a network. QuantizeLinear and DequantizeLinear are Clip nodes without bounds.
struct OnnxQuantization {
  std::unordered_map<NodeId, OnnxGrid> quantize, dequantize;
  std::unordered_map<NodeId, OnnxLayer> layers;
  std::unordered_map<NodeId, bool> code_inputs;  ///< Inputs that are codes, and whether of int8
  std::unordered_map<NodeId, std::vector<std::int32_t>>
      offsets;  ///< added to codes by a Clip without bounds, one a channel or one

  bool rounds = false;  ///< to codes of more than 8 bits, by a FakeQuantize

  bool empty() const { return quantize.empty() && dequantize.empty() && layers.empty(); }
};

/// The type of codes, as far as there are kernels for it.
inline bool is_code_type(OnnxType type) { return type == OnnxType::uint8 || type == OnnxType::int8; }
/// That of codes that are reals here.
inline bool is_wide_type(OnnxType type) { return type == OnnxType::uint16 || type == OnnxType::int16; }
/// The codes of a type of 8 or 16 bits as `OnnxCodes` counts them: those of uint8 from -128.
inline CodeRange code_range(OnnxType type) {
  if (!is_wide_type(type)) return full_signed_codes();
  return {static_cast<std::int32_t>(type_info(type).lo), static_cast<std::int32_t>(type_info(type).hi)};
}

}  // namespace trimtab::detail
