#pragma once
/// \file
/// QuantizeLinear to 16 bits and the DequantizeLinear behind it: a FakeQuantize.

#include <cstdint>
#include <limits>
#include <string>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/net/operators/fake_quantize.hpp>

namespace trimtab {
namespace detail {

/// x rounded and clamped to a grid of more than 8 bits, and the note that says so once.
inline OnnxActivation fake_quantized(const OnnxNode& n, OnnxActivation x, const Affine<float>& grid) {
  if (!n.import.quantization.rounds)
    n.import.notes.push_back(message("activations of more than 8 bits, as behind node '", n.name(),
                                     "', are float here, rounded and clamped to those bits"));
  n.import.quantization.rounds = true;
  x.node = n.add(FakeQuantize{grid}, {x.node});
  x.type = OnnxType::float32;
  return x;
}

/// Both operators of the domain com.microsoft: in ONNX's own they have 16 bits since opset 21 alone.
template <class T>
void write_fake_quantize(OnnxWriter& w, const FakeQuantize& l, const OnnxCall& n) {
  w.require_microsoft();
  const std::string scale = w.number(n.name + ".scale", l.grid.scale),
                    zero_point = w.tensor<T>(n.name + ".zero_point", {}, {static_cast<T>(l.grid.zero_point)});
  std::string x = n.inputs[0];
  if (l.grid.codes.qmin != std::numeric_limits<T>::min() || l.grid.codes.qmax != std::numeric_limits<T>::max()) {
    const Clip bounds = OperatorRules<FakeQuantize>::bounds(l);
    x = w.part("Clip", n, "clip", {x, w.number(n.name + ".lo", bounds.lo), w.number(n.name + ".hi", bounds.hi)});
  }
  const std::string codes = w.value(n, "codes");
  w.add("QuantizeLinear", codes, {x, scale, zero_point}, codes).set_domain("com.microsoft");
  w.add("DequantizeLinear", n.name, {codes, scale, zero_point}, n.output).set_domain("com.microsoft");
}

}  // namespace detail

template <>
struct OnnxRules<FakeQuantize> {
  static void write(detail::OnnxWriter& w, const FakeQuantize& l, const detail::OnnxCall& n) {
    l.grid.codes.qmin < 0 ? detail::write_fake_quantize<std::int16_t>(w, l, n)
                          : detail::write_fake_quantize<std::uint16_t>(w, l, n);
  }
};

}  // namespace trimtab
