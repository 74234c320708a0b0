#pragma once
/// \file
/// Operators that only look at a value with other axes or another type, or tell its extents: Reshape, Flatten, Squeeze,
/// Unsqueeze, Transpose, Identity, Dropout, Cast, Shape, Size.

#include <algorithm>
#include <cstdint>
#include <trimtab/io/onnx/dynamic.hpp>
#include <trimtab/io/onnx/fold.hpp>
#include <trimtab/io/onnx/fold_views.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <vector>

namespace trimtab {
namespace detail {

/// Constant codes with other axes: `fold` gives those of the numbers. Scales of several places move with their axis, where `to`
/// says where axis i went; without it there may be one alone.
template <class Fold>
bool view_codes(const OnnxNode& n, const Fold& fold, const std::vector<std::size_t>* perm = nullptr) {
  const auto* held = n.has(0) ? std::get_if<OnnxCodes>(&n.value(0)) : nullptr;
  if (held == nullptr) return false;
  OnnxCodes codes = *held;
  const bool several = codes.scale.size() > 1 || codes.zero_point.size() > 1;
  if (several && perm == nullptr) throw unsupported_error("of constant codes with several scales");
  n.import.charge(codes.scale.size() + codes.zero_point.size());
  codes.tensor = fold(codes.tensor);
  if (several) codes.axis = std::find(perm->begin(), perm->end(), static_cast<std::size_t>(codes.axis)) - perm->begin();
  n.define(std::move(codes));
  return true;
}
/// The numbers of constant codes, as `n` sees them.
inline KnownTensor folded_numbers(const OnnxNode& n, const KnownTensor& numbers) {
  std::vector<const KnownTensor*> inputs{&numbers};
  for (int i = 1; i < n.inputs(); ++i) inputs.push_back(n.has(i) ? &n.known(i) : nullptr);
  return fold(n.proto, inputs, n.import.context).at(0);
}

/// x seen with other extents; padding stays with it where they are the same.
inline void read_view(const OnnxNode& n, const BatchDims& wanted) { n.define(seen_as(n.import, n.padded(0), wanted, n.maker())); }

/// A shape that begins with 1 where the batch is open was written for one element of the batch, and means any number.
inline void read_reshape(const OnnxNode& n) {
  if (view_codes(n, [&](const KnownTensor& t) { return folded_numbers(n, t); })) return;
  n.require({"allowzero"});
  n.require_inputs(2, 2);
  const BatchDims now = n.import.dims(n.padded(0));
  BatchDims shape = known_integers<BatchInteger>(n.known(1));
  const bool allow_zero = n.integer("allowzero", 0) != 0;
  if (n.opset() < 14 && n.has_attribute("allowzero")) throw unsupported_error("allowzero came with opset 14");
  if (n.import.batch == batch_extent && !shape.empty() && shape[0] == BatchInteger{1, 0}) {
    bool has_batch = false;
    for (const BatchInteger& d : shape) has_batch = has_batch || d.per_picture != 0;
    if (!has_batch) shape[0] = batch_extent;
  }
  read_view(n, reshaped(now, shape, allow_zero));
}
inline void read_flatten(const OnnxNode& n) {
  if (view_codes(n, [&](const KnownTensor& t) { return folded_numbers(n, t); })) return;
  n.require({"axis"});
  n.require_inputs(1, 1);
  read_view(n, flattened(n.import.dims(n.padded(0)), n.integer("axis", 1)));
}
inline void read_squeeze(const OnnxNode& n) {
  if (view_codes(n, [&](const KnownTensor& t) { return folded_numbers(n, t); })) return;
  n.require({"axes"});
  n.require_inputs(1, n.opset() < 13 ? 1 : 2);
  read_view(n, squeezed(n.import.dims(n.padded(0)), n.attribute_or_input("axes", 13, 1)));
}
inline void read_unsqueeze(const OnnxNode& n) {
  if (view_codes(n, [&](const KnownTensor& t) { return folded_numbers(n, t); })) return;
  n.require({"axes"});
  n.require_inputs(1, n.opset() < 13 ? 1 : 2);
  const auto axes = n.attribute_or_input("axes", 13, 1);
  if (!axes) throw parse_error("lacks axes");
  read_view(n, unsqueezed(n.import.dims(n.padded(0)), *axes));
}
inline void read_transpose(const OnnxNode& n) {
  n.require({"perm"});
  n.require_inputs(1, 1);
  const std::size_t rank = n.is_codes(0) ? std::get<OnnxCodes>(n.value(0)).tensor.dims.size() : n.padded(0).rank();
  std::vector<std::size_t> perm;
  if (n.has_attribute("perm")) {
    perm = axes_of(n.integers("perm"), rank);
    if (perm.size() != rank) throw shape_error(message("perm has ", perm.size(), " axes, the input ", rank));
  } else {
    for (std::size_t i = rank; i-- > 0;) perm.push_back(i);
  }
  if (view_codes(
          n, [&](const KnownTensor& t) { return folded_numbers(n, t); }, &perm))
    return;
  OnnxActivation x = n.padded(0);
  std::vector<NodeAxes> axes;
  for (const std::size_t i : perm) axes.push_back(x.axes[i]);
  if (axes != x.axes) x.maker = n.maker();
  x.axes = std::move(axes);
  n.define(std::move(x));
}

/// Defines the output as what input 0 is.
inline void hand_on(const OnnxNode& n) {
  if (const auto* codes = std::get_if<OnnxCodes>(&n.value(0))) n.import.charge(codes->scale.size() + codes->zero_point.size());
  n.define(n.value(0));
}
inline void read_identity(const OnnxNode& n) {
  n.require({});
  n.require_inputs(1, 1);
  hand_on(n);
}
inline void read_dropout(const OnnxNode& n) {
  n.require({"ratio", "seed", "is_test"});
  n.require_inputs(1, 3);
  if (n.has(2) && (!is_boolean(n.known(2).type) || n.number(2) != 0)) throw unsupported_error("in training mode");
  hand_on(n);
}
/// Between types that hold the same numbers: reals stay float32 here, integers are reals without a fraction. bfloat16 is refused:
/// it keeps 8 bits of a number, so results would differ.
inline void read_cast(const OnnxNode& n) {
  n.require({"saturate", "to", "round_mode"});
  n.require_inputs(1, 1);
  if (cast_dynamic(n)) return;
  OnnxActivation x = n.padded(0);
  const OnnxType to = onnx_type(static_cast<std::int32_t>(n.integer("to", 0)));
  if (to == OnnxType::bfloat16 || x.type == OnnxType::bfloat16)
    throw unsupported_error("to or from bfloat16 would change the numbers; export the network in float32");
  const bool narrower = !is_real(to) && (type_info(to).lo > type_info(x.type).lo || type_info(to).hi < type_info(x.type).hi);
  if (!is_real(to) && (is_real(x.type) || is_boolean(to) || narrower))
    throw unsupported_error(message("from ", type_name(x.type), " to ", type_name(to), " would change the numbers"));
  x.type = to;
  n.define(std::move(x));
}
inline void read_shape(const OnnxNode& n) { n.define(fold_extents(n.proto, n.import.dims(n.padded(0)), n.import.context)); }

}  // namespace detail

/// Operators that leave no node behind, or a Reshape, Transpose or Flatten.
struct OnnxViews {};

template <>
struct OnnxRules<OnnxViews> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("Cast", detail::read_cast, detail::OnnxElements::same);
    readers.add("Dropout", detail::read_dropout, detail::OnnxElements::same);
    readers.add("Flatten", detail::read_flatten, detail::OnnxElements::moved);
    readers.add("Identity", detail::read_identity, detail::OnnxElements::same);
    readers.add("Reshape", detail::read_reshape, detail::OnnxElements::moved);
    readers.add("Shape", detail::read_shape);
    readers.add("Size", detail::read_shape);
    readers.add("Squeeze", detail::read_squeeze, detail::OnnxElements::moved);
    readers.add("Transpose", detail::read_transpose, detail::OnnxElements::moved);
    readers.add("Unsqueeze", detail::read_unsqueeze, detail::OnnxElements::moved);
  }
};

template <>
struct OnnxRules<Flatten> {
  /// A network flattens H W C, so the picture is transposed first where that is not C H W.
  static void write(detail::OnnxWriter& w, const Flatten&, const detail::OnnxCall& n) {
    const Extents& x = n.in[0];
    if (x.size() == 1) {
      w.add("Identity", n);
      return;
    }
    const bool moves = x.size() == 3 && x[0] * x[1] != 1 && x[2] != 1;
    const std::string from = moves ? w.in_node_order(n) : n.inputs[0];
    w.attribute(w.add("Flatten", n.name, {from}, n.output), "axis", std::int64_t{1});
  }
};
template <>
struct OnnxRules<Reshape> {
  static void write(detail::OnnxWriter& w, const Reshape&, const detail::OnnxCall& n) {
    const std::string x = w.in_node_order(n);
    Extents shape{0};
    for (const std::size_t length : n.extent) shape.push_back(length);
    w.from_node_order(n, [&](const std::string& y) { w.add("Reshape", n.name, {x, w.integers(n.name + ".shape", shape)}, y); });
  }
};
template <>
struct OnnxRules<Transpose> {
  static void write(detail::OnnxWriter& w, const Transpose& l, const detail::OnnxCall& n) {
    const std::size_t rank = n.extent.size() + 1;
    Extents perm{0};
    for (std::size_t i = 1; i < rank; ++i)
      perm.push_back(detail::file_layout::axis(rank, l.order[detail::file_layout::node_axis(rank, i) - 1] + 1));
    w.attribute(w.add("Transpose", n), "perm", perm);
  }
};

}  // namespace trimtab
