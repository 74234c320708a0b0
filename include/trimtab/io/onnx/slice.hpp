#pragma once
/// \file
/// Slice, Split and Gather: parts of axes.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/net/operators/gather.hpp>
#include <trimtab/net/operators/lookup_table.hpp>
#include <trimtab/net/operators/slice.hpp>
#include <vector>

namespace trimtab {
namespace detail {

/// x with one node axis for each of the file's that are named.
inline OnnxActivation with_single_axes(OnnxImport& import, OnnxActivation x, const std::vector<std::size_t>& axes) {
  for (const std::size_t i : axes)
    if (x.axes[i].size() != 1) return plain(import, std::move(x));
  return x;
}
/// The node's axis, batch excluded, that is the file's axis i of an x with single axes. Throws unsupported_error for the batch.
inline std::size_t node_axis(const OnnxActivation& x, std::size_t i) {
  const std::size_t axis = x.axes[i].at(0);
  if (axis == 0) throw unsupported_error("does not keep the elements of a batch apart");
  return axis - 1;
}
/// All of each axis.
inline std::vector<SliceAxis> whole_axes(const Extents& extent) {
  std::vector<SliceAxis> axes;
  for (const std::size_t length : extent) axes.push_back({0, length, 1});
  return axes;
}

/// A number up to the number of pictures, as far as it says on which side of an axis it is. One that depends on it is the end of
/// the batch at least.
inline std::vector<std::int64_t> slice_numbers(const OnnxNode& n, const char* attribute, int i) {
  if (n.opset() < 10) return n.integers(attribute);
  if (!n.has(i)) return {};
  std::vector<std::int64_t> numbers;
  for (const BatchInteger& b : known_integers<BatchInteger>(n.known(i)))
    numbers.push_back(b.per_picture > 0 ? std::numeric_limits<std::int64_t>::max() : known_as<std::int64_t>(b));
  return numbers;
}

inline void read_slice(const OnnxNode& n) {
  if (n.opset() < 10) {
    n.require({"axes", "ends", "starts"});
    n.require_inputs(1, 1);
  } else {
    n.require({});
    n.require_inputs(3, 5);
  }
  OnnxActivation x = n.activation(0);
  const std::vector<std::int64_t> starts = slice_numbers(n, "starts", 1), ends = slice_numbers(n, "ends", 2);
  std::vector<std::int64_t> given = slice_numbers(n, "axes", 3),
                            steps = n.opset() < 10 ? std::vector<std::int64_t>{} : slice_numbers(n, "steps", 4);
  if (given.empty())
    for (std::size_t i = 0; i < starts.size(); ++i) given.push_back(static_cast<std::int64_t>(i));
  steps.resize(steps.empty() ? starts.size() : steps.size(), 1);
  if (ends.size() != starts.size() || given.size() != starts.size() || steps.size() != starts.size())
    throw parse_error(
        message(starts.size(), " starts, ", ends.size(), " ends, ", given.size(), " axes and ", steps.size(), " steps"));
  const std::vector<std::size_t> axes = axes_of(given, x.rank());
  const BatchDims dims = n.import.dims(x);
  std::vector<std::optional<SliceAxis>> cut(axes.size());
  std::vector<std::size_t> changed;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const std::int64_t step = steps[k];
    if (step == 0 || step == std::numeric_limits<std::int64_t>::min()) throw parse_error(message("step ", step));
    if (dims[axes[k]].per_picture != 0) {
      if (step != 1 || starts[k] != 0 || ends[k] != std::numeric_limits<std::int64_t>::max())
        if (step != 1 || starts[k] != 0 || ends[k] < (std::int64_t{1} << 30)) throw unsupported_error("a part of the batch");
      continue;
    }
    const std::int64_t length = dims[axes[k]].fixed;
    const auto place = [&](std::int64_t at, std::int64_t lo, std::int64_t hi) {
      return std::clamp(at < 0 ? (at < -length ? std::int64_t{-1} : at + length) : at, lo, hi);
    };
    const std::int64_t start = step > 0 ? place(starts[k], 0, length) : place(starts[k], -1, length - 1);
    const std::int64_t end = step > 0 ? place(ends[k], 0, length) : place(ends[k], -1, length - 1);
    const std::int64_t span = step > 0 ? end - start : start - end, stride = step > 0 ? step : -step;
    if (span <= 0) throw unsupported_error(message("nothing is left of axis ", axes[k]));
    const std::int64_t count = (span - 1) / stride + 1;
    if (start == 0 && count == length && (step == 1 || count == 1)) continue;
    cut[k] = SliceAxis{static_cast<std::size_t>(start), static_cast<std::size_t>(count),
                       static_cast<std::ptrdiff_t>(count == 1 ? 1 : step)};
    changed.push_back(axes[k]);
  }
  if (changed.empty()) return n.define(std::move(x));
  x = with_single_axes(n.import, std::move(x), changed);
  std::vector<SliceAxis> parts = whole_axes(n.import.extent(x));
  for (std::size_t k = 0; k < axes.size(); ++k)
    if (cut[k]) parts[node_axis(x, axes[k])] = *cut[k];
  n.apply(std::move(x), Slice{std::move(parts)});
}

/// Each output is a Slice.
inline void read_split(const OnnxNode& n) {
  n.require({"axis", "num_outputs", "split"});
  n.require_inputs(1, 2);
  OnnxActivation x = n.activation(0);
  const std::size_t axis = axis_of(n.integer("axis", 0), x.rank());
  const std::int64_t length = known_as<std::int64_t>(n.import.dims(x)[axis]), outputs = n.proto.output_size();
  std::vector<std::int64_t> sizes;
  if (const auto given = n.attribute_or_input("split", 13, 1)) {
    sizes = *given;
  } else {
    const std::int64_t count = n.integer("num_outputs", outputs);
    if (count != outputs) throw parse_error(message("num_outputs ", count, " with ", outputs, " outputs"));
    const std::int64_t each = (length - 1) / count + 1;
    if (n.opset() < 18 && length % count != 0)
      throw shape_error(message("axis of ", length, " does not fall into ", count, " parts"));
    for (std::int64_t i = 0; i < count; ++i) sizes.push_back(std::min(each, length - i * each));
  }
  if (static_cast<std::int64_t>(sizes.size()) != outputs)
    throw parse_error(message(sizes.size(), " parts for ", outputs, " outputs"));
  std::int64_t left = length;
  for (const std::int64_t size : sizes) {
    if (size < 1 || size > left) throw shape_error(message("a part of ", size, " of an axis of ", length));
    left -= size;
  }
  if (left != 0) throw shape_error(message("the parts do not add up to ", length));
  if (sizes.size() == 1) return n.define(std::move(x));
  x = with_single_axes(n.import, std::move(x), {axis});
  const std::size_t place = node_axis(x, axis);
  std::size_t start = 0;
  for (int i = 0; i < n.proto.output_size(); ++i) {
    const auto size = static_cast<std::size_t>(sizes[static_cast<std::size_t>(i)]);
    if (!n.proto.output(i).empty()) {
      std::vector<SliceAxis> parts = whole_axes(n.import.extent(x));
      parts[place] = {start, size, 1};
      OnnxActivation y = x;
      y.node = n.import.add(i == 0 ? n.name() : message(n.name(), "/", i), Slice{std::move(parts)}, {x.node});
      n.define(std::move(y), i);
    }
    start += size;
  }
}

/// Codes from a table of 256, or of 256 a channel, at places that are codes.
inline void read_lookup(const OnnxNode& n) {
  require_integer_attribute(n.proto, "axis", 0);
  const KnownTensor& table = n.known(0);
  OnnxActivation x = n.activation(1);
  if (!is_code_type(table.type) || table.dims.size() != 1 || table.count() == 0 || table.count() % 256 != 0)
    throw unsupported_error("indices that are computed, and no table of 256 codes");
  const std::size_t channels = table.count() / 256;
  const auto& offsets = n.import.quantization.offsets;
  if (const auto found = offsets.find(x.node); found != offsets.end()) {
    for (std::size_t c = 0; c < found->second.size(); ++c)
      if (found->second[c] != static_cast<std::int32_t>(256 * c) || found->second.size() != channels)
        throw unsupported_error("indices that are no codes of a table's");
    x.node = n.import.network[x.node].inputs[0];
  } else if (channels != 1) {
    throw unsupported_error(message("a table of ", table.count(), " codes for ", 256));
  }
  n.import.charge(table.count(), 1);
  LookupTable lookup;
  const std::int32_t shift = table.type == OnnxType::int8 ? 128 : 0;
  for (const std::int32_t code : table.codes()) lookup.codes.push_back(static_cast<std::uint8_t>(code + shift));
  x.node = n.add(std::move(lookup), {x.node});
  x.type = table.type;
  n.define(std::move(x));
}

/// With constant indices. One of them, or a row that steps evenly, is a Slice.
inline void read_gather(const OnnxNode& n) {
  n.require({"axis"});
  n.require_inputs(2, 2);
  if (n.is_known(0) && n.is_activation(1)) return read_lookup(n);
  OnnxActivation x = n.activation(0);
  const std::size_t axis = axis_of(n.integer("axis", 0), x.rank());
  const KnownTensor& known = n.known(1);
  if (is_real(known.type) || is_boolean(known.type)) throw parse_error("indices are no integers");
  if (known.count() == 0) throw unsupported_error("gathers nothing");
  n.import.charge(known.count(), 2 * sizeof(std::size_t));
  const BatchInteger extent = n.import.dims(x)[axis];
  const std::int64_t length = known_as<std::int64_t>(extent);
  const KnownReader<std::int64_t> at(known);
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < known.count(); ++i) {
    const std::int64_t index = at(static_cast<std::int64_t>(i));
    if (index < -length || index >= length) throw shape_error(message("index ", index, " is beyond ", length));
    indices.push_back(static_cast<std::size_t>(index < 0 ? index + length : index));
  }
  // The axis with the indices in a row, then with their extents in its place.
  BatchDims wanted = n.import.dims(x);
  wanted.erase(wanted.begin() + static_cast<std::ptrdiff_t>(axis));
  for (std::size_t k = known.dims.size(); k-- > 0;)
    wanted.insert(wanted.begin() + static_cast<std::ptrdiff_t>(axis), {known.dims[k], 0});
  const bool freed = indices.size() > 1 && free_axis(n.import, x, axis);
  if (freed) wanted.insert(wanted.begin(), BatchInteger{1, 0});
  if (length > 1 || indices.size() > 1) {
    const std::size_t held = axis + (freed ? 1 : 0);
    x = with_single_axes(n.import, std::move(x), {held});
    const std::size_t place = node_axis(x, held);
    const auto step = indices.size() == 1 ? std::ptrdiff_t{1}
                                          : static_cast<std::ptrdiff_t>(indices[1]) - static_cast<std::ptrdiff_t>(indices[0]);
    bool even = step != 0;
    for (std::size_t i = 1; i < indices.size(); ++i)
      even = even && static_cast<std::ptrdiff_t>(indices[i]) - static_cast<std::ptrdiff_t>(indices[i - 1]) == step;
    std::vector<SliceAxis> parts = whole_axes(n.import.extent(x));
    parts[place] = {indices[0], indices.size(), step};
    x.node = even ? n.add(Slice{std::move(parts)}, {x.node}) : n.add(Gather{place, indices}, {x.node});
  }
  x = seen_as(n.import, std::move(x), wanted, n.maker());
  if (freed) x.axes.erase(x.axes.begin());
  n.define(std::move(x));
}

}  // namespace detail

template <>
struct OnnxRules<Slice> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("Slice", detail::read_slice, detail::OnnxElements::picked);
    readers.add("Split", detail::read_split, detail::OnnxElements::picked);
  }
  static void write(detail::OnnxWriter& w, const Slice& l, const detail::OnnxCall& n) {
    const std::size_t rank = n.extent.size() + 1;
    std::vector<std::int64_t> starts, ends, axes, steps;
    for (std::size_t a = 0; a + 1 < rank; ++a) {
      const SliceAxis& axis = l.axes[a];
      if (axis.start == 0 && axis.count == n.in[0][a] && axis.step == 1) continue;
      const std::int64_t start = static_cast<std::int64_t>(axis.start),
                         end = start + static_cast<std::int64_t>(axis.count) * axis.step;
      starts.push_back(start);
      ends.push_back(end < 0 ? -static_cast<std::int64_t>(n.in[0][a]) - 1 : end);
      axes.push_back(static_cast<std::int64_t>(detail::file_layout::axis(rank, a + 1)));
      steps.push_back(axis.step);
    }
    if (axes.empty()) {
      w.add("Identity", n);
      return;
    }
    w.add("Slice", n.name,
          {n.inputs[0], w.integers(n.name + ".starts", starts), w.integers(n.name + ".ends", ends),
           w.integers(n.name + ".axes", axes), w.integers(n.name + ".steps", steps)},
          n.output);
  }
};
template <>
struct OnnxRules<Gather> {
  static void read(detail::OnnxReaders& readers) { readers.add("Gather", detail::read_gather, detail::OnnxElements::picked); }
  static void write(detail::OnnxWriter& w, const Gather& l, const detail::OnnxCall& n) {
    w.attribute(w.add("Gather", n.name, {n.inputs[0], w.integers(n.name + ".indices", l.indices)}, n.output), "axis",
                static_cast<std::int64_t>(detail::file_layout::axis(n.extent.size() + 1, l.axis + 1)));
  }
};

}  // namespace trimtab
