#pragma once
/// \file
/// A network of integers on its way into an ONNX file whose activations are uint8: the bytes of Int8Network.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <trimtab/core/error.hpp>
#include <trimtab/io/onnx/form.hpp>
#include <trimtab/io/onnx/writer.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>

namespace trimtab {

namespace detail {

/// Integers of a layer in the file's types.
struct OnnxLayerCodes {
  const LoweredLayer* numbers;
  std::vector<std::uint8_t> codes;  ///< 128 above the int8 ones
  std::vector<std::int32_t> bias;   ///< those that count: none of them makes a sum leave int32

  std::vector<std::uint8_t> zero_point() const {
    if (numbers->zero_point.empty()) return {128};
    std::vector<std::uint8_t> z(numbers->zero_point.size());
    std::transform(numbers->zero_point.begin(), numbers->zero_point.end(), z.begin(), unsigned_code);
    return z;
  }
  template <class T>
  static bool all_same(const std::vector<T>& values) {
    return std::all_of(values.begin(), values.end(), [&](T v) { return v == values[0]; });
  }
  bool one_zero_point() const { return all_same(zero_point()); }
  bool one_grid() const { return one_zero_point() && all_same(numbers->scale); }
  static std::uint8_t unsigned_code(std::int32_t code) { return static_cast<std::uint8_t>(code + 128); }
};

/// The node that is written, what it reads, and what it gives.
class OnnxCodesWriter : public OnnxWriter {
 public:
  OnnxCodesWriter(const LoweredNetwork& network, OnnxForm form) : network_(network), form_(form) {}

  OnnxForm form() const { return form_; }
  const LoweredNode& node() const { return network_.nodes[id_]; }
  const std::string& name() const { return node().name; }
  const LoweredInput& in(std::size_t i = 0) const { return node().inputs[i]; }

  // ---- values
  /// The codes that input i reads.
  const std::string& codes(std::size_t i = 0) const { return values_[in(i).node]; }
  // One tensor for each number that is a scale or a zero point.
  std::string scale(float value) {
    auto [found, is_new] = scales_.try_emplace(value);
    if (is_new) found->second = tensor<float>(message("scale_", scales_.size()), {}, {value});
    return found->second;
  }
  std::string zero_point(std::int32_t byte) {
    auto [found, is_new] = zero_points_.try_emplace(byte);
    if (is_new) found->second = tensor<std::uint8_t>(message("zero_point_", byte), {}, {static_cast<std::uint8_t>(byte)});
    return found->second;
  }
  /// scale * (code - zero_point) of the codes that input i reads; or the reals that it is.
  std::string real(std::size_t i, float scale_x) {
    if (!network_.nodes[in(i).node].holds_codes) return codes(i);
    auto [found, is_new] = reals_.try_emplace({in(i).node, scale_x, in(i).zero_point});
    if (is_new) {
      found->second = unique(network_.nodes[in(i).node].name + "/real");
      add("DequantizeLinear", found->second, {codes(i), scale(scale_x), zero_point(in(i).zero_point)}, found->second);
    }
    return found->second;
  }
  std::string real(std::size_t i = 0) { return real(i, in(i).scale); }
  /// float(code - zero_point) * (scale / scale_y): input i in steps of this node's grid, rounded once. A DequantizeLinear at that
  /// scale would give the same, but ONNX Runtime replaces it, with what follows, by an operator of its own rounding.
  std::string steps(std::size_t i) {
    const std::string y = value("steps");
    add("Mul", y, {real(i, 1), scale(in(i).scale / node().grid.scale)}, y);
    return y;
  }
  /// Those as codes of this node's grid.
  std::string steps_as_codes(std::size_t i) {
    const std::string y = value("part");
    add("QuantizeLinear", y, {steps(i), scale(1), zero_point(node().grid.zero_point)}, y);
    return y;
  }
  /// A value of this node on its way to codes.
  std::string value(const char* what) { return unique(name() + '/' + what); }
  /// One of the file's operators for this node.
  OnnxCall call(std::string as, std::vector<std::string> inputs, std::string output) const {
    OnnxCall n{std::move(as), std::move(inputs), {}, node().extent, std::move(output)};
    for (const LoweredInput& input : node().inputs) n.in.push_back(extents_[input.node]);
    return n;
  }

  // ---- what the node gives
  /// These codes, or reals.
  void give(std::string value) { values_.push_back(std::move(value)); }
  const std::string& given() const { return values_.back(); }
  /// The codes of a float value in this node's grid, or of one that counts in units of scale_y.
  void quantize(const std::string& from, float scale_y) {
    give(unique(name()));
    add("QuantizeLinear", name() + "/quantize", {from, scale(scale_y), zero_point(node().grid.zero_point)}, given());
  }
  void quantize(const std::string& from) { quantize(from, node().grid.scale); }
  /// The same of integers as floats, times m.
  void quantize_steps(const std::string& from, float m) {
    const std::string y = value("steps");
    add("Mul", y, {from, scale(m)}, y);
    quantize(y, 1);
  }
  /// write(writer, l, call) of reals, quantized.
  template <class Write, class L>
  void write_in_float(const Write& write, const L& l) {
    const std::string y = value("real");
    write(*this, l, call(name(), reals(), y));
    quantize(y);
  }
  /// What the inputs stand for.
  std::vector<std::string> reals() {
    std::vector<std::string> inputs;
    for (std::size_t i = 0; i < node().inputs.size(); ++i) inputs.push_back(real(i));
    return inputs;
  }
  /// write(writer, l, call) of codes.
  template <class Write, class L>
  void write_on_codes(const Write& write, const L& l, std::vector<std::string> inputs) {
    give(unique(name()));
    write(*this, l, call(given(), std::move(inputs), given()));
  }

  // ---- layers
  OnnxLayerCodes layer_codes() const {
    const LoweredLayer& l = *node().layer;
    const std::shared_ptr<void> packed = pack(node());
    OnnxLayerCodes layer{&l, std::vector<std::uint8_t>(l.codes.size()), {}};
    std::transform(l.codes.begin(), l.codes.end(), layer.codes.begin(), OnnxLayerCodes::unsigned_code);
    for (std::size_t c = 0; c < l.bias.size(); ++c) {
      const std::int32_t limit = node().op->weighted()->bias_limit(packed.get(), c);
      layer.bias.push_back(std::clamp(l.bias[c], -limit, limit));
    }
    return layer;
  }
  /// One number where all are the same.
  template <class T>
  std::string numbers(const char* what, std::vector<T> values) {
    if (!OnnxLayerCodes::all_same(values)) return tensor<T>(name() + what, {values.size()}, values);
    values.resize(1);
    return tensor<T>(name() + what, {}, values);
  }
  /// Requantize in standard operators: clamp(round_half_even(float(sum + bias) * multiplier) + zero_point, 0, 255).
  void requantize(const std::string& sum, const std::string& bias, const std::string& multiplier) {
    const std::string biased = value("biased"), floats = value("float"), steps = value("steps");
    add("Add", biased, {sum, bias}, biased);
    attribute(add("Cast", floats, {biased}, floats), "to", std::int64_t{::onnx::TensorProto::FLOAT});
    add("Mul", steps, {floats, multiplier}, steps);
    quantize(steps, 1);
  }
  /// scale * (code - zero_point) of weights whose outputs lie along `axis`.
  std::string real_weight(const OnnxLayerCodes& l, const std::string& codes, std::int64_t axis) {
    std::vector<float> scales = l.numbers->scale;
    std::vector<std::uint8_t> zeros = l.zero_point();
    const std::size_t count = l.one_grid() ? 1 : l.numbers->scale.size();
    const auto row = [&](const char* what, auto values) {
      values.resize(count, values[0]);
      return count == 1 ? tensor(name() + what, {}, values) : tensor(name() + what, {values.size()}, values);
    };
    const std::string y = value("real_weight"), s = row(".weight_scale", scales), z = row(".weight_zero_point", zeros);
    auto& written = add("DequantizeLinear", y, {codes, s, z}, y);
    if (count > 1) attribute(written, "axis", axis);
    return y;
  }
  /// scale_x * scale_w * bias; both scales in float32.
  std::string real_bias(const OnnxLayerCodes& l) {
    std::vector<float> scales = l.numbers->scale;
    for (float& s : scales) s *= in().scale;
    const bool one = OnnxLayerCodes::all_same(l.numbers->scale);
    const std::string y = value("real_bias"), codes = tensor(name() + ".bias", {l.bias.size()}, l.bias);
    auto& written = add("DequantizeLinear", y, {codes, numbers(".bias_scale", one ? std::vector<float>{scales[0]} : scales)}, y);
    if (!one) attribute(written, "axis", std::int64_t{0});
    return y;
  }
  /// float(code - zero_point).
  std::string weight_steps(const OnnxLayerCodes& l, const std::string& codes, std::int64_t axis) {
    const std::string y = value("real_weight");
    std::vector<std::uint8_t> zeros = l.zero_point();
    if (l.one_zero_point()) {
      add("DequantizeLinear", y, {codes, scale(1), zero_point(zeros[0])}, y);
    } else {
      const std::vector<float> ones(zeros.size(), 1.0F);
      attribute(add("DequantizeLinear", y,
                    {codes, tensor(name() + ".weight_scale", {ones.size()}, ones),
                     tensor(name() + ".weight_zero_point", {zeros.size()}, zeros)},
                    y),
                "axis", axis);
    }
    return y;
  }
  /// float(bias).
  std::string bias_steps(const OnnxLayerCodes& l) {
    const std::string y = value("real_bias");
    add("DequantizeLinear", y, {tensor(name() + ".bias", {l.bias.size()}, l.bias), scale(1)}, y);
    return y;
  }

 protected:
  struct Reading {
    NodeId node;
    float scale;
    std::int32_t zero_point;
    friend auto operator<=>(const Reading&, const Reading&) = default;
  };

  const LoweredNetwork& network_;
  OnnxForm form_;
  NodeId id_ = 0;                    ///< the node that is written
  std::vector<Extents> extents_;     ///< by node: as the file holds it
  std::vector<std::string> values_;  ///< by node: its bytes, or its reals
  std::map<float, std::string> scales_;
  std::map<std::int32_t, std::string> zero_points_;
  std::map<Reading, std::string> reals_;
};

/// Extents of a constant as the file holds it: with axes of 1 in front, as many as the widest of its readers has, so that it
/// broadcasts.
template <class Nodes, class ReadersOf>
Extents constant_extent(const Nodes& nodes, NodeId id, const ReadersOf& reads) {
  std::size_t rank = nodes[id].extent.size();
  for (NodeId r = id + 1; r < nodes.size(); ++r)
    if (reads(nodes[r])) rank = std::max(rank, nodes[r].extent.size());
  Extents extent;
  while (extent.size() + nodes[id].extent.size() < rank) extent.push_back(1);
  for (const std::size_t length : nodes[id].extent) extent.push_back(length);
  return extent;
}

}  // namespace detail
}  // namespace trimtab
