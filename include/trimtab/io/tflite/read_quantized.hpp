#pragma once
/// \file
/// Reads a quantized network from a TFLite file.

#include <filesystem>
#include <string>
#include <string_view>
#include <trimtab/io/tflite/read.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>
#if TRIMTAB_FILES_HERE
#include <trimtab/io/tflite/lower.hpp>
#endif

namespace trimtab {

/// A quantized network as read_quantized_tflite reads it.
struct QuantizedTfliteModel {
  LoweredNetwork network;
  std::vector<TflitePort> inputs, outputs;  ///< in the order of LoweredNetwork::inputs and outputs
  std::string description;                  ///< the file's own
  std::vector<std::string> notes;           ///< what was left out or assumed, a sentence each
};

/// The network in the bytes of a TFLite file; `name` is what messages call it. See read_quantized_tflite.
TRIMTAB_FILES_INLINE QuantizedTfliteModel parse_quantized_tflite(std::string_view bytes, const std::string& name = "model",
                                                                 const TfliteReadOptions& options = {});
#if TRIMTAB_FILES_HERE
TRIMTAB_FILES_INLINE QuantizedTfliteModel parse_quantized_tflite(std::string_view bytes, const std::string& name,
                                                                 const TfliteReadOptions& options) {
  return detail::parse_tflite_file(bytes, name, [&](const tflite::File& file) {
    detail::TfliteImport import(file);
    TfliteModel read = detail::import_graph(import, options);
    return QuantizedTfliteModel{detail::TfliteLowering(read.network, std::move(import.codes)).take(), std::move(read.inputs),
                                std::move(read.outputs), std::move(read.description), std::move(read.notes)};
  });
}
#endif

/// Reads a network that is quantized, wholly or in parts: int8 or uint8 activations of one scale, weights with one or, of int8,
/// one for each output channel. A byte of the network is the file's uint8 code, or its int8 code plus 128. Nodes between codes
/// run in TFLite's own arithmetic, Requantizer::fixed_point, where docs/tflite.md lists them; others in float between a
/// dequantize and a quantize (LoweredNode::in_float). A float network is read, too, as nodes of reals. Operators and exceptions
/// are those of read_tflite.
inline QuantizedTfliteModel read_quantized_tflite(const std::filesystem::path& path, const TfliteReadOptions& options = {}) {
  return parse_quantized_tflite(detail::read_tflite_bytes(path), path.string(), options);
}

}  // namespace trimtab
