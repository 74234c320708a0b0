#pragma once
/// \file
/// Gemm and MatMul: with constant weights a Linear over the last axis, of two activations a MatMul.

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <trimtab/io/onnx/binary.hpp>
#include <trimtab/io/onnx/layer_codes.hpp>
#include <trimtab/io/onnx/mat_mul.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/net/operators/linear.hpp>

namespace trimtab {
namespace detail {

/// Linear layer on the last axis of x with weight[o * stride_o + i * stride_i] and a bias. Where the file's last axis is several
/// of the node's, such as C H W of a picture that was flattened, the weight's columns take the node's order.
inline void read_linear(const OnnxNode& n, OnnxActivation x, const OnnxFloats& w, bool outputs_first, float factor,
                        xt::xtensor<float, 1> bias) {
  const auto outputs = static_cast<std::size_t>(w.dims[outputs_first ? 0 : 1]),
             columns = static_cast<std::size_t>(w.dims[outputs_first ? 1 : 0]);
  const std::size_t stride_o = outputs_first ? columns : 1, stride_i = outputs_first ? 1 : outputs;
  if (x.rank() < 2) throw unsupported_error(message("a matrix product with a tensor of rank ", x.rank()));
  const BatchDims dims = n.import.dims(x);
  if (dims.back() != BatchInteger{static_cast<std::int64_t>(columns), 0})
    throw shape_error(message("expected an input of ", columns, " numbers, got ", dims.back()));
  // column[i] of the layer is column order[i] of the file.
  std::vector<std::size_t> order(columns);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const NodeAxes last = x.axes.back();
  NodeAxes sorted = last;
  std::sort(sorted.begin(), sorted.end());
  if (sorted != last && std::find(last.begin(), last.end(), std::size_t{0}) == last.end()) {
    const Extents& extent = n.import.extent(x);
    Dims lengths, strides;
    for (const std::size_t axis : sorted) {
      std::int64_t stride = 1;  // of the axis in the file's order
      for (std::size_t k = last.size(); k-- > 0 && last[k] != axis;) stride *= static_cast<std::int64_t>(extent[last[k] - 1]);
      lengths.push_back(static_cast<std::int64_t>(extent[axis - 1]));
      strides.push_back(stride);
    }
    std::size_t i = 0;
    walk<1>(lengths, {strides}, {0}, [&](const auto& at) { order[i++] = static_cast<std::size_t>(at[0]); });
    x.axes.back() = sorted;
  }
  n.import.charge(outputs * columns);
  auto weight = xt::xtensor<float, 2>::from_shape({outputs, columns});
  for (std::size_t o = 0; o < outputs; ++o)
    for (std::size_t i = 0; i < columns; ++i)
      weight.data()[o * columns + i] = factor * w.values[o * stride_o + order[i] * stride_i];
  // The last axis has to be the node's last one too.
  const std::size_t place = x.rank() - 1;
  x = with_last_axis(n.import, std::move(x), place);
  n.apply(std::move(x), Linear{std::move(weight), std::move(bias)});
  record_layer(n, outputs_first ? 0 : 1);
}

/// O I to I O.
template <class T>
std::vector<T> columns(const T* w, std::size_t outputs, std::size_t inputs) {
  std::vector<T> result(outputs * inputs);
  for (std::size_t o = 0; o < outputs; ++o)
    for (std::size_t i = 0; i < inputs; ++i) result[i * outputs + o] = w[o * inputs + i];
  return result;
}

/// alpha * A * B + beta * C with a constant B. C that is no row of constants is added by a node of its own.
inline void read_gemm(const OnnxNode& n) {
  n.require({"alpha", "beta", "transA", "transB"});
  n.require_inputs(2, 3);
  if (n.integer("transA", 0) != 0) throw unsupported_error("transA is not supported: it puts the batch behind");
  const OnnxActivation x = n.is_codes(1) ? n.activation(0) : n.real(0);
  if (x.rank() != 2) throw shape_error(message("expected an input of rank 2, got ", x.rank()));
  const bool outputs_first = n.integer("transB", 0) != 0;
  const float alpha = n.real("alpha", 1.0F), beta = n.real("beta", 1.0F);
  if (!std::isfinite(alpha) || !std::isfinite(beta)) throw parse_error("alpha or beta is not finite");
  const OnnxFloats w = n.layer_weights(1, 2);
  const auto outputs = static_cast<std::size_t>(w.dims[outputs_first ? 0 : 1]);
  xt::xtensor<float, 1> bias;
  bool added = false;
  if (n.is_known(2) || (n.is_codes(2) && !n.is_codes(1))) {
    const OnnxFloats c = n.floats(2);
    for (const float v : c.values)
      if (!std::isfinite(v)) throw parse_error("the bias holds a number that is not finite");
    const bool row = c.dims.size() < 2 || (c.dims.size() == 2 && c.dims[0] == 1);
    if (!row || (c.values.size() != 1 && c.values.size() != outputs))
      throw unsupported_error(message("C is neither one number nor one for each of ", outputs, " outputs"));
    std::vector<float> numbers(c.values.begin(), c.values.end());
    numbers.resize(outputs, numbers[0]);
    for (float& v : numbers) v *= beta;
    bias = to_vector(numbers);
  } else if (n.is_activation(2)) {
    if (beta != 1) throw unsupported_error(message("C is computed, with beta ", beta));
    added = true;
  }
  read_linear(n, x, w, outputs_first, n.is_codes(1) ? 1 : alpha, std::move(bias));
  multiply_layer(n, alpha, beta);
  if (!added) return;
  const OnnxActivation product = std::get<OnnxActivation>(*n.import.find(n.proto.output(0)));
  n.define(binary_of_two(n, n.name() + "/add", OnnxBinary::add, product, n.real(2)));
}

inline void read_matmul(const OnnxNode& n) {
  n.require({});
  n.require_inputs(2, 2);
  if (!n.is_activation(0) || n.is_activation(1) || (n.is_known(1) && n.known(1).dims.size() != 2)) return read_product(n);
  const OnnxActivation x = n.is_codes(1) ? n.activation(0) : n.real(0);
  read_linear(n, x, n.layer_weights(1, 2), false, 1.0F, {});
}

}  // namespace detail

/// A * B, where B is a constant of rank 2.
template <>
struct OnnxRules<Linear> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("Gemm", detail::read_gemm);
    readers.add("MatMul", detail::read_matmul);
  }
  /// Gemm of rows; of more axes MatMul over the last one, then Add.
  static void write(detail::OnnxWriter& w, const Linear& l, const detail::OnnxCall& n) {
    const std::size_t outputs = l.weight.shape(0), inputs = l.weight.shape(1);
    if (n.in[0].size() == 1) {
      std::vector<std::string> all{n.inputs[0], w.tensor<float>(n.name + ".weight", {outputs, inputs},
                                                                {l.weight.data(), l.weight.data() + l.weight.size()})};
      if (l.bias.size() != 0) all.push_back(w.row(n.name + ".bias", l.bias));
      w.attribute(w.add("Gemm", n.name, all, n.output), "transB", std::int64_t{1});
      return;
    }
    const std::string x = w.in_node_order(n);
    const std::string weight = w.tensor(n.name + ".weight", {inputs, outputs}, detail::columns(l.weight.data(), outputs, inputs));
    w.from_node_order(n, [&](const std::string& y) {
      if (l.bias.size() == 0) {
        w.add("MatMul", n.name, {x, weight}, y);
        return;
      }
      const std::string product = w.value(n, "product");
      w.add("MatMul", n.name, {x, weight}, product);
      w.add("Add", n.name + "/bias", {product, w.row(n.name + ".bias", l.bias)}, y);
    });
  }
  /// O I in the network. MatMulInteger takes I O, and a zero point for each column.
  static void write_codes(detail::OnnxCodesWriter& w, const Linear&) {
    const std::size_t outputs = w.node().layer->extent[0], inputs = w.node().layer->extent[1];
    const detail::OnnxLayerCodes layer = w.layer_codes();
    const bool row = w.node().extent.size() == 1;
    const auto columns = [&] {
      return w.tensor(w.name() + ".weight", {inputs, outputs}, detail::columns(layer.codes.data(), outputs, inputs));
    };
    if (w.form() == OnnxForm::qdq && row) {
      const std::string y = w.value("real"), weight = w.tensor(w.name() + ".weight", {outputs, inputs}, layer.codes);
      w.attribute(w.add("Gemm", w.name(), {w.real(), w.real_weight(layer, weight, 0), w.real_bias(layer)}, y), "transB",
                  std::int64_t{1});
      return w.quantize(y);
    }
    if (w.form() == OnnxForm::qdq) {
      const std::string weight = w.real_weight(layer, columns(), 1), bias = w.real_bias(layer), y = w.value("real");
      const detail::OnnxCall n = w.call(w.name(), {w.real()}, y);
      const std::string x = w.in_node_order(n);
      w.from_node_order(n, [&](const std::string& to) {
        const std::string product = w.value("product");
        w.add("MatMul", w.name(), {x, weight}, product);
        w.add("Add", w.name() + "/bias", {product, bias}, to);
      });
      return w.quantize(y);
    }
    const std::string weight = columns(), sum = w.value("sum");
    const detail::OnnxCall n = w.call(w.name(), {w.codes()}, sum);
    const std::string x = w.in_node_order(n);
    w.from_node_order(n, [&](const std::string& to) {
      w.add("MatMulInteger", w.name(),
            {x, weight, w.zero_point(w.in().zero_point), w.numbers(".weight_zero_point", layer.zero_point())}, to);
    });
    w.requantize(sum, w.channels(w.name() + ".bias", layer.bias, w.node().extent),
                 w.channels(w.name() + ".multiplier", layer.numbers->multiplier, w.node().extent));
  }
};

}  // namespace trimtab
