#pragma once
/// \file
/// Normalization by a value's own statistics: InstanceNormalization, GroupNormalization, LayerNormalization, LpNormalization,
/// LRN.

#include <cmath>
#include <cstdint>
#include <limits>
#include <trimtab/io/onnx/batch_norm.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/io/onnx/slice.hpp>
#include <trimtab/net/operators/abs.hpp>
#include <trimtab/net/operators/clip.hpp>
#include <trimtab/net/operators/div.hpp>
#include <trimtab/net/operators/group_norm.hpp>
#include <trimtab/net/operators/instance_norm.hpp>
#include <trimtab/net/operators/l2_norm.hpp>
#include <trimtab/net/operators/layer_norm.hpp>
#include <trimtab/net/operators/local_response_norm.hpp>
#include <trimtab/net/operators/reduce_sum.hpp>

namespace trimtab {
namespace detail {

inline float read_epsilon(const OnnxNode& n) {
  const float epsilon = n.real("epsilon", 1e-5F);
  if (!(epsilon >= 0) || !std::isfinite(epsilon)) throw parse_error(message("epsilon ", epsilon));
  return epsilon;
}

inline void read_instance_norm(const OnnxNode& n) {
  n.require({"epsilon"});
  n.require_inputs(3, 3);
  const OnnxActivation x = channels_last(n, n.real(0));
  const std::size_t channels = n.import.extent(x).back();
  n.apply(x, InstanceNorm{n.vector(1, channels), n.vector(2, channels), read_epsilon(n)});
}

/// Scale and bias are one for each group before opset 21, one for each channel since.
inline void read_group_norm(const OnnxNode& n) {
  n.require({"epsilon", "num_groups", "stash_type"});
  n.require_inputs(3, 3);
  require_integer_attribute(n.proto, "stash_type", 1);
  const OnnxActivation x = channels_last(n, n.real(0));
  const std::size_t channels = n.import.extent(x).back();
  const std::int64_t groups = n.integer("num_groups", 0);
  if (groups < 1 || static_cast<std::uint64_t>(groups) > channels || channels % static_cast<std::size_t>(groups) != 0)
    throw shape_error(message(groups, " groups of ", channels, " channels"));
  const auto count = static_cast<std::size_t>(groups);
  const auto each_channel = [&](int i) {
    if (n.opset() >= 21) return n.vector(i, channels);
    const xt::xtensor<float, 1> of_groups = n.vector(i, count);
    auto row = xt::xtensor<float, 1>::from_shape({channels});
    for (std::size_t c = 0; c < channels; ++c) row(c) = of_groups(c / (channels / count));
    return row;
  };
  n.apply(x, GroupNorm{each_channel(1), each_channel(2), read_epsilon(n), count});
}

/// Over the axes from `axis` on, which have to be the node's last ones in the file's order.
inline void read_layer_norm(const OnnxNode& n) {
  n.require({"axis", "epsilon", "stash_type"});
  n.require_inputs(2, 3);
  require_integer_attribute(n.proto, "stash_type", 1);
  OnnxActivation x = plain(n.import, n.real(0));
  const std::size_t axis = axis_of(n.integer("axis", -1), x.rank()), last = x.rank() - axis;
  std::vector<std::size_t> order = node_order(x);
  bool fits = true;
  for (std::size_t k = 0; k < last; ++k) fits = fits && order[axis + k] == axis + k;
  if (!fits) {
    std::vector<std::size_t> wanted;
    for (const std::size_t i : order)
      if (i < axis) wanted.push_back(i);
    for (std::size_t i = axis; i < x.rank(); ++i) wanted.push_back(i);
    x = arranged(n.import, std::move(x), wanted);
  }
  const BatchDims dims = n.import.dims(x);
  std::vector<std::size_t> shape;
  for (std::size_t i = axis; i < x.rank(); ++i) shape.push_back(static_cast<std::size_t>(known_as<std::int64_t>(dims[i])));
  const auto parameter = [&](int i, float fallback) {
    xt::xarray<float> values = xt::xarray<float>::from_shape(shape);
    if (!n.has(i)) {
      values.fill(fallback);
      return values;
    }
    const OnnxFloats given = n.floats(i);
    for (const float v : given.values)
      if (!std::isfinite(v)) throw parse_error(message("'", n.proto.input(i), "' holds a number that is not finite"));
    const Dims wanted(shape.begin(), shape.end()), strides = broadcast_strides(given.dims, wanted);
    if (given.dims.size() > wanted.size() || broadcast(given.dims, wanted) != wanted || given.values.empty())
      throw shape_error(message("'", n.proto.input(i), "' does not fit the axes that are normalized"));
    std::size_t k = 0;
    walk<1>(wanted, {strides}, {0}, [&](const auto& at) { values.data()[k++] = given.values[static_cast<std::size_t>(at[0])]; });
    return values;
  };
  xt::xarray<float> gamma = parameter(1, 1.0F), beta = parameter(2, 0.0F);
  n.apply(std::move(x), LayerNorm{std::move(gamma), std::move(beta), read_epsilon(n)});
}

inline void read_lp_norm(const OnnxNode& n) {
  n.require({"axis", "p"});
  n.require_inputs(1, 1);
  const std::int64_t p = n.integer("p", 2);
  if (p != 1 && p != 2) throw unsupported_error(message("p ", p, " is not supported, only 1 and 2"));
  OnnxActivation x = n.real(0);
  const std::size_t axis = axis_of(n.integer("axis", -1), x.rank());
  x = with_single_axes(n.import, std::move(x), {axis});
  const std::size_t place = node_axis(x, axis);
  if (p == 2) return n.apply(std::move(x), L2Norm{place, 0.0F, L2Epsilon::at_least});
  const NodeId sum = n.add("sum", ReduceSum{{place}, true}, {n.add("abs", Abs{}, {x.node})});
  const NodeId divisor = n.add("divisor", Clip{std::numeric_limits<float>::min(), no_clip.hi}, {sum});  // zeros stay zeros
  x.node = n.add(Div{}, {x.node, divisor});
  n.define(std::move(x));
}

inline void read_lrn(const OnnxNode& n) {
  n.require({"alpha", "beta", "bias", "size"});
  n.require_inputs(1, 1);
  const std::int64_t size = n.integer("size", 0);
  if (size < 1 || size > (1 << 24)) throw parse_error(message("size ", size));
  n.apply(channels_last(n, n.real(0)),
          LocalResponseNorm{static_cast<std::size_t>(size), n.real("alpha", 1e-4F), n.real("beta", 0.75F), n.real("bias", 1.0F)});
}

}  // namespace detail

template <>
struct OnnxRules<InstanceNorm> {
  static void read(detail::OnnxReaders& readers) { readers.add("InstanceNormalization", detail::read_instance_norm); }
  static void write(detail::OnnxWriter& w, const InstanceNorm& l, const detail::OnnxCall& n) {
    w.over_channels(n, [&](const std::string& x, const std::string& y) {
      w.attribute(
          w.add("InstanceNormalization", n.name, {x, w.row(n.name + ".gamma", l.gamma), w.row(n.name + ".beta", l.beta)}, y),
          "epsilon", l.epsilon);
    });
  }
};
template <>
struct OnnxRules<GroupNorm> {
  static void read(detail::OnnxReaders& readers) { readers.add("GroupNormalization", detail::read_group_norm); }
  /// InstanceNormalization of groups, then gamma and beta: the operator of its own has a number a channel since opset 21.
  static void write(detail::OnnxWriter& w, const GroupNorm& l, const detail::OnnxCall& n) {
    w.over_channels(n, [&](const std::string& x, const std::string& y) {
      const std::size_t channels = n.extent.back();
      Extents extent{channels}, axis{channels};
      for (std::size_t i = 0; i + 1 < n.extent.size(); ++i) {
        extent.push_back(n.extent[i]);
        axis.push_back(1);
      }
      const std::string groups = w.reshaped(n, "groups", x, {l.groups, element_count(n.extent) / l.groups});
      const std::vector<float> ones(l.groups, 1.0F), zeros(l.groups, 0.0F);
      const std::string normal = w.value(n, "normal");
      w.attribute(w.add("InstanceNormalization", normal, {groups, w.row(n.name + ".ones", ones), w.row(n.name + ".zeros", zeros)},
                        normal),
                  "epsilon", l.epsilon);
      const std::string back = w.reshaped(n, "channels", normal, extent);
      const auto row = [&](const char* what, const xt::xtensor<float, 1>& values) {
        return w.tensor<float>(n.name + what, axis, {values.begin(), values.end()});
      };
      w.add("Add", n.name, {w.part("Mul", n, "scaled", {back, row(".gamma", l.gamma)}), row(".beta", l.beta)}, y);
    });
  }
};
template <>
struct OnnxRules<LayerNorm> {
  static void read(detail::OnnxReaders& readers) { readers.add("LayerNormalization", detail::read_layer_norm); }
  static void write(detail::OnnxWriter& w, const LayerNorm& l, const detail::OnnxCall& n) {
    w.require_opset(17);
    const std::string x = w.in_node_order(n);
    const auto tensor = [&](const char* what, const xt::xarray<float>& values) {
      return w.tensor<float>(n.name + what, Extents(values.shape().begin(), values.shape().end()),
                             {values.data(), values.data() + values.size()});
    };
    w.from_node_order(n, [&](const std::string& y) {
      auto& node = w.add("LayerNormalization", n.name, {x, tensor(".gamma", l.gamma), tensor(".beta", l.beta)}, y);
      w.attribute(node, "axis", -static_cast<std::int64_t>(l.gamma.dimension()));
      w.attribute(node, "epsilon", l.epsilon);
    });
  }
};
template <>
struct OnnxRules<L2Norm> {
  static void read(detail::OnnxReaders& readers) { readers.add("LpNormalization", detail::read_lp_norm); }
  /// LpNormalization, or with an epsilon x / max(|x|, epsilon) or x / sqrt(|x|^2 + epsilon).
  static void write(detail::OnnxWriter& w, const L2Norm& l, const detail::OnnxCall& n) {
    const auto axis = static_cast<std::int64_t>(detail::file_layout::axis(n.extent.size() + 1, l.axis + 1));
    if (l.epsilon == 0) {
      auto& node = w.add("LpNormalization", n);
      w.attribute(node, "axis", axis);
      w.attribute(node, "p", std::int64_t{2});
      return;
    }
    const bool at_least = l.rule == L2Epsilon::at_least;
    const std::string sum = w.value(n, "sum"), epsilon = w.number(n.name + ".epsilon", l.epsilon);
    auto& reduced = w.add(at_least ? "ReduceL2" : "ReduceSumSquare", sum, n.inputs, sum);
    w.attribute(reduced, "axes", Extents{static_cast<std::size_t>(axis)});
    w.attribute(reduced, "keepdims", std::int64_t{1});
    const std::string length = at_least ? w.part("Max", n, "length", {sum, epsilon})
                                        : w.part("Sqrt", n, "length", {w.part("Add", n, "added", {sum, epsilon})});
    w.add("Div", n.name, {n.inputs[0], length}, n.output);
  }
};
template <>
struct OnnxRules<LocalResponseNorm> {
  static void read(detail::OnnxReaders& readers) { readers.add("LRN", detail::read_lrn); }
  static void write(detail::OnnxWriter& w, const LocalResponseNorm& l, const detail::OnnxCall& n) {
    w.over_channels(n, [&](const std::string& x, const std::string& y) {
      auto& node = w.add("LRN", n.name, {x}, y);
      w.attribute(node, "size", static_cast<std::int64_t>(l.size));
      w.attribute(node, "alpha", l.alpha);
      w.attribute(node, "beta", l.beta);
      w.attribute(node, "bias", l.bias);
    });
  }
};

}  // namespace trimtab
