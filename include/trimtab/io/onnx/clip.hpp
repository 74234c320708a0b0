#pragma once
/// \file
/// Clip and Relu.

#include <cmath>
#include <limits>
#include <trimtab/io/onnx/binary.hpp>
#include <trimtab/io/onnx/fold.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/net/operators/clip.hpp>
#include <utility>
#include <variant>
#include <vector>

namespace trimtab {
namespace detail {

/// Codes are clipped as the integers that they are.
inline OnnxActivation reals_or_codes(const OnnxNode& n) {
  OnnxActivation x = n.activation(0);
  return is_code_type(x.type) ? x : n.real(0);
}

inline void read_relu(const OnnxNode& n) {
  n.require({});
  n.require_inputs(1, 1);
  n.apply(reals_or_codes(n), relu);
}

/// Codes that QuantizeLinear makes of constants, fewer of them: QCDQ.
inline bool clip_constant_codes(const OnnxNode& n) {
  if (!n.is_codes(0) || std::get<OnnxCodes>(n.value(0)).real) return false;
  OnnxCodes codes = std::get<OnnxCodes>(n.value(0));
  const KnownTensor all = n.codes_as_integers(codes);
  std::vector<const KnownTensor*> inputs{&all};
  for (int i = 1; i < n.inputs(); ++i) inputs.push_back(n.has(i) ? &n.known(i) : nullptr);
  codes.tensor = fold(n.proto, inputs, n.import.context).at(0);
  n.define(std::move(codes));
  return true;
}

/// min(max(x, lo), hi): where the bounds are crossed, hi is all there is. Bounds at the end of float's range count as infinite.
inline void read_clip(const OnnxNode& n) {
  if (clip_constant_codes(n)) return;
  Clip clip;
  const auto bound = [&](int i, float& side) {
    const double value = n.number(i);
    if (std::isnan(value)) throw parse_error(message("'", n.proto.input(i), "' is not a number"));
    side = static_cast<float>(round_real(value, OnnxType::float32));
  };
  if (n.opset() < 11) {
    n.require({"min", "max"});
    n.require_inputs(1, 1);
    clip = {n.real("min", clip.lo), n.real("max", clip.hi)};
  } else {
    n.require({});
    n.require_inputs(1, 3);
    if (n.is_known(1)) bound(1, clip.lo);
    if (n.is_known(2)) bound(2, clip.hi);
  }
  if (clip.lo == std::numeric_limits<float>::lowest()) clip.lo = no_clip.lo;
  if (clip.hi == std::numeric_limits<float>::max()) clip.hi = no_clip.hi;
  if (clip.lo > clip.hi) clip.lo = clip.hi;
  if (!n.is_activation(1) && !n.is_activation(2)) return n.apply(reals_or_codes(n), clip);
  // A bound that is computed: the larger one, then the smaller.
  OnnxActivation y = n.real(0);
  if (n.is_activation(1))
    y = binary_of_two(n, n.name(), OnnxBinary::max, y, n.real(1));
  else if (clip.lo != no_clip.lo)
    y.node = n.add(Clip{clip.lo, no_clip.hi}, {y.node});
  if (n.is_activation(2))
    y = binary_of_two(n, n.name() + "/min", OnnxBinary::min, y, n.real(2));
  else if (clip.hi != no_clip.hi)
    y.node = n.add("min", Clip{no_clip.lo, clip.hi}, {y.node});
  n.define(std::move(y));
}

}  // namespace detail

template <>
struct OnnxRules<Clip> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("Clip", detail::read_clip);
    readers.add("Relu", detail::read_relu);
  }
  static void write(detail::OnnxWriter& w, const Clip& l, const detail::OnnxCall& n) {
    if (l == relu) {
      w.add("Relu", n);
      return;
    }
    std::vector<std::string> inputs{n.inputs[0], "", ""};
    if (l.lo != no_clip.lo) inputs[1] = w.number(n.name + ".min", l.lo);
    if (l.hi != no_clip.hi) inputs[2] = w.number(n.name + ".max", l.hi);
    while (inputs.back().empty()) inputs.pop_back();
    w.add("Clip", n.name, inputs, n.output);
  }
  /// The range of its codes is all there is of it.
  static void write_codes(detail::OnnxCodesWriter& w, const Clip&) { w.give(w.codes()); }
};

}  // namespace trimtab
