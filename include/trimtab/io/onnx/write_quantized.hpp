#pragma once
/// \file
/// Writes a quantized network as an ONNX file.

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <trimtab/core/error.hpp>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/onnx/form.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>
#if TRIMTAB_FILES_HERE
#include <trimtab/io/onnx/operators.hpp>
#include <trimtab/net/operators/constant.hpp>
#endif

namespace trimtab {

#if TRIMTAB_FILES_HERE
namespace detail {

/// Turns lowered nodes into a graph.
class OnnxQuantizedExport : public OnnxCodesWriter {
 public:
  OnnxQuantizedExport(const LoweredNetwork& network, OnnxForm form) : OnnxCodesWriter(network, form) {
    std::vector<std::string> inputs, outputs;
    for (const NodeId id : network.inputs)
      inputs.push_back(declare_input(network.inputs.size() == 1 ? "input" : network.nodes[id].name, network.nodes[id].extent));
    for (const NodeId id : network.outputs)
      outputs.push_back(
          declare_output(network.outputs.size() == 1 ? "logits" : network.nodes[id].name, network.nodes[id].extent));
    std::size_t fed = 0;
    for (id_ = 0; id_ < network.nodes.size(); ++id_) {
      extents_.push_back(node().extent);
      if (node().op->is_fed())
        write_input(inputs.at(fed++));
      else if (is_constant(node().op))
        write_constant();
      else if (node().in_float)
        write_float();
      else
        write_integers();
      if (node().holds_codes && !is_constant(node().op)) clamp_codes();
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const NodeId id = network.outputs[i];
      const Affine<float>& grid = network.output_grids[i];
      if (network.nodes[id].holds_codes)
        add("DequantizeLinear", outputs[i], {values_[id], scale(grid.scale), zero_point(grid.zero_point)}, outputs[i]);
      else
        add("Identity", outputs[i], {values_[id]}, outputs[i]);
    }
  }

 private:
  void write_input(const std::string& input) {
    if (node().holds_codes)
      quantize(input);
    else
      give(input);
  }
  void write_constant() {
    extents_[id_] = constant_extent(network_.nodes, id_, [&](const LoweredNode& r) {
      return std::any_of(r.inputs.begin(), r.inputs.end(), [&](const LoweredInput& in) { return in.node == id_; });
    });
    Extents extent{1};
    for (const std::size_t length : file_layout::extents(extents_[id_])) extent.push_back(length);
    const std::vector<float> values = constant_values(node().op, node().extent);
    const std::vector<float> reals = file_layout::numbers(values.data(), extents_[id_]);
    if (!node().holds_codes) return give(tensor(name(), extent, reals));
    std::vector<std::uint8_t> bytes;
    for (const float v : reals) bytes.push_back(static_cast<std::uint8_t>(node().grid.quantize(v)));
    give(tensor(name(), extent, bytes));
  }
  /// A node in float, its clip, and a QuantizeLinear where it holds codes.
  void write_float() {
    require_no_constants();
    const bool clipped = !node().holds_codes && node().clip != no_clip;
    const std::string y = node().holds_codes ? value("real") : clipped ? value("unclipped") : unique(name());
    write_node(*this, node().op, call(name(), reals(), y), name());
    if (node().holds_codes) return quantize(y);
    give(clipped ? unique(name()) : y);
    if (clipped) OnnxRules<Clip>::write(*this, node().clip, call(name() + "/clip", {y}, given()));
  }
  void write_integers() {
    const OnnxWriting writing = onnx_writing(node().op);
    require_no_constants();
    if (writing.write_codes != nullptr) return writing.write_codes(*this, node().op);
    if (writing.write == nullptr)
      throw unsupported_error(
          message("write_onnx: node ", name(), " (", operator_name(node().op), ") has no quantized ONNX form"));
    const auto write = [&](OnnxWriter& w, const Operator& op, const OnnxCall& n) { writing.write(w, op, n); };
    if (node().op->integers() == IntegerRule::moves && form_ == OnnxForm::qoperator) {
      std::vector<std::string> all;
      for (std::size_t i = 0; i < node().inputs.size(); ++i) all.push_back(codes(i));
      return write_on_codes(write, node().op, std::move(all));
    }
    const std::string y = value("real");
    write(*this, node().op, call(name(), reals(), y));
    quantize(y);
  }
  void require_no_constants() const {
    for (const LoweredInput& input : node().inputs)
      if (joins_inputs(node().op) && is_constant(network_.nodes[input.node].op))
        throw unsupported_error(message("write_onnx: node ", name(), " (", operator_name(node().op),
                                        ") of a Constant: a file has no constants for any number of pictures"));
  }

  std::vector<Extents> input_extents() const {
    std::vector<Extents> extents;
    for (const LoweredInput& input : node().inputs) extents.push_back(network_.nodes[input.node].extent);
    return extents;
  }
  /// What the node gives for every byte in every channel.
  CodeRange codes_of_all_bytes() const {
    const std::size_t channels = node().extent.size() == 0 ? 1 : node().extent.back();
    std::vector<std::uint8_t> x(256 * channels), y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<std::uint8_t>(i / channels);
    const CodeInput input{{x.data(), {256, channels}}, {1.0F, 0, unsigned_codes()}};
    node().op->codes(CodeInputs(&input, 1), {1.0F, 0, unsigned_codes()}, {y.data(), {256, channels}});
    const auto [lo, hi] = std::minmax_element(y.begin(), y.end());
    return {*lo, *hi};
  }

  /// QuantizeLinear and its like use all of 0 .. 255; a node of fewer codes gets a Clip behind it, unless its input had one.
  void clamp_codes() {
    const CodeRange& codes = node().grid.codes;
    CodeRange possible = unsigned_codes();
    if (!node().in_float && node().op->integers() == IntegerRule::moves && node().inputs.size() == 1 &&
        !node().op->fill(input_extents()))
      possible = network_.nodes[in().node].grid.codes;
    else if (node().op->reads_bytes())
      possible = codes_of_all_bytes();
    if (codes.qmin <= possible.qmin && codes.qmax >= possible.qmax) return;
    const auto bound = [&](const char* which, std::int32_t byte) {
      return tensor<std::uint8_t>(name() + which, {}, {static_cast<std::uint8_t>(byte)});
    };
    const std::string clamped = value("clamped");
    add("Clip", clamped, {values_.back(), bound(".min", codes.qmin), bound(".max", codes.qmax)}, clamped);
    values_.back() = clamped;
  }
};

}  // namespace detail
#endif

/// The bytes of the file that write_onnx writes.
TRIMTAB_FILES_INLINE std::string serialize_onnx(const LoweredNetwork& network, OnnxForm form,
                                                const std::map<std::string, std::string>& metadata = {});
#if TRIMTAB_FILES_HERE
TRIMTAB_FILES_INLINE std::string serialize_onnx(const LoweredNetwork& network, OnnxForm form,
                                                const std::map<std::string, std::string>& metadata) {
  if (network.requantizer != Requantizer::float32)
    throw unsupported_error(
        "write_onnx: ONNX requantizes in float32, this network in fixed point, so single codes of the file may differ by a step; "
        "to have that file, set the network's `requantizer` to Requantizer::float32");
  return detail::OnnxQuantizedExport(network, form).serialize(metadata);
}
#endif

/// Writes a quantized network as ONNX: float inputs and outputs as write_onnx of a float network has them, in between the bytes
/// of Int8Network as uint8. Weights are uint8 too, their codes and zero points 128 higher: with int8 ones ONNX Runtime may
/// saturate on CPUs without VNNI. Factors, scales and biases are folded; a node's clip is the range of its codes, behind a Clip
/// where that is not 0 .. 255. Nodes in float are the float operators that they are.
///
/// Codes in OnnxForm::qoperator, read by an exact runtime, equal this library's
///   always                       of convolutions, Linear, MatMul, Add, Sub, Max, Min, Mul, Concat, GlobalAveragePool, tables of
///                                functions, and of all that moves codes; of Div where no divisor is 0
///   while sums stay below 2^24   of ConvTranspose2d, ReduceSum, ReduceMean, ReduceL2
/// Of AveragePool, Softmax, ResizeLinear, InstanceNorm, GroupNorm, LayerNorm, L2Norm and nodes in float, which are float
/// operators between DequantizeLinear and QuantizeLinear in either form, single codes may differ by one step.
///
/// A network of Requantizer::fixed_point, as read_quantized_tflite gives it, is refused: ONNX has no such rounding. With its
/// `requantizer` set to float32 it is written, and the file's codes are those of Int8Network of that network.
///
/// The file is there whole or not at all. Throws io_error when it cannot be written; unsupported_error for
/// Requantizer::fixed_point, for an operator without a form, named with its node, and for more than 2 GiB.
inline void write_onnx(const LoweredNetwork& network, OnnxForm form, const std::filesystem::path& path,
                       const std::map<std::string, std::string>& metadata = {}) {
  write_file_atomically(path, serialize_onnx(network, form, metadata));
}

}  // namespace trimtab
