#pragma once
/// \file
/// Accumulators to codes in fixed point with AVX2.

#include <trimtab/int8/kernels/portable.hpp>
#include <trimtab/int8/kernels/targets.hpp>
#include <trimtab/int8/kernels/tasks.hpp>

#if TRIMTAB_X86_KERNELS
#include <algorithm>
#include <cstring>

namespace trimtab::int8::avx2 {

/// What a multiplier m = mantissa 2^(-k - 31), k from 0 to 31, asks of 32-bit lanes. Floors of quotients nest, so that
///   once:   floor(x m + 1/2)          = floor((floor(h / 2^(k-1)) + 1) / 2),       h = floor(x mantissa / 2^31)
///   twice:  round(h' / 2^k)           = floor((floor((h' - n) / 2^(k-1)) + 1) / 2), h' = floor((x mantissa + 2^30) / 2^31)
/// with n = 1 for h' < 0, whose ties go away from zero. For k = 0 both are h'.
struct FixedPointLanes {
  static constexpr std::size_t count = 256;  ///< channels at a time
  alignas(32) std::int32_t mantissa[count];
  alignas(32) std::int32_t nudge[count];  ///< 2^30 where h' is wanted, 0 for h
  alignas(32) std::int32_t shift[count];  ///< k - 1, at least 0
  alignas(32) std::int32_t halve[count];  ///< 1 where k > 0

  /// Of `n` channels; the rest up to a multiple of 8 is zeros.
  FixedPointLanes(const RequantizeTask& t, std::size_t first, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const FixedPointMultiplier m = t.multiplier[t.one_multiplier ? 0 : first + i];
      mantissa[i] = m.mantissa;
      halve[i] = m.exponent < 0 ? 1 : 0;
      nudge[i] = m.exponent < 0 && t.rounding == FixedPointRounding::once ? 0 : 1 << 30;
      shift[i] = std::max(-m.exponent - 1, 0);
    }
    for (std::size_t i = n; i % 8 != 0; ++i) mantissa[i] = nudge[i] = shift[i] = halve[i] = 0;
  }
};

/// 8 accumulators of the channels from i on times their multipliers, rounded. `away`: all ones where ties go away from zero.
TRIMTAB_INT8_INLINE_AVX2 inline __m256i fixed_point_steps(__m256i x, const FixedPointLanes& lanes, std::size_t i, __m256i away) {
  const auto load = [i](const std::int32_t* p)
                        TRIMTAB_INT8_INLINE_AVX2 { return _mm256_load_si256(reinterpret_cast<const __m256i*>(p + i)); };
  const __m256i mantissa = load(lanes.mantissa), nudge = load(lanes.nudge), halve = load(lanes.halve);
  // Products of the even lanes and of the odd ones, in 64 bits; bits 31 to 62 of each are h.
  const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(x, mantissa), _mm256_and_si256(nudge, _mm256_set1_epi64x(0xFFFFFFFF)));
  const __m256i odd =
      _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(x, 32), _mm256_srli_epi64(mantissa, 32)), _mm256_srli_epi64(nudge, 32));
  __m256i h = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0b10101010);
  const __m256i negative = _mm256_and_si256(_mm256_and_si256(_mm256_srli_epi32(h, 31), halve), away);
  h = _mm256_srav_epi32(_mm256_sub_epi32(h, negative), load(lanes.shift));
  // h + 1 stays in 32 bits: h is at most 2^31 - 2.
  return _mm256_srav_epi32(_mm256_add_epi32(h, halve), halve);
}

/// See RequantizeTask. Multipliers of 1 and more, which few layers have, are left to the portable kernel.
TRIMTAB_INT8_AVX2 inline void requantize(const RequantizeTask& task) {
  const RequantizeTask t = task;  // a copy, since codes that are stored might be parts of what the reference is to
  if (t.one_multiplier && t.rows * t.channels > FixedPointLanes::count && t.channels != FixedPointLanes::count) {
    // Where rows end makes no difference: as long as the lanes that are prepared once.
    RequantizeTask rows = t, rest = t;
    rows.channels = FixedPointLanes::count;
    rows.rows = t.rows * t.channels / rows.channels;
    const std::size_t done = rows.rows * rows.channels;
    rest.rows = 1;
    rest.channels = t.rows * t.channels - done;
    rest.accumulators += done;
    rest.codes += done;
    requantize(rows);
    requantize(rest);
    return;
  }
  const std::size_t multipliers = t.one_multiplier ? 1 : t.channels;
  if (std::any_of(t.multiplier, t.multiplier + multipliers, [](const FixedPointMultiplier& m) { return m.exponent > 0; })) {
    portable::requantize(t);
    return;
  }
  const __m256i away = _mm256_set1_epi32(t.rounding == FixedPointRounding::twice ? -1 : 0);
  const __m256i lo = _mm256_set1_epi32(t.lo - t.zero_point), hi = _mm256_set1_epi32(t.hi - t.zero_point);
  const __m256i zero_point = _mm256_set1_epi32(t.zero_point);
  // The lowest byte of each lane, side by side.
  const __m256i lowest = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  const __m256i together = _mm256_setr_epi32(0, 4, 1, 1, 1, 1, 1, 1);
  for (std::size_t first = 0; first < t.channels; first += FixedPointLanes::count) {
    const std::size_t n = std::min(FixedPointLanes::count, t.channels - first);
    const FixedPointLanes lanes(t, first, n);
    const auto codes = [&](__m256i x, std::size_t i) TRIMTAB_INT8_INLINE_AVX2 {
      const __m256i steps = _mm256_min_epi32(_mm256_max_epi32(fixed_point_steps(x, lanes, i, away), lo), hi);
      const __m256i bytes = _mm256_shuffle_epi8(_mm256_add_epi32(steps, zero_point), lowest);
      return _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(bytes, together));
    };
    for (std::size_t row = 0; row < t.rows; ++row) {
      const std::int32_t* const from = t.accumulators + row * t.channels + first;
      std::uint8_t* const to = t.codes + row * t.channels + first;
      std::size_t i = 0;
      for (; i + 8 <= n; i += 8)
        _mm_storel_epi64(reinterpret_cast<__m128i*>(to + i),
                         codes(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i)), i));
      if (i == n) continue;
      alignas(32) std::int32_t rest[8] = {};
      std::memcpy(rest, from + i, (n - i) * sizeof(std::int32_t));
      std::uint8_t bytes[8];
      _mm_storel_epi64(reinterpret_cast<__m128i*>(bytes), codes(_mm256_load_si256(reinterpret_cast<const __m256i*>(rest)), i));
      std::memcpy(to + i, bytes, n - i);
    }
  }
}

}  // namespace trimtab::int8::avx2
#endif  // TRIMTAB_X86_KERNELS
