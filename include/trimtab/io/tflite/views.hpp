#pragma once
/// \file
/// The same numbers with other extents or axes in another order: RESHAPE, SQUEEZE, EXPAND_DIMS, TRANSPOSE.

#include <trimtab/io/tflite/rules.hpp>
#include <trimtab/net/operators/flatten.hpp>
#include <trimtab/net/operators/reshape.hpp>
#include <trimtab/net/operators/transpose.hpp>
#include <trimtab/ops/movement.hpp>

namespace trimtab {
namespace detail {

/// As the output's shape says; what computes it beside that is not looked at.
inline void read_reshape(const TfliteNode& n) {
  n.require(1, 2);
  if (n.is_known(0)) return n.define(n.floats(0));
  n.become(Reshape{n.output_extent()}, {n.node(0)});
}

inline void read_transpose(const TfliteNode& n) {
  n.require(2, 2);
  std::vector<std::size_t> order;
  const std::size_t rank = n.shape(0).size();
  for (const std::int64_t axis : n.integers(1)) order.push_back(TfliteNode::axis(axis, rank));
  if (order.size() != rank) throw shape_error(message("an order of ", order.size(), " axes for ", rank));
  if (n.is_known(0)) {
    const Movement m = transpose_movement(n.shape(0), order);
    const std::vector<float> from = n.floats(0);
    std::vector<float> to(from.size());
    move_forward<float>(m, from.data(), 1, from.size(), 0.0F, to.data());
    return n.define(std::move(to));
  }
  if (rank == 0 || order[0] != 0) throw unsupported_error("moves the batch");
  Transpose l;
  for (std::size_t i = 1; i < rank; ++i) l.order.push_back(order[i] - 1);
  n.become(std::move(l), {n.node(0)});
}

}  // namespace detail

template <>
struct TfliteRules<Reshape> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::reshape, detail::read_reshape);
    readers.add(tflite::OperatorCode::squeeze, detail::read_reshape);
    readers.add(tflite::OperatorCode::expand_dims, detail::read_reshape);
  }
  static std::int32_t write(detail::TfliteWriter& w, const Reshape&) {
    return w.reshaped(w.tensor_in(), w.node().extent, w.result());
  }
};
template <>
struct TfliteRules<Flatten> {
  static constexpr TfliteForm form = TfliteForm::both;
  static std::int32_t write(detail::TfliteWriter& w, const Flatten&) {
    return w.reshaped(w.tensor_in(), w.node().extent, w.result());
  }
};
template <>
struct TfliteRules<Transpose> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::transpose, detail::read_transpose); }
  static std::int32_t write(detail::TfliteWriter& w, const Transpose& l) {
    std::vector<std::int32_t> order{0};
    for (const std::size_t axis : l.order) order.push_back(static_cast<std::int32_t>(axis + 1));
    return w.moved(tflite::OperatorCode::transpose, 2, {order}, {26});
  }
};

}  // namespace trimtab
