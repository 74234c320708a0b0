#pragma once
/// \file
/// Writes a quantized network as a TFLite file: integers from input to output. See docs/tflite.md for what runtimes make of it.

#include <algorithm>
#include <filesystem>
#include <string>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/tflite/checksum.hpp>
#include <trimtab/io/tflite/schema.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>
#if TRIMTAB_FILES_HERE
#include <trimtab/io/tflite/operators.hpp>
#endif

namespace trimtab {

/// `every_node`: each node's codes are an output of the file, in the order of the nodes, for comparisons.
struct TfliteOptions {
  bool every_node = false;
};

#if TRIMTAB_FILES_HERE
namespace detail {

/// The whole network.
inline tflite::Model export_tflite(const LoweredNetwork& n, const TfliteOptions& options) {
  TfliteWriter w(n);
  for (; w.id < n.nodes.size(); ++w.id) {
    const LoweredNode& node = w.node();
    for (const LoweredInput& read : node.inputs)
      if (n.nodes[read.node].holds_codes &&
          (read.scale != n.nodes[read.node].grid.scale || read.zero_point != n.nodes[read.node].grid.zero_point))
        w.refuse(message("reads ", n.nodes[read.node].name, " by another grid than it was written on"));
    w.on_reals = !node.holds_codes;
    w.tensor_of.push_back(node.op->is_fed() ? w.result() : write_tflite_node(w));
  }
  for (const NodeId id : n.inputs) w.model.inputs.push_back(w.tensor_of[id]);
  std::vector<std::int32_t>& outputs = w.model.outputs;
  for (const NodeId id : n.outputs) outputs.push_back(w.tensor_of[id]);
  if (options.every_node) {
    outputs.clear();
    for (const std::int32_t t : w.tensor_of)
      if (std::find(outputs.begin(), outputs.end(), t) == outputs.end()) outputs.push_back(t);
  }
  return std::move(w.model);
}

}  // namespace detail
#endif

/// The network as a TFLite model of batch 1: int8 codes, Int8Network's bytes less 128, with symmetric weights; or uint8 codes
/// with asymmetric ones of one scale for all filters. Every input is read on the grid that it was written on, as `lower` makes
/// them.
///
/// Codes of a TFLite runtime equal Int8Network's for Requantizer::fixed_point, up to what docs/tflite.md says; with float32 what
/// rounds may differ by one. Movements, REDUCE_MAX, REDUCE_MIN and tables of functions (CAST, ADD, GATHER) are equal in either
/// case.
///
/// What TFLite has on reals alone, or with a grid of its own, and nodes in float stand between DEQUANTIZE and QUANTIZE.
///
/// Throws unsupported_error, naming the node, for what the format cannot say or says by another arithmetic: asymmetric weights
/// of several scales, odd paddings of pools, and operators without a form here.
TRIMTAB_FILES_INLINE tflite::Model to_tflite(const LoweredNetwork& n, const TfliteOptions& options = {});
#if TRIMTAB_FILES_HERE
TRIMTAB_FILES_INLINE tflite::Model to_tflite(const LoweredNetwork& n, const TfliteOptions& options) {
  return detail::export_tflite(n, options);
}
#endif
/// The same of what `lower` makes of q; a clip that an activation stands for is written as that one.
inline tflite::Model to_tflite(const QuantizedNetwork& q, const TfliteOptions& options = {}) {
  LoweredNetwork n = lower(q);
  for (NodeId id = 0; id < n.nodes.size(); ++id) n.nodes[id].clip = q.network[id].clip;
  return to_tflite(n, options);
}

/// The file's bytes, with checksums in its metadata. Throws as to_tflite does.
template <class N>
std::string serialize_tflite(const N& network, const TfliteOptions& options = {}) {
  tflite::Model model = to_tflite(network, options);
  model.metadata = {{detail::checksum_key, detail::checksums(tflite::File(tflite::serialize(model)))}};
  return tflite::serialize(model);
}

/// Writes the file, whole or not at all. Throws as to_tflite does, and io_error.
template <class N>
void write_tflite(const std::filesystem::path& path, const N& network, const TfliteOptions& options = {}) {
  write_file_atomically(path, serialize_tflite(network, options));
}

}  // namespace trimtab
