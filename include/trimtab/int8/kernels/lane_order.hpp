#pragma once
/// \file
/// The order in which vectors of several 16-byte lanes hold channels, and depthwise weights for vpdpbusd.

#include <cstring>
#include <trimtab/core/isa.hpp>
#include <trimtab/int8/kernels/tasks.hpp>

#if TRIMTAB_X86_KERNELS
namespace trimtab::int8::lane_order {

// Kernels with vectors of Lanes 16-byte lanes take blocks of 16 Lanes channels, four int32 vectors each. Interleaving bytes works
// within lanes, so element i of lane l of vector v is channel 16 l + 4 v + i of the block: "lane order".

/// How many runs of output columns stand side by side in a block of 64 places of which `left` channels are left: its weights,
/// bias and multipliers are there that many times. Kernels with fewer lanes have one.
inline std::size_t runs(std::size_t left, std::size_t lane_count) { return lane_count < 4 || left > 32 ? 1 : left > 16 ? 2 : 4; }

/// DepthwiseKernel::order for vectors of Lanes lanes.
template <std::size_t Lanes>
void order(const void* natural, std::size_t channels, void* ordered) {
  constexpr std::size_t four = 16;  // bytes of 4 channels
  const auto* from = static_cast<const std::byte*>(natural);
  auto* to = static_cast<std::byte*>(ordered);
  for (std::size_t block = 0; block < channels; block += 16 * Lanes) {
    const std::size_t run_lanes = Lanes / runs(channels - block, Lanes);
    for (std::size_t v = 0; v < 4; ++v)
      for (std::size_t l = 0; l < Lanes; ++l)
        std::memcpy(to + 4 * block + four * (Lanes * v + l), from + 4 * block + four * (4 * (l % run_lanes) + v), four);
  }
}

/// Quads of rows under a window, ceil(KH / 4).
inline std::size_t quad_count(const DepthwiseShape& s) { return (s.kernel_h + 3) / 4; }
/// Positions of the window within its quads.
inline std::size_t shifts(const DepthwiseShape& s) { return 4 * quad_count(s) - s.kernel_h + 1; }

/// Weights as quads of rows, for vpdpbusd: input rows go in quads, four bytes side by side per channel, so the window's rows do
/// too. Q = ceil(KH / 4) quads have room for S = 4 Q - KH + 1 positions of the window; shift s puts its row kh into place kh + s,
/// and zeros elsewhere, so that one quad of input rows serves several output rows. Layout [C / block][KW][Q][S][4 vectors][block
/// / 4 channels][4 rows], channels in lane order.
template <std::size_t Lanes>
std::size_t quads_bytes(const DepthwiseShape& s) {
  constexpr std::size_t block = 16 * Lanes;
  return (s.channels + block - 1) / block * block * s.kernel_w * quad_count(s) * shifts(s) * 4;
}
template <std::size_t Lanes>
void prepare_quads(const std::int16_t* weight, const DepthwiseShape& s, std::byte* form) {
  constexpr std::size_t block = 16 * Lanes;
  const std::size_t quads = quad_count(s), positions = shifts(s), padded = s.padded();
  std::memset(form, 0, quads_bytes<Lanes>(s));
  for (std::size_t c = 0; c < s.channels; ++c) {
    // Channel 16 l + 4 v + i of its block is element 4 l + i of vector v.
    const std::size_t v = c % 16 / 4, element = c % block / 16 * 4 + c % 4;
    const std::size_t run_count = runs(s.channels - c / block * block, Lanes);
    for (std::size_t kw = 0; kw < s.kernel_w; ++kw)
      for (std::size_t shift = 0; shift < positions; ++shift)
        for (std::size_t kh = 0; kh < s.kernel_h; ++kh) {
          const std::size_t q = (kh + shift) / 4, row = (kh + shift) % 4;
          const std::size_t vector = (((c / block * s.kernel_w + kw) * quads + q) * positions + shift) * 4 + v;
          for (std::size_t run = 0; run < run_count; ++run)
            form[vector * block + 4 * (element + run * (4 * Lanes / run_count)) + row] =
                static_cast<std::byte>(weight[(kh * s.kernel_w + kw) * padded + c]);
        }
  }
}

}  // namespace trimtab::int8::lane_order
#endif  // TRIMTAB_X86_KERNELS
