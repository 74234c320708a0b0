#pragma once
/// \file
/// Functions of one number.

#include <trimtab/io/tflite/rules.hpp>
#include <trimtab/net/operators/abs.hpp>
#include <trimtab/net/operators/ceil.hpp>
#include <trimtab/net/operators/clip.hpp>
#include <trimtab/net/operators/concat.hpp>
#include <trimtab/net/operators/cos.hpp>
#include <trimtab/net/operators/elu.hpp>
#include <trimtab/net/operators/exp.hpp>
#include <trimtab/net/operators/floor.hpp>
#include <trimtab/net/operators/gelu.hpp>
#include <trimtab/net/operators/hard_swish.hpp>
#include <trimtab/net/operators/leaky_relu.hpp>
#include <trimtab/net/operators/log.hpp>
#include <trimtab/net/operators/lookup_table.hpp>
#include <trimtab/net/operators/neg.hpp>
#include <trimtab/net/operators/p_relu.hpp>
#include <trimtab/net/operators/reciprocal.hpp>
#include <trimtab/net/operators/round.hpp>
#include <trimtab/net/operators/sigmoid.hpp>
#include <trimtab/net/operators/sin.hpp>
#include <trimtab/net/operators/sqrt.hpp>
#include <trimtab/net/operators/tanh.hpp>

namespace trimtab {
namespace detail {

/// The table of codes as TFLite's kernels make it, in float32: z_y + round(f(s_x * (q - z_x)) * (1 / s_y)), ties away from zero.
template <class F>
LookupTable tflite_table(const Affine<float>& x, const Affine<float>& y, const F& f) {
  LookupTable table;
  const float steps = 1 / y.scale;
  for (std::int32_t q = 0; q < 256; ++q) {
    const float step = std::round(static_cast<float>(f(x.scale * static_cast<float>(q - x.zero_point))) * steps);
    const float code =
        std::clamp(step + static_cast<float>(y.zero_point), static_cast<float>(y.codes.qmin), static_cast<float>(y.codes.qmax));
    table.codes.push_back(static_cast<std::uint8_t>(code));
  }
  return table;
}

template <class L>
void become_function(const TfliteNode& n, L l) {
  n.require(1, 1);
  n.become(std::move(l), {n.node(0)});
}
template <class L>
void read_function(const TfliteNode& n) {
  become_function(n, L{});
}
/// A function of which TFLite makes a table of its own.
template <class L>
void become_table(const TfliteNode& n, const L& l) {
  n.require(1, 1);
  const NodeId x = n.node(0), id = n.become(l, {x});
  const TfliteCodes &from = n.import.codes[x], &to = n.import.codes[id];
  if (from.grid && to.grid && from.is_int8 == to.is_int8)
    n.import.codes[id].op =
        tflite_table(*from.grid, *to.grid, [&](float v) { return static_cast<float>(OperatorRules<L>::value(l, v)); });
}
template <class L>
void read_table(const TfliteNode& n) {
  become_table(n, L{});
}
/// TFLite's kernels multiply the codes by the ratio of their scales, in fixed point, and hold them within the activation's.
template <tflite::Activation activation>
void read_clip(const TfliteNode& n) {
  n.require(1, 1);
  const Clip clip = tflite::clip_of(activation);
  const NodeId x = n.node(0);
  const std::optional<Affine<float>> from = n.import.codes[x].grid, to = n.import.grid(n.output()).grid;
  if (!from || !to) {
    n.become(clip, {x});
  } else if (from->scale == to->scale && from->zero_point == to->zero_point) {
    const NodeId id = n.become(clip, {x});
    n.import.codes[id].grid->codes = tflite::activation_codes(activation, *to, to->codes);
  } else {
    n.become(Concat{}, {x}, activation);
  }
}
inline void read_leaky_relu(const TfliteNode& n) { become_function(n, LeakyRelu{n.real(0, 0.0F)}); }
inline void read_gelu(const TfliteNode& n) { become_table(n, Gelu{n.byte(0) != 0}); }
/// 1 / sqrt(x): of reals.
inline void read_rsqrt(const TfliteNode& n) {
  n.require(1, 1);
  if (n.import.grid(n.output()).grid) throw unsupported_error("codes");
  n.become(Reciprocal{}, {n.import.add(Sqrt{}, {n.node(0)}, n.name() + "/sqrt")});
}
/// A slope for each channel, or one for all.
inline void read_prelu(const TfliteNode& n) {
  n.require(2, 2);
  const std::vector<float> slope = n.floats(1);
  const Extents shape = n.shape(1);
  if (slope.size() != 1 && shape.back() != slope.size()) throw unsupported_error(message("slopes of extents ", shape));
  PRelu l{xt::xtensor<float, 1>::from_shape({slope.size()})};
  std::copy(slope.begin(), slope.end(), l.slope.data());
  n.become(std::move(l), {n.node(0)});
}

}  // namespace detail

/// What a function is read from.
#define TRIMTAB_TFLITE_FUNCTION(L, CODE, READER)                                                                  \
  template <>                                                                                                     \
  struct TfliteRules<L> {                                                                                         \
    static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::CODE, detail::READER); } \
  }
TRIMTAB_TFLITE_FUNCTION(Abs, abs, read_function<Abs>);
TRIMTAB_TFLITE_FUNCTION(Ceil, ceil, read_function<Ceil>);
TRIMTAB_TFLITE_FUNCTION(Cos, cos, read_function<Cos>);
TRIMTAB_TFLITE_FUNCTION(Elu, elu, read_table<Elu>);
TRIMTAB_TFLITE_FUNCTION(Exp, exp, read_function<Exp>);
TRIMTAB_TFLITE_FUNCTION(Floor, floor, read_function<Floor>);
TRIMTAB_TFLITE_FUNCTION(Gelu, gelu, read_gelu);
TRIMTAB_TFLITE_FUNCTION(HardSwish, hard_swish, read_function<HardSwish>);
TRIMTAB_TFLITE_FUNCTION(LeakyRelu, leaky_relu, read_leaky_relu);
TRIMTAB_TFLITE_FUNCTION(Log, log, read_function<Log>);
TRIMTAB_TFLITE_FUNCTION(Neg, neg, read_function<Neg>);
TRIMTAB_TFLITE_FUNCTION(Reciprocal, rsqrt, read_rsqrt);
TRIMTAB_TFLITE_FUNCTION(Round, round, read_function<Round>);
TRIMTAB_TFLITE_FUNCTION(Sigmoid, logistic, read_table<Sigmoid>);
TRIMTAB_TFLITE_FUNCTION(Sin, sin, read_function<Sin>);
TRIMTAB_TFLITE_FUNCTION(Sqrt, sqrt, read_function<Sqrt>);
TRIMTAB_TFLITE_FUNCTION(Tanh, tanh, read_table<Tanh>);
#undef TRIMTAB_TFLITE_FUNCTION

template <>
struct TfliteRules<PRelu> {
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::prelu, detail::read_prelu, 2); }
};
template <>
struct TfliteRules<Clip> {
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::relu, detail::read_clip<tflite::Activation::relu>);
    readers.add(tflite::OperatorCode::relu6, detail::read_clip<tflite::Activation::relu6>);
    readers.add(tflite::OperatorCode::relu_n1_to_1, detail::read_clip<tflite::Activation::relu_n1_to_1>);
  }
};

}  // namespace trimtab
