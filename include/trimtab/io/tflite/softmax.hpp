#pragma once
/// \file
/// SOFTMAX, LOG_SOFTMAX and L2_NORMALIZATION, along the last axis.

#include <bit>
#include <cmath>
#include <trimtab/io/tflite/rules.hpp>
#include <trimtab/net/operators/l2_norm.hpp>
#include <trimtab/net/operators/log_softmax.hpp>
#include <trimtab/net/operators/softmax.hpp>
#include <utility>

namespace trimtab {
namespace detail {

inline std::size_t last_axis(const TfliteNode& n) {
  n.require(1, 1);
  return TfliteNode::picture_axis(-1, n.shape(0).size());
}
inline void read_softmax(const TfliteNode& n) {
  if (const float beta = n.real(0, 0.0F); beta != 1) throw unsupported_error(message("beta ", beta));
  const std::size_t axis = last_axis(n);
  const NodeId x = n.node(0), id = n.become(Softmax{axis}, {x});
  if (!n.import.codes[x].grid || !n.import.codes[id].grid) return;
  // TFLite's table: exp of a product, both in float32.
  SoftmaxTable l{axis, {}};
  for (std::size_t d = 0; d < 256; ++d) l.table.push_back(std::exp(-n.import.codes[x].grid->scale * static_cast<float>(d)));
  n.import.codes[id].op = std::move(l);
}
inline void read_log_softmax(const TfliteNode& n) { n.become(LogSoftmax{last_axis(n)}, {n.node(0)}); }
/// Lengths below 1e-6 count as that.
inline void read_l2_normalization(const TfliteNode& n) {
  n.become(L2Norm{last_axis(n), 1e-6F, L2Epsilon::at_least}, {n.node(0)}, n.activation(0));
}

}  // namespace detail

template <>
struct TfliteRules<Softmax> {
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::softmax, detail::read_softmax); }
};
template <>
struct TfliteRules<SoftmaxTable> {
  static std::int32_t write(detail::TfliteWriter& w, const SoftmaxTable& l) {
    if (l.axis + 1 != w.node().extent.size()) w.refuse("a Softmax along another axis than the last");
    tflite::Options options{9};
    options.fields.push_back({0, std::bit_cast<std::int32_t>(1.0F), 0, false});  // beta
    return w.rounded(tflite::OperatorCode::softmax, 2, {w.tensor_in()}, std::move(options));
  }
};
template <>
struct TfliteRules<LogSoftmax> {
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::log_softmax, detail::read_log_softmax); }
};
template <>
struct TfliteRules<L2Norm> {
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::l2_normalization, detail::read_l2_normalization);
  }
};

}  // namespace trimtab
