#pragma once
/// \file
/// Operators that hand on all elements with other extents, and those that tell extents. Their rules serve activations too: an
/// extent may depend on the number of pictures there.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <trimtab/io/onnx/fold_node.hpp>
#include <vector>

namespace trimtab::detail {

inline BatchDims batch_dims(const Dims& dims) {
  BatchDims result;
  for (const std::int64_t d : dims) result.push_back({d, 0});
  return result;
}
/// Throws unsupported_error where an extent depends on the number of pictures.
inline Dims plain_dims(const BatchDims& dims) {
  Dims result;
  for (const BatchInteger& d : dims) result.push_back(known_as<std::int64_t>(d));
  return result;
}
/// Throws unsupported_error where two extents depend on the number of pictures.
inline BatchInteger product(const BatchDims& dims) {
  BatchInteger p{1, 0};
  for (const BatchInteger& d : dims) p = known::multiply(p, d);
  return p;
}

/// What Reshape makes of extents: 0 keeps the one at its place unless allow_zero, one -1 takes what is left over. Throws
/// shape_error when the products differ.
inline BatchDims reshaped(const BatchDims& in, const BatchDims& wanted, bool allow_zero) {
  BatchDims out = wanted;
  std::size_t open = out.size();
  bool zero = false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i].per_picture != 0) continue;
    if (out[i].fixed == 0 && !allow_zero) {
      if (i >= in.size()) throw shape_error(message("extent 0 at place ", i, " has none to keep in rank ", in.size()));
      out[i] = in[i];
    } else if (out[i].fixed == -1) {
      if (open != out.size()) throw shape_error("-1 stands in a shape twice");
      open = i;
    } else if (out[i].fixed < 0) {
      throw shape_error(message("extent ", out[i].fixed, " in a shape"));
    }
    zero = zero || out[i] == BatchInteger{};
  }
  if (allow_zero && zero && open != out.size()) throw shape_error("0 and -1 stand in one shape with allowzero");
  if (open == out.size()) {
    if (product(in) != product(out)) throw shape_error(message("a Reshape of ", product(in), " numbers to ", product(out)));
    return out;
  }
  // The batch is divided out first where both have it, so that (3 N) / N is 3.
  BatchDims rest = out;
  rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(open));
  const BatchInteger all = product(in), known = product(rest);
  if (known == BatchInteger{}) throw shape_error("-1 beside an extent of 0");
  const bool fits = known.per_picture != 0 ? all.fixed == 0 && all.per_picture % known.per_picture == 0
                                           : all.fixed % known.fixed == 0 && all.per_picture % known.fixed == 0;
  if (!fits) throw shape_error(message("a Reshape of ", all, " numbers to rows of ", known));
  out[open] = known::divide(all, known);
  return out;
}

/// What Flatten makes of extents: those before the axis, those behind it.
inline BatchDims flattened(const BatchDims& in, std::int64_t axis) {
  const std::size_t at = axis == static_cast<std::int64_t>(in.size()) ? in.size() : axis_of(axis, in.size());
  const auto middle = in.begin() + static_cast<std::ptrdiff_t>(at);
  return {product({in.begin(), middle}), product({middle, in.end()})};
}

/// Without the axes, whose extents have to be 1; without all extents of 1 where none is named.
inline BatchDims squeezed(const BatchDims& in, const std::optional<std::vector<std::int64_t>>& axes) {
  std::vector<std::size_t> gone;
  if (axes)
    gone = axes_of(*axes, in.size());
  else
    for (std::size_t k = 0; k < in.size(); ++k)
      if (in[k] == BatchInteger{1, 0}) gone.push_back(k);
  BatchDims out;
  for (std::size_t k = 0; k < in.size(); ++k) {
    if (std::find(gone.begin(), gone.end(), k) == gone.end())
      out.push_back(in[k]);
    else if (in[k] != BatchInteger{1, 0})
      throw shape_error(message("axis ", k, " to squeeze has extent ", in[k]));
  }
  return out;
}

/// With extents of 1 at the axes, which count in the result.
inline BatchDims unsqueezed(const BatchDims& in, const std::vector<std::int64_t>& axes) {
  const std::vector<std::size_t> added = axes_of(axes, in.size() + axes.size());
  BatchDims out;
  auto from = in.begin();
  for (std::size_t k = 0; k < in.size() + added.size(); ++k)
    out.push_back(std::find(added.begin(), added.end(), k) != added.end() ? BatchInteger{1, 0} : *from++);
  return out;
}

/// Extents as the operator Shape gives them of a value, which may be an activation: int64, from `start` to before `end`.
inline KnownTensor known_shape(const FoldNode& n, const BatchDims& dims) {
  n.require({"start", "end"});
  n.require_inputs(1, 1);
  if (n.opset() < 15 && (n.integer("start", 0) != 0 || find_attribute(n.node, "end", ::onnx::AttributeProto::INT) != nullptr))
    throw unsupported_error("start and end came with opset 15");
  const auto rank = static_cast<std::int64_t>(dims.size());
  const auto clamped = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? known::add(at, rank) : at, 0, rank); };
  const std::int64_t start = clamped(n.integer("start", 0)), end = clamped(n.integer("end", rank));
  return known_row(start < end ? BatchDims(dims.begin() + start, dims.begin() + end) : BatchDims{});
}
/// The number of elements as the operator Size gives it.
inline KnownTensor known_size(const FoldNode& n, const BatchDims& dims) {
  n.require({});
  n.require_inputs(1, 1);
  return known_row(BatchDims{product(dims)}).seen_as({});
}

using Folded = std::vector<KnownTensor>;

inline Folded fold_shape(const FoldNode& n) { return {known_shape(n, batch_dims(n.input(0).dims))}; }
inline Folded fold_size(const FoldNode& n) { return {known_size(n, batch_dims(n.input(0).dims))}; }

inline Folded fold_identity(const FoldNode& n) {
  n.require({});
  n.require_inputs(1, 1);
  return {n.input(0)};
}
/// At inference: the input, and a mask of ones.
inline Folded fold_dropout(const FoldNode& n) {
  n.require({"ratio", "seed", "is_test"});
  n.require_inputs(1, 3);
  if (n.has(2)) {
    const KnownTensor& training = n.input(2);
    if (!is_boolean(training.type) || training.count() != 1 || KnownReader<std::int64_t>(training)(0) != 0)
      throw unsupported_error("in training mode");
  }
  Folded result{n.input(0)};
  if (n.node.output_size() > 1) {
    if (n.opset() < 10) throw unsupported_error("the mask is supported since opset 10");
    result.push_back(n.make(OnnxType::boolean, n.input(0).dims, [] { return std::int64_t{1}; }));
  }
  return result;
}
inline Folded fold_reshape(const FoldNode& n) {
  n.require({"allowzero"});
  n.require_inputs(2, 2);
  const KnownTensor& x = n.input(0);
  return {x.seen_as(
      plain_dims(reshaped(batch_dims(x.dims), known_integers<BatchInteger>(n.input(1)), n.integer("allowzero", 0) != 0)))};
}
inline Folded fold_flatten(const FoldNode& n) {
  n.require({"axis"});
  n.require_inputs(1, 1);
  return {n.input(0).seen_as(plain_dims(flattened(batch_dims(n.input(0).dims), n.integer("axis", 1))))};
}
inline Folded fold_squeeze(const FoldNode& n) {
  n.require({"axes"});
  n.require_inputs(1, n.opset() < 13 ? 1 : 2);
  return {n.input(0).seen_as(plain_dims(squeezed(batch_dims(n.input(0).dims), n.attribute_or_input("axes", 13, 1))))};
}
inline Folded fold_unsqueeze(const FoldNode& n) {
  n.require({"axes"});
  n.require_inputs(1, n.opset() < 13 ? 1 : 2);
  const auto axes = n.attribute_or_input("axes", 13, 1);
  if (!axes) throw parse_error("lacks axes");
  return {n.input(0).seen_as(plain_dims(unsqueezed(batch_dims(n.input(0).dims), *axes)))};
}

}  // namespace trimtab::detail
