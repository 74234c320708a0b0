#pragma once
/// \file
/// Dynamic quantization: activations that a file quantizes anew for each input, by scales that it computes, times weights that
/// are codes. Here the activations stay float, and the weights are the reals that their codes stand for.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <trimtab/io/onnx/binary.hpp>
#include <trimtab/io/onnx/fold.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/transform/scale_channels.hpp>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

/// One more quantizer of this kind; its number. The first one leaves a note.
inline std::size_t add_dynamic_quantizer(OnnxImport& import) {
  if (import.dynamic_quantizers == 0)
    import.notes.push_back(
        "the file quantizes activations anew for each input (DynamicQuantizeLinear); here they are float, and the network wants "
        "calibration to run in integers (trimtab quantize)");
  return import.dynamic_quantizers++;
}

/// x as codes, their scale, their zero point.
inline void read_dynamic_quantize(const OnnxNode& n) {
  n.require({});
  n.require_inputs(1, 1);
  const OnnxActivation x = n.real(0);
  const std::vector<std::size_t> own{add_dynamic_quantizer(n.import)};
  const KnownTensor factor = make_known(OnnxType::float32, {}, [] { return 1.0; });
  n.define(OnnxDynamic{OnnxDynamic::Kind::codes, own, x, {}}, 0);
  n.define(OnnxDynamic{OnnxDynamic::Kind::scale, own, {}, factor}, 1);
  n.define(OnnxDynamic{OnnxDynamic::Kind::zero_point, own, {}, {}}, 2);
}

/// Input i as such codes, whose zero point is input `zero_point` and, unless that is -1, whose scale is input `scale`.
inline const OnnxDynamic& dynamic_codes(const OnnxNode& n, int i, int scale, int zero_point) {
  const OnnxDynamic& codes = *n.dynamic(i);
  const auto own = [&](int other, OnnxDynamic::Kind kind) {
    const OnnxDynamic* found = n.dynamic(other);
    return found != nullptr && found->kind == kind && found->quantizers == codes.quantizers &&
           (kind != OnnxDynamic::Kind::scale || known_number<double>(found->factor) == 1);
  };
  if (codes.kind != OnnxDynamic::Kind::codes || !own(zero_point, OnnxDynamic::Kind::zero_point) ||
      (scale >= 0 && !own(scale, OnnxDynamic::Kind::scale)))
    throw unsupported_error(
        message("'", n.proto.input(i), "' is quantized anew for each input, and read by another grid than its own"));
  return codes;
}

/// x times c: its weights where it is a layer that nothing else reads, else a node. `i`: the input that x stands for.
inline OnnxActivation multiplied(const OnnxNode& n, int i, const OnnxActivation& x, const OnnxFloats& c) {
  const OnnxPaired p = paired(n.import, x, c);
  Node& producer = n.import.network[x.node];
  WeightedLayer* layer = n.import.use.readers_of(n.proto.input(i)) == 1 ? producer.op->weighted() : nullptr;
  if (layer == nullptr || p.x.node != x.node || !p.is_row(producer.extent) ||
      layer->output_channels() != producer.extent.back() || !layer->bias().empty() ||
      n.import.quantization.layers.count(x.node) != 0)
    return binary_with_constant(n, n.name(), OnnxBinary::mul, x, -1, true, c);
  for (const float v : p.values)
    if (!std::isfinite(v)) throw parse_error("a scale that is not finite");
  for_each_in_channels(layer->weight(), layer->output_axis(), "read_onnx",
                       [&](float& w, std::size_t channel) { w *= p.values[p.is_scalar() ? 0 : channel]; });
  return x;
}

/// Products or scales times what is known, or times scales.
inline bool multiply_dynamic(const OnnxNode& n) {
  if (n.dynamic(0) == nullptr && n.dynamic(1) == nullptr) return false;
  using Kind = OnnxDynamic::Kind;
  const auto is = [&](int i, Kind kind) { return n.dynamic(i) != nullptr && n.dynamic(i)->kind == kind; };
  const int first = is(0, Kind::products) || (is(0, Kind::scale) && !is(1, Kind::products)) ? 0 : 1, other = 1 - first;
  if ((!is(first, Kind::products) && !is(first, Kind::scale)) || (!is(other, Kind::scale) && !n.is_known(other)))
    throw unsupported_error("of what is quantized anew for each input is supported by its scales and by constants");
  OnnxDynamic y = *n.dynamic(first);
  const std::vector<std::size_t> more = n.is_known(other) ? std::vector<std::size_t>{} : n.dynamic(other)->quantizers;
  std::vector<std::size_t> scales;
  if (y.kind == Kind::scale) {
    std::merge(y.quantizers.begin(), y.quantizers.end(), more.begin(), more.end(), std::back_inserter(scales));
    const KnownTensor* factors[] = {&y.factor, n.is_known(other) ? &n.known(other) : &n.dynamic(other)->factor};
    y.factor = fold(n.proto, factors, n.import.context).at(0);
  } else {
    if (!std::includes(y.quantizers.begin(), y.quantizers.end(), more.begin(), more.end()))
      throw unsupported_error("by the scale of what is no factor in the products");
    std::set_difference(y.quantizers.begin(), y.quantizers.end(), more.begin(), more.end(), std::back_inserter(scales));
    y.real = multiplied(n, first, y.real, n.is_known(other) ? n.floats(other) : OnnxFloats(n.dynamic(other)->factor));
    if (scales.empty()) {
      n.define(std::move(y.real));
      return true;
    }
  }
  y.quantizers = std::move(scales);
  n.define(std::move(y));
  return true;
}

/// Cast of products, or of scales, to reals.
inline bool cast_dynamic(const OnnxNode& n) {
  const OnnxDynamic* x = n.dynamic(0);
  if (x == nullptr) return false;
  if (x->kind == OnnxDynamic::Kind::codes || x->kind == OnnxDynamic::Kind::zero_point ||
      n.integer("to", 0) != static_cast<std::int64_t>(OnnxType::float32))
    throw unsupported_error(message("'", n.proto.input(0), "' ", no_activation(*x)));
  n.define(*x);
  return true;
}

}  // namespace detail

/// What DynamicQuantizeLinear gives.
struct OnnxDynamicQuantization {};

template <>
struct OnnxRules<OnnxDynamicQuantization> {
  static void read(detail::OnnxReaders& readers) { readers.add("DynamicQuantizeLinear", detail::read_dynamic_quantize); }
};

}  // namespace trimtab
