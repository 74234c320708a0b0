#pragma once
/// \file
/// A TFLite file under construction: tensors of codes, operators on them, clips as fused activations; and of reals, between
/// DEQUANTIZE and QUANTIZE.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <trimtab/core/config.hpp>
#include <trimtab/io/tflite/activation.hpp>
#include <trimtab/io/tflite/checksum.hpp>
#include <trimtab/io/tflite/schema.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>

namespace trimtab::detail {

/// The file of a network over int8 codes, byte - 128, or where weights are asymmetric over uint8 ones. The rules of an operator
/// write the current node, `id`: they add operators of TFLite and give its tensor, of codes, or while `on_reals` of reals.
class TfliteWriter {
 public:
  using Index = std::int32_t;
  using Code = tflite::OperatorCode;

  /// `n` has to live as long.
  explicit TfliteWriter(const LoweredNetwork& n) : network(n), origin(n.code_origin) {
    model.description = message(description_start, TRIMTAB_VERSION);
  }

  // ---- the node
  const LoweredNode& node() const { return stand_in ? stand_in->node : network.nodes[id]; }
  NodeId in(std::size_t i = 0) const { return node().inputs[i].node; }
  const LoweredNode& node_in(std::size_t i = 0) const { return stand_in ? stand_in->input : network.nodes[in(i)]; }
  const Extents& extent_in(std::size_t i = 0) const { return node_in(i).extent; }
  /// The tensor of input i, after a DEQUANTIZE where it holds codes and the node is computed on reals.
  Index tensor_in(std::size_t i = 0) {
    if (stand_in) return stand_in->tensor;
    const LoweredNode& from = node_in(i);
    if (!on_reals || !from.holds_codes) return tensor_of[in(i)];
    const auto [found, is_new] = dequantized_.try_emplace(in(i), 0);
    if (is_new) {
      found->second = tensor(from.name + "/dequantized", shape_of(from.extent), tflite::TensorType::float32);
      operation(Code::dequantize, is_int8() ? 2 : 1, {tensor_of[in(i)]}, found->second);
    }
    return found->second;
  }
  std::string name(const char* suffix) const { return node().name + suffix; }
  bool is_int8() const { return origin == 128; }
  bool is_fixed_point() const { return network.requantizer == Requantizer::fixed_point; }
  /// Codes and zero point as the file has them.
  Affine<float> grid(const LoweredNode& of) const {
    Affine<float> g = of.grid;
    g.zero_point -= origin;
    g.codes = {g.codes.qmin - origin, g.codes.qmax - origin};
    return g;
  }
  Affine<float> grid() const { return grid(node()); }
  Affine<float> grid_in(std::size_t i = 0) const { return grid(node_in(i)); }
  CodeRange every_code() const { return {-origin, 255 - origin}; }
  /// Versions say which types a reader must know; int8 came second.
  Index version(Index of_int8) const { return is_int8() && !on_reals ? of_int8 : 1; }

  [[noreturn]] void refuse(const std::string& why) const {
    throw unsupported_error(message("write_tflite: node ", node().name, ": ", why));
  }

  // ---- tensors
  static std::vector<Index> shape_of(const Extents& extent) {
    std::vector<Index> shape{1};
    for (const std::size_t n : extent) shape.push_back(static_cast<Index>(n));
    return shape;
  }
  Index tensor(std::string called, std::vector<Index> shape, tflite::TensorType type, tflite::Quantization quantization = {},
               std::vector<std::uint8_t> data = {}) {
    model.tensors.push_back({std::move(called), std::move(shape), type, std::move(quantization), std::move(data)});
    return static_cast<Index>(model.tensors.size() - 1);
  }
  tflite::TensorType code_type() const { return is_int8() ? tflite::TensorType::int8 : tflite::TensorType::uint8; }
  Index codes(const std::string& called, std::vector<Index> shape, const Affine<float>& g, std::vector<std::uint8_t> data = {}) {
    return tensor(called, std::move(shape), code_type(), {{g.scale}, {g.zero_point}}, std::move(data));
  }
  /// Of codes on grid g, or of reals.
  Index activations(const std::string& called, const Extents& extent, const Affine<float>& g) {
    return on_reals ? tensor(called, shape_of(extent), tflite::TensorType::float32) : codes(called, shape_of(extent), g);
  }
  /// What the node's operator gives, before it is held within a range.
  Index result() { return activations(on_reals && node().holds_codes ? name("/reals") : node().name, node().extent, grid()); }
  Index reals(const std::string& called, std::vector<Index> shape, std::span<const float> values) {
    std::vector<std::uint8_t> bytes;
    for (const float v : values) append_bytes(bytes, std::bit_cast<std::uint32_t>(v));
    return tensor(called, std::move(shape), tflite::TensorType::float32, {}, std::move(bytes));
  }
  /// Numbers for each channel, the last axis of the node.
  Index channels(const std::string& called, std::span<const float> values) {
    std::vector<Index> shape(node().extent.size() + 1, 1);
    shape.back() = static_cast<Index>(values.size());
    return reals(called, std::move(shape), values);
  }
  /// One number, for all elements.
  Index real(const std::string& called, float value) { return reals(called, {1}, std::span(&value, 1)); }
  Index integers(const std::string& called, std::vector<Index> shape, const std::vector<std::int32_t>& values,
                 tflite::Quantization quantization = {}) {
    std::vector<std::uint8_t> bytes;
    for (const std::int32_t v : values) append_bytes(bytes, static_cast<std::uint32_t>(v));
    return tensor(called, std::move(shape), tflite::TensorType::int32, std::move(quantization), std::move(bytes));
  }
  Index row(const std::string& called, const std::vector<Index>& values) {
    return integers(called, {static_cast<Index>(values.size())}, values);
  }

  // ---- operators
  void operation(Code code, Index of_version, std::vector<Index> inputs, Index output, tflite::Options options = {}) {
    model.operations.push_back({code, of_version, std::move(inputs), {output}, std::move(options)});
  }

  /// RESHAPE of x into tensor `to`, which has such extents behind the batch; gives `to`.
  Index reshaped(Index x, const Extents& extent, Index to) {
    const Index shape = row(model.tensors[static_cast<std::size_t>(to)].name + "/shape", shape_of(extent));
    operation(Code::reshape, 1, {x, shape}, to);
    return to;
  }
  /// A further operator on reals, whose output has such extents behind the batch; `part` of the node's name.
  Index on_way(Code code, const char* part, std::vector<Index> inputs, const Extents& extent, tflite::Options options = {}) {
    const Index to = activations(name(part), extent, {});
    operation(code, 1, std::move(inputs), to, std::move(options));
    return to;
  }
  /// The node's own operator, on reals.
  Index real_result(Code code, std::vector<Index> inputs, tflite::Options options = {}) {
    const Index to = result();
    operation(code, 1, std::move(inputs), to, std::move(options));
    return to;
  }

  /// The fused activation that gives the node's codes, if one does: the one of its clip, where it is known, before any other.
  std::optional<tflite::Activation> activation() const {
    using tflite::Activation;
    const Clip& clip = node().clip;
    const Activation named = clip == relu6 ? Activation::relu6 : clip == relu ? Activation::relu : Activation::none;
    for (const Activation a : {named, Activation::none, Activation::relu, Activation::relu6})
      if (tflite::activation_codes(a, grid(), every_code()) == grid().codes) return a;
    return std::nullopt;
  }

  /// `from` held within the node's codes by MAXIMUM and MINIMUM with a constant code, where `produced` goes beyond them.
  Index clamped(Index from, CodeRange produced) {
    if (on_reals) return from;
    const Affine<float> g = grid();
    const auto with = [&](Code code, Index limit, const char* suffix) {
      const Index constant = codes(name(suffix), {1}, g, {static_cast<std::uint8_t>(limit)});
      const Index to = result();
      operation(code, version(2), {from, constant}, to, {39});
      from = to;
    };
    if (produced.qmin < g.codes.qmin) with(Code::maximum, g.codes.qmin, "/lowest");
    if (produced.qmax > g.codes.qmax) with(Code::minimum, g.codes.qmax, "/highest");
    return from;
  }

  /// The operator that computes the node with an activation in byte field `field` of its options; held within its codes where
  /// that is not enough.
  Index computed(Code code, Index of_int8, std::vector<Index> inputs, tflite::Options options, Index field) {
    const std::optional<tflite::Activation> a = on_reals ? tflite::Activation::none : activation();
    options.byte(field, a.value_or(tflite::Activation::none));
    const Index to = result();
    operation(code, version(of_int8), std::move(inputs), to, std::move(options));
    return a ? to : clamped(to, every_code());
  }
  /// An operator that has no activation and gives codes of all the range.
  Index rounded(Code code, Index of_int8, std::vector<Index> inputs, tflite::Options options) {
    const Index to = result();
    operation(code, version(of_int8), std::move(inputs), to, std::move(options));
    return clamped(to, every_code());
  }
  /// An operator that moves codes, with constant integers beside them.
  Index moved(Code code, Index of_int8, const std::vector<std::vector<Index>>& rows, tflite::Options options) {
    std::vector<Index> inputs{tensor_in()};
    for (const std::vector<Index>& values : rows) inputs.push_back(row(message(node().name, "/", inputs.size()), values));
    const Index to = result();
    operation(code, version(of_int8), std::move(inputs), to, std::move(options));
    return clamped(to, grid_in().codes);
  }
  /// Input i on the node's own grid, requantized where it lies on another; widens `produced` by its codes.
  Index on_own_grid(std::size_t i, CodeRange& produced) {
    if (on_reals) return tensor_in(i);
    const Affine<float> own = grid(), g = grid_in(i);
    const bool same = g.scale == own.scale && g.zero_point == own.zero_point;
    const CodeRange part = same ? g.codes : every_code();
    produced = {std::min(produced.qmin, part.qmin), std::max(produced.qmax, part.qmax)};
    if (same) return tensor_in(i);
    const Index to = activations(node_in(i).name + "/requantized", extent_in(i), own);
    operation(Code::quantize, 2, {tensor_in(i)}, to);
    return to;
  }

  /// Reals held within a clip.
  Index clipped(Index from, const Clip& clip) {
    const auto with = [&](Code code, float limit, const char* suffix) {
      const Index constant = real(name(suffix), limit);
      from = on_way(code, suffix, {from, constant}, node().extent, {39});
    };
    if (clip == relu || clip == relu6) return on_way(clip == relu ? Code::relu : Code::relu6, "/clipped", {from}, node().extent);
    if (clip.lo > no_clip.lo) with(Code::maximum, clip.lo, "/lowest");
    if (clip.hi < no_clip.hi) with(Code::minimum, clip.hi, "/highest");
    return from;
  }
  /// The node's tensor from the reals that its operator gives: held within its clip, and as codes where it holds them.
  Index from_reals(Index from) {
    if (node().in_float) from = clipped(from, node().clip);
    on_reals = false;
    if (!node().holds_codes) return from;
    const Index to = result();
    operation(Code::quantize, 1, {from}, to);
    return clamped(to, every_code());
  }

  const LoweredNetwork& network;
  const std::int32_t origin;
  bool on_reals = false;  ///< the node is computed on reals
  tflite::Model model;
  std::vector<Index> tensor_of;  ///< by node, of those before `id`
  NodeId id = 0;

  /// A part of the node, written as if it were the node: its one input, and the tensor of that.
  struct StandIn {
    LoweredNode node, input;
    Index tensor;
  };
  const StandIn* stand_in = nullptr;

 private:
  static void append_bytes(std::vector<std::uint8_t>& bytes, std::uint32_t v) {
    for (const int shift : {0, 8, 16, 24}) bytes.push_back(static_cast<std::uint8_t>(v >> shift));
  }
  std::map<NodeId, Index> dequantized_;
};

}  // namespace trimtab::detail
