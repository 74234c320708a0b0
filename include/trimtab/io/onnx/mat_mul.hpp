#pragma once
/// \file
/// MatMul of two activations, or of one and a constant that is no matrix of weights.

#include <trimtab/io/onnx/binary.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/net/operators/mat_mul.hpp>

namespace trimtab {
namespace detail {

/// A product over the last axis of one operand and the last but one of the other. Both keep the file's order of axes.
inline void read_product(const OnnxNode& n) {
  std::vector<OnnxActivation> x;
  for (const int i : {0, 1}) {
    if (n.is_activation(i)) {
      x.push_back(n.real(i));
      continue;
    }
    const OnnxFloats c = n.floats(i);
    if (c.dims.size() < 2 || c.values.empty())
      throw unsupported_error(message("a product with a constant of rank ", c.dims.size()));
    for (const float v : c.values)
      if (!std::isfinite(v)) throw parse_error("a constant that is not finite");
    const NodeId id = constant_node(n.import, n.name() + "/constant", c.dims, {c.values.begin(), c.values.end()});
    OnnxActivation constant{id, {}};
    for (std::size_t k = 1; k <= c.dims.size(); ++k) constant.axes.push_back({k});
    x.push_back(std::move(constant));
  }
  const std::size_t rank = std::max(x[0].rank(), x[1].rank());
  if (x[0].rank() < 2 || x[1].rank() < 2) throw unsupported_error("a product with a vector");
  // A constant has a batch axis of its own in front, which the network gives it; the file's are behind it.
  std::vector<OnnxActivation> computed;
  for (const int i : {0, 1})
    if (n.is_activation(i)) computed.push_back(x[static_cast<std::size_t>(i)]);
  if (computed.empty()) throw unsupported_error("on constants alone");
  OnnxAligned both = aligned(n.import, computed, rank);
  std::vector<std::size_t> order(both.x[0].rank());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (order.size() < 3) throw unsupported_error("a product over the axis of the batch");
  std::size_t next = 0;
  std::vector<NodeId> nodes;
  for (const int i : {0, 1}) {
    if (n.is_activation(i)) {
      nodes.push_back(arranged(n.import, both.x[next++], order).node);
      continue;
    }
    OnnxActivation c = x[static_cast<std::size_t>(i)];
    c.axes.insert(c.axes.begin(), order.size() - c.rank(), NodeAxes{});
    if (!c.axes[0].empty() && n.import.extent(c)[0] != 1)
      throw unsupported_error("a constant that differs between elements of the batch");
    c.axes[0] = {0};
    nodes.push_back(arranged(n.import, c, order).node);
  }
  OnnxActivation y{n.add(MatMul{}, nodes), axes_in_order(order)};
  if (both.added) y.axes.erase(y.axes.begin());
  n.define(std::move(y));
}

/// Both operands in the node's order, of the output's rank, transposed where the node says so; then op(a, b).
template <class Multiply>
void write_product(OnnxWriter& w, const MatMul& l, const OnnxCall& n, const Multiply& multiply) {
  const std::size_t rank = n.extent.size() + 1;
  const auto operand = [&](std::size_t i, bool transposes) {
    std::string x = w.in_node_order(n, i);
    Extents wide;
    while (wide.size() + n.in[i].size() + 1 < rank) wide.push_back(1);
    const bool grows = wide.size() > 0;
    for (const std::size_t length : n.in[i]) wide.push_back(length);
    if (grows) x = w.reshaped(n, message("aligned_", i), x, wide);
    if (!transposes) return x;
    Extents perm;
    for (std::size_t k = 0; k + 2 < rank; ++k) perm.push_back(k);
    perm.push_back(rank - 1);
    perm.push_back(rank - 2);
    return w.transposed(n, message("transposed_", i), x, perm);
  };
  const std::string a = operand(0, l.transpose_a), b = operand(1, l.transpose_b);
  w.from_node_order(n, [&](const std::string& y) { multiply(a, b, y); });
}

}  // namespace detail

template <>
struct OnnxRules<MatMul> {
  static void write(detail::OnnxWriter& w, const MatMul& l, const detail::OnnxCall& n) {
    detail::write_product(w, l, n, [&](const std::string& a, const std::string& b, const std::string& y) {
      w.add("MatMul", n.name, {a, b}, y);
    });
  }
  /// Exact sums, then one product.
  static void write_codes(detail::OnnxCodesWriter& w, const MatMul& l) {
    if (w.form() == OnnxForm::qdq) return w.write_in_float(write, l);
    const std::string sum = w.value("sum"), floats = w.value("float");
    detail::write_product(
        w, l, w.call(w.name(), {w.codes(0), w.codes(1)}, sum),
        [&](const std::string& a, const std::string& b, const std::string& y) {
          w.add("MatMulInteger", w.name(), {a, b, w.zero_point(w.in(0).zero_point), w.zero_point(w.in(1).zero_point)}, y);
        });
    w.attribute(w.add("Cast", floats, {sum}, floats), "to", std::int64_t{::onnx::TensorProto::FLOAT});
    w.quantize_steps(floats, w.in(0).scale * w.in(1).scale / w.node().grid.scale);
  }
};

}  // namespace trimtab
