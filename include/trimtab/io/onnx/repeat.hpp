#pragma once
/// \file
/// Expand and Tile: the same elements several times.

#include <algorithm>
#include <cstdint>
#include <trimtab/io/onnx/binary.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/io/onnx/slice.hpp>
#include <trimtab/net/operators/expand.hpp>
#include <trimtab/net/operators/tile.hpp>
#include <vector>

namespace trimtab {
namespace detail {

/// A number of elements in 1 .. 2^28.
inline std::size_t repeated_extent(std::int64_t extent) {
  if (extent < 1 || extent > (1 << 28)) throw unsupported_error(message("extent ", extent));
  return static_cast<std::size_t>(extent);
}

/// A constant for every element of the batch: a node that gives it.
inline void expand_over_batch(const OnnxNode& n, const BatchDims& shape) {
  const OnnxFloats c = n.floats(0);
  Dims wanted;  // without the batch
  for (std::size_t i = 1; i < shape.size(); ++i) wanted.push_back(known_as<std::int64_t>(shape[i]));
  Dims dims = c.dims;
  if (dims.size() == shape.size() && dims[0] == 1) dims.erase(dims.begin());
  if (shape.empty() || shape[0] != n.import.batch || dims.size() > wanted.size())
    throw unsupported_error("of a constant to extents of which the first is not the batch");
  const Dims lengths = broadcast(dims, wanted);
  std::vector<std::size_t> extents;
  for (const std::int64_t length : lengths) extents.push_back(repeated_extent(length));
  n.import.charge_extents(extents);
  std::vector<float> values;
  walk<1>(lengths, {broadcast_strides(dims, lengths)}, {0},
          [&](const auto& at) { values.push_back(c.values[static_cast<std::size_t>(at[0])]); });
  OnnxActivation y;
  y.node = constant_node(n.import, n.name(), lengths, values);
  for (std::size_t i = 0; i < shape.size(); ++i) y.axes.push_back({i});
  n.define(std::move(y));
}

/// Both ways: an extent of 1 in the shape keeps the input's.
inline void read_expand(const OnnxNode& n) {
  n.require({});
  n.require_inputs(2, 2);
  BatchDims shape = known_integers<BatchInteger>(n.known(1));
  if (n.is_known(0)) return expand_over_batch(n, shape);
  OnnxActivation x = n.activation(0);
  const std::size_t rank = std::max(shape.size(), x.rank());
  shape.insert(shape.begin(), rank - shape.size(), BatchInteger{1, 0});
  OnnxAligned one = aligned(n.import, {x}, rank);
  x = std::move(one.x[0]);
  if (one.added) shape.insert(shape.begin(), BatchInteger{1, 0});
  const bool freed = !one.added && rank > 0 && shape[0] != BatchInteger{1, 0} && free_axis(n.import, x, 0);
  if (freed) shape.insert(shape.begin(), BatchInteger{1, 0});
  const BatchDims now = n.import.dims(x);
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == BatchInteger{1, 0} || shape[i] == now[i]) continue;
    if (now[i] != BatchInteger{1, 0}) throw shape_error(message("extents ", now[i], " and ", shape[i], " do not broadcast"));
    changed.push_back(i);
  }
  if (!changed.empty()) {
    x = with_single_axes(n.import, std::move(x), changed);
    std::vector<std::size_t> extents(n.import.extent(x).begin(), n.import.extent(x).end());
    for (const std::size_t i : changed) extents[node_axis(x, i)] = repeated_extent(known_as<std::int64_t>(shape[i]));
    n.import.charge_extents(extents);
    x.node = n.add(Expand{Extents(extents.begin(), extents.end())}, {x.node});
  }
  if (one.added || freed) x.axes.erase(x.axes.begin());
  n.define(std::move(x));
}

inline void read_tile(const OnnxNode& n) {
  n.require({});
  n.require_inputs(2, 2);
  std::vector<std::int64_t> repeats = n.integers(1);
  OnnxActivation x = n.activation(0);
  if (repeats.size() != x.rank()) throw shape_error(message(repeats.size(), " repeats for ", x.rank(), " axes"));
  bool freed = false;
  for (std::size_t i = 0; i < x.rank() && !freed; ++i) freed = repeats[i] != 1 && free_axis(n.import, x, i);
  if (freed) repeats.insert(repeats.begin(), 1);
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; i < repeats.size(); ++i)
    if (repeats[i] != 1) changed.push_back(i);
  if (!changed.empty()) {
    x = with_single_axes(n.import, std::move(x), changed);
    const Extents& from = n.import.extent(x);
    Tile tile{std::vector<std::size_t>(from.size(), 1)};
    std::vector<std::size_t> extents(from.begin(), from.end());
    for (const std::size_t i : changed) {
      const std::size_t axis = node_axis(x, i);
      tile.repeats[axis] = repeated_extent(repeats[i]);
      extents[axis] *= tile.repeats[axis];
    }
    n.import.charge_extents(extents);
    x.node = n.add(std::move(tile), {x.node});
  }
  if (freed) x.axes.erase(x.axes.begin());
  n.define(std::move(x));
}

}  // namespace detail

template <>
struct OnnxRules<Expand> {
  static void read(detail::OnnxReaders& readers) { readers.add("Expand", detail::read_expand, detail::OnnxElements::picked); }
  static void write(detail::OnnxWriter& w, const Expand&, const detail::OnnxCall& n) {
    Extents shape{1};
    for (const std::size_t length : detail::file_layout::extents(n.extent)) shape.push_back(length);
    w.add("Expand", n.name, {w.aligned(n, 0), w.integers(n.name + ".shape", shape)}, n.output);
  }
};
template <>
struct OnnxRules<Tile> {
  static void read(detail::OnnxReaders& readers) { readers.add("Tile", detail::read_tile, detail::OnnxElements::picked); }
  static void write(detail::OnnxWriter& w, const Tile& l, const detail::OnnxCall& n) {
    const std::size_t rank = n.extent.size() + 1;
    std::vector<std::size_t> repeats{1};
    for (std::size_t i = 1; i < rank; ++i) repeats.push_back(l.repeats[detail::file_layout::node_axis(rank, i) - 1]);
    w.add("Tile", n.name, {n.inputs[0], w.integers(n.name + ".repeats", repeats)}, n.output);
  }
};

}  // namespace trimtab
