#pragma once
/// \file
/// SOFTMAX and LOG_SOFTMAX, along the last axis.

#include <cmath>
#include <trimtab/io/tflite/rules.hpp>
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
inline std::int32_t write_softmax(TfliteWriter& w, std::size_t axis) {
  if (axis + 1 != w.node().extent.size()) w.refuse("a Softmax along another axis than the last");
  return w.rounded(tflite::OperatorCode::softmax, 2, {w.tensor_in()}, tflite::Options{9}.real(0, 1.0F));  // beta
}

}  // namespace detail

template <>
struct TfliteRules<Softmax> {
  static constexpr TfliteForm form = TfliteForm::reals;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::softmax, detail::read_softmax); }
  static std::int32_t write(detail::TfliteWriter& w, const Softmax& l) { return detail::write_softmax(w, l.axis); }
};
template <>
struct TfliteRules<SoftmaxTable> {
  static constexpr TfliteForm form = TfliteForm::codes;
  static std::int32_t write(detail::TfliteWriter& w, const SoftmaxTable& l) { return detail::write_softmax(w, l.axis); }
};
template <>
struct TfliteRules<LogSoftmax> {
  static constexpr TfliteForm form = TfliteForm::reals;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::log_softmax, detail::read_log_softmax); }
  static std::int32_t write(detail::TfliteWriter& w, const LogSoftmax& l) {
    if (l.axis + 1 != w.node().extent.size()) w.refuse("a LogSoftmax along another axis than the last");
    return w.real_result(tflite::OperatorCode::log_softmax, {w.tensor_in()}, {36});
  }
};

}  // namespace trimtab
