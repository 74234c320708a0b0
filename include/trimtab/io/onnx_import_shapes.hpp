#pragma once
/// \file
/// ONNX operators that only look at a value with other axes, and the integers they are steered by.

#include <algorithm>
#include <cstdint>
#include <trimtab/io/onnx_import_state.hpp>

namespace trimtab::detail {

/// The extents the file gives to x, batch excluded.
inline std::vector<std::int64_t> file_extents(const OnnxImport& import, const OnnxActivation& x) {
  const Extents& e = import.extent(x);
  const auto at = [&](std::size_t i) { return static_cast<std::int64_t>(e[i]); };
  if (x.axes == OnnxAxes::nchw) return {at(2), at(0), at(1)};
  if (x.axes == OnnxAxes::nhwc) return {at(0), at(1), at(2)};
  return {static_cast<std::int64_t>(element_count(e))};
}

/// x seen with other extents (batch excluded): the same ones, one row, or a row as the picture it was.
inline void import_view(OnnxImport& import, const ::onnx::NodeProto& node, OnnxActivation x,
                        const std::vector<std::int64_t>& wanted) {
  const auto refuse = [&] { return unsupported_error(message(describe(node), " is neither a flatten nor without effect")); };
  if (x.padding != Padding{}) throw unsupported_error(message(describe(node), " after Pad is not supported"));
  const std::vector<std::int64_t> now = file_extents(import, x);
  if (wanted == now) return import.define(node, x);
  if (wanted.size() == 1 && wanted[0] == static_cast<std::int64_t>(element_count(import.extent(x)))) {
    x.axes = x.axes == OnnxAxes::nchw ? OnnxAxes::flat_chw : OnnxAxes::flat_hwc;
    x.flattened = std::make_shared<const std::string>(node.name().empty() ? node.output(0) : node.name());
    return import.define(node, x);
  }
  if (import.extent(x).size() != 3) throw refuse();
  for (const OnnxAxes axes : {OnnxAxes::nchw, OnnxAxes::nhwc}) {
    OnnxActivation picture = x;
    picture.axes = axes;
    const bool same_order = (axes == OnnxAxes::nchw) == (x.axes == OnnxAxes::nchw || x.axes == OnnxAxes::flat_chw);
    if (file_extents(import, picture) == wanted && (same_order || import.one_order(x))) return import.define(node, picture);
  }
  throw refuse();
}

inline void import_flatten(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"axis"});
  OnnxImport::require_input_count(node, 1, 1);
  const OnnxActivation x = import.any_activation(node, 0);
  const std::int64_t axis = integer_attribute(node, "axis", 1), rank = is_flat(x.axes) ? 2 : 4;
  if ((axis < 0 ? axis + rank : axis) != 1)
    throw unsupported_error(message(describe(node), ": axis ", axis, " is not supported"));
  import_view(import, node, x, {static_cast<std::int64_t>(element_count(import.extent(x)))});
}

/// The wanted shape begins with the batch: 0, -1, the declared batch, 1, or what Shape gave.
inline void import_reshape(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"allowzero"});
  OnnxImport::require_input_count(node, 2, 2);
  require_integer_attribute(node, "allowzero", 0);
  const OnnxActivation x = import.any_activation(node, 0);
  std::vector<std::int64_t> shape = import.require_integers(node, 1).values;
  const std::vector<std::int64_t> now = file_extents(import, x);
  const auto refuse = [&] { return unsupported_error(message(describe(node), " does not keep the pictures of a batch apart")); };
  if (shape.empty()) throw refuse();
  const std::int64_t batch = shape[0];
  shape.erase(shape.begin());
  if (batch != 0 && batch != -1 && batch != 1 && batch != any_batch && batch != import.declared_batch) throw refuse();
  const auto numbers = static_cast<std::int64_t>(element_count(import.extent(x)));
  std::int64_t known = 1;
  std::int64_t* open = nullptr;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && i < now.size()) shape[i] = now[i];
    if (shape[i] == -1 && open == nullptr && batch != -1) {
      open = &shape[i];
    } else {
      if (shape[i] < 1 || shape[i] > numbers / known) throw refuse();
      known *= shape[i];
    }
  }
  if (open != nullptr) *open = numbers / known;
  if (open != nullptr ? numbers % known != 0 : numbers != known) throw refuse();
  import_view(import, node, x, shape);
}

/// Axes from the attribute (before opset `since`) or input 1. Empty when not given.
inline std::vector<std::int64_t> import_axes(const OnnxImport& import, const ::onnx::NodeProto& node, std::int64_t since,
                                             std::int64_t rank) {
  std::vector<std::int64_t> axes;
  if (import.opset < since) {
    OnnxImport::require_input_count(node, 1, 1);
    axes = integers_attribute(node, "axes");
  } else {
    OnnxImport::require_input_count(node, 1, 2);
    if (find_attribute(node, "axes", ::onnx::AttributeProto::INTS) != nullptr)
      throw unsupported_error(message(describe(node), ": axes is an input since opset ", since));
    if (OnnxImport::has_input(node, 1)) axes = import.require_integers(node, 1).values;
  }
  for (std::int64_t& axis : axes) {
    if (axis < -rank || axis >= rank) throw shape_error(message(describe(node), ": axis ", axis, " is beyond rank ", rank));
    if (axis < 0) axis += rank;
  }
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    throw parse_error(message(describe(node), " names an axis twice"));
  return axes;
}

inline void import_squeeze(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"axes"});
  const OnnxActivation x = import.any_activation(node, 0);
  std::vector<std::int64_t> extents = file_extents(import, x);
  const auto axes = import_axes(import, node, 13, static_cast<std::int64_t>(extents.size()) + 1);
  if (axes.empty()) throw unsupported_error(message(describe(node), " without axes is not supported"));
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
    if (*axis == 0 || extents[static_cast<std::size_t>(*axis) - 1] != 1)
      throw unsupported_error(message(describe(node), ": axis ", *axis, " is the batch or longer than 1"));
    extents.erase(extents.begin() + (*axis - 1));
  }
  import_view(import, node, x, extents);
}

/// Of a value, or of a scalar known at import, which becomes a row of one.
inline void import_unsqueeze(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"axes"});
  if (!import.is_activation(node, 0)) {
    const OnnxIntegers scalar = import.require_integers(node, 0);
    if (!scalar.scalar || import_axes(import, node, 13, 1) != std::vector<std::int64_t>{0})
      throw unsupported_error(message(describe(node), " of a constant that is no scalar"));
    return import.define(node, OnnxIntegers{scalar.values, false});
  }
  const OnnxActivation x = import.any_activation(node, 0);
  std::vector<std::int64_t> extents = file_extents(import, x);
  const auto given = import.opset < 13 ? integers_attribute(node, "axes").size()
                                       : (OnnxImport::has_input(node, 1) ? import.require_integers(node, 1).values.size() : 0);
  for (const std::int64_t axis : import_axes(import, node, 13, static_cast<std::int64_t>(extents.size() + 1 + given))) {
    if (axis == 0) throw unsupported_error(message(describe(node), " before the batch is not supported"));
    extents.insert(extents.begin() + (axis - 1), 1);
  }
  import_view(import, node, x, extents);
}

/// Between N C H W and N H W C, or none at all.
inline void import_transpose(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"perm"});
  OnnxImport::require_input_count(node, 1, 1);
  OnnxActivation x = import.any_activation(node, 0);
  const std::vector<std::int64_t> perm = integers_attribute(node, "perm");
  using Perm = std::vector<std::int64_t>;
  if (x.axes == OnnxAxes::nchw && perm == Perm{0, 2, 3, 1})
    x.axes = OnnxAxes::nhwc;
  else if (x.axes == OnnxAxes::nhwc && perm == Perm{0, 3, 1, 2})
    x.axes = OnnxAxes::nchw;
  else if (perm != (is_flat(x.axes) ? Perm{0, 1} : Perm{0, 1, 2, 3}))
    throw unsupported_error(message(describe(node), " is not one between N C H W and N H W C"));
  import.define(node, x);
}

/// The mean over H and W, with or without those axes afterwards.
inline void import_reduce_mean(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"axes", "keepdims", "noop_with_empty_axes"});
  const OnnxActivation x = import.activation(node, 0);
  if (is_flat(x.axes)) throw unsupported_error(message(describe(node), " of a flattened value is not supported"));
  const std::vector<std::int64_t> height_and_width =
      x.axes == OnnxAxes::nchw ? std::vector<std::int64_t>{2, 3} : std::vector<std::int64_t>{1, 2};
  if (import_axes(import, node, 18, 4) != height_and_width)
    throw unsupported_error(message(describe(node), " over axes other than H and W is not supported"));
  OnnxActivation mean{import.add(node, GlobalAveragePool{}, {x.node}), x.axes, {}, false, {}};
  if (integer_attribute(node, "keepdims", 1) == 0) {
    mean.axes = OnnxAxes::flat_hwc;
    mean.flattened = std::make_shared<const std::string>(import.network[mean.node].name + "/flatten");
  }
  import.define(node, mean);
}

/// The extents of a value, as integers known at import.
inline void import_shape(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {});
  OnnxImport::require_input_count(node, 1, 1);
  const OnnxActivation& x = import.any_activation(node, 0);
  if (x.padding != Padding{}) throw unsupported_error(message(describe(node), " after Pad is not supported"));
  OnnxIntegers shape{{any_batch}, false};
  for (const std::int64_t extent : file_extents(import, x)) shape.values.push_back(extent);
  import.define(node, std::move(shape));
}

/// One of several integers known at import.
inline void import_gather(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"axis"});
  OnnxImport::require_input_count(node, 2, 2);
  require_integer_attribute(node, "axis", 0);
  const OnnxIntegers row = import.require_integers(node, 0), index = import.require_integers(node, 1);
  if (row.scalar || index.values.size() != 1) throw unsupported_error(message(describe(node), " of more than one number"));
  const auto length = static_cast<std::int64_t>(row.values.size());
  const std::int64_t at = index.values[0];
  if (at < -length || at >= length) throw shape_error(message(describe(node), ": index ", at, " is beyond ", length));
  import.define(node, OnnxIntegers{{row.values[static_cast<std::size_t>(at < 0 ? at + length : at)]}, index.scalar});
}

/// Integers in the node's own attribute become known; tensors are read where they are used.
inline void import_constant(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"value", "value_int", "value_ints"});
  if (const auto* tensor = find_attribute(node, "value", ::onnx::AttributeProto::TENSOR))
    return import.define(node, &tensor->t());
  if (const auto* integer = find_attribute(node, "value_int", ::onnx::AttributeProto::INT))
    return import.define(node, OnnxIntegers{{integer->i()}, true});
  OnnxIntegers row{integers_attribute(node, "value_ints"), false};
  if (row.values.size() > 64) throw unsupported_error(message(describe(node), " is too long for axes or a shape"));
  import.define(node, std::move(row));
}

/// Hands its input on.
inline void import_identity(OnnxImport& import, const ::onnx::NodeProto& node) {
  if (node.op_type() == "Identity") require_attributes(node, {});
  if (node.op_type() == "Dropout" && OnnxImport::has_input(node, 2)) {
    const ::onnx::TensorProto& training = import.constant(node, 2);
    const std::string& raw = training.raw_data();
    if (training.data_type() != ::onnx::TensorProto::BOOL || declared_count(training) != 1 ||
        (training.has_raw_data() ? raw != std::string(1, '\0') : training.int32_data_size() != 1 || training.int32_data(0) != 0))
      throw unsupported_error(message(describe(node), " in training mode"));
  }
  if (const auto* codes = std::get_if<OnnxCodes>(&import.value(node, 0))) import.charge(node, codes->scale.size() + codes->zero_point.size());
  import.define(node, import.value(node, 0));
}

/// Left out, with a note: the network ends with what goes into it. Over the channels only.
inline void import_softmax(OnnxImport& import, const ::onnx::NodeProto& node) {
  require_attributes(node, {"axis"});
  OnnxImport::require_input_count(node, 1, 1);
  OnnxActivation x = import.activation(node, 0);
  const Extents& e = import.extent(x);
  const std::int64_t rank = is_flat(x.axes) ? 2 : 4, axis = integer_attribute(node, "axis", import.opset < 13 ? 1 : -1);
  const std::int64_t channels = x.axes == OnnxAxes::nhwc ? 3 : 1;
  // Before opset 13 the axes behind the given one took part too.
  const bool one_pixel = e.size() == 1 || e[0] * e[1] == 1;
  if ((axis < 0 ? axis + rank : axis) != channels || (import.opset < 13 && !is_flat(x.axes) && !one_pixel))
    throw unsupported_error(message(describe(node), ": axis ", axis, " is not the channels"));
  x.softmax = true;
  import.notes.push_back(message(describe(node), " at the end is left out: the network gives what goes into it"));
  import.define(node, x);
}

}  // namespace trimtab::detail
