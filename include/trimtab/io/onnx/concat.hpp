#pragma once
/// \file
/// Concat along any axis but the batch.

#include <limits>
#include <trimtab/io/onnx/binary.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/net/operators/concat.hpp>

namespace trimtab {
namespace detail {

/// Constants among the inputs become Constant nodes.
inline void read_concat(const OnnxNode& n) {
  n.require({"axis"});
  n.require_inputs(1, std::numeric_limits<int>::max());
  if (!n.has_attribute("axis")) throw parse_error("lacks axis");
  std::vector<OnnxActivation> x;
  for (int i = 0; i < n.inputs(); ++i)
    if (n.is_activation(i)) x.push_back(n.activation(i));
  if (x.empty()) throw unsupported_error("on constants alone");
  const std::size_t rank = x[0].rank();
  for (const OnnxActivation& v : x)
    if (v.rank() != rank) throw shape_error("the inputs differ in their axes");
  OnnxAligned all = aligned(n.import, x, rank);
  std::size_t axis = axis_of(n.integer("axis", 0), rank) + (all.added ? 1 : 0);
  if (all.x[0].axes[axis] == NodeAxes{0}) {
    all.added = true;
    for (OnnxActivation& v : all.x) all.added = free_axis(n.import, v, axis) && all.added;
    if (!all.added) throw unsupported_error("joins along the axis of the batch");
    ++axis;
  }
  all.x[0] = plain(n.import, all.x[0]);
  const std::vector<std::size_t> order = node_order(all.x[0]);
  std::vector<NodeId> nodes;
  std::size_t next = 0;
  for (int i = 0; i < n.inputs(); ++i) {
    if (n.is_activation(i)) {
      nodes.push_back(arranged(n.import, all.x[next++], order).node);
      continue;
    }
    OnnxFloats c = n.floats(i);
    if (c.dims.size() != rank) throw shape_error("the inputs differ in their axes");
    if (!all.added && !c.values.empty() && c.dims[order[0]] != 1) c = once_along(c, order[0]);
    Dims dims(all.added ? 1 : 0, 1);
    dims.insert(dims.end(), c.dims.begin(), c.dims.end());
    const BatchDims seen = n.import.dims(all.x[0]);
    if (dims[order[0]] != 1) throw unsupported_error("a constant that differs between elements of the batch");
    // In the node's order.
    const Dims own = row_major(dims);
    Dims lengths, strides;
    for (std::size_t j = 1; j < order.size(); ++j) {
      if (order[j] != axis && seen[order[j]] != BatchInteger{dims[order[j]], 0})
        throw shape_error("the inputs differ in their extents");
      lengths.push_back(dims[order[j]]);
      strides.push_back(own[order[j]]);
    }
    std::vector<float> values;
    walk<1>(lengths, {strides}, {0}, [&](const auto& at) { values.push_back(c.values[static_cast<std::size_t>(at[0])]); });
    if (!values.empty()) nodes.push_back(constant_node(n.import, message(n.name(), "/constant"), lengths, values));
  }
  OnnxActivation y = all.x[0];
  const std::size_t place = y.axes[axis].at(0);
  const bool last = place == n.import.extent(y).size();
  y.node = n.add(Concat{last ? -1 : static_cast<std::ptrdiff_t>(place) - 1}, nodes);
  if (all.added) y.axes.erase(y.axes.begin());
  n.define(std::move(y));
}

}  // namespace detail

template <>
struct OnnxRules<Concat> {
  static void read(detail::OnnxReaders& readers) { readers.add("Concat", detail::read_concat); }
  static void write(detail::OnnxWriter& w, const Concat& l, const detail::OnnxCall& n) {
    const std::size_t axis = l.axis < 0 ? n.extent.size() - static_cast<std::size_t>(-l.axis) : static_cast<std::size_t>(l.axis);
    w.attribute(w.add("Concat", n), "axis", static_cast<std::int64_t>(detail::file_layout::axis(n.extent.size() + 1, axis + 1)));
  }
  /// Codes on the output's grid stand side by side as they are; others are brought there first, as Add's are.
  static void write_codes(detail::OnnxCodesWriter& w, const Concat& l) {
    if (w.form() == OnnxForm::qdq) return w.write_in_float(write, l);
    const Affine<float>& grid = w.node().grid;
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < w.node().inputs.size(); ++i)
      parts.push_back(w.in(i).scale == grid.scale && w.in(i).zero_point == grid.zero_point ? w.codes(i) : w.steps_as_codes(i));
    w.write_on_codes(write, l, parts);
  }
};

}  // namespace trimtab
