#pragma once
/// \file
/// Functions of two tensors: ADD, SUB, MUL, DIV, MAXIMUM, MINIMUM, SQUARED_DIFFERENCE, and SQUARE.

#include <trimtab/io/tflite/rules.hpp>
#include <trimtab/net/operators/add.hpp>
#include <trimtab/net/operators/channel_affine.hpp>
#include <trimtab/net/operators/div.hpp>
#include <trimtab/net/operators/max.hpp>
#include <trimtab/net/operators/min.hpp>
#include <trimtab/net/operators/mul.hpp>
#include <trimtab/net/operators/sub.hpp>
#include <utility>

namespace trimtab {
namespace detail {

/// x combined with a constant for each channel, or one for all, as scale * x + offset; nothing where the constant is no such.
/// f(c) gives the pair of them.
template <class F>
bool become_affine(const TfliteNode& n, std::size_t x, std::size_t constant, const F& f) {
  if (!n.is_known(constant) || n.is_known(x) || n.import.codes[n.node(x)].grid || n.import.grid(n.output()).grid) return false;
  const Extents shape = n.shape(constant), from = n.extent(x);
  const std::size_t count = element_count(shape);
  if (from.size() == 0 || n.output_extent() != from) return false;
  if (count != 1 && (shape.back() != count || from.back() != count)) return false;
  const std::vector<float> values = n.floats(constant);
  ChannelAffine l{xt::xtensor<float, 1>::from_shape({count}), xt::xtensor<float, 1>::from_shape({count})};
  for (std::size_t c = 0; c < count; ++c) std::tie(l.scale(c), l.offset(c)) = f(values[c]);
  n.become(std::move(l), {n.node(x)}, n.activation(0));
  return true;
}

template <class L>
void read_binary(const TfliteNode& n) {
  n.require(2, 2);
  n.become(L{}, {n.node(0), n.node(1)}, n.activation(0));
}
inline void read_add(const TfliteNode& n) {
  n.require(2, 2);
  for (const std::size_t x : {std::size_t{0}, std::size_t{1}})
    if (become_affine(n, x, 1 - x, [](float c) { return std::pair(1.0F, c); })) return;
  read_binary<Add>(n);
}
inline void read_sub(const TfliteNode& n) {
  n.require(2, 2);
  if (become_affine(n, 0, 1, [](float c) { return std::pair(1.0F, -c); })) return;
  if (become_affine(n, 1, 0, [](float c) { return std::pair(-1.0F, c); })) return;
  read_binary<Sub>(n);
}
inline void read_mul(const TfliteNode& n) {
  n.require(2, 2);
  for (const std::size_t x : {std::size_t{0}, std::size_t{1}})
    if (become_affine(n, x, 1 - x, [](float c) { return std::pair(c, 0.0F); })) return;
  read_binary<Mul>(n);
}
/// Without a fused activation: the format's options are empty.
template <class L>
void read_choice(const TfliteNode& n) {
  n.require(2, 2);
  n.become(L{}, {n.node(0), n.node(1)});
}
inline void read_square(const TfliteNode& n) {
  n.require(1, 1);
  n.become(Mul{}, {n.node(0), n.node(0)});
}
inline void read_squared_difference(const TfliteNode& n) {
  n.require(2, 2);
  if (n.import.grid(n.output()).grid) throw unsupported_error("codes");
  const NodeId difference = n.import.add(Sub{}, {n.node(0), n.node(1)}, n.name() + "/difference");
  n.become(Mul{}, {difference, difference});
}

/// `table`: of the options.
inline std::int32_t write_binary(TfliteWriter& w, tflite::OperatorCode code, std::uint8_t table) {
  if (w.extent_in(0).size() != w.extent_in(1).size()) w.refuse("inputs with different numbers of axes");
  return w.computed(code, 2, {w.tensor_in(0), w.tensor_in(1)}, {table}, 0);
}
/// One of two codes: the format's operator takes them from one grid.
inline std::int32_t write_choice(TfliteWriter& w, tflite::OperatorCode code) {
  if (w.extent_in(0).size() != w.extent_in(1).size()) w.refuse("inputs with different numbers of axes");
  CodeRange produced = w.grid().codes;
  const std::int32_t a = w.on_own_grid(0, produced), b = w.on_own_grid(1, produced), to = w.result();
  w.operation(code, w.version(2), {a, b}, to, {39});
  return w.clamped(to, produced);
}

}  // namespace detail

template <>
struct TfliteRules<Add> {
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::add, detail::read_add, 2); }
  static std::int32_t write(detail::TfliteWriter& w, const Add&) {
    return detail::write_binary(w, tflite::OperatorCode::add, 11);
  }
};
template <>
struct TfliteRules<Sub> {
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::sub, detail::read_sub, 2);
    readers.add(tflite::OperatorCode::squared_difference, detail::read_squared_difference, 2);
  }
  static std::int32_t write(detail::TfliteWriter& w, const Sub&) {
    return detail::write_binary(w, tflite::OperatorCode::sub, 28);
  }
};
template <>
struct TfliteRules<Mul> {
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::mul, detail::read_mul, 2);
    readers.add(tflite::OperatorCode::square, detail::read_square);
    readers.add(tflite::OperatorCode::squared_difference, detail::read_squared_difference, 2);
  }
  static std::int32_t write(detail::TfliteWriter& w, const Mul&) {
    return detail::write_binary(w, tflite::OperatorCode::mul, 21);
  }
};
template <>
struct TfliteRules<Div> {
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::div, detail::read_binary<Div>, 2); }
};
template <>
struct TfliteRules<Max> {
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::maximum, detail::read_choice<Max>, 2); }
  static std::int32_t write(detail::TfliteWriter& w, const Max&) {
    return detail::write_choice(w, tflite::OperatorCode::maximum);
  }
};
template <>
struct TfliteRules<Min> {
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::minimum, detail::read_choice<Min>, 2); }
  static std::int32_t write(detail::TfliteWriter& w, const Min&) {
    return detail::write_choice(w, tflite::OperatorCode::minimum);
  }
};
/// What constants for each channel become.
template <>
struct TfliteRules<ChannelAffine> {
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::add, detail::read_add, 2);
    readers.add(tflite::OperatorCode::sub, detail::read_sub, 2);
    readers.add(tflite::OperatorCode::mul, detail::read_mul, 2);
  }
};

}  // namespace trimtab
