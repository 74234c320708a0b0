#pragma once
/// \file
/// FULLY_CONNECTED and BATCH_MATMUL.

#include <trimtab/io/tflite/layer.hpp>
#include <trimtab/net/operators/flatten.hpp>
#include <trimtab/net/operators/linear.hpp>
#include <trimtab/net/operators/mat_mul.hpp>
#include <trimtab/net/operators/reshape.hpp>
#include <utility>

namespace trimtab {
namespace detail {

/// Weights O I. All of a picture is one row, unless the options keep the axes.
inline void read_fully_connected(const TfliteNode& n) {
  n.require(2, 3);
  if (n.byte(1) != 0) throw unsupported_error("weights in a shuffled order");
  const Extents shape = n.shape(1);
  if (shape.size() != 2) throw shape_error(message("weights of extents ", shape));
  TfliteWeights w = read_weights(n, 1, 0, n.node(0));
  const std::vector<float> bias = read_bias(n, 2, shape[0], w.layer, n.node(0));
  NodeId x = n.node(0);
  const Extents from = n.extent(0), to = n.output_extent();
  // In rows of I numbers, as many for each batch element as there are of O.
  const bool rows = from.size() > 0 && from.back() == shape[1] && to.size() > 0 &&
                    element_count(from) / shape[1] * shape[0] == element_count(to);
  if (!rows || to.size() != from.size()) {
    if (element_count(from) != shape[1]) throw shape_error(message("extents ", from, " for weights of extents ", shape));
    if (from.size() != 1) x = n.between(Flatten{}, x, "flatten");
  }
  become_layer(n, Linear{as_tensor<2>(w.reals, {shape[0], shape[1]}), as_tensor<1>(bias, {bias.size()})}, x, n.activation(0),
               std::move(w.layer));
}

/// Of two activations, or of one and a constant.
inline void read_batch_matmul(const TfliteNode& n) {
  n.require(2, 2);
  n.become(MatMul{n.byte(0) != 0, n.byte(1) != 0}, {n.node(0), n.node(1)});
}

}  // namespace detail

template <>
struct TfliteRules<Linear> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::fully_connected, detail::read_fully_connected, 3);
  }
  /// Of more axes than one: keep_num_dims.
  static std::int32_t write(detail::TfliteWriter& w, const Linear&) {
    const bool rows = w.node().extent.size() > 1;
    const auto [weight, bias] = detail::write_weights(w);
    tflite::Options options{8};
    if (rows) options.byte(2, 1);
    return w.computed(tflite::OperatorCode::fully_connected, rows ? 5 : 4, {w.tensor_in(), weight, bias}, options, 0);
  }
};
template <>
struct TfliteRules<MatMul> {
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::batch_matmul, detail::read_batch_matmul, 2);
  }
  /// BATCH_MATMUL has no kernel for uint8.
  static TfliteForm form(const detail::TfliteWriter& w, const MatMul&) {
    return w.is_int8() ? TfliteForm::both : TfliteForm::reals;
  }
  static std::int32_t write(detail::TfliteWriter& w, const MatMul& l) {
    return w.rounded(tflite::OperatorCode::batch_matmul, 2, {w.tensor_in(0), w.tensor_in(1)},
                     tflite::Options{101}.byte(0, l.transpose_a).byte(1, l.transpose_b));
  }
};

}  // namespace trimtab
