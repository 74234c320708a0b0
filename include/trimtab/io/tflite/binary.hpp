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

/// Tensor `x` of input i, on grid g, with axes of 1 behind the batch where the node has more than that.
inline std::int32_t with_axes_of_node(TfliteWriter& w, std::size_t i, std::int32_t x, const Affine<float>& g) {
  const Extents& from = w.extent_in(i);
  const std::size_t rank = w.node().extent.size();
  if (from.size() == rank) return x;
  Extents to;
  for (std::size_t a = from.size(); a < rank; ++a) to.push_back(1);
  for (const std::size_t n : from) to.push_back(n);
  return w.reshaped(x, to, w.activations(message(w.node().name, "/axes", i), to, g));
}

/// `table`: of the options.
inline std::int32_t write_binary(TfliteWriter& w, tflite::OperatorCode code, std::uint8_t table) {
  const std::int32_t a = with_axes_of_node(w, 0, w.tensor_in(0), w.grid_in(0)),
                     b = with_axes_of_node(w, 1, w.tensor_in(1), w.grid_in(1));
  return w.computed(code, 2, {a, b}, {table}, 0);
}
/// One of two codes: the format's operator takes them from one grid.
inline std::int32_t write_choice(TfliteWriter& w, tflite::OperatorCode code) {
  CodeRange produced = w.grid().codes;
  const std::int32_t a = with_axes_of_node(w, 0, w.on_own_grid(0, produced), w.grid()),
                     b = with_axes_of_node(w, 1, w.on_own_grid(1, produced), w.grid()), to = w.result();
  w.operation(code, w.version(2), {a, b}, to, {39});
  return w.clamped(to, produced);
}

}  // namespace detail

template <>
struct TfliteRules<Add> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::add, detail::read_add, 2); }
  static std::int32_t write(detail::TfliteWriter& w, const Add&) {
    return detail::write_binary(w, tflite::OperatorCode::add, 11);
  }
};
template <>
struct TfliteRules<Sub> {
  static constexpr TfliteForm form = TfliteForm::both;
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
  static constexpr TfliteForm form = TfliteForm::both;
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
  static constexpr TfliteForm form = TfliteForm::reals;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::div, detail::read_binary<Div>, 2); }
  static std::int32_t write(detail::TfliteWriter& w, const Div&) {
    return detail::write_binary(w, tflite::OperatorCode::div, 29);
  }
};
template <>
struct TfliteRules<Max> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::maximum, detail::read_choice<Max>, 2); }
  static std::int32_t write(detail::TfliteWriter& w, const Max&) {
    return detail::write_choice(w, tflite::OperatorCode::maximum);
  }
};
template <>
struct TfliteRules<Min> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::minimum, detail::read_choice<Min>, 2); }
  static std::int32_t write(detail::TfliteWriter& w, const Min&) {
    return detail::write_choice(w, tflite::OperatorCode::minimum);
  }
};
/// What constants for each channel become; on codes it is a LookupTable.
template <>
struct TfliteRules<ChannelAffine> {
  static constexpr TfliteForm form = TfliteForm::reals;
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::add, detail::read_add, 2);
    readers.add(tflite::OperatorCode::sub, detail::read_sub, 2);
    readers.add(tflite::OperatorCode::mul, detail::read_mul, 2);
  }
  static std::int32_t write(detail::TfliteWriter& w, const ChannelAffine& l) {
    const std::int32_t scale = w.channels(w.name("/scale"), std::span(l.scale.data(), l.scale.size()));
    const std::int32_t offset = w.channels(w.name("/offset"), std::span(l.offset.data(), l.offset.size()));
    const std::int32_t scaled = w.on_way(tflite::OperatorCode::mul, "/scaled", {w.tensor_in(), scale}, w.node().extent, {21});
    return w.real_result(tflite::OperatorCode::add, {scaled, offset}, {11});
  }
};

}  // namespace trimtab
