#pragma once
/// \file
/// Integer kernels for AMX-INT8: tdpbusd adds the products of a tile of 16 rows x 64 bytes, u8, and one of 16 steps x 64 bytes,
/// s8, to a tile of 16 x 16 int32, without saturating. What becomes of the sums is AVX512-VNNI's.

#include <trimtab/int8/kernels/avx512vnni_gemm.hpp>

#if TRIMTAB_X86_KERNELS

namespace trimtab::int8::amx {

/// Rows of a tile, and steps of 4 bytes in one of its rows.
inline constexpr std::size_t tile_rows = 16, tile_steps = 16;

/// What ldtilecfg reads.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};

  void set(std::size_t tile, std::size_t height, std::size_t steps) {
    rows[tile] = static_cast<std::uint8_t>(height);
    row_bytes[tile] = static_cast<std::uint16_t>(4 * steps);
  }
};

/// Tile state belongs to a thread, and makes its context switches longer: configured here, released at the end of the scope.
class TileScope {
 public:
  TRIMTAB_INT8_AMX explicit TileScope(const TileShapes& shapes) {
    __asm__ volatile("" : : "r"(&shapes) : "memory");  // GCC's _tile_loadconfig names 8 of the 64 bytes as read
    _tile_loadconfig(&shapes);
  }
  TRIMTAB_INT8_AMX ~TileScope() { _tile_release(); }
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;
};

/// M rows of N blocks: bias and zero points join the sums, which then go out.
template <std::size_t M, std::size_t N>
TRIMTAB_INT8_AMX inline void store_rows(const GemmTask& t, const avx512vnni::CodeStage& stage, std::size_t r, std::size_t c,
                                        const std::int32_t* sum) {
  __m512i acc[M][N];
  avx512vnni::start_tile<M, N>(t, r, c, acc);
  TRIMTAB_UNROLL
  for (std::size_t i = 0; i < M * N; ++i)
    acc[i / N][i % N] = _mm512_add_epi32(acc[i / N][i % N], _mm512_load_si512(sum + 16 * i));
  avx512vnni::finish_tile<M, N>(t, stage, r, c, acc);
}

// Tiles: sums 0 and 1 of the first rows, 2 and 3 of the second; activations and weights of 16 steps in 4 and 5, and of what is
// left of a segment in 6 and 7, so that no row is read past its end. Tile numbers are part of the instruction, hence a macro. For
// 4 products there are 5 loads, one more than with two tiles of activations and two of weights, for which there is no room beside
// the shorter ones; by Intel's figures, 8 cycles a load and 16 a product, that is hidden. Never timed on such a machine.
#define TRIMTAB_AMX_STEP(A, B)     \
  _tile_loadd(A, a0, t.a_row);     \
  _tile_loadd(B, b, 64);           \
  _tile_dpbusd(0, A, B);           \
  if constexpr (R == 2) {          \
    _tile_loadd(A, a1, t.a_row);   \
    _tile_dpbusd(2, A, B);         \
  }                                \
  if constexpr (N == 2) {          \
    _tile_loadd(B, b + block, 64); \
    if constexpr (R == 2) {        \
      _tile_dpbusd(3, A, B);       \
      _tile_loadd(A, a0, t.a_row); \
    }                              \
    _tile_dpbusd(1, A, B);         \
  }

/// R tiles of `m` rows, the first from r0 on and the second from r1 on, by N blocks of 16 channels.
template <std::size_t R, std::size_t N>
TRIMTAB_INT8_AMX __attribute__((noinline)) void gemm_tiles(const GemmTask& t, const avx512vnni::CodeStage& stage, std::size_t m,
                                                           std::size_t r0, std::size_t r1, std::size_t c) {
  _tile_zero(0);
  if constexpr (N == 2) _tile_zero(1);
  if constexpr (R == 2) _tile_zero(2);
  if constexpr (R == 2 && N == 2) _tile_zero(3);
  const std::size_t block = t.segments * t.steps * 64;
  const std::int8_t* b = t.b + c / 16 * block;
  for (std::size_t s = 0; s < t.segments; ++s) {
    const std::uint8_t* a0 = t.a + static_cast<std::ptrdiff_t>(r0) * t.a_row + t.segment[s];
    [[maybe_unused]] const std::uint8_t* a1 = t.a + static_cast<std::ptrdiff_t>(r1) * t.a_row + t.segment[s];
    std::size_t left = t.steps;
    for (; left >= tile_steps; left -= tile_steps, a0 += 4 * tile_steps, a1 += 4 * tile_steps, b += 64 * tile_steps) {
      TRIMTAB_AMX_STEP(4, 5)
    }
    if (left > 0) {
      TRIMTAB_AMX_STEP(6, 7)
      b += 64 * left;
    }
  }
  alignas(64) std::int32_t sum[R][tile_rows][N][16];
  _tile_stored(0, sum[0][0][0], 64 * N);
  if constexpr (N == 2) _tile_stored(1, sum[0][0][1], 64 * N);
  if constexpr (R == 2) _tile_stored(2, sum[1][0][0], 64 * N);
  if constexpr (R == 2 && N == 2) _tile_stored(3, sum[1][0][1], 64 * N);
  for (std::size_t i = 0; i < R; ++i) {
    const std::size_t r = i == 0 ? r0 : r1;
    std::size_t row = 0;
    for (; row + 4 <= m; row += 4) store_rows<4, N>(t, stage, r + row, c, sum[i][row][0]);
    for (; row < m; ++row) store_rows<1, N>(t, stage, r + row, c, sum[i][row][0]);
  }
}
#undef TRIMTAB_AMX_STEP

/// All rows of N blocks, in pairs of tiles; neighbours overlap where the rows do not divide, and then give some results twice.
template <std::size_t N>
TRIMTAB_INT8_AMX inline void gemm_panel(const GemmTask& t, const avx512vnni::CodeStage& stage, std::size_t tiles, std::size_t m,
                                        std::size_t c) {
  const auto first = [&](std::size_t tile) { return tile * m < t.rows - m ? tile * m : t.rows - m; };
  std::size_t tile = 0;
  for (; tile + 2 <= tiles; tile += 2) gemm_tiles<2, N>(t, stage, m, first(tile), first(tile + 1), c);
  if (tile < tiles) gemm_tiles<1, N>(t, stage, m, first(tile), 0, c);
}

/// Rows split evenly, so that one shape serves all tiles: 49 rows are 4 tiles of 13.
TRIMTAB_INT8_AMX inline void gemm_u8s8(const GemmTask& t) {
  if (t.rows == 0) return;
  const std::size_t tiles = (t.rows + tile_rows - 1) / tile_rows, m = (t.rows + tiles - 1) / tiles, left = t.steps % tile_steps;
  TileShapes shapes;
  for (std::size_t sum = 0; sum < 4; ++sum) shapes.set(sum, m, tile_steps);
  shapes.set(4, m, tile_steps);
  shapes.set(5, tile_steps, 16);
  if (left > 0) {
    shapes.set(6, m, left);
    shapes.set(7, left, 16);
  }
  const TileScope scope(shapes);
  const avx512vnni::CodeStage stage = avx512vnni::code_stage(t.out);
  std::size_t c = 0;
  for (; c + 16 < t.cols; c += 32) gemm_panel<2>(t, stage, tiles, m, c);
  if (c < t.cols) gemm_panel<1>(t, stage, tiles, m, c);
}

}  // namespace trimtab::int8::amx

#endif  // TRIMTAB_X86_KERNELS
