#pragma once
/// \file
/// ONNX operators that compute with every element or channel: matrix products, batch norm, clips, sums, concatenation.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <trimtab/io/onnx_import_layer_codes.hpp>
#include <trimtab/io/onnx_import_state.hpp>

namespace trimtab::detail {

/// Linear layer on x with weight[o * stride_o + i * stride_i] and a bias. Columns that count C H W are put into H W C order.
inline void import_linear(OnnxImport& import, const ::onnx::NodeProto& node, const OnnxActivation& x, const OnnxFloats& w,
                          bool outputs_first, float factor, xt::xtensor<float, 1> bias) {
  const std::size_t outputs = w.extent[outputs_first ? 0 : 1], columns = w.extent[outputs_first ? 1 : 0];
  const std::size_t stride_o = outputs_first ? columns : 1, stride_i = outputs_first ? 1 : outputs;
  const Extents& in = import.extent(x);
  if (element_count(in) != columns)
    throw shape_error(message(describe(node), ": expected an input of ", columns, " numbers, got ", in));
  const bool reorder = x.axes == OnnxAxes::flat_chw && in.size() == 3;
  const std::size_t channels = reorder ? in[2] : 1, pixels = columns / channels;
  auto weight = xt::xtensor<float, 2>::from_shape({outputs, columns});
  for (std::size_t o = 0; o < outputs; ++o)
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t p = 0; p < pixels; ++p)
        weight.data()[o * columns + p * channels + c] = factor * w.values[o * stride_o + (c * pixels + p) * stride_i];
  const NodeId flat = import.flat_node(node, x);
  import.define(
      node,
      OnnxActivation{import.add(node, Linear{std::move(weight), std::move(bias)}, {flat}), OnnxAxes::flat_hwc, {}, false, {}});
  record_layer(import, node);
}

/// alpha * A * B + beta * C with a constant B, either way round.
inline void import_gemm(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"alpha", "beta", "transA", "transB"});
  OnnxImport::require_input_count(node, 2, 3);
  require_integer_attribute(node, "transA", 0);
  const OnnxActivation x = import.activation(node, 0);
  const OnnxFloats w = import.layer_weights(node, 1, 2);
  const bool outputs_first = integer_attribute(node, "transB", 0) != 0;
  const float alpha = float_attribute(node, "alpha", 1.0F), beta = float_attribute(node, "beta", 1.0F);
  if (!std::isfinite(alpha) || !std::isfinite(beta)) throw parse_error(message(describe(node), ": alpha or beta is not finite"));
  const std::size_t outputs = w.extent[outputs_first ? 0 : 1];
  if ((import.is_codes(node, 1) && alpha != 1) || (import.is_codes(node, 2) && beta != 1))
    throw unsupported_error(message(describe(node), ": codes with alpha ", alpha, " and beta ", beta));
  xt::xtensor<float, 1> bias;
  if (OnnxImport::has_input(node, 2) && !import.is_codes(node, 2)) {
    OnnxFloats c = import.floats(node, 2);
    for (const float v : c.values)
      if (!std::isfinite(v)) throw parse_error(message(describe(node), ": the bias holds a number that is not finite"));
    const bool row = c.extent.size() < 2 || (c.extent.size() == 2 && c.extent[0] == 1);
    if (!row || (c.values.size() != 1 && c.values.size() != outputs))
      throw unsupported_error(message(describe(node), ": C is neither one number nor one for each of ", outputs, " outputs"));
    c.values.resize(outputs, c.values[0]);
    for (float& v : c.values) v *= beta;
    bias = OnnxImport::to_vector(c.values);
  }
  import_linear(import, node, x, w, outputs_first, alpha, std::move(bias));
}

/// A * B with a constant B of rank 2.
inline void import_matmul(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {});
  OnnxImport::require_input_count(node, 2, 2);
  const OnnxActivation x = import.activation(node, 0);
  import_linear(import, node, x, import.layer_weights(node, 1, 2), false, 1.0F, {});
}

inline void import_batch_norm(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"epsilon", "momentum", "spatial", "training_mode"});
  OnnxImport::require_input_count(node, 5, 5);
  require_integer_attribute(node, "spatial", 1);
  require_integer_attribute(node, "training_mode", 0);
  OnnxActivation x = import.activation(node, 0);
  if (is_flat(x.axes))
    x = {import.ordered_flat_node(node, x), OnnxAxes::flat_hwc, {}, false, {}};
  else if (x.axes != OnnxAxes::nchw)
    throw shape_error(message(describe(node), ": expected an input of N C H W"));
  const std::size_t channels = import.extent(x).back();
  BatchNorm bn{import.vector(node, 1, channels), import.vector(node, 2, channels), import.vector(node, 3, channels),
               import.vector(node, 4, channels), float_attribute(node, "epsilon", 1e-5F)};
  for (const float variance : bn.variance)
    if (!(variance >= 0 && bn.epsilon >= 0 && variance + bn.epsilon > 0) || !std::isfinite(bn.epsilon))
      throw parse_error(
          message(describe(node), ": variance ", variance, " and epsilon ", bn.epsilon, " have no square root to divide by"));
  import.define(node, x, std::move(bn));
}

inline void import_relu(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {});
  OnnxImport::require_input_count(node, 1, 1);
  import.define(node, import.activation(node, 0), relu);
}

/// Bounds are attributes before opset 11 and constant inputs since. Those at the end of float's range count as infinite.
inline void import_clip(OnnxImport& import, const ::onnx::NodeProto& node) {
  Clip clip;
  if (import.opset < 11) {
    require_attributes(node, {"min", "max"});
    OnnxImport::require_input_count(node, 1, 1);
    clip = {float_attribute(node, "min", clip.lo), float_attribute(node, "max", clip.hi)};
  } else {
    require_attributes(node, {});
    OnnxImport::require_input_count(node, 1, 3);
    for (const int i : {1, 2}) {
      if (!OnnxImport::has_input(node, i)) continue;
      const auto* tensor = std::get_if<OnnxConstant>(&import.value(node, i));
      std::vector<float> bound;
      if (tensor != nullptr && is_code_type((*tensor)->data_type()))
        for (const std::int32_t code : read_codes(**tensor)) bound.push_back(static_cast<float>(code));
      else
        bound = import.floats(node, i).values;
      if (bound.size() != 1) throw parse_error(message(describe(node), ": '", node.input(i), "' is not one number"));
      (i == 1 ? clip.lo : clip.hi) = bound[0];
    }
  }
  if (!(clip.lo <= clip.hi))
    throw parse_error(message(describe(node), ": bounds ", clip.lo, " and ", clip.hi, " are out of order"));
  if (clip.lo == std::numeric_limits<float>::lowest()) clip.lo = no_clip.lo;
  if (clip.hi == std::numeric_limits<float>::max()) clip.hi = no_clip.hi;
  import.define(node, import.activation(node, 0), clip);
}

/// A constant that broadcasts to one number for each channel of x, as that many numbers.
inline std::vector<float> channel_numbers(const OnnxImport& import, const ::onnx::NodeProto& node, const OnnxActivation& x,
                                          const OnnxFloats& constant) {
  const std::size_t rank = is_flat(x.axes) ? 2 : 4, channel_axis = x.axes == OnnxAxes::nhwc ? 3 : 1;
  const std::size_t channels = import.extent(x).back();
  const auto refuse = [&] {
    return unsupported_error(message(describe(node), " of a constant that is not one number a channel"));
  };
  if (constant.extent.size() > rank || constant.values.empty()) throw refuse();
  for (std::size_t i = 0; i < constant.extent.size(); ++i)
    if (constant.extent[i] != 1 && (i + rank - constant.extent.size() != channel_axis || constant.extent[i] != channels))
      throw refuse();
  std::vector<float> numbers = constant.values;
  for (const float v : numbers)
    if (!std::isfinite(v)) throw parse_error(message(describe(node), ": a constant that is not finite"));
  numbers.resize(channels, numbers[0]);
  return numbers;
}

/// The sum with a constant becomes the bias of the layer before.
inline void import_bias(OnnxImport& import, const ::onnx::NodeProto& node, int activation, int constant) {
  const OnnxActivation x = import.activation(node, activation);
  Node* producer = import.sole_producer(node, activation);
  WeightedLayer* layer = producer == nullptr ? nullptr : producer->op->weighted();
  const bool flat_picture = is_flat(x.axes) && import.extent(x).size() == 3 && import.extent(x)[0] * import.extent(x)[1] != 1;
  if (layer == nullptr || flat_picture)
    throw unsupported_error(message(describe(node), " of a constant is supported right after a Conv, Gemm or MatMul only"));
  const std::vector<float> more = channel_numbers(import, node, x, import.floats(node, constant));
  if (layer->bias().empty())
    layer->set_bias(more);
  else
    for (std::size_t c = 0; c < more.size(); ++c) layer->bias()[c] += more[c];
  import.define(node, x);
}

/// Operands of Add and Concat: pictures with the same axes, or flattened ones as N K.
inline std::vector<NodeId> alike(OnnxImport& import, const ::onnx::NodeProto& node, OnnxActivation& first) {
  first = import.activation(node, 0);
  std::vector<NodeId> inputs;
  for (int i = 0; i < node.input_size(); ++i) {
    const OnnxActivation& x = import.activation(node, i);
    if (is_flat(first.axes) ? !is_flat(x.axes) : x.axes != first.axes)
      throw shape_error(message(describe(node), ": the inputs differ in their axes"));
    inputs.push_back(is_flat(x.axes) ? import.ordered_flat_node(node, x) : x.node);
  }
  first = {first.node, is_flat(first.axes) ? OnnxAxes::flat_hwc : first.axes, {}, false, {}};
  return inputs;
}

inline void import_add(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {});
  OnnxImport::require_input_count(node, 2, 2);
  for (const int constant : {1, 0})
    if (!import.is_activation(node, constant)) {
      if (!add_code_bias(import, node, 1 - constant, constant)) import_bias(import, node, 1 - constant, constant);
      return;
    }
  OnnxActivation like;
  const std::vector<NodeId> inputs = alike(import, node, like);
  import.define(node, OnnxActivation{import.add(node, Add{}, inputs), like.axes, {}, false, {}});
}

/// Pictures side by side along the channels; or integers known at import, in a row.
inline void import_concat(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"axis"});
  OnnxImport::require_input_count(node, 1, std::numeric_limits<int>::max());
  const std::int64_t axis = integer_attribute(node, "axis", 1);
  if (!import.is_activation(node, 0)) {
    OnnxIntegers row;
    for (int i = 0; i < node.input_size(); ++i) {
      const OnnxIntegers part = import.require_integers(node, i);
      if (part.scalar || axis != 0 || row.values.size() + part.values.size() > 64)
        throw unsupported_error(message(describe(node), " of constants that are no shape"));
      row.values.insert(row.values.end(), part.values.begin(), part.values.end());
    }
    return import.define(node, std::move(row));
  }
  OnnxActivation like;
  const std::vector<NodeId> inputs = alike(import, node, like);
  const std::int64_t rank = is_flat(like.axes) ? 2 : 4;
  if ((axis < 0 ? axis + rank : axis) != (like.axes == OnnxAxes::nhwc ? 3 : 1))
    throw unsupported_error(message(describe(node), ": axis ", axis, " is not the channels"));
  import.define(node, OnnxActivation{import.add(node, Concat{}, inputs), like.axes, {}, false, {}});
}

}  // namespace trimtab::detail
