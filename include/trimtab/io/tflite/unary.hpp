#pragma once
/// \file
/// Functions of one number.

#include <algorithm>
#include <cmath>
#include <span>
#include <trimtab/int8/code_map.hpp>
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
#include <trimtab/net/operators/pow.hpp>
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

/// The table of TFLite's HARD_SWISH, whose kernel has 16-bit integers. With h = 2^7 (q - z_x):
///   r = h * 2^-7 s_x / (3 / 2^15), held within int16: x / 3, so that (r + 2^15) / 2^16 is x / 6 + 1/2 within 0 .. 1
///   code = z_y + h * (2^-7 s_x / s_y) * that
/// where products keep their upper 16 bits: those by constants rounded, the last one not. Throws unsupported_error where
/// 2^-7 s_x / s_y is 1 or more, for which that kernel is not defined.
inline LookupTable hard_swish_table(const Affine<float>& x, const Affine<float>& y) {
  struct Multiplier {
    std::int32_t mantissa, exponent;
    explicit Multiplier(float m) {
      const FixedPointMultiplier of_32 = fixed_point(double(m));
      mantissa = static_cast<std::int32_t>(std::min<std::int64_t>((std::int64_t{of_32.mantissa} + (1 << 15)) >> 16, 32767));
      exponent = of_32.exponent;
    }
  };
  const auto held = [](std::int64_t v) { return static_cast<std::int32_t>(std::clamp<std::int64_t>(v, -32768, 32767)); };
  const auto rounded = [](std::int32_t a, std::int32_t b) {
    const std::int32_t product = a * b;
    return (product + (product >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15);
  };
  const auto divided = [](std::int32_t v, std::int32_t power) {
    return static_cast<std::int32_t>(divide_by_power_of_two(v, std::clamp(power, 0, 31)));
  };
  const float fine = (1.0F / 128.0F) * x.scale;
  const Multiplier to_y(fine / y.scale), to_thirds(fine / (3.0F / 32768.0F));
  if (to_y.exponent > 0) throw unsupported_error(message("a scale of ", x.scale, " becomes one of ", y.scale));
  LookupTable table;
  for (std::int32_t q = 0; q < 256; ++q) {
    const std::int32_t h = held((q - x.zero_point) * 128), e = to_thirds.exponent;
    std::int32_t r = e > 0 ? held(std::int64_t{h} << std::min(e - 1, 31)) : h;
    r = rounded(r, to_thirds.mantissa);
    r = e > 0 ? held(2 * std::int64_t{r}) : divided(r, -e);
    const std::int32_t share = (r + 32768) >> 1, product = share * rounded(h, to_y.mantissa) / (1 << 15);
    table.codes.push_back(
        static_cast<std::uint8_t>(std::clamp(divided(product, -to_y.exponent) + y.zero_point, y.codes.qmin, y.codes.qmax)));
  }
  return table;
}

/// The tables of TFLite's LEAKY_RELU and PRELU, one for each slope, which is scale * slope[c]: z_y + multiply_twice(q - z_x, s_x
/// / s_y), or where q is below z_x multiply_twice((q - z_x) slope[c], s_x scale / s_y).
inline LookupTable leaky_table(const Affine<float>& x, const Affine<float>& y, std::span<const std::int32_t> slope, float scale) {
  const FixedPointMultiplier above = fixed_point(double(x.scale / y.scale)),
                             below = fixed_point(double(x.scale * scale / y.scale));
  LookupTable table;
  for (const std::int32_t s : slope)
    for (std::int32_t q = 0; q < 256; ++q) {
      const std::int32_t d = q - x.zero_point;
      const std::int32_t code = d >= 0 ? int8::detail::code_twice(d, above, y) : int8::detail::code_twice(d * s, below, y);
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
/// An operator that is l on reals, and on codes what table(grid of x, grid of y) gives.
template <class L, class Table>
void become_tabulated(const TfliteNode& n, L l, const Table& table) {
  const NodeId x = n.node(0), id = n.become(std::move(l), {x});
  const TfliteCodes &from = n.import.codes[x], &to = n.import.codes[id];
  if (from.grid && to.grid && from.is_int8 == to.is_int8) n.import.codes[id].op = table(*from.grid, *to.grid);
}
/// A function of which TFLite makes a table of its own.
template <class L>
void become_table(const TfliteNode& n, const L& l) {
  n.require(1, 1);
  become_tabulated(n, l, [&](const auto& x, const auto& y) {
    return tflite_table(x, y, [&](float v) { return static_cast<float>(OperatorRules<L>::value(l, v)); });
  });
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
inline void read_hard_swish(const TfliteNode& n) {
  n.require(1, 1);
  become_tabulated(n, HardSwish{}, hard_swish_table);
}
inline void read_leaky_relu(const TfliteNode& n) {
  n.require(1, 1);
  const float slope = n.real(0, 0.0F);
  if (!(slope >= 0) || !std::isfinite(slope)) throw unsupported_error(message("a slope of ", slope));
  become_tabulated(n, LeakyRelu{slope}, [&](const auto& x, const auto& y) {
    const std::int32_t one = 1;
    return leaky_table(x, y, std::span(&one, 1), slope);
  });
}
inline void read_gelu(const TfliteNode& n) { become_table(n, Gelu{n.byte(0) != 0}); }
/// 1 / sqrt(x): of reals.
inline void read_rsqrt(const TfliteNode& n) {
  n.require(1, 1);
  if (n.import.grid(n.output()).grid) throw unsupported_error("codes");
  n.become(Reciprocal{}, {n.import.add(Sqrt{}, {n.node(0)}, n.name() + "/sqrt")});
}
/// x to the power of one constant: of reals.
inline void read_pow(const TfliteNode& n) {
  n.require(2, 2);
  if (n.import.grid(n.output()).grid) throw unsupported_error("codes");
  const std::vector<float> exponent = n.floats(1);
  if (exponent.size() != 1) throw unsupported_error(message(exponent.size(), " exponents"));
  n.become(Pow{exponent[0]}, {n.node(0)});
}
/// A slope for each channel, or one for all.
inline void read_prelu(const TfliteNode& n) {
  n.require(2, 2);
  const std::vector<float> slope = n.floats(1);
  const Extents shape = n.shape(1);
  if (slope.size() != 1 && shape.back() != slope.size()) throw unsupported_error(message("slopes of extents ", shape));
  PRelu l{xt::xtensor<float, 1>::from_shape({slope.size()})};
  std::copy(slope.begin(), slope.end(), l.slope.data());
  // Codes of slopes are exact multiples of their scale.
  const float scale = n.tensor(1).scale.size() == 1 ? n.tensor(1).scale[0] : 0.0F;
  std::vector<std::int32_t> codes;
  for (const float s : slope)
    codes.push_back(scale > 0 ? static_cast<std::int32_t>(std::clamp(std::round(s / scale), -256.0F, 256.0F)) : 0);
  become_tabulated(n, std::move(l), [&](const auto& x, const auto& y) {
    if (!(scale > 0)) throw unsupported_error("slopes without a scale beside codes");
    return leaky_table(x, y, codes, scale);
  });
}

/// Options that a function has beside itself.
template <class L>
tflite::Options function_options(const TfliteWriter&, const L&) {
  return {};
}
inline tflite::Options function_options(const TfliteWriter& w, const Elu& l) {
  if (l.alpha != 1) w.refuse(message("an Elu of alpha ", l.alpha, "; TFLite's is 1"));
  return {};
}
inline tflite::Options function_options(const TfliteWriter&, const Gelu& l) { return tflite::Options{116}.byte(0, l.tanh_form); }
inline tflite::Options function_options(const TfliteWriter&, const LeakyRelu& l) { return tflite::Options{75}.real(0, l.slope); }
template <class L>
std::int32_t write_function(TfliteWriter& w, const L& l, tflite::OperatorCode code) {
  return w.real_result(code, {w.tensor_in()}, function_options(w, l));
}

}  // namespace detail

/// What a function is read from, and written as on reals; on codes it is a LookupTable.
#define TRIMTAB_TFLITE_FUNCTION(L, CODE, READER)                                                                  \
  template <>                                                                                                     \
  struct TfliteRules<L> {                                                                                         \
    static constexpr TfliteForm form = TfliteForm::reals;                                                         \
    static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::CODE, detail::READER); } \
    static std::int32_t write(detail::TfliteWriter& w, const L& l) {                                              \
      return detail::write_function(w, l, tflite::OperatorCode::CODE);                                            \
    }                                                                                                             \
  }
TRIMTAB_TFLITE_FUNCTION(Abs, abs, read_function<Abs>);
TRIMTAB_TFLITE_FUNCTION(Ceil, ceil, read_function<Ceil>);
TRIMTAB_TFLITE_FUNCTION(Cos, cos, read_function<Cos>);
TRIMTAB_TFLITE_FUNCTION(Elu, elu, read_table<Elu>);
TRIMTAB_TFLITE_FUNCTION(Exp, exp, read_function<Exp>);
TRIMTAB_TFLITE_FUNCTION(Floor, floor, read_function<Floor>);
TRIMTAB_TFLITE_FUNCTION(Gelu, gelu, read_gelu);
TRIMTAB_TFLITE_FUNCTION(HardSwish, hard_swish, read_hard_swish);
TRIMTAB_TFLITE_FUNCTION(LeakyRelu, leaky_relu, read_leaky_relu);
TRIMTAB_TFLITE_FUNCTION(Log, log, read_function<Log>);
TRIMTAB_TFLITE_FUNCTION(Neg, neg, read_function<Neg>);
TRIMTAB_TFLITE_FUNCTION(Round, round, read_function<Round>);
TRIMTAB_TFLITE_FUNCTION(Sigmoid, logistic, read_table<Sigmoid>);
TRIMTAB_TFLITE_FUNCTION(Sin, sin, read_function<Sin>);
TRIMTAB_TFLITE_FUNCTION(Sqrt, sqrt, read_function<Sqrt>);
TRIMTAB_TFLITE_FUNCTION(Tanh, tanh, read_table<Tanh>);
#undef TRIMTAB_TFLITE_FUNCTION

/// 1 / x.
template <>
struct TfliteRules<Reciprocal> {
  static constexpr TfliteForm form = TfliteForm::reals;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::rsqrt, detail::read_rsqrt); }
  static std::int32_t write(detail::TfliteWriter& w, const Reciprocal&) {
    const std::int32_t one = w.real(w.name("/one"), 1);
    return w.real_result(tflite::OperatorCode::div, {one, w.tensor_in()}, {29});
  }
};
template <>
struct TfliteRules<Pow> {
  static constexpr TfliteForm form = TfliteForm::reals;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::pow, detail::read_pow); }
  static std::int32_t write(detail::TfliteWriter& w, const Pow& l) {
    const std::int32_t exponent = w.real(w.name("/exponent"), l.exponent);
    return w.real_result(tflite::OperatorCode::pow, {w.tensor_in(), exponent}, {56});
  }
};
template <>
struct TfliteRules<PRelu> {
  static constexpr TfliteForm form = TfliteForm::reals;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::prelu, detail::read_prelu, 2); }
  static std::int32_t write(detail::TfliteWriter& w, const PRelu& l) {
    const std::int32_t slope = w.channels(w.name("/slope"), std::span(l.slope.data(), l.slope.size()));
    return w.real_result(tflite::OperatorCode::prelu, {w.tensor_in(), slope});
  }
};
template <>
struct TfliteRules<Clip> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::relu, detail::read_clip<tflite::Activation::relu>);
    readers.add(tflite::OperatorCode::relu6, detail::read_clip<tflite::Activation::relu6>);
    readers.add(tflite::OperatorCode::relu_n1_to_1, detail::read_clip<tflite::Activation::relu_n1_to_1>);
  }
  static std::int32_t write(detail::TfliteWriter& w, const Clip& l) {
    return w.on_reals ? w.clipped(w.tensor_in(), l) : w.clamped(w.tensor_in(), w.grid_in().codes);
  }
};
/// The table itself: CAST, ADD of 128 where codes are int8 and of 256 c, GATHER.
template <>
struct TfliteRules<LookupTable> {
  static constexpr TfliteForm form = TfliteForm::codes;
  static std::int32_t write(detail::TfliteWriter& w, const LookupTable& l) {
    const std::vector<std::int32_t> shape = w.shape_of(w.node().extent);
    std::int32_t index = w.tensor(w.name("/index"), shape, tflite::TensorType::int32);
    w.operation(tflite::OperatorCode::cast, 1, {w.tensor_in()}, index, {37});
    if (w.is_int8() || l.channels() > 1) {
      std::vector<std::int32_t> first;
      for (std::size_t c = 0; c < l.channels(); ++c) first.push_back(static_cast<std::int32_t>(256 * c) + w.origin);
      const std::int32_t offsets = w.row(w.name("/first"), first);
      const std::int32_t sum = w.tensor(w.name("/place"), shape, tflite::TensorType::int32);
      w.operation(tflite::OperatorCode::add, 1, {index, offsets}, sum, {11});
      index = sum;
    }
    std::vector<std::uint8_t> bytes;
    for (const std::uint8_t code : l.codes) bytes.push_back(static_cast<std::uint8_t>(code - w.origin));
    const std::int32_t table = w.codes(w.name("/table"), {static_cast<std::int32_t>(bytes.size())}, w.grid(), std::move(bytes));
    const std::int32_t to = w.result();
    w.operation(tflite::OperatorCode::gather, w.version(2), {table, index}, to, {23});
    return to;
  }
};

}  // namespace trimtab
