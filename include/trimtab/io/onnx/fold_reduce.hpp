#pragma once
/// \file
/// Operators that run along axes of constants, and those that make constants of numbers: reductions, running sums, ranges.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <trimtab/io/onnx/fold_elementwise.hpp>
#include <trimtab/io/onnx/fold_node.hpp>
#include <trimtab/io/onnx/fold_views.hpp>
#include <trimtab/io/onnx/read_tensor.hpp>
#include <vector>

namespace trimtab::detail {

enum class Reduction { sum, mean, product, largest, smallest };

/// The axes that a Reduce operator of any opset removes from a rank, rising; none when it changes nothing.
inline std::vector<std::size_t> reduced_axes(const FoldNode& n, std::size_t rank) {
  n.require({"axes", "keepdims", "noop_with_empty_axes"});
  const std::int64_t since = n.node.op_type() == "ReduceSum" ? 13 : 18;
  n.require_inputs(1, n.opset() < since ? 1 : 2);
  const auto given = n.attribute_or_input("axes", since, 1);
  std::vector<std::size_t> axes;
  if (given) axes = axes_of(*given, rank);
  if (axes.empty() && n.integer("noop_with_empty_axes", 0) == 0)
    for (std::size_t k = 0; k < rank; ++k) axes.push_back(k);
  std::sort(axes.begin(), axes.end());
  return axes;
}

template <class T>
T reduced(Reduction kind, const T& so_far, const T& x) {
  switch (kind) {
    case Reduction::product:
      return known::multiply(so_far, x);
    case Reduction::largest:
      return known::maximum(so_far, x);
    case Reduction::smallest:
      return known::minimum(so_far, x);
    default:
      return known::add(so_far, x);
  }
}

/// Elements are taken in row-major order; reals are summed in double and rounded once, integers never leave 64 bits.
template <Reduction kind>
Folded fold_reduction(const FoldNode& n) {
  const KnownTensor& x = n.input(0);
  const std::vector<std::size_t> axes = reduced_axes(n, x.dims.size());
  if (is_boolean(x.type)) throw unsupported_error("an input of bool");
  if (axes.empty()) return {x};
  const bool keep = n.integer("keepdims", 1) != 0;
  const Dims own = row_major(x.dims);
  Dims outer, inner, outer_strides, inner_strides, dims;
  for (std::size_t k = 0; k < x.dims.size(); ++k) {
    const bool gone = std::binary_search(axes.begin(), axes.end(), k);
    (gone ? inner : outer).push_back(x.dims[k]);
    (gone ? inner_strides : outer_strides).push_back(own[k]);
    if (!gone || keep) dims.push_back(gone ? 1 : x.dims[k]);
  }
  const std::size_t terms = count_of(inner);
  if (terms == 0 && kind != Reduction::sum && kind != Reduction::product && count_of(dims) != 0)
    throw shape_error("a reduction of no elements");
  n.charge_work(x.count());
  return {with_number_type(is_real(x.type), x.depends_on_batch(), [&]<class T>(const T&) {
    const KnownReader<T> read(x);
    std::vector<T> results;
    n.charge_result(dims, sizeof(T));
    walk<1>(outer, {outer_strides}, {0}, [&](const auto& start) {
      T value = known_as<T>(std::int64_t{kind == Reduction::product ? 1 : 0});
      bool first = true;
      walk<1>(inner, {inner_strides}, start, [&](const auto& at) {
        const T term = read(at[0]);
        value = first && (kind == Reduction::largest || kind == Reduction::smallest) ? term : reduced(kind, value, term);
        first = false;
      });
      if (kind == Reduction::mean) value = known::divide(value, known_as<T>(static_cast<std::int64_t>(terms)));
      results.push_back(value);
    });
    std::size_t i = 0;
    return n.make(x.type, dims, [&] { return results[i++]; });
  })};
}

/// Sums of all elements up to each one along an axis, with itself or (exclusive) without, from the front or (reverse) the end.
inline Folded fold_cum_sum(const FoldNode& n) {
  n.require({"exclusive", "reverse"});
  n.require_inputs(2, 2);
  const KnownTensor& x = n.input(0);
  if (is_boolean(x.type)) throw parse_error("an input of bool");
  const std::size_t axis = axis_of(known_number<std::int64_t>(n.input(1)), x.dims.size());
  const bool exclusive = n.integer("exclusive", 0) != 0, reverse = n.integer("reverse", 0) != 0;
  Dims outer = x.dims;
  const Dims strides = row_major(x.dims);
  outer[axis] = x.dims[axis] == 0 ? 0 : 1;
  return {with_number_type(is_real(x.type), x.depends_on_batch(), [&]<class T>(const T&) {
    const KnownReader<T> read(x);
    n.charge_result(x.dims, sizeof(T));
    std::vector<T> results(x.count());
    walk<1>(outer, {strides}, {0}, [&](const auto& start) {
      T sum{};
      for (std::int64_t j = 0; j < x.dims[axis]; ++j) {
        const std::int64_t at = start[0] + strides[axis] * (reverse ? x.dims[axis] - 1 - j : j);
        const T before = sum;
        sum = known::add(sum, read(at));
        results[static_cast<std::size_t>(at)] = exclusive ? before : sum;
      }
    });
    std::size_t i = 0;
    return n.make(x.type, x.dims, [&] { return results[i++]; });
  })};
}

/// start, start + delta, ... up to before limit.
inline Folded fold_range(const FoldNode& n) {
  n.require({});
  n.require_inputs(3, 3);
  const OnnxType type = n.input(0).type;
  if (n.input(1).type != type || n.input(2).type != type) throw parse_error("start, limit and delta differ in their types");
  if (is_real(type)) {
    const auto at = [&](std::size_t i) { return known_number<double>(n.input(i)); };
    const double start = at(0), delta = at(2), span = (at(1) - start) / delta;
    if (!std::isfinite(span) || span > 0x1p31) throw shape_error(message("a Range of ", span, " numbers"));
    double i = 0;
    return {n.make(type, {span > 0 ? static_cast<std::int64_t>(std::ceil(span)) : 0},
                   [&] { return start + round_real(delta * i++, type); })};
  }
  const auto at = [&](std::size_t i) { return known_number<std::int64_t>(n.input(i)); };
  const std::int64_t start = at(0), delta = at(2), span = known::subtract(at(1), start);
  const std::int64_t whole = known::divide(span, delta), count = whole + (span % delta != 0 && (span < 0) == (delta < 0) ? 1 : 0);
  std::int64_t i = 0;
  return {n.make(type, {std::max<std::int64_t>(count, 0)}, [&] { return known::add(start, known::multiply(delta, i++)); })};
}

/// One value, 0.0F unless given, everywhere.
inline Folded fold_constant_of_shape(const FoldNode& n) {
  n.require({"value"});
  n.require_inputs(1, 1);
  const Dims dims = known_integers(n.input(0));
  KnownTensor value = make_known(OnnxType::float32, {}, [] { return 0.0; });
  if (const auto* given = find_attribute(n.node, "value", ::onnx::AttributeProto::TENSOR)) {
    if (given->t().dims_size() > 1 || (given->t().dims_size() == 1 && given->t().dims(0) != 1))
      throw parse_error("value is not one number");
    value = read_known(given->t(), n.context.external).seen_as({});
  }
  return {n.stepped(value, dims, Dims(dims.size(), 0))};
}

}  // namespace trimtab::detail
