#pragma once
/// \file
/// Values that are numbers of another kind in an ONNX file, and the reals that they stand for here: codes of 16 bits, and what is
/// quantized anew for each input.

#include <cstddef>
#include <cstdint>
#include <trimtab/io/onnx/activation.hpp>
#include <trimtab/io/onnx/known_tensor.hpp>
#include <vector>

namespace trimtab::detail {

/// Codes of 16 bits: a FakeQuantize gives scale * (code - zero_point).
struct OnnxWideCodes {
  OnnxActivation real;
  OnnxType type = OnnxType::uint16;
  float scale = 1;
  std::int32_t zero_point = 0;
};

/// What DynamicQuantizeLinear gives, and what is computed from that. Scales are known when the network runs, not before.
struct OnnxDynamic {
  enum class Kind {
    codes,       ///< real = scale * (code - zero point)
    zero_point,  ///< of the codes
    scale,       ///< factor times the scales of all quantizers
    products     ///< real = the file's number times the scales of all quantizers
  };
  Kind kind = Kind::codes;
  std::vector<std::size_t> quantizers;  ///< numbered as in the file, in order
  OnnxActivation real = {};             ///< codes, products
  KnownTensor factor = {};              ///< scale
};

}  // namespace trimtab::detail
