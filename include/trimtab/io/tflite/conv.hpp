#pragma once
/// \file
/// CONV_2D, DEPTHWISE_CONV_2D and TRANSPOSE_CONV.

#include <algorithm>
#include <cstring>
#include <trimtab/io/tflite/layer.hpp>
#include <trimtab/io/tflite/slice.hpp>
#include <trimtab/net/operators/conv2d.hpp>
#include <trimtab/net/operators/conv_transpose2d.hpp>
#include <trimtab/net/operators/depthwise_conv2d.hpp>
#include <tuple>
#include <utility>

namespace trimtab {
namespace detail {

/// The extents of input i, four of them.
inline std::array<std::size_t, 4> four_extents(const TfliteNode& n, std::size_t i) {
  const Extents e = n.shape(i);
  if (e.size() != 4 || element_count(e) == 0)
    throw shape_error(message("'", n.tensor(i).name, "' has extents ", e, ", expected 4"));
  return {e[0], e[1], e[2], e[3]};
}

/// Weights O KH KW I, in groups where I is a part of the input's channels.
inline void read_conv_2d(const TfliteNode& n) {
  n.require(2, 3);
  const auto shape = four_extents(n, 1);
  TfliteWeights w = read_weights(n, 1, 0, n.node(0));
  WindowOptions steps;
  steps.stride_w = n.count(1, 0, 1), steps.stride_h = n.count(2, 0, 1);
  steps.dilation_w = n.count(4, 1, 1), steps.dilation_h = n.count(5, 1, 1);
  const WindowOptions window = read_window(n, shape[1], shape[2], steps);
  const std::vector<float> bias = read_bias(n, 2, shape[0], w.layer, n.node(0));
  const std::size_t channels = n.extent(0)[2];
  if (channels % shape[3] != 0) throw shape_error(message("filters of ", shape[3], " channels over ", channels));
  become_layer(n, Conv2d{as_tensor(w.reals, shape), as_tensor<1>(bias, {bias.size()}), window, channels / shape[3]}, n.node(0),
               n.activation(3), std::move(w.layer));
}

/// x[(k, o)] as y[(o, k)].
template <class T>
std::vector<T> filters_first(const std::vector<T>& x, std::size_t filters) {
  std::vector<T> y(x.size());
  const std::size_t taps = x.size() / filters;
  for (std::size_t k = 0; k < taps; ++k)
    for (std::size_t o = 0; o < filters; ++o) y[o * taps + k] = x[k * filters + o];
  return y;
}

/// Weights 1 KH KW C. Of several filters a channel, C = channels * multiplier, it is a convolution in groups.
inline void read_depthwise_conv_2d(const TfliteNode& n) {
  n.require(2, 3);
  const auto [one, kernel_h, kernel_w, filters] = four_extents(n, 1);
  if (one != 1) throw shape_error(message("the weights' first extent is ", one, ", expected 1"));
  TfliteWeights w = read_weights(n, 1, 3, n.node(0));
  WindowOptions steps;
  steps.stride_w = n.count(1, 0, 1), steps.stride_h = n.count(2, 0, 1);
  steps.dilation_w = n.count(5, 1, 1), steps.dilation_h = n.count(6, 1, 1);
  const WindowOptions window = read_window(n, kernel_h, kernel_w, steps);
  const std::vector<float> bias = read_bias(n, 2, filters, w.layer, n.node(0));
  const std::size_t channels = n.extent(0)[2];
  if (channels == 0 || filters % channels != 0) throw shape_error(message(filters, " filters over ", channels, " channels"));
  const auto biases = as_tensor<1>(bias, {bias.size()});
  if (filters == channels) {
    become_layer(n, DepthwiseConv2d{as_tensor<3>(w.reals, {kernel_h, kernel_w, filters}), biases, window}, n.node(0),
                 n.activation(4), std::move(w.layer));
    return;
  }
  if (w.layer) w.layer->codes.codes = filters_first(w.layer->codes.codes, filters);
  become_layer(n,
               Conv2d{as_tensor<4>(filters_first(w.reals, filters), {filters, kernel_h, kernel_w, 1}), biases, window, channels},
               n.node(0), n.activation(4), std::move(w.layer), FixedPointRounding::twice);
}

/// Inputs: the output's shape, weights O KH KW I, x, and biases. TFLite cuts off as much padding as a convolution from the output
/// to the input would add.
inline void read_transposed(const TfliteNode& n, std::size_t weights, std::size_t x, std::size_t bias,
                            const std::array<std::size_t, 2>& stride, std::int8_t padding, tflite::Activation activation) {
  const auto shape = four_extents(n, weights);
  TfliteWeights w = read_weights(n, weights, 0, n.node(x));
  const std::vector<float> biases = read_bias(n, bias, shape[0], w.layer, n.node(x));
  const Extents in = n.extent(x), out = n.output_extent();
  if (in.size() != 3 || out.size() != 3) throw shape_error("expected pictures");
  ConvTranspose2d l{as_tensor(w.reals, shape), as_tensor<1>(biases, {biases.size()})};
  l.window.stride_h = stride[0], l.window.stride_w = stride[1];
  const auto fit = [&](std::size_t axis, std::size_t step, std::size_t kernel) {
    constexpr std::size_t most = std::size_t{1} << 20;
    if (in[axis] == 0 || in[axis] > most || out[axis] > most || step > most || kernel > most)
      throw shape_error(message("extents ", in));
    const std::size_t full = (in[axis] - 1) * step + kernel;
    const bool same = static_cast<tflite::Padding>(padding) == tflite::Padding::same;
    const std::size_t before = same ? tflite::same_padding(out[axis], kernel, step, 1).first : 0;
    // (full - before - after + more) is the output's extent.
    const std::size_t cut = full > out[axis] + before ? full - out[axis] - before : 0;
    const std::size_t more = full < out[axis] + before ? out[axis] + before - full : 0;
    return std::tuple(before, cut, more);
  };
  std::tie(l.window.padding.top, l.window.padding.bottom, l.output_padding_h) = fit(0, stride[0], shape[1]);
  std::tie(l.window.padding.left, l.window.padding.right, l.output_padding_w) = fit(1, stride[1], shape[2]);
  become_layer(n, std::move(l), n.node(x), activation, std::move(w.layer));
}
inline void read_transpose_conv(const TfliteNode& n) {
  n.require(3, 4);
  read_transposed(n, 1, 2, 3, {n.count(2, 0, 1), n.count(1, 0, 1)}, n.byte(0), n.activation(3));
}
/// MediaPipe's: inputs x, weights, biases; options are three int32: padding (1 is SAME, 2 VALID), stride_w, stride_h.
inline void read_transpose_conv_bias(const TfliteNode& n) {
  n.require(3, 3);
  const std::span<const std::uint8_t> o = n.operation.custom_options;
  if (o.size() < 12) throw parse_error(message("has ", o.size(), " bytes of options, expected 12"));
  const auto number = [&](std::size_t i) { return read_number<std::int32_t>(o.data() + 4 * i); };
  if (number(1) < 1 || number(2) < 1 || number(0) < 1 || number(0) > 2)
    throw parse_error(message("padding ", number(0), ", strides ", number(2), " and ", number(1)));
  read_transposed(n, 1, 0, 2, {static_cast<std::size_t>(number(2)), static_cast<std::size_t>(number(1))},
                  static_cast<std::int8_t>(number(0) - 1), tflite::Activation::none);
}

/// The transpose: x[(o, k)] as y[(k, o)], of elements of `size` bytes.
template <std::size_t size>
std::vector<std::uint8_t> taps_first(const std::vector<std::uint8_t>& bytes, std::size_t taps) {
  std::vector<std::array<std::uint8_t, size>> elements(bytes.size() / size);
  std::memcpy(elements.data(), bytes.data(), bytes.size());
  elements = filters_first(elements, taps);
  std::vector<std::uint8_t> result(bytes.size());
  std::memcpy(result.data(), elements.data(), bytes.size());
  return result;
}

/// A layer of several groups, as one for each on its own channels, and their outputs side by side.
template <class L, class Write>
std::int32_t write_groups(TfliteWriter& w, const L& l, const Write& write) {
  const LoweredNode whole = w.node();
  const std::size_t groups = l.groups;
  const std::int32_t x = w.tensor_in();
  std::vector<std::int32_t> parts;
  for (std::size_t g = 0; g < groups; ++g) {
    TfliteWriter::StandIn part{whole, w.node_in(), 0};
    part.node.name += message("/group", g);
    part.node.extent[2] /= groups;
    part.input.extent[2] /= groups;
    L one = l;
    one.groups = 1;
    const auto share = [&](const auto& list) {
      const auto begin = list.begin() + static_cast<std::ptrdiff_t>(list.size() / groups * g);
      return std::vector(begin, begin + static_cast<std::ptrdiff_t>(list.size() / groups));
    };
    if (part.node.layer) {
      LoweredLayer& layer = *part.node.layer;
      layer.extent[0] /= groups;
      layer.codes = share(layer.codes);
      layer.scale = share(layer.scale);
      layer.zero_point = share(layer.zero_point);
      layer.bias = share(layer.bias);
    } else {
      const std::vector<float> weight = share(l.weight), bias = share(l.bias);
      const auto& k = l.weight.shape();
      one.weight = as_tensor<4>(weight, {k[0] / groups, k[1], k[2], k[3]});
      one.bias = as_tensor<1>(bias, {bias.size()});
    }
    part.node.op = one;
    const Extents& in = part.input.extent;
    const std::vector<SliceAxis> channels{{0, in[0], 1}, {0, in[1], 1}, {g * in[2], in[2], 1}};
    part.tensor = write_slice(w, x, channels, w.activations(part.node.name + "/input", in, w.grid_in()));
    w.stand_in = &part;
    parts.push_back(write(w, one));
    w.stand_in = nullptr;
  }
  const std::int32_t to = w.result();
  w.operation(tflite::OperatorCode::concatenation, w.version(2), parts, to, tflite::Options{10}.number(0, 3));
  return to;
}

/// Weights KH KW C, or of several filters a channel, `multiplier`, filters first.
inline std::int32_t write_depthwise(TfliteWriter& w, const WindowOptions& steps, std::size_t kernel_h, std::size_t kernel_w,
                                    std::size_t filters, std::size_t multiplier, bool filters_lie_first) {
  const TfliteWindow window = write_window(w, kernel_h, kernel_w, steps, false);
  const auto n = [](std::size_t v) { return static_cast<std::int32_t>(v); };
  const auto [weight, bias] = write_weights(w, {1, n(kernel_h), n(kernel_w), n(filters)}, 3);
  if (filters_lie_first) {
    std::vector<std::uint8_t>& bytes = w.model.tensors[static_cast<std::size_t>(weight)].data;
    bytes = w.on_reals ? taps_first<4>(bytes, kernel_h * kernel_w) : taps_first<1>(bytes, kernel_h * kernel_w);
  }
  tflite::Options options{2};
  options.byte(0, window.padding).number(1, steps.stride_w).number(2, steps.stride_h).number(3, multiplier);
  options.number(5, steps.dilation_w, 1).number(6, steps.dilation_h, 1);
  return w.computed(tflite::OperatorCode::depthwise_conv_2d, 3, {window.input, weight, bias}, options, 4);
}
/// One channel a filter is DEPTHWISE_CONV_2D with several filters a channel, whose kernel rounds twice.
inline std::int32_t write_conv_2d(TfliteWriter& w, const Conv2d& l) {
  const Extents shape = weight_extent(w);
  const bool twice = !w.on_reals && w.is_int8() && w.is_fixed_point() && w.node().layer->rounding == FixedPointRounding::twice;
  if (l.groups == w.extent_in()[2] && shape[3] == 1 && (l.groups > 1 || twice))
    return write_depthwise(w, l.window, shape[1], shape[2], shape[0], shape[0] / l.groups, true);
  if (twice) w.refuse("products that are rounded twice; TFLite's CONV_2D of int8 rounds them once");
  if (l.groups > 1) return write_groups(w, l, write_conv_2d);  // CONV_2D has one group in most runtimes
  const TfliteWindow window = write_window(w, shape[1], shape[2], l.window, false);
  const auto [weight, bias] = write_weights(w);
  tflite::Options options{1};
  options.byte(0, window.padding).number(1, l.window.stride_w).number(2, l.window.stride_h);
  options.number(4, l.window.dilation_w, 1).number(5, l.window.dilation_h, 1);
  return w.computed(tflite::OperatorCode::conv_2d, 3, {window.input, weight, bias}, options, 3);
}
/// Padding as `read_transposed` finds it from the extents alone; what neither SAME nor VALID cuts off, a STRIDED_SLICE does.
inline std::int32_t write_transpose_conv(TfliteWriter& w, const ConvTranspose2d& l) {
  if (l.groups > 1) return write_groups(w, l, write_transpose_conv);
  if (l.window.dilation_h != 1 || l.window.dilation_w != 1) w.refuse("a transposed convolution with dilation");
  const Extents &x = w.extent_in(), &y = w.node().extent, k = weight_extent(w);
  const Padding& p = l.window.padding;
  // TFLite's kernels take the input for a convolution's output over y: where that has other extents, they are wrong.
  const auto pads = [&](std::size_t in, std::size_t out, std::size_t kernel, std::size_t step, std::size_t before) {
    const bool same = before == tflite::same_padding(out, kernel, step, 1).first && (out + step - 1) / step == in;
    return std::pair(same, before == 0 && out + step >= kernel && (out + step - kernel) / step == in);
  };
  const auto rows = pads(x[0], y[0], k[1], l.window.stride_h, p.top), columns = pads(x[1], y[1], k[2], l.window.stride_w, p.left);
  const bool same = rows.first && columns.first, cuts = !same && !(rows.second && columns.second);
  // VALID, and at least what the picture makes.
  const Extents full{std::max(y[0] + p.top, (x[0] - 1) * l.window.stride_h + k[1]),
                     std::max(y[1] + p.left, (x[1] - 1) * l.window.stride_w + k[2]), y[2]};
  const std::int32_t shape = w.row(w.name("/shape"), w.shape_of(cuts ? full : y));
  const auto [weight, bias] = write_weights(w);
  tflite::Options options{49};
  options.byte(0, same ? tflite::Padding::same : tflite::Padding::valid);
  options.number(1, l.window.stride_w).number(2, l.window.stride_h);
  const std::vector<std::int32_t> inputs{shape, weight, w.tensor_in(), bias};
  if (!cuts) return w.rounded(tflite::OperatorCode::transpose_conv, 3, inputs, std::move(options));
  const std::int32_t uncut = w.activations(w.name("/uncut"), full, w.grid());
  w.operation(tflite::OperatorCode::transpose_conv, w.version(3), inputs, uncut, std::move(options));
  const std::vector<SliceAxis> inside{{p.top, y[0], 1}, {p.left, y[1], 1}, {0, y[2], 1}};
  return w.clamped(write_slice(w, uncut, inside, w.result()), w.every_code());
}

}  // namespace detail

template <>
struct TfliteRules<Conv2d> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::conv_2d, detail::read_conv_2d, 3); }
  static std::int32_t write(detail::TfliteWriter& w, const Conv2d& l) { return detail::write_conv_2d(w, l); }
};
template <>
struct TfliteRules<DepthwiseConv2d> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::depthwise_conv_2d, detail::read_depthwise_conv_2d, 3);
  }
  static std::int32_t write(detail::TfliteWriter& w, const DepthwiseConv2d& l) {
    const Extents k = detail::weight_extent(w);
    return detail::write_depthwise(w, l.window, k[0], k[1], k[2], 1, false);
  }
};
template <>
struct TfliteRules<ConvTranspose2d> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::transpose_conv, detail::read_transpose_conv, 3);
    readers.add("Convolution2DTransposeBias", detail::read_transpose_conv_bias, 3);
  }
  static std::int32_t write(detail::TfliteWriter& w, const ConvTranspose2d& l) { return detail::write_transpose_conv(w, l); }
};

}  // namespace trimtab
