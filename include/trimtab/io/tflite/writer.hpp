#pragma once
/// \file
/// A TFLite file under construction: tensors of codes, operators on them, and clips as fused activations.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <trimtab/core/config.hpp>
#include <trimtab/io/tflite/activation.hpp>
#include <trimtab/io/tflite/schema.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>

namespace trimtab::detail {

/// The file of a network over int8 codes, byte - 128, or where weights are asymmetric over uint8 ones.
class TfliteWriter {
 public:
  const tflite::Model& model() const { return model_; }

 protected:
  using Index = std::int32_t;
  using Code = tflite::OperatorCode;

  /// `n` has to live as long.
  explicit TfliteWriter(const LoweredNetwork& n) : n_(n), origin_(n.code_origin) {
    model_.description = message("trimtab ", TRIMTAB_VERSION);
  }

  const LoweredNode& node(NodeId id) const { return n_.nodes[id]; }
  NodeId in(NodeId id, std::size_t i = 0) const { return node(id).inputs[i].node; }
  const Extents& extent_in(NodeId id) const { return node(in(id)).extent; }
  bool is_int8() const { return origin_ == 128; }
  /// Codes and zero point as the file has them.
  Affine<float> grid(NodeId id) const {
    Affine<float> g = node(id).grid;
    g.zero_point -= origin_;
    g.codes = {g.codes.qmin - origin_, g.codes.qmax - origin_};
    return g;
  }
  CodeRange every_code() const { return {-origin_, 255 - origin_}; }
  /// Versions say which types a reader must know; int8 came second.
  Index version(Index of_int8) const { return is_int8() ? of_int8 : 1; }

  [[noreturn]] void refuse(NodeId id, const std::string& why) const {
    throw unsupported_error(message("write_tflite: node ", node(id).name, ": ", why));
  }

  static std::vector<Index> shape_of(const Extents& extent) {
    std::vector<Index> shape{1};
    for (const std::size_t n : extent) shape.push_back(static_cast<Index>(n));
    return shape;
  }
  Index tensor(std::string name, std::vector<Index> shape, tflite::TensorType type, tflite::Quantization quantization = {},
               std::vector<std::uint8_t> data = {}) {
    model_.tensors.push_back({std::move(name), std::move(shape), type, std::move(quantization), std::move(data)});
    return static_cast<Index>(model_.tensors.size() - 1);
  }
  tflite::TensorType code_type() const { return is_int8() ? tflite::TensorType::int8 : tflite::TensorType::uint8; }
  Index codes(const std::string& name, std::vector<Index> shape, const Affine<float>& g, std::vector<std::uint8_t> data = {}) {
    return tensor(name, std::move(shape), code_type(), {{g.scale}, {g.zero_point}}, std::move(data));
  }
  Index activations(const std::string& name, const Extents& extent, const Affine<float>& g) {
    return codes(name, shape_of(extent), g);
  }
  Index integers(const std::string& name, std::vector<Index> shape, const std::vector<std::int32_t>& values,
                 tflite::Quantization quantization = {}) {
    std::vector<std::uint8_t> bytes;
    for (const std::int32_t v : values)
      for (const int shift : {0, 8, 16, 24}) bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint32_t>(v) >> shift));
    return tensor(name, std::move(shape), tflite::TensorType::int32, std::move(quantization), std::move(bytes));
  }
  void operation(Code code, Index version, std::vector<Index> inputs, Index output, tflite::Options options = {}) {
    model_.operations.push_back({code, version, std::move(inputs), {output}, std::move(options)});
  }

  /// The fused activation that gives the node's codes, if one does: the one of its clip, where it is known, before any other.
  std::optional<tflite::Activation> activation(NodeId id) const {
    using tflite::Activation;
    const Clip& clip = node(id).clip;
    const Activation named = clip == relu6 ? Activation::relu6 : clip == relu ? Activation::relu : Activation::none;
    for (const Activation a : {named, Activation::none, Activation::relu, Activation::relu6})
      if (tflite::activation_codes(a, grid(id), every_code()) == grid(id).codes) return a;
    return std::nullopt;
  }

  /// `from` held within the node's codes by MAXIMUM and MINIMUM with a constant code, where `produced` goes beyond them.
  Index clamped(NodeId id, Index from, CodeRange produced) {
    const Affine<float> g = grid(id);
    const auto with = [&](Code code, Index limit, const char* suffix) {
      const Index constant = codes(node(id).name + suffix, {1}, g, {static_cast<std::uint8_t>(limit)});
      const Index to = activations(node(id).name, node(id).extent, g);
      operation(code, version(2), {from, constant}, to, {39});
      from = to;
    };
    if (produced.qmin < g.codes.qmin) with(Code::maximum, g.codes.qmin, "/lowest");
    if (produced.qmax > g.codes.qmax) with(Code::minimum, g.codes.qmax, "/highest");
    return from;
  }

  /// The operator that computes node `id` with an activation in byte field `field` of its options; held within its codes where
  /// that is not enough.
  Index computed(NodeId id, Code code, Index of_int8, std::vector<Index> inputs, tflite::Options options, Index field) {
    const std::optional<tflite::Activation> a = activation(id);
    options.byte(field, a.value_or(tflite::Activation::none));
    const Index to = activations(node(id).name, node(id).extent, grid(id));
    operation(code, version(of_int8), std::move(inputs), to, std::move(options));
    return a ? to : clamped(id, to, every_code());
  }

  const LoweredNetwork& n_;
  std::int32_t origin_;
  tflite::Model model_;
  std::vector<Index> tensor_of_;  // by node
};

}  // namespace trimtab::detail
