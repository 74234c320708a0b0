#pragma once
/// \file
/// Writes a quantized network as a TFLite file: integers from input to output. See docs/tflite.md for what runtimes make of it.

#include <algorithm>
#include <bit>
#include <filesystem>
#include <string>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/tflite/checksum.hpp>
#include <trimtab/io/tflite/schema.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>
#if TRIMTAB_FILES_HERE
#include <trimtab/io/tflite/writer.hpp>
#include <trimtab/net/operators.hpp>
#endif

namespace trimtab {

/// `every_node`: each node's codes are an output of the file, in the order of the nodes, for comparisons.
struct TfliteOptions {
  bool every_node = false;
};

#if TRIMTAB_FILES_HERE
namespace detail {

/// Turns each node into TFLite's operators.
class TfliteExport : public TfliteWriter {
 public:
  TfliteExport(const LoweredNetwork& n, const TfliteOptions& options) : TfliteWriter(n) {
    for (NodeId id = 0; id < n.nodes.size(); ++id) {
      if (!node(id).holds_codes || node(id).in_float) refuse(id, "a node in float");
      for (const LoweredInput& read : node(id).inputs)
        if (read.scale != node(read.node).grid.scale || read.zero_point != node(read.node).grid.zero_point)
          refuse(id, message("reads ", node(read.node).name, " by another grid than it was written on"));
      if (!add_as<Input, Conv2d, DepthwiseConv2d, Linear, Add, Sub, Mul, Concat, MaxPool, AveragePool, GlobalAveragePool, Clip,
                  Flatten, Reshape, Transpose, Slice, Gather, Tile, Pad, ReduceMax, ReduceMin, ReduceMean, LookupTable,
                  SoftmaxTable, ResizeLinear, ResizeNearest>(id))
        refuse(id, message("no TFLite form of ", operator_name(node(id).op)));
    }
    for (const NodeId id : n.inputs) model_.inputs.push_back(tensor_of_[id]);
    for (const NodeId id : n.outputs) model_.outputs.push_back(tensor_of_[id]);
    if (!options.every_node) return;
    model_.outputs.clear();
    for (const std::int32_t t : tensor_of_)
      if (std::find(model_.outputs.begin(), model_.outputs.end(), t) == model_.outputs.end()) model_.outputs.push_back(t);
  }

 private:
  /// The first of the types that the node's operator is, written.
  template <class... L>
  bool add_as(NodeId id) {
    const auto one = [&](const auto* l) {
      if (l == nullptr) return false;
      tensor_of_.push_back(add(id, *l));
      return true;
    };
    return (one(node(id).op.get_if<L>()) || ...);
  }

  /// TFLite pads as SAME, by half of what is missing before and the rest after, or not at all (VALID). What neither gives becomes
  /// a PAD by codes that stand for 0.
  struct Window {
    tflite::Padding padding;
    Index input;
  };
  static bool pads_as_same(std::size_t in, std::size_t out, std::size_t kernel, std::size_t stride, std::size_t dilation,
                           std::size_t before) {
    return out == (in + stride - 1) / stride && before == tflite::same_padding(in, kernel, stride, dilation).first;
  }
  Window window(NodeId id, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& w, bool zeros_count) {
    const NodeId from = in(id);
    const Extents &x = node(from).extent, &y = node(id).extent;
    const Padding& p = w.padding;
    const auto fits = [](std::size_t n, std::size_t out, std::size_t kernel, std::size_t stride, std::size_t dilation,
                         std::size_t before) { return before == 0 && (out - 1) * stride + (kernel - 1) * dilation + 1 <= n; };
    if (fits(x[0], y[0], kernel_h, w.stride_h, w.dilation_h, p.top) &&
        fits(x[1], y[1], kernel_w, w.stride_w, w.dilation_w, p.left))
      return {tflite::Padding::valid, tensor_of_[from]};
    if (!zeros_count && pads_as_same(x[0], y[0], kernel_h, w.stride_h, w.dilation_h, p.top) &&
        pads_as_same(x[1], y[1], kernel_w, w.stride_w, w.dilation_w, p.left))
      return {tflite::Padding::same, tensor_of_[from]};
    const auto n = [](std::size_t v) { return static_cast<std::int32_t>(v); };
    const Index paddings =
        integers(node(id).name + "/paddings", {4, 2}, {0, 0, n(p.top), n(p.bottom), n(p.left), n(p.right), 0, 0});
    const Index padded =
        activations(node(id).name + "/padded", {x[0] + p.top + p.bottom, x[1] + p.left + p.right, x[2]}, grid(from));
    operation(Code::pad, version(2), {tensor_of_[from], paddings}, padded, {22});
    return {tflite::Padding::valid, padded};
  }

  struct Weights {
    Index weight, bias;
  };
  /// The constants of a layer. `shape`: as TFLite lies them; `axis`: of the output channels in it.
  Weights weights(NodeId id, std::vector<Index> shape, Index axis) {
    const LoweredLayer& l = *node(id).layer;
    const float scale_x = node(id).inputs[0].scale;
    const auto same = [](const auto& row) { return std::all_of(row.begin(), row.end(), [&](auto v) { return v == row[0]; }); };
    const bool one = same(l.scale) && same(l.zero_point);
    if (!l.zero_point.empty() && is_int8()) refuse(id, "int8 weights with zero points, which TFLite has of uint8 only");
    if (!is_int8() && !one)
      refuse(id,
             "TFLite has weights with zero points, uint8, only with one scale for all filters; use symmetric thresholds or "
             "scalar ones");
    const std::size_t scales = one ? 1 : l.scale.size();
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
    const Index of_codes =
        tensor(node(id).name + "/weight", std::move(shape), code_type(), std::move(of_weight), std::move(bytes));
    return {of_codes, integers(node(id).name + "/bias", {static_cast<Index>(l.bias.size())}, l.bias, std::move(of_bias))};
  }
  std::vector<Index> weight_shape(NodeId id, std::vector<Index> shape = {}) const {
    for (const std::size_t n : node(id).layer->extent) shape.push_back(static_cast<Index>(n));
    return shape;
  }

  Index add(NodeId id, const Input&) { return activations(node(id).name, node(id).extent, grid(id)); }

  /// One channel a filter is DEPTHWISE_CONV_2D with several filters a channel, whose kernel rounds twice.
  Index add(NodeId id, const Conv2d& l) {
    const Extents& shape = node(id).layer->extent;
    const bool twice =
        is_int8() && n_.requantizer == Requantizer::fixed_point && node(id).layer->rounding == FixedPointRounding::twice;
    if (l.groups == extent_in(id)[2] && shape[3] == 1 && (l.groups > 1 || twice))
      return depthwise(id, l.window, shape[1], shape[2], shape[0], shape[0] / l.groups);
    if (twice) refuse(id, "products that are rounded twice; TFLite's CONV_2D of int8 rounds them once");
    if (l.groups > 1) refuse(id, message("a convolution of ", l.groups, " groups; TFLite's CONV_2D has one in most runtimes"));
    const Window w = window(id, node(id).layer->extent[1], node(id).layer->extent[2], l.window, false);
    const auto [weight, bias] = weights(id, weight_shape(id), 0);
    tflite::Options options{1};
    options.byte(0, w.padding).number(1, l.window.stride_w).number(2, l.window.stride_h);
    options.number(4, l.window.dilation_w, 1).number(5, l.window.dilation_h, 1);
    return computed(id, Code::conv_2d, 3, {w.input, weight, bias}, options, 3);
  }
  Index add(NodeId id, const DepthwiseConv2d& l) {
    const Extents& k = node(id).layer->extent;
    return depthwise(id, l.window, k[0], k[1], k[2], 1);
  }
  Index depthwise(NodeId id, const WindowOptions& steps, std::size_t kernel_h, std::size_t kernel_w, std::size_t filters,
                  std::size_t multiplier) {
    const Window w = window(id, kernel_h, kernel_w, steps, false);
    const auto [weight, bias] =
        weights(id, {1, static_cast<Index>(kernel_h), static_cast<Index>(kernel_w), static_cast<Index>(filters)}, 3);
    if (node(id).op.is<Conv2d>()) {  // its filters lie one after another
      std::vector<std::uint8_t>& bytes = model_.tensors[static_cast<std::size_t>(weight)].data;
      const std::vector<std::uint8_t> by_filter = bytes;
      const std::size_t taps = kernel_h * kernel_w;
      for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i % taps * filters + i / taps] = by_filter[i];
    }
    tflite::Options options{2};
    options.byte(0, w.padding).number(1, steps.stride_w).number(2, steps.stride_h).number(3, multiplier);
    options.number(5, steps.dilation_w, 1).number(6, steps.dilation_h, 1);
    return computed(id, Code::depthwise_conv_2d, 3, {w.input, weight, bias}, options, 4);
  }
  /// Of more axes than one: keep_num_dims.
  Index add(NodeId id, const Linear&) {
    const auto [weight, bias] = weights(id, weight_shape(id), 0);
    tflite::Options options{8};
    if (node(id).extent.size() > 1) options.byte(2, 1);
    return computed(id, Code::fully_connected, node(id).extent.size() > 1 ? 5 : 4, {tensor_of_[in(id)], weight, bias}, options,
                    0);
  }
  Index add(NodeId id, const Add&) { return binary(id, Code::add, 11); }
  Index add(NodeId id, const Sub&) { return binary(id, Code::sub, 28); }
  Index add(NodeId id, const Mul&) { return binary(id, Code::mul, 21); }
  Index binary(NodeId id, Code code, std::uint8_t table) {
    if (node(in(id)).extent.size() != node(in(id, 1)).extent.size()) refuse(id, "inputs with different numbers of axes");
    return computed(id, code, 2, {tensor_of_[in(id)], tensor_of_[in(id, 1)]}, {table}, 0);
  }

  /// CONCATENATION copies codes, so what lies on another grid is requantized before it.
  Index add(NodeId id, const Concat& l) {
    const Affine<float> own = grid(id);
    std::vector<Index> parts;
    CodeRange produced = own.codes;
    for (const LoweredInput& read : node(id).inputs) {
      const NodeId from = read.node;
      const Affine<float> g = grid(from);
      parts.push_back(tensor_of_[from]);
      const bool same = g.scale == own.scale && g.zero_point == own.zero_point;
      if (!same) {
        parts.back() = activations(node(from).name + "/requantized", node(from).extent, own);
        operation(Code::quantize, 2, {tensor_of_[from]}, parts.back());
      }
      const CodeRange part = same ? g.codes : every_code();
      produced = {std::min(produced.qmin, part.qmin), std::max(produced.qmax, part.qmax)};
    }
    const Index to = activations(node(id).name, node(id).extent, own);
    const std::size_t axis =
        l.axis < 0 ? node(id).extent.size() - static_cast<std::size_t>(-l.axis) : static_cast<std::size_t>(l.axis);
    operation(Code::concatenation, version(2), parts, to, tflite::Options{10}.number(0, axis + 1));
    return clamped(id, to, produced);
  }

  Index pool(NodeId id, Code code, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& options, bool zeros_count) {
    const Window w = window(id, kernel_h, kernel_w, options, zeros_count);
    tflite::Options o{5};
    o.byte(0, w.padding).number(1, options.stride_w).number(2, options.stride_h).number(3, kernel_w).number(4, kernel_h);
    const Index to = activations(node(id).name, node(id).extent, grid(id));
    operation(code, version(2), {w.input}, to, std::move(o));
    return clamped(id, to, grid(in(id)).codes);
  }
  Index add(NodeId id, const MaxPool& l) {
    if (l.window.dilation_h != 1 || l.window.dilation_w != 1) refuse(id, "a dilated pool");
    const std::size_t operations = model_.operations.size();
    const Index to = pool(id, Code::max_pool_2d, l.kernel_h, l.kernel_w, l.window, false);
    const Affine<float> g = grid(in(id));
    if (model_.operations.size() > operations && model_.operations[operations].code == Code::pad && g.codes.qmin < g.zero_point)
      refuse(id, message("a max pool with padding ", l.window.padding.top, ", ", l.window.padding.left,
                         ", which TFLite's SAME is not, over negative values"));
    return to;
  }
  Index add(NodeId id, const AveragePool& l) {
    if (l.window.dilation_h != 1 || l.window.dilation_w != 1) refuse(id, "a dilated pool");
    if (n_.requantizer != Requantizer::fixed_point)
      refuse(id, "TFLite's AVERAGE_POOL_2D keeps its input's grid; quantize with the requantizer fixed-point, which does so");
    const std::size_t operations = model_.operations.size();
    const Index to = pool(id, Code::average_pool_2d, l.kernel_h, l.kernel_w, l.window, l.count_include_pad);
    if (!l.count_include_pad && model_.operations.size() > operations && model_.operations[operations].code == Code::pad)
      refuse(id, "an average pool that leaves out padding other than TFLite's SAME");
    return to;
  }
  /// In fixed point one window over the picture, else MEAN, whose output has a grid of its own.
  Index add(NodeId id, const GlobalAveragePool&) {
    const Extents& x = extent_in(id);
    if (n_.requantizer == Requantizer::fixed_point) return pool(id, Code::average_pool_2d, x[0], x[1], {}, false);
    return mean(id, {1, 2}, true);
  }
  Index add(NodeId id, const Clip&) { return clamped(id, tensor_of_[in(id)], grid(in(id)).codes); }
  Index add(NodeId id, const Flatten&) { return reshaped(id); }
  Index add(NodeId id, const Reshape&) { return reshaped(id); }
  Index reshaped(NodeId id) {
    const std::vector<Index> shape = shape_of(node(id).extent);
    const Index dims = integers(node(id).name + "/shape", {static_cast<Index>(shape.size())}, shape);
    const Index to = activations(node(id).name, node(id).extent, grid(id));
    operation(Code::reshape, 1, {tensor_of_[in(id)], dims}, to);
    return to;
  }
  /// An operator that moves codes, with constant integers beside them.
  Index moved(NodeId id, Code code, Index of_int8, const std::vector<std::vector<Index>>& rows, tflite::Options options) {
    std::vector<Index> inputs{tensor_of_[in(id)]};
    for (const std::vector<Index>& row : rows)
      inputs.push_back(integers(message(node(id).name, "/", inputs.size()), {static_cast<Index>(row.size())}, row));
    const Index to = activations(node(id).name, node(id).extent, grid(id));
    operation(code, version(of_int8), std::move(inputs), to, std::move(options));
    return clamped(id, to, grid(in(id)).codes);
  }
  Index add(NodeId id, const Transpose& l) {
    std::vector<Index> perm{0};
    for (const std::size_t axis : l.order) perm.push_back(static_cast<Index>(axis + 1));
    return moved(id, Code::transpose, 2, {perm}, {26});
  }
  /// The ends of axes that run backwards to their first element are left out, by end_mask.
  Index add(NodeId id, const Slice& l) {
    std::vector<Index> begin{0}, end{1}, step{1};
    std::size_t end_mask = 1;
    for (std::size_t a = 0; a < l.axes.size(); ++a) {
      const SliceAxis& axis = l.axes[a];
      const std::ptrdiff_t last = static_cast<std::ptrdiff_t>(axis.start) + static_cast<std::ptrdiff_t>(axis.count) * axis.step;
      begin.push_back(static_cast<Index>(axis.start));
      end.push_back(static_cast<Index>(std::max<std::ptrdiff_t>(last, 0)));
      step.push_back(static_cast<Index>(axis.step));
      if (last < 0) end_mask |= std::size_t{2} << a;
    }
    return moved(id, Code::strided_slice, 2, {begin, end, step}, tflite::Options{32}.number(1, end_mask));
  }
  Index add(NodeId id, const Gather& l) {
    std::vector<Index> indices;
    for (const std::size_t i : l.indices) indices.push_back(static_cast<Index>(i));
    return moved(id, Code::gather, 2, {indices}, tflite::Options{23}.number(0, l.axis + 1));
  }
  Index add(NodeId id, const Tile& l) {
    std::vector<Index> repeats{1};
    for (const std::size_t n : l.repeats) repeats.push_back(static_cast<Index>(n));
    return moved(id, Code::tile, 1, {repeats}, {51});
  }
  Index add(NodeId id, const Pad& l) {
    if (l.mode != PadMode::constant || l.value != 0) refuse(id, "a Pad by anything but zeros");
    std::vector<Index> pads{0, 0};
    for (std::size_t a = 0; a < l.before.size(); ++a) {
      if (l.before[a] < 0 || l.after[a] < 0) refuse(id, "a Pad that crops");
      pads.insert(pads.end(), {static_cast<Index>(l.before[a]), static_cast<Index>(l.after[a])});
    }
    const Index rows = static_cast<Index>(l.before.size() + 1);
    const Index paddings = integers(node(id).name + "/paddings", {rows, 2}, pads);
    const Index to = activations(node(id).name, node(id).extent, grid(id));
    operation(Code::pad, version(2), {tensor_of_[in(id)], paddings}, to, {22});
    const Affine<float> from = grid(in(id));
    return clamped(id, to, {std::min(from.codes.qmin, from.zero_point), std::max(from.codes.qmax, from.zero_point)});
  }
  static std::vector<Index> axes_of(const std::vector<std::size_t>& axes) {
    std::vector<Index> result;
    for (const std::size_t axis : axes) result.push_back(static_cast<Index>(axis + 1));
    return result;
  }
  Index add(NodeId id, const ReduceMax& l) {
    return moved(id, Code::reduce_max, 2, {axes_of(l.axes)}, tflite::Options{27}.byte(0, l.keep_axes));
  }
  Index add(NodeId id, const ReduceMin& l) {
    return moved(id, Code::reduce_min, 2, {axes_of(l.axes)}, tflite::Options{27}.byte(0, l.keep_axes));
  }
  Index add(NodeId id, const ReduceMean& l) { return mean(id, axes_of(l.axes), l.keep_axes); }
  /// The output has a grid of its own.
  Index mean(NodeId id, const std::vector<Index>& axes, bool keep_axes) {
    const Index row = integers(node(id).name + "/axes", {static_cast<Index>(axes.size())}, axes);
    const Index to = activations(node(id).name, node(id).extent, grid(id));
    operation(Code::mean, version(2), {tensor_of_[in(id)], row}, to, tflite::Options{27}.byte(0, keep_axes));
    return clamped(id, to, every_code());
  }
  /// beta is 1.
  Index add(NodeId id, const SoftmaxTable& l) {
    if (l.axis + 1 != node(id).extent.size()) refuse(id, "a Softmax along another axis than the last");
    const Index to = activations(node(id).name, node(id).extent, grid(id));
    tflite::Options options{9};
    options.fields.push_back({0, std::bit_cast<Index>(1.0F), 0, false});
    operation(Code::softmax, version(2), {tensor_of_[in(id)]}, to, std::move(options));
    return clamped(id, to, every_code());
  }
  Index add(NodeId id, const ResizeLinear& l) {
    if (!OperatorRules<ResizeLinear>::has_fixed_point(l, {})) refuse(id, "a resize by other coordinates than TFLite's");
    if (node(id).grid.scale != node(in(id)).grid.scale || node(id).grid.zero_point != node(in(id)).grid.zero_point)
      refuse(id, "TFLite's RESIZE_BILINEAR keeps its input's grid; quantize with the requantizer fixed-point, which does so");
    tflite::Options options{15};
    options.byte(2, l.options.coordinates == ResizeCoordinates::align_corners)
        .byte(3, l.options.coordinates == ResizeCoordinates::half_pixel);
    return resized(id, Code::resize_bilinear, std::move(options));
  }
  Index add(NodeId id, const ResizeNearest& l) {
    const ResizeOptions& o = l.options;
    const bool corners = o.coordinates == ResizeCoordinates::align_corners,
               half = o.coordinates == ResizeCoordinates::tf_half_pixel_for_nn;
    if (o.arithmetic != ResizeArithmetic::tflite || !(corners || half || o.coordinates == ResizeCoordinates::asymmetric) ||
        o.nearest_rounding != (corners ? NearestRounding::round_prefer_ceil : NearestRounding::floor))
      refuse(id, "a resize by other coordinates than TFLite's");
    return resized(id, Code::resize_nearest_neighbor, tflite::Options{74}.byte(0, corners).byte(1, half));
  }
  Index resized(NodeId id, Code code, tflite::Options options) {
    const Extents& y = node(id).extent;
    if (y.size() != 3 || y[2] != extent_in(id)[2]) refuse(id, "a resize of anything but rows and columns");
    return moved(id, code, 2, {{static_cast<Index>(y[0]), static_cast<Index>(y[1])}}, std::move(options));
  }
  /// The table itself: CAST, ADD of 128 where codes are int8 and of 256 c, GATHER.
  Index add(NodeId id, const LookupTable& l) {
    const std::vector<Index> shape = shape_of(node(id).extent);
    Index index = tensor(node(id).name + "/index", shape, tflite::TensorType::int32);
    operation(Code::cast, 1, {tensor_of_[in(id)]}, index, {37});
    if (is_int8() || l.channels() > 1) {
      std::vector<Index> first;
      for (std::size_t c = 0; c < l.channels(); ++c) first.push_back(static_cast<Index>(256 * c) + origin_);
      const Index offsets = integers(node(id).name + "/first", {static_cast<Index>(first.size())}, first);
      const Index sum = tensor(node(id).name + "/place", shape, tflite::TensorType::int32);
      operation(Code::add, 1, {index, offsets}, sum, {11});
      index = sum;
    }
    std::vector<std::uint8_t> bytes;
    for (const std::uint8_t code : l.codes) bytes.push_back(static_cast<std::uint8_t>(code - origin_));
    const Index table = codes(node(id).name + "/table", {static_cast<Index>(bytes.size())}, grid(id), std::move(bytes));
    const Index to = activations(node(id).name, node(id).extent, grid(id));
    operation(Code::gather, version(2), {table, index}, to, {23});
    return to;
  }
};

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
/// Throws unsupported_error, naming the node, for what the format cannot say or says by another arithmetic: nodes in float,
/// asymmetric weights of several scales, groups of several channels, average pools with a grid of their own, odd paddings of
/// pools, and operators without a form here.
TRIMTAB_FILES_INLINE tflite::Model to_tflite(const LoweredNetwork& n, const TfliteOptions& options = {});
#if TRIMTAB_FILES_HERE
TRIMTAB_FILES_INLINE tflite::Model to_tflite(const LoweredNetwork& n, const TfliteOptions& options) {
  return detail::TfliteExport(n, options).model();
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
