#pragma once
/// \file
/// Reads a quantized network from an ONNX file.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <trimtab/io/onnx/read.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>
#if TRIMTAB_FILES_HERE
#include <trimtab/io/onnx/lower.hpp>
#include <trimtab/io/self_check.hpp>
#include <trimtab/net/quantize/fuse_code_clips.hpp>
#endif

namespace trimtab {

/// A quantized network as read_quantized_onnx reads it.
struct QuantizedOnnxModel {
  LoweredNetwork network;
  std::vector<OnnxPort> inputs, outputs;  ///< in the order of LoweredNetwork::inputs and outputs
  std::map<std::string, std::string> metadata;
  std::vector<std::string> notes;  ///< what was left out, a sentence each
};

#if TRIMTAB_FILES_HERE
namespace detail {

inline QuantizedOnnxModel parse_quantized_model(std::string_view bytes, const std::string& name, const OnnxReadOptions& options,
                                                ExternalData external) {
  return parse_model(bytes, name, [&](const ::onnx::ModelProto& model) {
    OnnxQuantization quantization;
    OnnxModel read = import_model(model, bytes.size(), options, std::move(external), quantization);
    QuantizedOnnxModel result{fuse_code_clips(OnnxLowering(read.network, quantization, bytes.size()).take()),
                              std::move(read.inputs), std::move(read.outputs), std::move(read.metadata), std::move(read.notes)};
    self_check(result.network, result.metadata);
    return result;
  });
}

}  // namespace detail
#endif

/// The network in the bytes of an ONNX file; `name` is what messages call it. See read_quantized_onnx.
TRIMTAB_FILES_INLINE QuantizedOnnxModel parse_quantized_onnx(std::string_view bytes, const std::string& name = "model",
                                                             const OnnxReadOptions& options = {});

/// Reads a network that is quantized, wholly or in parts, in whichever form: float operators between DequantizeLinear and
/// QuantizeLinear; QLinearConv, QLinearMatMul, and of the domain com.microsoft QLinearAdd, QLinearMul, QLinearConcat,
/// QLinearAveragePool, QLinearGlobalAveragePool, QLinearLeakyRelu, QLinearSigmoid and QGemm; ConvInteger and MatMulInteger with
/// the operators that make codes of their sums (Add, Sub, Cast, Mul, QuantizeLinear); movements and tables of codes. Operators,
/// layouts and exceptions are those of read_onnx; an input may be of codes, too, as reals of scale 1, and so may an output.
/// Activations are uint8 or int8 with one scale; weights, of 4 or 8 bits, with one or one for each output channel, zero points
/// too. Activations of 16 bits are rounded in float (FakeQuantize), weights of 16 bits are floats.
///
/// What reads codes and is quantized is computed as this library does, in integers with one rounding a layer: what the file means
/// up to ties, and exactly what write_onnx wrote. Clips behind it, of reals or of codes, narrow its codes; constant factors and
/// terms right behind a layer become its scales and biases. Everything else is computed in float (LoweredNode::in_float). A file
/// that carries a test is run on it (self_check).
TRIMTAB_FILES_INLINE QuantizedOnnxModel read_quantized_onnx(const std::filesystem::path& path,
                                                            const OnnxReadOptions& options = {});

#if TRIMTAB_FILES_HERE
TRIMTAB_FILES_INLINE QuantizedOnnxModel parse_quantized_onnx(std::string_view bytes, const std::string& name,
                                                             const OnnxReadOptions& options) {
  return detail::parse_quantized_model(bytes, name, options, {});
}
TRIMTAB_FILES_INLINE QuantizedOnnxModel read_quantized_onnx(const std::filesystem::path& path, const OnnxReadOptions& options) {
  return detail::parse_quantized_model(detail::read_model_bytes(path), path.string(), options, detail::beside(path));
}
#endif

}  // namespace trimtab
