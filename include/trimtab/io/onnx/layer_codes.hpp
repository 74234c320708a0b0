#pragma once
/// \file
/// Layers whose weights are codes in an ONNX file: their scales, zero points and biases.

#include <algorithm>
#include <cstdint>
#include <trimtab/io/onnx/node.hpp>
#include <trimtab/net/operators/clip.hpp>
#include <vector>

namespace trimtab::detail {

/// Codes of biases less their zero points, which are all 0 where the codes are of 32 bits.
inline std::vector<std::int32_t> bias_codes(const OnnxNode& n, const OnnxCodes& bias) {
  const std::vector<std::int32_t>& zero = bias.zero_point;
  if (!is_code_type(bias.type) &&
      (bias.type != OnnxType::int32 || std::any_of(zero.begin(), zero.end(), [](std::int32_t z) { return z != 0; })))
    throw unsupported_error(message("a bias of ", type_name(bias.type), " codes, or of int32 codes with a zero point"));
  std::vector<std::int32_t> result;
  if (is_code_type(bias.type)) {
    const OnnxFloats codes = n.codes_as_floats(bias);
    for (const float v : codes.values) result.push_back(static_cast<std::int32_t>(v));
  } else {
    const std::span<const std::int32_t> held = bias.tensor.codes();
    result.assign(held.begin(), held.end());
  }
  for (std::size_t c = 0; c < result.size(); ++c) result[c] -= zero[zero.size() == 1 ? 0 : c];
  return result;
}

/// After a node has become a layer with weights from input 1, whose output channels lie along `axis` there: takes the numbers of
/// its codes, where it has any.
inline void record_layer(const OnnxNode& n, std::int64_t axis) {
  if (!n.is_codes(1)) return;
  const OnnxCodes codes = std::get<OnnxCodes>(n.value(1));
  const NodeId id = std::get<OnnxActivation>(*n.import.find(n.proto.output(0))).node;
  const std::size_t outputs = n.import.network[id].op->weighted()->output_channels();
  for (const std::size_t count : {codes.scale.size(), codes.zero_point.size()})
    if (count != 1 && (count != outputs || codes.axis != axis))
      throw unsupported_error(
          message("weights have ", count, " scales or zero points along axis ", codes.axis, " for ", outputs, " outputs"));
  OnnxLayer layer{codes.scale, codes.zero_point, {}, {}};
  if (n.is_codes(2)) {
    const OnnxCodes& bias = std::get<OnnxCodes>(n.value(2));
    n.import.charge(bias.tensor.count());
    if (!bias.real) throw unsupported_error("the bias is of codes that nothing dequantizes");
    layer.bias = bias_codes(n, bias);
    layer.bias_scale = bias.scale;
    if (layer.bias.size() != outputs || (layer.bias_scale.size() > 1 && layer.bias_scale.size() != outputs))
      throw shape_error(message(layer.bias.size(), " biases of ", layer.bias_scale.size(), " scales for ", outputs, " outputs"));
  }
  n.import.quantization.layers[id] = std::move(layer);
}

/// After record_layer: alpha times the products, and beta times biases that are codes with scales.
inline void multiply_layer(const OnnxNode& n, float alpha, float beta) {
  const NodeId id = std::get<OnnxActivation>(*n.import.find(n.proto.output(0))).node;
  const auto found = n.import.quantization.layers.find(id);
  if (found == n.import.quantization.layers.end()) return;
  if (!(alpha > 0)) throw unsupported_error(message("codes with alpha ", alpha));
  for (float& s : found->second.scale) s *= alpha;
  for (float& s : found->second.bias_scale) s *= beta;
}

/// The int32 sums of ConvInteger or MatMulInteger that input i alone reads, or null: only those may be changed in place.
inline OnnxLayer* sole_sums(const OnnxNode& n, int i) {
  if (!n.is_activation(i) || n.padded(i).type != OnnxType::int32 || n.sole_producer(i) == nullptr) return nullptr;
  const auto found = n.import.quantization.layers.find(n.padded(i).node);
  return found == n.import.quantization.layers.end() ? nullptr : &found->second;
}

/// Input i, constant int32 numbers: one, or one for each channel of x, the node's last axis.
inline std::vector<std::int32_t> channel_integers(const OnnxNode& n, int i, const OnnxActivation& x) {
  const KnownTensor& tensor = n.known(i);
  const std::size_t rank = x.rank(), own = tensor.dims.size();
  bool fits = own <= rank && tensor.count() > 0 && tensor.type == OnnxType::int32;
  for (std::size_t k = 0; k < own && fits; ++k)
    fits = tensor.dims[k] == 1 || x.axes[rank - own + k] == NodeAxes{n.import.extent(x).size()};
  if (!fits) throw unsupported_error(message("'", n.proto.input(i), "' is not one int32 number a channel"));
  n.import.charge(tensor.count());
  const std::span<const std::int32_t> codes = tensor.codes();
  const std::size_t channels = n.import.extent(x).back();
  if (codes.size() != 1 && channels != 1 && codes.size() != channels)
    throw shape_error(message(codes.size(), " numbers for ", channels, " channels"));
  return {codes.begin(), codes.end()};
}

/// Arithmetic on int32 sums of an integer layer: a bias, or factors that are zero points of another layer's weights. False where
/// no input is of int32.
inline bool reads_integers(const OnnxNode& n) {
  const auto integer = [&](int i) { return n.is_activation(i) && n.padded(i).type == OnnxType::int32; };
  return n.inputs() == 2 && (integer(0) || integer(1));
}
inline void add_integers(const OnnxNode& n) {
  const int variable = n.is_activation(0) ? 0 : 1;
  OnnxActivation x = n.activation(variable);
  if (!n.is_known(1 - variable)) throw unsupported_error("a sum of integers that are both computed");
  if (sole_sums(n, variable) == nullptr) {
    const Dims& dims = n.known(1 - variable).dims;
    for (std::size_t k = 0; k < dims.size() && dims.size() <= x.rank(); ++k) {
      const std::size_t axis = x.rank() - dims.size() + k;
      if (dims[k] != 1 && batch_axis(x) != axis) x = with_last_axis(n.import, std::move(x), axis);
    }
  }
  std::vector<std::int32_t> row = channel_integers(n, 1 - variable, x);
  if (OnnxLayer* layer = sole_sums(n, variable)) {
    if (!layer->bias.empty() || layer->scale != std::vector<float>{1})
      throw unsupported_error("of integers is supported once, right after ConvInteger or MatMulInteger");
    if (row.size() != 1 && row.size() != n.import.extent(x).back())
      throw shape_error(message(row.size(), " numbers for one channel"));
    row.resize(n.import.extent(x).back(), row[0]);
    layer->bias = std::move(row);
    return n.define(x);
  }
  // Codes that become places in a table.
  OnnxActivation y = x;
  y.node = n.add(Clip{}, {x.node});
  n.import.quantization.offsets[y.node] = std::move(row);
  n.define(std::move(y));
}
inline void multiply_integers(const OnnxNode& n) {
  const int variable = n.is_activation(0) ? 0 : 1;
  OnnxLayer* layer = sole_sums(n, variable);
  if (layer == nullptr || !n.is_known(1 - variable) || layer->scale != std::vector<float>{1})
    throw unsupported_error("of integers is supported once, of a ConvInteger or MatMulInteger and constants");
  const OnnxActivation x = n.activation(variable);
  layer->scale.clear();
  for (const std::int32_t v : channel_integers(n, 1 - variable, x)) layer->scale.push_back(static_cast<float>(v));
  n.define(x);
}

}  // namespace trimtab::detail
