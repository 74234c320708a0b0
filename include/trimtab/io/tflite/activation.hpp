#pragma once
/// \file
/// The activation fused into a TFLite operator: as a clip of reals, and as the codes that its kernels leave.

#include <algorithm>
#include <cmath>
#include <trimtab/core/error.hpp>
#include <trimtab/io/tflite/schema.hpp>
#include <trimtab/quant/clip.hpp>
#include <trimtab/quant/params.hpp>

namespace trimtab::tflite {

/// Of real values. Throws unsupported_error for TANH, SIGN_BIT and what is none.
inline Clip clip_of(Activation a) {
  switch (a) {
    case Activation::none:
      return no_clip;
    case Activation::relu:
      return relu;
    case Activation::relu6:
      return relu6;
    case Activation::relu_n1_to_1:
      return {-1.0F, 1.0F};
  }
  throw unsupported_error(
      ::trimtab::detail::message("fused activation ", static_cast<int>(a), ", only NONE, RELU, RELU_N1_TO_1 and RELU6"));
}

/// The codes of a grid that an activation leaves: zero_point + round(bound / scale), ties away from zero, held within `codes`.
inline CodeRange activation_codes(Activation a, const Affine<float>& grid, CodeRange codes) {
  const Clip clip = clip_of(a);
  const auto bound = [&](float real) {
    const float steps = std::round(std::clamp(real / grid.scale, -1e6F, 1e6F));
    return std::clamp(grid.zero_point + static_cast<std::int32_t>(steps), codes.qmin, codes.qmax);
  };
  return {bound(clip.lo), bound(clip.hi)};
}

}  // namespace trimtab::tflite
