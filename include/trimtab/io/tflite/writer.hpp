#pragma once
/// \file
/// A TFLite file under construction: tensors of codes, operators on them, and clips as fused activations.

#include <algorithm>
#include <cstdint>
#include <optional>
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
/// write the current node, `id`: they add operators of TFLite and give the tensor of its codes.
class TfliteWriter {
 public:
  using Index = std::int32_t;
  using Code = tflite::OperatorCode;

  /// `n` has to live as long.
  explicit TfliteWriter(const LoweredNetwork& n) : network(n), origin(n.code_origin) {
    model.description = message(description_start, TRIMTAB_VERSION);
  }

  // ---- the node
  const LoweredNode& node() const { return network.nodes[id]; }
  NodeId in(std::size_t i = 0) const { return node().inputs[i].node; }
  const LoweredNode& node_in(std::size_t i = 0) const { return network.nodes[in(i)]; }
  const Extents& extent_in(std::size_t i = 0) const { return node_in(i).extent; }
  /// The tensor of input i.
  Index tensor_in(std::size_t i = 0) const { return tensor_of[in(i)]; }
  std::string name(const char* suffix) const { return node().name + suffix; }
  bool is_int8() const { return origin == 128; }
  bool is_fixed_point() const { return network.requantizer == Requantizer::fixed_point; }
  /// Codes and zero point as the file has them.
  Affine<float> grid(NodeId of) const {
    Affine<float> g = network.nodes[of].grid;
    g.zero_point -= origin;
    g.codes = {g.codes.qmin - origin, g.codes.qmax - origin};
    return g;
  }
  Affine<float> grid() const { return grid(id); }
  Affine<float> grid_in(std::size_t i = 0) const { return grid(in(i)); }
  CodeRange every_code() const { return {-origin, 255 - origin}; }
  /// Versions say which types a reader must know; int8 came second.
  Index version(Index of_int8) const { return is_int8() ? of_int8 : 1; }

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
  Index activations(const std::string& called, const Extents& extent, const Affine<float>& g) {
    return codes(called, shape_of(extent), g);
  }
  /// The node's codes, or such before they are held within its range.
  Index result() { return activations(node().name, node().extent, grid()); }
  Index integers(const std::string& called, std::vector<Index> shape, const std::vector<std::int32_t>& values,
                 tflite::Quantization quantization = {}) {
    std::vector<std::uint8_t> bytes;
    for (const std::int32_t v : values)
      for (const int shift : {0, 8, 16, 24}) bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint32_t>(v) >> shift));
    return tensor(called, std::move(shape), tflite::TensorType::int32, std::move(quantization), std::move(bytes));
  }
  Index row(const std::string& called, const std::vector<Index>& values) {
    return integers(called, {static_cast<Index>(values.size())}, values);
  }

  // ---- operators
  void operation(Code code, Index of_version, std::vector<Index> inputs, Index output, tflite::Options options = {}) {
    model.operations.push_back({code, of_version, std::move(inputs), {output}, std::move(options)});
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
    const std::optional<tflite::Activation> a = activation();
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
    const Affine<float> own = grid(), g = grid_in(i);
    const bool same = g.scale == own.scale && g.zero_point == own.zero_point;
    const CodeRange part = same ? g.codes : every_code();
    produced = {std::min(produced.qmin, part.qmin), std::max(produced.qmax, part.qmax)};
    if (same) return tensor_in(i);
    const Index to = activations(node_in(i).name + "/requantized", extent_in(i), own);
    operation(Code::quantize, 2, {tensor_in(i)}, to);
    return to;
  }

  const LoweredNetwork& network;
  const std::int32_t origin;
  tflite::Model model;
  std::vector<Index> tensor_of;  ///< by node, of those before `id`
  NodeId id = 0;
};

}  // namespace trimtab::detail
