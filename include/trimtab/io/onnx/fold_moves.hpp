#pragma once
/// \file
/// Operators that move elements of constants: they slice, join, repeat, permute and pick. Rules that activations need too stand
/// on their own.

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <trimtab/io/onnx/fold_node.hpp>
#include <trimtab/io/onnx/fold_views.hpp>
#include <vector>

namespace trimtab::detail {

/// Places start, start + step, ... along an axis, `count` of them.
struct SliceRange {
  std::int64_t start = 0, count = 0, step = 1;
};

/// What Slice takes of an axis of the given extent: both ends count from the end when negative, and are clamped. Throws
/// shape_error for step 0.
inline SliceRange slice_range(std::int64_t extent, std::int64_t start, std::int64_t end, std::int64_t step) {
  if (step == 0) throw shape_error("a Slice with step 0");
  const auto place = [&](std::int64_t at, std::int64_t lo, std::int64_t hi) {
    return std::clamp(at < 0 ? at + extent : at, lo, hi);
  };
  if (step > 0) {
    const std::int64_t from = place(start, 0, extent), to = place(end, 0, extent);
    return {from, from < to ? (to - from - 1) / step + 1 : 0, step};
  }
  // ONNX clamps these to the last place, which leaves nothing; ONNX Runtime reads them as "to the end", which is the first place
  // here.
  if (end == std::numeric_limits<std::int64_t>::max() || end == std::numeric_limits<std::int32_t>::max())
    throw unsupported_error(message("a Slice backwards to ", end, ", which is read in two ways; write -", end, " for all"));
  if (extent == 0) return {0, 0, step};
  const std::int64_t from = place(start, 0, extent - 1), to = place(end, -1, extent - 1);
  // -(to - from + 1) / -step, without the negation of the least integer.
  return {from, from > to ? (to - from + 1) / step + 1 : 0, step};
}

/// The same for every axis of a tensor, from a Slice node of any opset whose inputs but the first are known.
inline std::vector<SliceRange> slice_ranges(const FoldNode& n, const Dims& dims) {
  const bool attributes = n.opset() < 10;
  n.require({"starts", "ends", "axes"});
  n.require_inputs(attributes ? 1 : 3, attributes ? 1 : 5);
  const auto starts = n.attribute_or_input("starts", 10, 1), ends = n.attribute_or_input("ends", 10, 2);
  auto axes = n.attribute_or_input("axes", 10, 3);
  if (!starts || !ends) throw parse_error("lacks starts or ends");
  std::vector<std::int64_t> steps(starts->size(), 1);
  if (!attributes && n.has(4)) steps = known_integers(n.input(4));
  if (!axes) {
    axes.emplace();
    for (std::size_t k = 0; k < starts->size(); ++k) axes->push_back(static_cast<std::int64_t>(k));
  }
  if (ends->size() != starts->size() || axes->size() != starts->size() || steps.size() != starts->size())
    throw parse_error(
        message(starts->size(), " starts, ", ends->size(), " ends, ", axes->size(), " axes, ", steps.size(), " steps"));
  std::vector<SliceRange> ranges;
  for (const std::int64_t d : dims) ranges.push_back({0, d, 1});
  const std::vector<std::size_t> at = axes_of(*axes, dims.size());
  for (std::size_t i = 0; i < at.size(); ++i) ranges[at[i]] = slice_range(dims[at[i]], (*starts)[i], (*ends)[i], steps[i]);
  return ranges;
}

inline KnownTensor sliced(const FoldNode& n, const KnownTensor& x, const std::vector<SliceRange>& ranges) {
  Dims dims, strides = row_major(x.dims);
  std::int64_t start = 0;
  for (std::size_t k = 0; k < ranges.size(); ++k) {
    dims.push_back(ranges[k].count);
    start += strides[k] * ranges[k].start;
    strides[k] = ranges[k].count > 1 ? strides[k] * ranges[k].step : 0;
  }
  return n.stepped(x, std::move(dims), strides, start);
}
inline Folded fold_slice(const FoldNode& n) { return {sliced(n, n.input(0), slice_ranges(n, n.input(0).dims))}; }

/// Lengths of the parts of Split along an axis: those given, or equal ones, the last shorter where num_outputs of opset 18 say
/// so.
inline std::vector<std::int64_t> split_lengths(const FoldNode& n, std::int64_t extent) {
  n.require({"axis", "split", "num_outputs"});
  n.require_inputs(1, n.opset() < 13 ? 1 : 2);
  const std::int64_t outputs = n.node.output_size(), said = n.integer("num_outputs", outputs);
  if (said != outputs) throw parse_error(message("num_outputs ", said, " for ", outputs, " outputs"));
  std::vector<std::int64_t> lengths;
  if (const auto given = n.attribute_or_input("split", 13, 1)) {
    lengths = *given;
  } else {
    const bool even = extent % outputs == 0;
    if (!even && n.opset() < 18) throw shape_error(message("extent ", extent, " in ", outputs, " equal parts"));
    const std::int64_t each = (extent + outputs - 1) / outputs;
    for (std::int64_t i = 0; i < outputs; ++i) lengths.push_back(std::clamp<std::int64_t>(extent - i * each, 0, each));
  }
  std::int64_t sum = 0;
  for (const std::int64_t length : lengths) {
    if (length < 0 || length > extent - sum) throw shape_error(message("parts that do not fit extent ", extent));
    sum += length;
  }
  if (sum != extent || static_cast<std::int64_t>(lengths.size()) != outputs)
    throw shape_error(message(lengths.size(), " parts of ", sum, " in all, for ", outputs, " outputs of extent ", extent));
  return lengths;
}
inline Folded fold_split(const FoldNode& n) {
  const KnownTensor& x = n.input(0);
  const std::size_t axis = axis_of(n.integer("axis", 0), x.dims.size());
  std::vector<SliceRange> ranges;
  for (const std::int64_t d : x.dims) ranges.push_back({0, d, 1});
  Folded parts;
  std::int64_t start = 0;
  for (const std::int64_t length : split_lengths(n, x.dims[axis])) {
    ranges[axis] = {start, length, 1};
    start += length;
    parts.push_back(sliced(n, x, ranges));
  }
  return parts;
}

inline Folded fold_transpose(const FoldNode& n) {
  n.require({"perm"});
  n.require_inputs(1, 1);
  const KnownTensor& x = n.input(0);
  std::vector<std::int64_t> perm = integers_attribute(n.node, "perm");
  if (perm.empty())
    for (std::size_t k = x.dims.size(); k-- > 0;) perm.push_back(static_cast<std::int64_t>(k));
  const std::vector<std::size_t> from = axes_of(perm, x.dims.size());
  if (from.size() != x.dims.size()) throw shape_error(message("a perm of ", from.size(), " axes for rank ", x.dims.size()));
  const Dims own = row_major(x.dims);
  Dims dims, strides;
  for (const std::size_t k : from) {
    dims.push_back(x.dims[k]);
    strides.push_back(own[k]);
  }
  return {n.stepped(x, std::move(dims), strides)};
}

inline Folded fold_expand(const FoldNode& n) {
  n.require({});
  n.require_inputs(2, 2);
  const KnownTensor& x = n.input(0);
  const Dims dims = broadcast(x.dims, known_integers(n.input(1)));
  return {n.stepped(x, dims, broadcast_strides(x.dims, dims))};
}

inline Folded fold_tile(const FoldNode& n) {
  n.require({});
  n.require_inputs(2, 2);
  const KnownTensor& x = n.input(0);
  const std::vector<std::int64_t> repeats = known_integers(n.input(1));
  if (repeats.size() != x.dims.size()) throw shape_error(message(repeats.size(), " repeats of a tensor of rank ", x.dims.size()));
  Dims dims, walked, strides;
  const Dims own = row_major(x.dims);
  for (std::size_t k = 0; k < repeats.size(); ++k) {
    if (repeats[k] < 0) throw shape_error(message("repeats hold ", repeats[k]));
    dims.push_back(known::multiply(x.dims[k], repeats[k]));
    walked.insert(walked.end(), {repeats[k], x.dims[k]});
    strides.insert(strides.end(), {0, own[k]});
  }
  return {n.rearrange(x, dims, [&](const auto& held, auto& out) {
    std::size_t i = 0;
    walk<1>(walked, {strides}, {0}, [&](const auto& at) { out[i++] = held[static_cast<std::size_t>(at[0])]; });
  })};
}

inline Folded fold_concat(const FoldNode& n) {
  n.require({"axis"});
  if (n.inputs.empty()) throw parse_error("has no inputs");
  if (find_attribute(n.node, "axis", ::onnx::AttributeProto::INT) == nullptr) throw parse_error("lacks axis");
  std::vector<KnownTensor> parts;
  for (std::size_t i = 0; i < n.inputs.size(); ++i) parts.push_back(n.input(i));
  parts = held_alike(n, std::move(parts));
  Dims dims = parts[0].dims;
  const std::size_t axis = axis_of(n.integer("axis", 0), dims.size());
  dims[axis] = 0;
  for (const KnownTensor& part : parts) {
    Dims others = part.dims;
    if (others.size() == dims.size()) others[axis] = dims[axis];
    if (others != dims) throw shape_error("the inputs differ in another axis than the one they are joined along");
    dims[axis] = known::add(dims[axis], part.dims[axis]);
  }
  const Dims strides = row_major(dims);
  return {n.rearrange(parts[0], dims, [&]<class Held>(const std::vector<Held>&, std::vector<Held>& out) {
    std::int64_t start = 0;
    for (const KnownTensor& part : parts) {
      const auto& held = std::get<std::vector<Held>>(*part.numbers);
      std::size_t i = 0;
      walk<1>(part.dims, {strides}, {start}, [&](const auto& at) { out[static_cast<std::size_t>(at[0])] = held[i++]; });
      start += strides[axis] * part.dims[axis];
    }
  })};
}

/// Indices along an axis of the given extent; negative ones count from the end.
inline std::vector<std::int64_t> gather_indices(const FoldNode& n, const KnownTensor& indices, std::int64_t extent) {
  if (indices.type != OnnxType::int64 && indices.type != OnnxType::int32)
    throw parse_error(message("indices of ", type_name(indices.type)));
  n.charge_result(indices.dims);
  const KnownReader<std::int64_t> at(indices);
  std::vector<std::int64_t> result(indices.count());
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::int64_t index = at(static_cast<std::int64_t>(i));
    if (index < -extent || index >= extent) throw shape_error(message("index ", index, " is beyond ", extent));
    result[i] = index < 0 ? index + extent : index;
  }
  return result;
}
/// Slices of x at the indices: their axes take the place of the one they count.
inline Folded fold_gather(const FoldNode& n) {
  n.require({"axis"});
  n.require_inputs(2, 2);
  const KnownTensor &x = n.input(0), &indices = n.input(1);
  const std::size_t axis = axis_of(n.integer("axis", 0), x.dims.size());
  const std::vector<std::int64_t> from = gather_indices(n, indices, x.dims[axis]);
  const auto middle = x.dims.begin() + static_cast<std::ptrdiff_t>(axis);
  const Dims before(x.dims.begin(), middle), behind(middle + 1, x.dims.end());
  Dims dims = before;
  dims.insert(dims.end(), indices.dims.begin(), indices.dims.end());
  dims.insert(dims.end(), behind.begin(), behind.end());
  const std::size_t outer = count_of(before), inner = count_of(behind), extent = static_cast<std::size_t>(x.dims[axis]);
  return {n.rearrange(x, std::move(dims), [&](const auto& held, auto& out) {
    std::size_t i = 0;
    if (out.empty()) return;
    for (std::size_t o = 0; o < outer; ++o)
      for (const std::int64_t place : from)
        for (std::size_t k = 0; k < inner; ++k) out[i++] = held[(o * extent + static_cast<std::size_t>(place)) * inner + k];
  })};
}
/// Element `index` is x's at the same place but along the axis, where the indices tell.
inline Folded fold_gather_elements(const FoldNode& n) {
  n.require({"axis"});
  n.require_inputs(2, 2);
  const KnownTensor &x = n.input(0), &indices = n.input(1);
  const std::size_t axis = axis_of(n.integer("axis", 0), x.dims.size());
  const std::vector<std::int64_t> from = gather_indices(n, indices, x.dims[axis]);
  if (indices.dims.size() != x.dims.size()) throw shape_error("indices of another rank than the data");
  for (std::size_t k = 0; k < x.dims.size(); ++k)
    if (k != axis && indices.dims[k] > x.dims[k])
      throw shape_error(message("indices of extent ", indices.dims[k], " along axis ", k));
  Dims strides = row_major(x.dims);
  const std::int64_t step = strides[axis];
  strides[axis] = 0;
  return {n.rearrange(x, indices.dims, [&](const auto& held, auto& out) {
    std::size_t i = 0;
    walk<1>(indices.dims, {strides}, {0}, [&](const auto& at) {
      out[i] = held[static_cast<std::size_t>(at[0] + step * from[i])];
      ++i;
    });
  })};
}

/// Elements before and after each axis, negative ones for those cut off, from a Pad node of any opset.
inline std::vector<std::array<std::int64_t, 2>> pad_lengths(const FoldNode& n, std::size_t rank) {
  n.require({"mode", "pads", "value"});
  n.require_inputs(n.opset() < 11 ? 1 : 2, n.opset() < 11 ? 1 : (n.opset() < 18 ? 3 : 4));
  const auto pads = n.attribute_or_input("pads", 11, 1);
  if (!pads) throw parse_error("lacks pads");
  std::vector<std::int64_t> axes;
  if (n.has(3))
    axes = known_integers(n.input(3));
  else
    for (std::size_t k = 0; k < rank; ++k) axes.push_back(static_cast<std::int64_t>(k));
  const std::vector<std::size_t> at = axes_of(axes, rank);
  if (pads->size() != 2 * at.size()) throw shape_error(message("pads has ", pads->size(), " numbers, expected ", 2 * at.size()));
  std::vector<std::array<std::int64_t, 2>> result(rank, {0, 0});
  for (std::size_t i = 0; i < at.size(); ++i) result[at[i]] = {(*pads)[i], (*pads)[i + at.size()]};
  for (const auto& side : result)
    for (const std::int64_t pad : side)
      if (pad < -(std::int64_t{1} << 31) || pad > (std::int64_t{1} << 31)) throw shape_error(message("pads hold ", pad));
  return result;
}
/// The value that Pad fills with: 0 unless given.
inline KnownTensor pad_value(const FoldNode& n, OnnxType type) {
  if (n.opset() < 11) return make_known(type, {}, [&] { return static_cast<double>(float_attribute(n.node, "value", 0.0F)); });
  if (n.has(2)) {
    if (n.input(2).count() != 1) throw shape_error(message("a pad value of ", n.input(2).count(), " numbers"));
    return n.input(2).seen_as({});
  }
  if (is_real(type)) return make_known(type, {}, [] { return 0.0; });
  return make_known(type, {}, [] { return std::int64_t{0}; });
}
inline Folded fold_pad(const FoldNode& n) {
  const KnownTensor& x = n.input(0);
  const auto pads = pad_lengths(n, x.dims.size());
  if (const std::string mode = text_attribute(n.node, "mode", "constant"); mode != "constant")
    throw unsupported_error(message("mode '", mode, "' of a constant"));
  std::vector<SliceRange> kept;
  Dims dims;
  for (std::size_t k = 0; k < pads.size(); ++k) {
    const auto [before, after] = pads[k];
    const std::int64_t start = std::max<std::int64_t>(-before, 0), end = x.dims[k] - std::max<std::int64_t>(-after, 0);
    if (x.dims[k] + before + after < 0 || end < start)
      throw shape_error(message("pads ", before, " and ", after, " of extent ", x.dims[k]));
    kept.push_back({start, end - start, 1});
    dims.push_back(x.dims[k] + before + after);
  }
  const std::vector<KnownTensor> parts = held_alike(n, {sliced(n, x, kept), pad_value(n, x.type)});
  const Dims strides = row_major(dims);
  std::int64_t start = 0;
  for (std::size_t k = 0; k < pads.size(); ++k) start += strides[k] * std::max<std::int64_t>(pads[k][0], 0);
  return {n.rearrange(parts[0], dims, [&]<class Held>(const std::vector<Held>& held, std::vector<Held>& out) {
    std::fill(out.begin(), out.end(), std::get<std::vector<Held>>(*parts[1].numbers)[0]);
    std::size_t i = 0;
    walk<1>(parts[0].dims, {strides}, {start}, [&](const auto& at) { out[static_cast<std::size_t>(at[0])] = held[i++]; });
  })};
}

}  // namespace trimtab::detail
