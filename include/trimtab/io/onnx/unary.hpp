#pragma once
/// \file
/// Functions of one number, and PRelu.

#include <cmath>
#include <string>
#include <trimtab/io/onnx/binary.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/net/operators/abs.hpp>
#include <trimtab/net/operators/ceil.hpp>
#include <trimtab/net/operators/celu.hpp>
#include <trimtab/net/operators/cos.hpp>
#include <trimtab/net/operators/elu.hpp>
#include <trimtab/net/operators/erf.hpp>
#include <trimtab/net/operators/exp.hpp>
#include <trimtab/net/operators/floor.hpp>
#include <trimtab/net/operators/gelu.hpp>
#include <trimtab/net/operators/hard_sigmoid.hpp>
#include <trimtab/net/operators/hard_swish.hpp>
#include <trimtab/net/operators/leaky_relu.hpp>
#include <trimtab/net/operators/log.hpp>
#include <trimtab/net/operators/mish.hpp>
#include <trimtab/net/operators/neg.hpp>
#include <trimtab/net/operators/p_relu.hpp>
#include <trimtab/net/operators/pow.hpp>
#include <trimtab/net/operators/reciprocal.hpp>
#include <trimtab/net/operators/round.hpp>
#include <trimtab/net/operators/selu.hpp>
#include <trimtab/net/operators/sigmoid.hpp>
#include <trimtab/net/operators/sign.hpp>
#include <trimtab/net/operators/silu.hpp>
#include <trimtab/net/operators/sin.hpp>
#include <trimtab/net/operators/softplus.hpp>
#include <trimtab/net/operators/softsign.hpp>
#include <trimtab/net/operators/sqrt.hpp>
#include <trimtab/net/operators/tanh.hpp>
#include <utility>

namespace trimtab {
namespace detail {

/// An operator without attributes.
template <class L>
void read_function(const OnnxNode& n) {
  n.require({});
  n.require_inputs(1, 1);
  n.apply(n.real(0), L{});
}
/// One whose attributes are finite numbers.
inline float read_parameter(const OnnxNode& n, const char* attribute, float fallback) {
  const float value = n.real(attribute, fallback);
  if (!std::isfinite(value)) throw parse_error(message(attribute, " is ", value));
  return value;
}
inline OnnxActivation function_input(const OnnxNode& n) {
  n.require_inputs(1, 1);
  return n.real(0);
}
inline void read_leaky_relu(const OnnxNode& n) {
  n.require({"alpha"});
  n.apply(function_input(n), LeakyRelu{read_parameter(n, "alpha", 0.01F)});
}

/// Slopes along the node's last axis stay a PRelu; others are max(x, 0) + slope * min(x, 0).
inline void read_p_relu(const OnnxNode& n) {
  n.require({});
  n.require_inputs(2, 2);
  const OnnxActivation x = n.real(0);
  const OnnxFloats slope = n.floats(1);
  for (const float v : slope.values)
    if (!std::isfinite(v)) throw parse_error("a slope that is not finite");
  OnnxPaired p = paired(n.import, x, slope);
  if (n.import.dims(p.x).size() != x.rank() + (p.added ? 1 : 0)) throw shape_error("the slopes have more axes than the input");
  if (p.is_row(n.import.extent(p.x))) {
    p.x.node = n.add(PRelu{to_vector(p.values)}, {p.x.node});
  } else {
    const NodeId constant = constant_node(n.import, n.name() + "/slope", p.lengths, p.values);
    const NodeId negative = n.add("negative", Clip{no_clip.lo, 0}, {p.x.node}), positive = n.add("positive", relu, {p.x.node});
    p.x.node = n.add(Add{}, {positive, n.add("times", Mul{}, {negative, constant})});
  }
  if (p.added) p.x.axes.erase(p.x.axes.begin());
  p.x.maker = x.maker;
  n.define(std::move(p.x));
}

/// With one constant exponent.
inline void read_pow(const OnnxNode& n) {
  n.require({});
  n.require_inputs(2, 2);
  const OnnxActivation x = n.real(0);
  if (n.is_activation(1)) throw unsupported_error("an exponent that is computed");
  const auto exponent = static_cast<float>(n.number(1));
  if (!std::isfinite(exponent)) throw parse_error(message("exponent ", exponent));
  if (n.known(1).dims.size() > x.rank()) throw shape_error("the exponent has more axes than the input");
  n.apply(x, Pow{exponent});
}

/// x * sigmoid(alpha * x): where alpha is not 1, by parts.
inline void read_swish(const OnnxNode& n) {
  n.require({"alpha"});
  const float alpha = read_parameter(n, "alpha", 1.0F);
  OnnxActivation x = function_input(n);
  if (alpha == 1) return n.apply(std::move(x), Silu{});
  const NodeId gate = n.add("sigmoid", Sigmoid{}, {n.add("scaled", affine({alpha}, {0}), {x.node})});
  x.node = n.add(Mul{}, {x.node, gate});
  n.define(std::move(x));
}

inline void read_gelu(const OnnxNode& n) {
  n.require({"approximate"});
  const std::string form = n.text("approximate", "none");
  if (form != "none" && form != "tanh") throw unsupported_error(message("approximate '", form, "' is not supported"));
  n.apply(function_input(n), Gelu{form == "tanh"});
}

}  // namespace detail

/// One function without attributes, by ONNX's name for it.
#define TRIMTAB_ONNX_FUNCTION(L)                                                                    \
  template <>                                                                                       \
  struct OnnxRules<L> {                                                                             \
    static void read(detail::OnnxReaders& readers) { readers.add(#L, detail::read_function<L>); }   \
    static void write(detail::OnnxWriter& w, const L&, const detail::OnnxCall& n) { w.add(#L, n); } \
  }
TRIMTAB_ONNX_FUNCTION(Abs);
TRIMTAB_ONNX_FUNCTION(Ceil);
TRIMTAB_ONNX_FUNCTION(Cos);
TRIMTAB_ONNX_FUNCTION(Erf);
TRIMTAB_ONNX_FUNCTION(Exp);
TRIMTAB_ONNX_FUNCTION(Floor);
TRIMTAB_ONNX_FUNCTION(Log);
TRIMTAB_ONNX_FUNCTION(Neg);
TRIMTAB_ONNX_FUNCTION(Reciprocal);
TRIMTAB_ONNX_FUNCTION(Round);
TRIMTAB_ONNX_FUNCTION(Sigmoid);
TRIMTAB_ONNX_FUNCTION(Sign);
TRIMTAB_ONNX_FUNCTION(Sin);
TRIMTAB_ONNX_FUNCTION(Softplus);
TRIMTAB_ONNX_FUNCTION(Softsign);
TRIMTAB_ONNX_FUNCTION(Sqrt);
TRIMTAB_ONNX_FUNCTION(Tanh);
#undef TRIMTAB_ONNX_FUNCTION

template <>
struct OnnxRules<HardSwish> {
  static void read(detail::OnnxReaders& readers) { readers.add("HardSwish", detail::read_function<HardSwish>); }
  static void write(detail::OnnxWriter& w, const HardSwish&, const detail::OnnxCall& n) {
    w.require_opset(14);
    w.add("HardSwish", n);
  }
};
template <>
struct OnnxRules<Mish> {
  static void read(detail::OnnxReaders& readers) { readers.add("Mish", detail::read_function<Mish>); }
  /// x * tanh(softplus(x)): the operator of its own came with opset 18.
  static void write(detail::OnnxWriter& w, const Mish&, const detail::OnnxCall& n) {
    const std::string gate = w.part("Tanh", n, "tanh", {w.part("Softplus", n, "softplus", n.inputs)});
    w.add("Mul", n.name, {n.inputs[0], gate}, n.output);
  }
};
/// x * sigmoid(x), written in these two operators.
template <>
struct OnnxRules<Silu> {
  static void read(detail::OnnxReaders& readers) { readers.add("Swish", detail::read_swish); }
  static void write(detail::OnnxWriter& w, const Silu&, const detail::OnnxCall& n) {
    w.add("Mul", n.name, {n.inputs[0], w.part("Sigmoid", n, "sigmoid", n.inputs)}, n.output);
  }
};

template <>
struct OnnxRules<Celu> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("Celu", [](const detail::OnnxNode& n) {
      n.require({"alpha"});
      n.apply(detail::function_input(n), Celu{detail::read_parameter(n, "alpha", 1.0F)});
    });
  }
  static void write(detail::OnnxWriter& w, const Celu& l, const detail::OnnxCall& n) {
    auto& node = w.add("Celu", n);
    w.attribute(node, "alpha", l.alpha);
  }
};
template <>
struct OnnxRules<Elu> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("Elu", [](const detail::OnnxNode& n) {
      n.require({"alpha"});
      n.apply(detail::function_input(n), Elu{detail::read_parameter(n, "alpha", 1.0F)});
    });
  }
  static void write(detail::OnnxWriter& w, const Elu& l, const detail::OnnxCall& n) {
    auto& node = w.add("Elu", n);
    w.attribute(node, "alpha", l.alpha);
  }
};
template <>
struct OnnxRules<Gelu> {
  static void read(detail::OnnxReaders& readers) { readers.add("Gelu", detail::read_gelu); }
  /// 0.5 * x * (1 + erf(x / sqrt(2))), or with tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)): the operator of its own came with opset
  /// 20.
  static void write(detail::OnnxWriter& w, const Gelu& l, const detail::OnnxCall& n) {
    const std::string& x = n.inputs[0];
    std::string inner;
    if (l.tanh_form) {
      const std::string cube = w.part("Pow", n, "cube", {x, w.number(n.name + ".three", 3.0F)});
      const std::string sum =
          w.part("Add", n, "sum", {x, w.part("Mul", n, "scaled_cube", {cube, w.number(n.name + ".cubic", 0.044715F)})});
      inner = w.part("Tanh", n, "tanh", {w.part("Mul", n, "scaled", {sum, w.number(n.name + ".slope", 0.79788456080286536F)})});
    } else {
      inner = w.part("Erf", n, "erf", {w.part("Mul", n, "scaled", {x, w.number(n.name + ".slope", 0.70710678118654752F)})});
    }
    const std::string gate = w.part("Add", n, "gate", {inner, w.number(n.name + ".one", 1.0F)});
    w.add("Mul", n.name, {w.part("Mul", n, "gated", {x, gate}), w.number(n.name + ".half", 0.5F)}, n.output);
  }
};
template <>
struct OnnxRules<HardSigmoid> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("HardSigmoid", [](const detail::OnnxNode& n) {
      n.require({"alpha", "beta"});
      n.apply(detail::function_input(n),
              HardSigmoid{detail::read_parameter(n, "alpha", 0.2F), detail::read_parameter(n, "beta", 0.5F)});
    });
  }
  static void write(detail::OnnxWriter& w, const HardSigmoid& l, const detail::OnnxCall& n) {
    auto& node = w.add("HardSigmoid", n);
    w.attribute(node, "alpha", l.alpha);
    w.attribute(node, "beta", l.beta);
  }
};
template <>
struct OnnxRules<LeakyRelu> {
  static void read(detail::OnnxReaders& readers) { readers.add("LeakyRelu", detail::read_leaky_relu); }
  static void write(detail::OnnxWriter& w, const LeakyRelu& l, const detail::OnnxCall& n) {
    auto& node = w.add("LeakyRelu", n);
    w.attribute(node, "alpha", l.slope);
  }
};
template <>
struct OnnxRules<Selu> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("Selu", [](const detail::OnnxNode& n) {
      n.require({"alpha", "gamma"});
      const Selu fallback;
      n.apply(detail::function_input(n),
              Selu{detail::read_parameter(n, "alpha", fallback.alpha), detail::read_parameter(n, "gamma", fallback.gamma)});
    });
  }
  static void write(detail::OnnxWriter& w, const Selu& l, const detail::OnnxCall& n) {
    auto& node = w.add("Selu", n);
    w.attribute(node, "alpha", l.alpha);
    w.attribute(node, "gamma", l.gamma);
  }
};
template <>
struct OnnxRules<PRelu> {
  static void read(detail::OnnxReaders& readers) { readers.add("PRelu", detail::read_p_relu); }
  static void write(detail::OnnxWriter& w, const PRelu& l, const detail::OnnxCall& n) {
    const std::vector<float> slope(l.slope.begin(), l.slope.end());
    w.add("PRelu", n.name, {n.inputs[0], w.channels(n.name + ".slope", slope, n.extent)}, n.output);
  }
};
template <>
struct OnnxRules<Pow> {
  static void read(detail::OnnxReaders& readers) { readers.add("Pow", detail::read_pow); }
  static void write(detail::OnnxWriter& w, const Pow& l, const detail::OnnxCall& n) {
    w.add("Pow", n.name, {n.inputs[0], w.number(n.name + ".exponent", l.exponent)}, n.output);
  }
};

}  // namespace trimtab
