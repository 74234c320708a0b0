#pragma once
/// \file
/// Weights, biases and windows of TFLite's layers, as reals and as codes.

#include <algorithm>
#include <array>
#include <trimtab/io/tflite/rules.hpp>
#include <tuple>
#include <utility>
#include <vector>

namespace trimtab::detail {

/// Input i of the node as weights: reals, and codes beside them where the file has any and the layer's input is codes.
struct TfliteWeights {
  std::vector<float> reals;
  std::optional<TfliteLayer> layer;
};

/// `axis`: of the output channels; `x`: what the layer reads.
inline TfliteWeights read_weights(const TfliteNode& n, std::size_t i, std::size_t axis, NodeId x) {
  TfliteWeights result{n.floats(i), std::nullopt};
  const tflite::FileTensor& t = n.tensor(i);
  const bool is_uint8 = t.type == static_cast<std::int8_t>(TensorType::uint8);
  if ((!is_uint8 && t.type != static_cast<std::int8_t>(TensorType::int8)) || !n.import.codes[x].grid) return result;
  if (is_uint8 == n.import.codes[x].is_int8) throw unsupported_error("int8 and uint8 codes in one layer");
  const std::size_t channels = n.shape(i)[axis];
  TfliteLayer layer;
  layer.is_uint8 = is_uint8;
  layer.one_scale = t.scale.size() == 1;
  if (!layer.one_scale && (t.scale.size() != channels || t.axis != static_cast<std::int32_t>(axis)))
    throw unsupported_error(message("'", t.name, "' has ", t.scale.size(), " scales along axis ", t.axis, ", expected ", channels,
                                    " along axis ", axis));
  if (is_uint8 && !layer.one_scale) throw unsupported_error("uint8 weights with a scale for each channel");
  for (std::size_t c = 0; c < channels; ++c) {
    const float scale = t.scale[layer.one_scale ? 0 : c];
    const std::int64_t zero_point =
        (t.zero_point.empty() ? 0 : t.zero_point[t.zero_point.size() == 1 ? 0 : c]) - (is_uint8 ? 128 : 0);
    if (!(scale > 0) || !std::isfinite(scale) || zero_point < -128 || zero_point > 127)
      throw parse_error(message("channel ", c, " of '", t.name, "' has scale ", scale, " and zero point ", zero_point));
    layer.codes.scale.push_back(scale);
    layer.codes.zero_point.push_back(static_cast<std::int32_t>(zero_point));
  }
  const std::uint8_t* from = n.data(i, 1);
  for (std::size_t k = 0; k < result.reals.size(); ++k)
    layer.codes.codes.push_back(static_cast<std::int8_t>(is_uint8 ? from[k] ^ 0x80U : from[k]));
  result.layer = std::move(layer);
  return result;
}

/// Input i as biases of so many channels; none where it is left out. Codes lie on the accumulators' grid.
inline std::vector<float> read_bias(const TfliteNode& n, std::size_t i, std::size_t channels, std::optional<TfliteLayer>& layer,
                                    NodeId x) {
  if (!n.has(i)) return {};
  if (element_count(n.shape(i)) != channels) throw shape_error(message(n.shape(i), " biases for ", channels, " channels"));
  if (!layer) return n.floats(i);
  if (n.tensor(i).type != static_cast<std::int8_t>(TensorType::int32))
    throw unsupported_error(message("the bias of a layer of codes is of ", type_name(n.tensor(i).type), ", expected int32"));
  const float scale_x = n.import.codes[x].grid->scale;
  const std::uint8_t* from = n.data(i, 4);
  std::vector<float> reals;
  for (std::size_t c = 0; c < channels; ++c) {
    layer->bias.push_back(read_number<std::int32_t>(from + 4 * c));
    reals.push_back(static_cast<float>(double(scale_x) * double(layer->codes.scale[c]) * layer->bias[c]));
  }
  return reals;
}

template <std::size_t rank>
xt::xtensor<float, rank> as_tensor(const std::vector<float>& values, const std::array<std::size_t, rank>& shape) {
  auto tensor = xt::xtensor<float, rank>::from_shape(shape);
  std::copy(values.begin(), values.end(), tensor.data());
  return tensor;
}

/// The node of a layer of such geometry, which has its weights and biases as reals; `x` is what it reads.
inline NodeId become_layer(const TfliteNode& n, Operator op, NodeId x, tflite::Activation activation,
                           std::optional<TfliteLayer> layer, std::optional<FixedPointRounding> rounding = std::nullopt) {
  const NodeId id = n.become(std::move(op), {x}, activation);
  n.import.codes[id].layer = std::move(layer);
  n.import.codes[id].rounding = rounding;
  return id;
}

/// Strides, dilation and padding of a window over input 0. The format has an option 0 for the padding.
inline WindowOptions read_window(const TfliteNode& n, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& steps) {
  WindowOptions w = steps;
  const Extents x = n.extent(0);
  if (x.size() != 3) throw shape_error(message("'", n.tensor(0).name, "' has extents ", x, " behind the batch, expected 3"));
  constexpr std::size_t most = std::size_t{1} << 20;
  for (const std::size_t v : {kernel_h, kernel_w, w.stride_h, w.stride_w, w.dilation_h, w.dilation_w, x[0], x[1]})
    if (v == 0 || v > most)
      throw shape_error(message("a window of ", kernel_h, " x ", kernel_w, " over extents ", x, " with a step of ", v));
  switch (static_cast<tflite::Padding>(n.byte(0))) {
    case tflite::Padding::valid:
      return w;
    case tflite::Padding::same:
      std::tie(w.padding.top, w.padding.bottom) = tflite::same_padding(x[0], kernel_h, w.stride_h, w.dilation_h);
      std::tie(w.padding.left, w.padding.right) = tflite::same_padding(x[1], kernel_w, w.stride_w, w.dilation_w);
      return w;
  }
  throw parse_error(message("padding ", static_cast<int>(n.byte(0))));
}

/// What pads as the window of the writer's node does, and what it is laid over: TFLite pads as SAME, by half of what is missing
/// before and the rest after, or not at all (VALID). What neither gives becomes a PAD by codes that stand for 0.
struct TfliteWindow {
  tflite::Padding padding;
  std::int32_t input;
};
inline TfliteWindow write_window(TfliteWriter& w, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& o,
                                 bool zeros_count) {
  const Extents &x = w.extent_in(), &y = w.node().extent;
  const Padding& p = o.padding;
  const auto fits = [](std::size_t n, std::size_t out, std::size_t kernel, std::size_t stride, std::size_t dilation,
                       std::size_t before) { return before == 0 && (out - 1) * stride + (kernel - 1) * dilation + 1 <= n; };
  const auto same = [](std::size_t n, std::size_t out, std::size_t kernel, std::size_t stride, std::size_t dilation,
                       std::size_t before) {
    return out == (n + stride - 1) / stride && before == tflite::same_padding(n, kernel, stride, dilation).first;
  };
  if (fits(x[0], y[0], kernel_h, o.stride_h, o.dilation_h, p.top) && fits(x[1], y[1], kernel_w, o.stride_w, o.dilation_w, p.left))
    return {tflite::Padding::valid, w.tensor_in()};
  if (!zeros_count && same(x[0], y[0], kernel_h, o.stride_h, o.dilation_h, p.top) &&
      same(x[1], y[1], kernel_w, o.stride_w, o.dilation_w, p.left))
    return {tflite::Padding::same, w.tensor_in()};
  const auto n = [](std::size_t v) { return static_cast<std::int32_t>(v); };
  const std::int32_t paddings =
      w.integers(w.name("/paddings"), {4, 2}, {0, 0, n(p.top), n(p.bottom), n(p.left), n(p.right), 0, 0});
  const std::int32_t padded =
      w.activations(w.name("/padded"), {x[0] + p.top + p.bottom, x[1] + p.left + p.right, x[2]}, w.grid_in());
  w.operation(tflite::OperatorCode::pad, w.version(2), {w.tensor_in(), paddings}, padded, {22});
  return {tflite::Padding::valid, padded};
}

/// The extents of the weights of the writer's layer.
inline Extents weight_extent(const TfliteWriter& w) {
  return w.on_reals ? w.node().op->weighted()->weight().extent : w.node().layer->extent;
}
/// The constants of the writer's layer. `shape`: as TFLite lies its weights; `axis`: of the output channels in it.
struct TfliteConstants {
  std::int32_t weight, bias;
};
inline TfliteConstants write_weights(TfliteWriter& w, std::vector<std::int32_t> shape, std::int32_t axis) {
  if (w.on_reals) {
    const WeightedLayer& l = *w.node().op->weighted();
    const std::vector<float> none(l.bias().empty() ? l.output_channels() : 0);
    const auto channels = static_cast<std::int32_t>(l.output_channels());
    return {w.reals(w.name("/weight"), std::move(shape), std::span(l.weight().data, l.weight().size())),
            w.reals(w.name("/bias"), {channels}, none.empty() ? l.bias() : std::span<const float>(none))};
  }
  const LoweredLayer& l = *w.node().layer;
  const float scale_x = w.node().inputs[0].scale;
  const auto same = [](const auto& row) { return std::all_of(row.begin(), row.end(), [&](auto v) { return v == row[0]; }); };
  const bool one = same(l.scale) && same(l.zero_point);
  if (!l.zero_point.empty() && w.is_int8()) w.refuse("int8 weights with zero points, which TFLite has of uint8 only");
  if (!w.is_int8() && !one)
    w.refuse(
        "TFLite has weights with zero points, uint8, only with one scale for all filters; use symmetric thresholds or scalar "
        "ones");
  const std::size_t scales = one ? 1 : l.scale.size();
  const std::int32_t flip = w.is_int8() ? 0 : 128;
  tflite::Quantization of_weight{{l.scale.begin(), l.scale.begin() + static_cast<std::ptrdiff_t>(scales)}, {}, axis};
  tflite::Quantization of_bias;
  for (const float scale : of_weight.scale) {
    of_weight.zero_point.push_back((l.zero_point.empty() ? 0 : l.zero_point[0]) + flip);
    of_bias.scale.push_back(scale_x * scale);
    of_bias.zero_point.push_back(0);
  }
  std::vector<std::uint8_t> bytes;
  for (const std::int8_t code : l.codes) bytes.push_back(static_cast<std::uint8_t>(code + flip));
  const std::int32_t weight =
      w.tensor(w.name("/weight"), std::move(shape), w.code_type(), std::move(of_weight), std::move(bytes));
  return {weight, w.integers(w.name("/bias"), {static_cast<std::int32_t>(l.bias.size())}, l.bias, std::move(of_bias))};
}
/// The same with the extents that the weights have here.
inline TfliteConstants write_weights(TfliteWriter& w) {
  std::vector<std::int32_t> shape;
  for (const std::size_t n : weight_extent(w)) shape.push_back(static_cast<std::int32_t>(n));
  return write_weights(w, std::move(shape), 0);
}

}  // namespace trimtab::detail
