#pragma once
/// \file
/// Between reals and codes, and from codes to codes: QUANTIZE, DEQUANTIZE, CAST.

#include <trimtab/io/tflite/rules.hpp>
#include <trimtab/net/operators/clip.hpp>
#include <trimtab/net/operators/concat.hpp>

namespace trimtab {

/// The three of them, which are no operators of a network.
struct TfliteQuantizers {};

namespace detail {

/// Codes on another grid are a Concat of one: codes brought to its grid. Reals stay reals, as nodes without a function.
inline void read_quantize(const TfliteNode& n) {
  n.require(1, 1);
  const NodeId x = n.node(0);
  if (n.import.codes[x].grid && n.import.grid(n.output()).grid)
    n.become(Concat{}, {x});
  else
    n.become(Clip{}, {x});
}
inline void read_dequantize(const TfliteNode& n) {
  n.require(1, 1);
  if (n.is_known(0)) return n.define(n.floats(0));
  n.become(Clip{}, {n.node(0)});
}
/// Between bytes, which are read as reals of scale 1, and reals.
inline void read_cast(const TfliteNode& n) {
  n.require(1, 1);
  if (n.is_known(0)) return n.define(n.floats(0));
  for (const std::int32_t t : {n.input(0), n.output()})
    if (!n.import.tensor(t).scale.empty()) throw unsupported_error("casts codes that have a scale");
  n.become(Clip{}, {n.node(0)});
}

}  // namespace detail

template <>
struct TfliteRules<TfliteQuantizers> {
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::quantize, detail::read_quantize);
    readers.add(tflite::OperatorCode::dequantize, detail::read_dequantize);
    readers.add(tflite::OperatorCode::cast, detail::read_cast);
  }
};

}  // namespace trimtab
