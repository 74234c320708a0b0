#pragma once
/// \file
/// Softmax, LogSoftmax and ArgMax.

#include <cstdint>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/io/onnx/slice.hpp>
#include <trimtab/net/operators/arg_max.hpp>
#include <trimtab/net/operators/log_softmax.hpp>
#include <trimtab/net/operators/softmax.hpp>

namespace trimtab {
namespace detail {

/// At the end of a classifier it is left out, with a note: the network gives what goes into it.
template <class L>
void read_softmax(const OnnxNode& n) {
  n.require({"axis"});
  n.require_inputs(1, 1);
  OnnxActivation x = n.real(0);
  const BatchDims dims = n.import.dims(x);
  const BatchInteger one{1, 0};
  std::size_t axis = axis_of(n.integer("axis", n.opset() < 13 ? 1 : -1), x.rank());
  // Before opset 13 the axes behind the given one take part too.
  bool joined = false;
  if (n.opset() < 13) {
    std::size_t last = axis, longer = 0;
    for (std::size_t i = axis; i < dims.size(); ++i)
      if (dims[i] != one) last = i, ++longer;
    joined = longer > 1;
    if (!joined) axis = last;
  }
  bool classes = !joined && n.import.use.ends_with(n.proto.output(0));
  for (std::size_t i = 0; i < dims.size(); ++i) classes = classes && (i == axis || i == batch_axis(x) || dims[i] == one);
  if (classes) {
    n.import.notes.push_back(message(describe(n.proto), " at the end is left out: the network gives what goes into it"));
    return n.define(std::move(x));
  }
  if (joined) {
    BatchDims rows(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(axis));
    rows.push_back(product({dims.begin() + static_cast<std::ptrdiff_t>(axis), dims.end()}));
    x = seen_as(n.import, std::move(x), rows, n.maker());
  }
  x = with_single_axes(n.import, std::move(x), {axis});
  x.node = n.add(L{node_axis(x, axis)}, {x.node});
  n.define(joined ? seen_as(n.import, std::move(x), dims, n.maker()) : x);
}

inline void write_softmax(OnnxWriter& w, const char* op, std::size_t axis, const OnnxCall& n) {
  w.attribute(w.add(op, n), "axis", static_cast<std::int64_t>(file_layout::axis(n.extent.size() + 1, axis + 1)));
}

/// The index as a real number.
inline void read_arg_max(const OnnxNode& n) {
  n.require({"axis", "keepdims", "select_last_index"});
  n.require_inputs(1, 1);
  require_integer_attribute(n.proto, "select_last_index", 0);
  OnnxActivation x = n.real(0);
  const std::size_t axis = axis_of(n.integer("axis", 0), x.rank());
  x = with_single_axes(n.import, std::move(x), {axis});
  x.node = n.add(ArgMax{node_axis(x, axis), true}, {x.node});
  x.type = OnnxType::int64;
  if (n.integer("keepdims", 1) == 0) {
    x.axes.erase(x.axes.begin() + static_cast<std::ptrdiff_t>(axis));
    x.maker = std::make_shared<const std::string>(n.name() + "/flatten");
  }
  n.define(std::move(x));
}

}  // namespace detail

template <>
struct OnnxRules<Softmax> {
  static void read(detail::OnnxReaders& readers) { readers.add("Softmax", detail::read_softmax<Softmax>); }
  static void write(detail::OnnxWriter& w, const Softmax& l, const detail::OnnxCall& n) {
    detail::write_softmax(w, "Softmax", l.axis, n);
  }
};
template <>
struct OnnxRules<LogSoftmax> {
  static void read(detail::OnnxReaders& readers) { readers.add("LogSoftmax", detail::read_softmax<LogSoftmax>); }
  static void write(detail::OnnxWriter& w, const LogSoftmax& l, const detail::OnnxCall& n) {
    detail::write_softmax(w, "LogSoftmax", l.axis, n);
  }
};
template <>
struct OnnxRules<ArgMax> {
  static void read(detail::OnnxReaders& readers) { readers.add("ArgMax", detail::read_arg_max); }
  static void write(detail::OnnxWriter& w, const ArgMax& l, const detail::OnnxCall& n) {
    const std::size_t rank = n.in[0].size() + 1;
    const auto write = [&](const std::string& x, std::size_t axis, const std::string& y) {
      const std::string index = w.value(n, "index");
      auto& node = w.add("ArgMax", index, {x}, index);
      w.attribute(node, "axis", static_cast<std::int64_t>(axis));
      w.attribute(node, "keepdims", std::int64_t{l.keep_axis});
      w.attribute(w.add("Cast", n.name, {index}, y), "to", std::int64_t{::onnx::TensorProto::FLOAT});
    };
    if (l.keep_axis) return write(n.inputs[0], detail::file_layout::axis(rank, l.axis + 1), n.output);
    const std::string x = w.in_node_order(n);
    w.from_node_order(n, [&](const std::string& y) { write(x, l.axis + 1, y); });
  }
};

/// The table is what Softmax makes of its input's scale.
template <>
struct OnnxRules<SoftmaxTable> {
  static void write(detail::OnnxWriter& w, const SoftmaxTable& l, const detail::OnnxCall& n) {
    detail::write_softmax(w, "Softmax", l.axis, n);
  }
};

}  // namespace trimtab
