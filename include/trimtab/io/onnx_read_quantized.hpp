#pragma once
/// \file
/// Reads a quantized network from an ONNX file.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <trimtab/io/onnx_lower.hpp>
#include <trimtab/io/onnx/read.hpp>
#include <trimtab/io/onnx_self_check.hpp>
#include <vector>

namespace trimtab {

/// A quantized network as read_quantized_onnx reads it.
struct QuantizedOnnxModel {
  LoweredNetwork network;
  std::map<std::string, std::string> metadata;
  std::vector<std::string> notes;  ///< what was left out, a sentence each
};

/// The network in the bytes of an ONNX file; `name` is what messages call it. See read_quantized_onnx.
inline QuantizedOnnxModel parse_quantized_onnx(std::string_view bytes, const std::string& name = "model") {
  return detail::parse_model(bytes, name, [&](const ::onnx::ModelProto& model) {
    detail::OnnxQuantization quantization;
    OnnxModel read = detail::import_model(model, bytes.size(), {}, {}, quantization);
    QuantizedOnnxModel result{detail::OnnxLowering(read.network, quantization, bytes.size()).take(), std::move(read.metadata), std::move(read.notes)};
    self_check(result.network, result.metadata);
    return result;
  });
}

/// Reads a network that is quantized from its input to its output, in whichever form: float operators between DequantizeLinear and
/// QuantizeLinear; QLinearConv, QLinearMatMul, and of the domain com.microsoft QLinearAdd, QLinearConcat, QLinearAveragePool,
/// QLinearGlobalAveragePool and QGemm; ConvInteger and MatMulInteger with the operators that make codes of their sums (Add, Sub, Cast, Mul,
/// QuantizeLinear). Operators, layouts and exceptions are those of read_onnx; the input may be of codes, too, as reals of scale 1, and so may
/// the output. Activations are uint8 or int8 with one scale; weights with one or one for each output channel, zero points too.
///
/// All of it is computed as this library does, in integers with one rounding a layer: what the file means up to ties, and exactly what
/// write_onnx wrote. A file that carries a test is run on it (self_check).
inline QuantizedOnnxModel read_quantized_onnx(const std::filesystem::path& path) {
  return parse_quantized_onnx(detail::read_model_bytes(path), path.string());
}

}  // namespace trimtab
