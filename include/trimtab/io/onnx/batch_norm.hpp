#pragma once
/// \file
/// BatchNormalization, over axis 1 of the file's tensor.

#include <cmath>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/net/operators/batch_norm.hpp>

namespace trimtab {
namespace detail {

/// x with file axis 1 as the node's last axis: N C, N C L, N C H W and so on.
inline OnnxActivation channels_last(const OnnxNode& n, OnnxActivation x) {
  if (x.rank() < 2) throw shape_error(message("expected an input of N C ..., got rank ", x.rank()));
  if (x.axes[1] == NodeAxes{n.import.extent(x).size()}) return x;
  std::vector<std::size_t> order{0};
  for (std::size_t i = 2; i < x.rank(); ++i) order.push_back(i);
  order.push_back(1);
  return arranged(n.import, std::move(x), order);
}

inline void read_batch_norm(const OnnxNode& n) {
  n.require({"epsilon", "momentum", "spatial", "training_mode"});
  n.require_inputs(5, 5);
  require_integer_attribute(n.proto, "spatial", 1);
  require_integer_attribute(n.proto, "training_mode", 0);
  const OnnxActivation x = channels_last(n, n.real(0));
  const std::size_t channels = n.import.extent(x).back();
  BatchNorm bn{n.vector(1, channels), n.vector(2, channels), n.vector(3, channels), n.vector(4, channels),
               n.real("epsilon", 1e-5F)};
  // Statistics of the exporter's may be a little below 0; what counts is the sum.
  for (const float variance : bn.variance)
    if (!(variance + bn.epsilon > 0) || !std::isfinite(bn.epsilon))
      throw parse_error(message("variance ", variance, " and epsilon ", bn.epsilon, " have no square root to divide by"));
  n.apply(x, std::move(bn));
}

}  // namespace detail

template <>
struct OnnxRules<BatchNorm> {
  static void read(detail::OnnxReaders& readers) { readers.add("BatchNormalization", detail::read_batch_norm); }
  static void write(detail::OnnxWriter& w, const BatchNorm& l, const detail::OnnxCall& n) {
    w.over_channels(n, [&](const std::string& x, const std::string& y) {
      const std::vector<std::string> inputs{x, w.row(n.name + ".gamma", l.gamma), w.row(n.name + ".beta", l.beta),
                                            w.row(n.name + ".mean", l.mean), w.row(n.name + ".variance", l.variance)};
      w.attribute(w.add("BatchNormalization", n.name, inputs, y), "epsilon", l.epsilon);
    });
  }
};

}  // namespace trimtab
