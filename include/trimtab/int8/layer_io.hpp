#pragma once
/// \file
/// What integer layers read and write, with the types of the containers erased.

#include <algorithm>
#include <cstring>
#include <trimtab/core/bit_cast.hpp>
#include <trimtab/core/conv_geometry.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/wide_loop.hpp>
#include <trimtab/int8/kernels/tasks.hpp>
#include <trimtab/int8/workspace.hpp>

namespace trimtab::int8::detail {

/// Activation codes. Kernels take unsigned ones; int8 code q is uint8 code q + 128 = q xor 0x80 with the zero point moved along.
struct Codes {
  const void* data;
  bool is_signed;
  std::int32_t zero_point;

  std::int32_t unsigned_zero_point() const { return is_signed ? zero_point + 128 : zero_point; }
  std::uint8_t padding() const { return static_cast<std::uint8_t>(unsigned_zero_point()); }
  std::uint8_t flip() const { return is_signed ? 0x80 : 0; }
};

/// Throws value_error when the zero point is not a code of type T.
template <class T>
Codes codes(const T* data, std::int32_t zero_point, const char* what) {
  static_assert(std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::int8_t>, "trimtab: activation codes are uint8 or int8");
  constexpr bool is_signed = std::is_same_v<T, std::int8_t>;
  if (zero_point < (is_signed ? -128 : 0) || zero_point > (is_signed ? 127 : 255))
    throw value_error(::trimtab::detail::message(what, ": zero point ", zero_point, " is not a code of its type"));
  return {data, is_signed, zero_point};
}

/// The result of a layer: int32 accumulators, floats or codes, in rows of out_c.
struct LayerOutput {
  OutputKind kind;
  void* data;
  bool is_signed = false;
  std::span<const float> multiplier = {};
  std::int32_t zero_point = 0, lo = 0, hi = 255;
  bool plain = false;  ///< see Output

  /// The multipliers of `count` channels from `first` on; anything where there are none.
  void copy_multipliers(std::size_t first, std::size_t count, float* to) const {
    if (multiplier.size() <= 1)
      std::fill_n(to, count, multiplier.empty() ? 1.0F : multiplier[0]);
    else
      std::copy_n(multiplier.data() + first, count, to);
  }
  std::size_t element_bytes() const { return kind == OutputKind::codes ? 1 : 4; }
  /// The tile whose first element is channel `channel` of row `row`; `padded` are the multipliers from that channel on.
  Output tile(std::size_t row, std::size_t row_elements, std::size_t channel, const float* padded) const {
    return {kind,
            static_cast<std::byte*>(data) + (row * row_elements + channel) * element_bytes(),
            static_cast<std::ptrdiff_t>(row_elements),
            padded,
            zero_point,
            lo,
            hi,
            is_signed,
            plain};
  }
};

/// The output that element type T, and `requantize` or `scale`, ask for. Throws as require_valid does.
template <class T>
LayerOutput layer_output(T* data, std::size_t channels, const Requantize* requantize, std::span<const float> scale,
                         const char* what) {
  if constexpr (std::is_same_v<T, std::int32_t>) {
    return {OutputKind::accumulators, data};
  } else if constexpr (std::is_same_v<T, float>) {
    if (scale.size() != 1 && scale.size() != channels)
      throw shape_error(::trimtab::detail::message(what, ": ", scale.size(), " scales for ", channels, " channels"));
    ::trimtab::detail::require_multipliers(scale, what, "scale");
    return {OutputKind::floats, data, false, scale};
  } else {
    static_assert(std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::int8_t>, "trimtab: output codes are uint8 or int8");
    constexpr bool is_signed = std::is_same_v<T, std::int8_t>;
    ::trimtab::detail::require_valid(*requantize, channels, is_signed ? -128 : 0, is_signed ? 127 : 255, what);
    const std::int32_t lowest = is_signed ? -128 : 0;
    const Requantize& r = *requantize;
    // As integers, whose largest compilers find in vectors; magnitudes have the order of their bits, with NaN at the top.
    std::int32_t largest = 0;
    for (const float m : r.multiplier) largest = std::max(largest, bit_cast<std::int32_t>(m) & 0x7fffffff);
    const bool plain = r.zero_point == lowest && r.lo == lowest && r.hi == lowest + 255 && bit_cast<float>(largest) < 1.0F;
    return {OutputKind::codes, data, is_signed, r.multiplier, r.zero_point, r.lo, r.hi, plain};
  }
}

/// Throws shape_error unless the input channels are those the weights were packed for and there is a bias per output channel or
/// none.
inline void check_layer(std::size_t channels, std::size_t packed_channels, std::size_t bias, std::size_t out_channels,
                        const char* what) {
  if (channels != packed_channels)
    throw shape_error(::trimtab::detail::message(what, ": the weights are packed for ", packed_channels,
                                                 " input channels per group, got ", channels));
  if (bias != 0 && bias != out_channels)
    throw shape_error(::trimtab::detail::message(what, ": ", bias, " biases for ", out_channels, " output channels"));
}

/// The loop of fold_bias.
struct FoldBias {
  TRIMTAB_LOOP void run(const std::int32_t* bias, const std::int32_t* limit, const std::int32_t* weight_sum, std::int32_t zx,
                        std::size_t count, std::int32_t* folded) {
    TRIMTAB_NO_ALIAS
    for (std::size_t c = 0; c < count; ++c) {
      const std::int32_t b = std::min(std::max(bias[c], -limit[c]), limit[c]);
      folded[c] = static_cast<std::int32_t>(static_cast<std::uint32_t>(b) -
                                            static_cast<std::uint32_t>(zx) * static_cast<std::uint32_t>(weight_sum[c]));
    }
  }
};

/// bias - zx * sum(w), of sum (x - zx) w = sum x w - zx sum w, modulo 2^32; a bias past its limit counts as the limit.
inline void fold_bias(const std::int32_t* bias, const std::int32_t* limit, const std::int32_t* weight_sum, std::int32_t zx,
                      std::size_t count, std::int32_t* folded) {
  if (bias == nullptr) {
    std::fill_n(folded, count, 0);
    bias = folded;
  }
  ::trimtab::detail::run_loop<FoldBias>(bias, limit, weight_sum, zx, count, folded);
}

}  // namespace trimtab::int8::detail
