#pragma once
/// \file
/// Reductions over any axes but the batch: ReduceMean, ReduceSum, ReduceMax, ReduceMin, ReduceL2, and those made of them.

#include <algorithm>
#include <cstdint>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/net/operators/abs.hpp>
#include <trimtab/net/operators/global_average_pool.hpp>
#include <trimtab/net/operators/log.hpp>
#include <trimtab/net/operators/pow.hpp>
#include <trimtab/net/operators/reduce_l2.hpp>
#include <trimtab/net/operators/reduce_max.hpp>
#include <trimtab/net/operators/reduce_mean.hpp>
#include <trimtab/net/operators/reduce_min.hpp>
#include <trimtab/net/operators/reduce_sum.hpp>
#include <vector>

namespace trimtab {
namespace detail {

/// The axes of the file, and of the node with the batch as 0, that a reduction takes away.
struct OnnxReduced {
  std::vector<std::size_t> file, node;
  bool keep = true;
};

/// Axes are input 1 since opset `since`.
inline OnnxReduced read_reduced(const OnnxNode& n, const OnnxActivation& x, std::int64_t since) {
  n.require({"axes", "keepdims", "noop_with_empty_axes"});
  n.require_inputs(1, n.opset() < since ? 1 : 2);
  OnnxReduced r;
  r.keep = n.integer("keepdims", 1) != 0;
  const auto axes = n.attribute_or_input("axes", since, 1);
  if (axes && !axes->empty()) {
    r.file = axes_of(*axes, x.rank());
  } else if (n.integer("noop_with_empty_axes", 0) == 0) {
    for (std::size_t i = 0; i < x.rank(); ++i) r.file.push_back(i);
  }
  const BatchDims dims = n.import.dims(x);
  for (const std::size_t i : r.file)
    for (const std::size_t axis : x.axes[i]) {
      if (axis == 0 && !n.import.batch_is_one()) throw unsupported_error("reduces over the elements of the batch");
      if (axis != 0) r.node.push_back(axis - 1);
    }
  std::sort(r.node.begin(), r.node.end());
  return r;
}

/// y, of the node's rank, without the axes in the file, or with 1 in their place.
inline void define_reduced(const OnnxNode& n, OnnxActivation y, const OnnxReduced& r) {
  std::vector<NodeAxes> axes;
  for (std::size_t i = 0; i < y.rank(); ++i) {
    const bool gone = std::find(r.file.begin(), r.file.end(), i) != r.file.end();
    if (gone && !r.keep) continue;
    axes.push_back(y.axes[i]);
  }
  y.axes = std::move(axes);
  y.maker = r.keep ? nullptr : std::make_shared<const std::string>(n.import.network[y.node].name + "/flatten");
  n.define(std::move(y));
}

template <class L>
NodeId reduction_node(const OnnxNode& n, const OnnxActivation& x, const OnnxReduced& r) {
  if (r.node.empty()) return x.node;
  return n.add(L{r.node, true}, {x.node});
}
/// A reduction of x whose nodes make(x, axes) gives. The axes are input 1 since opset `since`.
template <class Make>
void read_reduction_by(const OnnxNode& n, OnnxActivation x, std::int64_t since, const Make& make) {
  const OnnxReduced r = read_reduced(n, x, since);
  x.node = make(x, r);
  define_reduced(n, std::move(x), r);
}
/// The largest or the least, of codes as well as of reals.
template <class L>
void read_extreme(const OnnxNode& n) {
  read_reduction_by(n, n.activation(0), 18,
                    [&](const OnnxActivation& x, const OnnxReduced& r) { return reduction_node<L>(n, x, r); });
}
/// Over all pixels it is a GlobalAveragePool.
inline void read_reduce_mean(const OnnxNode& n) {
  read_reduction_by(n, n.real(0), 18, [&](const OnnxActivation& x, const OnnxReduced& r) {
    const bool pixels = n.import.extent(x).size() == 3 && r.node == std::vector<std::size_t>{0, 1};
    return pixels ? n.add(GlobalAveragePool{}, {x.node}) : reduction_node<ReduceMean>(n, x, r);
  });
}
inline void read_reduce_sum(const OnnxNode& n) {
  read_reduction_by(n, n.real(0), 13,
                    [&](const OnnxActivation& x, const OnnxReduced& r) { return reduction_node<ReduceSum>(n, x, r); });
}
inline void read_reduce_l2(const OnnxNode& n) {
  read_reduction_by(n, n.real(0), 18, [&](const OnnxActivation& x, const OnnxReduced& r) {
    return r.node.empty() ? n.add(Abs{}, {x.node}) : reduction_node<ReduceL2>(n, x, r);
  });
}
inline void read_reduce_l1(const OnnxNode& n) {
  read_reduction_by(n, n.real(0), 18, [&](OnnxActivation x, const OnnxReduced& r) {
    x.node = n.add("abs", Abs{}, {x.node});
    return reduction_node<ReduceSum>(n, x, r);
  });
}
inline void read_reduce_sum_square(const OnnxNode& n) {
  read_reduction_by(n, n.real(0), 18, [&](OnnxActivation x, const OnnxReduced& r) {
    x.node = n.add("square", Pow{2}, {x.node});
    return reduction_node<ReduceSum>(n, x, r);
  });
}
inline void read_reduce_log_sum(const OnnxNode& n) {
  read_reduction_by(n, n.real(0), 18, [&](const OnnxActivation& x, const OnnxReduced& r) {
    return n.add("log", Log{}, {reduction_node<ReduceSum>(n, x, r)});
  });
}

/// Axes that go leave another rank behind, and with it another layout.
template <class L>
void write_reduction(OnnxWriter& w, const std::string& op, const L& l, const OnnxCall& n) {
  const std::size_t rank = n.in[0].size() + 1;
  Extents axes;
  for (const std::size_t axis : l.axes) axes.push_back(l.keep_axes ? file_layout::axis(rank, axis + 1) : axis + 1);
  if (axes.size() == 0) {
    if (op == "ReduceL2")
      w.add("Abs", n);
    else
      w.add("Identity", n);
    return;
  }
  std::sort(axes.begin(), axes.end());
  const auto write = [&](const std::string& x, const std::string& y) {
    std::vector<std::string> inputs{x};
    if (op == "ReduceSum") inputs.push_back(w.integers(n.name + ".axes", axes));
    auto& node = w.add(op.c_str(), n.name, inputs, y);
    if (op != "ReduceSum") w.attribute(node, "axes", axes);
    w.attribute(node, "keepdims", std::int64_t{l.keep_axes});
  };
  if (l.keep_axes) return write(n.inputs[0], n.output);
  const std::string x = w.in_node_order(n);
  w.from_node_order(n, [&](const std::string& y) { write(x, y); });
}
template <class L>
std::size_t reduced_count(const OnnxCodesWriter& w, const L& l) {
  const Extents in = w.call("", {}, "").in[0];
  std::size_t count = 1;
  for (const std::size_t axis : l.axes) count *= in[axis];
  return count;
}
template <class L>
void write_reduction_of_codes(OnnxCodesWriter& w, const std::string& op, const L& l, float m) {
  const std::string x = w.real(0, 1), y = w.value("sum");
  write_reduction(w, op, l, w.call(w.name(), {x}, y));
  w.quantize_steps(y, m);
}

}  // namespace detail

template <>
struct OnnxRules<ReduceMean> {
  static void read(detail::OnnxReaders& readers) { readers.add("ReduceMean", detail::read_reduce_mean); }
  static void write(detail::OnnxWriter& w, const ReduceMean& l, const detail::OnnxCall& n) {
    detail::write_reduction(w, "ReduceMean", l, n);
  }
  /// The sum of codes is exact below 2^24, then one product.
  static void write_codes(detail::OnnxCodesWriter& w, const ReduceMean& l) {
    if (w.form() == OnnxForm::qdq) return w.write_in_float(write, l);
    detail::write_reduction_of_codes(w, "ReduceSum", l,
                                     w.in().scale / (w.node().grid.scale * static_cast<float>(detail::reduced_count(w, l))));
  }
};
template <>
struct OnnxRules<ReduceSum> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("ReduceL1", detail::read_reduce_l1);
    readers.add("ReduceLogSum", detail::read_reduce_log_sum);
    readers.add("ReduceSum", detail::read_reduce_sum);
    readers.add("ReduceSumSquare", detail::read_reduce_sum_square);
  }
  static void write(detail::OnnxWriter& w, const ReduceSum& l, const detail::OnnxCall& n) {
    detail::write_reduction(w, "ReduceSum", l, n);
  }
  /// The sum of codes is exact below 2^24, then one product.
  static void write_codes(detail::OnnxCodesWriter& w, const ReduceSum& l) {
    if (w.form() == OnnxForm::qdq) return w.write_in_float(write, l);
    detail::write_reduction_of_codes(w, "ReduceSum", l, w.in().scale / w.node().grid.scale);
  }
};
template <>
struct OnnxRules<ReduceMax> {
  static void read(detail::OnnxReaders& readers) { readers.add("ReduceMax", detail::read_extreme<ReduceMax>); }
  static void write(detail::OnnxWriter& w, const ReduceMax& l, const detail::OnnxCall& n) {
    detail::write_reduction(w, "ReduceMax", l, n);
  }
};
template <>
struct OnnxRules<ReduceMin> {
  static void read(detail::OnnxReaders& readers) { readers.add("ReduceMin", detail::read_extreme<ReduceMin>); }
  static void write(detail::OnnxWriter& w, const ReduceMin& l, const detail::OnnxCall& n) {
    detail::write_reduction(w, "ReduceMin", l, n);
  }
};
template <>
struct OnnxRules<ReduceL2> {
  static void read(detail::OnnxReaders& readers) { readers.add("ReduceL2", detail::read_reduce_l2); }
  static void write(detail::OnnxWriter& w, const ReduceL2& l, const detail::OnnxCall& n) {
    detail::write_reduction(w, "ReduceL2", l, n);
  }
  /// The sum of squares is exact below 2^24, then one product.
  static void write_codes(detail::OnnxCodesWriter& w, const ReduceL2& l) {
    if (w.form() == OnnxForm::qdq) return w.write_in_float(write, l);
    detail::write_reduction_of_codes(w, "ReduceL2", l, w.in().scale / w.node().grid.scale);
  }
};

}  // namespace trimtab
