#pragma once
/// \file
/// MEAN, SUM, REDUCE_MAX, REDUCE_MIN, ARG_MAX.

#include <algorithm>
#include <trimtab/io/tflite/pools.hpp>
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

/// Axes of the network, with the batch before them.
inline std::vector<std::int32_t> file_axes(const std::vector<std::size_t>& axes) {
  std::vector<std::int32_t> result;
  for (const std::size_t axis : axes) result.push_back(static_cast<std::int32_t>(axis + 1));
  return result;
}
/// One of the codes.
template <class L>
std::int32_t write_extreme(TfliteWriter& w, const L& l, tflite::OperatorCode code) {
  return w.moved(code, 2, {file_axes(l.axes)}, tflite::Options{27}.byte(0, l.keep_axes));
}
/// A sum or a mean, which has a grid of its own.
inline std::int32_t write_sum(TfliteWriter& w, tflite::OperatorCode code, const std::vector<std::int32_t>& axes, bool keep_axes) {
  const std::int32_t row = w.row(w.name("/axes"), axes);
  return w.rounded(code, 2, {w.tensor_in(), row}, tflite::Options{27}.byte(0, keep_axes));
}

}  // namespace detail

template <>
struct TfliteRules<ReduceMean> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::mean, detail::read_mean); }
  static std::int32_t write(detail::TfliteWriter& w, const ReduceMean& l) {
    return detail::write_sum(w, tflite::OperatorCode::mean, detail::file_axes(l.axes), l.keep_axes);
  }
};
template <>
struct TfliteRules<GlobalAveragePool> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::mean, detail::read_mean); }
  /// In fixed point one window over the picture, else MEAN, whose output has a grid of its own.
  static std::int32_t write(detail::TfliteWriter& w, const GlobalAveragePool&) {
    const Extents& x = w.extent_in();
    if (w.is_fixed_point()) return detail::write_pool(w, tflite::OperatorCode::average_pool_2d, x[0], x[1], {}, false);
    return detail::write_sum(w, tflite::OperatorCode::mean, {1, 2}, true);
  }
};
template <>
struct TfliteRules<ReduceSum> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::sum, detail::read_reduction<ReduceSum>); }
  static std::int32_t write(detail::TfliteWriter& w, const ReduceSum& l) {
    return detail::write_sum(w, tflite::OperatorCode::sum, detail::file_axes(l.axes), l.keep_axes);
  }
};
template <>
struct TfliteRules<ReduceMax> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::reduce_max, detail::read_reduction<ReduceMax>);
  }
  static std::int32_t write(detail::TfliteWriter& w, const ReduceMax& l) {
    return detail::write_extreme(w, l, tflite::OperatorCode::reduce_max);
  }
};
template <>
struct TfliteRules<ReduceMin> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::reduce_min, detail::read_reduction<ReduceMin>);
  }
  static std::int32_t write(detail::TfliteWriter& w, const ReduceMin& l) {
    return detail::write_extreme(w, l, tflite::OperatorCode::reduce_min);
  }
};
template <>
struct TfliteRules<ArgMax> {
  static constexpr TfliteForm form = TfliteForm::reals;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::arg_max, detail::read_arg_max); }
  /// Places as reals. TFLite drops the axis, as the shape of the CAST does here.
  static std::int32_t write(detail::TfliteWriter& w, const ArgMax& l) {
    const auto axis = static_cast<std::int32_t>(l.axis + 1);
    const std::int32_t at = w.integers(w.name("/axis"), {1}, {axis});
    Extents dropped;
    for (std::size_t a = 0; a < w.extent_in().size(); ++a)
      if (a != l.axis) dropped.push_back(w.extent_in()[a]);
    const std::int32_t place = w.tensor(w.name("/place"), w.shape_of(dropped), tflite::TensorType::int32);
    w.operation(tflite::OperatorCode::arg_max, 1, {w.tensor_in(), at}, place,
                tflite::Options{40}.byte(0, tflite::TensorType::int32));
    if (!l.keep_axis) return w.real_result(tflite::OperatorCode::cast, {place}, cast_to_reals());
    const std::int32_t real = w.on_way(tflite::OperatorCode::cast, "/real", {place}, dropped, cast_to_reals());
    return w.reshaped(real, w.node().extent, w.result());
  }

 private:
  static tflite::Options cast_to_reals() {
    return tflite::Options{37}.byte(0, tflite::TensorType::int32).byte(1, tflite::TensorType::float32);
  }
};

}  // namespace trimtab
