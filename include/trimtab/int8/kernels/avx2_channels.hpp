#pragma once
/// \file
/// 32 neighbouring channels of a pixel, loaded and stored with AVX2.

#include <trimtab/int8/kernels/avx2_output.hpp>

#if TRIMTAB_X86_KERNELS
namespace trimtab::int8::avx2 {

/// The first `width` of 32 bytes, zeros after them.
TRIMTAB_INT8_INLINE_AVX2 inline __m256i load_bytes(const std::uint8_t* x, std::size_t width) {
  if (width >= 32) return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
  if (width % 4 == 0) {
    const __m256i place = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i inside = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(width / 4)), place);
    return _mm256_maskload_epi32(reinterpret_cast<const int*>(x), inside);
  }
  alignas(32) std::uint8_t all[32] = {};
  std::memcpy(all, x, width);
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(all));
}

/// Stores `count` neighbouring pixels of a block of 32 channels, of which the first `width` exist: 4 vectors of accumulators
/// each, in lane order.
TRIMTAB_INT8_INLINE_AVX2 inline void store_pixels(const Output& out, const CodeStage& code_stage, const float* multiplier,
                                                  std::ptrdiff_t at, std::size_t width, std::size_t count, const __m256i* acc) {
  const CodeStage stage = code_stage;  // copies, since codes that are stored might be parts of what the references are to
  const std::ptrdiff_t pixel = out.row;
  __m256 m[4];
  avx2::unroll<4>([&](auto v) TRIMTAB_INT8_INLINE_AVX2 { m[v] = _mm256_loadu_ps(multiplier + 8 * v); });
  if (out.kind == OutputKind::codes) {
    auto* y = static_cast<std::uint8_t*>(out.data) + at;
    const auto store = [&](auto plain, auto whole) TRIMTAB_INT8_INLINE_AVX2 {
      for (std::size_t i = 0; i < count; ++i, y += pixel, acc += 4) {
        const __m256i codes = to_codes<plain>(acc, m, stage);
        if constexpr (whole) {
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), codes);
        } else {
          store_bytes(y, _mm256_castsi256_si128(codes), width);
          if (width > 16) store_bytes(y + 16, _mm256_extracti128_si256(codes, 1), width - 16);
        }
      }
    };
    if (width < 32)
      stage.plain ? store(std::true_type{}, std::false_type{}) : store(std::false_type{}, std::false_type{});
    else
      stage.plain ? store(std::true_type{}, std::true_type{}) : store(std::false_type{}, std::true_type{});
    return;
  }
  const bool floats = out.kind == OutputKind::floats;
  auto* y = static_cast<std::int32_t*>(out.data) + at;
  for (std::size_t i = 0; i < count; ++i, y += pixel, acc += 4) {
    __m256i v[4];
    avx2::unroll<4>([&](auto j) TRIMTAB_INT8_INLINE_AVX2 {
      v[j] = floats ? _mm256_castps_si256(_mm256_mul_ps(_mm256_cvtepi32_ps(acc[j]), m[j])) : acc[j];
    });
    // Lane l of the four vectors is 16 channels in natural order.
    const __m256i natural[4] = {_mm256_permute2x128_si256(v[0], v[1], 0x20), _mm256_permute2x128_si256(v[2], v[3], 0x20),
                                _mm256_permute2x128_si256(v[0], v[1], 0x31), _mm256_permute2x128_si256(v[2], v[3], 0x31)};
    if (width >= 32) {
      avx2::unroll<4>([&](auto j)
                          TRIMTAB_INT8_INLINE_AVX2 { _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + 8 * j), natural[j]); });
    } else {
      alignas(32) std::int32_t all[32];
      avx2::unroll<4>([&](auto j)
                          TRIMTAB_INT8_INLINE_AVX2 { _mm256_store_si256(reinterpret_cast<__m256i*>(all + 8 * j), natural[j]); });
      std::memcpy(y, all, width * 4);
    }
  }
}

}  // namespace trimtab::int8::avx2
#endif  // TRIMTAB_X86_KERNELS
