#pragma once
/// \file
/// How large a quantized network's weights are.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <trimtab/net/quantize/quantized_network.hpp>

namespace trimtab {

/// Bits that the codes of a range take.
inline int code_bits(CodeRange codes) {
  return static_cast<int>(std::bit_width(static_cast<std::uint32_t>(codes.qmax - codes.qmin)));
}

/// Bytes of a layer's weights with their codes packed, those of each layer to whole bytes, and 4 for each scale and for each bias.
/// Files and kernels of today keep a byte a code, whatever its bits.
inline std::size_t packed_bytes(const WeightedLayer& layer, const AnyQuantizer& quantizer) {
  const auto bits = static_cast<std::size_t>(code_bits(quantizer.grid(0).codes));
  return (layer.weight().size() * bits + 7) / 8 + 4 * (quantizer.channels() + layer.bias().size());
}

/// The same of all layers on codes.
inline std::size_t packed_bytes(const QuantizedNetwork& q) {
  std::size_t bytes = 0;
  for (NodeId id = 0; id < q.network.size(); ++id)
    if (q.weight[id]) bytes += packed_bytes(*q.network[id].op->weighted(), *q.weight[id]);
  return bytes;
}

}  // namespace trimtab
