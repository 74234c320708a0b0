#pragma once
/// \file
/// Writes a quantized network as a TFLite file: integers from input to output. See docs/tflite.md for what runtimes make of it.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <string>
#include <trimtab/core/config.hpp>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/known_operator.hpp>
#include <trimtab/io/tflite_schema.hpp>
#include <trimtab/net/quantize/lower_layer.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// `every_node`: each node's codes are an output of the file, in the order of the nodes, for comparisons.
struct TfliteOptions {
  bool every_node = false;
};

namespace detail {

/// Turns nodes into TFLite operators over int8 codes, byte - 128, or where weights are asymmetric over uint8 ones.
class TfliteExport {
 public:
  TfliteExport(const QuantizedNetwork& q, const TfliteOptions& options) : q_(q), origin_(code_origin(q)) {
    model_.description = message("trimtab ", TRIMTAB_VERSION);
    for (NodeId id = 0; id < q.network.size(); ++id)
      if (!visit_known(q.network[id].op, [&](const auto& op) { tensor_of_.push_back(add(id, op)); })) refuse(id, "no TFLite form");
    model_.inputs = {tensor_of_[q.network.input()]};
    model_.outputs = {tensor_of_[q.network.output()]};
    if (!options.every_node) return;
    model_.outputs.clear();
    for (const std::int32_t t : tensor_of_)
      if (std::find(model_.outputs.begin(), model_.outputs.end(), t) == model_.outputs.end()) model_.outputs.push_back(t);
  }

  const tflite::Model& model() const { return model_; }

 private:
  using Index = std::int32_t;
  using Code = tflite::OperatorCode;

  const Node& node(NodeId id) const { return q_.network[id]; }
  bool is_int8() const { return origin_ == 128; }
  /// Codes and zero point as the file has them.
  Affine<float> grid(NodeId id) const {
    Affine<float> g = byte_grid(q_, id);
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
  Index activations(const std::string& name, const Extents& extent, const Affine<float>& g) { return codes(name, shape_of(extent), g); }
  Index integers(const std::string& name, std::vector<Index> shape, const std::vector<std::int32_t>& values, tflite::Quantization quantization = {}) {
    std::vector<std::uint8_t> bytes;
    for (const std::int32_t v : values)
      for (const int shift : {0, 8, 16, 24}) bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint32_t>(v) >> shift));
    return tensor(name, std::move(shape), tflite::TensorType::int32, std::move(quantization), std::move(bytes));
  }
  void operation(Code code, Index version, std::vector<Index> inputs, Index output, tflite::Options options = {}) {
    model_.operations.push_back({code, version, std::move(inputs), {output}, std::move(options)});
  }

  /// The codes that a fused activation leaves, in TFLite's own rounding.
  CodeRange activation_range(tflite::Activation a, const Affine<float>& g) const {
    const auto code = [&](float real) { return g.zero_point + static_cast<Index>(std::round(std::min(real / g.scale, 1e6F))); };
    CodeRange range = every_code();
    if (a == tflite::Activation::relu || a == tflite::Activation::relu6) range.qmin = std::max(range.qmin, code(0.0F));
    if (a == tflite::Activation::relu6) range.qmax = std::min(range.qmax, code(6.0F));
    return range;
  }
  /// The fused activation that gives the node's codes, if one does: the one of its clip before any other.
  std::optional<tflite::Activation> activation(NodeId id) const {
    using tflite::Activation;
    const Clip& clip = node(id).clip;
    const Activation named = clip == relu6 ? Activation::relu6 : clip == relu ? Activation::relu : Activation::none;
    for (const Activation a : {named, Activation::none, Activation::relu, Activation::relu6})
      if (activation_range(a, grid(id)) == grid(id).codes) return a;
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

  /// The operator that computes node `id` with an activation in byte field `field` of its options; held within its codes where that is not enough.
  Index computed(NodeId id, Code code, Index of_int8, std::vector<Index> inputs, tflite::Options options, Index field) {
    const std::optional<tflite::Activation> a = activation(id);
    options.byte(field, a.value_or(tflite::Activation::none));
    const Index to = activations(node(id).name, node(id).extent, grid(id));
    operation(code, version(of_int8), std::move(inputs), to, std::move(options));
    return a ? to : clamped(id, to, every_code());
  }

  /// TFLite pads as SAME, by half of what is missing before and the rest after, or not at all (VALID). What neither gives becomes a PAD by
  /// codes that stand for 0.
  struct Window {
    tflite::Padding padding;
    Index input;
  };
  static bool pads_as_same(std::size_t in, std::size_t out, std::size_t kernel, std::size_t stride, std::size_t dilation, std::size_t before) {
    const std::size_t span = (out - 1) * stride + (kernel - 1) * dilation + 1;
    return out == (in + stride - 1) / stride && before == (span > in ? (span - in) / 2 : 0);
  }
  Window window(NodeId id, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& w, bool zeros_count) {
    const NodeId in = node(id).inputs[0];
    const Extents &x = node(in).extent, &y = node(id).extent;
    const Padding& p = w.padding;
    const auto fits = [](std::size_t n, std::size_t out, std::size_t kernel, std::size_t stride, std::size_t dilation, std::size_t before) {
      return before == 0 && (out - 1) * stride + (kernel - 1) * dilation + 1 <= n;
    };
    if (fits(x[0], y[0], kernel_h, w.stride_h, w.dilation_h, p.top) && fits(x[1], y[1], kernel_w, w.stride_w, w.dilation_w, p.left))
      return {tflite::Padding::valid, tensor_of_[in]};
    if (!zeros_count && pads_as_same(x[0], y[0], kernel_h, w.stride_h, w.dilation_h, p.top) &&
        pads_as_same(x[1], y[1], kernel_w, w.stride_w, w.dilation_w, p.left))
      return {tflite::Padding::same, tensor_of_[in]};
    const auto n = [](std::size_t v) { return static_cast<std::int32_t>(v); };
    const Index paddings = integers(node(id).name + "/paddings", {4, 2}, {0, 0, n(p.top), n(p.bottom), n(p.left), n(p.right), 0, 0});
    const Index padded = activations(node(id).name + "/padded", {x[0] + p.top + p.bottom, x[1] + p.left + p.right, x[2]}, grid(in));
    operation(Code::pad, version(2), {tensor_of_[in], paddings}, padded, {22});
    return {tflite::Padding::valid, padded};
  }

  struct Weights {
    Index weight, bias;
  };
  /// The constants of a layer. `shape`: as TFLite lies them; `axis`: of the output channels in it.
  template <class L>
  Weights weights(NodeId id, const L& layer, std::vector<Index> shape, Index axis) {
    const AnyQuantizer& quantizer = *q_.weight[id];
    const float scale_x = q_.output_grid(node(id).inputs[0]).scale;
    const LoweredLayer l = lower_layer(effective_layer(layer, q_.pointwise[id]), quantizer, scale_x, q_.output_grid(id).scale);
    if (!is_int8() && quantizer.channels() > 1)
      refuse(id, "TFLite has weights with zero points, uint8, only with one scale for all filters; use symmetric thresholds or scalar ones");
    const std::size_t scales = quantizer.channels();
    const std::int32_t flip = is_int8() ? 0 : 128;
    tflite::Quantization of_weight{{l.scale.begin(), l.scale.begin() + static_cast<std::ptrdiff_t>(scales)}, {}, axis};
    tflite::Quantization of_bias;
    for (const float scale : of_weight.scale) {
      of_weight.zero_point.push_back((l.zero_point.empty() ? 0 : l.zero_point[0]) + flip);
      of_bias.scale.push_back(scale_x * scale);
      of_bias.zero_point.push_back(0);
    }
    std::vector<std::uint8_t> bytes;
    for (const std::int8_t code : l.codes) bytes.push_back(static_cast<std::uint8_t>(code + flip));
    const Index of_codes = tensor(node(id).name + "/weight", std::move(shape), code_type(), std::move(of_weight), std::move(bytes));
    return {of_codes, integers(node(id).name + "/bias", {static_cast<Index>(l.bias.size())}, l.bias, std::move(of_bias))};
  }
  template <class T>
  static std::vector<Index> extents_of(const T& tensor, std::vector<Index> shape = {}) {
    for (const std::size_t n : tensor.shape()) shape.push_back(static_cast<Index>(n));
    return shape;
  }

  Index add(NodeId id, const Input&) { return activations(node(id).name, node(id).extent, grid(id)); }

  Index add(NodeId id, const Conv2d& l) {
    if (l.groups > 1) refuse(id, message("a convolution of ", l.groups, " groups; TFLite's CONV_2D has one in most runtimes"));
    const Window w = window(id, l.weight.shape(1), l.weight.shape(2), l.window, false);
    const auto [weight, bias] = weights(id, l, extents_of(l.weight), 0);
    tflite::Options options{1};
    options.byte(0, w.padding).number(1, l.window.stride_w).number(2, l.window.stride_h);
    options.number(4, l.window.dilation_w, 1).number(5, l.window.dilation_h, 1);
    return computed(id, Code::conv_2d, 3, {w.input, weight, bias}, options, 3);
  }
  Index add(NodeId id, const DepthwiseConv2d& l) {
    const Window w = window(id, l.weight.shape(0), l.weight.shape(1), l.window, false);
    const auto [weight, bias] = weights(id, l, extents_of(l.weight, {1}), 3);
    tflite::Options options{2};
    options.byte(0, w.padding).number(1, l.window.stride_w).number(2, l.window.stride_h).number(3, 1);
    options.number(5, l.window.dilation_w, 1).number(6, l.window.dilation_h, 1);
    return computed(id, Code::depthwise_conv_2d, 3, {w.input, weight, bias}, options, 4);
  }
  Index add(NodeId id, const Linear& l) {
    const auto [weight, bias] = weights(id, l, extents_of(l.weight), 0);
    return computed(id, Code::fully_connected, 4, {tensor_of_[node(id).inputs[0]], weight, bias}, {8}, 0);
  }
  Index add(NodeId id, const Add&) {
    return computed(id, Code::add, 2, {tensor_of_[node(id).inputs[0]], tensor_of_[node(id).inputs[1]]}, {11}, 0);
  }

  /// CONCATENATION copies codes, so what lies on another grid is requantized before it.
  Index add(NodeId id, const Concat&) {
    const Affine<float> own = grid(id);
    std::vector<Index> parts;
    CodeRange produced = own.codes;
    for (const NodeId in : node(id).inputs) {
      const Affine<float> g = grid(in);
      parts.push_back(tensor_of_[in]);
      const bool same = g.scale == own.scale && g.zero_point == own.zero_point;
      if (!same) {
        parts.back() = activations(node(in).name + "/requantized", node(in).extent, own);
        operation(Code::quantize, 2, {tensor_of_[in]}, parts.back());
      }
      const CodeRange part = same ? g.codes : every_code();
      produced = {std::min(produced.qmin, part.qmin), std::max(produced.qmax, part.qmax)};
    }
    const Index to = activations(node(id).name, node(id).extent, own);
    operation(Code::concatenation, version(2), parts, to, tflite::Options{10}.number(0, node(id).extent.size()));
    return clamped(id, to, produced);
  }

  Index pool(NodeId id, Code code, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& options, bool zeros_count) {
    const Window w = window(id, kernel_h, kernel_w, options, zeros_count);
    tflite::Options o{5};
    o.byte(0, w.padding).number(1, options.stride_w).number(2, options.stride_h).number(3, kernel_w).number(4, kernel_h);
    const Index to = activations(node(id).name, node(id).extent, grid(id));
    operation(code, version(2), {w.input}, to, std::move(o));
    return clamped(id, to, grid(node(id).inputs[0]).codes);
  }
  Index add(NodeId id, const MaxPool& l) {
    if (l.window.dilation_h != 1 || l.window.dilation_w != 1) refuse(id, "a dilated pool");
    const std::size_t operations = model_.operations.size();
    const Index to = pool(id, Code::max_pool_2d, l.kernel_h, l.kernel_w, l.window, false);
    const Affine<float> g = grid(node(id).inputs[0]);
    if (model_.operations.size() > operations && model_.operations[operations].code == Code::pad && g.codes.qmin < g.zero_point)
      refuse(id, message("a max pool with padding ", l.window.padding.top, ", ", l.window.padding.left, ", which TFLite's SAME is not, over negative values"));
    return to;
  }
  Index add(NodeId id, const AveragePool& l) {
    if (l.window.dilation_h != 1 || l.window.dilation_w != 1) refuse(id, "a dilated pool");
    if (q_.requantizer != Requantizer::fixed_point)
      refuse(id, "TFLite's AVERAGE_POOL_2D keeps its input's grid; quantize with Requantizer::fixed_point, which does so");
    const std::size_t operations = model_.operations.size();
    const Index to = pool(id, Code::average_pool_2d, l.kernel_h, l.kernel_w, l.window, l.count_include_pad);
    if (!l.count_include_pad && model_.operations.size() > operations && model_.operations[operations].code == Code::pad)
      refuse(id, "an average pool that leaves out padding other than TFLite's SAME");
    return to;
  }
  /// In fixed point one window over the picture, else MEAN, whose output has a grid of its own.
  Index add(NodeId id, const GlobalAveragePool&) {
    const Extents& x = node(node(id).inputs[0]).extent;
    if (q_.requantizer == Requantizer::fixed_point) return pool(id, Code::average_pool_2d, x[0], x[1], {}, false);
    const Index axes = integers(node(id).name + "/axes", {2}, {1, 2});
    const Index to = activations(node(id).name, node(id).extent, grid(id));
    operation(Code::mean, version(2), {tensor_of_[node(id).inputs[0]], axes}, to, tflite::Options{27}.byte(0, 1));
    return clamped(id, to, every_code());
  }
  Index add(NodeId id, const Clip&) { return clamped(id, tensor_of_[node(id).inputs[0]], grid(node(id).inputs[0]).codes); }
  Index add(NodeId id, const Flatten&) {
    const std::vector<Index> shape = shape_of(node(id).extent);
    const Index dims = integers(node(id).name + "/shape", {static_cast<Index>(shape.size())}, shape);
    const Index to = activations(node(id).name, node(id).extent, grid(id));
    operation(Code::reshape, 1, {tensor_of_[node(id).inputs[0]], dims}, to);
    return to;
  }
  Index add(NodeId id, const auto&) { refuse(id, "this operator has no TFLite form yet"); }

  const QuantizedNetwork& q_;
  std::int32_t origin_;
  tflite::Model model_;
  std::vector<Index> tensor_of_;  // by node
};

}  // namespace detail

/// The network as a TFLite model of batch 1: symmetric weights as int8 codes with int8 activations, asymmetric ones, with one scale for all
/// filters, as uint8. Codes are Int8Network's bytes, less 128 where they are int8. Throws unsupported_error for what the format cannot say:
/// asymmetric weights of several scales, grouped convolutions, average pools with a grid of their own, odd paddings of pools.
inline tflite::Model to_tflite(const QuantizedNetwork& q, const TfliteOptions& options = {}) { return detail::TfliteExport(q, options).model(); }

/// The file's bytes. Throws as to_tflite does.
inline std::string serialize_tflite(const QuantizedNetwork& q, const TfliteOptions& options = {}) { return tflite::serialize(to_tflite(q, options)); }

/// Writes the file, whole or not at all. Throws as to_tflite does, and io_error.
inline void write_tflite(const std::filesystem::path& path, const QuantizedNetwork& q, const TfliteOptions& options = {}) {
  write_file_atomically(path, serialize_tflite(q, options));
}

}  // namespace trimtab
