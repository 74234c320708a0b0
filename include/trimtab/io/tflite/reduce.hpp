#pragma once
/// \file
/// MEAN, SUM, REDUCE_MAX, REDUCE_MIN, ARG_MAX.

#include <algorithm>
#include <trimtab/io/tflite/rules.hpp>
#include <trimtab/net/operators/arg_max.hpp>
#include <trimtab/net/operators/flatten.hpp>
#include <trimtab/net/operators/global_average_pool.hpp>
#include <trimtab/net/operators/reduce_max.hpp>
#include <trimtab/net/operators/reduce_mean.hpp>
#include <trimtab/net/operators/reduce_min.hpp>
#include <trimtab/net/operators/reduce_sum.hpp>

namespace trimtab {
namespace detail {

/// Inputs: x, axes.
template <class L>
L reduced_axes(const TfliteNode& n) {
  n.require(2, 2);
  L l;
  for (const std::int64_t axis : n.integers(1)) l.axes.push_back(TfliteNode::picture_axis(axis, n.shape(0).size()));
  std::sort(l.axes.begin(), l.axes.end());
  l.axes.erase(std::unique(l.axes.begin(), l.axes.end()), l.axes.end());
  l.keep_axes = n.byte(0) != 0;
  return l;
}
template <class L>
void read_reduction(const TfliteNode& n) {
  n.become(reduced_axes<L>(n), {n.node(0)});
}
/// Of reals over a picture it is the global pool.
inline void read_mean(const TfliteNode& n) {
  const ReduceMean l = reduced_axes<ReduceMean>(n);
  const NodeId x = n.node(0);
  if (l.axes != std::vector<std::size_t>{0, 1} || n.extent(0).size() != 3 || n.import.codes[x].grid ||
      n.import.grid(n.output()).grid) {
    n.become(l, {x});
  } else if (l.keep_axes) {
    n.become(GlobalAveragePool{}, {x});
  } else {
    n.become(Flatten{}, {n.import.add(GlobalAveragePool{}, {x}, n.name() + "/pool")});
  }
}
/// Indices are reals here.
inline void read_arg_max(const TfliteNode& n) {
  n.require(2, 2);
  const std::vector<std::int64_t> axis = n.integers(1);
  if (axis.size() != 1) throw parse_error(message(axis.size(), " axes, expected one"));
  n.define(n.import.add(ArgMax{TfliteNode::picture_axis(axis[0], n.shape(0).size()), false}, {n.node(0)}, n.name()));
  n.import.notes.push_back(message("'", n.name(), "' gives the places of its largest elements as reals"));
}

}  // namespace detail

template <>
struct TfliteRules<ReduceMean> {
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::mean, detail::read_mean); }
};
template <>
struct TfliteRules<GlobalAveragePool> {
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::mean, detail::read_mean); }
};
template <>
struct TfliteRules<ReduceSum> {
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::sum, detail::read_reduction<ReduceSum>); }
};
template <>
struct TfliteRules<ReduceMax> {
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::reduce_max, detail::read_reduction<ReduceMax>);
  }
};
template <>
struct TfliteRules<ReduceMin> {
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::reduce_min, detail::read_reduction<ReduceMin>);
  }
};
template <>
struct TfliteRules<ArgMax> {
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::arg_max, detail::read_arg_max); }
};

}  // namespace trimtab
